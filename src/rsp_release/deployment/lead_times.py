"""How long changes took to be released, published and deployed. Pure.

What git, GitHub and the deployment repository say becomes figures by month.
Nothing is guessed: what cannot be told is counted, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, get_args

from .charts import relate
from .fleet import Row

__all__ = [
    "ChartHistory",
    "Commit",
    "Deployment",
    "Histories",
    "Outcome",
    "Release",
    "RepositoryHistory",
    "Stage",
    "describe",
    "find_changes",
    "first_month",
    "read_lead_times",
    "summarize",
]

Outcome: TypeAlias = Literal["first", "later", "failed", "running", "unknown"]
"""How the run that publishes a release ended: it succeeded at once, or after
a failure; it never succeeded; it has not ended; nobody knows."""

Stage: TypeAlias = Literal["release", "image", "deployment", "whole"]
"""From merge to release, on to the images, on to the deployment, and from
merge to deployment."""

STAGES: tuple[Stage, ...] = get_args(Stage)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


class Commit(NamedTuple):
    """A commit of a repository."""

    at: datetime
    """When it came to be as it is: merged, on the default branch (aware)."""

    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release that was published, and is no pre-release."""

    tag: str
    """Its tag. Untrusted text."""

    commit: str | None
    """The commit of the tag; `None` where there is none."""

    parents: tuple[str, ...]
    """The commits before it, for a tag beside the branch."""

    published_at: datetime
    """When (aware)."""

    outcome: Outcome = "unknown"
    """How what publishes its images ended."""

    image_at: datetime | None = None
    """When that had succeeded (aware); `None`: it did not, or who knows."""

    problem: str | None = None
    """Why it is not known how it ended. Untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryHistory:
    """What is known of the past of a repository."""

    head: str | None = None
    """The default branch."""

    commits: Mapping[str, Commit] = field(default_factory=dict)
    """Its commits, as far back as was asked for."""

    releases: tuple[Release, ...] = ()
    """The releases, in any order."""

    limits: tuple[str, ...] = ()
    """What was left out, since there is too much of it."""

    problem: str | None = None
    """Why it is not known. Untrusted text."""


class Deployment(NamedTuple):
    """A version that came to the deployment repository."""

    at: datetime
    """When (aware)."""

    version: str
    """The version. Untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartHistory:
    """What is known of the past of a chart."""

    deployments: tuple[Deployment, ...] = ()
    """Its versions, the oldest first."""

    problem: str | None = None
    """Why it is not known. Untrusted text."""


class Histories(Protocol):
    """The past of repositories and charts."""

    def read(
        self,
        repositories: Sequence[str],
        charts: Mapping[str, str | None],
        advance: Callable[[int, int], None],
    ) -> tuple[dict[str, RepositoryHistory], dict[str, ChartHistory]]:
        """Return the past of each; charts are given what they say now."""


class _Change(NamedTuple):
    """A change that was merged, and the release that it came with."""

    merged_at: datetime
    release: Release


@dataclass(slots=True)
class _Measured:
    """What was measured."""

    spans: list[tuple[Stage, datetime, float]] = field(default_factory=list)
    """Each stage, when it ended, and how many seconds it took."""

    outcomes: list[tuple[datetime, Outcome]] = field(default_factory=list)
    """Each release."""

    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Of what it cannot be told, and why: how often."""

    def add(self, stage: Stage, start: datetime, end: datetime) -> None:
        """Add a span; one that ends before it begins is none."""
        seconds = (end - start).total_seconds()
        if seconds < 0:
            self.unknown[_BACKWARDS[stage]] += 1
        else:
            self.spans.append((stage, end, seconds))

    def extend(self, other: _Measured) -> None:
        """Add what was measured elsewhere."""
        self.spans += other.spans
        self.outcomes += other.outcomes
        self.unknown += other.unknown


_BACKWARDS: Mapping[Stage, tuple[str, str]] = {
    "release": ("change", "dated after the release"),
    "image": ("release", "with images older than the release"),
    "deployment": ("release", "deployed before the images were there"),
    "whole": ("change", "deployed before the merge"),
}


def find_changes(history: RepositoryHistory) -> Iterator[_Change]:
    """Find what was merged to the default branch, and the release it is in.

    A change is a commit of the branch itself, whether it merges others or
    not; its release is the first that was published with it. The commit that
    is tagged is no change: as a rule it is that of the change log.

    Parameters
    ----------
    history
        The repository's past.

    Yields
    ------
    tuple
        The change.
    """
    commits = dict(history.commits)
    found: dict[str, Release] = {}
    for release in sorted(history.releases, key=lambda r: r.published_at):
        waiting = [release.commit, *release.parents]
        while waiting:
            sha = waiting.pop()
            if sha in commits and sha not in found:
                found[sha] = release
                waiting += commits[sha].parents
    sha = history.head
    while sha in commits:
        commit = commits[sha]
        if sha in found and sha != found[sha].commit:
            yield _Change(commit.at, found[sha])
        sha = commit.parents[0] if commit.parents else None


def _measure_repository(
    history: RepositoryHistory, since: datetime
) -> _Measured:
    """Measure how long releases and their images took."""
    told = _Measured()
    if history.problem is not None:
        told.unknown["repository", f"not read: {history.problem}"] += 1
        return told
    for limit in history.limits:
        told.unknown["repository", limit] += 1
    for change in find_changes(history):
        if change.merged_at >= since:
            told.add("release", change.merged_at, change.release.published_at)
    for release in history.releases:
        if release.published_at < since:
            continue
        told.outcomes.append((release.published_at, release.outcome))
        if release.image_at is not None:
            told.add("image", release.published_at, release.image_at)
        elif release.outcome == "unknown":
            why = "without a known run"
            if release.problem is not None:
                why = f"whose runs are not read: {release.problem}"
            told.unknown["release", why] += 1
    return told


def _measure_chart(
    history: RepositoryHistory, chart: ChartHistory, since: datetime
) -> _Measured:
    """Measure how long the deployment of an application took."""
    told = _Measured()
    if history.problem is not None:
        return told
    if chart.problem is not None:
        told.unknown["application", chart.problem] += 1
        return told
    deployed: dict[str, datetime] = {}
    for release in history.releases:
        at = next(
            (
                each.at
                for each in chart.deployments
                if relate(each.version, release.tag) in {"same", "newer"}
            ),
            None,
        )
        if at is None:
            continue
        deployed[release.tag] = at
        if release.published_at < since:
            continue
        if release.image_at is not None:
            told.add("deployment", release.image_at, at)
    for change in find_changes(history):
        if change.merged_at >= since and change.release.tag in deployed:
            told.add("whole", change.merged_at, deployed[change.release.tag])
    return told


def read_lead_times(
    rows: Sequence[Row],
    histories: Histories,
    *,
    now: datetime,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Read how long the changes of applications took.

    Parameters
    ----------
    rows
        The applications.
    histories
        Reads the past.
    now
        The present time (aware, UTC).
    advance
        Called with how much more was read, and how much there is.

    Returns
    -------
    dict
        As `summarize` returns it.
    """
    applications = [row.application for row in rows]
    broken = {
        row.application.repository: row.facts.problem
        for row in rows
        if row.facts.problem is not None
    }
    # The chart, which may be another's, that holds the version.
    following = {
        each.label: tag
        for each in applications
        for tag in each.tags
        if tag.place.is_app_version
    }
    names = dict.fromkeys(each.repository for each in applications)
    repositories, charts = histories.read(
        [name for name in names if name not in broken],
        {tag.place.path: tag.tag for tag in following.values()},
        advance,
    )
    paths = {
        each.label: following[each.label].place.path
        if each.label in following
        else each.path
        for each in applications
    }
    elsewhere = ChartHistory(
        problem="without an environment that follows appVersion"
    )
    return summarize(
        {
            each.label: (each.repository, paths[each.label])
            for each in applications
        },
        repositories
        | {n: RepositoryHistory(problem=why) for n, why in broken.items()},
        dict.fromkeys(paths.values(), elsewhere) | charts,
        now=now,
    )


def summarize(
    applications: Mapping[str, tuple[str, str]],
    repositories: Mapping[str, RepositoryHistory],
    charts: Mapping[str, ChartHistory],
    *,
    now: datetime,
) -> dict[str, Any]:
    """Work out the figures of a year, by month.

    Parameters
    ----------
    applications
        Repository and chart of each application, by name.
    repositories
        The past of each repository.
    charts
        The past of each chart.
    now
        The present time (aware, UTC).

    Returns
    -------
    dict
        ``months``, such as ``2026-11``, the oldest first; ``all`` and, by
        name, ``applications``, as `describe` returns them; ``unknown``, of
        how many of what it cannot be told, and why. What several
        applications have in common counts once for all.
    """
    since = first_month(now)
    months = [
        f"{since.year + m // 12}-{m % 12 + 1:02}"
        for m in range(since.month - 1, since.month + 11)
    ]
    past = {
        name: _measure_repository(history, since)
        for name, history in repositories.items()
    }
    everything = _Measured()
    for each in past.values():
        everything.extend(each)
    told = {}
    for name, (repository, path) in applications.items():
        chart = _measure_chart(repositories[repository], charts[path], since)
        everything.extend(chart)
        chart.extend(past[repository])
        told[name] = describe(chart.spans, chart.outcomes, months)
    return {
        "months": months,
        "all": describe(everything.spans, everything.outcomes, months),
        "applications": told,
        "unknown": [
            (count, *each) for each, count in everything.unknown.most_common()
        ],
    }


def first_month(now: datetime) -> datetime:
    """Return where twelve months begin, of which the last is the present one.

    Parameters
    ----------
    now
        The present time.
    """
    year, month = divmod(12 * now.year + now.month - 12, 12)
    return datetime(year, month + 1, 1, tzinfo=now.tzinfo)


def describe(
    spans: Iterable[tuple[Stage, datetime, float]],
    outcomes: Iterable[tuple[datetime, Outcome]],
    months: Sequence[str],
) -> dict[str, Any]:
    """Describe what was measured.

    Parameters
    ----------
    spans
        Each stage, when it ended, and how many seconds it took.
    outcomes
        When releases were published, and how their runs ended.
    months
        The months.

    Returns
    -------
    dict
        For each stage a list, by month and at last for all months: how many,
        the median and the 90th percentile (seconds), or `None` where there
        was none. ``outcomes`` are numbers in the order of `Outcome`.
    """
    by_month: dict[tuple[Stage, str], list[float]] = {}
    for stage, at, seconds in spans:
        by_month.setdefault((stage, f"{at:%Y-%m}"), []).append(seconds)
        by_month.setdefault((stage, ""), []).append(seconds)
    counts = Counter((f"{at:%Y-%m}", outcome) for at, outcome in outcomes)
    told: dict[str, Any] = {
        stage: [
            _figures(by_month.get((stage, month), []))
            for month in (*months, "")
        ]
        for stage in STAGES
    }
    told["outcomes"] = [
        [counts[month, outcome] for outcome in OUTCOMES] for month in months
    ]
    return told


def _figures(values: list[float]) -> tuple[int, int, int] | None:
    """Return how many there are, the median and the 90th percentile.

    Both are values that were measured, the nearest by rank:
    https://www.itl.nist.gov/div898/handbook/prc/section2/prc262.htm has
    these and others.
    """
    if not values:
        return None
    values = sorted(values)
    count = len(values)
    median, most = (values[-(-count * p // 100) - 1] for p in (50, 90))
    return count, round(median), round(most)
