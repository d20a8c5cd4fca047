"""Requests to GitHub: the requester that PyGithub's objects are made with.

What is told apart here is what the rest of the program lives by: a definite
answer, a read that failed, a write that was refused, one that never left, and
one whose fate is not known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from random import Random
from threading import local
from typing import Any, TypeVar

from github.GithubObject import CompletableGithubObject, GithubObject
from github.PaginatedList import PaginatedList
from github.Requester import Requester

from ...engine.look import Look, changing, side_by_side
from ...engine.world import Clock
from ...exceptions import NotSentError, ReadError, UsageError
from ...models.github import TokenKind, kind_of_token
from ..http import MAX_PAGES, Exchange, Limits, Request, decode_json
from ..redact import Redactor
from ..retry import LastingReadError, ReadRetrier
from ..server import find_server_url
from .answers import UNUSABLE, Answer, collect_messages, deny_repository, judge

__all__ = ["GithubHttp", "settle"]

C = TypeVar("C", bound=CompletableGithubObject)
G = TypeVar("G", bound=GithubObject)
T = TypeVar("T")
U = TypeVar("U")


def settle(item: G) -> G:
    """Keep an object from asking for what it lacks.

    PyGithub's objects do so when an attribute is looked at that was not in
    the answer, each with a request of its own.
    """
    if isinstance(item, CompletableGithubObject):
        item._set_complete()  # noqa: SLF001
    return item


class _MissingError(Exception):
    """GitHub definitely has no such thing."""


class _Asked(local):
    """How the present thread asks."""

    may_miss = may_lack = is_probe = is_compared = False
    pages: set[str] | None = None


class GithubHttp(Requester):
    """Sends requests to GitHub, and tells what became of them.

    PyGithub's objects are made with it as their requester, so that each of
    their requests goes through here.

    Parameters
    ----------
    api_url
        The API's address, such as ``https://api.github.com``.
    token
        The token, if there is one.
    clock, random
        For the waits between attempts of a read.
    environ
        The environment, for proxies and certificates.
    limits
        What an exchange may take, if not the usual.
    look
        The look that the reads are part of, and that writes end.
    """

    def __init__(
        self,
        *,
        api_url: str,
        token: str | None,
        clock: Clock,
        random: Random,
        environ: Mapping[str, str],
        limits: Limits | None = None,
        look: Look | None = None,
    ) -> None:
        if not re.match(r"https?://[^/\s]", api_url):
            raise UsageError(
                f"{api_url!r} is not the address of an API",
                help="set GITHUB_API_URL to one, or unset it",
            )
        # PyGithub opens no connection and gets no token. Its retries would
        # send a POST again and again, and its throttles sleep.
        super().__init__(
            auth=None,
            base_url=api_url.rstrip("/"),
            timeout=0,
            user_agent="",
            per_page=100,
            verify=True,
            retry=None,
            pool_size=None,
        )
        self.exchange = Exchange(
            environ=environ, clock=clock, service="GitHub"
        )
        """What requests are sent with."""
        self._limits = limits or Limits()
        self._look = look
        self.clock = clock
        """The clock that the waits are spent on."""
        self.scopes: tuple[str, ...] | None = None
        """The token's scopes, of a kind that has some, once GitHub told."""
        self.hides = False
        """Whether GitHub left things out for want of single sign-on."""
        self.has_token = token is not None
        """Whether requests are made in somebody's name."""
        self.token_kind: TokenKind = kind_of_token(token)
        """What sort of token they are made with."""
        self.has_moved = False
        """Whether GitHub led from an address to another: a name is old."""
        self._server_url = find_server_url(
            {"GITHUB_API_URL": self.base_url, **environ}
        )
        self._token = token
        self._redact = Redactor([token or ""])
        self.retrier = ReadRetrier(clock=clock, random=random)
        """What tries reads again."""
        self._cache: dict[str, Answer] = {}
        self._asked = _Asked()

    @property
    def web_url(self) -> str:
        """The address of the pages for people."""
        return self._server_url

    @property
    def pause(self) -> float:
        """Seconds to leave between two looks of two requests each.

        So many that the requests that are left last until GitHub allows more.
        With credentials most answers are "not modified", which are free.
        """
        remaining, limit = self.rate_limiting
        if limit <= 0:
            return 0.0
        left = self.rate_limiting_resettime - self.clock.now().timestamp()
        each = 0.5 if self.has_token else 2.0
        return min(max(each * left / max(remaining, 1), 0.0), 300.0)

    # -- What PyGithub's objects ask ----------------------------------------

    def requestJson(  # type: ignore[explicit-override] # noqa: N802
        self, verb: str, url: str, *args: Any, **kwargs: Any
    ) -> tuple[int, dict[str, Any], str]:
        """Send a request, and return the status and headers of its answer.

        Takes and raises what `requestJsonAndCheck` does, so that PyGithub's
        methods that say yes or no say why not as well.
        """
        answer = self._ask(verb, url, *args, **kwargs)
        return answer.status, answer.headers, ""

    def requestJsonAndCheck(  # type: ignore[explicit-override] # noqa: N802
        self, verb: str, url: str, *args: Any, **kwargs: Any
    ) -> tuple[dict[str, Any], Any]:
        """Send a request, and return the headers and the data of its answer.

        A read is tried again where that may help. A body that GitHub says is
        unchanged comes from memory; such an answer does not count against
        the rate limit. A write is sent once.

        Parameters
        ----------
        verb
            The method.
        url
            The path below the API's address, or an absolute URL there.
        *args, **kwargs
            The query (``parameters``), and the body of a write (``input``).
            Nothing else is heeded: there is one media type, for instance.

        Returns
        -------
        tuple
            The headers, their names in lower case, and the decoded body.

        Raises
        ------
        ReadError
            Raised if a read had no definite answer.
        NotSentError
            Raised if a write never left this machine.
        RefusedError
            Raised if GitHub definitely refused a write.
        UncertainError
            Raised if it is not known whether a write happened.
        NotAllowedError
            Raised if the credentials are not accepted, or lack a permission.
        RateLimitedError
            Raised if GitHub asks to wait; nothing was written.
        """
        answer = self._ask(verb, url, *args, **kwargs)
        data = answer.data
        if verb == "GET" and isinstance(data, dict):
            # Objects without an address of their own are named by ours.
            data.setdefault("url", url)
        return answer.headers, data

    def get(
        self, path: str, *, endpoint: bool = False, **parameters: str | int
    ) -> Any:
        """Read what PyGithub has no object for, and what may be missing.

        Parameters
        ----------
        path
            The path below the API's address.
        endpoint
            Whether the server may lack the endpoint as well.
        **parameters
            The query.

        Returns
        -------
        typing.Any
            The decoded body, or `None` if GitHub says that there is none.
        """
        return self.find(
            lambda: self._ask("GET", path, parameters).data, endpoint=endpoint
        )

    def ask(self, verb: str, path: str, body: Any = None) -> Any:
        """Ask for what PyGithub has no object for.

        Parameters
        ----------
        verb
            The method.
        path
            The path below the API's address.
        body
            What is sent.

        Returns
        -------
        typing.Any
            The decoded body. Raises as `requestJsonAndCheck`.
        """
        return self._ask(verb, path, input=body).data

    def at(self, kind: type[C], path: str, **urls: str) -> C:
        """Return the object of a path, without asking for it.

        Parameters
        ----------
        kind
            A class of PyGithub.
        path
            The path below the API's address.
        **urls
            Addresses of what belongs to it, as its attributes.

        Returns
        -------
        CompletableGithubObject
            An object of which nothing but its addresses is known, for what
            belongs to it, and for writes.
        """
        return kind(self, {}, {"url": path, **urls}, completed=True)

    def find(
        self, read: Callable[[], T], *, endpoint: bool = False
    ) -> T | None:
        """Read what may be missing.

        Parameters
        ----------
        read
            Reads it.
        endpoint
            Whether the server may lack the endpoint as well: who answers that
            there is none need not do so as GitHub does.

        Returns
        -------
        typing.Any
            What was read, or `None` if GitHub says that there is none.
        """
        asked = self._asked
        asked.may_miss, asked.may_lack = True, endpoint
        try:
            return read()
        except _MissingError:
            return None
        finally:
            asked.may_miss = asked.may_lack = False

    def probe(self, ask: Callable[[], T]) -> T:
        """Send what is no GET, but changes nothing: no look ends with it.

        Parameters
        ----------
        ask
            Sends it.

        Returns
        -------
        typing.Any
            What it returned.
        """
        self._asked.is_probe = True
        try:
            return ask()
        finally:
            self._asked.is_probe = False

    def compared(self, read: Callable[[], T]) -> T:
        """Read what a push is compared with when the remote takes it.

        Parameters
        ----------
        read
            Reads it.

        Returns
        -------
        typing.Any
            What was read.
        """
        before, self._asked.is_compared = self._asked.is_compared, True
        try:
            return read()
        finally:
            self._asked.is_compared = before

    def together(
        self, one: Callable[[], T], other: Callable[[], U]
    ) -> tuple[T, U]:
        """Read two things side by side.

        Parameters
        ----------
        one, other
            What reads them.

        Returns
        -------
        tuple
            Both.
        """
        reads: Sequence[Callable[[], Any]] = (one, other)
        if self._asked.is_compared:
            # Another thread knows nothing of that.
            reads = [partial(self.compared, read) for read in reads]
        with side_by_side(self._look, reads) as begun:
            first, second = (read() for read in begun)
        return first, second

    def recall(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Ask, unless that was asked in this look already.

        Parameters
        ----------
        key
            What is asked.
        ask
            Asks it.

        Returns
        -------
        typing.Any
            The answer.
        """
        if self._look is None:
            return ask()
        is_compared = self._asked.is_compared
        return self._look.once((self, key), ask, is_compared=is_compared)

    def items(
        self, pages: PaginatedList[G], most: int | None = None
    ) -> list[G]:
        """Read a list, page by page.

        Parameters
        ----------
        pages
            The list.
        most
            How many items to read at most.

        Returns
        -------
        list
            The items, which ask for nothing by themselves.
        """
        self._asked.pages = set()
        try:
            # A slice of an empty list raises an IndexError (PyGithub 2.10).
            return [settle(item) for item in islice(pages, most)]
        finally:
            self._asked.pages = None

    def raw_items(
        self, path: str, key: str = "items", **parameters: str
    ) -> list[Any]:
        """Read a list that PyGithub has no object for, page by page.

        Parameters
        ----------
        path
            The path below the API's address.
        key
            The member that holds the items, where the body is an object.
        **parameters
            The query.
        """
        kind: Any = _take_raw
        pages: PaginatedList[Any] = PaginatedList(
            kind, self, path, dict(parameters), list_item=key
        )
        return self.items(pages)

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
        """
        url = self.base_url + path
        answer = self.find(lambda: self._read(url, follows=False))
        return None if answer is None else answer.headers.get("location")

    def close(self) -> None:  # type: ignore[explicit-override]
        """Close the connections."""
        self.exchange.close()

    # -- What becomes of a request ------------------------------------------

    def _ask(
        self,
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: object = None,
        input: Any = None,  # noqa: A002
        **_: object,
    ) -> Answer:
        if url.startswith("/"):
            url = self.base_url + url
        elif url != self.graphql_url and not url.startswith(
            f"{self.base_url}/"
        ):
            raise LastingReadError(f"{UNUSABLE}: it leads to another server")
        url = self.add_parameters_to_url(url, parameters or {})
        if verb != "GET":
            with changing(None if self._asked.is_probe else self._look):
                return self._write(verb, url, input)
        pages = self._asked.pages
        if pages is not None:
            if url in pages or len(pages) == MAX_PAGES:
                raise LastingReadError(f"{UNUSABLE}: its pages have no end")
            pages.add(url)
        return self._read(url)

    def _write(self, verb: str, url: str, body: Any) -> Answer:
        try:
            answer = self._send(verb, url, body=body)
        except NotSentError as e:
            raise NotSentError(
                f"GitHub cannot be reached: {e.message}", help=e.help
            ) from None
        self._judge(answer, url, is_read=False)
        return answer

    def _read(self, url: str, *, follows: bool = True) -> Answer:
        def ask() -> Answer:
            return self.retrier.read(lambda: self._fetch(url, follows=follows))

        # Where something is kept is told for a minute, and not twice.
        answer = self.recall(url, ask) if follows else ask()
        if 300 <= answer.status < 400 and not follows:
            return answer
        asked = self._asked
        if asked.may_miss and (
            answer.is_absence or (asked.may_lack and answer.status == 404)
        ):
            raise _MissingError
        if answer.is_absence:
            self._require_repository(url)
        self._judge(answer, url, is_read=True)
        return answer

    def _fetch(self, url: str, *, follows: bool) -> Answer:
        """Send a read once; what is definite is an answer."""
        # 304 is free of the rate limit only where the request is authorised.
        cached = self._cache.get(url) if self._token else None
        try:
            answer = self._send("GET", url, cached=cached, follows=follows)
        except ReadError as e:
            if e.message.startswith(UNUSABLE):
                raise
            raise type(e)(
                f"GitHub does not answer: {e.message}",
                help=e.help
                or "see https://www.githubstatus.com, and the network",
            ) from None
        if answer.status == 304 and cached:
            return cached
        if 300 <= answer.status < 400 and not follows:
            return answer
        if answer.is_absence or answer.status == 404:
            return answer
        self._judge(answer, url, is_read=True)
        # PyGithub takes these for a list of nothing.
        if answer.data is None or answer.data == {}:
            raise ReadError(f"{UNUSABLE}: it is empty")
        if "etag" in answer.headers:
            self._cache[url] = answer
        return answer

    def _require_repository(self, url: str) -> None:
        """Raise if the repository is not there that something is missing in.

        GitHub says "not found" of all that is in it, too.
        """
        match = re.match(r"/repos/([^/]+/[^/?]+)", self._path(url))
        # This is none of the pages of the list that may be being read.
        asked = self._asked
        pages, asked.pages = asked.pages, None
        if match and (
            match[0] == self._path(url) or self.get(match[0]) is None
        ):
            raise deny_repository(match[1], self.web_url)
        asked.pages = pages

    def _path(self, url: str) -> str:
        return url.removeprefix(self.base_url)

    def _judge(self, answer: Answer, url: str, *, is_read: bool) -> None:
        judge(
            answer,
            self._path(url),
            is_read=is_read,
            has_token=self.has_token,
            web_url=self.web_url,
            now=self.clock.now(),
        )

    def _send(
        self,
        verb: str,
        url: str,
        *,
        body: Any = None,
        cached: Answer | None = None,
        follows: bool = True,
    ) -> Answer:
        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if cached is not None:
            headers["If-None-Match"] = cached.headers["etag"]
        sent = None if body is None else json.dumps(body).encode()
        if sent is not None:
            headers["Content-Type"] = "application/json"
        reply = self.exchange.send(
            Request(
                method=verb,
                url=url,
                headers=headers,
                body=sent,
                follows=follows,
                limits=self._limits,
            )
        )
        self.has_moved |= reply.url != url
        received = {n.lower(): value for n, value in reply.headers.items()}
        with suppress(KeyError, ValueError):
            self.rate_limiting = (
                int(received["x-ratelimit-remaining"]),
                int(received["x-ratelimit-limit"]),
            )
            self.rate_limiting_resettime = int(received["x-ratelimit-reset"])
        scopes = received.get("x-oauth-scopes")
        if scopes is not None:
            self.scopes = tuple(
                filter(None, map(str.strip, scopes.split(",")))
            )
        self.hides |= "partial-results" in received.get("x-github-sso", "")
        data, problem = None, ""
        try:
            data = decode_json(reply.body) if reply.body else None
        except ValueError as e:
            problem = str(e)
        return Answer(
            status=reply.status,
            headers=received,
            data=data,
            problem=problem,
            said=self._redact(collect_messages(data)),
        )


def _take_raw(requester: object, headers: object, item: Any) -> Any:
    return item
