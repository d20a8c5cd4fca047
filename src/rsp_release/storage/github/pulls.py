"""GitHub's pull requests, and whether a branch needs one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ...exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    UncertainError,
)
from ...models import (
    Check,
    EnableAutoMerge,
    LabelPull,
    MergePull,
    OpenPull,
    PullRequest,
    RequestReviews,
    Review,
    WorkflowRun,
)
from .actions import GithubActions
from .shapes import parse_run, reading

__all__ = ["GithubPulls", "check_state", "parse_pull"]

_PULL_RULES = frozenset(
    {
        "pull_request",
        "merge_queue",
        "required_status_checks",
        "required_deployments",
        "required_signatures",
        "update",
        "workflows",
    }
)
"""Rules of a branch that a plain push breaks."""

_FAILED = frozenset(
    {"failure", "timed_out", "cancelled", "action_required", "error",
     "startup_failure", "stale"}
)  # fmt: skip

_ENABLE = """
mutation($pull: ID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(
    input: {pullRequestId: $pull, mergeMethod: $method}
  ) { clientMutationId }
}
"""


class GithubPulls(GithubActions):
    """The pull requests of one repository, besides its workflow runs."""

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"{self._http.web_url}/{self._name}"

    @reading
    def generate_notes(
        self, *, tag: str, commit: str, previous: str | None
    ) -> str:
        body = {"tag_name": tag, "target_commitish": commit}
        if previous is not None:
            body["previous_tag_name"] = previous
        path = f"{self._root}/releases/generate-notes"
        try:
            # It is a POST, but writes nothing.
            data = self._http.write("POST", path, body).data
        except (NotSentError, UncertainError, RefusedError) as e:
            raise ReadError(
                f"GitHub generates no notes: {e.message}", help=e.help
            ) from e
        return str(data["body"])

    @reading
    def needs_pull(self, branch: str) -> bool:
        """Return whether a branch takes changes by pull request only.

        Parameters
        ----------
        branch
            The branch.

        Returns
        -------
        bool
            `True` where a rule says so, and where it cannot be told: GitHub
            may not know the branch, and shows the rules of a classic
            protection to administrators alone.
        """
        name = quote(branch, safe="")
        rules = list(
            self._http.get_pages(f"{self._root}/rules/branches/{name}")
        )
        if any(rule["type"] in _PULL_RULES for rule in rules):
            return True
        data = self._http.get(
            f"{self._root}/branches/{name}", may_miss=True
        ).data
        if data is None:
            return True
        if not data["protected"]:
            return False
        try:
            answer = self._http.get(
                f"{self._root}/branches/{name}/protection", may_miss=True
            )
        except NotAllowedError:
            return True
        if answer.data is None:
            # The rules that were read are all there are, or they are hidden:
            # a ruleset makes a branch protected as well.
            return not rules
        return any(
            answer.data.get(name)
            for name in (
                "required_pull_request_reviews",
                "required_status_checks",
                "required_signatures",
                "restrictions",
                "lock_branch",
            )
            if not _is_off(answer.data.get(name))
        )

    @reading
    def pulls(self, branch: str) -> tuple[PullRequest, ...]:
        """Return all pull requests of a branch, newest first."""
        items = self._http.get_pages(
            f"{self._root}/pulls",
            params={
                "head": f"{self._name.split('/')[0]}:{branch}",
                "state": "all",
            },
        )
        found = [
            parse_pull(data) for data in items if data["head"]["ref"] == branch
        ]
        return tuple(sorted(found, key=lambda pull: -pull.number))

    @reading
    def pull(self, number: int) -> PullRequest:
        """Return a pull request, with its checks and reviews."""
        data = self._http.get(f"{self._root}/pulls/{number}").data
        return parse_pull(
            data,
            checks=self._checks(data["head"]["sha"]),
            reviews=self._reviews(number),
        )

    def open_pull(self, write: OpenPull) -> None:
        """Open a pull request."""
        try:
            self._http.write(
                "POST",
                f"{self._root}/pulls",
                {
                    "title": write.title,
                    "body": write.body,
                    "head": f"{write.owner}:{write.branch}".lstrip(":"),
                    "base": write.base,
                    **({"draft": True} if write.is_draft else {}),
                    # Else nobody else can mend what comes from a fork.
                    **({"maintainer_can_modify": True} if write.owner else {}),
                },
            )
        except RefusedError as e:
            raise RefusedError(
                e.message,
                help=e.help or "see the rules for pull requests",
                is_duplicate="already exists" in e.message,
            ) from e

    def label_pull(self, write: LabelPull) -> None:
        """Add labels to a pull request."""
        self._http.write(
            "POST",
            f"{self._root}/issues/{write.number}/labels",
            {"labels": list(write.labels)},
        )

    def request_reviews(self, write: RequestReviews) -> None:
        """Ask people, and teams, to review a pull request."""
        teams = [r.split("/")[1] for r in write.reviewers if "/" in r]
        body: dict[str, Any] = {
            "reviewers": [r for r in write.reviewers if "/" not in r]
        }
        if teams:
            body["team_reviewers"] = teams
        self._http.write(
            "POST",
            f"{self._root}/pulls/{write.number}/requested_reviewers",
            body,
        )

    def enable_auto_merge(self, write: EnableAutoMerge) -> None:
        """Let GitHub merge a pull request; only GraphQL can ask for it."""
        try:
            data = self._http.get(f"{self._root}/pulls/{write.number}").data
        except ReadError as e:
            raise NotSentError(e.message) from e
        answer = self._http.write(
            "POST",
            self._http.graphql_url,
            {
                "query": _ENABLE,
                "variables": {
                    "pull": data["node_id"],
                    "method": write.method.upper(),
                },
            },
        )
        errors = answer.data.get("errors") if answer.data else None
        if not errors:
            return
        said = "; ".join(str(e.get("message", e)) for e in errors)
        if any(e.get("type") == "FORBIDDEN" for e in errors):
            raise NotAllowedError(
                f"these credentials may let nothing merge itself: {said}",
                help="the token needs to write contents and pull requests",
            )
        raise RefusedError(
            f"GitHub does not merge by itself: {said}",
            help=(
                "allow auto-merge in the repository's settings, or merge the"
                f" pull request yourself: {data['html_url']}"
            ),
            url=data["html_url"],
            # It became mergeable meanwhile, which the next look shows.
            is_duplicate=bool(re.search(r"\bin \w+ status", said)),
        )

    def merge_pull(self, write: MergePull) -> None:
        """Merge a pull request, unless its branch moved on."""
        self._http.write(
            "PUT",
            f"{self._root}/pulls/{write.number}/merge",
            {"merge_method": write.method, "sha": write.head},
        )

    def may_write_pulls(self, branch: str) -> bool:
        """Return whether pull requests may be opened.

        GitHub opens none from a branch to itself.
        """
        return self._is_allowed(
            f"{self._root}/pulls",
            {"title": "rsp-release check", "head": branch, "base": branch},
        )

    def _is_allowed(self, path: str, body: dict[str, Any]) -> bool:
        try:
            self._http.write("POST", path, body)
        except RefusedError:
            return True
        except NotAllowedError:
            return False
        except (NotSentError, UncertainError) as e:
            raise ReadError(e.message, help=e.help) from e
        return True

    def _checks(
        self, commit: str, *, skips_scheduled: bool = False
    ) -> tuple[Check, ...]:
        """Read checks and statuses; fine-grained tokens see no checks."""
        found: dict[object, Check] = {}
        try:
            items = list(
                self._http.get_pages(
                    f"{self._root}/commits/{commit}/check-runs",
                    key="check_runs",
                )
            )
        except NotAllowedError:
            items = []
        # A check has its job's name, which two workflows may share.
        names = [item["name"] for item in items]
        runs: Mapping[object, WorkflowRun] = {}
        if len(set(names)) < len(names) or (items and skips_scheduled):
            with suppress(NotAllowedError):
                runs = self._runs_by_suite(commit)
        for item in sorted(items, key=lambda item: int(item["id"])):
            suite = (item["check_suite"] or {}).get("id")
            run = runs.get(suite)
            if run and run.event == "schedule" and skips_scheduled:
                continue
            # Of several runs of a workflow the newest counts.
            key = (run.path, run.event) if run else suite
            found[item["name"], key] = Check(
                name=item["name"],
                state=check_state(item["status"], item["conclusion"]),
                is_own=f"/runs/{self._own_run}/"
                in (item["details_url"] or ""),
            )
        try:
            data = self._http.get(f"{self._root}/commits/{commit}/status").data
        except NotAllowedError:
            data = {"statuses": []}
        for status in data["statuses"]:
            name, state = status["context"], status["state"]
            is_over = "queued" if state == "pending" else "completed"
            found[name] = Check(name=name, state=check_state(is_over, state))
        return tuple(found.values())

    def _runs_by_suite(self, commit: str) -> dict[object, WorkflowRun]:
        """Return a commit's workflow runs by check suite, newest first."""
        answer = self._http.get(
            f"{self._actions}/runs",
            params={"head_sha": commit, "per_page": 100},
        )
        return {
            data["check_suite_id"]: parse_run(data)
            for data in answer.data["workflow_runs"]
        }

    def _reviews(self, number: int) -> tuple[Review, ...]:
        """Return the newest review of each person that says something."""
        found: dict[str, Review] = {}
        for data in self._http.get_pages(
            f"{self._root}/pulls/{number}/reviews"
        ):
            login = data["user"]["login"] if data["user"] else "ghost"
            if data["state"] == "COMMENTED" and login in found:
                continue
            if data["state"] != "PENDING":
                found[login] = Review(login=login, state=data["state"])
        return tuple(found.values())


def _is_off(value: Any) -> bool:
    return isinstance(value, dict) and value.get("enabled") is False


def check_state(status: str, conclusion: str | None) -> Any:
    """Return how a check stands, of GitHub's status and conclusion."""
    if status != "completed":
        return "running"
    return "failed" if conclusion in _FAILED else "passed"


def parse_pull(
    data: Any,
    *,
    checks: tuple[Check, ...] = (),
    reviews: tuple[Review, ...] = (),
) -> PullRequest:
    """Read a pull request from GitHub's answer.

    Parameters
    ----------
    data
        The answer.
    checks, reviews
        What else was read of it.
    """
    if data["state"] not in ("open", "closed"):
        raise ReadError(f"a pull request is {data['state']!r}")
    is_merged = data["merged_at"] is not None
    return PullRequest(
        number=int(data["number"]),
        url=data["html_url"],
        is_open=data["state"] == "open",
        is_merged=is_merged,
        head=data["head"]["sha"],
        # Before that it is a commit of GitHub's own, to try the merge.
        merge_commit=data["merge_commit_sha"] if is_merged else None,
        branch=data["head"]["ref"],
        owner=(data["head"]["user"] or {}).get("login", ""),
        title=data["title"],
        body=data["body"] or "",
        is_draft=bool(data.get("draft")),
        merge_state=data.get("mergeable_state") or "unknown",
        labels=tuple(label["name"] for label in data["labels"]),
        reviewers=(
            *(user["login"] for user in data["requested_reviewers"]),
            *(team["slug"] for team in data["requested_teams"]),
        ),
        merges_itself=bool(data.get("auto_merge")),
        opened_at=datetime.fromisoformat(data["created_at"]),
        checks=checks,
        reviews=reviews,
    )
