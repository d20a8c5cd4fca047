"""Each cause has a sentence and a remedy of its own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rsp_release.exceptions import ReadError
from rsp_release.storage.http import Exchange, Request
from rsp_release.storage.retry import LastingReadError

from ..support.registry import (
    Answer,
    Authority,
    FakeClock,
    Scripted,
    free_port,
    resolving,
)

PASSWORD = "s3cret"
HTML = b"<!DOCTYPE html>\n<html><head><title> Guest &amp; login\n</title>"


def _fail(environ: dict[str, str], url: str) -> ReadError:
    exchange = Exchange(environ=environ, clock=FakeClock(), service="GitHub")
    with contextlib.closing(exchange), pytest.raises(ReadError) as raised:
        exchange.send(Request(url=url))
    assert PASSWORD not in f"{raised.value} {raised.value.help}"
    return raised.value


@contextlib.contextmanager
def _proxy(say: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on loopback for one connection; give the address."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                say(peer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("user", "said", "message", "help", "is_lasting"),
    [
        (
            "",
            b"407 Proxy Authentication Required",
            "the proxy {} wants a login (407)",
            "set HTTPS_PROXY to http://USER:PASSWORD@{}",
            True,
        ),
        (
            f"ada:{PASSWORD}@",
            b"407 Proxy Authentication Required",
            "the proxy {} does not accept the user and password (407)",
            "correct them in HTTPS_PROXY",
            True,
        ),
        (
            f"ada:{PASSWORD}@",
            b"403 Forbidden",
            "the proxy {} does not connect to a.example: it answers 403",
            "have it allowed there, or name it in NO_PROXY",
            True,
        ),
        (
            "",
            b"504 Gateway Timeout",
            "the proxy {} does not connect to a.example: it answers 504",
            "check the address, or name it in NO_PROXY",
            False,
        ),
        (
            f"ada:{PASSWORD}@",
            b"200 OK\r\nContent-Type: text/html\r\n\r\n" + HTML,
            "cannot speak TLS with a.example, through the proxy {}",
            "check HTTPS_PROXY",
            False,
        ),
        (
            "",
            b"nonsense",
            "the connection to a.example broke, through the proxy {}",
            "check HTTPS_PROXY",
            False,
        ),
    ],
    ids=["login", "password", "forbidden", "far away", "page", "nonsense"],
)
def test_proxy_that_answers(
    user: str, said: bytes, message: str, help: str, *, is_lasting: bool
) -> None:
    def say(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 " + said + b"\r\n\r\n")

    with _proxy(say) as address:
        environ = {"HTTPS_PROXY": f"http://{user}{address}"}
        error = _fail(environ, "https://a.example/")
    assert error.message.startswith(message.format(address))
    assert help.format(address) in (error.help or "")
    assert isinstance(error, LastingReadError) is is_lasting


def test_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_port()}"
    user = f"http://ada:{PASSWORD}@"
    error = _fail({"ALL_PROXY": user + address}, "https://a.example/")
    assert error.message == f"the proxy {address} refused the connection"
    assert error.help == "check ALL_PROXY"
    with resolving(monkeypatch, {}):
        environ = {"HTTPS_PROXY": f"{user}p.example:1"}
        error = _fail(environ, "https://a.example/")
    assert error.message == "cannot resolve the proxy p.example:1"
    assert error.help == "check HTTPS_PROXY"


@pytest.mark.parametrize(
    "value", [f"http://ada:{PASSWORD}/x@p.example", f"socks5://{PASSWORD}@p"]
)
def test_proxy_that_cannot_be_used(value: str) -> None:
    error = _fail({"HTTPS_PROXY": value}, "https://a.example/")
    assert error.message.startswith("HTTPS_PROXY")
    assert "percent-encoded" in (error.help or "")
    assert isinstance(error, LastingReadError)


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    error = _fail({}, f"http://127.0.0.1:{free_port()}/")
    assert (error.help or "").startswith("check the address and the port")
    with resolving(monkeypatch, {}):
        error = _fail({}, "https://a.example/")
    assert error.message == "cannot resolve a.example"
    assert "DNS" in (error.help or "")
    assert "HTTPS_PROXY" in (error.help or "")


class TestCertificates:
    def check(self, path: Path, environ: dict[str, str], help: str) -> None:
        tls = Authority(path).issue("127.0.0.2")
        with Scripted(host="127.0.0.2", tls=tls) as server:
            error = _fail(environ, server.url)
        assert "is not accepted: " in error.message
        assert help in (error.help or "")
        assert isinstance(error, LastingReadError)

    def test_unknown_authority(self, tmp_path: Path) -> None:
        self.check(tmp_path, {}, "a private authority with SSL_CERT_FILE")

    def test_another_authority(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = Authority(tmp_path / "other")
        self.check(
            tmp_path,
            {"SSL_CERT_FILE": str(other.bundle)},
            "SSL_CERT_FILE names all authorities that are trusted",
        )

    def test_clock(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        until = datetime.now(tz=UTC) - timedelta(days=1)
        tls = authority.issue("127.0.0.2", until=until)
        with Scripted(host="127.0.0.2", tls=tls) as server:
            environ = {"SSL_CERT_FILE": str(authority.bundle)}
            error = _fail(environ, server.url)
        assert "certificate has expired" in error.message
        assert "clock, which shows 2026-05-01 12:00 UTC" in (error.help or "")

    def test_another_name(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        tls = authority.issue("a.example")
        with Scripted(host="127.0.0.2", tls=tls) as server:
            environ = {"SSL_CERT_FILE": str(authority.bundle)}
            error = _fail(environ, server.url)
        assert "mismatch" in error.message
        assert "another server answers there" in (error.help or "")

    def test_no_tls(self) -> None:
        with Scripted(host="127.0.0.2") as server:
            url = f"https://{server.address}/"
            error = _fail({}, url)
        assert error.message == f"cannot speak TLS with {server.address}"


class TestPages:
    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (HTML, 'it is a web page, "Guest & login"'),
            (b"<html><body>Hello", "it is a web page"),
            (b"Hello", "it is a web page"),
        ],
    )
    def test_captive_page(self, body: bytes, told: str) -> None:
        headers = {"Content-Type": "text/html; charset=utf-8"}
        with Scripted(answers=[Answer(200, headers, body)]) as server:
            error = _fail({}, f"{server.url}/x")
        assert error.message == f"GitHub's answer cannot be used: {told}"
        assert f"open {server.url} in a browser" in (error.help or "")

    def test_through_a_proxy(self, tmp_path: Path) -> None:
        """It opens the encrypted connection, and answers by itself."""
        authority = Authority(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("a.example"))

        def say(peer: socket.socket) -> None:
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with context.wrap_socket(peer, server_side=True) as tls:
                tls.recv(65536)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")
                tls.sendall(b"Content-Length: %d\r\n\r\n" % len(HTML) + HTML)

        with _proxy(say) as address:
            environ = {
                "HTTPS_PROXY": f"http://ada:{PASSWORD}@{address}",
                "SSL_CERT_FILE": str(authority.bundle),
            }
            error = _fail(environ, "https://a.example/")
        assert error.message == (
            "GitHub's answer cannot be used: it is a web page, "
            f'"Guest & login", through the proxy {address}'
        )
