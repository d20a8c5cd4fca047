"""Chooses the next version: evidence and policy make one number. Pure.

What the changes demand comes from `rsp_release.evidence`. Here it becomes a
version, by Semantic Versioning 2.0.0 and the settings: 0.x, first releases,
pre-releases, release branches, and tags that exist already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from .choice import Bump, Confidence, NextVersion, Reason
from .config import Config
from .evidence import Demand, History, habits, step_between, weigh
from .exceptions import BlockedError, UsageError
from .fragments import LEVELS
from .tags import Tag, Version, parse_version

__all__ = ["History", "Request", "propose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
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
        _check_tags(history)
    demand = weigh(history, categories=policy.categories, labels=policy.labels)
    line = _line_of(history.branch)
    warnings = [*history.warnings, *demand.warnings]
    if _is_released(history, request) and not request.force:
        return _answer(
            history, policy, None, _Choice("none", "certain"), demand, warnings
        )
    if explicit is not None:
        _check_explicit(history, explicit, line)
        choice = _explicit_choice(history, explicit, demand, request, policy)
        return _answer(history, policy, explicit, choice, demand, warnings)
    choice = _choose(history, demand, request, policy)
    if history.previous is None:
        target, choice = _first(history, policy, request, choice)
    else:
        choice = _within_line(choice, history, line, request)
        target = _raise(history, choice.bump, line)
    warnings += _unmerged(history, target)
    if request.pre is not None:
        target = _prerelease(history, target, request.pre)
        choice = choice._replace(bump="prerelease")
    _check_free(history, target)
    return _answer(history, policy, target, choice, demand, warnings)


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
    history: History, version: Version, line: _Line | None
) -> None:
    _check_free(history, version)
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
        raise BlockedError(
            f"the changes demand a {wanted} release, not a {part} one{said}",
            help=f"release a {wanted}, or insist with --force",
        )


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
    before = habits(history, demand, policy.categories)[:5]
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


# -- Which version that is --------------------------------------------------


class _Line(NamedTuple):
    """The line that a release branch is for."""

    major: int
    minor: int | None

    def __str__(self) -> str:
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


def _line_of(branch: str | None) -> _Line | None:
    match = re.fullmatch(_BRANCH, branch or "")
    if match is None:
        return None
    return _Line(int(match[1]), int(match[2]) if match[2] else None)


def _within_line(
    choice: _Choice,
    history: History,
    line: _Line | None,
    request: Request,
) -> _Choice:
    """Keep to what a release branch allows."""
    previous = history.previous
    if line is None or previous is None:
        return choice
    now = previous.version
    if now.core.key > (line.major, float("inf")) or (
        line.minor is not None
        and (now.major, now.minor) > (line.major, line.minor)
    ):
        raise BlockedError(
            f"the release branch {line} contains {now}, which is above it",
            help="was another branch merged into it?",
        )
    if not line.allows(now):
        # Cut before its first version: that is what comes next.
        return choice
    allowed = "minor" if line.minor is None else "patch"
    if LEVELS[choice.bump] <= LEVELS[allowed]:
        return choice
    if request.force:
        return choice._replace(bump=allowed)
    raise BlockedError(
        f"the release branch {line} takes no {choice.bump} release",
        help=f"release from another branch, or insist on a {allowed} release"
        f" with {allowed} --force",
    )


def _raise(history: History, bump: str, line: _Line | None) -> Version:
    """Raise the previous version above all others of its line."""
    if history.previous is None:
        raise AssertionError
    now = history.previous.version
    if line is not None and not line.allows(now):
        start = Version(line.major, line.minor or 0, 0)
        taken = {t.version for t in history.tags}
        return start if start not in taken else _above(history, start, "patch")
    target = _above(history, now, bump)
    for tag in history.prereleases:
        # What is being prepared is released before anything else.
        target = max(target, tag.version.core, key=lambda v: v.key)
    taken = {t.version for t in history.tags}
    return _above(history, target, bump) if target in taken else target


def _above(history: History, now: Version, bump: str) -> Version:
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


def _first(
    history: History, policy: Config, request: Request, choice: _Choice
) -> tuple[Version, _Choice]:
    target = parse_version(policy.initial_version)
    if target is None:
        raise UsageError(f"{policy.initial_version!r} is not a version")
    if request.part == "major" and target.major == 0:
        target = Version(1, 0, 0)
    for tag in history.prereleases:
        target = max(target, tag.version.core, key=lambda v: v.key)
    reason = Reason(
        bump="minor",
        source="policy",
        ref="initial-version",
        text="the first version",
    )
    return target, choice._replace(
        bump="minor" if choice.bump != "major" else "major",
        confidence="certain",
        reasons=(reason,),
    )


_NUMBERED = r"([A-Za-z-]+?)(\d+)"


def _prerelease(history: History, core: Version, name: str) -> Version:
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
    if _is_pep440(history):
        name = _SHORT.get(name, name)
    return core._replace(pre=(name, number + 1))


_SHORT = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def _same(one: str | int, other: str) -> bool:
    one = str(one)
    return one == other or one == _SHORT.get(other, other)


def _is_pep440(history: History) -> bool:
    """Return whether the newest pre-release is in PEP 440's spelling."""
    pre = [t for t in history.tags if t.version.pre]
    return bool(pre) and max(pre, key=lambda t: t.version.key).pep440


# -- Checks -----------------------------------------------------------------


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


def _check_tags(history: History) -> None:
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
        full = f"{previous.name}.0"
        raise BlockedError(
            f"the tag {previous.name} has two numbers, and a semantic"
            " version has three",
            help=f"git tag {full} '{previous.name}^{{commit}}' says which"
            " version it is; or name the version: rsp-release bump X.Y.Z",
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


def _check_free(history: History, version: Version) -> None:
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


def _unmerged(history: History, target: Version) -> list[str]:
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
    more = f" and {len(higher) - 1} more" if len(higher) > 1 else ""
    return [
        f"{top.name}{more} higher than {previous.name}, but not merged here;"
        f" {target} avoids what is taken"
    ]


def _answer(
    history: History,
    policy: Config,
    target: Version | None,
    choice: _Choice,
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
            if target.pre and _is_pep440(history)
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
