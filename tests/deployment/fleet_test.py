"""What there is to do for an application."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rsp_release.deployment.charts import parse_place
from rsp_release.deployment.effective import EffectiveTag
from rsp_release.deployment.fleet import (
    Application,
    Facts,
    Unreleased,
    find_applications,
    make_row,
)
from rsp_release.models import PullRequest

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PLACE = parse_place("applications/n")


def _tags(*tags: str) -> tuple[EffectiveTag, ...]:
    return tuple(
        EffectiveTag(
            environment=environment,
            key="image.tag",
            image="ghcr.io/o/n",
            tag=tag,
            place=PLACE,
        )
        for environment, tag in zip("abc", tags, strict=False)
    )


APP = Application(
    name="n", path="applications/n/Chart.yaml", repository="o/n",
    app_version="1.4.0", tags=_tags("1.4.0"),
)  # fmt: skip
FACTS = Facts(
    branch="main",
    latest="1.4.0",
    released_at=datetime(2026, 10, 2, 12, tzinfo=UTC),
    run="success",
)
FEATURE = Unreleased(total=1, commits=(("c" * 40, "feat: see more", 1),))
PULL = PullRequest(
    number=7,
    url="https://example.org/7",
    is_open=True,
    is_merged=False,
    head="1" * 40,
    branch="rsp-release/n-1.4.0",
    title="Update n to 1.4.0",
)


@pytest.mark.parametrize(
    ("application", "facts", "pulls", "need", "said"),
    [
        (APP, FACTS, (), "release", "release 1.5.0"),
        (APP, replace(FACTS, is_archived=True), (), "nothing", "is archived"),
        (APP, replace(FACTS, run="failure"), (PULL,), "failed", "1.4.0"),
        (APP, replace(FACTS, problem="no"), (), "unknown", "no"),
        (APP, replace(FACTS, latest="1.4.1"), (), "deploy", "deploy 1.4.1"),
        (APP, FACTS, (PULL,), "merge", "merge #7"),
        (
            APP,
            FACTS,
            (replace(PULL, branch="rsp-release/n-other-1.0.0"),),
            "release",
            "release 1.5.0",
        ),
        (
            APP,
            replace(FACTS, release_pull="https://example.org/pull/3"),
            (),
            "merge",
            "#3",
        ),
    ],
)
def test_need(
    application: Application,
    facts: Facts,
    pulls: tuple[PullRequest, ...],
    need: str,
    said: str,
) -> None:
    row = make_row(application, facts, FEATURE, pulls, now=NOW)
    assert row.need == need
    assert said in row.said
    assert (row.age, row.unreleased) == (29, 1)


def test_what_is_no_release_is_said() -> None:
    for deployed in ("tickets-DM-1", "main", "server-1.4.0"):
        pinned = replace(APP, tags=_tags(deployed))
        row = make_row(pinned, FACTS, None, (), now=NOW)
        assert row.need == "nothing"
        assert row.said == f"{deployed} is none of its releases"
    never = replace(FACTS, latest=None, released_at=None, run=None)
    row = make_row(APP, never, None, (), now=NOW)
    assert (row.need, row.said, row.age) == ("nothing", "", None)


def test_what_no_environment_runs_needs_nothing() -> None:
    nowhere = replace(APP, tags=())
    row = make_row(nowhere, replace(FACTS, latest="2.0.0"), None, (), now=NOW)
    assert (row.need, row.said) == ("nothing", "no environment runs it")


def test_environment_that_is_behind_is_named() -> None:
    behind = replace(APP, tags=_tags("1.4.0", "1.3.0"))
    row = make_row(behind, FACTS, None, (), now=NOW)
    assert (row.need, row.said) == ("deploy", "deploy 1.4.0 to b")


def test_values_that_cannot_be_read_are_told() -> None:
    broken = replace(APP, tags=(), problem="values.yaml: it is no valid YAML")
    row = make_row(broken, FACTS, None, (), now=NOW)
    assert row.need == "unknown"
    assert "values.yaml" in row.said


def test_source_of_the_same_name_is_the_application() -> None:
    chart = (
        "appVersion: 1\nhome: https://phalanx.example.org/\nsources:\n"
        "  - https://github.com/o/library\n  - https://github.com/o/n.git\n"
    )
    found = find_applications(
        {"applications/n/Chart.yaml": chart}, host="github.com"
    )
    assert [a.repository for a in found] == ["o/n"]
