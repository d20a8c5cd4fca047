"""``kill -9`` at random instants of a roll-out, against the sandbox."""

from __future__ import annotations

import json
import time
from pathlib import Path
from random import Random

import pytest

from rsp_sandbox import RolloutScript, Scenario

from ..support.campaigns import choose_size
from ..support.rollouts import Rollouts, open_rollouts

KILLS = choose_size(30, 1)
NAMES = ("idfdev", "idfint")
COMMANDS = {
    "bump": ("bump", "minor", "--yes", "--rollout"),
    "sync": ("rollout", "--sync", "idfdev", "--sync", "idfint", "--yes"),
}


def _end(rollouts: Rollouts, command: str) -> object:
    """Return what a roll-out leaves, for comparing."""
    told = rollouts.service.run("rollout", "--json")
    states = [
        (each["environment"], each["state"], each["deployed"])
        for each in json.loads(told.stdout)["environments"]
    ]
    released = None
    if command == "bump":
        # The settings have an address that differs, and so have the trees.
        tags, _, *rest = rollouts.service.summary
        released = sorted(tags), rest
    return told.returncode, states, len(rollouts.pulls), released


def _survive(
    folder: Path, command: str, instant: float | None
) -> tuple[object, dict[str, int], float]:
    """Run a command, killed at an instant; see what there is in the end."""
    scenario = Scenario(speed=20, appear_after=0.2)
    with open_rollouts(
        folder,
        *NAMES,
        settings='auto-merge = "merge"',
        scenario=scenario,
        script=RolloutScript(begins=0.1, applies=2, starts=3),
    ) as rollouts:
        service = rollouts.service
        if command == "sync":
            rollouts.release()
        if instant is not None:
            with service.start(*COMMANDS[command]):
                # After that it is killed.
                time.sleep(instant)
        began = time.monotonic()
        # Whoever killed it asks for the same again: that goes on.
        result = service.run(*COMMANDS[command])
        seconds = time.monotonic() - began
        assert result.returncode == 0, result.stdout + result.stderr
        return _end(rollouts, command), rollouts.count(), seconds


@pytest.mark.parametrize("command", [*COMMANDS][-choose_size(2, 1) :])
def test_kill_at_random_instants(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, count, seconds = _survive(tmp_path / "x", command, None)
    assert count == {"idfdev": 1, "idfint": 1}
    random = Random(command)
    for number in range(KILLS):
        instant = random.uniform(0.1, seconds)
        end, count, _ = _survive(tmp_path / str(number), command, instant)
        assert end == expected, instant
        assert count == {"idfdev": 1, "idfint": 1}, instant
    with capsys.disabled():
        print(f"\n{KILLS} of {KILLS} survived", end=" ")  # noqa: T201
