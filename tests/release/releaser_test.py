"""What a release is planned from: the past, and what was begun."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.models import Notice, Release, Result, StepEvent
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


@pytest.mark.parametrize("step", ["preflight", "tag", "workflow_run"])
def test_release_goes_on_under_a_new_name(tmp_path: Path, step: str) -> None:
    """It is pinned anew as soon as it was heard of, and ends as any other."""
    hub = Hub(clock=VirtualClock())
    releaser = make_releaser(hub, Chaos(), tmp_path, random=Random(0))
    events = []
    for event in releaser.bump(releaser.plan(Request(part="minor"))):
        events.append(event)
        if isinstance(event, StepEvent) and event.key == step:
            hub.name = "o/new"
    assert isinstance(events[-1], Result)
    assert events[-1].outcome == "released"
    assert [image.image for image in events[-1].images] == ["ghcr.io/o/new"]
    release = releaser.project.open_journal(TAG).release
    assert release is not None
    assert (release.repository, release.former) == ("o/new", ("o/n",))
    told = [event.text for event in events if isinstance(event, Notice)]
    assert told == ["o/n is o/new now"]
    assert (len(hub.tags), len(hub.pages)) == (1, 1)


def test_what_the_settings_correct_is_told(tmp_path: Path) -> None:
    hub = Hub(clock=VirtualClock())
    releaser = make_releaser(hub, Chaos(), tmp_path, random=Random(0))
    for _ in releaser.bump(releaser.plan(Request(part="minor"))):
        pass
    pinned = releaser.project.open_journal(TAG).release
    assert isinstance(pinned, Release)
    assert pinned.publication is not None
    [image] = pinned.images
    images = (replace(image, platforms=("linux/s390x",)),)
    publication = replace(pinned.publication, images=images)
    first, *_ = releaser.resume(replace(pinned, publication=publication))
    assert isinstance(first, Notice)
    platforms = ", ".join(image.platforms)
    assert first.text == (
        f"images by the settings: {image.name}:{TAG} (linux/s390x);"
        f" {image.name}:{TAG} ({platforms}) before"
    )
