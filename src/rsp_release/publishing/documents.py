"""Reading YAML that may be hostile.

The tree is built from the parser's events, one by one, so that what a small
file can make of itself - nesting, aliases of aliases, a million entries - is
stopped while it is being read. Scalars become what YAML 1.2's core schema
makes of them, so ``on`` is a text and not a boolean.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ..exceptions import ReleaseError

__all__ = ["load"]

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 60
_MAX_EVENTS = 20_000
_MAX_NODES = 100_000
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)"
    r"(?:[eE][-+]?[0-9]{1,3})?"
)


def load(path: str, text: str) -> Any:
    """Read a YAML document.

    Parameters
    ----------
    path
        Where it is from, for messages.
    text
        The document.

    Returns
    -------
    typing.Any
        Mappings with text keys, lists and scalars. Nodes that aliases share
        are shared.

    Raises
    ------
    ReleaseError
        Raised if it is no YAML, has a key twice, or is too large, too deep
        or too tangled to be what it says it is.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    if len(text) > _MAX_BYTES:
        raise ReleaseError(f"{path} is larger than 1 MiB")
    builder = _Builder(path)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.add(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ReleaseError(
            f"{path}{where}: not valid YAML: {error.problem}"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ReleaseError(f"{path}: not valid YAML: {reason}") from None
    return builder.root


class _Builder:
    """A tree from events, with an account of what it would grow to."""

    def __init__(self, path: str) -> None:
        self.root: Any = None
        self._path = path
        self._events = 0
        self._documents = 0
        # Open collections: value, anchor, pending key, expanded size.
        self._open: list[list[Any]] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def add(self, event: Any) -> None:
        self._events += 1
        if self._events > _MAX_EVENTS:
            raise ReleaseError(f"{self._path} has too many entries")
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                raise ReleaseError(f"{self._path} has several documents")
        elif kind in {"MappingStartEvent", "SequenceStartEvent"}:
            if len(self._open) >= _MAX_DEPTH:
                raise ReleaseError(f"{self._path} is nested too deeply")
            value: Any = {} if kind == "MappingStartEvent" else []
            self._open.append([value, event.anchor, None, 1])
        elif kind in {"MappingEndEvent", "SequenceEndEvent"}:
            value, anchor, _, size = self._open.pop()
            self._place(value, anchor, size, event)
        elif kind == "ScalarEvent":
            self._place(_scalar(event), event.anchor, 1, event)
        elif kind == "AliasEvent":
            if event.anchor not in self._anchors:
                raise self._error(event, "an alias without its anchor")
            value, size = self._anchors[event.anchor]
            self._place(value, None, size, event)

    def _error(self, event: Any, problem: str) -> ReleaseError:
        line = event.start_mark.line + 1
        return ReleaseError(f"{self._path}, line {line}: {problem}")

    def _place(
        self, value: Any, anchor: str | None, size: int, event: Any
    ) -> None:
        if anchor:
            self._anchors[anchor] = (value, size)
        if not self._open:
            self.root = value
            return
        frame = self._open[-1]
        frame[3] += size
        if frame[3] > _MAX_NODES:
            raise self._error(event, "the aliases expand to too much")
        parent = frame[0]
        if isinstance(parent, list):
            parent.append(value)
        elif frame[2] is None:
            if isinstance(value, dict | list):
                raise self._error(event, "a key that is not a text")
            key = _key(value)
            if key in parent:
                raise self._error(event, f"the key {key[:80]!r} twice")
            frame[2] = (key,)
        else:
            parent[frame[2][0]] = value
            frame[2] = None


def _key(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _scalar(event: Any) -> Any:
    """Resolve a scalar by the core schema (YAML 1.2.2, section 10.3)."""
    text = str(event.value)
    tag = str(event.tag or event.ctag or "")
    if event.style or (tag and not tag.endswith((":int", ":bool", ":float"))):
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text, base)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
