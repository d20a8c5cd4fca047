"""Questions to GitHub's GraphQL API: many things in one request.

https://docs.github.com/en/graphql
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from github.GithubException import GithubException

from ...exceptions import RateLimitedError, ReadError
from .answers import advise, asking, reading
from .http import GithubHttp

__all__ = ["BATCH", "GraphqlAnswer", "batches", "query"]

T = TypeVar("T")

BATCH = 50
"""Repositories that are asked for in one request.

A request may take ten seconds there, and count half a million nodes.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlAnswer:
    """An answer, some parts of which may be missing."""

    data: Mapping[str, Any]
    """What was asked for, by alias; `None` where it cannot be had."""

    errors: Mapping[str, str]
    """Why not, by alias. Untrusted text."""


def query(
    http: GithubHttp, text: str, variables: Mapping[str, Any]
) -> GraphqlAnswer:
    """Ask a question, which changes nothing.

    Parameters
    ----------
    http
        Sends the request.
    text
        The query. It holds no foreign text: that goes in variables.
    variables
        Values of its variables.

    Returns
    -------
    GraphqlAnswer
        What GitHub knows.

    Raises
    ------
    ReadError
        Raised if there was no definite answer.
    NotAllowedError
        Raised if the credentials are not accepted.
    RateLimitedError
        Raised if GitHub asks to wait.
    """
    key = text, tuple(sorted(variables.items()))
    return http.recall(
        key,
        lambda: http.retrier.read(lambda: _query_once(http, text, variables)),
    )


@reading
def _query_once(
    http: GithubHttp, text: str, variables: Mapping[str, Any]
) -> GraphqlAnswer:
    try:
        _, told = asking(
            lambda: http.probe(
                lambda: http.graphql_query(text, dict(variables))
            )
        )
    except GithubException as e:
        # PyGithub takes an answer with some errors for none.
        told = e.data
    errors = told.get("errors")
    data = told.get("data")
    found: dict[str, str] = {}
    for error in errors if isinstance(errors, list) else []:
        said = str(error.get("message", "no reason given"))
        if error.get("type") == "RATE_LIMITED":
            raise RateLimitedError(
                f"GitHub's rate limit: {said}",
                until=http.clock.now() + timedelta(seconds=60),
            )
        path = error.get("path")
        found.setdefault(str(path[0]) if path else "", said)
    if not isinstance(data, dict):
        said = "; ".join(found.values()) or "its answer is broken"
        raise ReadError(
            f"GitHub does not answer a question: {said}", help=advise(said)
        )
    return GraphqlAnswer(data=data, errors=found)


def batches(items: Sequence[T], most: int = BATCH) -> Iterator[Sequence[T]]:
    """Yield some items after others, as many as one request may ask for.

    Parameters
    ----------
    items
        All items.
    most
        How many that are.
    """
    for start in range(0, len(items), most):
        yield items[start : start + most]
