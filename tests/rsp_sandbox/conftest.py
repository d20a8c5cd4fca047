"""What the tests of the sandbox are given."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rsp_sandbox import Scenario, seed
from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock, clone

NAME = "rubin-demo/stargazer"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the service once; tests copy it."""
    return seed.make_service(tmp_path_factory.mktemp("service") / "bare.git")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def start(
    clock: ManualClock, service: Path, tmp_path: Path
) -> Iterator[Callable[..., Sandbox]]:
    """Start a sandbox with the service, as a scenario's data says."""
    boxes: list[Sandbox] = []

    def begin(data: dict[str, Any] | None = None) -> Sandbox:
        box = Sandbox(Scenario.read(data or {}), clock=clock)
        path = tmp_path / f"service-{len(boxes)}.git"
        shutil.copytree(service, path)
        seed.demo(box, path=path)
        boxes.append(box)
        return box.__enter__()

    yield begin
    for box in boxes:
        box.__exit__(None, None, None)


@pytest.fixture
def box(start: Callable[..., Sandbox]) -> Sandbox:
    """Give a sandbox with the service on a clock of the test's."""
    return start()


@pytest.fixture
def client(box: Sandbox) -> Iterator[Client]:
    with Client(box) as client:
        yield client


@pytest.fixture
def work(box: Sandbox, tmp_path: Path) -> Path:
    """Give a clone of the service."""
    return clone(box, NAME, tmp_path / "clone")
