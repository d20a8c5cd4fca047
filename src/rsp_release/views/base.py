"""The interface of views, and how they write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from ..models import Event

__all__ = ["View", "find_size", "is_capable", "write", "write_rows"]


class View(Protocol):
    """Shows the events of one command."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *details: object) -> None:
        """Leave the output whole, whatever happened."""

    def show(self, event: Event) -> None:
        """Show an event."""


def write(stream: TextIO, text: str) -> None:
    """Write text at once, whatever the encoding of the stream lacks.

    Parameters
    ----------
    stream
        Where to write.
    text
        What to write.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def write_rows(stream: TextIO, rows: Iterable[Sequence[str]]) -> None:
    """Write a table where there is no terminal: tabs between columns.

    Parameters
    ----------
    stream
        Where to write.
    rows
        A safe text for each column; the headings are the first row.
    """
    lines = []
    for first, *others in rows:
        # What reads the log of a job takes a line that begins so for a
        # command.
        name = repr(first) if first.startswith("::") else first
        lines.append("\t".join(text or "-" for text in (name, *others)))
    write(stream, "".join(f"{line}\n" for line in lines))


def is_capable(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether an output is a terminal that can move its cursor.

    Parameters
    ----------
    stream
        The output.
    environ
        The environment, for ``TERM``.
    """
    is_dumb = environ.get("TERM", "").lower() in {"dumb", "unknown"}
    return stream.isatty() and not is_dumb


def find_size(stream: TextIO, environ: Mapping[str, str]) -> tuple[int, int]:
    """Return the columns and rows of a terminal.

    Parameters
    ----------
    stream
        The terminal.
    environ
        The environment, whose ``COLUMNS`` and ``LINES`` go first.
    """
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        size = os.terminal_size((0, 0))
    given = [environ.get(name, "") for name in ("COLUMNS", "LINES")]
    columns, rows = (int(each) if each.isdecimal() else 0 for each in given)
    return columns or size.columns or 80, rows or size.lines or 24
