"""Tells what somebody else has begun to release from the same branch.

Two releases of the same commits would be two versions of one thing. Which one
was first is what the remote says: see decision record 0011.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from shlex import quote

from ..changelog.entries import commit_subject
from ..engine.world import World
from ..models import Blocked, Commit, Proposal, Release, RemoteRefs
from ..models.naming import CHANGELOG_BRANCHES, CLAIM
from ..version.tags import Tag, parse_tags
from .base import Finding, ok, problem, unknown
from .facts import Facts, once

__all__ = ["check_rival", "find_rival"]

_SUBJECT = re.compile(rf"^{re.escape(commit_subject(''))}(\S+)", re.MULTILINE)


@once
def check_rival(facts: Facts) -> Finding:
    """Tell whether another version of the same commits was first.

    Blocks where one was: two versions would have the same changes.
    """
    proposal = facts.proposal
    if proposal.branch is None:
        return unknown("HEAD is detached")
    if facts.trouble is not None and facts.history is None:
        return unknown(f"not checked: {facts.trouble.message}")
    if facts.begun is not None:
        return ok(f"{facts.begun} is not finished; see below")
    refs = facts.remote_refs()
    rival = None
    if not facts.is_joined:
        rival = find_rival(proposal, refs, facts.world)
    if rival is not None:
        return problem(rival.problem, rival.help, url=rival.url)
    return ok("no other version is being released from these commits")


def find_rival(
    subject: Proposal | Release, refs: RemoteRefs, world: World
) -> Blocked | None:
    """Find another version that is being released from the same commits.

    What has begun itself, by an entry or a branch on the remote, is held up
    by nothing but a tag at its commit: so whatever was begun can be ended.

    Parameters
    ----------
    subject
        What is to be released.
    refs
        What the remote has, by the look that decides.
    world
        Where the rest is found.

    Returns
    -------
    Blocked or None
        What is being released, by whom, and how it ends.

    Raises
    ------
    ReadError
        Raised if it could not be told.
    """
    tag, head = subject.tag, refs.head
    mine = next(parse_tags([tag]), None)
    if tag in refs.tags or head is None or mine is None:
        return None
    look = _Look(subject, mine, refs, head, world)
    return look.find_tag() or look.find_begun()


@dataclass(frozen=True, slots=True)
class _Look:
    """What is looked at on behalf of one release."""

    subject: Proposal | Release
    mine: Tag
    refs: RemoteRefs
    head: str
    world: World

    @property
    def is_begun(self) -> bool:
        """Whether the remote has a branch or an entry for it."""
        version = self.subject.version
        if self.subject.tag in self.refs.branches:
            return True
        return self.world.changelog.look(self.head, version).entry is not None

    def find_tag(self) -> Blocked | None:
        """Find a version that was tagged since this one was chosen."""
        git, refs, commit = self.world.git, self.refs, self.subject.commit
        place = {commit}
        if self.head != commit and not self.is_begun:
            place |= {c.hash for c in git.commits(commit, self.head)}
        names = [name for name, at in refs.tags.items() if at in place]
        for other in self._rivals(names):
            tag = other.name
            if other.pre and tag not in refs.unfetched:
                continue
            maker, _ = git.describe(f"refs/tags/{tag}")
            return Blocked(
                problem=f"{tag} was tagged{_by(maker)} at"
                f" {refs.tags[tag][:10]}: {self.subject.tag} would release the"
                " same commits again",
                help=f"`rsp-release resume {quote(tag)}` finishes it\n"
                f"or git pull --ff-only --tags, then `rsp-release bump`",
            )
        return None

    def find_begun(self) -> Blocked | None:
        """Find a version that has an entry or a branch, and no tag."""
        if self.is_begun:
            return None
        git, refs, since = self.world.git, self.refs, self.subject.previous_tag
        start = git.local_tag(since) if since else None
        commits = git.commits(start, self.head)
        makers = {self._tag_of(c.message): c.author for c in commits}
        if refs.claim:
            maker, text = git.describe(CLAIM, refs.claim)
            # Who began it, whoever merged it.
            makers[self._tag_of(text)] = maker
        names = {*refs.branches, *makers} - refs.tags.keys()
        for tag, prefix, *_ in self._rivals(names):
            version = tag.removeprefix(prefix)
            if self.world.changelog.look(self.head, version).entry is not None:
                return _tell(
                    tag,
                    makers.get(tag, ""),
                    "remove its entry from the change log",
                )
            pull = None
            if tag in refs.branches:
                pull = self._find_coming(tag, commits)
            if pull is not None:
                ref = f"refs/heads/{CHANGELOG_BRANCHES}{tag}"
                maker, _ = git.describe(ref, refs.branches[tag])
                how = f"delete its branch {CHANGELOG_BRANCHES}{tag}"
                return replace(_tell(tag, maker, how), url=pull or None)
        return None

    def _rivals(self, names: Iterable[str]) -> list[Tag]:
        """Return those that are of this line and newer, the newest first."""
        previous = next(parse_tags([self.subject.previous_tag or ""]), None)
        found = [
            tag
            for tag in parse_tags(names)
            if tag.name != self.subject.tag
            and tag.stream == self.mine.stream
            and not tag.is_calendar
            and (previous is None or tag.version > previous.version)
        ]
        return sorted(found, key=lambda tag: tag.order, reverse=True)

    def _tag_of(self, message: str) -> str:
        """Return the tag whose entry a commit brings; else it is empty."""
        match = _SUBJECT.search(message)
        return f"{self.mine.prefix}{match[1]}" if match else ""

    def _find_coming(
        self, tag: str, commits: tuple[Commit, ...]
    ) -> str | None:
        """Return the URL of what may still bring a branch's entry here.

        It is empty where no pull request is open yet.
        """
        git, head = self.world.git, self.refs.branches[tag]
        branch = f"{CHANGELOG_BRANCHES}{tag}"
        landed = {commit.hash for commit in commits}
        for pull in self.world.forge.pulls(branch):
            if pull.is_open or pull.is_merged:
                is_here = pull.base == self.subject.branch
                is_landed = pull.merge_commit in landed
                return pull.url if is_here and not is_landed else None
            if pull.head == head:
                return None
        # Pushed, and its pull request is not open yet.
        git.describe(f"refs/heads/{branch}", head)
        return "" if git.is_ancestor(f"{head}~1", self.head) else None


def _tell(tag: str, maker: str, how: str) -> Blocked:
    """Say what is being released, and how it ends."""
    return Blocked(
        problem=f"{tag} is being released{_by(maker)}",
        help=f"`rsp-release resume {quote(tag)}` finishes it\n"
        f"or, to give it up, {how}",
    )


def _by(maker: str) -> str:
    return f" by {maker}" if maker else ""
