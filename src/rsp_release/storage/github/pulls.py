"""GitHub's pull requests, and whether a branch needs one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from github.BranchProtection import BranchProtection
from github.CheckRun import CheckRun
from github.Commit import Commit
from github.GithubException import GithubException
from github.GithubObject import NotSet
from github.PullRequest import PullRequest as GithubPull

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
from ...models.github import BranchRules
from .actions import GithubActions
from .answers import (
    MissingEndpointError,
    advise,
    asking,
    look,
    reading,
    unless,
    writing,
)
from .http import settle
from .shapes import check_state, newest_reviews, parse_pull, parse_run

__all__ = ["GithubPulls"]

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


class GithubPulls(GithubActions):
    """The pull requests of one repository, besides its workflow runs."""

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"{self._http.web_url}/{self.name}"

    @reading
    def generate_notes(
        self, *, tag: str, commit: str, previous: str | None
    ) -> str:
        try:
            notes = asking(
                lambda: self._http.probe(
                    lambda: self._repo.generate_release_notes(
                        tag,
                        previous_tag_name=previous or NotSet,
                        target_commitish=commit,
                    )
                )
            )
        except MissingEndpointError:
            return ""
        except ReadError as e:
            raise ReadError(
                f"GitHub generates no notes: {e.message}", help=e.help
            ) from e
        return notes.body

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
        return self.branch_rules(branch).needs_pull

    @reading
    def head(self, branch: str, beside: str) -> str | None:
        """Return the head of a branch, asked with another's pull requests."""
        told = self._overview.branch(self.name, beside)
        if told is not None and branch in told.heads:
            return told.heads[branch]
        found = self._http.get(f"{self._root}/git/ref/heads/{quote(branch)}")
        return None if found is None else str(found["object"]["sha"])

    @reading
    def branch_rules(self, branch: str) -> BranchRules:
        """Return whether a branch takes pull requests only, and reviews."""
        return self._http.compared(lambda: self._judge_rules(branch))

    def _judge_rules(self, branch: str) -> BranchRules:
        told, classic = self._read_rules(branch)
        rules = told or []
        counts = [
            (rule.get("parameters") or {}).get(
                "required_approving_review_count", 0
            )
            for rule in rules
            if rule["type"] == "pull_request"
        ]
        if counts:
            return BranchRules(needs_pull=True, approvals=max(counts))
        needs_pull = any(rule["type"] in _PULL_RULES for rule in rules)
        # Where it is told, the branch has nothing to add.
        classic = classic or self._find_protection(
            branch, endpoint=told is None
        )
        if classic is not None:
            self._has_classic = True
            return _read_classic(classic, needs_pull=needs_pull)
        unknown = BranchRules(needs_pull=True, approvals=0 if rules else None)
        # `Repository.get_branch` leaves a slash in a name as it is.
        path = f"{self._root}/branches/{quote(branch, safe='')}"
        found = self._http.get(path, endpoint=told is None)
        if told is None and (found is None or "protected" not in found):
            # A push will tell: who refuses it says why.
            return BranchRules(needs_pull=False, is_known=False)
        if found is None:
            return unknown
        if not (needs_pull or found["protected"]):
            return BranchRules(needs_pull=False)
        if self._hides_protection:
            return BranchRules(needs_pull=True, approvals=None)
        # The rules that were read are all there are, or they are hidden: a
        # ruleset makes a branch protected as well.
        if rules and not needs_pull:
            return BranchRules(needs_pull=False)
        return unknown

    def _read_rules(
        self, branch: str
    ) -> tuple[list[Any] | None, BranchProtection | None]:
        """Read the rulesets that bind a branch; `None`: there are no such.

        Beside them the classic protection, where that was found before.
        """
        path = f"{self._root}/rules/branches/{quote(branch, safe='')}"

        # An older server has no rulesets, and no such address.
        def read() -> list[Any] | None:
            return self._find_endpoint(lambda: self._http.raw_items(path))

        if not self._has_classic:
            return read(), None
        return self._http.together(
            read, lambda: self._find_protection(branch, endpoint=False)
        )

    def _find_protection(
        self, branch: str, *, endpoint: bool
    ) -> BranchProtection | None:
        """Return the classic protection of a branch, where that is told."""
        if self._hides_protection:
            return None
        name = quote(branch, safe="")
        path = f"{self._root}/branches/{name}/protection"
        try:
            return self._http.find(
                lambda: BranchProtection(self._http, url=path),
                endpoint=endpoint,
            )
        except NotAllowedError:
            self._hides_protection = True
            return None

    def pulls(self, branch: str) -> tuple[PullRequest, ...]:
        """Return all pull requests of a branch, newest first.

        There is none without the branch, whose place a push is compared with.
        """
        owner = self.name.split("/", maxsplit=1)[0]
        return self._http.compared(lambda: self.pulls_of(owner, branch))

    @reading
    def pulls_of(self, owner: str, branch: str) -> tuple[PullRequest, ...]:
        """Return all pull requests of an owner's branch, newest first."""
        told = self._overview.branch(self.name, branch)
        if told is not None:
            # As a list tells of them.
            bare: dict[str, Any] = {"checks": (), "reviews": ()}
            return tuple(
                replace(each.pull, merge_state="unknown", **bare)
                for each in told.pulls
                if each.pull.owner.lower() == owner.lower()
            )
        listed = self._repo.get_pulls(state="all", head=f"{owner}:{branch}")
        found = [parse_pull(pull) for pull in self._http.items(listed)]
        mine = (pull for pull in found if pull.branch == branch)
        return tuple(sorted(mine, key=lambda pull: -pull.number))

    @reading
    def open_pulls(self) -> tuple[PullRequest, ...]:
        """Return every pull request that is open, without its checks."""
        whole = self._overview.whole(self.name)
        if whole is not None:
            return whole.open_pulls
        pulls = self._repo.get_pulls(state="open")
        return tuple(map(parse_pull, self._http.items(pulls)))

    @reading
    def pull(
        self, found: PullRequest, *, is_to_merge: bool = False
    ) -> PullRequest:
        """Return a pull request that was found, with checks and reviews.

        Parameters
        ----------
        found
            The pull request.
        is_to_merge
            Whether it matters if it can be merged, which GitHub works out
            once it is asked for.
        """
        number = found.number
        told = self._overview.branch(self.name, found.branch)
        for each in told.pulls if told else ():
            seen = each.pull
            if seen.number == number and each.has_checks:
                if seen.merge_state != "unknown" or not is_to_merge:
                    return seen
                # GraphQL may leave it at that.
                asked = self._repo.get_pull(number)
                if asked.head.sha == seen.head:
                    state = asked.mergeable_state or "unknown"
                    return replace(seen, merge_state=state)
        pull = self._repo.get_pull(number)
        checks, reviews = self._http.together(
            lambda: self._checks(pull.head.sha),
            lambda: self._reviews(number),
        )
        return parse_pull(pull, checks=checks, reviews=reviews)

    def _pull_at(self, number: int) -> GithubPull:
        return self._http.at(GithubPull, f"{self._root}/pulls/{number}")

    @writing
    def open_pull(self, write: OpenPull) -> None:
        """Open a pull request."""
        try:
            self._repo.create_pull(
                write.base,
                f"{write.owner}:{write.branch}".lstrip(":"),
                title=write.title,
                body=write.body,
                draft=write.is_draft or NotSet,
                # Else nobody else can mend what comes from a fork.
                maintainer_can_modify=bool(write.owner) or NotSet,
            )
        except RefusedError as e:
            raise RefusedError(
                e.message,
                help=e.help or "see the rules for pull requests",
                is_duplicate="already exists" in e.message,
            ) from e

    @writing
    def label_pull(self, write: LabelPull) -> None:
        """Add labels to a pull request."""
        # `add_to_labels` sends a bare list; GitHub recommends an object.
        self._http.ask(
            "POST",
            f"{self._root}/issues/{write.number}/labels",
            {"labels": list(write.labels)},
        )

    @writing
    def request_reviews(self, write: RequestReviews) -> None:
        """Ask people, and teams, to review a pull request."""
        teams = [r.split("/")[1] for r in write.reviewers if "/" in r]
        self._pull_at(write.number).create_review_request(
            [r for r in write.reviewers if "/" not in r], teams or NotSet
        )

    @writing
    def enable_auto_merge(self, write: EnableAutoMerge) -> None:
        """Let GitHub merge a pull request; only GraphQL can ask for it."""
        pull = look(lambda: self._repo.get_pull(write.number))
        try:
            pull.enable_automerge(write.method.upper())
        except MissingEndpointError as e:
            raise RefusedError(
                f"{e.message}, which alone lets pull requests merge"
                " themselves",
                help=f"merge it yourself: {pull.html_url}",
                url=pull.html_url,
            ) from e
        except GithubException as e:
            errors = e.data["errors"]
        else:
            return
        said = "; ".join(str(e.get("message", e)) for e in errors)
        if any(e.get("type") == "FORBIDDEN" for e in errors):
            raise NotAllowedError(
                f"these credentials may let nothing merge itself: {said}",
                help=advise(said)
                or "the token needs to write contents and pull requests",
            )
        raise RefusedError(
            f"GitHub does not merge by itself: {said}",
            help=(
                "allow auto-merge in the repository's settings, or merge the"
                f" pull request yourself: {pull.html_url}"
            ),
            url=pull.html_url,
            # It became mergeable meanwhile, which the next look shows.
            is_duplicate=bool(re.search(r"\bin \w+ status", said)),
        )

    @writing
    def merge_pull(self, write: MergePull) -> None:
        """Merge a pull request, unless its branch moved on."""
        self._pull_at(write.number).merge(
            merge_method=write.method, sha=write.head
        )

    def may_write_pulls(self, branch: str) -> bool:
        """Return whether pull requests may be opened.

        GitHub opens none from a branch to itself.
        """
        return self._is_allowed(
            lambda: self._repo.create_pull(
                branch, branch, title="rsp-release check"
            )
        )

    @reading
    def _is_allowed(self, write: Callable[[], object]) -> bool:
        try:
            self._http.probe(write)
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
        of_commit = self._http.at(Commit, f"{self._root}/commits/{commit}")

        def read() -> list[CheckRun] | None:
            return self._http.items(of_commit.get_check_runs())

        # Only a pull request can do without those of an older server.
        may_lack = partial(self._find_endpoint, read)
        told, combined = self._http.together(
            lambda: unless(
                read if skips_scheduled else may_lack, NotAllowedError
            ),
            lambda: unless(
                lambda: self._find_endpoint(of_commit.get_combined_status),
                NotAllowedError,
            ),
        )
        checks = told or []
        # A check has its job's name, which two workflows may share.
        names = {check.name for check in checks}
        runs: Mapping[int | None, WorkflowRun] = {}
        if len(names) < len(checks) or (checks and skips_scheduled):
            with suppress(NotAllowedError):
                runs = self._runs_by_suite(commit)
        for check in sorted(checks, key=lambda check: check.id):
            suite = check.check_suite.id if check.check_suite else None
            run = runs.get(suite)
            if run and run.event == "schedule" and skips_scheduled:
                continue
            # Of several runs of a workflow the newest counts.
            key = (run.path, run.event) if run else suite
            found[check.name, key] = Check(
                name=check.name,
                state=check_state(check.status, check.conclusion),
                is_own=f"/runs/{self._own_run}/" in (check.details_url or ""),
            )
        for status in combined.statuses if combined else ():
            name, state = status.context, status.state
            is_over = "queued" if state == "pending" else "completed"
            found[name] = Check(name=name, state=check_state(is_over, state))
        return tuple(found.values())

    def _runs_by_suite(self, commit: str) -> dict[int | None, WorkflowRun]:
        """Return a commit's workflow runs by check suite, newest first."""
        return {
            run.check_suite_id: parse_run(run)
            for run in self._runs(head_sha=commit)
        }

    def _reviews(self, number: int) -> tuple[Review, ...]:
        """Return the newest review of each person that says something."""
        listed = self._http.items(self._pull_at(number).get_reviews())
        return newest_reviews(
            (each.user.login if each.user else "ghost", each.state)
            for each in listed
        )


def _read_classic(
    classic: BranchProtection, *, needs_pull: bool
) -> BranchRules:
    """Read a classic protection, beside which rulesets may need a pull."""
    reviews = classic.required_pull_request_reviews
    if not (
        needs_pull
        or reviews
        or classic.required_status_checks
        or classic.required_signatures
        or classic.restrictions
        or classic.lock_branch
    ):
        return BranchRules(needs_pull=False)
    approvals = (
        settle(reviews).required_approving_review_count if reviews else 0
    )
    return BranchRules(needs_pull=True, approvals=approvals or 0)
