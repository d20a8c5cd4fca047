"""Reads as much YAML as workflow files are written in.

Block mappings and sequences, flow ones on one line, quoted and plain scalars,
block scalars and comments. What it doesn't know it leaves as text: the
sandbox must cope with any file, and a real parser is not in the standard
library.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["parse"]

_KEY = re.compile(
    r"""^(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s#"'\[\]{},&*!|>-][^#]*?
    |-[^\s#][^#]*?|[^\s#"'\[\]{},&*!|>-]):(?:\s+(?P<value>.*))?$""",
    re.VERBOSE,
)
_BLOCK = re.compile(r"^[|>][+-]?\d*[+-]?$")


def parse(text: str) -> Any:
    """Read a document.

    Parameters
    ----------
    text
        The file.

    Returns
    -------
    Any
        Mappings, lists and scalars; every scalar but booleans, numbers and
        null is text. `None` for an empty document.
    """
    lines: list[tuple[int, str]] = []
    for raw in text.expandtabs().split("\n"):
        line = raw.rstrip()
        if line.startswith(("---", "...", "%")) and not lines:
            continue
        lines.append((len(line) - len(line.lstrip()), line.strip()))
    reader = _Reader(lines)
    reader.skip()
    return reader.block(reader.indent()) if reader.more() else None


class _Reader:
    def __init__(self, lines: list[tuple[int, str]]) -> None:
        self._lines = lines
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._lines)

    def skip(self) -> None:
        while self.more():
            text = self._lines[self._at][1]
            if text and not text.startswith("#"):
                return
            self._at += 1

    def indent(self) -> int:
        return self._lines[self._at][0]

    def block(self, indent: int) -> Any:
        text = self._lines[self._at][1]
        if text == "-" or text.startswith("- "):
            return self._sequence(indent)
        if _KEY.match(_uncomment(text)):
            return self._mapping(indent)
        self._at += 1
        return _scalar(_uncomment(text))

    def _sequence(self, indent: int) -> list[Any]:
        items: list[Any] = []
        self.skip()
        while self.more() and self.indent() == indent:
            text = self._lines[self._at][1]
            if text != "-" and not text.startswith("- "):
                break
            rest = text[1:].lstrip()
            if not rest or rest.startswith("#"):
                self._at += 1
                self.skip()
                deeper = self.more() and self.indent() > indent
                items.append(self.block(self.indent()) if deeper else None)
            elif _BLOCK.match(_uncomment(rest)):
                self._at += 1
                items.append(self._text(indent))
            else:
                inner = indent + len(text) - len(rest)
                self._lines[self._at] = (inner, rest)
                items.append(self.block(inner))
            self.skip()
        return items

    def _mapping(self, indent: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        self.skip()
        while self.more() and self.indent() == indent:
            text = _uncomment(self._lines[self._at][1])
            match = _KEY.match(text)
            if match is None:
                # A continued plain scalar, or what we don't know.
                self._at += 1
                self.skip()
                continue
            key = str(_scalar(match["key"].strip()))
            value = (match["value"] or "").strip()
            self._at += 1
            result[key] = self._value(value, indent)
            self.skip()
        while self.more() and self.indent() > indent:
            # Deeper than anything expected: pass over it.
            self._at += 1
            self.skip()
        return result

    def _value(self, value: str, indent: int) -> Any:
        value = re.sub(r"^[&!]\S+\s*", "", value)
        if _BLOCK.match(value):
            return self._text(indent)
        if value:
            value = self._continued(value, indent)
            return _scalar(value)
        self.skip()
        if not self.more():
            return None
        here = self.indent()
        is_item = self._lines[self._at][1].startswith("-")
        if here > indent or (here == indent and is_item):
            return self.block(here)
        return None

    def _continued(self, value: str, indent: int) -> str:
        """Join the lines that a scalar or a flow collection goes on over."""
        while self.more():
            here, text = self._lines[self._at]
            opened = value[0] in "[{" and not _closed(value)
            if not text and not opened:
                break
            if here <= indent and not opened:
                break
            value += " " + _uncomment(text)
            self._at += 1
        return value

    def _text(self, indent: int) -> str:
        lines: list[tuple[int, str]] = []
        while self.more():
            here, text = self._lines[self._at]
            if text and here <= indent:
                break
            lines.append((here, text))
            self._at += 1
        least = min((here for here, text in lines if text), default=0)
        body = [" " * max(0, here - least) + text for here, text in lines]
        return "\n".join(body).strip("\n") + "\n"


def _closed(text: str) -> bool:
    return text.count("[") + text.count("{") <= (
        text.count("]") + text.count("}")
    )


def _uncomment(text: str) -> str:
    """Drop a comment that is not inside quotes."""
    quote = ""
    for at, char in enumerate(text):
        if quote:
            if char == quote:
                quote = ""
        elif char in "\"'" and (at == 0 or text[at - 1] in " [{,:"):
            quote = char
        elif char == "#" and (at == 0 or text[at - 1] == " "):
            return text[:at].rstrip()
    return text


def _scalar(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(part) for part in _split(text[1:-1])]
    if text.startswith("{") and text.endswith("}") and "{{" not in text[:2]:
        pairs = (part.partition(":") for part in _split(text[1:-1]))
        return {
            str(_scalar(key.strip())): _scalar(value.strip())
            for key, _, value in pairs
        }
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return json.loads(text)
        except ValueError:
            return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    known = {"true": True, "false": False, "null": None, "~": None, "": None}
    if text.lower() in known:
        return known[text.lower()]
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    return text


def _split(text: str) -> list[str]:
    """Split a flow collection at its own commas."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
