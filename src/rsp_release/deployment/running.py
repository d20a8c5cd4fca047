"""What runs where, of all applications of a deployment repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from ..engine.look import side_by_side
from ..engine.world import ArgoCD, Memory
from ..exceptions import ReleaseError
from ..models import rollout
from .effective import EffectiveTag
from .rollout import find_versions, split_image

__all__ = ["InEnvironment", "Running", "find_running", "read_running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the Argo CD of an environment says that runs there."""

    environment: str
    """The environment."""

    applications: Mapping[str, rollout.Application] = field(
        default_factory=dict
    )
    """By their names."""

    problem: str | None = None
    """Why it cannot be looked at. Untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InEnvironment:
    """What runs of an application in an environment."""

    environment: str
    """The environment."""

    versions: tuple[str, ...] = ()
    """The tags of its images. Untrusted text."""

    sync: str | None = None
    """Argo CD's word for the comparison with git; `None`: not known."""

    health: str | None = None
    """Argo CD's word for its health; `None`: not known."""

    problem: str | None = None
    """Why that cannot be seen. Untrusted text."""

    is_seen: bool = True
    """Whether the environment could be looked at."""


def read_running(
    argocd: ArgoCD, addresses: Mapping[str, str], look: Memory | None
) -> dict[str, Running]:
    """Ask every environment what runs there, once and side by side.

    Parameters
    ----------
    argocd
        The Argo CD of each.
    addresses
        Where that is, by the name of the environment.
    look
        What the reads are part of.

    Returns
    -------
    dict
        By the name of the environment. One that cannot be looked at costs
        itself alone.
    """

    def read(environment: str, address: str) -> Running:
        try:
            found = argocd.applications(address, environment=environment)
        except ReleaseError as e:
            return Running(environment=environment, problem=e.message)
        return Running(environment=environment, applications=found)

    reads = [partial(read, *item) for item in addresses.items()]
    with side_by_side(look, reads, is_apart=True) as begun:
        return {found.environment: found for found in (w() for w in begun)}


def find_running(
    name: str,
    source: str,
    tags: Sequence[EffectiveTag],
    running: Mapping[str, Running],
) -> tuple[InEnvironment, ...]:
    """Find what runs of an application, where it is switched on.

    Parameters
    ----------
    name
        What Argo CD calls it.
    source
        Owner and name of its repository.
    tags
        What its environments are to run.
    running
        What runs there.
    """
    found = []
    for environment in dict.fromkeys(tag.environment for tag in tags):
        there = running.get(environment)
        if there is None:
            continue
        application = there.applications.get(name)
        if application is None:
            problem = there.problem or "Argo CD shows no such application"
            found.append(
                InEnvironment(
                    environment=environment,
                    problem=problem,
                    is_seen=there.problem is None,
                )
            )
            continue
        own = {t.image for t in tags if t.environment == environment}
        names = {each for each in own if each is not None}
        if not names:
            ends = f"/{source.lower()}"
            images = (split_image(each)[0] for each in application.images)
            names = {image for image in images if image.lower().endswith(ends)}
        found.append(
            InEnvironment(
                environment=environment,
                versions=find_versions(application.images, names),
                sync=application.sync or None,
                health=application.health or None,
            )
        )
    return tuple(found)
