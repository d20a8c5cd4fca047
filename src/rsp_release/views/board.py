"""The state of every step, kept up to date with the events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias

from ..models import (
    Blocked,
    Change,
    Event,
    ImageReport,
    Notice,
    Result,
    Standing,
    StepEvent,
    WorkflowRun,
)
from . import safe, words

__all__ = ["Board", "Row", "State"]

State: TypeAlias = Literal[
    "pending", "looking", "acting", "waiting", "planned", "done", "blocked"
]
"""How a step stands."""


_STATES: dict[words.Kind, State] = {
    "done": "done",
    "change": "planned",
    "wait": "waiting",
    "blocked": "blocked",
}


@dataclass(slots=True, kw_only=True)
class Row:
    """A step, as a view shows it."""

    key: str
    """The step's key."""

    title: str
    """The step's title."""

    state: State = "pending"
    """How it stands."""

    text: str = ""
    """What shows it. Several lines where several things are wrong."""

    help: str | None = None
    """What to do, where it is blocked."""

    url: str | None = None
    """Where it can be looked at."""

    run: WorkflowRun | None = None
    """The run that it is about, as last read."""

    images: tuple[ImageReport, ...] = ()
    """The images that it is about, as last read."""

    environments: tuple[Standing, ...] = ()
    """The environments that it is about, as last read."""

    since: datetime | None = None
    """When it was taken up."""

    until: datetime | None = None
    """When it was settled."""

    def spent(self, now: datetime) -> float | None:
        """Return the seconds it has taken so far."""
        if self.since is None:
            return None
        return words.seconds(self.since, self.until or now)


class Board:
    """Every step and how it stands.

    Parameters
    ----------
    steps
        Key and title of each step, in order. Titles may be untrusted.
    """

    def __init__(self, steps: Sequence[tuple[str, str]]) -> None:
        self.rows = [
            Row(key=key, title=safe.line(title)) for key, title in steps
        ]
        self.result: Result | None = None
        self.has_acted = False
        self.is_repeated = False
        """Whether the last event was the one before, but later."""
        self._told: tuple[Event, Event] | None = None
        self._mark: datetime | None = None
        self._began: datetime | None = None

    def begin(self, at: datetime) -> None:
        """Take up the first step."""
        self._began = self._mark = at
        self._take_up(0)

    def fold(self, event: Event) -> Event:
        """Take in an event.

        This is the edge where untrusted text is made safe: a view shows
        nothing but what it got from here.

        Parameters
        ----------
        event
            What the engine told.

        Returns
        -------
        Event
            The same, with its texts made safe.
        """
        event = self._make_safe(event)
        if self._began is None:
            self.begin(event.at)
        match event:
            case StepEvent():
                self._fold_step(event)
            case Result():
                self.result = event
                self._settle(len(self.rows), event.at)
            case Notice():
                pass
        return event

    def _make_safe(self, event: Event) -> Event:
        """Make the texts of an event safe, once if it is repeated."""
        if self._told is not None:
            before, shown = self._told
            self.is_repeated = (
                isinstance(event, StepEvent)
                and isinstance(before, StepEvent)
                and event.key == before.key
                and event.verdict == before.verdict
                and event.is_acting == before.is_acting
            )
            if self.is_repeated:
                return replace(shown, at=event.at)
        shown = safe.event(event)
        self._told = event, shown
        return shown

    def hint(self, text: str) -> None:
        """Say how far the step is that is looked at."""
        row = self.active
        if row is not None and row.state == "looking":
            row.text = safe.line(text)

    @property
    def active(self) -> Row | None:
        """The step that is being worked on."""
        for row in self.rows:
            if row.since is not None and row.until is None:
                return row
        return None

    def find(self, key: str) -> Row:
        """Return the step with a key, which is there."""
        return next(row for row in self.rows if row.key == key)

    @property
    def blocked(self) -> Row | None:
        """The step that stopped it all."""
        return next((r for r in self.rows if r.state == "blocked"), None)

    @property
    def spent(self) -> float:
        """The seconds from the beginning to the result."""
        if self._began is None or self.result is None:
            return 0.0
        return words.seconds(self._began, self.result.at)

    def stop(self, at: datetime) -> None:
        """End without a result: something broke, or somebody did."""
        self._settle(len(self.rows), at)

    def _fold_step(self, event: StepEvent) -> None:
        index = self._index(event)
        row = self.rows[index]
        self._settle(index, event.at)
        row.title = event.title
        row.since = row.since or self._mark or event.at
        row.until = None
        verdict = event.verdict
        kind, row.text = words.ruling(verdict)
        row.state = "acting" if event.is_acting else _STATES[kind]
        self.has_acted |= event.is_acting
        row.help = verdict.help if isinstance(verdict, Blocked) else None
        row.url = None
        if not isinstance(verdict, Change):
            row.url = verdict.url
            # An answer without the run does not mean that it is gone.
            row.run = verdict.run or row.run
            row.images = verdict.images or row.images
            row.environments = verdict.environments or row.environments
        self._mark = event.at
        if row.state in {"done", "planned", "blocked"}:
            row.until = event.at
        if row.state in {"done", "planned"}:
            self._take_up(index + 1)

    def _index(self, event: StepEvent) -> int:
        for index, row in enumerate(self.rows):
            if row.key == event.key:
                return index
        self.rows.append(Row(key=event.key, title=event.title))
        return len(self.rows) - 1

    def _take_up(self, index: int) -> None:
        if index < len(self.rows) and self.rows[index].state == "pending":
            self.rows[index].state = "looking"
            self.rows[index].since = self._mark

    def _settle(self, index: int, at: datetime) -> None:
        # The engine has moved on, so whatever was open is not any more.
        for number, row in enumerate(self.rows):
            if number == index:
                continue
            if row.state == "looking":
                row.state, row.since, row.text = "pending", None, ""
            elif row.since is not None and row.until is None:
                row.until = at
