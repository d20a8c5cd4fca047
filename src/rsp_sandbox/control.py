"""The REST API: re-runs, cancelling, approvals, concurrency."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

from . import shapes
from .actions import Run
from .base import Problem, Response, iso, node_id, not_found, number_of
from .jobs import seen_jobs
from .records import Environment
from .rest import Context, page, route
from .runs import addresses, find_run

__all__: list[str] = []

R = "/repos/{owner}/{repo}"
A = R + "/actions"


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
    return _rerun(context, find_run(context), None)


@route("POST", A + "/runs/{run}/rerun-failed-jobs", "actions:write")
def rerun_failed(context: Context) -> Response:
    """Run the failed jobs again, and those that need them."""
    run = find_run(context)
    bad = {"failure", "cancelled", "timed_out"}
    keys = {job.script.key for job in run.jobs() if job.conclusion in bad}
    if run.status(context.now) == "completed" and not keys:
        if not run.script.startup_failure:
            text = "The workflow run cannot be retried"
            raise Problem(403, text)
    return _rerun(context, run, keys)


def _environment(context: Context, name: str) -> dict[str, Any]:
    return {"id": number_of(f"{context.project.id} {name}"), "name": name}


@route("GET", A + "/permissions", "administration:read")
def get_permissions(context: Context) -> Response:
    """Answer whether Actions are enabled."""
    enabled = context.project.has_actions
    allowed = {"allowed_actions": "all"} if enabled else {}
    return Response(200, {"enabled": enabled, **allowed})


def _find_environment(context: Context) -> tuple[str, Environment]:
    name = context.args["name"]
    if name not in context.project.environments:
        raise not_found()
    return name, context.project.environments[name]


E = R + "/environments/{name}"


@route("GET", E, "actions:read")
def get_environment(context: Context) -> Response:
    """Answer an environment with its protection rules."""
    name, settings = _find_environment(context)
    url = f"{context.api}/environments/{name}"
    moment = iso(context.project.created_at)
    rules: list[dict[str, Any]] = []
    if settings.wait:
        rules.append({"type": "wait_timer", "wait_timer": settings.wait})
    if settings.reviewers:
        people = [
            {"type": "User", "reviewer": shapes.user(context.box, login)}
            for login in settings.reviewers
        ]
        rules.append(
            {
                "type": "required_reviewers",
                "prevent_self_review": False,
                "reviewers": people,
            }
        )
    policy = None
    if settings.protected_only or settings.policies is not None:
        rules.append({"type": "branch_policy"})
        policy = {
            "protected_branches": settings.protected_only,
            "custom_branch_policies": not settings.protected_only,
        }
    data = {
        **_environment(context, name),
        "node_id": node_id("Environment", number_of(url)),
        "url": url,
        "html_url": f"{context.web}/deployments/activity_log",
        "created_at": moment,
        "updated_at": moment,
        "protection_rules": [
            {"id": number, "node_id": node_id("Gate", number), **rule}
            for number, rule in enumerate(rules, 3515)
        ],
        "deployment_branch_policy": policy,
    }
    return Response(200, data)


@route("GET", E + "/deployment-branch-policies", "actions:read")
def list_branch_policies(context: Context) -> Response:
    """List the patterns of refs that an environment admits."""
    _, settings = _find_environment(context)
    policies = [
        {
            "id": number,
            "node_id": node_id("GateBranchPolicy", number),
            "name": pattern,
            "type": kind,
        }
        for number, (kind, pattern) in enumerate(settings.policies or (), 361)
    ]
    return page(context, policies, lambda p: p, wrap="branch_policies")


def _waiting(context: Context, run: Run) -> list[str]:
    jobs = seen_jobs(context, run)
    names = [
        job.waits_for
        for job in jobs
        if job.waits_for and job.status(context.view.now) == "waiting"
    ]
    return list(dict.fromkeys(names))


@route("GET", A + "/runs/{run}/pending_deployments", "actions:read")
def pending_deployments(context: Context) -> Response:
    """Answer what a run waits for approval of."""
    run = find_run(context)
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
    run = find_run(context)
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
    url = f"{context.api}/deployments/{number}"
    return {
        "url": url,
        "id": number,
        "node_id": node_id("Deployment", number),
        "sha": run.head_sha,
        "ref": run.head_branch,
        "task": "deploy",
        "payload": {},
        "environment": name,
        "description": None,
        "creator": shapes.user(context.box, run.actor),
        "created_at": iso(run.created_at),
        "updated_at": iso(context.now),
        "statuses_url": f"{url}/statuses",
        "repository_url": context.api,
    }


@route("GET", A + "/runs/{run}/concurrency_groups", "actions:read")
def concurrency_groups(context: Context) -> Response:
    """Answer where a run stands in its concurrency group."""
    run = find_run(context)
    if run.group is None:
        return Response(200, {"total_count": 0, "concurrency_groups": []})
    now = context.view.now
    members = []
    if run.status(now) != "completed":
        ahead = [r for r in run.behind if r.status(now) != "completed"]
        api, web = addresses(context, run)
        members.append(
            {
                "run_id": run.id,
                "run_name": run.name,
                "run_url": api,
                "run_html_url": web,
                "status": "pending" if ahead else "in_progress",
                "position": len(ahead),
                "position_url": f"{context.api}/actions/concurrency_groups/"
                f"{quote(run.group)}?ahead_of={run.id}",
            }
        )
    group = {
        "group_name": run.group,
        "group_url": f"{context.api}/actions/concurrency_groups"
        f"/{quote(run.group)}",
        "group_members": members,
    }
    return Response(200, {"total_count": 1, "concurrency_groups": [group]})
