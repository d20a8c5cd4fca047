"""The command ``watch``: watches the run that publishes the images."""

from __future__ import annotations

from shlex import quote
from typing import Annotated

from typer import Option

from ..steps.workflow_run import PublishingRun
from .again import LastRun
from .options import Approve, RerunFailed, Tag, Timeout, Web
from .session import Again, Session, parse_duration, shows_errors

__all__ = ["watch"]


@shows_errors
def watch(
    session: Session,
    tag: Tag = None,
    *,
    run: Annotated[
        int | None, Option(metavar="ID", help="Watch this run.")
    ] = None,
    rerun_failed: RerunFailed = 0,
    approve: Approve = False,
    web: Web = False,
    timeout: Timeout = "1h",
) -> int:
    """Watch the run that publishes the images until it completes."""
    if web:
        session.open_page("workflow_run")
    session.change(timeout=parse_duration(timeout))
    watcher = session.factory.make_watcher(session.options)
    release = watcher.find(tag, run)
    last = LastRun()
    while True:
        writes = rerun_failed > 0 or approve
        with session.lock(watcher.project.journals, writes=writes):
            step = PublishingRun(run, reruns=rerun_failed, approves=approve)
            result = session.show(
                f"Publication of {release.repository} {release.tag}",
                [(step.key, step.title)],
                last.follow(watcher.watch(release, step)),
                tag=release.tag,
                again=Again(f"rsp-release watch {quote(release.tag)}"),
            )
        if not last.offer(session, result):
            return int(result.exit_status)
        run, rerun_failed = last.number, 1
