"""GitHub's expressions, as far as they can be worked out from the file.

The rules are those of "Evaluate expressions in workflows and actions" in
GitHub's documentation: case-insensitive comparison of strings, the falsy
values, the coercion to numbers, and operators that return an operand. A value
that depends on something that the file doesn't show is unknown (see
`~rsp_release.publishing.unknown`), and so is all that is computed from it, but
for what logic decides without it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from .grammar import Node, UnreadableError, parse
from .unknown import bounded, is_known, unknown, unknowns
from .values import both, compare, equal, is_true, list_of, number, text_of

__all__ = ["Contexts", "condition", "fill", "fill_all", "value_of"]

Contexts: TypeAlias = Mapping[str, Any]
"""The contexts by name. A context that is missing is unknown."""

_ANY: Node = ("*",)
"""The index that selects every value."""

_MAX_FORMATTED = 1 << 20
_MAX_VALUE = 1 << 12
_MAX_FILLED = 1 << 16
_EXPRESSION = re.compile(
    r"\$\{\{((?:'[^']*+(?:'|\Z)|(?!\}\})[^'])*)(?:\}\}|\Z)"
)
_STATUS = {"always", "cancelled", "failure", "success"}


def _unknown_of(*values: Any) -> str:
    """Return an unknown value with the source of the first unknown one."""
    for value in values:
        for part in list_of(value):
            for source in unknowns(part) if isinstance(part, str) else ():
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


def _evaluate(node: Node, contexts: Contexts) -> Any:  # noqa: C901
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
        truth = _truth(node, contexts)
        return unknown("condition") if truth is None else truth
    if kind in {"&&", "||"}:
        value = None
        for side in node[1:]:
            value = _evaluate(side, contexts)
            truth = is_true(value)
            if truth is None:
                return _unknown_of(value)
            if truth is (kind == "||"):
                break
        return value
    left, right = (_evaluate(side, contexts) for side in node[1:])
    if is_known(left) and is_known(right):
        return compare(kind, left, right)
    return _unknown_of(left, right)


def _truth(node: Node, contexts: Contexts) -> bool | None:
    """Decide a condition, also where a part of it doesn't matter."""
    if node[0] == "!":
        truth = _truth(node[1], contexts)
        return None if truth is None else not truth
    if node[0] in {"&&", "||"}:
        decisive: bool = node[0] == "||"
        sides = [_truth(side, contexts) for side in node[1:]]
        if decisive in sides:
            return decisive
        return None if None in sides else not decisive
    return is_true(_evaluate(node, contexts))


class _Filtered(list[Any]):
    """What ``*`` selects: an index looks into each of its values."""


def _index(node: Node, contexts: Contexts) -> Any:
    base = _evaluate(node[1], contexts)
    index = None if node[2] == _ANY else _evaluate(node[2], contexts)
    if not is_known(index):
        return _unknown_of(index)
    if not isinstance(base, _Filtered):
        found = _select(base, index, node)
        return _Filtered(found) if node[2] == _ANY else next(iter(found), None)
    selected = (_select(value, index, node) for value in base)
    return _Filtered(itertools.chain.from_iterable(selected))


def _select(base: Any, index: Any, node: Node) -> list[Any]:
    """Return what an index or ``*`` selects of a value: nothing, or some."""
    if isinstance(base, str):
        # Only an unknown object is a string that one can look into.
        return [] if is_known(base) else [unknown(_path(node))]
    if isinstance(base, dict):
        wanted = text_of(index).lower()
        found = [
            value
            for key, value in base.items()
            if node[2] == _ANY or str(key).lower() == wanted
        ]
        # A value under "*" stands for keys that the files don't show.
        return found or ([unknown(_path(node))] if "*" in base else [])
    if not isinstance(base, list) or node[2] == _ANY:
        return base if isinstance(base, list) else []
    place = number(index)
    return [base[int(place)]] if 0 <= place < len(base) else []


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
            return any(equal(entry, item) for entry in items)
        case "contains", [whole, part]:
            return text_of(part).lower() in text_of(whole).lower()
        case "startswith", [whole, part]:
            return text_of(whole).lower().startswith(text_of(part).lower())
        case "endswith", [whole, part]:
            return text_of(whole).lower().endswith(text_of(part).lower())
        case "format", [template, *arguments]:
            return _format(text_of(template), arguments)
        case "join", [items, *more]:
            separator = text_of(more[0]) if more else ","
            return separator.join(map(text_of, list_of(items)))
        case "tojson", [value]:
            return json.dumps(value, indent=2)
        case "fromjson", [str() as text]:
            try:
                return json.loads(text)
            except ValueError:
                raise UnreadableError from None
        case "fromjson", [value]:
            return value
        case _:
            return unknown(f"{name}()")


def _format(template: str, arguments: list[Any]) -> str:
    def one(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        if match[1] is None or int(match[1]) >= len(arguments):
            raise UnreadableError
        return text_of(arguments[int(match[1])])

    if len(template) * sum(len(text_of(value)) + 1 for value in arguments) > (
        _MAX_FORMATTED
    ):
        raise UnreadableError
    return re.sub(r"\{\{|\}\}|\{(\d{1,3})\}|[{}]", one, template)


def _whole(text: str) -> str | None:
    """Return the expression that a text is and nothing else, if it is."""
    match = _EXPRESSION.fullmatch(text.strip())
    return match[1] if match else None


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
    success: bool | None = is_true(
        contexts.get("*status*", {}).get("success", True)
    )
    if expression is None or expression == "":
        return success
    if not isinstance(expression, str):
        return both(is_true(expression), success)
    text = _whole(expression) or expression
    if "${{" in text:
        # Text around an expression makes a string, which is true unless
        # empty; people rarely mean that, so don't build on it.
        return None
    try:
        node = parse(text)
        truth = _truth(node, contexts)
    except (UnreadableError, RecursionError):
        return None
    return truth if _calls_status(node) else both(truth, success)


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
    try:
        return _evaluate(parse(expression), contexts)
    except (UnreadableError, RecursionError):
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
        return text_of(value)

    def one(match: re.Match[str]) -> str:
        return bounded(text_of(value_of(match[1], contexts)), _MAX_VALUE)

    return bounded(_EXPRESSION.sub(one, value), _MAX_FILLED)


def fill_all(value: Any, contexts: Contexts) -> Any:
    """Fill in the expressions of a whole tree, keeping types.

    A text that is one expression alone takes on that expression's type.
    """
    if isinstance(value, dict):
        return {key: fill_all(item, contexts) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_all(item, contexts) for item in value]
    if isinstance(value, str):
        whole = _whole(value)
        if whole is not None:
            return value_of(whole, contexts)
        return fill(value, contexts)
    return value
