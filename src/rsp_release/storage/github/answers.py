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
    "advise",
    "asking",
    "collect_messages",
    "deny_repository",
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


_REMEDIES = {
    r"ip allow list": "run it from an address on the organization's IP allow"
    " list, or have an owner add this one",
    r"personal access token \(classic\)": "use a fine-grained personal access"
    " token, or a GitHub App's token",
    r"lifetime": "use a token that expires sooner",
    r"fine-grained personal access token": "use a GitHub App's token, or have"
    " an owner allow fine-grained tokens",
    r"oauth app access restrictions": "have an owner of the organization"
    " approve the app, or set GITHUB_TOKEN to a personal access token",
    r"login attempts": "wrong tokens were sent too often: wait some minutes,"
    " then use a valid one",
    r"suspended": "ask GitHub's support to reinstate the account",
    r"archived": "unarchive the repository",
}
"""What ends a denial, by GitHub's words for it, in lower case."""

_PERMISSIONS = {
    "actions": "Actions",
    "issues": "Issues",
    "pending_deployments": "Deployments",
    "pulls": "Pull requests",
}
"""The permissions that parts of a path take, where it isn't Contents."""

_CLOCK_MARGIN = timedelta(minutes=5)
"""How far a clock may be wrong before it is suspected."""


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
        raise NotSentError(e.message, help=e.help) from e


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
            and not self.wants_sso
        )

    @property
    def wants_sso(self) -> bool:
        """Whether it is withheld until the token has single sign-on."""
        return "required" in self.headers.get("x-github-sso", "")


def judge(
    answer: Answer,
    path: str,
    *,
    is_read: bool,
    has_token: bool,
    web_url: str,
    now: datetime,
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
    web_url
        The address of GitHub's pages.
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
            f"GitHub answers {status}",
            help=_help(answer, "see https://www.githubstatus.com"),
        )
    if status == 404 and path.endswith("/graphql"):
        raise MissingEndpointError("this server has no GraphQL")
    if status == 404 and answer.problem and path.endswith("/generate-notes"):
        # GitHub itself says so to those who lack a permission.
        raise MissingEndpointError("this server generates no notes")
    if answer.problem:
        raise unknown(f"{UNUSABLE}: {answer.problem}", help=_help(answer))
    if status < 300:
        return
    _raise_for_limits(answer, has_token=has_token, now=now)
    if answer.wants_sso:
        raise _explain_sso(answer, web_url)
    if status in (401, 403):
        needs = _explain_needs(answer, path, is_read=is_read)
        raise _explain_denial(answer, needs, has_token=has_token, now=now)
    if is_read:
        raise ReadError(
            f"GitHub answers {status} for {path}: {answer.said}",
            help=_help(answer),
        )
    if status == 404:
        raise NotAllowedError(
            f"GitHub does not let these credentials write to {path}",
            help=_help(
                answer,
                "the token needs Contents: write; where the release"
                " changes workflow files, Workflows: write as well",
            ),
        )
    number = _find_number(answer)
    raise RefusedError(
        f"GitHub refused: {answer.said}"
        + (f" (request {number})" if number else ""),
        url=_find_page(answer),
        is_duplicate=re.search("already[_ ]exists", answer.said) is not None,
    )


def advise(said: str) -> str | None:
    """Return what ends a denial, by GitHub's words for it.

    Parameters
    ----------
    said
        What it said.
    """
    found = (v for k, v in _REMEDIES.items() if re.search(k, said.lower()))
    return next(found, None)


def deny_repository(name: str, web_url: str) -> NotAllowedError:
    """Make the error for a repository that GitHub does not show.

    GitHub says "not found" of all that these credentials may not see.

    Parameters
    ----------
    name
        Owner and name.
    web_url
        The address of GitHub's pages.
    """
    owner = name.partition("/")[0]
    return NotAllowedError(
        f"there is no repository {name}, or these credentials may not see it",
        help=f"gone or renamed: see if {web_url}/{name} is there, and check"
        " the name (--repo)\n"
        "private: use a token that may see it (GITHUB_TOKEN, or `gh auth"
        " login`)\n"
        f"single sign-on: authorize the token for {owner} at"
        f" {web_url}/settings/tokens, Configure SSO",
    )


def _raise_for_limits(
    answer: Answer, *, has_token: bool, now: datetime
) -> None:
    """Raise if GitHub asks to wait.

    The order of the headers is that of
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """
    if answer.status not in (403, 429):
        return
    wait = answer.headers.get("retry-after", "")
    is_used_up = answer.headers.get("x-ratelimit-remaining") == "0"
    if wait.isdigit():
        seconds = float(wait)
    elif is_used_up:
        seconds = _until_reset(answer.headers, now)
    elif answer.status == 429 or "rate limit" in answer.said.lower():
        seconds = 60.0
    else:
        return
    seconds = min(max(seconds, 1.0), 3700.0)
    until = now + timedelta(seconds=seconds)
    name = "rate limit" if is_used_up else "secondary rate limit"
    help = "wait, and run less at the same time with this token"
    if is_used_up:
        help = "wait, or use another token"
    if not has_token:
        help = "set GITHUB_TOKEN: without it, GitHub allows little"
    raise RateLimitedError(
        f"GitHub's {name}: waiting until {until:%H:%M:%S} UTC",
        until=until,
        help=_help(answer, help),
    )


def _help(answer: Answer, remedy: str | None = None) -> str | None:
    """Return a remedy, and below it what GitHub gives as help."""
    lines = [remedy] if remedy else []
    if page := _find_page(answer):
        lines.append(f"see {page}")
    if number := _find_number(answer):
        lines.append(f"GitHub knows it as request {number}")
    return "\n".join(lines) or None


def _find_page(answer: Answer) -> str | None:
    """Return GitHub's page about a request, where it names one."""
    data = answer.data if isinstance(answer.data, dict) else {}
    pattern = r"https://docs\.github\.com/[\w.@-]+/[\w./#@-]{1,200}"
    match = re.fullmatch(pattern, str(data.get("documentation_url")))
    return match[0] if match else None


def _find_number(answer: Answer) -> str | None:
    """Return the number by which GitHub's support finds a request."""
    number = answer.headers.get("x-github-request-id", "")
    return number if re.fullmatch(r"[0-9A-Fa-f:]{8,80}", number) else None


def _explain_needs(answer: Answer, path: str, *, is_read: bool) -> str:
    """Return what a token needs, as GitHub says it or by the path."""
    headers = answer.headers
    needs = headers.get("x-accepted-github-permissions", "")
    if re.fullmatch(r"[a-z_]+=[a-z]+(?:[,;] *[a-z_]+=[a-z]+)*", needs):
        # Commas join what is needed together, semicolons the ways to get it.
        told = re.sub(r", *", " and ", re.sub(r"; *", " or ", needs))
        told = re.sub(
            r"([a-z_]+)=([a-z]+)",
            lambda m: f"{m[1].replace('_', ' ').capitalize()}: {m[2]}",
            told,
        )
        return f"the token needs {told}"
    wanted, held = (
        ", ".join(re.findall(r"[a-z_:]+", headers.get(name, "")))
        for name in ("x-accepted-oauth-scopes", "x-oauth-scopes")
    )
    if wanted:
        return (
            f"the token needs one of the scopes {wanted}, and has"
            f" {held or 'none'}"
        )
    parts = path.partition("?")[0].split("/")
    found = [_PERMISSIONS[p] for p in parts if p in _PERMISSIONS]
    level = "read" if is_read else "write"
    permission = found[-1] if found else "Contents"
    return f"use a token with the permission {permission}: {level}"


def _explain_sso(answer: Answer, web_url: str) -> NotAllowedError:
    """Return where a token is authorised for single sign-on."""
    match = re.search(
        rf"url=({re.escape(web_url)}/(?:orgs|enterprises)/[\w-]+/sso"
        r"\?authorization_request=[\w=%-]{1,400})(?:$|[;,\s])",
        answer.headers["x-github-sso"],
        re.ASCII,
    )
    url = match[1] if match else f"{web_url}/settings/tokens"
    return NotAllowedError(
        f"the organization requires single sign-on: {answer.said}",
        help=_help(answer, f"authorize the token: {url}"),
        url=url,
    )


def _explain_denial(
    answer: Answer, needs: str, *, has_token: bool, now: datetime
) -> NotAllowedError:
    """Return why credentials are not accepted, or not enough."""
    if answer.status == 403:
        return NotAllowedError(
            f"GitHub does not allow it: {answer.said}",
            help=_help(answer, advise(answer.said) or needs),
        )
    if not has_token:
        return NotAllowedError(
            "GitHub needs credentials, and there are none",
            help="set GITHUB_TOKEN, or `gh auth login`",
        )
    remedy = (
        "it is wrong or has expired: set a new one in"
        " GITHUB_TOKEN, then `rsp-release resume`"
    )
    with suppress(KeyError, ValueError, TypeError):
        ahead = now - parsedate_to_datetime(answer.headers["date"])
        if abs(ahead) > _CLOCK_MARGIN:
            minutes = abs(ahead).total_seconds() / 60
            way = "ahead of" if ahead > timedelta() else "behind"
            remedy = (
                f"set this machine's clock, which is {minutes:.0f} min {way}"
                f" GitHub's; otherwise {remedy}"
            )
    return NotAllowedError(
        f"GitHub does not accept the token: {answer.said}",
        help=_help(answer, remedy),
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
