"""The only constructor of adapters.

Each library for the outside is imported inside the method that needs it, so
that a command loads no more than it uses.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from .config import Config
from .engine.journal import find_former_names
from .engine.look import Look, read_beside
from .engine.world import Changelog, Clock, DeployRepository, Files, Git, World
from .exceptions import ReleaseError, UsageError
from .images.digests import DigestRecords
from .models import Proposal
from .models.github import Identity
from .release.plan import Options
from .release.project import Project
from .release.releaser import Releaser
from .steps import PREPARE, RELEASE
from .steps.preflight import Preflight
from .steps.rollout.step import Rollout
from .steps.workflow_run import PublishingRun
from .storage.names import compare_names, find_repository
from .storage.server import find_api_url, find_server_url, find_token

if TYPE_CHECKING:
    from .checks import Report
    from .deployment.fleet_reader import FleetReader
    from .release.checker import Checker
    from .release.watcher import Watcher
    from .storage.argocd.client import ArgoCDClient
    from .storage.git.clone import GitClone
    from .storage.github.fleet_history import GithubHistory
    from .storage.github.forge import GithubForge
    from .storage.github.http import GithubHttp
    from .storage.registry.oci import OciRegistry

__all__ = ["Factory", "SystemClock"]


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """Return the present time (aware, UTC)."""
        return datetime.now(tz=UTC)

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        time.sleep(seconds)


@dataclass(kw_only=True)
class Factory:
    """Makes what a command needs of the world."""

    directory: Path
    """A directory of the clone."""

    remote: str
    """The name of the remote."""

    config: Config
    """The settings."""

    environ: Mapping[str, str]
    """The environment."""

    clock: Clock = field(default_factory=SystemClock)
    """The clock."""

    random: Random = field(default_factory=Random)
    """Spreads the waits."""

    def __post_init__(self) -> None:
        self._server_url = find_server_url(self.environ)
        self._token = find_token(self.environ, self._server_url)
        self._identities: dict[str, Identity] = {}
        self._forges: list[GithubForge] = []
        self._deploys: dict[str, DeployRepository] = {}
        self._git = cache(self._make_git)
        self.heard: Callable[[str], None] = lambda _: None
        """Is told how far a step is that looks at many things."""
        self.look = Look(self.clock)
        """What all that it makes remembers of one look."""

    @property
    def server_url(self) -> str:
        """The address of GitHub."""
        return self._server_url

    @property
    def notices(self) -> tuple[str, ...]:
        """What to tell of the repositories that GitHub was asked for."""
        found = (each.notice for each in self._identities.values())
        return tuple(filter(None, found))

    def make_releaser(
        self, options: Options, *, offline: bool = False, lists: bool = False
    ) -> Releaser:
        """Make what carries out the commands.

        Parameters
        ----------
        options
            What was asked for.
        offline
            Whether GitHub is not asked yet what it calls the repository.
        lists
            Whether the remote's refs are wanted for certain.

        Returns
        -------
        Releaser
            For the clone, its repository on GitHub and the registries.
        """
        git, config, identity = self._open_clone(lists=lists)
        if not offline:
            config, identity = self._identify(git, config, identity)
        run = PublishingRun(
            reruns=options.reruns, approves=options.approves, in_release=True
        )
        rollout = Rollout(
            settings=config.environments,
            order=config.rollout_order,
            environments=options.environments,
            syncs=options.rollout == "act",
            is_asked=options.rollout == "act",
        )
        own: dict[str, Any] = {step.key: step for step in (run, rollout)}
        is_known = config.deploy_repository or config.environments
        skipped = options.skipped | (set() if is_known else {rollout.key})
        world = self._make_world(
            git, config, identity.name, options.checkout, trusts=options.trusts
        )

        def look_ahead(proposal: Proposal) -> tuple[Report, ...]:
            deploys = options.deploys and options.checkout is None
            checker = self.make_checker(offline=False, trusts=options.trusts)
            return checker.look_ahead(
                proposal, deploys=deploys, heard=self.heard
            )

        return Releaser(
            project=self._make_project(world, git.journals, config, identity),
            prepare=(
                Preflight(
                    config,
                    look_ahead=look_ahead if options.checks else None,
                    force=options.forces,
                ),
                *PREPARE[1:],
            ),
            release=[
                own.get(s.key, s) for s in RELEASE if s.key not in skipped
            ],
            random=self.random,
            options=options,
        )

    def find_secrets(self) -> tuple[str, ...]:
        """Return what may be used and must not be seen in a log.

        A runner knows the secrets of its job, but not what a step found
        elsewhere: what ``gh`` keeps, docker or ``argocd``.
        """
        from .storage.argocd.credentials import Credentials as ArgoCredentials
        from .storage.registry.credentials import Credentials

        return (
            *filter(None, [self._token]),
            *Credentials(self.environ).stored(),
            *ArgoCredentials(self.environ).secrets(),
        )

    def deepen(self) -> None:
        """Complete a shallow clone, and fetch the tags."""
        self._git(needs_remote=True).deepen()

    def make_checker(self, *, offline: bool, trusts: bool = False) -> Checker:
        """Make what looks whether a release could begin.

        Parameters
        ----------
        offline
            Whether nothing beyond this machine may be asked.
        trusts
            Whether what the repository's settings name may be run.

        Returns
        -------
        Checker
            For the clone.
        """
        from .release.checker import Checker

        git, config, identity = self._open_clone(
            offline=offline, lists=not offline
        )
        if not offline:
            deploy = self._make_deploy()
            config, identity = read_beside(
                self.look,
                partial(self._identify, git, config, identity),
                # It is looked at whatever that tells.
                [] if deploy is None else [deploy.repository],
            )
        config = config.detected("git's tag.gpgSign", sign=git.signs())
        world = self._make_world(git, config, identity.name, trusts=trusts)
        return Checker(
            self._make_project(world, git.journals, config, identity),
            is_offline=offline,
            identity=identity,
        )

    def find_home(self) -> tuple[Path, str, str]:
        """Find the top of the clone, its repository and its branch.

        Returns
        -------
        tuple
            The directory, owner and name on GitHub, and the branch that is
            released from, as far as the clone alone tells.
        """
        git, config, identity = self._open_clone(offline=True)
        return git.root, identity.name, config.branch

    def _open_clone(
        self, *, offline: bool = False, lists: bool = False
    ) -> tuple[GitClone, Config, Identity]:
        """Open the clone, and find its repository and its settings.

        Nobody but it is asked offline, and it needs no remote.
        """
        git = self._git(needs_remote=not offline)
        if lists:
            git.list_early()
        try:
            repository = find_repository(git, self.config, self._server_url)
        except UsageError:
            if not offline:
                raise
            repository = f"owner/{git.root.resolve().name}"
        config = self.config.detected(
            f"the URL of {git.remote}", repository=repository
        )
        if not config.is_set("branch"):
            branch = git.default_branch(asks=not offline)
            source = f"the default branch of {git.remote}"
            if branch is None and git.branch() == "master":
                branch, source = "master", "the branch that is checked out"
            if branch is not None:
                config = config.detected(source, branch=branch)
        return git, config, Identity(name=repository)

    def _identify(
        self, git: GitClone | None, config: Config, identity: Identity
    ) -> tuple[Config, Identity]:
        """Ask GitHub, once, what it calls a repository.

        It leads from a name that a repository had to the one it has. Where it
        does not answer, what is asked later on says why.
        """
        name = identity.name
        if name not in self._identities:
            found = None
            with suppress(ReleaseError):
                found = self._make_forge(name).identify()
            if found is None:
                return config, identity
            self._identities[name] = compare_names(
                self.config, git, name, *found
            )
        identity = self._identities[name]
        if identity.former:
            sources = {**config.sources, "repository": "GitHub"}
            config = config._replace(repository=identity.name, sources=sources)
        return config, identity

    def make_watcher(self, options: Options) -> Watcher:
        """Make what watches runs; no clone is needed for that.

        Parameters
        ----------
        options
            What was asked for.

        Returns
        -------
        Watcher
            For the repository that was named, else that of the clone.
        """
        from .release.watcher import Watcher
        from .storage.github.forge import GithubForge
        from .storage.github.source import GithubSource

        identity, journals, config = self._find_watched()
        http = self._make_http()
        source = GithubSource(http=http, repository=identity.name)
        world = World(
            # Of a clone, a watcher needs messages and files alone.
            git=cast("Git", source),
            changelog=cast("Changelog", None),
            forge=GithubForge(http=http, repository=identity.name),
            registry=self._registry,
            clock=self.look,
            look=self.look,
        )
        return Watcher(
            project=self._make_project(world, journals, config, identity),
            source=source,
            random=self.random,
            options=options,
        )

    def _find_watched(self) -> tuple[Identity, Path, Config]:
        """Find which repository to watch, and where its journals are.

        The settings of a clone are not those of another repository.
        """
        named = self.config.repository
        git: GitClone | None = None
        try:
            git = self._git(needs_remote=True)
        except UsageError:
            if named is None:
                raise
        else:
            named = find_repository(git, self.config, self._server_url)
        config, identity = self._identify(
            git, self.config, Identity(name=named)
        )
        if git is not None:
            bare = self.config._replace(repository=None, sources={})
            try:
                own = find_repository(git, bare, self._server_url)
            except UsageError:
                own = named
            if own.lower() != named.lower():
                _, other = self._identify(git, bare, Identity(name=own))
                own = other.name
            if own.lower() in {named.lower(), identity.name.lower()}:
                return identity, git.journals, config
        base = self.environ.get("XDG_STATE_HOME")
        state = Path(base) if base else Path.home() / ".local" / "state"
        journals = state / "rsp-release" / identity.name
        return identity, journals, Config(repository=identity.name)

    def _make_git(self, *, needs_remote: bool) -> GitClone:
        from .storage.git.clone import GitClone, Sign
        from .storage.git.remote import Remote
        from .storage.git.repository import Repository

        signs: dict[bool | str, Sign] = {
            "auto": "auto", True: "always", False: "never",
        }  # fmt: skip
        repository = Repository(self.directory, environ=self.environ)
        remote = Remote(
            repository,
            name=self.remote,
            server_url=self._server_url,
            token=self._token,
            clock=self.clock,
            random=self.random,
            is_needed=needs_remote,
            look=self.look,
        )
        return GitClone(repository, remote, sign=signs[self.config.sign])

    def _make_forge(self, repository: str) -> GithubForge:
        from .storage.github.forge import GithubForge

        for forge in self._forges:
            if forge.name == repository:
                return forge
        own_run = self.environ.get("GITHUB_RUN_ID", "")
        forge = GithubForge(
            http=self._make_http(),
            repository=repository,
            own_run=int(own_run) if own_run.isdecimal() else None,
        )
        self._forges.append(forge)
        return forge

    def _make_deploy(
        self, checkout: Path | None = None
    ) -> DeployRepository | None:
        """Make the deployment repository, or a checkout's, if there is one."""
        if checkout is not None:
            from .storage.git.deploy_local import LocalDeploy

            return LocalDeploy(
                checkout, environ={**os.environ, **self.environ}
            )
        from .storage.github.deploy import GithubDeploy

        name = self.config.deploy_repository
        if name is None:
            return None
        if name not in self._deploys:
            http = self._make_http()
            self._deploys[name] = GithubDeploy(http=http, repository=name)
        return self._deploys[name]

    def make_fleet_reader(self, repository: str | None) -> FleetReader:
        """Make what reads all applications; no clone is needed for that.

        Parameters
        ----------
        repository
            The deployment repository; `None`: that of the settings.
        """
        from .deployment.fleet_reader import FleetReader
        from .storage.github.deploy import GithubDeploy
        from .storage.github.fleet import GithubFleet

        name = repository or self.config.deploy_repository
        if name is None:
            raise UsageError(
                "no deployment repository is named",
                help="rsp-release fleet OWNER/NAME, or set deploy.repository",
            )
        http = self._make_http()
        return FleetReader(
            deploy=GithubDeploy(http=http, repository=name),
            repositories=GithubFleet(http=http),
            host=urlsplit(self._server_url).netloc,
            clock=self.clock,
            argocd=self.argocd,
            settings=self.config.environments,
            look=self.look,
        )

    def make_fleet_history(self, deploy: str) -> GithubHistory:
        """Make what reads the past of all applications.

        Parameters
        ----------
        deploy
            The deployment repository.
        """
        from .storage.cache import Cache
        from .storage.github.fleet_history import GithubHistory

        host = urlsplit(self._server_url).netloc
        return GithubHistory(
            http=self._make_http(),
            deploy=deploy,
            cache=Cache(self.environ, "fleet", host, deploy),
        )

    def _make_http(self) -> GithubHttp:
        from .storage.github.http import GithubHttp

        return GithubHttp(
            api_url=find_api_url(self.environ),
            token=self._token,
            clock=self.clock,
            random=self.random,
            environ=self._network,
            look=self.look,
        )

    @cached_property
    def _network(self) -> Mapping[str, str]:
        """The environment, with the authorities that git trusts."""
        from .storage.connections import add_git_authorities

        return add_git_authorities(
            self.environ, self._server_url, self.directory
        )

    @cached_property
    def _registry(self) -> OciRegistry:
        from .storage.registry.oci import OciRegistry

        environ = dict(self._network)
        if self._token:
            # What `gh` keeps serves for GitHub's own registry as well.
            environ.setdefault("GH_TOKEN", self._token)
        return OciRegistry(environ=environ, clock=self.clock, look=self.look)

    @cached_property
    def argocd(self) -> ArgoCDClient:
        """The Argo CD of each environment; no clone is needed for that."""
        from .storage.argocd.client import ArgoCDClient

        return ArgoCDClient(
            environ=self._network,
            clock=self.clock,
            random=self.random,
            look=self.look,
        )

    def _make_world(
        self,
        git: GitClone,
        config: Config,
        repository: str,
        checkout: Path | None = None,
        *,
        trusts: bool = False,
    ) -> World:
        from .storage.git.changelog import GitChangelog
        from .storage.git.files import CloneFiles, WorkTree

        forge = self._make_forge(repository)
        files: Files = WorkTree(git.root)
        if git.repository.peel("HEAD") is not None:
            files = CloneFiles(
                git.repository, environ=self.environ, trusts=trusts
            )
        return World(
            git=git,
            forge=forge,
            registry=self._registry,
            clock=self.look,
            changelog=GitChangelog(
                repository=git.repository,
                environ={**os.environ, **self.environ},
                config=config,
                trusts=trusts,
            ),
            deploy=self._make_deploy(checkout),
            settings=forge,
            files=files,
            digests=DigestRecords(git.journals),
            argocd=self.argocd,
            look=self.look,
        )

    def _make_project(
        self, world: World, journals: Path, config: Config, identity: Identity
    ) -> Project:
        from .storage.git.history import read_history

        former = identity.former
        if identity.id is not None:
            former += find_former_names(journals, identity.name, identity.id)
        return Project(
            world=world,
            config=config,
            repository=identity.name,
            repository_id=identity.id,
            former=tuple(dict.fromkeys(former)),
            journals=journals,
            read_history=lambda revision: read_history(
                self.directory, config=self.config, revision=revision
            ),
        )
