"""Questions to GitHub's GraphQL API: many things in one request.

https://docs.github.com/en/graphql
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from github.GithubException import GithubException

from ...exceptions import RateLimitedError, ReadError
from ..retry import LastingReadError
from .answers import advise, asking, reading
from .http import GithubHttp

__all__ = [
    "BATCH",
    "GraphqlAnswer",
    "GraphqlLimitError",
    "Variable",
    "ask_repositories",
    "batches",
    "query",
]

T = TypeVar("T")

BATCH = 50
"""Repositories that are asked for in one request.

A request may take ten seconds there, and count half a million nodes.
"""


_LIMITS = frozenset({"RATE_LIMIT", "RATE_LIMITED"})
"""What GitHub calls its own limit of GraphQL: by now, and in its docs."""


class GraphqlLimitError(RateLimitedError):
    """GraphQL's limit of an hour is used up; REST has another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlAnswer:
    """An answer, some parts of which may be missing."""

    data: Mapping[str, Any]
    """What was asked for, by alias; `None` where it cannot be had."""

    errors: Mapping[str, str]
    """Why not, by alias. Untrusted text."""

    paths: tuple[tuple[str | int, ...], ...] = ()
    """Where each of what cannot be had stands."""

    limit: str = ""
    """What GitHub says where too much was asked in an hour; usually empty."""


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
        Raised if GitHub asks to wait; `GraphqlLimitError` if that is for
        GraphQL alone.
    """
    key = text, tuple(sorted(variables.items()))
    answer = http.recall(
        key,
        lambda: http.retrier.read(lambda: _query_once(http, text, variables)),
    )
    if answer.limit:
        raise GraphqlLimitError(
            f"GitHub's rate limit: {answer.limit}",
            until=http.clock.now() + timedelta(seconds=60),
        )
    return answer


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
    paths, is_definite = [], False
    for error in errors if isinstance(errors, list) else []:
        said = str(error.get("message", "no reason given"))
        if error.get("type") in _LIMITS:
            return GraphqlAnswer(data={}, errors={}, limit=said)
        path = error.get("path") or ()
        found.setdefault(str(path[0]) if path else "", said)
        paths.append(tuple(path))
        # What takes too long there has neither.
        is_definite |= "type" in error or "extensions" in error
    if not isinstance(data, dict):
        said = "; ".join(found.values()) or "its answer is broken"
        kind = LastingReadError if is_definite else ReadError
        raise kind(
            f"GitHub does not answer a question: {said}", help=advise(said)
        )
    return GraphqlAnswer(data=data, errors=found, paths=tuple(paths))


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


class Variable(Protocol):
    """Passes a text to a query, and returns what stands for it there."""

    def __call__(self, text: str, kind: str = "String!") -> str:
        """Pass a text of a type of GraphQL's."""


def ask_repositories(
    http: GithubHttp,
    items: Sequence[tuple[str, T]],
    select: Callable[[T, Variable], str],
    fragment: str,
    advance: Callable[[int], None] = lambda done: None,
    *,
    size: int = BATCH,
) -> Iterator[tuple[T, Any, str]]:
    """Ask for something of many repositories, each under its own alias.

    Parameters
    ----------
    http
        Sends the requests.
    items
        Owner and name of a repository, and what to ask it for.
    select
        Returns the fields that are asked for.
    fragment
        What they refer to.
    advance
        Called with how many items more were asked for.
    size
        How many to ask for in one request.

    Yields
    ------
    tuple
        What was asked for, the answer, or `None`, and then why: where a
        whole request fails, for each of its items.
    """
    for some in batches(items, size):
        variables: dict[str, tuple[str, str]] = {}

        def variable(
            text: str,
            kind: str = "String!",
            into: dict[str, tuple[str, str]] = variables,
        ) -> str:
            name = f"v{len(into)}"
            into[name] = kind, text
            return f"${name}"

        parts = []
        for number, (repository, wanted) in enumerate(some):
            owner, _, short = repository.partition("/")
            parts.append(
                f"r{number}: repository(owner: {variable(owner)},"
                f" name: {variable(short)}) {select(wanted, variable)}"
            )
        declared = ", ".join(
            f"${n}: {kind}" for n, (kind, _) in variables.items()
        )
        text = f"query Fleet({declared}) {{ {' '.join(parts)} }}"
        values = {name: value for name, (_, value) in variables.items()}
        try:
            answer = query(http, text + fragment, values)
        except ReadError as e:
            answer = GraphqlAnswer(data={}, errors={"": e.message})
        usual = answer.errors.get("", "no such repository, or not allowed")
        for number, (_, wanted) in enumerate(some):
            alias = f"r{number}"
            said = answer.errors.get(alias, usual)
            yield wanted, answer.data.get(alias), said
        advance(len(some))
