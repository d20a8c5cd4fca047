"""After a run failed: the offer to run its failed jobs again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..exceptions import ExitStatus
from ..models import Event, Result, StepEvent, WorkflowRun
from ..runs import states as runs
from .session import Session

__all__ = ["LastRun"]


class LastRun:
    """The run that a command's events were last about."""

    def __init__(self) -> None:
        self._run: WorkflowRun | None = None

    @property
    def number(self) -> int | None:
        """GitHub's number of it, once there is one."""
        return self._run.id if self._run else None

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass events on, and keep the run.

        Parameters
        ----------
        events
            The events of a command.

        Yields
        ------
        Event
            The same events.
        """
        for event in events:
            if isinstance(event, StepEvent):
                run = getattr(event.verdict, "run", None)
                self._run = run or self._run
            yield event

    def offer(self, session: Session, result: Result) -> bool:
        """Ask whether to run the failed jobs again, where that can help.

        Parameters
        ----------
        session
            The command, which knows whether a person is there.
        result
            How it ended.

        Returns
        -------
        bool
            Whether a person wants it.
        """
        import typer

        return (
            result.exit_status is ExitStatus.RUN_FAILED
            and self._run is not None
            and runs.is_rerunnable(self._run)
            and session.may_ask
            and typer.confirm("Run the failed jobs again?", default=False)
        )
