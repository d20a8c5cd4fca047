"""Workflow runs on GitHub: what they do, why they failed, what they wait for.

What never changes is read once: the log of a job that is over, runs of the
past. What seldom changes is not read again until the run itself changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlsplit

from github.CheckRun import CheckRun
from github.PaginatedList import PaginatedList
from github.Repository import Repository
from github.WorkflowRun import WorkflowRun as GithubRun

from ...exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
)
from ...models import (
    Annotation,
    ApproveDeployments,
    ConcurrencyGroup,
    Environment,
    Job,
    PendingDeployment,
    RerunFailedJobs,
    WorkflowRun,
)
from ..http import Limits, Request
from .answers import deny_repository, look, reading, unless, writing
from .http import GithubHttp
from .job_log import LogTail
from .overview import Overview
from .shapes import (
    parse_annotation,
    parse_deployment,
    parse_environment,
    parse_job,
    parse_run,
)

__all__ = ["GithubActions"]

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")

_PAST_RUNS = 2
_RERUN_WITHIN = timedelta(days=30)
_WAITS_AGE = 30.0
"""Seconds for which what a run waits for is believed to stay."""

_BAD = ("failure", "timed_out", "cancelled")
_LOG_TRIES = 3
_LOG_PAUSE = 2.0
_LOG_LIMITS = Limits(silence=30, total=300, size=1 << 30)
"""A log is read in parts, none of which is kept."""


class GithubActions:
    """The workflow runs of one repository on GitHub.

    That a job failed is true whether or not it can be read why, so what
    cannot be read of that is left out.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    own_run
        The number of the workflow run that this program is a part of, if it
        is.
    """

    def __init__(
        self, *, http: GithubHttp, repository: str, own_run: int | None = None
    ) -> None:
        self._http = http
        self._go_by(repository)
        self._own_run = own_run
        self._kept: dict[object, tuple[WorkflowRun, datetime, Any]] = {}
        self._past: dict[tuple[str, str], tuple[WorkflowRun, ...]] = {}
        self._explained: dict[tuple[int, int], Job] = {}
        self._overview = Overview(http, own_run)
        self._hides_protection = self._has_classic = False
        """Whether a branch's classic protection is for administrators alone,
        and whether there is one.
        """

    def _go_by(self, name: str) -> None:
        """Ask for the repository by a name from now on."""
        self.name = name
        """Owner and name."""
        self._root = f"/repos/{quote(name)}"
        self._actions = f"{self._root}/actions"
        self._repo = self._http.at(Repository, self._root)

    def _look_up(self) -> Repository | None:
        """Return the repository, if these credentials see it.

        From then on it goes by the name that GitHub knows it by.
        """
        found = self._http.find(lambda: Repository(self._http, url=self._root))
        if found is not None and _NAME.fullmatch(found.full_name or ""):
            self._go_by(found.full_name)
        return found

    def _find_endpoint(self, read: Callable[[], T]) -> T | None:
        """Read from an endpoint that the server may lack.

        That is no outage: the repository itself is there.
        """
        found = self._http.find(read, endpoint=True)
        if found is None and self._look_up() is None:
            raise deny_repository(self.name, self._http.web_url)
        return found

    @reading
    def identify(self) -> tuple[str, int] | None:
        """Return the name and the number that the repository has now."""
        found = self._look_up()
        self._http.has_moved = False
        return None if found is None else (self.name, found.id)

    @property
    def has_moved(self) -> bool:
        """Whether GitHub led elsewhere since it was last identified."""
        return self._http.has_moved

    def pause(self) -> float:
        return self._http.pause

    # -- Runs and jobs ------------------------------------------------------

    @reading
    def runs(self, *, commit: str, event: str) -> tuple[WorkflowRun, ...]:
        found = self._runs(event=event, head_sha=commit)
        return tuple(map(parse_run, found))

    @reading
    def run(self, number: int) -> WorkflowRun | None:
        found = self._http.find(lambda: self._repo.get_workflow_run(number))
        return None if found is None else parse_run(found)

    def jobs(self, run: WorkflowRun, *, age: float = 0) -> tuple[Job, ...]:
        return self._keep(run, age, self._read_jobs)

    @reading
    def _read_jobs(self, run: int) -> tuple[Job, ...]:
        jobs = self._run_at(run).jobs("latest")
        return tuple(map(parse_job, self._http.items(jobs)))

    def past(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        key = run.path, run.event
        if key not in self._past:
            past = unless(
                lambda: self._read_past(run), NotAllowedError, ReadError
            )
            self._past[key] = past or ()
        return self._past[key]

    @reading
    def _read_past(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        found = self._of_workflow(
            run.path, _PAST_RUNS + 2, event=run.event, status="success"
        )
        # Jobs that were kept from an earlier attempt have its times.
        once = [each for each in found if each.attempt == 1]
        return tuple(
            replace(each, jobs=self._read_jobs(each.id))
            for each in once[:_PAST_RUNS]
            if each.id != run.id
        )

    @reading
    def last_runs(self, path: str) -> tuple[WorkflowRun, ...]:
        return tuple(self._of_workflow(path, 30))

    def _of_workflow(
        self, path: str, most: int, **wanted: str
    ) -> list[WorkflowRun]:
        """Return the last runs of a workflow; none where there is none."""
        part = f"/workflows/{quote(path.rsplit('/', 1)[-1], safe='')}"
        found = self._http.find(lambda: self._runs(part, most, **wanted))
        return [parse_run(each) for each in found or ()]

    def _run_at(self, number: int) -> GithubRun:
        path = f"{self._actions}/runs/{number}"
        return self._http.at(
            GithubRun, path, jobs_url=f"{path}/jobs", rerun_url=f"{path}/rerun"
        )

    def _runs(
        self, part: str = "", most: int = 100, **wanted: str
    ) -> list[GithubRun]:
        """Return some runs, the newest first, read in one request.

        `Repository.get_workflow_runs` and `Workflow.get_runs` read a hundred
        of them, at twelve kilobytes each, where one is wanted.
        """
        runs = PaginatedList(
            GithubRun,
            self._http,
            f"{self._actions}{part}/runs",
            {**wanted, "per_page": most},
            list_item="workflow_runs",
        )
        return self._http.items(runs, most)

    @reading
    def workflow_state(self, path: str) -> str | None:
        name = path.rsplit("/", 1)[-1]
        found = self._http.find(lambda: self._repo.get_workflow(name))
        return None if found is None else found.state

    @reading
    def runs_workflows(self) -> bool | None:
        path = f"{self._actions}/permissions"
        found = unless(lambda: self._http.get(path), NotAllowedError)
        return bool(found["enabled"]) if found else None

    @reading
    def environment(self, name: str) -> Environment | None:
        path = f"{self._root}/environments/{quote(name, safe='')}"
        found = self._http.get(path)
        if found is None:
            return None
        policy, policies = found.get("deployment_branch_policy"), None
        if policy and policy["custom_branch_policies"]:
            policies = self._http.get(
                f"{path}/deployment-branch-policies", per_page=100
            )
        return parse_environment(found, policies)

    # -- Why a job failed ---------------------------------------------------

    def explain(self, job: Job, *, lines: int) -> Job:
        key = job.id, job.attempt
        if key not in self._explained:
            # A fine-grained token may not read them.
            annotations = unless(
                lambda: self._read_annotations(job), NotAllowedError, ReadError
            )
            log, note = self._read_log(job, lines)
            self._explained[key] = replace(
                job, annotations=annotations or (), log=log, log_note=note
            )
        known = self._explained[key]
        return replace(
            job,
            annotations=known.annotations,
            log=known.log[-lines:] if lines else (),
            log_note=known.log_note,
        )

    @reading
    def _read_annotations(self, job: Job) -> tuple[Annotation, ...]:
        check = self._http.at(CheckRun, f"{self._root}/check-runs/{job.id}")
        found = self._http.find(
            lambda: self._http.items(check.get_annotations(), 50)
        )
        return tuple(map(parse_annotation, found or ()))

    def _read_log(
        self, job: Job, lines: int
    ) -> tuple[tuple[str, ...], str | None]:
        """Read the end of the log of the step that failed.

        That a run failed is true whether or not its log can be read, so
        this never fails.
        """
        step = next((s for s in job.steps if s.conclusion in _BAD), None)
        note = "GitHub has no log of it"
        for number in range(_LOG_TRIES):
            if number:
                self._http.clock.sleep(_LOG_PAUSE)
            try:
                address = self._http.locate(
                    f"{self._actions}/jobs/{job.id}/logs"
                )
            except (NotAllowedError, ReadError) as e:
                return (), f"its log cannot be read: {e.message}"
            if address is None:
                # It comes a moment after the end of the job.
                continue
            tail = LogTail(step=step, lines=lines)
            broken = self._download(address, tail)
            kept, is_of_step = tail.end()
            if broken and number + 1 < _LOG_TRIES:
                note = broken
                continue
            if not kept:
                return (), broken or "its log is empty"
            if not broken and step and not is_of_step:
                broken = "the end of the whole job's log"
            return kept, broken
        return (), note

    def _download(self, address: str, tail: LogTail) -> str | None:
        """Feed a log to its tail; return what went wrong, if anything.

        The address holds its own credentials, and is on another host: it
        gets none of ours, and is told to nobody.
        """
        if urlsplit(address).scheme not in ("http", "https"):
            return "its log cannot be read: it is at no web address"
        try:
            with self._http.exchange.stream(
                Request(url=address, limits=_LOG_LIMITS)
            ) as answer:
                if answer.status in (404, 410):
                    status = answer.status
                    return f"GitHub has its log no more (answer {status})"
                if answer.status != 200:
                    return f"its log cannot be read: answer {answer.status}"
                for part in answer.parts:
                    tail.feed(part)
        except ReadError:
            return "its log broke off while it was read"
        return None

    # -- What it waits for --------------------------------------------------

    def pending_deployments(
        self, run: WorkflowRun
    ) -> tuple[PendingDeployment, ...]:
        return self._keep(run, _WAITS_AGE, self._read_deployments)

    @reading
    def _read_deployments(self, run: int) -> tuple[PendingDeployment, ...]:
        path = f"{self._actions}/runs/{run}/pending_deployments"
        found = unless(
            lambda: self._http.get(path, endpoint=True), NotAllowedError
        )
        return tuple(map(parse_deployment, found or ()))

    def concurrency(self, run: WorkflowRun) -> ConcurrencyGroup | None:
        return self._keep(run, _WAITS_AGE, self._read_concurrency)

    @reading
    def _read_concurrency(self, run: int) -> ConcurrencyGroup | None:
        """Read where a run stands; older servers do not tell."""
        path = f"{self._actions}/runs/{run}/concurrency_groups"
        found = unless(
            lambda: self._http.get(path, endpoint=True), NotAllowedError
        )
        groups = found["concurrency_groups"] if found else []
        for group in groups:
            for member in group["group_members"]:
                if int(member["position"]) < 1:
                    continue
                name = str(group["group_name"])
                holder, url = self._find_holder(name, run, member)
                return ConcurrencyGroup(
                    name=name,
                    position=int(member["position"]),
                    holder=holder,
                    holder_url=url,
                )
        return None

    def _find_holder(
        self, name: str, run: int, member: Any
    ) -> tuple[str | None, str | None]:
        job = member.get("job_id")
        ahead = {"ahead_of_job": job} if job else {"ahead_of_run": run}
        path = f"{self._actions}/concurrency_groups/{quote(name, safe='')}"
        found = unless(
            lambda: self._http.get(path, **ahead), NotAllowedError, ReadError
        )
        for other in found["group_members"] if found else ():
            if other["status"] != "in_progress":
                continue
            parts = [other["run_name"], other.get("job_name")]
            told = " / ".join(str(part) for part in parts if part)
            return told, other.get("job_html_url") or other["run_html_url"]
        return None, None

    # -- Writes -------------------------------------------------------------

    @writing
    def rerun(self, write: RerunFailedJobs) -> None:
        run = look(lambda: self.run(write.run))
        if run is None:
            raise RefusedError(f"there is no run {write.run}")
        if run.attempt > write.attempt:
            return
        if run.status != "completed":
            raise NotSentError(f"{run.name} is running")
        if self._http.clock.now() - run.created_at > _RERUN_WITHIN:
            raise RefusedError(
                f"{run.name} is older than 30 days, and GitHub runs it no"
                " more",
                url=run.url,
            )
        begun = self._run_at(write.run)
        try:
            if write.everything:
                begun.rerun()
            else:
                begun.rerun_failed_jobs()
        except NotAllowedError as e:
            said = e.message.lower()
            if "already running" in said:
                raise NotSentError(e.message) from e
            if "retr" in said:
                raise RefusedError(e.message, url=run.url) from e
            raise

    def approve(self, write: ApproveDeployments) -> None:
        waiting = look(lambda: self._read_deployments(write.run))
        left = {d.id for d in waiting}.intersection(write.environments)
        if not left:
            return
        try:
            self._http.ask(
                "POST",
                f"{self._actions}/runs/{write.run}/pending_deployments",
                body={
                    "environment_ids": sorted(left),
                    "state": "approved",
                    "comment": "Approved with rsp-release watch --approve",
                },
            )
        except NotAllowedError as e:
            reviewer = "only a reviewer of the environment may approve"
            raise NotAllowedError(
                e.message,
                help="\n".join(filter(None, (e.help, reviewer))),
                url=e.url,
            ) from e
        finally:
            self._kept.pop((self._read_deployments, write.run), None)

    # -- Parts --------------------------------------------------------------

    def _keep(
        self, run: WorkflowRun, age: float, read: Callable[[int], T]
    ) -> T:
        """Read, unless that was done and the run is as it was then."""
        bare = replace(run, jobs=(), expected_at=None)
        now = self._http.clock.now()
        kept = self._kept.get((read, run.id))
        if kept is not None and kept[0] == bare:
            if timedelta() <= now - kept[1] < timedelta(seconds=age):
                return cast("T", kept[2])
        value = read(run.id)
        self._kept[read, run.id] = (bare, self._http.clock.now(), value)
        return value
