"""One look at the world: what is asked at one moment is asked once.

A look begins with its first question. It ends with a write, with a wait, and
when it is half a minute old. See decision record 0012.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Lock, RLock
from typing import Any, TypeVar, cast

from ..exceptions import RateLimitedError
from .world import Clock, Memory

__all__ = ["Look", "changing", "read_beside", "side_by_side"]

T = TypeVar("T")

AGE = timedelta(seconds=30)
"""How old the first answer of a look may be."""

MOST = 8
"""How many questions are asked at once."""

PATIENCE = timedelta(seconds=120)
"""How long is waited where that is too many."""


@contextmanager
def side_by_side(
    look: Memory | None,
    reads: Sequence[Callable[[], T]],
    *,
    is_apart: bool = False,
) -> Iterator[Sequence[Callable[[], T]]]:
    """Begin to read several things at once.

    Parameters
    ----------
    look
        The look that they are part of; without one they are read when they
        are asked for.
    reads
        What reads them.
    is_apart
        Whether each asks a server of its own: then none waits for another.

    Yields
    ------
    typing.Sequence
        What waits for each.
    """
    width = look.width if look is not None else 1
    if look is not None and is_apart:
        width = max(len(reads), 1)
    if width == 1:
        yield reads
        return
    with ThreadPoolExecutor(width) as pool:
        yield [pool.submit(read).result for read in reads]


def read_beside(
    look: Memory | None,
    read: Callable[[], T],
    others: Sequence[Callable[[], object]],
) -> T:
    """Read something, and beside it what is wanted next.

    Parameters
    ----------
    look
        The look that they are part of, which keeps the others' answers.
    read
        Reads it.
    others
        What reads what is wanted next; whoever wants it is told of a failure.

    Returns
    -------
    typing.Any
        What was read.
    """
    reads: list[Callable[[], Any]] = [read, *others]
    with side_by_side(look, reads) as begun:
        return cast("T", begun[0]())


@contextmanager
def changing(look: Memory | None) -> Iterator[None]:
    """Forget what was seen before a write, and what was while it went on.

    Parameters
    ----------
    look
        The look that the write ends, however it goes; if any.
    """
    if look is None:
        yield
        return
    look.end()
    try:
        yield
    finally:
        look.end()


@dataclass(eq=False, slots=True)
class _Answer:
    """What was asked, and in which turn."""

    turn: int
    is_compared: bool = False
    future: Future[Any] = field(default_factory=Future)


class Look:
    """Keeps what was seen, for all who look at the same moment.

    It is the clock that the steps wait on, so that every wait ends it. For
    any number of threads.

    Parameters
    ----------
    clock
        The clock that is waited on.
    width
        How many questions may be asked at once.
    """

    def __init__(self, clock: Clock, *, width: int = MOST) -> None:
        self.width = width
        """How many questions are asked at once from now on."""
        self._clock = clock
        self._gate = BoundedSemaphore(width)
        self._one = RLock()
        self._running = 0
        self._notices: list[str] = []
        self._lock = Lock()
        self._seen: dict[Hashable, _Answer] = {}
        self._since: datetime | None = None
        self._until: datetime | None = None
        self._turn = 0
        self._is_older = self._is_compared = False

    def now(self) -> datetime:
        """Return the present time (aware)."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass; what was seen before is forgotten."""
        with changing(self):
            self._clock.sleep(seconds)

    def end(self) -> None:
        """Forget what was seen; whoever writes calls it before and after."""
        with self._lock:
            self._seen, self._since = {}, None

    def begin_turn(self) -> None:
        """Begin to see what is decided upon next."""
        with self._lock:
            self._turn += 1
            self._is_older = self._is_compared = False

    def end_former(self, *, compares: bool = False) -> None:
        """Forget what was seen before the present turn.

        Parameters
        ----------
        compares
            Whether to keep what a push is compared with.
        """
        with self._lock:
            self._is_older = self._is_compared = False
            self._seen = {
                key: answer
                for key, answer in self._seen.items()
                if answer.turn >= self._turn
                or (compares and answer.is_compared)
            }

    def take_notices(self) -> tuple[str, ...]:
        """Return what a person should know of the looking, once."""
        with self._lock:
            told, self._notices = tuple(self._notices), []
        return told

    def is_fresh(self, *, compares: bool = False) -> bool:
        """Return whether all that was told in this turn was asked in it, too.

        Parameters
        ----------
        compares
            Whether what is written is compared, by who takes it, with what
            it was decided from. Then that may be older.
        """
        return not (self._is_older or (self._is_compared and not compares))

    def tell(self, key: Hashable, answer: object) -> None:
        """Begin a look with what a write was answered.

        Parameters
        ----------
        key
            What the answer would be asked by.
        answer
            The answer.
        """
        with self._lock:
            self._since = self._since or self._clock.now()
            told = self._seen[key] = _Answer(self._turn + 1)
        told.future.set_result(answer)

    def recall(self, key: Hashable) -> Any:
        """Return what this look has seen or was told; `None`: nothing.

        Parameters
        ----------
        key
            What was asked.
        """
        with self._lock:
            self._grow_old()
            answer = self._seen.get(key)
            if answer is None:
                return None
            self._note(answer)
        return answer.future.result()

    def once(
        self,
        key: Hashable,
        read: Callable[[], T],
        *,
        is_compared: bool = False,
        is_apart: bool = False,
    ) -> T:
        """Ask something, unless that was asked in this look already.

        Parameters
        ----------
        key
            What is asked.
        read
            Asks it. What it raises is remembered like an answer.
        is_compared
            Whether a push is compared with it.
        is_apart
            Whether a server of its own is asked: then it waits for no other
            question, and none for it.

        Returns
        -------
        typing.Any
            The answer.
        """
        with self._lock:
            self._grow_old()
            seen = self._seen
            answer = seen.get(key)
            is_first = answer is None
            if answer is None:
                answer = seen[key] = _Answer(self._turn, is_compared)
            self._note(answer)
        if is_first:
            try:
                found = read() if is_apart else self._ask(read)
                answer.future.set_result(found)
            except BaseException as e:
                if not isinstance(e, Exception):
                    # Whoever was interrupted learnt nothing.
                    seen.pop(key, None)
                answer.future.set_exception(e)
        return cast("T", answer.future.result())

    def _grow_old(self) -> None:
        """Forget what is too old, and begin."""
        now = self._clock.now()
        if self._since is None or now - self._since > AGE:
            self._seen, self._since = {}, now

    def _note(self, answer: _Answer) -> None:
        """Note how old it is what is decided from."""
        if answer.turn < self._turn:
            self._is_compared |= answer.is_compared
            self._is_older |= not answer.is_compared

    def _ask(self, read: Callable[[], T]) -> T:
        """Ask beside others, or alone once that was too much for a server."""
        if self.width > 1:
            with self._gate:
                is_alone = self._enter()
                try:
                    # It may have been too much while this one waited.
                    if self.width > 1:
                        return read()
                except RateLimitedError as e:
                    is_alone = is_alone and self._running == 1
                    if is_alone or e.until - self._clock.now() > PATIENCE:
                        raise
                    self._narrow(e.until)
                finally:
                    self._leave()
        with self._one:
            self._wait_out()
            return read()

    def _wait_out(self) -> None:
        """Wait until the server lets itself be asked again."""
        if self._until is None:
            return
        left = (self._until - self._clock.now()).total_seconds()
        if left > 0:
            self.sleep(left)
            # What this turn was told before the wait decides no write.
            self._is_older = True

    def _enter(self) -> bool:
        """Count who asks; return whether nobody else does."""
        with self._lock:
            self._running += 1
            return self._running == 1

    def _leave(self) -> None:
        with self._lock:
            self._running -= 1

    def _narrow(self, until: datetime) -> None:
        """Ask one after the other from now on, and nothing until then."""
        with self._lock:
            self._until = max(until, self._until or until)
            if self.width > 1:
                self.width = 1
                self._notices.append(
                    "GitHub limits how much is asked at once: looking at one"
                    " thing after the other"
                )
