"""What was seen of the environments, and the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rsp_release.deployment.rollout import StageSeen
from rsp_release.exceptions import ExitStatus, UsageError
from rsp_release.models import (
    Blocked,
    Change,
    Done,
    SyncApplication,
    Verdict,
    Wait,
)
from rsp_release.models.rollout import Operation, SyncWindow, Target
from rsp_release.steps.rollout.seen import RolloutSeen
from rsp_release.steps.rollout.step import Rollout

from ..deployment.rollout_test import (
    AIM,
    APPLICATION,
    BEFORE,
    FOLLOWS,
    HOOK,
    MERGE,
    NOW,
    PINS,
    SEEN,
    SICK,
    STAGE,
)
from .chart_pr_test import RELEASE

UNKNOWN = {"application": None, "problem": "timed out", "help": "log in"}
DENIED = {**UNKNOWN, "is_denied": True}


def _at(name: str, seen: StageSeen = SEEN, /, **changes: Any) -> StageSeen:
    target = Target(
        environment=name,
        argocd=f"https://{name}.example.org/argo-cd",
        application="n",
    )
    stage = replace(STAGE, target=target)
    return replace(seen, **{"stage": stage, **changes})


def _of(seen: StageSeen, phase: str, **given: Any) -> StageSeen:
    """Return what was seen with an operation."""
    operation = Operation(phase=phase, revisions=(MERGE,), **given)
    assert seen.application is not None
    application = replace(seen.application, operation=operation)
    return replace(seen, application=application)


def _decide(*stages: StageSeen, **options: Any) -> Verdict:
    seen = RolloutSeen(aim=AIM, stages=stages)
    return Rollout(**options).decide(RELEASE, seen)


DEV, INT, PROD = (_at(name, BEFORE) for name in ("dev", "int", "prod"))
DONE = _at("dev")


def test_all_run_it() -> None:
    verdict = _decide(_at("dev"), _at("int"))
    assert isinstance(verdict, Done)
    assert verdict.evidence == "dev, int run 1.5.0"
    assert [s.state for s in verdict.environments] == ["runs", "runs"]


def test_nothing_is_known() -> None:
    verdict = _decide()
    assert isinstance(verdict, Done)
    assert "[[environments]]" in verdict.evidence


def test_the_first_is_synced_first() -> None:
    verdict = _decide(DEV, INT, syncs=True)
    assert isinstance(verdict, Change)
    assert verdict.write == SyncApplication(
        target=DEV.stage.target, marker="n 1.5.0"
    )
    assert verdict.write.key == "sync n in dev (n 1.5.0)"
    assert verdict.summary == "sync n in dev: OutOfSync"


def test_the_next_waits_for_it() -> None:
    running = _of(DEV, "Running", marker="n 1.5.0")
    verdict = _decide(running, INT, syncs=True)
    assert isinstance(verdict, Wait)
    assert not verdict.is_on_person
    assert verdict.reason == "dev: syncing; int: OutOfSync"
    verdict = _decide(DONE, INT, syncs=True)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, SyncApplication)
    assert verdict.write.target.environment == "int"


def test_pinned_ones_are_no_step_on_the_way() -> None:
    stage = replace(INT.stage, tags=(PINS,))
    verdict = _decide(DONE, replace(INT, stage=stage), PROD, syncs=True)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, SyncApplication)
    assert verdict.write.target.environment == "prod"


def test_nobody_asked_for_syncs() -> None:
    verdict = _decide(DEV, INT)
    assert isinstance(verdict, Wait)
    assert verdict.is_on_person
    assert verdict.reason == "dev, int: OutOfSync"


def test_only_those_that_were_named_count() -> None:
    verdict = _decide(DEV, _at("int"), environments=("int",))
    assert isinstance(verdict, Done)
    with pytest.raises(UsageError, match="no environment zoo"):
        _decide(DEV, environments=("zoo",))


# -- Promotion --------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (
            DEV,
            "dev comes before int, and does not run it healthily: OutOfSync",
        ),
        (
            _at("dev", **UNKNOWN),
            "dev comes before int, and cannot be looked at: timed out",
        ),
        (
            _at(
                "dev",
                application=replace(APPLICATION, health="Degraded"),
                unhealthy=(SICK,),
            ),
            "Degraded: Deployment n (no quota)",
        ),
    ],
)
def test_promotion_is_refused(before: StageSeen, said: str) -> None:
    options = {"environments": ("int",), "syncs": True}
    verdict = _decide(before, INT, **options)
    assert isinstance(verdict, Blocked)
    assert said in verdict.problem
    assert verdict.exit_status is ExitStatus.BLOCKED
    assert "rollout 1.5.0 --sync int --force" in str(verdict.help)
    assert isinstance(_decide(before, INT, force=True, **options), Change)
    # Without a name, it waits; or is refused where nobody can look.
    verdict = _decide(before, INT, syncs=True)
    if before is DEV:
        assert isinstance(verdict, Change)
    else:
        assert isinstance(verdict, Wait)
        assert isinstance(verdict.otherwise, Blocked)


def test_both_can_be_named() -> None:
    options = {"environments": ("dev", "int"), "syncs": True}
    running = _of(DEV, "Running", marker="n 1.5.0")
    assert isinstance(_decide(running, INT, **options), Wait)
    verdict = _decide(DONE, INT, **options)
    assert isinstance(verdict, Change)


# -- Trouble ----------------------------------------------------------------


def test_failed_sync_ends_it() -> None:
    failed = _of(DEV, "Failed", marker="n 1.5.0", resources=(HOOK,))
    for syncs in (False, True):
        verdict = _decide(failed, INT, syncs=syncs)
        assert isinstance(verdict, Blocked)
        assert verdict.exit_status is ExitStatus.FAILED
        assert verdict.problem == "dev: sync failed: Job migrate (exit 1)"
        assert "rollout 1.5.0 --sync dev" in str(verdict.help)


def test_failed_sync_is_tried_again_once() -> None:
    failed = _of(DEV, "Failed", marker="n 1.5.0", resources=(HOOK,))
    seen = RolloutSeen(aim=AIM, stages=(failed,))
    step = Rollout(environments=("dev",), syncs=True)
    retries = step.find_failed(seen)
    assert retries == {("dev", "n 1.5.0")}
    verdict = replace(step, retries=retries).decide(RELEASE, seen)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, SyncApplication)
    assert verdict.write.marker == "n 1.5.0 #2"
    again = _of(DEV, "Failed", marker="n 1.5.0 #2", resources=(HOOK,))
    verdict = replace(step, retries=retries).decide(
        RELEASE, RolloutSeen(aim=AIM, stages=(again,))
    )
    assert isinstance(verdict, Blocked)


def test_what_is_degraded_may_mend_itself() -> None:
    sick = _at(
        "dev",
        application=replace(APPLICATION, health="Degraded"),
        unhealthy=(SICK,),
    )
    verdict = _decide(sick)
    assert isinstance(verdict, Wait)
    assert verdict.patience == 300
    assert isinstance(verdict.otherwise, Blocked)
    assert verdict.otherwise.exit_status is ExitStatus.UNFINISHED
    assert verdict.otherwise.problem == (
        "dev: Degraded: Deployment n (no quota)"
    )


def test_sync_window_is_waited_for() -> None:
    window = SyncWindow(
        kind="deny", schedule="0 0 * * *", duration="8h",
        until=NOW.replace(hour=20),
    )  # fmt: skip
    verdict = _decide(replace(DEV, windows=(window,)), syncs=True)
    assert isinstance(verdict, Wait)
    assert "until 2026-11-01 20:00 UTC" in verdict.reason
    assert not verdict.is_on_person


def test_who_cannot_be_looked_at_blocks_nothing_but_what_is_asked() -> None:
    verdict = _decide(DONE, _at("int", **DENIED))
    assert isinstance(verdict, Done)
    assert verdict.evidence == "dev runs 1.5.0; int: cannot look: timed out"
    verdict = _decide(DONE, _at("int", **DENIED), environments=("int",))
    assert isinstance(verdict, Blocked)
    assert verdict.exit_status is ExitStatus.NOT_ALLOWED
    assert verdict.help == "log in"
    verdict = _decide(_at("dev", **DENIED), _at("int", **DENIED))
    assert isinstance(verdict, Blocked)
    assert verdict.exit_status is ExitStatus.NOT_ALLOWED


def test_who_does_not_answer_is_asked_again() -> None:
    verdict = _decide(DONE, _at("int", **UNKNOWN))
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Done)
    verdict = _decide(DONE, _at("int", **UNKNOWN), environments=("int",))
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Blocked)
    assert verdict.otherwise.exit_status is ExitStatus.FAILED


def test_pinned_one_that_was_named_is_not_waited_for() -> None:
    stage = replace(INT.stage, tags=(PINS,))
    verdict = _decide(replace(INT, stage=stage), environments=("int",))
    assert isinstance(verdict, Blocked)
    assert verdict.help == "rsp-release deploy 1.5.0 --environment int"
    assert isinstance(_decide(DONE, replace(INT, stage=stage)), Done)


def test_plan_says_what_comes_after_the_merge() -> None:
    stage = replace(DEV.stage, tags=(replace(FOLLOWS, tag="1.4.0"),))
    before = replace(DEV, stage=stage, has_commit=None)
    aim = replace(AIM, pull=None, commit=None)
    seen = RolloutSeen(aim=aim, stages=(before,))
    verdict = Rollout(syncs=True).decide(RELEASE, seen)
    assert isinstance(verdict, Wait)
    assert verdict.is_on_person
    assert verdict.reason.endswith("not open; then sync dev")


def test_status_tells_it_beside_the_release() -> None:
    for seen in (DEV, _of(DEV, "Failed"), _at("dev", **DENIED)):
        verdict = _decide(seen, is_asked=False)
        assert isinstance(verdict, Wait)
        assert verdict.is_beside
    assert isinstance(_decide(DONE, is_asked=False), Done)
    nothing = RolloutSeen(aim=AIM, problem="no such repository")
    verdict = Rollout(is_asked=False).decide(RELEASE, nothing)
    assert isinstance(verdict, Wait)
    assert verdict.reason == "cannot look: no such repository"


def test_nothing_is_pruned_or_forced_unless_asked() -> None:
    verdict = _decide(DEV, syncs=True)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, SyncApplication)
    assert (verdict.write.prunes, verdict.write.forces) == (False, False)
    verdict = _decide(DEV, syncs=True, prunes=True)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, SyncApplication)
    assert verdict.write.prunes
