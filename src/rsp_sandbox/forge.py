"""What the imitation of GitHub holds, and what a change of it sets off."""

from __future__ import annotations

import itertools
import re
import secrets
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from .accounts import Accounts, Token
from .argocd import PREFIX, ArgoCD
from .base import API_PREFIX, Clock, History, SystemClock, number_of
from .git import Repository
from .logs import LogStore
from .records import Project, Publishes, Release
from .registry import Registry
from .runner import Runner
from .scenario import Lag, Scenario
from .server import Server

__all__ = ["Forge"]

T = TypeVar("T")

_SKIP = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]")
_MOST_TAGS = 3
"""More tags than this in one push start nothing (GitHub, events)."""


class Forge:
    """Repositories, accounts, runs and images, and the clock of them all.

    Parameters
    ----------
    scenario
        What workflows do, where not as the repository's own files say.
    port
        The port; 0 for any.
    clock
        The time; by default the machine's own.
    follow_push
        Lets releases and pull requests follow what was pushed to a
        repository: the tags that are gone, the full refs that are new or
        moved, and whose push it was.
    """

    def __init__(
        self,
        scenario: Scenario | None,
        port: int,
        clock: Clock | None,
        *,
        follow_push: Callable[
            [Forge, Project, list[str], list[str], Token | None], None
        ],
    ) -> None:
        self._follow_push = follow_push
        self.scenario = scenario or Scenario()
        """What workflows do."""
        self.clock: Clock = clock or SystemClock()
        """The time."""
        self.lag: Lag = self.scenario.lag
        """How far reads are behind; may be replaced at any time."""
        self.accounts = Accounts(self.scenario.login)
        """Who may come in."""
        self.unknown: list[tuple[str, str]] = []
        """Requests of the API at paths that the sandbox does not know."""
        self.lock = threading.RLock()
        """Held while a request is answered."""
        self.images = Registry(self.accounts, self.touched)
        """The registry."""
        self.runner = Runner(
            lambda: self.scenario, self.clock, self.images, self.touched
        )
        """What runs."""
        self.argocd = ArgoCD(
            self.accounts, find=self.project, locate=self.git_url
        )
        """The Argo CD of every environment."""
        self._port = port
        self._number = 0
        self._before_write = 0
        self._ids = {
            "release": itertools.count(180_000_001, 7),
            "pull": itertools.count(2_400_000_001, 3),
        }
        self._projects: dict[str, Project] = {}
        self._moved: dict[str, Project] = {}
        self._folder: Path | None = None
        self._server: Server | None = None
        self._logs: LogStore | None = None
        self.token = f"ghp_Sandbox{secrets.token_hex(15)}"
        """A token with every right."""
        self.accounts.tokens[self.token] = Token(
            self.token, self.accounts.login
        )

    # -- Set up ------------------------------------------------------------

    def add_repository(
        self,
        name: str,
        git_dir: Path | None = None,
        *,
        private: bool = False,
        description: str = "",
        publishes: Publishes | None = None,
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
        publishes
            Tells what its workflows publish at a tag; `None`: nothing.

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
            id=self._number_of(name),
            owner=owner,
            name=short,
            git=git,
            is_private=private,
            created_at=now - timedelta(days=900),
            pushed_at=now,
            description=description,
            publishes=publishes,
            roles=dict.fromkeys(
                (self.accounts.login.lower(), owner.lower()), "admin"
            ),
        )
        # What is there already is there for ever, and is no event.
        project.refs = History(git.refs())
        self._projects[name.lower()] = project
        self._moved.pop(name.lower(), None)
        return project

    def _number_of(self, name: str) -> int:
        """Return a repository's number, which no other has or had."""
        number = number_of(name.lower())
        taken = {p.id for p in (*self.projects(), *self._moved.values())}
        while number in taken:
            number += 1
        return number

    def rename(self, name: str, new: str) -> Project:
        """Give a repository another name, or another owner.

        The name that it had leads to it until another repository takes it.

        Parameters
        ----------
        name
            Owner and name until now.
        new
            Owner and name from now on.
        """
        with self.lock:
            project = self._projects.pop(name.lower())
            project.owner, _, project.name = new.partition("/")
            project.roles.setdefault(project.owner.lower(), "admin")
            self._projects[new.lower()] = project
            self._moved.pop(new.lower(), None)
            self._moved[name.lower()] = project
            self.touched()
            return project

    @property
    def folder(self) -> Path:
        """A folder of the sandbox's own, removed when it is closed."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rsp-sandbox-"))
        return self._folder

    @property
    def logs(self) -> LogStore:
        """The storage host of logs."""
        if self._logs is None:
            raise RuntimeError("the sandbox is not running")
        return self._logs

    # -- Addresses ---------------------------------------------------------

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
        return f"{self.server_url}{API_PREFIX}"

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
            "ARGOCD_AUTH_TOKEN": self.argocd.token,
            "ARGOCD_SERVER": self.registry,
        }
        if self._projects:
            first = next(iter(self._projects.values()))
            env["GITHUB_REPOSITORY"] = first.full_name
        return env

    def argocd_url(self, environment: str) -> str:
        """Return the address of an environment's Argo CD."""
        return f"{self.server_url}{PREFIX}{environment}"

    def git_url(self, name: str) -> str:
        """Return the address of a repository for git."""
        return f"{self.server_url}/{name}.git"

    # -- What there is -----------------------------------------------------

    def find(self, owner: str, name: str) -> Project | None:
        """Return a repository, if it exists."""
        name = name.removesuffix(".git")
        return self._projects.get(f"{owner}/{name}".lower())

    def find_moved(self, owner: str, name: str) -> Project | None:
        """Return the repository that had a name, if it has another now."""
        name = name.removesuffix(".git")
        return self._moved.get(f"{owner}/{name}".lower())

    def fork_of(self, parent: Project, owner: str) -> Project | None:
        """Return the fork of a repository that somebody has."""
        found = self.forks(parent)
        same = (f for f in found if f.owner.lower() == owner.lower())
        return next(same, None)

    def forks(self, parent: Project) -> list[Project]:
        """Return the forks of a repository, oldest first."""
        return [p for p in self._projects.values() if p.parent is parent]

    def project(self, name: str) -> Project:
        """Return a repository by owner and name."""
        return self._projects[name.lower()]

    def projects(self) -> tuple[Project, ...]:
        """Return all repositories."""
        return tuple(self._projects.values())

    def new_id(self, kind: str) -> int:
        """Return the next number of a kind of thing."""
        return next(self._ids[kind])

    # -- Changes -----------------------------------------------------------

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

    def pushed(self, project: Project, token: Token | None) -> None:
        """Take note of changed refs, and start what they start."""
        old, new = project.refs.value, project.git.refs()
        if old == new:
            return
        self.changed(project.refs, dict(new))
        project.pushed_at = self.clock.now()
        updated = [ref for ref, sha in new.items() if old.get(ref) != sha]
        prefix = "refs/tags/"
        gone = [
            ref.removeprefix(prefix)
            for ref in set(old) - set(new)
            if ref.startswith(prefix)
        ]
        self._follow_push(self, project, gone, updated, token)
        tags = [ref for ref in updated if ref.startswith("refs/tags/")]
        if token is not None and token.kind == "actions":
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


def _skips(message: str) -> bool:
    """Return whether a commit message tells that a push runs nothing."""
    if any(word in message for word in _SKIP):
        return True
    trailer = message.strip().rpartition("\n\n")[2].splitlines()
    found = [line.replace(" ", "").lower() for line in trailer]
    return "skip-checks:true" in found
