"""Finds what an environment ran before, and what would set that back."""

from __future__ import annotations

from dataclasses import dataclass

from ...deployment.effective import read_tags
from ...deployment.layout import application_of
from ...deployment.rollout import StageSeen, compared_revision
from ...engine.world import DeployRepository, World
from ...exceptions import BlockedError
from ...models import Release
from ...models.rollout import Past
from .seen import RolloutSeen, find_charts

__all__ = ["WayBack", "find_way_back"]

_ENTRIES_MOST = 10
"""How many entries of a history are looked at; Argo CD keeps as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """What an environment ran before."""

    seen: StageSeen
    """The environment."""

    entry: Past
    """The entry of Argo CD's history."""

    tag: str
    """The tag that its images had."""

    now: str
    """The tag that they are to have now."""

    pins: tuple[str, ...]
    """The environments whose pins alone are moved; empty: all that follow
    ``appVersion`` are.
    """

    others: tuple[str, ...]
    """The other environments that a change of ``appVersion`` sets back."""


def find_way_back(
    release: Release, world: World, seen: RolloutSeen, environment: str
) -> WayBack:
    """Find what an environment ran before.

    Parameters
    ----------
    release
        The release.
    world
        Where the deployment repository is.
    seen
        What was looked at.
    environment
        The environment.

    Returns
    -------
    WayBack
        The newest entry of the history with another version.

    Raises
    ------
    BlockedError
        Raised if there is none, or that cannot be seen.
    """
    deploy = world.deploy
    here = next(s for s in seen.stages if s.stage.name == environment)
    if here.problem is not None:
        raise BlockedError(
            f"cannot look at {environment}: {here.problem}", help=here.help
        )
    if deploy is None or here.application is None or not here.stage.tags:
        raise BlockedError(
            f"cannot tell what {environment} ran before: the deployment"
            " repository does not say",
            help=f"`argocd app history {here.stage.target.application}`",
        )
    now = here.stage.tags[0]
    for entry in here.application.history[::-1][:_ENTRIES_MOST]:
        tag = _find_tag(release, world, deploy, here, entry)
        if tag is not None and tag != now.tag:
            follows = now.place.is_app_version
            others = tuple(
                each.stage.name
                for each in seen.stages
                if follows
                and each is not here
                and any(t.place == now.place for t in each.stage.tags)
            )
            return WayBack(
                seen=here,
                entry=entry,
                tag=tag,
                now=now.tag,
                pins=() if follows else (environment,),
                others=others,
            )
    raise BlockedError(
        f"the history of {here.stage.target.application} in {environment} has"
        f" nothing but {now.tag}",
    )


def _find_tag(
    release: Release,
    world: World,
    deploy: DeployRepository,
    here: StageSeen,
    entry: Past,
) -> str | None:
    """Return the tag that an entry of the history had images run."""
    application = here.application
    if application is None:
        return None
    revision = compared_revision(
        application.sources, entry.revisions, deploy.name
    )
    if revision is None:
        return None
    charts = [
        chart
        for chart in find_charts(release, world, deploy, revision)
        if application_of(chart) == here.stage.target.application
    ]
    tags = read_tags(
        deploy,
        revision,
        charts,
        source=release.repository,
        names=release.image_names,
    )
    name = here.stage.name
    return next((t.tag for t in tags if t.environment == name), None)
