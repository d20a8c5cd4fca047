"""``rollout --back``: says how to set a version back, and proposes it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from shlex import quote

from ..exceptions import ExitStatus, UsageError
from ..models import Release
from ..release.releaser import Releaser
from ..steps.chart_pr.step import ChartPull
from ..steps.rollout.back import WayBack, find_way_back
from ..steps.rollout.seen import RolloutSeen
from ..views import safe
from .session import Again, Session

__all__ = ["go_back"]


def go_back(
    session: Session,
    releaser: Releaser,
    release: Release,
    seen: RolloutSeen,
    environment: str,
    *,
    yes: bool,
) -> int:
    """Show what an environment ran before, and open the pull request.

    Parameters
    ----------
    session
        The session.
    releaser
        What carries it out.
    release
        The release that runs there.
    seen
        How it stands.
    environment
        The environment.
    yes
        Whether to open the pull request without asking.

    Returns
    -------
    int
        The exit status.
    """
    world = releaser.project.world
    way = find_way_back(release, world, seen, environment)
    old = releaser.aim(releaser.find(_find_name(releaser, way.tag)), way.pins)
    command = f"rsp-release deploy {quote(old.tag)} --force"
    command += "".join(f" --environment {quote(name)}" for name in way.pins)
    if not session.as_json:
        first, *rest = map(safe.line, _tell(way, command))
        sys.stdout.write("\n  ".join([first, *rest]) + "\n")
    step = ChartPull(is_asked=True, force=True)

    def show(*, acts: bool) -> int:
        result = session.show(
            f"Deployment of {old.repository} {old.tag}",
            [(step.key, step.title)],
            releaser.deploy(old, step, acts=acts),
            tag=old.tag,
            again=Again(command, lambda: command if acts else None),
        )
        return int(result.exit_status)

    if not yes:
        status = show(acts=False)
        if status or not session.may_ask:
            return status
        if not session.confirm("Open this pull request?"):
            return int(ExitStatus.OK)
    with session.lock(releaser.project.journals):
        return show(acts=True)


def _tell(way: WayBack, command: str) -> Iterator[str]:
    """Say what ran before, and the two ways back to it."""
    target = way.seen.stage.target
    entry = way.entry
    revision = ", ".join(each[:10] for each in entry.revisions)
    at = (
        f" of {entry.deployed_at:%Y-%m-%d %H:%M %Z}"
        if entry.deployed_at
        else ""
    )
    yield f"Set {target.environment} back from {way.now} to {way.tag}:"
    yield f"history entry {entry.id}{at}, revision {revision}"
    rollback = f"argocd app rollback {target.application} {entry.id}"
    yield f"until the next sync: {rollback}"
    yield f"for good, by a pull request: {command}"
    if way.others:
        names = ", ".join(way.others)
        yield f"appVersion is also that of {names}"


def _find_name(releaser: Releaser, tag: str) -> str:
    """Return what the tag of an image is called in git."""
    git = releaser.project.world.git
    bare = tag.removeprefix("v")
    for name in (tag, bare, f"v{bare}"):
        if git.local_tag(name) is not None or git.remote_tag(name) is not None:
            return name
    raise UsageError(
        f"there is no tag {tag}: it is no release of this repository",
        help="set the version back by hand, in the deployment repository",
    )
