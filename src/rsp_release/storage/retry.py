"""Retries of reads. Writes are never retried here: that is the engine's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from ..engine.world import Clock
from ..exceptions import ReadError

__all__ = ["LastingReadError", "ReadRetrier"]

T = TypeVar("T")


class LastingReadError(ReadError):
    """A read that failed, and would fail again."""


class ReadRetrier:
    """Tries a read again a few times before it is said to have failed.

    Parameters
    ----------
    clock
        Where the waits between the attempts are spent.
    random
        Spreads the waits.
    attempts
        How often a read is tried at most.
    """

    def __init__(
        self, *, clock: Clock, random: Random, attempts: int = 4
    ) -> None:
        self._clock = clock
        self._random = random
        self._attempts = attempts

    def read(self, function: Callable[[], T]) -> T:
        """Call a function that reads, until it answers.

        Parameters
        ----------
        function
            Raises `~rsp_release.exceptions.ReadError` for a failure that may
            pass, and anything else for one that will not.

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
        for _ in range(self._attempts - 1):
            try:
                return function()
            except LastingReadError:
                raise
            except ReadError:
                self._clock.sleep(seconds * self._random.uniform(0.5, 1.5))
                seconds *= 3
        return function()
