"""Releases that were begun, by journal and by branch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.engine.journal import Journal, find_unfinished
from rsp_release.exceptions import UsageError
from rsp_release.models import Proposal, PullPolicy
from rsp_release.release.unfinished import UnfinishedReleases

from ..steps.changelog_pr_test import PROPOSAL
from ..support.branches import SimulatedCommit
from ..support.campaign import BRANCH, TAG, make_releaser, run_process
from ..support.simulated import COMMIT, Chaos, Crash, Hub, VirtualClock


def test_journal_remembers_the_proposal(tmp_path: Path) -> None:
    proposal = replace(
        PROPOSAL,
        pull_policy=PullPolicy(labels=("a",), reviewers=("b",)),
        after_pull=7,
    )
    assert proposal.proposed_at is not None
    Journal.of_tag(tmp_path, TAG).propose(proposal)
    journal = Journal.of_tag(tmp_path, TAG)
    assert journal.proposal == proposal
    journal.intend("push", step="changelog", at=proposal.proposed_at)
    assert find_unfinished(tmp_path)[0].proposal == proposal
    # A new try takes the place of the old one, and of its intents.
    journal.propose(replace(proposal, after_pull=8))
    assert not journal.has_intents
    journal.intend("push", step="changelog", at=proposal.proposed_at)
    journal.abandon(at=proposal.proposed_at)
    assert find_unfinished(tmp_path) == []
    assert Journal.of_tag(tmp_path, TAG).proposal is None


def test_killed_before_the_merge_is_the_same_release(tmp_path: Path) -> None:
    """What was proposed is in the journal before anything is written."""
    hub = Hub(clock=VirtualClock())
    chaos = Chaos(lambda n, w: "crash after" if w else None)
    with pytest.raises(Crash):
        run_process(hub, chaos, tmp_path, random=Random(0))
    [journal] = find_unfinished(tmp_path)
    assert isinstance(journal.proposal, Proposal)
    assert journal.proposal.changelog_branch == BRANCH
    assert journal.has_intents
    # However long ago, and whatever is checked out now.
    hub.clock.sleep(7 * 86400)
    result = run_process(
        hub, Chaos(), tmp_path, random=Random(0), checkout="f" * 40
    )
    assert result.outcome == "released"


def test_nothing_was_begun(tmp_path: Path) -> None:
    from rsp_release.config import Config
    from rsp_release.release.project import Project
    from rsp_release.version.choose import History

    from ..support.simulated import make_world

    hub = Hub(clock=VirtualClock())
    project = Project(
        world=make_world(hub, Chaos()),
        config=Config(),
        repository="o/n",
        journals=tmp_path,
        read_history=lambda revision: History(head="c" * 40),
    )
    unfinished = UnfinishedReleases(project, 60.0)
    assert unfinished.find_newest() is None
    for tag in (None, "9.9.9"):
        with pytest.raises(UsageError):
            unfinished.find_to_resume(tag)


@pytest.mark.parametrize("is_taken", [True, False])
def test_overtaken_while_its_push_was_open(
    tmp_path: Path, *, is_taken: bool
) -> None:
    """It was killed before it knew; another version has the commit since."""
    hub = Hub(clock=VirtualClock())
    hub.branches.is_protected = False
    hub.branches.commits[COMMIT] = replace(
        hub.branches.commits[COMMIT], pending=()
    )
    kills = Chaos(lambda n, w: "crash before" if w else None)
    with pytest.raises(Crash):
        run_process(hub, kills, tmp_path, random=Random(0))
    [journal] = find_unfinished(tmp_path)
    assert journal.release is not None
    assert journal.release.tag == TAG
    hub.clock.sleep(3600)
    if is_taken:
        hub.tags["2.0.0"] = (COMMIT, hub.clock.now())
        hub.clock.sleep(1)
    releaser = make_releaser(hub, Chaos(), tmp_path, random=Random(0))
    found = UnfinishedReleases(releaser.project, 60.0).find_newest()
    assert found == (None if is_taken else journal.release)
    assert len(find_unfinished(tmp_path)) == (not is_taken)


@pytest.mark.parametrize("command", ["resume", "bump"])
def test_finished_in_another_clone(tmp_path: Path, command: str) -> None:
    """The tag is the pin, whatever was proposed here before it."""
    hub = Hub(clock=VirtualClock())
    writes = iter(range(1000))
    kills = Chaos(
        lambda n, w: "crash after" if w and next(writes) == 1 else None
    )
    here, there = tmp_path / "here", tmp_path / "there"
    with pytest.raises(Crash):
        run_process(hub, kills, here, random=Random(0))
    done = run_process(
        hub, Chaos(), there, random=Random(0), is_clean=True, command="resume"
    )
    assert done.outcome == "released"
    before = dict(hub.writes)
    again = run_process(hub, Chaos(), here, random=Random(0), command=command)
    assert again.exit_status == 0, again.message
    assert hub.writes == before
    assert find_unfinished(here) == []


@pytest.mark.parametrize("is_ours", [False, True])
def test_tag_of_another_who_left_what_came_late(
    tmp_path: Path, *, is_ours: bool
) -> None:
    """One pinned what another had tagged before, and goes on with the tag."""
    hub = Hub(clock=VirtualClock())
    result = run_process(hub, Chaos(), tmp_path / "theirs", random=Random(0))
    assert result.outcome == "released"
    theirs = Journal.of_tag(tmp_path / "theirs", TAG).release
    assert theirs is not None
    later = "f" * 40
    hub.branches.commits[later] = SimulatedCommit(
        parents=(theirs.commit,), has_entry=True
    )
    journal = Journal.of_tag(tmp_path / "ours", TAG)
    now = hub.clock.now()
    journal.intend("push", step="changelog", at=now)
    pinned = replace(
        theirs, commit=later, pinned_at=now + timedelta(seconds=1)
    )
    journal.pin(pinned)
    if is_ours:
        # What was written by this pin is not given up for a tag.
        journal.intend("push tag", step="tag", at=now + timedelta(seconds=2))
    releaser = make_releaser(hub, Chaos(), tmp_path / "ours", random=Random(0))
    found = releaser.find(TAG)
    assert found.commit == (later if is_ours else theirs.commit)
