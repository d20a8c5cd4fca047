"""The command ``watch``: watches the run that publishes the images."""

from __future__ import annotations

from contextlib import nullcontext
from shlex import quote

from ..engine.journal import lock
from ..steps.workflow_run import PublishingRun
from .again import LastRun
from .session import Session, shows_errors

__all__ = ["run_watch"]


@shows_errors
def run_watch(
    session: Session,
    *,
    tag: str | None,
    number: int | None,
    reruns: int,
    approves: bool,
) -> int:
    """Watch the run that publishes the images.

    Parameters
    ----------
    session
        The command's settings and view.
    tag
        The tag; `None`: the one begun last, or the newest release's.
    number
        GitHub's number of the run, where a person names one.
    reruns
        How often failed jobs may be run again.
    approves
        Whether to approve deployments that the run waits for.

    Returns
    -------
    int
        The exit status.
    """
    watcher = session.make_watcher()
    release = watcher.find(tag, number)
    last = LastRun()
    while True:
        writes = reruns > 0 or approves
        with lock(watcher.project.journals) if writes else nullcontext():
            step = PublishingRun(number, reruns=reruns, approves=approves)
            result = session.show(
                f"Publication of {release.repository} {release.tag}",
                [(step.key, step.title)],
                last.follow(watcher.watch(release, step)),
                tag=release.tag,
                again=f"rsp-release watch {quote(release.tag)}",
            )
        if not last.offer(session, result):
            return int(result.exit_status)
        number, reruns = last.number, 1
