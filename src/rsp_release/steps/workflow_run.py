"""The workflow run that publishes the images has succeeded."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..exceptions import ExitStatus
from ..models import (
    Blocked,
    Change,
    Done,
    Job,
    Release,
    Verdict,
    Wait,
    WorkflowRun,
)
from ..world import World

__all__ = ["PublishingRun", "PublishingRunSeen"]

_INTERVAL = 4.0
"""Seconds between two looks at a run: its end is noticed within five."""

_APPEARS_WITHIN = 600.0
"""Seconds after which a run that did not appear is given up."""

_KNOWN_CAUSE = 60.0
"""The same, where it is known what keeps the run from starting."""

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

_CONCLUSIONS = {
    "failure": "failed",
    "cancelled": "was cancelled",
    "timed_out": "took longer than it may",
    "startup_failure": "could not start: its workflow file is invalid",
    "action_required": "needs an approval",
    "stale": "was given up by GitHub",
    "skipped": "was skipped",
    "neutral": "ended without a verdict",
}

_STATUSES = {
    "requested": "was asked for",
    "queued": "is queued",
    "pending": "waits for another run of its concurrency group",
    "waiting": "waits for an approval",
    "in_progress": "is running",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingRunSeen:
    """What the step looks at."""

    run: WorkflowRun | None
    """The newest run that fits, with its jobs."""

    obstacle: str | None = None
    """Where there is no run: what is known to keep it from starting."""

    remedy: str | None = None
    """What to do about the obstacle."""


class PublishingRun:
    """The workflow run that publishes the images has succeeded.

    The run is found by event, peeled commit, workflow file and tag, among
    those that are not older than the decision to release.

    Parameters
    ----------
    number
        GitHub's number of the run, where a person names one.
    """

    key = "workflow_run"
    title = "Workflow run"

    def __init__(self, number: int | None = None) -> None:
        self._number = number

    def observe(self, release: Release, world: World) -> PublishingRunSeen:
        if self._number is not None:
            found = world.forge.run(self._number)
            if found is not None:
                found = replace(found, jobs=world.forge.jobs(found))
            return PublishingRunSeen(run=found)
        publication = release.publication
        if publication is None:
            return PublishingRunSeen(run=None)
        since = release.pinned_at - _SKEW
        runs = [
            run
            for run in world.forge.runs(
                commit=release.commit, event=publication.event
            )
            if _fits(run, release, since)
        ]
        if runs:
            run = max(runs, key=lambda r: r.id)
            return PublishingRunSeen(
                run=replace(run, jobs=world.forge.jobs(run))
            )
        obstacle, remedy = self._diagnose(release, world)
        return PublishingRunSeen(run=None, obstacle=obstacle, remedy=remedy)

    def decide(self, release: Release, seen: PublishingRunSeen) -> Verdict:
        publication = release.publication
        if seen.run is None and self._number is not None:
            return Blocked(problem=f"there is no run {self._number}")
        if seen.run is None and publication is None:
            return Done(
                evidence="no workflow publishes images on a release or a tag"
            )
        if seen.run is None:
            assert publication is not None  # noqa: S101
            return _absent(publication.workflow, publication.event, seen)
        run = seen.run
        if run.status != "completed":
            what = _STATUSES.get(run.status, f"is {run.status!r}")
            return Wait(
                reason=f"{run.name} {what}",
                url=run.url,
                interval=_INTERVAL,
                run=run,
            )
        if run.conclusion != "success":
            return _failed(run)
        skipped = [
            job.name
            for job in run.jobs
            if job.conclusion == "skipped"
            and publication
            and _is_publishing(job, publication.jobs)
        ]
        if skipped:
            return Blocked(
                problem=(
                    f"{run.name} is green, but {', '.join(skipped)}, which"
                    " publishes the images, was skipped"
                ),
                help="see the job's `if:` in the workflow file",
                url=run.url,
                exit_status=ExitStatus.RUN_FAILED,
                run=run,
            )
        return Done(evidence=f"{run.name} succeeded", url=run.url, run=run)

    def act(self, change: Change, world: World) -> None:
        raise TypeError(f"a run starts by itself: {change.write}")

    def _diagnose(
        self, release: Release, world: World
    ) -> tuple[str | None, str | None]:
        """Look for what keeps a run from starting."""
        publication = release.publication
        assert publication is not None  # noqa: S101
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
                "what a job's own GITHUB_TOKEN writes starts no workflow",
                "use a GitHub App's token or a personal access token",
            )
        return None, None


def _fits(run: WorkflowRun, release: Release, since: datetime) -> bool:
    publication = release.publication
    return (
        publication is not None
        and run.event == publication.event
        and run.commit == release.commit
        and run.path.split("@")[0] == publication.workflow
        and run.ref in (None, release.tag)
        and run.created_at >= since
    )


def _absent(workflow: str, event: str, seen: PublishingRunSeen) -> Verdict:
    name = workflow.rsplit("/", 1)[-1]
    if seen.obstacle:
        return Wait(
            reason=f"no run of {name} yet: {seen.obstacle}",
            interval=_INTERVAL,
            patience=_KNOWN_CAUSE,
            otherwise=Blocked(
                problem=f"no run of {name} starts: {seen.obstacle}",
                help=seen.remedy,
            ),
        )
    return Wait(
        reason=f"no run of {name} for the {event} event yet",
        interval=_INTERVAL,
        patience=_APPEARS_WITHIN,
        otherwise=Blocked(
            problem=(
                f"no run of {name} for the {event} event appeared within"
                f" {_APPEARS_WITHIN / 60:.0f} minutes"
            ),
            help=(
                "look at the Actions page; a trigger filter, GitHub's"
                " status, or more than 500 queued runs can be the cause"
            ),
        ),
    )


def _failed(run: WorkflowRun) -> Blocked:
    what = _CONCLUSIONS.get(
        run.conclusion or "", f"ended as {run.conclusion!r}"
    )
    lines = [f"{run.name} {what}"]
    bad = {"failure", "cancelled", "timed_out"}
    for job in run.jobs:
        if job.conclusion not in bad:
            continue
        steps = [s.name for s in job.steps if s.conclusion in bad]
        where = f": {', '.join(steps)}" if steps else ""
        how = _CONCLUSIONS[job.conclusion]
        lines.append(f"{job.name} {how}{where}")
    return Blocked(
        problem="\n".join(lines),
        help=(
            "mend what failed or re-run it, then `rsp-release resume`; tag"
            " and release stay as they are"
        ),
        url=run.url,
        exit_status=ExitStatus.RUN_FAILED,
        run=run,
    )


def _is_publishing(job: Job, names: tuple[str, ...]) -> bool:
    """Return whether a job is one of those, or called by one of them.

    A called job is named ``caller / callee``, and a matrix job has its values
    after a space.
    """
    return any(
        job.name == name or job.name.startswith((f"{name} / ", f"{name} ("))
        for name in names
    )
