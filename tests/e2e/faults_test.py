"""Each named fault at every single request of a release in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from rsp_release.exceptions import ExitStatus, ReleaseError
from tests.support.faults import FAULTS

from ..support.campaigns import choose_size
from ..support.service import NAME, TAG, Service, serve
from ..support.simulated import VirtualClock

Undisturbed: TypeAlias = tuple[list[bool], object]
"""Which requests of a release write, and what it leaves."""

STRIDE = choose_size(1, 60)
"""Of how many requests one is met with a fault; every write is."""

SEEDS = choose_size(12, 2)

EXPECTED_CAUSES = (
    "answer",
    "cannot be reached",
    "connection broke",
    "could not tell",
    "credentials",
    "limit",
    "token",
    "not allowed",
    "refused",
)


def _clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))


def _bump(service: Service) -> tuple[int, str]:
    try:
        result = service.bump()
    except ReleaseError as e:
        return int(e.exit_status), e.message
    return int(result.exit_status), result.message or ""


def _undisturbed(folder: Path, *, collects: bool) -> Undisturbed:
    """Release without a fault."""
    with _serve(folder, collects=collects) as service:
        before = len(service.box.state.requests)
        assert service.bump().exit_status is ExitStatus.OK
        requests = service.box.state.requests[before:]
        return [not r.is_read for r in requests], service.summary


def _choose(writes: list[bool], fault: str, stride: int) -> list[int]:
    """Choose the requests to disturb: every write, and some of the rest.

    The faults begin at different requests, so that together they meet every
    one of them.
    """
    first = list(FAULTS).index(fault) % stride
    return [
        number
        for number, is_write in enumerate(writes, start=1)
        if is_write or number % stride == first
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Release without a change log to collect."""
    return _undisturbed(tmp_path_factory.mktemp("plain"), collects=False)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Release with a change log to collect."""
    return _undisturbed(tmp_path_factory.mktemp("collected"), collects=True)


@contextmanager
def _serve(folder: Path, *, collects: bool) -> Iterator[Service]:
    with serve(folder, clock=_clock()) as service:
        if not collects:
            service.withdraw_fragments()
        yield service


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_at_every_request(
    fault: str,
    plain: Undisturbed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    writes, expected = plain
    finished = 0
    numbers = _choose(writes, fault, STRIDE)
    for number in numbers:
        with _serve(tmp_path / str(number), collects=False) as service:
            finished += _meet(service, fault, number, expected)
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{fault}: {finished} finished at once, and"
            f" {len(numbers) - finished} when asked again, of {len(numbers)}",
            end=" ",
        )


@pytest.mark.parametrize(
    "fault",
    ["bad_gateway_after", "reset_before", "stale", "unauthorized"],
)
def test_fault_while_the_change_log_lands(
    fault: str, collected: Undisturbed, tmp_path: Path
) -> None:
    """The same with a change log to collect."""
    writes, expected = collected
    for number in _choose(writes, fault, 2 * STRIDE):
        with _serve(tmp_path / str(number), collects=True) as service:
            _meet(service, fault, number, expected, writes=3)


def _meet(
    service: Service,
    fault: str,
    number: int,
    expected: object,
    *,
    writes: int = 2,
) -> bool:
    """Release through a fault; return whether it finished at once."""
    before = len(service.box.state.requests)
    service.box.faults.at(before + number, fault)
    status, message = _bump(service)
    assert service.box.faults.log, number
    where = f"{fault} at {service.box.faults.log[0]}: {message}"
    finished = status == 0
    if not finished:
        assert status in {1, 4, 6}, where
        assert any(c in message for c in EXPECTED_CAUSES), where
        service.box.accounts.revoked = False
        # A second run finishes.
        status, message = _bump(service)
        assert status == 0, f"{where}; then {message}"
    assert service.summary == expected, where
    _assert_written_once(service, before, where, writes=writes)
    return finished


def _assert_written_once(
    service: Service, before: int, where: str, *, writes: int
) -> None:
    """Nothing was carried out twice, whoever was told."""
    after = {
        "bad_gateway_after",
        "reset_after",
        "truncated_json",
        "malformed_json",
    }
    carried_out = [
        r
        for r in service.box.state.requests[before:]
        if r.method == "POST"
        and (
            (r.path.endswith("/releases") and r.status == 201)
            # git itself may send a push again, which is then refused.
            or b"ok refs/" in r.response_body
            or (
                r.path.endswith(("/releases", "git-receive-pack"))
                and r.fault in after
            )
        )
    ]
    # The tag and the release, and before them the change log if there is one.
    assert len(carried_out) == writes, where
    pages = [r for r in service.box.state.releases(NAME) if r.tag == TAG]
    assert len(pages) == 1, where


def test_random_faults(collected: Undisturbed, tmp_path: Path) -> None:
    """Many faults in one release: in the end there is one of everything."""
    _, expected = collected
    for seed in range(SEEDS):
        with serve(tmp_path / str(seed), clock=_clock()) as service:
            service.box.faults.randomly(seed=seed, rate=0.15)
            for _ in range(12):
                status, _message = _bump(service)
                if status == 0:
                    break
            service.box.faults.clear()
            status, message = _bump(service)
            assert status == 0, f"seed {seed}: {message}"
            assert service.summary == expected, f"seed {seed}"
