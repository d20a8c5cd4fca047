"""The publishing run: what was seen, and what is decided."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.models import (
    Annotation,
    Blocked,
    Change,
    ConcurrencyGroup,
    Done,
    Job,
    JobStep,
    PendingDeployment,
    Publication,
    PushTag,
    Release,
    Verdict,
    Wait,
    WorkflowRun,
)
from rsp_release.runs import estimates
from rsp_release.runs import states as runs
from rsp_release.steps.workflow_run import PublishingRun, PublishingRunSeen
from tests.support.simulated import Chaos, Hub, VirtualClock, make_world

DATA = Path(__file__).parents[1] / "data" / "steps" / "workflow_run"
CASES = json.loads((DATA / "decide.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PUBLICATION = Publication(
    workflow=".github/workflows/ci.yaml", event="release", jobs=("build",)
)
RELEASE = Release(
    repository="o/n", branch="main", version="1.2.3", tag="1.2.3",
    commit="c" * 40, previous_tag=None, notes="", is_prerelease=False,
    is_latest=True, publication=PUBLICATION, pinned_at=NOW,
)  # fmt: skip


def make_job(name: str, **values: Any) -> Job:
    steps = tuple(
        JobStep(number=n, name="s", status="completed", conclusion=None)
        for n in range(1, values.pop("steps", 0) + 1)
    )
    values.setdefault("status", "completed")
    values.setdefault("conclusion", "success")
    return Job(**{"id": 7, "name": name, "steps": steps, **values})


def make_run(**values: Any) -> WorkflowRun:
    base = WorkflowRun(
        id=5, name="CI", path=".github/workflows/ci.yaml", event="release",
        status="in_progress", conclusion=None, commit="c" * 40, ref="1.2.3",
        attempt=1, url="https://example.org/5", created_at=NOW,
        started_at=NOW, updated_at=NOW,
    )  # fmt: skip
    values["jobs"] = tuple(
        job if isinstance(job, Job) else make_job(**job)
        for job in values.get("jobs", ())
    )
    return replace(base, **values)


def make_deployment(
    *, reviewers: list[str] | None = None, ready_at: str = "", **values: Any
) -> PendingDeployment:
    return PendingDeployment(
        reviewers=tuple(reviewers or ()),
        ready_at=datetime.fromisoformat(ready_at) if ready_at else None,
        **values,
    )


def text_of(verdict: Verdict) -> str:
    match verdict:
        case Done():
            return verdict.evidence
        case Change():
            return verdict.summary
        case Wait():
            return verdict.reason
        case Blocked():
            return verdict.problem


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_decide(case: dict[str, Any]) -> None:
    release = RELEASE
    if case.get("publication", 0) is None:
        release = replace(release, publication=None)
    if case.get("jobs_known") is False:
        bare = replace(PUBLICATION, jobs=())
        release = replace(release, publication=bare)
    run = None if case["run"] is None else make_run(**case["run"])
    first = run
    if run is not None and "first" in case:
        first = replace(run, **case["first"])
    newer = make_run(id=6, ref="1.2.4", url="https://example.org/6")
    group = case.get("group")
    seen = PublishingRunSeen(
        run=run,
        obstacle=case.get("obstacle"),
        deployments=tuple(
            make_deployment(**each) for each in case.get("deployments", ())
        ),
        group=ConcurrencyGroup(**group) if group else None,
        newer=newer if case.get("newer") else None,
        first=first,
    )
    step = PublishingRun(
        case.get("number"),
        reruns=case.get("reruns", 0),
        approves=case.get("approves", False),
    )
    verdict = step.decide(release, seen)
    expect = case["expect"]
    assert type(verdict).__name__ == expect["verdict"]
    assert expect["words"] in text_of(verdict)
    if isinstance(verdict, Blocked):
        assert int(verdict.exit_status) == expect["exit"]
    if isinstance(verdict, Change):
        assert verdict.write.key == expect["write"]
    if isinstance(verdict, Wait):
        assert verdict.patience == expect.get("patience")
        if "otherwise" in expect:
            assert isinstance(verdict.otherwise, Blocked)
            assert int(verdict.otherwise.exit_status) == expect["otherwise"]
        if "ends" in expect:
            assert isinstance(verdict.otherwise, Done)
            assert expect["ends"] in (verdict.otherwise.help or "")
        assert verdict.interval is not None
        assert verdict.interval < 5


AGAIN = (
    "`rsp-release resume 1.2.3 --rerun-failed 1` re-runs the failed jobs; {},"
    " then `rsp-release resume`; the tag and the release are kept"
)


@pytest.mark.parametrize(
    ("conclusion", "sentence", "remedy"),
    [
        ("success", "CI succeeded", None),
        ("failure", "CI failed", AGAIN.format("fix what failed or re-run it")),
        (
            "cancelled",
            "CI was cancelled",
            AGAIN.format("re-run it, unless it was cancelled for a reason"),
        ),
        (
            "timed_out",
            "CI timed out",
            AGAIN.format(
                "raise `timeout-minutes` of the job that hung, or re-run it"
            ),
        ),
        (
            "stale",
            "CI was marked stale: GitHub gave up waiting for it",
            AGAIN.format("check that its runners are online, then re-run it"),
        ),
        (
            "startup_failure",
            (
                "CI could not start: its workflow file is invalid, or asks for"
                " what it may not use"
            ),
            (
                "its page says what is wrong; fix the workflow file on the"
                " branch and release again: a run uses the file of its commit"
            ),
        ),
        (
            "action_required",
            "CI needs approval to run: approve it on its page",
            None,
        ),
        (
            "neutral",
            "CI ended neutral, neither well nor badly",
            "see on its page why; the images tell whether it published",
        ),
        (
            "skipped",
            "CI was skipped, so it published nothing",
            "correct the `if:` of its jobs and release again",
        ),
    ],
)
def test_each_conclusion_has_its_sentence_and_next_step(
    conclusion: str, sentence: str, remedy: str | None
) -> None:
    jobs = [{"name": "build", "conclusion": conclusion, "steps": 1}]
    run = make_run(status="completed", conclusion=conclusion, jobs=jobs)
    seen = PublishingRunSeen(run=run, first=run)
    step = PublishingRun(in_release=True)
    verdict = step.decide(RELEASE, seen)
    assert text_of(verdict).splitlines()[0] == sentence
    if remedy is None:
        assert isinstance(verdict, Done | Wait)
        assert verdict.url == run.url
    else:
        assert isinstance(verdict, Blocked)
        assert verdict.help == remedy
        assert verdict.exit_status is ExitStatus.RUN_FAILED


CHAIN = replace(
    PUBLICATION,
    workflow=".github/workflows/build.yaml",
    event="workflow_run",
    after=Publication(workflow=".github/workflows/ci.yaml", event="push"),
)


@pytest.mark.parametrize(
    ("publication", "seen", "kind", "words"),
    [
        (
            CHAIN,
            PublishingRunSeen(run=None),
            Wait,
            "no run of ci.yaml, which starts build.yaml, for the push event",
        ),
        (
            CHAIN,
            PublishingRunSeen(
                run=make_run(status="completed", conclusion="success")
            ),
            Wait,
            "CI succeeded; no run of build.yaml yet",
        ),
        (
            CHAIN,
            PublishingRunSeen(
                run=make_run(status="completed", conclusion="failure"),
                are_published=True,
            ),
            Done,
            "the images are there, though CI failed",
        ),
        (
            PUBLICATION,
            PublishingRunSeen(run=None, are_published=True),
            Done,
            "the images are there; no run of ci.yaml is known",
        ),
        (
            replace(CHAIN, event="schedule", after=None),
            PublishingRunSeen(run=None),
            Done,
            "cannot tell which run of build.yaml publishes: no release starts",
        ),
    ],
)
def test_chains(
    publication: Publication,
    seen: PublishingRunSeen,
    kind: type[Verdict],
    words: str,
) -> None:
    release = replace(RELEASE, publication=publication)
    verdict = PublishingRun().decide(release, seen)
    assert isinstance(verdict, kind)
    assert words in text_of(verdict)


def test_follower_that_cannot_run_is_an_obstacle() -> None:
    run = make_run(status="completed", conclusion="success")
    seen = PublishingRunSeen(
        run=run, obstacle="build.yaml was disabled by hand", remedy="enable it"
    )
    release = replace(RELEASE, publication=CHAIN)
    verdict = PublishingRun().decide(release, seen)
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Blocked)
    assert verdict.otherwise.help == "enable it"


def test_write_of_another_step_is_refused() -> None:
    write = PushTag(tag="1", commit="c", branch="main", message="m")
    world = make_world(Hub(clock=VirtualClock()), Chaos())
    with pytest.raises(TypeError):
        PublishingRun().act(Change(summary="s", write=write), world)


# -- Failures ---------------------------------------------------------------


def test_failure_is_told_once() -> None:
    """What the log says as well is not told as an annotation too."""
    job = make_job(
        "build",
        conclusion="failure",
        log=("error: it broke",),
        annotations=(
            Annotation(level="failure", message="it broke"),
            Annotation(level="failure", message="more\nof it", title="Why"),
            Annotation(level="warning", message="old"),
        ),
        url="https://example.org/job",
    )
    assert list(runs.tell_failure(make_run(jobs=[job]))) == [
        "build failed",
        "  Why: more of it",
        "  the last lines of its log:",
        "    error: it broke",
        "  https://example.org/job",
    ]


def test_many_failures_are_named_and_few_told() -> None:
    jobs = [
        make_job(f"job {n}", conclusion="failure", log=("x",))
        for n in range(9)
    ]
    told = list(runs.tell_failure(make_run(jobs=jobs)))
    assert [line for line in told if line.startswith("job")] == [
        f"job {n} failed" for n in range(9)
    ]
    assert told.count("    x") == runs.JOBS_TOLD


def test_failures_come_before_what_they_cancelled() -> None:
    jobs = [
        make_job("a", conclusion="cancelled"),
        make_job("b", conclusion="failure"),
    ]
    names = [job.name for job in runs.failing_jobs(make_run(jobs=jobs))]
    assert names == ["b", "a"]


# -- Estimates --------------------------------------------------------------


def span(name: str, begin: float, end: float, **values: Any) -> Job:
    return make_job(
        name,
        started_at=NOW + timedelta(seconds=begin),
        completed_at=NOW + timedelta(seconds=end),
        **values,
    )


PAST = (
    make_run(
        status="completed",
        conclusion="success",
        jobs=[
            span("test", 5, 105),
            span("a", 110, 310),
            span("b", 110, 210),
            span("merge", 315, 375),
        ],
    ),
)


def running(name: str, begin: float) -> Job:
    return replace(
        span(name, begin, 0),
        status="in_progress", conclusion=None, completed_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("jobs", "now", "end"),
    [
        ([running("test", 5)], 50, 375),
        ([running("test", 25)], 50, 395),
        # A job that takes longer than ever puts everything off.
        ([running("test", 5)], 205, 475),
        ([span("test", 5, 105), running("a", 110), running("b", 110)],
         200, 375),
        ([span("test", 5, 55), running("a", 60), running("b", 60)],
         100, 325),
        ([span("test", 5, 105), span("a", 110, 310), span("b", 110, 210),
          running("merge", 315)], 400, 400),
    ],
)  # fmt: skip
def test_expected_end(jobs: list[Job], now: float, end: float) -> None:
    run = estimates.estimate(
        make_run(jobs=jobs), PAST, NOW + timedelta(seconds=now)
    )
    assert run.expected_at is not None
    assert (run.expected_at - NOW).total_seconds() == pytest.approx(end)


def test_unknown_jobs_expect_nothing() -> None:
    run = make_run(jobs=[running("other", 5)])
    assert estimates.estimate(run, (), NOW).expected_at is None


def test_end_is_noticed_in_time_whenever_it_comes() -> None:
    for seconds in range(0, 4000, 7):
        now = NOW + timedelta(seconds=seconds)
        run = make_run(jobs=[running("test", 5)])
        run = estimates.estimate(run, PAST, now)
        assert 0 < estimates.choose_interval(run, PAST, now) <= 4.5
        assert 0 <= estimates.choose_age(run, PAST, now) <= 90


def test_quick_when_a_change_is_expected() -> None:
    run = make_run(jobs=[running("test", 5)])
    near, middle = (NOW + timedelta(seconds=s) for s in (106, 260))
    assert estimates.choose_interval(
        run, PAST, near
    ) < estimates.choose_interval(run, PAST, middle)
    assert estimates.choose_age(run, PAST, near) < estimates.choose_age(
        run, PAST, middle
    )
    over = replace(run, status="completed")
    assert estimates.choose_age(over, PAST, middle) == 0


@pytest.mark.parametrize(("days", "is_done"), [(30, False), (91, True)])
def test_run_that_is_gone_is_not_waited_for(
    *, days: int, is_done: bool
) -> None:
    """GitHub does not keep runs for ever; the images tell what came of it."""
    hub = Hub(clock=VirtualClock())
    world = make_world(hub, Chaos())
    made = hub.clock.now() - timedelta(days=days)
    release = replace(RELEASE, pinned_at=made, publication=PUBLICATION)
    for step in (PublishingRun(in_release=True), PublishingRun()):
        verdict = step.decide(release, step.observe(release, world))
        assert isinstance(verdict, Done) == (is_done and step.in_release)


@pytest.mark.parametrize(
    ("usual", "told"),
    [(None, ""), (361.0, " (usually 6 min)"), (12.0, " (usually 12 s)")],
)
def test_plan_says_what_will_be_waited_for(
    usual: float | None, told: str
) -> None:
    planned = replace(RELEASE, is_planned=True)
    assert planned.publication is not None
    seen = PublishingRunSeen(run=None, usual=usual)
    verdict = PublishingRun(in_release=True).decide(planned, seen)
    assert isinstance(verdict, Wait)
    assert verdict.reason == f"will wait for {planned.publication.file}{told}"
    # What keeps it from starting goes first.
    seen = replace(seen, obstacle="it is disabled")
    verdict = PublishingRun(in_release=True).decide(planned, seen)
    assert "it is disabled" in text_of(verdict)


def test_usual_time_is_of_runs_that_succeeded_at_once() -> None:
    begin = datetime(2026, 3, 4, tzinfo=UTC)

    def past(seconds: float, **values: Any) -> WorkflowRun:
        end = begin + timedelta(seconds=seconds)
        return make_run(
            status="completed",
            **{"conclusion": "success", **values},
            started_at=begin,
            updated_at=end,
        )

    runs_ = [past(60), past(80), past(70), past(900, attempt=2),
             past(5, conclusion="failure")]  # fmt: skip
    assert estimates.choose_usual(runs_) == 70
    assert estimates.choose_usual(runs_[3:]) is None


@pytest.mark.parametrize("is_planned", [True, False])
def test_repository_without_images_needs_no_setting(
    *, is_planned: bool
) -> None:
    """It is said, in the plan too, and waited for is nothing."""
    release = replace(RELEASE, publication=None, is_planned=is_planned)
    verdict = PublishingRun().decide(release, PublishingRunSeen(run=None))
    assert isinstance(verdict, Done)
    assert "no workflow publishes images" in verdict.evidence
