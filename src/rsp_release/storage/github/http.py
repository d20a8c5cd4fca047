"""GitHub's REST API as requests and answers, through PyGithub's requester.

What is told apart here is what the rest of the program lives by: a definite
answer, a read that failed, a write that was refused, one that never left, and
one whose fate is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random
from typing import Any

from ...engine.world import Clock
from ...exceptions import (
    NotAllowedError,
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
)
from ...models.github import TokenKind, kind_of_token
from ..redact import Redactor
from ..retry import ReadRetrier

__all__ = ["Answer", "GithubHttp"]

_MEDIA_TYPE = "application/vnd.github+json"
_API_VERSION = "2022-11-28"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A definite answer of GitHub."""

    status: int
    """The HTTP status: 200, 201, 204, or 404 where that was allowed."""

    data: Any
    """The decoded body."""

    headers: Mapping[str, str]
    """The headers, their names in lower case."""


class GithubHttp:
    """Sends requests to GitHub, and tells what became of them.

    Parameters
    ----------
    api_url
        The API's address, such as ``https://api.github.com``.
    token
        The token, if there is one.
    clock, random
        For the waits between attempts of a read.
    timeout
        Seconds that an answer may take.
    """

    def __init__(
        self,
        *,
        api_url: str,
        token: str | None,
        clock: Clock,
        random: Random,
        timeout: int = 30,
    ) -> None:
        from github import Auth, Github

        self._clock = clock
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._redact = Redactor([token or ""])
        self._retrier = ReadRetrier(clock=clock, random=random)
        # PyGithub's own retry would send a POST again and again, and its
        # throttle would sleep on the real clock.
        self._github = Github(
            auth=Auth.Token(token) if token else None,
            base_url=api_url,
            timeout=timeout,
            user_agent="rsp-release",
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        self._requester = self._github.requester
        self._cache: dict[str, tuple[str, Any, Mapping[str, str]]] = {}

    @property
    def has_token(self) -> bool:
        """Whether requests are made in somebody's name."""
        return self._token is not None

    @property
    def token_kind(self) -> TokenKind:
        """What sort of token requests are made with."""
        return kind_of_token(self._token)

    @property
    def graphql_url(self) -> str:
        """Where GraphQL is asked, on GitHub and on Enterprise Server."""
        return self._api_url.removesuffix("/v3") + "/graphql"

    @property
    def web_url(self) -> str:
        """The address of the pages for people."""
        if self._api_url.endswith("/api/v3"):
            return self._api_url.removesuffix("/api/v3")
        return self._api_url.replace("://api.", "://", 1)

    @property
    def clock(self) -> Clock:
        """The clock that the waits are spent on."""
        return self._clock

    @property
    def pause(self) -> float:
        """Seconds to leave between two looks of two requests each.

        So many that the requests that are left last until GitHub allows more.
        With credentials most answers are "not modified", which are free.
        """
        remaining, limit = self._requester.rate_limiting
        if limit <= 0:
            return 0.0
        reset = self._requester.rate_limiting_resettime
        left = reset - self._clock.now().timestamp()
        each = 0.5 if self.has_token else 2.0
        return min(max(each * left / max(remaining, 1), 0.0), 300.0)

    def close(self) -> None:
        """Close the connections."""
        self._github.close()

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        may_miss: bool = False,
    ) -> Answer:
        """Read, trying again where that may help.

        A body that GitHub says is unchanged comes from memory; such an answer
        does not count against the rate limit.

        Parameters
        ----------
        path
            The path below the API's address, or an absolute URL there.
        params
            The query.
        may_miss
            Whether 404 is an answer, and not an error.

        Returns
        -------
        Answer
            A definite answer.

        Raises
        ------
        ReadError
            Raised if there was no definite answer.
        NotAllowedError
            Raised if the credentials are not accepted, or lack a permission.
        RateLimitedError
            Raised if GitHub asks to wait.
        """
        return self._retrier.read(
            lambda: self._get_once(path, params or {}, may_miss=may_miss)
        )

    def locate(self, path: str) -> str | None:
        """Return where GitHub keeps something, without going there.

        Parameters
        ----------
        path
            The path below the API's address.

        Returns
        -------
        str or None
            The address, which is a secret and lasts a minute; `None` if there
            is nothing, or no more.

        Raises
        ------
        ReadError
            Raised if there was no definite answer.
        NotAllowedError
            Raised if the credentials are not accepted, or lack a permission.
        RateLimitedError
            Raised if GitHub asks to wait.
        """
        return self._retrier.read(lambda: self._locate_once(path))

    def get_pages(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        key: str | None = None,
    ) -> Iterator[Any]:
        """Read a list, page by page.

        Parameters
        ----------
        path
            The path below the API's address.
        params
            The query.
        key
            The member that holds the items, where the body is an object.

        Yields
        ------
        typing.Any
            The items.
        """
        query: Mapping[str, str | int] = {"per_page": 100, **(params or {})}
        url: str | None = path
        while url is not None:
            answer = self.get(url, params=query)
            items = answer.data if key is None else answer.data[key]
            if not isinstance(items, list):
                raise ReadError(f"GitHub's answer for {path} is no list")
            yield from items
            url, query = _find_next(answer.headers), {}

    def write(self, method: str, path: str, body: Mapping[str, Any]) -> Answer:
        """Write, once.

        Parameters
        ----------
        method
            POST, PATCH, PUT or DELETE.
        path
            The path below the API's address.
        body
            What is sent.

        Returns
        -------
        Answer
            What GitHub confirmed.

        Raises
        ------
        NotSentError
            Raised if the request never left this machine.
        RefusedError
            Raised if GitHub definitely refused.
        UncertainError
            Raised if it is not known whether it happened.
        NotAllowedError
            Raised if the credentials are not accepted, or lack a permission.
        RateLimitedError
            Raised if GitHub asks to wait; nothing was written.
        """
        import requests

        try:
            status, headers, text = self._send(method, path, {}, dict(body))
        except requests.exceptions.RequestException as e:
            if _never_left(e):
                raise NotSentError(
                    f"GitHub cannot be reached ({_name_cause(e)})"
                ) from None
            raise UncertainError(
                f"the answer of GitHub was lost ({_name_cause(e)})"
            ) from None
        if status >= 500:
            raise UncertainError(f"GitHub answered {status} to a write")
        try:
            data = json.loads(text) if text else None
        except ValueError:
            raise UncertainError(
                "GitHub's answer to a write is broken"
            ) from None
        if status < 300:
            return Answer(status=status, data=data, headers=headers)
        self._raise_for_limits(status, headers, data)
        if status in (401, 403):
            raise self._explain_denial(status, headers, data)
        if status == 404:
            raise NotAllowedError(
                f"GitHub does not let these credentials write to {path}",
                help=(
                    "the token needs Contents: write; where the release"
                    " changes workflow files, Workflows: write as well"
                ),
            )
        raise RefusedError(
            f"GitHub refused: {self._redact(_collect_messages(data))}",
            is_duplicate=_has_code(data, "already_exists"),
        )

    def _get_once(
        self, path: str, params: Mapping[str, str | int], *, may_miss: bool
    ) -> Answer:
        import requests

        key = f"{path}?{json.dumps(params, sort_keys=True)}"
        cached = self._cache.get(key)
        # 304 is free of the rate limit only where the request is authorised.
        etag = cached[0] if cached and self._token else None
        try:
            status, headers, text = self._send(
                "GET", path, params, None, etag=etag
            )
        except requests.exceptions.RequestException as e:
            raise ReadError(
                f"GitHub does not answer ({_name_cause(e)})",
                help="see https://www.githubstatus.com and the network",
            ) from None
        if status == 304 and cached:
            return Answer(status=200, data=cached[1], headers=cached[2])
        if status >= 500:
            raise ReadError(
                f"GitHub answers {status}",
                help="see https://www.githubstatus.com",
            )
        try:
            data = json.loads(text) if text else None
        except ValueError:
            raise ReadError("GitHub's answer is broken") from None
        if status == 200:
            if "etag" in headers:
                self._cache[key] = (headers["etag"], data, headers)
            return Answer(status=status, data=data, headers=headers)
        self._raise_for_limits(status, headers, data)
        if status in (401, 403):
            raise self._explain_denial(status, headers, data)
        if status == 404 and may_miss and _is_from_github(data):
            return Answer(status=status, data=None, headers=headers)
        raise ReadError(
            f"GitHub answers {status} for {path}:"
            f" {self._redact(_collect_messages(data))}"
        )

    def _locate_once(self, path: str) -> str | None:
        import requests

        try:
            status, headers, text = self._send("GET", path, {}, None)
        except requests.exceptions.RequestException as e:
            raise ReadError(
                f"GitHub does not answer ({_name_cause(e)})"
            ) from None
        if status in (301, 302, 303, 307, 308) and "location" in headers:
            return headers["location"]
        if status in (404, 410):
            return None
        data: Any = None
        with suppress(ValueError):
            data = json.loads(text)
        self._raise_for_limits(status, headers, data)
        if status in (401, 403):
            raise self._explain_denial(status, headers, data)
        raise ReadError(f"GitHub answers {status} for {path}")

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: dict[str, Any] | None,
        *,
        etag: str | None = None,
    ) -> tuple[int, dict[str, str], str]:
        headers = {
            "Accept": _MEDIA_TYPE,
            "X-GitHub-Api-Version": _API_VERSION,
        }
        if etag:
            headers["If-None-Match"] = etag
        status, answer, text = self._requester.requestJson(
            method, path, dict(params), headers, body
        )
        return status, dict(answer), text or ""

    def _raise_for_limits(
        self, status: int, headers: Mapping[str, str], data: Any
    ) -> None:
        """Raise if GitHub asks to wait.

        The order of the headers is that of
        https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        """
        if status not in (403, 429):
            return
        now = self._clock.now()
        wait = headers.get("retry-after", "")
        if wait.isdigit():
            seconds = float(wait)
        elif headers.get("x-ratelimit-remaining") == "0":
            seconds = _until_reset(headers, now)
        elif status == 429 or "rate limit" in _collect_messages(data).lower():
            seconds = 60.0
        else:
            return
        seconds = min(max(seconds, 1.0), 3700.0)
        until = now + timedelta(seconds=seconds)
        raise RateLimitedError(
            f"GitHub's rate limit: waiting until {until:%H:%M:%S} UTC",
            until=until,
        )

    def _explain_denial(
        self, status: int, headers: Mapping[str, str], data: Any
    ) -> ReleaseError:
        said = self._redact(_collect_messages(data))
        if status == 401 and not self._token:
            return NotAllowedError(
                "GitHub needs credentials, and there are none",
                help="set GITHUB_TOKEN, or `gh auth login`",
            )
        if status == 401:
            return NotAllowedError(
                f"GitHub does not accept the token: {said}",
                help=(
                    "it is wrong or has expired: set a new one in"
                    " GITHUB_TOKEN, then `rsp-release resume`"
                ),
            )
        sso = headers.get("x-github-sso", "")
        if sso:
            return NotAllowedError(
                f"the organisation requires single sign-on: {said}",
                help="authorise the token for it, at the address given",
                url=sso.partition("url=")[2] or None,
            )
        needs = headers.get("x-accepted-github-permissions")
        return NotAllowedError(
            f"GitHub does not allow it: {said}",
            help=(
                f"the token needs: {needs}"
                if needs
                else "use a token with the permission Contents: write"
            ),
        )


def _find_next(headers: Mapping[str, str]) -> str | None:
    import requests

    for link in requests.utils.parse_header_links(headers.get("link", "")):
        if link.get("rel") == "next":
            return link["url"]
    return None


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


def _never_left(error: Exception) -> bool:
    """Return whether a request failed before a connection was open."""
    import requests
    import urllib3

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    return isinstance(
        reason,
        urllib3.exceptions.NewConnectionError
        | urllib3.exceptions.NameResolutionError
        | urllib3.exceptions.SSLError
        | urllib3.exceptions.ProxyError,
    )


def _name_cause(error: Exception) -> str:
    """Name what went wrong, without the URL and its query."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None) or cause or error
    names = {
        "ConnectTimeoutError": "no connection in time",
        "NameResolutionError": "its name cannot be resolved",
        "NewConnectionError": "connection refused",
        "ProtocolError": "the connection broke",
        "ReadTimeoutError": "no answer in time",
        "SSLError": "its certificate is not accepted",
    }
    name = type(reason).__name__
    return names.get(name, name)


def _collect_messages(data: Any) -> str:
    """Return everything an error's body says, in one line."""
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


def _has_code(data: Any, code: str) -> bool:
    errors = data.get("errors") if isinstance(data, dict) else None
    return any(
        isinstance(error, dict) and error.get("code") == code
        for error in (errors if isinstance(errors, list) else [])
    )


def _is_from_github(data: Any) -> bool:
    """Return whether a 404 is GitHub's own, and not some proxy's."""
    return isinstance(data, dict) and "message" in data
