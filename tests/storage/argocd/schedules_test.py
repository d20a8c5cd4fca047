"""When sync windows open and close."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rsp_release.storage.argocd.schedules import find_end, find_start

# A Saturday.
NOW = datetime(2026, 11, 28, 15, 30, tzinfo=UTC)


def at(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "start"),
    [
        ("* * * * *", at(28, 15, 31)),
        ("0 * * * *", at(28, 16)),
        ("30 15 * * *", at(29, 15, 30)),
        ("*/20 * * * *", at(28, 15, 40)),
        ("5/20 * * * *", at(28, 15, 45)),
        ("0 22 * * 1-5", at(30, 22)),
        ("0 22 * * MON,wed", at(30, 22)),
        ("0 0 1 * ?", at(1, 0, month=12)),
        ("0 0 ? dec *", at(1, 0, month=12)),
        # One of the two is enough where neither is all.
        ("0 0 2 * sun", at(29, 0)),
        ("0 0 2 * */1", at(2, 0, month=12)),
        ("0 0 */1 * mon", at(30, 0)),
        ("0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 30 2 *", None),
        ("", None),
        ("* * * *", None),
        ("* * * * * *", None),
        ("@daily", None),
        ("60 * * * *", None),
        ("* * * * 7", None),
        ("* * 0 * *", None),
        ("5-1 * * * *", None),
        ("*/0 * * * *", None),
        ("a * * * *", None),
        ("1- * * * *", None),
        ("mon * * * *", None),
    ],
)
def test_next_start(schedule: str, start: datetime | None) -> None:
    assert find_start(schedule, "", NOW) == start


@pytest.mark.parametrize(
    ("schedule", "duration", "end"),
    [
        ("0 15 * * *", "1h", at(28, 16)),
        ("0 15 * * *", "30m", None),
        ("0 15 * * *", "31m", at(28, 15, 31)),
        ("0 15 * * *", "1h30m", at(28, 16, 30)),
        ("0 15 * * *", "5400s", at(28, 16, 30)),
        ("0 15 * * *", "1.5h", at(28, 16, 30)),
        ("0 0 * * sat", "48h", at(30, 0)),
        ("30 15 * * *", "1h", at(28, 16, 30)),
        ("31 15 * * *", "1h", None),
        ("0 16 * * *", "1h", None),
        # Those that overlap are one.
        ("0 13-17 * * *", "90m", at(28, 18, 30)),
        ("0 13-17 * * *", "60m", at(28, 18)),
        ("0 13-17 * * *", "59m", at(28, 15, 59)),
        ("* * * * *", "1h", None),
        ("0 15 * * *", "", None),
        ("0 15 * * *", "1", None),
        ("0 15 * * *", "1d", None),
        ("0 15 * * *", "-1h", None),
        ("0 15 * * *", "9" * 400 + "h", None),
        ("x", "1h", None),
    ],
)
def test_end(schedule: str, duration: str, end: datetime | None) -> None:
    assert find_end(schedule, duration, "", NOW) == end


def test_time_zones() -> None:
    # In Tucson it is half past eight in the morning.
    zone = "America/Phoenix"
    assert find_start("0 9 * * *", zone, NOW) == at(28, 16)
    assert find_end("0 8 * * *", "1h", zone, NOW) == at(28, 16)
    assert find_start("0 9 * * *", "Nowhere/Land", NOW) is None
    assert find_end("0 15 * * *", "1h", "../x", NOW) is None
    assert find_end("0 15 * * *", "1h", "UTC", NOW) == at(28, 16)
