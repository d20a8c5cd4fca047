"""Judges how a release stands in an environment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from ..models import PullRequest
from ..models.rollout import (
    Application,
    Operation,
    Resource,
    Source,
    SyncWindow,
)
from ..models.standing import Standing, State
from .charts import respell, split_source
from .stages import Stage

__all__ = [
    "Aim",
    "StageSeen",
    "compared_revision",
    "find_blocker",
    "find_versions",
    "is_awaited",
    "is_ours",
    "is_well",
    "judge",
    "next_marker",
    "split_image",
]

_NAMED_MOST = 3
"""How many resources are named in a line."""

_FOLLOWS = ("", "HEAD")
"""What an application follows that follows the default branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What the environments are meant to run."""

    application: str
    """The name of the application."""

    tag: str
    """The tag of the release's images."""

    images: frozenset[str] = frozenset()
    """Their names, without tags."""

    pull: PullRequest | None = None
    """The deployment pull request; `None` where there is none."""

    is_deployed: bool = False
    """Whether there is a deployment repository, which says what is to run."""

    branch: str = ""
    """The branch of the deployment repository that environments follow."""

    commit: str | None = None
    """The commit of the deployment repository that has the version."""

    @property
    def marker(self) -> str:
        """By what the first sync to the version is known again."""
        return f"{self.application} {self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeen:
    """What was seen of an environment."""

    stage: Stage
    """The environment."""

    application: Application | None = None
    """What Argo CD says; `None` where there is no such application."""

    problem: str | None = None
    """Why it could not be looked at. Untrusted text."""

    help: str | None = None
    """What to do about that."""

    is_denied: bool = False
    """Whether for want of credentials."""

    has_commit: bool | None = None
    """Whether what was compared contains the commit; `None`: not known."""

    has_applied: bool = False
    """Whether what was synced last contains the commit, whatever came to the
    repository since.
    """

    has_held: bool = False
    """Whether it was synced and healthy in two comparisons, one after the
    other.
    """

    unhealthy: tuple[Resource, ...] = ()
    """What is degraded or missing, with reasons."""

    windows: tuple[SyncWindow, ...] = ()
    """Sync windows that stand in the way now."""

    note: str = ""
    """What else is to say, as that a comparison failed. Untrusted text."""

    versions: tuple[str, ...] = ()
    """The tags of the release's images that run there."""


def find_versions(
    images: Iterable[str], names: Collection[str]
) -> tuple[str, ...]:
    """Return the tags of some images among those that run.

    Parameters
    ----------
    images
        What runs, as resources name it: with a tag, a digest, or both.
    names
        The images that are asked for, without tags.
    """
    found = map(split_image, images)
    return tuple(dict.fromkeys(tag for name, tag in found if name in names))


def split_image(image: str) -> tuple[str, str]:
    """Split what runs into registry and repository, and what tells which.

    Parameters
    ----------
    image
        An image, as a resource names it.

    Returns
    -------
    tuple of str
        The name, as it is spelled there, and the tag; the beginning of the
        digest where there is no tag, and ``latest`` where there is neither.
    """
    name, _, digest = image.partition("@")
    if ":" in name.rpartition("/")[2]:
        name, _, tag = name.rpartition(":")
        return name, tag
    return name, digest[:19] or "latest"


def compared_revision(
    sources: Sequence[Source], revisions: Sequence[str], repository: str
) -> str | None:
    """Return the revision of a repository.

    Parameters
    ----------
    sources
        The sources of an application.
    revisions
        The revision of each.
    repository
        Owner and name of the deployment repository.
    """
    if len(revisions) < 2:
        return next(iter(revisions), None)
    for source, revision in zip(sources, revisions, strict=False):
        name = split_source(source.repository)[1]
        if name.lower() == repository.lower():
            return revision
    return None


def is_awaited(stage: Stage, aim: Aim) -> bool:
    """Return whether an environment is meant to run the version.

    One whose values name another tag is not; where the deployment repository
    does not say what it runs, it is.

    Parameters
    ----------
    stage
        The environment.
    aim
        The version.
    """
    if not stage.tags or stage.is_at(aim.tag):
        return True
    is_moved = aim.pull is None or not aim.pull.is_merged
    return is_moved and any(tag.place.is_app_version for tag in stage.tags)


def next_marker(operation: Operation | None, aim: Aim) -> str:
    """Return the marker of a sync after one that failed.

    Parameters
    ----------
    operation
        The last operation.
    aim
        The version.
    """
    if operation is None or not is_ours(operation, aim):
        return aim.marker
    before = (operation.marker or "").removeprefix(aim.marker)
    number = before.strip().removeprefix("#")
    return f"{aim.marker} #{int(number) + 1 if number.isdecimal() else 2}"


def is_ours(operation: Operation, aim: Aim) -> bool:
    """Return whether an operation is a sync that brings the version.

    Parameters
    ----------
    operation
        The operation.
    aim
        The version.
    """
    marker = operation.marker or ""
    return marker == aim.marker or marker.startswith(f"{aim.marker} #")


def judge(seen: StageSeen, aim: Aim) -> Standing:
    """Say how a release stands in an environment.

    Parameters
    ----------
    seen
        What was seen.
    aim
        What is meant to run there.

    Returns
    -------
    Standing
        What it waits for, or how it is.
    """
    stage, application = seen.stage, seen.application
    state, text, help, until = _rule(seen, aim)
    operation = application.operation if application else None
    since = application.since if application else None
    if state in ("syncing", "failed", "settling") and operation:
        since = operation.finished or operation.started
    return Standing(
        environment=stage.name,
        application=stage.target.application,
        state=state,
        text=text,
        help=help,
        deployed=seen.versions,
        wanted=_wanted(stage, aim),
        sync=application.sync if application else "",
        health=application.health if application else "",
        url=_page(seen),
        since=since,
        until=until,
        is_denied=seen.is_denied,
    )


def _wanted(stage: Stage, aim: Aim) -> str:
    if is_awaited(stage, aim):
        return aim.tag
    return ", ".join(dict.fromkeys(tag.tag for tag in stage.tags))


def _page(seen: StageSeen) -> str | None:
    target = seen.stage.target
    if not target.argocd:
        return None
    space = f"{target.namespace}/" if target.namespace else ""
    return f"{target.argocd}/applications/{space}{target.application}"


_Ruling = tuple[State, str, str | None, datetime | None]


def _rule(seen: StageSeen, aim: Aim) -> _Ruling:
    """Return state, text, remedy, and the end of a sync window."""
    application, name = seen.application, seen.stage.target.application
    if seen.problem is not None:
        return "unknown", f"cannot look: {seen.problem}", seen.help, None
    if application is None:
        return "absent", f"Argo CD has no application {name}", None, None
    is_meant = is_awaited(seen.stage, aim)
    operation = application.operation
    if operation is not None and is_meant and seen.has_commit is not False:
        if _has_failed(application, operation, aim):
            help = (
                f"fix the cause, then `rsp-release rollout {quote(aim.tag)}"
                f" --sync {quote(seen.stage.name)}`"
            )
            return "failed", _tell_failure(operation), help, None
    is_at_work = operation is not None and operation.is_running
    has_image = any(respell(aim.tag, v) == v for v in seen.versions)
    if has_image and not is_at_work and is_well(seen):
        return "runs", _tell_running(application, aim), None, None
    pin = _find_pin(seen.stage, application, aim)
    if pin is not None:
        return "pinned", *pin, None
    if operation is not None and is_at_work:
        return "syncing", _tell_operation(operation), None, None
    if aim.is_deployed and aim.commit is None:
        return "merge", *_tell_merge(aim), None
    is_there = aim.commit is None or seen.has_commit is True
    if not (is_there or seen.has_applied):
        return "compare", _tell_lag(application, aim, seen.note), None, None
    return _rule_of_state(seen, application, aim)


def _find_pin(
    stage: Stage, application: Application, aim: Aim
) -> tuple[str, str | None] | None:
    """Tell what keeps an environment from the version, and what to do."""
    if not is_awaited(stage, aim):
        places = ", ".join(dict.fromkeys(str(t.place) for t in stage.tags))
        command = f"rsp-release deploy {quote(aim.tag)} --environment"
        return (
            f"is to run {_wanted(stage, aim)} ({places})",
            f"{command} {quote(stage.name)}",
        )
    branch = _find_branch(application, aim)
    if branch is not None:
        return f"follows {branch}, not {aim.branch}", None
    return None


def _rule_of_state(
    seen: StageSeen, application: Application, aim: Aim
) -> _Ruling:
    """Go by what Argo CD says of what it compared."""
    if application.sync == "Unknown" and not seen.has_applied:
        told = "; ".join(application.conditions) or "no reason is given"
        return "degraded", f"cannot be compared with git: {told}", None, None
    if application.sync != "Synced" and not seen.has_applied:
        window = find_blocker(seen.windows)
        if window is not None:
            return "window", _tell_window(window), None, window.until
        return "sync", _tell_difference(application), None, None
    if is_well(seen):
        if seen.has_held and not seen.versions:
            return "runs", _tell_running(application, aim), None, None
        runs = ", ".join(seen.versions)
        text = f"synced and healthy, and still runs {runs}"
        if not runs:
            text = f"synced; waiting to see that {aim.tag} is healthy"
        return "settling", text, None, None
    told = _tell_resources(seen.unhealthy or application.degraded)
    text = f"{application.health}: {told}".rstrip(": ")
    if application.health == "Degraded":
        return "degraded", text, None, None
    return "settling", text, None, None


def is_well(seen: StageSeen) -> bool:
    """Return whether what is to run was applied, and is healthy.

    Parameters
    ----------
    seen
        What was seen.
    """
    application = seen.application
    if application is None or application.health != "Healthy":
        return False
    is_synced = application.sync == "Synced" and seen.has_commit is not False
    return is_synced or seen.has_applied


def find_blocker(windows: Sequence[SyncWindow]) -> SyncWindow | None:
    """Return the sync window that ends last of those that block a person.

    Parameters
    ----------
    windows
        Those that stand in the way.
    """
    found = [window for window in windows if not window.manual_sync]
    ends = {w.until: w for w in found if w.until is not None}
    unknown = next((w for w in found if w.until is None), None)
    return unknown or (ends[max(ends)] if ends else None)


def _has_failed(
    application: Application, operation: Operation, aim: Aim
) -> bool:
    """Return whether the last sync was of what is compared, and failed."""
    if operation.phase not in ("Failed", "Error"):
        return False
    if not operation.revisions:
        return is_ours(operation, aim)
    return operation.revisions == application.revisions


def _find_branch(application: Application, aim: Aim) -> str | None:
    """Return what an application follows instead of the branch."""
    if not aim.branch or len(application.sources) != 1:
        return None
    followed = application.sources[0].target_revision
    is_usual = followed in (*_FOLLOWS, aim.branch, f"refs/heads/{aim.branch}")
    return None if is_usual else followed


# -- Telling ----------------------------------------------------------------


def _tell_merge(aim: Aim) -> tuple[str, str | None]:
    if aim.pull is None:
        return "its deployment pull request is not open", None
    if aim.pull.is_open:
        return f"#{aim.pull.number} is not merged", f"merge {aim.pull.url}"
    return f"#{aim.pull.number} was closed and not merged", None


def _tell_operation(operation: Operation) -> str:
    by = f", by {operation.initiated_by}" if operation.initiated_by else ""
    said = f": {operation.message}" if operation.message else ""
    word = "ending" if operation.phase == "Terminating" else "syncing"
    return f"{word}{by}{said}"


def _tell_running(application: Application, aim: Aim) -> str:
    text = f"runs {aim.tag}"
    if application.sync == "Synced":
        return text
    return f"{text}; since then {_tell_difference(application)}"


def _tell_failure(operation: Operation) -> str:
    failed = operation.failed
    told = _tell_resources(failed) if failed else operation.message
    return f"sync failed: {told}"


def _tell_lag(application: Application, aim: Aim, note: str) -> str:
    has = ", ".join(revision[:10] for revision in application.revisions)
    text = f"Argo CD has compared {has or 'nothing yet'}, not {aim.commit:.10}"
    return f"{text}: {note}" if note else text


def _tell_window(window: SyncWindow) -> str:
    kind = "denies syncs" if window.kind == "deny" else "is closed"
    until = f" until {window.until:%Y-%m-%d %H:%M %Z}" if window.until else ""
    return f"a sync window {kind}{until} ({window.schedule})"


def _tell_difference(application: Application) -> str:
    told = _tell_resources(application.out_of_sync)
    return f"OutOfSync: {told}".rstrip(": ")


def _tell_resources(resources: Sequence[Resource]) -> str:
    """Name the first of some resources, with what is said of them."""
    told = []
    for resource in resources[:_NAMED_MOST]:
        said = f" ({resource.message})" if resource.message else ""
        told.append(f"{resource.kind} {resource.name}{said}")
    left = len(resources) - _NAMED_MOST
    return ", ".join(told) + (f" and {left} more" if left > 0 else "")
