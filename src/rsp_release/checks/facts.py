"""What checks look at; each thing is read once, whoever asks first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar, cast

from ..config import Config
from ..engine.world import Files, ForgeSettings, World
from ..exceptions import NotAllowedError, ReleaseError
from ..models import (
    Image,
    ImageReport,
    Proposal,
    Publication,
    ReleasePage,
    RemoteTag,
    Repository,
)
from ..models.github import Credentials
from ..publishing import find_publication
from ..version.history import History

__all__ = ["Facts", "NothingToLookAtError"]

T = TypeVar("T")

WORKFLOWS = ".github/workflows"


class NothingToLookAtError(ReleaseError):
    """What a check needs is not part of this look."""


@dataclass(kw_only=True)
class Facts:
    """Everything that checks look at.

    Checks run in several threads: each thread has a world of its own, and
    what was read once, or failed once, is kept for all.
    """

    proposal: Proposal
    """What would be released."""

    worlds: Callable[[], World]
    """Gives the present thread its world."""

    config: Config | None = None
    """The settings; without them, nothing tells what publishes."""

    is_thorough: bool = False
    """Whether more may be asked than a plain ``bump`` needs."""

    history: History | None = None
    """The history that the version was chosen from."""

    trouble: ReleaseError | None = None
    """Why there is none, or why no version follows from it."""

    begun: str | None = None
    """The tag of a release that was begun and is not finished."""

    is_joined: bool = False
    """Whether another run releases the same version of the same commit."""

    is_offline: bool = False
    """Whether nothing beyond this machine may be asked."""

    is_planned: bool = False
    """Whether the release is about to begin, and takes up what it finds."""

    _lock: Lock = field(default_factory=Lock)
    _read: dict[object, Future[object]] = field(default_factory=dict)

    def once(self, key: object, read: Callable[[], T]) -> T:
        """Read something that is not read yet, or return what was read."""
        with self._lock:
            future = self._read.get(key)
            is_first = future is None
            if future is None:
                future = self._read[key] = Future()
        if is_first:
            try:
                future.set_result(read())
            except BaseException as e:
                future.set_exception(e)
        return cast("T", future.result())

    @property
    def is_empty(self) -> bool:
        """Whether nothing is committed yet."""
        return not self.proposal.commit.strip("0")

    @property
    def world(self) -> World:
        """The world of the present thread."""
        return self.worlds()

    @property
    def settings(self) -> ForgeSettings:
        """GitHub's settings, where the world has them."""
        settings = self.world.settings
        if settings is None:
            raise NothingToLookAtError("GitHub's settings were not read")
        return settings

    @property
    def files(self) -> Files:
        """The files of the commit, where the world has them."""
        files = self.world.files
        if files is None:
            raise NothingToLookAtError("the commit's files were not read")
        return files

    # -- The clone ----------------------------------------------------------

    def text(self, path: str) -> str | None:
        """Return a file of the commit."""
        return self.once(("text", path), lambda: self.files.text(path))

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the files in a folder of the commit."""
        return self.once(("names", folder), lambda: self.files.names(folder))

    def remote_head(self) -> str | None:
        """Return the head of the proposal's branch on the remote."""
        branch = self.proposal.branch
        if branch is None:
            return None
        return self.once("head", lambda: self.world.git.remote_branch(branch))

    def remote_tag(self) -> RemoteTag | None:
        """Return the proposal's tag as the remote has it."""
        tag = self.proposal.tag
        return self.once("tag", lambda: self.world.git.remote_tag(tag))

    def workflows(self) -> Mapping[str, str]:
        """Return path and text of the workflow files."""

        def read() -> Mapping[str, str]:
            if self.world.files is None:
                return self.world.git.files(self.proposal.commit, WORKFLOWS)
            paths = [f"{WORKFLOWS}/{name}" for name in self.names(WORKFLOWS)]
            texts = {
                path: self.text(path)
                for path in paths
                if path.endswith((".yaml", ".yml"))
            }
            return {p: t for p, t in texts.items() if t is not None}

        return self.once("workflows", read)

    def publication(self) -> Publication | None:
        """Return what publishes images when the tag is released."""

        def read() -> Publication | None:
            config = self.config
            if config is None:
                raise NothingToLookAtError("the settings were not read")
            return find_publication(
                self.workflows(),
                repository=self.proposal.repository,
                tag=self.proposal.tag,
                workflow=config.workflow,
                images=config.images,
                platforms=config.platforms,
                read=self.text if self.world.files else None,
            )

        return self.once("publication", read)

    # -- GitHub -------------------------------------------------------------

    def repository(self) -> Repository:
        """Return what the credentials see of the repository."""
        return self.once("repository", self.world.forge.repository)

    def credentials(self) -> Credentials:
        """Return what is known of the credentials."""

        def read() -> Credentials:
            self.repository()
            return self.settings.credentials()

        return self.once("credentials", read)

    def pages(self, tag: str) -> tuple[ReleasePage, ...]:
        """Return the GitHub releases of a tag."""
        return self.once(
            ("pages", tag), lambda: self.world.forge.releases(tag)
        )

    def workflow_state(self, path: str) -> str | None:
        """Return GitHub's state of a workflow, if it knows it."""
        return self.once(
            ("state", path), lambda: self.world.forge.workflow_state(path)
        )

    def is_immutable(self) -> bool | None:
        """Return whether releases are locked; `None` if it can't be told."""

        def read() -> bool | None:
            try:
                return self.settings.has_immutable_releases()
            except NotAllowedError:
                return None

        return self.once("immutable", read)

    def needs_pull(self) -> bool:
        """Return whether the change log goes by pull request."""
        policy = self.proposal.pull_policy.when
        if policy != "auto" or self.proposal.branch is None:
            return policy == "always"
        branch = self.proposal.branch
        return self.once(
            "needs_pull", lambda: self.world.forge.needs_pull(branch)
        )

    # -- Registries ---------------------------------------------------------

    def previous_images(self) -> tuple[ImageReport, ...]:
        """Return what registries say of the previous version's images."""

        def read() -> tuple[ImageReport, ...]:
            publication = self._previous_publication()
            return tuple(
                self.world.registry.look(Image(name=image.name, tag=image.tag))
                for image in (publication.images if publication else ())
            )

        return self.once("previous images", read)

    def _previous_publication(self) -> Publication | None:
        """Return what published the previous version, by its own files.

        What the workflow publishes from now on, it did not have to.
        """
        config, tag = self.config, self.proposal.previous_tag
        if config is None:
            raise NothingToLookAtError("the settings were not read")
        commit = self.world.git.local_tag(tag) if tag else None
        if tag is None or commit is None:
            return None
        return find_publication(
            self.world.git.files(commit, WORKFLOWS),
            repository=self.proposal.repository,
            tag=tag,
            workflow=config.workflow,
            images=config.images,
            platforms=config.platforms,
        )
