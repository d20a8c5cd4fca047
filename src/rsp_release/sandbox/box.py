"""The sandbox as a whole: its state, its clock and its servers."""

from __future__ import annotations

import contextlib
import html
import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

from . import rest
from .accounts import Accounts, Kind, Token
from .actions import Attempt, JobTimes, Run, job_log, newcomer
from .base import Clock, History, Problem, Request, Response, SystemClock, View
from .derive import workflow_paths, workflow_script
from .faults import Faults
from .git import Repository
from .githttp import git_http
from .misbehave import misbehave, spoil
from .pulls import follow
from .registry import Image, Registry
from .releases import Release
from .rules import Hook, is_protected, refusal
from .runs import workflow_id
from .scenario import Lag, Scenario, WorkflowScript
from .server import Reply, Server
from .shapes import number_of

__all__ = ["Project", "RequestRecord", "Sandbox", "State"]

T = TypeVar("T")

_SKIP = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]")
_MOST_TAGS = 3
"""More tags than this in one push start nothing (GitHub, events)."""


@dataclass(slots=True)
class RequestRecord:
    """One request and its answer, for tests to look at."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Headers, without the credentials."""

    body: bytes
    status: int | None
    """`None` where the connection was reset."""

    response_headers: dict[str, str]
    response_body: bytes
    fault: str | None
    seconds: float
    """Time that the server took."""


@dataclass(slots=True)
class Project:
    """A repository on the sandbox's GitHub."""

    id: int
    owner: str
    name: str
    git: Repository
    is_private: bool
    created_at: datetime
    pushed_at: datetime
    description: str = ""
    is_archived: bool = False
    allow_auto_merge: bool = False
    immutable_releases: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    """``admin``, ``write`` or ``read`` by login."""

    refs: History[dict[str, str]] = field(default_factory=lambda: History({}))
    releases: History[dict[int, Release]] = field(
        default_factory=lambda: History({})
    )
    burnt_tags: set[str] = field(default_factory=set)
    deleted_releases: int = 0
    runs: list[Run] = field(default_factory=list)
    workflow_states: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Any] = field(default_factory=dict)
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    protected: set[str] = field(default_factory=set)
    """Branches with classic protection: pull requests are needed."""

    required_approvals: int = 0
    """Approvals that a pull request to a protected branch needs."""

    secrets: tuple[str, ...] = ()
    organization_secrets: tuple[str, ...] = ()
    push_lock: threading.RLock = field(default_factory=threading.RLock)
    hook: Hook | None = None

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    def next_number(self) -> int:
        """Return the next number of an issue or pull request."""
        return max(self.pulls, default=52) + 1


class State:
    """What tests look at."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self.requests: list[RequestRecord] = []
        """Every request, in order."""
        self.storage_requests: list[tuple[str, dict[str, str], int]] = []
        """Requests to the storage host: path, headers, status."""
        self.unknown: list[tuple[str, str]] = []
        """Requests of the API at paths that the sandbox does not know."""

    def releases(self, repository: str) -> list[Release]:
        """Return the releases of a repository, drafts among them."""
        return list(self._box.project(repository).releases.value.values())

    def deleted_releases(self, repository: str) -> int:
        """Return how many releases were deleted."""
        return self._box.project(repository).deleted_releases

    def tags(self, repository: str) -> dict[str, str]:
        """Return the commit of each tag, peeled."""
        git = self._box.project(repository).git
        prefix = "refs/tags/"
        return {
            ref.removeprefix(prefix): git.peel(sha) or sha
            for ref, sha in git.refs().items()
            if ref.startswith(prefix)
        }

    def branches(self, repository: str) -> dict[str, str]:
        """Return the head of each branch."""
        prefix = "refs/heads/"
        return {
            ref.removeprefix(prefix): sha
            for ref, sha in self._box.project(repository).git.refs().items()
            if ref.startswith(prefix)
        }

    def runs(self, repository: str) -> list[Run]:
        """Return the workflow runs, oldest first, unborn ones among them."""
        project = self._box.project(repository)
        with self._box.lock:
            self._box.notice(project)
        return list(project.runs)

    def pulls(self, repository: str) -> dict[int, Any]:
        """Return the pull requests by number."""
        return self._box.project(repository).pulls

    def images(self) -> dict[str, Image]:
        """Return the images of every registry by name."""
        with self._box.lock:
            self._box.settle()
        return self._box.images.images


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
        self.images = Registry(self.accounts, self._next)
        """The registry."""
        self._port = port
        self._number = 0
        self._before_write = 0
        self._request_numbers = itertools.count(1)
        self._ids = {
            "release": itertools.count(180_000_001, 7),
            "run": itertools.count(18_000_000_001, 137),
            "job": itertools.count(51_000_000_001, 13),
            "pull": itertools.count(2_400_000_001, 3),
        }
        self._run_numbers: dict[tuple[str, str], int] = {}
        self._projects: dict[str, Project] = {}
        self._active: list[tuple[Project, Run]] = []
        self._logs: dict[str, tuple[datetime, str]] = {}
        self._folder: Path | None = None
        self._server: Server | None = None
        self._storage: Server | None = None
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
        """
        owner, _, short = name.partition("/")
        if git_dir is None:
            git = Repository.create(self.folder / owner / f"{short}.git")
        else:
            git = Repository(Path(git_dir).resolve())
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
        self._server = Server(self._answer, self._port)
        self._storage = Server(self._serve_log)
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
        for server in (self._server, self._storage):
            if server is not None:
                server.close()
        for project in self._projects.values():
            project.git.close()
            if project.hook is not None:
                project.hook.remove()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

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

    def protect(self, name: str, branch: str, *, approvals: int = 0) -> None:
        """Protect a branch: it takes pull requests only.

        Parameters
        ----------
        name
            Owner and name of the repository.
        branch
            The branch.
        approvals
            How many approvals a pull request needs.
        """
        project = self.project(name)
        project.protected.add(branch)
        project.required_approvals = approvals
        if project.hook is not None:
            project.hook.write()

    def find(self, owner: str, name: str) -> Project | None:
        """Return a repository, if it exists."""
        name = name.removesuffix(".git")
        return self._projects.get(f"{owner}/{name}".lower())

    def project(self, name: str) -> Project:
        """Return a repository by owner and name."""
        return self._projects[name.lower()]

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
        closed = permission in {"administration", "secrets", "environments"}
        reads_public = (
            level == "read" and not project.is_private and not closed
        )
        if token is None:
            return reads_public
        within = token.repositories is None or any(
            name.lower() == project.full_name.lower()
            for name in token.repositories
        )
        if token.kind == "classic":
            role = project.roles.get(token.login.lower(), "none")
            if permission == "workflows" and "workflow" not in token.scopes:
                return False
            if project.is_private and "repo" not in token.scopes:
                return False
            if reads_public:
                return True
            if not {"repo", "public_repo"}.intersection(token.scopes):
                return False
            return _role_may(role, closed, level)
        if permission == "checks" and token.kind == "fine-grained":
            return False
        if reads_public:
            return True
        if not within or not token.may(permission, level):
            return False
        if token.kind == "fine-grained":
            role = project.roles.get(token.login.lower(), "none")
            return _role_may(role, closed, level)
        return True

    def is_protected(self, project: Project, branch: str) -> bool:
        """Return whether a branch takes no direct pushes."""
        return is_protected(project, branch)

    def workflow_state(self, project: Project, path: str) -> str:
        """Return whether a workflow can run, in GitHub's words."""
        if path in project.workflow_states:
            return project.workflow_states[path]
        script = self.scenario.script(path)
        return script.state if script else "active"

    def guard(
        self,
        context: rest.Context,
        project: Project,
        ref: str,
        old: str | None,
        new: str | None,
    ) -> None:
        """Refuse a change of a ref that a rule forbids.

        Raises
        ------
        Problem
            Raised if one does.
        """
        found = refusal(project, ref, old, new, context.actor)
        if found is not None:
            text = f"Repository rule violations found\n\n{found}\n\n"
            raise Problem(422, text)

    def guard_workflows(
        self, context: rest.Context, project: Project, sha: str
    ) -> None:
        """Refuse a ref whose workflow files differ, without that right.

        Raises
        ------
        Problem
            Raised if the right is missing; GitHub answers 404 then.
        """
        if self.can(context.token, project, "workflows", "write"):
            return
        git = project.git
        head = git.resolve("HEAD")
        folder = ".github/workflows"
        commit = git.peel(sha) or sha
        here = git.lookup(commit, folder)
        there = git.lookup(head, folder) if head else None
        if here is not None and here != there:
            raise Problem(404, "Not Found")

    # -- Changes ---------------------------------------------------------

    def _next(self) -> int:
        self._number += 1
        return self._number

    def writing(self) -> None:
        """Mark that a write begins, for reads that show the state before."""
        self._before_write = self._number

    def touched(self) -> None:
        """Mark that something changed that has no history."""
        self._next()

    def changed(self, history: History[T], value: T) -> None:
        """Set a value that has a history."""
        history.put(value, at=self.clock.now(), number=self._next())

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
            self.start(
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
        self.start(
            project,
            event="release",
            action=action,
            ref=ref,
            sha=sha,
            actor=token.login if token else self.accounts.login,
            title=item.name or item.tag,
        )

    def start(
        self,
        project: Project,
        *,
        event: str,
        action: str,
        ref: str,
        sha: str,
        actor: str,
        title: str | None = None,
        only: str | None = None,
        dispatched: bool = False,
        at: datetime | None = None,
        branch: str | None = None,
    ) -> list[Run]:
        """Start every workflow that listens to an event.

        Parameters
        ----------
        project
            The repository.
        event
            GitHub's name of the event.
        action
            Its activity type.
        ref
            The full ref.
        sha
            The commit whose workflow files count.
        actor
            Who caused it.
        title
            What the run shows.
        only
            One workflow file, where it was asked for by hand.
        dispatched
            Whether it was asked for by hand.
        at
            When; by default now. What was in the past went well, whatever
            the scenario says of the present.
        branch
            What the run shows as its branch.
        """
        now = at or self.clock.now()
        scripts = {script.path: script for script in self.scenario.workflows}
        paths = workflow_paths(project.git, sha)
        paths += [p for p, s in scripts.items() if s.on and p not in paths]
        started = []
        for path in paths:
            if only is not None and path != only:
                continue
            script = self._script(project, path, event, ref, sha)
            if script is None or script.on is None:
                continue
            if not script.on.wants(event, action, ref):
                continue
            if self.workflow_state(project, path) != "active":
                continue
            if at is not None:
                script = _went_well(script)
            started.append(
                self._run(
                    project,
                    script,
                    event=event,
                    action=action,
                    ref=ref,
                    sha=sha,
                    actor=actor,
                    title=title,
                    now=now,
                    branch=branch,
                    instantly=dispatched or at is not None,
                )
            )
        return started

    def _script(
        self, project: Project, path: str, event: str, ref: str, sha: str
    ) -> WorkflowScript | None:
        """Return what a workflow does: as scripted, else as its file says."""
        given = self.scenario.script(path)
        read = workflow_script(project.git, sha, path, event=event, ref=ref)
        if given is None:
            return read
        if read is None:
            read = WorkflowScript(path=path, name=path, jobs=(), images=())
        jobs = given.jobs if given.jobs is not None else read.jobs
        images = given.images
        if images is None:
            # Derived images name derived jobs.
            known = {job.key for job in jobs or ()}
            images = tuple(
                image if image.job in known else replace(image, job=None)
                for image in read.images or ()
            )
        return replace(
            given,
            name=given.name or read.name,
            on=given.on or read.on,
            jobs=jobs,
            images=images,
            concurrency=given.concurrency or read.concurrency,
        )

    def _run(
        self,
        project: Project,
        script: WorkflowScript,
        *,
        event: str,
        action: str,
        ref: str,
        sha: str,
        actor: str,
        title: str | None,
        now: datetime,
        branch: str | None,
        instantly: bool,
    ) -> Run:
        key = (project.full_name, script.path)
        self._run_numbers[key] = self._run_numbers.get(key, 0) + 1
        commit = project.git.commit(sha)
        subject = commit.message.split("\n", 1)[0] if commit else ""
        late = script.appear_after
        if late is None:
            late = self.scenario.appear_after
        appears = now + timedelta(seconds=0 if instantly else late)
        run = Run(
            id=self.new_id("run"),
            number=self._next(),
            run_number=self._run_numbers[key],
            workflow_id=workflow_id(project, script.path),
            repository=project.full_name,
            name=script.name or script.path,
            path=script.path,
            event=event,
            action=action,
            head_branch=branch or ref.split("/", 2)[2],
            head_sha=sha,
            ref=ref,
            title=title or subject,
            actor=actor,
            created_at=now,
            appears_at=None if script.is_lost else appears,
            script=script,
            speed=self.scenario.speed,
            group=script.concurrency,
            new_id=lambda: self.new_id("job"),
        )
        run.attempts.append(Attempt(1, appears, actor, {}))
        if script.cancel_after is not None:
            wait = timedelta(seconds=script.cancel_after / run.speed)
            run.latest.cancelled_at = appears + wait
        if run.group is not None and run.appears_at is not None:
            newcomer(run, project.runs, now)
        project.runs.append(run)
        if run.appears_at is not None:
            self._active.append((project, run))
        return run

    def settle(self) -> None:
        """Push every image whose time has come."""
        now = self.clock.now()
        left = []
        for project, run in self._active:
            pending = False
            for number, image, at in run.pushes():
                key = (number, run.latest.number)
                if key in run.pushed:
                    continue
                if at > now:
                    pending = True
                    continue
                run.pushed.add(key)
                self._push(project, run, image, at)
            # A finished run can be run again, so it is never forgotten
            # while it is young.
            if pending or now - run.created_at < timedelta(days=30):
                left.append((project, run))
        self._active = left

    def _push(
        self, project: Project, run: Run, image: Any, at: datetime
    ) -> None:
        tag = run.head_branch
        values = {
            "repository": project.full_name.lower(),
            "owner": project.owner.lower(),
            "name": project.name.lower(),
            "tag": tag,
            "version": tag[1:] if tag[:1] == "v" else tag,
            "sha": run.head_sha,
        }
        self.images.publish(
            _fill(image.name, values),
            _fill(image.tag, values),
            at=at,
            platforms=image.platforms,
            attestations=image.attestations,
            platform_tags=image.platform_tags and len(image.platforms) > 1,
            labels={k: _fill(v, values) for k, v in image.labels.items()},
        )

    # -- Serving ---------------------------------------------------------

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            with self.lock:
                for project in self._projects.values():
                    self.notice(project)
                self.settle()

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
        self.state.requests.append(record)
        return reply

    def _handle(self, request: Request, *, stale: bool) -> Response:
        found = git_http(self, request)
        if found is not None:
            return found
        with self.lock:
            now = self.clock.now()
            self.settle()
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

    # -- Logs on a storage host ------------------------------------------

    def log_url(self, run: Run, job: JobTimes) -> str:
        """Return an address that serves a job's log for a minute."""
        assert self._storage is not None
        key = f"{run.id}-{job.id}-{len(self._logs)}"
        expires = self.clock.now() + timedelta(minutes=1)
        self._logs[key] = (expires, job_log(job, run.speed))
        signature = quote(str(number_of(key)))
        return f"http://127.0.0.1:{self._storage.port}/{key}?sig={signature}"

    def _serve_log(self, request: Request) -> Reply:
        key = request.path.lstrip("/")
        found = self._logs.get(key)
        status, text = 404, "BlobNotFound"
        if request.header("authorization"):
            # Storage takes the signature in the address, nothing else.
            status, text = 400, "InvalidAuthenticationInfo"
        elif found and request.query.get("sig") == str(number_of(key)):
            status, text = 200, found[1]
            if self.clock.now() > found[0]:
                status, text = 403, "AuthenticationFailed"
        headers = {
            k: v for k, v in request.headers.items() if k != "authorization"
        }
        has_credentials = bool(request.header("authorization"))
        headers["has-authorization"] = str(has_credentials)
        record = (request.path, headers, status)
        self.state.storage_requests.append(record)
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        body = text.encode()
        return Reply(Response(status, body=body, headers=kind))


def _went_well(script: WorkflowScript) -> WorkflowScript:
    """Return the script of a run of the past: nothing went wrong in it."""
    jobs = tuple(
        replace(
            job,
            conclusions=("success",),
            environment=None,
            annotations=(),
            log=None,
        )
        for job in script.jobs or ()
    )
    return replace(
        script,
        jobs=jobs,
        startup_failure=False,
        is_lost=False,
        cancel_after=None,
        concurrency=None,
    )


def _role_may(role: str, closed: bool, level: str) -> bool:
    if closed:
        return role == "admin"
    if level == "read":
        return role in {"admin", "write", "read"}
    return role in {"admin", "write"}


def _fill(text: str, values: Mapping[str, str]) -> str:
    with contextlib.suppress(KeyError, IndexError, ValueError):
        return text.format_map(values)
    return text


def _skips(message: str) -> bool:
    """Return whether a commit message tells that a push runs nothing."""
    if any(word in message for word in _SKIP):
        return True
    trailer = message.strip().rpartition("\n\n")[2].splitlines()
    found = [line.replace(" ", "").lower() for line in trailer]
    return "skip-checks:true" in found
