"""A repository on the sandbox's GitHub, and what tests look at."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .actions import Run
from .base import History
from .git import Repository
from .pulls import Pull
from .registry import Image
from .releases import Release
from .rules import Hook

if TYPE_CHECKING:
    from .box import Sandbox

__all__ = ["Project", "RequestRecord", "State"]

_MOST_REQUESTS = 20_000
_MOST_BYTES = 1_000_000


@dataclass(slots=True)
class RequestRecord:
    """One request and its answer, for tests to look at."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Headers, without the credentials."""

    body: bytes
    status: int | None
    """`None` where the connection was reset."""

    response_headers: dict[str, str]
    response_body: bytes
    fault: str | None
    seconds: float
    """Time that the server took."""


@dataclass(slots=True)
class Project:
    """A repository on the sandbox's GitHub."""

    id: int
    owner: str
    name: str
    git: Repository
    is_private: bool
    created_at: datetime
    pushed_at: datetime
    description: str = ""
    is_archived: bool = False
    allow_auto_merge: bool = False
    immutable_releases: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    """``admin``, ``write`` or ``read`` by login."""

    refs: History[dict[str, str]] = field(default_factory=lambda: History({}))
    releases: History[dict[int, Release]] = field(
        default_factory=lambda: History({})
    )
    burnt_tags: set[str] = field(default_factory=set)
    deleted_releases: int = 0
    runs: list[Run] = field(default_factory=list)
    workflow_states: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    rulesets: list[dict[str, Any]] = field(default_factory=list)
    protected: set[str] = field(default_factory=set)
    """Branches with classic protection: pull requests are needed."""

    required_approvals: int = 0
    """Approvals that a pull request to a protected branch needs."""

    required_checks: tuple[str, ...] = ()
    """Checks that it must have passed."""

    parent: Project | None = None
    """What it is a fork of."""

    ready_at: datetime | None = None
    """When a fork will have its commits; `None`: it has them."""

    secrets: tuple[str, ...] = ()
    organization_secrets: tuple[str, ...] = ()
    push_lock: threading.RLock = field(default_factory=threading.RLock)
    hook: Hook | None = None

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    def next_number(self) -> int:
        """Return the next number of an issue or pull request."""
        return max(self.pulls, default=52) + 1


class State:
    """What tests look at."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self.requests: list[RequestRecord] = []
        """Every request, in order."""
        self.unknown: list[tuple[str, str]] = []
        """Requests of the API at paths that the sandbox does not know."""

    def keep(self, record: RequestRecord) -> None:
        """Log a request; of very many the oldest are forgotten."""
        record.body = record.body[:_MOST_BYTES]
        record.response_body = record.response_body[:_MOST_BYTES]
        self.requests.append(record)
        if len(self.requests) > _MOST_REQUESTS:
            del self.requests[: _MOST_REQUESTS // 2]

    def releases(self, repository: str) -> list[Release]:
        """Return the releases of a repository, drafts among them."""
        return list(self._box.project(repository).releases.value.values())

    def deleted_releases(self, repository: str) -> int:
        """Return how many releases were deleted."""
        return self._box.project(repository).deleted_releases

    def tags(self, repository: str) -> dict[str, str]:
        """Return the commit of each tag, peeled."""
        git = self._box.project(repository).git
        prefix = "refs/tags/"
        return {
            ref.removeprefix(prefix): git.peel(sha) or sha
            for ref, sha in git.refs().items()
            if ref.startswith(prefix)
        }

    def branches(self, repository: str) -> dict[str, str]:
        """Return the head of each branch."""
        prefix = "refs/heads/"
        return {
            ref.removeprefix(prefix): sha
            for ref, sha in self._box.project(repository).git.refs().items()
            if ref.startswith(prefix)
        }

    def runs(self, repository: str) -> list[Run]:
        """Return the workflow runs, oldest first, unborn ones among them."""
        project = self._box.project(repository)
        with self._box.lock:
            self._box.notice(project)
        return list(project.runs)

    def pulls(self, repository: str) -> dict[int, Pull]:
        """Return the pull requests by number."""
        return self._box.project(repository).pulls

    def images(self) -> dict[str, Image]:
        """Return the images of every registry by name."""
        with self._box.lock:
            self._box.runner.settle()
        return self._box.images.images
