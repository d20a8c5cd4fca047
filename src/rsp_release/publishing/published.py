"""The publishing jobs of a workflow file: their steps and Dockerfiles."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..models import Publication
from .values import list_of, mapping_of

__all__ = ["dockerfiles_of", "flat", "jobs_of", "steps_of"]


def jobs_of(
    document: Any, publication: Publication
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the publishing jobs in a workflow; all, if none is known."""
    for key, job in mapping_of(document.get("jobs")).items():
        names = {str(key), str(mapping_of(job).get("name", key))}
        if isinstance(job, dict) and any(
            shown == name or shown.startswith((f"{name} / ", f"{name} ("))
            for name in names
            for shown in publication.jobs
        ):
            yield key, job


def steps_of(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a job."""
    steps = list_of(job.get("steps"))
    return [step for step in steps if isinstance(step, dict)]


def flat(value: Any) -> str:
    """Return all texts of a value as one."""
    if isinstance(value, dict):
        return "\n".join(map(flat, value.values()))
    if isinstance(value, list):
        return "\n".join(map(flat, value))
    return str(value)


def dockerfiles_of(
    document: Any, publication: Publication
) -> Iterator[tuple[str, ...]]:
    """Find from which files images are built; any of each will do."""
    for _, job in jobs_of(document, publication):
        for step in [job, *steps_of(job)]:
            uses = str(step.get("uses", ""))
            given = mapping_of(step.get("with"))
            context = str(given.get("context", "."))
            if "docker/build-push-action@" in uses and "://" not in context:
                name = str(given.get("file", ""))
                name = name or posixpath.join(context, "Dockerfile")
            elif re.search(
                r"multiplatform-build-and-push/|build-and-push-to-ghcr@", uses
            ):
                name = str(given.get("dockerfile", "Dockerfile"))
            else:
                continue
            inner = posixpath.normpath(posixpath.join(context, name))
            yield (posixpath.normpath(name), inner)
