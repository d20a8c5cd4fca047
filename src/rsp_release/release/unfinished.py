"""Finds unfinished releases: by journal, by branch, or by tag.

The journal knows most, but a clean clone has none. There the branch of the
change log's pull request tells of a release that is not tagged yet, and the
tag of one that is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from shlex import quote

from ..checks.rivals import find_rival
from ..engine.journal import Journal
from ..exceptions import NotAllowedError, UsageError
from ..models import Proposal, PullRequest, PushTag, Release
from ..models.naming import CHANGELOG_BRANCHES
from ..version.choose import History, Request
from ..version.tags import parse_tags
from .pin import adopt, pin_tag, propose_release
from .project import Project

__all__ = ["UnfinishedReleases"]

_NEWEST = 5
"""How many of the newest tags may have been made on top of a checkout."""


@dataclass(frozen=True, slots=True)
class UnfinishedReleases:
    """The releases that were begun, from a clone or elsewhere."""

    project: Project
    """What is released."""

    settle: float
    """Seconds after which a write shows, or came to nothing."""

    def find_newest(self) -> Release | Proposal | None:
        """Find what the journals know to be unfinished, the newest of it.

        Releases that wrote nothing are forgotten; so are those whose pull
        request was closed and its branch deleted, and those whose commits
        somebody else has released meanwhile.

        Returns
        -------
        Release or Proposal or None
            A pinned release, or one whose commit is not known yet.
        """
        found: Release | Proposal | None = None
        for journal in self.project.find_unfinished():
            proposal, release = journal.proposal, journal.release
            if not journal.has_intents:
                journal.discard()
            elif release is not None and self._is_overtaken(release, journal):
                journal.abandon(at=self.project.world.clock.now())
            elif release is not None:
                found = self._take_up_pinned(release, journal)
            elif proposal is None:
                found = None
            elif self._is_given_up(proposal, journal):
                journal.abandon(at=self.project.world.clock.now())
            else:
                found = self._take_up(proposal)
        return found

    def find_to_resume(self, tag: str | None) -> Release | Proposal:
        """Find what to resume.

        Parameters
        ----------
        tag
            The tag; `None`: what was begun last, or else the version that
            the checked-out commit belongs to.

        Returns
        -------
        Release or Proposal
            A pinned release, or one whose commit is not known yet.

        Raises
        ------
        UsageError
            Raised if there is none.
        """
        if tag is None:
            unfinished = self.find_newest()
            if unfinished is not None:
                return unfinished
            tag = self._find_branch()
            if tag is not None:
                return self._propose(tag)
            return self.find(None)
        journal = self.project.open_journal(tag)
        if journal.release is not None:
            return self._take_up_pinned(journal.release, journal)
        if journal.proposal is not None and journal.has_intents:
            return self._take_up(journal.proposal)
        git = self.project.world.git
        if git.local_tag(tag) is None and git.remote_tag(tag) is None:
            branch = f"{CHANGELOG_BRANCHES}{tag}"
            if git.remote_branches(branch) or self.project.world.forge.pulls(
                branch
            ):
                return self._propose(tag)
            version = _version_of(tag)
            if version is not None:
                raise UsageError(
                    f"there is no tag {tag}, here or on {git.remote}, and no"
                    " branch with its change log",
                    help=f"`rsp-release bump {quote(version)}` releases it;"
                    " `git ls-remote --tags` shows the tags",
                )
        return pin_tag(self.project, tag)

    def find(self, tag: str | None) -> Release:
        """Find a release that is tagged, or about to be.

        Parameters
        ----------
        tag
            The tag; `None`: the one begun last, or else the one that the
            commit that is checked out belongs to.

        Returns
        -------
        Release
            The pinned release.

        Raises
        ------
        UsageError
            Raised if there is none.
        """
        if tag is None:
            unfinished = self.find_newest()
            if isinstance(unfinished, Release):
                return unfinished
            history = self.project.read_history("HEAD")
            tag = self.find_ahead(history)
            if tag is None and history.previous is not None:
                tag = history.previous.name
            if tag is None:
                raise UsageError(
                    "no release was started here, and no version is tagged",
                    help="`rsp-release bump` makes the first one",
                )
        journal = self.project.open_journal(tag)
        if journal.release is not None:
            return self._take_up_pinned(journal.release, journal)
        return pin_tag(self.project, tag)

    def find_given_up(self, proposal: Proposal) -> int:
        """Return the newest pull request of a try that was given up.

        One that was closed counts as given up once its branch is gone.

        Parameters
        ----------
        proposal
            What is proposed anew.

        Returns
        -------
        int
            Its number; 0 where there is none.
        """
        world, branch = self.project.world, proposal.changelog_branch
        state = world.changelog.look(proposal.commit, proposal.version)
        if not state.todo or proposal.is_prerelease:
            return 0
        try:
            closed = [
                pull.number
                for pull in world.forge.pulls(branch)
                if not pull.is_open and not pull.is_merged
            ]
        except NotAllowedError:
            # Preflight, or the first write, tells of it in its own words.
            return 0
        if not closed or branch in world.git.remote_branches(branch):
            return 0
        return max(closed)

    def find_ahead(self, history: History) -> str | None:
        """Return the newest release that was made on top of the checkout.

        The commit with a change log's entry is made on the remote, and no
        branch of the clone is moved to it.

        Parameters
        ----------
        history
            The history of the checkout.

        Returns
        -------
        str or None
            Its tag; `None` where there is none.
        """
        git = self.project.world.git
        previous = history.previous
        for tag in history.tags[:_NEWEST]:
            if previous is not None and tag.version <= previous.version:
                break
            commit = git.local_tag(tag.name)
            if (
                commit is not None
                and commit != history.head
                and git.is_ancestor(history.head, commit)
            ):
                return tag.name
        return None

    # -- Parts --------------------------------------------------------------

    def _take_up(self, proposal: Proposal) -> Release | Proposal:
        """Return what was begun, as it is by now.

        Its tag is the pin, where somebody else has gone on with it.
        """
        proposal = adopt(self.project, proposal)
        if self.project.world.git.remote_tag(proposal.tag) is not None:
            return pin_tag(self.project, proposal.tag)
        return replace(proposal, is_begun=True)

    def _take_up_pinned(self, release: Release, journal: Journal) -> Release:
        """Return what was pinned, or what somebody else made of it.

        Of two who go on with the same entry, one may leave what came late
        and the other add it. As long as nothing was written by this pin, a
        tag at an earlier commit that has the entry is the release.
        """
        world, newest = self.project.world, journal.newest_intent
        if newest is None or newest < release.pinned_at:
            commit = world.git.remote_tag(release.tag)
            if commit is not None and commit != release.commit:
                if world.git.local_tag(release.tag) is None:
                    world.git.fetch_tag(release.tag)
                state = world.changelog.look(commit, release.version)
                if state.entry and world.git.is_ancestor(
                    commit, release.commit
                ):
                    return pin_tag(self.project, release.tag)
        return adopt(self.project, release)

    def _is_overtaken(self, release: Release, journal: Journal) -> bool:
        """Return whether another version of the same commits was quicker.

        That is told by the tag: nothing was written after it, and the remote
        does not have it.
        """
        intent = journal.intent(PushTag.KEY.format(release))
        if intent is None or journal.newest_intent != intent:
            return False
        world = self.project.world
        if world.clock.now() < intent + timedelta(seconds=self.settle):
            return False
        refs = world.git.remote_refs(release.branch)
        return find_rival(release, refs, world) is not None

    def _is_given_up(self, proposal: Proposal, journal: Journal) -> bool:
        """Return whether nothing is left of a try, and it cannot go on."""
        world, branch = self.project.world, proposal.changelog_branch
        git, settle = world.git, timedelta(seconds=self.settle)
        head = git.remote_branch(proposal.branch or proposal.default_branch)
        if head is None:
            return False
        state = world.changelog.look(head, proposal.version)
        if not state.todo:
            return state.entry is None and self._had_entry(proposal, head)
        newest = journal.newest_intent
        if newest is not None and world.clock.now() < newest + settle:
            return False
        if branch in git.remote_branches(branch):
            return False
        pulls = self._pulls(proposal)
        if any(pull.is_open or pull.is_merged for pull in pulls):
            return False
        return bool(pulls) or head != proposal.commit

    def _had_entry(self, proposal: Proposal, head: str) -> bool:
        """Return whether its entry was merged, and taken away again."""
        world = self.project.world
        commits = [pull.merge_commit for pull in self._pulls(proposal)]
        return any(
            commit is not None
            and world.git.is_ancestor(commit, head)
            and world.changelog.look(commit, proposal.version).entry
            for commit in commits
        )

    def _pulls(self, proposal: Proposal) -> list[PullRequest]:
        """Return the pull requests of a try, the newest first."""
        return [
            pull
            for pull in self.project.world.forge.pulls(
                proposal.changelog_branch
            )
            if pull.number > proposal.after_pull
        ]

    def _find_branch(self) -> str | None:
        """Find the tag of a change log's branch that awaits its release."""
        git = self.project.world.git
        names = (
            name.removeprefix(CHANGELOG_BRANCHES)
            for name in git.remote_branches(CHANGELOG_BRANCHES)
        )
        tags = [
            tag
            for tag in parse_tags(names)
            if git.remote_tag(tag.name) is None
        ]
        if not tags:
            return None
        return max(tags, key=lambda tag: tag.order).name

    def _propose(self, tag: str) -> Proposal:
        """Propose again what somebody else began."""
        _, proposal = propose_release(
            self.project,
            self.project.read_history("HEAD"),
            Request(part=_version_of(tag) or tag, force=True),
        )
        if proposal is None:
            raise UsageError("there is nothing to release")
        return replace(
            proposal,
            branch=proposal.branch or self.project.config.branch,
            # Whoever began it may have asked for another part.
            asked=None,
            is_forced=False,
            is_begun=True,
        )


def _version_of(tag: str) -> str | None:
    return next((tag.removeprefix(t.prefix) for t in parse_tags([tag])), None)
