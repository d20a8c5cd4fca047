"""Remotes that mean harm, and a process that meets them.

Run as a module, it lets one of the `CLIENTS` meet every remote, each in a
process of its own whose memory is limited and measured, and prints a line of
JSON for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from unittest.mock import patch

from typing_extensions import override

from rsp_release.exceptions import ReleaseError
from rsp_release.storage.http import Exchange, Limits, Request, decode_json

from .loopback import Loopback

__all__ = ["CLIENTS", "REMOTES", "HostileServer", "Meeting", "main"]

SECRET = "secret-of-the-user"

DRIP = 0.02
"""Seconds between two bytes that drip."""


def _limits(name: str) -> Limits:
    """Return the real limits, but less time where it is used up."""
    if name.endswith("drip"):
        return Limits(total=10 * DRIP)
    return Limits()


GIB = 1 << 30


class HostileServer(Loopback):
    """A server whose paths begin with the name of what they do.

    Parameters
    ----------
    elsewhere
        Another server, to redirect to.

    Attributes
    ----------
    requests
        How many requests came, by the name of the remote.
    told
        The secrets that came along.
    """

    def __init__(self, elsewhere: str = "") -> None:
        self.requests: Counter[str] = Counter()
        self.told: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = next(n for n in REMOTES if n in self.path)
                outer.requests[name] += 1
                if SECRET in str(self.headers):
                    outer.told.append(self.path)
                with contextlib.suppress(OSError):
                    REMOTES[name](self, elsewhere, outer.requests[name])

            do_HEAD = do_POST = do_GET  # noqa: N815

            @override
            def log_message(self, *args: object) -> None:
                pass

        super().__init__(Handler)
        self.server.block_on_close = False


# -- What they do -------------------------------------------------------------


def _answer(
    handler: BaseHTTPRequestHandler, status: int = 200, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def _send_much(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler)
    for _ in range(2 * GIB >> 20):
        handler.wfile.write(bytes(1 << 20))


def _announce_much(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler, Content_Length=str(2 * GIB))
    _send_much(handler, elsewhere, number)


def _send_bomb(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler, Content_Encoding="gzip")
    packer = zlib.compressobj(wbits=31)
    handler.wfile.write(packer.flush(zlib.Z_FULL_FLUSH))
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    # 2 GiB of zeros in 2 MiB, and the same again.
    handler.wfile.write(block * (4 * GIB >> 20))


def _drip_headers(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(DRIP)


def _drip_body(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler)
    while True:
        handler.wfile.write(b" ")
        time.sleep(DRIP)


def _never_finish(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler, 202)


def _redirect_on(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler, 302, Location=f"{handler.path}{number}")


def _redirect_away(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    if elsewhere:
        _answer(handler, 301, Location=elsewhere + handler.path)
    else:
        _answer(handler, 403)


def _nest(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    _answer(handler)
    handler.wfile.write(b"[" * 200_000 + b"]" * 200_000)


def _come_back(
    handler: BaseHTTPRequestHandler, elsewhere: str, number: int
) -> None:
    path = handler.path.partition("?")[0]
    page = f"http://{handler.headers['Host']}{path}?page={number % 3}"
    _answer(handler, Link=f'<{page}>; rel="next"')
    handler.wfile.write(b"[1]")


REMOTES: dict[str, Callable[[BaseHTTPRequestHandler, str, int], None]] = {
    "much": _send_much,
    "announced": _announce_much,
    "bomb": _send_bomb,
    "header-drip": _drip_headers,
    "body-drip": _drip_body,
    "again": _never_finish,
    "chain": _redirect_on,
    "away": _redirect_away,
    "nested": _nest,
    "pages": _come_back,
}
"""What remotes do, by their names."""


# -- Those who meet them ------------------------------------------------------


class NoClock:
    """A clock that waits for nothing."""

    def now(self) -> datetime:
        return datetime(2026, 5, 1, tzinfo=UTC)

    def sleep(self, seconds: float) -> None:
        pass


def _by_exchange(url: str, name: str) -> None:
    exchange = Exchange(environ={}, clock=NoClock())
    secrets = {"Authorization": SECRET, "Cookie": SECRET}
    reply = exchange.send(
        Request(url=f"{url}/{name}", headers=secrets, limits=_limits(name))
    )
    if reply.status != 200:
        raise ReleaseError(f"answer {reply.status}")
    try:
        decode_json(reply.body)
    except ValueError as e:
        raise ReleaseError(f"the answer cannot be used: {e}") from None


def _by_registry(url: str, name: str) -> None:
    from rsp_release.models import Image
    from rsp_release.storage.registry import client
    from rsp_release.storage.registry.oci import OciRegistry

    host = url.removeprefix("http://")
    with (
        patch.object(client, "LIMITS", _limits(name)),
        contextlib.closing(
            OciRegistry(environ={}, clock=NoClock())
        ) as registry,
    ):
        report = registry.look(Image(name=f"{host}/{name}", tag="1"))
    if report.state == "unknown":
        raise ReleaseError(str(report.reason))


def _by_github(url: str, name: str) -> None:
    from random import Random

    from rsp_release.storage.github.http import GithubHttp

    http = GithubHttp(
        api_url=url,
        token=SECRET,
        clock=NoClock(),
        random=Random(0),
        environ={},
        limits=_limits(name),
    )
    http.raw_items(f"/{name}")


def _by_argocd(url: str, name: str) -> None:
    from rsp_release.models.rollout import Target
    from rsp_release.storage.argocd import client

    environ = {"ARGOCD_AUTH_TOKEN_DEV": SECRET}
    argocd = client.ArgoCDClient(environ=environ, clock=NoClock())
    with patch.object(client, "PATIENCE", min(_limits(name).total, 10)):
        argocd.application(
            Target(environment="dev", argocd=url, application=name)
        )


CLIENTS: dict[str, Callable[[str, str], None]] = {
    "argocd": _by_argocd,
    "exchange": _by_exchange,
    "github": _by_github,
    "registry": _by_registry,
}
"""Who meets the remotes: called with the server's address and the remote's
name, they raise what a user reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """How it went."""

    remote: str
    """The remote's name."""

    outcome: str
    """The message, after the name of the error's class."""

    seconds: float
    """How long it took."""

    memory: int
    """How many bytes of memory were in use at most."""


def _meet(client: str, url: str, name: str) -> Meeting:
    """Meet a remote, and tell how it went."""
    start = time.monotonic()
    outcome = "nothing"
    try:
        CLIENTS[client](url, name)
    except Exception as e:
        outcome = f"{type(e).__name__}: {e}"
    return Meeting(
        remote=name,
        outcome=outcome,
        seconds=time.monotonic() - start,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
    )


def main(client: str, url: str) -> Iterator[str]:
    """Meet all remotes, each in a process whose memory is limited.

    Parameters
    ----------
    client
        Who.
    url
        The server's address.

    Yields
    ------
    str
        A line of JSON for each.
    """
    for name in REMOTES:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_AS, (GIB, GIB))
            meeting = _meet(client, url, name)
            os.write(writer, json.dumps(asdict(meeting)).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            yield file.read()
        os.waitpid(child, 0)


if __name__ == "__main__":
    for line in main(*sys.argv[1:]):
        sys.stdout.write(f"{line}\n")
