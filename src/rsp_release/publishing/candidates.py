"""Which workflows a new tag starts, and what each would then push."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from ..models import Image, Publication
from ..version.tags import parse_tags
from .images import Push, is_legal, split_reference, version_tag
from .jobs import follow
from .scope import Findings, Read, Scope
from .triggers import release_actions, starts_on_tag
from .unknown import is_known, is_unknown, show, unknown, unknowns
from .values import mapping_of

__all__ = ["find_candidates", "find_starts", "suppose"]

Event: TypeAlias = Literal["release", "push"]
"""The events by which a new tag starts a workflow."""

_COMMIT = {"github.sha", "GITHUB_SHA", "github.event.after", "git"}
"""Where the commit's hash comes from."""


_TESTING = re.compile(r"test|lint|check|docs", re.IGNORECASE)
"""What jobs are called that publish no images."""


def find_starts(on: Any, tag: str) -> list[tuple[Event, str]]:
    """Find the events by which a new tag starts a workflow.

    Parameters
    ----------
    on
        The ``on:`` of the workflow.
    tag
        The tag.

    Returns
    -------
    list of tuple
        Each event, and the release's activity or nothing.
    """
    actions = release_actions(on, is_prerelease=_is_prerelease(tag))
    found: list[tuple[Event, str]] = [("release", name) for name in actions]
    if starts_on_tag(on, tag):
        found.append(("push", ""))
    return found


def find_candidates(
    path: str,
    document: Any,
    *,
    repository: str,
    tag: str,
    read: Read,
    commit: str | None = None,
) -> list[Publication]:
    """Follow a workflow for each event by which a new tag starts it.

    Parameters
    ----------
    path
        The workflow's path.
    document
        The workflow.
    repository
        Owner and name on GitHub.
    tag
        The tag.
    read
        Gives files of the repository.
    commit
        The commit that is tagged, where it is known.
    """
    document = mapping_of(document)
    return [
        suppose(
            path, document, event=event, action=action, repository=repository,
            tag=tag, read=read, commit=commit,
        )
        for event, action in find_starts(document.get("on"), tag)
    ]  # fmt: skip


def suppose(
    path: str,
    document: Mapping[str, Any],
    *,
    event: Event,
    action: str,
    repository: str,
    tag: str,
    read: Read,
    commit: str | None = None,
) -> Publication:
    """Follow a workflow as if an event had started it.

    Parameters
    ----------
    path
        The workflow's path.
    document
        The workflow.
    event
        The event.
    action
        The release's activity.
    repository
        Owner and name on GitHub.
    tag
        The tag.
    read
        Gives files of the repository.
    commit
        The commit that is tagged, where it is known.
    """
    sha = commit or unknown("github.sha")
    contexts = _contexts(
        event, action, repository=repository, tag=tag, sha=sha
    )
    contexts["github"]["workflow"] = document.get("name") or path
    scope = Scope(document=document, contexts=contexts, read=read)
    follow(scope)
    findings = scope.findings
    summary = _Summary(findings)
    for push in findings.pushes:
        if push.is_certain is not False:
            summary.add(push)
    summary.assume(version_tag(tag))
    if not findings.pushes and not findings.unsure:
        summary.unsure += [
            f"job {job} logs in to a registry, so it may publish images"
            for job in findings.logins
            # A test pulls from there what it tests with.
            if not _TESTING.search(job)
        ]
    images = (
        Image(
            name=name,
            tag=tag_,
            platforms=tuple(dict.fromkeys(platforms)),
            is_assumed=(name, tag_) in summary.assumed,
        )
        for (name, tag_), platforms in summary.published(commit).items()
    )
    return Publication(
        workflow=path,
        event=event,
        jobs=tuple(dict.fromkeys(summary.jobs)),
        images=tuple(images),
        unsure=tuple(dict.fromkeys([*summary.unsure, *summary.doubts()])),
    )


class _Summary:
    """What the pushes of a run come to.

    Images that a later step puts together to one for several platforms are
    parts: they are left out, and tell the platforms of the whole.
    """

    def __init__(self, findings: Findings) -> None:
        self.jobs: list[str] = []
        self.images: dict[tuple[str, str], list[str]] = {}
        """The platforms of each name and tag, known or not."""
        self.assumed: set[tuple[str, str]] = set()
        self.unsure = list(findings.unsure)
        self._parts: set[tuple[str, str | None]] = set()
        self._platforms: dict[tuple[str, str | None], list[str]] = {}
        for push in findings.pushes:
            self._parts.update(map(split_reference, push.sources))
            for key in map(split_reference, push.references):
                known = self._platforms.setdefault(key, [])
                known.extend(filter(is_known, push.platforms))

    def add(self, push: Push) -> None:
        """Take in a push."""
        whole = [
            (reference, name, tag)
            for reference in push.references
            for name, tag in [split_reference(reference)]
            if tag is not None and (name, tag) not in self._parts
        ]
        if push.is_certain and (whole or push.is_vague):
            self.jobs.append(push.job)
        if push.is_vague:
            self.unsure.append(
                f"cannot tell which images job {push.job} pushes"
            )
        for reference, name, tag in whole:
            if push.is_certain is None:
                self.unsure.append(
                    f"cannot tell whether job {push.job} pushes"
                    f" {show(reference)}"
                )
            elif is_known(reference) and not is_legal(name, tag):
                self.unsure.append(
                    f"job {push.job} pushes {reference[:200]!r}, which no"
                    " registry accepts"
                )
            else:
                platforms = self.images.setdefault((name, tag), [])
                for key in ((name, tag), *map(split_reference, push.sources)):
                    platforms += self._platforms.get(key, [])

    def assume(self, version: str) -> None:
        """Take the version for tags that no file says."""
        known = [key for key in self.images if is_known("".join(key))]
        names = {name for name, tag in known if version in tag}
        for (name, tag), platforms in list(self.images.items()):
            is_open = is_known(name) and is_unknown(tag)
            if name in names or not is_open or {*unknowns(tag)} <= _COMMIT:
                continue
            if is_legal(name, version):
                del self.images[name, tag]
                self.images.setdefault((name, version), []).extend(platforms)
                self.assumed.add((name, version))

    def published(
        self, commit: str | None
    ) -> dict[tuple[str, str], list[str]]:
        """Return the images whose names and tags are known.

        A tag for the commit, beside one for the version, is left out: a push
        to a branch may have made it before, and may make it again.
        """
        known = {k: v for k, v in self.images.items() if is_known("".join(k))}
        short = commit[:7] if commit else "\n"
        names = {name for name, tag in known if short not in tag}
        return {
            (name, tag): platforms
            for (name, tag), platforms in known.items()
            if short not in tag or name not in names
        }

    def doubts(self) -> Iterator[str]:
        """Say of which images the name or the tag isn't known."""
        known = [key for key in self.images if is_known("".join(key))]
        names = {name for name, _ in known}
        for name, tag in self.images:
            if (name, tag) in known or (
                # A tag for the commit, beside the one for the version.
                name in names and {*unknowns(tag)} <= _COMMIT
            ):
                continue
            what = "the tag" if is_known(name) else "the name"
            sources = unknowns(tag) if is_known(name) else unknowns(name)
            image = show(f"{name}:{tag}" if "/" in name else name)
            yield (
                f"{what} of the image {image} comes from"
                f" {', '.join(sources)}, which the files do not show"
            )


def _contexts(
    event: Event, action: str, *, repository: str, tag: str, sha: str
) -> dict[str, Any]:
    """Return what expressions see in a run for a new tag."""
    owner, _, short = repository.partition("/")
    ref = f"refs/tags/{tag}"
    payload: dict[str, Any] = {
        "repository": {
            "name": short,
            "full_name": repository,
            "owner": {"login": owner, "name": owner, "*": unknown("owner")},
            "*": unknown("github.event.repository"),
        },
        "sender": {"*": unknown("github.event.sender")},
        "organization": {"*": unknown("github.event.organization")},
    }
    if event == "release":
        payload["action"] = action
        payload["release"] = {
            "tag_name": tag,
            "name": tag,
            "draft": False,
            "prerelease": _is_prerelease(tag),
            "*": unknown("github.event.release"),
        }
    else:
        payload.update(
            ref=ref,
            created=True,
            deleted=False,
            base_ref=unknown("github.event.base_ref"),
            after=unknown("github.event.after"),
            before=unknown("github.event.before"),
            head_commit={"*": unknown("github.event.head_commit")},
        )
    github = {
        "event_name": event,
        "event": payload,
        "ref": ref,
        "ref_name": tag,
        "ref_type": "tag",
        "repository": repository,
        "repository_owner": owner,
        "head_ref": "",
        "base_ref": "",
        "sha": sha,
        "server_url": "https://github.com",
        "*": unknown("github"),
    }
    return {"github": github, "inputs": {}}


def _is_prerelease(tag: str) -> bool:
    """Return whether a tag is one of a pre-release, SemVer or PEP 440."""
    return any(parsed.pre for parsed in parse_tags([tag]))
