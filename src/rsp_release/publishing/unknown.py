"""Text that is not known in full.

What a workflow makes of a secret, of a program's output or of a variable of
the repository can't be read from its file. Such a value is an ordinary string
that holds a mark, and the mark names where the value would come from. So a
name that is known and a tag that is not travel together, and the
expressions can join, split and hand them on.

A file that contains the marking characters itself only makes its own values
unknown.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "bounded",
    "is_known",
    "is_unknown",
    "show",
    "unknown",
    "unknowns",
]

_START = "\ue000"
_END = "\ue001"
_MARK = re.compile("\ue000([^\ue000\ue001]*)\ue001?")
_MAX_NAME = 80
_MAX_LENGTH = 1 << 14


def unknown(source: str) -> str:
    """Return a text that is not known.

    Parameters
    ----------
    source
        Where the value would come from, such as ``secrets.TOKEN``.

    Returns
    -------
    str
        The mark. It survives joining, and splitting at commas, colons,
        slashes and white space.
    """
    name = re.sub(r"[^A-Za-z0-9_.*()\[\]-]+", "_", source)[:_MAX_NAME]
    return f"{_START}{name or 'something'}{_END}"


def bounded(text: str, limit: int = _MAX_LENGTH) -> str:
    """Return a text, or an unknown one where it is absurdly long.

    Values are built from values, so a small file can describe a text that no
    memory holds.

    Parameters
    ----------
    text
        The text.
    limit
        How many characters it may have.
    """
    return text if len(text) <= limit else unknown("a text too long")


def is_known(value: Any) -> bool:
    """Return whether no part of a value is unknown."""
    if isinstance(value, str):
        return _START not in value and _END not in value
    if isinstance(value, dict):
        return all(is_known(v) for pair in value.items() for v in pair)
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return True


def is_unknown(text: str) -> bool:
    """Return whether nothing of a text is known."""
    return bool(text) and not _MARK.sub("", text)


def unknowns(text: str) -> tuple[str, ...]:
    """Return where the unknown parts of a text would come from."""
    return tuple(dict.fromkeys(_MARK.findall(text)))


def show(text: str) -> str:
    """Return a text for a person, unknown parts in GitHub's notation."""
    shown = _MARK.sub(r"${{ \1 }}", text)
    return shown.replace(_START, "?").replace(_END, "?")
