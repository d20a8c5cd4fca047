from __future__ import annotations

import pytest

from rsp_release.views import words

from .streams import at, job, run

STATES = [
    # status, conclusion, tone, word
    ("requested", None, "waiting", "requested"),
    ("queued", None, "waiting", "queued"),
    ("pending", None, "waiting", "pending"),
    ("waiting", None, "person", "needs approval"),
    ("in_progress", None, "active", "running"),
    ("completed", "success", "good", "succeeded"),
    ("completed", "failure", "bad", "failed"),
    ("completed", "cancelled", "bad", "cancelled"),
    ("completed", "skipped", "skipped", "skipped"),
    ("completed", "timed_out", "bad", "timed out"),
    ("completed", "action_required", "person", "needs approval"),
    ("completed", "neutral", "skipped", "neutral"),
    ("completed", "stale", "bad", "stale"),
    ("completed", "startup_failure", "bad", "did not start"),
    ("completed", None, "waiting", "ending"),
    ("completed", "new_word", "unknown", "new_word"),
    ("paused", None, "unknown", "paused"),
    # A conclusion before the end does not count.
    ("in_progress", "success", "active", "running"),
]


@pytest.mark.parametrize(("status", "conclusion", "tone", "word"), STATES)
def test_meaning(
    status: str, conclusion: str | None, tone: str, word: str
) -> None:
    for subject in (
        run(status, conclusion),
        job(1, "build", status, conclusion),
    ):
        means = words.meaning(subject)
        assert (means.tone, means.word) == (tone, word)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (59.9, "59s"),
        (60, "1m 00s"),
        (63, "1m 03s"),
        (3599, "59m 59s"),
        (3600, "1h 00m"),
        (86399, "23h 59m"),
        (86400, "1d 00h"),
        (30 * 86400, "30d 00h"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert words.duration(seconds) == expected


def test_spent() -> None:
    assert words.spent(job(1, "x", "queued"), at(5)) is None
    assert words.spent(job(1, "x", "in_progress", begin=2), at(5)) == 3
    over = job(1, "x", "completed", "success", begin=2, end=4)
    assert words.spent(over, at(500)) == 2
    # GitHub's clock may be ahead of ours.
    assert words.spent(job(1, "x", "in_progress", begin=9), at(5)) == 0
