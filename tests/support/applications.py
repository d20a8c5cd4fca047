"""The Argo CD of the world in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rsp_release.exceptions import RefusedError
from rsp_release.models import SyncApplication
from rsp_release.models.rollout import (
    Application,
    Operation,
    Past,
    Resource,
    SyncWindow,
    Target,
)

from .simulated import Chaos, VirtualClock

__all__ = ["Clusters", "SimulatedArgoCD"]

IMAGE = "ghcr.io/o/n"
HEAD = "b" * 40
OLD = "a" * 40

_BEGINS, _ENDS, _STARTS, _READY = (
    timedelta(seconds=seconds) for seconds in (1, 8, 9, 20)
)


@dataclass(kw_only=True)
class Clusters:
    """What runs in every environment, which survives every crash."""

    clock: VirtualClock
    old: str = "1.1.0"
    new: str = "1.2.0"
    syncs: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    """Marker and time of every operation, by environment."""

    def begin(self, environment: str, marker: str) -> None:
        """Begin an operation, unless one is running."""
        now = self.clock.now()
        done = self.syncs.setdefault(environment, [])
        if done and now < done[-1][1] + _ENDS:
            raise RefusedError(
                "another operation is already in progress", is_duplicate=True
            )
        done.append((marker, now))

    def look(self, environment: str, at: datetime) -> Application:
        """Return an application as it was at a time."""
        began = [s for s in self.syncs.get(environment, []) if s[1] <= at]
        first = Past(id=0, revisions=(OLD,), deployed_at=None)
        last = Past(id=1, revisions=(HEAD,), deployed_at=None)
        images: tuple[str, ...] = (self.old,)
        phase, health = "", "Healthy"
        operation, is_synced = None, False
        if began:
            marker, start = began[-1]
            spent = at - start
            is_synced = len(began) > 1 or spent >= _ENDS
            if spent >= _BEGINS:
                phase = "Succeeded" if spent >= _ENDS else "Running"
            operation = Operation(
                phase=phase,
                revisions=(HEAD,) if phase else (),
                marker=marker,
                finished=start + _ENDS if phase == "Succeeded" else None,
            )
            # What is told right after it is of before it (facts 1.4).
            if spent >= _STARTS:
                health, images = "Progressing", (self.old, self.new)
            if spent >= _READY:
                health, images = "Healthy", (self.new,)
        return Application(
            name="n",
            sync="Synced" if is_synced else "OutOfSync",
            health=health,
            revisions=(HEAD,),
            images=tuple(f"{IMAGE}:{tag}" for tag in images),
            operation=operation,
            history=(first, last) if is_synced else (first,),
            compared_at=at,
        )


@dataclass
class SimulatedArgoCD:
    """The port to every Argo CD that one process has."""

    clusters: Clusters
    clock: VirtualClock
    chaos: Chaos

    def application(
        self, target: Target, *, refresh: bool = False
    ) -> Application | None:
        with self.chaos.call("application", self.clock):
            lag = 0.0 if refresh else self.chaos.lag()
            at = self.clock.now() - timedelta(seconds=lag)
            return self.clusters.look(target.environment, at)

    def applications(
        self, address: str, *, environment: str
    ) -> Mapping[str, Application]:
        raise AssertionError("no fleet is read")

    def unhealthy(self, target: Target) -> tuple[Resource, ...]:
        raise AssertionError("nothing is degraded")

    def windows(self, target: Target) -> tuple[SyncWindow, ...]:
        with self.chaos.call("windows", self.clock):
            return ()

    def sync(self, write: SyncApplication) -> None:
        with self.chaos.call("sync", self.clock, writes=True):
            self.clusters.begin(write.target.environment, write.marker)
