"""What Argo CD says of an environment, and how the release stands there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rsp_release.deployment.charts import Place
from rsp_release.deployment.effective import EffectiveTag
from rsp_release.deployment.rollout import (
    Aim,
    StageSeen,
    compared_revision,
    find_blocker,
    find_versions,
    is_awaited,
    judge,
    next_marker,
)
from rsp_release.deployment.stages import Stage
from rsp_release.models import PullRequest
from rsp_release.models.rollout import (
    Application,
    Operation,
    Resource,
    Source,
    SyncWindow,
    Target,
)

MERGE = "c" * 40
OLD = "a" * 40
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
PULL = PullRequest(
    number=9,
    url="https://example.org/9",
    is_open=False,
    is_merged=True,
    head="1" * 40,
    merge_commit=MERGE,
)
AIM = Aim(
    application="n",
    tag="1.5.0",
    images=frozenset({"ghcr.io/o/n"}),
    pull=PULL,
    is_deployed=True,
    branch="main",
    commit=MERGE,
)
FOLLOWS = EffectiveTag(
    environment="idfdev",
    key="appVersion",
    image="ghcr.io/o/n",
    tag="1.5.0",
    place=Place(path="applications/n/Chart.yaml", keys=("appVersion",)),
)
PINS = replace(
    FOLLOWS,
    tag="1.3.0",
    place=Place(path="applications/n/values-idfdev.yaml", keys=("image",)),
)
STAGE = Stage(
    target=Target(
        environment="idfdev",
        argocd="https://dev.example.org/argo-cd",
        application="n",
    ),
    tags=(FOLLOWS,),
)
APPLICATION = Application(
    name="n",
    sync="Synced",
    health="Healthy",
    revisions=(MERGE,),
    images=("ghcr.io/o/n:1.5.0", "docker.io/redis:7"),
    since=NOW,
)
SEEN = StageSeen(
    stage=STAGE,
    application=APPLICATION,
    has_commit=True,
    versions=("1.5.0",),
)
BEFORE = replace(
    SEEN,
    application=replace(APPLICATION, sync="OutOfSync"),
    versions=("1.4.0",),
)


def _with(seen: StageSeen = SEEN, /, **changes: Any) -> StageSeen:
    """Return what was seen with another state of the application."""
    assert seen.application is not None
    return replace(seen, application=replace(seen.application, **changes))


def _operation(phase: str, **given: Any) -> Operation:
    return Operation(**{"phase": phase, "revisions": (MERGE,), **given})


HOOK = Resource(
    kind="Job", name="migrate", message="exit 1", hook_phase="Failed"
)
SICK = Resource(
    kind="Deployment", name="n", health="Degraded", message="no quota"
)
DENIES = SyncWindow(kind="deny", schedule="0 0 * * *", duration="8h")


@pytest.mark.parametrize(
    ("seen", "state", "said"),
    [
        (SEEN, "runs", "runs 1.5.0"),
        (_with(health="Progressing"), "settling", "Progressing"),
        # The state of before the new pods start (facts 1.4).
        (
            replace(SEEN, versions=("1.4.0",)),
            "settling",
            "and still runs 1.4.0",
        ),
        (replace(SEEN, versions=("1.4.0", "1.5.0")), "runs", "runs"),
        (replace(SEEN, versions=()), "settling", "waiting to see"),
        (replace(SEEN, versions=(), has_held=True), "runs", "runs 1.5.0"),
        (
            replace(SEEN, versions=("1.4.0",), has_held=True),
            "settling",
            "still runs 1.4.0",
        ),
        (_with(BEFORE), "sync", "OutOfSync"),
        (
            _with(BEFORE, out_of_sync=(SICK,)),
            "sync",
            "OutOfSync: Deployment n",
        ),
        (replace(BEFORE, windows=(DENIES,)), "window", "denies syncs"),
        (
            replace(BEFORE, windows=(replace(DENIES, manual_sync=True),)),
            "sync",
            "OutOfSync",
        ),
        (replace(BEFORE, has_commit=False), "compare", "has compared ccccc"),
        # That GitHub cannot be asked is no reason to sync, or to say that
        # it does not run.
        (replace(BEFORE, has_commit=None), "compare", "has compared"),
        (replace(SEEN, has_commit=None), "runs", "runs"),
        (
            replace(_with(sync="OutOfSync"), has_applied=True),
            "runs",
            "since then OutOfSync",
        ),
        (
            _with(BEFORE, operation=_operation("")),
            "syncing",
            "syncing",
        ),
        (
            _with(
                BEFORE,
                operation=_operation(
                    "Running", initiated_by="ada", message="waiting for hook"
                ),
            ),
            "syncing",
            "syncing, by ada: waiting for hook",
        ),
        (
            _with(operation=_operation("Running")),
            "syncing",
            "syncing",
        ),
        (
            _with(BEFORE, operation=_operation("Failed", resources=(HOOK,))),
            "failed",
            "sync failed: Job migrate (exit 1)",
        ),
        (
            _with(operation=_operation("Error", message="cannot render")),
            "failed",
            "sync failed: cannot render",
        ),
        # Of what was there before, it says nothing of this release.
        (
            _with(BEFORE, operation=_operation("Failed", revisions=(OLD,))),
            "sync",
            "OutOfSync",
        ),
        (
            replace(_with(health="Degraded"), unhealthy=(SICK,)),
            "degraded",
            "Degraded: Deployment n (no quota)",
        ),
        (
            _with(BEFORE, sync="Unknown", conditions=("ComparisonError: x",)),
            "degraded",
            "cannot be compared with git: ComparisonError: x",
        ),
        (replace(SEEN, application=None), "absent", "no application n"),
        (
            StageSeen(stage=STAGE, problem="timed out", is_denied=False),
            "unknown",
            "cannot look: timed out",
        ),
    ],
)
def test_states(seen: StageSeen, state: str, said: str) -> None:
    standing = judge(seen, AIM)
    assert standing.state == state
    assert said in standing.text
    assert standing.wanted == "1.5.0"
    assert standing.url == "https://dev.example.org/argo-cd/applications/n"


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (replace(SEEN, has_commit=False), "pinned"),
        (_with(BEFORE), "pinned"),
        # Whatever was meant, that is what runs.
        (SEEN, "runs"),
    ],
)
def test_pins_are_told(seen: StageSeen, state: str) -> None:
    stage = replace(STAGE, tags=(PINS,))
    standing = judge(replace(seen, stage=stage), AIM)
    assert standing.state == state
    assert standing.wanted == "1.3.0"
    if state == "pinned":
        assert "applications/n/values-idfdev.yaml#image" in standing.text
        assert standing.help == (
            "rsp-release deploy 1.5.0 --environment idfdev"
        )


def test_pin_that_was_moved_is_awaited_in_its_spelling() -> None:
    stage = replace(STAGE, tags=(replace(PINS, tag="v1.5.0"),))
    assert is_awaited(stage, AIM)
    seen = replace(SEEN, stage=stage, versions=("v1.5.0",))
    assert judge(seen, AIM).state == "runs"


def test_branch_of_its_own_is_told() -> None:
    source = Source(repository="x", target_revision="tickets/DM-1")
    seen = _with(BEFORE, sources=(source,))
    standing = judge(seen, AIM)
    assert standing.state == "pinned"
    assert standing.text == "follows tickets/DM-1, not main"
    for usual in ("", "HEAD", "main", "refs/heads/main"):
        source = Source(repository="x", target_revision=usual)
        assert judge(_with(BEFORE, sources=(source,)), AIM).state == "sync"


def test_failed_sync_says_what_to_do_in_a_table_too() -> None:
    stage = replace(STAGE, target=replace(STAGE.target, environment="a b"))
    failed = _with(BEFORE, operation=_operation("Failed", resources=(HOOK,)))
    standing = judge(replace(failed, stage=stage), AIM)
    assert standing.help == (
        "fix the cause, then `rsp-release rollout 1.5.0 --sync 'a b'`"
    )


@pytest.mark.parametrize(
    ("pull", "said"),
    [
        (None, "its deployment pull request is not open"),
        (replace(PULL, is_open=True, is_merged=False), "#9 is not merged"),
        (replace(PULL, is_merged=False), "#9 was closed and not merged"),
    ],
)
def test_merge_comes_first(pull: PullRequest | None, said: str) -> None:
    aim = replace(AIM, pull=pull, commit=None)
    old = replace(FOLLOWS, tag="1.4.0")
    stage = replace(STAGE, tags=(old,))
    seen = replace(SEEN, stage=stage, has_commit=None, versions=("1.4.0",))
    standing = judge(seen, aim)
    assert (standing.state, standing.text) == ("merge", said)
    assert standing.is_on_person
    # One that names another tag is not moved by it.
    pinned = replace(STAGE, tags=(replace(PINS, tag="1.4.0"),))
    assert judge(replace(seen, stage=pinned), aim).state == "pinned"


def test_without_a_deployment_repository_argo_cd_alone_tells() -> None:
    aim = Aim(application="n", tag="1.5.0", images=AIM.images)
    stage = replace(STAGE, tags=())
    seen = replace(SEEN, stage=stage, has_commit=None)
    assert judge(seen, aim).state == "runs"
    before = replace(BEFORE, stage=stage, has_commit=None)
    assert judge(before, aim).state == "sync"


@pytest.mark.parametrize(
    ("images", "versions"),
    [
        (("ghcr.io/o/n:1.5.0",), ("1.5.0",)),
        (("ghcr.io/o/n:1.4.0", "ghcr.io/o/n:1.5.0"), ("1.4.0", "1.5.0")),
        (("ghcr.io/o/n:1.5.0@sha256:0123", "x/n:2"), ("1.5.0",)),
        (("ghcr.io/o/n@sha256:0123456789abcdef",), ("sha256:0123456789ab",)),
        (("ghcr.io/o/n",), ("latest",)),
        (("ghcr.io/o/n-worker:1.5.0", "localhost:5000/n"), ()),
    ],
)
def test_versions(images: tuple[str, ...], versions: tuple[str, ...]) -> None:
    assert find_versions(images, {"ghcr.io/o/n"}) == versions


def test_port_is_no_tag() -> None:
    assert find_versions(["localhost:5000/n"], {"localhost:5000/n"}) == (
        "latest",
    )


def test_revision_of_several_sources() -> None:
    sources = (
        Source(repository="https://charts.example.org"),
        Source(repository="https://github.com/O/Charts.git"),
    )
    assert compared_revision(sources, ("1.2.3", MERGE), "o/charts") == MERGE
    assert compared_revision(sources, ("1.2.3", MERGE), "o/others") is None
    assert compared_revision((), (MERGE,), "o/charts") == MERGE
    assert compared_revision((), (), "o/charts") is None


def test_markers_count_what_failed() -> None:
    assert next_marker(None, AIM) == "n 1.5.0"
    assert next_marker(_operation("Failed"), AIM) == "n 1.5.0"
    other = _operation("Failed", marker="n 1.5.0-rc.1")
    assert next_marker(other, AIM) == "n 1.5.0"
    first = _operation("Failed", marker="n 1.5.0")
    assert next_marker(first, AIM) == "n 1.5.0 #2"
    second = _operation("Failed", marker="n 1.5.0 #2")
    assert next_marker(second, AIM) == "n 1.5.0 #3"


def test_window_that_ends_last_counts() -> None:
    early = replace(DENIES, until=NOW)
    late = replace(DENIES, until=NOW.replace(hour=20))
    assert find_blocker([early, late]) == late
    assert find_blocker([early, DENIES, late]) == DENIES
    assert find_blocker([replace(late, manual_sync=True)]) is None
    standing = judge(replace(BEFORE, windows=(early, late)), AIM)
    assert standing.until == late.until
    assert "until 2026-11-01 20:00 UTC (0 0 * * *)" in standing.text
