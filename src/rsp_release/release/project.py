"""The repository that is released: what every part of a plan works from."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import Config
from ..engine.journal import Journal, find_unfinished
from ..engine.world import World
from ..exceptions import ReleaseError
from ..models import Proposal, Release
from ..version.choose import History

__all__ = ["Project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A clone, its repository on GitHub, its settings and its journals."""

    world: World
    """Git, GitHub, the registries and the clock."""

    config: Config
    """The settings."""

    repository: str
    """Owner and name on GitHub, as it knows them."""

    journals: Path
    """The directory of the clone's journals."""

    repository_id: int | None = None
    """GitHub's number of the repository; `None` where it is not known."""

    former: tuple[str, ...] = ()
    """Other names that the repository had, as far as they are known."""

    read_history: Callable[[str], History]
    """Reads the history up to a revision."""

    fsync: Callable[[int], None] = os.fsync
    """Makes what journals record durable."""

    def follow(self, name: str) -> Project | None:
        """Return this by its new name, where it got one meanwhile.

        Parameters
        ----------
        name
            Owner and name by which it is known.

        Returns
        -------
        Project or None
            `None` where nothing was heard of another name.
        """
        forge = self.world.forge
        # Whoever was led elsewhere got an answer, and will be led there again.
        found = None
        if forge.has_moved:
            with suppress(ReleaseError):
                found = forge.identify()
        if found is None or found[0] == name:
            return None
        return replace(
            self,
            repository=found[0],
            repository_id=found[1],
            former=(name, *self.former),
        )

    def open_journal(self, tag: str) -> Journal:
        """Open the journal of a tag, which is empty if there was none."""
        return Journal.of_tag(self.journals, tag, fsync=self.fsync)

    def find_unfinished(self) -> list[Journal]:
        """Return the journals of unfinished releases, the oldest first."""
        return find_unfinished(self.journals, fsync=self.fsync)

    def find_newest(self) -> Release | Proposal | None:
        """Return the newest unfinished release that wrote anything."""
        return next(
            (
                journal.release or journal.proposal
                for journal in reversed(self.find_unfinished())
                if journal.has_intents
            ),
            None,
        )
