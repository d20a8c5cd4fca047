"""The entry of the version is on the release branch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from shlex import quote

from ..changelog import commit_subject
from ..exceptions import BlockedError, NotAllowedError
from ..models import (
    Blocked,
    Change,
    ChangelogState,
    Choice,
    Collected,
    Done,
    EnableAutoMerge,
    LabelPull,
    MergePull,
    OpenPull,
    Proposal,
    PullRequest,
    PushBranch,
    RequestReviews,
    Verdict,
    Wait,
)
from ..pulls import describe, dress, merge, mute
from ..world import World

__all__ = ["ChangelogPull", "ChangelogSeen"]

_SHOWS_WITHIN = 120.0
"""Seconds that git may take to show what GitHub has merged."""

_CHECKS_WITHIN = timedelta(seconds=30)
"""Time after which a pull request without checks has none."""

_BODY_MOST = 60_000
"""Characters of the entry in the pull request; GitHub takes 65,536."""

_HOW = {
    "towncrier": "towncrier build --yes --version {version}",
    "changesets": "changeset version",
}


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

    is_merge_shown: bool = False
    """Whether the release branch shows what it was merged as."""

    merged: ChangelogState | None = None
    """The change log at what it was merged as."""

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

    awaits_checks: bool = False
    """Whether it was opened just now, and checks may still begin."""


class ChangelogPull:
    """The entry of the version is on the release branch.

    Found on the remote by natural keys: the entry, and the branch of the
    pull request, whose name has the version.
    """

    key = "changelog"
    title = "Change log"

    def observe(self, proposal: Proposal, world: World) -> ChangelogSeen:
        git, changelog = world.git, world.changelog
        if proposal.is_prerelease or proposal.branch is None:
            return ChangelogSeen()
        version = proposal.version
        head = git.remote_branch(proposal.branch)
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

    def decide(self, proposal: Proposal, seen: ChangelogSeen) -> Verdict:
        if proposal.is_prerelease:
            return Done(
                evidence="a pre-release collects nothing; the final release"
                " will",
                commit=proposal.commit,
            )
        if seen.head is None or seen.state is None:
            return Blocked(
                problem=f"{seen.remote_name} has no branch {proposal.branch}"
            )
        pull = seen.pull
        if pull is not None and pull.is_merged:
            return _merged(proposal, seen, pull)
        if pull is not None and pull.is_open and seen.is_second:
            return _open(proposal, seen, pull)
        if seen.settled is not None:
            return _settled(proposal, seen, seen.state, seen.settled)
        if pull is not None and pull.is_open:
            return _open(proposal, seen, pull)
        if pull is not None:
            return _closed(proposal, pull)
        return _missing(proposal, seen)

    def act(self, change: Change, world: World) -> None:
        match change.write:
            case PushBranch() as write:
                world.git.push_branch(write)
            case OpenPull() as write:
                world.forge.open_pull(write)
            case LabelPull() as write:
                world.forge.label_pull(write)
            case RequestReviews() as write:
                world.forge.request_reviews(write)
            case EnableAutoMerge() as write:
                world.forge.enable_auto_merge(write)
            case MergePull() as write:
                world.forge.merge_pull(write)
            case other:
                raise TypeError(f"not of the change log: {other}")


# -- Looks ------------------------------------------------------------------


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
        pulls = world.forge.pulls(proposal.changelog_branch)
    except NotAllowedError:
        # With nothing left to write, no permission is needed for it.
        if settled is None:
            raise
        return seen
    found = [p for p in pulls if p.number > proposal.after_pull]
    merged = [p for p in found if p.is_merged]
    if merged:
        found = [p for p in found if p.is_open or p.is_merged]
    if not found:
        return seen
    is_second = any(p.number < found[0].number for p in merged)
    return replace(seen, pull=found[0], is_second=is_second)


def _look_at_open(
    seen: ChangelogSeen,
    pull: PullRequest,
    head: str,
    proposal: Proposal,
    world: World,
) -> ChangelogSeen:
    pull = world.forge.pull(pull.number)
    seen = replace(seen, pull=pull)
    made = world.git.remote_branch(proposal.changelog_branch)
    if made is not None:
        late = world.changelog.find_late(made, head, proposal.version)
        seen = replace(seen, branch_head=made, late=late)
        if late and proposal.collects_late:
            seen = _collect_late(seen, made, head, proposal, world)
    policy = proposal.pull_policy
    if policy.auto_merge and not pull.merges_itself:
        age = world.clock.now() - (pull.opened_at or world.clock.now())
        seen = replace(
            seen,
            allows_auto_merge=world.forge.repository().allows_auto_merge,
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
    seen = replace(seen, is_merge_shown=True, merged=merged, late=late)
    if late and proposal.collects_late:
        made = world.git.remote_branch(proposal.changelog_branch)
        seen = replace(seen, branch_head=made)
        if made is None or not world.git.is_ancestor(commit, made):
            seen = _collect_late(seen, head, head, proposal, world)
            if seen.collected is None and seen.failure is None:
                gone = BlockedError(
                    f"{_names(late)} came too late for the entry, and is gone"
                    f" from {proposal.branch}",
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
    return replace(seen, collected=collected)


def _look_at_branch(
    seen: ChangelogSeen, proposal: Proposal, world: World
) -> ChangelogSeen:
    """Look how, and what, to push where there is no pull request."""
    branch, when = proposal.changelog_branch, proposal.pull_policy.when
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
    return replace(
        seen,
        branch_head=world.git.remote_branches(branch).get(branch),
        needs_pull=when == "always"
        or (when == "auto" and world.forge.needs_pull(str(proposal.branch))),
        collected=collected,
        failure=failure,
    )


# -- Verdicts ---------------------------------------------------------------


def _merged(
    proposal: Proposal, seen: ChangelogSeen, pull: PullRequest
) -> Verdict:
    commit = pull.merge_commit
    name = f"pull request #{pull.number}"
    if commit is None or not seen.is_merge_shown or seen.merged is None:
        return Wait(
            reason=f"{name} is merged; {seen.remote_name}/{proposal.branch}"
            " does not show it yet",
            url=pull.url,
            patience=_SHOWS_WITHIN,
            otherwise=Blocked(
                problem=f"{name} was merged, but not into {proposal.branch}",
                help=f"see {pull.url}",
                url=pull.url,
            ),
        )
    if seen.merged.todo:
        todo = ", ".join(seen.merged.todo)
        return Blocked(
            problem=f"{name} was merged at {commit[:10]}, but what it was for"
            f" is not there: {todo}",
            help="mend the change log by another pull request, then"
            " `rsp-release bump` starts anew",
            url=pull.url,
        )
    if seen.late and proposal.collects_late:
        return _add_by_another(proposal, seen, pull)
    if seen.late and not proposal.leaves_late:
        return _late(proposal, seen)
    path = seen.merged.path or "the change log"
    return Done(
        evidence=f"{path} has {proposal.version}: {name} was merged as"
        f" {commit[:10]}{_say_late(seen)}",
        url=pull.url,
        commit=commit,
    )


def _settled(
    proposal: Proposal,
    seen: ChangelogSeen,
    state: ChangelogState,
    commit: str,
) -> Verdict:
    if state.entry is None and state.pending and state.style in _HOW:
        how = _HOW[state.style].format(version=proposal.version)
        return Blocked(
            problem=f"{state.style} has not collected"
            f" {_count(state.pending)} such as {state.pending[0]}",
            help=f"`{how}`, and merge what it writes; or set `changelog` to"
            ' "none"',
        )
    if state.entry is not None:
        pull = seen.pull
        if seen.late and proposal.collects_late and pull is not None:
            # GitHub's answer is older than what the branch shows.
            return Wait(
                reason=f"{seen.remote_name}/{proposal.branch} has the entry;"
                f" that #{pull.number} is merged does not show yet",
                url=pull.url,
                patience=_SHOWS_WITHIN,
                otherwise=_late(proposal, seen),
            )
        if seen.late and not proposal.leaves_late:
            return _late(proposal, seen)
        return Done(
            evidence=f"{state.path} has {proposal.version} at {commit[:10]}"
            f"{_say_late(seen)}",
            commit=commit,
        )
    match state.style:
        case "none":
            evidence = "there is no change log; the notes are the commits"
        case "headings" | "unreleased":
            evidence = (
                f"{state.path} is kept by hand and has nothing for"
                f" {proposal.version}; the notes are the commits"
            )
        case _:
            evidence = "there is no fragment to collect"
    return Done(evidence=evidence, commit=commit)


def _late(proposal: Proposal, seen: ChangelogSeen) -> Blocked:
    resume = f"`rsp-release resume {quote(proposal.tag)}"
    leave = (
        f"{resume} --leave-late` releases without them in the notes: they wait"
        " for the next release"
    )
    by_hand = (
        f"or add their text to the entry of {proposal.version}, delete"
        " them, and merge that; then `rsp-release bump`"
    )
    another = (
        f"or {resume} --collect-late` adds them to the entry, by another pull"
        " request"
    )
    return Blocked(
        problem=f"{_count(seen.late)} came to {proposal.branch} after the"
        f" entry was made: {_names(seen.late)}",
        help=f"{leave}\n{another if seen.pull is not None else by_hand}",
        choice=_choice(proposal, seen) if seen.pull is not None else None,
    )


def _choice(proposal: Proposal, seen: ChangelogSeen) -> Choice:
    entry = f"the entry of {proposal.version}"
    return Choice(
        question=f"{_names(seen.late)} came to {proposal.branch} after"
        f" {entry} was made.",
        answers=(
            ("collect", f"add what came late to {entry}"),
            ("leave", "let it wait for the next release"),
            ("wait", "decide later"),
        ),
    )


def _say_late(seen: ChangelogSeen) -> str:
    if not seen.late:
        return ""
    verb = "waits" if len(seen.late) == 1 else "wait"
    return f"; {_count(seen.late)} {verb} for the next release"


def _add_late(
    proposal: Proposal, collected: Collected, expected: str | None
) -> Change:
    """Add what came late to the branch of the pull request."""
    branch = proposal.changelog_branch
    names = "\n".join(f"- {name}" for name in collected.fragments)
    subject = f"Add late changes to the change log for {proposal.version}"
    return Change(
        summary=f"add {_count(collected.fragments)} that came late to the"
        f" entry, push to {branch}",
        write=PushBranch(
            branch=branch,
            tag=proposal.tag,
            base=collected.base,
            tree=collected.tree,
            message=f"{subject}\n\n{names}\n",
            at=_dated(proposal),
            expected=expected,
            merged=collected.merged,
            merged_tree=collected.merged_tree,
            is_late=True,
        ),
    )


def _dated(proposal: Proposal) -> datetime:
    if proposal.proposed_at is None:
        raise TypeError("the proposal has no date")
    return proposal.proposed_at


def _add_by_another(
    proposal: Proposal, seen: ChangelogSeen, pull: PullRequest
) -> Verdict:
    """Add what came late by another pull request: the first is merged."""
    if seen.failure is not None:
        return Blocked(problem=seen.failure.message, help=seen.failure.help)
    if seen.collected is not None:
        return _add_late(proposal, seen.collected, seen.branch_head)
    return Change(
        summary="open a pull request that adds what came late to the change"
        f" log of {proposal.version}",
        write=OpenPull(
            branch=proposal.changelog_branch,
            base=str(proposal.branch),
            title=f"Add late changes to the change log for {proposal.version}",
            body=_write_body(proposal, None, seen.late),
            after=pull.number,
        ),
    )


def _open(
    proposal: Proposal, seen: ChangelogSeen, pull: PullRequest
) -> Verdict:
    policy = proposal.pull_policy
    name = f"#{pull.number}"
    change = dress(policy, pull, name=name)
    if change is not None:
        return change
    if seen.late and proposal.collects_late and seen.collected is not None:
        return _add_late(proposal, seen.collected, seen.branch_head)
    is_undecided = bool(seen.late) and not proposal.leaves_late
    if not (is_undecided or seen.awaits_checks):
        change = merge(
            policy,
            pull,
            name=name,
            may_wait=seen.allows_auto_merge is not False,
        )
        if change is not None:
            return change
    reason = f"pull request {name} is open: {describe(pull, policy)}"
    if is_undecided and seen.failure is not None:
        reason += (
            f"; {_names(seen.late)} cannot be added to its entry:"
            f" {seen.failure.message}"
        )
    elif is_undecided:
        reason += (
            f"; not in its entry: {_names(seen.late)}. `rsp-release resume"
            f" {proposal.tag} --collect-late` adds what came late to it, and"
            " --leave-late lets it wait for the next release"
        )
    elif seen.late:
        reason += _say_late(seen)
    is_asked = is_undecided and not proposal.collects_late
    # GitHub works out whether it can be merged once somebody has asked.
    is_unknown = bool(policy.auto_merge) and (
        pull.merge_state == "unknown" or seen.awaits_checks
    )
    return Wait(
        reason=reason,
        url=pull.url,
        is_on_person=not is_unknown or pull.merges_itself or is_undecided,
        choice=_choice(proposal, seen) if is_asked else None,
    )


def _closed(proposal: Proposal, pull: PullRequest) -> Blocked:
    return Blocked(
        problem=f"pull request #{pull.number} with the change log of"
        f" {proposal.version} was closed and not merged",
        help=(
            f"reopen it and `rsp-release resume {quote(proposal.tag)}`; or"
            f" delete its branch {proposal.changelog_branch}, and"
            " `rsp-release bump` starts anew"
        ),
        url=pull.url,
    )


def _missing(proposal: Proposal, seen: ChangelogSeen) -> Verdict:
    """Decide where neither the entry nor a pull request is there."""
    branch = proposal.changelog_branch
    version = proposal.version
    release_branch = str(proposal.branch)
    if seen.branch_head is not None:
        return Change(
            summary=f"open a pull request for the change log of {version}",
            write=OpenPull(
                branch=branch,
                base=release_branch,
                title=commit_subject(version),
                body=_write_body(proposal, seen.collected),
                after=proposal.after_pull,
            ),
        )
    if seen.failure is not None:
        return Blocked(problem=seen.failure.message, help=seen.failure.help)
    collected = seen.collected
    if collected is None or proposal.proposed_at is None:
        return Blocked(
            problem=f"{release_branch} moved on to {str(seen.head)[:10]} since"
            " this release was planned, and its change log needs an entry",
            help="git pull --ff-only, then `rsp-release bump`",
        )
    if not seen.needs_pull and seen.head != proposal.commit:
        return Blocked(
            problem=f"{release_branch} moved on to {str(seen.head)[:10]} since"
            " this release was planned",
            help="git pull --ff-only, then `rsp-release bump`",
        )
    target = branch if seen.needs_pull else release_branch
    return Change(
        summary=f"{_say(collected)}, push to {seen.remote_name}/{target}",
        write=PushBranch(
            branch=target,
            tag=proposal.tag,
            base=collected.base,
            tree=collected.tree,
            message=f"{commit_subject(version)}\n",
            at=proposal.proposed_at,
            expected=None if seen.needs_pull else seen.head,
        ),
    )


def _say(collected: Collected) -> str:
    said = []
    if collected.path is not None:
        if collected.fragments:
            what = _count(collected.fragments)
            said.append(f"collect {what} in {collected.path}")
        else:
            said.append(f"write the entry in {collected.path}")
    if collected.files:
        said.append(f"set the version in {', '.join(collected.files)}")
    return ", ".join(said) or "remove fragments that are collected"


def _write_body(
    proposal: Proposal,
    collected: Collected | None,
    late: tuple[str, ...] = (),
) -> str:
    """Say what the pull request is, and list the changes."""
    what = (
        f"The change log of {proposal.version}, which is released as soon as"
        " this is merged, by any method. What stands in the entry then is"
        " what the release will say: edit it here as you like."
    )
    lines = [
        what,
        "",
        f"If this is closed instead, {proposal.version} is not released.",
    ]
    if late:
        shown = ", ".join(f"`{name}`" for name in late[:50])
        lines += ["", f"Added to the entry, since they came late: {shown}"]
    if collected is not None:
        for title, names in (
            ("Collected", collected.fragments),
            ("Version set in", collected.files),
        ):
            if names:
                shown = ", ".join(f"`{name}`" for name in names[:50])
                lines += ["", f"{title}: {shown}"]
        if collected.entry.strip():
            entry = collected.entry.strip()
            if len(entry) > _BODY_MOST:
                entry = entry[:_BODY_MOST].rpartition("\n")[0] + "\n…"
            lines += ["", "---", "", mute(entry, keeps_links=True)]
    return "\n".join(lines) + "\n"


def _count(fragments: tuple[str, ...]) -> str:
    number = len(fragments)
    return f"{number} fragment{'' if number == 1 else 's'}"


def _names(paths: tuple[str, ...]) -> str:
    more = len(paths) - 3
    return ", ".join(paths[:3]) + (f" and {more} more" if more > 0 else "")
