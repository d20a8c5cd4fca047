"""Plans a release: from what is unfinished, or from the changes. No writes.

One line of values: the unfinished release, else the history, the version that
is chosen from it, and the release that is there already or is proposed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TypeVar

from ..models import Proposal, Release
from ..version.choose import History, Request
from .pin import propose_release
from .plan import Options, Plan
from .project import Project
from .unfinished import UnfinishedReleases

__all__ = ["Planner"]

_PULL = re.compile(r"^Merge pull request #(\d+) |\(#(\d+)\)$")
"""Where a commit's subject names the pull request that it came from."""

_MOST_PULLS = 100
"""How many pull requests are asked for their labels."""

T = TypeVar("T", Release, Proposal, Release | Proposal)


@dataclass(frozen=True, slots=True)
class Planner:
    """Finds out what ``bump`` and ``resume`` would do."""

    project: Project
    """What is released."""

    unfinished: UnfinishedReleases
    """Finds what was begun."""

    options: Options
    """What was asked for."""

    def plan_bump(self, request: Request) -> Plan:
        """Find out what ``bump`` would do.

        Parameters
        ----------
        request
            The part or the version that was asked for.

        Returns
        -------
        Plan
            A new release, one to finish first, one that is there already, or
            nothing to do.
        """
        begun = self.unfinished.find_newest()
        if isinstance(begun, Release):
            return Plan(unfinished=begun)
        if begun is not None:
            return Plan(proposal=self._with_options(begun))
        history = self._read_history()
        chosen, proposal = propose_release(self.project, history, request)
        plan = Plan(next_version=chosen)
        if proposal is None:
            return self._plan_existing(plan)
        ahead = self.unfinished.find_ahead(history)
        if ahead is not None and self._is_all(ahead):
            # This checkout did not follow the release that was made from it.
            return replace(plan, existing=self.unfinished.find(ahead))
        return replace(
            plan,
            proposal=replace(
                proposal,
                after_pull=self.unfinished.find_given_up(proposal),
                leaves_late=self.options.leaves_late,
                collects_late=self.options.collects_late,
            ),
        )

    def plan_resume(self, tag: str | None) -> Release | Proposal:
        """Find out what ``resume`` would do.

        Parameters
        ----------
        tag
            The tag; `None`: what was begun last.

        Returns
        -------
        Release or Proposal
            What to finish: a pinned release, or one that is not tagged yet.

        Raises
        ------
        UsageError
            Raised if there is none.
        """
        return self._with_options(self.unfinished.find_to_resume(tag))

    def _with_options(self, begun: T) -> T:
        """Let what was begun continue as is asked for now."""
        if isinstance(begun, Proposal):
            return replace(
                begun,
                leaves_late=self.options.leaves_late,
                is_forced=begun.is_forced or self.options.forces,
                collects_late=self.options.collects_late,
            )
        return begun

    def _read_history(self) -> History:
        """Read the history, with labels where the settings map any."""
        project = self.project
        history = project.read_history("HEAD")
        if not project.config.labels:
            return history
        git, previous = project.world.git, history.previous
        commits = git.commits(
            git.local_tag(previous.name) if previous else None, history.head
        )
        numbers = dict.fromkeys(
            int(match[1] or match[2])
            for commit in commits
            if (match := _PULL.search(commit.subject))
        )
        labels = [
            (f"#{number}", label)
            for number in list(numbers)[:_MOST_PULLS]
            for label in project.world.forge.labels(number)
        ]
        return history._replace(labels=tuple(labels))

    def _plan_existing(self, plan: Plan) -> Plan:
        """Find the release that the checked-out commit belongs to."""
        chosen = plan.next_version
        if chosen is None or chosen.current_tag is None:
            return plan
        release = self.unfinished.find(chosen.current_tag)
        if release.commit != self.project.world.git.head():
            return replace(plan, complete=release)
        return replace(plan, existing=release)

    def _is_all(self, tag: str) -> bool:
        """Return whether the branch on the remote ends at a tag."""
        git = self.project.world.git
        branch = git.branch()
        if branch is None:
            return False
        return git.remote_branch(branch) == git.local_tag(tag)
