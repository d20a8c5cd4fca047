"""The workflow run that publishes the images has succeeded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from shlex import quote

from ..engine.world import World
from ..exceptions import ExitStatus
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

__all__ = ["PublishingRun", "PublishingRunSeen"]

_INTERVAL = 4.0
"""Seconds between two looks where nothing says when to look."""

_JOBS_WITHIN = 60.0
"""Seconds by which the list of jobs may be behind the run."""

_APPEARS_WITHIN = 600.0
"""Seconds after which a run that did not appear is given up."""

_KNOWN_CAUSE = 60.0
"""The same, where it is known what keeps the run from starting."""

_NEWER_WITHIN = 8.0
"""Seconds within which a run shows that took the place of another."""

_SKEW = timedelta(minutes=10)
"""How far this machine's clock may be ahead of GitHub's."""

_ACTIONS_BOT = "github-actions[bot]"
"""Who writes with a job's own ``GITHUB_TOKEN``."""

_SKIP = re.compile(
    r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]"
    r"|^skip-checks:\s*true\s*\Z",
    re.MULTILINE,
)
"""What in a commit's message keeps ``push`` from starting a workflow.

https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingRunSeen:
    """What the step looks at."""

    run: WorkflowRun | None
    """The newest run that fits, with its jobs."""

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


@dataclass(frozen=True, slots=True)
class PublishingRun:
    """The workflow run that publishes the images has succeeded.

    The run is found by event, peeled commit, workflow file and tag, among
    those that are not older than the decision to release.
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

    key = "workflow_run"
    title = "Workflow run"

    def observe(self, release: Release, world: World) -> PublishingRunSeen:
        forge = world.forge
        run = self._find(release, world)
        if run is None:
            publication = release.publication
            if self.number is not None or not (
                publication and publication.workflow
            ):
                return PublishingRunSeen(run=None)
            obstacle, remedy = _diagnose(release, publication, world)
            return PublishingRunSeen(
                run=None,
                obstacle=obstacle,
                remedy=remedy,
                interval=max(_INTERVAL, forge.pause()),
            )
        first = run
        if self.reruns:
            first = self.first.setdefault(run.id, run)
        if run.status == "completed":
            return self._observe_end(run, first, world)
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
            if self.number is not None:
                return Blocked(problem=f"there is no run {self.number}")
            if publication is None or not publication.workflow:
                return Done(
                    evidence="nothing to publish: no workflow publishes images"
                    " on a release or a tag"
                )
            return _absent(publication, seen)
        attempt = max((job.attempt for job in run.jobs), default=0)
        if attempt > run.attempt:
            return _wait(seen, run, f"was re-run, as attempt {attempt}")
        if run.status != "completed" or run.conclusion is None:
            return self._decide_wait(seen, run)
        if run.conclusion == "success":
            return _decide_success(release, seen, run)
        if run.conclusion == "action_required":
            return _wait(seen, run, runs.describe_conclusion(run.conclusion))
        return self._decide_failure(release, seen, run)

    def act(self, change: Change, world: World) -> None:
        match change.write:
            case RerunFailedJobs() as write:
                world.forge.rerun(write)
            case ApproveDeployments() as other:
                world.forge.approve(other)
            case write:
                raise TypeError(f"not a write of this step: {write}")

    def _find(self, release: Release, world: World) -> WorkflowRun | None:
        if self.number is not None:
            return world.forge.run(self.number)
        publication = release.publication
        if publication is None or not publication.workflow:
            return None
        found = [
            run
            for run in world.forge.runs(
                commit=release.commit, event=publication.event
            )
            if _fits(run, release, publication)
        ]
        run = max(found, key=lambda run: run.id, default=None)
        if run is None or run.created_at >= release.pinned_at - _SKEW:
            return run
        # Another clone may have made the tag before this one pinned it.
        git, tag = world.git, release.tag
        is_tagged = git.local_tag(tag) is not None
        since = (
            git.tag_date(tag) if is_tagged else git.commit_date(release.commit)
        )
        return run if run.created_at >= since - _SKEW else None

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
            newer = runs.find_displacing(run, forge.newer(run))
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


def _diagnose(
    release: Release, publication: Publication, world: World
) -> tuple[str | None, str | None]:
    """Look for what keeps a run from starting."""
    state = world.forge.workflow_state(publication.workflow)
    if state is not None and state.startswith("disabled"):
        return (
            f"the workflow {publication.workflow} is disabled ({state})",
            f"gh workflow enable {publication.workflow.split('/')[-1]}",
        )
    if publication.event == "push" and _SKIP.search(
        world.git.message(release.commit)
    ):
        return (
            "the commit's message asks to skip workflows",
            "release a commit whose message does not",
        )
    if any(
        page.author == _ACTIONS_BOT
        for page in world.forge.releases(release.tag)
    ):
        return (
            "events caused by GITHUB_TOKEN start no workflow",
            "use a GitHub App's token or a personal access token",
        )
    return None, None


def _fits(
    run: WorkflowRun, release: Release, publication: Publication
) -> bool:
    return (
        run.event == publication.event
        and run.commit == release.commit
        and run.path.split("@")[0] == publication.workflow
        and run.ref in (None, release.tag)
    )


def _absent(publication: Publication, seen: PublishingRunSeen) -> Wait:
    name = publication.workflow.rsplit("/", 1)[-1]
    if not publication.publishes:
        # It may be a workflow that has nothing to do with a release.
        reason = f"no run of {name} yet, which may publish images"
        return Wait(
            reason=reason,
            interval=seen.interval,
            patience=_KNOWN_CAUSE,
            otherwise=Done(
                evidence=f"cannot tell: no run of {name} appeared, which may"
                " publish images; set `workflow` or `images` in the settings"
            ),
        )
    if seen.obstacle:
        reason = f"no run of {name} yet: {seen.obstacle}"
        problem, help = (
            f"no run of {name} starts: {seen.obstacle}",
            seen.remedy,
        )
        patience = _KNOWN_CAUSE
    else:
        reason = f"no run of {name} for the {publication.event} event yet"
        patience = _APPEARS_WITHIN
        problem = (
            f"no run of {name} for the {publication.event} event appeared"
            f" within {patience / 60:.0f} minutes"
        )
        help = (
            "check the Actions page: a trigger filter, an outage, or more"
            " than 500 queued runs can be the cause"
        )
    return Wait(
        reason=reason,
        interval=seen.interval,
        patience=patience,
        otherwise=Blocked(problem=problem, help=help),
    )


def _wait(
    seen: PublishingRunSeen,
    run: WorkflowRun,
    what: str,
    patience: float | None = None,
    otherwise: Blocked | None = None,
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
    remedy = (
        "fix what failed or re-run it, then `rsp-release resume`; the tag and"
        " the release are kept"
    )
    if runs.is_rerunnable(run):
        remedy = (
            f"`rsp-release {again} --rerun-failed 1` re-runs the failed jobs;"
            f" {remedy}"
        )
    if run.conclusion == "startup_failure":
        remedy = (
            "fix the workflow file on the branch and release again: a run"
            " uses the file of its commit"
        )
    if newer is not None:
        of = f" of {newer.ref}" if newer.ref else ""
        lines[0] += (
            f" when a newer run{of} started ({newer.url}): its concurrency"
            " group keeps only the newest run pending"
        )
    lines += runs.tell_failure(run)
    return _fail(run, "\n".join(lines), remedy)
