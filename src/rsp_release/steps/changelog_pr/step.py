"""Decides how the version's entry gets onto the release branch."""

from __future__ import annotations

from datetime import datetime
from shlex import quote

from ...changelog.entries import commit_subject
from ...engine.world import World
from ...models import (
    Blocked,
    Change,
    ChangelogState,
    Choice,
    Collected,
    Done,
    OpenPull,
    Proposal,
    PullRequest,
    PushBranch,
    Verdict,
    Wait,
)
from ...models.naming import name_first
from ...models.quotation import mute
from ..pull_requests import describe, dress, merge, write_pull
from .seen import ChangelogSeen, look_at_changelog

__all__ = ["ChangelogPull"]

_SHOWS_WITHIN = 120.0
"""Seconds that git may take to show what GitHub has merged."""

_BODY_MOST = 60_000
"""Characters of the entry in the pull request; GitHub takes 65,536."""

_HOW = {
    "towncrier": "towncrier build --yes --version {version}",
    "changesets": "changeset version",
}


class ChangelogPull:
    """The entry of the version is on the release branch.

    Found on the remote by natural keys: the entry, and the branch of the
    pull request, whose name has the version.
    """

    key = "changelog"
    title = "Change log"

    def observe(self, proposal: Proposal, world: World) -> ChangelogSeen:
        return look_at_changelog(proposal, world)

    def decide(self, proposal: Proposal, seen: ChangelogSeen) -> Verdict:
        if proposal.is_prerelease:
            return Done(
                evidence="a pre-release collects no fragments; the final"
                " release will",
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
        if pull is not None and seen.is_second:
            # It was open a moment ago: the next look shows what holds.
            return Wait(
                reason=f"pull request #{pull.number} was just closed",
                url=pull.url,
            )
        if seen.settled is not None:
            return _settled(proposal, seen, seen.state, seen.settled)
        if pull is not None and pull.is_open:
            return _open(proposal, seen, pull)
        if pull is not None:
            return _closed(proposal, pull)
        return _missing(proposal, seen)

    def act(self, change: Change, world: World) -> str | None:
        match change.write:
            case PushBranch() as write:
                return world.git.push_branch(write)
            case other:
                write_pull(world.forge, other)
                return None


# -- Verdicts ---------------------------------------------------------------


def _merged(
    proposal: Proposal, seen: ChangelogSeen, pull: PullRequest
) -> Verdict:
    commit = pull.merge_commit
    name = f"pull request #{pull.number}"
    if commit is None or seen.merged is None:
        return Wait(
            reason=f"{name} is merged; waiting for it to show on"
            f" {seen.remote_name}/{proposal.branch}",
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
            problem=f"{name} was merged at {commit[:10]}, but the change log"
            f" is not complete: {todo}",
            help="fix the change log in another pull request, then run"
            " `rsp-release bump` again",
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
            help=f"run `{how}` and merge the result, or set `changelog` to"
            ' "none"',
        )
    if state.entry is not None:
        pull = seen.pull
        if seen.late and proposal.collects_late and pull is not None:
            # GitHub's answer is older than what the branch shows.
            return Wait(
                reason=f"{seen.remote_name}/{proposal.branch} has the entry;"
                f" waiting for #{pull.number} to show as merged",
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
            evidence = "no change log; the notes list the commits"
        case "headings" | "unreleased":
            evidence = (
                f"{state.path} is kept by hand and has no entry for"
                f" {proposal.version}; the notes list the commits"
            )
        case _:
            evidence = "no fragments to collect"
    return Done(evidence=evidence, commit=commit)


def _late(proposal: Proposal, seen: ChangelogSeen) -> Blocked:
    resume = f"`rsp-release resume {quote(proposal.tag)}"
    leave = f"{resume} --leave-late` leaves them for the next release"
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
        f" entry was made: {name_first(seen.late)}",
        help=f"{leave}\n{another if seen.pull is not None else by_hand}",
        choice=_choice(proposal, seen) if seen.pull is not None else None,
    )


def _choice(proposal: Proposal, seen: ChangelogSeen) -> Choice:
    entry = f"the entry of {proposal.version}"
    return Choice(
        question=f"{name_first(seen.late)} came to {proposal.branch} after"
        f" {entry} was made.",
        answers=(
            ("collect", f"add them to {entry}"),
            ("leave", "leave them for the next release"),
            ("wait", "decide later"),
        ),
    )


def _say_late(seen: ChangelogSeen) -> str:
    if not seen.late:
        return ""
    verb = "waits" if len(seen.late) == 1 else "wait"
    return f"; {_count(seen.late)} {verb} for the next release"


def _add_late(
    proposal: Proposal, collected: Collected, seen: ChangelogSeen
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
            expected=seen.branch_head,
            claim=seen.claim,
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
    if seen.refused is not None:
        resume = f"`rsp-release resume {quote(proposal.tag)}"
        return Blocked(
            problem=f"pull request #{seen.refused.number}, which adds late"
            f" changes to the entry of {proposal.version}, was closed and not"
            " merged",
            help=f"reopen it and run {resume}`, or {resume} --leave-late`"
            " releases what was merged",
            url=seen.refused.url,
        )
    if seen.failure is not None:
        return Blocked(problem=seen.failure.message, help=seen.failure.help)
    if seen.collected is not None:
        return _add_late(proposal, seen.collected, seen)
    return Change(
        summary="open a pull request that adds late fragments to the change"
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
    change = dress(policy, pull)
    if change is not None:
        return change
    if seen.late and proposal.collects_late and seen.collected is not None:
        return _add_late(proposal, seen.collected, seen)
    is_undecided = bool(seen.late) and not proposal.leaves_late
    if not (is_undecided or seen.awaits_checks):
        change = merge(policy, pull, allows_auto_merge=seen.allows_auto_merge)
        if change is not None:
            return change
    reason = f"pull request {name} is open: {describe(pull, policy)}"
    if is_undecided and seen.failure is not None:
        reason += (
            f"; {name_first(seen.late)} cannot be added to its entry:"
            f" {seen.failure.message}"
        )
    elif is_undecided:
        reason += (
            f"; not in its entry: {name_first(seen.late)}. `rsp-release resume"
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
            f"reopen it and run `rsp-release resume {quote(proposal.tag)}`,"
            f" or delete its branch {proposal.changelog_branch} and run"
            " `rsp-release bump` again"
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
    if seen.rival is not None:
        return seen.rival
    if seen.failure is not None:
        return Blocked(problem=seen.failure.message, help=seen.failure.help)
    collected = seen.collected
    if collected is None or proposal.proposed_at is None:
        return Blocked(
            problem=f"{release_branch} moved on to {str(seen.head)[:10]} since"
            " this release was planned, and the change log needs an entry",
            help=f"git pull --ff-only, then `{proposal.command}`",
        )
    if not seen.needs_pull and seen.head != proposal.commit:
        return Blocked(
            problem=f"{release_branch} moved on to {str(seen.head)[:10]} since"
            " this release was planned",
            help=f"git pull --ff-only, then `{proposal.command}`",
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
            claim=seen.claim,
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
    text = ", ".join(said) or "remove collected fragments"
    if collected.left_out:
        settings = name_first(collected.left_out)
        text += (
            f" (left out: the command in scriv's setting {settings};"
            " --trust-repository runs it)"
        )
    return text


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
