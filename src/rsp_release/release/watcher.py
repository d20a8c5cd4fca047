"""Watches a run that publishes: of any tag, any run, any repository.

Everything is asked of GitHub, and nothing of a clone: a run is of what GitHub
has. A release that was begun here is known from its journal.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Protocol

from ..config import Config
from ..engine.engine import Engine, Mode, Pace
from ..engine.journal import Journal, find_unfinished
from ..engine.world import Step, World
from ..exceptions import ExitStatus, ReleaseError, UsageError
from ..models import Event, Publication, Release, WorkflowRun
from ..publishing import find_publication
from ..version.tags import parse_tags
from .conclusion import conclude

__all__ = ["Source", "Watcher"]

_WORKFLOWS = ".github/workflows"


class Source(Protocol):
    """The tags, commits and files of a repository."""

    def find_tag(self, tag: str) -> tuple[str, datetime] | None:
        """Return the commit of a tag and its date, if there is the tag."""

    def newest_tag(self) -> str | None:
        """Return the tag of the release that was published last."""

    def files(self, commit: str, directory: str) -> Mapping[str, str]:
        """Return path and text of a directory's YAML files at a commit."""

    def file(self, commit: str, path: str) -> str | None:
        """Return the text of a file at a commit, or `None`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Finds a run, and watches it until it is over."""

    world: World
    """GitHub and the clock."""

    source: Source
    """The repository's tags and files."""

    config: Config
    """The settings."""

    repository: str
    """Owner and name on GitHub."""

    journals: Path
    """The directory of journals: a re-run is a write, too."""

    random: Random
    """Spreads the waits."""

    timeout: float
    """Seconds after which waiting ends."""

    pace: Pace
    """How patient to be."""

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
            for journal in reversed(find_unfinished(self.journals)):
                if journal.release is not None and journal.has_intents:
                    return journal.release
            tag = self.source.newest_tag()
        if tag is None:
            raise UsageError(
                f"{self.repository} has no release",
                help="name the tag, or the run with --run ID",
            )
        journal = Journal.of_tag(self.journals, tag)
        return journal.release or self._of_tag(tag)

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
        now = self.world.clock.now()
        engine = Engine(
            world=self.world,
            journal=Journal.of_tag(self.journals, release.tag),
            mode=Mode.ACT,
            random=self.random,
            deadline=now + timedelta(seconds=self.timeout),
            # To watch is all that is asked for: an outage is survived for
            # as long as if something had been written.
            pace=replace(self.pace, outage_before=self.pace.outage),
        )
        ending = yield from engine.run([step], release)
        result = conclude(
            ending, release, "released", at=self.world.clock.now()
        )
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
                f"{self.repository} has no tag {tag} on GitHub",
                help="`git ls-remote --tags` shows the tags",
            )
        commit, date = found
        return self._make(
            tag=tag,
            commit=commit,
            at=date,
            publication=self._find_publication(commit, tag),
        )

    def _of_run(self, number: int) -> Release:
        run = self.world.forge.run(number)
        if run is None:
            raise UsageError(
                f"{self.repository} has no run {number}",
                help="its number is the last part of the run's URL",
            )
        return self._make(
            tag=run.ref or run.commit[:10],
            commit=run.commit,
            at=run.created_at,
            publication=self._find_published(run),
        )

    def _find_published(self, run: WorkflowRun) -> Publication | None:
        """Find what a run publishes, to know the jobs that must not skip."""
        if run.event not in ("release", "push") or run.ref is None:
            return None
        if next(iter(parse_tags([run.ref])), None) is None:
            return None
        try:
            found = self._find_publication(run.commit, run.ref)
        except ReleaseError:
            # The run can be watched without it.
            return None
        is_same = found is not None and (
            (found.workflow, found.event) == (run.path, run.event)
        )
        return found if is_same else None

    def _find_publication(self, commit: str, tag: str) -> Publication | None:
        return find_publication(
            self.source.files(commit, _WORKFLOWS),
            repository=self.repository,
            tag=tag,
            config=self.config,
            read=lambda path: self.source.file(commit, path),
        )

    def _make(
        self,
        *,
        tag: str,
        commit: str,
        at: datetime,
        publication: Publication | None,
    ) -> Release:
        parsed = next(iter(parse_tags([tag])), None)
        return Release(
            repository=self.repository,
            branch=self.config.branch,
            version=tag.removeprefix(parsed.prefix) if parsed else tag,
            tag=tag,
            commit=commit,
            previous_tag=None,
            notes="",
            is_prerelease=bool(parsed and parsed.pre),
            is_latest=False,
            publication=publication,
            pinned_at=at,
        )
