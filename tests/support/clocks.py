"""A clock that those who wait move on, in all of a test's processes."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["LeapingClock"]

_AHEAD = struct.Struct("=d")
_BREATH = 0.005
"""Seconds that a sleep lasts at least, so that others come to act."""


class LeapingClock:
    """The real time and, on top of it, all that was slept.

    Parameters
    ----------
    path
        A file that says how far it is ahead. Whoever opens it shares the
        clock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(_AHEAD.pack(0.0))

    def now(self) -> datetime:
        """Return the present time (aware, UTC)."""
        return datetime.now(UTC) + timedelta(seconds=self._read())

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass for everybody, at once."""
        real = min(seconds, _BREATH)
        time.sleep(real)
        with self.path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            ahead = self._read() + max(seconds - real, 0.0)
            os.pwrite(file.fileno(), _AHEAD.pack(ahead), 0)

    def _read(self) -> float:
        (ahead,) = _AHEAD.unpack(self.path.read_bytes())
        return float(ahead)
