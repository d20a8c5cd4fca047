"""Verdicts, GitHub's statuses and conclusions, and durations in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..models import (
    Blocked,
    Change,
    Done,
    Job,
    JobStep,
    Standing,
    State,
    Verdict,
    Wait,
    WorkflowRun,
)

__all__ = [
    "Kind",
    "Meaning",
    "Tone",
    "duration",
    "meaning",
    "ruling",
    "seconds",
    "spent",
    "tone_of",
]

Kind: TypeAlias = Literal["done", "change", "wait", "blocked"]
"""The kinds of verdicts."""

Tone: TypeAlias = Literal[
    "good", "bad", "active", "waiting", "person", "skipped", "unknown"
]
"""What a state asks of the reader; ``person``: somebody has to act."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a status or a conclusion means."""

    tone: Tone
    """What it asks of the reader."""

    word: str
    """It in a word or three, for a line of a tree."""


_STATUSES = {
    "requested": Meaning("waiting", "requested"),
    "queued": Meaning("waiting", "queued"),
    # For another run of its concurrency group.
    "pending": Meaning("waiting", "pending"),
    # For an environment's approval or wait timer.
    "waiting": Meaning("person", "needs approval"),
    "in_progress": Meaning("active", "running"),
}

_CONCLUSIONS = {
    None: Meaning("waiting", "ending"),
    "success": Meaning("good", "succeeded"),
    "failure": Meaning("bad", "failed"),
    "cancelled": Meaning("bad", "cancelled"),
    "skipped": Meaning("skipped", "skipped"),
    "timed_out": Meaning("bad", "timed out"),
    "action_required": Meaning("person", "needs approval"),
    "neutral": Meaning("skipped", "neutral"),
    # GitHub has abandoned it: it took too long.
    "stale": Meaning("bad", "stale"),
    # GitHub could not use the workflow file.
    "startup_failure": Meaning("bad", "did not start"),
}


def meaning(subject: WorkflowRun | Job | JobStep) -> Meaning:
    """Say what the state of a run, a job or a step means.

    Only the status ``completed`` is an end, and words that GitHub adds later
    are passed on (GitHub's schema has a plain string there).

    Parameters
    ----------
    subject
        The run, the job or the step.

    Returns
    -------
    Meaning
        Its meaning; of tone ``unknown`` for a word that is not known.
    """
    if subject.status != "completed":
        known = _STATUSES.get(subject.status)
        return known or Meaning("unknown", subject.status)
    known = _CONCLUSIONS.get(subject.conclusion)
    return known or Meaning("unknown", str(subject.conclusion))


_STANDINGS: dict[State, Tone] = {
    "failed": "bad",
    "degraded": "bad",
    "absent": "bad",
    "sync": "person",
    "merge": "person",
    "window": "waiting",
    "compare": "active",
    "syncing": "active",
    "settling": "active",
    "unknown": "unknown",
    "pinned": "skipped",
    "runs": "good",
}


def tone_of(standing: Standing) -> Tone:
    """Say what the state of an environment asks of the reader."""
    return _STANDINGS[standing.state]


def ruling(verdict: Verdict) -> tuple[Kind, str]:
    """Return the kind of a verdict, and what it says.

    Parameters
    ----------
    verdict
        The verdict.
    """
    match verdict:
        case Done():
            return "done", verdict.evidence
        case Change():
            return "change", verdict.summary
        case Wait():
            return "wait", verdict.reason
        case Blocked():
            return "blocked", verdict.problem


def spent(subject: Job | JobStep, now: datetime) -> float | None:
    """Return how long a job or a step has taken so far.

    Parameters
    ----------
    subject
        The job or the step.
    now
        The present time (aware).

    Returns
    -------
    float or None
        Seconds, never below 0 whatever the clocks say; `None` where it has
        not started.
    """
    if subject.started_at is None:
        return None
    end = subject.completed_at if subject.status == "completed" else now
    return None if end is None else seconds(subject.started_at, end)


def seconds(start: datetime, end: datetime) -> float:
    """Return the seconds from one time to another, at least 0."""
    return max(0.0, (end - start).total_seconds())


def duration(seconds: float) -> str:
    """Write a duration for a person.

    Parameters
    ----------
    seconds
        The duration in seconds.

    Returns
    -------
    str
        Its two largest units, such as ``8s``, ``1m 03s`` or ``2h 00m``.
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"
