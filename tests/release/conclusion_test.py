"""How commands end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rsp_release.engine.engine import Ending
from rsp_release.models import Done, Wait
from rsp_release.release.conclusion import conclude
from rsp_release.release.plan import Options

from ..steps.release import RELEASE

AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_what_nobody_can_tell_is_no_failure() -> None:
    unsure = Done(evidence="cannot tell which images", help="name them")
    ending = Ending(verdicts=(("images", unsure), ("x", Done(evidence="y"))))
    result = conclude(
        ending, RELEASE, "released", options=Options(), at=AT,
    )  # fmt: skip
    assert (result.outcome, int(result.exit_status)) == ("released", 0)
    assert result.message == "cannot tell which images"
    assert result.help == "name them"


def test_what_nobody_asked_for_keeps_no_release_open() -> None:
    told = Wait(reason="idfdev: OutOfSync", is_beside=True)
    ending = Ending(verdicts=(("x", Done(evidence="y")), ("rollout", told)))
    options = Options(rollout="act")
    result = conclude(ending, RELEASE, "released", options=options, at=AT)
    assert (result.outcome, int(result.exit_status)) == ("released", 0)
    asked = ending.replaced("rollout", Wait(reason="idfdev: OutOfSync"))
    result = conclude(asked, RELEASE, "released", options=options, at=AT)
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
        options=Options(),
        at=AT,
    )
    assert result.message == (
        f"release {RELEASE.tag} is not finished: build is running"
    )


@pytest.mark.parametrize(
    ("options", "more"),
    [
        # `status` looks at the environments, and nobody asked for a sync.
        (Options(rollout="look"), ""),
        (Options(), ""),
        (Options(rollout="act"), " --rollout"),
        # One environment is not all of them.
        (
            Options(rollout="act", environments=("idfdev", "a b")),
            " --rollout --environment idfdev --environment 'a b'",
        ),
    ],
)
def test_it_goes_on_with_what_was_asked_for(
    options: Options, more: str
) -> None:
    wait = Wait(reason="#53 is not merged")
    ending = Ending(verdicts=(("images", wait), ("rollout", wait)))
    result = conclude(ending, RELEASE, "released", options=options, at=AT)
    assert result.help == f"continue: rsp-release resume 1.2.0{more}"
