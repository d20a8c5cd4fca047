"""GitHub's expressions, as far as they can be worked out from the file.

The rules are those of "Evaluate expressions in workflows and actions" in
GitHub's documentation: case-insensitive comparison of strings, the falsy
values, the coercion to numbers, and operators that return an operand. A value
that depends on something that the file doesn't show is unknown (see
`~rsp_release.workflow.unknown`), and so is all that is computed from it, but
for what logic decides without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from .unknown import bounded, is_known, unknown, unknowns

__all__ = ["Contexts", "condition", "fill", "fill_all", "value_of"]

Contexts: TypeAlias = Mapping[str, Any]
"""The contexts by name. A context that is missing is unknown."""

_MAX_LENGTH = 21000
_MAX_DEPTH = 50
_MAX_FORMATTED = 1 << 20
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?0x[0-9a-fA-F]+|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)"
    r"|(?P<op>&&|\|\||==|!=|<=|>=|[!<>().,\[\]*]))"
)
_STATUS = {"always", "cancelled", "failure", "success"}


class _UnreadableError(Exception):
    """The expression is not one that can be read."""


Node: TypeAlias = tuple[Any, ...]


class _Parser:
    """A parser by recursive descent, to tuples."""

    def __init__(self, text: str) -> None:
        if len(text) > _MAX_LENGTH:
            raise _UnreadableError
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match or match.lastgroup is None:
                raise _UnreadableError
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            at = match.end()
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        node = self._binary(0)
        if self._at != len(self._tokens):
            raise _UnreadableError
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
            raise _UnreadableError

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
            raise _UnreadableError
        node = ("!", self._unary()) if self._take("!") else self._postfix()
        self._depth -= 1
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        steps = 0
        while op := self._take(".", "["):
            steps += 1
            if steps > _MAX_DEPTH:
                raise _UnreadableError
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
            raise _UnreadableError
        kind, text = self._tokens[self._at]
        if kind != "name":
            raise _UnreadableError
        self._at += 1
        return text

    def _primary(self) -> Node:
        if self._take("("):
            node = self._binary(0)
            self._need(")")
            return node
        if self._at >= len(self._tokens):
            raise _UnreadableError
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "string":
            return ("literal", text[1:-1].replace("''", "'"))
        if kind == "number":
            return ("literal", _number(text))
        if kind != "name":
            raise _UnreadableError
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


def _number(value: Any) -> float:
    """Coerce to a number as GitHub does; not a number if it is none."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        try:
            if re.fullmatch(r"[+-]?0x[0-9a-fA-F]{1,13}", text):
                return float(int(text, 16))
            if re.fullmatch(r"[0-9eE.+-]{1,40}", text):
                return float(text)
        except (ValueError, OverflowError):
            return float("nan")
        return 0.0 if not text else float("nan")
    return float("nan")


def _text(value: Any) -> str:
    """Coerce to text as GitHub does."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list):
        return "Array"
    if isinstance(value, dict):
        return "Object"
    return str(value)


def _is_true(value: Any) -> bool | None:
    """Return whether a value counts as true; `None` if not known."""
    if isinstance(value, str) and not is_known(value):
        return None
    if isinstance(value, float | int) and not isinstance(value, bool):
        return value == value and value != 0  # noqa: PLR0124
    return bool(value) or isinstance(value, dict | list)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if isinstance(left, dict | list) or isinstance(right, dict | list):
        return left is right
    if left is None and right is None:
        return True
    if isinstance(left, bool) and isinstance(right, bool):
        return left is right
    return _number(left) == _number(right)


def _compare(op: str, left: Any, right: Any) -> Any:
    if not (is_known(left) and is_known(right)):
        return _unknown_of(left, right)
    if op in {"==", "!="}:
        return _equal(left, right) is (op == "==")
    if isinstance(left, str) and isinstance(right, str):
        low, high = left.lower(), right.lower()
        return {
            "<": low < high,
            "<=": low <= high,
            ">": low > high,
            ">=": low >= high,
        }[op]
    first, second = _number(left), _number(right)
    return {
        "<": first < second,
        "<=": first <= second,
        ">": first > second,
        ">=": first >= second,
    }[op]


def _unknown_of(*values: Any) -> str:
    """Return an unknown value with the source of the first unknown one."""
    for value in values:
        if isinstance(value, str):
            for source in unknowns(value):
                return unknown(source)
    return unknown("something")


def _path(node: Node) -> str:
    """Return how an access is written, for naming what is unknown."""
    if node[0] == "context":
        return str(node[1])
    if node[0] == "[]":
        index = node[2]
        last = index[1] if index[0] == "literal" else "*"
        return f"{_path(node[1])}.{last}"
    if node[0] == "call":
        return f"{node[1]}()"
    return "expression"


def _evaluate(node: Node, contexts: Contexts) -> Any:
    kind = node[0]
    if kind == "literal":
        return node[1]
    if kind == "context":
        if node[1] in contexts:
            return contexts[node[1]]
        return unknown(node[1])
    if kind == "[]":
        return _index(node, contexts)
    if kind == "call":
        return _call(node, contexts)
    if kind == "!":
        truth = _truth(node[1], contexts)
        if truth is None:
            return unknown("condition")
        return not truth
    if kind in {"&&", "||"}:
        value = None
        for side in node[1:]:
            value = _evaluate(side, contexts)
            truth = _is_true(value)
            if truth is None:
                return _unknown_of(value)
            if truth is (kind == "||"):
                break
        return value
    return _compare(
        kind, _evaluate(node[1], contexts), _evaluate(node[2], contexts)
    )


def _truth(node: Node, contexts: Contexts) -> bool | None:
    """Decide a condition, also where a part of it doesn't matter."""
    if node[0] == "!":
        truth = _truth(node[1], contexts)
        return None if truth is None else not truth
    if node[0] in {"&&", "||"}:
        decisive = node[0] == "||"
        sides = [_truth(side, contexts) for side in node[1:]]
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    return _is_true(_evaluate(node, contexts))


def _index(node: Node, contexts: Contexts) -> Any:
    base = _evaluate(node[1], contexts)
    if isinstance(base, str):
        # Only an unknown object is a string that one can look into.
        return "" if is_known(base) else unknown(_path(node))
    if node[2] == ("*",):
        if isinstance(base, dict):
            return list(base.values())
        return base if isinstance(base, list) else []
    index = _evaluate(node[2], contexts)
    if not is_known(index):
        return _unknown_of(index)
    if isinstance(base, dict):
        wanted = _text(index).lower()
        for key, value in base.items():
            if str(key).lower() == wanted:
                return value
        return unknown(_path(node)) if "*" in base else None
    if isinstance(base, list):
        number = _number(index)
        if number.is_integer() and 0 <= number < len(base):
            return base[int(number)]
    return None


def _call(node: Node, contexts: Contexts) -> Any:  # noqa: C901, PLR0912
    name = node[1]
    if name in _STATUS:
        states = contexts.get("*status*", {})
        return states.get(name, unknown(f"{name}()"))
    values = [_evaluate(argument, contexts) for argument in node[2:]]
    if not all(is_known(value) for value in values):
        return _unknown_of(*values)
    match name, values:
        case "contains", [list() as items, item]:
            return any(_equal(entry, item) for entry in items)
        case "contains", [whole, part]:
            return _text(part).lower() in _text(whole).lower()
        case "startswith", [whole, part]:
            return _text(whole).lower().startswith(_text(part).lower())
        case "endswith", [whole, part]:
            return _text(whole).lower().endswith(_text(part).lower())
        case "format", [str() as template, *arguments]:
            return _format(template, arguments)
        case "join", [list() as items]:
            return ",".join(_text(item) for item in items)
        case "join", [list() as items, separator]:
            return _text(separator).join(_text(item) for item in items)
        case "join", [single, *_]:
            return _text(single)
        case "tojson", [value]:
            return json.dumps(value, indent=2)
        case "fromjson", [str() as text]:
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise _UnreadableError from None
        case "fromjson", [value]:
            return value
    return unknown(f"{name}()")


def _format(template: str, arguments: list[Any]) -> str:
    def one(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        number = int(match[1])
        if number >= len(arguments):
            raise _UnreadableError
        return _text(arguments[number])

    if len(template) * sum(len(_text(value)) + 1 for value in arguments) > (
        _MAX_FORMATTED
    ):
        raise _UnreadableError
    return re.sub(r"\{\{|\}\}|\{(\d{1,3})\}", one, template)


def _split(text: str) -> list[tuple[bool, str]]:
    """Split a text into expressions and what stands between them."""
    parts = []
    at = 0
    while (start := text.find("${{", at)) >= 0:
        end, is_quoted = start + 3, False
        while end < len(text) and (
            is_quoted or not text.startswith("}}", end)
        ):
            is_quoted ^= text[end] == "'"
            end += 1
        if at < start:
            parts.append((False, text[at:start]))
        parts.append((True, text[start + 3 : end]))
        at = end + 2
    if at < len(text):
        parts.append((False, text[at:]))
    return parts


def _strip(expression: str) -> str:
    text = expression.strip()
    if text.startswith("${{") and text.endswith("}}"):
        inner = text[3:-2]
        if "${{" not in inner:
            return inner
    return text


def _parse(text: str) -> Node | None:
    try:
        return _Parser(text).parse()
    except _UnreadableError:
        return None


def _calls_status(node: Node) -> bool:
    if node[0] == "call" and node[1] in _STATUS:
        return True
    return any(_calls_status(part) for part in node if isinstance(part, tuple))


def condition(expression: Any, contexts: Contexts) -> bool | None:
    """Decide an ``if:`` of a job or a step.

    Parameters
    ----------
    expression
        What stands there, with or without ``${{ }}``; `None` for nothing.
    contexts
        The contexts. ``*status*`` maps the status functions to what they
        return.

    Returns
    -------
    bool or None
        Whether it holds; `None` if that can't be worked out. As on GitHub,
        ``success()`` is required unless a status function is called.
    """
    success = _is_true(contexts.get("*status*", {}).get("success", True))
    if expression is None or expression == "":
        return success
    if not isinstance(expression, str):
        truth = _is_true(expression)
        return truth if success or not truth else success
    text = _strip(expression)
    if "${{" in text:
        # Text around an expression makes a string, which is true unless
        # empty; people rarely mean that, so don't build on it.
        return None
    node = _parse(text)
    if node is None:
        return None
    try:
        truth = _truth(node, contexts)
    except _UnreadableError:
        return None
    if _calls_status(node):
        return truth
    sides = (truth, success)
    if False in sides:
        return False
    return None if None in sides else True


def value_of(expression: str, contexts: Contexts) -> Any:
    """Return the value of one expression, without its ``${{ }}``.

    Parameters
    ----------
    expression
        The expression.
    contexts
        The contexts.

    Returns
    -------
    typing.Any
        The value, of a JSON type; a marked string where it is not known.
    """
    node = _parse(expression)
    if node is None:
        return unknown("expression")
    try:
        return _evaluate(node, contexts)
    except _UnreadableError:
        return unknown("expression")


def fill(value: Any, contexts: Contexts) -> str:
    """Fill in the expressions of a text, as GitHub does before it runs it.

    Parameters
    ----------
    value
        A scalar from the file.
    contexts
        The contexts.

    Returns
    -------
    str
        The text, with marks where parts of it are not known.
    """
    if not isinstance(value, str):
        return _text(value)
    parts = []
    for is_expression, part in _split(value):
        if is_expression:
            parts.append(bounded(_text(value_of(part, contexts))))
        else:
            parts.append(part)
    return bounded("".join(parts))


def fill_all(value: Any, contexts: Contexts) -> Any:
    """Fill in the expressions of a whole tree, keeping types.

    A text that is one expression alone takes on that expression's type.
    """
    if isinstance(value, dict):
        return {key: fill_all(item, contexts) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_all(item, contexts) for item in value]
    if isinstance(value, str):
        parts = _split(value.strip())
        if len(parts) == 1 and parts[0][0]:
            return value_of(parts[0][1], contexts)
        return fill(value, contexts)
    return value
