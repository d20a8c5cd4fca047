"""A release of the clone at hand, of which nothing is left anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rsp_sandbox import Scenario

from ..support.deploying import DEPLOY, PREFIX
from ..support.service import NAME, TAG, Service, serve

FAST = Scenario(speed=20, appear_after=0.1)

# The tag is the output of a step: nobody can read it out of the file.
PUSH = """\
    runs-on: ubuntu-latest
    steps:
      - id: x
        run: echo "tag=$(make tag)" >> "$GITHUB_OUTPUT"
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: ghcr.io/${{ github.repository }}:${{ steps.x.outputs.tag }}
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path / "service", scenario=FAST) as service:
        # What reaches the real side is seen as a request or a ref.
        service.box.state.requests.clear()
        yield service


def _traces(service: Service) -> object:
    refs = service.git("for-each-ref"), service.git("status", "--porcelain")
    config = (service.clone / ".git" / "config").read_text("utf-8")
    journals = sorted((service.clone / ".git").glob("rsp-release/*"))
    return refs, config, journals, service.summary


def test_release_with_deployment(service: Service) -> None:
    path = service.clone / ".rsp-release.toml"
    path.write_text(
        f'[deploy]\nrepository = "{DEPLOY}"\ncharts = ["{PREFIX}"]\n',
        encoding="utf-8",
    )
    ci = service.clone / ".github" / "workflows" / "ci.yaml"
    before, call, _ = ci.read_text("utf-8").partition("    uses: lsst-sqre/")
    assert call
    ci.write_text(before + PUSH, encoding="utf-8")
    service.git("add", path.name, str(ci))
    service.git("commit", "--quiet", "-m", "build: name the deployment")
    (service.clone / "draft.txt").write_text("not yet\n", encoding="utf-8")
    traces = _traces(service)
    result = service.run("rehearse", "minor")
    told = result.stdout + result.stderr
    assert result.returncode == 0, told
    assert "1 commit of main not on origin: treated as pushed" in told
    assert "Uncommitted changes are left out" in told
    assert f"{DEPLOY} is made up: {PREFIX}/Chart.yaml" in told
    assert f"Released {TAG}" in told
    assert f"/{DEPLOY}/pull/" in told
    assert f"ghcr.io/{NAME}:{TAG}" in told
    assert "nothing left this machine" in told
    found = "found in .github/workflows/ci.yaml:\n"
    assert told.endswith(f"{found}- ghcr.io/{NAME}:{TAG} (tag assumed)\n")
    assert _traces(service) == traces
    assert not service.box.state.requests


def test_job_and_json(service: Service, tmp_path: Path) -> None:
    """A rehearsal is no release: no output of a job may say it is one."""
    output = tmp_path / "output"
    service.git("checkout", "--quiet", "--detach")
    result = service.run(
        "rehearse", "1.6.0", "--json", "--no-watch", "--no-wait",
        GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(output),
    )  # fmt: skip
    last = json.loads(result.stdout.splitlines()[-1])
    # A commit on no branch is refused, as it is for `bump`.
    assert (result.returncode, last["outcome"]) == (3, "blocked")
    service.git("checkout", "--quiet", "main")
    result = service.run(
        "rehearse", "1.6.0", "--json", "--no-watch",
        GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(output),
    )  # fmt: skip
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (lines[-1]["outcome"], lines[-1]["tag"]) == ("released", "1.6.0")
    assert not output.exists()
    assert not service.box.state.requests


def test_shallow_clone_is_refused(service: Service, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    service.git(
        "clone", "--quiet", "--depth=1", service.remote.as_uri(), str(shallow)
    )
    result = replace(service, clone=shallow).run("rehearse")
    assert result.returncode == 2
    assert "git fetch --unshallow" in result.stderr


def test_force_overrides_what_a_check_predicts(service: Service) -> None:
    service.git("rm", "--quiet", "Dockerfile")
    service.git("commit", "--quiet", "-m", "build: no Dockerfile")
    done = service.run("rehearse", "minor", "--dry-run", "--force")
    assert done.returncode == 0, done.stdout
    assert "with 1 warning: Dockerfile" in done.stdout
