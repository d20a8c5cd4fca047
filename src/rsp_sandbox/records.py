"""What the sandbox keeps: repositories, releases, pull requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .accounts import Token
from .actions import Run
from .base import History, number_of
from .git import Repository
from .scenario import WorkflowScript
from .workflows import workflow_paths

__all__ = [
    "AutoMerge",
    "Environment",
    "Project",
    "Publishes",
    "Pull",
    "Release",
    "workflow_id",
]


Publishes = Callable[
    [str, str, Mapping[str, str], Callable[[str], str | None]],
    Iterable[WorkflowScript],
]
"""Tells what the workflows of a commit publish at a tag.

It is given the tag, the commit, the workflow files by path, and what reads
any other file of the commit.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release as the sandbox keeps it."""

    id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    is_draft: bool
    is_prerelease: bool
    make_latest: str
    author: str
    created_at: datetime
    published_at: datetime | None
    updated_at: datetime
    slug: str
    """What a draft's address holds instead of the tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoMerge:
    """Who has asked for a pull request to be merged by itself, and how."""

    method: str
    login: str
    token: Token | None


@dataclass(slots=True, kw_only=True)
class Pull:
    """A pull request."""

    number: int
    id: int
    title: str
    body: str | None
    head: str
    base: str
    author: str
    is_draft: bool
    created_at: datetime
    updated_at: datetime
    head_sha: str
    base_sha: str
    fork: Project | None = None
    """The repository that its branch is in, where it is another."""

    can_be_pushed: bool = False
    """Whether those who may push to the base may push to its branch."""

    state: str = "open"
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merge_sha: str | None = None
    merged_by: str | None = None
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    auto_merge: AutoMerge | None = None
    looked_at: str | None = None
    """The heads whose mergeability has been asked for; GitHub works it out
    in the background and answers null at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment, as settings made it."""

    wait: int = 0
    """Minutes that its jobs wait."""

    reviewers: tuple[str, ...] = ()
    """The logins of those who may approve."""

    policies: tuple[tuple[str, str], ...] | None = None
    """Kinds and patterns of the refs that it admits; `None`: any."""

    protected_only: bool = False
    """Whether it admits protected branches only."""


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
    roles: dict[str, str] = field(default_factory=dict)
    """``admin``, ``write`` or ``read`` by login."""

    refs: History[dict[str, str]] = field(default_factory=lambda: History({}))
    releases: History[dict[int, Release]] = field(
        default_factory=lambda: History({})
    )
    runs: list[Run] = field(default_factory=list)
    workflow_states: dict[str, str] = field(default_factory=dict)
    has_actions: bool = True
    """Whether Actions are enabled."""

    environments: dict[str, Environment] = field(default_factory=dict)
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

    publishes: Publishes | None = None
    """Tells what its workflows publish; `None`: nothing."""

    ready_at: datetime | None = None
    """When a fork will have its commits; `None`: it has them."""

    secrets: tuple[str, ...] = ()
    known: dict[tuple[str, str], dict[str, WorkflowScript]] = field(
        default_factory=dict
    )
    """What was told of a commit and a tag."""

    push_lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def full_name(self) -> str:
        """Owner and name."""
        return f"{self.owner}/{self.name}"

    def told(self, commit: str, tag: str) -> dict[str, WorkflowScript]:
        """Return what workflows publish, by path, as the sandbox was told."""
        if self.publishes is None:
            return {}
        key = (commit, tag)
        if key in self.known:
            return self.known[key]

        def read(path: str) -> str | None:
            content = self.git.file(commit, path)
            return (
                None if content is None else content.decode(errors="replace")
            )

        paths = workflow_paths(self.git, commit)
        files = {path: read(path) or "" for path in paths}
        scripts = self.publishes(tag, commit, files, read)
        self.known[key] = {script.path: script for script in scripts}
        return self.known[key]

    def next_number(self) -> int:
        """Return the next number of an issue or pull request."""
        return max(self.pulls, default=52) + 1


def workflow_id(project: Project, path: str) -> int:
    """Return the lasting number of a workflow file."""
    return 50_000_000 + number_of(f"{project.id} {path}")
