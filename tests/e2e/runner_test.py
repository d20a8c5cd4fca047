"""Jobs that are cancelled, and the next job, which has nothing of theirs."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.service import NAME, TAG, Service, serve

SCENARIO = Scenario(speed=40, appear_after=0.1)
PARTS = choose_size(5, 2)
JOBS = choose_size(5, 1)
"""In each of the parts."""


def _start_job(service: Service, folder: Path) -> Service:
    """Check out as a job does: shallow, without tags, in an empty home."""
    home = folder / "home"
    home.mkdir(parents=True)
    environ = {
        **service.environ,
        "DOCKER_CONFIG": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "HOME": str(home),
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }
    clone = folder / "clone"
    url = service.git("config", "remote.origin.url").strip()
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", "--no-tags", url, clone],
        env=environ,
        check=True,
        capture_output=True,
    )
    return replace(service, clone=clone, environ=environ)


def _cancel(job: Service, *args: str, seconds: float) -> None:
    """Run the program as a job's step, and cancel it at an instant."""
    with job.start(*args) as program:
        time.sleep(seconds)
        program.send_signal(signal.SIGTERM)
        with suppress(TimeoutError):
            program.wait(0.05)


BUMP = ("bump", "minor", "--yes", "--deepen")


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[object, float]:
    """Release undisturbed; tell what that leaves, and how long it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with serve(folder, scenario=SCENARIO) as service:
        job = _start_job(service, folder / "job")
        started = time.monotonic()
        result = job.run(*BUMP)
        assert result.returncode == 0, result.stdout + result.stderr
        return service.summary, time.monotonic() - started


@pytest.mark.parametrize("part", range(PARTS))
def test_cancelled_job_is_finished_by_the_next(
    part: int, undisturbed: tuple[object, float], tmp_path: Path
) -> None:
    expected, most = undisturbed
    random = Random(part)
    for number in range(JOBS):
        folder = tmp_path / str(number)
        seconds = random.uniform(0.1, most)
        with serve(folder, scenario=SCENARIO) as service:
            first = _start_job(service, folder / "first")
            _cancel(first, *BUMP, seconds=seconds)
            # A git that outlives the job may still write to it.
            first.clone.rename(folder / "gone")
            second = _start_job(service, folder / "second")
            result = second.run(*BUMP)
            told = seconds, result.stdout, result.stderr
            assert result.returncode == 0, told
            assert service.summary == expected, told
            pages = service.box.state.releases(NAME)
            assert [p.tag for p in pages if p.tag == TAG] == [TAG]
            made = [
                r
                for r in service.box.state.requests
                if r.method == "POST"
                and r.status == 201
                and r.path.endswith("/releases")
            ]
            assert len(made) == 1, told


def test_shallow_clone_is_told_what_to_do(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=SCENARIO) as service:
        job = _start_job(service, tmp_path / "job")
        before = service.summary
        result = job.run("bump", "minor", "--yes", "--json")
        assert result.returncode == 3
        last = json.loads(result.stdout.splitlines()[-1])
        assert "shallow" in last["message"]
        assert "--deepen" in last["help"]
        assert service.summary == before
