"""Chooses the next version: evidence and policy make one number. Pure.

What the changes demand comes from `rsp_release.version.evidence`. Here it
becomes a version, by Semantic Versioning 2.0.0 and the settings: 0.x, first
releases, pre-releases, release branches, and tags that exist already.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..config import Config
from ..exceptions import BlockedError, UsageError
from .evidence import Demand, History, habits, step_between, weigh
from .fragments import LEVELS
from .numbering import (
    Line,
    check_free,
    check_tags,
    first_version,
    is_pep440,
    line_of,
    next_version,
    prerelease_of,
    unmerged,
    within_line,
)
from .proposal import Bump, Confidence, NextVersion, Reason
from .tags import Tag, Version, parse_version

__all__ = ["History", "Request", "propose"]


class Request(NamedTuple):
    """What the user asked for."""

    part: str = "auto"
    """``auto``, ``major``, ``minor``, ``patch``, or a version."""

    pre: str | None = None
    """The identifier of a pre-release, such as ``rc``."""

    force: bool = False
    """Whether to release less than the changes demand, or nothing new."""


class _Choice(NamedTuple):
    """What is raised, before it is a version."""

    bump: str
    confidence: Confidence
    reasons: tuple[Reason, ...] = ()


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
    explicit = _check_request(request)
    if explicit is None:
        check_tags(history)
    demand = weigh(history, categories=policy.categories, labels=policy.labels)
    line = line_of(history.branch)
    warnings = [*history.warnings, *demand.warnings]
    if _is_released(history, request) and not request.force:
        return _answer(
            history,
            policy,
            None,
            _Choice("none", "certain"),
            demand=demand,
            warnings=warnings,
        )
    if explicit is not None:
        _check_explicit(history, explicit, line)
        choice = _explicit_choice(history, explicit, demand, request, policy)
        return _answer(
            history, policy, explicit, choice, demand=demand, warnings=warnings
        )
    choice = _choose(history, demand, request, policy)
    if history.previous is None:
        target = first_version(history, policy.initial_version, request.part)
        choice = _first_choice(choice)
    else:
        choice = choice._replace(
            bump=within_line(
                choice.bump, history, line, is_forced=request.force
            )
        )
        target = next_version(history, choice.bump, line)
        choice = _as_raised(choice, history, target, line)
    warnings += unmerged(history, target)
    if request.pre is not None:
        target = prerelease_of(history, target, request.pre)
        choice = choice._replace(bump="prerelease")
    check_free(history, target)
    return _answer(
        history, policy, target, choice, demand=demand, warnings=warnings
    )


# -- What was asked for -----------------------------------------------------

_PARTS = ("auto", "major", "minor", "patch")

_PRE = r"(?a)[A-Za-z][0-9A-Za-z-]*"


def _check_request(request: Request) -> Version | None:
    if request.pre is not None and not re.fullmatch(_PRE, request.pre):
        raise UsageError(
            f"{request.pre!r} cannot name a pre-release",
            help="use a word such as rc, beta or alpha",
        )
    if request.part in _PARTS:
        return None
    if "+" in request.part:
        raise UsageError(
            f"{request.part!r} has build metadata, which image tags cannot",
            help="leave out the + and what follows",
        )
    version = parse_version(request.part)
    if version is None:
        raise UsageError(
            f"{request.part!r} is not a version",
            help="use auto, major, minor, patch, or X.Y.Z",
        )
    if request.pre is not None:
        raise UsageError(
            "a version and --pre cannot be given together",
            help=f"write the pre-release into the version: {version}-rc.1",
        )
    return version


def _check_explicit(
    history: History, version: Version, line: Line | None
) -> None:
    check_free(history, version)
    if line is not None and not line.allows(version):
        raise BlockedError(
            f"{version} does not belong on the release branch {line}",
            help=f"choose a version of the line {line}",
        )
    previous = history.previous
    if previous is not None and version.key < previous.version.key:
        raise BlockedError(
            f"{version} is lower than {previous.version}, which this commit"
            " contains",
            help="choose a higher version, or release from its own branch",
        )


def _explicit_choice(
    history: History,
    version: Version,
    demand: Demand,
    request: Request,
    policy: Config,
) -> _Choice:
    previous = history.previous
    bump = "minor"
    if previous is not None:
        bump = step_between(previous.version, version)
        _refuse_less(bump, history, demand, request, policy)
    if version.pre:
        bump = "prerelease"
    return _Choice(bump, "certain", (_asked(bump, str(version)),))


def _asked(bump: str, what: str) -> Reason:
    return Reason(
        bump=bump,  # type: ignore[arg-type]
        source="request",
        ref=what,
        text="asked for",
    )


def _refuse_less(
    part: str,
    history: History,
    demand: Demand,
    request: Request,
    policy: Config,
) -> None:
    """Refuse to release less than the changes clearly demand."""
    if request.force or not demand.is_plain:
        return
    wanted = _by_policy(history, demand.level, policy)[0]
    if LEVELS[part] < LEVELS[wanted]:
        because = demand.reasons[0] if demand.reasons else None
        said = f": {because.text} ({because.ref[:60]})" if because else ""
        error = BlockedError(
            f"the changes demand a {wanted} release, not a {part} one{said}",
            help=f"release a {wanted}, or insist with --force",
        )
        if because is not None and demand.basis == "fragments":
            error.file = because.ref
            error.excerpt = because.text.partition(": ")[2] or because.text
        raise error


# -- How much is raised -----------------------------------------------------


def _by_policy(
    history: History, level: str, policy: Config
) -> tuple[str, tuple[Reason, ...]]:
    """Turn the level of the changes into the part that is raised."""
    previous = history.previous
    if previous is None or previous.version.major or level != "major":
        return level, ()
    if policy.major_on_zero:
        return "major", (
            Reason(
                bump="major",
                source="policy",
                ref="major-on-zero",
                text="a breaking change takes 0.x to 1.0.0 here",
            ),
        )
    return "minor", (
        Reason(
            bump="minor",
            source="policy",
            ref="major-on-zero",
            text="before 1.0.0 a breaking change raises the minor version"
            " (SemVer 2.0.0, rule 4)",
        ),
    )


def _choose(
    history: History, demand: Demand, request: Request, policy: Config
) -> _Choice:
    if request.part != "auto":
        _refuse_less(request.part, history, demand, request, policy)
        asked = _asked(request.part, request.part)
        return _Choice(request.part, "certain", (asked,))
    if demand.level == "none":
        # Forced, with nothing new.
        return _Choice("patch", "guess")
    bump, reasons = _by_policy(history, demand.level, policy)
    # What sections of the change log led to tells nothing of mere words.
    before = (
        []
        if demand.basis == "words"
        else habits(history, demand, policy.categories)[:5]
    )
    if bump in {"minor", "patch"}:
        usual = _usual(before, demand)
        if usual is not None and usual != bump:
            bump = usual
            reasons += (
                Reason(
                    bump=usual,  # type: ignore[arg-type]
                    source="policy",
                    ref="past releases",
                    text=f"the last {len(before)} releases with such changes"
                    f" raised the {usual} version",
                ),
            )
    return _Choice(
        bump, _confidence(history, demand, bump, before, policy), reasons
    )


def _usual(before: list[str], demand: Demand) -> str | None:
    """Return what the repository's own past says, where it is clear."""
    needed = 2 if demand.is_plain else 1
    recent = [b for b in before if b != "major"][:3]
    if len(recent) >= needed and len(set(recent)) == 1:
        return recent[0]
    return None


def _confidence(
    history: History,
    demand: Demand,
    bump: str,
    before: list[str],
    policy: Config,
) -> Confidence:
    """Say how sure the choice is; the decision record has the figures."""
    if demand.basis in {"words", "nothing"} or not demand.is_plain:
        return "guess"
    agreeing = sum(b == bump for b in before)
    is_usual = agreeing == len(before)
    if demand.basis == "conventional":
        if before and before[0] != bump:
            return "guess"
        return "certain" if is_usual and len(before) >= 3 else "likely"
    if bump != _by_policy(history, demand.level, policy)[0]:
        # The past overruled what the words mean.
        return "likely"
    previous = history.previous
    if (
        demand.is_doubtful
        and previous is not None
        and previous.version.major == 0
    ):
        return "likely"
    if demand.level == "minor":
        # Some release features as patches; only their past tells who does.
        return "certain" if before and is_usual else "likely"
    if demand.level == "patch":
        return "certain" if 2 * agreeing >= len(before) else "likely"
    return "certain" if is_usual else "likely"


def _as_raised(
    choice: _Choice, history: History, target: Version, line: Line | None
) -> _Choice:
    """Name the part that is really raised, and why, where it is another."""
    previous = history.previous
    if previous is None:
        return choice
    bump = step_between(previous.version, target)
    if bump == choice.bump:
        return choice
    prepared = [t for t in history.prereleases if t.version.core == target]
    if prepared:
        ref = max(prepared, key=lambda t: t.version.key).name
        text = f"{target} is being prepared, and is released before all else"
    elif line is not None and not line.allows(previous.version):
        ref = str(line)
        text = f"{target} is the first version of this release branch"
    else:
        ref = str(target)
        text = "what was being prepared is tagged already"
    reason = Reason(
        bump=bump,  # type: ignore[arg-type]
        source="policy",
        ref=ref,
        text=text,
    )
    return choice._replace(bump=bump, reasons=(reason, *choice.reasons))


def _first_choice(choice: _Choice) -> _Choice:
    reason = Reason(
        bump="minor",
        source="policy",
        ref="initial-version",
        text="the first version",
    )
    return _Choice(
        choice.bump if choice.bump == "major" else "minor",
        "certain",
        (reason, *choice.reasons),
    )


# -- The answer ------------------------------------------------------------


def _is_released(history: History, request: Request) -> bool:
    if request.part not in _PARTS:
        return False
    if history.previous is not None and not history.commits.total:
        return True
    if request.pre is None:
        return False
    newest = max(
        history.prereleases, key=lambda t: t.version.key, default=None
    )
    return newest is not None and newest.name in history.head_tags


def _answer(
    history: History,
    policy: Config,
    target: Version | None,
    choice: _Choice,
    *,
    demand: Demand,
    warnings: list[str],
) -> NextVersion:
    previous = history.previous
    prefix = policy.tag_prefix
    if prefix is None:
        newest: Tag | None = previous or next(iter(history.tags), None)
        prefix = newest.prefix if newest else ""
    version = None
    if target is not None:
        version = (
            target.pep440()
            if target.pre and is_pep440(history)
            else str(target)
        )
    bump: Bump = choice.bump  # type: ignore[assignment]
    return NextVersion(
        current=str(previous.version) if previous else None,
        current_tag=previous.name if previous else None,
        next=version,
        tag=prefix + version if version is not None else None,
        bump=bump,
        commits=history.commits.total,
        confidence=choice.confidence,
        reasons=choice.reasons + demand.reasons,
        ignored=demand.ignored,
        warnings=tuple(warnings),
    )
