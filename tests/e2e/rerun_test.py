"""A release whose workflow run fails once, and goes on all the same."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from pathlib import Path
from typing import Any

from rsp_release.exceptions import ExitStatus
from rsp_release.models import Result
from rsp_release.release.plan import Options
from rsp_sandbox import Scenario

from ..support.service import NAME, TAG, Service, serve
from ..support.watching import CI, SharedClock

JOBS: list[dict[str, Any]] = [
    {"name": "test", "seconds": 20},
    {
        "name": "build / merge",
        "needs": ["test"],
        "seconds": 20,
        "conclusion": "failure",
    },
]


def _fails_once(**options: Any) -> Scenario:
    return Scenario.read(
        {"workflows": [{"path": CI, "jobs": JOBS}], **options}
    )


def _attempts(service: Service) -> int:
    [run] = [r for r in service.box.state.runs(NAME) if r.head_branch == TAG]
    return len(run.attempts)


def test_bump_runs_failed_jobs_again(tmp_path: Path) -> None:
    with serve(
        tmp_path, scenario=_fails_once(), clock=SharedClock()
    ) as service:
        result = service.bump(options=Options(reruns=1))
        assert result.exit_status is ExitStatus.OK, result.message
        assert result.outcome == "released"
        assert [image.state for image in result.images] == ["present"]
        assert _attempts(service) == 2


def test_resume_runs_failed_jobs_again(tmp_path: Path) -> None:
    with serve(
        tmp_path, scenario=_fails_once(), clock=SharedClock()
    ) as service:
        result = service.bump()
        assert result.exit_status is ExitStatus.RUN_FAILED
        assert f"rsp-release resume {TAG} --rerun-failed 1" in (
            result.help or ""
        )
        assert _attempts(service) == 1
        releaser = service.make_releaser(Options(reruns=1))
        *_, last = releaser.resume(releaser.plan_resume(TAG))
        assert isinstance(last, Result)
        assert last.exit_status is ExitStatus.OK, last.message
        assert _attempts(service) == 2


def test_bump_approves(tmp_path: Path) -> None:
    job = {"name": "build", "seconds": 20, "environment": "production"}
    scenario = Scenario.read({"workflows": [{"path": CI, "jobs": [job]}]})
    with serve(tmp_path, scenario=scenario, clock=SharedClock()) as service:
        waiting = service.bump(options=Options(timeout=120))
        assert waiting.exit_status is ExitStatus.UNFINISHED
        assert "(you may: --approve)" in (waiting.message or "")
        result = service.bump(options=Options(approves=True))
        assert result.exit_status is ExitStatus.OK, result.message


def test_bump_asks_on_a_terminal(tmp_path: Path) -> None:
    scenario = _fails_once(speed=40, appear_after=0.1)
    with serve(tmp_path, scenario=scenario) as service:
        main, terminal = pty.openpty()
        process = subprocess.Popen(
            service.command("bump", "minor", "--yes"),
            cwd=service.clone,
            env={
                **service.environ,
                "TERM": "xterm",
                "COLUMNS": "100",
                "LINES": "40",
            },
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        try:
            shown = _read_until(main, b"Re-run the failed jobs?")
            assert b"build / merge failed" in shown
            os.write(main, b"y\n")
            _read_until(main, b"Released 1.5.0")
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            process.wait()
            os.close(main)
        assert _attempts(service) == 2


def _read_until(terminal: int, words: bytes) -> bytes:
    """Read what a terminal shows."""
    shown = b""
    while words not in shown:
        if not select.select([terminal], [], [], 40)[0]:
            raise AssertionError(shown.decode(errors="replace"))
        try:
            shown += os.read(terminal, 65536)
        except OSError:
            raise AssertionError(shown.decode(errors="replace")) from None
    return shown
