"""A terminal for tests: what a person would see of what was written."""

from __future__ import annotations

import re

from rich.cells import cell_len

__all__ = ["OWN_SEQUENCE", "Screen"]

OWN_SEQUENCE = re.compile(r"\x1b\[(?:\d+[AB]|[JK]|[0-9;]*m|\?(?:7|2026)[hl])")
"""Every escape sequence that the views may write."""

_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|(\n)|(\r)|([^\x1b\n\r]+)")


class Screen:
    """A terminal with as many rows as the program needs.

    Each row is a list of characters; a row that the terminal broke off knows
    the row it continues, so that a narrower terminal can break it anew.

    Parameters
    ----------
    columns
        Its width.
    rows
        Its height: the cursor cannot go further up than this.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self.lines: list[str] = [""]
        self.joined: list[bool] = [False]
        self.row = 0
        self.column = 0
        self.wraps = True
        self.is_cursor_visible = True
        self.tallest = 0

    @property
    def text(self) -> str:
        """What is on the screen and above it."""
        return "\n".join(line.rstrip() for line in self.lines).rstrip("\n")

    @property
    def visible(self) -> list[str]:
        """The rows that are not scrolled away."""
        return [line.rstrip() for line in self.lines[-self.rows :]]

    def write(self, text: str) -> None:
        """Do what a terminal does with some output."""
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            assert match, f"not understood: {text[at : at + 20]!r}"
            at = match.end()
            if match[3]:
                self._down(1)
                self.column = 0
            elif match[4]:
                self.column = 0
            elif match[5]:
                for character in match[5]:
                    self._put(character)
            else:
                self._obey(match[1], match[2])

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, breaking lines anew as most terminals do."""
        paragraphs: list[str] = []
        cursor = 0
        for number, line in enumerate(self.lines):
            if self.joined[number]:
                paragraphs[-1] += line
            else:
                paragraphs.append(line)
            if number == self.row:
                cursor = len(paragraphs) - 1
        self.lines, self.joined = [], []
        for number, paragraph in enumerate(paragraphs):
            if number == cursor:
                self.row = len(self.lines)
            for start in range(0, max(1, len(paragraph)), columns):
                self.lines.append(paragraph[start : start + columns])
                self.joined.append(start > 0)
        self.columns, self.rows = columns, rows

    def _obey(self, parameters: str, final: str) -> None:
        match final:
            case "A":
                top = max(0, len(self.lines) - self.rows)
                self.row = max(top, self.row - int(parameters or 1))
            case "B":
                self.row = min(
                    len(self.lines) - 1, self.row + int(parameters or 1)
                )
            case "K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            case "J":
                # tmux keeps what is erased from the first cell on.
                top = max(0, len(self.lines) - self.rows)
                assert (self.row, self.column) != (top, 0)
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
                del self.joined[self.row + 1 :]
            case "m":
                pass
            case "h" | "l" if parameters == "?7":
                self.wraps = final == "h"
            case "h" | "l" if parameters == "?25":
                self.is_cursor_visible = final == "h"
            case "h" | "l" if parameters == "?2026":
                pass
            case _:
                raise AssertionError(f"CSI {parameters}{final}")

    def _down(self, count: int) -> None:
        self.row += count
        while len(self.lines) <= self.row:
            self.lines.append("")
            self.joined.append(False)
        self.tallest = max(self.tallest, len(self.lines))

    def _put(self, character: str) -> None:
        if self.column + cell_len(character) > self.columns:
            if not self.wraps:
                return
            self._down(1)
            self.joined[self.row] = True
            self.column = 0
        line = self.lines[self.row].ljust(self.column)
        end = self.column + len(character)
        self.lines[self.row] = line[: self.column] + character + line[end:]
        self.column = end
