"""Describes the state of a workflow run, in words for people.

Nothing here reads or writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from ..models import (
    Annotation,
    ConcurrencyGroup,
    Job,
    JobStep,
    PendingDeployment,
    Publication,
    WorkflowRun,
)

__all__ = [
    "JOBS_TOLD",
    "advise_conclusion",
    "describe_conclusion",
    "describe_deployments",
    "describe_group",
    "describe_state",
    "describe_status",
    "failing_jobs",
    "find_displacing",
    "find_skipped",
    "is_publishing",
    "is_rerunnable",
    "lines_of_log",
    "name_failures",
    "tell_failure",
]

_AT_ONCE = timedelta(seconds=30)
"""How far apart the end of one run and the start of another may be."""

JOBS_TOLD = 3
"""How many failing jobs are told in full."""

_LINES = {1: 20, 2: 10, 3: 7}
_ANNOTATIONS_TOLD = 5

_CONCLUSIONS = {
    "success": "succeeded",
    "failure": "failed",
    "cancelled": "was cancelled",
    "timed_out": "timed out",
    "startup_failure": (
        "could not start: its workflow file is invalid, or asks for what it"
        " may not use"
    ),
    "action_required": "needs approval to run",
    "stale": "was marked stale: GitHub gave up waiting for it",
    "skipped": "was skipped, so it published nothing",
    "neutral": "ended neutral, neither well nor badly",
}

_REMEDIES = {
    "failure": "fix what failed or re-run it",
    "cancelled": "re-run it, unless it was cancelled for a reason",
    "timed_out": "raise `timeout-minutes` of the job that hung, or re-run it",
    "startup_failure": (
        "its page says what is wrong; fix the workflow file on the branch and"
        " release again: a run uses the file of its commit"
    ),
    "action_required": "approve it on its page",
    "stale": "check that its runners are online, then re-run it",
    "skipped": "correct the `if:` of its jobs and release again",
    "neutral": "see on its page why; the images tell whether it published",
}

_STATES = {
    "disabled_manually": ("was disabled by hand", "enable it"),
    "disabled_inactivity": (
        "was disabled by GitHub, after 60 days without activity",
        "enable it",
    ),
    "disabled_fork": (
        "is disabled, as all workflows of a fork are at first",
        "enable it, and workflows on the fork's Actions page",
    ),
    "deleted": ("was deleted on GitHub", "push it to the default branch"),
}

_STATUSES = {
    "requested": "was requested and is not queued yet",
    "queued": "is queued, waiting for a runner",
    "pending": "waits for another run of its concurrency group",
    "waiting": "waits for an approval or a wait timer",
    "in_progress": "is running",
}

_RERUNNABLE = frozenset({"failure", "timed_out", "stale", "cancelled"})
_BAD = ("failure", "timed_out", "cancelled", "startup_failure", "stale")


# -- Words ------------------------------------------------------------------


def describe_status(run: WorkflowRun) -> str:
    """Say what a run that is not over does.

    Parameters
    ----------
    run
        The run, with its jobs.

    Returns
    -------
    str
        A clause after the run's name, with how many jobs are done.
    """
    if run.status == "completed":
        return "is completed, but GitHub shows no conclusion yet"
    what = _STATUSES.get(run.status)
    if what is None:
        return f"has the unknown status {run.status!r}"
    done = sum(job.status == "completed" for job in run.jobs)
    if run.status == "in_progress" and run.jobs:
        what = f"{what}, {done} of {len(run.jobs)} jobs done"
    if run.attempt > 1:
        what = f"{what}, attempt {run.attempt}"
    return what


def describe_conclusion(conclusion: str | None) -> str:
    """Say how a run or a job ended, as a clause after its name."""
    return _CONCLUSIONS.get(
        conclusion or "", f"ended with the unknown conclusion {conclusion!r}"
    )


def advise_conclusion(conclusion: str | None) -> str:
    """Return what to do about a run that did not succeed."""
    return _REMEDIES.get(conclusion or "", _REMEDIES["failure"])


def describe_state(state: str) -> tuple[str, str] | None:
    """Say why a workflow cannot run, and what to do.

    Parameters
    ----------
    state
        GitHub's state of the workflow.

    Returns
    -------
    tuple of str or None
        A clause after its path, and a remedy; `None` where it can run.
    """
    if state == "active":
        return None
    return _STATES.get(state, (f"is {state}", "enable it"))


def describe_group(group: ConcurrencyGroup) -> str:
    """Say where in a concurrency group a run waits, as a clause."""
    told = f"waits in the concurrency group {group.name!r}"
    if group.position > 1:
        told += f", at position {group.position}"
    if group.holder:
        told += f", which {group.holder} holds"
        if group.holder_url:
            told += f" ({group.holder_url})"
    return told


def describe_deployments(waiting: Sequence[PendingDeployment]) -> str:
    """Say who has to approve what a run waits for, as a clause."""
    told = []
    for each in waiting:
        if each.reviewers:
            text = f"{_either(each.reviewers)} to approve {each.environment!r}"
        elif each.ready_at is not None:
            text = f"the wait timer of {each.environment!r}"
        else:
            text = f"the protection rules of {each.environment!r}"
        if each.ready_at is not None:
            text += f", not before {each.ready_at:%H:%M} UTC"
        if each.can_approve:
            text += " (you may: --approve)"
        told.append(text)
    return f"waits for {' and for '.join(told)}"


def _either(names: Sequence[str]) -> str:
    *head, last = names
    return f"{', '.join(head)} or {last}" if head else last


# -- Failures ---------------------------------------------------------------


def failing_jobs(run: WorkflowRun) -> tuple[Job, ...]:
    """Return the jobs that did not end well, failures first."""
    bad = [job for job in run.jobs if job.conclusion in _BAD]
    return tuple(sorted(bad, key=lambda j: _BAD.index(j.conclusion or "")))


def is_rerunnable(run: WorkflowRun) -> bool:
    """Return whether another attempt of a run may end better."""
    return run.conclusion in _RERUNNABLE


def lines_of_log(jobs: int) -> int:
    """Return how many lines of each log to show for so many jobs."""
    return _LINES.get(min(jobs, JOBS_TOLD), 0)


def name_failures(run: WorkflowRun) -> tuple[str, ...]:
    """Say of each job that did not end well how, and at which step."""
    return tuple(map(_name_failure, failing_jobs(run)))


def _name_failure(job: Job) -> str:
    step = failing_step(job)
    at = f" at step {step.number}, {step.name}" if step else ""
    return f"{job.name} {describe_conclusion(job.conclusion)}{at}"


def tell_failure(run: WorkflowRun) -> Iterator[str]:
    """Tell which jobs failed, at which step, and what they said.

    Parameters
    ----------
    run
        The run, its jobs with annotations and ends of logs.

    Yields
    ------
    str
        Lines. What others wrote is in them.
    """
    for number, job in enumerate(failing_jobs(run)):
        yield _name_failure(job)
        if number >= JOBS_TOLD:
            continue
        for annotation in _worth_telling(job):
            yield f"  {_tell_annotation(annotation)}"
        if job.log:
            note = f" ({job.log_note})" if job.log_note else ""
            yield f"  the last lines of its log{note}:"
        elif job.log_note:
            yield f"  {job.log_note}"
        for line in job.log:
            yield f"    {line[:200]}"
        if job.url:
            yield f"  {job.url}"


def find_displacing(
    run: WorkflowRun, others: tuple[WorkflowRun, ...]
) -> WorkflowRun | None:
    """Return the newer run that began as this one was cancelled.

    Parameters
    ----------
    run
        The run that was cancelled.
    others
        The last runs of the same workflow.
    """
    for other in sorted(others, key=lambda each: each.id):
        moment = run.updated_at if other.id > run.id else None
        if moment and abs(other.created_at - moment) <= _AT_ONCE:
            return other
    return None


def find_skipped(
    run: WorkflowRun, publication: Publication | None
) -> tuple[str, ...]:
    """Return the jobs that publish, and were skipped."""
    names = publication.jobs if publication else ()
    return tuple(
        job.name
        for job in run.jobs
        if job.conclusion == "skipped" and is_publishing(job, names)
    )


def is_publishing(job: Job, names: Sequence[str]) -> bool:
    """Return whether a job is one of those, or calls or is called by one.

    A called job is named ``caller / callee``, and a matrix job has its values
    after a space. Of a caller that was skipped, only its own name is shown.
    """
    return any(
        job.name == name
        or job.name.startswith((f"{name} / ", f"{name} ("))
        or name.startswith(f"{job.name} / ")
        for name in names
    )


def failing_step(job: Job) -> JobStep | None:
    """Return the step at which a job did not go on."""
    return next((s for s in job.steps if s.conclusion in _BAD), None)


def _worth_telling(job: Job) -> list[Annotation]:
    """Leave out what the log says as well, and mere warnings."""
    said = "\n".join(job.log)
    return [
        each
        for each in job.annotations
        if each.level == "failure" and each.message not in said
    ][:_ANNOTATIONS_TOLD]


def _tell_annotation(annotation: Annotation) -> str:
    where = annotation.path or ""
    if where and annotation.line:
        where += f":{annotation.line}"
    parts = [where, annotation.title, annotation.message]
    return ": ".join(" ".join(part.split()) for part in parts if part)
