"""GraphQL: files, releases and pull requests, and their merging by itself.

A query is parsed and answered field by field, so that a client gets what it
asked for and nothing else. Only the fields that are here are known; any other
is an error, as on GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .accounts import Token
from .base import iso, node_id
from .forge import Forge
from .git import GitError
from .merging import enable_auto_merge
from .records import Project, Pull
from .rights import may

__all__ = ["answer"]

_TOKEN = re.compile(
    r'"((?:[^"\\]|\\.)*)"|(\.\.\.|[{}()\[\]:$!=]|[A-Za-z_]\w*|-?\d+)'
)

_ONLY = "This sandbox knows no subscriptions"


class _QueryError(Exception):
    """The query cannot be carried out."""


@dataclass(slots=True)
class _Field:
    """What is asked for of an object."""

    name: str
    alias: str
    args: dict[str, Any] = field(default_factory=dict)
    fields: list[_Field] = field(default_factory=list)
    on: str = ""
    """The type, for a fragment."""


class _Parser:
    """Parses one operation and its fragments."""

    def __init__(self, text: str, variables: dict[str, Any]) -> None:
        text = re.sub(r"#[^\n]*", "", text)
        self._tokens = [
            (match[1], True) if match[1] is not None else (match[2], False)
            for match in _TOKEN.finditer(text)
        ]
        self._at = 0
        self._variables = variables
        self.fragments: dict[str, list[_Field]] = {}
        self.is_mutation = False

    def document(self) -> list[_Field]:
        """Return what the operation asks for."""
        found: list[_Field] = []
        while self._at < len(self._tokens):
            kind = self._next()
            if kind == "fragment":
                name = self._next()
                self._next()
                self._next()
                self.fragments[name] = self._selection()
            elif kind in {"query", "mutation"}:
                self.is_mutation = kind == "mutation"
                while self._peek() != "{":
                    self._next()
                found = self._selection()
            else:
                raise _QueryError(_ONLY)
        return found

    def _peek(self) -> str:
        if self._at >= len(self._tokens):
            raise _QueryError("Unexpected end of document")
        return self._tokens[self._at][0]

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _selection(self) -> list[_Field]:
        if self._next() != "{":
            raise _QueryError("Expected a selection")
        found = []
        while self._peek() != "}":
            found.append(self._field())
        self._next()
        return found

    def _field(self) -> _Field:
        name = self._next()
        if name == "...":
            if self._peek() == "on":
                self._next()
                kind = self._next()
                return _Field("...", "", fields=self._selection(), on=kind)
            return _Field("...", self._next())
        alias = name
        if self._peek() == ":":
            self._next()
            name = self._next()
        item = _Field(name, alias)
        if self._peek() == "(":
            self._next()
            while self._peek() != ")":
                key = self._next()
                self._next()
                item.args[key] = self._value()
            self._next()
        if self._peek() == "{":
            item.fields = self._selection()
        return item

    def _value(self) -> Any:
        token, is_text = self._tokens[self._at]
        self._at += 1
        if is_text:
            return token
        if token == "$":
            return self._variables.get(self._next())
        if token == "{":
            found = {}
            while self._peek() != "}":
                key = self._next()
                self._next()
                found[key] = self._value()
            self._next()
            return found
        if re.fullmatch(r"-?\d+", token):
            return int(token)
        return {"true": True, "false": False, "null": None}.get(token, token)


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
    try:
        fields = parser.document()
        kind = _Mutations if parser.is_mutation else _Root
        resolve = kind(box, token, errors).resolve
        data = _fill(resolve, fields, parser.fragments)
    except _QueryError as e:
        return {"errors": [{"message": str(e)}]}
    return {"data": data} | ({"errors": errors} if errors else {})


Resolve = Callable[[_Field], Any]


def _fill(
    resolve: Resolve, fields: list[_Field], fragments: dict[str, list[_Field]]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in _flat(resolve, fields, fragments):
        value = resolve(item)
        if callable(value):
            value = _fill(value, item.fields, fragments)
        elif isinstance(value, list):
            value = [
                _fill(v, item.fields, fragments) if callable(v) else v
                for v in value
            ]
        found[item.alias] = value
    return found


def _flat(
    resolve: Resolve, fields: list[_Field], fragments: dict[str, list[_Field]]
) -> Iterator[_Field]:
    for item in fields:
        if item.name != "...":
            yield item
        elif not item.on:
            if item.alias not in fragments:
                raise _QueryError(f"No such fragment {item.alias}")
            yield from _flat(resolve, fragments[item.alias], fragments)
        elif item.on == resolve(_Field("__typename", "")):
            yield from _flat(resolve, item.fields, fragments)


def _object(kind: str, **values: Any) -> Resolve:
    """Return an object of given fields; a function is called for its value."""

    def resolve(item: _Field) -> Any:
        if item.name == "__typename":
            return kind
        if item.name not in values:
            raise _QueryError(
                f"Field '{item.name}' doesn't exist on type '{kind}'"
            )
        value = values[item.name]
        return value(item.args) if isinstance(value, _Lazy) else value

    return resolve


@dataclass(slots=True, frozen=True)
class _Lazy:
    """A value that depends on arguments, or is dear to have."""

    function: Callable[[dict[str, Any]], Any]

    def __call__(self, args: dict[str, Any]) -> Any:
        return self.function(args)


def _connection(kind: str, items: list[Any], args: dict[str, Any]) -> Resolve:
    first = args.get("first") or args.get("last")
    if not isinstance(first, int) or not 0 < first <= 100:
        raise _QueryError("You must provide `first` or `last`, at most 100")
    is_first = bool(args.get("first"))
    return _object(
        f"{kind}Connection",
        nodes=items[:first] if is_first else items[-first:],
        totalCount=len(items),
        pageInfo=_object(
            "PageInfo", hasNextPage=is_first and len(items) > first
        ),
    )


class _Root:
    """What a query begins with."""

    def __init__(
        self, box: Forge, token: Token, errors: list[dict[str, Any]]
    ) -> None:
        self._box = box
        self._token = token
        self._errors = errors

    def resolve(self, item: _Field) -> Any:
        """Return the value of a field."""
        if item.name == "__typename":
            return "Query"
        if item.name == "viewer":
            return self._user(self._token.login)
        if item.name != "repository":
            raise _QueryError(f"Field '{item.name}' doesn't exist on 'Query'")
        owner, name = item.args.get("owner"), item.args.get("name")
        found = self._box.find(str(owner), str(name))
        if found is None or not may(self._token, found, "metadata", "read"):
            text = "Could not resolve to a Repository with the name"
            self._errors.append(
                {
                    "type": "NOT_FOUND",
                    "path": [item.alias],
                    "message": f"{text} '{owner}/{name}'.",
                }
            )
            return None
        self._box.notice(found)
        return self._repository(found)

    def _repository(self, project: Project) -> Resolve:
        url = f"{self._box.server_url}/{project.full_name}"
        is_ready = (
            project.ready_at is None
            or project.ready_at <= self._box.clock.now()
        )
        return _object(
            "Repository",
            owner=_Lazy(lambda _: self._user(project.owner)),
            isFork=project.parent is not None,
            forks=_Lazy(lambda args: self._forks(project, args)),
            nameWithOwner=project.full_name,
            url=url,
            isArchived=project.is_archived,
            isPrivate=project.is_private,
            defaultBranchRef=_Lazy(
                lambda _: (
                    self._ref(
                        project, f"refs/heads/{project.git.default_branch}"
                    )
                    if is_ready
                    else None
                )
            ),
            ref=_Lazy(
                lambda args: self._ref(project, str(args["qualifiedName"]))
            ),
            object=_Lazy(lambda args: self._find(project, args)),
            latestRelease=_Lazy(lambda _: self._latest(project)),
            pullRequests=_Lazy(lambda args: self._pulls(project, args)),
        )

    def _user(self, login: str) -> Resolve:
        url = f"{self._box.server_url}/{login}"
        return _object("User", login=login, url=url)

    def _forks(self, project: Project, args: dict[str, Any]) -> Resolve:
        """Return the forks, where asked only those of who asks."""
        found = self._box.forks(project)
        if args.get("affiliations") in ("OWNER", ["OWNER"]):
            me = self._token.login.lower()
            found = [fork for fork in found if fork.owner.lower() == me]
        return _connection(
            "Repository", [self._repository(fork) for fork in found], args
        )

    def _find(self, project: Project, args: dict[str, Any]) -> Any:
        git = project.git
        if "oid" in args:
            return self._any(project, str(args["oid"]))
        commit, _, path = str(args["expression"]).partition(":")
        start = git.resolve(commit)
        entry = git.lookup(start, path) if start and path else None
        return self._any(project, entry[2]) if entry else None

    def _any(self, project: Project, sha: str) -> Any:
        found = project.git.read(sha)
        if found is None:
            return None
        if found[1] == "commit":
            return self._commit(project, sha)
        if found[1] == "tree":
            return _object(
                "Tree",
                oid=sha,
                entries=_Lazy(
                    lambda _: [
                        _object(
                            "TreeEntry",
                            name=name,
                            type=kind,
                            object=_Lazy(partial(self._entry, project, entry)),
                        )
                        for _, kind, entry, name in project.git.tree(sha)
                    ]
                ),
            )
        content = found[2]
        try:
            text: str | None = content.decode()
        except UnicodeDecodeError:
            text = None
        if b"\0" in content:
            text = None
        return _object(
            "Blob",
            oid=sha,
            text=text,
            isBinary=text is None,
            byteSize=len(content),
            isTruncated=False,
        )

    def _entry(self, project: Project, sha: str, _: dict[str, Any]) -> Any:
        return self._any(project, sha)

    def _commit(self, project: Project, sha: str) -> Resolve:
        found = project.git.known(sha)
        return _object(
            "Commit",
            oid=found.sha,
            message=found.message.rstrip("\n"),
            committedDate=iso(found.committer.date),
            author=_object("GitActor", name=found.author.name),
            parents=_Lazy(
                lambda args: _connection("Commit", list(found.parents), args)
            ),
            checkSuites=_Lazy(
                lambda args: _connection(
                    "CheckSuite", self._suites(project, found.sha), args
                )
            ),
        )

    def _suites(self, project: Project, sha: str) -> list[Resolve]:
        now = self._box.clock.now()
        found = []
        for run in project.runs:
            if run.head_sha != sha or not run.appears_at:
                continue
            if run.appears_at > now:
                continue
            status = run.status(now)
            conclusion = run.conclusion(now)
            url = f"{self._box.server_url}/{project.full_name}/actions/runs"
            path = f"/{project.full_name}/actions/workflows/{run.path}"
            found.append(
                _object(
                    "CheckSuite",
                    status=status.upper(),
                    conclusion=conclusion.upper() if conclusion else None,
                    workflowRun=_object(
                        "WorkflowRun",
                        event=run.event,
                        databaseId=run.id,
                        runNumber=run.run_number,
                        url=f"{url}/{run.id}",
                        createdAt=iso(run.created_at),
                        workflow=_object(
                            "Workflow", name=run.name, resourcePath=path
                        ),
                    ),
                )
            )
        return found

    def _ref(self, project: Project, name: str) -> Any:
        sha = project.git.refs().get(name)
        if sha is None:
            return None
        commit = project.git.peel(sha) or sha
        return _object(
            "Ref",
            name=name.split("/", 2)[-1],
            target=_Lazy(lambda _: self._commit(project, commit)),
            compare=_Lazy(
                lambda args: self._compare(
                    project, commit, str(args["headRef"])
                )
            ),
        )

    def _compare(self, project: Project, base: str, head: str) -> Any:
        git = project.git
        other = git.refs().get(f"refs/heads/{head}") or git.resolve(head)
        if other is None:
            return None
        try:
            ahead = git.log("--reverse", f"{base}..{other}")
            behind = git.log(f"{other}..{base}")
        except GitError:
            return None
        return _object(
            "Comparison",
            aheadBy=len(ahead),
            behindBy=len(behind),
            commits=_Lazy(
                lambda args: _connection(
                    "ComparisonCommit",
                    [self._commit(project, sha) for sha in ahead],
                    args,
                )
            ),
        )

    def _latest(self, project: Project) -> Any:
        found = [
            release
            for release in project.releases.value.values()
            if not release.is_draft and not release.is_prerelease
        ]
        if not found:
            return None
        newest = max(found, key=lambda r: (r.created_at, r.id))
        sha = project.git.refs().get(f"refs/tags/{newest.tag}", "")
        commit = project.git.peel(sha)
        url = f"{self._box.server_url}/{project.full_name}/releases/tag"
        return _object(
            "Release",
            tagName=newest.tag,
            publishedAt=iso(newest.published_at),
            url=f"{url}/{newest.tag}",
            isPrerelease=newest.is_prerelease,
            tagCommit=_Lazy(
                lambda _: self._commit(project, commit) if commit else None
            ),
        )

    def _pulls(self, project: Project, args: dict[str, Any]) -> Resolve:
        found = [
            self.pull(project, pull)
            for pull in reversed(project.pulls.values())
            if not args.get("states") or pull.state.upper() in args["states"]
        ]
        return _connection("PullRequest", found, args)

    def pull(self, project: Project, pull: Pull) -> Resolve:
        """Return a pull request."""
        url = f"{self._box.server_url}/{project.full_name}/pull"
        return _object(
            "PullRequest",
            id=node_id("PullRequest", pull.id),
            number=pull.number,
            url=f"{url}/{pull.number}",
            title=pull.title,
            headRefName=pull.head,
            isDraft=pull.is_draft,
            createdAt=iso(pull.created_at),
        )


class _Mutations:
    """What a mutation begins with."""

    def __init__(
        self, box: Forge, token: Token, errors: list[dict[str, Any]]
    ) -> None:
        self._box = box
        self._token = token
        self._errors = errors
        self._root = _Root(box, token, errors)

    def resolve(self, item: _Field) -> Any:
        """Change something, and return what is asked for of it."""
        given = item.args.get("input") or {}
        if item.name == "__typename":
            return "Mutation"
        if item.name == "enablePullRequestAutoMerge":
            change = self._enable
        elif item.name == "disablePullRequestAutoMerge":
            change = self._disable
        else:
            raise _QueryError(
                f"Field '{item.name}' doesn't exist on type 'Mutation'"
            )
        project, pull = self._find_pull(str(given.get("pullRequestId")))
        if project is None or pull is None:
            text = "Could not resolve to a node with the global id of"
            text += f" '{given.get('pullRequestId')}'"
            return self._refuse(item, "NOT_FOUND", text)
        for permission in ("pull_requests", "contents"):
            if not may(self._token, project, permission, "write"):
                text = "Resource not accessible by personal access token"
                return self._refuse(item, "FORBIDDEN", text)
        refused = change(project, pull, given)
        if refused is not None:
            return self._refuse(item, "UNPROCESSABLE", refused)
        mutation = item.name[:1].upper() + item.name[1:]
        return _object(
            f"{mutation}Payload",
            clientMutationId=given.get("clientMutationId"),
            pullRequest=self._root.pull(project, pull),
        )

    def _find_pull(self, node: str) -> tuple[Project | None, Pull | None]:
        for project in self._box.projects():
            for pull in project.pulls.values():
                if node_id("PullRequest", pull.id) == node:
                    return project, pull
        return None, None

    def _refuse(self, item: _Field, kind: str, text: str) -> None:
        self._errors.append(
            {"type": kind, "path": [item.alias], "message": text}
        )

    def _enable(
        self, project: Project, pull: Pull, given: dict[str, Any]
    ) -> str | None:
        method = str(given.get("mergeMethod") or "MERGE").lower()
        return enable_auto_merge(
            self._box, project, pull, method=method, token=self._token
        )

    def _disable(
        self, project: Project, pull: Pull, given: dict[str, Any]
    ) -> str | None:
        if pull.auto_merge is None:
            return "Pull request Pull request is not in the correct state"
        pull.auto_merge = None
        self._box.touched()
        return None
