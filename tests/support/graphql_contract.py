"""Validates GraphQL against GitHub's public schema.

The schema is ``schema.graphql`` of the npm package
``@octokit/graphql-schema``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .contract import Record

__all__ = ["GraphqlContract"]


class GraphqlContract:
    """GitHub's schema, ready to judge by.

    Parameters
    ----------
    path
        The schema's file.
    """

    def __init__(self, path: Path) -> None:
        from graphql import build_schema

        # GitHub's own schema defines some fields twice, and deprecates some
        # that interfaces need.
        self._schema = build_schema(
            path.read_text(encoding="utf-8"),
            assume_valid=True,
            assume_valid_sdl=True,
        )
        self.queries = 0
        """How many queries were validated."""
        self.answers = 0
        """How many answers were validated."""

    def check_record(self, record: Record) -> list[str]:
        """Judge a logged query and its answer.

        Parameters
        ----------
        record
            The request.

        Returns
        -------
        list of str
            The violations, one sentence each.
        """
        if not record.path.endswith("/graphql"):
            return []
        body = json.loads(record.body)
        found = list(self.check_query(body["query"], body["variables"]))
        if record.status == 200 and record.fault in {None, "slow"}:
            answer = json.loads(record.response_body)
            found += self.check_answer(body["query"], body, answer)
        return found

    def check_query(
        self, query: str, variables: dict[str, Any]
    ) -> Iterator[str]:
        """Judge a query.

        Yields
        ------
        str
            A violation.
        """
        from graphql import GraphQLError, parse, validate
        from graphql.execution.values import get_variable_values

        self.queries += 1
        try:
            document = parse(query)
        except GraphQLError as e:
            yield f"GraphQL: {e.message}"
            return
        for error in validate(self._schema, document):
            yield f"GraphQL: {error.message}"
        for definition in document.definitions:
            wanted = getattr(definition, "variable_definitions", None)
            values = get_variable_values(self._schema, wanted or (), variables)
            if isinstance(values, list):
                yield from (f"GraphQL: {e.message}" for e in values)

    def check_answer(
        self, query: str, body: dict[str, Any], answer: dict[str, Any]
    ) -> Iterator[str]:
        """Judge an answer, by carrying out the query upon it.

        Yields
        ------
        str
            A violation.
        """
        from graphql import execute, parse

        self.answers += 1
        if answer.get("data") is None:
            if not answer.get("errors"):
                yield "GraphQL: neither data nor errors"
            return

        def resolve(source: Any, info: Any, **_: Any) -> Any:
            return source[info.path.key]

        def choose(value: Any, *_: Any) -> str:
            if "__typename" in value:
                return str(value["__typename"])
            if "login" in value:
                return "User"
            if "history" in value or "checkSuites" in value:
                return "Commit"
            return "Blob" if "text" in value else "Tree"

        result = execute(
            self._schema,
            parse(query),
            root_value=answer["data"],
            variable_values=body["variables"],
            field_resolver=resolve,
            type_resolver=choose,
        )
        for error in result.errors or ():  # type: ignore[union-attr]
            yield f"GraphQL's answer: {error.message} at {error.path}"
        if not result.errors and result.data != answer["data"]:  # type: ignore[union-attr]
            yield "GraphQL's answer has more than was asked for"
