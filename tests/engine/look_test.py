"""One look: what is asked once, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from time import sleep

import pytest

from rsp_release.engine.look import (
    AGE,
    MOST,
    PATIENCE,
    Look,
    read_beside,
    side_by_side,
)
from rsp_release.exceptions import RateLimitedError, ReadError

from ..support.simulated import VirtualClock


class _World:
    """Something that is another thing each time that it is asked for."""

    def __init__(self) -> None:
        self.count = 0

    def ask(self) -> int:
        self.count += 1
        return self.count


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def look(clock: VirtualClock) -> Look:
    return Look(clock)


def test_what_is_wanted_twice_is_asked_once(look: Look) -> None:
    world = _World()
    assert [look.once("a", world.ask) for _ in range(3)] == [1, 1, 1]
    assert look.once("b", world.ask) == 2


@pytest.mark.parametrize(
    "pass_by",
    [
        lambda look, clock: look.end(),
        lambda look, clock: look.sleep(0.0),
        lambda look, clock: look.sleep(1.0),
        lambda look, clock: clock.sleep(AGE.total_seconds() + 1),
    ],
    ids=["a write", "a short wait", "a wait", "age"],
)
def test_nothing_outlives_a_look(
    look: Look,
    clock: VirtualClock,
    pass_by: Callable[[Look, VirtualClock], None],
) -> None:
    world = _World()
    look.once("a", world.ask)
    pass_by(look, clock)
    assert look.once("a", world.ask) == 2


def test_it_is_as_old_as_its_first_answer(
    look: Look, clock: VirtualClock
) -> None:
    world = _World()
    look.once("a", world.ask)
    clock.sleep(AGE.total_seconds() - 1)
    assert look.once("b", world.ask) == 2
    clock.sleep(2)
    assert look.once("b", world.ask) == 3


def test_what_was_begun_before_a_write_is_not_told_after(look: Look) -> None:
    def ask() -> str:
        look.end()  # somebody writes meanwhile
        return "before"

    assert look.once("a", ask) == "before"
    assert look.once("a", lambda: "after") == "after"


def test_a_failure_is_an_answer_as_well(look: Look) -> None:
    world = _World()

    def fail() -> int:
        world.ask()
        raise ReadError("down")

    for _ in range(2):
        with pytest.raises(ReadError, match="down"):
            look.once("a", fail)
    assert world.count == 1
    look.end()
    assert look.once("a", lambda: 7) == 7


def test_who_was_interrupted_learnt_nothing(look: Look) -> None:
    def interrupt() -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look.once("a", interrupt)
    assert look.once("a", lambda: 7) == 7


def test_threads_share_an_answer(look: Look) -> None:
    world, start = _World(), Barrier(8)

    def ask(_: int) -> int:
        start.wait(10)
        return look.once("a", world.ask)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1}


def test_a_turn_knows_what_was_asked_before_it(look: Look) -> None:
    world = _World()
    told = []
    for keys in ("aa", "b", "ab"):
        look.begin_turn()
        for key in keys:
            look.once(key, world.ask)
        told.append(look.is_fresh())
    assert told == [True, True, False]
    look.begin_turn()
    look.once("c", world.ask)
    look.end_former()
    # What was asked in this turn need not be asked anew.
    assert look.once("c", world.ask) == 3
    assert look.once("a", world.ask) == 4


def test_what_a_push_is_compared_with_may_be_older(look: Look) -> None:
    world = _World()
    look.begin_turn()
    look.once("refs", world.ask, is_compared=True)
    look.once("rules", world.ask)
    look.begin_turn()
    look.once("refs", world.ask, is_compared=True)
    assert look.is_fresh(compares=True)
    assert not look.is_fresh()
    look.once("rules", world.ask)
    assert not look.is_fresh(compares=True)
    look.end_former(compares=True)
    assert look.is_fresh()
    assert look.once("refs", world.ask) == 1
    assert look.once("rules", world.ask) == 3
    # For all other writes it is asked anew as well.
    look.end_former()
    assert look.once("refs", world.ask) == 4


def test_what_a_write_was_answered_begins_the_next_look(
    look: Look, clock: VirtualClock
) -> None:
    look.begin_turn()
    assert look.recall("refs") is None
    look.end()
    look.tell("refs", "told")
    look.begin_turn()
    assert look.recall("refs") == "told"
    assert look.is_fresh()
    look.begin_turn()
    assert look.recall("refs") == "told"
    assert not look.is_fresh(compares=True)
    clock.sleep(AGE.total_seconds() + 1)
    assert look.recall("refs") is None


@pytest.mark.parametrize("pass_by", ["end", "sleep"])
def test_what_was_told_ends_with_the_look(look: Look, pass_by: str) -> None:
    look.tell("refs", "told")
    getattr(look, pass_by)(*([1.0] if pass_by == "sleep" else []))
    assert look.recall("refs") is None


class _Server:
    """Takes one request at a time."""

    def __init__(self, clock: VirtualClock, seconds: float = 30.0) -> None:
        self.until = clock.now() + timedelta(seconds=seconds)
        self._clock = clock
        self.running = self.most = 0

    def ask(self) -> str:
        if self._clock.now() < self.until:
            raise RateLimitedError("secondary rate limit", until=self.until)
        self.running += 1
        self.most = max(self.most, self.running)
        self.running -= 1
        return "told"


def test_what_is_too_much_at_once_is_asked_one_by_one(
    look: Look, clock: VirtualClock
) -> None:
    server, start = _Server(clock), Barrier(4)

    def ask(number: int) -> str:
        def begin() -> str:
            if look.width > 1:
                start.wait(10)
            return server.ask()

        return look.once(number, begin)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == ["told"] * 4
    assert clock.now() == server.until
    assert (look.width, server.most) == (1, 1)
    (notice,) = look.take_notices()
    assert "one thing after the other" in notice
    assert look.take_notices() == ()
    assert look.once("more", server.ask) == "told"


def test_nobody_asks_before_a_limit_is_over(
    look: Look, clock: VirtualClock
) -> None:
    """Nor does who comes before those who ran into it."""
    server = _Server(clock)
    look._narrow(server.until)
    assert look.once("a", server.ask) == "told"
    assert clock.now() == server.until


def test_who_waited_to_be_among_those_at_once_asks_alone(look: Look) -> None:
    inside, asked = Barrier(MOST + 1), []

    def begin() -> None:
        inside.wait(10)
        inside.wait(10)

    def ask_last() -> None:
        with ThreadPoolExecutor(1) as other:
            taken = other.submit(look._one.acquire, blocking=False).result()
        asked.append(not taken)

    with ThreadPoolExecutor(MOST + 1) as pool:
        for number in range(MOST):
            pool.submit(look.once, number, begin)
        inside.wait(10)
        last = pool.submit(look.once, "last", ask_last)
        while "last" not in look._seen:
            sleep(0.001)
        look.width = 1
        inside.wait(10)
        last.result()
    assert asked == [True]


def test_no_write_follows_from_what_was_told_before_such_a_wait(
    look: Look, clock: VirtualClock
) -> None:
    server, start = _Server(clock), Barrier(2)
    world = _World()

    def ask(number: int) -> str:
        def begin() -> str:
            if look.width > 1:
                start.wait(10)
            return server.ask()

        return look.once(number, begin)

    look.begin_turn()
    look.once("branch", world.ask)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ask, range(2)))
    assert not look.is_fresh(compares=True)
    look.end_former(compares=True)
    assert look.once("branch", world.ask) == 2
    assert look.is_fresh()


def test_a_limit_of_one_request_is_for_the_engine(
    look: Look, clock: VirtualClock
) -> None:
    server = _Server(clock)
    with pytest.raises(RateLimitedError):
        look.once("a", server.ask)
    assert clock.now() < server.until
    assert look.width > 1


def test_nobody_waits_for_an_hour(look: Look, clock: VirtualClock) -> None:
    server, start = _Server(clock, PATIENCE.total_seconds() + 60), Barrier(2)

    def ask(number: int) -> str:
        def begin() -> str:
            start.wait(10)
            return server.ask()

        return look.once(number, begin)

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, number) for number in range(2)]
    assert all(
        isinstance(each.exception(), RateLimitedError) for each in asked
    )
    assert clock.now() < server.until


def test_servers_of_their_own_wait_for_nobody(look: Look) -> None:
    """More at once than a server is asked, even once it was too many."""
    look.width = 1
    barrier = Barrier(3 * MOST, timeout=10)

    def read(number: int) -> int:
        return look.once(number, barrier.wait, is_apart=True)

    reads = [partial(read, number) for number in range(3 * MOST)]
    with side_by_side(look, reads, is_apart=True) as waits:
        assert sorted(wait() for wait in waits) == list(range(3 * MOST))


def test_what_is_wanted_next_is_read_beside(look: Look) -> None:
    both = Barrier(2, timeout=10)

    def fail() -> None:
        both.wait()
        raise ReadError("down")

    def read() -> int:
        both.wait()
        return 1

    # Whoever wants the other is told that it failed.
    assert read_beside(look, read, [fail]) == 1
    assert read_beside(None, lambda: 2, [fail]) == 2
