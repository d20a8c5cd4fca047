"""First, the line: which tags a branch continues. Pure.

Dates among the tags are set apart here, and nobody counts on from them. A
branch named ``1.2`` or ``release/1.x`` is a release branch, and limits what
comes next.
"""

from __future__ import annotations

import re
from heapq import nlargest
from itertools import pairwise, starmap
from typing import NamedTuple

from ..config import Level
from .history import History
from .tags import Stream, Tag
from .values import Version, part_between

__all__ = ["Line", "ReleaseBranch", "find_line"]


class ReleaseBranch(NamedTuple):
    """What a release branch is for."""

    major: int
    minor: int | None

    def __str__(self) -> str:  # type: ignore[explicit-override]
        last = "x" if self.minor is None else f"{self.minor}"
        return f"{self.major}.{last}"

    @property
    def first(self) -> Version:
        """The first version that belongs on the branch."""
        return Version(self.major, self.minor or 0, 0)

    def allows(self, version: Version) -> bool:
        """Return whether a version belongs on the branch."""
        return version.major == self.major and (
            self.minor is None or version.minor == self.minor
        )


class Line(NamedTuple):
    """The versions that a branch continues."""

    history: History

    tags: tuple[Tag, ...]
    """The tags that are versions, wherever they are."""

    dates: tuple[Tag, ...]
    """The tags that are dates."""

    branch: ReleaseBranch | None
    """What the branch is for, where it is a release branch."""

    @property
    def previous(self) -> Version | None:
        """The highest stable version that the head contains."""
        tag = self.history.previous
        return tag.version if tag else None

    @property
    def is_before_first(self) -> bool:
        """Whether a release branch has no version of its own yet."""
        return (
            self.branch is not None
            and self.previous is not None
            and not self.branch.allows(self.previous)
        )

    @property
    def most(self) -> Level:
        """The largest part that may be raised here."""
        if self.branch is None or self.is_before_first:
            return "major"
        return "minor" if self.branch.minor is None else "patch"

    @property
    def unmerged(self) -> list[Tag]:
        """The tags of higher versions that the head does not contain."""
        previous = self.history.previous
        if previous is None:
            return []
        merged = self.history.prereleases
        return [
            tag
            for tag in self.tags
            if tag.numbers > previous.numbers and tag not in merged
        ]

    @property
    def is_pep440(self) -> bool:
        """Whether the newest pre-release is in PEP 440's spelling."""
        pre = [tag for tag in self.history.tags if tag.pre]
        return bool(pre) and max(pre, key=lambda tag: tag.order).pep440

    @property
    def short(self) -> Tag | None:
        """The previous version's tag, where it has two numbers."""
        tag = self.history.previous
        return tag if tag is not None and tag.parts == 2 else None

    @property
    def stream(self) -> Stream | None:
        """The stream of these tags, where there are several."""
        names = {tag.stream for tag in self.tags}
        for stream in self.history.streams:
            if stream.last.stream in names and not stream.last.is_calendar:
                return stream
        return None

    @property
    def is_dead(self) -> bool:
        """Whether another stream, or one of dates, was tagged last.

        One release may tag several streams at its commit.
        """
        streams, own = self.history.streams, self.stream
        if not streams or own is None:
            return bool(streams)
        newest = streams[0]
        return newest.commit != own.commit and (
            newest.when > own.when or newest.last.is_calendar
        )

    @property
    def has_raised_major(self) -> bool:
        """Whether a release raised the major version since 1.0.0."""
        majors = {t.numbers[0] for t in self.tags if not t.pre}
        return len(majors - {0}) > 1

    def near(self, version: Version) -> list[Tag]:
        """Return the tags with the numbers of a version, dates as well."""
        numbers = version.major, version.minor, version.patch
        return [tag for tag in self.history.tags if tag.numbers == numbers]

    def last_raised(self, number: int) -> list[Level]:
        """Return which parts the last releases raised, newest first."""
        previous = self.history.previous
        if previous is None:
            return []
        stable = {
            t.numbers
            for t in self.tags
            if not t.pre and t.numbers <= previous.numbers
        }
        versions = starmap(Version, nlargest(number + 1, stable))
        return [part_between(b, a) for a, b in pairwise(versions)]


_BRANCH = (
    r"(?a)(?:(?:releases?|maint|maintenance|stable|support|backport)[/-])?"
    r"v?(\d+)\.(?:x|(\d+)(?:\.x)?)"
)


def find_line(history: History) -> Line:
    """Find the tags that a branch continues.

    Parameters
    ----------
    history
        What was read.

    Returns
    -------
    Line
        The line.
    """
    match = re.fullmatch(_BRANCH, history.branch or "")
    branch = None
    if match is not None:
        minor = int(match[2]) if match[2] else None
        branch = ReleaseBranch(int(match[1]), minor)
    return Line(
        history=history,
        tags=tuple(t for t in history.tags if not t.is_calendar),
        dates=tuple(t for t in history.tags if t.is_calendar),
        branch=branch,
    )
