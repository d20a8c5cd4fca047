"""Watching, against the sandbox: words, exit codes, JSON, faults."""

from __future__ import annotations

import html
import json
import os
import pty
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rsp_release.exceptions import ExitStatus, NotAllowedError, UsageError
from rsp_release.models import Change, StepEvent, Wait, WorkflowRun
from rsp_release.steps.workflow_run import PublishingRun
from rsp_release.views.json import schema
from rsp_sandbox import Lag, actions
from rsp_sandbox.base import Response
from tests.support.faults import truncate
from tests.support.spawning import run_program
from tests.support.watching import CI, NAME, TAG, Scene, open_scene

DATA = Path(__file__).parents[1] / "data" / "steps" / "workflow_run"
SCENES = json.loads((DATA / "scenes.json").read_text(encoding="utf-8"))
EVENTS = json.loads(schema("events"))


def _doctor(monkeypatch: pytest.MonkeyPatch, data: dict[str, Any]) -> None:
    """Let the sandbox tell a state that it cannot come into by itself."""
    status, conclusion = data.get("status"), data.get("conclusion")
    real_status = actions.Run.status
    real_conclusion = actions.Run.conclusion

    def told_status(run: Any, now: datetime, attempt: Any = None) -> str:
        if status is not None and run.head_branch == TAG:
            return str(status)
        return real_status(run, now, attempt)

    def told_conclusion(
        run: Any, now: datetime, attempt: Any = None
    ) -> str | None:
        real = real_conclusion(run, now, attempt)
        if conclusion is None or real is None or run.head_branch != TAG:
            return real
        return conclusion or None

    monkeypatch.setattr(actions.Run, "status", told_status)
    monkeypatch.setattr(actions.Run, "conclusion", told_conclusion)


@pytest.mark.parametrize("data", SCENES, ids=lambda data: data["name"])
def test_every_way_a_run_can_go(
    data: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _doctor(monkeypatch, data)
    with open_scene(tmp_path, [data["workflow"]], past=()) as scene:
        result = scene.watch(
            reruns=data.get("reruns", 0),
            approves=data.get("approves", False),
            timeout=data.get("timeout", 7200),
        )
        for words in data["words"]:
            assert words in scene.words
        for words in data["never"]:
            assert words not in scene.words
        assert int(result.exit_status) == data["exit"]
        assert result.outcome == data["outcome"]
        assert (data["help"] or "") in (result.help or "")
        for event in scene.json:
            jsonschema.validate(event, EVENTS)
        *steps, last = scene.json
        assert steps[-1]["verdict"] == data["last"]
        assert last["exit"] == data["exit"]
        assert last["outcome"] == data["outcome"]
        assert last["tag"] == TAG
        if steps[-1].get("run"):
            assert last["run_url"] == steps[-1]["run"]["url"]
        assert scene.box.state.unknown == []


# -- Which run --------------------------------------------------------------


def test_run_by_its_number(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        scene.clock.sleep(5)
        result = scene.watch(None, scene.run_id)
        assert result.exit_status is ExitStatus.OK
        assert result.tag == TAG
        assert "CI succeeded" in scene.words


def test_run_of_a_branch_by_its_number(tmp_path: Path) -> None:
    """It has no tag, and no job of it must publish."""
    with open_scene(tmp_path, releases=False) as scene:
        head = scene.box.state.branches(NAME)["main"]
        scene.client.post(
            f"/repos/{NAME}/git/refs",
            {"ref": "refs/heads/topic", "sha": head},
        )
        scene.clock.sleep(5)
        number = scene.run_id
        result = scene.watch(None, number)
        assert result.exit_status is ExitStatus.OK
        assert f"/runs/{number}" in (result.run_url or "")


def test_newest_release_by_default(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        assert scene.watch(None).tag == TAG


def test_unknown_tag_and_run_are_named(tmp_path: Path) -> None:
    with open_scene(tmp_path) as scene:
        with pytest.raises(UsageError, match=r"has no tag 9\.9\.9"):
            scene.watch("9.9.9")
        with pytest.raises(UsageError, match="has no run 17"):
            scene.watch(None, 17)


# -- What holds it ----------------------------------------------------------


def _grouped(queue: str) -> dict[str, Any]:
    return {
        "path": CI,
        "concurrency": "docker",
        "queue": queue,
        "jobs": [{"name": "build", "seconds": 100}],
    }


def test_queued_behind_a_concurrency_group(tmp_path: Path) -> None:
    with open_scene(tmp_path, [_grouped("max")], past=()) as scene:
        scene.release("1.5.1")
        scene.release("1.5.2")
        result = scene.watch("1.5.2")
        assert result.exit_status is ExitStatus.OK
        # It moves up while it waits.
        assert "waits in the concurrency group 'docker', at position 2" in (
            scene.words
        )
        *_, waiting = [
            v.reason
            for v in scene.verdicts
            if isinstance(v, Wait) and "'docker'" in v.reason
        ]
        assert "position" not in waiting


def test_cancelled_by_a_newer_run(tmp_path: Path) -> None:
    with open_scene(tmp_path, [_grouped("single")], past=()) as scene:
        scene.release("1.5.1")
        scene.clock.at(20, lambda: scene.release("1.5.2"))
        result = scene.watch("1.5.1", reruns=1)
        assert result.exit_status is ExitStatus.RUN_FAILED
        newer = scene.box.state.runs(NAME)[-1]
        assert (
            "CI was cancelled when a newer run of 1.5.2 started (http"
            in scene.words
        )
        assert f"/runs/{newer.id})" in scene.words


def test_approval_that_is_anothers(tmp_path: Path) -> None:
    job = {"name": "build", "seconds": 20, "environment": "production"}
    with open_scene(tmp_path, [{"path": CI, "jobs": [job]}], past=()) as scene:
        token = scene.box.add_token(login="somebody-else")
        scene.environ["GITHUB_TOKEN"] = token
        result = scene.watch(approves=True, timeout=60)
        assert result.exit_status is ExitStatus.UNFINISHED
        assert "waits for rubin-demo-user to approve" in scene.words
        assert "you may" not in scene.words
        assert not any(isinstance(v, Change) for v in scene.verdicts)


def test_approval_without_the_permission(tmp_path: Path) -> None:
    job = {"name": "build", "seconds": 20, "environment": "production"}
    with open_scene(tmp_path, [{"path": CI, "jobs": [job]}], past=()) as scene:
        scene.environ["GITHUB_TOKEN"] = scene.box.add_token(
            {"actions": "read", "contents": "read"}, "fine-grained"
        )
        with pytest.raises(NotAllowedError) as error:
            scene.watch(approves=True)
        assert "Deployments: write" in (error.value.help or "")


# -- Re-runs ----------------------------------------------------------------

FAILS_ONCE = {
    "path": CI,
    "jobs": [
        {"name": "test", "seconds": 20},
        {
            "name": "build / merge",
            "needs": ["test"],
            "seconds": 20,
            "conclusion": "failure",
        },
    ],
}


def _count_reruns(scene: Scene) -> int:
    return sum(
        r.method == "POST" and "rerun" in r.path
        for r in scene.box.state.requests
    )


@pytest.mark.parametrize("lag", [5, 30, 55])
def test_rerun_whose_run_object_lags(tmp_path: Path, lag: float) -> None:
    with open_scene(tmp_path, [FAILS_ONCE], past=()) as scene:
        scene.box.lag = Lag(runs=lag)
        result = scene.watch(reruns=1)
        assert result.exit_status is ExitStatus.OK
        assert "CI succeeded at attempt 2" in scene.words
        assert _count_reruns(scene) == 1


@pytest.mark.parametrize("lag", [0, 30])
@pytest.mark.parametrize(
    "fault",
    [
        "reset_before",
        "reset_after",
        "bad_gateway_before",
        "bad_gateway_after",
        "truncated_json",
        "rate_limit_secondary_403_retry",
        "rate_limit_secondary_429",
    ],
)
def test_rerun_whose_answer_is_lost(
    tmp_path: Path, fault: str, lag: float
) -> None:
    with open_scene(tmp_path, [FAILS_ONCE], past=()) as scene:
        scene.box.lag = Lag(runs=lag)
        scene.box.faults.when("POST", "rerun", fault)
        result = scene.watch(reruns=1)
        assert result.exit_status is ExitStatus.OK
        assert len(scene.box.state.runs(NAME)[-1].attempts) == 2


@pytest.mark.parametrize("events", range(1, 4))
def test_killed_around_a_rerun(tmp_path: Path, events: int) -> None:
    """The process dies so many events after it began to act."""
    with open_scene(tmp_path, [FAILS_ONCE], past=()) as scene:
        scene.box.lag = Lag(runs=30)
        watcher = scene.make_watcher()
        release = watcher.find(TAG, None)
        left: int | None = None
        stream = watcher.watch(release, PublishingRun(reruns=1))
        for event in stream:
            if left is None and isinstance(event, StepEvent):
                left = events if event.is_acting else None
            if left is not None:
                left -= 1
                if left == 0:
                    break
        stream.close()
        result = scene.watch(reruns=1)
        assert result.exit_status is ExitStatus.OK
        assert len(scene.box.state.runs(NAME)[-1].attempts) == 2


def test_rerun_without_the_permission(tmp_path: Path) -> None:
    with open_scene(tmp_path, [FAILS_ONCE], past=()) as scene:
        scene.environ["GITHUB_TOKEN"] = scene.box.add_token(
            {"actions": "read", "contents": "read"}, "fine-grained"
        )
        with pytest.raises(NotAllowedError) as error:
            scene.watch(reruns=1)
        assert "Actions: write" in (error.value.help or "")


def test_run_too_old_to_run_again(tmp_path: Path) -> None:
    with open_scene(tmp_path, [FAILS_ONCE], past=()) as scene:
        scene.clock.sleep(31 * 24 * 3600)
        result = scene.watch(reruns=1)
        assert result.exit_status is ExitStatus.BLOCKED
        assert "30 days" in (result.message or "")
        assert _count_reruns(scene) == 0


def test_cancelled_run_is_run_again_when_asked(tmp_path: Path) -> None:
    workflow = {
        "path": CI,
        "cancel_after": 5,
        "jobs": [{"name": "build", "seconds": 60}],
    }
    with open_scene(tmp_path, [workflow], past=()) as scene:
        scene.clock.sleep(60)
        result = scene.watch(reruns=1)
        assert result.exit_status is ExitStatus.OK
        assert "CI succeeded at attempt 2" in scene.words


# -- Estimates --------------------------------------------------------------


def _last_run(scene: Scene) -> list[WorkflowRun]:
    return [
        v.run
        for v in scene.verdicts
        if isinstance(v, Wait) and v.run and v.run.status == "in_progress"
    ]


def test_end_is_expected_from_the_past(tmp_path: Path) -> None:
    workflow = {
        "path": CI,
        "jobs": [
            {"name": "test", "seconds": 100},
            {"name": "build", "needs": ["test"], "seconds": 200},
            {"name": "merge", "needs": ["build"], "seconds": 60},
        ],
    }
    with open_scene(tmp_path, [workflow]) as scene:
        result = scene.watch()
        assert result.exit_status is ExitStatus.OK
        for run in _last_run(scene):
            assert run.expected_at is not None
            # Also before two of the three jobs are there.
            late = abs(run.expected_at - result.at)
            assert late < timedelta(seconds=15)


def test_nothing_is_expected_without_a_past(tmp_path: Path) -> None:
    workflow = {"path": CI, "jobs": [{"name": "other", "seconds": 30}]}
    with open_scene(tmp_path, [workflow], past=()) as scene:
        scene.box.faults.when(
            "GET", "/workflows/ci.yaml/runs", "error_500", times=None
        )
        assert scene.watch().exit_status is ExitStatus.OK
        assert {run.expected_at for run in _last_run(scene)} == {None}


# -- Faults -----------------------------------------------------------------

LONG = {"path": CI, "jobs": [{"name": "build / merge", "seconds": 2100}]}
"""A run of 35 minutes."""

SHORT = {"path": CI, "jobs": [{"name": "build / merge", "seconds": 240}]}
"""A run of 4 minutes."""


@pytest.mark.parametrize(
    "fault",
    [
        "bad_gateway_before",
        "error_500",
        "reset_before",
        "truncated_json",
        "malformed_json",
        "rate_limit_primary",
        "rate_limit_secondary_403",
        "rate_limit_secondary_403_retry",
        "rate_limit_secondary_429",
        "rate_limit_secondary_429_retry",
        "stale",
    ],
)
@pytest.mark.parametrize("path", ["/actions/runs$", "/jobs$"])
def test_one_fault_is_survived(tmp_path: Path, fault: str, path: str) -> None:
    workflow = {"path": CI, "jobs": [{"name": "build", "seconds": 60}]}
    with open_scene(tmp_path, [workflow]) as scene:
        scene.box.faults.when("GET", path, fault, skip=2)
        result = scene.watch()
        assert result.exit_status is ExitStatus.OK
        assert [f.name for f in scene.box.faults.log] == [fault]


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    with open_scene(tmp_path, [SHORT]) as scene:
        scene.box.faults.retry_after = 120
        scene.box.faults.when(
            "GET", "/actions/runs$", "rate_limit_secondary_403_retry", skip=5
        )
        watcher = scene.make_watcher()
        release = watcher.find(TAG, None)
        times = [
            scene.clock.now() for _ in watcher.watch(release, PublishingRun())
        ]
        gaps = [b - a for a, b in pairwise(times)]
        assert timedelta(seconds=119) < max(gaps) < timedelta(seconds=130)


@pytest.mark.parametrize("minutes", [1, 30])
@pytest.mark.parametrize("fault", ["bad_gateway_before", "reset_before"])
def test_outage_is_survived(
    tmp_path: Path, minutes: float, fault: str
) -> None:
    """Also by ``watch`` alone, which has written nothing."""
    workflow = LONG if minutes > 1 else SHORT
    with open_scene(tmp_path, [workflow]) as scene:
        faults = scene.box.faults
        scene.clock.at(60, lambda: faults.when("*", ".", fault, times=None))
        scene.clock.at(60 + 60 * minutes, faults.clear)
        result = scene.watch()
        assert result.exit_status is ExitStatus.OK
        assert "trying again" in scene.words
        [run] = [r for r in scene.box.state.runs(NAME) if r.head_branch == TAG]
        end = run.ends_at()
        assert end is not None
        assert timedelta() <= result.at - end <= timedelta(seconds=5)


def test_names_that_do_not_resolve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    real = socket.getaddrinfo
    is_out = [False]

    def resolve(*args: Any, **kwargs: Any) -> Any:
        if is_out[0]:
            raise socket.gaierror(socket.EAI_AGAIN, "no such name")
        return real(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with open_scene(tmp_path, [SHORT]) as scene:

        def fail() -> None:
            is_out[0] = True
            scene.box.faults.when("GET", ".", "reset_before")

        scene.clock.at(60, fail)
        scene.clock.at(200, lambda: is_out.__setitem__(0, False))
        result = scene.watch()
        assert result.exit_status is ExitStatus.OK
        assert "cannot resolve 127.0.0.1" in scene.words


def test_outage_without_end_is_given_up(tmp_path: Path) -> None:
    from rsp_release.exceptions import ReadError

    with open_scene(tmp_path, [SHORT]) as scene:
        faults = scene.box.faults
        scene.clock.at(
            60, lambda: faults.when("*", ".", "error_500", times=None)
        )
        with pytest.raises(ReadError):
            scene.watch()


def test_token_that_expires(tmp_path: Path) -> None:
    with open_scene(tmp_path, [SHORT]) as scene:
        accounts = scene.box.accounts
        scene.clock.at(60, lambda: setattr(accounts, "revoked", True))
        with pytest.raises(NotAllowedError) as error:
            scene.watch()
        assert error.value.exit_status is ExitStatus.NOT_ALLOWED
        assert "expired" in (error.value.help or "")
        assert scene.box.token not in str(error.value)
        accounts.revoked = False
        assert scene.watch().exit_status is ExitStatus.OK


def test_laptop_sleeps(tmp_path: Path) -> None:
    """After more than the timeout, the truth is told and not the time."""
    with open_scene(tmp_path, [SHORT]) as scene:
        scene.clock.at(60, lambda: scene.clock.sleep(5 * 3600))
        assert scene.watch(timeout=3600).exit_status is ExitStatus.OK


def test_without_a_token(tmp_path: Path) -> None:
    """Few requests are allowed then, so they are made to last."""
    with open_scene(tmp_path, [LONG]) as scene:
        del scene.environ["GITHUB_TOKEN"]
        result = scene.watch()
        assert result.exit_status is ExitStatus.OK
        sent = Counter(r.status for r in scene.box.state.requests)
        assert sent[403] == sent[429] == 0
        assert sent[200] < 60


def test_fine_grained_token_sees_why(tmp_path: Path) -> None:
    """It cannot hold Checks: read, so annotations are left out."""
    workflow = {
        "path": CI,
        "jobs": [
            {
                "name": "build",
                "steps": ["Set up job", "Build", "Complete job"],
                "conclusion": "failure",
                "failing_step": "Build",
                "log": "it broke",
                "annotations": [{"message": "hidden"}],
            }
        ],
    }
    with open_scene(tmp_path, [workflow], past=()) as scene:
        scene.environ["GITHUB_TOKEN"] = scene.box.add_token(
            {"actions": "read", "contents": "read"}, "fine-grained"
        )
        result = scene.watch()
        assert result.exit_status is ExitStatus.RUN_FAILED
        assert "build failed at step 2, Build" in scene.words
        assert "    it broke" in scene.words
        assert "hidden" not in scene.words


LOGGED = {
    "path": CI,
    "jobs": [
        {
            "name": "build",
            "seconds": 20,
            "steps": ["Set up job", "Build", "Complete job"],
            "conclusion": "failure",
            "failing_step": "Build",
            "log": "  indented\nit broke",
            "annotations": [
                {"message": "no space", "path": "Dockerfile", "line": 7}
            ],
        }
    ],
}


def _last_job(scene: Scene) -> dict[str, Any]:
    [job] = scene.json[-2]["run"]["jobs"]
    assert job["failed_step"] == {"number": 2, "name": "Build"}
    [annotation] = job["annotations"]
    assert annotation["message"] == "no space"
    assert (annotation["path"], annotation["line"]) == ("Dockerfile", 7)
    found: dict[str, Any] = job
    return found


def test_log_and_annotations_are_in_the_json(tmp_path: Path) -> None:
    with open_scene(tmp_path, [LOGGED], past=()) as scene:
        assert scene.watch().exit_status is ExitStatus.RUN_FAILED
        job = _last_job(scene)
        assert "it broke" in job["log"]
        assert "  indented" in job["log"]
        assert job["log_note"] is None
        assert "  Dockerfile:7: no space" in scene.words
        for event in scene.json:
            jsonschema.validate(event, EVENTS)


def _lengthen(log: Response, size: int) -> Response:
    """Put output before a log's last line, as of a build that talks."""
    text = log.encoded().decode()
    before, _, last = text.rstrip("\n").rpartition("\n")
    line = f"{last[: last.find('Z ') + 2]}#12 1.234 {'x' * 180}\n"
    text = f"{before}\n{line * (size // len(line))}{last}\n"
    return Response(200, body=text.encode(), headers=log.headers)


@pytest.mark.parametrize(
    ("trouble", "note"),
    [
        (lambda _: Response(404), "GitHub has its log no more"),
        (lambda _: Response(410), "GitHub has its log no more"),
        (lambda log: truncate(log, 200), "broke off"),
        (lambda log: _lengthen(log, 50_000_000), None),
    ],
    ids=["404", "410", "truncated", "50 MB"],
)
def test_log_in_trouble_hides_no_failure(
    tmp_path: Path,
    trouble: Callable[[Response], Response],
    note: str | None,
) -> None:
    with open_scene(tmp_path, [LOGGED], past=()) as scene:
        scene.box.logs.tamper = trouble
        result = scene.watch()
        assert result.exit_status is ExitStatus.RUN_FAILED
        assert "build failed at step 2, Build" in (result.message or "")
        job = _last_job(scene)
        if note is None:
            assert job["log_note"] is None
            assert job["log"][-1].startswith("error: Process completed")
            assert len(job["log"]) <= 20
        else:
            assert note in job["log_note"]
        assert job["url"] in (result.message or "")


# -- Economy ----------------------------------------------------------------


def test_few_requests_and_a_quick_end(tmp_path: Path) -> None:
    from tests.bench.watch_bench import measure

    found = measure(tmp_path)
    assert found.ratio <= 1 / 20
    assert found.late <= 5


def test_a_tick_reads_the_run_and_its_jobs_alone(tmp_path: Path) -> None:
    with open_scene(tmp_path, [SHORT]) as scene:
        scene.watch()
        paths = Counter(r.path for r in scene.box.state.requests)
        often = {p.rsplit("/", 1)[-1] for p, n in paths.items() if n > 2}
        assert often == {"runs", "jobs"}


def test_pictures_show_what_they_are_named_after() -> None:
    from tests.support.pictures import draw_all

    pictures = {
        name: html.unescape(svg).replace("\xa0", " ")
        for name, svg in draw_all()
    }
    shown = {
        "checklist": "Released 1.5.0",
        "recording": "Released 1.5.0",
        "watch-running": "1 of 3 jobs done",
        "watch-good": "CI succeeded",
        "watch-failed": "ERROR: failed to solve",
        "watch-rerun": "attempt 2",
        "watch-approval": "needs approval",
    }
    assert pictures.keys() == shown.keys()
    for name, words in shown.items():
        assert words in pictures[name]
        # No address of this machine.
        assert "127.0.0.1" not in pictures[name]


# -- The program ------------------------------------------------------------


@pytest.mark.parametrize(
    ("conclusion", "status"), [("success", 0), ("failure", 5)]
)
def test_program(tmp_path: Path, conclusion: str, status: int) -> None:
    """The whole program, in real time, without a clone."""
    workflow = {
        "path": CI,
        "jobs": [{"name": "build", "seconds": 1, "conclusion": conclusion}],
    }
    with open_scene(tmp_path, [workflow], past=()) as scene:
        scene.clock.sleep(60)
        words = ["watch", TAG, "--json"]
        result = run_program(
            ["--repo", NAME, *words],
            cwd=tmp_path,
            environ={**scene.environ, "PATH": os.environ["PATH"]},
            timeout=60,
        )
        assert result.returncode == status, result.stderr
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert lines[-1]["exit"] == status
        for line in lines:
            jsonschema.validate(line, EVENTS)


def test_program_asks_on_a_terminal(tmp_path: Path) -> None:
    """After a failure it offers to run the failed jobs again."""
    # The process has a clock of its own.
    start = datetime.now(tz=UTC)
    with open_scene(tmp_path, [FAILS_ONCE], past=(), start=start) as scene:
        scene.clock.sleep(60)
        main, terminal = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "rsp_release", "--repo", NAME, "watch"],
            cwd=tmp_path,
            env={
                **scene.environ,
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join(sys.path),
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
            shown = _read_until(main, b"Re-run the failed jobs?", scene)
            assert b"build / merge failed" in shown
            os.write(main, b"y\n")
            shown = _read_until(main, b"The run of 1.5.0 succeeded", scene)
            assert b"at attempt 2" in shown
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
            process.wait()
            os.close(main)
        assert _count_reruns(scene) == 1


def _read_until(terminal: int, words: bytes, scene: Scene) -> bytes:
    """Read what a terminal shows, while the sandbox's time goes by."""
    shown = b""
    for _ in range(600):
        if words in shown:
            return shown
        scene.clock.sleep(0.5)
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 65536)
            except OSError:
                break
    raise AssertionError(shown.decode(errors="replace"))
