"""What is read of a repository before its next version is chosen. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ..config import Level
from .commits import CommitEvidence
from .fragments import Fragment, Section
from .tags import Stream, Tag

__all__ = ["History"]


class History(NamedTuple):
    """What was read of a repository, before anything is decided."""

    head: str
    """The hash of the commit that would be tagged."""

    branch: str | None = None
    """The branch that is checked out; `None` where detached."""

    tags: tuple[Tag, ...] = ()
    """Every tag of the stream that names a version, wherever it is."""

    streams: tuple[Stream, ...] = ()
    """The streams of tags, where there are several, and which are dates; the
    one that was tagged last comes first.
    """

    unlike: str = ""
    """A tag with a number, where no tag names a version. Untrusted."""

    previous: Tag | None = None
    """The highest stable version that the head contains."""

    prereleases: tuple[Tag, ...] = ()
    """The pre-releases above it that the head contains."""

    head_tags: tuple[str, ...] = ()
    """The names of the tags at the head itself."""

    commits: CommitEvidence = CommitEvidence()
    """What the commits since then say."""

    conventional: float | None = None
    """The share of Conventional Commits just before the previous version."""

    releases: tuple[tuple[Level, CommitEvidence], ...] = ()
    """What the last releases raised, and the commits of each, newest first;
    read only where commits have gitmoji.
    """

    fragments: tuple[Fragment, ...] = ()
    """The change-log fragments in the tree, stale ones marked."""

    uses_fragments: bool = False
    """Whether the repository is set up for fragments."""

    section: Section | None = None
    """The newest section of the change log, if for no tagged version."""

    past: tuple[Section, ...] = ()
    """The sections of earlier versions, newest first; a score or so."""

    labels: tuple[tuple[str, str], ...] = ()
    """Pull requests since the previous version and a label of each."""

    warnings: tuple[str, ...] = ()
    """What a person should know of how it was read."""
