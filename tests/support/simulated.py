"""A world in memory: a remote, GitHub and a registry on a virtual clock.

It implements the protocols of `rsp_release.engine.world` with the unkindness
of the real things: reads lag writes, runs appear late, answers get lost, and
the program can be killed at any call. The real adapters are tested elsewhere,
against real git, real HTTP and a real registry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from rsp_release.engine.world import World
from rsp_release.exceptions import (
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    UncertainError,
)
from rsp_release.models import (
    ApproveDeployments,
    ChangelogState,
    Collected,
    Commit,
    ConcurrencyGroup,
    EnableAutoMerge,
    Environment,
    Image,
    ImageReport,
    Job,
    LabelPull,
    MergePull,
    OpenPull,
    PendingDeployment,
    PublishRelease,
    PullRequest,
    PushBranch,
    PushTag,
    ReleasePage,
    RemoteRefs,
    Repository,
    RequestReviews,
    RerunFailedJobs,
    WorkflowRun,
)
from rsp_release.models.naming import CHANGELOG_BRANCHES

from .branches import COMMIT, Branches
from .deploys import Charts, SimulatedDeploy
from .looking import Recalling, SimulatedLook

__all__ = [
    "COMMIT",
    "Chaos",
    "Crash",
    "Hub",
    "VirtualClock",
    "make_world",
]

WORKFLOW = """\
name: CI
on:
  release:
    types: [published]
jobs:
  build:
    uses: lsst-sqre/multiplatform-build-and-push/@file@
    with:
      images: ghcr.io/${{ github.repository }}
""".replace("@file@", ".github/workflows/build.yaml@v3")
START = datetime(2026, 1, 1, tzinfo=UTC)
_TICK = timedelta(seconds=0.05)


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

    def tick(self) -> None:
        """Let the time of one call pass."""
        self._now += _TICK


@dataclass
class Hub:
    """The state of the world outside, which survives every crash."""

    clock: VirtualClock
    name: str = "o/n"
    appears_after: float = 3.0
    runs_for: float = 60.0
    conclusion: str = "success"
    tags: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    pages: list[tuple[ReleasePage, datetime]] = field(default_factory=list)
    claims: list[datetime] = field(default_factory=list)
    writes: Counter[str] = field(default_factory=Counter)
    old_looks: list[str] = field(default_factory=list)
    """Writes that were decided from an old look."""

    branches: Branches = field(init=False)
    charts: Charts = field(init=False)

    def __post_init__(self) -> None:
        self.branches = Branches(clock=self.clock, writes=self.writes)
        self.charts = Charts(clock=self.clock, writes=self.writes)

    def claim_at(self, at: datetime) -> str:
        """Return what the claim was at some time."""
        moved = sum(since <= at for since in self.claims)
        return f"{moved:040x}" if moved else ""

    def check_claim(self, claim: str) -> None:
        """Refuse a push that was decided from another claim."""
        if claim != self.claim_at(self.clock.now()):
            raise RefusedError("stale info", is_duplicate=True)

    def move_claim(self) -> None:
        """Let the claim point to what was pushed."""
        self.claims.append(self.clock.now())

    def push(self, write: PushTag, *, is_clean: bool = False) -> None:
        """Accept a tag, once."""
        if write.tag in self.tags:
            if is_clean:
                # It is another tag object, made in another clone.
                raise RefusedError("already exists", is_duplicate=True)
            self.writes[f"{write.key} again"] += 1
            if self.tags[write.tag][0] == write.commit:
                return
            raise RefusedError("already exists", is_duplicate=True)
        self.writes[write.key] += 1
        self.tags[write.tag] = (write.commit, self.clock.now())

    def create(self, write: PublishRelease, *, is_clean: bool = False) -> None:
        """Accept a release, once for a tag."""
        if write.tag not in self.tags:
            raise NotSentError("no such tag yet")
        if any(page.tag == write.tag for page, _ in self.pages):
            if not is_clean:
                self.writes[f"{write.key} again"] += 1
            raise RefusedError("already_exists", is_duplicate=True)
        self.writes[write.key] += 1
        now = self.clock.now()
        page = ReleasePage(
            id=len(self.pages) + 1,
            tag=write.tag,
            title=write.title,
            body=write.body or "",
            is_draft=False,
            is_prerelease=write.is_prerelease,
            url=f"https://example.org/releases/{write.tag}",
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
            conclusion = self.conclusion if now >= ends else None
            commit, _ = self.tags[page.tag]
            yield _make_run(page.id, page.tag, commit, conclusion, begins)

    def summary(self) -> object:
        """Return what an undisturbed release would leave as well."""
        return (
            {tag: commit for tag, (commit, _) in self.tags.items()},
            [(p.id, p.tag, p.title, p.body) for p, _ in self.pages],
            [(r.id, r.conclusion) for r in self.runs()],
            dict(self.writes),
            [write.branch for _, write, _ in self.branches.opened],
            [(p.title, p.body) for _, p in self.charts.opened],
            [(n, labels) for _, n, labels in self.charts.labels[:1]],
        )


@lru_cache
def _make_run(
    number: int,
    tag: str,
    commit: str,
    conclusion: str | None,
    begins: datetime,
) -> WorkflowRun:
    return WorkflowRun(
        id=1000 + number,
        name="CI",
        path=".github/workflows/ci.yaml",
        event="release",
        status="completed" if conclusion else "in_progress",
        conclusion=conclusion,
        commit=commit,
        ref=tag,
        attempt=1,
        url=f"https://example.org/runs/{1000 + number}",
        created_at=begins,
    )


@lru_cache
def _make_job(number: int, status: str, conclusion: str | None) -> Job:
    return Job(
        id=number, name="build / build", status=status, conclusion=conclusion
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
        self.has_acted = False

    def call(
        self, name: str, clock: VirtualClock, *, writes: bool = False
    ) -> AbstractContextManager[None]:
        """Wrap a call to the world."""
        number = len(self.calls)
        self.calls.append((name, writes))
        fault = self._decide(number, writes)
        clock.tick()
        if fault is None or (fault == "refusal" and not writes):
            return _CALM
        self.has_acted = True
        return _disturb(fault, clock, writes)


_CALM: AbstractContextManager[None] = nullcontext()


@contextmanager
def _disturb(
    fault: str,
    clock: VirtualClock,
    writes: bool,  # noqa: FBT001
) -> Iterator[None]:
    if fault == "crash before":
        raise Crash
    if fault == "interrupt":
        raise KeyboardInterrupt
    if fault == "rate limit":
        until = clock.now() + timedelta(seconds=30)
        raise RateLimitedError("rate limit", until=until)
    if fault == "outage":
        raise NotSentError("down") if writes else ReadError("down")
    if fault == "refusal":
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
    is_clean: bool = False
    """Whether this process knows nothing of earlier ones."""

    def as_seen(self) -> datetime:
        """Return the time whose state this read shows."""
        return self.clock.now() - timedelta(seconds=self.chaos.lag())

    def seen(self, since: datetime) -> bool:
        """Return whether a write of that time shows in this read."""
        lag = timedelta(seconds=self.chaos.lag())
        return self.clock.now() - since >= lag


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What the remote listed at one moment."""

    heads: Mapping[str, str | None]
    """The heads of its branches as they are."""

    shown: Mapping[str, str | None]
    """The same as late as a read may be."""

    tags: Mapping[str, str]
    claim: str


class SimulatedGit(_Port):
    """The clone and its remote."""

    remote = "origin"
    checkout: str = COMMIT
    look: SimulatedLook | None = None
    """The look that its list of refs is a part of."""

    def _list(self, name: str) -> Listed:
        """List the remote's refs, once a look as the real one does."""
        if self.look is None:
            return self._list_now(name)
        return self.look.once(
            "ls-remote",
            lambda: self._list_now("ls-remote"),
            is_compared=True,
        )

    def _list_now(self, name: str) -> Listed:
        with self.chaos.call(name, self.clock):
            at, branches = self.as_seen(), self.hub.branches
            return Listed(
                heads={n: branches.head(n) for n in branches.heads},
                shown={n: branches.head(n, at) for n in branches.heads},
                tags={
                    tag: commit
                    for tag, (commit, since) in self.hub.tags.items()
                    if since <= at
                },
                claim=self.hub.claim_at(at),
            )

    def _told(self, ref: str) -> str | None:
        """Return where a push has just put a ref."""
        told = self.look.recall("push") if self.look is not None else None
        return told[1] if told is not None and told[0] == ref else None

    def _tell(self, ref: str, commit: str | None) -> None:
        if self.look is not None:
            self.look.tell("push", (ref, commit))

    def head(self) -> str:
        return self.checkout

    def branch(self) -> str | None:
        return "main"

    def is_shallow(self) -> bool:
        return False

    def uncommitted(self) -> tuple[str, ...]:
        return ()

    def local_tag(self, tag: str) -> str | None:
        # The clone made it, or has fetched it.
        commit, _ = self.hub.tags.get(tag, (None, None))
        return commit

    def has_parent(self, commit: str) -> bool:
        return True

    def fetch_tag(self, tag: str) -> None:
        raise AssertionError("nothing to fetch")

    def remote_tag(self, tag: str) -> str | None:
        told = self._told(f"refs/tags/{tag}")
        return told or self._list("remote_tag").tags.get(tag)

    def remote_branch(
        self,
        branch: str,
        told: str | None = None,
        *,
        merged: str | None = None,
    ) -> str | None:
        pushed = self._told(f"refs/heads/{branch}")
        if pushed is not None:
            return pushed
        is_listed = self.look is not None and (
            self.look.recall("ls-remote") is not None
        )
        if told is not None and not is_listed:
            return told
        return self._list("remote_branch").heads.get(branch)

    def remote_branches(self, prefix: str) -> Mapping[str, str]:
        shown = self._list("remote_branches").shown
        return {
            name: head
            for name, head in shown.items()
            if head and name.startswith(prefix)
        }

    def remote_refs(self, branch: str) -> RemoteRefs:
        listed, start = self._list("remote_refs"), CHANGELOG_BRANCHES
        return RemoteRefs(
            claim=listed.claim,
            head=listed.heads.get(branch),
            branches={
                name.removeprefix(start): head
                for name, head in listed.shown.items()
                if head and name.startswith(start)
            },
            tags=listed.tags,
        )

    def describe(self, ref: str, hash_: str | None = None) -> tuple[str, str]:
        return "A", ""

    def push_branch(self, write: PushBranch) -> None:
        with self.chaos.call("push_branch", self.clock, writes=True):
            self.hub.check_claim(write.claim)
            self.hub.branches.push(write)
            self.hub.move_claim()
            pushed = self.hub.branches.head(write.branch)
        self._tell(f"refs/heads/{write.branch}", pushed)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return self.hub.branches.is_ancestor(ancestor, descendant)

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        return (
            Commit(hash=COMMIT, parents=1, author="A", message="feat: more"),
        )

    def files(self, commit: str, directory: str) -> Mapping[str, str]:
        return {f"{directory}/ci.yaml": WORKFLOW}

    def file(self, commit: str, path: str) -> str | None:
        return None

    def tag_date(self, tag: str) -> datetime:
        return self.hub.tags[tag][1]

    def tag_object(self, tag: str) -> str | None:
        return self.local_tag(tag)

    def commit_date(self, commit: str) -> datetime:
        return START

    def message(self, commit: str) -> str:
        return "feat: more"

    def try_signing(self) -> bool:
        return False

    def try_push(self, tag: str, commit: str) -> bool:
        return False

    def try_hooks(
        self, tag: str, commit: str, first: Callable[[], PushBranch | None]
    ) -> None:
        pass

    def push_tag(self, write: PushTag) -> None:
        with self.chaos.call("push_tag", self.clock, writes=True):
            self.hub.check_claim(write.claim)
            self.hub.push(write, is_clean=self.is_clean)
            self.hub.move_claim()
        self._tell(f"refs/tags/{write.tag}", write.commit)


class SimulatedForge(_Port):
    """GitHub."""

    url = "https://example.org/o/n"
    name = "o/n"

    @property
    def has_moved(self) -> bool:
        return self.name != self.hub.name

    def identify(self) -> tuple[str, int] | None:
        self.name = self.hub.name
        return self.name, 1

    def generate_notes(
        self, *, tag: str, commit: str, previous: str | None
    ) -> str:
        with self.chaos.call("generate_notes", self.clock):
            return f"**Full Changelog**: {previous}...{tag}"

    def head(self, branch: str, beside: str) -> str | None:
        with self.chaos.call("head", self.clock):
            return self.hub.branches.head(branch, self.as_seen())

    def needs_pull(self, branch: str) -> bool:
        with self.chaos.call("needs_pull", self.clock):
            return self.hub.branches.is_protected

    def pulls(self, branch: str) -> tuple[PullRequest, ...]:
        with self.chaos.call("pulls", self.clock):
            return tuple(self.hub.branches.pulls(branch, self.as_seen()))

    def pull(
        self, found: PullRequest, *, is_to_merge: bool = False
    ) -> PullRequest:
        number = found.number
        with self.chaos.call("pull", self.clock):
            _, write, since = self.hub.branches.opened[number - 1]
            at = max(self.as_seen(), since)
            pulls = self.hub.branches.pulls(write.branch, at)
            return next(p for p in pulls if p.number == number)

    def open_pull(self, write: OpenPull) -> None:
        with self.chaos.call("open_pull", self.clock, writes=True):
            self.hub.branches.open(write, is_clean=self.is_clean)

    def label_pull(self, write: LabelPull) -> None:
        with self.chaos.call("label_pull", self.clock, writes=True):
            self.hub.branches.label(write)

    def request_reviews(self, write: RequestReviews) -> None:
        raise AssertionError("nobody is asked")

    def enable_auto_merge(self, write: EnableAutoMerge) -> None:
        raise AssertionError("a person merges")

    def merge_pull(self, write: MergePull) -> None:
        raise AssertionError("a person merges")

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

    def labels(self, number: int) -> tuple[str, ...]:
        return ()

    def publish_release(self, write: PublishRelease) -> None:
        with self.chaos.call("create_release", self.clock, writes=True):
            self.hub.create(write, is_clean=self.is_clean)

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
            return (_make_job(run.id + 1, run.status, run.conclusion),)

    def past(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        return ()

    def last_runs(self, path: str) -> tuple[WorkflowRun, ...]:
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

    def runs_workflows(self) -> bool | None:
        return None

    def environment(self, name: str) -> Environment | None:
        return None


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
            platforms=image.platforms if is_over else (),
        )

    inspect = look


class SimulatedChangelog(_Port):
    """The change log of commits, whose reading is the clone's alone."""

    def look(self, commit: str, version: str) -> ChangelogState:
        return self.hub.branches.look(commit)

    def collect(
        self, commit: str, *, version: str, tag: str, at: datetime
    ) -> Collected | None:
        return self.hub.branches.collect(commit)

    def find_late(self, made: str, head: str, version: str) -> tuple[str, ...]:
        branches = self.hub.branches
        known = branches.look(branches.merge_base(made, head)).pending
        came = (p for p in branches.look(head).pending if p not in known)
        return tuple(dict.fromkeys((*branches.look(made).pending, *came)))

    def collect_late(
        self, made: str, head: str, *, version: str, at: datetime
    ) -> Collected | None:
        return self.hub.branches.collect_late(made, head)

    def find_commit(self, since: str, until: str, version: str) -> str | None:
        branches = self.hub.branches
        first = since
        # What came on top of the commit that brought the entry.
        while branches.look(first).entry is not None:
            before, *_ = branches.commits[first].parents
            if branches.look(before).entry is None:
                break
            first = before
        for commit in (first, *branches.first_parents(since, until)):
            if not branches.look(commit).todo:
                return commit
        return None


def make_world(
    hub: Hub,
    chaos: Chaos,
    *,
    is_clean: bool = False,
    checkout: str = COMMIT,
    recalls: bool = False,
) -> World:
    """Make the world that one process sees.

    Parameters
    ----------
    hub
        The world.
    chaos
        What goes wrong in this process.
    is_clean
        Whether it runs in a clone of its own.
    checkout
        The commit that is checked out.
    recalls
        Whether its ports remember what they saw, as the real ones do.

    Returns
    -------
    World
        Its ports.
    """
    clock = hub.clock
    git = SimulatedGit(hub, clock, chaos, is_clean)
    git.checkout = checkout
    world = World(
        git=git,
        forge=SimulatedForge(hub, clock, chaos, is_clean),
        changelog=SimulatedChangelog(hub, clock, chaos),
        registry=SimulatedRegistry(hub, clock, chaos),
        clock=clock,
        deploy=SimulatedDeploy(hub, clock, chaos, is_clean=is_clean),
    )
    if not recalls:
        return world
    look = git.look = SimulatedLook(clock, hub.old_looks)
    git, forge, deploy = (
        cast("Any", Recalling(port, look))
        for port in (world.git, world.forge, world.deploy)
    )
    return replace(
        world, git=git, forge=forge, deploy=deploy, clock=look, look=look
    )
