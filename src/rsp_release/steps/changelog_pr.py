"""The entry of the version is on the release branch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ..changelog import commit_subject
from ..exceptions import BlockedError, NotAllowedError
from ..models import (
    Blocked,
    Change,
    ChangelogState,
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
from ..world import World

__all__ = ["ChangelogPull", "ChangelogSeen"]

_SHOWS_WITHIN = 120.0
"""Seconds that git may take to show what GitHub has merged."""

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
            pull=_find_pull(proposal, world, state, settled),
        )
        if seen.pull is not None:
            seen = _look_at_pull(seen, seen.pull, head, version, world)
        elif settled is None:
            seen = _look_at_branch(seen, proposal, world)
        return replace(seen, late=_find_late(proposal, seen, state, world))

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


def _find_pull(
    proposal: Proposal,
    world: World,
    state: ChangelogState,
    settled: str | None,
) -> PullRequest | None:
    """Find the newest pull request of this try, by its branch."""
    if settled == proposal.commit and state.entry is None:
        # There was nothing to write, and so nothing to open one for.
        return None
    try:
        found = world.forge.pulls(proposal.changelog_branch)
    except NotAllowedError:
        # With nothing left to write, no permission is needed for it.
        if settled is None:
            raise
        return None
    return next((p for p in found if p.number > proposal.after_pull), None)


def _look_at_pull(
    seen: ChangelogSeen,
    pull: PullRequest,
    head: str,
    version: str,
    world: World,
) -> ChangelogSeen:
    if pull.is_open:
        return replace(seen, pull=world.forge.pull(pull.number))
    commit = pull.merge_commit
    if commit is None or not world.git.is_ancestor(commit, head):
        return seen
    return replace(
        seen,
        is_merge_shown=True,
        merged=world.changelog.look(commit, version),
    )


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


def _find_late(
    proposal: Proposal,
    seen: ChangelogSeen,
    state: ChangelogState,
    world: World,
) -> tuple[str, ...]:
    """Find the fragments that would be released outside of the entry."""
    if state.style != "scriv":
        return ()
    look, version = world.changelog.look, proposal.version
    if seen.merged is not None:
        # Whatever it could collect it did.
        return seen.merged.pending
    if seen.settled is not None:
        if state.entry is None:
            return ()
        return look(seen.settled, version).pending
    known = look(proposal.commit, version).pending
    return tuple(p for p in state.pending if p not in known)


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
    return Blocked(
        problem=f"{_count(seen.late)} came to {proposal.branch} after the"
        f" entry was made: {_names(seen.late)}",
        help=(
            f"`rsp-release resume {proposal.tag} --leave-late` releases"
            " without them in the notes: they wait for the next release\n"
            f"or add their text to the entry of {proposal.version}, delete"
            " them, and merge that; then `rsp-release bump`"
        ),
    )


def _say_late(seen: ChangelogSeen) -> str:
    if not seen.late:
        return ""
    verb = "waits" if len(seen.late) == 1 else "wait"
    return f"; {_count(seen.late)} {verb} for the next release"


def _open(
    proposal: Proposal, seen: ChangelogSeen, pull: PullRequest
) -> Verdict:
    policy = proposal.pull_policy
    name = f"pull request #{pull.number}"
    lacking = tuple(x for x in policy.labels if x not in pull.labels)
    if lacking and not pull.labels:
        return Change(
            summary=f"label {name} with {', '.join(lacking)}",
            write=LabelPull(number=pull.number, labels=lacking),
        )
    if policy.reviewers and not pull.reviewers and not pull.reviews:
        return Change(
            summary=f"ask {', '.join(policy.reviewers)} to review {name}",
            write=RequestReviews(
                number=pull.number, reviewers=policy.reviewers
            ),
        )
    if policy.auto_merge and not pull.merges_itself:
        if pull.merge_state == "clean":
            return Change(
                summary=f"merge {name}",
                write=MergePull(
                    number=pull.number,
                    method=policy.auto_merge,
                    head=pull.head,
                ),
            )
        if pull.merge_state in ("blocked", "behind", "unstable"):
            return Change(
                summary=f"let {name} merge itself",
                write=EnableAutoMerge(
                    number=pull.number, method=policy.auto_merge
                ),
            )
    reason = f"{name} is open: {_describe(pull)}"
    if seen.late:
        reason += (
            f"; not in its entry: {_names(seen.late)}. Merge it as it is, and"
            " choose then; or close it and delete its branch, and"
            " `rsp-release bump` collects everything"
        )
    return Wait(reason=reason, url=pull.url, is_on_person=True)


def _describe(pull: PullRequest) -> str:
    """Say what a pull request waits for."""
    said = []
    states = Counter(check.state for check in pull.checks)
    failed = [c.name for c in pull.checks if c.state == "failed"]
    if failed:
        said.append(f"{', '.join(failed[:3])} failed")
    elif states["running"]:
        said.append(f"{states['passed']} of {len(pull.checks)} checks passed")
    elif pull.checks:
        said.append("checks passed")
    approvals = [r.login for r in pull.reviews if r.state == "APPROVED"]
    refusals = [
        r.login for r in pull.reviews if r.state == "CHANGES_REQUESTED"
    ]
    if refusals:
        said.append(f"{', '.join(refusals)} asked for changes")
    elif approvals:
        said.append(f"approved by {', '.join(approvals)}")
    elif pull.reviewers:
        said.append(f"{', '.join(pull.reviewers)} asked to review")
    elif pull.merge_state == "blocked" and not states["running"]:
        said.append("a review is needed")
    if pull.merge_state == "dirty":
        said.append("it conflicts with the branch")
    if pull.is_draft:
        said.append("it is a draft")
    said.append(
        "it will merge itself" if pull.merges_itself else "waiting for a merge"
    )
    return ", ".join(said)


def _closed(proposal: Proposal, pull: PullRequest) -> Blocked:
    return Blocked(
        problem=f"pull request #{pull.number} with the change log of"
        f" {proposal.version} was closed and not merged",
        help=(
            f"reopen it and `rsp-release resume {proposal.tag}`; or delete its"
            f" branch {proposal.changelog_branch}, and `rsp-release bump`"
            " starts anew"
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


def _write_body(proposal: Proposal, collected: Collected | None) -> str:
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
            lines += ["", "---", "", entry]
    return "\n".join(lines) + "\n"


def _count(fragments: tuple[str, ...]) -> str:
    number = len(fragments)
    return f"{number} fragment{'' if number == 1 else 's'}"


def _names(paths: tuple[str, ...]) -> str:
    more = len(paths) - 3
    return ", ".join(paths[:3]) + (f" and {more} more" if more > 0 else "")
