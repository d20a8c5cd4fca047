"""Reads all applications of a deployment repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..config import EnvironmentSetting
from ..engine.world import ArgoCD, Clock, DeployRepository, Memory
from ..exceptions import BlockedError, ReadError
from .effective import is_image_of, read_layout, tags_of
from .environments import find_files, read_environments
from .fleet import (
    Application,
    Facts,
    Row,
    Unreleased,
    find_applications,
    make_row,
)
from .layout import Layout, application_of
from .places import read_charts
from .running import find_running, read_running
from .stages import find_addresses

__all__ = ["FleetReader", "Repositories", "add_tags"]


class Repositories(Protocol):
    """Many repositories on GitHub."""

    def facts(
        self, names: Sequence[str], advance: Callable[[int], None]
    ) -> Mapping[str, Facts]:
        """Return what there is to say of repositories."""

    def unreleased(
        self, facts: Mapping[str, Facts], advance: Callable[[int], None]
    ) -> Mapping[str, Unreleased]:
        """Return what came after their latest releases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReader:
    """Reads all applications of a deployment repository."""

    deploy: DeployRepository
    """The deployment repository."""

    repositories: Repositories
    """The repositories of the applications."""

    host: str
    """GitHub's host."""

    clock: Clock
    """The clock."""

    argocd: ArgoCD | None = None
    """The Argo CD of each environment; `None`: none is looked at."""

    settings: tuple[EnvironmentSetting, ...] = ()
    """Where the settings have some of them."""

    look: Memory | None = None
    """What the reads are part of."""

    def read(
        self, advance: Callable[[int, int], None] = lambda done, total: None
    ) -> tuple[Row, ...]:
        """Read everything.

        Parameters
        ----------
        advance
            Called with how much more was read, and how much there is.

        Returns
        -------
        tuple of Row
            A row for each application, in the order of the charts.
        """
        deploy = self.deploy
        branch = deploy.repository().default_branch
        head = deploy.branch(deploy.name, branch)
        if head is None:
            raise ReadError(f"{deploy.name} has no branch {branch}")
        texts = read_charts(deploy, head, deploy.paths(head))
        found = self._add_running(
            head,
            add_tags(deploy, head, find_applications(texts, host=self.host)),
        )
        names = list(dict.fromkeys(a.repository for a in found))
        total = 2 * len(names)
        facts = self.repositories.facts(
            names, lambda done: advance(done, total)
        )
        unreleased = self.repositories.unreleased(
            facts, lambda done: advance(done, total)
        )
        pulls = deploy.open_pulls()
        now = self.clock.now()
        return tuple(
            make_row(
                application,
                facts[application.repository],
                unreleased.get(application.repository),
                pulls,
                now=now,
            )
            for application in found
        )

    def _add_running(
        self, head: str, applications: list[Application]
    ) -> list[Application]:
        """Add what runs in the environments that can be looked at."""
        argocd, deploy = self.argocd, self.deploy
        if argocd is None:
            return applications
        wanted = {t.environment for a in applications for t in a.tags}
        files = find_files(deploy.paths(head))
        environments = read_environments(deploy.scan(head, files)) or ()
        addresses = find_addresses(environments, self.settings)
        running = read_running(
            argocd,
            {name: addresses[name] for name in wanted & set(addresses)},
            self.look,
        )
        return [
            replace(
                each,
                running=find_running(
                    application_of(each.path),
                    each.repository,
                    each.tags,
                    running,
                ),
            )
            for each in applications
        ]


def add_tags(
    deploy: DeployRepository, commit: str, applications: Sequence[Application]
) -> list[Application]:
    """Add what each environment runs to applications.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    applications
        What its charts say.

    Returns
    -------
    list of Application
        Those that an environment can run. A chart with no ``appVersion`` is
        one where its values name an image of its source.

    Raises
    ------
    BlockedError
        Raised if the file of an environment is no YAML.
    """
    layout = read_layout(
        deploy, commit, {a.path: a.repository for a in applications}
    )
    found = []
    for application in applications:
        if not layout.is_application(application.path):
            continue
        try:
            told = _add_tags(layout, application)
        except BlockedError as e:
            told = replace(application, problem=e.message)
        if told.tags or told.problem or told.app_version is not None:
            found.append(told)
    return found


def _add_tags(layout: Layout, application: Application) -> Application:
    """Add its tags, and choose the source whose images it runs."""
    found = []
    for source in (application.repository, *application.others):
        tags = tags_of(layout, application.path, source=source)
        found.append(replace(application, repository=source, tags=tags))
        if any(is_image_of(tag.image, source) for tag in tags):
            return found[-1]
    return found[0]
