"""What was seen of a tag, and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_release.models import Blocked, Change, Done, PushTag
from rsp_release.steps.tag import Tag, TagSeen

from .release import COMMIT, OTHER, RELEASE

SEEN = TagSeen(
    remote_name="origin", remote=None, local=None, is_on_branch=True
)


def test_absent_tag_is_pushed() -> None:
    verdict = Tag().decide(RELEASE, replace(SEEN, claim=OTHER))
    assert isinstance(verdict, Change)
    assert verdict.write == PushTag(
        tag="1.2.0",
        commit=COMMIT,
        branch="main",
        message="1.2.0\n",
        claim=OTHER,
    )
    assert verdict.summary == f"push tag 1.2.0 at {COMMIT[:10]} to origin"


def test_tag_at_the_commit_is_done() -> None:
    verdict = Tag().decide(RELEASE, replace(SEEN, remote=COMMIT))
    assert isinstance(verdict, Done)


@pytest.mark.parametrize(
    ("seen", "problem", "help"),
    [
        (
            replace(SEEN, remote=OTHER),
            f"is on origin at {OTHER[:10]}",
            "never moved",
        ),
        (replace(SEEN, local=OTHER), "in this clone", "git tag -d 1.2.0"),
        (replace(SEEN, is_on_branch=False), "not on origin/main", "push"),
    ],
)
def test_contradictions_block(seen: TagSeen, problem: str, help: str) -> None:
    verdict = Tag().decide(RELEASE, seen)
    assert isinstance(verdict, Blocked)
    assert problem in verdict.problem
    assert help in (verdict.help or "")


def test_local_tag_left_by_a_crash_is_pushed() -> None:
    seen = replace(SEEN, local=COMMIT)
    assert isinstance(Tag().decide(RELEASE, seen), Change)


def test_tag_on_the_remote_counts_more_than_the_branch() -> None:
    """The branch may have moved on, or be gone, after the tag was pushed."""
    seen = replace(SEEN, remote=COMMIT, is_on_branch=False)
    assert isinstance(Tag().decide(RELEASE, seen), Done)


def test_another_version_of_the_same_commits_was_first() -> None:
    rival = Blocked(problem="1.3.0 was tagged by Ada")
    seen = replace(SEEN, rival=rival)
    assert Tag().decide(RELEASE, seen) == rival
    # What is there is there.
    assert isinstance(
        Tag().decide(RELEASE, replace(seen, remote=COMMIT)), Done
    )
