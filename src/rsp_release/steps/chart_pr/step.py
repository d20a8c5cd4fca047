"""The deployment pull request is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from shlex import quote

from ...deployment import pull_request as deployment
from ...deployment.charts import Edited, relate
from ...deployment.edits import edit_all, list_changes, new_files
from ...engine.world import World
from ...exceptions import BlockedError, ExitStatus
from ...models import (
    Blocked,
    Change,
    Deployment,
    Done,
    EditPull,
    EnableAutoMerge,
    LabelPull,
    MakeFork,
    MergePull,
    OpenPull,
    PullRequest,
    PushFiles,
    Release,
    RequestReviews,
    Verdict,
    Wait,
)
from ..pull_requests import describe, finish
from .blockers import find_unproven, refuse, wait_for_fork
from .seen import ChartSeen, look_at_files, look_for_proof, look_for_pulls

__all__ = ["ChartPull"]

_INTERVAL = 5.0
"""Seconds between two looks."""

_MERGEABLE_EVERY = 2.0
"""Seconds between two looks whether it can be merged."""

_MERGEABLE_WITHIN = 120.0
"""Seconds within which GitHub has worked that out."""


class ChartPull:
    """The deployment pull request is open.

    It is found by its branch, whose name has the application and the version.

    Parameters
    ----------
    is_asked
        Whether a person asked for just this deployment, which then may be one
        of a pre-release.
    force
        Whether to deploy over a newer, unknown or pinned version.
    waits
        Whether it is done only when the pull request is merged.
    """

    key = "chart_pr"
    title = "Deployment"

    def __init__(
        self,
        *,
        is_asked: bool = False,
        force: bool = False,
        waits: bool = False,
    ) -> None:
        self._is_asked = is_asked
        self._force = force
        self._waits = waits

    # -- Looking ------------------------------------------------------------

    def observe(self, release: Release, world: World) -> ChartSeen:
        target = release.deployment
        deploy = world.deploy
        if target is None or deploy is None or self._skips(release):
            return ChartSeen(is_unset=deploy is None)
        repository = deploy.repository()
        fork = deploy.fork() if repository.can_push is False else None
        seen = ChartSeen(
            repository=repository,
            name=deploy.name,
            is_local=deploy.is_local,
            fork=fork,
        )
        if not deploy.is_local:
            seen = look_for_pulls(seen, release, target, deploy)
        pull = seen.pull
        if pull is not None and (pull.is_open or not self._force):
            return seen
        base = deploy.branch(deploy.name, repository.default_branch)
        seen = replace(seen, base=base)
        if base is not None:
            try:
                seen = look_at_files(
                    seen, release, target, deploy, url=world.forge.url
                )
            except BlockedError as e:
                seen = replace(seen, problem=e)
        if base is None or seen.problem is not None:
            return seen
        return look_for_proof(seen, release, world, deploy)

    def _skips(self, release: Release) -> bool:
        return release.is_prerelease and not self._is_asked

    # -- Deciding -----------------------------------------------------------

    def decide(self, release: Release, seen: ChartSeen) -> Verdict:
        target = release.deployment
        if target is None or seen.is_unset:
            return Done(
                evidence="skipped: no deployment repository is set"
                " (deploy.repository)"
            )
        if self._skips(release):
            return Done(
                evidence="skipped: a pre-release is deployed by"
                f" `rsp-release deploy {quote(release.tag)}`"
            )
        if seen.repository is None or seen.repository.is_archived:
            return Blocked(problem=f"{seen.name} is archived")
        pull = seen.pull
        if pull is not None and pull.is_merged and not self._force:
            return Done(evidence=f"#{pull.number} is merged", url=pull.url)
        if pull is not None and pull.is_open:
            return self._open(release, target, seen, pull)
        if pull is not None and not self._force:
            return self._closed(release, pull)
        return self._missing(release, target, seen)

    def _open(
        self,
        release: Release,
        target: Deployment,
        seen: ChartSeen,
        pull: PullRequest,
    ) -> Verdict:
        name = f"#{pull.number}"
        allows = seen.repository and seen.repository.allows_auto_merge
        change = finish(
            target.policy, pull, name=name, may_wait=allows is not False
        )
        if change is not None and seen.fork is None:
            return change
        # Who may not push may neither label a pull request nor close what
        # somebody else opened.
        left = " (the rest is up to who may push)" if change else ""
        for other in seen.others:
            version = deployment.version_of(other, release.deploy_prefix)
            is_older = relate(version, release.version) in {"older", "same"}
            if is_older and seen.may_close(other):
                return Change(
                    summary=f"close #{other.number}: #{pull.number}"
                    " supersedes it",
                    write=EditPull(
                        number=other.number,
                        title=other.title,
                        body=deployment.superseded(other, pull),
                        closes=True,
                    ),
                )
        if _is_to_merge(target, seen, pull):
            if pull.merge_state == "unknown":
                return _await_mergeability(release, pull)
            left = (
                " (it does not merge itself yet: `rsp-release deploy"
                f" {quote(release.tag)} --wait` merges it once it may be)"
            )
        if self._waits:
            return Wait(
                reason=f"#{pull.number} is open: {describe(pull)}",
                url=pull.url,
                interval=_INTERVAL,
                is_on_person=True,
            )
        return Done(
            evidence=f"#{pull.number} is open: {pull.title}{left}",
            url=pull.url,
        )

    def _closed(self, release: Release, pull: PullRequest) -> Verdict:
        said = f"#{pull.number} was closed and not merged"
        if self._is_asked:
            return Blocked(
                problem=said,
                help=f"reopen it, or `rsp-release deploy {quote(release.tag)}"
                " --force` opens another",
                url=pull.url,
            )
        return Done(evidence=f"not deployed: {said}", url=pull.url)

    def _missing(
        self, release: Release, target: Deployment, seen: ChartSeen
    ) -> Verdict:
        """Decide where no pull request for this version is open."""
        if seen.base is None:
            return Blocked(problem=f"{seen.name} has no commits")
        if seen.problem is not None:
            return Blocked(
                problem=seen.problem.message, help=seen.problem.help
            )
        tag = deployment.image_tag(release)
        try:
            edits = edit_all(
                seen.places, seen.files, tag=tag, digests=seen.digests
            )
        except BlockedError as e:
            return Blocked(problem=e.message, help=e.help)
        if not list_changes(edits):
            return Done(
                evidence=f"{', '.join(edits)} already"
                f" {'has' if len(edits) == 1 else 'have'} {tag}"
            )
        doubt = None
        if not self._force:
            doubt = refuse(
                release,
                seen,
                list_changes(edits),
                tag=tag,
                is_asked=self._is_asked,
            )
        doubt = doubt or find_unproven(seen, again=self._again(release))
        if doubt is not None:
            return doubt
        return self._propose(release, target, seen, edits)

    def _propose(
        self,
        release: Release,
        target: Deployment,
        seen: ChartSeen,
        edits: Mapping[str, Edited],
    ) -> Verdict:
        """Bring a pull request nearer by one write."""
        said = "; ".join(
            f"{path}: {old} → {new}"
            for path, _, old, new in list_changes(edits)
        )
        if seen.where is None:
            return Change(
                summary=f"fork {seen.name}, to commit there: {said}",
                write=MakeFork(repository=seen.name),
            )
        if seen.fork is not None and not seen.fork.is_ready:
            return wait_for_fork(seen.where, again=self._again(release))
        title = deployment.title(release)
        older = seen.updatable
        branch = older.branch if older else release.deploy_branch
        tag = deployment.image_tag(release)
        if seen.branch_head is not None and _has(seen, tag):
            body = deployment.write_body(
                release,
                changes=list_changes(edits),
                reports=[report for _, report in seen.images],
                overrides=seen.overrides,
                evidence=seen.evidence,
            )
            if older is not None:
                return Change(
                    summary=f"say in #{older.number} that it is for"
                    f" {release.version}",
                    write=EditPull(
                        number=older.number, title=title, body=body
                    ),
                )
            if seen.is_local:
                return Done(
                    evidence=f"branch {branch} of {seen.where} has the commit"
                )
            owner = seen.where.partition("/")[0]
            return Change(
                summary=f"open a pull request in {seen.name}",
                write=OpenPull(
                    branch=branch,
                    base=seen.repository.default_branch
                    if seen.repository
                    else "",
                    title=title,
                    body=body,
                    after=seen.pull.number if seen.pull else 0,
                    owner=owner if seen.where != seen.name else "",
                    is_draft=target.is_draft,
                ),
            )
        if seen.branch_head is not None and older is None and not self._force:
            return Blocked(
                problem=f"{seen.where} has a branch {branch} without {tag}",
                help="delete it, if nobody needs it",
            )
        return Change(
            summary=f"commit to {seen.where}, branch {branch}: {said}",
            write=PushFiles(
                repository=seen.where,
                branch=branch,
                base=str(seen.base),
                files=new_files(seen.places, seen.files, edits),
                message=f"{title}\n",
                at=release.pinned_at,
                expected=seen.branch_head,
            ),
        )

    def _again(self, release: Release) -> str:
        """Return the command that goes on."""
        command = "deploy" if self._is_asked else "resume"
        return f"rsp-release {command} {quote(release.tag)}"

    # -- Acting -------------------------------------------------------------

    def act(self, change: Change, world: World) -> None:
        deploy = world.deploy
        if deploy is None:
            raise TypeError("there is no deployment repository")
        match change.write:
            case MakeFork() as write:
                deploy.make_fork(write)
            case PushFiles() as write:
                deploy.push_files(write)
            case OpenPull() as write:
                deploy.open_pull(write)
            case EditPull() as write:
                deploy.edit_pull(write)
            case LabelPull() as write:
                deploy.label_pull(write)
            case RequestReviews() as write:
                deploy.request_reviews(write)
            case EnableAutoMerge() as write:
                deploy.enable_auto_merge(write)
            case MergePull() as write:
                deploy.merge_pull(write)
            case other:
                raise TypeError(f"not of a deployment: {other}")


# -- Deciding ---------------------------------------------------------------


def _is_to_merge(
    target: Deployment, seen: ChartSeen, pull: PullRequest
) -> bool:
    """Return whether the settings ask for a merge that is not seen to."""
    return (
        bool(target.policy.auto_merge)
        and seen.fork is None
        and not (pull.merges_itself or pull.is_draft)
    )


def _await_mergeability(release: Release, pull: PullRequest) -> Wait:
    """Wait for GitHub, which works it out once somebody has asked."""
    name = f"#{pull.number}"
    return Wait(
        reason=f"{name} is open: GitHub works out whether it can be merged",
        url=pull.url,
        interval=_MERGEABLE_EVERY,
        patience=_MERGEABLE_WITHIN,
        otherwise=Blocked(
            problem=f"GitHub does not say whether {name} can be merged, so it"
            " was not asked to",
            help=f"merge {name}, or `rsp-release deploy {quote(release.tag)}"
            " --wait` asks again",
            url=pull.url,
            exit_status=ExitStatus.UNFINISHED,
        ),
    )


def _has(seen: ChartSeen, tag: str) -> bool:
    """Return whether the branch has the version in every place."""
    try:
        edits = edit_all(
            seen.places, seen.branch_files, tag=tag, digests=seen.digests
        )
    except BlockedError:
        return False
    return not list_changes(edits)
