"""Logs, annotations, approvals and groups, as GitHub serves them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rsp_release.exceptions import NotSentError, RefusedError
from rsp_release.models import (
    ApproveDeployments,
    Job,
    JobStep,
    RerunFailedJobs,
    WorkflowRun,
)
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.http import GithubHttp
from rsp_release.storage.github.job_log import LogTail
from tests.support.scripted import Answer, Server, serve
from tests.support.watching import SharedClock

SECRET = "ghp_" + "s" * 36
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ROOT = "/repos/o/n"


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def storage() -> Iterator[Server]:
    """Serve as the host that logs are on."""
    with serve() as server:
        yield server


@pytest.fixture
def clock() -> SharedClock:
    clock = SharedClock()
    clock.moment = NOW
    return clock


@pytest.fixture
def forge(server: Server, clock: SharedClock) -> Iterator[GithubForge]:
    http = GithubHttp(
        api_url=server.url,
        token=SECRET,
        clock=clock,
        random=Random(0),
        environ={},
    )
    forge = GithubForge(http=http, repository="o/n")
    yield forge
    forge.close()


def make_job(**values: Any) -> Job:
    steps = (
        JobStep(
            number=1, name="Set up", status="completed", conclusion="success",
            started_at=NOW, completed_at=NOW + timedelta(seconds=10),
        ),
        JobStep(
            number=2, name="Build", status="completed", conclusion="failure",
            started_at=NOW + timedelta(seconds=10),
            completed_at=NOW + timedelta(seconds=20),
        ),
    )  # fmt: skip
    base = Job(
        id=7, name="build", status="completed", conclusion="failure",
        steps=steps,
    )  # fmt: skip
    return replace(base, **values)


def make_run(**values: Any) -> WorkflowRun:
    base = WorkflowRun(
        id=5, name="CI", path=".github/workflows/ci.yaml", event="release",
        status="in_progress", conclusion=None, commit="c" * 40, ref="1.0.0",
        attempt=1, url="https://example.org/5", created_at=NOW,
        updated_at=NOW,
    )  # fmt: skip
    return replace(base, **values)


def run_data(**values: Any) -> dict[str, Any]:
    return {
        "id": 5, "name": "CI", "path": ".github/workflows/ci.yaml",
        "event": "release", "status": "completed", "conclusion": "failure",
        "head_sha": "c" * 40, "head_branch": "1.0.0", "run_attempt": 1,
        "html_url": "https://example.org/5",
        "created_at": NOW.isoformat(), "updated_at": NOW.isoformat(),
        **values,
    }  # fmt: skip


def stamp(seconds: float, text: str) -> str:
    at = NOW + timedelta(seconds=seconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.1234567Z {text}\n"


LOG = (
    "\ufeff"
    + stamp(0, "##[group]Run actions/checkout@v5")
    + stamp(0, "##[endgroup]")
    + stamp(9, "fetched")
    + stamp(10, "late words of the step before")
    + stamp(10, "##[group]Run docker build .")
    + stamp(10, "docker build .")
    + stamp(10, "##[endgroup]")
    + stamp(15, "##[warning]old base image")
    + stamp(19, "\x1b[31mERROR\x1b[0m: no space")
    + stamp(20, "##[error]Process completed with exit code 1.")
    + stamp(20, "Post job cleanup.")
    + stamp(21, "##[error]a step after it fails as well")
)


def keep_log(
    server: Server, storage: Server, body: bytes | Callable[[Any], None],
    **headers: str,
) -> None:  # fmt: skip
    address = f"{storage.url}/log?sig=hidden"
    server.answers[f"{ROOT}/actions/jobs/7/logs"] = [
        (302, {"Location": address}, b"")
    ]
    storage.answers["/log"] = [(200, dict(headers), body)]


# -- Logs -------------------------------------------------------------------


def test_log_of_the_failing_step(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    keep_log(server, storage, LOG.encode())
    job = forge.explain(make_job(), lines=20)
    assert job.log == (
        "Run docker build .",
        "docker build .",
        "warning: old base image",
        "\x1b[31mERROR\x1b[0m: no space",
        "error: Process completed with exit code 1.",
    )
    assert job.log_note is None


def test_no_credentials_go_to_the_host_of_the_log(
    forge: GithubForge, server: Server, storage: Server,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(netrc))
    keep_log(server, storage, LOG.encode())
    forge.explain(make_job(), lines=20)
    [(_, _, headers)] = storage.asked
    assert "authorization" not in headers
    assert "cookie" not in headers
    assert SECRET not in str(headers)
    asked = [h for _, p, h in server.asked if p.endswith("/logs")]
    assert "authorization" in asked[0]


def test_log_is_read_once(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    keep_log(server, storage, LOG.encode())
    first = forge.explain(make_job(), lines=20)
    assert forge.explain(make_job(), lines=20) == first
    assert len(storage.asked) == 1


def test_log_of_50_mb_is_not_held(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    line = stamp(12, "x" * 470).encode()
    block = line * 2000
    count = 50_000_000 // len(block) + 1

    def write(stream: Any) -> None:
        for _ in range(count):
            stream.write(block)
        stream.write(stamp(20, "##[error]the end").encode())

    keep_log(server, storage, write)
    tracemalloc.start()
    job = forge.explain(make_job(), lines=5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert job.log[-1] == "error: the end"
    assert len(job.log) == 5
    assert peak < 8_000_000


def test_line_without_an_end_is_not_held() -> None:
    tail = LogTail(step=None, lines=3)
    tracemalloc.start()
    for _ in range(200):
        tail.feed(b"y" * 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    lines, _ = tail.end()
    assert len(lines) == 1
    assert len(lines[0]) < 1000
    assert peak < 2_000_000


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_pieces_may_be_cut_anywhere(size: int) -> None:
    step = make_job().steps[1]
    tail = LogTail(step=step, lines=20)
    data = LOG.encode()
    for at in range(0, len(data), size):
        tail.feed(data[at : at + size])
    lines, is_of_step = tail.end()
    assert is_of_step
    assert lines[0] == "Run docker build ."
    assert lines[-1] == "error: Process completed with exit code 1."
    assert len(lines) == 5


def test_log_that_breaks_off(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    cut = "".join(stamp(15, f"line {n}") for n in range(1000)).encode()
    keep_log(server, storage, cut, **{"Content-Length": str(len(cut) + 999)})
    job = forge.explain(make_job(), lines=20)
    assert all(line.startswith("line") for line in job.log)
    assert len(job.log) == 20
    assert job.log_note == "its log broke off while it was read"
    assert len(storage.asked) == 3


def test_log_with_other_times_is_the_end_of_the_job(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    keep_log(server, storage, LOG.encode())
    step = replace(
        make_job().steps[1],
        started_at=NOW + timedelta(hours=1),
        completed_at=NOW + timedelta(hours=2),
    )
    job = forge.explain(make_job(steps=(step,)), lines=20)
    assert job.log[-1] == "error: a step after it fails as well"
    assert job.log_note == "the end of the whole job's log"


def test_log_that_is_not_there_yet(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    keep_log(server, storage, LOG.encode())
    path = f"{ROOT}/actions/jobs/7/logs"
    missing: Answer = (404, {}, b'{"message": "Not Found"}')
    server.answers[path].insert(0, missing)
    assert forge.explain(make_job(), lines=20).log


@pytest.mark.parametrize("status", [404, 410])
def test_log_that_is_gone(
    forge: GithubForge, server: Server, status: int
) -> None:
    path = f"{ROOT}/actions/jobs/7/logs"
    server.say(path, {"message": "Gone"}, status=status)
    job = forge.explain(make_job(), lines=20)
    assert job.log == ()
    assert job.log_note == "GitHub has no log of it"


def test_address_of_a_log_is_told_to_nobody(
    forge: GithubForge, server: Server, storage: Server
) -> None:
    keep_log(server, storage, b"")
    storage.answers["/log"] = [(403, {}, b"expired")]
    job = forge.explain(make_job(), lines=20)
    assert "403" in (job.log_note or "")
    assert "hidden" not in str(job)
    assert "file" not in str(job)


def test_log_elsewhere_than_on_the_web_is_not_read(
    forge: GithubForge, server: Server
) -> None:
    server.answers[f"{ROOT}/actions/jobs/7/logs"] = [
        (302, {"Location": "file:///etc/passwd"}, b"")
    ]
    job = forge.explain(make_job(), lines=20)
    assert job.log == ()
    assert "no web address" in (job.log_note or "")


def test_log_of_a_server_in_trouble_is_left_out(
    forge: GithubForge, server: Server
) -> None:
    path = f"{ROOT}/actions/jobs/7/logs"
    server.say(path, {}, status=502)
    job = forge.explain(make_job(), lines=20)
    assert "cannot be read: GitHub answers 502" in (job.log_note or "")


# -- Annotations ------------------------------------------------------------


def test_annotations(forge: GithubForge, server: Server) -> None:
    server.say(
        f"{ROOT}/check-runs/7/annotations",
        [
            {
                "annotation_level": "failure", "message": "bad", "title": "",
                "path": "src/a.py", "start_line": 3,
            },
            {
                "annotation_level": "warning", "message": "old",
                "title": None, "path": ".github", "start_line": 1,
            },
        ],
    )  # fmt: skip
    first, second = forge.explain(make_job(), lines=3).annotations
    assert (first.path, first.line, first.message) == ("src/a.py", 3, "bad")
    assert (second.level, second.path) == ("warning", None)


@pytest.mark.parametrize("status", [403, 404, 502])
def test_annotations_that_cannot_be_read(
    forge: GithubForge, server: Server, status: int
) -> None:
    server.say(
        f"{ROOT}/check-runs/7/annotations",
        {"message": "Resource not accessible by personal access token"},
        status=status,
    )
    assert forge.explain(make_job(), lines=3).annotations == ()


# -- What a run waits for ---------------------------------------------------


def test_holder_of_a_concurrency_group(
    forge: GithubForge, server: Server
) -> None:
    member = {
        "run_id": 5, "run_name": "CI", "run_url": "", "run_html_url": "",
        "position": 2, "position_url": "", "status": "pending",
        "job_id": 71, "job_name": "build",
    }  # fmt: skip
    group = {"group_name": "Docker/x", "group_url": "", "group_members": []}
    server.say(
        f"{ROOT}/actions/runs/5/concurrency_groups",
        {
            "total_count": 2,
            "concurrency_groups": [
                group,
                {**group, "group_members": [member]},
            ],
        },
    )
    holder = {
        "run_id": 4, "run_name": "Release", "run_url": "",
        "run_html_url": "https://example.org/4", "status": "in_progress",
        "job_name": "build", "job_html_url": "https://example.org/4/job/1",
    }  # fmt: skip
    server.say(
        f"{ROOT}/actions/concurrency_groups/Docker%2Fx",
        {"group_members": [holder, member]},
    )
    found = forge.concurrency(make_run(status="pending"))
    assert found is not None
    assert (found.name, found.position) == ("Docker/x", 2)
    assert found.holder == "Release / build"
    assert found.holder_url == "https://example.org/4/job/1"
    assert server.asked[-1][1].endswith("?ahead_of_job=71")


def test_server_that_knows_no_groups(
    forge: GithubForge, server: Server
) -> None:
    assert forge.concurrency(make_run(status="pending")) is None
    # It is not asked again until the run changes.
    assert forge.concurrency(make_run(status="pending")) is None
    assert len(server.asked) == 1


def deployment(**values: Any) -> dict[str, Any]:
    return {
        "environment": {"id": 3, "name": "production"},
        "wait_timer": 30, "wait_timer_started_at": NOW.isoformat(),
        "current_user_can_approve": True,
        "reviewers": [
            {"type": "User", "reviewer": {"login": "ada"}},
            {"type": "Team", "reviewer": {"name": "releasers"}},
        ],
        **values,
    }  # fmt: skip


PENDING = f"{ROOT}/actions/runs/5/pending_deployments"


def test_pending_deployments(forge: GithubForge, server: Server) -> None:
    server.say(PENDING, [deployment()])
    [found] = forge.pending_deployments(make_run(status="waiting"))
    assert found.reviewers == ("ada", "team releasers")
    assert found.ready_at == NOW + timedelta(minutes=30)
    assert found.can_approve


def test_approval_that_happened_already_is_not_sent(
    forge: GithubForge, server: Server
) -> None:
    server.say(PENDING, [deployment(environment={"id": 9, "name": "other"})])
    forge.approve(ApproveDeployments(run=5, attempt=1, environments=(3,)))
    assert [method for method, *_ in server.asked] == ["GET"]


# -- Re-runs ----------------------------------------------------------------

RERUN = RerunFailedJobs(run=5, attempt=1)
RUN = f"{ROOT}/actions/runs/5"


@pytest.mark.parametrize("everything", [False, True])
def test_rerun(forge: GithubForge, server: Server, everything: bool) -> None:  # noqa: FBT001
    verb = "rerun" if everything else "rerun-failed-jobs"
    server.say(RUN, run_data())
    server.say(f"{RUN}/{verb}", {}, status=201)
    forge.rerun(replace(RERUN, everything=everything))
    assert [(m, p) for m, p, _ in server.asked] == [
        ("GET", RUN),
        ("POST", f"{RUN}/{verb}"),
    ]


def test_rerun_that_happened_already_is_not_sent(
    forge: GithubForge, server: Server
) -> None:
    server.say(RUN, run_data(run_attempt=2))
    forge.rerun(RERUN)
    assert [method for method, *_ in server.asked] == ["GET"]


def test_rerun_of_a_run_at_work(forge: GithubForge, server: Server) -> None:
    server.say(RUN, run_data(status="in_progress", conclusion=None))
    with pytest.raises(NotSentError, match="is running"):
        forge.rerun(RERUN)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("The workflow run is already running", NotSentError),
        ("Unable to retry this workflow run because ...", RefusedError),
        ("The workflow run cannot be retried", RefusedError),
    ],
)
def test_rerun_that_is_refused(
    forge: GithubForge, server: Server, message: str, error: type[Exception]
) -> None:
    server.say(RUN, run_data())
    server.say(f"{RUN}/rerun-failed-jobs", {"message": message}, status=403)
    with pytest.raises(error):
        forge.rerun(RERUN)


def test_rerun_without_a_look_is_not_sent(
    forge: GithubForge, server: Server
) -> None:
    server.say(RUN, {}, status=502)
    with pytest.raises(NotSentError):
        forge.rerun(RERUN)


# -- Economy ----------------------------------------------------------------


def test_jobs_are_read_again_when_the_run_changed(
    forge: GithubForge, server: Server, clock: SharedClock
) -> None:
    server.say(f"{RUN}/jobs", {"total_count": 0, "jobs": []})
    run = make_run()
    forge.jobs(run, age=60)
    clock.sleep(59)
    forge.jobs(run, age=60)
    assert len(server.asked) == 1
    forge.jobs(replace(run, updated_at=NOW + timedelta(seconds=1)), age=60)
    assert len(server.asked) == 2
    clock.sleep(61)
    forge.jobs(replace(run, updated_at=NOW + timedelta(seconds=1)), age=60)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("token", "remaining", "pause"),
    [
        (SECRET, 4999, 0.36),
        (SECRET, 10, 180),
        (None, 60, 120),
        (None, 10, 300),
    ],
)
def test_pause_makes_the_limit_last(
    server: Server,
    clock: SharedClock,
    token: str | None,
    remaining: int,
    pause: float,
) -> None:
    limits = {
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(int(NOW.timestamp()) + 3600),
    }
    body = json.dumps(run_data()).encode()
    server.answers[RUN] = [(200, limits, body)]
    http = GithubHttp(
        api_url=server.url,
        token=token,
        clock=clock,
        random=Random(0),
        environ={},
    )
    forge = GithubForge(http=http, repository="o/n")
    assert forge.pause() == 0
    forge.run(5)
    assert forge.pause() == pytest.approx(pause, rel=0.01)
    forge.close()
