"""Two machines that release the same commit at the same time."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from random import Random
from time import sleep

import pytest

from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.service import NAME, TAG, Service, serve

SCENARIO = Scenario(speed=40, appear_after=0.1)
PARTS = choose_size(5, 3)
ROUNDS = choose_size(5, 1)
"""In each of the parts."""


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
