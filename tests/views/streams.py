"""Recorded streams of events, one for each way a command can go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rsp_release.exceptions import ExitStatus
from rsp_release.models import (
    Blocked,
    Change,
    Done,
    Event,
    ImageReport,
    Job,
    JobStep,
    Notice,
    PublishRelease,
    PushTag,
    Result,
    StepEvent,
    Verdict,
    Wait,
    WorkflowRun,
)

__all__ = ["START", "STEPS", "STREAMS", "TITLE", "at", "busy", "job", "run"]

START = datetime(2026, 5, 4, 14, 3, 20, tzinfo=UTC)
"""When every stream begins."""

TITLE = "lsst-sqre/gafaelfawr 12.1.0 (minor)"

STEPS = (
    ("preflight", "Preflight"),
    ("tag", "Tag on origin"),
    ("github_release", "GitHub release"),
    ("workflow_run", "Workflow run"),
    ("images", "Images"),
)

COMMIT = "3f2c1ab09d8e7f60514233445566778899aabbcc"
PAGE = "https://github.com/lsst-sqre/gafaelfawr"
RELEASE_URL = f"{PAGE}/releases/tag/12.1.0"
RUN_URL = f"{PAGE}/actions/runs/17298101442"
TITLES = dict(STEPS)
PUSH = Change(
    summary="push tag 12.1.0 at 3f2c1ab",
    write=PushTag(tag="12.1.0", commit=COMMIT, branch="main", message="12.1"),
)
CREATE = Change(
    summary="publish release 12.1.0",
    write=PublishRelease(
        draft=None,
        tag="12.1.0",
        commit=COMMIT,
        title="12.1.0",
        body="### New features\n",
        is_prerelease=False,
        is_latest=True,
    ),
)
IMAGE = ImageReport(
    image="ghcr.io/lsst-sqre/gafaelfawr",
    tag="12.1.0",
    state="present",
    digest="sha256:" + "9f86d081884c7d65" * 4,
    platforms=("linux/amd64", "linux/arm64"),
)
TAGGED = Done(evidence="12.1.0 at 3f2c1ab, signed", url=f"{PAGE}/tree/12.1.0")
PUBLISHED = Done(evidence="published as the latest", url=RELEASE_URL)


def at(seconds: float) -> datetime:
    """Return a time of a stream."""
    return START + timedelta(seconds=seconds)


def step(
    seconds: float, key: str, verdict: Verdict, *, is_acting: bool = False
) -> StepEvent:
    return StepEvent(
        key=key,
        title=TITLES[key],
        verdict=verdict,
        at=at(seconds),
        is_acting=is_acting,
    )


def job(
    id: int,
    name: str,
    status: str,
    conclusion: str | None = None,
    *,
    begin: float | None = None,
    end: float | None = None,
    steps: tuple[JobStep, ...] = (),
) -> Job:
    """Return a job of a run."""
    return Job(
        id=id,
        name=name,
        status=status,
        conclusion=conclusion,
        url=f"{RUN_URL}/job/{id}",
        started_at=None if begin is None else at(begin),
        completed_at=None if end is None else at(end),
        steps=steps,
    )


def run(
    status: str,
    conclusion: str | None = None,
    *,
    jobs: tuple[Job, ...] = (),
    attempt: int = 1,
    end: float | None = None,
) -> WorkflowRun:
    """Return a run."""
    return WorkflowRun(
        id=17298101442,
        name="CI",
        path=".github/workflows/ci.yaml",
        event="release",
        status=status,
        conclusion=conclusion,
        commit=COMMIT,
        ref="12.1.0",
        attempt=attempt,
        url=RUN_URL,
        created_at=at(7),
        started_at=at(7),
        updated_at=None if end is None else at(end),
        jobs=jobs,
    )


def _steps(
    running: int, begin: float, *, last: str | None = None
) -> tuple[JobStep, ...]:
    names = ("Set up job", "Check out", "Set up buildx", "Log in", "Build")
    made = []
    for number, name in enumerate((*names, "Push by digest"), 1):
        status = "completed" if number <= running else "queued"
        conclusion = "success" if number <= running else None
        if number == running:
            status = "completed" if last else "in_progress"
            conclusion = last
        made.append(
            JobStep(
                number=number,
                name=name,
                status=status,
                conclusion=conclusion,
                started_at=at(begin) if number <= running else None,
                completed_at=at(begin) if conclusion else None,
            )
        )
    return tuple(made)


AMD = "build / build (linux/amd64)"
ARM = "build / build (linux/arm64)"
MERGE = "build / merge"


def _jobs(seconds: float) -> tuple[Job, ...]:
    def one(id: int, name: str, begin: float, end: float) -> Job:
        if seconds < begin:
            return job(id, name, "queued")
        if seconds >= end:
            return job(id, name, "completed", "success", begin=begin, end=end)
        number = 1 + int(5 * (seconds - begin) / (end - begin))
        return job(
            id,
            name,
            "in_progress",
            begin=begin,
            steps=_steps(number, seconds - 3),
        )

    return (
        one(1, "lint", 12, 38),
        one(2, "test (3.13)", 12, 74),
        one(3, "docs", 13, 50),
        one(4, AMD, 76, 140),
        one(5, ARM, 77, 158),
        one(6, MERGE, 160, 171),
        job(7, "deploy docs", "completed", "skipped"),
    )


def _until_run() -> Iterator[Event]:
    yield step(1.4, "preflight", Done(evidence="all 9 checks passed"))
    yield step(2.0, "tag", PUSH, is_acting=True)
    yield step(3.9, "tag", TAGGED)
    yield step(4.3, "github_release", CREATE, is_acting=True)
    yield step(6.1, "github_release", PUBLISHED)
    waiting = "no run of .github/workflows/ci.yaml for 12.1.0 yet"
    yield step(7.0, "workflow_run", Wait(reason=waiting, interval=2.0))
    yield step(9.0, "workflow_run", Wait(reason=waiting, interval=2.0))


def _watching(seconds: float) -> Event:
    jobs = _jobs(seconds)
    left = sum(each.status != "completed" for each in jobs)
    reason = "CI is queued" if seconds < 12 else f"CI runs, {left} jobs to go"
    return step(
        seconds,
        "workflow_run",
        Wait(
            reason=reason,
            url=RUN_URL,
            run=run("queued" if seconds < 12 else "in_progress", jobs=jobs),
        ),
    )


def released() -> Iterator[Event]:
    """Yield a release that goes well."""
    yield from _until_run()
    for seconds in (11, 14, 20, 40, 52, 76, 80, 100, 142, 150, 160, 168):
        yield _watching(seconds)
    yield Notice(
        text="GitHub answered 502 to a read; asking again in 4s", at=at(169)
    )
    yield step(
        172.6,
        "workflow_run",
        Done(
            evidence="CI succeeded in 2m 45s",
            url=RUN_URL,
            run=run("completed", "success", jobs=_jobs(172), end=172),
        ),
    )
    yield step(
        173.3,
        "images",
        Wait(reason="ghcr.io does not have 12.1.0 yet", interval=5.0),
    )
    yield step(
        178.8,
        "images",
        Done(evidence="1 image for 2 platforms", images=(IMAGE,)),
    )
    yield Result(
        outcome="released",
        exit_status=ExitStatus.OK,
        at=at(178.9),
        version="12.1.0",
        tag="12.1.0",
        commit=COMMIT,
        release_url=RELEASE_URL,
        run_url=RUN_URL,
        images=(IMAGE,),
    )


def failing() -> Iterator[Event]:
    """Yield a release whose run fails."""
    yield from _until_run()
    for seconds in (14, 40, 80, 100):
        yield _watching(seconds)
    jobs = list(_jobs(142))
    jobs[4] = job(
        5,
        ARM,
        "completed",
        "failure",
        begin=77,
        end=131,
        steps=_steps(5, 80, last="failure"),
    )
    jobs[5] = job(6, MERGE, "completed", "skipped")
    problem = (
        f"the job “{ARM}” failed at step 5, “Build”\n"
        "ERROR: failed to solve: process did not complete: exit code: 137"
    )
    help = "rsp-release watch --rerun-failed 1 runs the failed jobs again"
    yield step(
        142.5,
        "workflow_run",
        Blocked(
            problem=problem,
            help=help,
            url=RUN_URL,
            exit_status=ExitStatus.RUN_FAILED,
            run=run("completed", "failure", jobs=tuple(jobs), end=142),
        ),
    )
    yield Result(
        outcome="failed",
        exit_status=ExitStatus.RUN_FAILED,
        at=at(142.6),
        version="12.1.0",
        tag="12.1.0",
        commit=COMMIT,
        release_url=RELEASE_URL,
        run_url=RUN_URL,
        message=problem,
        help=help,
    )


def blocked() -> Iterator[Event]:
    """Yield a release that cannot begin."""
    problem = (
        "the working tree has uncommitted changes: src/gafaelfawr/main.py\n"
        "HEAD (3f2c1ab) is not on origin/main\n"
        "the tag 12.1.0 exists on origin, at another commit (77aa01c)"
    )
    help = "commit or stash the changes, and push\nrsp-release check"
    yield step(1.2, "preflight", Blocked(problem=problem, help=help))
    yield Result(
        outcome="blocked",
        exit_status=ExitStatus.BLOCKED,
        at=at(1.3),
        version="12.1.0",
        tag="12.1.0",
        message=problem,
        help=help,
    )


def planned() -> Iterator[Event]:
    """Yield a plan, of which nothing is done."""
    yield step(1.2, "preflight", Done(evidence="all 9 checks passed"))
    yield step(1.9, "tag", PUSH)
    yield step(2.3, "github_release", CREATE)
    yield step(
        2.4,
        "workflow_run",
        Wait(reason="the run of .github/workflows/ci.yaml (on: release)"),
    )
    yield step(
        2.5,
        "images",
        Wait(reason="ghcr.io/lsst-sqre/gafaelfawr:12.1.0 on 2 platforms"),
    )
    yield Result(
        outcome="planned",
        exit_status=ExitStatus.OK,
        at=at(2.6),
        version="12.1.0",
        tag="12.1.0",
        commit=COMMIT,
    )


def nothing() -> Iterator[Event]:
    """Yield that there is nothing to release."""
    yield Result(
        outcome="nothing",
        exit_status=ExitStatus.OK,
        at=at(0.3),
        version="12.0.1",
        tag="12.0.1",
        message="no commit since 12.0.1 changes the version",
    )


def approval() -> Iterator[Event]:
    """Yield a run that nobody allowed in time."""
    yield from _until_run()
    held = (
        job(1, "lint", "completed", "success", begin=12, end=38),
        job(2, "publish", "waiting"),
        job(3, "announce", "pending"),
    )
    reason = "the environment “production” waits for sqre-admins to approve"
    for seconds in (40, 900, 1800):
        yield step(
            seconds,
            "workflow_run",
            Wait(reason=reason, url=RUN_URL, run=run("waiting", jobs=held)),
        )
    yield Result(
        outcome="unfinished",
        exit_status=ExitStatus.UNFINISHED,
        at=at(1800.1),
        version="12.1.0",
        tag="12.1.0",
        commit=COMMIT,
        release_url=RELEASE_URL,
        run_url=RUN_URL,
        message=reason,
        help="rsp-release resume 12.1.0 goes on",
    )


def imageless() -> Iterator[Event]:
    """Yield images that are not as they should be."""
    reports = (
        IMAGE,
        ImageReport(
            image="docker.io/lsstsqre/gafaelfawr",
            tag="12.1.0",
            state="absent",
            reason="the registry has no such tag 60 s after the run ended",
        ),
        ImageReport(
            image="us-central1-docker.pkg.dev/rubin-shared/sqre/gafaelfawr",
            tag="12.1.0",
            state="unknown",
            reason="401: no credentials for us-central1-docker.pkg.dev",
        ),
    )
    problem = "1 of 3 images is absent, and 1 could not be looked at"
    yield step(
        66.0,
        "images",
        Blocked(
            problem=problem,
            help="docker login us-central1-docker.pkg.dev",
            exit_status=ExitStatus.IMAGE,
            images=reports,
        ),
    )
    yield Result(
        outcome="failed",
        exit_status=ExitStatus.IMAGE,
        at=at(66.1),
        version="12.1.0",
        tag="12.1.0",
        images=reports,
        message=problem,
        help="docker login us-central1-docker.pkg.dev",
    )


def busy(count: int = 40) -> Event:
    """Return a look at a run of many jobs, half of which are over."""
    jobs = []
    for number in range(count):
        name = f"test / matrix (ubuntu-24.04, 3.{number % 20}, shard {number})"
        if number < count * 2 // 5:
            made = job(
                number, name, "completed", "success", begin=12, end=40 + number
            )
        elif number < count * 7 // 10:
            made = job(
                number,
                name,
                "in_progress",
                begin=30 + number,
                steps=_steps(5, 60 + number),
            )
        else:
            made = job(number, name, "queued")
        jobs.append(made)
    jobs.append(job(99, "lint", "completed", "failure", begin=12, end=31))
    return step(
        100,
        "workflow_run",
        Wait(
            reason="CI runs, 24 jobs to go",
            url=RUN_URL,
            run=run("in_progress", jobs=tuple(jobs)),
        ),
    )


STREAMS = {
    "approval": approval,
    "blocked": blocked,
    "failing": failing,
    "imageless": imageless,
    "nothing": nothing,
    "planned": planned,
    "released": released,
}
"""Each stream by its name."""
