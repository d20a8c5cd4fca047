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
import http.client
import io
import json
import socket
import ssl
import time
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urljoin, urlsplit

import certifi
import urllib3
from urllib3 import exceptions as errors
from urllib3.connection import HTTPConnection, HTTPSConnection

from ..engine.world import Clock
from ..exceptions import NotSentError, ReadError, UncertainError
from .retry import LastingReadError

__all__ = [
    "MAX_PAGES",
    "Exchange",
    "Limits",
    "Reply",
    "Request",
    "decode_json",
    "find_fault",
    "is_loopback",
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

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that are spoken to in plain HTTP, as ``docker`` does."""

_CHUNK = 1 << 16
_READS = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = {
    "User-Agent": "rsp-release",
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
}
"""The headers of every request, which alone go to another origin."""

_deadline: ContextVar[float] = ContextVar("_deadline")
"""When the exchange that is being opened must end (monotonic clock)."""


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


class _ExchangeError(Exception):
    """An exchange failed, and it is known how far it got.

    Parameters
    ----------
    fate
        Whether the request was ``refused`` here (and will be again), was
        ``not sent``, is ``lost``, or has an answer that is ``unusable``.
    message
        What happened.
    help
        What to do next.
    """

    def __init__(
        self,
        fate: Literal["refused", "not sent", "lost", "unusable"],
        message: str,
        *,
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.fate = fate
        self.help = help


class Exchange:
    """Sends requests, and reads what comes back within limits.

    Nothing that failed is tried again here: see `~rsp_release.storage.retry`.

    Parameters
    ----------
    environ
        The environment, of which ``REQUESTS_CA_BUNDLE``,
        ``CURL_CA_BUNDLE``, ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and
        ``NO_PROXY`` count. A ``.netrc`` does not.
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
        self._managers: dict[str, urllib3.PoolManager] = {}

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
        token = _deadline.set(time.monotonic() + request.limits.total)
        try:
            request, response = self._follow(request)
            with contextlib.closing(response):
                yield Reply(
                    status=response.status,
                    url=request.url,
                    headers=response.headers,
                    parts=self._read(request, response),
                )
        except _ExchangeError as e:
            if is_read:
                is_lasting = e.fate in {"refused", "unusable"}
                read_error = LastingReadError if is_lasting else ReadError
                raise read_error(str(e), help=e.help) from None
            is_sent = e.fate in {"lost", "unusable"}
            write_error = UncertainError if is_sent else NotSentError
            raise write_error(str(e), help=e.help) from None
        finally:
            _deadline.reset(token)

    # -- Redirects, and "come again" ------------------------------------------

    def _follow(
        self, request: Request
    ) -> tuple[Request, urllib3.BaseHTTPResponse]:
        """Send a request on until it is answered; return the last one."""
        if fault := find_fault(request.url, "http"):
            raise _ExchangeError("refused", f"refusing to ask {fault}")
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
        left = max(_deadline.get() - time.monotonic(), 1e-3)
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
            raise _ExchangeError("refused", message) from None

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
        proxy = self._proxy(url)
        if proxy not in self._managers:
            context = self._trust()
            manager = urllib3.PoolManager(ssl_context=context)
            if proxy:
                user = urlsplit(proxy).netloc.rpartition("@")[0]
                manager = urllib3.ProxyManager(
                    proxy,
                    proxy_headers=urllib3.make_headers(
                        proxy_basic_auth=unquote(user) if user else None
                    ),
                    proxy_ssl_context=context,
                    ssl_context=context,
                )
            manager.pool_classes_by_scheme = {
                "http": _PlainPool,
                "https": _SecurePool,
            }
            self._managers[proxy] = manager
        return self._managers[proxy]

    def _trust(self) -> ssl.SSLContext:
        """Return which authorities are believed."""
        get = self._environ.get
        bundle = get("REQUESTS_CA_BUNDLE") or get("CURL_CA_BUNDLE")
        bundle = bundle or certifi.where()
        try:
            if Path(bundle).is_dir():
                return ssl.create_default_context(capath=bundle)
            return ssl.create_default_context(cafile=bundle)
        except OSError:
            raise _ExchangeError(
                "refused",
                "there are no certificates to trust",
                help="REQUESTS_CA_BUNDLE must name a file that exists",
            ) from None

    def _proxy(self, url: str) -> str:
        """Return the proxy for an address; loopback never has one."""
        parts = urlsplit(url)

        def setting(name: str) -> str:
            get = self._environ.get
            return get(name) or get(name.upper()) or ""

        # Public, but the stubs of the type checker don't have it.
        bypass: Any = vars(urllib.request)["proxy_bypass_environment"]
        excepted = bypass(parts.netloc, {"no": setting("no_proxy")})
        if excepted or is_loopback(parts.hostname):
            return ""
        proxy = setting(f"{parts.scheme}_proxy") or setting("all_proxy")
        return proxy if "://" in proxy or not proxy else f"http://{proxy}"

    # -- What went wrong ------------------------------------------------------

    @contextlib.contextmanager
    def _in_plain_words(self, request: Request) -> Iterator[None]:
        """Turn what urllib3 raises into words for a person."""
        try:
            yield
        except errors.HTTPError as e:
            if time.monotonic() >= _deadline.get():
                reason = f"it takes more than {request.limits.total:g} s"
                raise self._unusable(request, reason) from None
            host = plain_text(urlsplit(request.url).netloc)
            raise _explain(e, host) from None

    def _unusable(self, request: Request, reason: str) -> _ExchangeError:
        """Return the error for an answer that came, and is of no use."""
        name = self._service or plain_text(urlsplit(request.url).netloc)
        message = f"{name}'s answer cannot be used: {reason}"
        return _ExchangeError("unusable", message)


def _explain(error: errors.HTTPError, host: str) -> _ExchangeError:
    """Return what became of a request that got no answer."""
    if isinstance(error, errors.SSLError):
        detail = plain_text(getattr(error.args[0], "verify_message", None))
        if not detail:
            return _ExchangeError("lost", f"cannot speak TLS with {host}")
        # It doesn't get better in a second.
        return _ExchangeError(
            "refused",
            f"the certificate of {host} is not accepted: {detail}",
            help="a private authority's certificate is named by"
            " REQUESTS_CA_BUNDLE",
        )
    if isinstance(error, errors.NameResolutionError):
        return _ExchangeError("not sent", f"cannot resolve {host}")
    if isinstance(error, errors.ProxyError):
        return _ExchangeError("not sent", f"cannot use the proxy for {host}")
    if isinstance(error.__cause__, ConnectionRefusedError):
        return _ExchangeError("not sent", f"{host} refused the connection")
    if isinstance(
        error, (errors.ConnectTimeoutError, errors.NewConnectionError)
    ):
        return _ExchangeError("not sent", f"cannot connect to {host}")
    if isinstance(error, errors.TimeoutError):
        return _ExchangeError("lost", f"{host} did not answer in time")
    return _ExchangeError("lost", f"the connection to {host} broke")


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


class _Paced(io.RawIOBase):
    """What a connection sends, up to the deadline of the exchange.

    The limit of a socket is one of silence: an answer that drips would hold
    its reader for as long as it pleases, in the headers already.
    """

    def __init__(self, sock: socket.socket, file: io.BufferedReader) -> None:
        self._sock = sock
        self._file = file
        self._silence = sock.gettimeout()
        self._deadline = _deadline.get()

    # The decorator of that name is not in Python 3.11.
    def readable(self) -> bool:  # type: ignore[explicit-override]
        return True

    def readinto(  # type: ignore[explicit-override]
        self, buffer: Any
    ) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, self._silence or left))
        return self._file.raw.readinto(buffer)

    def close(self) -> None:  # type: ignore[explicit-override]
        self._file.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read up to the deadline of the exchange."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Paced(sock, self.fp))


class _PlainConnection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


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
        raise ValueError("it is not JSON") from None


def is_loopback(host: str | None) -> bool:
    """Return whether a host is spoken to in plain HTTP.

    Parameters
    ----------
    host
        Name or address, without brackets and port.
    """
    return host in LOOPBACK


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
