from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from itertools import islice

import pytest
from rich.cells import cell_len

from rsp_release.models import Standing, State, StepEvent, Wait
from rsp_release.views.board import Board
from rsp_release.views.frame import Line, Painter
from rsp_release.views.glyphs import Glyphs

from ..support.campaigns import choose_size
from .hostile import hostile_texts, poisoned
from .streams import STEPS, STREAMS, TITLE, at, busy, released


def live(
    board: Board, *, now: datetime, width: int, height: int, turn: int = 1,
    glyphs: Glyphs | None = None,
) -> list[Line]:  # fmt: skip
    return Painter(
        board=board, title=TITLE, glyphs=glyphs or Glyphs(), now=now,
        width=width, turn=turn,
    ).live(height)  # fmt: skip


def settled(
    board: Board, *, now: datetime, width: int, glyphs: Glyphs | None = None
) -> list[Line]:
    return Painter(
        board=board, title=TITLE, glyphs=glyphs or Glyphs(), now=now,
        width=width,
    ).settled()  # fmt: skip


def text(lines: list[Line]) -> list[str]:
    return ["".join(piece for _, piece in line) for line in lines]


def board_of(name: str, count: int | None = None) -> tuple[Board, datetime]:
    board = Board(STEPS)
    board.begin(at(0))
    last = at(0)
    for event in islice(STREAMS[name](), count):
        board.fold(event)
        last = event.at
    return board, last


def busy_board(count: int) -> Board:
    board, _ = board_of("released", 7)
    board.fold(busy(count))
    return board


@pytest.mark.parametrize("width", [20, 40, 49, 50, 79, 80, 81, 200])
@pytest.mark.parametrize("height", [2, 5, 8, 12, 24, 50])
def test_live_is_whole_at_every_size(width: int, height: int) -> None:
    for count in range(1, 20):
        board, now = board_of("released", count)
        lines = text(live(board, now=now, width=width, height=height))
        assert 1 <= len(lines) < height
        assert all(cell_len(line) < width for line in lines), lines
        active = board.active
        if active is not None:
            assert any(active.title[:5] in line for line in lines), lines


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "about 1m 40s left"),
        (50, "about 50s left"),
        (98, "about 2s left"),
        (100, "longer than usual"),
        (900, "longer than usual"),
    ],
)
@pytest.mark.parametrize("width", [50, 80, 200])
def test_bar_tells_when_the_run_should_end(
    width: int, seconds: int, told: str
) -> None:
    event = busy(40)
    assert isinstance(event, StepEvent)
    assert isinstance(event.verdict, Wait)
    assert event.verdict.run is not None
    run = replace(event.verdict.run, started_at=at(0), expected_at=at(100))
    board, _ = board_of("released", 7)
    board.fold(replace(event, verdict=replace(event.verdict, run=run)))
    for glyphs in (Glyphs(), Glyphs.choose("ascii")):
        lines = text(
            live(board, now=at(seconds), width=width, height=24, glyphs=glyphs)
        )
        [bar] = [line for line in lines if told in line]
        full = bar.count(glyphs.past) / min(30, width // 3)
        assert abs(full - min(seconds / 100, 0.99)) < 0.11
        assert all(cell_len(line) < width for line in lines)


@pytest.mark.parametrize("height", [*range(8, 36), 40, 60])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_forty_jobs_fit(width: int, height: int) -> None:
    board = busy_board(40)
    lines = text(live(board, now=at(100), width=width, height=height))
    assert len(lines) < height
    assert all(cell_len(line) < width for line in lines)
    told = sum("test / " in line or "lint" in line for line in lines)
    for line in lines:
        if match := re.search(r"(\d+) jobs? done|and (\d+) more", line):
            told += int(match[1] or match[2])
    # Every job is there: by name, as done, or among those that did not fit.
    assert told == 41
    assert any("lint" in line and "failed" in line for line in lines)


def test_every_job_has_its_place_where_there_is_room() -> None:
    lines = text(live(busy_board(10), now=at(100), width=100, height=50))
    assert not [line for line in lines if "more" in line]
    assert sum("test / " in line for line in lines) == 6
    assert sum("step 5 of 6" in line for line in lines) == 3


def test_long_names_keep_their_end() -> None:
    lines = text(live(busy_board(40), now=at(100), width=44, height=60))
    named = [line for line in lines if "shard" in line]
    assert len(named) == 24
    assert len(set(named)) == 24


def test_time_passes() -> None:
    board, _ = board_of("released", 10)
    before = text(live(board, now=at(30), width=80, height=24))
    after = text(live(board, now=at(95), width=80, height=24, turn=2))
    assert any(line.endswith("23s") for line in before)
    assert any(line.endswith("1m 28s") for line in after)


def test_times_are_aligned() -> None:
    board, now = board_of("released", 14)
    lines = text(live(board, now=now, width=80, height=24))
    ends = {cell_len(line) for line in lines if re.search(r"\ds$", line)}
    assert ends == {79}


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_settled_breaks_no_word(name: str) -> None:
    board, now = board_of(name)
    told = " ".join(text(settled(board, now=now, width=80))).split()
    for row in board.rows:
        if row.state == "done":
            assert set(row.text.split()) <= set(told)


def test_a_run_that_was_not_read_again_is_still_shown() -> None:
    board, _ = board_of("released", 14)
    before = board.find("workflow_run").run
    asking = Wait(reason="GitHub asks to wait until 14:10")
    board.fold(
        StepEvent(
            key="workflow_run",
            title="Workflow run",
            verdict=asking,
            at=at(100),
        )
    )
    assert before is not None
    assert board.find("workflow_run").run == before


def test_ascii() -> None:
    glyphs = Glyphs.choose("ascii")
    board = busy_board(40)
    for lines in (
        live(board, now=at(100), width=80, height=24, glyphs=glyphs),
        settled(board, now=at(100), width=80, glyphs=glyphs),
    ):
        assert "".join(text(lines)).isascii()
    assert Glyphs.choose("utf-8") == Glyphs()
    assert Glyphs.choose("no such encoding") == glyphs


def test_hostile_text_breaks_no_frame() -> None:
    stream = list(islice(released(), 12))
    for _, hostile in hostile_texts()[:: choose_size(1, 5)]:
        board = Board([(key, hostile) for key, _ in STEPS])
        for event in stream:
            board.fold(poisoned(event, hostile))
        lines = text(live(board, now=at(90), width=80, height=24))
        assert len(lines) < 24
        assert all(cell_len(line) < 80 for line in lines), lines


def test_repeated_event_is_safe_and_later() -> None:
    board = Board(STEPS)
    red = StepEvent(
        key="tag", title="Tag", verdict=Wait(reason="\x1b[31mred"), at=at(1)
    )
    safe = replace(red, verdict=Wait(reason="red"))
    told = []
    for key, seconds in (("tag", 1), ("tag", 2), ("images", 3)):
        shown = board.fold(replace(red, key=key, at=at(seconds)))
        assert shown == replace(safe, key=key, at=at(seconds))
        told.append(board.is_repeated)
    assert told == [False, True, False]


def _rollout() -> Board:
    board = Board([("chart_pr", "Deployment"), ("rollout", "Roll-out")])
    board.begin(at(0))
    states: dict[str, State] = {
        "idfdev": "runs", "idfint": "syncing", "tucson-teststand": "sync",
    }  # fmt: skip
    standings = tuple(
        Standing(environment=name, application="n", state=state, text=state)
        for name, state in states.items()
    )
    wait = Wait(reason="idfdev runs 1.5.0", environments=standings)
    board.fold(
        StepEvent(key="rollout", title="Roll-out", verdict=wait, at=at(1))
    )
    return board


def test_environments_are_below_the_roll_out() -> None:
    lines = text(live(_rollout(), now=at(2), width=80, height=24))
    assert [line.strip() for line in lines][-3:] == [
        "├ ✓ idfdev            runs",
        "├ ⠙ idfint            syncing",
        "└ ! tucson-teststand  sync",
    ]
    # When it is over, what it waits for is told whole.
    over = _rollout()
    over.stop(at(3))
    assert len(text(settled(over, now=at(3), width=80))) == 8


@pytest.mark.parametrize("width", [20, 40, 50, 80])
@pytest.mark.parametrize("height", [2, 4, 6, 24])
def test_environments_fit_at_every_size(width: int, height: int) -> None:
    lines = text(live(_rollout(), now=at(2), width=width, height=height))
    assert 1 <= len(lines) < height
    assert all(cell_len(line) < width for line in lines), lines
