"""Which workflow publishes a repository's images at a tag, and which images.

All of it is what the files at the tagged commit say in so many words: which
event starts which workflow, which jobs run then, and what their steps push.
Where they name an image and leave its tag open, the tag is taken to be the
version, and marked as assumed. What else they don't show - secrets, outputs of
programs, actions that aren't known - is named instead of guessed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from ..config import Config
from ..exceptions import ReleaseError, UsageError
from ..models import Image, Publication, parse_platform
from .candidates import (
    Start,
    Started,
    Tagged,
    find_candidates,
    find_starts,
    suppose,
)
from .chains import INDIRECT, find_followers, suppose_indirect
from .documents import load
from .images import split_reference, version_tag
from .triggers import events_of, texts_of
from .values import mapping_of

__all__ = ["Absence", "explain_absence", "find_publication"]


_TRIGGER = "add `release:` with `types: [published]` under `on:`"


class Absence(NamedTuple):
    """Why a workflow that publishes images does not run for a release."""

    sentence: str
    help: str = _TRIGGER


_FOLDER = ".github/workflows/"
_NO_RELEASE = {"workflow_call", "schedule"}
"""Events of a workflow that is not meant to start on a release."""


def find_publication(
    files: Mapping[str, str],
    *,
    repository: str,
    tag: str,
    commit: str | None = None,
    config: Config | None = None,
    read: Callable[[str], str | None] | None = None,
    former: Sequence[str] = (),
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
    commit
        The commit that is tagged, where it is known.
    config
        The settings, which may name the workflow, images and platforms.
        Where they say that there are no images, there are none.
    read
        Gives the text of any other file at that commit by its path, or
        `None`. Local actions and workflows are read with it; without it,
        what depends on them is unknown.
    former
        Owners and names that the repository had before.

    Returns
    -------
    Publication or None
        The workflow, its event, the jobs that publish and what they push.
        What couldn't be worked out is in ``unsure``. `None` if nothing
        publishes images when that tag is released. Where the settings name
        images that no workflow publishes, ``workflow`` is empty.

    Raises
    ------
    UsageError
        Raised if the settings name a workflow that is not there.
    ReleaseError
        Raised if the workflow that the settings name can't be read.
    """
    config = config or Config()
    if config.images == ():
        return None
    tagged = Tagged(repository, tag, _reader(files, read), commit)
    chosen = _choose_workflow(files, config.workflow)
    documents, candidates = _load_all(files, chosen)
    candidates += _follow_all(documents, tagged)
    if chosen is not None:
        candidates = [each for each in candidates if each.workflow == chosen]
    publishing = [c for c in candidates if c.jobs or c.unsure]
    if not publishing and chosen is not None:
        publishing = [_unsure(chosen, f"no release starts {chosen}")]
        document = documents.get(chosen, {})
        if candidates:
            publishing = [replace(candidates[0], images=())]
        elif indirect := suppose_indirect(chosen, document, tagged):
            publishing = [_doubt_start(indirect.publication)]
    if publishing or config.images is None:
        candidates = publishing
    found = _publication(candidates, tag, config)
    if found is None or not former:
        return found
    before = [
        find_publication(
            files, repository=name, tag=tag, commit=commit, config=config,
            read=read,
        )
        for name in former
    ]  # fmt: skip
    return _with_former(found, filter(None, before))


def _with_former(
    found: Publication, before: Iterable[Publication]
) -> Publication:
    """Let each image know what it was called by other names."""
    lists = [
        each.images for each in before if len(each.images) == len(found.images)
    ]
    images = []
    for number, image in enumerate(found.images):
        names = dict.fromkeys(each[number].name for each in lists)
        names.pop(image.name, None)
        images.append(replace(image, former=tuple(names)))
    return replace(found, images=tuple(images))


def _load_all(
    files: Mapping[str, str], chosen: str | None
) -> tuple[dict[str, dict[str, Any]], list[Publication]]:
    """Read the workflows; what can't be read is doubted."""
    documents: dict[str, dict[str, Any]] = {}
    doubted = []
    for path, text in sorted(files.items()):
        if not path.endswith((".yml", ".yaml")):
            continue
        try:
            documents[path] = mapping_of(load(path, text))
        except (ReleaseError, RecursionError) as error:
            if path == chosen and isinstance(error, ReleaseError):
                raise
            doubted.append(_doubt(path, error))
    return documents, doubted


def _follow_all(
    documents: Mapping[str, dict[str, Any]], tagged: Tagged
) -> list[Publication]:
    """Follow the workflows that the release starts, and those that follow."""
    started: list[Started] = []
    doubted = []
    for path, document in documents.items():
        try:
            started += find_candidates(path, document, tagged)
        except (ReleaseError, RecursionError) as error:
            doubted.append(_doubt(path, error))
    with suppress(ReleaseError, RecursionError):
        started += find_followers(started, documents, tagged)
    return [*doubted, *(each.publication for each in started)]


def _choose_workflow(
    files: Mapping[str, str], workflow: str | None
) -> str | None:
    """Return the path of the workflow that the settings name, if they do."""
    if workflow is None:
        return None
    for path in (workflow, _FOLDER + workflow):
        if path in files:
            return path
    raise UsageError(
        f"the settings name the workflow {workflow}, which is not at the"
        " tagged commit",
        help="correct `workflow` in the settings",
    )


def _doubt_start(publication: Publication) -> Publication:
    """Say that nobody knows when a workflow is started."""
    sentence = (
        f"no release starts {publication.workflow}: it runs"
        f" {INDIRECT[publication.event]}"
    )
    return replace(publication, unsure=(sentence, *publication.unsure))


def _reader(
    files: Mapping[str, str], read: Callable[[str], str | None] | None
) -> Callable[[str], str | None]:
    """Make a function that reads files of the repository, and no others."""

    @cache
    def read_once(path: str) -> str | None:
        is_inside = path == posixpath.normpath(path) and not (
            path.startswith(("../", "/", "-")) or path in {"..", "."}
        )
        is_plain = path.isprintable() and len(path) < 500
        if path in files or read is None:
            return files.get(path)
        return read(path) if is_inside and is_plain else None

    return read_once


def _doubt(path: str, error: ReleaseError | RecursionError) -> Publication:
    """Say why a workflow can't be followed."""
    message = getattr(error, "message", f"{path} is nested too deeply")
    return _unsure(path, message)


def _unsure(path: str, sentence: str) -> Publication:
    return Publication(workflow=path, event="release", unsure=(sentence,))


def _rank(candidate: Publication) -> tuple[bool, bool, bool, int, int]:
    """Put the likeliest publisher first."""
    return (
        not candidate.images,
        not candidate.jobs,
        candidate.event != "release",
        -len(candidate.images),
        len(candidate.unsure),
    )


def _publication(
    candidates: Sequence[Publication],
    tag: str,
    config: Config,
) -> Publication | None:
    """Put together the answer from the workflows that run."""
    ranked = sorted(candidates, key=_rank)
    if not ranked and config.images is None:
        return None
    firsts = {c.workflow: c for c in reversed(ranked)}
    best = ranked[0] if ranked else Publication(workflow="", event="push")
    found = list(best.images)
    unsure = list(best.unsure)
    for path, other in sorted(firsts.items()):
        if path == best.workflow:
            continue
        unsure += other.unsure
        if other.images:
            listed = {(image.name, image.tag) for image in found}
            found += [i for i in other.images if (i.name, i.tag) not in listed]
            unsure.append(
                f"{path} publishes images too, but only {best.workflow} is"
                " watched"
            )
    if config.images is not None:
        found = _chosen(config.images, found, tag)
        unsure = []
    if platforms := config.platforms:
        platforms = tuple(parse_platform(p) or p for p in platforms)
        found = [replace(image, platforms=platforms) for image in found]
    return replace(
        best, images=tuple(found), unsure=tuple(dict.fromkeys(unsure))
    )


def _chosen(
    names: Sequence[str], found: Sequence[Image], tag: str
) -> list[Image]:
    """Return the images that the settings name."""
    tags = {image.tag for image in found}
    usual = tags.pop() if len(tags) == 1 else version_tag(tag)
    chosen = []
    for text in names:
        name, _ = split_reference(text)
        same = [
            replace(image, is_assumed=False)
            for image in found
            if image.name == name
        ]
        chosen += same or [Image(name=name, tag=usual)]
    return chosen


def explain_absence(
    files: Mapping[str, str],
    *,
    repository: str,
    tag: str,
    read: Callable[[str], str | None] | None = None,
) -> tuple[Absence, ...]:
    """Say which workflows look as if they published images, but don't run.

    Parameters
    ----------
    files
        The files in ``.github/workflows`` at the tagged commit, by path.
    repository
        Owner and name on GitHub.
    tag
        The tag of the release.
    read
        As for `find_publication`.

    Returns
    -------
    tuple of Absence
        A sentence and a remedy for each such workflow. To be shown where
        `find_publication` finds nothing.
    """
    tagged = Tagged(repository, tag, _reader(files, read))
    found = []
    for path, text in sorted(files.items()):
        try:
            document = mapping_of(load(path, text))
            on = document.get("on")
            if events_of(on).keys() <= _NO_RELEASE or find_starts(on, tag):
                continue
            start = Start(event="release", action="published")
            supposed = suppose(path, document, start, tagged)
        except (ReleaseError, RecursionError):
            continue
        if supposed.publication.jobs:
            found.append(_explain(path, on, tag, files))
    return tuple(found)


def _explain(
    path: str, on: Any, tag: str, files: Mapping[str, str]
) -> Absence:
    """Say why no release starts a workflow."""
    sentence = f"{path} publishes images, but"
    push = mapping_of(mapping_of(on).get("push"))
    if "release" in push:
        return Absence(
            f"{sentence} no release starts it: `release` is indented under"
            " `push`"
        )
    for key in ("tags", "tags-ignore"):
        if key in push:
            filters = ", ".join(texts_of(push[key]))[:200]
            return Absence(
                f"{sentence} the tag {tag} does not start it: on.push.{key}"
                f" is {filters}",
                f"release a tag that it lets through (`tag-prefix` in the"
                f" settings), or change on.push.{key}",
            )
    after = mapping_of(mapping_of(on).get("workflow_run")).get("workflows")
    names = _load_all(files, None)[0]
    called = {str(each.get("name") or path) for path, each in names.items()}
    if missing := [name for name in texts_of(after) if name not in called]:
        return Absence(
            f"{sentence} no workflow is called {missing[0]}, after which it"
            " runs",
            "correct `workflow_run` under `on:`",
        )
    how = next((h for e, h in INDIRECT.items() if e in events_of(on)), None)
    if how:
        return Absence(
            f"{sentence} no release starts it: it runs {how}",
            f"name it with `workflow` in the settings, or {_TRIGGER}",
        )
    return Absence(f"{sentence} no release starts it")
