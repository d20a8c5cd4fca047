"""The table of a fleet's applications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, TypeAlias

from . import safe
from .base import write_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

__all__ = ["Row", "make_table", "show_progress", "write_lines"]

_STYLES = {
    "failed": "bold red",
    "unknown": "red",
    "deploy": "yellow",
    "merge": "cyan",
    "release": "green",
    "nothing": "bright_black",
}

_RUNS = {"success": "green", "failure": "red", "timed_out": "red"}

_WIDEST = 20
"""Columns that a text may take, but for the last one."""

_HEADINGS = (
    "application",
    "deployed",
    "running",
    "latest",
    "age",
    "new",
    "next",
    "run",
    "to do",
)


Row: TypeAlias = tuple[str, Sequence[str]]
"""What an application needs, in a word, and a text for each column."""


def make_table(rows: Sequence[Row]) -> Table:
    """Make the table for a terminal.

    Parameters
    ----------
    rows
        The rows, in order.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    shown = _find_columns(rows)
    for number in shown:
        heading = _HEADINGS[number]
        is_number = heading in {"age", "new"}
        is_last = number == len(_HEADINGS) - 1
        longest = max((len(texts[number]) for _, texts in rows), default=0)
        table.add_column(
            heading,
            justify="right" if is_number else "left",
            no_wrap=True,
            overflow="ellipsis",
            # The last column takes what is left.
            ratio=1 if is_last else None,
            width=None
            if is_last
            else min(max(longest, len(heading)), _WIDEST),
        )
    for need, texts in rows:
        cells = [Text(safe.line(text)) for text in texts]
        cells[0].stylize("bold")
        cells[7].stylize(_RUNS.get(cells[7].plain, "yellow"))
        cells[8].stylize(_STYLES.get(need, ""))
        table.add_row(*(cells[number] for number in shown))
    return table


def write_lines(rows: Sequence[Row], stream: TextIO) -> None:
    """Write the table where there is no terminal: tabs between columns.

    Parameters
    ----------
    rows
        The rows, in order.
    stream
        Where to write.
    """
    shown = _find_columns(rows)
    told = [_HEADINGS, *(tuple(map(safe.line, texts)) for _, texts in rows)]
    write_rows(stream, ([row[number] for number in shown] for row in told))


def _find_columns(rows: Sequence[Row]) -> list[int]:
    """Return the columns: what runs is one where any environment was seen."""
    running = _HEADINGS.index("running")
    is_seen = any(texts[running] for _, texts in rows)
    columns = range(len(_HEADINGS))
    return [n for n in columns if n != running or is_seen]


@contextmanager
def show_progress(
    title: str, stream: TextIO
) -> Iterator[Callable[[int, int], None]]:
    """Show how far the reading is, where somebody is watching.

    Parameters
    ----------
    title
        What is read.
    stream
        A terminal, or anything else: then nothing is shown.

    Yields
    ------
    typing.Callable
        To be called with how much more is done, and how much there is.
    """
    if not stream.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress

    with Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(file=stream),
        transient=True,
    ) as progress:
        task = progress.add_task(safe.line(title), total=None)

        def advance(done: int, total: int) -> None:
            progress.update(task, advance=done, total=total or None)

        yield advance
