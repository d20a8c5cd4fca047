"""The table of a roll-out."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from rsp_release.exceptions import ExitStatus
from rsp_release.models.standing import STATES, Standing, State
from rsp_release.views.json import dumps, schema
from rsp_release.views.rollout import (
    make_table,
    rollout_document,
    tell_job,
    write_lines,
)

from ..steps.release import RELEASE
from ..support.campaigns import choose_size
from .hostile import commands, hostile_texts

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROLLOUT = Draft202012Validator(json.loads(schema("rollout")))
RUNS = Standing(
    environment="idfdev",
    application="n",
    state="runs",
    text="runs 1.5.0",
    deployed=("1.5.0",),
    wanted="1.5.0",
    sync="Synced",
    health="Healthy",
    url="https://dev.example.org/argo-cd/applications/n",
    since=NOW - timedelta(minutes=3),
)
WAITS = replace(
    RUNS,
    environment="idfprod",
    state="merge",
    text="#9 is not merged",
    deployed=("1.4.0",),
)


def _draw(*standings: Standing, width: int = 100) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=True,
        color_system=None, _environ={},
    )  # fmt: skip
    console.print(make_table(standings, NOW, width))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_table() -> None:
    shown = [line.split() for line in _draw(RUNS, WAITS).splitlines()]
    shown = [words for words in shown if words]
    assert shown[0][:6] == [
        "environment", "deployed", "target", "sync", "health", "since",
    ]  # fmt: skip
    told = [" ".join(words) for words in shown]
    assert "idfdev 1.5.0 1.5.0 Synced Healthy 3m 00s" in told
    assert (
        "idfprod 1.4.0 1.5.0 (not merged) Synced Healthy 3m 00s #9 is not"
        " merged"
    ) in told


def test_what_is_in_the_way_stands_below_where_columns_are_few() -> None:
    both = replace(WAITS, deployed=("1.4.0", "1.5.0"), state="degraded")
    shown = _draw(RUNS, replace(both, text="Pod n-1 (no quota)"), width=76)
    lines = [line.rstrip() for line in shown.splitlines() if line.strip()]
    assert lines[-1] == "idfprod: Pod n-1 (no quota)"
    assert lines[-2].split()[:3] == ["idfprod", "1.4.0,", "1.5.0"]
    assert not any(line.startswith("idfdev:") for line in lines)
    assert max(map(len, lines)) <= 76


def test_what_is_in_the_way_is_told_whole_on_a_narrow_terminal() -> None:
    long = "Degraded: " + ", ".join(f"Pod n-{n} (no quota)" for n in range(9))
    shown = _draw(replace(WAITS, text=long), width=80)
    assert max(map(len, shown.splitlines())) <= 80
    kept = "".join(line[-22:].strip() for line in shown.splitlines())
    assert "n-8" in kept


def test_lines_are_split_by_tabs() -> None:
    stream = io.StringIO()
    write_lines([RUNS, replace(WAITS, application="m")], stream, NOW)
    rows = [line.split("\t") for line in stream.getvalue().splitlines()]
    assert {len(row) for row in rows} == {7}
    # Of several applications, each is named.
    assert rows[1][0] == "idfdev n"
    assert rows[2][0] == "idfprod m"


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_status(state: State) -> None:
    standing = replace(RUNS, state=state)
    expected = {
        "failed": ExitStatus.FAILED,
        "unknown": ExitStatus.FAILED,
        "runs": ExitStatus.OK,
        "pinned": ExitStatus.OK,
    }
    status = standing.exit_status
    assert status is expected.get(state, ExitStatus.UNFINISHED)
    denied = replace(standing, is_denied=True).exit_status
    assert (denied is ExitStatus.NOT_ALLOWED) is (state == "unknown")
    told = rollout_document(
        RELEASE, [standing], pull=None, outcome="unfinished", status=8
    )
    ROLLOUT.validate(json.loads(dumps(told)))


HOSTILE = hostile_texts()[:: choose_size(1, 8)]


@pytest.mark.parametrize(
    ("family", "text"),
    HOSTILE,
    ids=[f"{n}-{family}" for n, (family, _) in enumerate(HOSTILE)],
)
def test_texts_of_others_stay_texts(
    family: str, text: str, tmp_path: Path
) -> None:
    told = replace(
        WAITS,
        environment=text,
        text=text,
        help=text,
        deployed=(text,),
        wanted=text,
        sync=text,
        health=text,
        url=f"https://x.example/{text}",
    )
    shown = _draw(told)
    assert "\x1b" not in shown
    stream = io.StringIO()
    write_lines([told], stream, NOW)
    lines = stream.getvalue()
    assert lines.count("\n") == 2
    assert not commands(lines)
    path = tmp_path / "summary"
    tell_job(text, [told], {"GITHUB_STEP_SUMMARY": str(path)}, NOW)
    assert len(path.read_text("utf-8").splitlines()) == 5
    document = rollout_document(
        RELEASE, [told], pull=None, outcome="unfinished", status=8
    )
    assert not commands(dumps(document))
