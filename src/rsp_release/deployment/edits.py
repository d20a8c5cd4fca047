"""Puts a version into every place of a deployment repository. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .charts import Place, edit, edit_badges

__all__ = ["Edits", "Replaced", "edit_all"]


class Replaced(NamedTuple):
    """A value that is replaced in a file."""

    path: str
    key: str
    old: str | None
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What a new version makes of the files of a deployment repository."""

    paths: tuple[str, ...]
    """The files that hold the version."""

    changes: tuple[Replaced, ...]
    """The values that are not as they should be."""

    files: tuple[tuple[str, str], ...]
    """Path and new text of each file that changes; badges follow."""


def edit_all(
    places: Sequence[Place],
    files: Mapping[str, str],
    *,
    tag: str,
    digests: Mapping[str, str | None],
) -> Edits:
    """Put a version into every place.

    Parameters
    ----------
    places
        Where it stands.
    files
        The text of each file, and of the README beside a chart.
    tag
        The tag of the release's images.
    digests
        Their digests, as far as these are known.

    Returns
    -------
    Edits
        What changes.

    Raises
    ------
    BlockedError
        Raised if a file has no such place, or it cannot be changed alone.
    """
    texts = dict(files)
    found: list[Replaced] = []
    for place in places:
        text = texts.get(place.path, "")
        new_text, changes = edit(place, text, tag=tag, digests=digests)
        texts[place.path] = new_text
        found += [Replaced(place.path, *change) for change in changes]
    for place in places:
        readme = place.beside("README.md")
        if not place.is_app_version or readme not in texts:
            continue
        for path, key, old, new in found:
            if (path, key) == (place.path, "appVersion"):
                texts[readme] = edit_badges(texts[readme], old=old, new=new)
    return Edits(
        paths=tuple(dict.fromkeys(place.path for place in places)),
        changes=tuple(c for c in found if c.old != c.new),
        files=tuple(
            (path, text)
            for path, text in texts.items()
            if text != files.get(path)
        ),
    )
