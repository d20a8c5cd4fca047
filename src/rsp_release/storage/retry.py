"""Retries of reads. Writes are never retried here: that is the engine's."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import TypeVar

from ..engine.world import Clock
from ..exceptions import ReadError

__all__ = ["LastingReadError", "ReadRetrier", "retry_after"]

T = TypeVar("T")

_ATTEMPTS = 4
"""How often a read is tried at most."""


class LastingReadError(ReadError):
    """A read that failed, and would fail again."""


class ReadRetrier:
    """Tries a read again a few times before it is said to have failed.

    Parameters
    ----------
    clock
        Where the waits between the attempts are spent.
    random
        Spreads the waits, if they shall be.
    """

    def __init__(self, *, clock: Clock, random: Random | None = None) -> None:
        self._clock = clock
        self._random = random

    def read(
        self,
        function: Callable[[], T],
        *,
        again: Callable[[T], float | None] = lambda answer: None,
    ) -> T:
        """Call a function that reads, until it answers.

        Parameters
        ----------
        function
            Raises `~rsp_release.exceptions.ReadError` for a failure that may
            pass, and `LastingReadError` or anything else for one that will
            not.
        again
            Returns after how many seconds at least an answer is worth asking
            for again; `None` where it stands.

        Returns
        -------
        typing.Any
            What the function returned.

        Raises
        ------
        ReadError
            Raised if the last attempt failed as well.
        """
        seconds = 0.25
        for _ in range(_ATTEMPTS - 1):
            try:
                answer = function()
                wait = again(answer)
                if wait is None:
                    return answer
            except LastingReadError:
                raise
            except ReadError:
                wait = 0.0
            spread = self._random.uniform(0.5, 1.5) if self._random else 1.0
            self._clock.sleep(max(seconds * spread, wait))
            seconds *= 3
        return function()


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how many seconds an answer asks to wait, if it does.

    Parameters
    ----------
    headers
        Its headers, whose names are in lower case, or may be asked for in
        any.
    now
        The time (aware).
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - now).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
