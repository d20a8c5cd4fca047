"""The command ``check``: checks that a release would succeed."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TextIO

from typer import Option

from ..checks import CHECKS, Facts, Report, State, run_checks
from ..exceptions import ExitStatus, ReleaseError
from ..views.base import find_size, write
from ..views.glyphs import Glyphs
from ..views.json import SCHEMA, dumps
from ..views.safe import line, url
from .session import Globals, Session

__all__ = ["check"]

_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("done", "32"),
    "problem": ("failed", "31"),
    "warning": ("person", "33"),
    "unknown": ("unknown", "36"),
}
"""The glyph and the colour of each state."""

_INDENT = 29
"""The column where texts begin."""

_WIDE = 100
"""The columns of a terminal on which settings have a third column."""


def check(
    session: Session,
    *,
    offline: Annotated[
        bool, Option("--offline", help="Use no network.")
    ] = False,
) -> int:
    """Check that a release would succeed. Writes nothing."""
    options = session.globals
    view: _Text | _Json = (
        _Json(sys.stdout)
        if session.as_json
        else _Text(sys.stdout, options.environ, no_color=options.no_color)
    )
    try:
        with session.factory.open_checker(offline=offline) as checker:
            facts = checker.find_facts()
            view.begin(facts)
            reports = []
            session.mask()
            for report in run_checks(CHECKS, facts):
                view.show(report)
                reports.append(report)
                if session.is_job:
                    _annotate(report, options)
            view.show_settings(checker.settings(facts))
            status = _judge(reports)
            view.conclude(reports, status)
            if session.is_job:
                from .check_job import conclude

                conclude(reports, status, options.environ)
            return int(status)
    except ReleaseError as e:
        if isinstance(view, _Json):
            view.fail(e)
            return int(e.exit_status)
        # With an annotation, where that is wanted.
        return session.fail(e)


def _annotate(report: Report, options: Globals) -> None:
    """Tell a job of what is wrong, on the standard error."""
    from .check_job import annotate
    from .next import find_top

    for each in annotate(report, find_top(options.directory)):
        sys.stderr.write(f"{each}\n")


def _judge(reports: Iterable[Report]) -> ExitStatus:
    statuses = {
        report.finding.exit_status
        for report in reports
        if report.finding.state == "problem"
    }
    if not statuses:
        return ExitStatus.OK
    if statuses == {ExitStatus.NOT_ALLOWED}:
        return ExitStatus.NOT_ALLOWED
    return ExitStatus.BLOCKED


class _Text:
    """Shows reports to a person, as they come."""

    def __init__(
        self, stream: TextIO, environ: Mapping[str, str], *, no_color: bool
    ) -> None:
        self._stream = stream
        self._glyphs = Glyphs.choose(stream.encoding)
        self._is_coloured = (
            stream.isatty()
            and not no_color
            and not environ.get("NO_COLOR")
            and environ.get("TERM") != "dumb"
        )
        # Where there is no terminal, lines are not broken.
        is_terminal = stream.isatty()
        self._width = find_size(stream, environ)[0] if is_terminal else 0
        self._group = ""

    def begin(self, facts: Facts) -> None:
        proposal = facts.proposal
        where = proposal.branch or "detached HEAD"
        if facts.is_empty:
            text = f"{proposal.repository}: no commits yet"
        else:
            text = f"{proposal.repository}, {where} at {proposal.commit[:10]}"
        if facts.trouble is None and not facts.is_empty:
            text += f", next release {proposal.tag}"
        self._write(f"{line(text)}\n")

    def show(self, report: Report) -> None:
        check, finding = report.check, report.finding
        if check.group != self._group:
            self._group = check.group
            self._write(self._paint(f"{check.group}\n", "1"))
        self._put(self._mark(finding.state), check.title, line(finding.text))
        if finding.state == "ok":
            return
        arrow = " " * _INDENT + self._glyphs.arrow
        for text in (
            self._fold(line(finding.remedy or ""), _INDENT + 2),
            self._paint(line(finding.command or ""), "1"),
            url(finding.url),
        ):
            if text:
                self._write(f"{arrow} {text}\n")

    def show_settings(self, settings: Iterable[tuple[str, Any, str]]) -> None:
        self._write(self._paint("Settings\n", "1"))
        for key, value, source in settings:
            shown, origin = line(_spell(value)), line(source)
            row = f"    {key:<24} {shown:<34} {origin}"
            if 0 < self._width < _WIDE:
                text = self._fold(f"{shown}  ({origin})", _INDENT)
                row = f"    {key:<24} {text}"
            colour = "2" if source == "default" else ""
            self._write(self._paint(row.rstrip(), colour) + "\n")

    def conclude(self, reports: list[Report], status: ExitStatus) -> None:
        bad = [r for r in reports if r.finding.state in ("problem", "warning")]
        self._write("\n")
        for report in sorted(bad, key=lambda r: r.finding.state == "warning"):
            finding = report.finding
            mark = self._mark(finding.state)
            # What can be run stays in one piece.
            if finding.command:
                command = line(finding.command)
                self._write(f"  {mark} {report.check.title:<24} {command}\n")
            else:
                text = finding.remedy or finding.text
                self._put(mark, report.check.title, line(text))
        told = ", ".join(
            f"{count} {state}" + "s" * (state != "unknown" and count > 1)
            for state, count in _count(reports).items()
            if count and state != "ok"
        )
        self._write(f"{len(reports)} checks: {told or 'all passed'}\n")

    def _mark(self, state: State) -> str:
        glyph, colour = _MARKS[state]
        return self._paint(getattr(self._glyphs, glyph), colour)

    def _put(self, mark: str, title: str, text: str) -> None:
        self._write(f"  {mark} {title:<24} {self._fold(text, _INDENT)}\n")

    def _fold(self, text: str, indent: int) -> str:
        """Break a text for a terminal, below where it begins."""
        room = max(self._width - indent, 24)
        if not self._width or len(text) <= room:
            return text
        lines = textwrap.wrap(
            text, room, break_long_words=False, break_on_hyphens=False
        )
        return ("\n" + " " * indent).join(lines)

    def _paint(self, text: str, colour: str) -> str:
        if not self._is_coloured or not colour or not text:
            return text
        return f"\x1b[{colour}m{text}\x1b[m"

    def _write(self, text: str) -> None:
        write(self._stream, text)


class _Json:
    """Writes one object a line, as ``schemas/check.json`` describes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self, facts: Facts) -> None:
        """Say nothing: what is checked is in each line."""

    def show(self, report: Report) -> None:
        check, finding = report.check, report.finding
        self._write(
            event="check",
            key=check.key,
            group=check.group,
            title=check.title,
            state=finding.state,
            text=line(finding.text),
            remedy=line(finding.remedy) if finding.remedy else None,
            command=line(finding.command) if finding.command else None,
            url=url(finding.url) if finding.url else None,
        )

    def show_settings(self, settings: Iterable[tuple[str, Any, str]]) -> None:
        for key, value, source in settings:
            self._write(
                event="setting",
                key=key,
                value=_plain(value),
                source=line(source),
            )

    def conclude(self, reports: list[Report], status: ExitStatus) -> None:
        self._write(
            event="result",
            outcome="blocked" if status else "ready",
            exit=int(status),
            message=None,
            help=None,
            **_count(reports),
        )

    def fail(self, error: ReleaseError) -> None:
        self._write(
            event="result",
            outcome="failed",
            exit=int(error.exit_status),
            message=line(error.message),
            help=line(error.help) if error.help else None,
            **_count([]),
        )

    def _write(self, **document: Any) -> None:
        self._stream.write(dumps({"schema": SCHEMA, **document}) + "\n")
        self._stream.flush()


def _count(reports: Iterable[Report]) -> dict[str, int]:
    states = [report.finding.state for report in reports]
    return {state: states.count(state) for state in _MARKS}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; of a file, what is set."""
    if hasattr(value, "_asdict"):
        return {k: v for k, v in value._asdict().items() if v is not None}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _spell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, Mapping):
        pairs = [f"{k}: {v}" for k, v in value.items()]
        return ", ".join(pairs) or "-"
    return ", ".join(_spell_item(item) for item in value) or "-"


def _spell_item(item: Any) -> str:
    return item if isinstance(item, str) else str(getattr(item, "path", item))
