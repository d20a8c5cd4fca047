"""``kill -9`` at random instants of real runs against the sandbox."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from random import Random

import pytest

from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.service import NAME, TAG, serve

PARTS = choose_size(5, 2)
KILLS = choose_size(10, 1)
"""In each of the parts."""

SCENARIO = Scenario(speed=20, appear_after=0.2)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[object, float]:
    """Release undisturbed; tell what that leaves, and how long it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with serve(folder / "x", scenario=SCENARIO) as service:
        started = time.monotonic()
        assert service.run("bump", "minor", "--yes").returncode == 0
        return service.summary, time.monotonic() - started


def _survive(folder: Path, instant: float) -> tuple[object, list[str]]:
    """Kill a run at an instant; return what there is after resuming."""
    with serve(folder, scenario=SCENARIO) as service:
        with service.start("bump", "minor", "--yes"):
            # After that it is killed.
            time.sleep(instant)
        # Whoever killed it asks for the same again: that resumes.
        result = service.run("bump", "minor", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        writes = [
            f"{r.method} {r.path}"
            for r in service.box.state.requests
            if (r.method == "POST" and r.status == 201)
            or b"ok refs/" in r.response_body
        ]
        return service.summary, writes


@pytest.mark.parametrize("part", range(PARTS))
def test_kill_at_random_instants(
    part: int,
    undisturbed: tuple[object, float],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    expected, seconds = undisturbed
    random = Random(part)
    survived = 0
    for number in range(KILLS):
        instant = random.uniform(0.1, seconds)
        summary, writes = _survive(tmp_path / str(number), instant)
        assert summary == expected, instant
        # The change log on the branch, the tag, and the release.
        assert len(writes) == 3, (instant, writes)
        survived += 1
    with capsys.disabled():
        print(f"\n{survived} survived of {KILLS}", end=" ")  # noqa: T201


def test_interrupt_leaves_a_resumable_release(tmp_path: Path) -> None:
    """SIGTERM, as a cancelled job gets it, ends with 130 and how to go on."""
    with serve(tmp_path, scenario=Scenario(speed=0.5)) as service:
        with subprocess.Popen(
            service.command("bump", "minor", "--yes"),
            cwd=service.clone,
            env=service.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = ""
            while "CI is running" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            process.terminate()
            said += process.stdout.read()
            assert process.wait() == 130
        assert "rsp-release resume" in said
        assert "Traceback" not in said
        result = service.run("resume")
        assert result.returncode == 0, result.stdout
        pages = [r for r in service.box.state.releases(NAME) if r.tag == TAG]
        assert len(pages) == 1
