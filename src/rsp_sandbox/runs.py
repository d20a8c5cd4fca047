"""The REST API: workflows and their runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from . import shapes
from .actions import Run
from .base import Problem, Response, iso, node_id, not_found, quote_path
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
        "badge_url": f"{context.web}/workflows/{quote_path(file)}/badge.svg",
    }


@route("GET", A + "/workflows", "actions:read")
def list_workflows(context: Context) -> Response:
    """List workflows."""
    found = sorted(_workflows(context).items())
    return page(
        context, found, lambda w: _workflow(context, *w), wrap="workflows"
    )


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
    previous = None
    if attempt.number > 1:
        previous = f"{api}/attempts/{attempt.number - 1}"
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
        "check_suite_node_id": node_id("CheckSuite", suite),
        "url": api,
        "html_url": web,
        "pull_requests": [],
        "created_at": iso(run.created_at),
        "updated_at": iso(run.updated_at(now)),
        "actor": shapes.user(box, run.actor),
        "run_attempt": attempt.number,
        "referenced_workflows": [],
        "run_started_at": iso(attempt.requested_at),
        "triggering_actor": shapes.user(box, attempt.actor),
        "jobs_url": f"{api}/jobs",
        "logs_url": f"{api}/logs",
        "check_suite_url": f"{context.api}/check-suites/{suite}",
        "artifacts_url": f"{api}/artifacts",
        "cancel_url": f"{api}/cancel",
        "rerun_url": f"{api}/rerun",
        "previous_attempt_url": previous,
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


def _created(asked: str, moment: datetime) -> bool:
    """Apply GitHub's date syntax of the ``created`` filter."""
    left, dots, right = asked.partition("..")
    if dots:
        low = left == "*" or _date(left) <= moment
        return low and (right == "*" or moment < _after(right))
    text = asked.lstrip("<>=")
    begun, over = moment >= _date(text), moment >= _after(text)
    answers = {">=": begun, ">": over, "<=": not over, "<": not begun}
    return answers.get(asked.removesuffix(text), begun and not over)


def _date(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(422, "Validation Failed") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _after(text: str) -> datetime:
    day = len(text) == 10
    return _date(text) + (timedelta(days=1) if day else timedelta(seconds=1))


def _filtered(context: Context, runs: list[Run]) -> Response:
    query = context.request.query
    now = context.view.back(context.box.lag.runs).now
    tests: list[Callable[[Run], bool]] = []
    if "head_sha" in query:
        tests.append(lambda r: r.head_sha == query["head_sha"])
    if "event" in query:
        tests.append(lambda r: r.event == query["event"])
    if "branch" in query:
        tests.append(lambda r: r.head_branch == query["branch"])
    if "actor" in query:
        tests.append(lambda r: r.actor.lower() == query["actor"].lower())
    if "created" in query:
        tests.append(lambda r: _created(query["created"], r.created_at))
    if "check_suite_id" in query:
        wanted = query["check_suite_id"]
        tests.append(lambda r: str(r.id + 7_000_000_000) == wanted)
    if "status" in query:
        tests.append(
            lambda r: query["status"] in {r.status(now), r.conclusion(now)}
        )
    found = [run for run in runs if all(test(run) for test in tests)]
    return page(
        context,
        found,
        lambda run: run_shape(context, run, now),
        wrap="workflow_runs",
        cap=1000 if tests else None,
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
