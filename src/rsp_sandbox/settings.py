"""The REST API: rulesets, secrets' names and other settings."""

from __future__ import annotations

from typing import Any

from .base import Response, iso, node_id, not_found
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
