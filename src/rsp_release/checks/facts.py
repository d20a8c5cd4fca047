"""What checks look at; each thing is read once, whoever asks first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import wraps
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from ..config import Config
from ..engine.world import DeployRepository, Files, ForgeSettings, World
from ..exceptions import NotAllowedError, ReleaseError, UsageError
from ..models import (
    Environment,
    Image,
    ImageReport,
    Proposal,
    Publication,
    PullRequest,
    ReleasePage,
    RemoteRefs,
    Repository,
)
from ..models.github import Credentials, Identity
from ..publishing import find_publication
from ..publishing.candidates import Tagged, find_candidates
from ..version.history import History

__all__ = ["Facts", "NothingToLookAtError", "once"]

P = ParamSpec("P")
T = TypeVar("T")

WORKFLOWS = ".github/workflows"


class NothingToLookAtError(ReleaseError):
    """What a check needs is not part of this look."""


def _need(found: T | None, problem: str) -> T:
    if found is None:
        raise NothingToLookAtError(problem)
    return found


def once(
    read: Callable[Concatenate[Facts, P], T],
) -> Callable[Concatenate[Facts, P], T]:
    """Let what reads something read it once, whoever asks first.

    Parameters
    ----------
    read
        Reads it. What it returns or raises is kept for the next.

    Returns
    -------
    typing.Callable
        The same, for any number of threads.
    """

    @wraps(read)
    def recall(facts: Facts, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (read, *args)
        with facts.lock:
            future = facts.known.get(key)
            is_first = future is None
            if future is None:
                future = facts.known[key] = Future()
        if is_first:
            try:
                future.set_result(read(facts, *args, **kwargs))
            except BaseException as e:
                future.set_exception(e)
        return cast("T", future.result())

    return recall


@dataclass(kw_only=True)
class Facts:
    """Everything that checks look at.

    Checks run in several threads: what was read once, or failed once, is
    kept for all.
    """

    proposal: Proposal
    """What would be released."""

    world: World
    """Where it is looked for."""

    config: Config
    """The settings."""

    is_thorough: bool = False
    """Whether more may be asked than a plain ``bump`` needs."""

    history: History | None = None
    """The history that the version was chosen from."""

    trouble: ReleaseError | None = None
    """Why there is none, or why no version follows from it."""

    begun: str | None = None
    """The tag of a release that was begun and is not finished."""

    identity: Identity | None = None
    """What the repository is called, where that was asked."""

    is_joined: bool = False
    """Whether another run releases the same version of the same commit."""

    is_offline: bool = False
    """Whether nothing beyond this machine may be asked."""

    is_planned: bool = False
    """Whether the release is about to begin, and takes up what it finds."""

    lock: Lock = field(default_factory=Lock)
    """Held while something is looked up in what is known."""

    known: dict[object, Future[object]] = field(default_factory=dict)
    """What was read, by what read it."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is committed yet."""
        return not self.proposal.commit.strip("0")

    @property
    def settings(self) -> ForgeSettings:
        """GitHub's settings, where the world has them."""
        return _need(self.world.settings, "GitHub's settings were not read")

    @property
    def files(self) -> Files:
        """The files of the commit, where the world has them."""
        return _need(self.world.files, "the commit's files were not read")

    @property
    def deploy(self) -> DeployRepository:
        """The deployment repository, where the world has it."""
        what = "the deployment repository was not read"
        return _need(self.world.deploy, what)

    # -- The clone ----------------------------------------------------------

    @once
    def text(self, path: str) -> str | None:
        """Return a file of the commit."""
        return self.files.text(path)

    @once
    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of the files in a folder of the commit."""
        return self.files.names(folder)

    @once
    def remote_refs(self) -> RemoteRefs:
        """Return what the remote has of all releases, by one look."""
        proposal = self.proposal
        branch = proposal.branch or proposal.default_branch
        return self.world.git.remote_refs(branch)

    def remote_head(self) -> str | None:
        """Return the head of the proposal's branch on the remote."""
        return self.remote_refs().head if self.proposal.branch else None

    def remote_tag(self) -> str | None:
        """Return the commit of the proposal's tag on the remote."""
        return self.remote_refs().tags.get(self.proposal.tag)

    @once
    def workflows(self) -> Mapping[str, str]:
        """Return path and text of the workflow files."""
        paths = [f"{WORKFLOWS}/{name}" for name in self.names(WORKFLOWS)]
        return {
            path: self.text(path) or ""
            for path in paths
            if path.endswith((".yaml", ".yml"))
        }

    @once
    def publication(self) -> Publication | None:
        """Return what publishes images when the tag is released."""
        return find_publication(
            self.workflows(),
            repository=self.proposal.repository,
            former=self.proposal.former,
            tag=self.proposal.tag,
            config=self.config,
            read=self.text,
        )

    def candidates(self, path: str, document: Any) -> list[Publication]:
        """Return what a workflow publishes then without any other file."""
        proposal = self.proposal
        tagged = Tagged(proposal.repository, proposal.tag, lambda _: None)
        found = find_candidates(path, document, tagged)
        return [each.publication for each in found]

    # -- GitHub -------------------------------------------------------------

    @once
    def repository(self) -> Repository:
        """Return what the credentials see of the repository."""
        return self.world.forge.repository()

    @once
    def credentials(self) -> Credentials:
        """Return what is known of the credentials."""
        self.repository()
        return self.settings.credentials()

    @once
    def secret_names(self) -> frozenset[str]:
        """Return the names of the secrets that workflows can use."""
        return self.settings.secret_names()

    @once
    def open_pulls(self) -> tuple[PullRequest, ...]:
        """Return every pull request that is open."""
        return self.settings.open_pulls()

    @once
    def pages(self, tag: str) -> tuple[ReleasePage, ...]:
        """Return the GitHub releases of a tag."""
        return self.world.forge.releases(tag)

    @once
    def workflow_state(self, path: str) -> str | None:
        """Return GitHub's state of a workflow, if it knows it."""
        return self.world.forge.workflow_state(path)

    def is_overlooked(self, path: str) -> bool:
        """Return whether GitHub does not list a workflow that it has.

        It reads them from the default branch; a server without Actions lists
        none of them.
        """
        git = self.world.git
        if self.workflow_state(path) is not None:
            return False
        head = git.remote_branch(self.proposal.default_branch)
        return head is not None and git.file(head, path) is not None

    @once
    def runs_workflows(self) -> bool | None:
        """Return whether Actions are enabled; `None` if it can't be told."""
        return self.world.forge.runs_workflows()

    @once
    def environment(self, name: str) -> Environment | None:
        """Return an environment of the repository, if there is one."""
        return self.world.forge.environment(name)

    @once
    def is_immutable(self) -> bool | None:
        """Return whether releases are locked; `None` if it can't be told."""
        try:
            return self.settings.has_immutable_releases()
        except NotAllowedError:
            return None

    @once
    def needs_pull(self) -> bool:
        """Return whether the change log goes by pull request."""
        policy, branch = self.proposal.pull_policy.when, self.proposal.branch
        if policy != "auto" or branch is None:
            return policy == "always"
        return self.world.forge.needs_pull(branch)

    # -- The previous version -----------------------------------------------

    @property
    def _before(self) -> str | None:
        """The commit of the previous version."""
        tag = self.proposal.previous_tag
        return self.world.git.local_tag(tag) if tag else None

    def had_before(self, paths: Iterable[str]) -> bool:
        """Return whether the previous version had one of some files."""
        commit, git = self._before, self.world.git
        return commit is not None and any(
            git.file(commit, path) is not None for path in paths
        )

    @once
    def workflows_before(self) -> Mapping[str, str]:
        """Return path and text of the previous version's workflow files."""
        commit = self._before
        return self.world.git.files(commit, WORKFLOWS) if commit else {}

    @once
    def publication_before(self) -> Publication | None:
        """Return what published the previous version, by its own files.

        What the workflow publishes from now on, that one did not have to.
        """
        commit, tag = self._before, self.proposal.previous_tag
        if tag is None or commit is None:
            return None
        try:
            return find_publication(
                self.workflows_before(),
                repository=self.proposal.repository,
                former=self.proposal.former,
                tag=tag,
                commit=commit,
                config=self.config,
                read=lambda path: self.world.git.file(commit, path),
            )
        except UsageError:
            # It lacks the workflow that the settings name now.
            return None

    def published_before(self) -> tuple[Image, ...]:
        """Return the images of the previous version."""
        publication = self.publication_before()
        return publication.images if publication else ()

    @once
    def previous_images(self) -> tuple[ImageReport, ...]:
        """Return what registries say of the previous version's images."""
        return tuple(
            self.world.registry.look(replace(image, platforms=()))
            for image in self.published_before()
        )
