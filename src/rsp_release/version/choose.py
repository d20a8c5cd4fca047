"""Chooses the next version: a line of values, each made from the one before.

*line* (the tags that a branch continues) → *changes* (commits and fragments,
weighed) → *demand* (the part, how sure it is, and why) → *target* (the
version) → *refusals*. Pure.
"""

from __future__ import annotations

from ..config import Config
from .changes import weigh
from .demand import judge
from .history import History
from .line import Line, find_line
from .proposal import NextVersion
from .refusals import refuse
from .request import Request, check_request
from .target import Target, aim
from .values import Version, spell_pep440

__all__ = ["History", "Request", "propose"]


def propose(
    history: History, *, policy: Config, request: Request
) -> NextVersion:
    """Choose the next version.

    Parameters
    ----------
    history
        What was read.
    policy
        The settings.
    request
        What the user asked for.

    Returns
    -------
    NextVersion
        The version, how sure it is, and what decided.

    Raises
    ------
    BlockedError
        Raised if the request contradicts the history, or the history allows
        no answer.
    UsageError
        Raised if the request is no part and no valid version.
    """
    check_request(request)
    line = find_line(history)
    changes = weigh(line, policy)
    demand = judge(changes, policy, request)
    target = aim(demand, policy, request)
    refuse(target, request)
    return _answer(target, policy, request)


def _answer(target: Target, policy: Config, request: Request) -> NextVersion:
    demand = target.demand
    changes = demand.changes
    history = changes.line.history
    warnings = [*history.warnings, *changes.warnings]
    version = None
    if target.version is not None:
        version = _spell(changes.line, target.version)
        if request.version is None:
            warnings += _tell_unmerged(changes.line, target.version)
    previous = history.previous
    prefix = policy.tag_prefix
    if prefix is None:
        newest = previous or next(iter(history.tags), None)
        prefix = newest.prefix if newest else ""
    tag = prefix + version if version is not None else None
    short = changes.line.short
    if tag is not None and short is not None:
        warnings.append(
            f"{short.name} has two numbers, and a semantic version has three:"
            f" the next tag is {tag}"
        )
    return NextVersion(
        current=str(previous.version) if previous else None,
        current_tag=previous.name if previous else None,
        next=version,
        tag=tag,
        bump=target.bump,
        commits=history.commits.total,
        confidence=demand.confidence,
        reasons=target.reasons + demand.reasons + changes.evidence.reasons,
        ignored=changes.ignored,
        warnings=tuple(warnings),
    )


def _spell(line: Line, version: Version) -> str:
    if version.prerelease and line.is_pep440:
        return spell_pep440(version)
    return str(version)


def _tell_unmerged(line: Line, version: Version) -> list[str]:
    """Tell of higher versions that this commit does not contain."""
    higher, previous = line.unmerged, line.history.previous
    if previous is None or not higher:
        return []
    top = max(higher, key=lambda tag: tag.order)
    others = len(higher) - 1
    more = f" and {others} more are" if others else " is"
    text = (
        f"{top.name}{more} higher than {previous.name}, but not merged here;"
        f" {version.finalize_version()} is not taken"
    )
    return [text]
