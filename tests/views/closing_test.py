"""The last words: headlines, tables of images, and what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.models import (
    Done,
    ImageReport,
    PlatformImage,
    Result,
    StepEvent,
    Verdict,
    Wait,
)
from rsp_release.views.board import Board
from rsp_release.views.checklist import closing_frame
from rsp_release.views.closing import Closing, details, headline, platforms
from rsp_release.views.glyphs import Glyphs

NOW = datetime(2026, 5, 4, 14, 6, tzinfo=UTC)
REPORT = ImageReport(
    image="ghcr.io/o/n",
    tag="1.2.0",
    state="present",
    digest="sha256:" + "d" * 64,
    platforms=("linux/amd64", "linux/arm/v7"),
    manifests=(
        PlatformImage(
            platform="linux/amd64",
            digest="sha256:" + "a" * 64,
            size=123_400_000,
            created=NOW,
            revision="3f2c1ab09d8e7f60514233445566778899aabbcc",
        ),
        PlatformImage(platform="linux/arm/v7", digest="sha256:" + "b" * 64),
    ),
)


def _result(*images: ImageReport) -> Result:
    return Result(
        outcome="released",
        exit_status=ExitStatus.OK,
        at=NOW,
        tag="1.2.0",
        images=images,
    )


def test_table_of_platforms() -> None:
    assert platforms(REPORT) == [
        "linux/amd64   aaaaaaaaaaaa  123 MB  2026-05-04 14:06 UTC  of 3f2c1ab",
        "linux/arm/v7  bbbbbbbbbbbb",
    ]
    assert details(REPORT) == ([], [])


def test_without_details_platforms_are_named() -> None:
    bare = replace(
        REPORT,
        manifests=tuple(
            PlatformImage(platform=m.platform, digest=m.digest)
            for m in REPORT.manifests
        ),
    )
    assert platforms(bare) == []
    assert details(bare) == (["linux/amd64, linux/arm/v7"], [])


@pytest.mark.parametrize(
    ("steps", "images", "said"),
    [
        (("tag", "images"), 1, "Released 1.2.0"),
        (("workflow_run",), 0, "The run of 1.2.0 succeeded"),
        (("chart_pr",), 0, "Deployment of 1.2.0 done"),
        (("images",), 0, "No images of 1.2.0 are expected"),
        (("images",), 1, "The image of 1.2.0 is published"),
        (("images",), 3, "All 3 images of 1.2.0 are published"),
    ],
)
def test_headline_says_what_was_looked_at(
    steps: tuple[str, ...], images: int, said: str
) -> None:
    result = _result(*[REPORT] * images)
    assert headline(result, steps=steps) == ("good", said)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_what_to_do_is_broken_between_words(width: int) -> None:
    command = "`rsp-release resume 1.2.0 --force`"
    help = f"{command} goes on; mend what failed first, {command} after that"
    result = replace(
        _result(),
        outcome="failed",
        exit_status=ExitStatus.RUN_FAILED,
        help=help,
    )
    closing = Closing(Board([]), result)
    painted = closing_frame(closing, Glyphs(), width=width)
    lines = ["".join(text for _, text in line) for line in painted]
    assert all(len(line) <= width for line in lines)
    assert sum(line.count(command) for line in lines) == 2
    words = " ".join(lines).split()
    assert all(word in words for word in help.split())


@pytest.mark.parametrize(
    ("verdict", "shown"),
    [(Wait(reason="is not in the registry"), 0), (Done(evidence="x"), 2)],
)
def test_a_plan_shows_no_images_of_the_release_before(
    verdict: Verdict, shown: int
) -> None:
    # A tag that moves, and one that the run has yet to push.
    result = _result(REPORT, replace(REPORT, state="absent", digest=None))
    board = Board([("images", "Images")])
    board.fold(
        StepEvent(key="images", title="Images", at=result.at, verdict=verdict)
    )
    plan = Closing(board, replace(result, outcome="planned"))
    assert (len(plan.images), len(plan.digests)) == (shown, shown and 1)
    failed = replace(result, outcome="failed", exit_status=ExitStatus.IMAGE)
    assert len(Closing(board, failed).images) == 2
