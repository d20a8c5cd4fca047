"""The past of a fleet, read from the sandbox and from the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rsp_release.deployment.lead_times import read_lead_times
from rsp_sandbox.base import History
from tests.support.box import Sandbox
from tests.support.fleets import (
    CHARTS,
    NOW,
    add_fleet,
    commit_again,
    make_factory,
    make_reader,
)
from tests.support.simulated import VirtualClock

COUNT, PAST = 5, 4
NAMES = ("achernar", "acrux", "adhara", "aldebaran")
"""Those that are there, of five."""


@contextmanager
def open_fleet() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock(NOW)) as box:
        add_fleet(box, COUNT, past=PAST)
        yield box


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with open_fleet() as box:
        yield box


@pytest.fixture
def own_box() -> Iterator[Sandbox]:
    """Make one that a test may change."""
    with open_fleet() as box:
        yield box


def read(
    box: Sandbox, folder: Path, later: timedelta = timedelta()
) -> tuple[dict[str, Any], int]:
    """Return the lead times, and how many requests their past took."""
    factory = make_factory(
        box, VirtualClock(NOW + later), XDG_CACHE_HOME=str(folder)
    )
    rows = factory.make_fleet_reader(CHARTS).read()
    before = len(box.state.requests)
    told = read_lead_times(
        rows, factory.make_fleet_history(CHARTS), now=NOW + later
    )
    # By way of JSON, as the page has it.
    return json.loads(json.dumps(told)), len(box.state.requests) - before


def test_the_cache_says_what_github_said(box: Sandbox, tmp_path: Path) -> None:
    cold, asked = read(box, tmp_path)
    # Commits and releases, runs, charts.
    assert asked == 3
    warm, asked = read(box, tmp_path)
    assert asked <= 2
    assert warm == cold
    [path] = (tmp_path / "rsp-release").iterdir()
    content = path.read_text(encoding="utf-8")
    assert box.token not in content
    path.write_text(content[:-9], encoding="utf-8")
    again, asked = read(box, tmp_path)
    assert asked == 3
    assert again == cold


def test_what_is_told_is_what_was_done(box: Sandbox, tmp_path: Path) -> None:
    told, _ = read(box, tmp_path)
    assert set(told["applications"]) == {*NAMES, "algol"}
    # Those whose past is of one year.
    for name in ("achernar", "adhara"):
        each = told["applications"][name]
        outcomes = [
            sum(column) for column in zip(*each["outcomes"], strict=True)
        ]
        # The fourth had to be run again.
        assert outcomes[:2] in ([PAST - 1, 1], [PAST, 1])
        assert each["release"][-1][0] == PAST
        # A release waits for three days; but the latest not for sure.
        assert each["deployment"][-1][1] == pytest.approx(3 * 86400, abs=9)
        assert each["image"][-1][2] == pytest.approx(3600, abs=9)
    assert told["applications"]["algol"]["whole"][-1] is None
    [(count, noun, why)] = told["unknown"]
    assert (count, noun) == (1, "repository")
    assert why.startswith("not read: Could not resolve")


def test_news_join_what_is_kept(own_box: Sandbox, tmp_path: Path) -> None:
    cold, _ = read(own_box, tmp_path)
    commit_again(
        own_box, NAMES[0], NOW + timedelta(hours=1), released="90.0.0"
    )
    later = timedelta(days=1)
    warm, _ = read(own_box, tmp_path, later)
    fresh, _ = read(own_box, tmp_path / "other", later)
    assert warm == fresh
    counts = [
        told["applications"][NAMES[0]]["release"][-1][0]
        for told in (cold, warm)
    ]
    assert counts[1] > counts[0]


def test_a_branch_that_was_rewritten_is_read_anew(
    own_box: Sandbox, tmp_path: Path
) -> None:
    read(own_box, tmp_path)
    commit_again(own_box, NAMES[0], NOW, rewrites=True, released="90.0.0")
    warm, _ = read(own_box, tmp_path)
    fresh, _ = read(own_box, tmp_path / "other")
    assert warm == fresh


def test_what_is_left_out_is_said_once(
    own_box: Sandbox, tmp_path: Path
) -> None:
    """Some of those that are read may not count, and some be read twice."""
    project = own_box.project(f"rubin-demo/{NAMES[0]}")
    [*_, newest] = project.releases.value.values()
    many = [
        replace(
            newest,
            id=own_box.new_id("release"),
            tag=f"80.0.{number}",
            is_prerelease=number == 1,
            created_at=NOW - timedelta(hours=number),
            published_at=NOW - timedelta(hours=number),
        )
        for number in range(40)
    ]
    project.releases = History({each.id: each for each in many})
    limit = [1, "repository", "with more releases than are read"]
    told, _ = read(own_box, tmp_path)
    assert limit in told["unknown"]
    commit_again(own_box, NAMES[0], NOW, rewrites=True, released="90.0.0")
    told, _ = read(own_box, tmp_path)
    assert limit in told["unknown"]


@pytest.mark.parametrize(
    ("number", "noun", "count"),
    [(0, "repository", 4), (1, "release", 14), (2, "application", 4)],
)
def test_a_failed_request_is_said(
    box: Sandbox, tmp_path: Path, number: int, noun: str, count: int
) -> None:
    cold, _ = read(box, tmp_path / "other")
    asked = len(box.state.requests)
    make_reader(box, VirtualClock(NOW)).read()
    table = len(box.state.requests) - asked
    # Each request is tried four times.
    start = len(box.state.requests) + table + number + 1
    for each in range(start, start + 4):
        box.faults.at(each, "error_500")
    told, _ = read(box, tmp_path)
    unknown = [each for each in told["unknown"] if each[1] == noun]
    assert sum(each[0] for each in unknown) >= count
    assert "not read: " in unknown[0][2]
    # It is not kept that nothing was known.
    assert read(box, tmp_path)[0] == cold


def test_runs_that_can_still_be_run_again_are_asked_for(
    own_box: Sandbox, tmp_path: Path
) -> None:
    project = own_box.project(f"rubin-demo/{NAMES[0]}")
    run = project.runs[-1]
    jobs = tuple(
        replace(job, conclusions=("failure", "success"))
        for job in run.script.jobs or ()
    )
    run.script = replace(run.script, jobs=jobs)
    # Not a month after it.
    later = run.created_at + timedelta(days=1) - NOW
    before, _ = read(own_box, tmp_path, later)
    run.rerun(now=run.created_at + timedelta(hours=2), actor="ada", keys=None)
    after, _ = read(own_box, tmp_path, later)

    def count(told: dict[str, Any], column: int) -> int:
        outcomes = told["applications"][NAMES[0]]["outcomes"]
        return sum(each[column] for each in outcomes)

    assert count(before, 2) == 1
    assert count(after, 2) == 0
    assert count(after, 1) == count(before, 1) + 1
