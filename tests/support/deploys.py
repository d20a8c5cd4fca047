"""The deployment repository of the world in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rsp_release.exceptions import RefusedError
from rsp_release.models import (
    EditPull,
    EnableAutoMerge,
    Fork,
    LabelPull,
    MakeFork,
    MergePull,
    OpenPull,
    PullRequest,
    PushFiles,
    Repository,
    RequestReviews,
)

if TYPE_CHECKING:
    from .branches import Timeline
    from .simulated import Chaos, Hub, VirtualClock

__all__ = ["CHARTS", "Charts", "SimulatedDeploy"]

CHARTS = "o/charts"
PATH = "applications/n/Chart.yaml"
CHART = """\
name: n
sources: ["https://example.org/o/n"]
appVersion: 1.1.0
"""
OLDER = PullRequest(
    number=1,
    url="https://example.org/o/charts/pull/1",
    is_open=True,
    is_merged=False,
    head="0" * 40,
    branch="rsp-release/n-1.1.1",
    owner="o",
    title="Update n to 1.1.1",
)


@dataclass(kw_only=True)
class Charts:
    """Branches and pull requests of the deployment repository."""

    clock: Timeline
    writes: Counter[str] = field(default_factory=Counter)
    branches: dict[str, tuple[datetime, dict[str, str]]] = field(
        default_factory=dict
    )
    opened: list[tuple[datetime, PullRequest]] = field(default_factory=list)
    labels: list[tuple[datetime, int, tuple[str, ...]]] = field(
        default_factory=list
    )
    closed: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        start = self.clock.now() - timedelta(days=1)
        self.branches["main"] = start, {PATH: CHART}
        self.opened.append((start, OLDER))

    def shown(self, at: datetime) -> list[PullRequest]:
        """Return the pull requests as they were."""
        found = []
        for since, pull in self.opened:
            if since > at:
                continue
            shown = pull
            for labelled, number, labels in self.labels:
                if number == pull.number and labelled <= at:
                    shown = replace(shown, labels=labels)
            if pull.number in self.closed and self.closed[pull.number] <= at:
                shown = replace(shown, is_open=False)
            found.append(shown)
        return found[::-1]

    def push(self, write: PushFiles) -> None:
        """Accept a branch, once."""
        if write.branch in self.branches:
            raise RefusedError("already exists", is_duplicate=True)
        self.writes[write.key] += 1
        self.branches[write.branch] = self.clock.now(), dict(write.files)

    def open(self, write: OpenPull) -> None:
        """Accept a pull request, once."""
        now = self.clock.now()
        if any(
            p.branch == write.branch and p.is_open for p in self.shown(now)
        ):
            raise RefusedError("already exists", is_duplicate=True)
        self.writes[write.key] += 1
        number = len(self.opened) + 1
        self.opened.append(
            (
                now,
                PullRequest(
                    number=number,
                    url=f"https://example.org/o/charts/pull/{number}",
                    is_open=True,
                    is_merged=False,
                    head="1" * 40,
                    branch=write.branch,
                    owner="o",
                    title=write.title,
                    body=write.body,
                ),
            )
        )


@dataclass
class SimulatedDeploy:
    """The port to the deployment repository that one process has."""

    hub: Hub
    clock: VirtualClock
    chaos: Chaos
    name: str = CHARTS
    is_local: bool = False
    is_clean: bool = False
    """Whether this process knows nothing of earlier ones."""

    @property
    def _charts(self) -> Charts:
        return self.hub.charts

    def _at(self) -> datetime:
        return self.clock.now() - timedelta(seconds=self.chaos.lag())

    def repository(self, branch: str = "") -> Repository:
        with self.chaos.call("deploy repository", self.clock):
            return Repository(
                name=CHARTS, default_branch="main", can_push=True
            )

    def fork(self) -> Fork:
        raise AssertionError("no fork is needed")

    def branch(self, repository: str, branch: str) -> str | None:
        with self.chaos.call("deploy branch", self.clock):
            since, _ = self._charts.branches.get(branch, (None, None))
            return branch if since and since <= self._at() else None

    def paths(self, commit: str) -> tuple[str, ...]:
        with self.chaos.call("paths", self.clock):
            return tuple(self._charts.branches[commit][1])

    def read(
        self, commit: str, paths: Sequence[str], repository: str | None = None
    ) -> Mapping[str, str]:
        with self.chaos.call("read", self.clock):
            files = self._charts.branches[commit][1]
            return {path: files[path] for path in paths if path in files}

    def scan(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        with self.chaos.call("scan", self.clock):
            files = self._charts.branches[commit][1]
            return {path: files[path] for path in paths}

    def message(self, repository: str, commit: str) -> str:
        raise AssertionError("nothing is updated")

    def contains(self, revision: str, commit: str) -> bool:
        return revision == commit

    def may_write_pulls(self, branch: str) -> bool:
        return True

    def open_pulls(self) -> tuple[PullRequest, ...]:
        with self.chaos.call("open_pulls", self.clock):
            shown = self._charts.shown(self._at())
            return tuple(pull for pull in shown if pull.is_open)

    def pulls_of(self, owner: str, branch: str) -> tuple[PullRequest, ...]:
        with self.chaos.call("pulls_of", self.clock):
            shown = self._charts.shown(self._at())
            return tuple(
                pull
                for pull in shown
                if (pull.owner, pull.branch) == (owner, branch)
            )

    def pull(
        self, found: PullRequest, *, is_to_merge: bool = False
    ) -> PullRequest:
        number = found.number
        with self.chaos.call("deploy pull", self.clock):
            since = self._charts.opened[number - 1][0]
            shown = self._charts.shown(max(self._at(), since))
            return next(pull for pull in shown if pull.number == number)

    def make_fork(self, write: MakeFork) -> None:
        raise AssertionError("no fork is needed")

    def push_files(self, write: PushFiles) -> None:
        with self.chaos.call("push_files", self.clock, writes=True):
            self._charts.push(write)

    def open_pull(self, write: OpenPull) -> None:
        with self.chaos.call("open deployment", self.clock, writes=True):
            self._charts.open(write)

    def edit_pull(self, write: EditPull) -> None:
        with self.chaos.call("edit_pull", self.clock, writes=True):
            if write.number in self._charts.closed and self.is_clean:
                # A clone that knows nothing of the close, and whose reads
                # lag, sets what is set already: that changes nothing.
                return
            self._charts.writes[write.key] += 1
            self._charts.closed[write.number] = self.clock.now()

    def label_pull(self, write: LabelPull) -> None:
        with self.chaos.call("label deployment", self.clock, writes=True):
            self._charts.labels.append(
                (self.clock.now(), write.number, write.labels)
            )

    def request_reviews(self, write: RequestReviews) -> None:
        raise AssertionError("nobody is asked")

    def enable_auto_merge(self, write: EnableAutoMerge) -> None:
        raise AssertionError("a person merges")

    def merge_pull(self, write: MergePull) -> None:
        raise AssertionError("a person merges")
