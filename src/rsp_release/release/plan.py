"""What a command was asked for, and what it would do."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import Literal

from ..engine.engine import Pace
from ..models import NextVersion, Proposal, Release

__all__ = ["Options", "Plan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a command was asked for, besides its part or tag."""

    watches: bool = True
    """Whether to wait for the workflow run."""

    verifies: bool = True
    """Whether to look for the images."""

    deploys: bool = True
    """Whether to open the deployment pull request."""

    rollout: Literal["no", "look", "act"] = "no"
    """Whether to look at the environments, or to sync them as well."""

    environments: tuple[str, ...] = ()
    """The environments to roll out to; empty: all that run it."""

    checkout: Path | None = None
    """A checkout of the deployment repository to use instead of GitHub."""

    waits: bool = True
    """Whether to wait for people; else leave where one has to move."""

    leaves_late: bool = False
    """Whether fragments that came too late wait for the next release."""

    forces: bool = False
    """Whether a version is released that its entry contradicts, and over what
    checks found.
    """

    checks: bool = True
    """Whether to look at all that ``check`` does before a release begins."""

    trusts: bool = False
    """Whether what the repository's settings name may be run: commands of
    scriv's, and the build system that uv asks.
    """

    collects_late: bool = False
    """Whether they are added to the entry that was made without them."""

    asks: bool = False
    """Whether somebody at a terminal can decide what is open."""

    timeout: float = 3600.0
    """Seconds after which waiting ends."""

    reruns: int = 0
    """How often failed jobs of the workflow run may be run again."""

    approves: bool = False
    """Whether to approve deployments that the run waits for."""

    pace: Pace = field(default_factory=Pace)
    """How patient the engine is."""

    @property
    def skipped(self) -> frozenset[str]:
        """The keys of the steps that are left out."""
        left = {"images"} if not self.verifies else set()
        if not self.watches:
            left |= {"workflow_run", "images", "chart_pr"}
        if not self.deploys:
            left.add("chart_pr")
        if self.rollout == "no":
            left.add("rollout")
        return frozenset(left)

    def write_resume(self, tag: str) -> str:
        """Write the command that goes on with a release, and no further.

        Parameters
        ----------
        tag
            The release's tag.

        Returns
        -------
        str
            The command, with the environments that were asked for.
        """
        words = ["rsp-release", "resume", quote(tag)]
        if self.rollout == "act":
            words.append("--rollout")
            words += [f"--environment {quote(e)}" for e in self.environments]
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``bump`` would do, before anything was written."""

    next_version: NextVersion | None = None
    """The version that was computed; `None` where one is resumed."""

    proposal: Proposal | None = None
    """A new release."""

    unfinished: Release | None = None
    """A release that was begun, and is to be finished first."""

    existing: Release | None = None
    """The release that the commit already has, complete or not."""

    complete: Release | None = None
    """The same, where nothing is to be done."""

    is_left: bool = False
    """Whether it was left incomplete, too long ago to go on with it."""

    @property
    def subject(self) -> Release | Proposal | None:
        """What is to be released or finished."""
        return self.proposal or self.unfinished

    @property
    def tag(self) -> str | None:
        """The tag that the plan is about."""
        subject = self.subject or self.complete
        return subject.tag if subject else None

    def forced(self) -> Plan:
        """Return the same plan, once something of it was begun, insisted on.

        What was begun goes on from the journal, as the same release.
        """
        if self.proposal is None:
            return self
        return replace(
            self,
            proposal=replace(self.proposal, is_forced=True, is_begun=True),
        )
