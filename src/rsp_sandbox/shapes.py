"""GitHub's JSON for the things that many answers hold."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from .base import iso, node_id, number_of
from .forge import Forge
from .git import Commit, Person, Tag
from .records import Project
from .rest import Context

__all__ = [
    "commit",
    "git_person",
    "minimal_repository",
    "reference",
    "repository",
    "tag_object",
    "user",
]


def user(box: Forge, login: str) -> dict[str, Any]:
    """Return a ``simple-user``."""
    url = f"{box.api_url}/users/{quote(login)}"
    number = number_of(login.lower())
    is_bot = login.endswith("[bot]")
    return {
        "login": login,
        "id": number,
        "node_id": node_id("User", number),
        "avatar_url": f"{box.server_url}/avatars/u/{number}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{box.server_url}/{quote(login)}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": "Bot" if is_bot else "User",
        "site_admin": False,
    }


_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def minimal_repository(box: Forge, project: Project) -> dict[str, Any]:
    """Return a ``minimal-repository``."""
    url = f"{box.api_url}/repos/{project.full_name}"
    return {
        "id": project.id,
        "node_id": node_id("Repository", project.id),
        "name": project.name,
        "full_name": project.full_name,
        "private": project.is_private,
        "owner": user(box, project.owner),
        "html_url": f"{box.server_url}/{project.full_name}",
        "description": project.description,
        "fork": project.parent is not None,
        "url": url,
    } | {key: url + path for key, path in _LINKS.items()}


def repository(
    box: Forge, project: Project, permissions: dict[str, bool] | None
) -> dict[str, Any]:
    """Return a ``full-repository``."""
    web = f"{box.server_url}/{project.full_name}"
    host = box.server_url.removeprefix("http://")
    data = minimal_repository(box, project)
    data |= {
        "created_at": iso(project.created_at),
        "updated_at": iso(project.pushed_at),
        "pushed_at": iso(project.pushed_at),
        "git_url": f"git://{host}/{project.full_name}.git",
        "ssh_url": f"git@{host}:{project.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        "size": 108,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": "Python",
        "has_issues": True,
        "has_projects": True,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "forks_count": 0,
        "mirror_url": None,
        "archived": project.is_archived,
        "disabled": False,
        "open_issues_count": 0,
        "license": None,
        "forks": 0,
        "open_issues": 0,
        "watchers": 0,
        "default_branch": project.git.default_branch,
        "network_count": 0,
        "subscribers_count": 0,
        "allow_auto_merge": project.allow_auto_merge,
    }
    if permissions is not None:
        data["permissions"] = permissions
    return data


def git_person(person: Person) -> dict[str, Any]:
    """Return a ``git-user``."""
    return {
        "name": person.name,
        "email": person.email,
        "date": iso(person.date),
    }


def commit(context: Context, item: Commit) -> dict[str, Any]:
    """Return a ``commit``."""
    root, web = context.api, f"{context.web}/commit"
    url = f"{root}/commits/{item.sha}"
    return {
        "sha": item.sha,
        "node_id": node_id("Commit", item.sha),
        "commit": {
            "author": git_person(item.author),
            "committer": git_person(item.committer),
            "message": item.message.rstrip("\n"),
            "tree": {
                "sha": item.tree,
                "url": f"{root}/git/trees/{item.tree}",
            },
            "url": f"{root}/git/commits/{item.sha}",
            "comment_count": 0,
        },
        "url": url,
        "html_url": f"{web}/{item.sha}",
        "comments_url": f"{url}/comments",
        "author": None,
        "committer": None,
        "parents": [
            {"sha": parent, "url": f"{root}/commits/{parent}"}
            for parent in item.parents
        ],
    }


def reference(context: Context, ref: str, sha: str) -> dict[str, Any]:
    """Return a ``git-ref``."""
    root = f"{context.api}/git"
    found = context.project.git.read(sha)
    kind = found[1] if found else "commit"
    return {
        "ref": ref,
        "node_id": node_id("Ref", ref),
        "url": f"{root}/{quote(ref)}",
        "object": {
            "sha": sha,
            "type": kind,
            "url": f"{root}/{kind}s/{sha}",
        },
    }


def tag_object(context: Context, tag: Tag) -> dict[str, Any]:
    """Return a ``git-tag``."""
    root = f"{context.api}/git"
    return {
        "node_id": node_id("Tag", tag.sha),
        "tag": tag.name,
        "sha": tag.sha,
        "url": f"{root}/tags/{tag.sha}",
        "message": tag.message,
        "tagger": git_person(tag.tagger),
        "object": {
            "sha": tag.object,
            "type": tag.type,
            "url": f"{root}/{tag.type}s/{tag.object}",
        },
    }
