"""Watches a run that publishes: of any tag, any run, any repository.

Everything is asked of GitHub, and nothing of a clone: a run is of what GitHub
has. A release that was begun here is known from its journal.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from ..engine.engine import Engine, Mode
from ..engine.world import Step
from ..exceptions import ExitStatus, ReleaseError, UsageError
from ..models import Event, Publication, Release, WorkflowRun
from ..version.tags import parse_tags
from .conclusion import conclude
from .pin import adopt, find_publication
from .plan import Options
from .project import Project

__all__ = ["Source", "Watcher"]


class Source(Protocol):
    """The tags, commits and files of a repository."""

    def find_tag(self, tag: str) -> tuple[str, datetime] | None:
        """Return the commit of a tag and its date, if there is the tag."""

    def newest_tag(self) -> str | None:
        """Return the tag of the release that was published last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Finds a run, and watches it until it is over."""

    project: Project
    """What is watched. Its git may be no more than files on GitHub."""

    source: Source
    """The repository's tags."""

    random: Random
    """Spreads the waits."""

    options: Options
    """What was asked for."""

    def find(self, tag: str | None, number: int | None) -> Release:
        """Find what the run publishes.

        Parameters
        ----------
        tag
            The tag; `None`: the one begun last here, or else that of the
            newest release on GitHub.
        number
            GitHub's number of the run, where a person names one.

        Returns
        -------
        Release
            The release, as far as it can be known from the run or the tag.

        Raises
        ------
        UsageError
            Raised if there is no such run or tag.
        """
        if number is not None:
            return self._of_run(number)
        if tag is None:
            for journal in reversed(self.project.find_unfinished()):
                if journal.release is not None and journal.has_intents:
                    return adopt(self.project, journal.release)
            tag = self.source.newest_tag()
        if tag is None:
            raise UsageError(
                f"{self.project.repository} has no release",
                help="name the tag, or the run with --run ID",
            )
        journal = self.project.open_journal(tag)
        if journal.release is not None:
            return adopt(self.project, journal.release)
        return self._of_tag(tag)

    def watch(
        self, release: Release, step: Step[Release]
    ) -> Generator[Event, None, None]:
        """Wait until the run is over.

        Parameters
        ----------
        release
            What the run publishes.
        step
            The step that finds the run.

        Yields
        ------
        Event
            Every look at the run, then the result.
        """
        world, pace = self.project.world, self.options.pace
        timeout = timedelta(seconds=self.options.timeout)
        engine = Engine(
            world=world,
            journal=self.project.open_journal(release.tag),
            mode=Mode.ACT,
            random=self.random,
            deadline=world.clock.now() + timeout,
            # To watch is all that is asked for: an outage is survived for
            # as long as if something had been written.
            pace=replace(pace, outage_before=pace.outage),
        )
        ending = yield from engine.run([step], release)
        result = conclude(
            ending, release, "released",
            options=self.options, at=world.clock.now(),
        )  # fmt: skip
        if result.exit_status is ExitStatus.UNFINISHED:
            reason = getattr(ending.last, "reason", None)
            result = replace(
                result,
                message=f"timed out: {reason}" if reason else None,
                help="continue: rsp-release watch; --timeout waits longer",
            )
        yield result

    def _of_tag(self, tag: str) -> Release:
        found = self.source.find_tag(tag)
        if found is None:
            raise UsageError(
                f"{self.project.repository} has no tag {tag} on GitHub",
                help="`git ls-remote --tags` shows the tags",
            )
        commit, date = found
        published = find_publication(self.project, commit, tag)
        return self._make(tag, commit, date, published)

    def _of_run(self, number: int) -> Release:
        run = self.project.world.forge.run(number)
        if run is None:
            raise UsageError(
                f"{self.project.repository} has no run {number}",
                help="its number is the last part of the run's URL",
            )
        tag, published = run.ref or run.commit[:10], self._find_published(run)
        return self._make(tag, run.commit, run.created_at, published)

    def _find_published(self, run: WorkflowRun) -> Publication | None:
        """Find what a run publishes, to know the jobs that must not skip."""
        if run.event not in ("release", "push") or run.ref is None:
            return None
        if next(iter(parse_tags([run.ref])), None) is None:
            return None
        try:
            found = find_publication(self.project, run.commit, run.ref)
        except ReleaseError:
            # The run can be watched without it.
            return None
        is_same = found is not None and (
            (found.workflow, found.event) == (run.path, run.event)
        )
        return found if is_same else None

    def _make(
        self,
        tag: str,
        commit: str,
        at: datetime,
        published: Publication | None,
    ) -> Release:
        parsed = next(iter(parse_tags([tag])), None)
        return Release(
            repository=self.project.repository,
            repository_id=self.project.repository_id,
            former=self.project.former,
            branch=self.project.config.branch,
            version=tag.removeprefix(parsed.prefix) if parsed else tag,
            tag=tag,
            commit=commit,
            previous_tag=None,
            notes="",
            is_prerelease=bool(parsed and parsed.pre),
            is_latest=False,
            publication=published,
            pinned_at=at,
        )
