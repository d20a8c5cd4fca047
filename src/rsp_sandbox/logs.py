"""A storage host for logs: addresses that hold for a minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from .actions import JobTimes, Run, job_log
from .base import Clock, Request, Response, number_of
from .server import Server

__all__ = ["LogStore"]


class LogStore:
    """Serves logs on a port of its own.

    Parameters
    ----------
    clock
        The time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logs: dict[str, tuple[datetime, str]] = {}
        self._server = Server(self._answer)
        self.tamper: Callable[[Response], Response] = lambda given: given
        """What becomes of an answer."""

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def address(self, run: Run, job: JobTimes) -> str:
        """Return an address that serves a job's log for a minute."""
        key = f"{run.id}-{job.id}-{len(self._logs)}"
        expires = self._clock.now() + timedelta(minutes=1)
        self._logs[key] = (expires, job_log(job, run.speed))
        signature = number_of(key)
        return f"http://127.0.0.1:{self._server.port}/{key}?sig={signature}"

    def _answer(self, request: Request) -> Response:
        key = request.path.lstrip("/")
        found = self._logs.get(key)
        status, text = 404, "BlobNotFound"
        if request.header("authorization"):
            # Storage takes the signature in the address, nothing else.
            status, text = 400, "InvalidAuthenticationInfo"
        elif found and request.query.get("sig") == str(number_of(key)):
            status, text = 200, found[1]
            if self._clock.now() > found[0]:
                status, text = 403, "AuthenticationFailed"
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        body = text.encode()
        return self.tamper(Response(status, body=body, headers=kind))
