"""Which workflows a new tag starts, and what each would then push."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..models import Image, Publication, Trigger
from ..version.tags import parse_tags
from .dispatches import Dispatch
from .images import Push, is_legal, split_reference, version_tag
from .jobs import follow
from .scope import Findings, Read, Scope, inputs_of
from .triggers import release_actions, starts_on_tag
from .unknown import is_known, is_unknown, show, unknown, unknowns
from .values import mapping_of

__all__ = [
    "Start",
    "Started",
    "Tagged",
    "find_candidates",
    "find_starts",
    "suppose",
]


class Tagged(NamedTuple):
    """A repository, as it is at a tag."""

    repository: str
    """Owner and name on GitHub."""

    tag: str

    read: Read
    """Gives the repository's files."""

    commit: str | None = None
    """The commit that is tagged, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a workflow is started."""

    event: Trigger
    action: str = ""
    """The activity of the release."""

    payload: Mapping[str, Any] = field(default_factory=dict)
    """What ``github.event`` has beyond what every event has."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    ref: str | None = None
    """The ref that it runs for; `None`: the tag."""

    after: Publication | None = None
    """The workflow that starts it, where the release doesn't."""

    is_certain: bool | None = True


class Started(NamedTuple):
    """A workflow that was followed."""

    publication: Publication
    name: str
    """What the workflow is called."""

    dispatches: tuple[Dispatch, ...]
    """The workflows that it starts."""


_COMMIT = {"github.sha", "GITHUB_SHA", "github.event.after", "git"}
"""Where the commit's hash comes from."""


_TESTING = re.compile(r"test|lint|check|docs", re.IGNORECASE)
"""What jobs are called that publish no images."""


def find_starts(on: Any, tag: str) -> list[tuple[Trigger, str]]:
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
    found: list[tuple[Trigger, str]] = [("release", name) for name in actions]
    if starts_on_tag(on, tag):
        found.append(("push", ""))
    return found


def find_candidates(path: str, document: Any, tagged: Tagged) -> list[Started]:
    """Follow a workflow for each event by which a new tag starts it.

    Parameters
    ----------
    path
        The workflow's path.
    document
        The workflow.
    tagged
        The repository and the tag.
    """
    document = mapping_of(document)
    return [
        suppose(path, document, Start(event=event, action=action), tagged)
        for event, action in find_starts(document.get("on"), tagged.tag)
    ]


def suppose(
    path: str,
    document: Mapping[str, Any],
    start: Start,
    tagged: Tagged,
) -> Started:
    """Follow a workflow as if an event had started it.

    Parameters
    ----------
    path
        The workflow's path.
    document
        The workflow.
    start
        The event.
    tagged
        The repository and the tag.
    """
    on = mapping_of(document.get("on"))
    declared = mapping_of(on.get(start.event)).get("inputs")
    name = str(document.get("name") or path)
    github = _github(start, tagged)
    contexts = {
        "github": {**github, "workflow": name},
        "inputs": inputs_of(declared, start.inputs),
    }
    scope = Scope(
        document=document,
        contexts=contexts,
        read=tagged.read,
        is_certain=start.is_certain,
    )
    follow(scope)
    findings = scope.findings
    summary = _Summary(findings)
    for push in findings.pushes:
        if push.is_certain is not False:
            summary.add(push)
    summary.assume(version_tag(tagged.tag))
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
        for (name, tag_), platforms in summary.published(tagged.commit).items()
    )
    publication = Publication(
        workflow=path,
        event=start.event,
        jobs=tuple(dict.fromkeys(summary.jobs)),
        images=tuple(images),
        unsure=tuple(dict.fromkeys([*summary.unsure, *summary.doubts()])),
        after=start.after,
    )
    return Started(publication, name, tuple(findings.dispatches))


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


def _github(start: Start, tagged: Tagged) -> dict[str, Any]:
    """Return the context ``github`` of a run that an event started."""
    repository, tag, _, commit = tagged
    owner, _, short = repository.partition("/")
    of_tag = f"refs/tags/{tag}"
    ref = of_tag if start.ref in (None, tag, of_tag) else start.ref
    is_tagged = ref == of_tag
    sha = commit if is_tagged else None
    payload: dict[str, Any] = {
        "repository": {
            "name": short,
            "full_name": repository,
            "owner": {"login": owner, "name": owner, "*": unknown("owner")},
            "*": unknown("github.event.repository"),
        },
        "sender": {"*": unknown("github.event.sender")},
        "organization": {"*": unknown("github.event.organization")},
        **start.payload,
    }
    if start.event == "release":
        payload["action"] = start.action
        payload["release"] = {
            "tag_name": tag,
            "name": tag,
            "draft": False,
            "prerelease": _is_prerelease(tag),
            "*": unknown("github.event.release"),
        }
    elif start.event == "push":
        payload.update(
            ref=ref,
            created=True,
            deleted=False,
            base_ref=unknown("github.event.base_ref"),
            after=unknown("github.event.after"),
            before=unknown("github.event.before"),
            head_commit={"*": unknown("github.event.head_commit")},
        )
    return {
        "event_name": start.event,
        "event": payload,
        "ref": ref,
        "ref_name": ref.split("/", 2)[-1],
        "ref_type": "tag" if is_tagged else "branch",
        "repository": repository,
        "repository_owner": owner,
        "head_ref": "",
        "base_ref": "",
        "sha": sha or unknown("github.sha"),
        "server_url": "https://github.com",
        "*": unknown("github"),
    }


def _is_prerelease(tag: str) -> bool:
    """Return whether a tag is one of a pre-release, SemVer or PEP 440."""
    return any(parsed.pre for parsed in parse_tags([tag]))
