"""A storage host for logs: addresses that hold for a minute."""

from __future__ import annotations

from datetime import datetime, timedelta

from .actions import JobTimes, Run, job_log
from .base import Clock, Request, Response, number_of
from .server import Reply, Server

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
        self.status = 200
        """What an address that holds answers; 410 once a log is deleted."""
        self.filler = 0
        """Bytes of output that come before each log."""
        self.send: int | None = None
        """How much is sent before the connection breaks."""

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

    def _answer(self, request: Request) -> Reply:
        key = request.path.lstrip("/")
        found = self._logs.get(key)
        status, text = 404, "BlobNotFound"
        if request.header("authorization"):
            # Storage takes the signature in the address, nothing else.
            status, text = 400, "InvalidAuthenticationInfo"
        elif found and request.query.get("sig") == str(number_of(key)):
            status, text = self.status, found[1]
            if status == 200:
                text = _lengthen(text, self.filler)
            if self._clock.now() > found[0]:
                status, text = 403, "AuthenticationFailed"
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        body = text.encode()
        response = Response(status, body=body, headers=kind)
        return Reply(response, send=self.send)


def _lengthen(text: str, size: int) -> str:
    """Put output before a log's last line, as of a build that talks."""
    before, _, last = text.rstrip("\n").rpartition("\n")
    line = f"{last[: last.find('Z ') + 2]}#12 1.234 {'x' * 180}\n"
    return f"{before}\n{line * (size // len(line))}{last}\n"
