"""Finds the run that publishes, or what keeps it from starting."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from shlex import quote

from ..engine.world import World
from ..models import Blocked, Done, Publication, Release, Wait, WorkflowRun
from ..runs.states import describe_state

__all__ = [
    "APPEARS_WITHIN",
    "KNOWN_CAUSE",
    "await_run",
    "find_disabled",
    "find_obstacle",
    "find_run",
    "foresee_run",
    "is_before",
]

APPEARS_WITHIN = 600.0
"""Seconds after which a run that did not appear is given up."""

KNOWN_CAUSE = 60.0
"""The same, where it is known what keeps the run from starting."""

_SKEW = timedelta(minutes=10)
"""How far this machine's clock may be ahead of GitHub's."""

_FOLLOWS_WITHIN = timedelta(seconds=10)
"""How long before the end of one run the next may have begun, by GitHub."""

_ACTIONS_BOT = "github-actions[bot]"
"""Who writes with a job's own ``GITHUB_TOKEN``."""

_SKIP = re.compile(
    r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]"
    r"|^skip-checks:\s*true\s*\Z",
    re.MULTILINE,
)
"""What in a commit's message keeps ``push`` from starting a workflow.

https://docs.github.com/en/actions/how-tos/manage-workflow-runs/skip-workflow-runs
"""


def find_run(release: Release, world: World) -> WorkflowRun | None:
    """Find the run that publishes a release's images.

    Parameters
    ----------
    release
        The release.
    world
        Its ports.

    Returns
    -------
    WorkflowRun or None
        The newest that fits, without its jobs. Where another workflow starts
        it, the other one's until then.
    """
    publication = release.publication
    if publication is None or not publication.workflow:
        return None
    if publication.is_direct:
        return _find_direct(release, publication, world)
    return _find_next(release, publication, world)


def _find_next(
    release: Release, publication: Publication, world: World
) -> WorkflowRun | None:
    """Find a run that another one starts; until then, the other one.

    GitHub tells of no run what started it, and most of these run for the
    default branch: it is the first that began after the other, unless
    one is for the tag.
    """
    before, git = None, world.git
    since = git.commit_date(release.commit)
    if publication.after is not None:
        inner = replace(release, publication=publication.after)
        before = find_run(inner, world)
        if (
            before is None
            or before.conclusion != "success"
            or is_before(publication.after, before)
        ):
            return before
        ended = before.updated_at or before.created_at
        is_at_end = publication.event == "workflow_run"
        since = ended if is_at_end else before.created_at
    elif git.local_tag(release.tag) is not None:
        since = git.tag_date(release.tag)
    early = _SKEW if before is None else _FOLLOWS_WITHIN
    found = [
        run
        for run in world.forge.last_runs(publication.workflow)
        if run.created_at >= since - early and run.conclusion != "skipped"
    ]
    exact = [
        run
        for run in found
        if run.commit == release.commit or run.ref == release.tag
    ]
    found = [run for run in found if run.event == publication.event]
    if before is not None:
        exact = [run for run in exact if run in found]
    newest = max(exact, key=lambda run: run.id, default=None)
    return newest or min(found, key=lambda run: run.id, default=before)


def _find_direct(
    release: Release, publication: Publication, world: World
) -> WorkflowRun | None:
    found = [
        run
        for run in world.forge.runs(
            commit=release.commit, event=publication.event
        )
        if _fits(run, release, publication)
    ]
    run = max(found, key=lambda run: run.id, default=None)
    if run is None or run.created_at >= release.pinned_at - _SKEW:
        return run
    # Another clone may have made the tag before this one pinned it.
    git, tag = world.git, release.tag
    is_tagged = git.local_tag(tag) is not None
    since = git.tag_date(tag) if is_tagged else git.commit_date(release.commit)
    return run if run.created_at >= since - _SKEW else None


def _fits(
    run: WorkflowRun, release: Release, publication: Publication
) -> bool:
    return (
        run.event == publication.event
        and run.commit == release.commit
        and run.path.split("@")[0] == publication.workflow
        and run.ref in (None, release.tag)
    )


def is_before(publication: Publication | None, run: WorkflowRun) -> bool:
    """Return whether a run is of a workflow that starts the publishing one.

    Parameters
    ----------
    publication
        What publishes.
    run
        The run.
    """
    return (
        publication is not None
        and not publication.is_direct
        and run.path.split("@")[0] != publication.workflow
    )


def find_obstacle(
    release: Release, publication: Publication, world: World
) -> tuple[str | None, str | None]:
    """Look for what keeps a run from starting.

    Parameters
    ----------
    release
        The release.
    publication
        The workflow that it starts.
    world
        Its ports.

    Returns
    -------
    tuple
        What it is, and what to do; nothing where nothing is known.
    """
    disabled = find_disabled(publication, world)
    if disabled[0] is not None:
        return disabled
    if publication.event == "push" and _SKIP.search(
        world.git.message(release.commit)
    ):
        return (
            "the commit's message asks to skip workflows",
            "release a commit whose message does not",
        )
    if any(
        page.author == _ACTIONS_BOT
        for page in world.forge.releases(release.tag)
    ):
        return (
            "events caused by GITHUB_TOKEN start no workflow",
            "use a GitHub App's token or a personal access token",
        )
    return None, None


def find_disabled(
    publication: Publication, world: World
) -> tuple[str | None, str | None]:
    """Look whether a workflow can run at all.

    Parameters
    ----------
    publication
        The workflow.
    world
        Its ports.

    Returns
    -------
    tuple
        Why not, and what to do; nothing where it can.
    """
    state = world.forge.workflow_state(publication.workflow)
    told = describe_state(state) if state is not None else None
    if told is None:
        return None, None
    what, remedy = told
    if state != "deleted":
        remedy += f": gh workflow enable {quote(publication.file)}"
    return f"{publication.workflow} {what}", remedy


def foresee_run(
    publication: Publication, *, usual: float | None, interval: float
) -> Wait:
    """Tell in a plan which runs will be waited for.

    Parameters
    ----------
    publication
        What publishes, and what starts it.
    usual
        Seconds that its runs usually take, where that is known.
    interval
        Seconds until it is worth looking again.
    """
    files = [each.file for each in reversed(publication.chain)]
    time = ""
    if usual is not None:
        minutes = round(usual / 60)
        time = f" (usually {minutes} min)" if minutes else ""
        time = time or f" (usually {usual:.0f} s)"
    return Wait(
        reason=f"will wait for {', then '.join(files)}{time}",
        interval=interval,
    )


def await_run(
    publication: Publication,
    *,
    obstacle: str | None,
    remedy: str | None,
    interval: float,
) -> Wait | Done:
    """Decide where there is no run yet.

    Parameters
    ----------
    publication
        What publishes, and what starts it.
    obstacle
        What is known to keep the run from starting.
    remedy
        What to do about that.
    interval
        Seconds until it is worth looking again.

    Returns
    -------
    Wait or Done
        What is waited for; done where nobody can tell which run publishes.
    """
    name = publication.file
    if not publication.publishes:
        # It may be a workflow that has nothing to do with a release.
        reason = f"no run of {name} yet, which may publish images"
        return Wait(
            reason=reason,
            interval=interval,
            patience=KNOWN_CAUSE,
            otherwise=Done(
                evidence=f"cannot tell: no run of {name} appeared, which may"
                " publish images",
                help="set `workflow` or `images` in the settings",
            ),
        )
    first = publication.chain[-1]
    for each in publication.chain[1:]:
        name = f"{each.file}, which starts {name},"
    if not first.is_direct:
        return Done(
            evidence=f"cannot tell which run of {name} publishes: no release"
            " starts it; the images are waited for"
        )
    if obstacle:
        reason = f"no run of {name} yet: {obstacle}"
        problem = f"no run of {name} starts: {obstacle}"
        help = remedy
        patience = KNOWN_CAUSE
    else:
        reason = f"no run of {name} for the {first.event} event yet"
        patience = APPEARS_WITHIN
        problem = (
            f"no run of {name} for the {first.event} event appeared"
            f" within {patience / 60:.0f} minutes"
        )
        help = (
            "check the Actions page: a trigger filter, an outage, or more"
            " than 500 queued runs can be the cause"
        )
    return Wait(
        reason=reason,
        interval=interval,
        patience=patience,
        otherwise=Blocked(problem=problem, help=help),
    )
