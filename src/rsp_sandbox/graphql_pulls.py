"""GraphQL: a pull request, its reviews, and the checks of a commit."""

from __future__ import annotations

from functools import partial
from typing import Any

from .accounts import Token
from .actions import JobTimes, Run
from .base import View, iso, node_id
from .forge import Forge
from .graphql_query import Object, QueryRefusedError, connection
from .pulls import find_merge_state
from .records import Project, Pull, workflow_id
from .rights import may

__all__ = ["PullObjects"]


class PullObjects:
    """Pull requests and checks, as one token sees them at one moment.

    Parameters
    ----------
    box
        The sandbox.
    token
        Who asks.
    view
        What is seen of it.
    """

    def __init__(self, box: Forge, token: Token, view: View) -> None:
        self._box = box
        self._token = token
        self._view = view.back(box.lag.runs)

    def pull(self, project: Project, pull: Pull) -> Object:
        """Return a pull request."""
        auto, sha = pull.auto_merge, pull.merge_sha
        reviews = [_review(each) for each in pull.reviews]
        labels = [{"__typename": "Label", "name": n} for n in pull.labels]
        requests = [
            {"__typename": "ReviewRequest", "requestedReviewer": _actor(login)}
            for login in pull.reviewers
        ]
        commit = {
            "__typename": "Commit",
            "oid": pull.head_sha,
            "statusCheckRollup": lambda _: self.rollup(project, pull.head_sha),
        }
        newest = {"__typename": "PullRequestCommit", "commit": commit}
        return {
            "__typename": "PullRequest",
            "number": pull.number,
            "url": f"{self._box.server_url}/{project.full_name}/pull/"
            f"{pull.number}",
            "state": "MERGED" if pull.merged_at else pull.state.upper(),
            "headRefOid": pull.head_sha,
            "headRefName": pull.head,
            "baseRefName": pull.base,
            "headRepositoryOwner": _actor((pull.fork or project).owner),
            "title": pull.title,
            "body": pull.body or "",
            "isDraft": pull.is_draft,
            "createdAt": iso(pull.created_at),
            "author": _actor(pull.author),
            "mergeCommit": {"__typename": "Commit", "oid": sha}
            if pull.merged_at
            else None,
            "autoMergeRequest": {
                "__typename": "AutoMergeRequest",
                "mergeMethod": auto.method.upper(),
            }
            if auto
            else None,
            "mergeStateStatus": lambda _: find_merge_state(
                self._box, project, pull
            ).upper(),
            "labels": partial(connection, "Label", labels),
            "reviewRequests": partial(connection, "ReviewRequest", requests),
            "reviews": partial(connection, "PullRequestReview", reviews),
            # Asked for with `last` alone: the newest.
            "commits": partial(connection, "PullRequestCommit", [newest]),
        }

    def rollup(self, project: Project, sha: str) -> Object | None:
        """Return the checks of a commit; `None` where it has none."""
        now = self._view.now
        found = [
            (run, job)
            for run in project.runs
            if run.head_sha == sha
            and run.is_there(now)
            and (self._view.newest is None or run.number <= self._view.newest)
            for job in run.jobs()
            if job.created_at <= now
        ]
        if not found:
            return None
        is_seen = may(self._token, project, "checks", "read")
        checks = [
            partial(self._check, project, run, job) if is_seen else _refuse
            for run, job in found
        ]
        return {
            "__typename": "StatusCheckRollup",
            "contexts": partial(
                connection, "StatusCheckRollupContext", checks
            ),
        }

    def _check(
        self, project: Project, run: Run, job: JobTimes, _: dict[str, Any]
    ) -> Object:
        now = self._view.now
        web = f"{self._box.server_url}/{project.full_name}/actions"
        status, conclusion = job.status(now), job.conclusion
        workflow = node_id("Workflow", workflow_id(project, run.path))
        return {
            "__typename": "CheckRun",
            "name": job.script.name,
            "status": status.upper(),
            "conclusion": conclusion.upper()
            if conclusion and status == "completed"
            else None,
            "detailsUrl": f"{web}/runs/{run.id}/job/{job.id}",
            "checkSuite": {
                "__typename": "CheckSuite",
                "id": node_id("CheckSuite", run.id),
                "workflowRun": {
                    "__typename": "WorkflowRun",
                    "event": run.event,
                    "workflow": {"__typename": "Workflow", "id": workflow},
                },
            },
        }


def _refuse(_: dict[str, Any]) -> Object:
    text = "Resource not accessible by personal access token"
    raise QueryRefusedError("FORBIDDEN", text)


def _actor(login: str) -> Object:
    """Return a user, or a bot, whose login has no mark here."""
    name = login.removesuffix("[bot]")
    kind = "User" if name == login else "Bot"
    return {"__typename": kind, "login": name}


def _review(review: dict[str, Any]) -> Object:
    return {
        "__typename": "PullRequestReview",
        "state": review["state"],
        "author": _actor(review["login"]),
    }
