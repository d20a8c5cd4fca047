"""The grammar of GitHub's expressions.

An expression becomes a tree of tuples whose first item says what they are. How
deep it nests and how long it is are bounded, so that evaluating it is, too.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from .values import number

__all__ = ["Node", "UnreadableError", "parse"]

Node: TypeAlias = tuple[Any, ...]
"""A literal, a context, an access, a call or an operation."""

_MAX_LENGTH = 21000
_MAX_DEPTH = 50
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?0x[0-9a-fA-F]+|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<op>&&|\|\||==|!=|<=|>=|[!<>().,\[\]*]))"
)


class UnreadableError(Exception):
    """The expression is not one that can be read."""


class _Parser:
    """A parser by recursive descent, to tuples."""

    def __init__(self, text: str) -> None:
        if len(text) > _MAX_LENGTH:
            raise UnreadableError
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match or match.lastgroup is None:
                raise UnreadableError
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._binary(0)
        if self._at != len(self._tokens):
            raise UnreadableError
        return node

    def _take(self, *ops: str) -> str | None:
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind == "op" and text in ops:
                self._at += 1
                return text
        return None

    def _need(self, op: str) -> None:
        if not self._take(op):
            raise UnreadableError

    _LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="))

    def _binary(self, level: int) -> Node:
        if level == len(self._LEVELS):
            return self._unary()
        node = self._binary(level + 1)
        if level < 2:
            # A chain is one node, however long.
            sides = [node]
            while self._take(*self._LEVELS[level]):
                sides.append(self._binary(level + 1))
            if len(sides) > 1:
                return (self._LEVELS[level][0], *sides)
            return node
        if op := self._take(*self._LEVELS[level]):
            node = (op, node, self._binary(level + 1))
        return node

    def _unary(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadableError
        node = ("!", self._unary()) if self._take("!") else self._postfix()
        self._depth -= 1
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        steps = 0
        while op := self._take(".", "["):
            steps += 1
            if steps > _MAX_DEPTH:
                raise UnreadableError
            if op == "[":
                index = ("*",) if self._take("*") else self._binary(0)
                self._need("]")
                node = ("[]", node, index)
            elif self._take("*"):
                node = ("[]", node, ("*",))
            else:
                node = ("[]", node, ("literal", self._name()))
        return node

    def _name(self) -> str:
        if self._at >= len(self._tokens):
            raise UnreadableError
        kind, text = self._tokens[self._at]
        if kind != "name":
            raise UnreadableError
        self._at += 1
        return text

    def _primary(self) -> Node:  # noqa: C901
        if self._take("("):
            node = self._binary(0)
            self._need(")")
            return node
        if self._at >= len(self._tokens):
            raise UnreadableError
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "string":
            return ("literal", text[1:-1].replace("''", "'"))
        if kind == "number":
            return ("literal", number(text))
        if kind != "name":
            raise UnreadableError
        if text in {"true", "false"}:
            return ("literal", text == "true")
        if text == "null":
            return ("literal", None)
        if self._take("("):
            arguments = []
            if not self._take(")"):
                arguments.append(self._binary(0))
                while self._take(","):
                    arguments.append(self._binary(0))
                self._need(")")
            return ("call", text.lower(), *arguments)
        return ("context", text.lower())


def parse(text: str) -> Node | None:
    """Parse an expression.

    Parameters
    ----------
    text
        The expression, without ``${{ }}``.

    Returns
    -------
    tuple or None
        Its tree, or `None` if it is none.
    """
    try:
        return _Parser(text).parse()
    except UnreadableError:
        return None
