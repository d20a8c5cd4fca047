"""What GitHub's answers mean, and what becomes of those of another shape.

The one place that turns answers, and what PyGithub's objects raise, into
errors of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from github.GithubException import BadAttributeException, GithubException

from ...exceptions import (
    NotAllowedError,
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    UncertainError,
)
from ..http import plain_text
from ..retry import LastingReadError

__all__ = [
    "UNUSABLE",
    "Answer",
    "MissingEndpointError",
    "asking",
    "collect_messages",
    "judge",
    "look",
    "reading",
    "unless",
    "writing",
]

P = ParamSpec("P")
T = TypeVar("T")

UNUSABLE = "GitHub's answer cannot be used"
"""How the message begins for an answer that came, and is of no use."""

_SHAPES = (
    AssertionError,
    AttributeError,
    BadAttributeException,
    GithubException,
    KeyError,
    TypeError,
    ValueError,
)
"""What PyGithub's objects, and ours, make of an answer of another shape."""


class MissingEndpointError(LastingReadError):
    """The server has no such endpoint: an older one, or not GitHub's."""


def reading(method: Callable[P, T]) -> Callable[P, T]:
    """Turn an answer of an unexpected shape into a failed read.

    What PyGithub's objects were not told is `None`, whatever their types
    say. So what is returned is looked at as well.
    """
    may_be_none = "None" in str(method.__annotations__["return"])

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            found = method(*args, **kwargs)
            if found is not None:
                _check(found)
            elif not may_be_none:
                raise ValueError("it lacks what was asked for")
        except _SHAPES as e:
            raise ReadError(_explain_shape(e)) from e
        return found

    return wrapper


def _check(found: object) -> None:
    """Raise if a value lacks something that it must have."""
    if isinstance(found, tuple):
        for each in found:
            if each is None:
                raise ValueError("an item is missing")
            _check(each)
    elif is_dataclass(found):
        for field in fields(found):
            value = getattr(found, field.name)
            if value is None and "None" not in str(field.type):
                raise ValueError(f"no {field.name}")
            _check(value)


def writing(method: Callable[P, T]) -> Callable[P, T]:
    """Turn such an answer to a write into an uncertain write."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except _SHAPES as e:
            raise UncertainError(_explain_shape(e)) from e

    return wrapper


def _explain_shape(error: Exception) -> str:
    if isinstance(error, BadAttributeException):
        said = f"unexpected {error.actual_value!r}"
    else:
        said = f"{type(error).__name__}: {error}"
    return f"{UNUSABLE}: {plain_text(said)}"


def asking(ask: Callable[[], T]) -> T:
    """Send what is a POST, but changes nothing."""
    try:
        return ask()
    except (NotSentError, UncertainError, RefusedError) as e:
        raise ReadError(e.message, help=e.help) from e


def look(read: Callable[[], T]) -> T:
    """Look before a write; if that fails, nothing was written."""
    try:
        return read()
    except ReadError as e:
        raise NotSentError(e.message) from e


def unless(read: Callable[[], T], *errors: type[Exception]) -> T | None:
    """Read what can be done without; return `None` where it fails so."""
    try:
        return read()
    except errors:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, whatever it says."""

    status: int
    """The HTTP status."""

    headers: dict[str, str]
    """The headers, their names in lower case."""

    data: Any
    """The decoded body."""

    problem: str
    """Why there is no data where there should be."""

    said: str
    """What an error says, without secrets. Untrusted text."""

    @property
    def is_absence(self) -> bool:
        """Whether GitHub itself, and not some proxy, has no such thing."""
        return (
            self.status in (404, 410)
            and isinstance(self.data, dict)
            and "message" in self.data
        )


def judge(
    answer: Answer, path: str, *, is_read: bool, has_token: bool, now: datetime
) -> None:
    """Raise unless an answer grants what was asked for.

    Parameters
    ----------
    answer
        The answer.
    path
        What was asked, for a person.
    is_read
        Whether nothing was to be changed.
    has_token
        Whether there were credentials.
    now
        The present time.

    Raises
    ------
    ReadError
        Raised if a read had no definite answer.
    RefusedError
        Raised if GitHub definitely refused a write.
    UncertainError
        Raised if it is not known whether a write happened.
    NotAllowedError
        Raised if the credentials are not accepted, or lack a permission.
    RateLimitedError
        Raised if GitHub asks to wait; nothing was written.
    """
    status = answer.status
    unknown = ReadError if is_read else UncertainError
    if status >= 500:
        raise unknown(
            f"GitHub answers {status}", help="see https://www.githubstatus.com"
        )
    if status == 404 and path.endswith("/graphql"):
        raise MissingEndpointError("this server has no GraphQL")
    if status == 404 and answer.problem and path.endswith("/generate-notes"):
        # GitHub itself says so to those who lack a permission.
        raise MissingEndpointError("this server generates no notes")
    if answer.problem:
        raise unknown(f"{UNUSABLE}: {answer.problem}")
    if status < 300:
        return
    if status in (403, 429):
        _raise_for_limits(answer, now)
    if status in (401, 403):
        raise _explain_denial(answer, has_token=has_token)
    if is_read:
        raise ReadError(f"GitHub answers {status} for {path}: {answer.said}")
    if status == 404:
        raise NotAllowedError(
            f"GitHub does not let these credentials write to {path}",
            help=(
                "the token needs Contents: write; where the release"
                " changes workflow files, Workflows: write as well"
            ),
        )
    raise RefusedError(
        f"GitHub refused: {answer.said}",
        is_duplicate=re.search("already[_ ]exists", answer.said) is not None,
    )


def _raise_for_limits(answer: Answer, now: datetime) -> None:
    """Raise if GitHub asks to wait.

    The order of the headers is that of
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    wait = answer.headers.get("retry-after", "")
    if wait.isdigit():
        seconds = float(wait)
    elif answer.headers.get("x-ratelimit-remaining") == "0":
        seconds = _until_reset(answer.headers, now)
    elif answer.status == 429 or "rate limit" in answer.said.lower():
        seconds = 60.0
    else:
        return
    seconds = min(max(seconds, 1.0), 3700.0)
    until = now + timedelta(seconds=seconds)
    raise RateLimitedError(
        f"GitHub's rate limit: waiting until {until:%H:%M:%S} UTC",
        until=until,
    )


def _explain_denial(answer: Answer, *, has_token: bool) -> NotAllowedError:
    if answer.status == 401 and not has_token:
        return NotAllowedError(
            "GitHub needs credentials, and there are none",
            help="set GITHUB_TOKEN, or `gh auth login`",
        )
    if answer.status == 401:
        return NotAllowedError(
            f"GitHub does not accept the token: {answer.said}",
            help=(
                "it is wrong or has expired: set a new one in"
                " GITHUB_TOKEN, then `rsp-release resume`"
            ),
        )
    sso = answer.headers.get("x-github-sso", "")
    if sso:
        return NotAllowedError(
            f"the organisation requires single sign-on: {answer.said}",
            help="authorise the token for it, at the address given",
            url=sso.partition("url=")[2] or None,
        )
    needs = answer.headers.get("x-accepted-github-permissions")
    return NotAllowedError(
        f"GitHub does not allow it: {answer.said}",
        help=(
            f"the token needs: {needs}"
            if needs
            else "use a token with the permission Contents: write"
        ),
    )


def _until_reset(headers: Mapping[str, str], now: datetime) -> float:
    """Return the seconds until the limit is reset, by GitHub's clock."""
    try:
        reset = datetime.fromtimestamp(
            int(headers.get("x-ratelimit-reset", "")), tz=UTC
        )
    except (ValueError, OverflowError, OSError):
        return 60.0
    with suppress(KeyError, ValueError):
        now = parsedate_to_datetime(headers["date"])
    return (reset - now).total_seconds() + 1.0


def collect_messages(data: Any) -> str:
    """Return everything an error's body says, in one line.

    Parameters
    ----------
    data
        The decoded body.
    """
    if not isinstance(data, dict):
        return "no reason given"
    texts = [str(data.get("message", ""))]
    errors = data.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            fields = ("resource", "field", "code", "message")
            texts.append(" ".join(str(error[f]) for f in fields if f in error))
        else:
            texts.append(str(error))
    return "; ".join(filter(None, texts)) or "no reason given"
