"""How long changes took, from what is known of the past."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rsp_release.deployment.lead_times import (
    ChartHistory,
    Commit,
    Deployment,
    Outcome,
    Release,
    RepositoryHistory,
    describe,
    find_changes,
    first_month,
    summarize,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    """Return a moment of November."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def release(
    tag: str,
    commit: str | None,
    day: int,
    *,
    parents: tuple[str, ...] = (),
    image_at: datetime | None = None,
    outcome: Outcome = "unknown",
) -> Release:
    return Release(
        tag=tag,
        commit=commit,
        parents=parents,
        published_at=at(day),
        outcome=outcome,
        image_at=image_at,
    )


def line(*names: str) -> Mapping[str, Commit]:
    """Return commits one after the other, one a day, from the first on."""
    return {
        name: Commit(at(day), (names[day - 2],) if day > 1 else ())
        for day, name in enumerate(names, start=1)
    }


def found(history: RepositoryHistory) -> list[tuple[int, str]]:
    return [
        (change.merged_at.day, change.release.tag)
        for change in find_changes(history)
    ]


def test_a_change_is_released_with_the_first_that_has_it() -> None:
    history = RepositoryHistory(
        head="e",
        commits=line("a", "b", "c", "d", "e"),
        # In GitHub's order, the newest first.
        releases=(release("1.1.0", "d", 9), release("1.0.0", "b", 8)),
    )
    # The commits that are tagged hold the change log; e is not released.
    assert found(history) == [(3, "1.1.0"), (1, "1.0.0")]


def test_a_merge_is_one_change_whatever_it_brings() -> None:
    commits = {
        "a": Commit(at(1), ()),
        "x": Commit(at(1, 1), ("a",)),
        "y": Commit(at(1, 2), ("x",)),
        "m": Commit(at(4), ("a", "y")),
        "t": Commit(at(5), ("m",)),
    }
    history = RepositoryHistory(
        head="t", commits=commits, releases=(release("1.0.0", "t", 5),)
    )
    assert found(history) == [(4, "1.0.0"), (1, "1.0.0")]


def test_a_tag_beside_the_branch_has_what_is_before_it() -> None:
    history = RepositoryHistory(
        head="c",
        commits=line("a", "b", "c"),
        releases=(release("1.0.0", "beside", 4, parents=("b",)),),
    )
    assert found(history) == [(2, "1.0.0"), (1, "1.0.0")]


def test_a_backport_releases_nothing_of_the_branch() -> None:
    history = RepositoryHistory(
        head="d",
        commits=line("a", "b", "c", "d"),
        releases=(
            release("1.0.0", "b", 2),
            release("1.0.1", "else", 5, parents=("b",)),
            release("1.1.0", "d", 6),
        ),
    )
    assert found(history) == [(3, "1.1.0"), (1, "1.0.0")]


def test_stages_follow_each_other() -> None:
    repository = RepositoryHistory(
        head="b",
        commits=line("a", "b"),
        releases=(
            release("1.0.0", "b", 3, image_at=at(3, 1), outcome="later"),
        ),
    )
    # What is deployed skipped it.
    chart = ChartHistory(
        deployments=(
            Deployment(at(2), "0.9.0"),
            Deployment(at(5), "1.0.1"),
            Deployment(at(6), "1.0.2"),
        )
    )
    told = summarize(
        {"x": ("acme/x", "x"), "twin": ("acme/x", "twin")},
        {"acme/x": repository},
        {"x": chart, "twin": chart},
        now=NOW,
    )
    assert told["months"] == [
        "2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05",
        "2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11",
    ]  # fmt: skip
    days = 86400
    expected: dict[str, Any] = {
        "release": (1, 2 * days, 2 * days),
        "image": (1, 3600, 3600),
        "deployment": (1, 2 * days - 3600, 2 * days - 3600),
        "whole": (1, 4 * days, 4 * days),
    }
    for stage, figures in expected.items():
        assert told["applications"]["x"][stage][:-2] == [None] * 11
        assert told["applications"]["x"][stage][-2:] == [figures, figures]
    # What both have in common counts once; the deployments are two.
    assert told["all"]["release"][-1][0] == 1
    assert told["all"]["deployment"][-1][0] == 2
    assert told["all"]["outcomes"][-1] == [0, 1, 0, 0, 0]
    assert told["unknown"] == []


@pytest.mark.parametrize(
    ("repository", "chart", "unknown"),
    [
        (
            RepositoryHistory(problem="no such repository"),
            ChartHistory(),
            [(1, "repository", "not read: no such repository")],
        ),
        (
            RepositoryHistory(releases=(release("1.0.0", None, 3),)),
            ChartHistory(problem="not read: it is broken"),
            [
                (1, "release", "without a known run"),
                (1, "application", "not read: it is broken"),
            ],
        ),
        (
            RepositoryHistory(
                head="b",
                commits={**line("a"), "b": Commit(at(9), ("a",))},
                releases=(
                    release(
                        "1.0.0", "else", 4, parents=("b",),
                        image_at=at(5), outcome="first",
                    ),
                ),
            ),
            ChartHistory(deployments=(Deployment(at(3), "1.0.0"),)),
            [
                (1, "change", "dated after the release"),
                (1, "release", "deployed before the images were there"),
                (1, "change", "deployed before the merge"),
            ],
        ),
        (
            RepositoryHistory(limits=("with more commits than are read",)),
            ChartHistory(),
            [(1, "repository", "with more commits than are read")],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_counted(
    repository: RepositoryHistory,
    chart: ChartHistory,
    unknown: list[tuple[int, str, str]],
) -> None:
    told = summarize(
        {"x": ("acme/x", "x")}, {"acme/x": repository}, {"x": chart}, now=NOW
    )
    assert told["unknown"] == unknown


def test_what_is_not_deployed_yet_took_no_time() -> None:
    repository = RepositoryHistory(
        head="b",
        commits=line("a", "b"),
        releases=(release("1.0.0", "b", 3, image_at=at(4), outcome="first"),),
    )
    chart = ChartHistory(deployments=(Deployment(at(9), "0.9.0"),))
    told = summarize(
        {"x": ("acme/x", "x")}, {"acme/x": repository}, {"x": chart}, now=NOW
    )
    assert told["all"]["release"][-1] is not None
    assert told["all"]["deployment"][-1] is None
    assert told["all"]["whole"][-1] is None


@pytest.mark.parametrize(
    ("values", "median", "most"),
    [
        ([7], 7, 7),
        ([1, 2], 1, 2),
        ([3, 1, 2], 2, 3),
        (list(range(1, 11)), 5, 9),
        (list(range(1, 101)), 50, 90),
    ],
)
def test_figures_are_values_that_were_measured(
    values: list[int], median: int, most: int
) -> None:
    spans = [("image", at(1), float(value)) for value in values]
    told = describe(spans, [], ["2026-11"])  # type: ignore[arg-type]
    assert told["image"] == [(len(values), median, most)] * 2


def test_a_span_is_of_the_month_in_which_it_ended() -> None:
    spans = [("image", at(1) - timedelta(seconds=1), 9.0)]
    told = describe(spans, [], ["2026-10", "2026-11"])  # type: ignore[arg-type]
    assert told["image"] == [(1, 9, 9), None, (1, 9, 9)]


@pytest.mark.parametrize(
    ("now", "first"),
    [
        (NOW, datetime(2025, 12, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)),
    ],
)
def test_a_year_ends_with_this_month(now: datetime, first: datetime) -> None:
    assert first_month(now) == first
