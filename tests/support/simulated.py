"""A world in memory: a remote, GitHub and a registry on a virtual clock.

It implements the protocols of `rsp_release.world` with the unkindness of the
real things: reads lag writes, runs appear late, answers get lost, and the
program can be killed at any call. The real adapters are tested elsewhere,
against real git, real HTTP and a real registry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rsp_release.exceptions import (
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    UncertainError,
)
from rsp_release.models import (
    ApproveDeployments,
    Commit,
    ConcurrencyGroup,
    CreateRelease,
    Image,
    ImageReport,
    Job,
    PendingDeployment,
    PublishRelease,
    PushTag,
    ReleasePage,
    RemoteTag,
    Repository,
    RerunFailedJobs,
    WorkflowRun,
)
from rsp_release.world import World

__all__ = [
    "COMMIT",
    "Chaos",
    "Crash",
    "Hub",
    "VirtualClock",
    "make_world",
]

COMMIT = "c" * 40
START = datetime(2026, 1, 1, tzinfo=UTC)


class Crash(BaseException):
    """The process dies here, as by ``kill -9``."""


class VirtualClock:
    """A clock that only moves when somebody sleeps or calls."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=max(seconds, 0.0))


@dataclass
class Hub:
    """The state of the world outside, which survives every crash."""

    clock: VirtualClock
    appears_after: float = 3.0
    runs_for: float = 60.0
    conclusion: str = "success"
    branch_head: str = COMMIT
    tags: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    pages: list[tuple[ReleasePage, datetime]] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)

    def push(self, write: PushTag) -> None:
        """Accept a tag, once."""
        if write.tag in self.tags:
            self.writes[f"{write.key} again"] += 1
            if self.tags[write.tag][0] == write.commit:
                return
            raise RefusedError("already exists", is_duplicate=True)
        self.writes[write.key] += 1
        self.tags[write.tag] = (write.commit, self.clock.now())

    def create(self, write: CreateRelease) -> None:
        """Accept a release, once for a tag."""
        if write.tag not in self.tags:
            raise NotSentError("no such tag yet")
        if any(page.tag == write.tag for page, _ in self.pages):
            self.writes[f"{write.key} again"] += 1
            raise RefusedError("already_exists", is_duplicate=True)
        self.writes[write.key] += 1
        now = self.clock.now()
        page = ReleasePage(
            id=len(self.pages) + 1,
            tag=write.tag,
            title=write.title,
            body=write.body,
            is_draft=False,
            is_prerelease=write.is_prerelease,
            is_immutable=False,
            url=f"https://example.org/releases/{write.tag}",
            published_at=now,
        )
        self.pages.append((page, now))

    def runs(self) -> Iterator[WorkflowRun]:
        """Tell which runs there are now: a function of the time alone."""
        now = self.clock.now()
        for page, since in self.pages:
            begins = since + timedelta(seconds=self.appears_after)
            ends = begins + timedelta(seconds=self.runs_for)
            if now < begins:
                continue
            is_over = now >= ends
            yield WorkflowRun(
                id=1000 + page.id,
                name="CI",
                path=".github/workflows/ci.yaml",
                event="release",
                status="completed" if is_over else "in_progress",
                conclusion=self.conclusion if is_over else None,
                commit=self.tags[page.tag][0],
                ref=page.tag,
                attempt=1,
                url=f"https://example.org/runs/{1000 + page.id}",
                created_at=begins,
            )

    def summary(self) -> object:
        """Return what an undisturbed release would leave as well."""
        return (
            {tag: commit for tag, (commit, _) in self.tags.items()},
            [(p.id, p.tag, p.title, p.body) for p, _ in self.pages],
            [(r.id, r.conclusion) for r in self.runs()],
            dict(self.writes),
        )


class Chaos:
    """Decides what goes wrong at which call.

    Parameters
    ----------
    decide
        Called with the number of the call and whether it writes; returns the
        name of what goes wrong, or `None`.
    lag
        Returns by how many seconds a read is late.
    """

    def __init__(
        self,
        decide: Callable[[int, bool], str | None] = lambda n, w: None,
        lag: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._decide = decide
        self.lag = lag
        self.calls: list[tuple[str, bool]] = []

    @contextmanager
    def call(
        self, name: str, clock: VirtualClock, *, writes: bool = False
    ) -> Iterator[None]:
        """Wrap a call to the world."""
        number = len(self.calls)
        self.calls.append((name, writes))
        fault = self._decide(number, writes)
        clock.sleep(0.05)
        if fault == "crash before":
            raise Crash
        if fault == "rate limit":
            until = clock.now() + timedelta(seconds=30)
            raise RateLimitedError("rate limit", until=until)
        if fault == "outage":
            raise NotSentError("down") if writes else ReadError("down")
        if fault == "refusal" and writes:
            raise RefusedError("no")
        yield
        if fault == "crash after":
            raise Crash
        if fault == "lost answer":
            raise UncertainError("lost") if writes else ReadError("lost")


@dataclass
class _Port:
    hub: Hub
    clock: VirtualClock
    chaos: Chaos

    def seen(self, since: datetime) -> bool:
        """Return whether a write of that time shows in this read."""
        lag = timedelta(seconds=self.chaos.lag())
        return self.clock.now() - since >= lag


class SimulatedGit(_Port):
    """The clone and its remote."""

    remote = "origin"

    def head(self) -> str:
        return COMMIT

    def branch(self) -> str | None:
        return "main"

    def is_shallow(self) -> bool:
        return False

    def uncommitted(self) -> tuple[str, ...]:
        return ()

    def local_tag(self, tag: str) -> str | None:
        return None

    def has_parent(self, commit: str) -> bool:
        return True

    def fetch_tag(self, tag: str) -> None:
        raise AssertionError("nothing to fetch")

    def remote_tag(self, tag: str) -> RemoteTag | None:
        with self.chaos.call("remote_tag", self.clock):
            if tag not in self.hub.tags:
                return None
            commit, since = self.hub.tags[tag]
            if not self.seen(since):
                return None
            return RemoteTag(name=tag, commit=commit, is_annotated=True)

    def remote_branch(self, branch: str) -> str | None:
        with self.chaos.call("remote_branch", self.clock):
            return self.hub.branch_head

    def unfetched_tags(self) -> tuple[str, ...]:
        with self.chaos.call("unfetched_tags", self.clock):
            return ()

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return ancestor == descendant

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        return (
            Commit(hash=COMMIT, parents=1, author="A", message="feat: more"),
        )

    def files(self, commit: str, directory: str) -> Mapping[str, str]:
        return {}

    def tag_date(self, tag: str) -> datetime:
        return self.hub.tags[tag][1]

    def message(self, commit: str) -> str:
        return "feat: more"

    def push_tag(self, write: PushTag) -> None:
        with self.chaos.call("push_tag", self.clock, writes=True):
            self.hub.push(write)


class SimulatedForge(_Port):
    """GitHub."""

    def repository(self) -> Repository:
        with self.chaos.call("repository", self.clock):
            return Repository(name="o/n", default_branch="main", can_push=True)

    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        with self.chaos.call("releases", self.clock):
            return tuple(
                page
                for page, since in self.hub.pages
                if page.tag == tag and self.seen(since)
            )

    def create_release(self, write: CreateRelease) -> None:
        with self.chaos.call("create_release", self.clock, writes=True):
            self.hub.create(write)

    def publish_release(self, write: PublishRelease) -> None:
        raise AssertionError("there are no drafts")

    def runs(self, *, commit: str, event: str) -> tuple[WorkflowRun, ...]:
        with self.chaos.call("runs", self.clock):
            return tuple(
                run
                for run in self.hub.runs()
                if run.commit == commit and run.event == event
            )

    def run(self, number: int) -> WorkflowRun | None:
        with self.chaos.call("run", self.clock):
            return next((r for r in self.hub.runs() if r.id == number), None)

    def jobs(self, run: WorkflowRun, *, age: float = 0) -> tuple[Job, ...]:
        with self.chaos.call("jobs", self.clock):
            return ()

    def past(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        return ()

    def newer(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        return ()

    def explain(self, job: Job, *, lines: int) -> Job:
        return job

    def pending_deployments(
        self, run: WorkflowRun
    ) -> tuple[PendingDeployment, ...]:
        return ()

    def concurrency(self, run: WorkflowRun) -> ConcurrencyGroup | None:
        return None

    def rerun(self, write: RerunFailedJobs) -> None:
        raise AssertionError("nothing is run again")

    def approve(self, write: ApproveDeployments) -> None:
        raise AssertionError("nothing waits for an approval")

    def pause(self) -> float:
        return 0

    def workflow_state(self, path: str) -> str | None:
        with self.chaos.call("workflow_state", self.clock):
            return "active"


class SimulatedRegistry(_Port):
    """The registries: an image is there once its run is over."""

    def look(self, image: Image) -> ImageReport:
        is_over = any(r.conclusion == "success" for r in self.hub.runs())
        try:
            with self.chaos.call("look", self.clock):
                pass
        except (ReadError, RateLimitedError) as e:
            return ImageReport(
                image=image.name,
                tag=image.tag,
                state="unknown",
                reason=e.message,
            )
        return ImageReport(
            image=image.name,
            tag=image.tag,
            state="present" if is_over else "absent",
            digest="sha256:" + "d" * 64 if is_over else None,
            platforms=("linux/amd64",) if is_over else (),
        )


def make_world(hub: Hub, chaos: Chaos) -> World:
    """Make the world that one process sees."""
    clock = hub.clock
    return World(
        git=SimulatedGit(hub, clock, chaos),
        forge=SimulatedForge(hub, clock, chaos),
        registry=SimulatedRegistry(hub, clock, chaos),
        clock=clock,
    )
