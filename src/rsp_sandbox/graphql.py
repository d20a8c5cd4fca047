"""GraphQL: files, releases and pull requests, and their merging by itself.

A query is parsed and answered field by field, so that a client gets what it
asked for and nothing else. Only the fields that are here are known; any other
is an error, as on GitHub.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from .accounts import Token
from .actions import Run
from .base import iso, node_id
from .forge import Forge
from .git import GitError
from .merging import enable_auto_merge
from .records import Project, Pull, Release
from .rights import may

__all__ = ["answer"]

_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"|\.\.\.|[{}()\[\]:$!=]|[A-Za-z_]\w*|-?\d+'
)

Object = dict[str, Any]
"""An object of GraphQL: values by field, with ``__typename``.

What depends on arguments, or is dear to have, is a function of the arguments.
"""


class _QueryError(Exception):
    """The query cannot be carried out."""


class _RefusedError(Exception):
    """A field cannot be answered: its kind of error, and why."""


class _Field(NamedTuple):
    """What is asked for of an object; ``...`` stands for a fragment."""

    name: str
    alias: str
    """Of a fragment: its name, or the type that it is for."""

    args: dict[str, Any]
    fields: list[_Field]


class _Parser:
    """Parses one operation and its fragments."""

    def __init__(self, text: str, variables: dict[str, Any]) -> None:
        self._tokens = _TOKEN.findall(re.sub(r"#[^\n]*", "", text))[::-1]
        self._variables = variables
        self.fragments: dict[str, list[_Field]] = {}
        self.kind = ""

    def document(self) -> list[_Field]:
        """Return what the operation asks for."""
        found: list[_Field] = []
        while self._tokens:
            kind = self._next()
            if kind == "fragment":
                name = self._next()
                self._skip_to("{")
                self.fragments[name] = self._selection()
            elif kind in {"query", "mutation"}:
                self.kind = kind.capitalize()
                self._skip_to("{")
                found = self._selection()
            else:
                raise _QueryError("This sandbox knows no subscriptions")
        return found

    def flat(self, fields: list[_Field], kind: str) -> Iterator[_Field]:
        """Put what fragments ask for of a type in place of them."""
        for item in fields:
            if item.name != "...":
                yield item
            elif item.fields:
                inner = item.fields if item.alias == kind else []
                yield from self.flat(inner, kind)
            elif item.alias in self.fragments:
                yield from self.flat(self.fragments[item.alias], kind)
            else:
                raise _QueryError(f"No such fragment {item.alias}")

    def _next(self) -> str:
        if not self._tokens:
            raise _QueryError("Unexpected end of document")
        return str(self._tokens.pop())

    def _skip_to(self, token: str) -> None:
        while self._next() != token:
            pass

    def _has(self, token: str) -> bool:
        """Take a token if it is the next."""
        is_next = self._tokens[-1:] == [token]
        if is_next:
            self._next()
        return is_next

    def _selection(self) -> list[_Field]:
        found = []
        while not self._has("}"):
            found.append(self._field())
        return found

    def _field(self) -> _Field:
        name = alias = self._next()
        args = {}
        if name == "...":
            self._has("on")
            alias = self._next()
        elif self._has(":"):
            name = self._next()
        if self._has("("):
            args = self._pairs(")")
        fields = self._selection() if self._has("{") else []
        return _Field(name, alias, args, fields)

    def _pairs(self, end: str) -> dict[str, Any]:
        found = {}
        while not self._has(end):
            key = self._next()
            self._skip_to(":")
            found[key] = self._value()
        return found

    def _value(self) -> Any:
        token = self._next()
        if token == "$":
            return self._variables.get(self._next())
        if token == "{":
            return self._pairs("}")
        if token == "[":
            found = []
            while not self._has("]"):
                found.append(self._value())
            return found
        try:
            return json.loads(token)
        except ValueError:
            return token


def answer(
    box: Forge, token: Token, query: str, variables: dict[str, Any]
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

    Returns
    -------
    dict
        GraphQL's ``data`` and ``errors``.
    """
    parser = _Parser(query, variables)
    errors: list[dict[str, Any]] = []

    def fill(value: Any, fields: list[_Field]) -> Any:
        if isinstance(value, list):
            return [fill(each, fields) for each in value]
        if not isinstance(value, dict):
            return value
        kind = value["__typename"]
        found: dict[str, Any] = {}
        for item in parser.flat(fields, kind):
            if item.name not in value:
                raise _QueryError(
                    f"Field '{item.name}' doesn't exist on type '{kind}'"
                )
            result = value[item.name]
            try:
                result = result(item.args) if callable(result) else result
            except _RefusedError as e:
                error, text = e.args
                errors.append(
                    {"type": error, "path": [item.alias], "message": text}
                )
                result = None
            found[item.alias] = fill(result, item.fields)
        return found

    try:
        fields = parser.document()
        data = fill(_Objects(box, token).root(parser.kind), fields)
    except _QueryError as e:
        return {"errors": [{"message": str(e)}]}
    return {"data": data} | ({"errors": errors} if errors else {})


def _connection(kind: str, items: list[Any], args: dict[str, Any]) -> Object:
    first, last = args.get("first"), args.get("last")
    size = first or last
    if not isinstance(size, int) or not 0 < size <= 100:
        raise _QueryError("You must provide `first` or `last`, at most 100")
    return {
        "__typename": f"{kind}Connection",
        "nodes": items[:size] if first else items[-size:],
        "totalCount": len(items),
    }


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

    def __init__(self, box: Forge, token: Token) -> None:
        self._box = box
        self._token = token

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
        return {"__typename": "User", "login": self._token.login}

    def _find_repository(self, args: dict[str, Any]) -> Object:
        owner, name = str(args.get("owner")), str(args.get("name"))
        found = self._box.find(owner, name)
        if found is None and args.get("followRenames", True):
            found = self._box.find_moved(owner, name)
        if found is None or not may(self._token, found, "metadata", "read"):
            text = "Could not resolve to a Repository with the name"
            raise _RefusedError("NOT_FOUND", f"{text} '{owner}/{name}'.")
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
            found = [
                {
                    "__typename": "PullRequest",
                    "headRefName": pull.head,
                    "url": self._url(project, f"pull/{pull.number}"),
                }
                for pull in reversed(project.pulls.values())
                if pull.state.upper() in args.get("states", pull.state.upper())
            ]
            return _connection("PullRequest", found, args)

        return {
            "__typename": "Repository",
            "nameWithOwner": project.full_name,
            "isArchived": project.is_archived,
            "forks": lambda args: self._forks(project, args),
            "defaultBranchRef": default,
            "ref": lambda args: self._ref(project, args["qualifiedName"]),
            "object": lambda args: self._find(project, args),
            "latestRelease": lambda _: self._latest(project),
            "releases": lambda args: self._releases(project, args),
            "pullRequests": pulls,
        }

    def _url(self, project: Project, path: str) -> str:
        return f"{self._box.server_url}/{project.full_name}/{path}"

    def _forks(self, project: Project, args: dict[str, Any]) -> Object:
        """Return the forks, where asked only those of who asks."""
        found = self._box.forks(project)
        if args.get("affiliations") == "OWNER":
            me = self._token.login.lower()
            found = [fork for fork in found if fork.owner.lower() == me]
        forks = [self._repository(fork) for fork in found]
        return _connection("Repository", forks, args)

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
        if kind == "Tree":
            entries = [
                {
                    "__typename": "TreeEntry",
                    "name": name,
                    "object": lambda _, sha=entry: self._any(project, sha),
                }
                for _, _, entry, name in project.git.tree(sha)
            ]
            return {"__typename": kind, "entries": entries}
        try:
            text: str | None = content.decode()
        except UnicodeDecodeError:
            text = None
        if b"\0" in content:
            text = None
        return {"__typename": kind, "text": text}

    def _commit(self, project: Project, sha: str) -> Object:
        found = project.git.known(sha)
        return {
            "__typename": "Commit",
            "oid": found.sha,
            "message": found.message.rstrip("\n"),
            "committedDate": iso(found.committer.date),
            "parents": lambda args: _connection(
                "Commit",
                [self._commit(project, each) for each in found.parents],
                args,
            ),
            "history": lambda args: self._history(project, sha, args),
            "file": lambda args: self._file(project, sha, args),
            "checkSuites": lambda args: _connection(
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
        return _connection("CommitHistory", commits, args) | {
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
                    "checkRuns": lambda args, run=run: _connection(
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
        sha = project.git.refs().get(name)
        if sha is None:
            return None
        base = project.git.peel(sha) or sha
        return {
            "__typename": "Ref",
            "name": name.split("/", 2)[-1],
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
            "commits": lambda args: _connection(
                "ComparisonCommit", commits, args
            ),
        }

    def _latest(self, project: Project) -> Object | None:
        found = [
            release
            for release in project.releases.value.values()
            if not release.is_draft and not release.is_prerelease
        ]
        if not found:
            return None
        newest = max(found, key=lambda r: (r.created_at, r.id))
        return self._release(project, newest)

    def _releases(self, project: Project, args: dict[str, Any]) -> Object:
        found = sorted(
            project.releases.value.values(),
            key=lambda r: (r.created_at, r.id),
            reverse=True,
        )
        shown = [self._release(project, each) for each in found]
        return _connection("Release", shown, args)

    def _release(self, project: Project, release: Release) -> Object:
        sha = project.git.refs().get(f"refs/tags/{release.tag}", "")
        commit = project.git.peel(sha)
        published = release.published_at
        return {
            "__typename": "Release",
            "tagName": release.tag,
            "isDraft": release.is_draft,
            "isPrerelease": release.is_prerelease,
            "publishedAt": iso(published) if published else None,
            "url": self._url(project, f"releases/tag/{release.tag}"),
            "tagCommit": self._commit(project, commit) if commit else None,
        }

    def _enable_auto_merge(self, args: dict[str, Any]) -> Object:
        given = args.get("input") or {}
        project, pull = self._find_pull(str(given.get("pullRequestId")))
        for permission in ("pull_requests", "contents"):
            if not may(self._token, project, permission, "write"):
                text = "Resource not accessible by personal access token"
                raise _RefusedError("FORBIDDEN", text)
        method = str(given.get("mergeMethod") or "MERGE").lower()
        refused = enable_auto_merge(
            self._box, project, pull, method=method, token=self._token
        )
        if refused is not None:
            raise _RefusedError("UNPROCESSABLE", refused)
        shown = {"__typename": "PullRequest", "number": pull.number}
        return {
            "__typename": "EnablePullRequestAutoMergePayload",
            "actor": self._viewer(),
            "pullRequest": shown,
        }

    def _find_pull(self, node: str) -> tuple[Project, Pull]:
        for project in self._box.projects():
            for pull in project.pulls.values():
                if node_id("PullRequest", pull.id) == node:
                    return project, pull
        text = f"Could not resolve to a node with the global id of '{node}'"
        raise _RefusedError("NOT_FOUND", text)
