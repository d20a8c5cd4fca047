"""The grammar of GitHub's expressions.

An expression becomes a tree of tuples whose first item says what they are. How
deep it nests and how long it is are bounded, so that evaluating it is, too.
"""

from __future__ import annotations

import math
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


_STRENGTH = {
    "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4,
}  # fmt: skip
"""How tightly an operator binds."""

_WORDS = {
    "true": True, "false": False, "null": None,
    "NaN": math.nan, "Infinity": math.inf,
}  # fmt: skip


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
        self._tokens.append(("end", ""))
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._binary()
        self._next("end")
        return node

    def _take(self, *ops: str) -> str | None:
        """Go on over an operator, if one of these is next."""
        kind, text = self._tokens[self._at]
        if kind != "op" or text not in ops:
            return None
        self._at += 1
        return text

    def _next(self, *kinds: str, text: str = "") -> tuple[str, str]:
        """Go on over a token, which must be of one of these kinds."""
        token = self._tokens[self._at]
        if token[0] not in kinds or text not in ("", token[1]):
            raise UnreadableError
        self._at += 1
        return token

    def _binary(self, least: int = 1) -> Node:
        """Read operands between operators that bind so tightly at least."""
        node = self._unary()
        most = max(_STRENGTH.values())
        while op := self._take(
            *(op for op, s in _STRENGTH.items() if least <= s <= most)
        ):
            right = self._binary(_STRENGTH[op] + 1)
            # A chain is one node, however long; comparisons make none.
            is_chain = op in {"&&", "||"} and node[0] == op
            node = (*node, right) if is_chain else (op, node, right)
            most = _STRENGTH[op] - (op not in {"&&", "||"})
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
                index = ("*",) if self._take("*") else self._binary()
                self._next("op", text="]")
                node = ("[]", node, index)
            elif self._take("*"):
                node = ("[]", node, ("*",))
            else:
                node = ("[]", node, ("literal", self._next("name")[1]))
        return node

    def _primary(self) -> Node:
        if self._take("("):
            node = self._binary()
            self._next("op", text=")")
            return node
        kind, text = self._next("string", "number", "name")
        if kind == "string":
            return ("literal", text[1:-1].replace("''", "'"))
        if kind == "number":
            return ("literal", number(text))
        if text in _WORDS:
            return ("literal", _WORDS[text])
        if not self._take("("):
            return ("context", text.lower())
        arguments: list[Node] = []
        while not self._take(")"):
            if arguments:
                self._next("op", text=",")
            arguments.append(self._binary())
        return ("call", text.lower(), *arguments)


def parse(text: str) -> Node:
    """Parse an expression.

    Parameters
    ----------
    text
        The expression, without ``${{ }}``.

    Returns
    -------
    tuple
        Its tree.

    Raises
    ------
    UnreadableError
        Raised if it is none.
    """
    return _Parser(text).parse()
