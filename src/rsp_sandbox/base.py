"""What every part of the sandbox shares: time, views, requests, answers."""

from __future__ import annotations

import base64
import email.utils
import json
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

__all__ = [
    "API_PREFIX",
    "Clock",
    "History",
    "Problem",
    "Request",
    "Response",
    "SystemClock",
    "View",
    "http_date",
    "iso",
    "node_id",
    "number_of",
]

T = TypeVar("T")

API_PREFIX = "/api/v3"
"""Where the REST API begins, as on GitHub Enterprise Server."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Time, as an argument, so that a test can own it."""

    def now(self) -> datetime:
        """Return the present time (aware, UTC)."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present time (aware, UTC)."""
        return datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """Write a time as GitHub does: UTC, whole seconds, ``Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(moment: datetime) -> str:
    """Write a time as an HTTP header does (RFC 9110)."""
    return email.utils.format_datetime(moment.astimezone(UTC), usegmt=True)


def node_id(kind: str, number: object) -> str:
    """Make an opaque global id of the form that GitHub uses."""
    raw = f"0{len(kind)}:{kind}{number}".encode()
    return base64.b64encode(raw).decode()


@dataclass(frozen=True, slots=True)
class View:
    """What a read can see: the world as it was, lag and faults applied.

    Parameters
    ----------
    now
        The latest moment whose changes are visible.
    newest
        The number of the latest change that is visible, or `None` for all.
    """

    now: datetime
    newest: int | None = None

    def back(self, seconds: float) -> View:
        """Return the view as it was ``seconds`` earlier."""
        if seconds <= 0:
            return self
        return View(self.now - timedelta(seconds=seconds), self.newest)


class History(Generic[T]):
    """A value and every earlier value of it, so that reads can lag.

    Parameters
    ----------
    value
        The value at the beginning of time.
    """

    def __init__(self, value: T) -> None:
        self._entries: list[tuple[int, datetime, T]] = [(0, EPOCH, value)]

    @property
    def value(self) -> T:
        """The value as it is."""
        return self._entries[-1][2]

    def put(self, value: T, *, at: datetime, number: int) -> None:
        """Set the value from a moment on."""
        self._entries.append((number, at, value))

    def read(self, view: View) -> T:
        """Return the value that a view shows."""
        for number, at, value in reversed(self._entries):
            if at > view.now:
                continue
            if view.newest is not None and number > view.newest:
                continue
            return value
        return self._entries[0][2]


@dataclass(slots=True)
class Request:
    """A request as the handlers see it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_query: str = ""
    host: str = ""

    def header(self, name: str) -> str:
        """Return a header, or an empty string."""
        return self.headers.get(name.lower(), "")

    def json(self) -> dict[str, Any]:
        """Return the body as an object.

        Raises
        ------
        Problem
            Raised if it is not JSON (GitHub answers 400).
        """
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError:
            raise Problem(400, "Problems parsing JSON") from None
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Problem(400, "Body should be a JSON object")
        return value


@dataclass(slots=True)
class Response:
    """An answer: ``data`` is sent as JSON, ``body`` as it is."""

    status: int = 200
    data: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Return the bytes of the body."""
        if self.body is not None:
            return self.body
        if self.data is None:
            return b""
        return json.dumps(self.data, separators=(",", ":")).encode()


class Problem(Exception):  # noqa: N818
    """An error answer in GitHub's own shape.

    Parameters
    ----------
    status
        The HTTP status.
    message
        GitHub's ``message``.
    errors
        GitHub's ``errors``, for a failed validation.
    headers
        Headers to send with it.
    url
        Where to ask instead.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[Any] | None = None,
        headers: dict[str, str] | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = headers or {}
        self.url = url

    def response(self) -> Response:
        """Return the answer to send."""
        data: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            data["errors"] = self.errors
        if self.url is not None:
            data["url"] = self.url
        data["documentation_url"] = "https://docs.github.com/rest"
        data["status"] = str(self.status)
        return Response(self.status, data, headers=dict(self.headers))


def invalid(
    resource: str, field_name: str, code: str, message: str | None = None
) -> Problem:
    """Return GitHub's 422 for a field."""
    error = {"resource": resource, "code": code, "field": field_name}
    if message is not None:
        error["message"] = message
    return Problem(422, "Validation Failed", errors=[error])


def not_found() -> Problem:
    """Return GitHub's 404."""
    return Problem(404, "Not Found")


def number_of(text: str) -> int:
    """Return a lasting number for a name."""
    return 1_000_000 + zlib.crc32(text.encode())
