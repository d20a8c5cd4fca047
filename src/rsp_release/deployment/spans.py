"""Finds single values of YAML files, and replaces nothing but them.

Pure. The parser says where a value begins and ends; only that span of the
text is replaced, so comments, quotes of other values, line ends and
everything else stay as they are. What comes out is parsed again, and has to
be the same document but for that value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from ..exceptions import BlockedError

__all__ = ["Node", "Spot", "Yaml", "get"]

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


@dataclass(slots=True, eq=False)
class Node:
    """A node of a YAML document, with where it stands in the text."""

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    """The first character of its content, after an anchor or a tag."""

    end: int
    """One after its last character."""

    value: str = ""
    """The text of a scalar."""

    style: str = ""
    """How a scalar is written: empty for plain, a quote, ``|`` or ``>``."""

    tag: str = ""
    """Its tag, where one is written."""

    anchor: str = ""
    """Its anchor, where it has one."""

    children: list[Node] = field(default_factory=list)
    """Items; of a mapping key, value, key, value, and so on."""

    target: Node | None = None
    """What an alias stands for."""

    @property
    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys and values of a mapping."""
        if self.kind == "mapping":
            yield from zip(
                self.children[::2], self.children[1::2], strict=True
            )

    @property
    def resolved(self) -> Node:
        """What an alias stands for; anything else itself."""
        return self.target or self

    @property
    def text(self) -> str | None:
        """The text of a scalar that is there; `None` for anything else."""
        node = self.resolved
        if node.kind != "scalar":
            return None
        if not node.style and node.value in ("", "~", "null"):
            return None
        return node.value


@dataclass(frozen=True, slots=True)
class Spot:
    """A value that was found."""

    node: Node
    """The value, or the alias that stands there."""

    key_end: int
    """Where its key ends, for a value that is empty."""

    @property
    def value(self) -> str | None:
        """The text that is there."""
        return self.node.text


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
            spots = [Spot(root, root.start)]
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
        before = [_plain(root, wanted) for root in self.roots]
        try:
            after = [_plain(root, {}) for root in _parse(result)]
        except BlockedError:
            after = []
        if before != after:
            raise BlockedError("the value cannot be replaced without others")
        return result


def get(node: Node | None, *keys: str) -> Node | None:
    """Return what is at some keys of nested mappings, or `None`.

    Parameters
    ----------
    node
        Where to begin.
    *keys
        The keys, from the outermost.
    """
    for key in keys:
        if node is None:
            return None
        found = [v for k, v in node.resolved.pairs if k.resolved.value == key]
        node = found[-1].resolved if found else None
    return node


def _below(spot: Spot, key: str) -> Iterator[Spot]:
    node = spot.node.resolved
    if node.kind == "mapping":
        found = [
            Spot(value, name.end)
            for name, value in node.pairs
            if name.kind == "scalar" and name.value == key
        ]
        if len(found) > 1:
            raise BlockedError(f"the key {key} is there {len(found)} times")
        yield from found
    elif node.kind == "sequence" and key.isdecimal():
        items = node.children
        if int(key) < len(items):
            yield Spot(items[int(key)], items[int(key)].start)
    elif node.kind == "sequence" and "=" in key:
        name, _, wanted = key.partition("=")
        for item in node.children:
            value = get(item.resolved, name)
            if value is not None and value.text == wanted:
                yield Spot(item, item.start)


@lru_cache(maxsize=64)
def _parse(text: str) -> tuple[Node, ...]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        # An event begins with the anchor and the tag, a token does not.
        starts = {
            token.end_mark.index: token.start_mark.index
            for token in yaml.scan(text)
            if type(token).__name__ == "ScalarToken"
        }
        return tuple(_compose(YAML(typ="safe", pure=True).parse(text), starts))
    except (YAMLError, ValueError, RecursionError) as e:
        said = str(getattr(e, "problem", None) or e).split("\n", 1)[0]
        mark = getattr(e, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BlockedError(f"it is no valid YAML{where}: {said}") from e


def _compose(events: Any, starts: dict[int, int]) -> list[Node]:
    roots: list[Node] = []
    stack: list[Node] = []
    anchors: dict[str, Node] = {}
    for event in events:
        name = type(event).__name__
        if name == "DocumentStartEvent":
            anchors = {}
            continue
        if name in {"MappingEndEvent", "SequenceEndEvent"}:
            stack.pop().end = event.end_mark.index
            continue
        if name not in _KINDS:
            continue
        node = _make(event, _KINDS[name], starts, anchors)
        (stack[-1].children if stack else roots).append(node)
        if node.kind in {"mapping", "sequence"}:
            stack.append(node)
    return roots


def _make(
    event: Any,
    kind: Literal["scalar", "mapping", "sequence", "alias"],
    starts: dict[int, int],
    anchors: dict[str, Node],
) -> Node:
    node = Node(
        kind,
        event.start_mark.index,
        event.end_mark.index,
        anchor=event.anchor or "",
    )
    if kind == "alias":
        node.target = anchors.get(node.anchor)
        if node.target is None:
            raise ValueError("an alias without its anchor")
        return node
    node.tag = str(event.tag or "")
    if node.anchor:
        anchors[node.anchor] = node
    if kind == "scalar":
        node.value = event.value
        node.style = event.style or ""
        if node.tag or node.anchor:
            node.start = starts.get(node.end, node.end)
    return node


_KINDS: dict[str, Literal["scalar", "mapping", "sequence", "alias"]] = {
    "ScalarEvent": "scalar",
    "AliasEvent": "alias",
    "MappingStartEvent": "mapping",
    "SequenceStartEvent": "sequence",
}


def _edit(text: str, spot: Spot, new: str) -> tuple[int, int, str]:
    node = spot.node
    if node.kind not in {"scalar", "alias"}:
        raise BlockedError(f"there is a {node.kind} where a text should be")
    if not new.isprintable():
        raise BlockedError(f"{new!r} is no text for a value")
    start, end = node.start, node.end
    if node.kind == "alias" or node.style in {"", "|", ">"}:
        written = new if _is_safe(new) else _quote(new, '"')
    else:
        written = _quote(new, node.style)
    if node.style in {"|", ">"}:
        # The line breaks after it are part of a block scalar.
        match = re.search(r"(?:(?:\r\n|\r|\n)\s*)?\Z", text[start:end])
        written += match[0] if match else ""
    if node.kind == "scalar" and not node.value and start == end:
        at = start
        if not (node.anchor or node.tag):
            at = text.find(":", spot.key_end) + 1 or start
        start = end = at
        written = f" {written}"
    return start, end, written


def _is_safe(text: str) -> bool:
    """Return whether every YAML takes plain text for a text."""
    return bool(_SAFE.fullmatch(text) and not _NOT_TEXT.fullmatch(text))


def _quote(text: str, quote: str) -> str:
    if quote == "'":
        return "'" + text.replace("'", "''") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(root: Node, wanted: dict[int, str]) -> list[object]:
    """Return a document as something to compare, without its places."""
    out: list[object] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in wanted:
            # Another value: whether it is quoted is no difference.
            out.append(("scalar", wanted[id(node)], node.tag, False))
            if node.kind == "scalar" and node.anchor:
                out.append(("anchor", node.anchor))
        elif node.kind == "alias":
            out.append(("alias", node.anchor))
        elif node.kind == "scalar":
            is_plain = not node.style and not _is_safe(node.value)
            out.append(("scalar", node.value, node.tag, is_plain))
            if node.anchor:
                out.append(("anchor", node.anchor))
        else:
            out.append((node.kind, len(node.children), node.tag, node.anchor))
            stack += reversed(node.children)
    return out
