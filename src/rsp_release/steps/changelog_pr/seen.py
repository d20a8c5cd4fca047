"""What the change log step sees: entry, fragments and pull request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from shlex import quote

from ...checks.rivals import find_rival
from ...engine.world import World
from ...exceptions import BlockedError, NotAllowedError
from ...models import Blocked, ChangelogState, Collected, Proposal, PullRequest
from ...models.naming import name_first
from ..pull_requests import TAKES_WISH

__all__ = ["ChangelogSeen", "look_at_changelog"]

_CHECKS_WITHIN = timedelta(seconds=30)
"""Time after which a pull request without checks has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangelogSeen:
    """What the step looks at."""

    remote_name: str = "origin"
    """The name of the remote."""

    head: str | None = None
    """The head of the release branch on the remote."""

    state: ChangelogState | None = None
    """The change log there."""

    settled: str | None = None
    """The first commit there with nothing left to write."""

    pull: PullRequest | None = None
    """The newest pull request of this try."""

    is_second: bool = False
    """Whether it adds to what another one of this try has merged."""

    refused: PullRequest | None = None
    """One that would have added to that, and was closed."""

    merged: ChangelogState | None = None
    """The change log at what it was merged as, once the branch shows that."""

    branch_head: str | None = None
    """The head of the pull request's branch on the remote."""

    needs_pull: bool = False
    """Whether the release branch takes pull requests only."""

    collected: Collected | None = None
    """What would be pushed, where nothing was yet."""

    failure: BlockedError | None = None
    """Why it cannot be collected."""

    late: tuple[str, ...] = ()
    """Fragments that came to the branch after the entry was made."""

    allows_auto_merge: bool | None = None
    """Whether the repository lets pull requests merge themselves."""

    claim: str = ""
    """What the claim was before something is pushed."""

    rival: Blocked | None = None
    """Another version of the same commits, which was first."""

    awaits_checks: bool = False
    """Whether it was opened just now, and checks may still begin."""


def look_at_changelog(proposal: Proposal, world: World) -> ChangelogSeen:
    """Look at the change log, its pull request, and what is left to collect.

    Parameters
    ----------
    proposal
        What is to be released.
    world
        Where it is looked for.

    Returns
    -------
    ChangelogSeen
        What is there.
    """
    git, changelog = world.git, world.changelog
    if proposal.is_prerelease or proposal.branch is None:
        return ChangelogSeen()
    version = proposal.version
    told, merged = _ask_for_head(proposal, world)
    head = git.remote_branch(proposal.branch, told, merged=merged)
    if head is None:
        return ChangelogSeen(remote_name=git.remote)
    state = changelog.look(head, version)
    settled = None
    if not state.todo:
        settled = changelog.find_commit(proposal.commit, head, version)
    seen = ChangelogSeen(
        remote_name=git.remote,
        head=head,
        state=state,
        settled=settled,
    )
    seen = _look_for_pull(seen, proposal, world)
    if seen.pull is not None and not seen.pull.is_open:
        return _look_at_merged(seen, seen.pull, head, proposal, world)
    if seen.pull is not None:
        seen = _look_at_open(seen, seen.pull, head, proposal, world)
    elif settled is None:
        return _look_at_branch(seen, proposal, world)
    if settled is None or seen.is_second:
        return seen
    # Whatever its branch has by now: what would be tagged counts.
    if state.style == "scriv" and state.entry is not None:
        late = changelog.look(settled, version).pending
        seen = replace(seen, late=late)
    return seen


def _ask_for_head(
    proposal: Proposal, world: World
) -> tuple[str | None, str | None]:
    """Ask GitHub for the head of the release branch, where that will do.

    It does while the entry is on a branch of its own: a pull request is next,
    or it is waited for, and so GitHub is asked anyway, and git need not be.
    The other is what a pull request was merged as, which git has to show.
    """
    git, branch = world.git, proposal.changelog_branch
    if not world.changelog.look(proposal.commit, proposal.version).todo:
        return None, None
    try:
        pulls = _find_pulls(proposal, world)
    except NotAllowedError:
        return None, None
    is_open = bool(pulls) and pulls[0].is_open
    if is_open or (not pulls and git.remote_branch(branch) is not None):
        return world.forge.head(str(proposal.branch), branch), None
    return None, pulls[0].merge_commit if pulls else None


def _find_pulls(proposal: Proposal, world: World) -> list[PullRequest]:
    """Find the pull requests of this try by their branch, newest first."""
    pulls = world.forge.pulls(proposal.changelog_branch)
    return [p for p in pulls if p.number > proposal.after_pull]


def _look_for_pull(
    seen: ChangelogSeen, proposal: Proposal, world: World
) -> ChangelogSeen:
    """Find the pull request of this try by its branch, the newest that counts.

    One that was closed says nothing where another one was merged before.
    """
    settled, state = seen.settled, seen.state
    if settled == proposal.commit and state and state.entry is None:
        # There was nothing to write, and so nothing to open one for.
        return seen
    try:
        found = _find_pulls(proposal, world)
    except NotAllowedError:
        # With nothing left to write, no permission is needed for it.
        if settled is None:
            raise
        return seen
    merged = [p for p in found if p.is_merged]
    refused = None
    if merged:
        if not (found[0].is_open or found[0].is_merged):
            refused = found[0]
        found = [p for p in found if p.is_open or p.is_merged]
    if not found:
        return seen
    is_second = any(p.number < found[0].number for p in merged)
    return replace(seen, pull=found[0], is_second=is_second, refused=refused)


def _look_at_open(
    seen: ChangelogSeen,
    pull: PullRequest,
    head: str,
    proposal: Proposal,
    world: World,
) -> ChangelogSeen:
    pull = world.forge.pull(
        pull, is_to_merge=bool(proposal.pull_policy.auto_merge)
    )
    made = world.git.remote_branch(proposal.changelog_branch, pull.head)
    late: tuple[str, ...] = ()
    if made is not None:
        late = world.changelog.find_late(made, head, proposal.version)
    seen = replace(seen, pull=pull, branch_head=made, late=late)
    if made is not None and late and proposal.collects_late:
        seen = _collect_late(seen, made, head, proposal, world)
    policy = proposal.pull_policy
    if policy.auto_merge and not pull.merges_itself:
        age = world.clock.now() - (pull.opened_at or world.clock.now())
        seen = replace(
            seen,
            allows_auto_merge=world.forge.repository().allows_auto_merge
            if pull.merge_state in TAKES_WISH
            else None,
            awaits_checks=not pull.checks and age < _CHECKS_WITHIN,
        )
    return seen


def _look_at_merged(
    seen: ChangelogSeen,
    pull: PullRequest,
    head: str,
    proposal: Proposal,
    world: World,
) -> ChangelogSeen:
    commit = pull.merge_commit
    if commit is None or not world.git.is_ancestor(commit, head):
        return seen
    # Whatever it could collect it did.
    merged = world.changelog.look(commit, proposal.version)
    late = merged.pending if merged.style == "scriv" else ()
    seen = replace(seen, merged=merged, late=late)
    if late and proposal.collects_late:
        made = world.git.remote_branch(proposal.changelog_branch)
        seen = replace(seen, branch_head=made)
        if made is None or not world.git.is_ancestor(commit, made):
            seen = _collect_late(seen, head, head, proposal, world)
            if seen.collected is None and seen.failure is None:
                gone = BlockedError(
                    f"{name_first(late)} came too late for the entry, and is"
                    f" gone from {proposal.branch}",
                    help=(
                        f"`rsp-release resume {quote(proposal.tag)}"
                        " --leave-late` releases what was merged"
                    ),
                )
                seen = replace(seen, failure=gone)
    return seen


def _collect_late(
    seen: ChangelogSeen,
    made: str,
    head: str,
    proposal: Proposal,
    world: World,
) -> ChangelogSeen:
    """Look what adding the fragments that came late would make."""
    at = proposal.proposed_at or world.clock.now()
    try:
        collected = world.changelog.collect_late(
            made, head, version=proposal.version, at=at
        )
    except BlockedError as e:
        return replace(seen, failure=e)
    claim = world.git.remote_refs(str(proposal.branch)).claim
    return replace(seen, collected=collected, claim=claim)


def _look_at_branch(
    seen: ChangelogSeen, proposal: Proposal, world: World
) -> ChangelogSeen:
    """Look how, and what, to push where there is no pull request."""
    made = world.git.remote_branch(proposal.changelog_branch)
    collected, failure = None, None
    try:
        collected = world.changelog.collect(
            proposal.commit,
            version=proposal.version,
            tag=proposal.tag,
            at=proposal.proposed_at or world.clock.now(),
        )
    except BlockedError as e:
        failure = e
    seen = replace(
        seen, branch_head=made, collected=collected, failure=failure
    )
    if made is not None:
        # What has a branch gets a pull request.
        return replace(seen, needs_pull=True)
    refs = world.git.remote_refs(str(proposal.branch))
    return replace(
        seen,
        needs_pull=_needs_pull(proposal, world),
        claim=refs.claim,
        rival=find_rival(proposal, refs, world),
    )


def _needs_pull(proposal: Proposal, world: World) -> bool:
    """Return whether the entry goes to the release branch by pull request."""
    when = proposal.pull_policy.when
    return when == "always" or (
        when == "auto" and world.forge.needs_pull(str(proposal.branch))
    )
