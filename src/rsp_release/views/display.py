"""A block of lines at the foot of a terminal that is redrawn in place.

The terminal is never put into a state that somebody would have to take back:
the cursor stays visible, at the left under the block, no mode is set beyond
one write, and the normal screen is used. So it is whole after ``kill -9``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from .base import write

__all__ = ["Display"]

# Synchronised output, and no automatic margins, for the length of a write:
# a line that the terminal takes for wider than we do must not push the rest.
_BEGIN = "\x1b[?2026h\x1b[?7l"
_END = "\x1b[?7h\x1b[?2026l"


class Display:
    """Keeps a block of lines on a terminal up to date.

    Parameters
    ----------
    stream
        The terminal.
    size
        Tells the terminal's columns and rows.
    reflows
        Whether the terminal breaks lines anew when it is made narrower.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        size: Callable[[], tuple[int, int]],
        reflows: bool = True,
    ) -> None:
        self._stream = stream
        self._size = size
        self._reflows = reflows
        self._drawn: list[tuple[str, int]] = []
        self._width = 0

    def draw(self, lines: Sequence[tuple[str, int]]) -> None:
        """Draw the block in place of the one before.

        Parameters
        ----------
        lines
            Each line, with its width in cells. None may be wider than the
            terminal.
        """
        lines = list(lines)
        width, _ = self._size()
        if self._drawn and len(lines) == len(self._drawn):
            if width == self._width:
                self._patch(lines)
                return
        text = self._erasure() + "".join(f"{line}\n" for line, _ in lines)
        self._drawn, self._width = lines, width
        write(self._stream, _BEGIN + text + _END)

    def above(self, text: str) -> None:
        """Print text for good, above the block, which is drawn again.

        Parameters
        ----------
        text
            Whole lines.
        """
        lines = "".join(f"{line}\n" for line, _ in self._drawn)
        # Wrapping is wanted here, so that long lines can be copied.
        write(self._stream, self._erasure() + text + lines)
        self._width, _ = self._size()

    def clear(self) -> None:
        """Take the block away."""
        if self._drawn:
            write(self._stream, self._erasure() + _END)
            self._drawn = []

    def _patch(self, lines: list[tuple[str, int]]) -> None:
        text = ""
        count = len(lines)
        for number, (old, new) in enumerate(
            zip(self._drawn, lines, strict=True)
        ):
            if old != new:
                up = count - number
                text += f"\x1b[{up}A{new[0]}\x1b[K\r\x1b[{up}B"
        self._drawn = lines
        if text:
            write(self._stream, _BEGIN + text + _END)

    def _erasure(self) -> str:
        width, _ = self._size()
        rows = 0
        for _, cells in self._drawn:
            is_broken = self._reflows and cells > width > 0
            rows += -(-cells // width) if is_broken else 1
        # tmux takes an erasure from the very first cell for one of the whole
        # screen, and keeps what was there: not a copy for each picture.
        return f"\r\x1b[{rows}A\x1b[K\n\x1b[J\x1b[1A" if rows else ""
