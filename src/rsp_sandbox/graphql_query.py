"""Queries of GraphQL: their text, and how they are answered field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Object", "QueryRefusedError", "carry_out", "connection"]

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|\.\.\.|[{}()\[\]:$!=]|[A-Za-z_]\w*|-?\d+'
)

Object = dict[str, Any]
"""An object of GraphQL: values by field, with ``__typename``.

What depends on arguments, or is dear to have, is a function of the arguments.
"""


Path: TypeAlias = "tuple[str | int, ...]"
"""Where something stands in an answer."""


class _QueryError(Exception):
    """The query cannot be carried out."""


class QueryRefusedError(Exception):
    """A field cannot be answered: its kind of error, and why."""


class _Field(NamedTuple):
    """What is asked for of an object; ``...`` stands for a fragment."""

    name: str
    alias: str
    """Of a fragment: its name, or the type that it is for."""

    args: dict[str, Any]
    fields: list[_Field]


class _Parser:
    """Parses one operation and its fragments."""

    def __init__(self, text: str, variables: Mapping[str, Any]) -> None:
        self._tokens = _TOKEN.findall(re.sub(r"#[^\n]*", "", text))[::-1]
        self._variables = variables
        self.fragments: dict[str, list[_Field]] = {}
        self.kind = ""

    def document(self) -> list[_Field]:
        """Return what the operation asks for."""
        found: list[_Field] = []
        while self._tokens:
            kind = self._next()
            if kind == "fragment":
                name = self._next()
                self._skip_to("{")
                self.fragments[name] = self._selection()
            elif kind in {"query", "mutation"}:
                self.kind = kind.capitalize()
                self._skip_to("{")
                found = self._selection()
            else:
                raise _QueryError("This sandbox knows no subscriptions")
        return found

    def flat(self, fields: list[_Field], kind: str) -> Iterator[_Field]:
        """Put what fragments ask for of a type in place of them."""
        for item in fields:
            if item.name != "...":
                yield item
            elif item.fields:
                inner = item.fields if item.alias == kind else []
                yield from self.flat(inner, kind)
            elif item.alias in self.fragments:
                yield from self.flat(self.fragments[item.alias], kind)
            else:
                raise _QueryError(f"No such fragment {item.alias}")

    def _next(self) -> str:
        if not self._tokens:
            raise _QueryError("Unexpected end of document")
        return str(self._tokens.pop())

    def _skip_to(self, token: str) -> None:
        while self._next() != token:
            pass

    def _has(self, token: str) -> bool:
        """Take a token if it is the next."""
        is_next = self._tokens[-1:] == [token]
        if is_next:
            self._next()
        return is_next

    def _selection(self) -> list[_Field]:
        found = []
        while not self._has("}"):
            found.append(self._field())
        return found

    def _field(self) -> _Field:
        name = alias = self._next()
        args = {}
        if name == "...":
            self._has("on")
            alias = self._next()
        elif self._has(":"):
            name = self._next()
        if self._has("("):
            args = self._pairs(")")
        fields = self._selection() if self._has("{") else []
        return _Field(name, alias, args, fields)

    def _pairs(self, end: str) -> dict[str, Any]:
        found = {}
        while not self._has(end):
            key = self._next()
            self._skip_to(":")
            found[key] = self._value()
        return found

    def _value(self) -> Any:
        token = self._next()
        if token == "$":
            return self._variables.get(self._next())
        if token == "{":
            return self._pairs("}")
        if token == "[":
            found = []
            while not self._has("]"):
                found.append(self._value())
            return found
        try:
            return json.loads(token)
        except ValueError:
            return token


def carry_out(
    query: str, variables: Mapping[str, Any], root: Callable[[str], Object]
) -> dict[str, Any]:
    """Answer a query.

    Parameters
    ----------
    query
        The query's text.
    variables
        The values of its variables.
    root
        Returns what a query, or a mutation, begins with.

    Returns
    -------
    dict
        GraphQL's ``data`` and ``errors``.
    """
    parser = _Parser(query, variables)
    errors: list[dict[str, Any]] = []

    def fill(
        value: Any, args: dict[str, Any], fields: list[_Field], path: Path
    ) -> Any:
        if callable(value):
            try:
                value = value(args)
            except QueryRefusedError as e:
                error, text = e.args
                errors.append(
                    {"type": error, "path": list(path), "message": text}
                )
                return None
        if isinstance(value, list):
            return [
                fill(each, {}, fields, (*path, number))
                for number, each in enumerate(value)
            ]
        if not isinstance(value, dict):
            return value
        kind = value["__typename"]
        found: dict[str, Any] = {}
        for item in parser.flat(fields, kind):
            if item.name not in value:
                raise _QueryError(
                    f"Field '{item.name}' doesn't exist on type '{kind}'"
                )
            found[item.alias] = fill(
                value[item.name], item.args, item.fields, (*path, item.alias)
            )
        return found

    try:
        fields = parser.document()
        data = fill(root(parser.kind), {}, fields, ())
    except _QueryError as e:
        error = {"message": str(e), "extensions": {"code": "undefinedField"}}
        return {"errors": [error]}
    return {"data": data} | ({"errors": errors} if errors else {})


def connection(kind: str, items: list[Any], args: dict[str, Any]) -> Object:
    """Return the first or the last of some items, as many as is asked for.

    Parameters
    ----------
    kind
        What they are.
    items
        All of them.
    args
        The arguments.
    """
    first, last = args.get("first"), args.get("last")
    size = first or last
    if not isinstance(size, int) or not 0 < size <= 100:
        raise _QueryError("You must provide `first` or `last`, at most 100")
    return {
        "__typename": f"{kind}Connection",
        "nodes": items[:size] if first else items[-size:],
        "totalCount": len(items),
        "pageInfo": {
            "__typename": "PageInfo",
            "hasNextPage": bool(first) and len(items) > size,
        },
    }
