"""One careful HTTP exchange with a registry, or with what it points to.

A registry's answer is not to be trusted: bodies are read up to a limit,
redirects never carry credentials to another origin, and a connection that was
encrypted never goes on unencrypted.
"""

from __future__ import annotations

import contextlib
import math
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from ...engine.world import Clock
from ...exceptions import ReadError
from .name import is_loopback, origin, plain_text

if TYPE_CHECKING:
    import requests

__all__ = ["HttpClient", "Reply"]

MAX_REDIRECTS = 5
"""How many redirects one request follows."""

PATIENCE = 10.0
"""The longest ``Retry-After``, in seconds, that is waited for here."""

TRANSIENT = frozenset({500, 502, 503, 504})
"""Statuses that another attempt may cure."""


class _TransientError(Exception):
    """Something broke that another attempt may cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer.

    The body is bytes exactly as they were sent, because digests are of that.
    """

    status: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class HttpClient:
    """Sends requests that read, and tries again where that helps.

    Not for use by several threads at once.

    Parameters
    ----------
    environ
        The environment, of which ``REQUESTS_CA_BUNDLE``,
        ``CURL_CA_BUNDLE``, ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``
        count.
    clock
        What waits between attempts.
    timeout
        Seconds to wait for a connection and for each part of an answer; a
        whole body may take four times as long.
    retries
        How many more attempts a transient trouble gets.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        timeout: float = 15.0,
        retries: int = 3,
    ) -> None:
        self._environ = environ
        self._clock = clock
        self._timeout = timeout
        self._retries = retries
        self._made: requests.Session | None = None

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def request(
        self,
        method: str,
        url: str,
        *,
        limit: int,
        accept: str | None = None,
        authorization: str | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send a request and read the whole answer, whatever its status.

        Parameters
        ----------
        method
            The method. Redirects of a POST are not followed, because its
            body holds a secret.
        url
            The address: https, or http on loopback.
        limit
            How many bytes of the body to accept.
        accept
            The media types to ask for.
        authorization
            The value of that header. It goes to the origin of ``url`` alone.
        form
            A form to send as the body.

        Raises
        ------
        ReadError
            Raised if there is no whole answer, with the reason in plain
            words.
        """
        waited = 0
        for attempt in range(self._retries + 1):
            is_last = attempt == self._retries
            backoff = 0.5 * 2**attempt
            try:
                reply = self._follow(
                    method, url, limit, accept, authorization, form
                )
            except _TransientError as e:
                if is_last:
                    raise ReadError(str(e)) from None
                self._clock.sleep(backoff)
                continue
            delay = self.retry_after(reply)
            if reply.status in TRANSIENT and not is_last:
                if delay is not None and delay <= PATIENCE:
                    backoff = max(backoff, delay)
                self._clock.sleep(backoff)
                continue
            # Without a hint how long to wait, asking again makes it worse.
            if reply.status == 429 and delay is not None:
                if delay <= PATIENCE and waited < 2 and not is_last:
                    waited += 1
                    self._clock.sleep(max(delay, 1.0))
                    continue
            return reply
        raise AssertionError("unreachable")  # pragma: no cover

    def _follow(  # noqa: PLR0917
        self,
        method: str,
        url: str,
        limit: int,
        accept: str | None,
        authorization: str | None,
        form: Mapping[str, str] | None,
    ) -> Reply:
        """Send one request, and those that it is redirected to."""
        first = self._parts(url, allow_http=True)
        headers = {"Accept": accept or "*/*"}
        # The digest is of the exact bytes, so nothing may recode them.
        headers["Accept-Encoding"] = "identity"
        if authorization is not None:
            headers["Authorization"] = authorization
        for _ in range(MAX_REDIRECTS + 1):
            reply = self._once(method, url, limit, headers, form)
            if reply.status not in {301, 302, 303, 307, 308}:
                return reply
            target = reply.headers.get("Location")
            host = plain_text(first.netloc)
            if not target:
                raise ReadError(f"{host} redirects without saying where to")
            if method == "POST":
                raise ReadError(f"{host} redirects a request for a token")
            try:
                new = urljoin(url, target)
                if origin(new) != origin(url):
                    headers.pop("Authorization", None)
            except ValueError:
                raise ReadError(
                    f"{host} redirects to a malformed address"
                ) from None
            url = new
            self._parts(url, allow_http=first.scheme == "http")
        raise ReadError(f"{plain_text(first.netloc)} redirects in a circle")

    @staticmethod
    def _parts(url: str, *, allow_http: bool) -> SplitResult:
        """Take an address apart, if it is one that may be asked."""
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ReadError("a malformed address was given") from None
        host = plain_text(parts.netloc.rpartition("@")[2])
        if not parts.hostname or "@" in parts.netloc:
            raise ReadError(f"a malformed address at {host!r} was given")
        is_local = allow_http and is_loopback(parts.hostname)
        if parts.scheme != "https" and not (
            parts.scheme == "http" and is_local
        ):
            raise ReadError(f"{host} would have to be asked unencrypted")
        return parts

    def _once(
        self,
        method: str,
        url: str,
        limit: int,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
    ) -> Reply:
        """Send one request, follow nothing."""
        session = self._session()
        host = plain_text(urlsplit(url).netloc)
        deadline = time.monotonic() + 4 * self._timeout
        with self._in_plain_words(host):
            with session.request(
                method,
                url,
                headers=dict(headers),
                data=dict(form) if form is not None else None,
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
                proxies=self._proxies(url),
            ) as response:
                body = bytearray()
                while method != "HEAD":
                    # Not iter_content: it would wait for a full chunk, and
                    # so as long as a slow drip pleases.
                    part = response.raw.read1(65536, decode_content=True)
                    if not part:
                        break
                    body += part
                    if len(body) > limit:
                        raise ReadError(
                            f"{host} sent more than {limit // 1024} KiB"
                        )
                    if time.monotonic() > deadline:
                        raise ReadError(f"{host} sends its answer too slowly")
                return Reply(
                    status=response.status_code,
                    url=url,
                    headers=response.headers,
                    body=bytes(body),
                )

    @contextlib.contextmanager
    def _in_plain_words(self, host: str) -> Iterator[None]:
        """Turn what requests and urllib3 raise into words for a person."""
        import requests
        import urllib3.exceptions

        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError) as e:
            causes = list(_causes(e))
            # A certificate or an address doesn't get better in a second.
            tls = (ssl.SSLError, urllib3.exceptions.SSLError)
            if found := [c for c in causes if isinstance(c, tls)]:
                verify = getattr(found[-1], "verify_message", None)
                detail = f" ({plain_text(verify)})" if verify else ""
                raise ReadError(
                    f"{host} could not be asked securely{detail}",
                    help="a private authority's certificate is named by"
                    " REQUESTS_CA_BUNDLE",
                ) from None
            names = (socket.gaierror, urllib3.exceptions.NameResolutionError)
            # urllib3 counts "refused" among its timeouts; it is none.
            refused = urllib3.exceptions.NewConnectionError
            slow = (urllib3.exceptions.TimeoutError, TimeoutError)
            proxy = urllib3.exceptions.ProxyError
            broken = (
                requests.ConnectionError,
                requests.Timeout,
                urllib3.exceptions.HTTPError,
            )
            if any(isinstance(c, names) for c in causes):
                message = f"the name of {host} could not be looked up"
            elif any(isinstance(c, proxy) for c in causes):
                message = f"the proxy for {host} could not be used"
            elif any(isinstance(c, ConnectionRefusedError) for c in causes):
                message = f"{host} refused the connection"
            elif any(isinstance(c, refused) for c in causes):
                message = f"{host} could not be reached"
            elif any(isinstance(c, slow) for c in causes):
                message = f"{host} did not answer within {self._timeout:g} s"
            elif isinstance(e, broken):
                message = f"the connection to {host} broke"
            else:
                raise ReadError(f"{host} could not be asked") from None
            raise _TransientError(message) from None
        except OSError:
            raise ReadError(
                f"{host} could not be asked: no certificates to trust",
                help="REQUESTS_CA_BUNDLE must name a file that exists",
            ) from None

    def _session(self) -> requests.Session:
        """Return the session, made when it is first needed."""
        if self._made is None:
            import requests

            class Session(requests.Session):
                """One that doesn't look at redirects.

                Else requests, though told not to follow them, would read
                their whole body, of whatever size.
                """

                # The decorator of that name is not in Python 3.11.
                def get_redirect_target(  # type: ignore[explicit-override]
                    self, resp: requests.Response
                ) -> str | None:
                    return None

            session = Session()
            # The environment is an argument here, and a .netrc, which
            # requests would consult by itself, is not meant for registries.
            session.trust_env = False
            session.headers["User-Agent"] = "rsp-release"
            session.verify = (
                self._environ.get("REQUESTS_CA_BUNDLE")
                or self._environ.get("CURL_CA_BUNDLE")
                or True
            )
            self._made = session
        return self._made

    def _proxies(self, url: str) -> dict[str, str]:
        """Return the proxy for an address; loopback never has one."""
        import urllib.request

        parts = urlsplit(url)
        if is_loopback(parts.hostname):
            return {}

        def setting(name: str) -> str | None:
            return self._environ.get(name) or self._environ.get(name.upper())

        proxy = setting(f"{parts.scheme}_proxy") or setting("all_proxy")
        if not proxy:
            return {}
        if no_proxy := setting("no_proxy"):
            # Public, but the stubs of the type checker don't have it.
            bypass: Any = vars(urllib.request)["proxy_bypass_environment"]
            if bypass(parts.netloc, {"no": no_proxy}):
                return {}
        return {parts.scheme: proxy}

    def retry_after(self, reply: Reply) -> float | None:
        """Return how many seconds an answer asks to wait, if it does.

        Parameters
        ----------
        reply
            The answer.
        """
        value = reply.headers.get("Retry-After", "").strip()
        if not value:
            return None
        try:
            seconds = float(value)
        except ValueError:
            try:
                until = parsedate_to_datetime(value)
                seconds = (until - self._clock.now()).total_seconds()
            except (ValueError, TypeError, OverflowError):
                return None
        return max(seconds, 0.0) if math.isfinite(seconds) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it was raised from or holds."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, *one.args]
        todo.append(getattr(one, "reason", None))
