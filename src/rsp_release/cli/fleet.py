"""The command ``fleet``: shows all applications and what each needs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..deployment.fleet import Row, document, fleet_status, select
from ..exceptions import ReleaseError, UsageError
from ..views import safe
from .session import Session

__all__ = ["NEEDS", "fleet", "show_row"]

NEEDS = ("failed", "unknown", "deploy", "merge", "release", "nothing")
"""The values of ``--need``."""

_STDOUT = Path("-")


def show_row(row: Row) -> tuple[str, tuple[str, ...]]:
    """Return what an application needs, and a text for each column.

    Parameters
    ----------
    row
        The application. Its texts may be untrusted.
    """
    facts = row.facts
    return row.need, (
        row.application.label,
        row.application.shown,
        row.application.runs,
        facts.latest or "",
        "" if row.age is None else f"{row.age}d",
        "" if row.unreleased is None else str(row.unreleased),
        row.next or "",
        facts.run or "",
        row.said,
    )


def fleet(
    session: Session,
    repository: Annotated[
        str | None,
        Argument(metavar="OWNER/NAME", help="The deployment repository."),
    ] = None,
    *,
    only: Annotated[
        list[str] | None,
        Option(
            metavar="PATTERN", help="Show these applications, such as 'ga*'."
        ),
    ] = None,
    need: Annotated[
        list[str] | None,
        Option(
            metavar="NEED",
            help="failed, unknown, deploy, merge, release or nothing.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="Write a page of them to FILE ('-': standard output).",
        ),
    ] = None,
    check: Annotated[
        bool,
        Option(
            "--check", help="Exit non-zero if any application needs attention."
        ),
    ] = False,
) -> int:
    """Show what each application has deployed, and what it needs."""
    from ..views.fleet import make_table, show_progress, write_lines

    wrong = [each for each in need or () if each not in NEEDS]
    if wrong:
        raise UsageError(
            f"unknown need {wrong[0]!r}",
            help=f"use one of {', '.join(NEEDS)}",
        )
    if html is not None:
        html = _find_target(session, html)
    try:
        reader = session.factory.make_fleet_reader(repository)
        with show_progress(
            f"Reading {reader.deploy.name}", sys.stderr
        ) as advance:
            rows = reader.read(advance)
        rows = select(rows, needs=need or (), names=only or ())
    except ReleaseError as e:
        return session.fail(e)
    for text in _find_problems(rows):
        sys.stderr.write(f"{text}\n")
    if html is not None:
        try:
            _write_page(session, html, rows, reader.deploy.name)
        except ReleaseError as e:
            return session.fail(e)
        if html == _STDOUT or not session.as_json:
            return int(fleet_status(rows)) if check else 0
    cells = [show_row(row) for row in rows]
    if session.as_json:
        from ..views.json import dumps

        told = document(rows, repository=reader.deploy.name)
        sys.stdout.write(f"{dumps(told)}\n")
    elif sys.stdout.isatty():
        from rich.console import Console

        console = Console(no_color=session.globals.no_color or None)
        console.print(make_table(cells))
    else:
        write_lines(cells, sys.stdout)
    return int(fleet_status(rows)) if check else 0


def _find_target(session: Session, html: Path) -> Path:
    """Find the file of the page, before anything is read."""
    from ..storage.files import check_target

    if html == _STDOUT:
        if session.as_json:
            raise UsageError(
                "--json and --html - both print to standard output",
                help="name a file: --html index.html",
            )
        return html
    html = session.globals.directory / html
    check_target(html)
    return html


def _write_page(
    session: Session, html: Path, rows: Sequence[Row], deploy: str
) -> None:
    """Write the page, and say where it is."""
    from ..deployment.lead_times import read_lead_times
    from ..storage.files import write_whole
    from ..views.fleet import show_progress
    from ..views.fleet_page import make_page

    factory = session.factory
    now = factory.clock.now()
    with show_progress("Reading the past year", sys.stderr) as advance:
        history = read_lead_times(
            rows, factory.make_fleet_history(deploy), now=now, advance=advance
        )
    page = make_page(
        document(rows, repository=deploy),
        history,
        server_url=factory.server_url,
        now=now,
    )
    if html == _STDOUT:
        sys.stdout.write(page)
        return
    write_whole(html, page)
    if not session.as_json:
        sys.stdout.write(f"{html}\n")


def _find_problems(rows: Iterable[Row]) -> Iterator[str]:
    """Say which environments cannot be looked at, each once, and why."""
    found = {
        each.environment: each.problem
        for row in rows
        for each in row.application.running
        if not each.is_seen
    }
    for environment, problem in found.items():
        yield safe.line(f"not looked at: {environment}: {problem}")
