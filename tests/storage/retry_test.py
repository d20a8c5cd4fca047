from __future__ import annotations

from random import Random

import pytest

from rsp_release.exceptions import NotAllowedError, ReadError
from rsp_release.storage.retry import ReadRetrier

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


def test_definite_answers_are_not_tried_again() -> None:
    calls = []

    def read() -> None:
        calls.append(1)
        raise NotAllowedError("no")

    with pytest.raises(NotAllowedError):
        ReadRetrier(clock=VirtualClock(), random=Random(0)).read(read)
    assert len(calls) == 1
