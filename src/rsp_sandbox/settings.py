"""The REST API: rulesets, secrets' names and other settings."""

from __future__ import annotations

import re
from typing import Any

from . import shapes
from .base import Problem, Response, iso, node_id, not_found
from .lookup import commit_at
from .rest import Context, page, route
from .rules import applying
from .workflows import workflow_paths

__all__: list[str] = []

R = "/repos/{owner}/{repo}"


def _ruleset(
    context: Context, ruleset: dict[str, Any], *, whole: bool
) -> dict[str, Any]:
    project = context.project
    number = ruleset["id"]
    web = f"{context.web}/rules/{number}"
    data = {
        "id": number,
        "name": ruleset["name"],
        "target": ruleset.get("target", "branch"),
        "source_type": "Repository",
        "source": project.full_name,
        "enforcement": ruleset.get("enforcement", "active"),
        "node_id": node_id("Ruleset", number),
        "_links": {
            "self": {"href": f"{context.api}/rulesets/{number}"},
            "html": {"href": web},
        },
        "created_at": iso(project.created_at),
        "updated_at": iso(project.created_at),
    }
    if whole:
        may = context.actor in ruleset.get("bypass_logins", ())
        data["current_user_can_bypass"] = "always" if may else "never"
        conditions = ruleset.get("conditions") or {
            "ref_name": {"include": ["~ALL"], "exclude": []}
        }
        data["conditions"] = conditions
        data["rules"] = ruleset.get("rules", [])
    return data


@route("GET", R + "/rulesets")
def list_rulesets(context: Context) -> Response:
    """List rulesets, of some targets where asked."""
    wanted = context.request.query.get("targets")
    found = [
        ruleset
        for ruleset in context.project.rulesets
        if wanted is None
        or ruleset.get("target", "branch") in wanted.split(",")
    ]
    return page(context, found, lambda r: _ruleset(context, r, whole=False))


@route("GET", R + "/rulesets/{id}")
def get_ruleset(context: Context) -> Response:
    """Answer a ruleset with its rules."""
    number = context.number("id")
    for ruleset in context.project.rulesets:
        if ruleset["id"] == number:
            return Response(200, _ruleset(context, ruleset, whole=True))
    raise not_found()


@route("GET", R + "/rules/branches/{branch*}")
def branch_rules(context: Context) -> Response:
    """Answer the active rules of a branch."""
    ref = "refs/heads/" + context.args["branch"]
    found = [
        rule
        | {
            "ruleset_source_type": "Repository",
            "ruleset_source": context.project.full_name,
            "ruleset_id": ruleset["id"],
        }
        for ruleset in applying(context.project, ref)
        for rule in ruleset.get("rules", ())
    ]
    return page(context, found, lambda rule: rule)


@route("GET", R + "/immutable-releases", "administration:read")
def immutable_releases(context: Context) -> Response:
    """Answer whether published releases are locked; 404 if not."""
    if not context.project.immutable_releases:
        raise not_found()
    return Response(200, {"enabled": True, "enforced_by_owner": False})


def _secrets(context: Context, names: tuple[str, ...]) -> Response:
    moment = iso(context.project.created_at)

    def shape(name: str) -> dict[str, Any]:
        return {"name": name, "created_at": moment, "updated_at": moment}

    return page(context, sorted(names), shape, wrap="secrets")


@route("GET", R + "/actions/secrets", "secrets:read")
def list_secrets(context: Context) -> Response:
    """List the names of the repository's secrets."""
    return _secrets(context, context.project.secrets)


@route("GET", R + "/actions/organization-secrets", "secrets:read")
def list_organization_secrets(context: Context) -> Response:
    """List the names of the secrets shared by the organization."""
    return _secrets(context, context.project.organization_secrets)


@route("GET", R + "/actions/permissions", "administration:read")
def actions_permissions(context: Context) -> Response:
    """Answer whether Actions are on."""
    data = {"enabled": True, "allowed_actions": "all"}
    return Response(200, data)


@route("GET", R + "/collaborators/{login}/permission")
def permission(context: Context) -> Response:
    """Answer what a user may do."""
    if context.token is None:
        raise Problem(401, "Requires authentication")
    box, project = context.box, context.project
    login = context.args["login"]
    role = project.roles.get(login.lower(), "none")
    if role == "none" and not project.is_private:
        role = "read"
    granted = {
        "admin": role == "admin",
        "maintain": role == "admin",
        "push": role in {"admin", "write"},
        "triage": role in {"admin", "write"},
        "pull": role != "none",
    }
    user = shapes.user(box, login)
    user |= {"permissions": granted, "role_name": role}
    data = {"permission": role, "role_name": role, "user": user}
    return Response(200, data)


@route("GET", "/search/code", "user")
def search_code(context: Context) -> Response:
    """Search workflow files for a word; no more than that."""
    query = context.request.query.get("q", "")
    asked = re.search(r"repo:([\w.-]+)/([\w.-]+)", query)
    words = [word for word in query.split() if ":" not in word]
    found: list[dict[str, Any]] = []
    project = context.box.find(asked[1], asked[2]) if asked else None
    if project is not None:
        context.found = project
        head = commit_at(context, "HEAD")
        for path in workflow_paths(project.git, head.sha):
            text = project.git.file(head.sha, path) or b""
            if all(word.encode() in text for word in words):
                found.append(_hit(context, path))
    data = {
        "total_count": len(found),
        "incomplete_results": False,
        "items": found,
    }
    return Response(200, data)


def _hit(context: Context, path: str) -> dict[str, Any]:
    project = context.project
    entry = project.git.lookup(project.git.resolve("HEAD") or "", path)
    sha = entry[2] if entry else ""
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "url": f"{context.api}/contents/{path}",
        "git_url": f"{context.api}/git/blobs/{sha}",
        "html_url": f"{context.web}/blob/{project.git.default_branch}/{path}",
        "repository": shapes.minimal_repository(context.box, project),
        "score": 1.0,
    }
