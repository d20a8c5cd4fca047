"""The REST API: who asks, the repository, its refs and tags."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from . import shapes
from .base import Problem, Response, not_found
from .git import Commit, GitError, Person
from .guards import guard_ref, guard_workflows
from .records import Project
from .rest import Context, route
from .rights import may

__all__ = ["commit_at", "permissions", "person", "refs"]

R = "/repos/{owner}/{repo}"
_REF = re.compile(r"refs/[\w.+@/-]+")
_SHA = re.compile(r"[0-9a-f]{40}")


@route("GET", R)
def get_repository(context: Context) -> Response:
    """Answer the repository, with what the sender may do."""
    project = context.project
    shape = shapes.repository(
        context.box, project, permissions(context, project)
    )
    for key in ("parent", "source"):
        if project.parent is not None:
            other = project.parent
            while key == "source" and other.parent is not None:
                other = other.parent
            shape[key] = shapes.repository(
                context.box, other, permissions(context, other)
            )
    return Response(200, shape)


def permissions(context: Context, project: Project) -> dict[str, bool] | None:
    """Return what the sender may do; `None` for nobody.

    Parameters
    ----------
    context
        The request.
    project
        The repository.
    """
    token = context.token
    if token is None:
        return None
    write = may(token, project, "contents", "write")
    admin = may(token, project, "administration", "write")
    return {
        "admin": admin,
        "maintain": admin,
        "push": write,
        "triage": write,
        "pull": True,
    }


def refs(context: Context) -> dict[str, str]:
    """Return the refs that the request can see."""
    context.box.notice(context.project)
    view = context.view.back(context.box.lag.refs)
    return context.project.refs.read(view)


def commit_at(context: Context, name: str) -> Commit:
    """Return the commit that a name in a path leads to.

    Raises
    ------
    Problem
        Raised if there is none; GitHub answers 422 then.
    """
    project = context.project
    seen = refs(context)
    for prefix in ("", "refs/", "refs/heads/", "refs/tags/"):
        if (sha := seen.get(prefix + name)) is not None:
            break
    else:
        ref = project.git.default_branch if name == "HEAD" else name
        sha = seen.get("refs/heads/" + ref, ref)
    commit = project.git.commit(sha) if re.match("[0-9a-f]", sha) else None
    if commit is None:
        raise Problem(422, f"No commit found for SHA: {name}")
    return commit


@route("GET", R + "/git/ref/{ref*}", "contents:read")
def get_ref(context: Context) -> Response:
    """Answer one ref; GitHub also answers 404 for a mere prefix."""
    ref = "refs/" + context.args["ref"]
    sha = refs(context).get(ref)
    if sha is None:
        raise not_found()
    return Response(200, shapes.reference(context, ref, sha))


@route("POST", R + "/git/refs", "contents:write")
def create_ref(context: Context) -> Response:
    """Make a ref."""
    data = context.request.json()
    ref, sha = data.get("ref"), data.get("sha")
    project = context.project
    if not isinstance(ref, str) or not _REF.fullmatch(ref):
        raise Problem(422, "Reference name must start with 'refs/'.")
    if not isinstance(sha, str) or not _SHA.fullmatch(sha):
        raise Problem(422, "The sha parameter must be exactly 40 characters.")
    if project.git.read(sha) is None:
        raise Problem(422, "Object does not exist")
    if ref in project.git.refs():
        raise Problem(422, "Reference already exists")
    guard_ref(context, ref, None, sha)
    guard_workflows(context, sha)
    try:
        project.git.update_ref(ref, sha, "0" * 40)
    except GitError:
        raise Problem(422, "Reference update failed") from None
    context.box.pushed(project, context.token)
    shape = shapes.reference(context, ref, sha)
    return Response(201, shape, headers={"Location": shape["url"]})


@route("PATCH", R + "/git/refs/{ref*}", "contents:write")
def update_ref(context: Context) -> Response:
    """Move a ref, forward unless forced."""
    data = context.request.json()
    ref, sha = "refs/" + context.args["ref"], data.get("sha")
    project = context.project
    old = project.git.refs().get(ref)
    if old is None:
        raise Problem(422, "Reference does not exist")
    if not isinstance(sha, str) or project.git.read(sha) is None:
        raise Problem(422, "Object does not exist")
    if not data.get("force") and not project.git.contains(sha, old):
        raise Problem(422, "Update is not a fast forward")
    guard_ref(context, ref, old, sha)
    project.git.update_ref(ref, sha, old)
    context.box.pushed(project, context.token)
    return Response(200, shapes.reference(context, ref, sha))


@route("GET", R + "/git/tags/{sha}", "contents:read")
def get_tag(context: Context) -> Response:
    """Answer an annotated tag's object."""
    sha = context.args["sha"]
    tag = context.project.git.tag(sha) if _SHA.fullmatch(sha) else None
    if tag is None:
        raise not_found()
    return Response(200, shapes.tag_object(context, tag))


def person(context: Context, given: Any) -> Person:
    """Return who a request names, or its sender."""
    if not isinstance(given, dict):
        login = context.actor
        email = f"{login}@users.noreply.github.com"
        return Person(login, email, context.now)
    date = given.get("date")
    when = datetime.fromisoformat(date) if date else context.now
    return Person(given.get("name", ""), given.get("email", ""), when)
