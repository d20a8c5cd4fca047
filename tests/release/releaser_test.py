"""What a release is planned from: the past, and what was begun."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.models import Result
from rsp_release.version.choose import History, Request
from rsp_release.version.tags import parse_tags

from ..support.branches import COMMIT
from ..support.campaign import TAG, make_releaser
from ..support.simulated import Chaos, Hub, VirtualClock


@pytest.mark.parametrize(("days", "outcome"), [(1, "released"), (9, None)])
def test_tag_of_the_past_is_not_finished(
    tmp_path: Path, days: int, outcome: str | None
) -> None:
    """A tag that stood there is a fact; nobody waits for a run of it."""
    hub = Hub(clock=VirtualClock())
    hub.branches.commits[COMMIT] = replace(
        hub.branches.commits[COMMIT], pending=()
    )
    hub.tags[TAG] = (COMMIT, hub.clock.now() - timedelta(days=days))
    tags = tuple(parse_tags([TAG]))
    history = History(head=COMMIT, branch="main", tags=tags, previous=tags[0])
    releaser = make_releaser(
        hub, Chaos(), tmp_path, random=Random(0), is_clean=True
    )
    releaser = replace(
        releaser,
        project=replace(releaser.project, read_history=lambda _: history),
    )
    plan = releaser.plan(Request())
    assert (plan.unfinished is None) == (outcome is None)
    if outcome is not None:
        return
    [result] = releaser.bump(plan)
    assert isinstance(result, Result)
    assert (result.outcome, int(result.exit_status)) == ("nothing", 0)
    assert TAG in str(result.message)
    assert result.help == f"finish it: rsp-release resume {TAG}"
    assert not hub.writes
