"""Estimates when a workflow run ends, and when to look at it next.

All of it is an estimate from the last runs that succeeded. Nothing here reads
or writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from ..models import WorkflowRun

__all__ = ["choose_age", "choose_interval", "choose_usual", "estimate"]

_QUICK = 2.0
"""Seconds between two looks when a change is expected."""

_STEADY = 4.0
"""The same in between: still, the end is noticed within five seconds."""

_CLOSE = 6.0
"""Seconds before and after an expected change that count as near it."""

_AGE_LEAST, _AGE_MOST = 10.0, 90.0
"""Seconds for which the jobs are not read again in the middle of a run.

They grow with the run: the longer it runs, the less a few seconds matter.
"""

_AGE_GROWTH = 4.0
"""After so many seconds of the run they are one second more."""

_ADJACENT = 15.0
"""Seconds by which a job may begin after the one that it needs."""


def estimate(
    run: WorkflowRun, past: Sequence[WorkflowRun], now: datetime
) -> WorkflowRun:
    """Fill in how long jobs should take, and when the run should end.

    Jobs that GitHub does not show yet begin after those that they began
    after in the last run: which job needs which is not in the API.

    Parameters
    ----------
    run
        The run, with its jobs.
    past
        Runs that succeeded, newest first, with their jobs.
    now
        The present time (aware).

    Returns
    -------
    WorkflowRun
        The same run; without estimates where nothing is known.
    """
    if run.status != "in_progress" or not past:
        return run
    usual = {name: median(times) for name, times in _durations(past).items()}
    return replace(run, expected_at=_expect_end(run, past[0], usual, now))


def choose_usual(past: Iterable[WorkflowRun]) -> float | None:
    """Choose how long a run usually takes.

    Parameters
    ----------
    past
        Runs of the same workflow.

    Returns
    -------
    float or None
        The median of those that succeeded at once, in seconds; `None` where
        there is none.
    """
    spent = [
        (run.updated_at - run.started_at).total_seconds()
        for run in past
        if run.conclusion == "success"
        and run.attempt == 1
        and run.started_at is not None
        and run.updated_at is not None
    ]
    return median(spent) if spent else None


def _expect_end(
    run: WorkflowRun,
    model: WorkflowRun,
    usual: dict[str, float],
    now: datetime,
) -> datetime | None:
    ends: dict[str, datetime] = {}
    for job in run.jobs:
        if job.status == "completed":
            ends[job.name] = job.completed_at or now
        else:
            begin = job.started_at if job.status == "in_progress" else None
            length = timedelta(seconds=usual.get(job.name, 0))
            ends[job.name] = max((begin or now) + length, now)
    spans = [
        (job.started_at, job.completed_at, job.name)
        for job in model.jobs
        if job.started_at and job.completed_at and job.name in usual
    ]
    for begin, end, name in sorted(spans):
        if name in ends:
            continue
        before = [(e, n) for _, e, n in spans if e <= begin and n in ends]
        start = now
        if before:
            last, needed = max(before)
            gap = min((begin - last).total_seconds(), 2 * _ADJACENT)
            start = max(ends[needed] + timedelta(seconds=gap), now)
        ends[name] = start + (end - begin)
    return max(ends.values(), default=None)


def _durations(past: Iterable[WorkflowRun]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for run in past:
        for job in run.jobs:
            if job.conclusion != "success":
                continue
            if job.started_at and job.completed_at:
                seconds = (job.completed_at - job.started_at).total_seconds()
                found.setdefault(job.name, []).append(max(seconds, 0.0))
    return found


def _is_near(
    run: WorkflowRun, past: Sequence[WorkflowRun], now: datetime
) -> bool:
    """Return whether a job should begin or end now, if all is as before."""
    if run.started_at is None:
        return False
    moments = [run.started_at]
    for model in past[:1]:
        shift = run.started_at - (model.started_at or model.created_at)
        moments += [
            moment + shift
            for job in model.jobs
            for moment in (job.started_at, job.completed_at)
            if moment is not None
        ]
    return any(abs((now - m).total_seconds()) <= _CLOSE for m in moments)


def choose_age(
    run: WorkflowRun, past: Sequence[WorkflowRun], now: datetime
) -> float:
    """Choose for how long the jobs of a run need not be read again.

    Whenever the run itself changes they are read anyhow.

    Parameters
    ----------
    run
        The run.
    past
        Runs that succeeded, newest first, with their jobs.
    now
        The present time (aware).

    Returns
    -------
    float
        Seconds; 0 for "read them".
    """
    if run.status == "completed":
        return 0.0
    if run.status == "in_progress" and _is_near(run, past, now):
        return _CLOSE
    spent = (now - (run.started_at or run.created_at)).total_seconds()
    return min(max(spent / _AGE_GROWTH, _AGE_LEAST), _AGE_MOST)


def choose_interval(
    run: WorkflowRun, past: Sequence[WorkflowRun], now: datetime
) -> float:
    """Choose how many seconds to wait until the next look.

    Parameters
    ----------
    run
        The run, with what `estimate` says of it.
    past
        Runs that succeeded, newest first, with their jobs.
    now
        The present time (aware).

    Returns
    -------
    float
        Seconds; never so many that the end would be noticed late.
    """
    end = run.expected_at
    if end is not None and abs((end - now).total_seconds()) <= _CLOSE:
        return _QUICK
    return _QUICK if _is_near(run, past, now) else _STEADY
