"""When a sync window opens and closes, as Argo CD reckons.

Its schedules are those of a crontab with five fields, and a time zone counts
by how far it is from UTC now (argo-cd, pkg/apis/application/v1alpha1/types.go;
github.com/robfig/cron, version 3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import islice, product
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["find_end", "find_start"]

_FIELDS: tuple[tuple[int, int, str], ...] = (
    (0, 59, ""),
    (0, 23, ""),
    (1, 31, ""),
    (1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    (0, 6, "sun mon tue wed thu fri sat"),
)
"""Minute, hour, day, month and weekday: least, most, and names."""

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|m|s)")

_DAYS = 5 * 366
"""How far is looked ahead."""

_STARTS = 2000
"""How many windows may follow each other without a gap."""


def find_end(
    schedule: str, duration: str, zone: str, now: datetime
) -> datetime | None:
    """Return when a window that is open closes.

    Parameters
    ----------
    schedule
        When it opens.
    duration
        How long it stays open, such as ``1h30m``.
    zone
        The time zone of the schedule; empty is UTC.
    now
        The time (aware).

    Returns
    -------
    datetime or None
        When (aware, UTC); `None` if it is not open, never closes, or cannot
        be reckoned.
    """
    try:
        local, offset = _shift(zone, now)
        length = _parse_duration(duration)
        starts = islice(_find_starts(schedule, local - length), _STARTS)
        end = next(starts) + length
        if end > local + length:
            return None
        for start in starts:
            # Those that overlap are one window.
            if start > end:
                return (end - offset).replace(tzinfo=UTC)
            end = start + length
    except (ValueError, OverflowError, StopIteration):
        pass
    return None


def find_start(schedule: str, zone: str, now: datetime) -> datetime | None:
    """Return when a window opens next.

    Parameters
    ----------
    schedule
        When it opens.
    zone
        The time zone of the schedule; empty is UTC.
    now
        The time (aware).

    Returns
    -------
    datetime or None
        When (aware, UTC); `None` if it does not within five years, or cannot
        be reckoned.
    """
    try:
        local, offset = _shift(zone, now)
        start = next(_find_starts(schedule, local), None)
        return start and (start - offset).replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _shift(zone: str, now: datetime) -> tuple[datetime, timedelta]:
    """Return what a clock in a time zone shows, and how far it is off UTC."""
    offset: timedelta | None = timedelta(0)
    if zone not in ("", "UTC"):
        try:
            offset = now.astimezone(ZoneInfo(zone)).utcoffset()
        except (ZoneInfoNotFoundError, OSError) as e:
            raise ValueError(zone) from e
    offset = offset or timedelta(0)
    return now.astimezone(UTC).replace(tzinfo=None) + offset, offset


def _parse_duration(text: str) -> timedelta:
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        raise ValueError(text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return timedelta(seconds=seconds)


def _find_starts(schedule: str, after: datetime) -> Iterator[datetime]:
    """Yield when a schedule is due after a time, by the same clock."""
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(schedule)
    (minutes, _), (hours, _), days, (months, _), weekdays = (
        _parse_field(text, *limits)
        for text, limits in zip(fields, _FIELDS, strict=True)
    )
    # Where both are named, one of them is enough.
    combine = all if days[1] or weekdays[1] else any
    times = [time(h, m) for h, m in product(sorted(hours), sorted(minutes))]
    for number in range(_DAYS):
        day = after.date() + timedelta(days=number)
        fits = day.day in days[0], day.isoweekday() % 7 in weekdays[0]
        if day.month in months and combine(fits):
            starts = (datetime.combine(day, at) for at in times)
            yield from (start for start in starts if start > after)


def _parse_field(
    text: str, least: int, most: int, names: str
) -> tuple[frozenset[int], bool]:
    """Return what a field of a schedule covers, and whether that is all."""

    def number(word: str) -> int:
        if word in names.split():
            return names.split().index(word) + least
        return int(word)

    found: set[int] = set()
    is_all = False
    for part in text.lower().split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        width = int(step) if slash else 1
        if span in ("*", "?"):
            begin, end = least, most
            is_all |= width == 1
        else:
            begin = number(first)
            end = number(last) if dash else most if slash else begin
        if not least <= begin <= end <= most or width < 1:
            raise ValueError(text)
        found |= set(range(begin, end + 1, width))
    return frozenset(found), is_all
