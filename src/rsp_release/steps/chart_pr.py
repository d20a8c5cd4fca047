"""The deployment pull request is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .. import deployment
from ..charts import Edited, edit, edit_badges, relate
from ..deploy_seen import (
    ChartSeen,
    look_at_files,
    look_for_proof,
    look_for_pulls,
)
from ..exceptions import BlockedError, ExitStatus
from ..models import (
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
from ..world import World

__all__ = ["ChartPull"]

_INTERVAL = 5.0
"""Seconds between two looks."""

_APPEARS_WITHIN = 90.0
"""Seconds that a registry may take to show what was just pushed."""


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
        where: str | None = deploy.name
        if repository.can_push is False:
            where = deploy.fork()
        seen = ChartSeen(
            repository=repository,
            name=deploy.name,
            is_local=deploy.is_local,
            where=where,
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
                f" `rsp-release deploy {release.tag}`"
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
        change = _finish_pull(target, pull)
        if change is not None:
            return change
        for other in seen.others:
            version = deployment.version_of(other, release.deploy_prefix)
            if relate(version, release.version) in {"older", "same"}:
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
        if self._waits:
            return Wait(
                reason=f"#{pull.number} is open: {deployment.describe(pull)}",
                url=pull.url,
                interval=_INTERVAL,
                is_on_person=True,
            )
        return Done(
            evidence=f"#{pull.number} is open: {pull.title}", url=pull.url
        )

    def _closed(self, release: Release, pull: PullRequest) -> Verdict:
        said = f"#{pull.number} was closed and not merged"
        if self._is_asked:
            return Blocked(
                problem=said,
                help=f"reopen it, or `rsp-release deploy {release.tag}"
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
            edits = _edit_all(seen, seen.files, tag)
        except BlockedError as e:
            return Blocked(problem=e.message, help=e.help)
        if not _list_changes(edits):
            return Done(
                evidence=f"{', '.join(edits)} already"
                f" {'has' if len(edits) == 1 else 'have'} {tag}"
            )
        refusal = self._refuse(release, seen, edits, tag)
        if refusal is not None:
            return refusal
        unproven = _find_unproven(seen)
        if unproven is not None:
            return unproven
        return self._propose(release, target, seen, edits)

    def _refuse(
        self,
        release: Release,
        seen: ChartSeen,
        edits: Mapping[str, Edited],
        tag: str,
    ) -> Verdict | None:
        """Tell what speaks against a deployment, unless it is forced."""
        if self._force:
            return None
        again = f"`rsp-release deploy {release.tag} --force` does it anyway"
        for other in seen.others:
            version = deployment.version_of(other, release.deploy_prefix)
            if relate(version, release.version) == "newer":
                said = f"#{other.number} for {version} is open"
                if self._is_asked:
                    return Blocked(problem=said, help=again, url=other.url)
                return Done(evidence=f"not deployed: {said}", url=other.url)
        for change in _list_changes(edits):
            refusal = self._refuse_change(release, change, again)
            if refusal is not None:
                return refusal
        if seen.pins:
            pin = seen.pins[0]
            return Blocked(
                problem=f"the values pin {pin.key} to {pin.tag!r}, so the"
                f" chart would not take {tag}",
                help="empty it, or name it in deploy.charts as"
                f' "…/values.yaml#{pin.key}"; {again}',
            )
        return None

    def _refuse_change(
        self, release: Release, change: deployment.Replaced, again: str
    ) -> Verdict | None:
        path, key, old, new = change
        relation = "same" if key.endswith("digest") else relate(old, new)
        if relation == "newer" and not (self._is_asked or release.is_latest):
            return Done(evidence=f"not deployed: {path} has {old}")
        if relation == "newer":
            return Blocked(
                problem=f"{path} has {key} {old}, which is newer than {new}",
                help=again,
            )
        if relation == "unknown":
            what = f"has {key} {old!r}" if old else f"has no {key}"
            return Blocked(
                problem=f"{path} {what}, and it is not known whether {new} is"
                " newer",
                help=again,
            )
        return None

    def _propose(
        self,
        release: Release,
        target: Deployment,
        seen: ChartSeen,
        edits: Mapping[str, Edited],
    ) -> Verdict:
        """Bring a pull request nearer by one write."""
        if seen.where is None:
            return Change(
                summary=f"fork {seen.name}",
                write=MakeFork(repository=seen.name),
            )
        title = deployment.title(release)
        older = seen.updatable
        branch = older.branch if older else release.deploy_branch
        tag = deployment.image_tag(release)
        if seen.branch_head is not None and _has(seen, tag):
            body = deployment.write_body(
                release,
                changes=_list_changes(edits),
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
        said = "; ".join(
            f"{path}: {old} → {new}"
            for path, _, old, new in _list_changes(edits)
        )
        return Change(
            summary=f"commit to {seen.where}, branch {branch}: {said}",
            write=PushFiles(
                repository=seen.where,
                branch=branch,
                base=str(seen.base),
                files=_new_files(seen, edits),
                message=f"{title}\n",
                at=release.pinned_at,
                expected=seen.branch_head,
            ),
        )

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


def _finish_pull(target: Deployment, pull: PullRequest) -> Change | None:
    """Give a pull request what it lacks of the settings."""
    policy = target.policy
    name = f"#{pull.number}"
    lacking = tuple(x for x in policy.labels if x not in pull.labels)
    if lacking and not pull.labels:
        return Change(
            summary=f"label {name} with {', '.join(lacking)}",
            write=LabelPull(number=pull.number, labels=lacking),
        )
    if policy.reviewers and not pull.reviewers and not pull.reviews:
        return Change(
            summary=f"ask {', '.join(policy.reviewers)} to review {name}",
            write=RequestReviews(
                number=pull.number, reviewers=policy.reviewers
            ),
        )
    if not policy.auto_merge or pull.merges_itself or pull.is_draft:
        return None
    if pull.merge_state == "clean":
        return Change(
            summary=f"merge {name}",
            write=MergePull(
                number=pull.number, method=policy.auto_merge, head=pull.head
            ),
        )
    if pull.merge_state in {"blocked", "behind", "unstable"}:
        return Change(
            summary=f"let {name} merge itself",
            write=EnableAutoMerge(
                number=pull.number, method=policy.auto_merge
            ),
        )
    return None


def _edit_all(
    seen: ChartSeen, files: Mapping[str, str], tag: str
) -> dict[str, Edited]:
    """Put the version into every place."""
    digests = {image.name: report.digest for image, report in seen.images}
    edits: dict[str, Edited] = {}
    for place in seen.places:
        before = edits.get(place.path)
        text = before.text if before else files.get(place.path, "")
        edited = edit(place, text, tag=tag, digests=digests)
        if before is not None:
            edited = replace(
                edited, changes=(*before.changes, *edited.changes)
            )
        edits[place.path] = edited
    return edits


def _has(seen: ChartSeen, tag: str) -> bool:
    """Return whether the branch has the version in every place."""
    try:
        edits = _edit_all(seen, seen.branch_files, tag)
    except BlockedError:
        return False
    return not _list_changes(edits)


def _list_changes(edits: Mapping[str, Edited]) -> list[deployment.Replaced]:
    return [
        deployment.Replaced(path, key, old, new)
        for path, edited in edits.items()
        for key, old, new in edited.changes
        if old != new
    ]


def _new_files(
    seen: ChartSeen, edits: Mapping[str, Edited]
) -> tuple[tuple[str, str], ...]:
    """Return every file that changes; badges follow the version."""
    files = {path: edited.text for path, edited in edits.items()}
    for place in seen.places:
        readme = place.beside("README.md")
        if place.is_app_version and readme in seen.files:
            for key, old, new in edits[place.path].changes:
                if key == "appVersion":
                    text = files.get(readme, seen.files[readme])
                    files[readme] = edit_badges(text, old=old, new=new)
    return tuple(
        (path, text)
        for path, text in files.items()
        if text != seen.files[path]
    )


def _find_unproven(seen: ChartSeen) -> Verdict | None:
    """Tell which image is not there, as far as is known."""
    problems = []
    for image, report in seen.images:
        name = f"{image.name}:{image.tag}"
        missing = [p for p in image.platforms if p not in report.platforms]
        if report.state == "absent":
            problems.append(f"{name} is not in the registry")
        elif report.state == "unknown":
            problems.append(
                f"could not tell whether {name} is there: {report.reason}"
            )
        elif missing:
            problems.append(f"{name} lacks {', '.join(missing)}")
    reports = tuple(report for _, report in seen.images)
    is_image = any(p.keys[:1] != ("dependencies",) for p in seen.places)
    if not seen.images and is_image:
        return Blocked(
            problem="it is not known which image the deployment will pull",
            help="name it with `images` in the settings",
            exit_status=ExitStatus.IMAGE,
        )
    if not problems:
        return None
    return Wait(
        reason=f"not deployed: {problems[0]}",
        interval=_INTERVAL,
        patience=_APPEARS_WITHIN,
        images=reports,
        otherwise=Blocked(
            problem="not deployed:\n" + "\n".join(problems),
            help="`rsp-release resume` goes on once it is there",
            exit_status=ExitStatus.IMAGE,
            images=reports,
        ),
    )
