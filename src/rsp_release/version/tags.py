"""Tags and the versions that they name. Pure.

A tag is a stream's prefix and a version. The prefix ends in ``v`` or not, and
is empty in most repositories; in a monorepo it names the part that is
released (``name@1.2.3``, ``name/v1.2.3``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .values import PEP440_PRE, Version, read_pep440

__all__ = ["Stream", "Tag", "parse_tags", "stream_of", "tell_streams"]


# As many streams as are told.
_FEW = 4


class Tag(NamedTuple):
    """A tag that names a version."""

    name: str
    prefix: str
    """What stands before the version."""

    numbers: tuple[int, int, int]
    """Major, minor and patch."""

    pre: str
    """The identifiers of a pre-release, with dots between them."""

    parts: int
    """How many numbers it has: 2 as in ``1.4``, or 3."""

    pep440: bool
    """Whether it is a pre-release in the spelling of PEP 440."""

    is_calendar: bool
    """Whether it is a date and no semantic version: its first number is a
    year, or a number has a zero before it.
    """

    @property
    def version(self) -> Version:
        """The version, without build metadata, which has no precedence."""
        return Version(*self.numbers, self.pre or None)

    @property
    def order(self) -> tuple[tuple[int, int, int], bool, Version | None]:
        """What to sort by: there may be 100,000 tags.

        Plain numbers tell most of them apart. Where they are the same, a
        pre-release is lower, and semver compares two of those.
        """
        if not self.pre:
            return self.numbers, True, None
        return self.numbers, False, self.version

    @property
    def stream(self) -> str:
        """The prefix without its ``v``."""
        return stream_of(self.prefix)


class Stream(NamedTuple):
    """Tags that continue each other: of one prefix, all dates or none."""

    last: Tag
    """The tag that was made last."""

    when: int
    """When, in seconds since 1970."""

    commit: str
    """The hash of what it is at."""


# The prefix does not end in a digit or a dot, and is as short as may be.
_TAG = re.compile(
    r"^((?:[^\n]*?[^\d.\n])??)"
    r"(\d+)\.(\d+)(?:\.(\d+))?"
    rf"(?:-([0-9A-Za-z.-]+)|{PEP440_PRE})?"
    r"(?:\+[0-9A-Za-z.-]+)?$",
    # Digits of other scripts make no semantic version.
    re.MULTILINE | re.ASCII,
)


_DATE = re.compile(
    r"^(v?)((?:19|20)\d\d)[-_]?([01]\d)[-_]?([0-3]\d)$",
    re.MULTILINE | re.ASCII,
)
"""A date without dots, which only follows dates or versions where it has no
prefix: beside them, others are usual for what is built each night.
"""


def tell_streams(streams: Iterable[Stream]) -> str:
    """Tell which streams there are, and when each was tagged last.

    Parameters
    ----------
    streams
        The streams, the one that was tagged last first.
    """
    from datetime import UTC, datetime

    told = [
        f"{s.last.name} ({datetime.fromtimestamp(s.when, UTC):%Y-%m-%d})"
        for s in streams
    ]
    more = f" and {len(told) - _FEW} more" if len(told) > _FEW else ""
    return ", ".join(told[:_FEW]) + more


def stream_of(prefix: str) -> str:
    """Return the stream of tags that a prefix stands for.

    Parameters
    ----------
    prefix
        What stands before the version in a tag.

    Returns
    -------
    str
        The prefix without a ``v`` that marks a version, such as ``name/``
        for ``name/v``.
    """
    if prefix.endswith(("v", "V")) and not prefix[-2:-1].isalnum():
        return prefix[:-1]
    return prefix


def parse_tags(names: str | Iterable[str]) -> Iterator[Tag]:
    """Find the tags that name versions.

    Parameters
    ----------
    names
        Names of tags, as a list or one a line.

    Yields
    ------
    Tag
        Each that names a version; the others are passed over.
    """
    text = names if isinstance(names, str) else "\n".join(names)
    for match in _TAG.finditer(text):
        prefix, major, minor, patch, pre, word, number = match.groups()
        if word:
            pre = read_pep440(word, number)
        elif pre:
            # Without zeros before a number (SemVer, rule 9).
            pre = re.sub(r"(?<![^.])0+(?=\d+(?:\.|$))", "", pre)
        yield Tag(
            match[0],
            prefix,
            (int(major), int(minor), int(patch or 0)),
            pre or "",
            2 if patch is None else 3,
            word is not None,
            len(major) > 3 or ("0" in match[0] and _is_padded(match)),
        )
    for match in _DATE.finditer(text):
        prefix, *date = match.groups()
        year, month, day = map(int, date)
        yield Tag(match[0], prefix, (year, month, day), "", 3, False, True)


def _is_padded(match: re.Match[str]) -> bool:
    """Return whether a number has a zero before it (SemVer, rule 2)."""
    return any(n and n[0] == "0" and len(n) > 1 for n in match.group(2, 3, 4))
