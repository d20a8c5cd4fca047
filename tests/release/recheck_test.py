"""The entry is read again before its version is tagged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from typing_extensions import override

from rsp_release.config import Config
from rsp_release.engine.journal import find_unfinished
from rsp_release.exceptions import ExitStatus
from rsp_release.models import Blocked, ChangelogState, ChangelogStyle
from rsp_release.release.project import Project
from rsp_release.release.recheck import recheck
from rsp_release.version.commits import CommitEvidence
from rsp_release.version.history import History
from rsp_release.version.tags import Stream, parse_tags

from ..steps.changelog_pr_test import PROPOSAL
from ..support.branches import COMMIT
from ..support.campaign import TAG, run_process
from ..support.simulated import (
    Chaos,
    Hub,
    SimulatedChangelog,
    VirtualClock,
    make_world,
)

FIX = "### Bug fixes\n\n- Stop.\n"
FEATURE = "### New features\n\n- Start.\n"
BREAK = "### Backwards-incompatible changes\n\n- Drop it.\n"
VAGUE = "### Other changes\n\n- Something.\n"


def _look(
    entry: str | None,
    *,
    version: str,
    asked: str | None = "auto",
    style: ChangelogStyle = "scriv",
    branch: str = "main",
    previous: str | None = "1.1.0",
    more: tuple[str, ...] = (),
    is_forced: bool = False,
    is_prerelease: bool = False,
    before: History | None = None,
) -> Blocked | None:
    """Look at an entry that landed, where a version was chosen."""
    names = (*([previous] if previous else []), *more)
    tags = tuple(parse_tags(names))
    # Whichever stream a tag is of, it is newer than those before.
    streams = {
        tag.is_calendar: Stream(tag, when, f"{when:040x}")
        for when, tag in enumerate(tags)
    }
    history = History(
        head=COMMIT,
        branch=branch,
        tags=tags,
        streams=(*reversed(streams.values()),) if len(streams) > 1 else (),
        previous=tags[0] if previous else None,
        commits=CommitEvidence(total=1),
    )

    class Changelog(SimulatedChangelog):
        """One whose entry is given."""

        @override
        def look(self, commit: str, version: str) -> ChangelogState:
            return ChangelogState(
                style=style, path="CHANGELOG.md", entry=entry
            )

    hub = Hub(clock=VirtualClock())
    world = make_world(hub, Chaos())
    project = Project(
        world=replace(world, changelog=Changelog(hub, hub.clock, Chaos())),
        config=Config(),
        repository="o/n",
        journals=Path("journals"),
        read_history=lambda revision: (
            before if before and revision.endswith("~1") else history
        ),
    )
    proposal = replace(
        PROPOSAL,
        version=version,
        tag=version,
        commit=COMMIT,
        asked=asked,
        is_forced=is_forced,
        is_prerelease=is_prerelease,
    )
    return recheck(project, proposal, "e" * 40)


@pytest.mark.parametrize("style", ["scriv", "unreleased", "headings"])
@pytest.mark.parametrize(
    ("entry", "version", "asked", "expected"),
    [
        # As it was chosen.
        (FIX, "1.1.1", "auto", None),
        (FEATURE, "1.2.0", "auto", None),
        (FIX + "\n" + FEATURE, "1.2.0", "auto", None),
        # It says more.
        (FEATURE, "1.1.1", "auto", "1.2.0"),
        (FEATURE, "1.1.1", "patch", "1.2.0"),
        (BREAK, "1.2.0", "minor", "2.0.0"),
        (BREAK, "1.2.0", "1.2.0", "2.0.0"),
        (BREAK, "1.2.0", None, "2.0.0"),
        # It says less, which who named a part had allowed.
        (FIX, "1.2.0", "auto", "1.1.1"),
        (FIX, "1.2.0", "minor", None),
        (FIX, "1.5.0", "1.5.0", None),
        # It does not say.
        (VAGUE, "1.2.0", "auto", None),
        ("- Something.\n", "1.2.0", "auto", None),
        ("", "1.2.0", "auto", None),
        (None, "1.2.0", "auto", None),
    ],
)
def test_entry_and_choice(
    entry: str | None,
    version: str,
    asked: str | None,
    expected: str | None,
    style: ChangelogStyle,
) -> None:
    blocked = _look(entry, version=version, asked=asked, style=style)
    if expected is None:
        assert blocked is None
        return
    assert blocked is not None
    assert f"that makes {expected}, and {version} was" in blocked.problem
    assert blocked.help is not None
    assert f"resume {version} --force" in blocked.help
    assert f"bump {expected}" in blocked.help
    assert blocked.exit_status is ExitStatus.BLOCKED
    assert blocked.question


def test_what_is_not_asked_again() -> None:
    assert _look(BREAK, version="1.2.0", is_forced=True) is None
    assert _look(BREAK, version="1.2.0-rc.1", is_prerelease=True) is None
    # Nothing to raise, and nothing that can be counted on from.
    assert _look(BREAK, version="0.1.0", previous=None) is None
    dates = ("2025.1.1", "2025.2.1")
    assert _look(BREAK, version="1.2.0", more=dates) is None
    # Tagged meanwhile, by another machine.
    assert _look(BREAK, version="1.2.0", more=("1.2.0",)) is None


def test_breaking_in_0x_is_what_was_chosen() -> None:
    assert _look(BREAK, version="0.4.0", previous="0.3.2") is None
    blocked = _look(BREAK, version="0.3.3", previous="0.3.2")
    assert blocked is not None
    assert "0.4.0" in blocked.problem


def test_release_branch_takes_no_such_entry() -> None:
    blocked = _look(FEATURE, version="1.1.1", branch="1.1")
    assert blocked is not None
    assert "takes no minor release" in blocked.problem
    assert blocked.help is not None
    assert "--force" in blocked.help


@pytest.mark.parametrize(("is_auto", "expected"), [(True, 1), (False, 0)])
def test_less_in_a_clone_that_did_not_begin_it(
    *, is_auto: bool, expected: int
) -> None:
    """What was pending before the entry tells who chose the version."""
    from rsp_release.version.fragments import parse_fragment

    previous = next(parse_tags(["1.1.0"]))
    pending = parse_fragment("changelog.d/a.md", FEATURE if is_auto else FIX)
    before = History(
        head=COMMIT,
        tags=(previous,),
        previous=previous,
        commits=CommitEvidence(total=1),
        fragments=(pending,),
    )
    blocked = _look(FIX, version="1.2.0", asked=None, before=before)
    assert (blocked is not None) == expected


def test_stops_before_the_tag_until_a_person_insists(tmp_path: Path) -> None:
    """In the clone that began it and in another, by resume and by bump."""
    hub = Hub(clock=VirtualClock())
    hub.branches.entry, hub.branches.edited = FEATURE, BREAK
    random = Random(0)
    for place, command in (
        ("a", "bump"),
        ("a", "resume"),
        ("a", "bump"),
        ("a", "status"),
        ("b", "resume"),
        ("b", "status"),
    ):
        result = run_process(
            hub,
            Chaos(),
            tmp_path / place,
            random=random,
            is_clean=place == "b",
            checkout=hub.branches.head("main") or COMMIT,
            command=command,
        )
        assert (result.outcome, result.exit_status) == ("blocked", 3)
        assert result.message is not None
        assert "2.0.0" in result.message
        assert hub.tags == {}
        assert hub.pages == []
    writes = dict(hub.writes)
    assert len(writes) == 2  # the branch and its pull request, once
    assert find_unfinished(tmp_path / "a")
    result = run_process(
        hub,
        Chaos(),
        tmp_path / "a",
        random=random,
        command="resume",
        forces=True,
    )
    assert result.outcome == "released"
    assert list(hub.tags) == [TAG]


def test_who_named_the_part_may_raise_more(tmp_path: Path) -> None:
    hub = Hub(clock=VirtualClock())
    hub.branches.entry, hub.branches.edited = FEATURE, FIX
    result = run_process(
        hub, Chaos(), tmp_path, random=Random(0), part="minor"
    )
    assert result.outcome == "released"
