"""The REST API: jobs, their logs and check runs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .actions import Attempt, JobTimes, Run, job_annotations
from .base import Problem, Response, iso, node_id, not_found
from .refs import commit_at
from .rest import Context, page, route
from .rights import may
from .runs import addresses, find_run, seen_runs

__all__ = ["commit_check_runs", "find_job", "seen_jobs"]

R = "/repos/{owner}/{repo}"
A = R + "/actions"


def job_shape(context: Context, run: Run, job: JobTimes) -> dict[str, Any]:
    """Return a ``job``."""
    now = context.view.now
    _, web = addresses(context, run)
    status = job.status(now)
    is_over = status == "completed"
    has_runner = status in {"in_progress", "completed"} and (
        job.conclusion != "skipped"
    )
    steps = []
    for step in job.steps(run.speed) if has_runner else ():
        state = step.status(now)
        done = state == "completed"
        started = iso(step.started_at) if state != "queued" else None
        steps.append(
            {
                "name": step.name,
                "status": state,
                "conclusion": step.conclusion if done else None,
                "number": step.number,
                "started_at": started,
                "completed_at": iso(step.completed_at) if done else None,
            }
        )
    return {
        "id": job.id,
        "run_id": run.id,
        "workflow_name": run.name,
        "head_branch": run.head_branch,
        "run_url": f"{context.api}/actions/runs/{run.id}",
        "run_attempt": job.attempt,
        "node_id": node_id("CheckRun", job.id),
        "head_sha": run.head_sha,
        "url": f"{context.api}/actions/jobs/{job.id}",
        "html_url": f"{web}/job/{job.id}",
        "status": status,
        "conclusion": job.conclusion if is_over else None,
        "created_at": iso(job.created_at),
        # GitHub fills this in before the job starts.
        "started_at": iso(
            job.started_at
            if job.started_at and job.started_at <= now
            else job.created_at
        ),
        "completed_at": iso(job.completed_at) if is_over else None,
        "name": job.script.name,
        "steps": steps,
        "check_run_url": f"{context.api}/check-runs/{job.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1 if has_runner else None,
        "runner_name": "GitHub Actions 1" if has_runner else None,
        "runner_group_id": 0 if has_runner else None,
        "runner_group_name": "GitHub Actions" if has_runner else None,
    }


def seen_jobs(
    context: Context, run: Run, attempt: Attempt | None = None
) -> list[JobTimes]:
    """Return the jobs that exist by now: those whose needs are met."""
    now = context.view.now
    return [job for job in run.jobs(attempt) if job.created_at <= now]


@route("GET", A + "/runs/{run}/jobs", "actions:read")
def list_jobs(context: Context) -> Response:
    """List the jobs of the latest attempt."""
    run = find_run(context)
    found = seen_jobs(context, run)
    return page(
        context, found, lambda j: job_shape(context, run, j), wrap="jobs"
    )


def find_job(context: Context) -> tuple[Run, JobTimes]:
    """Return the job that the path names, with its run.

    Raises
    ------
    Problem
        Raised if the request can see none.
    """
    number = context.number("job")
    for run in seen_runs(context):
        for attempt in reversed(run.attempts):
            for job in seen_jobs(context, run, attempt):
                if job.id == number:
                    return run, job
    raise not_found()


@route("GET", A + "/jobs/{job}/logs", "actions:read")
def get_logs(context: Context) -> Response:
    """Redirect to a job's log on a storage host, once it has ended."""
    run, job = find_job(context)
    if context.token is None:
        raise Problem(403, "Must have admin rights to Repository.")
    if job.status(context.view.now) != "completed":
        raise not_found()
    if job.conclusion == "skipped":
        raise not_found()
    address = context.box.logs.address(run, job)
    return Response(302, body=b"", headers={"Location": address})


@route("GET", R + "/check-runs/{job}/annotations", "checks:read")
def list_annotations(context: Context) -> Response:
    """List what a job wants to be noticed."""
    run, job = find_job(context)
    is_over = job.status(context.view.now) == "completed"
    found = job_annotations(job) if is_over else []

    def shape(item: dict[str, Any]) -> dict[str, Any]:
        line = item.get("line", 1)
        path = quote(item.get("path", ".github"))
        return {
            "path": path,
            "blob_href": f"{context.web}/blob/{run.head_sha}/{path}",
            "start_line": line,
            "start_column": None,
            "end_line": line,
            "end_column": None,
            "annotation_level": item.get("level", "failure"),
            "title": item.get("title", ""),
            "message": item.get("message", ""),
            "raw_details": "",
        }

    return page(context, found, shape)


@route("GET", R + "/check-runs/{job}", "checks:read")
def get_check_run(context: Context) -> Response:
    """Answer the check run of a job."""
    return Response(200, _check_run(context, *find_job(context)))


def _check_run(context: Context, run: Run, job: JobTimes) -> dict[str, Any]:
    shape = job_shape(context, run, job)
    url = shape["check_run_url"]
    return {
        "id": job.id,
        "head_sha": run.head_sha,
        "node_id": shape["node_id"],
        "external_id": str(job.id),
        "url": url,
        "html_url": shape["html_url"],
        "details_url": shape["html_url"],
        "status": shape["status"],
        "conclusion": shape["conclusion"],
        "started_at": shape["started_at"],
        "completed_at": shape["completed_at"],
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": len(job_annotations(job)),
            "annotations_url": f"{url}/annotations",
        },
        "name": job.script.name,
        "check_suite": {"id": run.id + 7_000_000_000},
        "app": None,
        "pull_requests": [],
    }


def commit_check_runs(context: Context, name: str) -> Response:
    """Answer the check runs of a commit."""
    if not may(context.token, context.project, "checks", "read"):
        text = "Resource not accessible by personal access token"
        raise Problem(403, text, headers={"need": "checks:read"})
    commit = commit_at(context, name)
    found = [
        (run, job)
        for run in seen_runs(context)
        if run.head_sha == commit.sha
        for job in seen_jobs(context, run)
    ]
    if wanted := context.request.query.get("check_name"):
        found = [item for item in found if item[1].script.name == wanted]
    return page(
        context, found, lambda i: _check_run(context, *i), wrap="check_runs"
    )
