"""Which workflow publishes a repository's images at a tag, and which images.

All of it is worked out from the text of the files at the tagged commit: which
event starts which workflow, which jobs run then, and what their steps push.
What the files don't show – secrets, outputs of programs, actions that aren't
known – is named instead of guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..exceptions import ReleaseError, UsageError
from ..models import Image, Publication
from .documents import load
from .images import is_legal, split_reference
from .jobs import Findings, follow
from .triggers import is_called, release_actions, starts_on_tag
from .unknown import is_known, show, unknown, unknowns

__all__ = ["explain_absence", "find_publication"]

_FOLDER = ".github/workflows/"
_COMMIT = {"github.sha", "GITHUB_SHA", "github.event.after", "git"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A workflow that an event starts, and what it then pushes."""

    path: str
    event: Literal["release", "push"]
    jobs: tuple[str, ...]
    images: tuple[Image, ...]
    unsure: tuple[str, ...]

    @property
    def rank(self) -> tuple[bool, bool, bool, int]:
        return (
            not self.images,
            not self.jobs,
            self.event != "release",
            len(self.unsure),
        )


def find_publication(
    files: Mapping[str, str],
    *,
    repository: str,
    tag: str,
    other_files: Mapping[str, str] | None = None,
    workflow: str | None = None,
    images: Sequence[str] = (),
    platforms: Sequence[str] = (),
) -> Publication | None:
    """Find what publishes the images of a release.

    Parameters
    ----------
    files
        The files in ``.github/workflows`` at the tagged commit, by path.
    repository
        Owner and name on GitHub.
    tag
        The tag of the release, without ``refs/tags/``.
    other_files
        Other files at that commit by path, such as scripts and local
        actions. Those that are missing make unknown what depends on them.
    workflow
        The workflow's path, where the settings give it.
    images
        Names of images with their registries, where the settings give them.
    platforms
        The platforms that each image must have, where the settings give
        them.

    Returns
    -------
    Publication or None
        The workflow, its event, the jobs that publish and what they push.
        What couldn't be worked out is in ``unsure``. `None` if nothing
        publishes images when that tag is released.

    Raises
    ------
    ReleaseError
        Raised if the settings name a workflow that is not there or can't be
        read.
    """
    if workflow is not None and workflow not in files:
        workflow = _FOLDER + workflow
        if workflow not in files:
            raise UsageError(
                f"the settings name the workflow {workflow}, which is not at"
                " the tagged commit",
                help="correct `workflow` in the settings",
            )
    candidates: list[_Candidate] = []
    unreadable: list[str] = []
    for path in sorted(files) if workflow is None else [workflow]:
        if not path.endswith((".yml", ".yaml")):
            continue
        try:
            document = load(path, files[path])
            candidates += _candidates(
                path, document, repository, tag,
                {**(other_files or {}), **files},
            )  # fmt: skip
        except ReleaseError as error:
            if workflow is not None:
                raise
            unreadable.append(error.message)
    if workflow is None and not images:
        candidates = [c for c in candidates if c.jobs or c.unsure]
    if not candidates:
        return None
    best = min(candidates, key=lambda candidate: candidate.rank)
    return _publication(best, candidates, tag, images, platforms)


def _publication(
    best: _Candidate,
    candidates: list[_Candidate],
    tag: str,
    images: Sequence[str],
    platforms: Sequence[str],
) -> Publication:
    """Put together the answer from the workflows that run."""
    found = list(best.images)
    unsure = list(best.unsure)
    for other in candidates:
        if other.path == best.path:
            continue
        for sentence in other.unsure:
            if sentence not in unsure:
                unsure.append(sentence)
        if other.images and other.event == best.event:
            found += [image for image in other.images if image not in found]
            unsure.append(
                f"{other.path} publishes images too, but only"
                f" {best.path} is watched"
            )
    if images:
        found = _chosen(images, found, tag)
        unsure = []
    if platforms:
        found = [
            Image(name=i.name, tag=i.tag, platforms=tuple(platforms))
            for i in found
        ]
    return Publication(
        workflow=best.path,
        event=best.event,
        jobs=best.jobs,
        images=tuple(found),
        unsure=tuple(unsure),
    )


def _chosen(
    names: Sequence[str], found: Sequence[Image], tag: str
) -> list[Image]:
    """Return the images that the settings name."""
    plain = tag.replace("/", "-")
    tags = {image.tag for image in found}
    usual = tags.pop() if len(tags) == 1 else plain
    chosen = []
    for text in names:
        name, _ = split_reference(text)
        same = [image for image in found if image.name == name]
        chosen += same or [Image(name=name, tag=usual)]
    return chosen


def _contexts(
    event: Literal["release", "push"],
    action: str,
    repository: str,
    tag: str,
    name: Any,
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
            after=unknown("github.sha"),
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
        "sha": unknown("github.sha"),
        "server_url": "https://github.com",
        "workflow": name,
        "*": unknown("github"),
    }
    return {
        "github": github,
        "inputs": {},
        "secrets": {"*": unknown("secrets")},
        "vars": {"*": unknown("vars")},
    }


def _is_prerelease(tag: str) -> bool:
    """Return whether a tag is one of a pre-release, SemVer or PEP 440."""
    from semver import Version

    text = tag.rpartition("/")[2].removeprefix("v")
    if Version.is_valid(text):
        return Version.parse(text).prerelease is not None
    return text.rstrip("0123456789").endswith(("a", "b", "rc", "dev"))


def _candidates(
    path: str,
    document: Any,
    repository: str,
    tag: str,
    files: Mapping[str, str],
) -> list[_Candidate]:
    if not isinstance(document, dict):
        return []
    on = document.get("on")
    starts: list[tuple[Literal["release", "push"], str]] = []
    actions = release_actions(on, is_prerelease=_is_prerelease(tag))
    starts += [("release", action) for action in actions]
    if starts_on_tag(on, tag):
        starts.append(("push", ""))
    found = []
    for event, action in starts:
        contexts = _contexts(
            event, action, repository, tag, document.get("name", path)
        )
        findings = follow(document, contexts=contexts, files=files)
        found.append(_candidate(path, event, findings))
    return found


def _candidate(
    path: str, event: Literal["release", "push"], findings: Findings
) -> _Candidate:
    """Sum up what the jobs of a run push."""
    parts = {
        split_reference(source)
        for found in findings.pushes
        for source in found.push.sources
    }
    platforms: dict[tuple[str, str | None], tuple[str, ...]] = {}
    for found in findings.pushes:
        for reference in found.push.references:
            key = split_reference(reference)
            platforms[key] = (*platforms.get(key, ()), *found.push.platforms)
    made: dict[tuple[str, str], tuple[str, ...]] = {}
    doubts: list[tuple[str, str]] = []
    unsure = list(findings.unsure)
    jobs: list[str] = []
    for found in findings.pushes:
        if found.is_certain is False:
            continue
        is_part = True
        for reference in found.push.references:
            key = split_reference(reference)
            name, image_tag = key
            if key in parts or image_tag is None:
                continue
            is_part = False
            shown = show(reference)
            if found.is_certain is None:
                unsure.append(f"whether job {found.job} pushes {shown}")
            elif not is_known(reference):
                doubts.append((name, image_tag))
            elif not is_legal(name, image_tag):
                unsure.append(f"{shown} is not the name of an image")
            else:
                own = made.get((name, image_tag), ())
                extra = [*platforms[key]]
                for source in found.push.sources:
                    extra += platforms.get(split_reference(source), ())
                made[name, image_tag] = tuple(dict.fromkeys((*own, *extra)))
        if not is_part and found.job not in jobs:
            jobs.append(found.job)
        if not found.push.references and not found.push.sources:
            unsure.append(f"which images job {found.job} pushes")
            jobs.append(found.job)
    names = {name for name, _ in made}
    for name, image_tag in doubts:
        if name in names and set(unknowns(image_tag)) <= _COMMIT:
            # A tag for the commit beside the one for the version.
            continue
        what = f"the tag of {show(name)}"
        if not is_known(name):
            what = f"the image {show(name)}"
        sources = ", ".join((*unknowns(name), *unknowns(image_tag)))
        unsure.append(f"{what} comes from {sources}, which {path} hides")
    return _Candidate(
        path=path,
        event=event,
        jobs=tuple(jobs),
        images=tuple(
            Image(name=name, tag=image_tag, platforms=where)
            for (name, image_tag), where in made.items()
        ),
        unsure=tuple(dict.fromkeys(unsure)),
    )


def explain_absence(
    files: Mapping[str, str], *, repository: str, tag: str
) -> tuple[str, ...]:
    """Say which workflows look as if they published images, but don't run.

    Parameters
    ----------
    files
        The files in ``.github/workflows`` at the tagged commit, by path.
    repository
        Owner and name on GitHub.
    tag
        The tag of the release.

    Returns
    -------
    tuple of str
        A sentence for each such workflow. To be shown where
        `find_publication` finds nothing.
    """
    sentences = []
    for path, text in sorted(files.items()):
        try:
            document = load(path, text)
        except ReleaseError as error:
            sentences.append(error.message)
            continue
        if not isinstance(document, dict):
            continue
        on = document.get("on")
        if release_actions(on, is_prerelease=_is_prerelease(tag)):
            continue
        if starts_on_tag(on, tag):
            continue
        contexts = _contexts("release", "published", repository, tag, path)
        findings = follow(document, contexts=contexts, files=files)
        pushed = _candidate(path, "release", findings)
        if not pushed.jobs or (is_called(on) and not _mentions(on)):
            continue
        sentence = f"{path} publishes images, but no release starts it"
        push = on.get("push") if isinstance(on, dict) else None
        if isinstance(push, dict) and "release" in push:
            sentence += ": `release` is indented under `push`"
        sentences.append(sentence)
    return tuple(sentences)


def _mentions(on: Any) -> bool:
    """Return whether a workflow has any trigger beside being called."""
    return isinstance(on, list | dict) and len(on) > 1
