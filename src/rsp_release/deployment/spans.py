"""Finds single values of YAML files, and replaces nothing but them.

Pure. The parser says where a value begins and ends; only that span of the
text is replaced, so comments, quotes of other values, line ends and
everything else stay as they are. What comes out is parsed again, and has to
be the same document but for that value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..exceptions import BlockedError

__all__ = [
    "Spot",
    "Yaml",
    "get",
    "is_alias",
    "pairs",
    "read_root",
    "text_at",
]

_PROPERTIES = re.compile(r"(?:[&!]\S*|#.*|\s+)*")
"""The anchor and the tag before a value."""

_ALIAS = "alias"
"""What is kept with the node of an alias, which has no comments here."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]*(?::[A-Za-z0-9._+/-]+)*")

# Plain text that one YAML or another takes for something else than a text:
# numbers, dates, sexagesimal numbers, truth values and null (YAML 1.1 and
# 1.2, since Helm, Kustomize and their editors differ).
_NOT_TEXT = re.compile(
    r"[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?|0[xob][0-9A-Fa-f_]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*|[0-9_]+(?::[0-9_.]+)+"
    r"|y|n|yes|no|on|off|true|false|null",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Spot:
    """A value that was found."""

    node: Any
    """The value's node, or that of the alias that stands there."""

    key_end: int
    """Where its key ends, for a value that is empty."""

    @property
    def value(self) -> str | None:
        """The text that is there."""
        return text_at(self.node)


class Yaml:
    """A YAML file and the places of its values.

    Parameters
    ----------
    text
        One or more documents.

    Raises
    ------
    BlockedError
        Raised if it is no YAML.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.roots = _parse(text)
        """The root of each document."""

    def find(self, path: Sequence[str]) -> tuple[Spot, ...]:
        """Find values by a path of keys, in the first document that has them.

        Parameters
        ----------
        path
            Keys of mappings; in a list a number from 0, or ``key=value``,
            which chooses every item of which that is true.

        Returns
        -------
        tuple of Spot
            The values, in the order of the text; empty where there are none.

        Raises
        ------
        BlockedError
            Raised if a key of the path is there twice.
        """
        for root in self.roots:
            spots = [Spot(root, root.start_mark.index)]
            for key in path:
                spots = [low for spot in spots for low in _below(spot, key)]
            if spots:
                return tuple(spots)
        return ()

    def replace(self, changes: Sequence[tuple[Spot, str]]) -> str:
        """Replace values, and nothing else.

        A value keeps its quotes. A plain one gets some only where YAML would
        not take the new one for a text. Where the value is an alias, the
        alias alone is replaced; where it has an anchor, its aliases follow.

        Parameters
        ----------
        changes
            Spots, and what shall stand there.

        Returns
        -------
        str
            The new text.

        Raises
        ------
        BlockedError
            Raised if a value is no scalar, or cannot be replaced alone.
        """
        edits = {_edit(self.text, spot, new) for spot, new in changes}
        result = self.text
        for start, end, new in sorted(edits, reverse=True):
            result = result[:start] + new + result[end:]
        wanted = {id(spot.node): new for spot, new in changes}
        try:
            is_same = _is_same(self.roots, _parse(result), wanted)
        except BlockedError:
            is_same = False
        if not is_same:
            raise BlockedError("the value cannot be replaced without others")
        return result


def pairs(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield keys and values of a mapping; nothing of anything else."""
    yield from node.value if node.id == "mapping" else ()


def text_at(node: Any) -> str | None:
    """Return the text of a scalar that is there; `None` for anything else."""
    is_text = node is not None and node.id == "scalar"
    return node.value if is_text and not node.tag.endswith(":null") else None


def read_root(path: str, text: str) -> Any:
    """Parse a file of values; `None` where it is empty.

    Parameters
    ----------
    path
        Its path, which an error names.
    text
        Its text.

    Raises
    ------
    BlockedError
        Raised if it is no YAML.
    """
    try:
        roots = Yaml(text).roots
    except BlockedError as e:
        raise BlockedError(f"{path}: {e.message}", help=e.help) from e
    return roots[0] if roots else None


def get(node: Any, key: str) -> Any:
    """Return the node at a key of a mapping, or `None`.

    Parameters
    ----------
    node
        The mapping's node, if there is one.
    key
        The key.
    """
    found = [v for k, v in pairs(node) if k.value == key] if node else []
    return found[-1] if found else None


def _below(spot: Spot, key: str) -> Iterator[Spot]:
    node = spot.node
    if node.id == "mapping":
        found = [
            Spot(value, name.end_mark.index)
            for name, value in pairs(node)
            if name.value == key and not is_alias(name)
        ]
        if len(found) > 1:
            raise BlockedError(f"the key {key} is there {len(found)} times")
        yield from found
    elif node.id == "sequence" and key.isdecimal():
        for item in node.value[int(key) : int(key) + 1]:
            yield Spot(item, item.start_mark.index)
    elif node.id == "sequence" and "=" in key:
        name, _, wanted = key.partition("=")
        for item in node.value:
            if text_at(get(item, name)) == wanted:
                yield Spot(item, item.start_mark.index)


def is_alias(node: Any) -> bool:
    """Return whether a node is that of an alias."""
    return bool(node.comment == _ALIAS)


@lru_cache(maxsize=64)
def _parse(text: str) -> tuple[Any, ...]:
    """Return the root node of each document.

    An alias is a node of its own: what it stands for, where it stands.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.events import AliasEvent

    class AliasComposer(Composer):
        def compose_node(  # type: ignore[explicit-override]
            self, parent: Any, index: Any
        ) -> Any:
            event = self.parser.peek_event()
            node = super().compose_node(parent, index)
            if isinstance(event, AliasEvent):
                node = copy(node)
                node.start_mark, node.end_mark = (
                    event.start_mark,
                    event.end_mark,
                )
                node.comment = _ALIAS
            return node

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = AliasComposer
    yaml.composer.warn_double_anchors = False
    try:
        return tuple(yaml.compose_all(text))
    except (YAMLError, ValueError, RecursionError) as e:
        said = str(getattr(e, "problem", None) or e).split("\n", 1)[0]
        mark = getattr(e, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BlockedError(f"it is no valid YAML{where}: {said}") from e


def _edit(text: str, spot: Spot, new: str) -> tuple[int, int, str]:
    node = spot.node
    if node.id != "scalar" and not is_alias(node):
        raise BlockedError(f"there is a {node.id} where a text should be")
    if not new.isprintable():
        raise BlockedError(f"{new!r} is no text for a value")
    start, end = node.start_mark.index, node.end_mark.index
    style = "" if is_alias(node) else node.style or ""
    if style in {"", "|", ">"}:
        written = new if _is_safe(new) else _quote(new, '"')
    else:
        written = _quote(new, style)
    if style in {"|", ">"}:
        # The line breaks after it are part of a block scalar.
        match = re.search(r"(?:(?:\r\n|\r|\n)\s*)?\Z", text[start:end])
        written += match[0] if match else ""
    if is_alias(node):
        return start, end, written
    if start == end:
        start = end = text.find(":", spot.key_end) + 1 or start
        return start, end, f" {written}"
    properties = _PROPERTIES.match(text, start, end)
    start = properties.end() if properties else start
    return start, end, written if start < end else f" {written}"


def _is_safe(text: str) -> bool:
    """Return whether every YAML takes plain text for a text."""
    return bool(_SAFE.fullmatch(text) and not _NOT_TEXT.fullmatch(text))


def _quote(text: str, quote: str) -> str:
    if quote == "'":
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_same(
    before: Sequence[Any], after: Sequence[Any], wanted: dict[int, str]
) -> bool:
    """Return whether documents are the same but for the wanted values."""
    stack = [(before, after)]
    while stack:
        olds, news = stack.pop()
        if len(olds) != len(news):
            return False
        for old, new in zip(olds, news, strict=True):
            if isinstance(old, tuple):
                stack.append((old, new))
            elif id(old) in wanted:
                anchor = None if is_alias(old) else old.anchor
                if (new.value, new.anchor) != (wanted[id(old)], anchor):
                    return False
            elif _sign(old) != _sign(new):
                return False
            elif old.id != "scalar" and not is_alias(old):
                stack.append((old.value, new.value))
    return True


def _sign(node: Any) -> tuple[Any, ...]:
    """Return what makes a node the same as another, but what is in it."""
    if is_alias(node):
        return "alias", node.anchor
    value = node.value if node.id == "scalar" else None
    return node.id, node.tag, node.anchor, value
