"""What Argo CD says of an application in an environment. Pure.

All texts are those of Argo CD and of the resources' controllers: untrusted.
The words for states are its own, and new ones may come with a new version of
it, so they are texts and no enumerations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = [
    "Application",
    "Operation",
    "Past",
    "Resource",
    "Source",
    "SyncWindow",
    "Target",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An application of an environment: where to look, and what to sync."""

    environment: str
    """The name of the environment."""

    argocd: str
    """The address of its Argo CD, such as
    ``https://data.example.org/argo-cd``, without a slash at its end.
    """

    application: str
    """The name of the application there."""

    namespace: str | None = None
    """The namespace of the application itself, where that is not Argo CD's."""

    project: str | None = None
    """Its project. Where it is named, Argo CD tells an application that does
    not exist from one that may not be seen.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A Kubernetes resource of an application."""

    kind: str
    """Such as ``Deployment``."""

    name: str
    """Its name."""

    namespace: str = ""
    """Its namespace; empty for a resource of the whole cluster."""

    status: str = ""
    """``Synced``, ``OutOfSync`` or ``Unknown``; in an operation, how it was
    applied: ``Synced``, ``SyncFailed``, ``Pruned`` or ``PruneSkipped``. Empty
    where it is not told.
    """

    health: str = ""
    """``Healthy``, ``Progressing``, ``Degraded``, ``Suspended``, ``Missing``
    or ``Unknown``; empty where it is not told.
    """

    message: str = ""
    """What its controller, or Argo CD, says of it."""

    hook_phase: str = ""
    """How a hook of an operation is: a phase of `Operation`; empty for one
    that is not run yet. What is no hook has one as well, while it is applied.
    """

    needs_pruning: bool = False
    """Whether git no longer has it: only a sync that prunes deletes it."""

    @property
    def has_failed(self) -> bool:
        """Whether an operation could not apply it, or run it as a hook."""
        is_failed = self.hook_phase in ("Failed", "Error")
        return is_failed or self.status == "SyncFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A sync that is running, or the last one that ran."""

    phase: str
    """``Running``, ``Terminating``, ``Failed``, ``Error`` or ``Succeeded``;
    empty in the moment where it is asked for and has not begun.
    """

    message: str = ""
    """What Argo CD says of it."""

    revisions: tuple[str, ...] = ()
    """What is, or was, applied, in the order of `Application.sources`; what
    was asked for, until that is known.
    """

    marker: str | None = None
    """What `~rsp_release.models.SyncApplication.marker` was, if this
    program asked for it.
    """

    initiated_by: str = ""
    """Who asked for it; empty where Argo CD did by itself, or does not say."""

    is_automated: bool = False
    """Whether Argo CD did by itself."""

    started: datetime | None = None
    """When it began (aware)."""

    finished: datetime | None = None
    """When it ended (aware); `None` while it runs."""

    resources: tuple[Resource, ...] = ()
    """What it applied, what failed first."""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.phase in ("", "Running", "Terminating")

    @property
    def failed(self) -> tuple[Resource, ...]:
        """The resources and hooks that it could not apply."""
        return tuple(r for r in self.resources if r.has_failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an application ran at a time: an entry of its history."""

    id: int
    """Its number, by which Argo CD takes it up again."""

    revisions: tuple[str, ...]
    """What was applied, in the order of the sources."""

    deployed_at: datetime | None
    """When (aware)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the manifests of an application come from."""

    repository: str
    """The address of the repository."""

    path: str = ""
    """The folder there; empty for a chart of a Helm repository."""

    target_revision: str = ""
    """What is followed: a branch, a tag, a commit; empty is ``HEAD``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application, as Argo CD sees it."""

    name: str
    """Its name."""

    namespace: str = ""
    """The namespace of the application itself."""

    project: str = ""
    """Its project."""

    sync: str
    """``Synced``, ``OutOfSync`` or ``Unknown``."""

    health: str
    """``Healthy``, ``Progressing``, ``Degraded``, ``Suspended``, ``Missing``
    or ``Unknown``.
    """

    revisions: tuple[str, ...] = ()
    """The commits that were compared, in the order of the sources."""

    sources: tuple[Source, ...] = ()
    """Where its manifests come from."""

    images: tuple[str, ...] = ()
    """The images that run, as its resources name them."""

    operation: Operation | None = None
    """The sync that is running, or the last one."""

    out_of_sync: tuple[Resource, ...] = ()
    """What differs from git."""

    degraded: tuple[Resource, ...] = ()
    """What is degraded or missing, as far as the application itself says; the
    reasons are in `~rsp_release.engine.world.ArgoCD.unhealthy`.
    """

    conditions: tuple[str, ...] = ()
    """What is wrong with the application itself, in Argo CD's words."""

    history: tuple[Past, ...] = ()
    """What it ran, the newest last."""

    is_automated: bool = False
    """Whether Argo CD syncs it by itself."""

    since: datetime | None = None
    """Since when its health is what it is (aware), where that is told."""

    compared_at: datetime | None = None
    """When it was compared with git (aware), where that is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWindow:
    """A sync window that stands in the way of a sync now."""

    kind: Literal["allow", "deny"]
    """Whether syncs are allowed in it alone, or denied in it."""

    schedule: str
    """When it opens, as in a crontab."""

    duration: str
    """How long it stays open, such as ``1h``."""

    manual_sync: bool = False
    """Whether a person may sync in spite of it."""

    until: datetime | None = None
    """When it no longer is in the way (aware): a window that denies is over,
    or one that allows opens. `None` where that cannot be told.
    """
