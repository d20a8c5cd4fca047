"""What Argo CD tells of an application, in its own shapes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from .applications import WORKLOADS, Application, Key, Live, Sync, SyncWindow
from .base import iso

__all__ = ["NAMESPACE", "application", "project", "tree", "windows"]

NAMESPACE = "argocd"
"""Where the applications themselves are."""

_GROUPS = {
    **dict.fromkeys(WORKLOADS, "apps"),
    **dict.fromkeys(("CronJob", "Job"), "batch"),
    "Ingress": "networking.k8s.io",
}
"""The group of a kind; those of all others are the core's."""

_MESSAGES = {
    "Running": "one or more tasks are running",
    "Succeeded": "successfully synced (all tasks run)",
    "Failed": "one or more synchronization tasks completed unsuccessfully",
}
"""What an operation says in a phase."""


def application(app: Application, now: datetime) -> dict[str, Any]:
    """Return an application as it is seen at a time."""
    live, revision = app.live(now), app.revision(now)
    made = app.render(revision)
    wanted = made.resources if made else {}
    reason = app.script.comparison
    if made is None:
        reason = f"{app.path}: app path does not exist"
    status = "Synced" if wanted == live.resources else "OutOfSync"
    data = {
        "metadata": {
            "name": app.name,
            "namespace": NAMESPACE,
            "resourceVersion": str(int(now.timestamp() * 1000)),
            "creationTimestamp": iso(app.source.created_at),
        },
        "spec": {
            "source": _source(app),
            "destination": {"name": "in-cluster", "namespace": app.name},
            "project": app.project,
            "syncPolicy": {"automated": {}}
            if app.script.is_automated
            else None,
        },
        "operation": _operation(app, app.operation(now)),
        "status": {
            "sync": {
                "status": "Unknown" if reason else status,
                "revision": revision,
            },
            "health": {
                "status": live.health,
                "lastTransitionTime": iso(live.since),
            },
            "history": [_past(app, sync) for sync in app.past(now)],
            "conditions": _conditions(app, reason, now),
            "reconciledAt": iso(app.compared_at(now)),
            "operationState": _state(app, now),
            "sourceType": "Helm",
            "summary": {"images": sorted(live.images)},
            "resources": [
                _name(app, key)
                | {
                    "status": "Synced"
                    if wanted.get(key) == state
                    else "OutOfSync",
                    "requiresPruning": key not in wanted,
                    "health": _health(app, key, live),
                }
                for key, state in sorted({**wanted, **live.resources}.items())
            ],
        },
    }
    return dict(_omit(data))


def windows(app: Application, now: datetime) -> dict[str, Any]:
    """Return the sync windows of an application."""
    script = app.script
    shown = {
        "activeWindows": [w for w in script.windows if w.is_active(now)],
        "assignedWindows": script.windows,
    }
    # Where there are none, there is no list.
    data = {key: list(map(_window, w)) for key, w in shown.items() if w}
    return {**data, "canSync": script.can_sync(now)}


def project(name: str, found: list[Application]) -> dict[str, Any]:
    """Return a project with some applications."""
    windows = [
        _window(window) | {"applications": [app.name]}
        for app in found
        for window in app.script.windows
    ]
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": dict(_omit({"syncWindows": windows, "sourceRepos": ["*"]})),
        "status": {},
    }


def _window(window: SyncWindow) -> dict[str, Any]:
    at = window.begins
    minutes = (window.ends - at) // timedelta(minutes=1)
    return {
        "kind": window.kind,
        "schedule": f"{at.minute} {at.hour} {at.day} {at.month} *",
        "duration": f"{minutes}m",
        "manualSync": window.manual,
    }


def tree(app: Application, now: datetime) -> dict[str, Any]:
    """Return what an application consists of, its pods among it."""
    live = app.live(now)
    nodes = [_node(app, key, live) for key in live.resources]
    for image in live.images:
        name = hashlib.sha256(image.encode()).hexdigest()[:10]
        node = _node(app, ("Pod", f"{app.name}-{name}-x7k2m"), live)
        if image != live.images[-1]:
            node["health"] = {"status": "Healthy"}
        node["images"] = [image]
        nodes.append(node)
    return dict(_omit({"nodes": nodes}))


def _omit(value: Any) -> Any:
    """Leave out what is empty, as Go does."""
    if isinstance(value, list):
        return [_omit(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _omit(item) for key, item in value.items()}
    # The first number of all is 0.
    empty: tuple[Any, ...] = (None, "", [], False)
    return {k: v for k, v in kept.items() if k == "id" or v not in empty}


def _conditions(
    app: Application, reason: str | None, now: datetime
) -> list[dict[str, Any]]:
    text = "Failed to load target state: failed to generate manifest for"
    text += f" source 1 of 1: rpc error: code = Unknown desc = {reason}"
    condition = {
        "type": "ComparisonError",
        "message": text,
        "lastTransitionTime": iso(app.compared_at(now)),
    }
    return [condition] if reason else []


def _health(app: Application, key: Key, live: Live) -> dict[str, Any] | None:
    """Return the health of a resource, if such have one."""
    kind, name = key
    trouble = app.script.trouble
    if kind != "Pod" and key not in live.resources:
        text = "Resource has not been created"
        return {"status": "Missing", "message": text}
    if kind not in {*WORKLOADS, "Pod"}:
        has_health = kind in {"Ingress", "Job", "Service"}
        return {"status": "Healthy"} if has_health else None
    message = ""
    if trouble is not None and live.health == trouble.health:
        message = f'{kind} "{name}" exceeded its progress deadline'
        if kind == trouble.kind and trouble.name in {"", name}:
            message = trouble.message
    return {"status": live.health, "message": message}


def _state(app: Application, now: datetime) -> dict[str, Any] | None:
    """Return how the last operation is; at first none is told of."""
    sync = app.syncs[-1] if app.syncs else None
    if sync is None or not (phase := sync.phase(now)):
        return None
    message, hook = _MESSAGES[phase], sync.script.hook
    made = app.render(sync.revision)
    resources = [
        _name(app, key)
        | {
            "status": "Synced",
            "message": f"{key[0].lower()}/{key[1]} configured",
            # Of what is no hook, too, and for ever.
            "hookPhase": "Running",
            "syncPhase": "Sync",
        }
        for key in (made.resources if made else ())
    ]
    if hook is not None:
        job = ("Job", f"{app.name}-update-schema")
        if phase == "Running":
            message = f"waiting for completion of hook batch/Job/{job[1]}"
        found = {
            "hookType": "PreSync",
            "hookPhase": phase,
            "message": hook if phase == "Failed" else "",
            "syncPhase": "PreSync",
        }
        resources = [_name(app, job) | found]
    return {
        "operation": _operation(app, sync),
        "phase": phase,
        "message": message,
        "syncResult": {
            "resources": resources,
            "revision": sync.revision,
            "source": _source(app),
        },
        "startedAt": iso(sync.begun_at),
        "finishedAt": iso(sync.finished_at) if phase != "Running" else None,
    }


def _operation(app: Application, sync: Sync | None) -> dict[str, Any] | None:
    if sync is None:
        return None
    return {
        "sync": {
            "revision": sync.revision,
            "prune": sync.prune,
            "dryRun": sync.is_dry,
            "source": _source(app),
        },
        "initiatedBy": _initiator(sync),
        "info": [dict(info) for info in sync.infos],
        "retry": {},
    }


def _initiator(sync: Sync) -> dict[str, Any]:
    return {"username": sync.username, "automated": not sync.username}


def _past(app: Application, sync: Sync) -> dict[str, Any]:
    return {
        "id": sync.id,
        "revision": sync.revision,
        "deployedAt": iso(sync.finished_at),
        "source": _source(app),
        "initiatedBy": _initiator(sync),
    }


def _source(app: Application) -> dict[str, Any]:
    files = ["values.yaml", f"values-{app.environment}.yaml"]
    return {
        "repoURL": app.url,
        "path": app.path,
        "targetRevision": app.target,
        "helm": {"valueFiles": files},
    }


def _name(app: Application, key: Key) -> dict[str, Any]:
    return {
        "group": _GROUPS.get(key[0], ""),
        "version": "v1",
        "kind": key[0],
        "namespace": app.name,
        "name": key[1],
    }


def _node(app: Application, key: Key, live: Live) -> dict[str, Any]:
    return _name(app, key) | {"health": _health(app, key, live)}
