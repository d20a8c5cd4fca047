from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from rsp_release.exceptions import NotAllowedError, ReadError
from rsp_release.storage.retry import (
    LastingReadError,
    ReadRetrier,
    retry_after,
)

from ..support.simulated import START, VirtualClock


def test_passing_failures_are_tried_again() -> None:
    clock, errors = VirtualClock(), [ReadError("down")] * 3

    def read() -> str:
        if errors:
            raise errors.pop()
        return "answer"

    retrier = ReadRetrier(clock=clock, random=Random(0))
    assert retrier.read(read) == "answer"
    assert 1 < (clock.now() - START).total_seconds() < 10


def test_lasting_failures_are_told() -> None:
    calls = []

    def read() -> None:
        calls.append(1)
        raise ReadError("down")

    with pytest.raises(ReadError):
        ReadRetrier(clock=VirtualClock(), random=Random(0)).read(read)
    assert len(calls) == 4


def test_what_lasts_is_not_tried_again() -> None:
    calls = []

    def read() -> None:
        calls.append(1)
        raise LastingReadError("too large")

    with pytest.raises(LastingReadError):
        ReadRetrier(clock=VirtualClock()).read(read)
    assert len(calls) == 1


def test_answers_that_ask_to_wait() -> None:
    """The wait is as long as asked, and the last answer stands."""
    clock, answers = VirtualClock(), [None, 5.0, 0.0, 7.0, 7.0]
    retrier = ReadRetrier(clock=clock)
    assert retrier.read(answers.pop, again=lambda answer: answer) == 5.0
    assert (clock.now() - START).total_seconds() == 7.0 + 7.0 + 2.25
    assert retrier.read(answers.pop, again=lambda answer: answer) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("4", 4.0),
        (" 0.5 ", 0.5),
        ("-3", 0.0),
        ("Fri, 01 May 2026 12:00:05 GMT", 5.0),
        ("Fri, 01 May 2020 12:00:05 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert retry_after({"retry-after": value}, now) == seconds
    assert retry_after({}, now) is None


def test_definite_answers_are_not_tried_again() -> None:
    calls = []

    def read() -> None:
        calls.append(1)
        raise NotAllowedError("no")

    with pytest.raises(NotAllowedError):
        ReadRetrier(clock=VirtualClock(), random=Random(0)).read(read)
    assert len(calls) == 1
