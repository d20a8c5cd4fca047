"""Releases with a deployment, as a person or a job runs them."""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.sandbox import Scenario
from rsp_release.sandbox.registry import Image

from ..support.deploying import (
    DEPLOY,
    PREFIX,
    add_deployment,
    configure,
    show,
)
from ..support.service import NAME, TAG, Service, serve
from ..support.simulated import VirtualClock

KILLS = 30
FAST = Scenario(speed=20, appear_after=0.2)
BRANCH = f"rsp-release/stargazer-{TAG}"
IMAGE = f"ghcr.io/{NAME}"


def _check(service: Service) -> None:
    """Check that there is one pull request with all evidence."""
    state = service.box.state
    [pull] = state.pulls(DEPLOY).values()
    assert pull.head == BRANCH
    assert pull.labels == ["deployment"]
    assert pull.title == f"Update stargazer to {TAG}"
    [run] = [r for r in state.runs(NAME) if r.head_branch == TAG]
    body = str(pull.body)
    for said in (
        f"/{NAME}/releases/tag/{TAG}",
        f"/actions/runs/{run.id}",
        f"`{IMAGE}:{TAG}`",
        "`sha256:",
        "linux/amd64, linux/arm64",
        "| `1.4.0` | `1.5.0` |",
        "- `idfdev`: `image.tag` is `tickets-DM-1`",
        "pages through long lists",
    ):
        assert said in body, said
    git = service.box.project(DEPLOY).git
    main = git.refs()["refs/heads/main"]
    assert len(git.log(f"{main}..{pull.head_sha}")) == 1
    text = show(service, BRANCH, f"{PREFIX}/Chart.yaml")
    before = show(service, "main", f"{PREFIX}/Chart.yaml")
    assert text == before.replace("1.4.0", TAG)
    badge = show(service, BRANCH, f"{PREFIX}/README.md")
    assert "AppVersion-1.5.0-informational" in badge
    assert "![AppVersion: 1.5.0]" in badge
    assert "1.4.0" not in badge


def _prepare(service: Service) -> None:
    add_deployment(service)
    configure(service, 'labels = ["deployment"]\n')


def test_bump_opens_one_pull_request(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        _prepare(service)
        result = service.run("bump", "minor", "--yes", "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        last = json.loads(result.stdout.splitlines()[-1])
        [number] = service.box.state.pulls(DEPLOY)
        assert last["deploy_url"].endswith(f"/{DEPLOY}/pull/{number}")
        _check(service)
        again = service.run("bump", "--yes", "--json")
        assert json.loads(again.stdout.splitlines()[-1])["outcome"] == (
            "nothing"
        )
        _check(service)
        assert service.box.state.unknown == []


def test_without_settings_it_is_skipped_and_said(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        result = service.run("bump", "minor", "--yes", "--json")
        assert result.returncode == 0
        events = [json.loads(line) for line in result.stdout.splitlines()]
        [step] = [e for e in events if e.get("key") == "chart_pr"]
        assert step["verdict"] == "done"
        assert "skipped" in step["text"]
        assert "deploy.repository" in step["text"]
        assert events[-1]["deploy_url"] is None


def _count(service: Service) -> int:
    """Return how many writes to the deployment repository counted."""
    return sum(
        r.method in {"POST", "PATCH", "PUT"}
        and r.status in {200, 201}
        and r.path.endswith((f"{DEPLOY}/pulls", f"{DEPLOY}/git/refs"))
        for r in service.box.state.requests
    )


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long an undisturbed release takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with serve(folder / "x", scenario=FAST) as service:
        _prepare(service)
        started = time.monotonic()
        assert service.run("bump", "minor", "--yes").returncode == 0
        _check(service)
        return time.monotonic() - started


@pytest.mark.parametrize("part", range(10))
def test_kill_at_random_instants(
    part: int,
    seconds: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    random = Random(part)
    for number in range(KILLS // 10):
        # The deployment is what comes last.
        instant = random.uniform(0.4 * seconds, seconds)
        with serve(tmp_path / str(number), scenario=FAST) as service:
            _prepare(service)
            with subprocess.Popen(
                service.command("bump", "minor", "--yes"),
                cwd=service.clone,
                env=service.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            ) as process:
                time.sleep(instant)
                process.kill()
                process.wait()
            result = service.run("bump", "minor", "--yes", timeout=180)
            assert result.returncode == 0, result.stdout + result.stderr
            _check(service)
            assert _count(service) == 2, instant
    with capsys.disabled():
        print(f"\n{KILLS // 10} survived of {KILLS // 10}", end=" ")  # noqa: T201


def _clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))


def _take_away(service: Service) -> dict[str, Image]:
    """Take the images out of the registry; return them."""
    images = service.box.images.images
    taken = dict(images)
    images.clear()
    return taken


@pytest.mark.parametrize("kind", ["absent", "unknown"])
def test_image_that_is_not_proven_is_not_deployed(
    kind: str, tmp_path: Path
) -> None:
    with serve(tmp_path, clock=_clock()) as service:
        _prepare(service)
        box = service.box
        if kind == "unknown":
            box.faults.when("*", "/v2/", "bad_gateway", times=None)
        else:
            box.faults.when("*", "/manifests/", "missing", times=None)
        result = service.bump()
        assert result.exit_status is ExitStatus.IMAGE
        assert not box.state.pulls(DEPLOY)
        assert BRANCH not in box.state.branches(DEPLOY)
        # A person asks for the deployment alone: that changes nothing.
        step = service.run("deploy", "--timeout", "2s")
        assert step.returncode in {6, 8}
        assert not box.state.pulls(DEPLOY)
        # Once the image is there, it goes on.
        box.faults.clear()
        assert service.bump().exit_status is ExitStatus.OK
        _check(service)
