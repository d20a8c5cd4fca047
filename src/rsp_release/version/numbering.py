"""Turns "raise this part" into a version that may be tagged. Pure.

By Semantic Versioning 2.0.0: above every version of its line, never one that
is tagged anywhere, and within what a release branch is for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..exceptions import BlockedError, UsageError
from .evidence import History
from .fragments import LEVELS
from .tags import Version, parse_version

__all__ = [
    "Line",
    "above",
    "check_free",
    "check_tags",
    "first_version",
    "is_pep440",
    "line_of",
    "next_version",
    "prerelease_of",
    "unmerged",
    "within_line",
]


class Line(NamedTuple):
    """The line that a release branch is for."""

    major: int
    minor: int | None

    def __str__(self) -> str:  # type: ignore[explicit-override]
        last = "x" if self.minor is None else f"{self.minor}"
        return f"{self.major}.{last}"

    def allows(self, version: Version) -> bool:
        return version.major == self.major and (
            self.minor is None or version.minor == self.minor
        )


_BRANCH = (
    r"(?a)(?:(?:releases?|maint|maintenance|stable|support|backport)[/-])?"
    r"v?(\d+)\.(?:x|(\d+)(?:\.x)?)"
)


def line_of(branch: str | None) -> Line | None:
    """Return the line that a branch is for, if it is a release branch.

    Such are ``1.2``, ``1.x``, ``release/1.2`` and ``v1.2.x``.
    """
    match = re.fullmatch(_BRANCH, branch or "")
    if match is None:
        return None
    return Line(int(match[1]), int(match[2]) if match[2] else None)


def within_line(
    bump: str, history: History, line: Line | None, *, is_forced: bool
) -> str:
    """Keep to what a release branch allows.

    Parameters
    ----------
    bump
        The part that would be raised.
    history
        What was read.
    line
        The line of the branch, if it is a release branch.
    is_forced
        Whether the user insists.

    Returns
    -------
    str
        The part that is raised.

    Raises
    ------
    BlockedError
        Raised if the branch takes no such release.
    """
    previous = history.previous
    if line is None or previous is None:
        return bump
    now = previous.version
    if now.major > line.major or (
        line.minor is not None and now[:2] > (line.major, line.minor)
    ):
        raise BlockedError(
            f"the release branch {line} contains {now}, which is above it",
            help="was another branch merged into it?",
        )
    if not line.allows(now):
        # Cut before its first version: that is what comes next.
        return bump
    allowed = "minor" if line.minor is None else "patch"
    if LEVELS[bump] <= LEVELS[allowed]:
        return bump
    if is_forced:
        return allowed
    raise BlockedError(
        f"the release branch {line} takes no {bump} release",
        help=f"release from another branch, or insist on a {allowed} release"
        f" with {allowed} --force",
    )


def next_version(history: History, bump: str, line: Line | None) -> Version:
    """Raise the previous version above all others of its line."""
    if history.previous is None:
        raise AssertionError
    now = history.previous.version
    if line is not None and not line.allows(now):
        start = Version(line.major, line.minor or 0, 0)
        taken = {t.version for t in history.tags}
        return start if start not in taken else above(history, start, "patch")
    target = above(history, now, bump)
    for tag in history.prereleases:
        # What is being prepared is released before anything else.
        target = max(target, tag.version.core, key=lambda v: v.key)
    taken = {t.version for t in history.tags}
    return above(history, target, bump) if target in taken else target


def above(history: History, now: Version, bump: str) -> Version:
    """Raise a version above all others of its line, merged or not.

    The line of a patch are the versions with the same major and minor number,
    that of a minor version those with the same major number.
    """
    target = now.raised(bump)
    for tag in history.tags:
        other = tag.version
        if other[:3] < now[:3] or tag.is_calendar:
            continue
        if bump != "major" and other.major != now.major:
            continue
        if bump == "patch" and other.minor != now.minor:
            continue
        least = other.core if other.pre else other.raised(bump)
        if bump == "minor":
            least = Version(least.major, least.minor, 0)
        elif bump == "major":
            least = Version(least.major, 0, 0)
        if other.pre and least.key < other.key:
            least = other.raised(bump)
        target = max(target, least)
    return target


def first_version(history: History, initial: str, part: str) -> Version:
    """Return the version of a first release.

    Parameters
    ----------
    history
        What was read.
    initial
        The setting.
    part
        The part that was asked for.
    """
    target = parse_version(initial)
    if target is None:
        raise UsageError(f"{initial!r} is not a version")
    if part == "major" and target.major == 0:
        target = Version(1, 0, 0)
    for tag in history.prereleases:
        target = max(target, tag.version.core, key=lambda v: v.key)
    return target


_NUMBERED = r"([A-Za-z-]+?)(\d+)"


def prerelease_of(history: History, core: Version, name: str) -> Version:
    """Return the next pre-release of a version."""
    number = 0
    is_joined = False
    for tag in history.tags:
        if tag.version.core != core or not tag.version.pre:
            continue
        pre = tag.version.pre
        if len(pre) == 2 and _same(pre[0], name) and isinstance(pre[1], int):
            number = max(number, pre[1])
        elif len(pre) == 1 and isinstance(pre[0], str):
            match = re.fullmatch(_NUMBERED, pre[0])
            if match and match[1] == name:
                number = max(number, int(match[2]))
                is_joined = True
    if is_joined:
        return core._replace(pre=(f"{name}{number + 1}",))
    if is_pep440(history):
        name = _SHORT.get(name, name)
    return core._replace(pre=(name, number + 1))


_SHORT = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def _same(one: str | int, other: str) -> bool:
    one = str(one)
    return one == other or one == _SHORT.get(other, other)


def is_pep440(history: History) -> bool:
    """Return whether the newest pre-release is in PEP 440's spelling."""
    pre = [t for t in history.tags if t.version.pre]
    return bool(pre) and max(pre, key=lambda t: t.version.key).pep440


def check_tags(history: History) -> None:
    """Refuse to count on from tags that are no semantic versions."""
    calendar = [t for t in history.tags if t.is_calendar]
    if calendar and 2 * len(calendar) > len(history.tags):
        example = calendar[-1].name
        raise BlockedError(
            f"the tags here are dates, such as {example}, and what comes"
            " next is not computed from changes",
            help="name the version: rsp-release bump X.Y.Z; or choose"
            " another stream of tags with the setting tag-prefix",
        )
    previous = history.previous
    if previous is not None and previous.parts == 2:
        from shlex import quote

        full, commit = f"{previous.name}.0", f"{previous.name}^{{commit}}"
        raise BlockedError(
            f"the tag {previous.name} has two numbers, and a semantic"
            " version has three",
            help=f"git tag {quote(full)} {quote(commit)} says which version"
            " it is; or name the version: rsp-release bump X.Y.Z",
        )
    stable = [
        t for t in history.tags if not t.version.pre and not t.is_calendar
    ]
    if previous is None and stable:
        raise BlockedError(
            f"this commit contains none of the {len(stable)} versions that"
            f" are tagged, such as {stable[0].name}",
            help="is it the right branch? else name the version:"
            " rsp-release bump X.Y.Z",
        )


def check_free(history: History, version: Version) -> None:
    """Refuse a version that is tagged, or that is not above its line."""
    line = version[:2]
    for tag in history.tags:
        other = tag.version
        if other[:2] != line:
            continue
        if other == version:
            raise BlockedError(
                f"{version} is tagged already, as {tag.name}",
                help="choose another version",
            )
        if other.key > version.key and not tag.is_calendar:
            raise BlockedError(
                f"{version} is lower than {tag.name}, which is in its line",
                help="choose a higher version",
            )


def unmerged(history: History, target: Version) -> list[str]:
    """Tell of higher versions that this commit does not contain."""
    previous = history.previous
    if previous is None:
        return []
    higher = [
        t
        for t in history.tags
        if t.version[:3] >= previous.version[:3]
        and t.version.key > previous.version.key
        and t not in history.prereleases
        and not t.is_calendar
    ]
    if not higher:
        return []
    top = max(higher, key=lambda t: t.version.key)
    others = len(higher) - 1
    more = f" and {others} more are" if others else " is"
    return [
        (
            f"{top.name}{more} higher than {previous.name}, but not merged"
            f" here; {target} avoids what is taken"
        )
    ]
