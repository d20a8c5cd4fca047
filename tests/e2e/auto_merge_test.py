"""The change log's pull request merges itself, where the settings say so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rsp_release.models import (
    Change,
    EnableAutoMerge,
    MergePull,
    Result,
    StepEvent,
)
from rsp_release.release.plan import Options
from rsp_release.version.choose import Request

from ..support.campaigns import choose_size
from ..support.people import FAST, Person
from ..support.service import NAME, TAG, Service, serve
from ..support.simulated import VirtualClock

METHODS = ("squash", "merge", "rebase")[: choose_size(3, 1)]


def _ask_for(service: Service, method: str) -> None:
    (service.clone / ".rsp-release.toml").write_text(
        f'[pull-request]\nwhen = "always"\nauto-merge = "{method}"\n',
        encoding="utf-8",
    )
    service.git("add", "--all")
    service.git("commit", "--quiet", "-m", "Let change logs merge themselves")
    service.git("push", "--quiet", "origin", "HEAD")


def _writes(service: Service) -> list[type]:
    return [
        type(event.verdict.write)
        for event in service.events
        if isinstance(event, StepEvent) and isinstance(event.verdict, Change)
    ]


@pytest.mark.parametrize("method", METHODS)
def test_github_merges_once_checks_have_passed(
    method: str, tmp_path: Path
) -> None:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, clock=clock) as service:
        _ask_for(service, method)
        service.box.project(NAME).allow_auto_merge = True
        service.box.protect(NAME, "main", checks=("test",))
        result = service.bump()
        assert result.outcome == "released", result.message
        writes = _writes(service)
        assert EnableAutoMerge in writes
        assert MergePull not in writes
        state = service.box.state
        [pull] = state.pulls(NAME).values()
        assert pull.merge_sha == state.tags(NAME)[TAG] == result.commit
        texts = [
            getattr(event.verdict, "reason", "")
            for event in service.events
            if isinstance(event, StepEvent) and event.key == "changelog"
        ]
        assert any("auto-merge is on" in text for text in texts)
        # That of the push, and that of the pull request.
        assert any("0 of 2 checks passed" in text for text in texts), texts
        assert state.unknown == []


def test_no_wait_leaves_it_to_github(tmp_path: Path) -> None:
    """Nobody has to come back for the merge itself."""
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, clock=clock) as service:
        _ask_for(service, "squash")
        service.box.project(NAME).allow_auto_merge = True
        service.box.protect(NAME, "main", approvals=1, checks=("test",))
        person = Person(service)
        left = service.bump(options=Options(waits=False))
        assert left.exit_status == 8
        assert "auto-merge is on" in str(left.message)
        number = person.find()
        person.ask("POST", f"/pulls/{number}/reviews", {"event": "APPROVE"})
        clock.sleep(3600)
        [pull] = service.box.state.pulls(NAME).values()
        result = service.bump()
        assert result.outcome == "released", result.message
        assert pull.merge_sha == service.box.state.tags(NAME)[TAG]
        assert MergePull not in _writes(service)


@pytest.mark.parametrize("checks", [(), ("test",)])
def test_merged_here_where_github_would_not(
    checks: tuple[str, ...], tmp_path: Path
) -> None:
    """The repository does not allow it, or nothing is required."""
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, scenario=FAST, clock=clock) as service:
        _ask_for(service, "squash")
        service.box.project(NAME).allow_auto_merge = not checks
        service.box.protect(NAME, "main", checks=checks)
        result = service.bump()
        assert result.outcome == "released", result.message
        writes = _writes(service)
        assert EnableAutoMerge not in writes
        assert MergePull in writes
        state = service.box.state
        [pull] = state.pulls(NAME).values()
        assert pull.merge_sha == state.tags(NAME)[TAG]
        # It waited for the checks, whoever requires them.
        [run] = [r for r in state.runs(NAME) if r.event == "pull_request"]
        assert run.conclusion(clock.now()) == "success"
        assert pull.merged_at is not None
        ends = run.ends_at()
        assert ends is not None
        assert pull.merged_at >= ends


def test_it_became_mergeable_just_then(tmp_path: Path) -> None:
    """GitHub refuses the wish, and then it is merged at once."""
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, scenario=FAST, clock=clock) as service:
        _ask_for(service, "squash")
        service.box.project(NAME).allow_auto_merge = True
        service.box.protect(NAME, "main", approvals=1)
        person = Person(service)
        releaser = service.make_releaser()
        for event in releaser.bump(releaser.plan(Request(part="minor"))):
            service.events.append(event)
            if _writes(service)[-1:] == [EnableAutoMerge]:
                # After the look, before the write.
                number = person.find()
                path = f"/pulls/{number}/reviews"
                person.ask("POST", path, {"event": "APPROVE"})
                clock.sleep(600)
        assert isinstance(event, Result)
        assert event.outcome == "released", event.message
        writes = _writes(service)
        assert writes.count(EnableAutoMerge) == writes.count(MergePull) == 1
