"""Look, decide, act, look again: the loop that every command runs.

The engine knows no step by name. It yields every look at a step as a
`~rsp_release.models.StepEvent`, and returns an `Ending`. What differs between
``bump``, ``--dry-run`` and ``status`` is the `Mode` alone.

Retries of writes live here; retries of reads live in the storage modules.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from functools import partial
from random import Random
from typing import Generic, TypeVar

from ..exceptions import (
    NotAllowedError,
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
)
from ..models import (
    Blocked,
    Change,
    Done,
    Event,
    Notice,
    StepEvent,
    Verdict,
    Wait,
    Write,
    is_compared,
)
from .journal import Journal
from .look import side_by_side
from .world import Step, World

__all__ = ["Ending", "Engine", "Mode", "Pace"]

T = TypeVar("T")


class Mode(Enum):
    """What the engine does with a verdict that is not "done"."""

    ACT = "act"
    """Writes what is to be changed and waits for what must move."""

    PLAN = "plan"
    """Shows every change and wait, and goes on as if they had happened."""

    LOOK = "look"
    """The same, but what waiting would not end well for counts as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient the engine is. All times in seconds."""

    settle: float = 60.0
    """How long a write may take to show before it may be tried again."""

    look: float = 1.0
    """First wait before looking again."""

    look_most: float = 15.0
    """Longest wait before looking again, where a step names none."""

    outage: float = 3600.0
    """How long a service may be out of reach once something was written."""

    outage_before: float = 20.0
    """The same, as long as nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the steps stood when the engine stopped."""

    verdicts: tuple[tuple[str, Verdict], ...]
    """The last verdict of every step that was looked at, by key."""

    @property
    def last(self) -> Verdict | None:
        """The verdict that the engine stopped at."""
        return self.verdicts[-1][1] if self.verdicts else None

    @property
    def is_done(self) -> bool:
        """Whether everything is as it should be that was asked for."""
        return all(
            isinstance(v, Done) or (isinstance(v, Wait) and v.is_beside)
            for _, v in self.verdicts
        )

    def replaced(self, key: str, verdict: Verdict) -> Ending:
        """Return the same with another verdict of a step."""
        verdicts = {**dict(self.verdicts), key: verdict}
        return Ending(verdicts=tuple(verdicts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Runs ordered steps against the world."""

    world: World
    """What the steps look at and write to."""

    journal: Journal
    """Where intents are recorded before the writes."""

    mode: Mode
    """What to do with a verdict that is not "done"."""

    random: Random
    """Spreads the waits, so that many machines don't ask at once."""

    deadline: datetime
    """When to stop waiting (aware, UTC)."""

    pace: Pace
    """How patient to be."""

    waits_for_people: bool = True
    """Whether to wait where a person must move; else stop there."""

    asks: bool = False
    """Whether a person is there to decide; then it stops where one may."""

    def run(
        self, steps: Sequence[Step[T]], subject: T
    ) -> Generator[Event, None, Ending]:
        """Make every step true, in order.

        Parameters
        ----------
        steps
            The steps.
        subject
            What they work from.

        Yields
        ------
        Event
            Every look at a step, and what is worth telling besides.

        Returns
        -------
        Ending
            How the steps stood at the end. In `Mode.ACT` it ends at the
            first step that is blocked, or still waits at the deadline.

        Raises
        ------
        ReleaseError
            Raised if a read or a write failed for good. Whatever was
            written until then is found again by the next run.
        """
        turns = [
            _Turn(step, subject, self.pace, self.random, self.pace.look)
            for step in steps
        ]
        if self.mode is not Mode.ACT:
            return (yield from self._show(turns))
        verdicts: list[tuple[str, Verdict]] = []
        for turn in turns:
            verdict = yield from self._make_true(turn)
            verdicts.append((turn.step.key, verdict))
            if not isinstance(verdict, Done):
                break
        return Ending(verdicts=tuple(verdicts))

    def _show(
        self, turns: Sequence[_Turn[T]]
    ) -> Generator[Event, None, Ending]:
        """Look at all steps side by side, and tell of them in their order.

        What one step needs and cannot be read keeps no other from being
        shown.
        """
        verdicts: list[tuple[str, Verdict]] = []
        failures: list[tuple[str, ReleaseError]] = []
        looks = [partial(self._look, turn) for turn in turns]
        with side_by_side(self.world.look, looks) as begun:
            for turn, wait in zip(turns, begun, strict=True):
                try:
                    verdict = wait()
                except ReleaseError as e:
                    failures.append((turn.step.title, e))
                    continue
                yield from self._tell()
                now = self.world.clock.now()
                if isinstance(verdict, Wait):
                    is_patient = self.mode is not Mode.LOOK
                    verdict = turn.bound(verdict, now, is_patient=is_patient)
                yield turn.event(verdict, now)
                verdicts.append((turn.step.key, verdict))
        for text in _name(failures) if verdicts else ():
            yield Notice(text=text, at=self.world.clock.now())
        for _, failure in failures:
            raise failure
        return Ending(verdicts=tuple(verdicts))

    def _tell(self) -> Iterator[Event]:
        """Tell what a person should know of the looking."""
        look = self.world.look
        for text in look.take_notices() if look is not None else ():
            yield Notice(text=text, at=self.world.clock.now())

    def _make_true(self, turn: _Turn[T]) -> Generator[Event, None, Verdict]:
        clock = self.world.clock
        while True:
            verdict = self._look(turn)
            yield from self._tell()
            if isinstance(verdict, Change):
                outcome = yield from self._write(turn, verdict)
                if outcome is None:
                    continue
                verdict = outcome
            now = clock.now()
            if isinstance(verdict, Wait):
                verdict = turn.bound(verdict, now, is_patient=True)
            yield turn.event(verdict, now)
            if not isinstance(verdict, Wait):
                return verdict
            if verdict.is_on_person and not self.waits_for_people:
                return verdict
            if verdict.choice is not None and self.asks:
                return verdict
            if not self._sleep(turn, verdict):
                return verdict

    def _look(self, turn: _Turn[T]) -> Verdict:
        """Look; ask anew what a write would be decided from otherwise."""
        look = self.world.look
        if look is None:
            return self._observe(turn)
        look.begin_turn()
        verdict = self._observe(turn)
        while isinstance(verdict, Change) and self.mode is Mode.ACT:
            compares = is_compared(verdict.write)
            if look.is_fresh(compares=compares):
                break
            look.end_former(compares=compares)
            verdict = self._observe(turn)
        return verdict

    def _observe(self, turn: _Turn[T]) -> Verdict:
        """Observe and decide; what only needs time becomes a `Wait`."""
        clock = self.world.clock
        try:
            seen = turn.step.observe(turn.subject, self.world)
        except RateLimitedError as e:
            if self.mode is not Mode.ACT:
                raise
            return _wait_until(e, clock.now())
        except ReadError as e:
            turn.read_out_since = turn.read_out_since or clock.now()
            if self.mode is not Mode.ACT or self._is_out(turn.read_out_since):
                raise
            return Wait(reason=f"{e.message}; trying again")
        turn.read_out_since = None
        return turn.step.decide(turn.subject, seen)

    def _write(
        self, turn: _Turn[T], change: Change
    ) -> Generator[Event, None, Verdict | None]:
        """Write once, or say why not now; `None` means "look again"."""
        journal, clock = self.journal, self.world.clock
        key = change.write.key
        now = clock.now()
        intent = journal.intent(key)
        if intent and now < intent + timedelta(seconds=self.pace.settle):
            return Wait(reason=f"{change.summary}: waiting for it to show")
        if key in turn.refusals and turn.refusals[key][2] == change.write:
            return turn.believe(change, now)
        yield turn.event(change, now, is_acting=True)
        journal.intend(key, step=turn.step.key, at=now)
        try:
            notice = self._act(turn, change)
        except RateLimitedError as e:
            journal.void(key, why=e.message, at=clock.now())
            return _wait_until(e, clock.now())
        except NotSentError as e:
            journal.void(key, why=e.message, at=clock.now())
            turn.write_out_since = turn.write_out_since or clock.now()
            if self._is_out(turn.write_out_since):
                raise
            return Wait(reason=f"{e.message}; trying again")
        except RefusedError as e:
            # Something of that name may be there by now: look again, and
            # only then believe the refusal.
            journal.void(key, why=e.message, at=clock.now())
            turn.refusals[key] = (e, clock.now(), change.write)
            return None
        except NotAllowedError as e:
            journal.void(key, why=e.message, at=clock.now())
            raise
        except UncertainError as e:
            yield Notice(
                text=f"{e.message}; looking whether it happened",
                at=clock.now(),
            )
            return None
        if notice is not None:
            yield Notice(text=notice, at=clock.now())
        turn.interval = self.pace.look
        return None

    def _act(self, turn: _Turn[T], change: Change) -> str | None:
        """Write; whatever is looked at right before is asked anew."""
        if self.world.look is not None:
            self.world.look.end()
        return turn.step.act(change, self.world)

    def _is_out(self, since: datetime) -> bool:
        """Return whether a service was out of reach for too long.

        Before anything was written it is kinder to fail soon. After that, an
        outage is no reason to leave a release half-made.
        """
        seconds = self.pace.outage_before
        if self.journal.has_intents:
            seconds = self.pace.outage
        return self.world.clock.now() - since > timedelta(seconds=seconds)

    def _sleep(self, turn: _Turn[T], wait: Wait) -> bool:
        """Sleep until the next look; return whether there is time left."""
        now = self.world.clock.now()
        seconds = turn.next_interval(wait)
        left = (self.deadline - now).total_seconds()
        if left <= 0:
            return False
        self.world.clock.sleep(min(seconds, left))
        return True


@dataclass(slots=True)
class _Turn(Generic[T]):
    """What the engine remembers of one step while it is at it."""

    step: Step[T]
    subject: T
    pace: Pace
    random: Random
    interval: float
    refusals: dict[str, tuple[RefusedError, datetime, Write]] = field(
        default_factory=dict
    )
    """Why and when a write was refused. One that is decided anew from what
    the remote has by then, such as another claim, is another write.
    """
    waiting_since: dict[str, datetime] = field(default_factory=dict)
    read_out_since: datetime | None = None
    write_out_since: datetime | None = None

    def event(
        self, verdict: Verdict, at: datetime, *, is_acting: bool = False
    ) -> StepEvent:
        return StepEvent(
            key=self.step.key,
            title=self.step.title,
            verdict=verdict,
            at=at,
            is_acting=is_acting,
        )

    def bound(self, wait: Wait, now: datetime, *, is_patient: bool) -> Verdict:
        """Turn a wait whose own patience is used up into what then holds."""
        if wait.otherwise is None or wait.patience is None:
            return wait
        then = wait.otherwise
        told = then.evidence if isinstance(then, Done) else then.problem
        since = self.waiting_since.setdefault(told, now)
        patience = wait.patience if is_patient else 0.0
        if now - since < timedelta(seconds=patience):
            return wait
        return then

    def next_interval(self, wait: Wait) -> float:
        if wait.interval is not None:
            return wait.interval
        interval = self.interval
        self.interval = min(interval * 1.5, self.pace.look_most)
        return interval * self.random.uniform(0.8, 1.2)

    def believe(self, change: Change, now: datetime) -> Verdict:
        """Believe a refusal, once reads had time to show what caused it."""
        refusal, since, _ = self.refusals[change.write.key]
        settle = timedelta(seconds=self.pace.settle)
        if refusal.is_duplicate and now < since + settle:
            return Wait(reason=f"{change.summary}: waiting for it to show")
        return Blocked(
            problem=refusal.message, help=refusal.help, url=refusal.url
        )


def _name(failures: Sequence[tuple[str, ReleaseError]]) -> Iterator[str]:
    """Say which steps could not be looked at, and why; the first is told."""
    for why in dict.fromkeys(failure.message for _, failure in failures):
        titles = [title for title, e in failures if e.message == why]
        is_told = why == failures[0][1].message
        text = f"not checked: {', '.join(titles)}"
        yield text if is_told else f"{text}: {why}"


def _wait_until(error: RateLimitedError, now: datetime) -> Wait:
    seconds = max((error.until - now).total_seconds(), 1.0)
    return Wait(reason=error.message, interval=seconds)
