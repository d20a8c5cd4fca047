"""The past of many repositories: commits, releases, runs, charts.

GitHub is asked for many at once, and never again for what cannot change:
commits, runs that ended well, or that are too old to be run again, and what a
chart said. The limits below bound a year of the busiest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

from ...deployment.charts import read_chart
from ...deployment.lead_times import (
    ChartHistory,
    Commit,
    Deployment,
    Outcome,
    Release,
    RepositoryHistory,
    first_month,
)
from ...exceptions import BlockedError
from ..cache import Cache
from .answers import UNUSABLE
from .graphql import Variable, ask_repositories
from .http import GithubHttp

__all__ = ["GithubHistory"]

_PAGES = 10
"""Hundreds of commits that are read of a repository."""

_RELEASES = 30
"""The newest releases that are read of a repository."""

_CHARTS = 10
"""Charts whose past is asked for in one request, which costs GitHub a walk
through the repository for each."""

_OVERLAP = timedelta(days=14)
"""How much older a commit may be than one before it."""

_FINAL = timedelta(days=31)
"""After what time nothing can be run again: GitHub allows thirty days."""

_FAILED = "conclusions: [FAILURE, STARTUP_FAILURE, TIMED_OUT]"

_RUNS = f"""
fragment Runs on Commit {{
  checkSuites(first: 20) {{
    nodes {{
      status conclusion updatedAt
      workflowRun {{ event createdAt workflow {{ name }} }}
      ever: checkRuns(
        first: 1, filterBy: {{checkType: ALL, {_FAILED}}}
      ) {{ totalCount }}
      still: checkRuns(
        first: 1, filterBy: {{checkType: LATEST, {_FAILED}}}
      ) {{ totalCount }}
    }}
  }}
}}
"""

_PAST = """
fragment Past on Repository {
  releases(
    first: @RELEASES, orderBy: {field: CREATED_AT, direction: DESC}
  ) {
    nodes {
      tagName isDraft isPrerelease publishedAt
      tagCommit { oid parents(first: 2) { nodes { oid } } }
    }
  }
}
""".replace("@RELEASES", str(_RELEASES))

_Kept: TypeAlias = dict[str, Any]
"""What the cache holds, by repository or chart."""


class GithubHistory:
    """Reads the past of the applications of a deployment repository.

    Parameters
    ----------
    http
        Sends the requests.
    deploy
        The deployment repository.
    cache
        Has what was read before.
    """

    def __init__(self, *, http: GithubHttp, deploy: str, cache: Cache) -> None:
        self._http = http
        self._deploy = deploy
        self._cache = cache
        self._now = http.clock.now()
        self._since = first_month(self._now)

    def read(
        self,
        repositories: Sequence[str],
        charts: Mapping[str, str | None],
        advance: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[dict[str, RepositoryHistory], dict[str, ChartHistory]]:
        """Read the past of repositories and charts.

        Parameters
        ----------
        repositories
            Owners and names.
        charts
            The ``appVersion`` that each chart has now, by path.
        advance
            Called with how much more was read, and how much there is.

        Returns
        -------
        tuple
            The past of each repository and of each chart; where it cannot
            be read, why.
        """
        total = len(repositories) + len(charts)

        def note(done: int) -> None:
            advance(done, total)

        kept = self._cache.load()
        past, news = self._repositories(
            repositories, _table(kept, "repositories"), note
        )
        versions, said = self._charts(charts, _table(kept, "charts"), note)
        self._cache.save({"repositories": news, "charts": said})
        return past, versions

    # -- Repositories -------------------------------------------------------

    def _repositories(
        self,
        names: Sequence[str],
        kept: _Kept,
        note: Callable[[int], None],
    ) -> tuple[dict[str, RepositoryHistory], _Kept]:
        past: dict[str, RepositoryHistory] = {}
        news: _Kept = {}
        read = {name: _Past(kept.get(name), self._since) for name in names}
        waiting = list(names)
        for page in range(_PAGES):
            answers = list(self._ask_commits(waiting, read))
            if page == 0:
                note(len(names))
            waiting = []
            for name, data, problem in answers:
                if not isinstance(data, dict):
                    past[name] = RepositoryHistory(problem=problem)
                    continue
                try:
                    if read[name].take(data):
                        waiting.append(name)
                except (KeyError, TypeError, ValueError, AttributeError):
                    past[name] = RepositoryHistory(problem=UNUSABLE)
            if not waiting:
                break
        for name in waiting:
            read[name].limits.append("with more commits than are read")
        readable = [name for name in names if name not in past]
        runs = self._runs({name: read[name] for name in readable})
        for name in readable:
            each = read[name]
            past[name] = each.history(runs[name])
            news[name] = each.keep(past[name].releases, self._now)
        return past, news

    def _ask_commits(
        self, names: list[str], read: Mapping[str, _Past]
    ) -> Iterator[tuple[str, Any, str]]:
        def select(name: str, variable: Variable) -> str:
            each = read[name]
            since = variable(each.since.isoformat(), "GitTimestamp!")
            after = ""
            if each.cursor is not None:
                after = f", after: {variable(each.cursor)}"
            past = "" if each.cursor else " ...Past"
            return (
                "{ defaultBranchRef { target { ... on Commit { oid"
                f" history(first: 100, since: {since}{after})"
                " { pageInfo { hasNextPage endCursor } nodes { oid"
                " committedDate parents(first: 2) { nodes { oid } } } }"
                f" }} }} }}{past} }}"
            )

        items = [(name, name) for name in names]
        first = any(read[name].cursor is None for name in names)
        return ask_repositories(
            self._http, items, select, _PAST if first else ""
        )

    def _runs(self, read: Mapping[str, _Past]) -> dict[str, dict[str, _Ended]]:
        """Return how what the releases started ended, by commit."""
        found = {name: dict(each.runs) for name, each in read.items()}
        wanted = [
            (name, (name, release))
            for name, each in read.items()
            for release in each.releases
            if release.commit is not None
            and release.commit not in each.runs
            and release.published_at >= self._since
        ]
        for (name, release), data, problem in ask_repositories(
            self._http,
            wanted,
            lambda item, variable: (
                "{ object(oid: "
                f"{variable(str(item[1].commit), 'GitObjectID!')})"
                " { ...Runs } }"
            ),
            _RUNS,
        ):
            try:
                suites = data["object"]["checkSuites"]["nodes"]
                ended = _read_runs(suites, release.published_at)
            except (KeyError, TypeError, ValueError, AttributeError):
                ended = _Ended(problem=UNUSABLE if data else problem)
            found[name][str(release.commit)] = ended
        return found

    # -- Charts -------------------------------------------------------------

    def _charts(
        self,
        charts: Mapping[str, str | None],
        kept: _Kept,
        note: Callable[[int], None],
    ) -> tuple[dict[str, ChartHistory], _Kept]:
        past: dict[str, ChartHistory] = {}
        news: _Kept = {}
        for path, version in charts.items():
            # One that says what it said has no new past.
            events = _read_kept_chart(kept.get(path), version)
            if events is not None:
                past[path], news[path] = events, kept[path]
        note(len(past))

        def select(path: str, variable: Variable) -> str:
            at = variable(path)
            return (
                "{ defaultBranchRef { target { ... on Commit {"
                f" history(first: 30, path: {at})"
                " { pageInfo { hasNextPage } nodes { committedDate"
                f" file(path: {at}) {{ object {{ ...Text }} }} }} }}"
                " } } } }"
            )

        wanted = [(self._deploy, path) for path in charts if path not in past]
        for path, data, problem in ask_repositories(
            self._http,
            wanted,
            select,
            "fragment Text on Blob { text }",
            note,
            size=_CHARTS,
        ):
            try:
                history = data["defaultBranchRef"]["target"]["history"]
                events = _read_chart_history(history)
            except (KeyError, TypeError, ValueError, AttributeError):
                past[path] = ChartHistory(
                    problem=f"not read: {UNUSABLE if data else problem}"
                )
                continue
            past[path] = events
            news[path] = [
                charts[path],
                [[_stamp(each.at), each.version] for each in
                 events.deployments],
            ]  # fmt: skip
        return past, news


class _Ended(NamedTuple):
    """How what a release started ended."""

    outcome: Outcome = "unknown"
    at: datetime | None = None
    """When all of it had succeeded."""

    problem: str | None = None
    """Why that is not known."""


class _Past:
    """What is read of one repository, upon what is kept of it.

    Parameters
    ----------
    kept
        What the cache has. It may be anything.
    since
        How far back to go.
    """

    def __init__(self, kept: Any, since: datetime) -> None:
        self._start = since
        self.since = since
        """From when on commits are asked for."""
        self.cursor: str | None = None
        """Which page is next; `None`: the first."""
        self.head: str | None = None
        self.commits: dict[str, Commit] = {}
        self.releases: list[Release] = []
        self.limits: list[str] = []
        """What is left out."""
        self.runs: dict[str, _Ended] = {}
        """How what releases started ended, where that is final."""
        self._known: dict[str, Commit] = {}
        try:
            self._known = {
                sha: Commit(_moment(at), tuple(parents))
                for sha, (at, *parents) in kept["commits"].items()
            }
            self.runs = {
                sha: _Ended(outcome, None if at is None else _moment(at))
                for sha, (outcome, at) in kept["runs"].items()
            }
            newest = max(each.at for each in self._known.values())
        except (KeyError, TypeError, ValueError, AttributeError):
            self._known = {}
        else:
            self.since = max(since, newest - _OVERLAP)

    def take(self, data: Mapping[str, Any]) -> bool:
        """Take a page; return whether another is to be asked for."""
        if "releases" in data:
            nodes = data["releases"]["nodes"]
            self.releases = [*filter(None, map(_read_release, nodes))]
            is_cut = len(nodes) == _RELEASES and all(
                each.published_at > self._start for each in self.releases
            )
            # It is asked for again where all commits are.
            self.limits = (
                ["with more releases than are read"] if is_cut else []
            )
        if data["defaultBranchRef"] is None:
            return False
        target = data["defaultBranchRef"]["target"]
        self.head = target["oid"]
        for node in target["history"]["nodes"]:
            self.commits[node["oid"]] = Commit(
                datetime.fromisoformat(node["committedDate"]),
                tuple(each["oid"] for each in node["parents"]["nodes"]),
            )
        page = target["history"]["pageInfo"]
        self.cursor = page["endCursor"]
        if page["hasNextPage"]:
            return True
        if self._known and not self._is_joined():
            # The branch was rewritten, or much came at once.
            self._known, self.since, self.cursor = {}, self._start, None
            return True
        return False

    def _is_joined(self) -> bool:
        """Return whether what is new leads to what is kept."""
        sha = self.head
        while sha is not None and sha not in self._known:
            commit = self.commits.get(sha)
            if commit is None:
                return False
            sha = commit.parents[0] if commit.parents else None
        return True

    def history(self, runs: Mapping[str, _Ended]) -> RepositoryHistory:
        """Return all that is known of the repository."""
        self.commits = {**self._known, **self.commits}
        releases = []
        for each in self.releases:
            ended = runs.get(each.commit or "", _Ended())
            releases.append(
                replace(
                    each,
                    outcome=ended.outcome,
                    image_at=ended.at,
                    problem=ended.problem,
                )
            )
        return RepositoryHistory(
            head=self.head,
            commits=self.commits,
            releases=tuple(releases),
            limits=tuple(self.limits),
        )

    def keep(self, releases: Iterable[Release], now: datetime) -> _Kept:
        """Return what the cache shall have: what does not change."""
        return {
            "commits": {
                sha: [_stamp(each.at), *each.parents]
                for sha, each in self.commits.items()
                if each.at >= self._start
            },
            "runs": {
                each.commit: [
                    each.outcome,
                    None if each.image_at is None else _stamp(each.image_at),
                ]
                for each in releases
                if each.commit is not None and _is_final(each, now)
            },
        }


def _is_final(release: Release, now: datetime) -> bool:
    """Return whether how a release's run ended can change no more."""
    if release.problem is not None or release.outcome == "running":
        return False
    return release.image_at is not None or now - release.published_at > _FINAL


def _table(kept: Mapping[str, Any], key: str) -> _Kept:
    found = kept.get(key)
    return found if isinstance(found, dict) else {}


def _moment(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp, tz=UTC)


def _stamp(at: datetime) -> int:
    return int(at.timestamp())


def _read_release(node: Any) -> Release | None:
    """Read a release, if it is one that changes are released with."""
    if node["isDraft"] or node["isPrerelease"] or not node["publishedAt"]:
        return None
    commit = node["tagCommit"] or {}
    parents = (commit.get("parents") or {}).get("nodes") or ()
    return Release(
        tag=node["tagName"],
        commit=commit.get("oid"),
        parents=tuple(each["oid"] for each in parents),
        published_at=datetime.fromisoformat(node["publishedAt"]),
    )


def _read_runs(suites: Any, published_at: datetime) -> _Ended:
    """Read how what a release started ended.

    That is every workflow that runs at the event ``release``; where none
    does, every one that runs at a push of its commit and did not end before
    the release was published, for a tag can start it as well.
    """
    found = [
        suite
        for suite in suites
        if suite and suite["workflowRun"] and suite["conclusion"] != "SKIPPED"
    ]
    events: tuple[Literal["release", "push"], ...] = ("release", "push")
    for event in events:
        some = [
            suite
            for suite in found
            if suite["workflowRun"]["event"] == event
            and (
                event == "release"
                or datetime.fromisoformat(suite["updatedAt"]) >= published_at
            )
        ]
        if some:
            break
    else:
        return _Ended()
    if any(suite["conclusion"] is None for suite in some):
        return _Ended("running")
    newest: dict[str, Any] = {}
    for suite in sorted(some, key=lambda s: s["workflowRun"]["createdAt"]):
        newest[suite["workflowRun"]["workflow"]["name"]] = suite
    last = newest.values()
    if any(s["conclusion"] not in {"SUCCESS", "NEUTRAL"} for s in last):
        return _Ended("failed")
    had_failed = any(
        suite["conclusion"] not in {"SUCCESS", "NEUTRAL"}
        or suite["ever"]["totalCount"] > suite["still"]["totalCount"]
        for suite in some
    )
    at = max(datetime.fromisoformat(suite["updatedAt"]) for suite in last)
    return _Ended("later" if had_failed else "first", at)


def _read_chart_history(history: Any) -> ChartHistory:
    """Read when a chart came to have each version."""
    found: list[Deployment] = []
    before: str | None = None
    nodes = history["nodes"]
    for number, node in enumerate(reversed(nodes)):
        text = ((node["file"] or {}).get("object") or {}).get("text")
        try:
            version = read_chart(text).app_version if text else None
        except BlockedError:
            version = None
        # What the oldest says may have been there long before.
        is_new = number > 0 or not history["pageInfo"]["hasNextPage"]
        if version is not None and version != before and is_new:
            at = datetime.fromisoformat(node["committedDate"])
            found.append(Deployment(at, version))
        before = version
    return ChartHistory(deployments=tuple(found))


def _read_kept_chart(kept: Any, version: str | None) -> ChartHistory | None:
    """Read what is kept of a chart that says what it said."""
    try:
        said, events = kept
        if said != version:
            return None
        return ChartHistory(
            deployments=tuple(
                Deployment(_moment(at), str(each)) for at, each in events
            )
        )
    except (TypeError, ValueError):
        return None
