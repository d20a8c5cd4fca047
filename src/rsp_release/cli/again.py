"""The offer to re-run the failed jobs of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..exceptions import ExitStatus
from ..models import Event, Result, StepEvent, WorkflowRun
from ..runs import states as runs
from .session import Session

__all__ = ["LastRun"]


class LastRun:
    """The run in the last events of a command."""

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
        """Ask whether to re-run the failed jobs, where that can help.

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
        return (
            result.exit_status is ExitStatus.RUN_FAILED
            and self._run is not None
            and runs.is_rerunnable(self._run)
            and session.may_ask
            and session.confirm("Re-run the failed jobs?")
        )
