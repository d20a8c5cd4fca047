"""Whatever would stop the release is known before anything is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..exceptions import ExitStatus, NotAllowedError
from ..models import (
    Blocked,
    Change,
    Done,
    Proposal,
    ReleasePage,
    RemoteTag,
    Repository,
    Verdict,
)
from ..world import World

__all__ = ["Preflight", "PreflightSeen"]

_BACKPORT_BRANCH = re.compile(r"v?\d+\.\d+(?:\.x)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightSeen:
    """What the step looks at."""

    remote_name: str
    """The name of the remote."""

    uncommitted: tuple[str, ...] = ()
    """Tracked files with uncommitted changes."""

    is_shallow: bool = False
    """Whether the clone's history is cut off."""

    unfetched_tags: tuple[str, ...] = ()
    """Tags that only the remote has."""

    branch_head: str | None = None
    """The head of the branch on the remote."""

    is_contained: bool = False
    """Whether that branch contains the commit."""

    local_tag: str | None = None
    """The commit of the tag in the clone."""

    remote_tag: RemoteTag | None = None
    """The tag on the remote."""

    repository: Repository | None = None
    """The repository; `None` where the credentials see none."""

    not_allowed: NotAllowedError | None = None
    """Why the credentials see no repository."""

    pages: tuple[ReleasePage, ...] = ()
    """GitHub releases of the tag."""

    is_joined: bool = False
    """Whether another run releases the same version of the same commit."""


class Preflight:
    """Whatever would stop the release is known before anything is written."""

    key = "preflight"
    title = "Preflight"

    def observe(self, proposal: Proposal, world: World) -> PreflightSeen:
        git, forge = world.git, world.forge
        head, is_contained = None, False
        if proposal.branch is not None:
            head = git.remote_branch(proposal.branch)
            is_contained = head is not None and git.is_ancestor(
                proposal.commit, head
            )
        repository, not_allowed = None, None
        pages: tuple[ReleasePage, ...] = ()
        try:
            repository = forge.repository()
            pages = forge.releases(proposal.tag)
        except NotAllowedError as e:
            not_allowed = e
        return PreflightSeen(
            remote_name=git.remote,
            uncommitted=git.uncommitted(),
            is_shallow=git.is_shallow(),
            unfetched_tags=git.unfetched_tags(),
            branch_head=head,
            is_contained=is_contained,
            local_tag=git.local_tag(proposal.tag),
            remote_tag=git.remote_tag(proposal.tag),
            repository=repository,
            not_allowed=not_allowed,
            pages=pages,
            is_joined=is_contained and _is_joined(proposal, head, world),
        )

    def decide(self, proposal: Proposal, seen: PreflightSeen) -> Verdict:
        if seen.is_joined:
            proposal = replace(proposal, is_begun=True)
            unfetched = set(seen.unfetched_tags) - {proposal.tag}
            problems = _check_clone(
                proposal,
                replace(seen, unfetched_tags=tuple(sorted(unfetched))),
            )
            # What is there of the release is what each step looks for.
            seen = replace(seen, remote_tag=None, local_tag=None, pages=())
        else:
            problems = (
                [] if proposal.is_begun else _check_clone(proposal, seen)
            )
        problems += [
            *_check_branch(proposal, seen),
            *_check_names(proposal, seen),
        ]
        denials = _check_credentials(proposal, seen)
        if not problems and not denials:
            return Done(
                evidence=f"{proposal.branch} at {proposal.commit[:10]} is"
                + (" released by another run" if seen.is_joined else " ready")
            )
        found = problems + denials
        return Blocked(
            problem="\n".join(p.text for p in found),
            help="\n".join(dict.fromkeys(p.remedy for p in found)),
            exit_status=ExitStatus.BLOCKED
            if problems
            else ExitStatus.NOT_ALLOWED,
        )

    def act(self, change: Change, world: World) -> None:
        raise TypeError(f"preflight writes nothing: {change.write}")


def _is_joined(proposal: Proposal, head: str | None, world: World) -> bool:
    """Return whether another run began this release since it was planned.

    What it pushed until now is the change log's commit, the tag, or both, and
    nothing else is on the branch: so nothing that would be left out.
    """
    if proposal.is_begun or head is None:
        return False
    git, commit = world.git, proposal.commit
    tag = git.remote_tag(proposal.tag)
    if head == commit:
        state = world.changelog.look(commit, proposal.version)
        return tag is not None and tag.commit == commit and not state.todo
    if tag is not None and tag.commit != head:
        return False
    state = world.changelog.look(head, proposal.version)
    return (
        state.entry is not None
        and not state.todo
        and len(git.commits(commit, head)) == 1
    )


class _Problem(NamedTuple):
    text: str
    remedy: str


def _check_clone(proposal: Proposal, seen: PreflightSeen) -> list[_Problem]:
    found: list[_Problem] = []
    if seen.uncommitted:
        names = ", ".join(seen.uncommitted[:3])
        more = len(seen.uncommitted) - 3
        found.append(
            _Problem(
                f"there are uncommitted changes: {names}"
                + (f" and {more} more" if more > 0 else ""),
                "commit them, or put them away: git stash",
            )
        )
    if seen.is_shallow:
        found.append(
            _Problem(
                "the clone is shallow, so its history cannot be judged",
                f"git fetch --unshallow --tags {seen.remote_name}",
            )
        )
    if seen.unfetched_tags:
        names = ", ".join(seen.unfetched_tags[:3])
        more = len(seen.unfetched_tags) - 3
        found.append(
            _Problem(
                f"{seen.remote_name} has tags that this clone has not:"
                f" {names}" + (f" and {more} more" if more > 0 else ""),
                f"git fetch --tags {seen.remote_name}",
            )
        )
    return found


def _check_branch(proposal: Proposal, seen: PreflightSeen) -> list[_Problem]:
    remote, branch = seen.remote_name, proposal.branch
    default = proposal.default_branch
    if branch is None:
        return [
            _Problem(
                "the checkout is on no branch",
                f"git switch {default}",
            )
        ]
    if branch != default and not _BACKPORT_BRANCH.fullmatch(branch):
        return [
            _Problem(
                f"{branch} is no release branch: those are {default}, and"
                " branches for one line such as 1.4",
                f"git switch {default}, or set `branch` in the settings",
            )
        ]
    commit = proposal.commit[:10]
    if seen.branch_head is None:
        return [
            _Problem(
                f"{remote} has no branch {branch}",
                f"git push {remote} {branch}",
            )
        ]
    if not seen.is_contained:
        return [
            _Problem(
                f"commit {commit} is not on {remote}/{branch}",
                f"push it, or see what differs: git log {remote}/{branch}..",
            )
        ]
    if seen.branch_head != proposal.commit and not proposal.is_begun:
        return [
            _Problem(
                f"{branch} is behind {remote}/{branch}, which is at"
                f" {seen.branch_head[:10]}",
                "git pull --ff-only",
            )
        ]
    return []


def _check_names(proposal: Proposal, seen: PreflightSeen) -> list[_Problem]:
    tag = proposal.tag
    found: list[_Problem] = []
    if seen.remote_tag is not None:
        found.append(
            _Problem(
                f"tag {tag} is on {seen.remote_name} already, at"
                f" {seen.remote_tag.commit[:10]}",
                f"finish that release (rsp-release resume {tag}), or release"
                " another version",
            )
        )
    elif seen.local_tag is not None:
        found.append(
            _Problem(
                f"tag {tag} is in this clone already, at"
                f" {seen.local_tag[:10]}",
                f"git tag -d {tag}",
            )
        )
    published = [page for page in seen.pages if not page.is_draft]
    if published:
        found.append(
            _Problem(
                f"GitHub release {tag} is published already",
                f"see {published[0].url}",
            )
        )
    return found


def _check_credentials(
    proposal: Proposal, seen: PreflightSeen
) -> list[_Problem]:
    if seen.not_allowed is not None:
        e = seen.not_allowed
        return [_Problem(e.message, e.help or "set GITHUB_TOKEN")]
    if seen.repository is None:
        return []
    if seen.repository.is_archived:
        return [
            _Problem(
                f"{proposal.repository} is archived",
                "unarchive it in its settings on GitHub",
            )
        ]
    if seen.repository.can_push is False:
        return [
            _Problem(
                "the credentials may not write to the contents of"
                f" {proposal.repository}",
                "use a token with the permission Contents: write",
            )
        ]
    return []
