"""The workflow run that publishes the images has succeeded."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from shlex import quote

from ..engine.world import World
from ..exceptions import ExitStatus, ReadError
from ..models import (
    ApproveDeployments,
    Blocked,
    Change,
    ConcurrencyGroup,
    Done,
    PendingDeployment,
    Publication,
    Release,
    RerunFailedJobs,
    Verdict,
    Wait,
    WorkflowRun,
)
from ..runs import estimates
from ..runs import states as runs
from .find_run import (
    APPEARS_WITHIN,
    KNOWN_CAUSE,
    await_run,
    find_disabled,
    find_obstacle,
    find_run,
    foresee_run,
    is_before,
)
from .images import Images

__all__ = ["PublishingRun", "PublishingRunSeen"]

_INTERVAL = 4.0
"""Seconds between two looks where nothing says when to look."""

_ASKS_EVERY = timedelta(minutes=1)
"""How often registries are asked whether a run is needed at all."""

_JOBS_WITHIN = 60.0
"""Seconds by which the list of jobs may be behind the run."""

_NEWER_WITHIN = 8.0
"""Seconds within which a run shows that took the place of another."""

_KEPT = timedelta(days=90)
"""How long GitHub keeps runs at least, unless a setting says less.

https://docs.github.com/en/organizations/managing-organization-settings/configuring-the-retention-period-for-github-actions-artifacts-and-logs-in-your-organization
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingRunSeen:
    """What the step looks at."""

    run: WorkflowRun | None
    """The newest run that fits, with its jobs."""

    is_forgotten: bool = False
    """Whether there is none, and GitHub would not have it any more."""

    obstacle: str | None = None
    """Where there is no run: what is known to keep it from starting."""

    remedy: str | None = None
    """What to do about the obstacle."""

    deployments: tuple[PendingDeployment, ...] = ()
    """The environments whose rules it waits for."""

    group: ConcurrencyGroup | None = None
    """The concurrency group that it waits in."""

    newer: WorkflowRun | None = None
    """The run that began when this one was cancelled."""

    first: WorkflowRun | None = None
    """The run as it was when this command first saw it."""

    interval: float = _INTERVAL
    """Seconds until it is worth looking again."""

    are_published: bool = False
    """Whether the images are there all the same, by the registries."""

    usual: float | None = None
    """Seconds that its runs usually take, where a plan tells."""


@dataclass(frozen=True, slots=True)
class PublishingRun:
    """The workflow run that publishes the images has succeeded.

    The run is found by event, peeled commit, workflow file and tag, among
    those that are not older than the decision to release. Where another
    workflow starts it, that one's run is found so, and then the run that
    follows. The registries have the last word: images that are there, and
    are right, need no run.
    """

    number: int | None = None
    """GitHub's number of the run, where a person names one."""

    reruns: int = 0
    """How often the failed jobs may be run again. A run that was cancelled
    while it was watched stays so: that was somebody's wish.
    """

    approves: bool = False
    """Whether to approve deployments that the run waits for."""

    in_release: bool = False
    """Whether it is part of a release, which ``resume`` continues."""

    first: dict[int, WorkflowRun] = field(default_factory=dict)
    """Each run as it was when it was first seen. Only how many re-runs are
    left depends on it; what was re-run is known from the journal.
    """

    asked: dict[tuple[str, str], tuple[datetime, bool]] = field(
        default_factory=dict
    )
    """When registries were asked for the images of a tag, and their answer.
    It is no more than a minute old.
    """

    key = "workflow_run"
    title = "Workflow run"

    def observe(self, release: Release, world: World) -> PublishingRunSeen:
        forge = world.forge
        if self.number is None:
            run = find_run(release, world)
        else:
            run = forge.run(self.number)
        if run is None:
            publication = release.publication
            if self.number is not None or not (
                publication and publication.workflow
            ):
                return PublishingRunSeen(run=None)
            return self._observe_none(release, publication, world)
        first = run
        if self.reruns:
            first = self.first.setdefault(run.id, run)
        if run.status == "completed":
            seen = self._observe_end(run, first, world)
            return self._observe_next(release, seen, world)
        now = world.clock.now()
        past = forge.past(run)
        age = estimates.choose_age(run, past, now)
        run = replace(run, jobs=forge.jobs(run, age=age))
        run = estimates.estimate(run, past, now)
        states = {run.status, *(job.status for job in run.jobs)}
        return PublishingRunSeen(
            run=run,
            deployments=(
                forge.pending_deployments(run) if "waiting" in states else ()
            ),
            group=forge.concurrency(run) if "pending" in states else None,
            first=first,
            interval=max(
                estimates.choose_interval(run, past, now), forge.pause()
            ),
        )

    def decide(self, release: Release, seen: PublishingRunSeen) -> Verdict:
        publication = release.publication
        run = seen.run
        if run is None:
            return self._decide_none(
                publication, seen, is_planned=release.is_planned
            )
        if seen.are_published:
            what = runs.describe_conclusion(run.conclusion)
            return Done(
                evidence=f"the images are there, though {run.name} {what}",
                url=run.url,
                run=run,
            )
        attempt = max((job.attempt for job in run.jobs), default=0)
        if attempt > run.attempt:
            return _wait(seen, run, f"was re-run, as attempt {attempt}")
        if run.status != "completed" or run.conclusion is None:
            return self._decide_wait(seen, run)
        if run.conclusion == "success" and is_before(publication, run):
            return _await_next(publication, seen, run)
        if run.conclusion == "success":
            return _decide_success(release, seen, run)
        if run.conclusion == "action_required":
            what = runs.describe_conclusion(run.conclusion)
            remedy = runs.advise_conclusion(run.conclusion)
            return _wait(seen, run, f"{what}: {remedy}")
        return self._decide_failure(release, seen, run)

    def _decide_none(
        self,
        publication: Publication | None,
        seen: PublishingRunSeen,
        *,
        is_planned: bool,
    ) -> Verdict:
        if self.number is not None:
            return Blocked(problem=f"there is no run {self.number}")
        if publication is None or not publication.workflow:
            return Done(
                evidence="nothing to publish: no workflow publishes images"
                " on a release or a tag"
            )
        if seen.are_published:
            what = f"no run of {publication.file} is known"
            return Done(evidence=f"the images are there; {what}")
        if is_planned and publication.publishes and not seen.obstacle:
            if publication.chain[-1].is_direct:
                return foresee_run(
                    publication, usual=seen.usual, interval=seen.interval
                )
        if seen.is_forgotten:
            return Done(
                evidence=f"no run of {publication.file} is left: GitHub"
                f" keeps them for {_KEPT.days} days"
            )
        return await_run(
            publication,
            obstacle=seen.obstacle,
            remedy=seen.remedy,
            interval=seen.interval,
        )

    def act(self, change: Change, world: World) -> None:
        match change.write:
            case RerunFailedJobs() as write:
                world.forge.rerun(write)
            case ApproveDeployments() as other:
                world.forge.approve(other)
            case write:
                raise TypeError(f"not a write of this step: {write}")

    def _observe_none(
        self, release: Release, publication: Publication, world: World
    ) -> PublishingRunSeen:
        """Look for what keeps a run from starting, and if it matters."""
        first = publication.chain[-1]
        obstacle, remedy = find_obstacle(release, first, world)
        since = world.clock.now() - release.pinned_at
        return PublishingRunSeen(
            run=None,
            is_forgotten=self.in_release and since > _KEPT,
            obstacle=obstacle,
            remedy=remedy,
            interval=max(_INTERVAL, world.forge.pause()),
            are_published=self._are_published(release, world),
            usual=estimates.choose_usual(
                world.forge.last_runs(publication.workflow)
            )
            if release.is_planned
            else None,
        )

    def _observe_next(
        self, release: Release, seen: PublishingRunSeen, world: World
    ) -> PublishingRunSeen:
        """Look whether the images need the run that is to follow."""
        publication, run = release.publication, seen.run
        if publication is None or run is None or publication.is_direct:
            return seen
        if run.conclusion == "success" and not is_before(publication, run):
            return seen
        obstacle, remedy = find_disabled(publication, world)
        return replace(
            seen,
            obstacle=obstacle,
            remedy=remedy,
            are_published=self._are_published(release, world),
        )

    def _are_published(self, release: Release, world: World) -> bool:
        """Ask the registries for the images, now and then."""
        if not release.images:
            return False
        now, key = world.clock.now(), (release.repository, release.tag)
        at, answer = self.asked.get(key, (None, False))
        if at is None or now - at >= _ASKS_EVERY:
            step = Images()
            try:
                verdict = step.decide(release, step.observe(release, world))
                answer = isinstance(verdict, Done)
            except ReadError:
                answer = False
            self.asked[key] = now, answer
        return answer

    def _observe_end(
        self, run: WorkflowRun, first: WorkflowRun, world: World
    ) -> PublishingRunSeen:
        """Look at a run that is over, and why it failed if it did."""
        forge = world.forge
        run = replace(run, jobs=forge.jobs(run))
        if run.conclusion in ("success", "action_required", None):
            return PublishingRunSeen(run=run, first=first)
        failing = runs.failing_jobs(run)
        lines = runs.lines_of_log(len(failing))
        told = {
            job.id: forge.explain(job, lines=lines)
            for job in failing[: runs.JOBS_TOLD]
        }
        jobs = tuple(told.get(job.id, job) for job in run.jobs)
        newer = None
        if run.conclusion == "cancelled":
            newer = runs.find_displacing(run, forge.last_runs(run.path))
        return PublishingRunSeen(
            run=replace(run, jobs=jobs), first=first, newer=newer
        )

    def _decide_wait(
        self, seen: PublishingRunSeen, run: WorkflowRun
    ) -> Verdict:
        allowed = [each for each in seen.deployments if each.can_approve]
        if allowed and self.approves:
            names = ", ".join(each.environment for each in allowed)
            return Change(
                summary=f"approve {names} of {run.name}",
                write=ApproveDeployments(
                    run=run.id,
                    attempt=run.attempt,
                    environments=tuple(each.id for each in allowed),
                ),
            )
        if seen.deployments:
            what = runs.describe_deployments(seen.deployments)
        elif seen.group is not None:
            what = runs.describe_group(seen.group)
        else:
            what = runs.describe_status(run)
        return _wait(seen, run, what)

    def _decide_failure(
        self, release: Release, seen: PublishingRunSeen, run: WorkflowRun
    ) -> Verdict:
        again = f"watch --run {run.id}"
        if self.in_release:
            again = f"resume {release.tag}"
        blocked = _failed(run, seen.newer, again)
        if run.conclusion in ("failure", "timed_out") and not (
            runs.failing_jobs(run)
        ):
            # The list of jobs is behind; without it there is no telling.
            what = runs.describe_conclusion(run.conclusion)
            what = f"{what}; waiting for GitHub to say which job"
            return _wait(seen, run, what, _JOBS_WITHIN, blocked)
        first = seen.first or run
        done = run.attempt - first.attempt
        was_cancelled = run.conclusion == "cancelled" and (
            first.attempt != run.attempt or first.conclusion != "cancelled"
        )
        can_help = runs.is_rerunnable(run) and not was_cancelled
        if can_help and done < self.reruns:
            left = f"{done + 1} of {self.reruns}"
            why = "; ".join(runs.name_failures(run))
            return Change(
                summary=(
                    f"re-run the failed jobs of {run.name} ({left})"
                    + (f": {why}" if why else "")
                ),
                write=RerunFailedJobs(
                    run=run.id,
                    attempt=run.attempt,
                    everything=not runs.failing_jobs(run),
                ),
            )
        if (
            run.conclusion == "cancelled"
            and seen.newer is None
            and not any(job.steps for job in run.jobs)
        ):
            # It never ran, so another run may have taken its place; that
            # one can show a moment later.
            what = "was cancelled; looking for a newer run"
            return _wait(seen, run, what, _NEWER_WITHIN, blocked)
        return blocked


def _await_next(
    publication: Publication | None, seen: PublishingRunSeen, run: WorkflowRun
) -> Wait:
    """Wait for the run that is to follow one which succeeded."""
    name = publication.file if publication else ""
    why = f": {seen.obstacle}" if seen.obstacle else ""
    otherwise: Blocked | Done = Done(
        evidence=f"cannot tell which run publishes: {run.name} succeeded, and"
        f" no run of {name} followed; the images are waited for",
        url=run.url,
        run=run,
    )
    if seen.obstacle:
        otherwise = Blocked(
            problem=f"no run of {name} starts{why}", help=seen.remedy
        )
    patience = KNOWN_CAUSE if seen.obstacle else APPEARS_WITHIN
    what = f"succeeded; no run of {name} yet{why}"
    return _wait(seen, run, what, patience, otherwise)


def _wait(
    seen: PublishingRunSeen,
    run: WorkflowRun,
    what: str,
    patience: float | None = None,
    otherwise: Blocked | Done | None = None,
) -> Wait:
    return Wait(
        reason=f"{run.name} {what}",
        url=run.url,
        interval=seen.interval,
        patience=patience,
        otherwise=otherwise,
        run=run,
    )


def _fail(run: WorkflowRun, problem: str, help: str) -> Blocked:
    return Blocked(
        problem=f"{run.name} {problem}",
        help=help,
        url=run.url,
        exit_status=ExitStatus.RUN_FAILED,
        run=run,
    )


def _decide_success(
    release: Release, seen: PublishingRunSeen, run: WorkflowRun
) -> Verdict:
    publication = release.publication
    if publication and publication.jobs and not run.jobs:
        unlisted = _fail(
            run,
            "succeeded, but GitHub lists none of its jobs, so it is unclear"
            " whether it published",
            f"check the images: rsp-release verify {quote(release.tag)}",
        )
        what = "succeeded; waiting for the list of its jobs"
        return _wait(seen, run, what, _JOBS_WITHIN, unlisted)
    skipped = runs.find_skipped(run, publication)
    if skipped:
        return _fail(
            run,
            f"succeeded, but {', '.join(skipped)}, which publishes the images,"
            " was skipped",
            "check the job's `if:` in the workflow file",
        )
    again = f" at attempt {run.attempt}" if run.attempt > 1 else ""
    return Done(evidence=f"{run.name} succeeded{again}", url=run.url, run=run)


def _failed(
    run: WorkflowRun, newer: WorkflowRun | None, again: str
) -> Blocked:
    lines = [runs.describe_conclusion(run.conclusion)]
    remedy = runs.advise_conclusion(run.conclusion)
    if runs.is_rerunnable(run):
        remedy = (
            f"`rsp-release {again} --rerun-failed 1` re-runs the failed jobs;"
            f" {remedy}, then `rsp-release resume`; the tag and the release"
            " are kept"
        )
    if newer is not None:
        of = f" of {newer.ref}" if newer.ref else ""
        lines[0] += (
            f" when a newer run{of} started ({newer.url}): its concurrency"
            " group keeps only the newest run pending"
        )
    lines += runs.tell_failure(run)
    return _fail(run, "\n".join(lines), remedy)
