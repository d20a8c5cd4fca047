"""Named faults: what a remote does to a program on a bad day."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["FAULTS", "FaultRecord", "Faults"]

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
        self._random = random.Random(seed)  # noqa: S311
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


def _known(name: str) -> str:
    if name not in FAULTS:
        raise ValueError(f"no fault is called {name!r}")
    return name
