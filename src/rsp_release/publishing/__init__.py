"""Which workflow publishes a repository's images at a tag, and which images.

All of it is what the files at the tagged commit say in so many words: which
event starts which workflow, which jobs run then, and what their steps push.
Where they name an image and leave its tag open, the tag is taken to be the
version, and marked as assumed. What else they don't show - secrets, outputs of
programs, actions that aren't known - is named instead of guessed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from ..config import Config
from ..exceptions import ReleaseError, UsageError
from ..models import Image, Publication
from .candidates import find_candidates, find_starts, suppose
from .documents import load
from .images import split_reference, version_tag
from .triggers import events_of
from .values import mapping_of

__all__ = ["explain_absence", "find_publication"]

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
    workflow = config.workflow
    if config.images == ():
        return None
    if workflow is not None:
        files = _chosen_workflow(files, workflow)
    candidates: list[Publication] = []
    for path, text in sorted(files.items()):
        if not path.endswith((".yml", ".yaml")):
            continue
        try:
            candidates += find_candidates(
                path, load(path, text), repository=repository, tag=tag,
                commit=commit, read=_reader(files, read),
            )  # fmt: skip
        except (ReleaseError, RecursionError) as error:
            if workflow is not None and isinstance(error, ReleaseError):
                raise
            message = getattr(error, "message", f"{path} is nested too deeply")
            candidates.append(_unsure(path, message))
    publishing = [c for c in candidates if c.jobs or c.unsure]
    if not publishing and workflow is not None:
        (path,) = files
        publishing = [_unsure(path, f"no release starts {path}")]
        if candidates:
            publishing = [replace(candidates[0], images=())]
    if publishing or config.images is None:
        candidates = publishing
    return _publication(candidates, tag, config)


def _chosen_workflow(
    files: Mapping[str, str], workflow: str
) -> dict[str, str]:
    """Return the one workflow that the settings name, by path or name."""
    for path in (workflow, _FOLDER + workflow):
        if path in files:
            return {path: files[path]}
    raise UsageError(
        f"the settings name the workflow {workflow}, which is not at the"
        " tagged commit",
        help="correct `workflow` in the settings",
    )


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
    read
        As for `find_publication`.

    Returns
    -------
    tuple of str
        A sentence for each such workflow. To be shown where
        `find_publication` finds nothing.
    """
    sentences = []
    for path, text in sorted(files.items()):
        try:
            document = mapping_of(load(path, text))
            on = document.get("on")
            if events_of(on).keys() <= _NO_RELEASE or find_starts(on, tag):
                continue
            pushed = suppose(
                path, document, event="release", action="published",
                repository=repository, tag=tag, read=_reader(files, read),
            )  # fmt: skip
        except (ReleaseError, RecursionError):
            continue
        if not pushed.jobs:
            continue
        sentence = f"{path} publishes images, but no release starts it"
        if "release" in mapping_of(mapping_of(on).get("push")):
            sentence += ": `release` is indented under `push`"
        sentences.append(sentence)
    return tuple(sentences)
