"""Answers of Argo CD, as it gives them (argo-cd 3.x)."""

from __future__ import annotations

from typing import Any

__all__ = ["COMMIT", "make_application", "make_error"]

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
OLD = "2f0e1c0b8a6d4c7c9a1b3d5e7f90123456789abc"


def make_error(code: int, message: str) -> dict[str, Any]:
    """Make the body of an error (grpc-gateway 1.16)."""
    return {"error": message, "code": code, "message": message}


def make_application(name: str = "nublado") -> dict[str, Any]:
    """Make an application that was synced and is not healthy."""
    source = {
        "repoURL": "https://github.com/lsst-sqre/phalanx.git",
        "path": f"applications/{name}",
        "targetRevision": "main",
        "helm": {"valueFiles": ["values.yaml", "values-idfdev.yaml"]},
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "uid": "0e8a3a2e-52d4-43f8-9b62-0a3e0f3bd3ab",
            "resourceVersion": "181927",
            "creationTimestamp": "2026-01-05T17:02:11Z",
        },
        "spec": {
            "destination": {
                "namespace": name,
                "server": "https://kubernetes.default.svc",
            },
            "project": "rsp",
            "source": source,
            "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
        },
        "status": {
            "resources": [
                {
                    "version": "v1",
                    "kind": "ConfigMap",
                    "namespace": name,
                    "name": "config",
                    "status": "OutOfSync",
                },
                {
                    "version": "v1",
                    "kind": "Secret",
                    "namespace": name,
                    "name": "old",
                    "status": "OutOfSync",
                    "requiresPruning": True,
                },
                {
                    "group": "apps",
                    "version": "v1",
                    "kind": "Deployment",
                    "namespace": name,
                    "name": "controller",
                    "status": "Synced",
                    "health": {
                        "status": "Degraded",
                        "message": (
                            'Deployment "controller" exceeded its progress'
                            " deadline"
                        ),
                    },
                },
            ],
            "sync": {
                "status": "OutOfSync",
                "comparedTo": {"source": source, "destination": {}},
                "revision": COMMIT,
            },
            "health": {
                "status": "Degraded",
                "lastTransitionTime": "2026-11-28T12:04:05Z",
            },
            "history": [
                {
                    "revision": OLD,
                    "deployedAt": "2026-11-20T09:00:00Z",
                    "id": 41,
                    "source": source,
                },
                {
                    "revision": COMMIT,
                    "deployedAt": "2026-11-28T12:03:00Z",
                    "id": 42,
                    "source": source,
                    "initiatedBy": {"username": "rra"},
                },
            ],
            "conditions": [
                {
                    "type": "ComparisonError",
                    "message": (
                        "failed to fetch"
                        " https://robot:hunter2@github.com/lsst-sqre/phalanx"
                    ),
                    "lastTransitionTime": "2026-11-28T12:03:00Z",
                }
            ],
            "reconciledAt": "2026-11-28T12:05:00Z",
            "operationState": {
                "operation": {
                    "sync": {"revision": COMMIT, "prune": False},
                    "initiatedBy": {"username": "rra"},
                    "info": [
                        {"name": "Reason", "value": "why not"},
                        {"name": "rsp-release", "value": "8.2.0 (a1b2)"},
                    ],
                    "retry": {},
                },
                "phase": "Failed",
                "message": "one or more synchronization tasks completed"
                " unsuccessfully",
                "syncResult": {
                    "resources": [
                        {
                            "group": "",
                            "version": "v1",
                            "kind": "ConfigMap",
                            "namespace": name,
                            "name": "config",
                            "status": "Synced",
                            "message": "configmap/config configured",
                            "hookPhase": "Running",
                            "syncPhase": "Sync",
                        },
                        {
                            "group": "batch",
                            "version": "v1",
                            "kind": "Job",
                            "namespace": name,
                            "name": "migrate",
                            "message": "Job has reached the specified"
                            " backoff limit",
                            "hookType": "PreSync",
                            "hookPhase": "Failed",
                            "syncPhase": "PreSync",
                        },
                    ],
                    "revision": COMMIT,
                    "source": source,
                },
                "startedAt": "2026-11-28T12:02:00Z",
                "finishedAt": "2026-11-28T12:03:00Z",
            },
            "sourceType": "Helm",
            "summary": {
                "externalURLs": ["https://data-dev.lsst.cloud/nb"],
                "images": ["ghcr.io/lsst-sqre/nublado-controller:8.2.0"],
            },
            "controllerNamespace": "argocd",
        },
    }
