"""Machines that release the same commit at the same time."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random
from time import sleep

import pytest

from rsp_release.models import Notice
from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.races import Race, list_races, run_race
from ..support.service import NAME, TAG, Service, serve

SCENARIO = Scenario(speed=40, appear_after=0.1)
PARTS = choose_size(5, 2)
ROUNDS = choose_size(5, 1)
"""In each of the parts."""
SLICE = [
    # What is pushed first is the tag, the entry, and the entry's branch.
    Race(parts=p, is_protected=is_protected, has_changelog=c, seed=seed)
    for p, is_protected, c, seed in (
        (("minor", "major"), False, False, 1),
        (("patch", "1.5.0", "3.0.0"), False, True, 2),
        (("minor", "major"), True, True, 3),
    )
]
RACES = list_races(200) if choose_size(1, 0) else SLICE


def _clone_again(service: Service, directory: Path) -> None:
    url = service.git("config", "remote.origin.url").strip()
    subprocess.run(
        ["git", "clone", "--quiet", url, str(directory)],
        env=service.environ,
        check=True,
        capture_output=True,
    )


def _race(folder: Path, seconds: float, *more: str) -> None:
    with serve(folder, scenario=SCENARIO) as service:
        other = folder / "other"
        _clone_again(service, other)
        command = ("bump", "minor", "--yes", "--json", *more)
        with service.start(*command) as first:
            sleep(seconds)
            with replace(service, clone=other).start(*command) as second:
                ended = [p.wait() for p in (first, second)]
                told = [p.read() for p in (first, second)]
        assert ended == [0, 0], told
        results = [json.loads(out.splitlines()[-1]) for out, _ in told]
        assert sorted(r["outcome"] for r in results) == [
            "nothing", "released",
        ], results  # fmt: skip
        assert {r["tag"] for r in results} == {TAG}
        state = service.box.state
        assert len([r for r in state.releases(NAME) if r.tag == TAG]) == 1
        assert TAG in state.tags(NAME)
        made = [
            r
            for r in state.requests
            if r.method == "POST"
            and r.path.endswith("/releases")
            and r.status == 201
        ]
        pushed = [
            r
            for r in state.requests
            if f"ok refs/tags/{TAG}".encode() in r.response_body
        ]
        assert (len(made), len(pushed)) == (1, 1)


@pytest.mark.parametrize("part", range(PARTS))
def test_two_at_once(part: int, tmp_path: Path) -> None:
    random = Random(part)
    for number in range(ROUNDS):
        # At once, and one at some instant of the other's writes.
        seconds = random.choice([0.0, random.uniform(0.0, 1.0)])
        # Nothing is written after what is left out, so it is seen once.
        more = () if number == part == 0 else ("--no-watch",)
        _race(tmp_path / str(number), seconds, *more)


@pytest.mark.parametrize("race", RACES, ids=str)
def test_one_of_several_versions(race: Race, tmp_path: Path) -> None:
    """The others are told who releases what, and may see it through."""
    _, wrong = run_race(race, tmp_path / "race")
    assert wrong == []


def test_remote_without_claims(tmp_path: Path) -> None:
    """The release goes on, and says once what it cannot tell."""
    with serve(tmp_path / "s", scenario=SCENARIO) as service:
        service.box.project(NAME).git.git(
            "config", "receive.hideRefs", "refs/rsp-release"
        )
        result = service.bump()
        assert result.outcome == "released"
        told = [e.text for e in service.events if isinstance(e, Notice)]
        [said] = [text for text in told if "refs/rsp-release/claim" in text]
        assert "cannot tell whether somebody else" in said
        assert TAG in service.box.state.tags(NAME)
