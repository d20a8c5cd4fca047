"""The command that watches a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

from .. import runs
from ..exceptions import ExitStatus, ReleaseError
from ..journal import lock
from ..models import Event, Release, StepEvent, WorkflowRun
from ..steps.workflow_run import PublishingRun
from ..watcher import Watcher
from .session import Session

__all__ = ["run_watch"]


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
    try:
        watcher = session.make_watcher()
        release = watcher.find(tag, number)
        while True:
            writes = reruns > 0 or approves
            with lock(watcher.journals) if writes else nullcontext():
                status, run = _watch(
                    session,
                    watcher,
                    release,
                    PublishingRun(number, reruns=reruns, approves=approves),
                )
            if (
                status is not ExitStatus.RUN_FAILED
                or run is None
                or not runs.is_rerunnable(run)
                or not session.may_ask
                or not _ask("Run the failed jobs again?")
            ):
                return int(status)
            number, reruns = run.id, 1
    except ReleaseError as e:
        return session.fail(e, tag=tag)


def _watch(
    session: Session,
    watcher: Watcher,
    release: Release,
    step: PublishingRun,
) -> tuple[ExitStatus, WorkflowRun | None]:
    """Watch a run; return how that ended, and the run as last seen."""
    seen: list[WorkflowRun] = []

    def events() -> Iterator[Event]:
        for event in watcher.watch(release, step):
            run = None
            if isinstance(event, StepEvent):
                run = getattr(event.verdict, "run", None)
            if run is not None:
                seen[:] = [run]
            yield event

    result = session.show(
        f"Publication of {release.repository} {release.tag}",
        [(step.key, step.title)],
        events(),
        tag=release.tag,
        again=f"rsp-release watch {release.tag}",
    )
    return result.exit_status, seen[0] if seen else None


def _ask(question: str) -> bool:
    import typer

    return typer.confirm(question, default=False)
