"""What others have begun to release from the same commits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from rsp_release.checks.rivals import find_rival
from rsp_release.engine.world import World
from rsp_release.models import (
    Blocked,
    ChangelogState,
    Commit,
    Proposal,
    PullRequest,
    Release,
    RemoteRefs,
)

from ..steps.release import RELEASE

OLD, BASE, HEAD, MADE = "a" * 40, "b" * 40, "c" * 40, "d" * 40
PROPOSAL = Proposal(
    repository="o/n",
    branch="main",
    default_branch="main",
    commit=BASE,
    version="2.0.0",
    tag="2.0.0",
    previous_tag="1.4.0",
)
REFS = RemoteRefs(head=BASE, tags={"1.4.0": OLD})
AHEAD = replace(REFS, head=HEAD)
BRANCH = {"1.5.0": MADE}
PULL = PullRequest(
    number=1, url="u", is_open=True, is_merged=False, head=MADE, base="main"
)
CLOSED = replace(PULL, is_open=False)
ENTRY = "Update the change log for 1.5.0"


@dataclass
class Place:
    """The clone, the change log and GitHub, as far as it needs them."""

    entries: dict[str, str] = field(default_factory=dict)
    """The commit that has a version's entry."""

    landed: tuple[Commit, ...] = ()
    claimed: tuple[str, str] = ("", "")
    made_on: str = BASE
    opened: tuple[PullRequest, ...] = ()

    @property
    def world(self) -> World:
        return World(
            git=cast("Any", self),
            forge=cast("Any", self),
            changelog=cast("Any", self),
            registry=cast("Any", None),
            clock=cast("Any", None),
        )

    def local_tag(self, tag: str) -> str | None:
        return OLD if tag == "1.4.0" else None

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        assert (since, until) in {(OLD, BASE), (OLD, HEAD), (BASE, HEAD)}
        return self.landed

    def describe(self, ref: str, hash_: str | None = None) -> tuple[str, str]:
        return self.claimed if ref.endswith("claim") else ("Ada", ENTRY)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        assert ancestor == f"{MADE}~1"
        return self.made_on == descendant

    def look(self, commit: str, version: str) -> ChangelogState:
        entry = "- a\n" if self.entries.get(version) == commit else None
        return ChangelogState(style="scriv", entry=entry)

    def pulls(self, branch: str) -> tuple[PullRequest, ...]:
        assert branch == "rsp-release/changelog-1.5.0"
        return self.opened


def land(message: str, hash_: str = HEAD) -> tuple[Commit, ...]:
    return (Commit(hash=hash_, parents=1, author="Bea", message=message),)


def find(
    refs: RemoteRefs,
    place: Place | None = None,
    subject: Proposal | Release = PROPOSAL,
) -> str:
    rival = find_rival(subject, refs, (place or Place()).world)
    if rival is None:
        return ""
    assert isinstance(rival, Blocked)
    assert rival.exit_status == 3
    return f"{rival.problem}\n{rival.help}"


def test_nobody_else() -> None:
    assert find(REFS) == ""
    assert find(RemoteRefs()) == ""
    # Of another stream, older, or a date.
    branches = {"x/v1.5.0": MADE, "1.3.9": MADE, "2026.01.01": MADE}
    assert find(replace(REFS, branches=branches)) == ""


@pytest.mark.parametrize(
    ("pulls", "made_on", "is_rival"),
    [
        ((), BASE, True),  # pushed just now, or its owner was killed
        ((), OLD, False),  # upon another branch
        ((PULL,), OLD, True),
        ((replace(PULL, base="1.4"),), BASE, False),
        ((CLOSED,), BASE, False),  # given up
        ((replace(CLOSED, head=OLD),), BASE, True),  # and begun again
        ((replace(CLOSED, is_merged=True, merge_commit=HEAD),), BASE, True),
    ],
)
def test_branch_with_a_change_log(
    pulls: tuple[PullRequest, ...], made_on: str, *, is_rival: bool
) -> None:
    place = Place(made_on=made_on, opened=pulls)
    said = find(replace(REFS, branches=BRANCH), place)
    assert bool(said) == is_rival
    if is_rival:
        assert said == (
            "1.5.0 is being released by Ada\n"
            "`rsp-release resume 1.5.0` finishes it\n"
            "or, to give it up, delete its branch rsp-release/changelog-1.5.0"
        )


def test_entry_without_a_tag() -> None:
    place = Place(entries={"1.5.0": HEAD}, landed=land(f"{ENTRY} (#12)"))
    said = find(AHEAD, place)
    assert said.startswith("1.5.0 is being released by Bea\n")
    assert "resume 1.5.0" in said
    assert "remove its entry" in said
    # Pulled or not, and whatever came on top of it.
    subject = replace(PROPOSAL, commit=HEAD)
    assert find(AHEAD, place, subject) == said
    # Tagged; the same; or taken away again.
    tags = {**AHEAD.tags, "1.5.0": OLD}
    assert find(replace(AHEAD, tags=tags), place, subject) == ""
    same = replace(subject, version="1.5.0", tag="1.5.0")
    assert find(AHEAD, place, same) == ""
    assert find(AHEAD, replace(place, entries={}), subject) == ""


def test_entry_whose_commit_was_renamed() -> None:
    """The claim tells who pushed last, and what."""
    place = Place(
        entries={"1.5.0": HEAD},
        landed=land("A better title"),
        claimed=("Ada", ENTRY),
    )
    said = find(replace(AHEAD, claim=MADE), place)
    assert said.startswith("1.5.0 is being released by Ada\n")


@pytest.mark.parametrize(
    ("tag", "at", "is_fetched", "is_rival"),
    [
        ("1.5.0", BASE, False, True),
        ("1.5.0", BASE, True, True),
        ("1.5.0", HEAD, False, True),
        ("1.5.0", MADE, False, False),  # of another branch
        ("2.0.0-rc.1", BASE, False, True),
        ("2.0.0-rc.1", BASE, True, False),  # it leads to this one
    ],
)
def test_tag_of_the_same_commits(
    tag: str, at: str, *, is_fetched: bool, is_rival: bool
) -> None:
    refs = replace(
        AHEAD,
        tags={**AHEAD.tags, tag: at},
        unfetched=frozenset(() if is_fetched else (tag,)),
    )
    said = find(refs, Place(landed=land("Something")))
    assert bool(said) == is_rival
    if is_rival:
        assert said.startswith(f"{tag} was tagged by Ada at {at[:10]}: 2.0.0")
        assert f"resume {tag}" in said


def test_what_was_begun_can_be_ended() -> None:
    """Whatever else was begun; only the same commit is not tagged twice."""
    begun = {"1.5.0": HEAD, "2.0.0": HEAD}
    place = Place(entries=begun, landed=land(ENTRY), opened=(PULL,))
    refs = replace(AHEAD, branches=BRANCH)
    assert find(refs, place) == ""
    both = replace(refs, branches={**BRANCH, "2.0.0": MADE})
    assert find(both, replace(place, entries={"1.5.0": HEAD})) == ""
    pinned = replace(
        RELEASE,
        version="2.0.0",
        tag="2.0.0",
        commit=HEAD,
        previous_tag="1.4.0",
    )
    assert find(refs, place, pinned) == ""
    tagged = replace(refs, tags={**refs.tags, "1.5.0": HEAD})
    assert "1.5.0 was tagged" in find(tagged, place, pinned)
    done = replace(tagged, tags={**tagged.tags, "2.0.0": HEAD})
    assert find(done, place, pinned) == ""
