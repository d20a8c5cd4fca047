"""Reading YAML that may be hostile.

The tree is built from the parser's events, one by one, so that what a small
file can make of itself - nesting, aliases of aliases, a million entries - is
stopped while it is being read. Scalars become what YAML 1.2's core schema
makes of them, so ``on`` is a text and not a boolean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ..exceptions import ReleaseError
from .values import text_of

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


@lru_cache(64)
def load(path: str, text: str) -> Any:
    """Read a YAML document, once.

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
    try:
        return _Builder(path, YAML(typ="safe", pure=True).parse(text)).root()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ReleaseError(
            f"{path}{where}: not valid YAML: {error.problem}"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ReleaseError(f"{path}: not valid YAML: {reason}") from None


class _Builder:
    """A tree from events, with an account of what it would grow to."""

    def __init__(self, path: str, events: Iterator[Any]) -> None:
        self._path = path
        self._events = enumerate(events)
        self._depth = 0
        self._anchors: dict[str, tuple[Any, int]] = {}

    def _next(self) -> tuple[str, Any]:
        """Return the next event, with its kind."""
        number, event = next(self._events)
        if number >= _MAX_EVENTS:
            raise ReleaseError(f"{self._path} has too many entries")
        return type(event).__name__, event

    def root(self) -> Any:
        root, documents = None, 0
        kind, event = self._next()
        while kind != "StreamEndEvent":
            documents += kind == "DocumentStartEvent"
            if documents > 1:
                raise ReleaseError(f"{self._path} has several documents")
            if kind.startswith(("Scalar", "Mapping", "Sequence", "Alias")):
                root, _ = self._node(kind, event)
            kind, event = self._next()
        return root

    def _error(self, event: Any, problem: str) -> ReleaseError:
        line = event.start_mark.line + 1
        return ReleaseError(f"{self._path}, line {line}: {problem}")

    def _node(self, kind: str, event: Any) -> tuple[Any, int]:
        """Return the value that begins with an event, and its whole size."""
        if kind == "AliasEvent":
            if event.anchor not in self._anchors:
                raise self._error(event, "an alias without its anchor")
            return self._anchors[event.anchor]
        if kind == "ScalarEvent":
            found = _scalar(event), 1
        else:
            if self._depth >= _MAX_DEPTH:
                raise ReleaseError(f"{self._path} is nested too deeply")
            self._depth += 1
            found = self._collection(is_mapping=kind == "MappingStartEvent")
            self._depth -= 1
        if event.anchor:
            self._anchors[event.anchor] = found
        return found

    def _collection(self, *, is_mapping: bool) -> tuple[Any, int]:
        items: list[Any] = []
        mapping: dict[str, Any] = {}
        size = 1
        while True:
            kind, event = self._next()
            if kind.endswith("EndEvent"):
                return mapping if is_mapping else items, size
            value, grown = self._node(kind, event)
            size += grown
            if size > _MAX_NODES:
                raise self._error(
                    event, "the aliases expand to too many nodes"
                )
            items.append(value)
            if not is_mapping:
                continue
            if len(items) == 2:
                mapping[items[0]] = value
                items.clear()
                continue
            if isinstance(value, dict | list):
                raise self._error(event, "a key that is not a string")
            items[0] = text_of(value)
            if items[0] in mapping:
                raise self._error(event, f"duplicate key {items[0][:80]!r}")


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
