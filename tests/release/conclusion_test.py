"""How commands end."""

from __future__ import annotations

from datetime import UTC, datetime

from rsp_release.engine.engine import Ending
from rsp_release.models import Done, Wait
from rsp_release.release.conclusion import conclude

from ..steps.release import RELEASE


def test_what_nobody_can_tell_is_no_failure() -> None:
    unsure = Done(evidence="cannot tell which images", help="name them")
    ending = Ending(verdicts=(("images", unsure), ("x", Done(evidence="y"))))
    result = conclude(
        ending, RELEASE, "released", at=datetime(2026, 3, 2, tzinfo=UTC)
    )
    assert (result.outcome, int(result.exit_status)) == ("released", 0)
    assert result.message == "cannot tell which images"
    assert result.help == "name them"


def test_what_nobody_asked_for_keeps_no_release_open() -> None:
    told = Wait(reason="idfdev: OutOfSync", is_beside=True)
    ending = Ending(verdicts=(("x", Done(evidence="y")), ("rollout", told)))
    at = datetime(2026, 3, 2, tzinfo=UTC)
    result = conclude(ending, RELEASE, "released", at=at)
    assert (result.outcome, int(result.exit_status)) == ("released", 0)
    asked = ending.replaced("rollout", Wait(reason="idfdev: OutOfSync"))
    result = conclude(asked, RELEASE, "released", at=at)
    assert (result.outcome, int(result.exit_status)) == ("unfinished", 8)
    assert result.help == "continue: rsp-release resume 1.2.0 --rollout"


def test_what_waits_first_is_told_and_not_what_stands_beside() -> None:
    verdicts = (
        ("workflow_run", Wait(reason="build is running")),
        ("images", Wait(reason="x:1 is not in the registry")),
        ("rollout", Wait(reason="cannot look", is_beside=True)),
    )
    result = conclude(
        Ending(verdicts=verdicts),
        RELEASE,
        "released",
        at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    assert result.message == (
        f"release {RELEASE.tag} is not finished: build is running"
    )
