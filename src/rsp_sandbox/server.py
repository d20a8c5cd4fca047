"""A small HTTP/1.1 server on loopback."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from http import HTTPStatus
from io import BufferedReader
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .base import Request, Response

__all__ = ["Application", "Server"]

_MAX_LINE = 65536


Application = Callable[[Request], Response | None]
"""Answers a request; `None` breaks the connection without an answer."""


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128


class Server:
    """Serve an application on loopback, one thread per connection.

    Parameters
    ----------
    application
        What answers a request.
    port
        The port; 0 for any.
    """

    def __init__(self, application: Application, port: int = 0) -> None:
        self._application = application
        self._open: set[socket.socket] = set()
        self._is_closing = False
        serve: Any = self._serve
        self._listener = _Listener(("127.0.0.1", port), serve)
        self.port: int = self._listener.server_address[1]
        """The port that it listens on."""
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, break open connections and end every thread."""
        self._is_closing = True
        self._listener.shutdown()
        self._thread.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._listener.server_close()

    def _serve(self, connection: socket.socket, *_: object) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as stream:
                # What was accepted while the server closes is not served.
                while not self._is_closing and self._one(connection, stream):
                    pass
        except (OSError, ValueError):
            # The client went away or sent nonsense; neither is our matter.
            pass
        finally:
            self._open.discard(connection)

    def _one(self, connection: socket.socket, stream: BufferedReader) -> bool:
        """Answer one request; return whether another may follow."""
        if stream.peek(1)[:1] == b"\x16":
            # A TLS handshake: who tries that first must not wait.
            return False
        line = stream.readline(_MAX_LINE)
        if not line.strip():
            return False
        method, target, version = line.decode("latin-1").split()
        headers: dict[str, str] = {}
        while (line := stream.readline(_MAX_LINE)) not in {b"\r\n", b"\n"}:
            if not line:
                return False
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            # skopeo sends one Accept line for each media type.
            known = [headers[name]] if name in headers else []
            headers[name] = ", ".join([*known, value])
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(stream, headers)
        parts = urlsplit(target)
        request = Request(
            method=method,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=headers,
            body=body,
            raw_query=parts.query,
            host=headers.get("host", f"127.0.0.1:{self.port}"),
        )
        response = self._application(request)
        if response is None:
            # Linger of zero seconds makes close() send a reset.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.shutdown(socket.SHUT_RD)
            return False
        wants_close = headers.get("connection", "").lower() == "close"
        if version != "HTTP/1.1" or wants_close:
            response.headers["Connection"] = "close"
        content = response.encoded()
        head = _head(response, content)
        if method == "HEAD" or response.status in {204, 304}:
            content = b""
        connection.sendall(head + content)
        return response.headers.get("Connection") != "close"


def _head(response: Response, content: bytes) -> bytes:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if response.data is not None and "Content-Type" not in response.headers:
        lines.append("Content-Type: application/json")
    if "Content-Length" not in response.headers and response.status != 204:
        lines.append(f"Content-Length: {len(content)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _read_body(stream: BufferedReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        chunks = []
        while size := int(stream.readline(_MAX_LINE).split(b";")[0], 16):
            chunks.append(stream.read(size))
            stream.readline(_MAX_LINE)
        while stream.readline(_MAX_LINE) not in {b"\r\n", b"\n", b""}:
            pass
        return b"".join(chunks)
    return stream.read(int(headers.get("content-length", "0")))
