"""Workflow runs as a function of their script and the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .scenario import ImageScript, JobScript, WorkflowScript

__all__ = [
    "Attempt",
    "JobTimes",
    "Run",
    "StepTimes",
    "job_annotations",
    "job_log",
    "newcomer",
]


_BLANK = 0.1
"""Seconds for which a new attempt has no jobs at all."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """When a step runs, and how it ends."""

    name: str
    number: int
    started_at: datetime
    completed_at: datetime
    conclusion: str

    def status(self, now: datetime) -> str:
        """Return GitHub's status at a moment."""
        if now >= self.completed_at:
            return "completed"
        return "in_progress" if now >= self.started_at else "queued"


@dataclass(frozen=True, slots=True)
class JobTimes:
    """When a job runs, and how it ends; `None` is not yet known."""

    script: JobScript
    id: int
    attempt: int
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    conclusion: str | None
    waits_for: str | None = None
    """The environment whose approval it waits for."""

    def status(self, now: datetime) -> str:
        """Return GitHub's status at a moment."""
        if self.completed_at is not None and now >= self.completed_at:
            return "completed"
        if self.started_at is not None and now >= self.started_at:
            return "in_progress"
        return "waiting" if self.waits_for else "queued"

    def steps(self, speed: float) -> list[StepTimes]:
        """Return its steps, once it has been started."""
        if self.started_at is None or self.conclusion == "skipped":
            return []
        scripts = self.script.steps
        total = sum(step.seconds for step in scripts)
        failing = self.script.failing_step or _last_real(self.script)
        at = self.started_at
        times: list[StepTimes] = []
        is_over = False
        for number, step in enumerate(scripts, 1):
            share = step.seconds / total if total else 0
            length = _seconds(self.script) * share / speed
            end = at + timedelta(seconds=length)
            conclusion = "success"
            if is_over and step.name != "Complete job":
                conclusion, end = "skipped", at
            elif step.name == failing and self.conclusion in {
                "failure",
                "timed_out",
            }:
                conclusion, is_over = "failure", True
            if self.conclusion == "cancelled" and self.completed_at:
                if end > self.completed_at:
                    conclusion, end = "cancelled", self.completed_at
                    at, is_over = min(at, end), True
            times.append(StepTimes(step.name, number, at, end, conclusion))
            at = end
        return times


def _last_real(script: JobScript) -> str | None:
    names = [step.name for step in script.steps]
    names = [name for name in names if name != "Complete job"]
    return names[-1] if names else None


def _seconds(script: JobScript) -> float:
    total = sum(step.seconds for step in script.steps)
    return total or script.seconds


@dataclass(slots=True)
class Attempt:
    """One attempt of a run."""

    number: int
    requested_at: datetime
    actor: str
    job_ids: dict[str, int]
    carried: dict[str, JobTimes] = field(default_factory=dict)
    """Jobs whose results are kept from an earlier attempt."""

    cancelled_at: datetime | None = None
    approvals: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    """When an environment was decided on, and whether it was approved."""


@dataclass(slots=True)
class Run:
    """A workflow run."""

    id: int
    number: int
    """The change that made it."""

    run_number: int
    workflow_id: int
    repository: str
    name: str
    path: str
    event: str
    action: str
    head_branch: str
    head_sha: str
    ref: str
    title: str
    actor: str
    created_at: datetime
    appears_at: datetime | None
    script: WorkflowScript
    speed: float
    attempts: list[Attempt] = field(default_factory=list)
    group: str | None = None
    behind: tuple[Run, ...] = ()
    """Earlier runs of its concurrency group."""

    pushed: set[tuple[int, int]] = field(default_factory=set)
    """Images already pushed: number of the image and of the attempt."""

    origin: tuple[str, str] | None = None
    """The commit and the tag of the release that led to it."""

    is_followed: bool = False
    """Whether the workflows that follow it were started."""

    new_id: Callable[[], int] = field(default=lambda: 0, repr=False)

    def is_there(self, now: datetime) -> bool:
        """Return whether it can be seen."""
        return self.appears_at is not None and self.appears_at <= now

    @property
    def latest(self) -> Attempt:
        """The latest attempt."""
        return self.attempts[-1]

    def starts_at(self, attempt: Attempt) -> datetime | None:
        """Return when an attempt's first jobs can be queued."""
        start = attempt.requested_at
        if attempt.number == 1:
            for other in self.behind:
                end = other.ends_at()
                if end is None:
                    return None
                start = max(start, end)
        return start

    def jobs(self, attempt: Attempt | None = None) -> list[JobTimes]:
        """Return when each job of an attempt runs, as far as it is known.

        Jobs are as the script orders them. Later cancellations and
        approvals change what is known, never what has been.
        """
        attempt = attempt or self.latest
        if self.script.startup_failure:
            return []
        start = self.starts_at(attempt)
        stop = attempt.cancelled_at
        done: dict[str, JobTimes] = {}
        if start is None:
            return []
        for script in self.script.jobs or ():
            kept = attempt.carried.get(script.key)
            if kept is None:
                kept = self._job(attempt, script, start, stop, done)
            if kept is not None:
                done[script.key] = kept
        return list(done.values())

    def _job(
        self,
        attempt: Attempt,
        script: JobScript,
        start: datetime,
        stop: datetime | None,
        done: dict[str, JobTimes],
    ) -> JobTimes | None:
        """Return when a job runs; `None` while what it needs is not over."""
        # A run is there before its jobs are.
        start += timedelta(seconds=_BLANK / self.speed)
        created = start
        skipped = script.is_skipped
        for key in script.needs:
            before = done.get(key)
            if before is None or before.completed_at is None:
                return None
            if before.attempt == attempt.number:
                created = max(created, before.completed_at)
            skipped = skipped or before.conclusion != "success"
        if script.key not in attempt.job_ids:
            attempt.job_ids[script.key] = self.new_id()
        times = self._times(
            attempt, script, created, start, stop, skipped=skipped
        )
        number = attempt.job_ids[script.key]
        return JobTimes(script, number, attempt.number, created, *times)

    def _times(
        self,
        attempt: Attempt,
        script: JobScript,
        created: datetime,
        start: datetime,
        stop: datetime | None,
        *,
        skipped: bool,
    ) -> tuple[datetime | None, datetime | None, str | None, str | None]:
        """Return start, end, conclusion, and the approval waited for."""
        if stop is not None and created >= stop:
            if created == start:
                return stop, stop, "cancelled", None
            return created, created, "skipped", None
        if skipped:
            return created, created, "skipped", None
        ready = created
        if script.environment is not None:
            decision = attempt.approvals.get(script.environment)
            if decision is None:
                if stop is not None:
                    return stop, stop, "cancelled", None
                return None, None, None, script.environment
            ready, is_approved = max(decision[0], created), decision[1]
            if not is_approved:
                return ready, ready, "failure", None
        started = ready + timedelta(seconds=script.queued / self.speed)
        length = timedelta(seconds=_seconds(script) / self.speed)
        ended = started + length
        conclusion = script.conclusion(attempt.number)
        if conclusion == "failure" and script.failing_step and script.steps:
            ended = _until_failure(script, started, self.speed)
        if stop is not None and ended > stop:
            return min(started, stop), stop, "cancelled", None
        return started, ended, conclusion, None

    def ends_at(self) -> datetime | None:
        """Return when the latest attempt is over, if that is known."""
        attempt = self.latest
        if self.appears_at is None:
            return self.created_at
        if self.script.startup_failure:
            return attempt.requested_at
        start = self.starts_at(attempt)
        if start is None:
            return attempt.cancelled_at
        jobs = self.jobs()
        if len(jobs) < len(self.script.jobs or ()):
            return None
        ends = [job.completed_at for job in jobs]
        known = [end for end in ends if end is not None]
        if len(known) < len(ends):
            return None
        return max(known, default=start)

    def status(self, now: datetime, attempt: Attempt | None = None) -> str:
        """Return GitHub's status at a moment."""
        attempt = attempt or self.latest
        if attempt is not self.latest:
            return "completed"
        end = self.ends_at()
        if end is not None and now >= end:
            return "completed"
        start = self.starts_at(attempt)
        if start is None or now < start:
            return "pending" if self.behind else "queued"
        seen = [job for job in self.jobs() if job.created_at <= now]
        states = {job.status(now) for job in seen}
        if "in_progress" in states:
            return "in_progress"
        if "waiting" in states and "queued" not in states:
            return "waiting"
        return "in_progress" if "completed" in states else "queued"

    def conclusion(
        self, now: datetime, attempt: Attempt | None = None
    ) -> str | None:
        """Return GitHub's conclusion at a moment; `None` before the end."""
        attempt = attempt or self.latest
        if self.status(now, attempt) != "completed":
            return None
        if self.script.startup_failure:
            return "startup_failure"
        found = {job.conclusion for job in self.jobs(attempt)}
        if attempt.cancelled_at is not None and "cancelled" in found | {
            None if found else "cancelled"
        }:
            return "cancelled"
        for bad in ("failure", "timed_out", "cancelled"):
            if bad in found:
                return "failure" if bad != "cancelled" else "cancelled"
        return "skipped" if found == {"skipped"} else "success"

    def updated_at(self, now: datetime) -> datetime:
        """Return when something last changed before a moment."""
        moments = [self.latest.requested_at]
        for job in self.jobs():
            known = (job.created_at, job.started_at, job.completed_at)
            moments += [moment for moment in known if moment is not None]
        if self.latest.cancelled_at:
            moments.append(self.latest.cancelled_at)
        past = [moment for moment in moments if moment <= now]
        return max(past, default=self.created_at)

    def pushes(self) -> list[tuple[int, ImageScript, datetime]]:
        """Return the images that the latest attempt pushes, and when."""
        found = []
        jobs = {job.script.key: job for job in self.jobs()}
        scripts = self.script.jobs or ()
        for number, image in enumerate(self.script.images or ()):
            key = image.job or (scripts[-1].key if scripts else "")
            job = jobs.get(key)
            by_name = [j for j in jobs.values() if j.script.name == key]
            job = job or (by_name[0] if by_name else None)
            if job is None or job.completed_at is None:
                continue
            if job.conclusion != "success":
                continue
            if job.attempt != self.latest.number:
                continue
            delay = timedelta(seconds=image.delay / self.speed)
            found.append((number, image, job.completed_at + delay))
        return found

    def rerun(
        self,
        *,
        now: datetime,
        actor: str,
        keys: set[str] | None,
    ) -> None:
        """Begin another attempt.

        Parameters
        ----------
        now
            When.
        actor
            Who asks.
        keys
            The jobs to run again; those that need them run again too.
            `None` for all.
        """
        again = set(keys) if keys is not None else None
        carried: dict[str, JobTimes] = {}
        previous = {job.script.key: job for job in self.jobs()}
        if again is not None:
            for script in self.script.jobs or ():
                if again.intersection(script.needs):
                    again.add(script.key)
            carried = {k: j for k, j in previous.items() if k not in again}
        self.attempts.append(
            Attempt(len(self.attempts) + 1, now, actor, {}, carried)
        )


def _until_failure(
    script: JobScript, started: datetime, speed: float
) -> datetime:
    total = 0.0
    for step in script.steps:
        total += step.seconds
        if step.name == script.failing_step:
            break
    return started + timedelta(seconds=total / speed)


def newcomer(run: Run, others: list[Run], now: datetime) -> None:
    """Put a new run behind the others of its concurrency group.

    By default a newcomer cancels the one that is pending; with ``queue:
    max`` it waits its turn (GitHub, concurrency).
    """
    script = run.script
    group = (run.group or "").lower()
    mates = [
        other
        for other in others
        if (other.group or "").lower() == group
        and other.appears_at is not None
        and other.status(now) != "completed"
    ]
    for other in mates:
        is_pending = other.status(now) == "pending"
        if script.cancel_in_progress or (is_pending and script.queue != "max"):
            other.latest.cancelled_at = now
    run.behind = tuple(m for m in mates if m.latest.cancelled_at is None)


def job_log(job: JobTimes, speed: float) -> str:
    """Return a job's log as GitHub serves it: a time before each line."""
    lines: list[tuple[datetime, str]] = []
    for step in job.steps(speed):
        lines.append((step.started_at, f"##[group]{step.name}"))
        lines.append((step.started_at, "##[endgroup]"))
        if step.conclusion == "failure":
            lines += [
                (step.completed_at, text)
                for text in (job.script.log or "").splitlines()
            ]
            end = "##[error]Process completed with exit code 1."
            lines.append((step.completed_at, end))
    if job.script.log and not any("##[error]" in text for _, text in lines):
        at = job.completed_at or job.created_at
        lines += [(at, text) for text in job.script.log.splitlines()]
    return "".join(
        f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}0Z {text}\n"
        for at, text in lines
    )


def job_annotations(job: JobTimes) -> list[dict[str, Any]]:
    """Return the annotations of a job that has ended."""
    found = [dict(item) for item in job.script.annotations]
    if job.conclusion == "failure" and not found:
        found = [{"message": "Process completed with exit code 1."}]
    if job.conclusion == "cancelled" and not found:
        found = [{"message": "The operation was canceled."}]
    return found
