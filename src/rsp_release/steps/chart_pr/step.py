"""Decides how the deployment pull request comes about."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from ...deployment import pull_request as deployment
from ...deployment.edits import Edits, edit_all
from ...engine.world import World
from ...exceptions import BlockedError, ExitStatus
from ...models import (
    Blocked,
    Change,
    Deployment,
    Done,
    EditPull,
    MakeFork,
    OpenPull,
    PullRequest,
    PushFiles,
    Release,
    Verdict,
    Wait,
)
from ..pull_requests import describe, dress, merge, write_pull
from .blockers import (
    command_of,
    find_unproven,
    list_pins,
    refuse,
    refuse_pinned,
    wait_for_fork,
)
from .seen import ChartSeen, look_at_deployment

__all__ = ["ChartPull"]

_INTERVAL = 5.0
"""Seconds between two looks."""

_MERGEABLE_EVERY = 2.0
"""Seconds between two looks whether it can be merged."""

_MERGEABLE_WITHIN = 120.0
"""Seconds within which GitHub has worked that out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPull:
    """The deployment pull request is open.

    It is found by its branch, whose name has the application and the version.
    """

    is_asked: bool = False
    """Whether a person asked for just this deployment, which then may be one
    of a pre-release.
    """

    force: bool = False
    """Whether to deploy over a newer, unknown or pinned version."""

    waits: bool = False
    """Whether it is done only when the pull request is merged."""

    key = "chart_pr"
    title = "Deployment"

    # -- Looking ------------------------------------------------------------

    def observe(self, release: Release, world: World) -> ChartSeen:
        target = release.deployment
        deploy = world.deploy
        if target is None or deploy is None or self._skips(release):
            return ChartSeen(is_unset=deploy is None)
        return look_at_deployment(
            release, target, world, deploy, force=self.force
        )

    def _skips(self, release: Release) -> bool:
        return release.is_prerelease and not self.is_asked

    def find_choices(self, release: Release, world: World) -> tuple[str, ...]:
        """Return the environments of which one has to be chosen.

        Parameters
        ----------
        release
            The release, aimed at its deployment.
        world
            GitHub and the registries.

        Returns
        -------
        tuple of str
            Those that pin a tag which is not that of all that have no name,
            where none follows ``appVersion``.
        """
        seen = self.observe(release, world)
        if refuse_pinned(release, seen, is_asked=True) is None:
            return ()
        common = {tag.place for tag in seen.kept if not tag.environment}
        names = dict.fromkeys(
            tag.environment
            for tag in seen.kept
            if not tag.place.is_app_version and tag.place not in common
        )
        return tuple(names)

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
        if pull is not None and pull.is_merged and not self.force:
            return Done(evidence=f"#{pull.number} is merged", url=pull.url)
        if pull is not None and pull.is_open:
            return self._open(release, target, seen, pull)
        if pull is not None and not self.force:
            return self._closed(release, pull)
        return self._missing(release, target, seen)

    def _open(
        self,
        release: Release,
        target: Deployment,
        seen: ChartSeen,
        pull: PullRequest,
    ) -> Verdict:
        repository = seen.repository
        allows = repository.allows_auto_merge if repository else None
        change = dress(target.policy, pull) or merge(
            target.policy, pull, allows_auto_merge=allows
        )
        if change is not None and seen.fork is None:
            return change
        # Who may not push may neither label a pull request nor close what
        # somebody else opened.
        left = " (the rest needs write access)" if change else ""
        for other in seen.older:
            if seen.may_close(other):
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
                " (not mergeable yet: `rsp-release deploy"
                f" {quote(release.tag)} --wait` merges it once it is)"
            )
        if self.waits:
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
        if self.is_asked:
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
        tag = release.image_tag
        blocker: Verdict | None = None
        if not self.force and not target.environments:
            blocker = refuse_pinned(release, seen, is_asked=self.is_asked)
            if blocker is not None:
                return blocker
        try:
            edits = edit_all(
                seen.places, seen.files, tag=tag, digests=seen.digests
            )
        except BlockedError as e:
            return Blocked(problem=e.message, help=e.help)
        if not edits.changes:
            have = "has" if len(edits.paths) == 1 else "have"
            return Done(
                evidence=f"{', '.join(edits.paths)} already {have} {tag}"
            )
        if not self.force:
            blocker = refuse(
                release, seen, edits.changes, is_asked=self.is_asked
            )
        unproven = find_unproven(seen, again=self._again(release))
        if release.is_planned and isinstance(unproven, Wait):
            unproven = _foresee(seen, edits)
        return (
            blocker or unproven or self._propose(release, target, seen, edits)
        )

    def _propose(
        self,
        release: Release,
        target: Deployment,
        seen: ChartSeen,
        edits: Edits,
    ) -> Verdict:
        """Bring a pull request nearer by one write."""
        said = "; ".join(
            f"{path}: {old} → {new}" for path, _, old, new in edits.changes
        )
        if seen.kept:
            said += f"; will not change: {list_pins(seen)}"
        if any(moved.is_assumed for moved in seen.moved):
            said += "; assumed: the templates take appVersion"
        if seen.where is None:
            return Change(
                summary=f"fork {seen.name} to commit there: {said}",
                write=MakeFork(repository=seen.name),
            )
        if seen.fork is not None and not seen.fork.is_ready:
            return wait_for_fork(seen.where, again=self._again(release))
        title = deployment.title(release)
        older = seen.updatable
        branch = older.branch if older else release.deploy_branch
        if seen.branch_head is not None and _has(seen, release.image_tag):
            return _describe(release, target, seen, edits, branch=branch)
        if seen.branch_head is not None and older is None and not self.force:
            return Blocked(
                problem=f"{seen.where} has a branch {branch} without"
                f" {release.image_tag}",
                help="delete it if nobody needs it",
            )
        return Change(
            summary=f"commit to {seen.where}, branch {branch}: {said}",
            write=PushFiles(
                repository=seen.where,
                branch=branch,
                base=str(seen.base),
                files=edits.files,
                message=f"{title}\n",
                at=release.pinned_at,
                expected=seen.branch_head,
            ),
        )

    def _again(self, release: Release) -> str:
        """Return the command that goes on."""
        if self.is_asked:
            return command_of(release)
        return f"rsp-release resume {quote(release.tag)}"

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
            case EditPull() as write:
                deploy.edit_pull(write)
            case other:
                write_pull(deploy, other)


# -- Deciding ---------------------------------------------------------------


def _foresee(seen: ChartSeen, edits: Edits) -> Wait:
    """Tell what will be proposed, in a plan."""
    what = "; ".join(
        f"{path}: {key} {old} → {new}" for path, key, old, new in edits.changes
    )
    how = "commit to" if seen.is_local else "open a pull request in"
    return Wait(
        reason=f"will {how} {seen.name}: {what}, once the image is published",
        images=tuple(report for _, report in seen.images),
    )


def _describe(
    release: Release,
    target: Deployment,
    seen: ChartSeen,
    edits: Edits,
    *,
    branch: str,
) -> Verdict:
    """Open the pull request of a branch that has the commit, or retitle it."""
    title = deployment.title(release)
    body = deployment.write_body(
        release,
        changes=edits.changes,
        reports=[report for _, report in seen.images],
        overrides=seen.kept,
        page=seen.page,
        run=seen.run,
    )
    older = seen.updatable
    if older is not None:
        return Change(
            summary=f"retitle #{older.number} for {release.version}",
            write=EditPull(number=older.number, title=title, body=body),
        )
    where = seen.where or seen.name
    if seen.is_local:
        return Done(evidence=f"branch {branch} of {where} has the commit")
    return Change(
        summary=f"open a pull request in {seen.name}",
        write=OpenPull(
            branch=branch,
            base=seen.repository.default_branch if seen.repository else "",
            title=title,
            body=body,
            after=seen.pull.number if seen.pull else 0,
            owner=where.partition("/")[0] if where != seen.name else "",
            is_draft=target.is_draft,
        ),
    )


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
        reason=f"{name} is open: GitHub is checking whether it can be merged",
        url=pull.url,
        interval=_MERGEABLE_EVERY,
        patience=_MERGEABLE_WITHIN,
        otherwise=Blocked(
            problem=f"GitHub does not say whether {name} can be merged",
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
    return not edits.changes
