"""One bounded exchange: a request, and an answer that is not to be trusted.

Everything that is asked over HTTP is asked here. Whatever the other side
does, an exchange ends: there is a limit of its whole time, of silence, of the
size of the answer (as sent, and unpacked), of redirects, and of answers that
say "come again". Credentials go to the origin that they were given for and to
no other, and a connection that was encrypted never goes on unencrypted.

What failed is told apart. A read raises `~rsp_release.exceptions.ReadError`;
a write raises `~rsp_release.exceptions.NotSentError` where the request never
left, and `~rsp_release.exceptions.UncertainError` where its fate is not
known. An answer, of whatever status, is returned.
"""

from __future__ import annotations

import contextlib
import html
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3 import exceptions as errors

from ..engine.world import Clock
from ..exceptions import NotSentError, ReadError, UncertainError
from .connections import Proxy, deadline, find_proxy, is_loopback, open_pools
from .failures import ExchangeError, explain
from .retry import LastingReadError

__all__ = [
    "MAX_PAGES",
    "Exchange",
    "Limits",
    "Reply",
    "Request",
    "decode_json",
    "find_fault",
    "origin",
    "plain_text",
]

MAX_REDIRECTS = 5
"""How many redirects one request follows."""

MAX_PAGES = 1000
"""How many pages of one list are read."""

MAX_VALUES = 1_000_000
"""How many values JSON may hold, by its brackets and commas: GitHub's longest
answer, a tree of 100,000 files, has 800,000, and an empty list takes 70 times
the memory of its two characters.
"""

MAX_TEXT = 200
"""How many characters of a remote's words are repeated to a person."""

_CHUNK = 1 << 16
_READS = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "User-Agent": "rsp-release",
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
}
"""The headers of every request, which alone go to another origin."""

_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_TITLE = re.compile(
    rb"<title[^>]*>(.{1,1000}?)</title", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an exchange may take."""

    silence: float = 15.0
    """Seconds to wait for a connection, and for each part of an answer."""

    total: float = 45.0
    """Seconds for all of it, redirects and the reading included."""

    size: int = 32 << 20
    """Bytes of the body, as sent and unpacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent, and what of an answer is taken."""

    method: str = "GET"
    """The method."""

    url: str = field(repr=False)
    """The address: https, or http on loopback."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The headers. Those that could hold a secret go to the origin of
    ``url`` alone. The answer may be packed, unless they forbid it, and is
    unpacked.
    """

    body: bytes | None = field(default=None, repr=False)
    """What is sent along."""

    is_read: bool | None = None
    """Whether it changes nothing: by default, whether it is GET or HEAD."""

    follows: bool = True
    """Whether redirects are followed; otherwise they are answers."""

    limits: Limits = field(default=Limits(), repr=False)
    """What the exchange may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer."""

    status: int
    """The HTTP status."""

    url: str = field(repr=False)
    """The address that answered: another one after a redirect."""

    headers: Mapping[str, str] = field(repr=False)
    """The headers, whose names may be asked for in any case."""

    parts: Iterator[bytes] = field(repr=False)
    """The body, unpacked, in parts of at most 64 KiB, as far as it is not
    read yet.
    """

    body: bytes = field(default=b"", repr=False)
    """The body, unpacked, once it is read."""


class Exchange:
    """Sends requests, and reads what comes back within limits.

    Nothing that failed is tried again here: see `~rsp_release.storage.retry`.

    Parameters
    ----------
    environ
        The environment, for authorities and proxies (see
        `~rsp_release.storage.connections`). A ``.netrc`` does not count.
    clock
        What waits where an answer says "come again".
    service
        How an answer that cannot be used is named, such as ``GitHub``; by
        default it is the host's.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        service: str | None = None,
    ) -> None:
        self._environ = environ
        self._clock = clock
        self._service = service
        self._managers: dict[
            tuple[str, Proxy | None], urllib3.PoolManager
        ] = {}

    def close(self) -> None:
        """Close the connections that are kept open."""
        for manager in self._managers.values():
            manager.clear()
        self._managers.clear()

    def send(self, request: Request) -> Reply:
        """Send a request, and read the whole answer, whatever its status.

        Parameters
        ----------
        request
            The request.

        Raises
        ------
        ReadError
            Raised if a read got no answer, or one that cannot be used; a
            `~rsp_release.storage.retry.LastingReadError` where another
            attempt is of no use.
        NotSentError
            Raised if a write never left this machine.
        UncertainError
            Raised if it is not known what became of a write.
        """
        with self.stream(request) as answer:
            return replace(answer, body=b"".join(answer.parts))

    @contextlib.contextmanager
    def stream(self, request: Request) -> Iterator[Reply]:
        """Send a request, and let the answer be read part by part.

        Parameters
        ----------
        request
            The request.

        Yields
        ------
        Reply
            The answer. What was not read of it at the end is left.

        Raises
        ------
        ReadError, NotSentError, UncertainError
            Raised as by `send`, while the parts are read as well.
        """
        is_read = request.is_read or request.method in _READS
        token = deadline.set(time.monotonic() + request.limits.total)
        try:
            request, response = self._follow(request)
            with contextlib.closing(response):
                self._refuse_page(request, response)
                yield Reply(
                    status=response.status,
                    url=request.url,
                    headers=response.headers,
                    parts=self._read(request, response),
                )
        except ExchangeError as e:
            if is_read:
                is_lasting = e.fate in {"refused", "unusable"}
                read_error = LastingReadError if is_lasting else ReadError
                raise read_error(str(e), help=e.help) from None
            is_sent = e.fate in {"lost", "unusable"}
            write_error = UncertainError if is_sent else NotSentError
            raise write_error(str(e), help=e.help) from None
        finally:
            deadline.reset(token)

    # -- Redirects, and "come again" ------------------------------------------

    def _follow(
        self, request: Request
    ) -> tuple[Request, urllib3.BaseHTTPResponse]:
        """Send a request on until it is answered; return the last one."""
        if fault := find_fault(request.url, "http"):
            raise ExchangeError("refused", f"refusing to ask {fault}")
        headers = urllib3.HTTPHeaderDict(_HEADERS)
        headers.update(request.headers)
        request = replace(request, headers=headers)
        for _ in range(MAX_REDIRECTS + 1):
            response = self._wait(request)
            if response.status not in _REDIRECTS or not request.follows:
                return request, response
            response.close()
            request = self._redirect(request, response)
        reason = f"it redirects more than {MAX_REDIRECTS} times"
        raise self._unusable(request, reason)

    def _redirect(
        self, request: Request, response: urllib3.BaseHTTPResponse
    ) -> Request:
        """Return the request that an answer redirects to."""
        target = response.headers.get("Location")
        if not target:
            raise self._unusable(request, "it redirects to nowhere")
        try:
            url = urljoin(request.url, target)
        except ValueError:
            url = ""
        if fault := find_fault(url, urlsplit(request.url).scheme):
            raise self._unusable(request, f"it redirects to {fault}")
        headers = request.headers
        is_same = origin(url) == origin(request.url)
        if not is_same:
            headers = {name: headers[name] for name in _HEADERS}
        if request.method not in _READS:
            if not is_same or response.status not in {307, 308}:
                raise self._unusable(request, "it redirects what was sent")
        return replace(request, url=url, headers=headers)

    def _wait(self, request: Request) -> urllib3.BaseHTTPResponse:
        """Send a request, and again while it is answered "come again"."""
        waited, pause = 0.0, 1.0
        while True:
            response = self._once(request)
            if response.status != 202 or request.method not in _READS:
                return response
            response.close()
            waited += pause
            if waited > request.limits.total:
                raise self._unusable(request, 'it always says "come again"')
            self._clock.sleep(pause)
            pause *= 2

    # -- One request, one answer ----------------------------------------------

    def _once(self, request: Request) -> urllib3.BaseHTTPResponse:
        """Send one request, follow nothing, read nothing but the headers."""
        silence = request.limits.silence
        left = max(deadline.get() - time.monotonic(), 1e-3)
        timeout = urllib3.Timeout(connect=min(silence, left), read=silence)
        try:
            with self._in_plain_words(request):
                return self._manager(request.url).request(
                    request.method,
                    request.url,
                    body=request.body,
                    headers=request.headers,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=timeout,
                )
        except ValueError:
            # A header's value can be the matter, so it isn't repeated.
            message = "refusing to send a malformed request"
            raise ExchangeError("refused", message) from None

    def _read(
        self, request: Request, response: urllib3.BaseHTTPResponse
    ) -> Iterator[bytes]:
        """Read a body, unpacked, within limits."""
        parts = self._bound(request, self._receive(request, response))
        packing = response.headers.get("Content-Encoding", "").strip().lower()
        if packing in {"gzip", "x-gzip"}:
            parts = self._bound(request, self._unpack(request, parts))
        elif packing not in {"", "identity"}:
            raise self._unusable(request, f"packed as {plain_text(packing)}")
        yield from parts

    def _bound(
        self, request: Request, parts: Iterator[bytes]
    ) -> Iterator[bytes]:
        """Pass on as much of a body as a request takes."""
        limit = request.limits.size
        size = 0
        for part in parts:
            size += len(part)
            if size > limit:
                reason = f"it is larger than {limit >> 20} MiB"
                raise self._unusable(request, reason)
            yield part

    def _receive(
        self, request: Request, response: urllib3.BaseHTTPResponse
    ) -> Iterator[bytes]:
        """Read a body as it is sent."""
        while True:
            with self._in_plain_words(request):
                # Not more than one read of the connection: a full chunk would
                # be waited for as long as a slow drip pleases.
                part = response.read1(_CHUNK, decode_content=False)
            if not part:
                return
            yield part

    def _unpack(
        self, request: Request, parts: Iterator[bytes]
    ) -> Iterator[bytes]:
        """Unpack a body, a piece at a time, for a bomb's may be huge."""
        unpacker = zlib.decompressobj(wbits=31)
        broken = self._unusable(request, "it cannot be unpacked")
        part = b""
        for part in parts:
            rest = part
            while rest:
                try:
                    yield unpacker.decompress(rest, _CHUNK)
                except zlib.error:
                    raise broken from None
                rest = unpacker.unconsumed_tail
        # What follows the end would be lost without a word.
        if part and (not unpacker.eof or unpacker.unused_data):
            raise broken

    # -- How to get there -----------------------------------------------------

    def _manager(self, url: str) -> urllib3.PoolManager:
        """Return what keeps the connections by one way, made when needed."""
        try:
            way = urlsplit(url).scheme, find_proxy(self._environ, url)
            if way not in self._managers:
                self._managers[way] = open_pools(self._environ, *way)
        except ValueError as e:
            raise ExchangeError(
                "refused",
                str(e),
                help="correct it, or unset it: a file or folder of"
                " certificates in PEM, or a proxy as"
                " http://USER:PASSWORD@HOST:PORT, with what is special in the"
                " password percent-encoded",
            ) from None
        return self._managers[way]

    # -- What went wrong ------------------------------------------------------

    @contextlib.contextmanager
    def _in_plain_words(self, request: Request) -> Iterator[None]:
        """Turn what urllib3 raises into words for a person."""
        try:
            yield
        except errors.HTTPError as e:
            if time.monotonic() >= deadline.get():
                reason = f"it takes more than {request.limits.total:g} s"
                raise self._unusable(request, reason) from None
            raise explain(
                e,
                plain_text(urlsplit(request.url).netloc),
                proxy=find_proxy(self._environ, request.url),
                environ=self._environ,
                now=self._clock.now(),
            ) from None

    def _unusable(
        self, request: Request, reason: str, *, help: str | None = None
    ) -> ExchangeError:
        """Return the error for an answer that came, and is of no use."""
        name = self._service or plain_text(urlsplit(request.url).netloc)
        message = f"{name}'s answer cannot be used: {reason}"
        return ExchangeError("unusable", message, help=help)

    def _refuse_page(
        self, request: Request, response: urllib3.BaseHTTPResponse
    ) -> None:
        """Raise if a page for people came: nothing that is asked here is."""
        kind = response.headers.get("Content-Type", "").lower()
        if response.status != 200 or not kind.startswith("text/html"):
            return
        text = b""
        for part in self._read(request, response):
            text += part
            if len(text) >= _CHUNK:
                break
        reason = _name_page(text) or "it is a web page"
        proxy = find_proxy(self._environ, request.url)
        if proxy is not None:
            reason += f", through the proxy {proxy.address}"
        first = "{0.scheme}://{0.netloc}".format(urlsplit(request.url))
        raise self._unusable(
            request,
            reason,
            help=f"the network may want a login: open {plain_text(first)} in a"
            " browser, then run it again",
        )


def find_fault(url: str, from_scheme: str) -> str | None:
    """Return what is wrong with an address, if it may not be asked.

    Parameters
    ----------
    url
        The address.
    from_scheme
        How that was asked which names it: an encrypted connection never goes
        on unencrypted. Loopback alone is spoken to in plain HTTP.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        origin(url)
    except ValueError:
        host = None
    if not host or "@" in parts.netloc:
        return "a malformed address"
    if parts.scheme == "https" or (
        parts.scheme == from_scheme == "http" and is_loopback(host)
    ):
        return None
    return f"{plain_text(parts.netloc)} without encryption"


def decode_json(text: bytes) -> Any:
    """Decode JSON that somebody else wrote.

    Parameters
    ----------
    text
        The text.

    Raises
    ------
    ValueError
        Raised if it is none, is nested too deeply or holds too much, in words
        that end "… cannot be used: ".
    """
    if sum(map(text.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise ValueError("it holds too many values")
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError(_name_page(text) or "it is not JSON") from None


def _name_page(text: bytes) -> str | None:
    """Return that a text is a page for people, by its title, if it is."""
    if not _PAGE.match(text):
        return None
    match = _TITLE.search(text[:_CHUNK])
    title = html.unescape(match[1].decode(errors="replace")) if match else ""
    title = plain_text(title)
    return f'it is a web page, "{title}"' if title else "it is a web page"


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of an address (RFC 6454).

    Parameters
    ----------
    url
        The address.

    Raises
    ------
    ValueError
        Raised if the address is malformed.
    """
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default


def plain_text(text: object) -> str:
    """Return a remote's words as one short line without control characters.

    Parameters
    ----------
    text
        What it said. Anything that isn't text becomes nothing.
    """
    if not isinstance(text, str):
        return ""
    start = text[: 4 * MAX_TEXT]
    text = "".join(c if c.isprintable() else " " for c in start)
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
