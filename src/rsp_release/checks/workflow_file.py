"""The file of the workflow that publishes, as checks read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..exceptions import ReleaseError
from ..models import Publication
from ..workflow.documents import load
from .facts import Facts

__all__ = ["document_of", "flat", "jobs_of", "steps_of"]


def document_of(
    facts: Facts, publication: Publication | None
) -> dict[str, Any] | None:
    """Return the publishing workflow; `None` where there is none to read."""
    if publication is None or publication.workflow not in facts.workflows():
        return None
    path = publication.workflow
    try:
        document = facts.once(
            ("document", path), lambda: load(path, facts.workflows()[path])
        )
    except ReleaseError:
        return None
    return document if isinstance(document, dict) else None


def jobs_of(
    document: Any, publication: Publication
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the publishing jobs in a workflow; all, if none is known."""
    jobs = document.get("jobs")
    jobs = jobs if isinstance(jobs, dict) else {}
    found = {
        key: job
        for key, job in jobs.items()
        if isinstance(job, dict)
        and any(
            shown == name or shown.startswith((f"{name} / ", f"{name} ("))
            for name in {str(key), str(job.get("name", key))}
            for shown in publication.jobs
        )
    }
    yield from found.items()


def steps_of(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a job."""
    steps = job.get("steps")
    return (
        [s for s in steps or [] if isinstance(s, dict)]
        if isinstance(steps, list)
        else []
    )


def flat(value: Any) -> str:
    """Return all texts of a value as one."""
    if isinstance(value, dict):
        return "\n".join(map(flat, value.values()))
    if isinstance(value, list):
        return "\n".join(map(flat, value))
    return str(value)
