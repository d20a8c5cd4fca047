"""The sandbox as a whole: its state, its clock and its servers."""

from __future__ import annotations

import html
import itertools
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from . import graphql, rest
from .accounts import Accounts, Kind, Token
from .base import Clock, History, Problem, Request, Response, SystemClock, View
from .faults import Faults
from .git import Repository
from .githttp import git_http
from .guards import may
from .logs import LogStore
from .merging import merge_what_may
from .misbehave import misbehave, spoil
from .project import Project, RequestRecord, State
from .pulls import follow
from .registry import Registry
from .releases import Release, without_tag
from .rules import Hook, is_protected
from .runner import Runner
from .scenario import Lag, Scenario
from .server import Reply, Server
from .shapes import number_of

__all__ = ["Sandbox"]

T = TypeVar("T")

_SKIP = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]")
_MOST_TAGS = 3
"""More tags than this in one push start nothing (GitHub, events)."""


class Sandbox:
    """GitHub, a git remote and an OCI registry on one port of loopback.

    Parameters
    ----------
    scenario
        What workflows do, where not as the repository's own files say.
    port
        The port; 0 for any.
    clock
        The time; by default the machine's own.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        port: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.scenario = scenario or Scenario()
        """What workflows do."""
        self.clock: Clock = clock or SystemClock()
        """The time."""
        self.lag: Lag = self.scenario.lag
        """How far reads are behind; may be replaced at any time."""
        self.faults = Faults()
        """What goes wrong."""
        self.accounts = Accounts(self.scenario.login)
        """Who may come in."""
        self.state = State(self)
        """What tests look at."""
        self.lock = threading.RLock()
        """Held while a request is answered."""
        self.graphql: dict[str, Any] = {}
        """Handlers of GraphQL by a word that the query must hold."""
        self.runner = Runner(self)
        """What runs."""
        self.images = Registry(self.accounts, self.touched)
        """The registry."""
        self._port = port
        self._number = 0
        self._before_write = 0
        self._request_numbers = itertools.count(1)
        self._ids = {
            "release": itertools.count(180_000_001, 7),
            "pull": itertools.count(2_400_000_001, 3),
        }
        self._projects: dict[str, Project] = {}
        self._folder: Path | None = None
        self._server: Server | None = None
        self._logs: LogStore | None = None
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None
        self.token = self.accounts.add().secret
        """A token with every right."""

    # -- Set up ----------------------------------------------------------

    def add_repository(
        self,
        name: str,
        git_dir: Path | None = None,
        *,
        private: bool = False,
        description: str = "",
        roles: Mapping[str, str] | None = None,
        immutable_releases: bool = False,
    ) -> Project:
        """Serve a repository.

        Parameters
        ----------
        name
            Owner and name.
        git_dir
            A bare repository; by default an empty one is made.
        private
            Whether strangers get 404.
        description
            What its page says.
        roles
            ``admin``, ``write`` or ``read`` by login, beside the owner.
        immutable_releases
            Whether published releases are locked.

        Raises
        ------
        ValueError
            Raised if the name or the path is of no repository.
        """
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise ValueError(f"{name!r} is not OWNER/NAME")
        owner, _, short = name.partition("/")
        if git_dir is None:
            git = Repository.create(self.folder / owner / f"{short}.git")
        else:
            path = Path(git_dir).resolve()
            if (path / ".git").is_dir():
                path /= ".git"
            if not (path / "HEAD").is_file():
                raise ValueError(f"{git_dir} is no git repository")
            git = Repository(path)
        now = self.clock.now()
        project = Project(
            id=number_of(name.lower()),
            owner=owner,
            name=short,
            git=git,
            is_private=private,
            created_at=now - timedelta(days=900),
            pushed_at=now,
            description=description,
            immutable_releases=immutable_releases,
            roles={k.lower(): v for k, v in (roles or {}).items()},
        )
        project.roles.setdefault(self.accounts.login.lower(), "admin")
        project.roles.setdefault(owner.lower(), "admin")
        # What is there already is there for ever, and is no event.
        project.refs = History(git.refs())
        self._projects[name.lower()] = project
        project.hook = Hook(project, lambda: self.folder)
        return project

    def add_token(
        self,
        permissions: Mapping[str, str] | None = None,
        kind: Kind = "classic",
        *,
        login: str | None = None,
        scopes: tuple[str, ...] | None = None,
        repositories: tuple[str, ...] | None = None,
        limit: int | None = None,
    ) -> str:
        """Make a token and return its secret.

        Parameters
        ----------
        permissions
            Level by permission, as of a fine-grained token.
        kind
            ``classic``, ``fine-grained``, ``actions`` or ``app``.
        login
            Whose it is; by default the first user's.
        scopes
            The scopes of a classic token.
        repositories
            Which repositories it reaches; `None` for all.
        limit
            Requests in an hour.
        """
        return self.accounts.add(
            kind=kind,
            login=login,
            permissions=permissions,
            scopes=scopes,
            repositories=repositories,
            limit=limit,
        ).secret

    @property
    def folder(self) -> Path:
        """A folder of the sandbox's own, removed when it is closed."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rsp-sandbox-"))
        return self._folder

    def __enter__(self) -> Self:
        try:
            self._server = Server(self._answer, self._port)
            self._logs = LogStore(self.clock)
        except OSError:
            self.__exit__(None, None, None)
            raise
        self._stop.clear()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()
        for server in (self._server, self._logs):
            if server is not None:
                server.close()
        for project in self._projects.values():
            project.git.close()
            if project.hook is not None:
                project.hook.remove()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def logs(self) -> LogStore:
        """The storage host of logs."""
        if self._logs is None:
            raise RuntimeError("the sandbox is not running")
        return self._logs

    # -- Addresses -------------------------------------------------------

    @property
    def port(self) -> int:
        """The port that everything is served on."""
        if self._server is None:
            raise RuntimeError("the sandbox is not running")
        return self._server.port

    @property
    def server_url(self) -> str:
        """The address of the web pages and of git."""
        return f"http://127.0.0.1:{self.port}"

    url = server_url

    @property
    def api_url(self) -> str:
        """The address of the REST API."""
        return f"{self.server_url}{rest.PREFIX}"

    @property
    def registry(self) -> str:
        """Host and port of the registry."""
        return f"127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that point a client at the sandbox."""
        env = {
            "GITHUB_TOKEN": self.token,
            "GITHUB_API_URL": self.api_url,
            "GITHUB_SERVER_URL": self.server_url,
            "RSP_RELEASE_REGISTRY_MIRROR": self.registry,
        }
        if self._projects:
            first = next(iter(self._projects.values()))
            env["GITHUB_REPOSITORY"] = first.full_name
        return env

    def git_url(self, name: str) -> str:
        """Return the address of a repository for git."""
        return f"{self.server_url}/{name}.git"

    # -- What there is ---------------------------------------------------

    def add_ruleset(
        self,
        name: str,
        *,
        title: str = "protect",
        target: str = "tag",
        include: tuple[str, ...] = ("~ALL",),
        exclude: tuple[str, ...] = (),
        rules: tuple[Mapping[str, Any], ...] = ({"type": "creation"},),
        bypass: tuple[str, ...] = (),
    ) -> int:
        """Add a ruleset to a repository and return its number.

        Parameters
        ----------
        name
            Owner and name of the repository.
        title
            The ruleset's name.
        target
            ``tag`` or ``branch``.
        include
            Refs that it covers: patterns of full refs, or ``~ALL`` and
            ``~DEFAULT_BRANCH``.
        exclude
            Refs that it spares.
        rules
            The rules as GitHub writes them, with their ``type``.
        bypass
            Logins that it does not bind.
        """
        project = self.project(name)
        number = 41_000 + len(project.rulesets)
        project.rulesets.append(
            {
                "id": number,
                "name": title,
                "target": target,
                "enforcement": "active",
                "conditions": {
                    "ref_name": {
                        "include": list(include),
                        "exclude": list(exclude),
                    }
                },
                "rules": [dict(rule) for rule in rules],
                "bypass_logins": list(bypass),
            }
        )
        if project.hook is not None:
            project.hook.write()
        return number

    def protect(
        self,
        name: str,
        branch: str,
        *,
        approvals: int = 0,
        checks: tuple[str, ...] = (),
    ) -> None:
        """Protect a branch: it takes pull requests only.

        Parameters
        ----------
        name
            Owner and name of the repository.
        branch
            The branch.
        approvals
            How many approvals a pull request needs.
        checks
            Names of the checks that it must have passed.
        """
        project = self.project(name)
        project.protected.add(branch)
        project.required_approvals = approvals
        project.required_checks = checks
        if project.hook is not None:
            project.hook.write()

    def find(self, owner: str, name: str) -> Project | None:
        """Return a repository, if it exists."""
        name = name.removesuffix(".git")
        return self._projects.get(f"{owner}/{name}".lower())

    def fork_of(self, parent: Project, owner: str) -> Project | None:
        """Return the fork of a repository that somebody has."""
        found = self.forks(parent)
        same = (f for f in found if f.owner.lower() == owner.lower())
        return next(same, None)

    def forks(self, parent: Project) -> list[Project]:
        """Return the forks of a repository, oldest first."""
        return [p for p in self._projects.values() if p.parent is parent]

    def remove_repository(self, name: str) -> None:
        """Delete a repository; its pull requests elsewhere stay."""
        project = self._projects.pop(name.lower())
        project.git.close()
        if project.hook is not None:
            project.hook.remove()

    def project(self, name: str) -> Project:
        """Return a repository by owner and name."""
        return self._projects[name.lower()]

    def projects(self) -> tuple[Project, ...]:
        """Return all repositories."""
        return tuple(self._projects.values())

    def new_id(self, kind: str) -> int:
        """Return the next number of a kind of thing."""
        return next(self._ids[kind])

    def can(
        self,
        token: Token | None,
        project: Project,
        permission: str,
        level: str,
    ) -> bool:
        """Return whether credentials suffice.

        Parameters
        ----------
        token
            The credentials; `None` for nobody.
        project
            The repository.
        permission
            A permission of fine-grained tokens.
        level
            ``read`` or ``write``.
        """
        return may(token, project, permission, level)

    def is_protected(self, project: Project, branch: str) -> bool:
        """Return whether a branch takes no direct pushes."""
        return is_protected(project, branch)

    # -- Changes ---------------------------------------------------------

    def writing(self) -> None:
        """Mark that a write begins, for reads that show the state before."""
        self._before_write = self._number

    def touched(self) -> int:
        """Return the number of a change that has no history."""
        self._number += 1
        return self._number

    def changed(self, history: History[T], value: T) -> None:
        """Set a value that has a history."""
        history.put(value, at=self.clock.now(), number=self.touched())

    def notice(self, project: Project) -> None:
        """See what was pushed through the path."""
        if project.git.refs() != project.refs.value:
            if project.push_lock.acquire(blocking=False):
                # Otherwise a push over HTTP is about to tell of itself.
                try:
                    self.writing()
                    self.pushed(project, None)
                finally:
                    project.push_lock.release()

    def pushed(
        self, project: Project, token: Token | None, *, silent: bool = False
    ) -> None:
        """Take note of changed refs, and start what they start."""
        old, new = project.refs.value, project.git.refs()
        if old == new:
            return
        self.changed(project.refs, dict(new))
        project.pushed_at = self.clock.now()
        updated = [ref for ref, sha in new.items() if old.get(ref) != sha]
        for ref in set(old) - set(new):
            if ref.startswith("refs/tags/"):
                without_tag(self, project, ref.removeprefix("refs/tags/"))
        follow(self, project, updated, token)
        tags = [ref for ref in updated if ref.startswith("refs/tags/")]
        if silent or (token is not None and token.kind == "actions"):
            return
        actor = token.login if token else self.accounts.login
        for ref in updated:
            if ref in tags and len(tags) > _MOST_TAGS:
                continue
            commit = project.git.commit(new[ref])
            if commit is None or _skips(commit.message):
                continue
            self.runner.start(
                project,
                event="push",
                action="",
                ref=ref,
                sha=commit.sha,
                actor=actor,
            )

    def released(
        self, project: Project, item: Release, action: str, token: Token | None
    ) -> None:
        """Start what a release starts."""
        if token is not None and token.kind == "actions":
            return
        ref = f"refs/tags/{item.tag}"
        sha = project.git.peel(project.git.refs().get(ref, ""))
        if sha is None:
            return
        self.runner.start(
            project,
            event="release",
            action=action,
            ref=ref,
            sha=sha,
            actor=token.login if token else self.accounts.login,
            title=item.name or item.tag,
        )

    # -- Serving ---------------------------------------------------------

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with self.lock:
                for project in self.projects():
                    self.notice(project)
                self._settle()

    def _settle(self) -> None:
        """Let happen what happens by itself."""
        self.runner.settle()
        for project in self.projects():
            merge_what_may(self, project)

    def _answer(self, request: Request) -> Reply:
        began = time.perf_counter()
        number = next(self._request_numbers)
        name = self.faults.draw(number, request.method, request.path)
        if name == "slow":
            time.sleep(self.faults.slow_seconds)
        reply = misbehave(self, name, request)
        if reply is None:
            response = self._handle(request, stale=name == "stale")
            reply = spoil(name, response)
        response_or_none = reply.response
        shown = response_or_none or Response(0)
        record = RequestRecord(
            number=number,
            method=request.method,
            path=request.path,
            query=request.query,
            headers={
                key: value
                for key, value in request.headers.items()
                if key != "authorization"
            },
            body=request.body,
            status=response_or_none.status if response_or_none else None,
            response_headers=dict(shown.headers),
            response_body=shown.encoded(),
            fault=name,
            seconds=time.perf_counter() - began,
        )
        self.state.keep(record)
        return reply

    def _handle(self, request: Request, *, stale: bool) -> Response:
        found = git_http(self, request)
        if found is not None:
            return found
        with self.lock:
            now = self.clock.now()
            self._settle()
            view = View(now, self._before_write if stale else None)
            path = request.path
            try:
                if path.startswith(rest.PREFIX + "/"):
                    return rest.answer(self, request, view, now)
                if path in {"/token", "/v2"} or path.startswith("/v2/"):
                    view = view.back(self.lag.registry)
                    return self.images.handle(request, view, now)
                if path in {"/api/graphql", "/graphql"}:
                    return self._graphql(request)
            except Problem as problem:
                return problem.response()
            return self._web(path)

    def _graphql(self, request: Request) -> Response:
        """Answer a GraphQL query with the handler that knows it."""
        token = self.accounts.api(request)
        if token is None:
            raise Problem(401, "This endpoint requires you to be logged in.")
        data = request.json()
        query = str(data.get("query", ""))
        for word, handler in self.graphql.items():
            if word in query:
                answer = handler(self, token, data.get("variables") or {})
                return Response(200, answer)
        if query.lstrip().startswith(("query", "fragment", "mutation")):
            variables = data.get("variables") or {}
            return Response(200, graphql.answer(self, token, query, variables))
        self.state.unknown.append((request.method, request.path))
        errors = [{"type": "NOT_FOUND", "message": "unknown to the sandbox"}]
        return Response(200, {"data": None, "errors": errors})

    def _web(self, path: str) -> Response:
        """Answer a page for people, so that links lead somewhere."""
        parts = path.strip("/").split("/")
        project = self.find(*parts[:2]) if len(parts) > 1 else None
        known = project is not None and not project.is_private
        text = f"<!doctype html><title>{html.escape(path)}</title>\n"
        text += f"<p>{html.escape(path)} in the sandbox</p>\n"
        return Response(
            200 if known else 404,
            body=text.encode(),
            headers={"Content-Type": "text/html; charset=utf-8"},
        )


def _skips(message: str) -> bool:
    """Return whether a commit message tells that a push runs nothing."""
    if any(word in message for word in _SKIP):
        return True
    trailer = message.strip().rpartition("\n\n")[2].splitlines()
    found = [line.replace(" ", "").lower() for line in trailer]
    return "skip-checks:true" in found
