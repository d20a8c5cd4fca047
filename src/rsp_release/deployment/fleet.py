"""All applications of a deployment repository, in one table. Pure.

What was read of each becomes a row, and the rows are sorted by what needs a
person most.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

from ..config import Config
from ..exceptions import BlockedError, ExitStatus, ReleaseError
from ..models import PullRequest
from ..version.choose import History, Request, propose
from ..version.commits import raw_commit, read_commits
from ..version.fragments import is_skipped, parse_fragment
from ..version.tags import parse_tags
from .charts import read_chart, relate, split_source
from .effective import EffectiveTag
from .running import InEnvironment

__all__ = [
    "Application",
    "Facts",
    "Need",
    "Row",
    "Unreleased",
    "document",
    "find_applications",
    "fleet_status",
    "make_row",
    "select",
]

Need: TypeAlias = Literal[
    "failed", "unknown", "deploy", "merge", "release", "nothing"
]
"""What a person should do, the most urgent first: mend a run that failed,
see why a repository cannot be read, deploy, merge, release."""

_ORDER: tuple[Need, ...] = get_args(Need)

_NAMED_MOST = 2
"""How many environments of one version are named in the table."""

_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application of a deployment repository."""

    name: str
    path: str
    """Its :file:`Chart.yaml`."""

    repository: str
    """Owner and name of its source on GitHub."""

    others: tuple[str, ...] = ()
    """Other sources there that it names."""

    app_version: str | None
    """The chart's ``appVersion``. Untrusted text."""

    tags: tuple[EffectiveTag, ...] = ()
    """What its environments run."""

    problem: str | None = None
    """Why that cannot be told. Untrusted text."""

    running: tuple[InEnvironment, ...] = ()
    """What runs in its environments, where any was looked at."""

    @property
    def label(self) -> str:
        """Its name, after that of the application whose sub-chart it is."""
        above = re.search(r"([^/]+)/charts/[^/]+/Chart\.yaml$", self.path)
        return f"{above[1]}/{self.name}" if above else self.name

    @property
    def deployed(self) -> str | None:
        """What the environments run, or most of them; `None`: none does."""
        return next(iter(self._environments), None)

    @property
    def shown(self) -> str:
        """What each environment runs, for a person. Untrusted text."""
        assumed = {tag.tag for tag in self.tags if tag.is_assumed}
        found = self._environments
        return _tell(found, assumed)

    @property
    def runs(self) -> str:
        """What runs where, for a person. Untrusted text."""
        found = _group(
            (version, each.environment)
            for each in self.running
            for version in each.versions
        )
        is_seen = all(each.problem is None for each in self.running)
        if is_seen:
            return _tell(found)
        return ", ".join(f"{v} {_some(list(n))}" for v, n in found.items())

    @property
    def _environments(self) -> dict[str, dict[str, None]]:
        """The environments of each tag, that which most run first."""
        return _group((tag.tag, tag.environment) for tag in self.tags)


def _group(found: Iterable[tuple[str, str]]) -> dict[str, dict[str, None]]:
    """Return the environments of each version, the most frequent first."""
    groups: dict[str, dict[str, None]] = {}
    for version, environment in found:
        groups.setdefault(version, {})[environment] = None
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _tell(
    found: Mapping[str, Iterable[str]], assumed: Collection[str] = ()
) -> str:
    """Name the environments of each version, where there are several."""
    shown = []
    for tag, names in found.items():
        words = [tag] if len(found) == 1 else [tag, _some(list(names))]
        words += ["(assumed)"] if tag in assumed else []
        shown.append(" ".join(filter(None, words)))
    return ", ".join(shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What GitHub says of an application's repository."""

    branch: str | None = None
    """The default branch."""

    latest: str | None = None
    """The tag of the latest release."""

    released_at: datetime | None = None
    """When that was published (aware)."""

    release_url: str | None = None
    """Its page."""

    run: str | None = None
    """How the run stands, or ended, that published it."""

    run_url: str | None = None
    """The page of that run."""

    release_pull: str | None = None
    """The page of an open pull request with a change log."""

    is_archived: bool = False
    """Whether it is read-only."""

    problem: str | None = None
    """Why it cannot be read. Untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreleased:
    """What came after the latest release of a repository."""

    total: int
    """How many commits."""

    commits: tuple[tuple[str, str, int], ...]
    """Hash, message and number of parents of the newest, newest first."""

    fragments: tuple[tuple[str, str], ...] = ()
    """Name and text of the change-log fragments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is known, and to do, of an application."""

    application: Application
    facts: Facts
    unreleased: int | None
    """Commits after the latest release; `None` where that is not known."""

    next: str | None
    """The version that they make."""

    bump: str
    """The part that it raises."""

    age: int | None
    """Whole days since the latest release."""

    deploy_pull: str | None
    """The page of an open deployment pull request."""

    need: Need
    """What a person should do."""

    said: str
    """The same, for a person. Untrusted text."""


def _some(environments: Sequence[str]) -> str:
    """Name environments, or count them where they are many."""
    if len(environments) > _NAMED_MOST:
        return f"{len(environments)} environments"
    return " ".join(environments)


def find_applications(
    charts: Mapping[str, str], *, host: str
) -> tuple[Application, ...]:
    """Find the applications whose source is on GitHub.

    Parameters
    ----------
    charts
        Path and text of every :file:`Chart.yaml`.
    host
        GitHub's host, such as ``github.com``.

    Returns
    -------
    tuple of Application
        In the order of their paths. A chart that cannot be read, or names no
        source there, is left out.
    """
    found = []
    for path, text in sorted(charts.items()):
        name = path.split("/")[-2] if "/" in path else path
        try:
            chart = read_chart(text)
        except BlockedError:
            continue
        sources = [
            source
            for source_host, source in map(split_source, chart.sources)
            if source_host == host.lower() and _REPOSITORY.fullmatch(source)
        ]
        if not sources:
            continue
        # That of the same name first.
        sources.sort(key=lambda source: source.partition("/")[2] != name)
        found.append(
            Application(
                name=name,
                path=path,
                repository=sources[0],
                others=tuple(sources[1:]),
                app_version=chart.app_version,
            )
        )
    return tuple(found)


def make_row(
    application: Application,
    facts: Facts,
    unreleased: Unreleased | None,
    pulls: Iterable[PullRequest],
    *,
    now: datetime,
) -> Row:
    """Work out what is to do for an application.

    Parameters
    ----------
    application
        The application.
    facts
        What GitHub says of its repository.
    unreleased
        What came after the latest release; `None` where that is not known.
    pulls
        The open pull requests of the deployment repository.
    now
        The present time (aware).

    Returns
    -------
    Row
        Its row.
    """
    name = application.repository.partition("/")[2]
    branch = re.compile(rf"rsp-release/(?:[^/]+/)?{re.escape(name)}-\d+\.")
    deploy_pull = next((p for p in pulls if branch.match(p.branch)), None)
    following, bump = None, "none"
    if unreleased is not None and unreleased.total:
        following, bump = _next(facts, unreleased)
    age = (now - facts.released_at).days if facts.released_at else None
    need, said = _need(application, facts, bump, following, deploy_pull)
    return Row(
        application=application,
        facts=facts,
        unreleased=unreleased.total if unreleased is not None else None,
        next=following,
        bump=bump,
        age=age,
        deploy_pull=deploy_pull.url if deploy_pull else None,
        need=need,
        said=said,
    )


def _need(
    application: Application,
    facts: Facts,
    bump: str,
    following: str | None,
    deploy_pull: PullRequest | None,
) -> tuple[Need, str]:
    problem = facts.problem or application.problem
    if problem is not None:
        return "unknown", f"cannot be read: {problem}"
    if facts.run in {"failure", "timed_out", "startup_failure", "cancelled"}:
        return "failed", f"the run of {facts.latest}: {facts.run}"
    if deploy_pull is not None:
        return "merge", f"merge #{deploy_pull.number}: {deploy_pull.title}"
    relations = {
        tag.tag: relate(tag.tag, facts.latest or "")
        for tag in application.tags
    }
    older = [tag for tag in relations if relations[tag] == "older"]
    if older:
        where = [t.environment for t in application.tags if t.tag in older]
        names = _some(list(dict.fromkeys(where)))
        said = f" to {names}" if names and len(relations) > 1 else ""
        return "deploy", f"deploy {facts.latest}{said}"
    if facts.release_pull is not None:
        number = facts.release_pull.rpartition("/")[2]
        return "merge", f"merge the change log, #{number}"
    if facts.is_archived:
        return "nothing", "its repository is archived"
    if following is not None and bump in {"major", "minor", "patch"}:
        return "release", f"release {following}"
    if not application.tags:
        return "nothing", "no environment runs it"
    others = [tag for tag in relations if relations[tag] == "unknown"]
    if facts.latest is not None and others:
        be = "is" if len(others) == 1 else "are"
        return "nothing", f"{', '.join(others)} {be} none of its releases"
    return "nothing", ""


def _next(facts: Facts, unreleased: Unreleased) -> tuple[str | None, str]:
    """Choose the version that unreleased commits make, as ``next`` does."""
    tags = tuple(parse_tags([facts.latest or ""]))
    fragments = tuple(
        parse_fragment(f"changelog.d/{name}", text)
        for name, text in unreleased.fragments
        if name.endswith((".md", ".rst")) and not is_skipped(name)
    )
    history = History(
        head=unreleased.commits[0][0] if unreleased.commits else "0" * 40,
        branch=facts.branch,
        tags=tags,
        previous=tags[0] if tags else None,
        commits=read_commits(
            raw_commit(sha, message, parents=parents)
            for sha, message, parents in unreleased.commits
        ),
        fragments=fragments,
        uses_fragments=bool(fragments),
    )
    try:
        chosen = propose(history, policy=Config(), request=Request())
    except ReleaseError:
        return None, "none"
    return chosen.next, chosen.bump


def select(
    rows: Iterable[Row],
    *,
    needs: Sequence[str] = (),
    names: Sequence[str] = (),
) -> tuple[Row, ...]:
    """Sort rows by what needs a person most, and leave out others.

    Parameters
    ----------
    rows
        The rows.
    needs
        What has to be needed; empty: anything, or nothing.
    names
        Patterns such as ``ga*``, one of which the application's name or its
        repository's must match; empty: any.

    Returns
    -------
    tuple of Row
        What is left: of the same need the oldest release first.
    """
    chosen = [
        row
        for row in rows
        if (not needs or row.need in needs)
        and (
            not names
            or any(
                fnmatchcase(text, pattern)
                for pattern in names
                for text in (
                    row.application.name,
                    row.application.label,
                    row.application.repository,
                )
            )
        )
    ]
    return tuple(
        sorted(
            chosen,
            key=lambda row: (
                _ORDER.index(row.need),
                {"major": 0, "minor": 1}.get(row.bump, 2),
                -(row.age or 0),
                row.application.label,
            ),
        )
    )


def fleet_status(rows: Iterable[Row]) -> ExitStatus:
    """Return the exit status for jobs that look after a fleet.

    Parameters
    ----------
    rows
        The rows that were selected.

    Returns
    -------
    ExitStatus
        That a run failed, else that something could not be read, else that
        something waits for a person, else that all is well.
    """
    needs = {row.need for row in rows}
    if "failed" in needs:
        return ExitStatus.RUN_FAILED
    if "unknown" in needs:
        return ExitStatus.FAILED
    if needs - {"nothing"}:
        return ExitStatus.UNFINISHED
    return ExitStatus.OK


def document(rows: Iterable[Row], *, repository: str) -> dict[str, Any]:
    """Return the table as ``schemas/fleet.json`` describes it.

    Parameters
    ----------
    rows
        The rows.
    repository
        The deployment repository.
    """
    return {
        "schema": 1,
        "repository": repository,
        "applications": [
            {
                "name": row.application.name,
                "label": row.application.label,
                "chart": row.application.path,
                "repository": row.application.repository,
                "app_version": row.application.app_version,
                "deployed": row.application.deployed,
                "environments": [
                    {
                        "environment": tag.environment,
                        "image": tag.image,
                        "tag": tag.tag,
                        "place": str(tag.place),
                        "is_assumed": tag.is_assumed,
                    }
                    for tag in row.application.tags
                ],
                "running": [
                    {
                        "environment": each.environment,
                        "versions": list(each.versions),
                        "sync": each.sync,
                        "health": each.health,
                        "problem": each.problem,
                    }
                    for each in row.application.running
                ],
                "latest": row.facts.latest,
                "released_at": row.facts.released_at.isoformat()
                if row.facts.released_at
                else None,
                "release_url": row.facts.release_url,
                "age": row.age,
                "unreleased": row.unreleased,
                "next": row.next,
                "bump": row.bump,
                "run": row.facts.run,
                "run_url": row.facts.run_url,
                "release_pull": row.facts.release_pull,
                "deploy_pull": row.deploy_pull,
                "need": row.need,
                "text": row.said,
                "problem": row.facts.problem or row.application.problem,
            }
            for row in rows
        ],
    }
