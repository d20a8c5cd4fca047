"""The REST API: workflows, runs, jobs, logs, approvals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import shapes
from .actions import Attempt, JobTimes, Run, job_annotations
from .base import Problem, Response, iso, node_id, not_found, quote_path
from .derive import workflow_paths, workflow_script
from .rest import Context, page, route

if TYPE_CHECKING:
    from .box import Project

__all__ = ["commit_check_runs", "workflow_id"]

R = "/repos/{owner}/{repo}"
A = R + "/actions"


def workflow_id(project: Project, path: str) -> int:
    """Return the lasting number of a workflow file."""
    return 50_000_000 + shapes.number_of(project.full_name + path)


def _workflows(context: Context) -> dict[str, str]:
    """Return the workflows that GitHub knows: name by path."""
    box, project = context.box, context.project
    found: dict[str, str] = {}
    head = project.git.resolve("HEAD")
    for path in workflow_paths(project.git, head) if head else ():
        assert head is not None
        ref = "refs/heads/" + project.git.default_branch
        script = workflow_script(
            project.git, head, path, event="push", ref=ref
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
    web = f"{box.server_url}/{project.full_name}"
    branch = project.git.default_branch
    file = path.rpartition("/")[2]
    moment = iso(project.created_at)
    return {
        "id": number,
        "node_id": node_id("Workflow", number),
        "name": name,
        "path": path,
        "state": box.workflow_state(project, path),
        "created_at": moment,
        "updated_at": moment,
        "url": f"{context.base}/repos/{project.full_name}"
        f"/actions/workflows/{number}",
        "html_url": f"{web}/blob/{branch}/{path}",
        "badge_url": f"{web}/workflows/{quote_path(file)}/badge.svg",
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


@route("POST", A + "/workflows/{workflow}/dispatches", "actions:write")
def dispatch(context: Context) -> Response:
    """Start a workflow by hand."""
    data = context.request.json()
    path, _ = _find_workflow(context)
    project, box = context.project, context.box
    name = str(data.get("ref", ""))
    refs = project.git.refs()
    for prefix in ("", "refs/heads/", "refs/tags/"):
        if prefix + name in refs:
            ref = prefix + name
            break
    else:
        raise Problem(422, f"No ref found for: {name}")
    if box.workflow_state(project, path) != "active":
        raise Problem(422, "Cannot trigger a 'workflow_dispatch' on disabled")
    sha = project.git.peel(refs[ref])
    assert sha is not None
    started = box.start(
        project,
        event="workflow_dispatch",
        action="",
        ref=ref,
        sha=sha,
        actor=context.actor,
        only=path,
        dispatched=True,
    )
    if not started:
        text = "Workflow does not have 'workflow_dispatch' trigger"
        raise Problem(422, text)
    if not data.get("return_run_details"):
        return Response(204)
    run = started[0]
    api, web = _addresses(context, run)
    details = {"workflow_run_id": run.id, "run_url": api, "html_url": web}
    return Response(200, details)


# -- Runs ------------------------------------------------------------------


def _addresses(context: Context, run: Run) -> tuple[str, str]:
    name = context.project.full_name
    return (
        f"{context.base}/repos/{name}/actions/runs/{run.id}",
        f"{context.box.server_url}/{name}/actions/runs/{run.id}",
    )


def run_shape(
    context: Context, run: Run, now: datetime, attempt: Attempt | None = None
) -> dict[str, Any]:
    """Return a ``workflow-run`` as of a moment."""
    box, project = context.box, context.project
    known = [a for a in run.attempts if a.requested_at <= now]
    attempt = attempt or (known or run.attempts)[-1]
    api, web = _addresses(context, run)
    root = f"{context.base}/repos/{project.full_name}"
    suite = run.id + 7_000_000_000
    head = project.git.commit(run.head_sha)
    previous = None
    if attempt.number > 1:
        previous = f"{api}/attempts/{attempt.number - 1}"
    is_current = attempt is run.latest
    status = run.status(now) if is_current else "completed"
    conclusion = run.conclusion(now) if is_current else None
    if not is_current:
        conclusion = run.conclusion(now, attempt)
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
        "status": status,
        "conclusion": conclusion,
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
        "check_suite_url": f"{root}/check-suites/{suite}",
        "artifacts_url": f"{api}/artifacts",
        "cancel_url": f"{api}/cancel",
        "rerun_url": f"{api}/rerun",
        "previous_attempt_url": previous,
        "workflow_url": f"{root}/actions/workflows/{run.workflow_id}",
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
    view = context.lagging(context.box.lag.runs)
    return [
        run
        for run in reversed(context.project.runs)
        if run.appears_at is not None
        and run.appears_at <= view.now
        and (view.newest is None or run.number <= view.newest)
    ]


def _created(asked: str, moment: datetime) -> bool:
    """Apply GitHub's date syntax of the ``created`` filter."""
    left, dots, right = asked.partition("..")
    if dots:
        low = left == "*" or _date(left) <= moment
        return low and (right == "*" or moment < _after(right))
    text = asked.lstrip("<>=")
    sign = asked.removesuffix(text)
    if sign == ">=":
        return moment >= _date(text)
    if sign == ">":
        return moment >= _after(text)
    if sign == "<=":
        return moment < _after(text)
    if sign == "<":
        return moment < _date(text)
    return _date(text) <= moment < _after(text)


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
    now = context.lagging(context.box.lag.runs).now
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


def _run(context: Context) -> Run:
    number = context.number("run")
    for run in seen_runs(context):
        if run.id == number:
            return run
    raise not_found()


def _attempt(context: Context, run: Run) -> Attempt:
    number = context.number("attempt")
    for attempt in run.attempts:
        if attempt.number == number:
            return attempt
    raise not_found()


@route("GET", A + "/runs/{run}", "actions:read")
def get_run(context: Context) -> Response:
    """Answer a run; after a re-run it can lag its jobs."""
    run = _run(context)
    now = context.lagging(context.box.lag.runs).now
    return Response(200, run_shape(context, run, now))


@route("GET", A + "/runs/{run}/attempts/{attempt}", "actions:read")
def get_attempt(context: Context) -> Response:
    """Answer one attempt of a run."""
    run = _run(context)
    attempt = _attempt(context, run)
    return Response(200, run_shape(context, run, context.view.now, attempt))


# -- Jobs ------------------------------------------------------------------


def job_shape(context: Context, run: Run, job: JobTimes) -> dict[str, Any]:
    """Return a ``job``."""
    project, now = context.project, context.view.now
    root = f"{context.base}/repos/{project.full_name}"
    _, web = _addresses(context, run)
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
        "run_url": f"{root}/actions/runs/{run.id}",
        "run_attempt": job.attempt,
        "node_id": node_id("CheckRun", job.id),
        "head_sha": run.head_sha,
        "url": f"{root}/actions/jobs/{job.id}",
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
        "check_run_url": f"{root}/check-runs/{job.id}",
        "labels": list(job.script.labels),
        "runner_id": 1 if has_runner else None,
        "runner_name": "GitHub Actions 1" if has_runner else None,
        "runner_group_id": 0 if has_runner else None,
        "runner_group_name": "GitHub Actions" if has_runner else None,
    }


def _seen_jobs(
    context: Context, run: Run, attempt: Attempt | None = None
) -> list[JobTimes]:
    """Return the jobs that exist by now: those whose needs are met."""
    now = context.view.now
    return [job for job in run.jobs(attempt) if job.created_at <= now]


@route("GET", A + "/runs/{run}/jobs", "actions:read")
def list_jobs(context: Context) -> Response:
    """List the jobs of the latest attempt, or of all."""
    run = _run(context)
    if context.request.query.get("filter") == "all":
        jobs = {
            job.id: job
            for attempt in run.attempts
            for job in _seen_jobs(context, run, attempt)
        }
        found = list(jobs.values())
    else:
        found = _seen_jobs(context, run)
    return page(
        context, found, lambda j: job_shape(context, run, j), wrap="jobs"
    )


@route("GET", A + "/runs/{run}/attempts/{attempt}/jobs", "actions:read")
def list_attempt_jobs(context: Context) -> Response:
    """List the jobs of one attempt."""
    run = _run(context)
    found = _seen_jobs(context, run, _attempt(context, run))
    return page(
        context, found, lambda j: job_shape(context, run, j), wrap="jobs"
    )


def _job(context: Context) -> tuple[Run, JobTimes]:
    number = context.number("job")
    for run in seen_runs(context):
        for attempt in reversed(run.attempts):
            for job in _seen_jobs(context, run, attempt):
                if job.id == number:
                    return run, job
    raise not_found()


@route("GET", A + "/jobs/{job}", "actions:read")
def get_job(context: Context) -> Response:
    """Answer a job."""
    return Response(200, job_shape(context, *_job(context)))


@route("GET", A + "/jobs/{job}/logs", "actions:read")
def get_logs(context: Context) -> Response:
    """Redirect to a job's log on a storage host, once it has ended."""
    run, job = _job(context)
    if context.token is None:
        raise Problem(403, "Must have admin rights to Repository.")
    if job.status(context.view.now) != "completed":
        raise not_found()
    if job.conclusion == "skipped":
        raise not_found()
    address = context.box.log_url(run, job)
    return Response(302, body=b"", headers={"Location": address})


@route("GET", R + "/check-runs/{job}/annotations", "checks:read")
def list_annotations(context: Context) -> Response:
    """List what a job wants to be noticed."""
    run, job = _job(context)
    is_over = job.status(context.view.now) == "completed"
    found = job_annotations(job) if is_over else []
    web = f"{context.box.server_url}/{context.project.full_name}"

    def shape(item: dict[str, Any]) -> dict[str, Any]:
        line = item.get("line", 1)
        path = item.get("path", ".github")
        return {
            "path": path,
            "blob_href": f"{web}/blob/{run.head_sha}/{quote_path(path)}",
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
    return Response(200, _check_run(context, *_job(context)))


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
    from .github import commit_at

    box = context.box
    if not box.can(context.token, context.project, "checks", "read"):
        text = "Resource not accessible by personal access token"
        raise Problem(403, text, headers={"need": "checks:read"})
    commit = commit_at(context, name)
    found = [
        (run, job)
        for run in seen_runs(context)
        if run.head_sha == commit.sha
        for job in _seen_jobs(context, run)
    ]
    if wanted := context.request.query.get("check_name"):
        found = [item for item in found if item[1].script.name == wanted]
    return page(
        context, found, lambda i: _check_run(context, *i), wrap="check_runs"
    )


# -- Writes ----------------------------------------------------------------


def _rerun(context: Context, run: Run, keys: set[str] | None) -> Response:
    now = context.now
    if run.status(now) != "completed":
        text = "The workflow run is already running"
        raise Problem(403, text)
    if now - run.created_at > timedelta(days=30):
        text = "Unable to retry this workflow run because it was created"
        raise Problem(403, f"{text} over a month ago")
    run.rerun(now=now, actor=context.actor, keys=keys)
    context.box.touched()
    return Response(201, {})


@route("POST", A + "/runs/{run}/rerun", "actions:write")
def rerun(context: Context) -> Response:
    """Run everything again."""
    return _rerun(context, _run(context), None)


@route("POST", A + "/runs/{run}/rerun-failed-jobs", "actions:write")
def rerun_failed(context: Context) -> Response:
    """Run the failed jobs again, and those that need them."""
    run = _run(context)
    bad = {"failure", "cancelled", "timed_out"}
    keys = {job.script.key for job in run.jobs() if job.conclusion in bad}
    if run.status(context.now) == "completed" and not keys:
        if not run.script.startup_failure:
            text = "The workflow run cannot be retried"
            raise Problem(403, text)
    return _rerun(context, run, keys)


@route("POST", A + "/jobs/{job}/rerun", "actions:write")
def rerun_job(context: Context) -> Response:
    """Run one job again, and those that need it."""
    run, job = _job(context)
    return _rerun(context, run, {job.script.key})


@route("POST", A + "/runs/{run}/cancel", "actions:write")
def cancel(context: Context) -> Response:
    """Cancel a run."""
    run = _run(context)
    if run.status(context.now) == "completed":
        raise Problem(409, "Cannot cancel a workflow run that is completed.")
    run.latest.cancelled_at = context.now
    context.box.touched()
    return Response(202, {})


def _environment(context: Context, name: str) -> dict[str, Any]:
    project = context.project
    number = shapes.number_of(project.full_name + name)
    api = f"{context.base}/repos/{project.full_name}"
    web = f"{context.box.server_url}/{project.full_name}"
    return {
        "id": number,
        "node_id": node_id("Environment", number),
        "name": name,
        "url": f"{api}/environments/{quote_path(name)}",
        "html_url": f"{web}/deployments/activity_log"
        f"?environments_filter={quote_path(name)}",
    }


def _waiting(context: Context, run: Run) -> list[str]:
    jobs = _seen_jobs(context, run)
    names = [
        job.waits_for
        for job in jobs
        if job.waits_for and job.status(context.view.now) == "waiting"
    ]
    return list(dict.fromkeys(names))


@route("GET", A + "/runs/{run}/pending_deployments", "actions:read")
def pending_deployments(context: Context) -> Response:
    """Answer what a run waits for approval of."""
    run = _run(context)
    box = context.box
    reviewer = shapes.user(box, box.accounts.login)
    data = [
        {
            "environment": _environment(context, name),
            "wait_timer": 0,
            "wait_timer_started_at": None,
            "current_user_can_approve": context.actor == box.accounts.login,
            "reviewers": [{"type": "User", "reviewer": reviewer}],
        }
        for name in _waiting(context, run)
    ]
    return Response(200, data)


@route("POST", A + "/runs/{run}/pending_deployments", "deployments:write")
def review_deployments(context: Context) -> Response:
    """Approve or reject."""
    run = _run(context)
    data = context.request.json()
    state = data.get("state")
    if state not in ("approved", "rejected"):
        raise Problem(422, "Invalid request.")
    asked = data.get("environment_ids") or []
    names = {
        _environment(context, name)["id"]: name
        for name in _waiting(context, run)
    }
    if not asked or any(number not in names for number in asked):
        raise Problem(422, "Invalid environment ids")
    shown = []
    for number in asked:
        decision = (context.now, state == "approved")
        run.latest.approvals[names[number]] = decision
        shown.append(_deployment(context, run, number, names[number]))
    context.box.touched()
    return Response(200, shown)


def _deployment(
    context: Context, run: Run, number: int, name: str
) -> dict[str, Any]:
    root = f"{context.base}/repos/{context.project.full_name}"
    url = f"{root}/deployments/{number}"
    return {
        "url": url,
        "id": number,
        "node_id": node_id("Deployment", number),
        "sha": run.head_sha,
        "ref": run.head_branch,
        "task": "deploy",
        "payload": {},
        "original_environment": name,
        "environment": name,
        "description": None,
        "creator": shapes.user(context.box, run.actor),
        "created_at": iso(run.created_at),
        "updated_at": iso(context.now),
        "statuses_url": f"{url}/statuses",
        "repository_url": root,
    }


@route("GET", A + "/runs/{run}/concurrency_groups", "actions:read")
def concurrency_groups(context: Context) -> Response:
    """Answer where a run stands in its concurrency group."""
    run = _run(context)
    if run.group is None:
        return Response(200, {"total_count": 0, "concurrency_groups": []})
    now = context.view.now
    members = []
    if run.status(now) != "completed":
        ahead = [r for r in run.behind if r.status(now) != "completed"]
        api, web = _addresses(context, run)
        members.append(
            {
                "run_id": run.id,
                "run_name": run.name,
                "run_url": api,
                "run_html_url": web,
                "status": "pending" if ahead else "in_progress",
                "position": len(ahead),
                "position_url": f"{context.base}/repos/"
                f"{context.project.full_name}/actions/concurrency_groups/"
                f"{quote_path(run.group)}?ahead_of={run.id}",
            }
        )
    root = f"{context.base}/repos/{context.project.full_name}"
    group = {
        "group_name": run.group,
        "group_url": f"{root}/actions/concurrency_groups"
        f"/{quote_path(run.group)}",
        "group_members": members,
    }
    return Response(200, {"total_count": 1, "concurrency_groups": [group]})
