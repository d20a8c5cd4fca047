"""Finds releases that were begun: by journal, by branch, or by tag.

The journal knows most, but a clean clone has none. There the branch of the
change log's pull request tells of a release that is not tagged yet, and the
tag of one that is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from ..config import Config
from ..engine.journal import Journal, find_unfinished
from ..engine.world import World
from ..exceptions import NotAllowedError, UsageError
from ..models import Proposal, PullRequest, Release
from ..version.choose import History, Request, propose
from ..version.tags import parse_tags
from .pin import pin_tag, propose_release

__all__ = ["Begun"]

_BRANCHES = "rsp-release/changelog-"

_NEWEST = 5
"""How many of the newest tags may have been made on top of a checkout."""


class Begun:
    """The releases that were begun from a clone, or elsewhere.

    Parameters
    ----------
    world
        Git, GitHub and the clock.
    config
        The settings.
    repository
        Owner and name on GitHub.
    journals
        The directory of the clone's journals.
    read_history
        Reads the history up to a revision.
    settle
        Seconds after which a write shows, or came to nothing.
    fsync
        Makes what journals record durable.
    """

    def __init__(
        self,
        *,
        world: World,
        config: Config,
        repository: str,
        journals: Path,
        read_history: Callable[[str], History],
        settle: float,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        self._world = world
        self._config = config
        self._repository = repository
        self._journals = journals
        self._read_history = read_history
        self._settle = timedelta(seconds=settle)
        self._fsync = fsync

    def unfinished(self) -> Release | Proposal | None:
        """Find what the journals know to be unfinished, the newest of it.

        Releases that wrote nothing are forgotten; so are those whose pull
        request was closed and its branch deleted.

        Returns
        -------
        Release or Proposal or None
            A pinned release, or one whose commit is not known yet.
        """
        found: Release | Proposal | None = None
        for journal in find_unfinished(self._journals, fsync=self._fsync):
            proposal = journal.proposal
            if not journal.has_intents:
                journal.discard()
            elif proposal is None:
                found = journal.release
            elif self._is_given_up(proposal, journal):
                journal.abandon(at=self._world.clock.now())
            else:
                found = replace(proposal, is_begun=True)
        return found

    def take_up(self, tag: str | None) -> Release | Proposal:
        """Find what to go on with.

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
            unfinished = self.unfinished()
            if unfinished is not None:
                return unfinished
            tag = self._find_branch()
            if tag is not None:
                return self._propose(tag)
            return self.find(None)
        journal = Journal.of_tag(self._journals, tag)
        if journal.release is not None:
            return journal.release
        if journal.proposal is not None and journal.has_intents:
            return replace(journal.proposal, is_begun=True)
        git = self._world.git
        if git.local_tag(tag) is None and git.remote_tag(tag) is None:
            branch = f"{_BRANCHES}{tag}"
            if git.remote_branches(branch) or self._world.forge.pulls(branch):
                return self._propose(tag)
        return self._pin_tag(tag)

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
            unfinished = self.unfinished()
            if isinstance(unfinished, Release):
                return unfinished
            history = self._read_history("HEAD")
            tag = self.ahead(history)
            if tag is None and history.previous is not None:
                tag = history.previous.name
            if tag is None:
                raise UsageError(
                    "no release was begun here, and no version is tagged",
                    help="`rsp-release bump` makes the first one",
                )
        journal = Journal.of_tag(self._journals, tag)
        if journal.release is not None:
            return journal.release
        return self._pin_tag(tag)

    def after_pull(self, proposal: Proposal) -> int:
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
        branch = proposal.changelog_branch
        state = self._world.changelog.look(proposal.commit, proposal.version)
        if not state.todo or proposal.is_prerelease:
            return 0
        try:
            closed = [
                pull.number
                for pull in self._world.forge.pulls(branch)
                if not pull.is_open and not pull.is_merged
            ]
        except NotAllowedError:
            # Preflight, or the first write, tells of it in its own words.
            return 0
        if not closed or branch in self._world.git.remote_branches(branch):
            return 0
        return max(closed)

    def ahead(self, history: History) -> str | None:
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
        git = self._world.git
        least = history.previous.version.key if history.previous else ()
        for tag in history.tags[:_NEWEST]:
            if tag.version.key <= least:
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

    def _is_given_up(self, proposal: Proposal, journal: Journal) -> bool:
        """Return whether nothing is left of a try, and it cannot go on."""
        git, now = self._world.git, self._world.clock.now()
        branch = proposal.changelog_branch
        head = git.remote_branch(proposal.branch or proposal.default_branch)
        if head is None:
            return False
        state = self._world.changelog.look(head, proposal.version)
        if not state.todo:
            return state.entry is None and self._had_entry(proposal, head)
        newest = journal.newest_intent
        if newest is not None and now < newest + self._settle:
            return False
        if branch in git.remote_branches(branch):
            return False
        pulls = self._pulls(proposal)
        if any(pull.is_open or pull.is_merged for pull in pulls):
            return False
        return bool(pulls) or head != proposal.commit

    def _had_entry(self, proposal: Proposal, head: str) -> bool:
        """Return whether its entry was merged, and taken away again."""
        commits = [pull.merge_commit for pull in self._pulls(proposal)]
        return any(
            commit is not None
            and self._world.git.is_ancestor(commit, head)
            and self._world.changelog.look(commit, proposal.version).entry
            for commit in commits
        )

    def _pulls(self, proposal: Proposal) -> list[PullRequest]:
        """Return the pull requests of a try, the newest first."""
        return [
            pull
            for pull in self._world.forge.pulls(proposal.changelog_branch)
            if pull.number > proposal.after_pull
        ]

    def _find_branch(self) -> str | None:
        """Find the tag of a change log's branch that awaits its release."""
        git = self._world.git
        names = (
            name.removeprefix(_BRANCHES)
            for name in git.remote_branches(_BRANCHES)
        )
        tags = [
            tag
            for tag in parse_tags(names)
            if git.remote_tag(tag.name) is None
        ]
        if not tags:
            return None
        return max(tags, key=lambda tag: tag.version.key).name

    def _propose(self, tag: str) -> Proposal:
        """Propose again what somebody else began."""
        version = next(
            (tag.removeprefix(t.prefix) for t in parse_tags([tag])), tag
        )
        history = self._read_history("HEAD")
        chosen = propose(
            history,
            policy=self._config,
            request=Request(part=version, force=True),
        )
        proposal = propose_release(
            chosen,
            history=history,
            config=self._config,
            repository=self._repository,
            branch=self._world.git.branch() or self._config.branch,
            now=self._world.clock.now(),
        )
        return replace(proposal, is_begun=True)

    def _pin_tag(self, tag: str) -> Release:
        git = self._world.git
        if git.local_tag(tag) is None:
            remote = git.remote_tag(tag)
            if remote is None:
                raise UsageError(
                    f"there is no tag {tag}, here or on {git.remote}",
                    help="`git ls-remote --tags` shows the tags",
                )
            git.fetch_tag(tag)
        commit = git.local_tag(tag)
        history = None
        if commit is not None and git.has_parent(commit):
            history = self._read_history(f"{commit}~1")
        return pin_tag(
            tag,
            git=git,
            changelog=self._world.changelog,
            config=self._config,
            repository=self._repository,
            history=history,
        )
