"""Tells at once what the journals of a clone have unfinished.

`rsp_release.engine.journal` reads all that they hold. This looks at no more
than what a person is told first, and loads none of the models.
"""

# pathlib takes longer to load than all that is looked at here.
# ruff: noqa: PTH118, PTH123, PTH208

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["Unfinished", "peek"]

_OVER = (b'{"schema": 1, "kind": "finish"', b'{"schema": 1, "kind": "abandon"')
"""What the last record of a release that is over begins with."""

_REPLACING = frozenset({"propose", "abandon"})
"""Records after which earlier intents say nothing."""


class Unfinished(NamedTuple):
    """A release that was begun from this clone."""

    tag: str
    """Its tag."""

    at: str
    """When something of it was last written, as ISO 8601 writes it."""


def peek(directory: str) -> Unfinished | None:
    """Find the release that was last begun and not seen to be complete.

    Parameters
    ----------
    directory
        The directory of the clone's journals.

    Returns
    -------
    Unfinished or None
        The one with the newest write; `None` where there is none.
    """
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return None
    found = []
    for name in names:
        if name.endswith(".jsonl"):
            with open(os.path.join(directory, name), "rb") as file:
                *lines, _ = file.read().split(b"\n")
            at = _find_write(lines)
            if at:
                found.append((at, name.removesuffix(".jsonl")))
    if not found:
        return None
    from urllib.parse import unquote

    at, name = max(found)
    return Unfinished(unquote(name), at)


def _find_write(lines: list[bytes]) -> str:
    """Return when something was last written that is not over."""
    if not lines or lines[-1].startswith(_OVER):
        return ""
    import json

    intents: dict[str, str] = {}
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            # Whatever goes on with it tells of that.
            continue
        kind = record.get("kind")
        if kind in _REPLACING:
            intents.clear()
        elif kind == "intent":
            intents[record["key"]] = record["at"]
        elif kind == "void":
            intents.pop(record["key"], None)
    return max(intents.values(), default="")
