"""Starts workflow runs, and pushes their images when it is time."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from .actions import Attempt, Run, newcomer
from .base import Clock
from .records import Project, workflow_id
from .registry import Registry
from .scenario import ImageScript, JobScript, Scenario, WorkflowScript
from .workflows import read_workflow, workflow_paths

__all__ = ["Runner"]

_LONG_AGO = timedelta(hours=1)
"""How long ago a run ended that was made up, with what followed it."""


class Runner:
    """Everything that runs.

    Parameters
    ----------
    scenario
        Returns what workflows do.
    clock
        The time.
    images
        Where images are pushed to.
    touched
        Returns the number of a change.
    """

    def __init__(
        self,
        scenario: Callable[[], Scenario],
        clock: Clock,
        images: Registry,
        touched: Callable[[], int],
    ) -> None:
        self._scenario = scenario
        self._clock = clock
        self._images = images
        self._touched = touched
        self._active: list[tuple[Project, Run]] = []
        self._run_numbers: dict[tuple[int, str], int] = {}
        self._run_ids = itertools.count(18_000_000_001, 137)
        self._job_ids = itertools.count(51_000_000_001, 13)

    def workflow_state(self, project: Project, path: str) -> str:
        """Return whether a workflow can run, in GitHub's words."""
        if path in project.workflow_states:
            return project.workflow_states[path]
        if project.parent is not None:
            # Until somebody enables them in the fork.
            return "disabled_fork"
        script = self._scenario().script(path)
        return script.state if script else "active"

    def start(
        self,
        project: Project,
        *,
        event: str,
        action: str,
        ref: str,
        sha: str,
        actor: str,
        title: str | None = None,
        at: datetime | None = None,
        branch: str | None = None,
    ) -> list[Run]:
        """Start every workflow that listens to an event.

        Parameters
        ----------
        project
            The repository.
        event
            GitHub's name of the event.
        action
            Its activity type.
        ref
            The full ref.
        sha
            The commit whose workflow files count.
        actor
            Who caused it.
        title
            What the run shows.
        at
            When; by default now. What was in the past went well, whatever
            the scenario says of the present.
        branch
            What the run shows as its branch.
        """
        origin = None
        if event == "release" or ref.startswith("refs/tags/"):
            origin = sha, ref.split("/", 2)[2]
        subject = project.git.known(sha).message.split("\n", 1)[0]
        return [
            self._begin(
                project,
                script if at is None else _went_well(script),
                event=event,
                action=action,
                ref=ref,
                sha=sha,
                actor=actor,
                title=title or subject,
                branch=branch or ref.split("/", 2)[2],
                at=at,
                origin=origin,
            )
            for script in self._scripts(
                project, event=event, action=action, ref=ref, sha=sha
            )
        ]

    def _begin(
        self,
        project: Project,
        script: WorkflowScript,
        *,
        event: str,
        action: str,
        ref: str,
        sha: str,
        actor: str,
        title: str,
        branch: str,
        at: datetime | None,
        origin: tuple[str, str] | None,
    ) -> Run:
        """Begin one run."""
        scenario, now = self._scenario(), at or self._clock.now()
        key = (project.id, script.path)
        self._run_numbers[key] = self._run_numbers.get(key, 0) + 1
        late = script.appear_after
        if late is None:
            late = scenario.appear_after
        appears = now
        if at is None:
            appears += timedelta(seconds=late)
        run = Run(
            id=next(self._run_ids),
            number=self._touched(),
            run_number=self._run_numbers[key],
            workflow_id=workflow_id(project, script.path),
            repository=project.full_name,
            name=script.name or script.path,
            path=script.path,
            event=event,
            action=action,
            head_branch=branch,
            head_sha=sha,
            ref=ref,
            title=title,
            actor=actor,
            created_at=now,
            appears_at=None if script.is_lost else appears,
            script=script,
            speed=scenario.speed,
            group=script.concurrency,
            origin=origin,
            new_id=lambda: next(self._job_ids),
        )
        run.attempts.append(Attempt(1, appears, actor, {}))
        if script.cancel_after is not None:
            wait = timedelta(seconds=script.cancel_after / run.speed)
            run.latest.cancelled_at = appears + wait
        if run.group is not None and run.appears_at is not None:
            newcomer(run, project.runs, now)
        project.runs.append(run)
        if run.appears_at is not None:
            self._active.append((project, run))
        return run

    def _follow(self, project: Project, before: Run) -> None:
        """Start what follows a run that succeeded, long ago if that did."""
        end = before.ends_at() or self._clock.now()
        is_past = self._clock.now() - end > _LONG_AGO
        told = project.told(*before.origin) if before.origin else {}
        scripts = {s.path: s for s in self._scenario().workflows}
        branch = project.git.default_branch
        ref, sha = f"refs/heads/{branch}", project.git.known(branch).sha
        for path in dict.fromkeys([*scripts, *told]):
            given, found = scripts.get(path), told.get(path)
            first = next(s for s in (given, found) if s is not None)
            if first.follows != before.path:
                continue
            if self.workflow_state(project, path) != "active":
                continue
            read = read_workflow(
                project.git, sha, path, event=first.event, ref=ref
            )
            script = _combine(given, found, read)
            self._begin(
                project,
                _went_well(script) if is_past else script,
                event=first.event,
                action="completed",
                ref=ref,
                sha=sha,
                actor=before.actor,
                title=before.title,
                branch=branch,
                at=end if is_past else None,
                origin=before.origin,
            )

    def _scripts(
        self,
        project: Project,
        *,
        event: str,
        action: str,
        ref: str,
        sha: str,
    ) -> Iterator[WorkflowScript]:
        """Find what listens to an event, and what it does then."""
        if not project.has_actions:
            return
        told: Mapping[str, WorkflowScript] = {}
        if ref.startswith("refs/tags/"):
            told = project.told(sha, ref.split("/", 2)[2])
        paths = [*workflow_paths(project.git, sha), *told]
        paths += [w.path for w in self._scenario().workflows if w.on]
        for path in dict.fromkeys(paths):
            given, said = self._scenario().script(path), told.get(path)
            read = read_workflow(project.git, sha, path, event=event, ref=ref)
            ons = [s.on for s in (given, said, read) if s and s.on]
            if not ons or not ons[0].wants(event, action, ref):
                continue
            if self.workflow_state(project, path) == "active":
                yield _combine(given, said, read)

    def settle(self) -> None:
        """Push every image whose time has come."""
        now = self._clock.now()
        left: list[tuple[Project, Run]] = []
        over = []
        for project, run in self._active:
            pending = False
            for number, image, at in run.pushes():
                key = (number, run.latest.number)
                if key in run.pushed:
                    continue
                if at > now:
                    pending = True
                    continue
                run.pushed.add(key)
                self._push(project, run, image, at)
            if not run.is_followed and run.conclusion(now) == "success":
                run.is_followed = True
                over.append((project, run))
            # A finished run can be run again, so it is never forgotten
            # while it is young.
            if pending or now - run.created_at < timedelta(days=30):
                left.append((project, run))
        self._active = left
        for project, run in over:
            self._follow(project, run)

    def _push(
        self, project: Project, run: Run, image: ImageScript, at: datetime
    ) -> None:
        tag = run.head_branch
        values = {
            "repository": project.full_name.lower(),
            "owner": project.owner.lower(),
            "name": project.name.lower(),
            "tag": tag,
            "version": tag[1:] if tag[:1] == "v" else tag,
            "sha": run.head_sha,
        }
        self._images.publish(
            _fill(image.name, values),
            _fill(image.tag, values),
            at=at,
            platforms=image.platforms,
            attestations=image.attestations,
            platform_tags=image.platform_tags and len(image.platforms) > 1,
            labels={k: _fill(v, values) for k, v in image.labels.items()},
        )


def _combine(
    given: WorkflowScript | None,
    told: WorkflowScript | None,
    read: WorkflowScript | None,
) -> WorkflowScript:
    """Return what a run does.

    First the scenario counts, then what the sandbox was told, then the
    repository's own file. The jobs that it was told of run, whatever it
    makes of their conditions itself.
    """
    layers = [script for script in (given, told, read) if script]

    def first(name: str) -> Any:
        values = (getattr(script, name) for script in layers)
        return next((v for v in values if v is not None), None)

    jobs: tuple[JobScript, ...] = first("jobs") or ()
    images: tuple[ImageScript, ...] = first("images") or ()
    if told is not None:
        jobs = _let_run(told.running, jobs)
    if told is not None and images is told.images:
        # Where it names a job that is not there, the last one pushes.
        running = [job for job in jobs if not job.is_skipped]
        last = running[-1].key if running else None
        images = tuple(
            replace(image, job=_key(image.job, running) or last)
            for image in images
        )
    return replace(
        given or read or layers[0],
        name=first("name"),
        jobs=jobs,
        images=images,
        concurrency=first("concurrency"),
    )


def _let_run(
    names: Sequence[str], jobs: Sequence[JobScript]
) -> tuple[JobScript, ...]:
    """Return jobs, of which some run, with all that they need."""
    running = {_key(name, jobs) for name in names}
    for job in reversed(jobs):
        if job.key in running:
            running.update(job.needs)
    let_run = (
        replace(job, is_skipped=job.is_skipped and job.key not in running)
        for job in jobs
    )
    more = (JobScript(name=n) for n in names if _key(n, jobs) is None)
    return *let_run, *more


def _key(name: str | None, jobs: Sequence[JobScript]) -> str | None:
    """Find the key of the job that a name means."""
    # A called job is named after its caller, one of a matrix has its values.
    for wanted in (name, re.split(r" / | \(", name or "")[0]):
        for job in reversed(jobs):
            if wanted in (*job.names, job.name.partition(" (")[0]):
                return job.key
    return None


def _went_well(script: WorkflowScript) -> WorkflowScript:
    """Return the script of a run of the past: nothing went wrong in it."""
    jobs = tuple(
        replace(
            job,
            conclusions=("success",),
            environment=None,
            annotations=(),
            log=None,
        )
        for job in script.jobs or ()
    )
    return replace(
        script,
        jobs=jobs,
        startup_failure=False,
        is_lost=False,
        cancel_after=None,
        concurrency=None,
    )


def _fill(text: str, values: Mapping[str, str]) -> str:
    with contextlib.suppress(KeyError, IndexError, ValueError):
        return text.format_map(values)
    return text
