"""Tests of the bounded exchange, and of remotes that mean harm."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from rsp_release.exceptions import NotSentError, ReadError, UncertainError
from rsp_release.storage.http import (
    Exchange,
    Limits,
    Request,
    decode_json,
    plain_text,
)
from rsp_release.storage.retry import LastingReadError

from ..support.hostile import CLIENTS, REMOTES, HostileServer, Meeting
from ..support.registry import (
    Answer,
    Authority,
    FakeClock,
    RealRegistry,
    Scripted,
    free_port,
    needs_registry,
    resolving,
)

MIB = 1 << 20
SMALL = Limits(size=MIB)
SILENT = Limits(silence=0.1)
PACKED = {"Content-Encoding": "gzip"}
SHORT = Limits(total=0.2)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def exchange(clock: FakeClock) -> Iterator[Exchange]:
    made = Exchange(environ={}, clock=clock)
    yield made
    made.close()


@contextlib.contextmanager
def raw(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """Listen on loopback for one connection; give the address."""

    def serve() -> None:
        peer, _ = server.accept()
        with peer, contextlib.suppress(OSError):
            peer.recv(65536)
            speak(peer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join()


def be_silent(peer: socket.socket) -> None:
    while peer.recv(65536):
        pass


def write_to(url: str) -> Request:
    return Request(method="POST", url=url, body=b"{}")


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 304, 404, 500])
    def test_any_status_is_an_answer(
        self, exchange: Exchange, status: int
    ) -> None:
        headers = {"X-Some": "thing"}
        with Scripted(answers=[Answer(status, headers)]) as server:
            url = f"{server.url}/a?b=c"
            reply = exchange.send(Request(url=url, headers={"Accept": "x/y"}))
        assert (reply.status, reply.url, reply.body) == (status, url, b"")
        assert reply.headers["x-SOME"] == "thing"
        assert server.seen[0].path == "/a?b=c"
        assert server.seen[0].headers["Accept"] == "x/y"
        assert server.seen[0].headers["Accept-Encoding"] == "gzip"

    def test_secrets_do_not_show(self) -> None:
        request = Request(url="https://x/?sig=s3cret", headers={"A": "s3cret"})
        assert "s3cret" not in repr(request)

    def test_connection_is_kept(self, exchange: Exchange) -> None:
        def answer_twice(peer: socket.socket) -> None:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\ny")

        with raw(answer_twice) as url:
            replies = [exchange.send(Request(url=url)) for _ in range(2)]
        assert [r.body for r in replies] == [b"x", b"y"]

    def test_stream(self, exchange: Exchange) -> None:
        """What is not read is left, and the next exchange is its own."""
        body = bytes(range(256)) * 4
        with Scripted(answers=[Answer(body=body)]) as server:
            with exchange.stream(Request(url=server.url)) as answer:
                assert (answer.status, answer.url) == (200, server.url)
            assert exchange.send(Request(url=server.url)).body == body
            with exchange.stream(Request(url=server.url)) as answer:
                assert b"".join(answer.parts) == body


class TestPacking:
    def ask(
        self, exchange: Exchange, body: bytes, packing: str = "gzip"
    ) -> bytes:
        headers = {"Content-Encoding": packing}
        with Scripted(answers=[Answer(200, headers, body)]) as server:
            return exchange.send(Request(url=server.url, limits=SMALL)).body

    def test_unpacked(self, exchange: Exchange) -> None:
        assert self.ask(exchange, gzip.compress(bytes(MIB))) == bytes(MIB)
        assert self.ask(exchange, b"") == b""
        assert self.ask(exchange, b"as it is", "identity") == b"as it is"

    def test_head_has_no_body(self, exchange: Exchange) -> None:
        headers = {"Content-Encoding": "gzip"}
        answer = Answer(200, headers, bytes(10_000))
        with Scripted(answers=[answer]) as server:
            reply = exchange.send(Request(method="HEAD", url=server.url))
        assert (reply.status, reply.body) == (200, b"")

    @pytest.mark.parametrize(
        ("body", "packing"),
        [
            (gzip.compress(b"x" * 100)[:-1], "gzip"),
            (gzip.compress(b"x") + gzip.compress(b"y"), "gzip"),
            (b"no gzip", "gzip"),
            (b"x", "br"),
            (gzip.compress(gzip.compress(b"x")), "gzip, gzip"),
        ],
        # Not the bytes: gzip's hold the time, and differ among workers.
        ids=["cut", "two members", "no gzip", "unknown", "twice"],
    )
    def test_unusable(
        self, exchange: Exchange, body: bytes, packing: str
    ) -> None:
        with pytest.raises(
            LastingReadError, match=r"cannot be used: (it|packed)"
        ):
            self.ask(exchange, body, packing)


class TestLimits:
    @pytest.mark.parametrize(
        "answer",
        [
            Answer(body=bytes(MIB + 1)),
            Answer(200, PACKED, gzip.compress(bytes(MIB), compresslevel=0)),
            Answer(200, PACKED, gzip.compress(bytes(MIB + 1))),
            Answer(
                200,
                {"Transfer-Encoding": "chunked"},
                b"100001\r\n" + bytes(MIB + 1) + b"\r\n0\r\n\r\n",
            ),
        ],
        ids=["as announced", "as sent", "as unpacked", "in chunks"],
    )
    def test_of_size(self, exchange: Exchange, answer: Answer) -> None:
        with Scripted(answers=[answer]) as server:
            with pytest.raises(LastingReadError) as raised:
                exchange.send(Request(url=server.url, limits=SMALL))
            request = Request(url=server.url, limits=Limits(size=MIB + 1000))
            assert len(exchange.send(request).body) in {MIB, MIB + 1}
        assert raised.value.message == (
            f"{server.address}'s answer cannot be used: it is larger than"
            " 1 MiB"
        )

    def test_of_silence(self, exchange: Exchange) -> None:
        with raw(be_silent) as url:
            with pytest.raises(ReadError, match="did not answer in time") as e:
                exchange.send(Request(url=url, limits=SILENT))
            exchange.close()
        assert not isinstance(e.value, LastingReadError)

    @pytest.mark.parametrize(
        "start",
        [
            b"",
            b"HTTP/1.1 200 OK\r\nX: ",
            b"HTTP/1.1 100 Continue\r\nX: ",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        ],
    )
    def test_of_time(self, exchange: Exchange, start: bytes) -> None:
        """Whatever part of an answer drips, it comes to an end."""
        done = threading.Event()

        def drip(peer: socket.socket) -> None:
            peer.sendall(start)
            while not done.wait(0.02):
                peer.sendall(b"x")

        with raw(drip) as url:
            try:
                with pytest.raises(
                    LastingReadError, match=r"more than 0\.2 s"
                ):
                    exchange.send(Request(url=url, limits=SHORT))
            finally:
                done.set()

    def test_service_is_named(self, clock: FakeClock) -> None:
        exchange = Exchange(environ={}, clock=clock, service="GitHub")
        with Scripted(answers=[Answer(body=bytes(MIB + 1))]) as server:
            with pytest.raises(UncertainError) as raised:
                exchange.send(
                    dataclasses.replace(write_to(server.url), limits=SMALL)
                )
        exchange.close()
        assert raised.value.message == (
            "GitHub's answer cannot be used: it is larger than 1 MiB"
        )


class TestComeAgain:
    def test_passes(self, exchange: Exchange, clock: FakeClock) -> None:
        answers = [Answer(202), Answer(202), Answer(body=b"x")]
        with Scripted(answers=answers) as server:
            reply = exchange.send(Request(url=server.url))
        assert (reply.status, reply.body) == (200, b"x")
        assert clock.slept == [1.0, 2.0]

    def test_has_an_end(self, exchange: Exchange, clock: FakeClock) -> None:
        with Scripted(answers=[Answer(202)]) as server:
            with pytest.raises(LastingReadError, match="come again"):
                exchange.send(Request(url=server.url, limits=Limits(total=10)))
        assert clock.slept == [1.0, 2.0, 4.0]

    def test_is_an_answer_to_a_write(self, exchange: Exchange) -> None:
        with Scripted(answers=[Answer(202)]) as server:
            assert exchange.send(write_to(server.url)).status == 202
        assert len(server.seen) == 1


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_of_a_read(self, exchange: Exchange, status: int) -> None:
        """It is followed with its own query, and told."""
        there = {"Location": "/new/place?page=2&per_page=100"}
        answers = [Answer(status, there), Answer(body=b"x")]
        with Scripted(answers=answers) as server:
            headers = {"Authorization": "Bearer x"}
            url = f"{server.url}/old?page=1"
            reply = exchange.send(Request(url=url, headers=headers))
        assert reply.url == f"{server.url}/new/place?page=2&per_page=100"
        assert [e.path for e in server.seen] == [
            "/old?page=1",
            "/new/place?page=2&per_page=100",
        ]
        assert all("Authorization" in e.headers for e in server.seen)

    def test_at_most_five(self, exchange: Exchange) -> None:
        answers = [Answer(302, {"Location": "/x"})] * 5 + [Answer(body=b"x")]
        with Scripted(answers=answers) as server:
            assert exchange.send(Request(url=server.url)).body == b"x"
            server.answers = [answers[0]]
            with pytest.raises(LastingReadError, match="more than 5 times"):
                exchange.send(Request(url=server.url))
        assert len(server.seen) == 12

    def test_elsewhere_goes_no_secret(self, exchange: Exchange) -> None:
        names = ("Authorization", "cookie", "X-Token")
        secrets = dict.fromkeys(names, "s3cret")
        with (
            Scripted(answers=[Answer(body=b"x")]) as other,
            Scripted() as server,
        ):
            # Not even if that one sends us back.
            server.answers = [
                Answer(302, {"Location": f"{other.url}/away"}),
                Answer(body=b"y"),
            ]
            other.answers = [Answer(302, {"Location": f"{server.url}/back"})]
            headers = {**secrets, "Accept": "text/plain"}
            reply = exchange.send(Request(url=server.url, headers=headers))
        assert (reply.url, reply.body) == (f"{server.url}/back", b"y")
        assert "s3cret" in str(server.seen[0])
        assert "s3cret" not in str(other.seen + server.seen[1:])
        assert other.seen[0].headers["Accept"] == "text/plain"

    @pytest.mark.parametrize(
        ("location", "reason"),
        [
            ({}, "it redirects to nowhere"),
            ({"Location": "http://[/"}, "it redirects to a malformed address"),
            ({"Location": "ftp://a.example/"}, "a.example without encryption"),
            (
                {"Location": "http://a.example/"},
                "a.example without encryption",
            ),
            ({"Location": "https://u:p@a.example/"}, "a malformed address"),
            ({"Location": "file:///etc/passwd"}, "malformed"),
        ],
    )
    def test_to_nowhere(
        self, exchange: Exchange, location: Mapping[str, str], reason: str
    ) -> None:
        with Scripted(answers=[Answer(302, location)]) as server:
            with pytest.raises(LastingReadError, match=reason) as raised:
                exchange.send(Request(url=server.url))
        assert "u:p" not in raised.value.message
        assert "'s answer cannot be used: it redirects" in str(raised.value)

    @pytest.mark.parametrize("status", [307, 308])
    def test_of_a_write(self, exchange: Exchange, status: int) -> None:
        answers = [Answer(status, {"Location": "/new"}), Answer(201)]
        with Scripted(answers=answers) as server:
            reply = exchange.send(write_to(f"{server.url}/old"))
        assert (reply.status, reply.url) == (201, f"{server.url}/new")
        assert [(e.method, e.body) for e in server.seen] == [
            ("POST", b"{}"),
            ("POST", b"{}"),
        ]

    @pytest.mark.parametrize("status", [301, 302, 303])
    def test_of_a_write_to_a_read(
        self, exchange: Exchange, status: int
    ) -> None:
        answers = [Answer(status, {"Location": "/new"}), Answer(200)]
        with Scripted(answers=answers) as server:
            with pytest.raises(UncertainError, match="cannot be used"):
                exchange.send(write_to(server.url))
        assert len(server.seen) == 1

    def test_of_a_write_elsewhere(self, exchange: Exchange) -> None:
        with Scripted(answers=[Answer(201)]) as other:
            there = {"Location": other.url}
            with Scripted(answers=[Answer(307, there)]) as server:
                with pytest.raises(UncertainError, match="cannot be used"):
                    exchange.send(write_to(server.url))
        assert other.seen == []

    def test_not_followed(self, exchange: Exchange) -> None:
        there = {"Location": "https://storage.example/log?sig=1"}
        with Scripted(answers=[Answer(302, there)]) as server:
            reply = exchange.send(Request(url=server.url, follows=False))
        assert (reply.status, reply.headers["location"]) == (
            302,
            there["Location"],
        )


class TestFates:
    """A write that never left is told from one whose answer was lost."""

    def check(
        self,
        exchange: Exchange,
        url: str,
        message: str,
        *,
        error: type[Exception],
        is_lasting: bool = False,
    ) -> None:
        read_error = LastingReadError if is_lasting else ReadError
        for request, kind in (
            (write_to(url), error),
            (Request(url=url), read_error),
            (
                Request(method="POST", url=url, body=b"", is_read=True),
                read_error,
            ),
        ):
            with pytest.raises(kind) as raised:
                exchange.send(request)
            assert type(raised.value) is kind
            assert str(raised.value) == message

    def test_refused(self, exchange: Exchange) -> None:
        address = f"127.0.0.1:{free_port()}"
        self.check(
            exchange,
            f"http://{address}/",
            f"{address} refused the connection",
            error=NotSentError,
        )

    def test_no_such_name(
        self, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with resolving(monkeypatch, {}):
            self.check(
                exchange,
                "https://github.example/",
                "cannot resolve github.example",
                error=NotSentError,
            )

    def test_no_connection(
        self, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*args: object) -> None:
            raise TimeoutError

        monkeypatch.setattr(socket.socket, "connect", fail)
        self.check(
            exchange,
            "http://127.0.0.1:1/",
            "cannot connect to 127.0.0.1:1",
            error=NotSentError,
        )

    def test_no_proxy(self, clock: FakeClock) -> None:
        proxy = f"http://127.0.0.1:{free_port()}"
        exchange = Exchange(environ={"HTTPS_PROXY": proxy}, clock=clock)
        self.check(
            exchange,
            "https://a.example/",
            f"the proxy {proxy.removeprefix('http://')} refused the"
            " connection",
            error=NotSentError,
        )

    def test_not_trusted(self, exchange: Exchange, tmp_path: Path) -> None:
        tls = Authority(tmp_path).issue("127.0.0.2")
        with Scripted(host="127.0.0.2", tls=tls) as server:
            self.check(
                exchange,
                server.url,
                f"the certificate of {server.address} is not accepted: unable"
                " to get local issuer certificate",
                error=NotSentError,
                is_lasting=True,
            )

    def test_no_certificates(self, clock: FakeClock) -> None:
        environ = {"REQUESTS_CA_BUNDLE": "/nowhere"}
        exchange = Exchange(environ=environ, clock=clock)
        self.check(
            exchange,
            "https://a.example/",
            "REQUESTS_CA_BUNDLE names no certificates",
            error=NotSentError,
            is_lasting=True,
        )

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            (
                "http://a.example/",
                "refusing to ask a.example without encryption",
            ),
            ("https://u:p@a.example/", "a malformed address"),
            ("https://[/", "a malformed address"),
        ],
    )
    def test_not_to_be_asked(
        self, exchange: Exchange, url: str, message: str
    ) -> None:
        with pytest.raises(LastingReadError, match=message):
            exchange.send(Request(url=url))
        with pytest.raises(NotSentError, match=message):
            exchange.send(write_to(url))

    def test_malformed_header(self, exchange: Exchange) -> None:
        with Scripted() as server:
            for value in ("s3cret\r\nX: y", "s3cret…"):
                request = Request(
                    method="PUT", url=server.url, headers={"A": value}
                )
                with pytest.raises(NotSentError, match="malformed") as raised:
                    exchange.send(request)
                assert "s3cret" not in str(raised.value)
        assert server.seen == []

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"no HTTP\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx",
            b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
        ],
        ids=["nothing", "no HTTP", "half of it", "many headers"],
    )
    def test_lost(self, exchange: Exchange, said: bytes) -> None:
        with raw(lambda peer: peer.sendall(said)) as url:
            with pytest.raises(
                UncertainError, match=r"connection to .* broke"
            ):
                exchange.send(write_to(url))

    def test_silence_after_a_write(self, exchange: Exchange) -> None:
        with raw(be_silent) as url:
            with pytest.raises(UncertainError, match="did not answer in time"):
                exchange.send(
                    dataclasses.replace(write_to(url), limits=SILENT)
                )
            exchange.close()


def test_proxy_is_logged_in_at(clock: FakeClock) -> None:
    """What goes through it by TLS is not for its eyes."""
    heard: list[bytes] = []

    def refuse(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    def serve() -> None:
        peer, _ = server.accept()
        with peer:
            heard.append(peer.recv(65536))
            refuse(peer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        proxy = f"ad%40a:pw@127.0.0.1:{server.getsockname()[1]}"
        exchange = Exchange(
            environ={"https_proxy": proxy, "no_proxy": "b.example"},
            clock=clock,
        )
        request = Request(
            url="https://a.example/", headers={"Authorization": "s3cret"}
        )
        with pytest.raises(
            ReadError, match=r"does not connect to a\.example: it answers 403"
        ):
            exchange.send(request)
        thread.join()
    assert heard[0].startswith(b"CONNECT a.example:443 ")
    assert b"Basic YWRAYTpwdw==\r\n" in heard[0]
    assert b"s3cret" not in heard[0]


@needs_registry
def test_a_registry_of_others(exchange: Exchange, tmp_path: Path) -> None:
    """CNCF's takes what is written, and tells it again."""
    with RealRegistry(path=tmp_path) as registry:
        base = f"http://{registry.address}/v2"
        body = b"a layer"
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        begin = Request(method="POST", url=f"{base}/app/blobs/uploads/")
        begun = exchange.send(begin)
        assert begun.status == 202
        put = Request(
            method="PUT",
            url=f"{begun.headers['Location']}&digest={digest}",
            headers={"Content-Type": "application/octet-stream"},
            body=body,
        )
        assert exchange.send(put).status == 201
        catalog = exchange.send(Request(url=f"{base}/_catalog"))
        head = exchange.send(
            Request(method="HEAD", url=f"{base}/app/blobs/{digest}")
        )
    names = decode_json(catalog.body)["repositories"]
    assert names == ["app"]
    assert (head.status, head.headers["content-length"]) == (200, "7")


class TestJson:
    def test_decoded(self) -> None:
        assert decode_json('{"a": ["ä"]}'.encode()) == {"a": ["ä"]}

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"[" * 200_000 + b"]" * 200_000, "it is nested too deeply"),
            (b'{"a":' * 200_000, "it is nested too deeply"),
            (b"[" + b"[]," * 500_000 + b"0]", "it holds too many values"),
            (b"", "it is not JSON"),
            (b"<html>", "it is a web page"),
            (b'"\xff"', "it is not JSON"),
            (b"9" * 5000, "it is not JSON"),
        ],
        ids=["lists", "objects", "values", "empty", "page", "bytes", "number"],
    )
    def test_unusable(self, text: bytes, reason: str) -> None:
        with pytest.raises(ValueError, match=f"^{reason}$"):
            decode_json(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\x1b[31m\nb\u202ec", "a [31m b c"),
        ("x" * 300, "x" * 199 + "…"),
        (None, ""),
    ],
)
def test_plain_text(text: object, plain: str) -> None:
    assert plain_text(text) == plain


# -- Remotes that mean harm ---------------------------------------------------


class Met:
    """How a client met every remote, in another process."""

    def __init__(self, client: str) -> None:
        self.client = client
        with (
            HostileServer() as self.other,
            HostileServer(self.other.url) as self.server,
        ):
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "tests.support.hostile",
                    client,
                    self.server.url,
                ],
                check=True,
                capture_output=True,
                timeout=60,
            )
        self.meetings = {
            meeting.remote: meeting
            for line in done.stdout.splitlines()
            for meeting in [Meeting(**json.loads(line))]
        }


@pytest.fixture(scope="module", params=CLIENTS)
def met(request: pytest.FixtureRequest) -> Met:
    return Met(request.param)


HARM = {
    "much": ("it is larger than 32 MiB", 1),
    "announced": ("it is larger than 32 MiB", 1),
    "bomb": ("it is larger than 32 MiB", 1),
    "header-drip": ("it takes more than 0.2 s", 1),
    "body-drip": ("it takes more than 0.2 s", 1),
    "again": ('it always says "come again"', 6),
    "chain": ("it redirects more than 5 times", 6),
    "nested": ("it is nested too deeply", 4),
}
"""What is said of each remote, and how many requests it may get."""

ELSE = {
    ("argocd", "header-drip"): "did not answer within 0.2 s",
    ("argocd", "body-drip"): "did not answer within 0.2 s",
    ("argocd", "chain"): "redirects to 127.0.0.1",
}
"""What a client says where it has words, or rules, of its own."""

LISTS = {"github": "its pages have no end"}
"""What is said of pages without end, by those who ask for lists."""


@pytest.mark.parametrize("remote", HARM)
def test_harm_ends(met: Met, remote: str) -> None:
    """It ends soon, with few requests, little memory and a plain word."""
    reason, requests = HARM[remote]
    meeting = met.meetings[remote]
    told = ELSE.get((met.client, remote), f"cannot be used: {reason}")
    assert told in meeting.outcome
    assert 1 <= met.server.requests[remote] <= requests
    assert meeting.memory < 200 << 20
    assert meeting.seconds < 10


def test_harm_of_pages(met: Met) -> None:
    if met.client in LISTS:
        outcome = met.meetings["pages"].outcome
        assert f"cannot be used: {LISTS[met.client]}" in outcome
        assert met.server.requests["pages"] <= 4


def test_harm_of_a_redirect(met: Met) -> None:
    """Another host is asked, if it is, but hears no secret."""
    assert met.other.requests["away"] == (met.client != "argocd")
    assert met.other.told == []
    assert met.server.told or met.client == "registry"
    assert "Runtime" not in met.meetings["away"].outcome


def test_every_remote_is_met() -> None:
    assert {*HARM, "pages", "away"} == set(REMOTES)
