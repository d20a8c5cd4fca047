"""What the tests of the sandbox are given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rsp_release.sandbox import Sandbox, Scenario, seed
from tests.support.sandbox import Client, ManualClock, clone

NAME = "rubin-demo/stargazer"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def box(clock: ManualClock) -> Iterator[Sandbox]:
    """Give a sandbox with the made-up service on a clock of the test's."""
    with Sandbox(Scenario(), clock=clock) as box:
        seed.demo(box)
        yield box


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with Client(box) as client:
        yield client


@pytest.fixture
def work(box: Sandbox, tmp_path: Path) -> Path:
    """Give a clone of the service."""
    return clone(box, NAME, tmp_path / "clone")
