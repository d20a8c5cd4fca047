"""A new version in every place of a deployment repository. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from .charts import Edited, Place, edit, edit_badges

__all__ = ["Replaced", "edit_all", "list_changes", "new_files"]


class Replaced(NamedTuple):
    """A value that is replaced in a file."""

    path: str
    key: str
    old: str | None
    new: str


def edit_all(
    places: Iterable[Place],
    files: Mapping[str, str],
    *,
    tag: str,
    digests: Mapping[str, str | None],
) -> dict[str, Edited]:
    """Put a version into every place.

    Parameters
    ----------
    places
        Where it stands.
    files
        The text of each file.
    tag
        The tag of the release's images.
    digests
        Their digests, as far as these are known.

    Returns
    -------
    dict of Edited
        Every file with its new text, by its path.

    Raises
    ------
    BlockedError
        Raised if a file has no such place, or it cannot be changed alone.
    """
    edits: dict[str, Edited] = {}
    for place in places:
        before = edits.get(place.path)
        text = before.text if before else files.get(place.path, "")
        edited = edit(place, text, tag=tag, digests=digests)
        if before is not None:
            edited = replace(
                edited, changes=(*before.changes, *edited.changes)
            )
        edits[place.path] = edited
    return edits


def list_changes(edits: Mapping[str, Edited]) -> list[Replaced]:
    """Return what is not as it should be."""
    return [
        Replaced(path, key, old, new)
        for path, edited in edits.items()
        for key, old, new in edited.changes
        if old != new
    ]


def new_files(
    places: Iterable[Place],
    files: Mapping[str, str],
    edits: Mapping[str, Edited],
) -> tuple[tuple[str, str], ...]:
    """Return every file that changes; badges follow the version.

    Parameters
    ----------
    places
        Where the version stands.
    files
        The text of each file, and of the README beside a chart.
    edits
        What `edit_all` made of them.

    Returns
    -------
    tuple of tuple
        Path and new text of each.
    """
    texts = {path: edited.text for path, edited in edits.items()}
    for place in places:
        readme = place.beside("README.md")
        if place.is_app_version and readme in files:
            for key, old, new in edits[place.path].changes:
                if key == "appVersion":
                    text = texts.get(readme, files[readme])
                    texts[readme] = edit_badges(text, old=old, new=new)
    return tuple(
        (path, text) for path, text in texts.items() if text != files[path]
    )
