"""A line at the foot of a terminal that says what is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self, TextIO

from .base import find_size, is_capable, write
from .safe import line

__all__ = ["Progress"]

_DELAY = 0.4
"""Seconds in which most is done, and nothing is said."""


class Progress:
    """Says what goes on, once that takes longer than a moment.

    The line is only written when it changes: whatever asks for a passphrase
    meanwhile is not painted over.

    Parameters
    ----------
    stream
        A terminal, or anything else: then nothing is shown.
    environ
        The environment, for the terminal's properties.
    text
        What goes on at first.
    """

    def __init__(
        self, stream: TextIO, environ: Mapping[str, str], text: str
    ) -> None:
        self._stream = stream
        self._environ = environ
        self._text = text
        self._lock = threading.RLock()
        self._is_shown = False
        self._is_late = False
        self._timer = threading.Timer(_DELAY, self._begin)
        self._timer.daemon = True
        self._is_over = not is_capable(stream, environ)

    def __enter__(self) -> Self:
        if not self._is_over:
            self._timer.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the line away, for good."""
        self._timer.cancel()
        with self._lock:
            self._is_over = True
            self._erase()

    def tell(self, text: str) -> None:
        """Say what goes on now.

        Parameters
        ----------
        text
            A few words. They need not be safe.
        """
        with self._lock:
            self._text = text
            self._draw()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to what is written meanwhile."""
        with self._lock:
            self._erase()
            yield
            self._draw()

    def _begin(self) -> None:
        with self._lock:
            self._is_late = True
            self._draw()

    def _draw(self) -> None:
        if self._is_late and not self._is_over:
            width, _ = find_size(self._stream, self._environ)
            write(self._stream, f"\r{line(self._text)[: width - 1]}\x1b[K")
            self._is_shown = True

    def _erase(self) -> None:
        if self._is_shown:
            write(self._stream, "\r\x1b[K")
            self._is_shown = False
