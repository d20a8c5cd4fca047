"""Reading YAML that may be hostile.

What a small file can make of itself - nesting, aliases of aliases, a million
entries - is stopped before it is. Scalars become what YAML 1.2's core schema
makes of them, so ``on`` is a text and not a boolean.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from ..exceptions import ReleaseError
from .values import text_of

__all__ = ["load"]

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 62
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
    from ruamel.yaml.error import YAMLError

    if len(text) > _MAX_BYTES:
        raise ReleaseError(f"{path} is larger than 1 MiB")
    yaml = YAML(typ="safe", pure=True)
    try:
        depth = 0
        for number, event in enumerate(yaml.parse(text)):
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            if depth > _MAX_DEPTH:
                raise ReleaseError(f"{path} is nested too deeply")
            if number >= _MAX_EVENTS:
                raise ReleaseError(f"{path} has too many entries")
        yaml.composer.warn_double_anchors = False
        root = yaml.compose(text)
        return _build(path, root, {})[0] if root else None
    except (YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = str(getattr(error, "problem", None) or error)
        reason = reason.partition("\n")[0][:200]
        raise ReleaseError(
            f"{path}{where}: not valid YAML: {reason}"
        ) from None


def _build(
    path: str, node: Any, done: dict[int, tuple[Any, int]]
) -> tuple[Any, int]:
    """Return the value of a node, and how many it would grow to.

    Nodes that aliases share are built once.
    """

    def refuse(problem: str) -> ReleaseError:
        line = node.start_mark.line + 1
        return ReleaseError(f"{path}, line {line}: {problem}")

    if id(node) in done:
        return done[id(node)]
    # What contains itself never ends.
    done[id(node)] = None, _MAX_NODES
    value: Any
    size = 1
    if node.id == "scalar":
        value = _scalar(node)
    elif node.id == "sequence":
        built = [_build(path, item, done) for item in node.value]
        value = [item for item, _ in built]
        size += sum(grown for _, grown in built)
    else:
        value = {}
        for key, item in node.value:
            if key.id != "scalar":
                raise refuse("a key that is not a string")
            name = text_of(_scalar(key))
            if name in value:
                raise refuse(f"duplicate key {name[:80]!r}")
            value[name], grown = _build(path, item, done)
            size += grown + 1
    if size > _MAX_NODES:
        raise refuse("the aliases expand to too many nodes")
    done[id(node)] = value, size
    return value, size


def _scalar(node: Any) -> Any:
    """Resolve a scalar by the core schema (YAML 1.2.2, section 10.3)."""
    text, kind = str(node.value), str(node.tag).rpartition(":")[2]
    if kind == "null":
        return None
    if kind == "bool" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind in {"int", "float"} and _INTEGER.fullmatch(text):
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text, base)
    if kind in {"int", "float"} and _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text
