"""Which run is the one that publishes, where another one starts it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from rsp_release.engine.world import World
from rsp_release.models import Publication, Trigger, WorkflowRun
from rsp_release.steps.find_run import find_run

from .release import RELEASE

CI, BUILD = ".github/workflows/ci.yaml", ".github/workflows/build.yaml"
START = RELEASE.pinned_at
FIRST = Publication(workflow=CI, event="push")
MAIN = "f" * 40


def make_run(
    number: int, path: str, minute: float, **more: object
) -> WorkflowRun:
    at = START + timedelta(minutes=minute)
    run = WorkflowRun(
        id=number, name=path, path=path, event="workflow_run",
        status="completed", conclusion="success", commit=MAIN, ref="main",
        attempt=1, url="https://example.org", created_at=at, started_at=at,
        updated_at=at,
    )  # fmt: skip
    return replace(run, **more)  # type: ignore[arg-type]


CI_RUN = make_run(
    10, CI, 0, event="push", commit=RELEASE.commit, ref=RELEASE.tag,
    updated_at=START + timedelta(minutes=5),
)  # fmt: skip
OTHER = make_run(9, BUILD, -3)
"""What an earlier push to the default branch led to."""

OURS = make_run(12, BUILD, 5.05)
LATER = make_run(15, BUILD, 9)


@dataclass
class Remote:
    """As much of a world as is asked: its runs, and when the tag was made."""

    found: tuple[WorkflowRun, ...]

    @property
    def forge(self) -> Remote:
        return self

    @property
    def git(self) -> Remote:
        return self

    def runs(self, *, commit: str, event: str) -> tuple[WorkflowRun, ...]:
        return tuple(
            r for r in self.found if (r.commit, r.event) == (commit, event)
        )

    def last_runs(self, path: str) -> tuple[WorkflowRun, ...]:
        return tuple(r for r in self.found if r.path == path)

    def local_tag(self, tag: str) -> str | None:
        return RELEASE.commit

    def tag_date(self, tag: str) -> datetime:
        return START

    def commit_date(self, commit: str) -> datetime:
        return datetime(2020, 1, 1, tzinfo=UTC)


def find(
    *found: WorkflowRun,
    event: Trigger = "workflow_run",
    after: Publication | None = FIRST,
) -> WorkflowRun | None:
    publication = Publication(workflow=BUILD, event=event, after=after)
    release = replace(RELEASE, publication=publication)
    return find_run(release, cast("World", Remote(found)))


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((), None),
        ((OTHER, LATER), None),
        ((OTHER, CI_RUN), CI_RUN),
        ((OTHER, CI_RUN, OURS, LATER), OURS),
        # What is skipped was for a push to the branch.
        (
            (CI_RUN, replace(OURS, conclusion="skipped"), LATER),
            LATER,
        ),
        # GitHub rounds its times.
        (
            (CI_RUN, make_run(12, BUILD, 4.9)),
            make_run(12, BUILD, 4.9),
        ),
        ((CI_RUN, make_run(11, BUILD, 3)), CI_RUN),
    ],
)
def test_first_run_after_the_one_that_starts_it(
    runs: tuple[WorkflowRun, ...], expected: WorkflowRun | None
) -> None:
    assert find(*runs) == expected


@pytest.mark.parametrize("conclusion", [None, "failure", "cancelled"])
def test_run_that_has_not_succeeded_is_watched(conclusion: str | None) -> None:
    first = replace(CI_RUN, conclusion=conclusion)
    assert find(first, OURS) == first


def test_dispatch_comes_before_the_end_of_what_makes_it() -> None:
    run = make_run(12, BUILD, 3, event="workflow_dispatch")
    assert find(CI_RUN, run, OURS, event="workflow_dispatch") == run


def test_run_for_the_tag_is_preferred_and_the_newest_of_them() -> None:
    dispatched = replace(OURS, event="workflow_dispatch")
    exact = [
        make_run(
            number, BUILD, number, event="workflow_dispatch", ref=RELEASE.tag
        )
        for number in (13, 14)
    ]
    event: Trigger = "workflow_dispatch"
    assert find(CI_RUN, dispatched, *exact, event=event) == exact[1]


def test_third_level() -> None:
    second = Publication(workflow=BUILD, event="workflow_run", after=FIRST)
    publication = Publication(
        workflow="c.yaml", event="workflow_run", after=second
    )
    release = replace(RELEASE, publication=publication)
    third = make_run(20, "c.yaml", 6)
    for runs, expected in [
        ((CI_RUN,), CI_RUN),
        ((CI_RUN, OURS), OURS),
        ((CI_RUN, OURS, third), third),
    ]:
        assert find_run(release, cast("World", Remote(runs))) == expected


def test_run_that_nobody_knows_who_starts() -> None:
    """Only a run of that kind, or for the tag, is taken for it."""
    schedule: Trigger = "schedule"
    nightly = make_run(30, BUILD, 600, event="schedule")
    early = make_run(3, BUILD, -600, event="schedule")
    branch = make_run(29, BUILD, 30, event="push")
    assert find(early, branch, event=schedule, after=None) is None
    runs = (early, branch, nightly)
    assert find(*runs, event=schedule, after=None) == nightly
    by_hand = make_run(
        31, BUILD, 700, event="workflow_dispatch", ref=RELEASE.tag
    )
    assert find(*runs, by_hand, event=schedule, after=None) == by_hand
