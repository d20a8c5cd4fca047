"""Third, the demand: which part is raised, how sure that is, and why. Pure.

What the changes call for becomes a part by the settings, by the repository's
own past, or by what the user asked for.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from ..config import Config, Level
from .changes import Changes, Evidence
from .fragments import LEVELS
from .proposal import Confidence, Reason
from .request import Request
from .values import Version, part_between

__all__ = ["Demand", "judge"]


class Demand(NamedTuple):
    """The part of the version to raise."""

    changes: Changes

    part: Level
    """The part; ``none`` where there is nothing to release."""

    least: Level
    """What the changes call for by the settings."""

    confidence: Confidence = "certain"
    reasons: tuple[Reason, ...] = ()
    """What decided besides the changes."""

    version: Version | None = None
    """The version, where the user or a commit names it."""


def judge(changes: Changes, policy: Config, request: Request) -> Demand:
    """Choose the part of the version to raise.

    Parameters
    ----------
    changes
        The changes, weighed.
    policy
        The settings, of which ``major-on-zero`` counts.
    request
        What the user asked for.

    Returns
    -------
    Demand
        The part.
    """
    evidence = changes.evidence
    least, reasons = _by_policy(changes, is_major=policy.major_on_zero)
    version = request.version
    if version is not None:
        previous = changes.line.previous
        part = part_between(previous, version) if previous else "minor"
        bump = "prerelease" if version.prerelease else part
        asked = Reason(bump, "request", str(version), "asked for")
        return Demand(changes, part, least, "certain", (asked,), version)
    if _is_released(changes, request) and not request.force:
        return Demand(changes, "none", least)
    if request.part != "auto":
        part = cast("Level", request.part)
        asked = Reason(part, "request", part, "asked for")
        return Demand(changes, part, least, "certain", (asked,))
    if changes.named is not None:
        return _as_named(changes, least, *changes.named)
    if evidence.level == "none":
        # Forced, with nothing new.
        confidence = _confidence(changes, "patch", least)
        return Demand(changes, "patch", least, confidence)
    usual = _usual(changes.habits, evidence)
    part = least if usual is None or least == "major" else usual
    if part != least:
        text = (
            f"the last {len(changes.habits)} releases with such changes"
            f" raised the {part} version"
        )
        reasons += (Reason(part, "policy", "past releases", text),)
    return Demand(
        changes, part, least, _confidence(changes, part, least), reasons
    )


def _as_named(
    changes: Changes, least: Level, version: Version, reason: Reason
) -> Demand:
    """Take the version that a commit names."""
    previous = changes.line.previous
    part = part_between(previous, version) if previous else "minor"
    bump = "prerelease" if version.prerelease else part
    is_enough = LEVELS[part] >= LEVELS[least]
    return Demand(
        changes,
        part,
        least,
        "certain" if is_enough else "likely",
        (reason._replace(bump=bump),),
        version,
    )


def _is_released(changes: Changes, request: Request) -> bool:
    """Return whether there is nothing to release."""
    history = changes.line.history
    if history.previous is not None and not history.commits.total:
        return True
    if request.pre is None or not history.prereleases:
        return False
    newest = max(history.prereleases, key=lambda t: t.order)
    return newest.name in history.head_tags


def _by_policy(
    changes: Changes, *, is_major: bool | None
) -> tuple[Level, tuple[Reason, ...]]:
    """Turn the level of the changes into the part that is raised."""
    previous, level = changes.line.previous, changes.evidence.level
    if previous is None or previous.major or level != "major":
        return level, ()
    if is_major:
        part: Level = "major"
        text = "the settings take 0.x to 1.0.0 on a breaking change"
    else:
        part = "minor"
        text = (
            "before 1.0.0 a breaking change raises the minor version"
            " (SemVer 2.0.0, rule 4)"
        )
    return part, (Reason(part, "policy", "major-on-zero", text),)


def _usual(habits: tuple[Level, ...], evidence: Evidence) -> Level | None:
    """Return what the repository's own past says, where it is clear."""
    recent = [part for part in habits if part != "major"][:3]
    needed = 2 if evidence.is_plain else 1
    if len(recent) >= needed and len(set(recent)) == 1:
        return recent[0]
    return None


def _confidence(changes: Changes, part: Level, least: Level) -> Confidence:
    """Say how sure the choice is; the decision record has the figures."""
    previous = changes.line.previous
    if previous is None:
        # The first version is a setting; but others may have been released.
        return "guess" if changes.line.history.unlike else "certain"
    evidence, habits = changes.evidence, changes.habits
    if evidence.level == "none" or not evidence.is_plain:
        return "guess"
    if changes.line.short is not None:
        # The third number is new here.
        return "guess"
    agreeing = habits.count(part)
    is_usual = agreeing == len(habits)
    if evidence.basis in {"conventional", "gitmoji"}:
        if habits and habits[0] != part:
            return "guess"
        is_sure = is_usual and len(habits) >= 3
    elif part != least:
        # The past overruled what the words mean.
        is_sure = False
    elif evidence.level == "minor":
        # Some release features as patches; only their past tells who does.
        is_sure = bool(habits) and is_usual
    elif evidence.level == "patch":
        is_sure = 2 * agreeing >= len(habits)
    else:
        is_sure = is_usual
    is_doubted = (
        evidence.is_doubtful
        or changes.is_contradicted
        # A breaking change is a first major version, or ends 0.x, or neither.
        or (evidence.level == "major" and not changes.line.has_raised_major)
    )
    return "certain" if is_sure and not is_doubted else "likely"
