"""What the roll-out sees: the deployment, and each environment."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from ...config import EnvironmentSetting
from ...deployment.effective import read_layout, tags_of
from ...deployment.environments import find_files
from ...deployment.places import find_places
from ...deployment.pull_request import version_of
from ...deployment.rollout import (
    Aim,
    StageSeen,
    compared_revision,
    find_versions,
    is_awaited,
    is_ours,
    is_well,
)
from ...deployment.stages import Stage, add_settings, find_stages, sort_stages
from ...engine.look import side_by_side
from ...engine.world import ArgoCD, DeployRepository, World
from ...exceptions import BlockedError, NotAllowedError, ReleaseError
from ...models import PullRequest, Release
from ...models.rollout import Application

__all__ = ["RolloutSeen", "find_charts", "look_at_rollout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSeen:
    """What the step looks at."""

    aim: Aim
    """What the environments are meant to run."""

    stages: tuple[StageSeen, ...] = ()
    """The environments, in the order of promotion."""

    problem: str | None = None
    """Why nothing could be looked at, where that is no failure."""


def look_at_rollout(
    release: Release,
    world: World,
    *,
    settings: Sequence[EnvironmentSetting] = (),
    order: Sequence[str] = (),
    refreshes: Sequence[str] = (),
) -> RolloutSeen:
    """Look at the deployment, then at every environment, side by side.

    Parameters
    ----------
    release
        What is rolled out.
    world
        GitHub and the Argo CD of each environment.
    settings
        The environments that the settings name.
    order
        The order of promotion that they name.
    refreshes
        Environments that are compared with git first.

    Returns
    -------
    RolloutSeen
        What is there. An environment that cannot be looked at costs itself
        alone.

    Raises
    ------
    ReleaseError
        Raised if the deployment repository cannot be read.
    """
    aim, stages = _look_at_deployment(release, world, settings)
    argocd = world.argocd
    if argocd is None:
        return RolloutSeen(aim=aim)
    looks = [
        partial(
            _look_at_stage,
            stage,
            aim,
            argocd,
            world.deploy,
            refreshes=stage.name in refreshes,
        )
        for stage in sort_stages(stages, order)
    ]
    with side_by_side(world.look, looks, is_apart=True) as begun:
        seen = tuple(wait() for wait in begun)
    return RolloutSeen(aim=aim, stages=seen)


# -- The deployment ---------------------------------------------------------


def _look_at_deployment(
    release: Release, world: World, settings: Sequence[EnvironmentSetting]
) -> tuple[Aim, tuple[Stage, ...]]:
    names, source = release.image_names, release.repository
    aim = Aim(application=release.name, tag=release.image_tag, images=names)
    deploy, target = world.deploy, release.deployment
    if deploy is None or target is None or deploy.is_local:
        stages = add_settings((), settings, known=(), application=release.name)
        return aim, stages
    repository = deploy.repository(release.deploy_branch)
    branch = repository.default_branch
    head = deploy.branch(deploy.name, branch)
    if head is None:
        raise BlockedError(f"{deploy.name} has no commits")
    if not (settings or find_files(deploy.paths(head))):
        return aim, ()
    pull = _find_pull(release, deploy, can_push=repository.can_push)
    charts = find_charts(release, world, deploy, head)
    layout = read_layout(deploy, head, dict.fromkeys(charts, source))
    tags = {
        chart: tags_of(layout, chart, source=source, names=names)
        for chart in charts
    }
    stages = add_settings(
        find_stages(layout, tags),
        settings,
        known=[each.name for each in layout.environments or ()],
        application=release.name,
    )
    aim = replace(
        aim,
        pull=pull,
        is_deployed=True,
        branch=branch,
        images=names | _name_images(stages),
    )
    commit = pull.merge_commit if pull and pull.is_merged else None
    if commit is None and any(stage.is_at(aim.tag) for stage in stages):
        commit = head
    return replace(aim, commit=commit), stages


def find_charts(
    release: Release, world: World, deploy: DeployRepository, commit: str
) -> tuple[str, ...]:
    """Find the charts that deploy a release.

    Parameters
    ----------
    release
        The release.
    world
        Where its repository is.
    deploy
        The deployment repository.
    commit
        Where to look.

    Returns
    -------
    tuple of str
        The path of each :file:`Chart.yaml`.
    """
    paths, target = set(deploy.paths(commit)), release.deployment
    places = find_places(
        deploy, commit, paths, named=target.charts if target else (),
        url=world.forge.url, names=release.image_names, former=release.former,
    )  # fmt: skip
    charts = (place.beside("Chart.yaml") for place in places)
    return tuple(dict.fromkeys(chart for chart in charts if chart in paths))


def _name_images(stages: Sequence[Stage]) -> set[str]:
    """Return the images that environments run, as their values name them."""
    return {
        tag.image
        for stage in stages
        for tag in stage.tags
        if tag.image is not None
    }


def _find_pull(
    release: Release, deploy: DeployRepository, *, can_push: bool | None
) -> PullRequest | None:
    """Find the deployment pull request: a merged one, or the newest."""
    owner = deploy.name.partition("/")[0]
    found = deploy.pulls_of(owner, release.deploy_branch)
    if not found and can_push is False:
        found = deploy.pulls_of(deploy.fork().owner, release.deploy_branch)
    target = release.deployment
    if not found and target is not None and target.older == "update":
        # That for an older version may have been moved to this one.
        found = tuple(
            pull
            for pull in deploy.open_pulls()
            if version_of(pull, release.deploy_prefix) == release.version
        )
    merged = [pull for pull in found if pull.is_merged]
    return next(iter((*merged, *found)), None)


# -- An environment ---------------------------------------------------------


def _look_at_stage(
    stage: Stage,
    aim: Aim,
    argocd: ArgoCD,
    deploy: DeployRepository | None,
    *,
    refreshes: bool,
) -> StageSeen:
    """Look at an environment; what goes wrong there is its own."""
    if stage.problem is not None:
        return StageSeen(stage=stage, problem=stage.problem, help=stage.help)
    try:
        found = argocd.application(stage.target)
        if found is None:
            return StageSeen(stage=stage)
        return _look_closer(
            stage, found, aim, argocd, deploy, refreshes=refreshes
        )
    except ReleaseError as e:
        return StageSeen(
            stage=stage,
            problem=e.message,
            help=e.help,
            is_denied=isinstance(e, NotAllowedError),
        )


def _look_closer(
    stage: Stage,
    found: Application,
    aim: Aim,
    argocd: ArgoCD,
    deploy: DeployRepository | None,
    *,
    refreshes: bool,
) -> StageSeen:
    """Ask what is needed to judge an application that is there."""
    target, note = stage.target, ""
    seen = _compare(stage, found, aim, deploy)
    if refreshes or (seen.has_commit is False and is_awaited(stage, aim)):
        # It may have been compared minutes ago.
        try:
            again = argocd.application(target, refresh=True)
        except ReleaseError as e:
            note = e.message
        else:
            if again is not None:
                seen = _compare(stage, again, aim, deploy)
    found = seen.application or found
    operation = found.operation
    is_at_work = operation is not None and operation.is_running
    if is_well(seen) and not seen.versions and not is_at_work:
        seen = replace(seen, has_held=_has_held(seen, found, argocd))
    if found.health in ("Degraded", "Missing"):
        with suppress(ReleaseError):
            seen = replace(seen, unhealthy=argocd.unhealthy(target))
    if found.sync == "OutOfSync" and not is_at_work:
        with suppress(ReleaseError):
            seen = replace(seen, windows=argocd.windows(target))
    return replace(seen, note=note)


def _compare(
    stage: Stage,
    found: Application,
    aim: Aim,
    deploy: DeployRepository | None,
) -> StageSeen:
    """See whether what was compared, or applied, contains the commit."""
    operation, has_commit = found.operation, None
    last = found.history[-1].revisions if found.history else ()
    has_applied = bool(last) and last == found.revisions
    if operation is not None and is_ours(operation, aim):
        is_same = operation.revisions == found.revisions
        has_applied |= operation.phase == "Succeeded" and is_same
    if aim.commit is not None and deploy is not None:
        has_commit = _contains(aim.commit, found, found.revisions, deploy)
        has_applied &= has_commit is True
        if last and not has_applied:
            has_applied = bool(_contains(aim.commit, found, last, deploy))
    return StageSeen(
        stage=stage,
        application=found,
        has_commit=has_commit,
        has_applied=has_applied,
        versions=find_versions(found.images, aim.images),
    )


def _contains(
    commit: str,
    found: Application,
    revisions: Sequence[str],
    deploy: DeployRepository,
) -> bool | None:
    """Return whether revisions contain a commit; `None`: cannot be told."""
    if not revisions:
        return False
    revision = compared_revision(found.sources, revisions, deploy.name)
    with suppress(ReleaseError):
        if revision is not None:
            return deploy.contains(revision, commit)
    return None


def _has_held(seen: StageSeen, found: Application, argocd: ArgoCD) -> bool:
    """Compare once more; return whether it is synced and healthy still.

    Right after a sync it may be so because the new pods have not begun.
    """
    operation = found.operation
    again = argocd.application(seen.stage.target, refresh=True)
    if again is None or not is_well(replace(seen, application=again)):
        return False
    first, second = found.compared_at, again.compared_at
    if first is None or second is None:
        return True
    end = operation.finished if operation else None
    return first < second and (end is None or end < first)
