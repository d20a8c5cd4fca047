"""The end of the log of one step, out of the log of a whole job.

GitHub serves the log of a job as one text: a time and a line of output, again
and again, without a word about where a step begins. The step that failed is
found by its times and by the error that the runner writes last. A log may
have any size, so it is read piece by piece and never kept.
"""

from __future__ import annotations

import re
from collections import deque
from datetime import UTC, datetime, timedelta

from ...models import JobStep

__all__ = ["LogTail"]

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ")
_MARK = re.compile(r"##\[(?P<name>[a-z]+)\]")
_WORDS = {
    "command": "$ ",
    "debug": "debug: ",
    "error": "error: ",
    "notice": "notice: ",
    "warning": "warning: ",
}
_ERROR = b"##[error]"
_RUN = b"##[group]Run "
_LINE_MOST = 400
"""Bytes of a line that are kept."""


class LogTail:
    """Keeps the last lines that a step wrote before it failed.

    Parameters
    ----------
    step
        The step, whose times are GitHub's whole seconds; `None` where it is
        not known.
    lines
        How many lines to keep.
    """

    def __init__(self, *, step: JobStep | None, lines: int) -> None:
        self._first = _second(step.started_at if step else None)
        end = step.completed_at if step else None
        self._end = _second(end + timedelta(seconds=1) if end else None)
        self._stamp = b""
        self._rest = b""
        self._all: deque[bytes] = deque(maxlen=2 * lines)
        self._step: deque[bytes] = deque(maxlen=2 * lines)
        self._failed_all: list[bytes] = []
        self._failed_step: list[bytes] = []
        self._lines = lines

    def feed(self, piece: bytes) -> None:
        """Take in a piece of the log.

        Parameters
        ----------
        piece
            Bytes, cut anywhere.
        """
        *whole, rest = piece.split(b"\n")
        for line in whole:
            self._take(self._rest + line)
            self._rest = b""
        # A line without an end must not be held, however long it is.
        self._rest = (self._rest + rest)[: 2 * _LINE_MOST]

    def end(self) -> tuple[tuple[str, ...], bool]:
        """Return what was kept, and whether it is the step's own.

        Returns
        -------
        tuple
            The lines without times and markers, and whether they were found
            by the step's times; else they are the last ones of the job.
        """
        if self._rest:
            self._take(self._rest)
            self._rest = b""
        kept = self._failed_step or list(self._step)
        if kept:
            return self._clean(kept), True
        return self._clean(self._failed_all or list(self._all)), False

    def _take(self, line: bytes) -> None:
        line = line.removeprefix(b"\xef\xbb\xbf")
        match = _STAMP.match(line)
        if match is not None:
            self._stamp = line[:19]
            line = line[match.end() :]
        line = line[:_LINE_MOST]
        is_error = line.startswith(_ERROR)
        self._all.append(line)
        if is_error:
            self._failed_all = list(self._all)
        if self._first <= self._stamp and (
            not self._end or self._stamp < self._end
        ):
            if line.startswith(_RUN):
                # What the step before wrote in the same second.
                self._step.clear()
            self._step.append(line)
            if is_error:
                self._failed_step = list(self._step)

    def _clean(self, kept: list[bytes]) -> tuple[str, ...]:
        texts: list[str] = []
        heading: str | None = None
        for line in kept:
            text = line.decode(errors="replace").rstrip()
            match = _MARK.match(text)
            name = match["name"] if match else ""
            if name == "endgroup":
                # A group with nothing in it says nothing.
                heading = None
                continue
            if heading is not None:
                texts.append(heading)
                heading = None
            if match:
                text = _WORDS.get(name, "") + text[match.end() :]
            if name == "group":
                heading = text
            elif text:
                texts.append(text)
        return tuple(texts[-self._lines :])


def _second(moment: datetime | None) -> bytes:
    """Return a time as the log writes it, to the second."""
    if moment is None:
        return b""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
