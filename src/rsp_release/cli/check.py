"""The command ``check``: checks that a release would succeed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any, TextIO

from typer import Option

from ..checks import CHECKS, Facts, Report, State, run_checks
from ..exceptions import ExitStatus, ReleaseError
from ..views.base import find_size, is_capable, write
from ..views.frame import wrap
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

_BY_WEIGHT: tuple[State, ...] = ("problem", "warning", "unknown", "ok")
"""The states, the one first that a person should see first."""


def check(
    session: Session,
    *,
    offline: Annotated[
        bool, Option("--offline", help="Use no network.")
    ] = False,
    all_: Annotated[
        bool, Option("--all", help="Show every check and every setting.")
    ] = False,
) -> int:
    """Check that a release would succeed. Writes nothing."""
    options = session.globals
    view: _Text | _Json = (
        _Json(sys.stdout)
        if session.as_json
        else _Text(
            sys.stdout,
            options.environ,
            no_color=options.no_color,
            shows_all=all_,
        )
    )
    try:
        with session.waiting("Reading the repository") as progress:
            checker = session.factory.make_checker(offline=offline)
            facts = checker.find_facts()
            with progress.paused():
                view.begin(facts)
            reports = []
            session.mask()
            found = run_checks(CHECKS, facts, heard=progress.tell)
            for group, members in groupby(found, lambda r: r.check.group):
                told = list(members)
                with progress.paused():
                    view.show(group, told)
                reports += told
                if session.is_job:
                    for report in told:
                        _annotate(report, options)
        for text in session.factory.look.take_notices():
            sys.stderr.write(f"{text}\n")
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
    """Shows reports to a person, a group at a time."""

    def __init__(
        self,
        stream: TextIO,
        environ: Mapping[str, str],
        *,
        no_color: bool,
        shows_all: bool,
    ) -> None:
        self._stream = stream
        self._shows_all = shows_all
        self._glyphs = Glyphs.choose(stream.encoding)
        self._is_coloured = (
            is_capable(stream, environ)
            and not no_color
            and not environ.get("NO_COLOR")
        )
        # Where there is no terminal, lines are not broken.
        is_terminal = stream.isatty()
        self._width = find_size(stream, environ)[0] if is_terminal else 0

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

    def show(self, group: str, reports: list[Report]) -> None:
        """Show a group in a line, and in full what is not ok."""
        states = {report.finding.state for report in reports}
        worst = next(state for state in _BY_WEIGHT if state in states)
        self._head(self._mark(worst), group, _tell(reports, says_ok=True))
        told = set()
        for report in reports:
            finding = report.finding
            # What several checks cannot tell for one reason is said once.
            if self._shows_all or not (
                finding.state == "ok" or finding in told
            ):
                self._detail(report)
            told.add(finding)

    def _detail(self, report: Report) -> None:
        finding = report.finding
        mark = self._mark(finding.state)
        self._put(mark, report.check.title, line(finding.text))
        if finding.state == "ok":
            return
        arrow = " " * _INDENT + self._glyphs.arrow
        for text in (
            self._fold(line(finding.remedy or ""), _INDENT + 2),
            self._paint(line(finding.command or ""), "1"),
            url(finding.url)
            if finding.url not in (finding.remedy or "").split()
            else None,
        ):
            if text:
                self._write(f"{arrow} {text}\n")

    def show_settings(self, settings: Sequence[tuple[str, Any, str]]) -> None:
        """Show the settings in a line, or what each is and where from."""
        count = sum(source != "default" for _, _, source in settings)
        text = f"{count} set or detected, {len(settings) - count} default"
        if not self._shows_all:
            text += "; --all shows them"
        self._head(" ", "Settings", text)
        for key, value, source in settings if self._shows_all else ():
            text = f"{line(_spell(value))} ({line(source)})"
            self._put(" ", key, text, "2" if source == "default" else "")

    def conclude(self, reports: list[Report], status: ExitStatus) -> None:
        told = _tell(reports) or "all passed"
        self._write(f"\n{len(reports)} checks: {told}\n")

    def _mark(self, state: State) -> str:
        glyph, colour = _MARKS[state]
        return self._paint(getattr(self._glyphs, glyph), colour)

    def _head(self, mark: str, title: str, text: str) -> None:
        title = self._paint(f"{title:<{_INDENT - 2}}", "1")
        self._write(f"{mark} {title}{text}".rstrip() + "\n")

    def _put(self, mark: str, title: str, text: str, colour: str = "") -> None:
        row = f"{title:<24} {self._fold(text, _INDENT)}"
        self._write(f"  {mark} {self._paint(row, colour)}\n")

    def _fold(self, text: str, indent: int) -> str:
        """Break a text for a terminal, below where it begins."""
        if not self._width:
            return text
        room = max(self._width - indent, 24)
        return ("\n" + " " * indent).join(wrap(text, room))

    def _paint(self, text: str, colour: str) -> str:
        if not self._is_coloured or not colour or not text:
            return text
        return f"\x1b[{colour}m{text}\x1b[m"

    def _write(self, text: str) -> None:
        write(self._stream, text)


class _Json:
    """Prints one object, as ``schemas/check.json`` describes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._checks: list[dict[str, Any]] = []
        self._settings: list[dict[str, Any]] = []

    def begin(self, facts: Facts) -> None:
        """Say nothing yet."""

    def show(self, group: str, reports: list[Report]) -> None:
        for report in reports:
            check, finding = report.check, report.finding
            told = {
                "key": check.key,
                "group": group,
                "title": check.title,
                "state": finding.state,
                "text": line(finding.text),
                "remedy": line(finding.remedy) if finding.remedy else None,
                "command": line(finding.command) if finding.command else None,
                "url": url(finding.url) if finding.url else None,
            }
            self._checks.append(told)

    def show_settings(self, settings: Sequence[tuple[str, Any, str]]) -> None:
        self._settings = [
            {"key": key, "value": _plain(value), "source": line(source)}
            for key, value, source in settings
        ]

    def conclude(self, reports: list[Report], status: ExitStatus) -> None:
        self._write("blocked" if status else "ready", status, reports)

    def fail(self, error: ReleaseError) -> None:
        self._write(
            "failed",
            error.exit_status,
            [],
            message=line(error.message),
            help=line(error.help) if error.help else None,
        )

    def _write(
        self,
        outcome: str,
        status: ExitStatus,
        reports: list[Report],
        message: str | None = None,
        help: str | None = None,
    ) -> None:
        told = {
            "schema": SCHEMA,
            "outcome": outcome,
            "exit": int(status),
            "message": message,
            "help": help,
            **_count(reports),
            "checks": self._checks,
            "settings": self._settings,
        }
        self._stream.write(dumps(told) + "\n")
        self._stream.flush()


def _count(reports: Iterable[Report]) -> dict[str, int]:
    states = [report.finding.state for report in reports]
    return {state: states.count(state) for state in _MARKS}


def _tell(reports: Iterable[Report], *, says_ok: bool = False) -> str:
    """Count reports by their state, in words."""
    return ", ".join(
        f"{count} {state}"
        + "s" * (state in ("problem", "warning") and count > 1)
        for state, count in _count(reports).items()
        if count and (says_ok or state != "ok")
    )


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
