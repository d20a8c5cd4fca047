"""Annotations, outputs and the summary of ``check`` in GitHub Actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from ..checks import Report, State
from ..exceptions import ExitStatus
from ..views import safe
from ..views.actions import annotation, find_line, write_job_files

__all__ = ["annotate", "conclude"]

_LEVELS: dict[State, Literal["error", "warning"]] = {
    "problem": "error",
    "warning": "warning",
}
_MARKS: dict[State, str] = {
    "ok": "✅",
    "problem": "❌",
    "warning": "⚠️",
    "unknown": "❔",
}
_ABOUT_FILE = re.compile(r"(?P<file>[^\s:]+\.\w+): (?P<told>.+)")
_QUOTED = re.compile(r"'(.+?)'")


def annotate(report: Report, root: Path) -> Iterator[str]:
    """Return the workflow commands for what a check found.

    Parameters
    ----------
    report
        The check and its finding.
    root
        The top of the clone, for the lines of files.

    Yields
    ------
    str
        One line each, without a line end.
    """
    level = _LEVELS.get(report.finding.state)
    if level is None:
        return
    finding = report.finding
    # Each fragment that is malformed is named.
    parts = (
        finding.text.split("; ")
        if report.check.key == "fragments"
        else [finding.text]
    )
    for part in parts:
        file, line = None, None
        about = _ABOUT_FILE.fullmatch(part)
        if about and (root / about["file"]).is_file():
            file = about["file"]
            quoted = _QUOTED.search(about["told"])
            line = (quoted and find_line(root / file, quoted[1])) or 1
        text = "\n".join(filter(None, [part, finding.advice]))
        yield annotation(
            level, text, title=report.check.title, file=file, line=line
        )


def conclude(
    reports: Iterable[Report],
    status: ExitStatus,
    environ: Mapping[str, str],
) -> None:
    """Write the outputs and the summary of the job.

    Parameters
    ----------
    reports
        All checks and their findings.
    status
        The exit status.
    environ
        The environment, which names the files.
    """
    write_job_files(
        {"released": "false", "outcome": "blocked" if status else "ready"},
        "\n".join(_summary(reports)) + "\n",
        environ,
    )


def _summary(reports: Iterable[Report]) -> Iterator[str]:
    yield "### Checks before a release"
    yield ""
    yield "| | Check | Result | Remedy |"
    yield "|-|-------|--------|--------|"
    for report in reports:
        finding = report.finding
        cells = [
            _MARKS[finding.state],
            safe.markdown(report.check.title),
            safe.markdown(safe.line(finding.text)),
            safe.markdown(safe.line(finding.advice)),
        ]
        yield f"| {' | '.join(cells)} |"
