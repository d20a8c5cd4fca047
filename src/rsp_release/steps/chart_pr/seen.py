"""What the deployment step sees: pull requests, files and images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ...deployment import pull_request as deployment
from ...deployment.charts import Place, parse_place, relate, respell
from ...deployment.effective import EffectiveTag, find_pins, read_tags
from ...deployment.places import find_places, list_files
from ...engine.look import side_by_side
from ...engine.world import DeployRepository, World
from ...exceptions import BlockedError
from ...models import (
    Deployment,
    Fork,
    Image,
    ImageReport,
    PullRequest,
    Release,
    Repository,
    WorkflowRun,
)

__all__ = ["ChartSeen", "look_at_deployment"]

_OLDER = {"older", "same"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeen:
    """What the step looks at."""

    is_unset: bool = False
    """Whether the settings name no deployment repository, or no more."""

    repository: Repository | None = None
    """The deployment repository."""

    name: str = ""
    """How it is called."""

    is_local: bool = False
    """Whether it is a checkout."""

    fork: Fork | None = None
    """The fork, where these credentials may not push to the repository."""

    @property
    def where(self) -> str | None:
        """The repository that the branch is in; `None`: a fork is needed."""
        return self.fork.name if self.fork else self.name

    @property
    def owner(self) -> str:
        """Who owns the repository that the branch is in, or will be."""
        return self.fork.owner if self.fork else self.name.partition("/")[0]

    def may_close(self, pull: PullRequest) -> bool:
        """Return whether a pull request is one's own, or may be closed."""
        return self.fork is None or _is_of(pull, {self.owner})

    @property
    def moved(self) -> tuple[EffectiveTag, ...]:
        """What changes with the places."""
        return tuple(tag for tag in self.tags if tag.place in self.places)

    @property
    def kept(self) -> tuple[EffectiveTag, ...]:
        """What stands elsewhere, and does not change.

        Who moves the pins of some environments knows that others follow.
        """
        moves_pins = not any(place.is_app_version for place in self.places)
        return tuple(
            tag
            for tag in self.tags
            if tag.place not in self.places
            and not (moves_pins and tag.place.is_app_version)
        )

    @property
    def digests(self) -> dict[str, str | None]:
        """The digest of each image, as far as it is known."""
        return {report.image: report.digest for _, report in self.images}

    pull: PullRequest | None = None
    """The newest pull request for this version."""

    older: tuple[PullRequest, ...] = ()
    """Other open ones, for this version or older ones, newest first."""

    newer: tuple[tuple[str, PullRequest], ...] = ()
    """Open ones for newer versions, with the version, newest first."""

    updatable: PullRequest | None = None
    """One for an older version that may be moved to this one."""

    base: str | None = None
    """The commit that a change is made from."""

    places: tuple[Place, ...] = ()
    """Where the version stands."""

    files: Mapping[str, str] = field(default_factory=dict)
    """The files there, and those beside them that follow."""

    tags: tuple[EffectiveTag, ...] = ()
    """What each environment runs that is switched on."""

    problem: BlockedError | None = None
    """Why that cannot be told."""

    branch_head: str | None = None
    """Where the branch is."""

    branch_files: Mapping[str, str] = field(default_factory=dict)
    """The files there."""

    images: tuple[tuple[Image, ImageReport], ...] = ()
    """What the registries say of what the charts will pull."""

    page: str | None = None
    """The page of the GitHub release."""

    run: WorkflowRun | None = None
    """The run that published the images."""


def look_at_deployment(
    release: Release,
    target: Deployment,
    world: World,
    deploy: DeployRepository,
    *,
    force: bool,
) -> ChartSeen:
    """Look at the pull requests, then the files, then the images.

    Parameters
    ----------
    release
        What is deployed.
    target
        Where, and how that is proposed.
    world
        GitHub and the registries.
    deploy
        The deployment repository.
    force
        Whether a pull request that is over leaves something to do.

    Returns
    -------
    ChartSeen
        What is there, as far as the decision depends on it.
    """
    repository = deploy.repository(release.deploy_branch)
    seen = ChartSeen(
        repository=repository,
        name=deploy.name,
        is_local=deploy.is_local,
        fork=deploy.fork() if repository.can_push is False else None,
    )
    if not deploy.is_local:
        seen = _look_for_pulls(seen, release, target, deploy)
    pull = seen.pull
    if pull is not None and (pull.is_open or not force):
        return seen
    base = deploy.branch(deploy.name, repository.default_branch)
    if base is None:
        return seen
    seen = replace(seen, base=base)
    try:
        seen = _look_at_files(
            seen, base, release, target, deploy, url=world.forge.url
        )
    except BlockedError as e:
        return replace(seen, problem=e)
    return _look_for_proof(seen, release, world, deploy)


def _look_for_pulls(
    seen: ChartSeen,
    release: Release,
    target: Deployment,
    deploy: DeployRepository,
) -> ChartSeen:
    """Find the pull requests of the application.

    Anybody can give a branch of their own fork any name, so only branches of
    the repository and of one's own fork count.
    """
    owners = {deploy.name.partition("/")[0], seen.owner}
    found = {
        pull: version
        for pull in sorted(deploy.open_pulls(), key=lambda p: -p.number)
        if _is_of(pull, owners)
        and (version := deployment.version_of(pull, release.deploy_prefix))
    }
    same = [p for p, v in found.items() if v == release.version]
    pull = same[-1] if same else None
    relations = {
        p: relate(v, release.version)
        for p, v in found.items()
        if p is not pull
    }
    seen = replace(
        seen,
        older=tuple(p for p, r in relations.items() if r in _OLDER),
        newer=tuple(
            (found[p], p) for p, r in relations.items() if r == "newer"
        ),
    )
    if pull is not None:
        is_to_merge = bool(target.policy.auto_merge)
        pull = deploy.pull(pull, is_to_merge=is_to_merge)
        return replace(seen, pull=pull)
    before = deploy.pulls_of(seen.owner, release.deploy_branch)
    if before:
        return replace(seen, pull=before[0])
    if target.older == "update":
        older = [p for p in seen.older if relations[p] == "older"]
        return replace(
            seen, updatable=_find_updatable(seen, release, older, deploy)
        )
    return seen


def _find_updatable(
    seen: ChartSeen,
    release: Release,
    older: Sequence[PullRequest],
    deploy: DeployRepository,
) -> PullRequest | None:
    """Find one for an older version, to which nobody has added anything."""
    for pull in older:
        if seen.where and _is_of(pull, {seen.owner}):
            message = deploy.message(seen.where, pull.head)
            if message.startswith(f"Update {release.name} to "):
                return pull
    return None


def _is_of(pull: PullRequest, owners: Collection[str]) -> bool:
    """Return whether a branch is in a repository of one of some owners."""
    return pull.owner.lower() in {owner.lower() for owner in owners}


def _look_at_files(
    seen: ChartSeen,
    base: str,
    release: Release,
    target: Deployment,
    deploy: DeployRepository,
    *,
    url: str,
) -> ChartSeen:
    """Read what holds the version, and the values that go with it."""
    paths = set(deploy.paths(base))
    names = release.image_names
    places = find_places(
        deploy, base, paths, named=target.charts, url=url, names=names,
        former=release.former,
    )  # fmt: skip
    charts = [place for place in places if place.is_app_version]
    if target.environments:
        # Whoever names a pin in the settings means the chart beside it.
        charts = [parse_place(place.directory) for place in places]
    tags = read_tags(
        deploy,
        base,
        {chart.path: None for chart in charts if chart.path in paths},
        source=release.repository,
        names=names,
        also=list_files(places, paths),
    )
    if target.environments:
        places = find_pins(tags, target.environments, tag=release.tag)
    return replace(
        seen,
        places=places,
        files=deploy.read(base, list_files(places, paths)),
        tags=tags,
    )


def _look_for_proof(
    seen: ChartSeen, release: Release, world: World, deploy: DeployRepository
) -> ChartSeen:
    """See whether what the charts will pull is there, and what shows it."""
    head = _find_branch(seen, release, deploy)
    reads: list[Callable[[], Any]] = [
        partial(_look_for_images, seen, release, world)
    ]
    if head is not None:
        reads += [
            partial(_read_branch, seen, head, deploy),
            partial(_find_page, release, world),
            partial(_find_run, release, world),
        ]
    with side_by_side(world.look, reads) as begun:
        images, *links = [wait() for wait in begun]
    files, page, run = links or ({}, None, None)
    return replace(
        seen,
        images=images,
        branch_head=head,
        branch_files=files,
        page=page,
        run=run,
    )


def _look_for_images(
    seen: ChartSeen, release: Release, world: World
) -> tuple[tuple[Image, ImageReport], ...]:
    """Ask the registries for what the charts will pull."""
    images = {image.name: image for image in release.images}
    platforms = release.images[0].platforms if images else ()
    for moved in seen.moved:
        if moved.image is not None:
            old = None if moved.place.is_app_version else moved.tag
            new = Image(
                name=moved.image, tag=release.image_tag, platforms=platforms
            )
            new = images.get(moved.image, new)
            images[moved.image] = replace(new, tag=respell(new.tag, old))
    return tuple((i, world.registry.look(i)) for i in images.values())


def _find_branch(
    seen: ChartSeen, release: Release, deploy: DeployRepository
) -> str | None:
    """Find the head of the branch that has the change, or will have it."""
    if seen.where is None or (seen.fork and not seen.fork.is_ready):
        return None
    branch = release.deploy_branch
    if seen.updatable is not None:
        branch = seen.updatable.branch
    return deploy.branch(seen.where, branch)


def _read_branch(
    seen: ChartSeen, head: str, deploy: DeployRepository
) -> Mapping[str, str]:
    """Read the files there that hold the version."""
    return deploy.read(
        head,
        [place.path for place in seen.places],
        seen.where if seen.fork else None,
    )


def _find_page(release: Release, world: World) -> str | None:
    """Find the release's page, which the pull request will lead to."""
    pages = world.forge.releases(release.tag)
    return next((page.url for page in pages if not page.is_draft), None)


def _find_run(release: Release, world: World) -> WorkflowRun | None:
    """Find the run that published the images."""
    publication = release.publication
    if publication is None:
        return None
    runs = world.forge.runs(commit=release.commit, event=publication.event)
    path = publication.workflow
    return next((run for run in runs if run.path == path), None)
