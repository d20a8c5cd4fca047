"""PyGithub's objects, read into models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from github.CheckRunAnnotation import CheckRunAnnotation
from github.GitRelease import GitRelease
from github.PullRequest import PullRequest as GithubPull
from github.Repository import Repository as GithubRepository
from github.WorkflowJob import WorkflowJob
from github.WorkflowRun import WorkflowRun as GithubRun

from ...models import (
    Annotation,
    Check,
    Environment,
    Job,
    JobStep,
    PendingDeployment,
    PullRequest,
    ReleasePage,
    Repository,
    Review,
    WorkflowRun,
)

__all__ = [
    "check_state",
    "newest_reviews",
    "parse_annotation",
    "parse_deployment",
    "parse_environment",
    "parse_job",
    "parse_pull",
    "parse_release",
    "parse_repository",
    "parse_run",
]


_FAILED = frozenset(
    {"failure", "timed_out", "cancelled", "action_required", "error",
     "startup_failure", "stale"}
)  # fmt: skip


def check_state(status: str, conclusion: str | None) -> Any:
    """Return how a check stands, of GitHub's status and conclusion."""
    if status != "completed":
        return "running"
    return "failed" if conclusion in _FAILED else "passed"


def newest_reviews(reviews: Iterable[tuple[str, str]]) -> tuple[Review, ...]:
    """Return the newest review of each person that says something.

    Parameters
    ----------
    reviews
        The login and the state of each, oldest first.
    """
    found: dict[str, Review] = {}
    for login, state in reviews:
        if state == "COMMENTED" and login in found:
            continue
        if state != "PENDING":
            found[login] = Review(login=login, state=state)
    return tuple(found.values())


def parse_repository(data: GithubRepository) -> Repository:
    """Read a repository, as the credentials see it."""
    return Repository(
        name=data.full_name,
        default_branch=data.default_branch,
        can_push=data.permissions.push if data.permissions else None,
        is_archived=bool(data.archived),
        is_private=data.private,
        allows_auto_merge=data.allow_auto_merge,
    )


def parse_release(data: GitRelease) -> ReleasePage:
    """Read a release, or a draft."""
    return ReleasePage(
        id=data.id,
        tag=data.tag_name,
        title=data.name or "",
        body=data.body or "",
        is_draft=data.draft,
        is_prerelease=data.prerelease,
        url=data.html_url,
        author=data.author.login if data.author else None,
    )


def parse_run(data: GithubRun) -> WorkflowRun:
    """Read a run, without its jobs."""
    return WorkflowRun(
        id=data.id,
        name=data.name or data.path,
        path=data.path.split("@")[0],
        event=data.event,
        status=data.status or "queued",
        conclusion=data.conclusion,
        commit=data.head_sha,
        ref=data.head_branch,
        attempt=data.run_attempt or 1,
        url=data.html_url,
        created_at=data.created_at,
        started_at=data.run_started_at,
        updated_at=data.updated_at,
    )


def parse_job(data: WorkflowJob) -> Job:
    """Read a job, with its steps."""
    return Job(
        id=data.id,
        name=data.name,
        status=data.status,
        conclusion=data.conclusion,
        url=data.html_url,
        started_at=data.started_at,
        completed_at=data.completed_at,
        steps=tuple(
            JobStep(
                number=step.number,
                name=step.name,
                status=step.status,
                conclusion=step.conclusion,
                started_at=step.started_at,
                completed_at=step.completed_at,
            )
            for step in data.steps or ()
        ),
        attempt=data.run_attempt or 1,
    )


def parse_annotation(data: CheckRunAnnotation) -> Annotation:
    """Read an annotation of a check run."""
    return Annotation(
        level=data.annotation_level or "notice",
        message=data.message or "",
        title=data.title or "",
        # GitHub names its own folder where there is no file.
        path=data.path if data.path != ".github" else None,
        line=data.start_line,
    )


def parse_pull(
    data: GithubPull,
    *,
    checks: tuple[Check, ...] = (),
    reviews: tuple[Review, ...] = (),
) -> PullRequest:
    """Read a pull request.

    Parameters
    ----------
    data
        The pull request.
    checks, reviews
        What else was read of it.
    """
    if data.state not in ("open", "closed"):
        raise ValueError(f"a pull request is {data.state!r}")
    is_merged = bool(data.merged_at)
    head = data.head
    return PullRequest(
        number=data.number,
        url=data.html_url,
        is_open=data.state == "open",
        is_merged=is_merged,
        head=head.sha,
        # Before that it is a commit of GitHub's own, to try the merge.
        merge_commit=data.merge_commit_sha if is_merged else None,
        branch=head.ref,
        base=data.base.ref,
        owner=head.user.login if head.user else "",
        title=data.title,
        body=data.body or "",
        is_draft=bool(data.draft),
        merge_state=data.mergeable_state or "unknown",
        labels=tuple(label.name for label in data.labels),
        reviewers=(
            *(user.login for user in data.requested_reviewers),
            *(team.slug for team in data.requested_teams),
        ),
        merges_itself=bool(data.auto_merge),
        opened_at=data.created_at,
        author=data.user.login if data.user else "ghost",
        checks=checks,
        reviews=reviews,
    )


def _parse_reviewers(data: Any) -> tuple[str, ...]:
    return tuple(
        f"team {each['reviewer']['name']}"
        if each["type"] == "Team"
        else each["reviewer"]["login"]
        for each in data.get("reviewers") or ()
    )


def parse_environment(data: Any, policies: Any) -> Environment:
    """Read an environment, and the refs that it admits.

    Parameters
    ----------
    data
        The environment.
    policies
        What its own policies for branches and tags say, where it has some.
    """
    rules = data.get("protection_rules") or []
    refs = None
    if data.get("deployment_branch_policy"):
        found = policies["branch_policies"] if policies else []
        refs = tuple((p.get("type") or "branch", p["name"]) for p in found)
    return Environment(
        name=data["name"],
        reviewers=tuple(n for rule in rules for n in _parse_reviewers(rule)),
        wait=timedelta(
            minutes=sum(int(rule.get("wait_timer") or 0) for rule in rules)
        ),
        refs=refs,
    )


def parse_deployment(data: Any) -> PendingDeployment:
    """Read a deployment that waits for its rules, which PyGithub lacks."""
    began = data.get("wait_timer_started_at")
    minutes = timedelta(minutes=int(data.get("wait_timer") or 0))
    return PendingDeployment(
        id=int(data["environment"]["id"]),
        environment=data["environment"]["name"],
        reviewers=_parse_reviewers(data),
        can_approve=bool(data.get("current_user_can_approve")),
        ready_at=datetime.fromisoformat(began) + minutes if began else None,
    )
