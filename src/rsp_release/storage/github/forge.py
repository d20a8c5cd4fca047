"""GitHub, as the steps and the checks need it.

No check writes. Where only a write could tell whether it is allowed, a
request is sent that GitHub answers without making anything.
"""

from __future__ import annotations

from typing import Any

from github.GithubException import GithubException
from github.Issue import Issue

from ...exceptions import NotAllowedError, NotSentError, RefusedError
from ...models import (
    Check,
    PublishRelease,
    ReleasePage,
    Repository,
    WorkflowRun,
)
from ...models.github import Credentials, Ruleset
from .answers import (
    MissingEndpointError,
    asking,
    deny_repository,
    look,
    reading,
    writing,
)
from .pulls import GithubPulls
from .shapes import check_state, parse_release, parse_repository, parse_run
from .source import peel

__all__ = ["GithubForge"]

_VIEWER = "query { viewer { login } }"

_GITHUB_TOKEN = "github-actions[bot]"
"""Who acts where a workflow's own token does."""


class GithubForge(GithubPulls):
    """One repository on GitHub.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    own_run
        The number of the workflow run that this program is a part of, if it
        is.
    """

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @reading
    def repository(self) -> Repository:
        found = self._look_up()
        if found is None:
            raise deny_repository(self.name, self._http.web_url)
        if not self._http.has_token:
            raise NotAllowedError(
                "there is no token for GitHub",
                help="set GITHUB_TOKEN, or log in with `gh auth login`",
            )
        return parse_repository(found)

    @reading
    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        told = self._overview.tag(self.name, tag)
        if told is not None:
            return told.pages
        found = self._http.find(lambda: self._repo.get_release(tag))
        if found is not None:
            return (parse_release(found),)
        # Drafts are not found by tag, and several may share one.
        return tuple(
            parse_release(release)
            for release in self._http.items(self._repo.get_releases())
            if release.tag_name == tag
        )

    @reading
    def labels(self, number: int) -> tuple[str, ...]:
        issue = self._http.at(Issue, f"{self._root}/issues/{number}")
        found = self._http.find(lambda: self._http.items(issue.get_labels()))
        return tuple(label.name for label in found or ())

    @writing
    def publish_release(self, write: PublishRelease) -> None:
        self._require_tag(write.tag, write.commit)
        is_latest = "true" if write.is_latest else "false"
        if write.draft is None:
            self._repo.create_git_release(
                write.tag,
                write.title,
                write.body or "",
                prerelease=write.is_prerelease,
                make_latest=is_latest,
            )
            return
        body: dict[str, Any] = {
            "tag_name": write.tag,
            "name": write.title,
            "draft": False,
            "prerelease": write.is_prerelease,
            "make_latest": is_latest,
        }
        if write.body is not None:
            body["body"] = write.body
        # `GitRelease.update_release` cannot leave the text as it is.
        path = f"{self._root}/releases/{write.draft}"
        self._http.ask("PATCH", path, body=body)

    def _require_tag(self, tag: str, commit: str) -> None:
        """Let a release be made only for a tag that is where it should be.

        For a tag that it does not see, GitHub would make one itself: a
        lightweight tag at the head of the default branch.
        """
        found = look(lambda: self._peel(tag))
        if found is None:
            raise NotSentError(f"GitHub does not show tag {tag} yet")
        if found != commit:
            raise RefusedError(
                f"on GitHub, tag {tag} is at {found[:10]}, and not at"
                f" {commit[:10]}"
            )

    def _peel(self, tag: str) -> str | None:
        """Return the commit of a tag; `None` where there is no such tag."""
        told = self._overview.tag(self.name, tag)
        if told is not None:
            return told.commit
        found = peel(self._http, self._repo, tag)
        return None if found is None else found.commit

    # -- What the checks look at --------------------------------------------

    @reading
    def credentials(self) -> Credentials:
        """Return what is known of the credentials."""
        self._look_up()
        return Credentials(
            kind=self._http.token_kind,
            scopes=self._http.scopes,
            hides=self._http.hides,
        )

    @reading
    def rulesets(self, target: str) -> tuple[Ruleset, ...] | None:
        """Return the rulesets in force, those of the organisation as well.

        `None` where the server tells of none at all, as an older one.
        """
        path = f"{self._root}/rulesets"
        listed = self._find_endpoint(
            lambda: self._http.raw_items(path, includes_parents="true")
        )
        if listed is None:
            return None
        return tuple(
            _parse_ruleset(self._http.ask("GET", f"{path}/{each['id']}"))
            for each in listed
            if each["enforcement"] == "active" and each["target"] == target
        )

    @reading
    def has_immutable_releases(self) -> bool:
        """Return whether published releases are locked for ever.

        Raises
        ------
        NotAllowedError
            Raised if only administrators are told.
        """
        found = self._http.get(f"{self._root}/immutable-releases")
        if found is not None:
            return bool(found["enabled"])
        seen = self._look_up()
        if not (seen and seen.permissions and seen.permissions.admin):
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
        own = self._http.items(self._repo.get_secrets())
        shared = self._http.raw_items(
            f"{self._actions}/organization-secrets", "secrets"
        )
        return frozenset(secret.name for secret in own) | frozenset(
            secret["name"] for secret in shared
        )

    @reading
    def checks(self, commit: str) -> tuple[Check, ...]:
        """Return the checks and statuses of a commit.

        Fine-grained tokens cannot read checks, but workflow runs. Those that
        a schedule started test the newest dependencies, and not the commit.
        """
        found = self._overview.checks(self.name, commit)
        if found is None:
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
    def has_releases(self) -> bool:
        """Return whether any release of the repository is published."""
        # Drafts are listed too, to who may see them.
        listed = self._http.items(self._repo.get_releases())
        return any(release.draft is False for release in listed)

    @reading
    def last_scheduled(self, path: str) -> WorkflowRun | None:
        """Return the last run of a workflow that its schedule started."""
        found = self._of_workflow(
            path, 1, event="schedule", status="completed"
        )
        return found[0] if found else None

    @reading
    def runs_of_tag(self, tag: str) -> tuple[WorkflowRun, ...]:
        """Return the runs that were for a tag, by its name."""
        return tuple(map(parse_run, self._runs(most=30, branch=tag)))

    # -- Probes -------------------------------------------------------------

    def may_write_contents(self, commit: str) -> bool:
        """Return whether contents may be written.

        Generating notes needs that permission, and makes nothing.
        """
        return self._is_allowed(
            lambda: self._repo.generate_release_notes(
                "rsp-release-check", target_commitish=commit
            )
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
            _, told = asking(
                lambda: self._http.probe(
                    lambda: self._http.graphql_query(_VIEWER, {})
                )
            )
        except (GithubException, MissingEndpointError):
            return None
        if not told.get("data"):
            return None
        return bool(told["data"]["viewer"]["login"] != _GITHUB_TOKEN)


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
