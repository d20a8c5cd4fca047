"""What blocks a deployment, and what it has to wait for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote

from ...deployment.charts import Place, relate
from ...deployment.edits import Replaced
from ...deployment.effective import EffectiveTag
from ...exceptions import ExitStatus
from ...images.identity import find_problem
from ...models import Blocked, Done, Release, Verdict, Wait
from .seen import ChartSeen

__all__ = [
    "command_of",
    "find_unproven",
    "list_pins",
    "refuse",
    "refuse_pinned",
    "wait_for_fork",
]

_INTERVAL = 5.0
"""Seconds between two looks."""

_FORKED_WITHIN = 300.0
"""Seconds that GitHub may take to fork a repository.

https://docs.github.com/en/rest/repos/forks#create-a-fork
"""

_NAMED_MOST = 3
"""How many environments that share a pin are named."""

_APPEARS_WITHIN = 90.0
"""Seconds that a registry may take to show what was just pushed."""


def refuse(
    release: Release,
    seen: ChartSeen,
    changes: Iterable[Replaced],
    *,
    is_asked: bool,
) -> Verdict | None:
    """Tell what blocks a deployment that nobody forces.

    Parameters
    ----------
    release
        The release.
    seen
        What was looked at.
    changes
        What would be replaced.
    is_asked
        Whether a person asked for just this deployment: then it is no answer
        that another is deployed instead.

    Returns
    -------
    Verdict or None
        Why it is not deployed; `None` where nothing blocks it.
    """
    again = f"`{command_of(release)} --force` deploys it anyway"
    for version, other in seen.newer:
        said = f"#{other.number} for {version} is open"
        if is_asked:
            return Blocked(problem=said, help=again, url=other.url)
        return Done(evidence=f"not deployed: {said}", url=other.url)
    for path, key, old, new in changes:
        relation = "same" if key.endswith("digest") else relate(old, new)
        if relation == "newer" and not (is_asked or release.is_latest):
            return Done(evidence=f"not deployed: {path} has {old}")
        if relation == "newer":
            return Blocked(
                problem=f"{path} has {key} {old}, which is newer than {new}",
                help=again,
            )
        if relation == "unknown":
            what = f"has {key} {old!r}" if old else f"has no {key}"
            return Blocked(
                problem=f"{path} {what}, and it is unclear whether {new} is"
                " newer",
                help=again,
            )
    return None


def refuse_pinned(
    release: Release, seen: ChartSeen, *, is_asked: bool
) -> Verdict | None:
    """Tell that no environment would run what ``appVersion`` says.

    Parameters
    ----------
    release
        The release.
    seen
        What was looked at.
    is_asked
        Whether a person asked for just this deployment: then it is no answer
        that some environments run it.

    Returns
    -------
    Verdict or None
        What can be done; `None` where an environment follows.
    """
    pins = list_pins(seen)
    if not seen.kept or seen.moved or _has_all(release, seen.kept):
        return None
    new = [
        tag.environment
        for tag in seen.kept
        if relate(tag.tag, release.image_tag) == "same"
    ]
    if new and not is_asked:
        return Done(
            evidence=f"{', '.join(dict.fromkeys(new))} pins"
            f" {release.image_tag}; others stay: {pins}"
        )
    return Blocked(
        problem=f"no environment follows appVersion: {pins}",
        help=_tell_ways(release, seen.kept),
    )


def _tell_ways(release: Release, pins: Iterable[EffectiveTag]) -> str:
    """Tell how to move what is pinned.

    Environments of one pin move together, and what is pinned for all that
    have no name can only be named itself.
    """
    places: dict[Place, dict[str, None]] = {}
    for pin in pins:
        places.setdefault(pin.place, {})[pin.environment] = None
    flags = dict.fromkeys(
        " ".join(f"--environment {quote(name)}" for name in names)
        for place, names in places.items()
        if not ("" in names or place.is_app_version)
    )
    command = f"rsp-release deploy {quote(release.tag)}"
    ways = [
        f'name it in deploy.charts, as "{place}"'
        for place, names in places.items()
        if "" in names or place.is_app_version
    ]
    ways += [f"`{command} {flag}` moves that" for flag in list(flags)[:1]]
    ways += [f"or {flag}" for flag in list(flags)[1:]]
    return "; ".join([*ways, f"`{command} --force` changes appVersion anyway"])


def _has_all(release: Release, tags: Iterable[EffectiveTag]) -> bool:
    """Return whether all of some tags are those of a release."""
    return all(relate(tag.tag, release.image_tag) == "same" for tag in tags)


def list_pins(seen: ChartSeen) -> str:
    """Name what is pinned, and where."""
    found: dict[tuple[Place, str, str], dict[str, None]] = {}
    for tag in seen.kept:
        pin = tag.place, tag.key, tag.tag
        found.setdefault(pin, {})[tag.environment or tag.place.path] = None
    return "; ".join(
        f"{_name_all(list(names))} ({key} {tag})"
        for (_, key, tag), names in found.items()
    )


def _name_all(names: Sequence[str]) -> str:
    if len(names) > _NAMED_MOST:
        return f"{len(names)} environments"
    return ", ".join(names)


def command_of(release: Release) -> str:
    """Return the command that deploys a release as it is deployed now."""
    names = release.deployment.environments if release.deployment else ()
    words = [
        f"rsp-release deploy {quote(release.tag)}",
        *(f"--environment {quote(name)}" for name in names),
    ]
    return " ".join(words)


def find_unproven(seen: ChartSeen, *, again: str) -> Verdict | None:
    """Tell which image is not there, as far as is known.

    Parameters
    ----------
    seen
        What was looked at.
    again
        The command that goes on.

    Returns
    -------
    Verdict or None
        What is waited for, or missing; `None` where all are there.
    """
    found = [
        (report, problem)
        for image, report in seen.images
        if (problem := find_problem(image, report))
    ]
    problems = [problem for _, problem in found]
    reports = tuple(report for _, report in seen.images)
    is_image = any(p.keys[:1] != ("dependencies",) for p in seen.places)
    if not seen.images and is_image:
        return Blocked(
            problem="cannot tell which image the deployment will pull",
            help="name it with `images` in the settings",
            exit_status=ExitStatus.IMAGE,
        )
    if not problems:
        return None
    # What could not be looked at is not known to be wrong.
    is_seen = any(report.state != "unknown" for report, _ in found)
    return Wait(
        reason=f"not deployed: {problems[0]}",
        interval=_INTERVAL,
        patience=_APPEARS_WITHIN,
        images=reports,
        otherwise=Blocked(
            problem="not deployed:\n" + "\n".join(problems),
            help=f"once it is published: {again}",
            exit_status=ExitStatus.IMAGE if is_seen else ExitStatus.FAILED,
            images=reports,
        ),
    )


def wait_for_fork(name: str, *, again: str) -> Wait:
    """Wait until GitHub has made a fork.

    Parameters
    ----------
    name
        The fork.
    again
        The command that goes on.
    """
    return Wait(
        reason=f"GitHub is creating the fork {name}",
        patience=_FORKED_WITHIN,
        otherwise=Blocked(
            problem=f"the fork {name} has no commits",
            help=f"check whether GitHub is still creating it, then `{again}`;"
            " or delete it",
        ),
    )
