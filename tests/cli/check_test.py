"""How ``check`` shows what it found: in groups, and as one object."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from rsp_release.checks import CHECKS, Report
from rsp_release.checks.base import Finding, ok, problem, unknown, warning
from rsp_release.cli.check import _Json, _Text
from rsp_release.exceptions import ExitStatus

BY_KEY = {check.key: check for check in CHECKS}
IMAGES = tuple(f"ghcr.io/lsst-sqre/nublado-{n}" for n in range(12))
SETTINGS = [
    ("images", IMAGES, "the workflow files"),
    ("branch", "main", "default"),
    ("files", (), "default"),
]
UNCHECKED = "uv.lock not checked: uv is not installed"


class Terminal(io.StringIO):
    """A terminal in memory."""

    encoding = "utf-8"

    def isatty(self) -> bool:  # type: ignore[explicit-override]
        return True


def report(key: str, finding: Finding) -> Report:
    return Report(check=BY_KEY[key], finding=finding)


LOCKS = [
    report("lock", unknown(UNCHECKED)),
    report("lock-age", warning("uv.lock last changed 198 days ago", "do it",
                               command="uv lock --upgrade")),
    report("periodic-ci", ok("no scheduled CI")),
]  # fmt: skip


def show(
    stream: io.StringIO, columns: int = 80, *, shows_all: bool = False
) -> list[str]:
    """Show a group and the settings; return the lines."""
    environ = {"COLUMNS": str(columns), "NO_COLOR": "1"}
    view = _Text(stream, environ, no_color=False, shows_all=shows_all)
    view.show("Dependencies", LOCKS)
    view.show_settings(SETTINGS)
    view.conclude(LOCKS, ExitStatus.OK)
    return stream.getvalue().splitlines()


def test_group_is_a_line_and_what_is_not_ok_is_told() -> None:
    lines = show(Terminal())
    assert lines[:5] == [
        "! Dependencies               1 ok, 1 warning, 1 unknown",
        f"  ? lock file matches        {UNCHECKED}",
        "  ! lock file recent         uv.lock last changed 198 days ago",
        "                             → do it",
        "                             → uv lock --upgrade",
    ]
    assert "no scheduled CI" not in "\n".join(lines)
    counted = "1 set or detected, 2 default; --all shows them"
    assert f"  Settings                   {counted}" in lines
    assert "nublado" not in "\n".join(lines)
    assert lines[-1] == "3 checks: 1 warning, 1 unknown"


def test_one_reason_is_told_once() -> None:
    stream = Terminal()
    view = _Text(stream, {}, no_color=True, shows_all=False)
    finding = unknown("cannot tell which images ci.yaml publishes", "list it")
    keys = ("workflow", "workflow-once", "workflow-condition")
    view.show("Publishing", [report(key, finding) for key in keys])
    assert stream.getvalue().count("cannot tell") == 1
    assert "3 unknown" in stream.getvalue()


def test_all_is_shown_on_request() -> None:
    text = "\n".join(show(Terminal(), shows_all=True))
    assert "✓ scheduled CI             no scheduled CI" in text
    assert "branch                   main (default)" in text
    assert "--all" not in text


@pytest.mark.parametrize("columns", [80, 200])
def test_long_values_wrap(columns: int) -> None:
    lines = show(Terminal(), columns, shows_all=True)
    assert max(map(len, lines)) <= columns
    assert "".join(lines).count("nublado-") == len(IMAGES)


def test_long_values_are_whole_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    shown = show(stream, shows_all=True)
    [line] = [each for each in shown if "nublado-0" in each]
    assert line.endswith("nublado-11 (the workflow files)")


def test_json_is_one_object() -> None:
    stream = io.StringIO()
    view = _Json(stream)
    view.show("Dependencies", LOCKS)
    view.show_settings(SETTINGS)
    failed = [*LOCKS, report("clean", problem("uncommitted"))]
    view.conclude(failed, ExitStatus.BLOCKED)
    [line] = stream.getvalue().splitlines()
    told: dict[str, Any] = json.loads(line)
    assert told["schema"] == 1
    assert (told["outcome"], told["exit"]) == ("blocked", 3)
    assert (told["ok"], told["problem"]) == (1, 1)
    assert [each["key"] for each in told["checks"]] == [
        "lock", "lock-age", "periodic-ci",
    ]  # fmt: skip
    assert told["settings"][0]["value"] == list(IMAGES)
