"""What was seen of the change log and its pull request, and what follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rsp_release.exceptions import BlockedError
from rsp_release.models import (
    Blocked,
    Change,
    ChangelogState,
    Check,
    Collected,
    Done,
    EnableAutoMerge,
    LabelPull,
    MergePull,
    OpenPull,
    Proposal,
    PullPolicy,
    PullRequest,
    PushBranch,
    RequestReviews,
    Review,
    Verdict,
    Wait,
    Write,
)
from rsp_release.steps.changelog_pr.seen import (
    ChangelogSeen,
    look_at_changelog,
)
from rsp_release.steps.changelog_pr.step import ChangelogPull

from ..support.branches import COMMIT
from ..support.simulated import Chaos, Hub, VirtualClock, make_world

BASE, HEAD, MERGED = "b" * 40, "c" * 40, "d" * 40
FRAGMENT, LATE = "changelog.d/a.md", "changelog.d/late.md"
AT = datetime(2026, 11, 22, tzinfo=UTC)
PROPOSAL = Proposal(
    repository="o/n",
    branch="main",
    default_branch="main",
    commit=BASE,
    version="1.2.0",
    tag="1.2.0",
    proposed_at=AT,
)
TODO = ChangelogState(
    style="scriv",
    path="CHANGELOG.md",
    pending=(FRAGMENT,),
    todo=("collect 1 fragment",),
)
ENTRY = ChangelogState(style="scriv", path="CHANGELOG.md", entry="- a\n")
COLLECTED = Collected(
    base=BASE,
    tree="e" * 40,
    path="CHANGELOG.md",
    entry="- a\n",
    fragments=(FRAGMENT,),
    files=("Chart.yaml",),
)
OPENING = OpenPull(
    branch=PROPOSAL.changelog_branch, base="main", title="", body="", after=0
)
SEEN = ChangelogSeen(
    head=BASE, state=TODO, needs_pull=True, collected=COLLECTED
)
PULL = PullRequest(
    number=53,
    url="https://example.org/pull/53",
    is_open=True,
    is_merged=False,
    head=HEAD,
)
CLOSED_PULL = replace(PULL, is_open=False)
DONE_PULL = replace(PULL, is_open=False, is_merged=True, merge_commit=MERGED)
MERGED_SEEN = replace(
    SEEN,
    head=MERGED,
    state=ENTRY,
    settled=MERGED,
    pull=DONE_PULL,
    merged=ENTRY,
)


def decide(seen: ChangelogSeen, **changes: object) -> Verdict:
    proposal = replace(PROPOSAL, **changes)  # type: ignore[arg-type]
    return ChangelogPull().decide(proposal, seen)


def test_branch_is_pushed_first() -> None:
    verdict = decide(replace(SEEN, claim=HEAD))
    assert isinstance(verdict, Change)
    assert verdict.write == PushBranch(
        branch="rsp-release/changelog-1.2.0",
        tag="1.2.0",
        base=BASE,
        tree="e" * 40,
        message="Update the change log for 1.2.0\n",
        at=AT,
        expected=None,
        claim=HEAD,
    )
    assert "collect 1 fragment in CHANGELOG.md" in verdict.summary
    assert "Chart.yaml" in verdict.summary


def test_then_the_pull_request_is_opened() -> None:
    verdict = decide(replace(SEEN, branch_head=HEAD), after_pull=7)
    assert isinstance(verdict, Change)
    write = verdict.write
    assert isinstance(write, OpenPull)
    assert (write.branch, write.base) == (
        "rsp-release/changelog-1.2.0",
        "main",
    )
    assert write.after == 7
    assert write.body.endswith("---\n\n- a\n")
    assert f"`{FRAGMENT}`" in write.body


def test_another_version_was_first() -> None:
    rival = Blocked(problem="1.3.0 is being released by Ada")
    seen = replace(SEEN, rival=rival)
    for needs_pull in (True, False):
        assert decide(replace(seen, needs_pull=needs_pull)) == rival
    # What was begun itself goes on, whatever else was begun.
    assert isinstance(decide(replace(seen, branch_head=HEAD)), Change)
    assert isinstance(decide(replace(seen, pull=PULL)), Wait)


def test_long_entries_fit_into_the_pull_request() -> None:
    entry = "- a line\n" * 20_000
    seen = replace(
        SEEN, branch_head=HEAD, collected=replace(COLLECTED, entry=entry)
    )
    verdict = decide(seen)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, OpenPull)
    assert len(verdict.write.body) < 65_536


def test_direct_push_has_a_lease() -> None:
    verdict = decide(replace(SEEN, needs_pull=False))
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PushBranch)
    assert verdict.write.branch == "main"
    assert verdict.write.expected == BASE


LATE_MERGED = replace(MERGED_SEEN, late=(LATE,))
OPEN = replace(SEEN, pull=PULL)

# What was seen, the verdict, and words in what it says.
TABLE: list[tuple[str, ChangelogSeen, type, str]] = [
    ("no branch", replace(SEEN, head=None), Blocked, "no branch main"),
    ("open", OPEN, Wait, "#53 is open: waiting to be merged"),
    ("late", replace(OPEN, late=(LATE,)), Wait, LATE),
    (
        "closed",
        replace(SEEN, pull=replace(PULL, is_open=False)),
        Blocked,
        "closed and not merged",
    ),
    ("merged", MERGED_SEEN, Done, "#53 was merged as dddddddddd"),
    (
        "git lags",
        replace(MERGED_SEEN, merged=None),
        Wait,
        "waiting for it to show",
    ),
    (
        "merged, but the entry was taken out in review",
        replace(MERGED_SEEN, merged=TODO, settled=None, state=TODO),
        Blocked,
        "not complete: collect 1 fragment",
    ),
    ("late and merged", LATE_MERGED, Blocked, "1 fragment came to main"),
    (
        "moved before a direct push",
        replace(SEEN, head=HEAD, needs_pull=False),
        Blocked,
        "moved on",
    ),
    (
        "moved, and this commit needs nothing",
        replace(SEEN, head=HEAD, collected=None),
        Blocked,
        "moved on",
    ),
    (
        "scriv fails",
        replace(
            SEEN, collected=None, failure=BlockedError("scriv said", help="h")
        ),
        Blocked,
        "scriv said",
    ),
    (
        "written by hand",
        replace(SEEN, state=ENTRY, settled=BASE),
        Done,
        "CHANGELOG.md has 1.2.0 at bbbbbbbbbb",
    ),
    (
        "nothing to collect",
        replace(
            SEEN,
            state=replace(TODO, pending=(), todo=()),
            settled=BASE,
        ),
        Done,
        "no fragment",
    ),
    (
        "none",
        replace(SEEN, state=ChangelogState(style="none"), settled=BASE),
        Done,
        "no change log",
    ),
    (
        "headings",
        replace(
            SEEN,
            state=ChangelogState(style="headings", path="NEWS"),
            settled=BASE,
        ),
        Done,
        "kept by hand",
    ),
    (
        "towncrier",
        replace(
            SEEN,
            state=ChangelogState(
                style="towncrier", path="NEWS.rst", pending=("news/1.fix",)
            ),
            settled=BASE,
        ),
        Blocked,
        "towncrier has not collected",
    ),
    (
        "changesets",
        replace(
            SEEN,
            state=ChangelogState(style="changesets", pending=("a.md",)),
            settled=BASE,
        ),
        Blocked,
        "changesets has not collected",
    ),
]


@pytest.mark.parametrize(
    ("seen", "kind", "words"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_verdict(seen: ChangelogSeen, kind: type, words: str) -> None:
    verdict = decide(seen)
    assert isinstance(verdict, kind)
    said = (
        getattr(verdict, "problem", "")
        + getattr(verdict, "evidence", "")
        + getattr(verdict, "reason", "")
    )
    assert words in said
    if isinstance(verdict, Done):
        assert verdict.commit is not None
    if isinstance(verdict, Wait) and "is open" in said:
        assert verdict.is_on_person


def test_commit_to_tag_is_the_merged_one() -> None:
    verdict = decide(MERGED_SEEN)
    assert isinstance(verdict, Done)
    assert verdict.commit == MERGED


def test_late_fragments_may_be_left() -> None:
    verdict = decide(LATE_MERGED, leaves_late=True)
    assert isinstance(verdict, Done)
    assert "1 fragment waits for the next release" in verdict.evidence


def test_pre_release_collects_nothing() -> None:
    verdict = decide(ChangelogSeen(), is_prerelease=True)
    assert isinstance(verdict, Done)
    assert verdict.commit == BASE
    assert "collects no fragments" in verdict.evidence


POLICY = PullPolicy(
    labels=("release",), reviewers=("ada", "o/team"), auto_merge="squash"
)
LABELLED = replace(PULL, labels=("release",))
ASKED = replace(LABELLED, reviewers=("ada",))


@pytest.mark.parametrize(
    ("pull", "write"),
    [
        (PULL, LabelPull(number=53, labels=("release",))),
        (
            LABELLED,
            RequestReviews(number=53, reviewers=("ada", "o/team")),
        ),
        (
            replace(ASKED, merge_state="blocked"),
            EnableAutoMerge(number=53, method="squash"),
        ),
        (
            replace(ASKED, merge_state="clean"),
            MergePull(number=53, method="squash", head=HEAD),
        ),
        (replace(ASKED, merge_state="unknown"), None),
        # GitHub refuses it where only what it does not require is lacking.
        (replace(ASKED, merge_state="unstable"), None),
        (
            replace(ASKED, merge_state="has_hooks"),
            MergePull(number=53, method="squash", head=HEAD),
        ),
        (replace(ASKED, merge_state="dirty"), None),
        (replace(ASKED, merges_itself=True), None),
    ],
)
def test_what_is_asked_for_comes_one_by_one(
    pull: PullRequest, write: Write | None
) -> None:
    verdict = decide(replace(SEEN, pull=pull), pull_policy=POLICY)
    if write is None:
        assert isinstance(verdict, Wait)
    else:
        assert isinstance(verdict, Change)
        assert verdict.write == write


def check(name: str, state: str) -> Check:
    return Check(name=name, state=state)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pull", "words"),
    [
        (
            replace(
                PULL,
                checks=(check("a", "passed"), check("b", "running")),
            ),
            "1 of 2 checks passed",
        ),
        (replace(PULL, checks=(check("a", "failed"),)), "a failed"),
        (replace(PULL, checks=(check("a", "passed"),)), "checks passed"),
        (replace(PULL, merge_state="blocked"), "review required"),
        (replace(PULL, reviewers=("ada",)), "review requested from ada"),
        (
            replace(PULL, reviews=(Review(login="ada", state="APPROVED"),)),
            "approved by ada",
        ),
        (
            replace(
                PULL,
                reviews=(Review(login="ada", state="CHANGES_REQUESTED"),),
            ),
            "ada requested changes",
        ),
        (replace(PULL, merge_state="dirty"), "conflicts"),
        (replace(PULL, is_draft=True), "draft"),
        (replace(PULL, merges_itself=True), "auto-merge is on"),
    ],
)
def test_checks_and_reviews_are_shown(pull: PullRequest, words: str) -> None:
    verdict = decide(replace(SEEN, pull=pull))
    assert isinstance(verdict, Wait)
    assert words in verdict.reason


def test_merged_here_where_the_repository_merges_nothing_itself() -> None:
    pull = replace(ASKED, merge_state="blocked")
    seen = replace(SEEN, pull=pull, allows_auto_merge=False)
    verdict = decide(seen, pull_policy=POLICY)
    assert isinstance(verdict, Wait)
    assert "merged once it can be" in verdict.reason
    pull = replace(pull, merge_state="clean")
    verdict = decide(replace(seen, pull=pull), pull_policy=POLICY)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, MergePull)


def test_nobody_leaves_before_it_is_known_whether_it_may_be_merged() -> None:
    verdict = decide(replace(SEEN, pull=ASKED), pull_policy=POLICY)
    assert isinstance(verdict, Wait)
    assert not verdict.is_on_person
    pull = replace(ASKED, merge_state="unstable")
    verdict = decide(replace(SEEN, pull=pull), pull_policy=POLICY)
    assert isinstance(verdict, Wait)
    assert verdict.is_on_person


# -- Fragments that come late -----------------------------------------------

LATE_OPEN = replace(OPEN, late=(LATE,), branch_head=HEAD, collected=None)
ADDED = replace(
    COLLECTED,
    base=HEAD,
    fragments=(LATE,),
    merged=MERGED,
    merged_tree="f" * 40,
)


def test_choice_is_given_while_it_is_open() -> None:
    verdict = decide(LATE_OPEN)
    assert isinstance(verdict, Wait)
    assert "--collect-late" in verdict.reason
    assert "--leave-late" in verdict.reason
    assert verdict.choice is not None
    assert LATE in verdict.choice.question
    answers = [answer for answer, _ in verdict.choice.answers]
    assert answers == ["collect", "leave", "wait"]


def test_late_fragments_are_added_where_that_was_chosen() -> None:
    seen = replace(LATE_OPEN, collected=ADDED)
    verdict = decide(seen, collects_late=True)
    assert isinstance(verdict, Change)
    write = verdict.write
    assert isinstance(write, PushBranch)
    assert (write.base, write.merged, write.expected) == (HEAD, MERGED, HEAD)
    assert f"- {LATE}\n" in write.message
    first = decide(SEEN)
    assert isinstance(first, Change)
    assert write.key != first.write.key
    # Once they are there, nobody is asked any more.
    verdict = decide(replace(OPEN, branch_head=HEAD), collects_late=True)
    assert isinstance(verdict, Wait)
    assert verdict.choice is None


def test_late_fragments_are_left_where_that_was_chosen() -> None:
    verdict = decide(LATE_OPEN, leaves_late=True)
    assert isinstance(verdict, Wait)
    assert verdict.choice is None
    assert "1 fragment waits for the next release" in verdict.reason


def test_late_fragments_that_cannot_be_added() -> None:
    seen = replace(LATE_OPEN, failure=BlockedError("they conflict in x"))
    verdict = decide(seen, collects_late=True)
    assert isinstance(verdict, Wait)
    assert "they conflict in x" in verdict.reason


def test_nothing_merges_itself_before_the_choice() -> None:
    pull = replace(ASKED, merge_state="blocked")
    seen = replace(LATE_OPEN, pull=pull)
    assert isinstance(decide(seen, pull_policy=POLICY), Wait)
    verdict = decide(seen, pull_policy=POLICY, leaves_late=True)
    assert isinstance(verdict, Change)


def test_late_fragments_come_by_another_pull_request_once_merged() -> None:
    blocked = decide(LATE_MERGED)
    assert isinstance(blocked, Blocked)
    assert blocked.choice is not None
    assert "--collect-late" in str(blocked.help)
    added = replace(ADDED, base=MERGED, merged=None, merged_tree=None)
    seen = replace(LATE_MERGED, collected=added, branch_head=HEAD)
    verdict = decide(seen, collects_late=True)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PushBranch)
    assert (verdict.write.base, verdict.write.expected) == (MERGED, HEAD)
    # It is pushed: its branch contains what was merged.
    seen = replace(seen, collected=None)
    verdict = decide(seen, collects_late=True)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, OpenPull)
    assert verdict.write.after == 53
    assert f"`{LATE}`" in verdict.write.body
    # Somebody closed that one.
    seen = replace(seen, refused=replace(CLOSED_PULL, number=54))
    verdict = decide(seen, collects_late=True)
    assert isinstance(verdict, Blocked)
    assert "#54" in verdict.problem
    assert "--leave-late" in str(verdict.help)
    assert isinstance(decide(seen, leaves_late=True), Done)


def test_pull_request_that_is_closed_while_it_is_looked_at() -> None:
    """It adds what came late: without it, that would be left out."""
    seen = replace(MERGED_SEEN, pull=CLOSED_PULL, is_second=True)
    verdict = decide(seen, collects_late=True)
    assert isinstance(verdict, Wait)
    assert "just closed" in verdict.reason


def test_second_pull_request_that_was_closed_is_told_of() -> None:
    hub = Hub(clock=VirtualClock())
    branches, branch = hub.branches, PROPOSAL.changelog_branch
    branches.opened = [
        (replace(PULL, number=number), OPENING, branches.clock.now())
        for number in (1, 2)
    ]
    branches.merged[1] = branches.clock.now()
    branches.closed[2] = branches.clock.now()
    branches.heads[branch] = [(branches.clock.now(), COMMIT)]
    proposal = replace(PROPOSAL, commit=COMMIT)
    seen = look_at_changelog(proposal, make_world(hub, Chaos()))
    assert seen.pull is not None
    assert seen.refused is not None
    assert (seen.pull.number, seen.refused.number) == (1, 2)
