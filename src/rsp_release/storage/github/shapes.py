"""What GitHub tells of repositories and runs, read into models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from ...exceptions import ReadError
from ...models import (
    Annotation,
    Job,
    JobStep,
    PendingDeployment,
    Repository,
    WorkflowRun,
)

__all__ = [
    "parse_annotation",
    "parse_deployment",
    "parse_job",
    "parse_repository",
    "parse_run",
    "parse_time",
    "reading",
]

P = ParamSpec("P")
T = TypeVar("T")


def reading(method: Callable[P, T]) -> Callable[P, T]:
    """Turn an answer of an unexpected shape into a failed read."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise ReadError(
                f"GitHub's answer makes no sense ({type(e).__name__}: {e})"
            ) from e

    return wrapper


def parse_time(text: str | None) -> datetime | None:
    """Read a time of the API.

    Parameters
    ----------
    text
        The time in ISO 8601, or `None`.

    Returns
    -------
    datetime or None
        The time (aware).
    """
    return datetime.fromisoformat(text) if text else None


def parse_repository(data: Any) -> Repository:
    """Read a repository, as the credentials see it."""
    permissions = data.get("permissions")
    return Repository(
        name=data["full_name"],
        default_branch=data["default_branch"],
        can_push=bool(permissions["push"]) if permissions else None,
        is_archived=bool(data.get("archived")),
        is_private=bool(data["private"]),
        allows_auto_merge=data.get("allow_auto_merge"),
    )


def parse_run(data: Any) -> WorkflowRun:
    """Read a run, without its jobs."""
    created = parse_time(data["created_at"])
    if created is None:
        raise ValueError("a run without created_at")
    return WorkflowRun(
        id=int(data["id"]),
        name=data["name"] or data["path"],
        path=data["path"].split("@")[0],
        event=data["event"],
        status=data["status"] or "queued",
        conclusion=data["conclusion"],
        commit=data["head_sha"],
        ref=data["head_branch"],
        attempt=int(data.get("run_attempt") or 1),
        url=data["html_url"],
        created_at=created,
        started_at=parse_time(data.get("run_started_at")),
        updated_at=parse_time(data.get("updated_at")),
    )


def parse_job(data: Any) -> Job:
    """Read a job, with its steps."""
    return Job(
        id=int(data["id"]),
        name=data["name"],
        status=data["status"],
        conclusion=data["conclusion"],
        url=data["html_url"],
        started_at=parse_time(data["started_at"]),
        completed_at=parse_time(data["completed_at"]),
        steps=tuple(
            JobStep(
                number=int(step["number"]),
                name=step["name"],
                status=step["status"],
                conclusion=step["conclusion"],
                started_at=parse_time(step.get("started_at")),
                completed_at=parse_time(step.get("completed_at")),
            )
            for step in data.get("steps") or []
        ),
        attempt=int(data.get("run_attempt") or 1),
    )


def parse_annotation(data: Any) -> Annotation:
    """Read an annotation of a check run."""
    return Annotation(
        level=data["annotation_level"] or "notice",
        message=data["message"] or "",
        title=data["title"] or "",
        # GitHub names its own folder where there is no file.
        path=data["path"] if data["path"] != ".github" else None,
        line=data["start_line"],
    )


def parse_deployment(data: Any) -> PendingDeployment:
    """Read a deployment that waits for its rules."""
    began = parse_time(data.get("wait_timer_started_at"))
    minutes = int(data.get("wait_timer") or 0)
    return PendingDeployment(
        id=int(data["environment"]["id"]),
        environment=data["environment"]["name"],
        reviewers=tuple(
            _name_reviewer(each["type"], each["reviewer"])
            for each in data.get("reviewers") or ()
        ),
        can_approve=bool(data.get("current_user_can_approve")),
        ready_at=began + timedelta(minutes=minutes) if began else None,
    )


def _name_reviewer(kind: str, reviewer: Any) -> str:
    if kind == "Team":
        return f"team {reviewer['name']}"
    return str(reviewer["login"])
