"""Workflow runs on GitHub: what they do, why they failed, what they wait for.

What never changes is read once: the log of a job that is over, runs of the
past. What seldom changes is not read again until the run itself changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import quote, urlsplit

from ..exceptions import NotAllowedError, NotSentError, ReadError, RefusedError
from ..models import (
    Annotation,
    ApproveDeployments,
    ConcurrencyGroup,
    Job,
    JobStep,
    PendingDeployment,
    RerunFailedJobs,
    WorkflowRun,
)
from .github_http import GithubHttp
from .job_log import LogTail

__all__ = ["GithubActions", "parse_time", "reading"]

P = ParamSpec("P")
T = TypeVar("T")

_BAD = ("failure", "timed_out", "cancelled")
_PAST_RUNS = 2
_RERUN_WITHIN = timedelta(days=30)
_WAITS_AGE = 30.0
"""Seconds for which what a run waits for is believed to stay."""

_LOG_TRIES = 3
_LOG_PAUSE = 2.0
_PIECE = 1 << 12
"""Bytes read at once, which are lost where a download breaks off."""


def reading(method: Callable[P, T]) -> Callable[P, T]:
    """Turn an answer of an unexpected shape into a failed read."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise ReadError(
                f"GitHub's answer makes no sense ({type(e).__name__}: {e})"
            ) from e

    return wrapper


class GithubActions:
    """The workflow runs of one repository on GitHub.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    """

    def __init__(self, *, http: GithubHttp, repository: str) -> None:
        self._http = http
        self._name = repository
        self._root = f"/repos/{quote(repository)}"
        self._actions = f"{self._root}/actions"
        self._kept: dict[tuple[str, int], tuple[WorkflowRun, datetime, Any]]
        self._kept = {}
        self._past: dict[tuple[str, str], tuple[WorkflowRun, ...]] = {}
        self._explained: dict[tuple[int, int], Job] = {}

    def pause(self) -> float:
        return self._http.pause

    # -- Runs and jobs ------------------------------------------------------

    @reading
    def runs(self, *, commit: str, event: str) -> tuple[WorkflowRun, ...]:
        answer = self._http.get(
            f"{self._actions}/runs",
            params={"event": event, "head_sha": commit, "per_page": 100},
        )
        return tuple(_parse_run(d) for d in answer.data["workflow_runs"])

    @reading
    def run(self, number: int) -> WorkflowRun | None:
        answer = self._http.get(
            f"{self._actions}/runs/{number}", may_miss=True
        )
        return None if answer.data is None else _parse_run(answer.data)

    def jobs(self, run: WorkflowRun, *, age: float = 0) -> tuple[Job, ...]:
        return self._keep("jobs", run, age, lambda: self._read_jobs(run))

    @reading
    def _read_jobs(self, run: WorkflowRun) -> tuple[Job, ...]:
        items = self._http.get_pages(
            f"{self._actions}/runs/{run.id}/jobs",
            params={"filter": "latest"},
            key="jobs",
        )
        return tuple(_parse_job(data) for data in items)

    def past(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        key = run.path, run.event
        if key not in self._past:
            try:
                self._past[key] = tuple(self._read_past(run))
            except (NotAllowedError, ReadError):
                self._past[key] = ()
        return self._past[key]

    @reading
    def _read_past(self, run: WorkflowRun) -> list[WorkflowRun]:
        found = self._of_workflow(
            run, event=run.event, status="success", per_page=_PAST_RUNS + 2
        )
        # Jobs that were kept from an earlier attempt have its times.
        once = [each for each in found if each.attempt == 1]
        return [
            replace(each, jobs=self._read_jobs(each))
            for each in once[:_PAST_RUNS]
            if each.id != run.id
        ]

    @reading
    def newer(self, run: WorkflowRun) -> tuple[WorkflowRun, ...]:
        found = self._of_workflow(run, per_page=30)
        return tuple(each for each in found if each.id > run.id)

    def _of_workflow(
        self, run: WorkflowRun, **params: str | int
    ) -> Iterator[WorkflowRun]:
        name = quote(run.path.rsplit("/", 1)[-1], safe="")
        answer = self._http.get(
            f"{self._actions}/workflows/{name}/runs",
            params=params,
            may_miss=True,
        )
        listed = answer.data["workflow_runs"] if answer.data else []
        return (_parse_run(data) for data in listed)

    @reading
    def workflow_state(self, path: str) -> str | None:
        name = quote(path.rsplit("/", 1)[-1], safe="")
        answer = self._http.get(
            f"{self._actions}/workflows/{name}", may_miss=True
        )
        return None if answer.data is None else str(answer.data["state"])

    # -- Why it failed ------------------------------------------------------

    def explain(self, job: Job, *, lines: int) -> Job:
        key = job.id, job.attempt
        if key not in self._explained:
            annotations = self._read_annotations(job)
            log, note = self._read_log(job, lines)
            self._explained[key] = replace(
                job, annotations=annotations, log=log, log_note=note
            )
        known = self._explained[key]
        return replace(
            job,
            annotations=known.annotations,
            log=known.log[-lines:] if lines else (),
            log_note=known.log_note,
        )

    def _read_annotations(self, job: Job) -> tuple[Annotation, ...]:
        """Read annotations, which a fine-grained token may not."""
        try:
            return self._ask_annotations(job)
        except (NotAllowedError, ReadError):
            return ()

    @reading
    def _ask_annotations(self, job: Job) -> tuple[Annotation, ...]:
        answer = self._http.get(
            f"{self._root}/check-runs/{job.id}/annotations",
            params={"per_page": 50},
            may_miss=True,
        )
        return tuple(_parse_annotation(data) for data in answer.data or ())

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
            tail = LogTail(
                started_at=step.started_at if step else None,
                completed_at=step.completed_at if step else None,
                lines=lines,
            )
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
        import requests

        if urlsplit(address).scheme not in ("http", "https"):
            return "its log cannot be read: it is at no web address"
        try:
            with (
                requests.Session() as session,
                session.get(
                    address,
                    stream=True,
                    timeout=30,
                    auth=_no_credentials,
                    headers={"User-Agent": "rsp-release"},
                ) as response,
            ):
                if response.status_code != 200:
                    status = response.status_code
                    return f"its log cannot be read: answer {status}"
                for piece in response.iter_content(_PIECE):
                    tail.feed(piece)
        except requests.exceptions.RequestException:
            return "its log broke off while it was read"
        return None

    # -- What it waits for --------------------------------------------------

    def pending_deployments(
        self, run: WorkflowRun
    ) -> tuple[PendingDeployment, ...]:
        return self._keep(
            "deployments",
            run,
            _WAITS_AGE,
            lambda: self._read_deployments(run.id),
        )

    @reading
    def _read_deployments(self, run: int) -> tuple[PendingDeployment, ...]:
        try:
            answer = self._http.get(
                f"{self._actions}/runs/{run}/pending_deployments",
                may_miss=True,
            )
        except NotAllowedError:
            return ()
        return tuple(_parse_deployment(data) for data in answer.data or ())

    def concurrency(self, run: WorkflowRun) -> ConcurrencyGroup | None:
        return self._keep(
            "concurrency",
            run,
            _WAITS_AGE,
            lambda: self._read_concurrency(run.id),
        )

    @reading
    def _read_concurrency(self, run: int) -> ConcurrencyGroup | None:
        """Read where a run stands; older servers do not tell."""
        try:
            answer = self._http.get(
                f"{self._actions}/runs/{run}/concurrency_groups",
                may_miss=True,
            )
        except NotAllowedError:
            return None
        groups = answer.data["concurrency_groups"] if answer.data else []
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
        try:
            answer = self._http.get(path, params=ahead, may_miss=True)
        except (NotAllowedError, ReadError):
            return None, None
        for other in answer.data["group_members"] if answer.data else ():
            if other["status"] != "in_progress":
                continue
            parts = [other["run_name"], other.get("job_name")]
            told = " / ".join(str(part) for part in parts if part)
            return told, other.get("job_html_url") or other["run_html_url"]
        return None, None

    # -- Writes -------------------------------------------------------------

    def rerun(self, write: RerunFailedJobs) -> None:
        run = self._look(lambda: self.run(write.run))
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
        verb = "rerun" if write.everything else "rerun-failed-jobs"
        try:
            self._http.write(
                "POST", f"{self._actions}/runs/{write.run}/{verb}", {}
            )
        except NotAllowedError as e:
            said = e.message.lower()
            if "already running" in said:
                raise NotSentError(e.message) from e
            if "retr" in said:
                raise RefusedError(e.message, url=run.url) from e
            raise NotAllowedError(
                e.message, help="to re-run, the token needs Actions: write"
            ) from e

    def approve(self, write: ApproveDeployments) -> None:
        waiting = self._look(lambda: self._read_deployments(write.run))
        left = {d.id for d in waiting}.intersection(write.environments)
        if not left:
            return
        try:
            self._http.write(
                "POST",
                f"{self._actions}/runs/{write.run}/pending_deployments",
                {
                    "environment_ids": sorted(left),
                    "state": "approved",
                    "comment": "Approved with rsp-release watch --approve",
                },
            )
        except NotAllowedError as e:
            raise NotAllowedError(
                e.message,
                help=(
                    "to approve, the token needs Deployments: write, and its"
                    " owner to be a reviewer of the environment"
                ),
            ) from e
        finally:
            self._kept.pop(("deployments", write.run), None)

    # -- Parts --------------------------------------------------------------

    def _look(self, read: Callable[[], T]) -> T:
        """Look before a write; if that fails, nothing was written."""
        try:
            return read()
        except ReadError as e:
            raise NotSentError(e.message) from e

    def _keep(
        self, kind: str, run: WorkflowRun, age: float, read: Callable[[], T]
    ) -> T:
        """Read, unless that was done and the run is as it was then."""
        bare = replace(run, jobs=(), expected_at=None)
        now = self._http.clock.now()
        kept = self._kept.get((kind, run.id))
        if kept is not None and kept[0] == bare:
            if timedelta() <= now - kept[1] < timedelta(seconds=age):
                return cast("T", kept[2])
        value = read()
        self._kept[kind, run.id] = (bare, self._http.clock.now(), value)
        return value


def _no_credentials(request: Any) -> Any:
    """Keep requests from looking for credentials in ``~/.netrc``."""
    return request


def parse_time(text: str | None) -> datetime | None:
    """Read a time of the API.

    Parameters
    ----------
    text
        The time in ISO 8601, or `None`.

    Returns
    -------
    datetime or None
        The time (aware).
    """
    return datetime.fromisoformat(text) if text else None


def _parse_run(data: Any) -> WorkflowRun:
    created = parse_time(data["created_at"])
    if created is None:
        raise ValueError("a run without created_at")
    return WorkflowRun(
        id=int(data["id"]),
        name=data["name"] or data["path"],
        path=data["path"].split("@")[0],
        event=data["event"],
        status=data["status"] or "queued",
        conclusion=data["conclusion"],
        commit=data["head_sha"],
        ref=data["head_branch"],
        attempt=int(data.get("run_attempt") or 1),
        url=data["html_url"],
        created_at=created,
        started_at=parse_time(data.get("run_started_at")),
        updated_at=parse_time(data.get("updated_at")),
    )


def _parse_job(data: Any) -> Job:
    return Job(
        id=int(data["id"]),
        name=data["name"],
        status=data["status"],
        conclusion=data["conclusion"],
        url=data["html_url"],
        started_at=parse_time(data["started_at"]),
        completed_at=parse_time(data["completed_at"]),
        steps=tuple(
            JobStep(
                number=int(step["number"]),
                name=step["name"],
                status=step["status"],
                conclusion=step["conclusion"],
                started_at=parse_time(step.get("started_at")),
                completed_at=parse_time(step.get("completed_at")),
            )
            for step in data.get("steps") or []
        ),
        attempt=int(data.get("run_attempt") or 1),
    )


def _parse_annotation(data: Any) -> Annotation:
    return Annotation(
        level=data["annotation_level"] or "notice",
        message=data["message"] or "",
        title=data["title"] or "",
        # GitHub names its own folder where there is no file.
        path=data["path"] if data["path"] != ".github" else None,
        line=data["start_line"],
    )


def _parse_deployment(data: Any) -> PendingDeployment:
    began = parse_time(data.get("wait_timer_started_at"))
    minutes = int(data.get("wait_timer") or 0)
    return PendingDeployment(
        id=int(data["environment"]["id"]),
        environment=data["environment"]["name"],
        reviewers=tuple(
            _name_reviewer(each["type"], each["reviewer"])
            for each in data.get("reviewers") or ()
        ),
        can_approve=bool(data.get("current_user_can_approve")),
        ready_at=began + timedelta(minutes=minutes) if began else None,
    )


def _name_reviewer(kind: str, reviewer: Any) -> str:
    if kind == "Team":
        return f"team {reviewer['name']}"
    return str(reviewer["login"])
