"""GraphQL: files, releases and pull requests, and their merging by itself.

A query is parsed and answered field by field, so that a client gets what it
asked for and nothing else. Only the fields that are here are known; any other
is an error, as on GitHub.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .accounts import Token
from .actions import Run
from .base import View, iso, node_id
from .forge import Forge
from .git import GitError
from .graphql_pulls import PullObjects
from .graphql_query import Object, QueryRefusedError, carry_out, connection
from .merging import enable_auto_merge
from .records import Project, Pull, Release
from .rights import may

__all__ = ["answer"]


def answer(
    box: Forge,
    token: Token,
    query: str,
    variables: dict[str, Any],
    *,
    view: View,
) -> dict[str, Any]:
    """Answer a query.

    Parameters
    ----------
    box
        The sandbox.
    token
        Who asks.
    query
        The query's text.
    variables
        The values of its variables.
    view
        What is seen.

    Returns
    -------
    dict
        GraphQL's ``data`` and ``errors``.
    """
    return carry_out(query, variables, _Objects(box, token, view).root)


def _check_runs(run: Run, now: datetime, args: dict[str, Any]) -> list[Object]:
    """Return the jobs of a run, where asked those of all its attempts."""
    asked = args.get("filterBy") or {}
    attempts = run.attempts
    if asked.get("checkType") == "LATEST":
        attempts = attempts[-1:]
    jobs = {job.id: job for attempt in attempts for job in run.jobs(attempt)}
    wanted = asked.get("conclusions")
    return [
        {"__typename": "CheckRun", "name": job.script.name}
        for job in jobs.values()
        if job.created_at <= now
        and (wanted is None or str(job.conclusion).upper() in wanted)
    ]


class _Objects:
    """The objects of GraphQL, as one token sees them."""

    def __init__(self, box: Forge, token: Token, view: View) -> None:
        self._box = box
        self._token = token
        self._view = view
        self._pulls = PullObjects(box, token, view)

    def root(self, kind: str) -> Object:
        """Return what a query or a mutation begins with."""
        if kind == "Mutation":
            return {
                "__typename": kind,
                "enablePullRequestAutoMerge": self._enable_auto_merge,
            }
        return {
            "__typename": kind,
            "viewer": self._viewer(),
            "repository": self._find_repository,
        }

    def _viewer(self) -> Object:
        login = self._token.login
        return {
            "__typename": "User",
            "login": login,
            "avatarUrl": f"{self._box.server_url}/avatars/{login}",
            "resourcePath": f"/{login}",
            "url": f"{self._box.server_url}/{login}",
        }

    def _find_repository(self, args: dict[str, Any]) -> Object:
        owner, name = str(args.get("owner")), str(args.get("name"))
        found = self._box.find(owner, name)
        if found is None and args.get("followRenames", True):
            found = self._box.find_moved(owner, name)
        if found is None or not may(self._token, found, "metadata", "read"):
            text = "Could not resolve to a Repository with the name"
            raise QueryRefusedError("NOT_FOUND", f"{text} '{owner}/{name}'.")
        self._box.notice(found)
        return self._repository(found)

    def _repository(self, project: Project) -> Object:
        def default(_: object) -> Object | None:
            now = self._box.clock.now()
            if project.ready_at is not None and project.ready_at > now:
                return None
            return self._ref(
                project, f"refs/heads/{project.git.default_branch}"
            )

        def pulls(args: dict[str, Any]) -> Object:
            if not may(self._token, project, "pull_requests", "read"):
                text = "Resource not accessible by personal access token"
                raise QueryRefusedError("FORBIDDEN", text)
            found = [
                self._pulls.pull(project, pull)
                for pull in reversed(project.pulls.values())
                if pull.state.upper() in args.get("states", pull.state.upper())
                and args.get("headRefName", pull.head) == pull.head
            ]
            return connection("PullRequest", found, args)

        return {
            "__typename": "Repository",
            "nameWithOwner": project.full_name,
            "isArchived": project.is_archived,
            "isPrivate": project.is_private,
            "autoMergeAllowed": project.allow_auto_merge,
            "viewerPermission": self._permission(project),
            "forks": lambda args: self._forks(project, args),
            "defaultBranchRef": default,
            "ref": lambda args: self._ref(project, args["qualifiedName"]),
            "object": lambda args: self._find(project, args),
            "latestRelease": lambda _: self._latest(project),
            "release": lambda args: self._find_release(
                project, args["tagName"]
            ),
            "releases": lambda args: connection(
                "Release",
                [self._release(project, r) for r in self._releases(project)],
                args,
            ),
            "pullRequests": pulls,
        }

    def _permission(self, project: Project) -> str | None:
        """Return what a person may do; an app is none."""
        if self._token.kind == "actions":
            return None
        may_write = may(self._token, project, "contents", "write")
        return "WRITE" if may_write else "READ"

    def _url(self, project: Project, path: str) -> str:
        return f"{self._box.server_url}/{project.full_name}/{path}"

    def _forks(self, project: Project, args: dict[str, Any]) -> Object:
        """Return the forks, where asked only those of who asks."""
        found = self._box.forks(project)
        if args.get("affiliations") == "OWNER":
            me = self._token.login.lower()
            found = [fork for fork in found if fork.owner.lower() == me]
        forks = [self._repository(fork) for fork in found]
        return connection("Repository", forks, args)

    def _find(self, project: Project, args: dict[str, Any]) -> Object | None:
        if "oid" in args:
            return self._any(project, str(args["oid"]))
        commit, _, path = str(args["expression"]).partition(":")
        start = project.git.resolve(commit)
        entry = project.git.lookup(start, path) if start and path else None
        return self._any(project, entry[2]) if entry else None

    def _any(self, project: Project, sha: str) -> Object | None:
        found = project.git.read(sha)
        if found is None:
            return None
        kind, content = found[1].capitalize(), found[2]
        if kind == "Commit":
            return self._commit(project, sha)
        if kind == "Tag":
            to = content.partition(b"\n")[0].removeprefix(b"object ").decode()
            return {
                "__typename": kind,
                "oid": sha,
                "target": lambda _: self._any(project, to),
            }
        if kind == "Tree":
            entries = [
                {
                    "__typename": "TreeEntry",
                    "name": name,
                    "object": lambda _, sha=entry: self._any(project, sha),
                }
                for _, _, entry, name in project.git.tree(sha)
            ]
            return {"__typename": kind, "oid": sha, "entries": entries}
        try:
            text: str | None = content.decode()
        except UnicodeDecodeError:
            text = None
        if b"\0" in content:
            text = None
        return {"__typename": kind, "oid": sha, "text": text}

    def _commit(self, project: Project, sha: str) -> Object:
        found = project.git.known(sha)
        return {
            "__typename": "Commit",
            "oid": found.sha,
            "message": found.message.rstrip("\n"),
            "tree": {"__typename": "Tree", "oid": found.tree},
            "statusCheckRollup": lambda _: self._pulls.rollup(
                project, found.sha
            ),
            "committedDate": iso(found.committer.date),
            "parents": lambda args: connection(
                "Commit",
                [self._commit(project, each) for each in found.parents],
                args,
            ),
            "history": lambda args: self._history(project, sha, args),
            "file": lambda args: self._file(project, sha, args),
            "checkSuites": lambda args: connection(
                "CheckSuite", self._suites(project, found.sha), args
            ),
        }

    def _history(
        self, project: Project, sha: str, args: dict[str, Any]
    ) -> Object:
        """Return the commits that lead to one, a page of them."""
        asked = [f"--since={args['since']}"] if "since" in args else []
        below = ["--", args["path"]] if "path" in args else []
        skip = int(args.get("after") or 0)
        size = int(args["first"])
        found = project.git.git(
            "rev-list", *asked, f"--skip={skip}", f"--max-count={size + 1}",
            sha, *below,
        ).split()  # fmt: skip
        commits = [self._commit(project, each) for each in found[:size]]
        return connection("CommitHistory", commits, args) | {
            "pageInfo": {
                "__typename": "PageInfo",
                "hasNextPage": len(found) > size,
                "endCursor": str(skip + len(commits)) if commits else None,
            }
        }

    def _file(
        self, project: Project, sha: str, args: dict[str, Any]
    ) -> Object | None:
        entry = project.git.lookup(sha, str(args["path"]))
        if entry is None:
            return None
        return {
            "__typename": "TreeEntry",
            "object": lambda _: self._any(project, entry[2]),
        }

    def _suites(self, project: Project, sha: str) -> list[Object]:
        now = self._box.clock.now()
        found = []
        for run in project.runs:
            if run.head_sha != sha or not run.is_there(now):
                continue
            conclusion = run.conclusion(now)
            found.append(
                {
                    "__typename": "CheckSuite",
                    "status": run.status(now).upper(),
                    "conclusion": conclusion.upper() if conclusion else None,
                    "updatedAt": iso(run.updated_at(now)),
                    "checkRuns": lambda args, run=run: connection(
                        "CheckRun", _check_runs(run, now, args), args
                    ),
                    "workflowRun": {
                        "__typename": "WorkflowRun",
                        "event": run.event,
                        "url": self._url(project, f"actions/runs/{run.id}"),
                        "createdAt": iso(run.created_at),
                        "workflow": {
                            "__typename": "Workflow",
                            "name": run.name,
                        },
                    },
                }
            )
        return found

    def _ref(self, project: Project, name: str) -> Object | None:
        view = self._view.back(self._box.lag.refs)
        sha = project.refs.read(view).get(name)
        if sha is None:
            return None
        base = project.git.peel(sha) or sha
        return {
            "__typename": "Ref",
            "name": name.split("/", 2)[-1],
            "target": lambda _: self._any(project, sha),
            "compare": lambda args: self._compare(
                project, base, str(args["headRef"])
            ),
        }

    def _compare(
        self, project: Project, base: str, head: str
    ) -> Object | None:
        git = project.git
        try:
            ahead = git.log("--reverse", f"{base}..{git.resolve(head)}")
        except GitError:
            return None
        commits = [self._commit(project, sha) for sha in ahead]
        return {
            "__typename": "Comparison",
            "aheadBy": len(ahead),
            "commits": lambda args: connection(
                "ComparisonCommit", commits, args
            ),
        }

    def _releases(self, project: Project) -> list[Release]:
        """Return the releases that are seen, newest first."""
        view = self._view.back(self._box.lag.releases)
        found = project.releases.read(view).values()
        sees_drafts = may(self._token, project, "contents", "write")
        return sorted(
            (each for each in found if sees_drafts or not each.is_draft),
            key=lambda each: (each.created_at, each.id),
            reverse=True,
        )

    def _latest(self, project: Project) -> Object | None:
        for release in self._releases(project):
            if not (release.is_draft or release.is_prerelease):
                return self._release(project, release)
        return None

    def _find_release(self, project: Project, tag: str) -> Object | None:
        for release in self._releases(project):
            if release.tag == tag and not release.is_draft:
                return self._release(project, release)
        return None

    def _release(self, project: Project, release: Release) -> Object:
        sha = project.git.refs().get(f"refs/tags/{release.tag}", "")
        commit = project.git.peel(sha)
        is_bot = release.author.endswith("[bot]")
        place = release.slug if release.is_draft else release.tag
        return {
            "__typename": "Release",
            "databaseId": release.id,
            "tagName": release.tag,
            "name": release.name,
            "description": release.body,
            "isDraft": release.is_draft,
            "isPrerelease": release.is_prerelease,
            "publishedAt": iso(release.published_at)
            if release.published_at
            else None,
            "url": self._url(project, f"releases/tag/{place}"),
            # Bots are no users.
            "author": None
            if is_bot
            else {"__typename": "User", "login": release.author},
            "tagCommit": self._commit(project, commit) if commit else None,
        }

    def _enable_auto_merge(self, args: dict[str, Any]) -> Object:
        given = args.get("input") or {}
        project, pull = self._find_pull(str(given.get("pullRequestId")))
        for permission in ("pull_requests", "contents"):
            if not may(self._token, project, permission, "write"):
                text = "Resource not accessible by personal access token"
                raise QueryRefusedError("FORBIDDEN", text)
        method = str(given.get("mergeMethod") or "MERGE").lower()
        refused = enable_auto_merge(
            self._box, project, pull, method=method, token=self._token
        )
        if refused is not None:
            raise QueryRefusedError("UNPROCESSABLE", refused)
        shown = {"__typename": "PullRequest", "number": pull.number}
        return {
            "__typename": "EnablePullRequestAutoMergePayload",
            "actor": self._viewer(),
            "clientMutationId": given.get("clientMutationId"),
            "pullRequest": shown,
        }

    def _find_pull(self, node: str) -> tuple[Project, Pull]:
        for project in self._box.projects():
            for pull in project.pulls.values():
                if node_id("PullRequest", pull.id) == node:
                    return project, pull
        text = f"Could not resolve to a node with the global id of '{node}'"
        raise QueryRefusedError("NOT_FOUND", text)
