"""The REST API: rulesets, secrets' names and other settings."""

from __future__ import annotations

from typing import Any

from .base import Response, iso, not_found
from .rest import Context, page, route
from .rules import applying

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
        "target": ruleset["target"],
        "source": project.full_name,
        "enforcement": ruleset["enforcement"],
        "_links": {
            "self": {"href": f"{context.api}/rulesets/{number}"},
            "html": {"href": web},
        },
    }
    if whole:
        may = context.actor in ruleset["bypass_logins"]
        data["current_user_can_bypass"] = "always" if may else "never"
        data["conditions"] = ruleset["conditions"]
        data["rules"] = ruleset["rules"]
    return data


@route("GET", R + "/rulesets")
def list_rulesets(context: Context) -> Response:
    """List rulesets, of some targets where asked."""
    wanted = context.request.query.get("targets")
    found = [
        ruleset
        for ruleset in context.project.rulesets
        if wanted is None or ruleset["target"] in wanted.split(",")
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
        for rule in ruleset["rules"]
    ]
    return page(context, found, lambda rule: rule)


@route("GET", R + "/immutable-releases", "administration:read")
def immutable_releases(context: Context) -> Response:
    """Answer whether published releases are locked: 404, they are not."""
    raise not_found()


@route("GET", R + "/actions/secrets", "secrets:read")
@route("GET", R + "/actions/organization-secrets", "secrets:read")
def list_secrets(context: Context) -> Response:
    """List the names of secrets; the organization has none to share."""
    is_own = context.request.path.endswith("/actions/secrets")
    names = context.project.secrets if is_own else ()
    moment = iso(context.project.created_at)

    def shape(name: str) -> dict[str, Any]:
        return {"name": name, "created_at": moment, "updated_at": moment}

    return page(context, sorted(names), shape, wrap="secrets")
