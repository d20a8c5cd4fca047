"""Fourth, the target: the version that raising a part makes. Pure.

By Semantic Versioning 2.0.0: above every version of its line, never one that
is tagged anywhere, and within what a release branch is for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..config import Config, Level
from ..exceptions import UsageError
from .demand import Demand
from .fragments import LEVELS
from .line import Line
from .proposal import Bump, Reason
from .request import Request
from .values import Version, parse_version, part_between, short_word

__all__ = ["Target", "aim"]


class Target(NamedTuple):
    """The version to release."""

    demand: Demand

    version: Version | None
    """The version; `None` where there is nothing to release."""

    bump: Bump
    """The part that it raises."""

    reasons: tuple[Reason, ...] = ()
    """What made another version of it than raising the part."""


def aim(demand: Demand, policy: Config, request: Request) -> Target:
    """Make the version.

    Parameters
    ----------
    demand
        The part to raise.
    policy
        The settings, of which ``initial-version`` counts.
    request
        What the user asked for.

    Returns
    -------
    Target
        The version, which may still be refused.
    """
    line = demand.changes.line
    named = demand.version
    if named is not None and request.pre is not None:
        version = _prerelease(line, named.finalize_version(), request.pre)
        return Target(demand, version, "prerelease")
    if named is not None:
        return Target(
            demand, named, "prerelease" if named.prerelease else demand.part
        )
    if demand.part == "none":
        return Target(demand, None, "none")
    if line.previous is None:
        version = _first(line, policy.initial_version, demand.part)
        bump: Level = "major" if demand.part == "major" else "minor"
        text = "the first version"
        reasons = [Reason("minor", "policy", "initial-version", text)]
    else:
        part = min(demand.part, line.most, key=lambda p: LEVELS[p])
        version = _next(line, line.previous, part)
        bump = part_between(line.previous, version)
        reasons = _explain(line, version, bump) if bump != part else []
    if request.pre is None:
        return Target(demand, version, bump, tuple(reasons))
    version = _prerelease(line, version, request.pre)
    return Target(demand, version, "prerelease", tuple(reasons))


def _first(line: Line, initial: str, part: Level) -> Version:
    version = parse_version(initial)
    if version is None:
        raise UsageError(f"{initial!r} is not a version")
    if part == "major" and version.major == 0:
        version = Version(1, 0, 0)
    return max([version, *_prepared(line)])


def _prepared(line: Line) -> list[Version]:
    """Return the versions that pre-releases here prepare."""
    return [tag.version.finalize_version() for tag in line.history.prereleases]


def _next(line: Line, previous: Version, part: Level) -> Version:
    """Raise the previous version above all others of its line."""
    if line.branch is not None and line.is_before_first:
        first = line.branch.first
        return (
            _above(line, first, "patch") if _is_taken(line, first) else first
        )
    # What is being prepared is released before anything else.
    version = max([_above(line, previous, part), *_prepared(line)])
    return _above(line, version, part) if _is_taken(line, version) else version


def _is_taken(line: Line, version: Version) -> bool:
    return any(tag.version == version for tag in line.near(version))


def _above(line: Line, now: Version, part: Level) -> Version:
    """Raise a version above all others of its line, merged or not.

    The line of a patch are the versions with the same major and minor number,
    that of a minor version those with the same major number.
    """
    start = now.major, now.minor, now.patch
    same = {"major": 0, "minor": 1}.get(part, 2)
    others = [
        tag.version.next_version(part)
        for tag in line.tags
        if tag.numbers >= start and tag.numbers[:same] == start[:same]
    ]
    return max([now.next_version(part), *others])


_NUMBERED = r"([A-Za-z-]+?)(\d+)"


def _prerelease(line: Line, core: Version, name: str) -> Version:
    """Return the next pre-release of a version."""
    number = 0
    is_joined = False
    for tag in line.near(core):
        word, _, last = tag.pre.partition(".")
        if word in {name, short_word(name)} and last.isdigit():
            number = max(number, int(last))
        elif match := re.fullmatch(_NUMBERED, tag.pre):
            if match[1] == name:
                number = max(number, int(match[2]))
                is_joined = True
    if is_joined:
        return core.replace(prerelease=f"{name}{number + 1}")
    if line.is_pep440:
        name = short_word(name)
    return core.replace(prerelease=f"{name}.{number + 1}")


def _explain(line: Line, version: Version, bump: Level) -> list[Reason]:
    """Explain why another part is raised than the one that was chosen."""
    prepared = [
        tag
        for tag in line.history.prereleases
        if tag.version.finalize_version() == version
    ]
    if prepared:
        ref = max(prepared, key=lambda tag: tag.order).name
        text = f"{version} has pre-releases already, so it comes first"
    elif line.is_before_first:
        ref = str(line.branch)
        text = f"{version} is the first version of this release branch"
    else:
        ref = str(version)
        text = "the version that had pre-releases is already tagged"
    return [Reason(bump, "policy", ref, text)]
