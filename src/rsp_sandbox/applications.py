"""Applications of an Argo CD: functions of git, of a script and of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from .base import EPOCH, View
from .git import Repository
from .records import Project
from .workflows import load_yaml

__all__ = [
    "WORKLOADS",
    "Application",
    "Key",
    "Live",
    "RolloutScript",
    "Sync",
    "SyncWindow",
    "Trouble",
]

Key = tuple[str, str]
"""Kind and name of a resource."""

WORKLOADS = {"Deployment", "StatefulSet"}
"""Kinds that have pods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What keeps an application from being healthy."""

    message: str
    health: str = "Degraded"
    kind: str = "Pod"
    name: str = ""
    """Of what it is told; by default a pod of the application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWindow:
    """A time in which applications may be synced, or may not."""

    begins: datetime
    ends: datetime
    kind: str = "deny"
    manual: bool = False
    """Whether people may sync all the same."""

    def is_active(self, now: datetime) -> bool:
        """Return whether it is open."""
        return self.begins <= now < self.ends


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutScript:
    """What becomes of an application; seconds are of the sandbox's clock."""

    lag: float = 0
    """Seconds by which what was compared is behind, until a refresh."""

    refreshes: bool = True
    """Whether a refresh ends; otherwise it is given up."""

    begins: float = 0.2
    """Seconds until an operation that was asked for has a state."""

    applies: float = 1
    """Seconds that an operation runs."""

    settles: float = 0.5
    """Seconds after it for which the health of before it is told."""

    starts: float = 2
    """Seconds that new pods need."""

    hook: str | None = None
    """What a hook says that fails; `None`: none fails."""

    trouble: Trouble | None = None
    """What ails it."""

    comparison: str | None = None
    """Why it cannot be compared, where the repository does not say."""

    is_automated: bool = False
    """Whether it syncs by itself."""

    denied: frozenset[str] = frozenset()
    """What nobody may do: ``get``, ``sync``."""

    windows: tuple[SyncWindow, ...] = ()

    def can_sync(self, now: datetime) -> bool:
        """Return whether people may sync at a time.

        https://argo-cd.readthedocs.io/en/stable/user-guide/sync_windows/
        """
        active = [w for w in self.windows if w.is_active(now)]
        denying = [w for w in active if w.kind == "deny"]
        if denying:
            return all(w.manual for w in denying)
        allowing = [w for w in self.windows if w.kind == "allow"]
        return (
            not allowing
            or any(w in active for w in allowing)
            or all(w.manual for w in allowing)
        )


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a commit makes of an application."""

    resources: Mapping[Key, str]
    """What tells states of a resource apart, by kind and name."""

    images: tuple[str, ...]

    def pods(self) -> dict[Key, str]:
        """Return what pods are started for."""
        return {k: v for k, v in self.resources.items() if k[0] in WORKLOADS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """An operation that syncs to a revision."""

    id: int
    revision: str
    at: datetime
    script: RolloutScript
    username: str = ""
    """Who asked for it; empty: Argo CD itself."""

    infos: tuple[Mapping[str, str], ...] = ()
    prune: bool = False
    is_dry: bool = False

    @property
    def begun_at(self) -> datetime:
        """When it has a state."""
        return self.at + timedelta(seconds=self.script.begins)

    @property
    def finished_at(self) -> datetime:
        """When it is over."""
        return self.begun_at + timedelta(seconds=self.script.applies)

    def phase(self, now: datetime) -> str:
        """Return its phase; at first it has none."""
        if now < self.begun_at:
            return ""
        if now < self.finished_at:
            return "Running"
        return "Failed" if self.script.hook else "Succeeded"


@dataclass(frozen=True, slots=True)
class Live:
    """What runs at a time."""

    resources: Mapping[Key, str]
    images: tuple[str, ...]
    """Of its pods, those that are ending among them."""

    health: str
    since: datetime
    """Since when it has its health."""


@dataclass(slots=True, kw_only=True, eq=False)
class Application:
    """An application of an environment."""

    environment: str
    name: str
    project: str
    source: Project
    """The deployment repository."""

    path: str
    """Its chart's folder there."""

    locate: Callable[[str], str]
    """Returns the address of a repository."""

    script: RolloutScript = field(default_factory=RolloutScript)
    """What becomes of it; may be replaced at any time."""

    syncs: list[Sync] = field(default_factory=list)
    """Every operation, oldest first."""

    refreshed_at: datetime = EPOCH

    @property
    def url(self) -> str:
        """The address of the deployment repository."""
        return self.locate(self.source.full_name)

    @property
    def target(self) -> str:
        """The branch that it follows."""
        return self.source.git.default_branch

    def compared_at(self, now: datetime) -> datetime:
        """Return when it was compared with git; an operation does so too."""
        done = [s.finished_at for s in self.syncs if s.finished_at <= now]
        late = now - timedelta(seconds=self.script.lag)
        return max([late, self.refreshed_at, *done[-1:]])

    def revision(self, now: datetime) -> str:
        """Return the commit that it was compared with."""
        at = self.compared_at(now)
        refs = self.source.git.refs()
        if at < now:
            refs = self.source.refs.read(View(at))
        return refs.get(f"refs/heads/{self.target}", "")

    def render(self, revision: str) -> Rendered | None:
        """Return what a commit makes of it; `None`: nothing can be made."""
        git = self.source.git
        return _render(git, revision, self.path, self.environment)

    def begin(self, revision: str, now: datetime, **given: Any) -> Sync:
        """Begin an operation.

        Parameters
        ----------
        revision
            The commit.
        now
            The time.
        **given
            Fields of `Sync`.
        """
        number = len(self.syncs)
        sync = Sync(
            id=number, revision=revision, at=now, script=self.script, **given
        )
        self.syncs.append(sync)
        return sync

    def operation(self, now: datetime) -> Sync | None:
        """Return the operation that is not over yet."""
        last = self.syncs[-1] if self.syncs else None
        return last if last and now < last.finished_at else None

    def past(self, now: datetime) -> list[Sync]:
        """Return the operations that changed something, oldest first."""
        over = [s for s in self.syncs if s.phase(now) == "Succeeded"]
        return [sync for sync in over if not sync.is_dry]

    def live(self, now: datetime) -> Live:
        """Return what runs."""
        resources: dict[Key, str] = {}
        images: tuple[str, ...] = ()
        ending: tuple[str, ...] = ()
        at, script, pods = EPOCH, self.script, None
        for sync in self.past(now):
            made = self.render(sync.revision) or Rendered({}, ())
            if made.pods() != pods:
                pods, ending, images = made.pods(), images, made.images
                at, script = sync.finished_at, sync.script
            # What git no longer has stays, unless it is pruned.
            kept = {} if sync.prune else resources
            resources = {**kept, **made.resources}
        if pods is None:
            return Live({}, (), "Missing", at)
        trouble = self.script.trouble
        starts = at + timedelta(seconds=script.settles)
        if now < starts:
            return Live(resources, ending or images, "Healthy", at)
        both = tuple(dict.fromkeys((*ending, *images)))
        # As a number: it may never end.
        if (now - starts).total_seconds() < script.starts:
            return Live(resources, both, "Progressing", starts)
        ready = starts + timedelta(seconds=script.starts)
        if trouble is not None:
            return Live(resources, both, trouble.health, ready)
        return Live(resources, images, "Healthy", ready)


@lru_cache(maxsize=256)
def _render(
    git: Repository, commit: str, path: str, environment: str
) -> Rendered | None:
    """Render a chart, as far as images and resources go."""
    read = {
        name: git.file(commit, f"{path}/{name}") or b""
        for name in ("Chart.yaml", "values.yaml", f"values-{environment}.yaml")
    }
    chart, *values = map(load_yaml, read.values())
    if not isinstance(chart, dict):
        return None
    merged = _merge(*values)
    version = str(chart.get("appVersion", ""))
    images = tuple(sorted(set(_images(merged, version))))
    name = path.rpartition("/")[2]
    resources: dict[Key, str] = {}
    entry = git.lookup(commit, f"{path}/templates")
    for _, kind, sha, file in git.tree(entry[2]) if entry else ():
        text = (git.read(sha) or ("", "", b""))[2].decode(errors="replace")
        found = re.search(r"^kind: (\w+)", text, re.MULTILINE)
        if kind == "blob" and found and file.endswith(".yaml"):
            named = re.search(r"^  name: ([\w.-]+)$", text, re.MULTILINE)
            key = (found[1], named[1] if named else name)
            uses = f"{images} {merged}" if found[1] in WORKLOADS else ""
            resources[key] = sha + uses
    if not resources:
        resources["Deployment", name] = f"{images} {merged}"
    return Rendered(resources, images)


def _merge(low: Any, high: Any) -> Any:
    """Put values over others, as Helm does."""
    if not isinstance(low, dict) or not isinstance(high, dict):
        return low if high is None else high
    merged = {**low, **{k: _merge(low.get(k), v) for k, v in high.items()}}
    return {k: v for k, v in merged.items() if high.get(k, v) is not None}


def _images(values: Any, version: str) -> list[str]:
    """Find images: a ``repository``, and its ``tag`` or the ``appVersion``."""
    if not isinstance(values, dict):
        return []
    found = [each for v in values.values() for each in _images(v, version)]
    if isinstance(repository := values.get("repository"), str):
        found.append(f"{repository}:{values.get('tag') or version}")
    return found
