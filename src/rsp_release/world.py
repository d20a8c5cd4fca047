"""What the steps need of the world outside, as protocols.

The one rule of every method that reads: it answers from a definite answer of
the other side, or it raises `~rsp_release.exceptions.ReadError`. It never
turns "could not look" into "is not there".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from .models import (
    Change,
    Commit,
    CreateRelease,
    Image,
    ImageReport,
    Job,
    PublishRelease,
    PushTag,
    ReleasePage,
    RemoteTag,
    Repository,
    Verdict,
    WorkflowRun,
)

__all__ = ["Clock", "Forge", "Git", "Registry", "Step", "World"]

Subject_contra = TypeVar("Subject_contra", contravariant=True)


class Clock(Protocol):
    """Time, as an argument, so that a test can own it."""

    def now(self) -> datetime:
        """Return the present time (aware, UTC)."""

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""


class Git(Protocol):
    """The user's clone and its remote."""

    def head(self) -> str:
        """Return the full hash of the commit that is checked out."""

    def branch(self) -> str | None:
        """Return the branch that is checked out; `None` where detached."""

    def is_shallow(self) -> bool:
        """Return whether history is cut off."""

    def uncommitted(self) -> tuple[str, ...]:
        """Return the paths of tracked files with uncommitted changes."""

    def local_tag(self, tag: str) -> str | None:
        """Return the commit of a tag in the clone, peeled."""

    @property
    def remote(self) -> str:
        """The name of the remote."""

    def remote_tag(self, tag: str) -> RemoteTag | None:
        """Return a tag as the remote has it, or `None` if it has none."""

    def remote_branch(self, branch: str) -> str | None:
        """Return the head of a branch on the remote, fetched if needed."""

    def unfetched_tags(self) -> tuple[str, ...]:
        """Return the tags that the remote has and the clone has not."""

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Return whether one commit is contained in another."""

    def has_parent(self, commit: str) -> bool:
        """Return whether a commit is not the first one."""

    def fetch_tag(self, tag: str) -> None:
        """Fetch one tag of the remote, where the clone has it not."""

    def message(self, commit: str) -> str:
        """Return the message of a commit. Untrusted text."""

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        """Return the commits after one, up to another, newest first.

        At most a thousand: more would make no readable notes.
        """

    def files(self, commit: str, directory: str) -> Mapping[str, str]:
        """Return path and text of a directory's YAML files at a commit."""

    def tag_date(self, tag: str) -> datetime:
        """Return when a tag of the clone was made, or else its commit."""

    def push_tag(self, write: PushTag) -> None:
        """Make the annotated tag, where it is not there yet, and push it.

        Raises
        ------
        NotSentError
            Raised if the remote was not reached.
        RefusedError
            Raised if the remote rejected it, with the remote's words.
        UncertainError
            Raised if the connection broke after it was opened.
        """


class Forge(Protocol):
    """GitHub."""

    def repository(self) -> Repository:
        """Return what these credentials see of the repository.

        Raises
        ------
        NotAllowedError
            Raised if the credentials are missing, wrong or expired, or see
            no such repository.
        """

    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        """Return every release of a tag, published and drafts."""

    def create_release(self, write: CreateRelease) -> None:
        """Create and publish a release of an existing tag."""

    def publish_release(self, write: PublishRelease) -> None:
        """Publish a draft."""

    def runs(self, *, commit: str, event: str) -> tuple[WorkflowRun, ...]:
        """Return the runs of a commit started by an event, newest first.

        Their jobs are not read.
        """

    def run(self, number: int) -> WorkflowRun | None:
        """Return a run by its number, or `None` if there is none.

        Its jobs are not read.
        """

    def jobs(self, run: WorkflowRun) -> tuple[Job, ...]:
        """Return the jobs of the latest attempt of a run."""

    def workflow_state(self, path: str) -> str | None:
        """Return the state of a workflow, or `None` if GitHub has none."""


class Registry(Protocol):
    """Container registries, whichever an image names."""

    def look(self, image: Image) -> ImageReport:
        """Return what the registry says; an error there is ``unknown``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside that a step may look at or write to."""

    git: Git
    forge: Forge
    registry: Registry
    clock: Clock


class Step(Protocol[Subject_contra]):
    """One sentence that the program makes true, and shows to be true.

    The subject is a `~rsp_release.models.Proposal` where the commit to tag is
    not known yet, and a `~rsp_release.models.Release` once it is pinned.
    """

    @property
    def key(self) -> str:
        """A short name that scripts may depend on."""

    @property
    def title(self) -> str:
        """What a person reads in the checklist."""

    def observe(self, subject: Subject_contra, world: World) -> Any:
        """Read what the decision needs; raise rather than guess."""

    def decide(self, subject: Subject_contra, seen: Any) -> Verdict:
        """Decide from what was seen; pure."""

    def act(self, change: Change, world: World) -> None:
        """Do exactly one external write."""
