"""The table of a roll-out's environments: for people, programs and jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

from ..models import PullRequest, Release
from ..models.standing import Standing, State
from . import safe, words
from .actions import write_job_files
from .base import write_rows
from .json import standing_document

if TYPE_CHECKING:
    from rich.console import Group

__all__ = [
    "make_table",
    "rollout_document",
    "tell_job",
    "write_lines",
]

_STYLES: dict[State, str] = {
    "failed": "bold red",
    "degraded": "red",
    "absent": "red",
    "sync": "bold yellow",
    "window": "yellow",
    "merge": "bold yellow",
    "compare": "cyan",
    "syncing": "cyan",
    "settling": "cyan",
    "unknown": "magenta",
    "pinned": "bright_black",
    "runs": "green",
}

_TARGETS: dict[State, str] = {
    "merge": "not merged",
    "compare": "not compared",
    "pinned": "pinned",
}
"""What is said beside the version that is meant to run."""

_MARKS: dict[State, str] = {
    "failed": "❌",
    "degraded": "❌",
    "absent": "❌",
    "unknown": "❔",
    "pinned": "💤",
    "runs": "✅",
}

_HEADINGS = (
    "environment",
    "deployed",
    "target",
    "sync",
    "health",
    "since",
    "in the way",
)

_WIDEST = 24
"""Columns that a text may take, but for the last one."""

_NARROWEST = 20
"""Columns that the last one must have."""


def make_table(
    standings: Sequence[Standing], now: datetime, width: int
) -> Group:
    """Make the table for a terminal.

    Parameters
    ----------
    standings
        The environments, in the order of promotion.
    now
        The present time (aware).
    width
        Columns of the terminal. Where few are left for what is in the way,
        that stands below the table.
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rows = list(_rows(standings, now))
    widths = [
        min(max(map(len, column)), _WIDEST)
        for column in zip(_HEADINGS[:-1], *(r[:-1] for r in rows), strict=True)
    ]
    # Three columns lie between two.
    left = width - sum(widths) - 3 * len(widths) - 2
    has_room = left >= _NARROWEST
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=has_room)
    for heading, columns in zip(_HEADINGS[:-1], widths, strict=True):
        table.add_column(
            heading, no_wrap=True, overflow="ellipsis", width=columns
        )
    if has_room:
        table.add_column(_HEADINGS[-1], overflow="fold", ratio=1)
    below = []
    for standing, row in zip(standings, rows, strict=True):
        *cells, told = map(Text, row)
        cells[0].stylize("bold")
        for cell in (cells[2], told):
            cell.stylize(_STYLES[standing.state])
        if has_room:
            cells.append(told)
        elif told:
            below.append(Text.assemble((row[0], "bold"), ": ", told))
        table.add_row(*cells)
    return Group(table, *below)


def write_lines(
    standings: Sequence[Standing], stream: TextIO, now: datetime
) -> None:
    """Write the table where there is no terminal: tabs between columns.

    Parameters
    ----------
    standings
        The environments, in the order of promotion.
    stream
        Where to write.
    now
        The present time (aware).
    """
    write_rows(stream, [_HEADINGS, *_rows(standings, now)])


def rollout_document(
    release: Release,
    standings: Sequence[Standing],
    *,
    pull: PullRequest | None,
    outcome: str,
    status: int,
) -> dict[str, Any]:
    """Return the table as ``schemas/rollout.json`` describes it.

    Parameters
    ----------
    release
        The release.
    standings
        The environments, in the order of promotion.
    pull
        The deployment pull request, if there is one.
    outcome
        How it stands in a word.
    status
        The exit status.
    """
    return {
        "schema": 1,
        "outcome": outcome,
        "exit": status,
        "message": None,
        "help": None,
        "repository": release.repository,
        "version": release.version,
        "tag": release.tag,
        "deploy_url": safe.url(pull.url) if pull else None,
        "merged": bool(pull and pull.is_merged),
        "environments": [
            standing_document(safe.standing(each)) for each in standings
        ],
    }


def tell_job(
    title: str,
    standings: Sequence[Standing],
    environ: Mapping[str, str],
    now: datetime,
) -> None:
    """Write outputs and summary of a job in GitHub Actions.

    Parameters
    ----------
    title
        The heading.
    standings
        The environments, in the order of promotion.
    environ
        The environment, which names the files.
    now
        The present time (aware).
    """
    told = [standing_document(safe.standing(each)) for each in standings]
    is_everywhere = all(s.state in ("runs", "pinned") for s in standings)
    values = {
        "rolled-out": str(is_everywhere).lower(),
        "environments": json.dumps(told),
    }
    text = safe.markdown
    lines = [
        f"### {text(safe.line(title))}",
        "",
        f"| | {' | '.join(_HEADINGS)} |",
        "|-|" + "---|" * len(_HEADINGS),
    ]
    for standing, row in zip(standings, _rows(standings, now), strict=True):
        cells = " | ".join(map(text, row))
        lines.append(f"| {_MARKS.get(standing.state, '⏳')} | {cells} |")
    write_job_files(values, "\n".join(lines) + "\n", environ)


def _rows(
    standings: Sequence[Standing], now: datetime
) -> Iterator[tuple[str, ...]]:
    """Yield a safe text for each column."""
    names = {standing.application for standing in standings}
    for standing in standings:
        name = standing.environment
        if len(names) > 1:
            name += f" {standing.application}"
        beside = _TARGETS.get(standing.state)
        target = standing.wanted + (f" ({beside})" if beside else "")
        is_well = standing.state == "runs" and standing.sync == "Synced"
        since = ""
        if standing.since is not None:
            since = words.duration(words.seconds(standing.since, now))
        texts = (
            name,
            ", ".join(standing.deployed),
            target,
            standing.sync,
            standing.health,
            since,
            "" if is_well else standing.text,
        )
        yield tuple(map(safe.line, texts))
