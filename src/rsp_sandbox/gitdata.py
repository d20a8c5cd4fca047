"""The REST API: blobs, trees and commits."""

from __future__ import annotations

import base64
import re
from typing import Any

from . import shapes
from .base import Problem, Response, node_id, not_found
from .git import Commit, GitError
from .merge import edit_tree
from .refs import person
from .rest import Context, route

__all__: list[str] = []

R = "/repos/{owner}/{repo}"
_SHA = re.compile(r"[0-9a-f]{40}")


def _object(context: Context, sha: object, kind: str) -> bytes:
    """Return an object's content.

    Raises
    ------
    Problem
        Raised if there is no such object.
    """
    text = str(sha)
    found = context.project.git.read(text) if _SHA.fullmatch(text) else None
    if found is None or found[1] != kind:
        raise not_found()
    return found[2]


@route("GET", R + "/git/blobs/{sha}", "contents:read")
def get_blob(context: Context) -> Response:
    """Answer a blob."""
    sha = context.args["sha"]
    content = _object(context, sha, "blob")
    data = {
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": len(content),
        "url": f"{context.api}/git/blobs/{sha}",
        "content": base64.encodebytes(content).decode(),
        "encoding": "base64",
    }
    return Response(200, data)


def _tree(context: Context, sha: str, *, deep: bool) -> dict[str, Any]:
    root = f"{context.api}/git"
    entries: list[dict[str, Any]] = []
    git = context.project.git

    def walk(tree: str, prefix: str) -> None:
        for mode, kind, entry, name in git.tree(tree):
            path = prefix + name
            item = {"path": path, "mode": mode, "type": kind, "sha": entry}
            entries.append(item)
            if deep and kind == "tree":
                walk(entry, path + "/")

    walk(sha, "")
    return {
        "sha": sha,
        "url": f"{root}/trees/{sha}",
        "tree": entries,
        "truncated": False,
    }


@route("GET", R + "/git/trees/{sha*}", "contents:read")
def get_tree(context: Context) -> Response:
    """Answer a tree, by its hash or that of a commit, or by a branch."""
    git = context.project.git
    name = context.args["sha"]
    commit = git.resolve(name)
    found = git.commit(commit) if commit else None
    sha = found.tree if found else name
    _object(context, sha, "tree")
    deep = "recursive" in context.request.query
    return Response(200, _tree(context, sha, deep=deep))


@route("POST", R + "/git/trees", "contents:write")
def create_tree(context: Context) -> Response:
    """Write a tree, upon another or from nothing."""
    data = context.request.json()
    git = context.project.git
    base = data.get("base_tree")
    if base is not None:
        commit = git.commit(str(base)) if _SHA.fullmatch(str(base)) else None
        base = commit.tree if commit else base
        _object(context, base, "tree")
    entries: list[tuple[str, str | None, str]] = []
    for item in data.get("tree") or []:
        path, mode = str(item.get("path", "")), str(item.get("mode", "100644"))
        sha = item.get("sha")
        if "content" in item:
            sha = git.write("blob", str(item["content"]).encode())
        elif sha is not None and git.read(str(sha)) is None:
            raise Problem(422, f"tree.sha {sha} does not exist")
        entries.append((mode, sha, path))
    try:
        sha = edit_tree(git, base, entries)
    except GitError:
        raise Problem(422, "GitRPC::BadObjectState") from None
    shape = _tree(context, sha, deep=False)
    return Response(201, shape, headers={"Location": shape["url"]})


def commit_shape(context: Context, commit: Commit) -> dict[str, Any]:
    """Return a ``git-commit``."""
    root = f"{context.api}/git"
    web = f"{context.web}/commit"
    return {
        "sha": commit.sha,
        "node_id": node_id("Commit", commit.sha),
        "url": f"{root}/commits/{commit.sha}",
        "html_url": f"{web}/{commit.sha}",
        "author": shapes.git_person(commit.author),
        "committer": shapes.git_person(commit.committer),
        "tree": {"sha": commit.tree, "url": f"{root}/trees/{commit.tree}"},
        "message": commit.message.rstrip("\n"),
        "parents": [
            {
                "sha": sha,
                "url": f"{root}/commits/{sha}",
                "html_url": f"{web}/{sha}",
            }
            for sha in commit.parents
        ],
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


@route("GET", R + "/git/commits/{sha}", "contents:read")
def get_commit(context: Context) -> Response:
    """Answer a commit object."""
    sha = context.args["sha"]
    _object(context, sha, "commit")
    commit = context.project.git.commit(sha)
    if commit is None:
        raise not_found()
    return Response(200, commit_shape(context, commit))


@route("POST", R + "/git/commits", "contents:write")
def create_commit(context: Context) -> Response:
    """Write a commit object; no ref moves."""
    data = context.request.json()
    git = context.project.git
    tree, message = str(data.get("tree", "")), data.get("message")
    if not isinstance(message, str):
        raise Problem(422, 'Invalid request.\n\n"message" wasn\'t supplied.')
    parents = [str(sha) for sha in data.get("parents") or []]
    for sha, kind in ((tree, "tree"), *((p, "commit") for p in parents)):
        found = git.read(sha) if _SHA.fullmatch(sha) else None
        if found is None or found[1] != kind:
            raise Problem(422, f"{kind.capitalize()} SHA does not exist")
    author = person(context, data.get("author"))
    given = data.get("committer")
    sha = git.write_commit(
        tree=tree,
        parents=parents,
        message=message,
        author=author,
        committer=person(context, given) if given else author,
    )
    commit = git.commit(sha)
    if commit is None:
        raise not_found()
    shape = commit_shape(context, commit)
    return Response(201, shape, headers={"Location": shape["url"]})
