"""The REST API: pull requests."""

from __future__ import annotations

from typing import Any

from . import shapes
from .accounts import Token
from .base import (
    Problem,
    Response,
    invalid,
    iso,
    node_id,
    not_found,
    number_of,
)
from .forge import Forge
from .merging import carry_out, merge_state, refuse_merge
from .records import Project, Pull
from .rest import Context, authorise, page, route
from .rights import may

__all__ = ["find_merge_state", "find_pull", "follow", "label", "simple"]

R = "/repos/{owner}/{repo}"
P = R + "/pulls/{number}"

_FULL_ONLY = ("network_count", "subscribers_count")


def follow(
    box: Forge, project: Project, updated: list[str], token: Token | None
) -> None:
    """Let pull requests follow the branches that were pushed."""
    _follow(box, project, updated, token)
    if project.parent is not None:
        _follow(box, project.parent, [], token)


def _follow(
    box: Forge, project: Project, updated: list[str], token: Token | None
) -> None:
    refs = project.git.refs()
    now = box.clock.now()
    for pull in project.pulls.values():
        if pull.state != "open":
            continue
        own = pull.fork.git.refs() if pull.fork else refs
        head = own.get(f"refs/heads/{pull.head}")
        if head is None:
            pull.state, pull.closed_at, pull.updated_at = "closed", now, now
            continue
        if head != pull.head_sha:
            if pull.fork is not None:
                project.git.fetch(pull.fork.git, head)
            pull.head_sha, pull.updated_at = head, now
            _start(box, project, pull, "synchronize", token)
        base = refs.get(f"refs/heads/{pull.base}")
        if base is not None and f"refs/heads/{pull.base}" in updated:
            pull.base_sha = base
            if project.git.contains(base, head):
                # Somebody pushed it: GitHub takes it for merged.
                pull.state, pull.closed_at = "closed", now
                pull.merged_at, pull.merge_sha = now, base
                pull.updated_at = now
                pull.merged_by = token.login if token else pull.author


def _start(
    box: Forge,
    project: Project,
    pull: Pull,
    action: str,
    token: Token | None,
) -> None:
    if token is not None and token.kind == "actions":
        return
    box.runner.start(
        project,
        event="pull_request",
        action=action,
        ref=f"refs/pull/{pull.number}/merge",
        sha=pull.head_sha,
        actor=token.login if token else pull.author,
        title=pull.title,
        branch=pull.head,
    )


# -- Shapes ----------------------------------------------------------------


def label(context: Context, name: str) -> dict[str, Any]:
    """Return a ``label``."""
    project = context.project
    number = number_of(f"{project.id} label {name}")
    return {
        "id": number,
        "node_id": node_id("Label", number),
        "url": f"{context.api}/labels/{name}",
        "name": name,
        "description": "",
        "color": "ededed",
        "default": False,
    }


def simple(context: Context, pull: Pull) -> dict[str, Any]:
    """Return a ``pull-request-simple``."""
    box, project = context.box, context.project
    web = f"{context.web}/pull/{pull.number}"
    url = f"{context.api}/pulls/{pull.number}"
    issue = f"{context.api}/issues/{pull.number}"
    statuses = f"{context.api}/statuses/{pull.head_sha}"
    review_comment = f"{context.api}/pulls/comments{{/number}}"

    def side(of: Project, branch: str, sha: str) -> dict[str, Any]:
        repository = None
        if box.find(of.owner, of.name) is of:
            repository = shapes.repository(box, of, None)
            for name in _FULL_ONLY:
                del repository[name]
        return {
            "label": f"{of.owner}:{branch}",
            "ref": branch,
            "sha": sha,
            "user": shapes.user(box, of.owner),
            "repo": repository,
        }

    return {
        "url": url,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": issue,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": review_comment,
        "comments_url": f"{issue}/comments",
        "statuses_url": statuses,
        "number": pull.number,
        "state": pull.state,
        "locked": False,
        "title": pull.title,
        "user": shapes.user(box, pull.author),
        "body": pull.body,
        "labels": [label(context, name) for name in pull.labels],
        "milestone": None,
        "created_at": iso(pull.created_at),
        "updated_at": iso(pull.updated_at),
        "closed_at": iso(pull.closed_at),
        "merged_at": iso(pull.merged_at),
        "merge_commit_sha": pull.merge_sha,
        "assignee": None,
        "requested_reviewers": [
            shapes.user(box, login) for login in pull.reviewers
        ],
        "requested_teams": [],
        "head": side(pull.fork or project, pull.head, pull.head_sha),
        "base": side(project, pull.base, pull.base_sha),
        "_links": {
            "self": {"href": url},
            "html": {"href": web},
            "issue": {"href": issue},
            "comments": {"href": f"{issue}/comments"},
            "review_comments": {"href": f"{url}/comments"},
            "review_comment": {"href": review_comment},
            "commits": {"href": f"{url}/commits"},
            "statuses": {"href": statuses},
        },
        "author_association": "OWNER",
        "auto_merge": _auto_merge(context, pull),
        "draft": pull.is_draft,
    }


def _auto_merge(context: Context, pull: Pull) -> dict[str, Any] | None:
    auto = pull.auto_merge
    if auto is None:
        return None
    return {
        "enabled_by": shapes.user(context.box, auto.login),
        "merge_method": auto.method,
        "commit_title": f"{pull.title} (#{pull.number})",
        "commit_message": pull.body or "",
    }


def find_merge_state(box: Forge, project: Project, pull: Pull) -> str:
    """Return whether it can be merged, once somebody has asked before."""
    heads = f"{pull.base_sha} {pull.head_sha}"
    is_known, pull.looked_at = pull.looked_at == heads, heads
    if pull.state == "open" and is_known:
        return merge_state(box, project, pull)
    return "unknown"


def full(context: Context, pull: Pull) -> dict[str, Any]:
    """Return a ``pull-request``."""
    data = simple(context, pull)
    state = find_merge_state(context.box, context.project, pull)
    mergeable = None if state == "unknown" else state != "dirty"
    merged_by = pull.merged_by
    return (
        data
        | {
            "merged": pull.merged_at is not None,
            "mergeable": mergeable,
            "mergeable_state": state,
            "merged_by": shapes.user(context.box, merged_by)
            if merged_by
            else None,
            "comments": 0,
            "review_comments": 0,
            "maintainer_can_modify": pull.can_be_pushed,
        }
        | dict.fromkeys(
            ("commits", "additions", "deletions", "changed_files"), 1
        )
    )


# -- Reading and writing pull requests -------------------------------------


@route("GET", R + "/pulls", "pull_requests:read")
def list_pulls(context: Context) -> Response:
    """List pull requests, the newest first."""
    query = context.request.query
    found = list(reversed(context.project.pulls.values()))
    state = query.get("state", "open")
    if state != "all":
        found = [pull for pull in found if pull.state == state]
    head = query.get("head", "")
    if ":" in head:
        # Without an owner GitHub ignores the filter.
        owner, _, branch = head.partition(":")
        found = [
            pull
            for pull in found
            if pull.head == branch
            and (pull.fork or context.project).owner.lower() == owner.lower()
        ]
    if base := query.get("base"):
        found = [pull for pull in found if pull.base == base]
    if query.get("direction") == "asc":
        found.reverse()
    return page(context, found, lambda pull: simple(context, pull))


def find_pull(context: Context) -> Pull:
    """Return the pull request that the path names.

    Raises
    ------
    Problem
        Raised if there is none.
    """
    context.box.notice(context.project)
    pull: Pull | None = context.project.pulls.get(context.number("number"))
    if pull is None:
        raise not_found()
    return pull


def _find_head(context: Context, text: str) -> tuple[Project | None, str]:
    """Find whose branch shall be merged, and check who may propose it.

    From a fork of their own everybody may who sees the repository.
    """
    owner, _, branch = text.rpartition(":")
    project = context.project
    if owner.lower() in {"", project.owner.lower()}:
        authorise(context, "pull_requests:write")
        return None, branch
    token = context.token
    if token is None or token.kind != "classic":
        authorise(context, "pull_requests:write")
    fork = context.box.fork_of(project, owner)
    if fork is None or not may(token, fork, "contents", "write"):
        raise invalid("PullRequest", "head", "invalid")
    return fork, branch


@route("POST", R + "/pulls", "pull_requests:read")
def create_pull(context: Context) -> Response:
    """Open a pull request."""
    box, project = context.box, context.project
    box.notice(project)
    data = context.request.json()
    fork, head = _find_head(context, str(data.get("head") or ""))
    base = str(data.get("base") or "")
    title = data.get("title")
    refs = project.git.refs()
    own = fork.git.refs() if fork else refs
    for name, branch, there in (("head", head, own), ("base", base, refs)):
        if f"refs/heads/{branch}" not in there:
            raise invalid("PullRequest", name, "invalid")
    if not isinstance(title, str) or not title.strip():
        raise invalid("PullRequest", "title", "missing_field")
    head_sha, base_sha = own[f"refs/heads/{head}"], refs[f"refs/heads/{base}"]
    if fork is not None:
        project.git.fetch(fork.git, head_sha)

    def custom(text: str) -> Problem:
        error = {
            "resource": "PullRequest",
            "code": "custom",
            "message": text,
        }
        return Problem(422, "Validation Failed", errors=[error])

    if not project.git.log(f"{base_sha}..{head_sha}"):
        raise custom(f"No commits between {base} and {head}")
    for pull in project.pulls.values():
        same = (pull.head, pull.base) == (head, base) and pull.fork is fork
        if pull.state == "open" and same:
            label = f"{(fork or project).owner}:{head}"
            raise custom(f"A pull request already exists for {label}.")
    pull = Pull(
        number=project.next_number(),
        id=box.new_id("pull"),
        title=title,
        body=data.get("body"),
        head=head,
        base=base,
        author=context.actor,
        is_draft=bool(data.get("draft")),
        created_at=context.now,
        updated_at=context.now,
        head_sha=head_sha,
        base_sha=base_sha,
        fork=fork,
        can_be_pushed=bool(fork and data.get("maintainer_can_modify", True)),
    )
    project.pulls[pull.number] = pull
    box.touched()
    _start(box, project, pull, "opened", context.token)
    shape = full(context, pull)
    pull.looked_at = None
    return Response(201, shape, headers={"Location": shape["url"]})


@route("GET", P, "pull_requests:read")
def get_pull(context: Context) -> Response:
    """Answer a pull request."""
    return Response(200, full(context, find_pull(context)))


@route("PATCH", P, "pull_requests:read")
def update_pull(context: Context) -> Response:
    """Change a pull request, which its author may as well."""
    pull = find_pull(context)
    if pull.author != context.actor:
        authorise(context, "pull_requests:write")
    data = context.request.json()
    if data.get("title"):
        pull.title = str(data["title"])
    if "body" in data:
        pull.body = data["body"]
    if data.get("state") == "closed" and pull.state == "open":
        pull.state, pull.closed_at = "closed", context.now
    pull.updated_at = context.now
    context.box.touched()
    return Response(200, full(context, pull))


@route("PUT", P + "/merge", "contents:write")
def merge_pull(context: Context) -> Response:
    """Merge a pull request for real."""
    pull = find_pull(context)
    data = context.request.json()
    box, project = context.box, context.project
    if data.get("sha") not in (None, pull.head_sha):
        text = "Head branch was modified. Review and try the merge again."
        raise Problem(409, text)
    if (why := refuse_merge(box, project, pull)) is not None:
        raise Problem(405, why)
    sha = carry_out(
        box,
        project,
        pull,
        method=data.get("merge_method", "merge"),
        login=context.actor,
        token=context.token,
        title=data.get("commit_title"),
        text=data.get("commit_message"),
    )
    done = {
        "sha": sha,
        "merged": True,
        "message": "Pull Request successfully merged",
    }
    return Response(200, done)
