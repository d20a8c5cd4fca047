"""The REST API: branches, commits, comparisons and contents."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from . import shapes
from .base import Problem, Response, not_found
from .jobs import commit_check_runs
from .refs import commit_at, refs
from .rest import Context, route
from .rights import may
from .rules import is_protected

__all__ = ["content_shape"]

R = "/repos/{owner}/{repo}"


# -- Branches and commits --------------------------------------------------


@route("GET", R + "/branches/{branch*}", "contents:read")
def get_branch(context: Context) -> Response:
    """Answer a branch, or its protection."""
    name = context.args["branch"]
    project = context.project
    if name.endswith("/protection"):
        return _protection(context, name.removesuffix("/protection"))
    sha = refs(context).get("refs/heads/" + name)
    commit = project.git.commit(sha) if sha else None
    if commit is None:
        raise Problem(404, "Branch not found")
    url = f"{context.api}/branches/{name}"
    protects = is_protected(project, name)
    data = {
        "name": name,
        "commit": shapes.commit(context, commit),
        "_links": {
            "html": f"{context.web}/tree/{name}",
            "self": url,
        },
        "protected": protects,
        "protection": {"enabled": protects},
        "protection_url": f"{url}/protection",
    }
    return Response(200, data)


def _protection(context: Context, name: str) -> Response:
    project = context.project
    if not may(context.token, project, "administration", "read"):
        if context.token is None:
            raise Problem(401, "Requires authentication")
        raise not_found()
    if name not in project.protected:
        raise Problem(404, "Branch not protected")
    url = f"{context.api}/branches/{name}"
    url += "/protection"
    data: dict[str, Any] = {
        "required_pull_request_reviews": {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": False,
            "require_code_owner_reviews": False,
            "required_approving_review_count": 1,
        },
    }
    return Response(200, data)


@route("GET", R + "/commits/{ref*}", "contents:read")
def get_commit(context: Context) -> Response:
    """Answer a commit, or what is known of its checks."""
    name = context.args["ref"]
    if name.endswith("/check-runs"):
        return commit_check_runs(context, name.removesuffix("/check-runs"))
    if name.endswith("/status"):
        return _status(context, name.removesuffix("/status"))
    commit = commit_at(context, name)
    return Response(200, shapes.commit(context, commit))


def _status(context: Context, name: str) -> Response:
    project = context.project
    commit = commit_at(context, name)
    url = f"{context.api}/commits/{commit.sha}"
    data = {
        "state": "pending",
        "statuses": [],
        "sha": commit.sha,
        "total_count": 0,
        "repository": shapes.minimal_repository(context.box, project),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return Response(200, data)


@route("GET", R + "/compare/{basehead*}", "contents:read")
def compare(context: Context) -> Response:
    """Answer what a commit has that another has not, without files."""
    git = context.project.git
    name = context.args["basehead"]
    base, head = (commit_at(context, ref) for ref in name.split("...", 1))
    ahead = git.log("--reverse", f"{base.sha}..{head.sha}")
    behind = git.log(f"{head.sha}..{base.sha}")
    status = (
        ("ahead" if ahead else "identical")
        if not behind
        else ("diverged" if ahead else "behind")
    )
    [common, *_] = git.git("merge-base", base.sha, head.sha).split()
    url = f"{context.api}/compare/{name}"
    html = f"{context.web}/compare/{name}"
    most = int(context.request.query.get("per_page") or 250)
    data = {
        "url": url,
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": shapes.commit(context, base),
        "merge_base_commit": shapes.commit(context, git.known(str(common))),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [
            shapes.commit(context, git.known(sha)) for sha in ahead[:most]
        ],
        "files": [],
    }
    return Response(200, data)


# -- Contents --------------------------------------------------------------


@route("GET", R + "/contents/{path*}", "contents:read")
def get_contents(context: Context) -> Response:
    """Answer a file or a folder at a ref."""
    project = context.project
    path = context.args["path"].strip("/")
    ref = context.request.query.get("ref") or project.git.default_branch
    try:
        commit = commit_at(context, ref)
    except Problem:
        raise Problem(404, f"No commit found for the ref {ref}") from None
    entry = project.git.lookup(commit.sha, path)
    found = project.git.read(entry[2]) if entry else None
    if entry is None or found is None:
        raise not_found()
    if entry[1] == "tree":
        listed = [
            content_shape(context, ref, f"{path}/{name}".strip("/"), kind, sha)
            for _, kind, sha, name in project.git.tree(entry[2])
        ]
        return Response(200, listed)
    data = content_shape(context, ref, path, "blob", entry[2])
    data["content"] = base64.encodebytes(found[2]).decode()
    data["encoding"] = "base64"
    return Response(200, data)


def content_shape(
    context: Context, ref: str, path: str, kind: str, sha: str
) -> dict[str, Any]:
    """Return an entry of a folder, or a ``content-file`` without content."""
    project = context.project
    quoted, is_file = quote(path), kind == "blob"
    url = f"{context.api}/contents/{quoted}?ref={quote(ref)}"
    git_url = f"{context.api}/git/{'blobs' if is_file else 'trees'}/{sha}"
    shown = "blob" if is_file else "tree"
    html = f"{context.web}/{shown}/{quote(ref)}/{quoted}"
    raw = f"{context.web}/raw/{quote(ref)}/{quoted}"
    found = project.git.read(sha) if is_file else None
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": len(found[2]) if found else 0,
        "url": url,
        "html_url": html,
        "git_url": git_url,
        "download_url": raw if is_file else None,
        "type": "file" if is_file else "dir",
        "_links": {"self": url, "git": git_url, "html": html},
    }
