"""Each named fault at every single request of a release in turn."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rsp_release.exceptions import ExitStatus, ReleaseError
from rsp_release.sandbox import FAULTS

from ..support.service import NAME, TAG, Service, serve
from ..support.simulated import VirtualClock

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


def _undisturbed(folder: Path) -> tuple[int, object]:
    with serve(folder, clock=_clock()) as service:
        before = len(service.box.state.requests)
        assert service.bump().exit_status is ExitStatus.OK
        count = len(service.box.state.requests) - before
        return count, service.summary


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_at_every_request(
    fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count, expected = _undisturbed(tmp_path / "undisturbed")
    finished = 0
    for number in range(1, count + 1):
        with serve(tmp_path / str(number), clock=_clock()) as service:
            before = len(service.box.state.requests)
            service.box.faults.at(before + number, fault)
            status, message = _bump(service)
            assert service.box.faults.log, number
            where = f"{fault} at {service.box.faults.log[0]}: {message}"
            if status == 0:
                finished += 1
            else:
                assert status in {1, 4, 6}, where
                assert any(c in message for c in EXPECTED_CAUSES), where
            if fault == "unauthorized":
                service.box.accounts.revoked = False
            if status != 0:
                # A second run finishes.
                status, message = _bump(service)
                assert status == 0, f"{where}; then {message}"
            assert service.summary == expected, where
            _assert_written_once(service, where)
    with capsys.disabled():
        print(f"\n{fault}: {finished} finished at once of {count}", end=" ")  # noqa: T201


def _assert_written_once(service: Service, where: str) -> None:
    """Nothing was carried out twice, whoever was told."""
    after = {
        "bad_gateway_after",
        "reset_after",
        "truncated_json",
        "malformed_json",
    }
    carried_out = [
        r
        for r in service.box.state.requests
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
    # The change log on the branch, the tag, and the release.
    assert len(carried_out) == 3, where
    pages = [r for r in service.box.state.releases(NAME) if r.tag == TAG]
    assert len(pages) == 1, where


def test_random_faults(tmp_path: Path) -> None:
    """Many faults in one release: in the end there is one of everything."""
    _, expected = _undisturbed(tmp_path / "undisturbed")
    for seed in range(12):
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
