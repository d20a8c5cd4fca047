"""Gathers what ``check`` looks at: the release that would be next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..changelog.scriv import read_scriv_settings
from ..checks import CHECKS, Facts, Report, run_checks
from ..exceptions import ReleaseError, UsageError
from ..models import Proposal
from ..models.github import Identity
from ..version.choose import History, Request
from .pin import adopt, propose_release, pull_policy
from .project import Project

__all__ = ["Checker"]

_NO_COMMIT = "0" * 40


@dataclass(frozen=True, slots=True)
class Checker:
    """Looks at everything that must be so before a release."""

    project: Project
    """What would be released, with what was detected in its settings."""

    is_offline: bool
    """Whether nothing beyond this machine may be asked."""

    identity: Identity
    """What the repository is called."""

    def look_ahead(
        self,
        proposal: Proposal,
        *,
        deploys: bool,
        heard: Callable[[str], None] = lambda _: None,
    ) -> tuple[Report, ...]:
        """Look at what ``bump`` does not look at itself before it writes.

        Parameters
        ----------
        proposal
            The release that is about to begin.
        deploys
            Whether the deployment repository is written to.
        heard
            Is told which checks are done.

        Returns
        -------
        tuple of Report
            What each check found, in their order.
        """
        config = self.project.config
        if not deploys:
            config = config._replace(deploy_repository=None)
        facts = Facts(
            proposal=proposal,
            world=self.project.world,
            config=config,
            is_thorough=True,
            is_planned=True,
            identity=self.identity,
            history=self.project.read_history("HEAD"),
        )
        chosen = [check for check in CHECKS if not check.is_of_bump]
        return tuple(run_checks(chosen, facts, heard=heard))

    def settings(self, facts: Facts) -> tuple[tuple[str, Any, str], ...]:
        """Return each setting: its key, its value, and where that is from.

        Parameters
        ----------
        facts
            What was looked at.
        """
        config = self.project.config
        if facts.history is not None and facts.history.tags:
            tag = facts.proposal.tag
            config = config.detected(
                "the existing tags",
                tag_prefix=tag.removesuffix(facts.proposal.version),
            )
        with suppress(ReleaseError):
            tool, source = _find_tool(facts)
            if tool is not None:
                config = config.detected(source, changelog=tool)
        with suppress(ReleaseError):
            publication = facts.publication()
            if publication is not None and publication.workflow:
                images = publication.images
                names = dict.fromkeys(image.name for image in images)
                platforms = dict.fromkeys(
                    platform
                    for image in images
                    for platform in image.platforms
                )
                # What the files don't say is not detected.
                found = {
                    "workflow": publication.workflow,
                    "images": tuple(names),
                    "platforms": tuple(platforms),
                }
                config = config.detected(
                    "the workflow files",
                    **{key: value for key, value in found.items() if value},
                )
        return tuple(
            (key, config.value(key), config.source(key)) for key in config.keys
        )

    def find_facts(self) -> Facts:
        """Find out what would be released."""
        history: History | None = None
        trouble: ReleaseError | None = None
        newest = self.project.find_newest()
        proposal = self._guess(None)
        try:
            if newest is not None:
                adopt(self.project, newest)
            history = self.project.read_history("HEAD")
            proposal = self._guess(history)
            _, found = propose_release(self.project, history, Request())
            proposal = found or proposal
        except ReleaseError as e:
            trouble = e
        return Facts(
            proposal=replace(
                proposal, pull_policy=pull_policy(self.project.config)
            ),
            world=self.project.world,
            config=self.project.config,
            is_thorough=True,
            is_offline=self.is_offline,
            history=history,
            trouble=trouble,
            begun=newest.tag if newest else None,
            identity=self.identity,
        )

    def _guess(self, history: History | None) -> Proposal:
        """Propose something, so that all else can be looked at."""
        git = self.project.world.git
        commit = _NO_COMMIT
        with suppress(UsageError):
            commit = git.head()
        previous = history.previous if history else None
        prefix = self.project.config.tag_prefix or ""
        version = self.project.config.initial_version
        if previous is not None:
            prefix = previous.prefix
            version = str(previous.version.bump_patch())
        elif history is not None and history.tags:
            prefix = history.tags[0].prefix
        return Proposal(
            repository=self.project.repository,
            branch=git.branch(),
            default_branch=self.project.config.branch,
            commit=commit,
            version=version,
            tag=f"{prefix}{version}",
            previous_tag=previous.name if previous else None,
            repository_id=self.project.repository_id,
            former=self.project.former,
        )


def _find_tool(facts: Facts) -> tuple[str | None, str]:
    """Find how the change log is kept, and what shows it."""
    if read_scriv_settings(facts.text) is not None:
        return "scriv", "scriv's settings"
    if facts.names("changelog.d"):
        return "scriv", "changelog.d"
    if facts.names(".changeset"):
        return "changesets", ".changeset"
    for path in ("towncrier.toml", "pyproject.toml"):
        if "[tool.towncrier" in (facts.text(path) or ""):
            return "towncrier", path
    if facts.history is not None and facts.history.past:
        return "unreleased", "the change log"
    return None, ""
