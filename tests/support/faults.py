"""Named faults: what a remote does to a program on a bad day."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rsp_sandbox import Sandbox
from rsp_sandbox.argocd import PREFIX
from rsp_sandbox.base import Problem, Request, Response, http_date

__all__ = ["FAULTS", "FaultRecord", "Faults", "truncate"]

FAULTS: dict[str, str] = {
    "error_500": "500 with an HTML page; nothing was done",
    "bad_gateway_before": "502; nothing was done",
    "bad_gateway_after": "502, yet the request was carried out",
    "rate_limit_primary": "403, nothing remaining, and when it resets",
    "rate_limit_secondary_403": "403 of the secondary limit; no Retry-After",
    "rate_limit_secondary_403_retry": "the same with Retry-After",
    "rate_limit_secondary_429": "429 of the secondary limit; no Retry-After",
    "rate_limit_secondary_429_retry": "the same with Retry-After",
    "reset_before": "the connection is reset; nothing was done",
    "reset_after": "carried out; the connection is reset without an answer",
    "truncated_json": "carried out; the body ends before its length",
    "malformed_json": "carried out; a body of full length that is no JSON",
    "slow": "the answer takes its time",
    "stale": "a read answers with the state before the last write",
    "unauthorized": "the credentials are refused from here on",
}
"""Every fault by name, with what it does."""


@dataclass(frozen=True, slots=True)
class FaultRecord:
    """A fault that was done to a request."""

    number: int
    """Which request it was, from 1."""

    name: str
    """Which fault."""

    method: str
    """The request's method."""

    path: str
    """The request's path."""


@dataclass(slots=True)
class _Rule:
    name: str
    method: str
    path: re.Pattern[str]
    skip: int
    times: int | None


class Faults:
    """Decides which request meets which fault."""

    def __init__(self) -> None:
        self.log: list[FaultRecord] = []
        """What was done, in order."""
        self.slow_seconds = 0.3
        """How long ``slow`` takes."""
        self.retry_after = 1
        """Seconds that a ``Retry-After`` names."""
        self._lock = threading.Lock()
        self._at: dict[int, str] = {}
        self._rules: list[_Rule] = []
        self._random: random.Random | None = None
        self._rate = 0.0
        self._names: tuple[str, ...] = ()

    def at(self, number: int, name: str) -> None:
        """Do a fault to the request of that number, counted from 1."""
        self._at[number] = _known(name)

    def when(
        self,
        method: str,
        path: str,
        name: str,
        *,
        times: int | None = 1,
        skip: int = 0,
    ) -> None:
        """Do a fault to requests that match.

        Parameters
        ----------
        method
            The method, or ``*`` for any.
        path
            A regular expression searched for in the path.
        name
            The fault.
        times
            How often; `None` for always.
        skip
            How many matching requests to spare first.
        """
        rule = _Rule(_known(name), method, re.compile(path), skip, times)
        with self._lock:
            self._rules.append(rule)

    def randomly(
        self, *, seed: int, rate: float, names: Iterable[str] | None = None
    ) -> None:
        """Do faults at random.

        Parameters
        ----------
        seed
            What makes the choice repeatable.
        rate
            The share of requests that meet a fault.
        names
            The faults to choose from; by default all but ``unauthorized``,
            from which no program recovers.
        """
        chosen = names or [n for n in FAULTS if n != "unauthorized"]
        self._names = tuple(_known(name) for name in chosen)
        self._random = random.Random(seed)
        self._rate = rate

    def clear(self) -> None:
        """Stop doing faults; the log stays."""
        with self._lock:
            self._at.clear()
            self._rules.clear()
            self._random = None

    def draw(self, number: int, method: str, path: str) -> str | None:
        """Return the fault that a request meets, and log it."""
        with self._lock:
            name = self._choose(number, method, path)
            if name is not None:
                self.log.append(FaultRecord(number, name, method, path))
            return name

    def answer(
        self, box: Sandbox, name: str | None, request: Request
    ) -> Response | None:
        """Answer a request as a fault says.

        Parameters
        ----------
        box
            The sandbox.
        name
            The fault, if any.
        request
            The request.

        Returns
        -------
        Response or None
            The answer, or `None` if the connection is to be reset.
        """
        if name == "reset_before":
            return None
        if name in {"error_500", "bad_gateway_before"}:
            return _broken(500 if name == "error_500" else 502)
        if name is not None and name.startswith("rate_limit_"):
            now, after = box.clock.now(), self.retry_after
            return _limited(name, request, now=now, retry_after=after)
        if name == "unauthorized":
            box.accounts.revoked = True
        if name == "slow":
            time.sleep(self.slow_seconds)
        response = box.handle(request, stale=name == "stale")
        if name == "reset_after":
            return None
        if name == "bad_gateway_after":
            return _broken(502)
        content = response.encoded()
        if name == "truncated_json" and content:
            return truncate(response, len(content) // 2)
        if name == "malformed_json" and content:
            response.body = b"{" + content[: len(content) // 2] + b"\x00,]"
            response.headers.pop("ETag", None)
        return response

    def _choose(self, number: int, method: str, path: str) -> str | None:
        if (name := self._at.pop(number, None)) is not None:
            return name
        for rule in self._rules:
            if rule.times == 0 or rule.method not in {"*", method}:
                continue
            if not rule.path.search(path):
                continue
            if rule.skip:
                rule.skip -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule.name
        if self._random is not None and self._random.random() < self._rate:
            return self._random.choice(self._names)
        return None


def truncate(response: Response, size: int) -> Response:
    """Let the connection break after so many bytes of a body."""
    content = response.encoded()
    headers = {"Content-Length": str(len(content)), "Connection": "close"}
    return Response(
        response.status,
        response.data,
        body=content[:size],
        headers=response.headers | headers,
    )


def _known(name: str) -> str:
    if name not in FAULTS:
        raise ValueError(f"no fault is called {name!r}")
    return name


_PAGE = b"""<!DOCTYPE html>
<html><head><title>Unicorn! &middot; GitHub</title></head>
<body><p>We had issues producing the response to your request.</p></body>
</html>
"""

_SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes "
    "before you try again."
)


def _broken(status: int) -> Response:
    if status == 502:
        return Response(502, {"message": "Server Error"}, headers=_json())
    return Response(500, body=_PAGE, headers=dict(_HTML))


_HTML = {"Content-Type": "text/html"}


def _json() -> dict[str, str]:
    return {"Content-Type": "application/json; charset=utf-8"}


def _limited(
    name: str, request: Request, *, now: datetime, retry_after: int
) -> Response:
    headers = _json() | {"Date": http_date(now)}
    if name.endswith("_retry"):
        headers["Retry-After"] = str(retry_after)
    if request.path.startswith(("/v2", "/token")):
        # A registry has no such thing as a secondary limit.
        error = {"code": "TOOMANYREQUESTS", "message": "too many requests"}
        return Response(429, {"errors": [error]}, headers=headers)
    if request.path.startswith(PREFIX):
        # It has no limit of its own, but what stands before it may.
        return Response(503, body=_PAGE, headers=headers | _HTML)
    status = 429 if "429" in name else 403
    text = _SECONDARY
    limits = {"Limit": "5000", "Remaining": "4321", "Used": "679"}
    reset = now + timedelta(hours=1)
    if name == "rate_limit_primary":
        text = "API rate limit exceeded for user ID 1000001."
        limits = {"Limit": "5000", "Remaining": "0", "Used": "5000"}
        reset = now + timedelta(seconds=2)
    limits["Reset"] = str(int(reset.timestamp()))
    limits["Resource"] = "core"
    headers |= {f"X-RateLimit-{key}": value for key, value in limits.items()}
    response = Problem(status, text).response()
    response.headers = headers
    return response
