"""GitHub's rules, secrets' names and permissions: what the checks look at.

Nothing here writes. Where only a write could tell whether it is allowed, a
request is sent that GitHub answers without making anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    UncertainError,
)
from ...models import Check, WorkflowRun
from ...models.github import BranchRules, Credentials, OpenPullRequest, Ruleset
from .pulls import GithubPulls, check_state
from .shapes import parse_run, parse_time, reading

__all__ = ["GithubSettings"]

_VIEWER = "query { viewer { login } }"

_GITHUB_TOKEN = "github-actions[bot]"
"""Who acts where a workflow's own token does."""


class GithubSettings(GithubPulls):
    """The settings of one repository, besides its pull requests and runs."""

    _headers: Mapping[str, str] | None = None
    """What GitHub said beside its answer for the repository."""

    @reading
    def credentials(self) -> Credentials:
        """Return what is known of the credentials."""
        headers = self._headers
        if headers is None:
            headers = self._http.get(self._root, may_miss=True).headers
        scopes = headers.get("x-oauth-scopes")
        return Credentials(
            kind=self._http.token_kind,
            scopes=None
            if scopes is None
            else tuple(filter(None, map(str.strip, scopes.split(",")))),
            hides="partial-results" in headers.get("x-github-sso", ""),
        )

    @reading
    def rulesets(self, target: str) -> tuple[Ruleset, ...]:
        """Return the rulesets in force, those of the organisation as well."""
        listed = self._http.get(
            f"{self._root}/rulesets",
            params={
                "targets": target,
                "includes_parents": "true",
                "per_page": 100,
            },
            may_miss=True,
        ).data
        return tuple(
            _parse_ruleset(
                self._http.get(f"{self._root}/rulesets/{each['id']}").data
            )
            for each in listed or ()  # an older server has none
            if each["enforcement"] == "active" and each["target"] == target
        )

    @reading
    def branch_rules(self, branch: str) -> BranchRules:
        """Return whether a branch takes pull requests only, and reviews."""
        if not self.needs_pull(branch):
            return BranchRules(needs_pull=False)
        name = quote(branch, safe="")
        rules = list(
            self._http.get_pages(f"{self._root}/rules/branches/{name}")
        )
        counts = [
            int(
                (rule.get("parameters") or {}).get(
                    "required_approving_review_count", 0
                )
            )
            for rule in rules
            if rule["type"] == "pull_request"
        ]
        if counts:
            return BranchRules(needs_pull=True, approvals=max(counts))
        try:
            answer = self._http.get(
                f"{self._root}/branches/{name}/protection", may_miss=True
            )
        except NotAllowedError:
            return BranchRules(needs_pull=True, approvals=None)
        if answer.data is None:
            return BranchRules(needs_pull=True, approvals=0 if rules else None)
        reviews = answer.data.get("required_pull_request_reviews") or {}
        return BranchRules(
            needs_pull=True,
            approvals=int(reviews.get("required_approving_review_count", 0)),
        )

    @reading
    def has_immutable_releases(self) -> bool:
        """Return whether published releases are locked for ever.

        Raises
        ------
        NotAllowedError
            Raised if only administrators are told.
        """
        answer = self._http.get(
            f"{self._root}/immutable-releases", may_miss=True
        )
        if answer.data is not None:
            return bool(answer.data["enabled"])
        permissions = self._http.get(self._root).data.get("permissions")
        if not (permissions or {}).get("admin"):
            # GitHub says "not found" to those who may not know as well.
            raise NotAllowedError(
                "GitHub tells only administrators of the repository"
            )
        return False

    @reading
    def secret_names(self) -> frozenset[str]:
        """Return the names of the secrets that workflows get.

        Raises
        ------
        NotAllowedError
            Raised if the credentials may not see them.
        """
        names: set[str] = set()
        for kind in ("secrets", "organization-secrets"):
            names |= {
                data["name"]
                for data in self._http.get_pages(
                    f"{self._actions}/{kind}", key="secrets"
                )
            }
        return frozenset(names)

    @reading
    def checks(self, commit: str) -> tuple[Check, ...]:
        """Return the checks and statuses of a commit.

        Fine-grained tokens cannot read checks, but workflow runs. Those that
        a schedule started test the newest dependencies, and not the commit.
        """
        found = self._checks(commit, skips_scheduled=True)
        if found:
            return found
        newest: dict[tuple[str, str], Check] = {}
        for run in self._runs_by_suite(commit).values():
            if run.event == "schedule":
                continue
            check = Check(
                name=run.name,
                state=check_state(run.status, run.conclusion),
                is_own=run.id == self._own_run,
            )
            newest.setdefault((run.path, run.event), check)
        return tuple(newest.values())

    @reading
    def open_pulls(self) -> tuple[OpenPullRequest, ...]:
        """Return the pull requests that are open, newest first."""
        return tuple(
            _parse_pull(data)
            for data in self._http.get_pages(
                f"{self._root}/pulls", params={"state": "open"}
            )
        )

    @reading
    def has_releases(self) -> bool:
        """Return whether any release of the repository is published."""
        # Drafts are listed too, to who may see them.
        pages = self._http.get_pages(f"{self._root}/releases")
        return any(not data["draft"] for data in pages)

    @reading
    def last_scheduled(self, path: str) -> WorkflowRun | None:
        """Return the last run of a workflow that its schedule started."""
        name = quote(path.rsplit("/", 1)[-1], safe="")
        answer = self._http.get(
            f"{self._actions}/workflows/{name}/runs",
            params={"event": "schedule", "status": "completed", "per_page": 1},
            may_miss=True,
        )
        runs = answer.data["workflow_runs"] if answer.data else []
        return parse_run(runs[0]) if runs else None

    @reading
    def runs_of_tag(self, tag: str) -> tuple[WorkflowRun, ...]:
        """Return the runs that were for a tag, by its name."""
        answer = self._http.get(
            f"{self._actions}/runs", params={"branch": tag, "per_page": 30}
        )
        return tuple(map(parse_run, answer.data["workflow_runs"]))

    # -- Probes -------------------------------------------------------------

    def may_write_contents(self, commit: str) -> bool:
        """Return whether contents may be written.

        Generating notes needs that permission, and makes nothing.
        """
        return self._is_allowed(
            f"{self._root}/releases/generate-notes",
            {"tag_name": "rsp-release-check", "target_commitish": commit},
        )

    @reading
    def starts_workflows(self) -> bool | None:
        """Return whether what these credentials do starts workflows.

        `None` where GitHub does not say.

        What a workflow's own token does starts none, or runs would follow
        one another for ever; an app's token looks the same.
        https://docs.github.com/en/actions/concepts/security/github_token
        """
        if self._http.token_kind != "app":
            return True
        try:
            data = self._http.write(
                "POST", self._http.graphql_url, {"query": _VIEWER}
            ).data
        except (NotSentError, UncertainError, RefusedError) as e:
            raise ReadError(e.message, help=e.help) from e
        if not data.get("data") or data.get("errors"):
            return None
        return bool(data["data"]["viewer"]["login"] != _GITHUB_TOKEN)


def _parse_ruleset(data: Any) -> Ruleset:
    names = (data.get("conditions") or {}).get("ref_name") or {}
    rules = data.get("rules") or []
    parameters = [
        rule.get("parameters") or {}
        for rule in rules
        if rule["type"] in ("tag_name_pattern", "branch_name_pattern")
    ]
    return Ruleset(
        name=data["name"],
        url=((data.get("_links") or {}).get("html") or {}).get("href"),
        include=tuple(names.get("include", ["~ALL"])),
        exclude=tuple(names.get("exclude", [])),
        rules=tuple(rule["type"] for rule in rules),
        names=tuple(
            (
                str(each.get("operator", "")),
                str(each.get("pattern", "")),
                bool(each.get("negate")),
            )
            for each in parameters
        ),
        bypass=data.get("current_user_can_bypass"),
    )


def _parse_pull(data: Any) -> OpenPullRequest:
    created_at = parse_time(data["created_at"])
    if created_at is None:
        raise ValueError("a pull request without a date")
    return OpenPullRequest(
        number=int(data["number"]),
        title=data["title"],
        author=data["user"]["login"] if data["user"] else "ghost",
        branch=data["head"]["ref"],
        url=data["html_url"],
        created_at=created_at,
    )
