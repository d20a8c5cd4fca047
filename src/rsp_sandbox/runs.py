"""The REST API: workflows and their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from . import shapes
from .actions import Run
from .base import Response, iso, node_id, not_found
from .records import workflow_id
from .rest import Context, page, route
from .workflows import read_workflow, workflow_paths

__all__ = [
    "addresses",
    "find_run",
    "seen_runs",
]

R = "/repos/{owner}/{repo}"
A = R + "/actions"


def _workflows(context: Context) -> dict[str, str]:
    """Return the workflows that GitHub knows: name by path."""
    box, project = context.box, context.project
    found: dict[str, str] = {}
    head = project.git.resolve("HEAD")
    for path in workflow_paths(project.git, head or ""):
        ref = "refs/heads/" + project.git.default_branch
        script = read_workflow(
            project.git, head or "", path, event="push", ref=ref
        )
        found[path] = (script.name if script else None) or path
    for script in box.scenario.workflows:
        found[script.path] = script.name or found.get(script.path, script.path)
    for run in project.runs:
        found.setdefault(run.path, run.name)
    return found


def _workflow(context: Context, path: str, name: str) -> dict[str, Any]:
    box, project = context.box, context.project
    number = workflow_id(project, path)
    branch = project.git.default_branch
    file = path.rpartition("/")[2]
    moment = iso(project.created_at)
    return {
        "id": number,
        "node_id": node_id("Workflow", number),
        "name": name,
        "path": path,
        "state": box.runner.workflow_state(project, path),
        "created_at": moment,
        "updated_at": moment,
        "url": f"{context.api}/actions/workflows/{number}",
        "html_url": f"{context.web}/blob/{branch}/{path}",
        "badge_url": f"{context.web}/workflows/{quote(file)}/badge.svg",
    }


def _find_workflow(context: Context) -> tuple[str, str]:
    asked = context.args["workflow"]
    for path, name in _workflows(context).items():
        number = str(workflow_id(context.project, path))
        if asked in {number, path.rpartition("/")[2]}:
            return path, name
    raise not_found()


@route("GET", A + "/workflows/{workflow}", "actions:read")
def get_workflow(context: Context) -> Response:
    """Answer a workflow by number or file name."""
    return Response(200, _workflow(context, *_find_workflow(context)))


# -- Runs ------------------------------------------------------------------


def addresses(context: Context, run: Run) -> tuple[str, str]:
    """Return the addresses of a run: of the API, and for people."""
    return (
        f"{context.api}/actions/runs/{run.id}",
        f"{context.web}/actions/runs/{run.id}",
    )


def run_shape(context: Context, run: Run, now: datetime) -> dict[str, Any]:
    """Return a ``workflow-run`` as of a moment."""
    box, project = context.box, context.project
    known = [a for a in run.attempts if a.requested_at <= now]
    attempt = (known or run.attempts)[-1]
    api, web = addresses(context, run)
    suite = run.id + 7_000_000_000
    head = project.git.commit(run.head_sha)
    repository = shapes.minimal_repository(box, project)
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("WorkflowRun", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.path,
        "display_title": run.title,
        "run_number": run.run_number,
        "event": run.event,
        "status": run.status(now, attempt),
        "conclusion": run.conclusion(now, attempt),
        "workflow_id": run.workflow_id,
        "check_suite_id": suite,
        "url": api,
        "html_url": web,
        "pull_requests": [],
        "created_at": iso(run.created_at),
        "updated_at": iso(run.updated_at(now)),
        "actor": shapes.user(box, run.actor),
        "run_attempt": attempt.number,
        "run_started_at": iso(attempt.requested_at),
        "triggering_actor": shapes.user(box, attempt.actor),
        "jobs_url": f"{api}/jobs",
        "logs_url": f"{api}/logs",
        "check_suite_url": f"{context.api}/check-suites/{suite}",
        "artifacts_url": f"{api}/artifacts",
        "cancel_url": f"{api}/cancel",
        "rerun_url": f"{api}/rerun",
        "workflow_url": f"{context.api}/actions/workflows/{run.workflow_id}",
        "head_commit": {
            "id": head.sha,
            "tree_id": head.tree,
            "message": head.message.rstrip("\n"),
            "timestamp": iso(head.committer.date),
            "author": {"name": head.author.name, "email": head.author.email},
            "committer": {
                "name": head.committer.name,
                "email": head.committer.email,
            },
        }
        if head
        else None,
        "repository": repository,
        "head_repository": repository,
    }


def seen_runs(context: Context) -> list[Run]:
    """Return the runs that the request can see, newest first."""
    context.box.notice(context.project)
    view = context.view.back(context.box.lag.runs)
    return [
        run
        for run in reversed(context.project.runs)
        if run.is_there(view.now)
        and (view.newest is None or run.number <= view.newest)
    ]


def _filtered(context: Context, runs: list[Run]) -> Response:
    query = context.request.query
    now = context.view.back(context.box.lag.runs).now
    found = [
        run
        for run in runs
        if query.get("head_sha", run.head_sha) == run.head_sha
        and query.get("event", run.event) == run.event
        and query.get("branch", run.head_branch) == run.head_branch
        and query.get("status") in {None, run.status(now), run.conclusion(now)}
    ]
    return page(
        context,
        found,
        lambda run: run_shape(context, run, now),
        wrap="workflow_runs",
    )


@route("GET", A + "/runs", "actions:read")
def list_runs(context: Context) -> Response:
    """List the runs of the repository, newest first."""
    return _filtered(context, seen_runs(context))


@route("GET", A + "/workflows/{workflow}/runs", "actions:read")
def list_workflow_runs(context: Context) -> Response:
    """List the runs of a workflow, newest first."""
    path, _ = _find_workflow(context)
    runs = [run for run in seen_runs(context) if run.path == path]
    return _filtered(context, runs)


def find_run(context: Context) -> Run:
    """Return the run that the path names.

    Raises
    ------
    Problem
        Raised if the request can see none.
    """
    number = context.number("run")
    for run in seen_runs(context):
        if run.id == number:
            return run
    raise not_found()


@route("GET", A + "/runs/{run}", "actions:read")
def get_run(context: Context) -> Response:
    """Answer a run; after a re-run it can lag its jobs."""
    run = find_run(context)
    now = context.view.back(context.box.lag.runs).now
    return Response(200, run_shape(context, run, now))
