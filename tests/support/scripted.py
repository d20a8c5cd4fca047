"""A server that answers as a test tells it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from typing_extensions import override

from .loopback import Loopback

__all__ = ["Answer", "Server", "serve"]

Answer = tuple[int, dict[str, str], bytes | Callable[[Any], None]]
"""Status, headers, and the body or what writes it."""


@dataclass
class Server:
    """Answers as it is told, and keeps what it was asked."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def say(
        self, path: str, data: Any, *, status: int = 200, **headers: str
    ) -> None:
        """Answer with JSON; of several answers the last one stays."""
        given = {"Content-Type": "application/json", **headers}
        body = json.dumps(data).encode()
        self.answers.setdefault(path, []).append((status, given, body))


@contextmanager
def serve() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            headers = {k.lower(): v for k, v in self.headers.items()}
            server.asked.append((self.command, self.path, headers))
            length = int(headers.get("content-length", "0"))
            server.bodies.append(self.rfile.read(length))
            queue = server.answers.get(path)
            if queue is None:
                answer: Answer = (404, {}, b'{"message": "Not Found"}')
            else:
                answer = queue.pop(0) if len(queue) > 1 else queue[0]
            status, given, body = answer
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            if callable(body):
                self.send_header("Connection", "close")
                self.end_headers()
                body(self.wfile)
                self.close_connection = True
                return
            if "Content-Length" not in given:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            if int(given.get("Content-Length", len(body))) != len(body):
                self.close_connection = True

        do_POST = do_GET  # noqa: N815
        do_PATCH = do_GET  # noqa: N815

        @override
        def log_message(self, *args: object) -> None:
            pass

    with Loopback(Handler) as loopback:
        server.url = loopback.url
        yield server
