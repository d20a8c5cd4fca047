"""Releases with a deployment, as a person or a job runs them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import requests

from rsp_release.exceptions import ExitStatus
from rsp_release.models import Result
from rsp_release.steps.chart_pr.step import ChartPull
from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.deploying import DEPLOY, PREFIX, add_deployment, configure, show
from ..support.service import NAME, TAG, Service, serve
from ..support.simulated import VirtualClock

PARTS = choose_size(10, 2)
KILLS = choose_size(3, 1)
"""In each of the parts."""

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


@pytest.mark.parametrize("part", range(PARTS))
def test_kill_at_random_instants(
    part: int,
    seconds: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    random = Random(part)
    for number in range(KILLS):
        # The deployment is what comes last.
        instant = random.uniform(0.4 * seconds, seconds)
        with serve(tmp_path / str(number), scenario=FAST) as service:
            _prepare(service)
            with service.start("bump", "minor", "--yes"):
                # After that it is killed.
                time.sleep(instant)
            result = service.run("bump", "minor", "--yes")
            assert result.returncode == 0, result.stdout + result.stderr
            _check(service)
            assert _count(service) == 2, instant
    with capsys.disabled():
        print(f"\n{KILLS} survived of {KILLS}", end=" ")  # noqa: T201


def _clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))


SILENT = Scenario.read(
    {"workflows": [{"path": ".github/workflows/ci.yaml", "images": []}]}
)
"""The run succeeds and pushes nothing."""


def _refuse(service: Service, status: ExitStatus = ExitStatus.IMAGE) -> None:
    """See that without proof nothing is deployed."""
    result = service.bump()
    assert result.exit_status is status
    # Nor where a person asks for just the deployment.
    releaser = service.make_releaser()
    step = ChartPull(is_asked=True, force=True)
    *_, last = releaser.deploy(releaser.find(TAG), step, acts=True)
    assert isinstance(last, Result)
    assert last.exit_status is status
    assert f"{IMAGE}:{TAG}" in str(last.message)
    assert not service.box.state.pulls(DEPLOY)
    assert BRANCH not in service.box.state.branches(DEPLOY)


def _resume(service: Service) -> None:
    releaser = service.make_releaser()
    *_, last = releaser.resume(releaser.find(TAG))
    assert isinstance(last, Result)
    assert last.exit_status is ExitStatus.OK
    _check(service)


def test_absent_image_is_not_deployed(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=SILENT, clock=_clock()) as service:
        _prepare(service)
        _refuse(service)
        service.box.images.publish(
            IMAGE,
            TAG,
            at=service.box.clock.now(),
            platforms=("linux/amd64", "linux/arm64"),
            attestations=False,
            platform_tags=False,
            labels={},
        )
        _resume(service)


def test_unknown_image_is_not_deployed(tmp_path: Path) -> None:
    with serve(tmp_path, clock=_clock()) as service:
        _prepare(service)
        service.box.faults.when("*", "/v2/", "bad_gateway_before", times=None)
        # Nothing was seen, so nothing is said to be wrong.
        _refuse(service, ExitStatus.FAILED)
        service.box.faults.clear()
        _resume(service)


def test_image_without_a_platform_is_not_deployed(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=SILENT, clock=_clock()) as service:
        _prepare(service)
        service.box.images.publish(
            IMAGE,
            TAG,
            at=service.box.clock.now(),
            platforms=("linux/amd64",),
            attestations=False,
            platform_tags=False,
            labels={},
        )
        _refuse(service)


def test_what_the_chart_pulls_is_looked_at(tmp_path: Path) -> None:
    """An image that the release does not name, but the chart would pull."""
    other = "ghcr.io/rubin-demo/stargazer-worker"
    values = (
        f'image:\n  repository: {IMAGE}\n  tag: ""\n'
        f'worker:\n  image:\n    repository: {other}\n    tag: ""\n'
    )
    with serve(tmp_path, clock=_clock()) as service:
        add_deployment(service, {f"{PREFIX}/values.yaml": values})
        configure(service)
        result = service.bump()
        assert result.exit_status is ExitStatus.IMAGE
        assert f"{other}:{TAG}" in str(result.message)
        assert not service.box.state.pulls(DEPLOY)


def test_pinned_chart_blocks_and_says_how(tmp_path: Path) -> None:
    values = f'image:\n  repository: {IMAGE}\n  tag: "1.3.0"\n'
    with serve(tmp_path, clock=_clock()) as service:
        add_deployment(service, {f"{PREFIX}/values.yaml": values})
        configure(service)
        result = service.bump()
        assert result.exit_status is ExitStatus.BLOCKED
        said = str(result.message)
        assert said.startswith("no environment follows appVersion: ")
        assert f"{PREFIX}/values.yaml, idfprod (image.tag 1.3.0)" in said
        assert "deploy.charts" in str(result.help)


def test_value_by_key_path_and_kustomize(tmp_path: Path) -> None:
    values = f'image:\n  repository: {IMAGE}\n  tag: "1.3.0"\n'
    kustomize = (
        f"images:\n- name: {IMAGE}\n  newTag: 1.4.0 # here\n"
        f"- name: {IMAGE}\n  digest: sha256:{'0' * 64}\n"
        "- name: redis\n  newTag: 7.0.0\n"
    )
    files = {
        f"{PREFIX}/values.yaml": values,
        "env/kustomization.yaml": kustomize,
    }
    charts = f'"{PREFIX}", "{PREFIX}/values.yaml#image.tag", "env/kustomi'
    with serve(tmp_path, clock=_clock()) as service:
        add_deployment(service, files)
        configure(service, f'charts = [{charts}zation.yaml"]\n')
        result = service.bump()
        assert result.exit_status is ExitStatus.OK, result.message
        digest = result.images[0].digest
        assert show(service, BRANCH, f"{PREFIX}/values.yaml") == (
            values.replace("1.3.0", TAG)
        )
        assert show(service, BRANCH, "env/kustomization.yaml") == (
            kustomize.replace("1.4.0", TAG).replace(
                f"sha256:{'0' * 64}", str(digest)
            )
        )


LOST = [
    ("/forks$", "bad_gateway_after"),
    (f"{DEPLOY}/pulls$", "bad_gateway_after"),
    ("/forks$", "reset_before"),
    ("/git/blobs$", "reset_before"),
    ("/git/refs$", "bad_gateway_after"),
    (f"{DEPLOY}/pulls$", "reset_before"),
]
FORK = f"ada/{DEPLOY.partition('/')[2]}"


def _prepare_stranger(service: Service) -> None:
    """Run everything as somebody who may not push to the charts."""
    _prepare(service)
    service.environ["GITHUB_TOKEN"] = service.box.add_token(login="ada")
    service.box.project(NAME).roles["ada"] = "write"
    service.box.lag = replace(service.box.lag, fork=40)


def _check_fork(service: Service) -> None:
    """Check that all there is came from one fork."""
    [fork] = service.box.forks(service.box.project(DEPLOY))
    assert fork.full_name == FORK
    assert BRANCH not in service.box.state.branches(DEPLOY)
    [pull] = service.box.state.pulls(DEPLOY).values()
    assert pull.fork is fork
    assert pull.author == "ada"
    assert pull.head_sha == service.box.state.branches(FORK)[BRANCH]
    text = show(service, BRANCH, f"{PREFIX}/Chart.yaml", FORK)
    before = show(service, "main", f"{PREFIX}/Chart.yaml")
    assert text == before.replace("1.4.0", TAG)
    assert f"`{IMAGE}:{TAG}`" in str(pull.body)


def test_who_may_not_push_proposes_from_a_fork(tmp_path: Path) -> None:
    with serve(tmp_path, clock=_clock()) as service:
        _prepare_stranger(service)
        result = service.bump()
        assert result.outcome == "released", result.message
        said = [str(event) for event in service.events]
        assert any(f"GitHub is creating the fork {FORK}" in s for s in said)
        assert any("the rest needs write access" in s for s in said)
        _check_fork(service)
        [number] = service.box.state.pulls(DEPLOY)
        assert str(result.deploy_url).endswith(f"/{DEPLOY}/pull/{number}")
        assert service.bump().outcome == "nothing"
        _check_fork(service)
        # Somebody else merges it, so that the fork is behind, and the next
        # release goes the same way.
        response = requests.put(
            f"{service.box.api_url}/repos/{DEPLOY}/pulls/{number}/merge",
            json={"merge_method": "squash"},
            headers={"Authorization": f"Bearer {service.box.token}"},
            timeout=10,
        )
        assert response.status_code == 200
        service.git("pull", "--quiet", "--ff-only")
        service.commit("feat: more")
        assert service.bump().outcome == "released"
        first, second = service.box.state.pulls(DEPLOY).values()
        assert (first.state, second.state) == ("closed", "open")
        assert second.head == "rsp-release/stargazer-1.6.0"
        git = service.box.project(DEPLOY).git
        main = git.refs()["refs/heads/main"]
        assert git.log(f"{main}..{second.head_sha}") == [second.head_sha]
        # That a person closed it is remembered without the fork.
        second.state = "closed"
        service.box.remove_repository(FORK)
        releaser = service.make_releaser()
        step = ChartPull(is_asked=True)
        *_, last = releaser.deploy(releaser.find("1.6.0"), step, acts=True)
        assert isinstance(last, Result)
        assert last.exit_status is ExitStatus.BLOCKED
        assert "was closed and not merged" in str(last.message)
        assert not service.box.forks(service.box.project(DEPLOY))
        assert service.box.state.unknown == []


@pytest.mark.parametrize(("path", "fault"), LOST[: choose_size(len(LOST), 2)])
def test_fork_survives_lost_answers(
    path: str, fault: str, tmp_path: Path
) -> None:
    with serve(tmp_path, clock=_clock()) as service:
        _prepare_stranger(service)
        service.box.faults.when("POST", path, fault)
        result = service.bump()
        assert result.outcome == "released", result.message
        _check_fork(service)


@pytest.mark.parametrize("older", ["supersede", "update"])
def test_pull_request_for_an_older_version(older: str, tmp_path: Path) -> None:
    with serve(tmp_path, clock=_clock()) as service:
        add_deployment(service)
        configure(service, f'older = "{older}"\n')
        assert service.bump().exit_status is ExitStatus.OK
        service.git("pull", "--quiet", "--ff-only")
        service.commit("feat: more")
        assert service.bump().tag == "1.6.0"
        pulls = service.box.state.pulls(DEPLOY)
        assert [p.title for p in pulls.values() if p.state == "open"] == [
            "Update stargazer to 1.6.0"
        ]
        [pull] = [p for p in pulls.values() if p.state == "open"]
        if older == "update":
            assert len(pulls) == 1
            assert pull.head == BRANCH
        else:
            first = min(pulls.values(), key=lambda p: p.number)
            assert f"Superseded by #{pull.number}." in str(first.body)
        text = show(service, pull.head, f"{PREFIX}/Chart.yaml")
        assert 'appVersion: "1.6.0"' in text
        assert "1.6.0" in str(pull.body)
        git = service.box.project(DEPLOY).git
        main = git.refs()["refs/heads/main"]
        assert len(git.log(f"{main}..{pull.head_sha}")) == 1
        # Again: nothing more is written.
        before = len(pulls), pull.updated_at
        assert service.bump().outcome == "nothing"
        assert (len(pulls), pull.updated_at) == before


@pytest.mark.parametrize("is_allowed", [True, False])
def test_merges_itself_where_that_is_asked_for(
    tmp_path: Path, *, is_allowed: bool
) -> None:
    """GitHub first has to work out whether it can be merged."""
    with serve(tmp_path, scenario=FAST) as service:
        add_deployment(service)
        configure(service, 'auto-merge = "squash"\n')
        service.box.project(DEPLOY).allow_auto_merge = is_allowed
        service.box.protect(DEPLOY, "main", approvals=1)
        result = service.run("bump", "minor", "--yes")
        assert result.returncode == 0, result.stdout
        [pull] = service.box.state.pulls(DEPLOY).values()
        assert (pull.auto_merge is not None) is is_allowed
        assert (f"deploy {TAG} --wait" in result.stdout) is not is_allowed
        again = service.run("bump", "--yes", "--json")
        assert json.loads(again.stdout)["outcome"] == "nothing"


def test_merged_at_once_where_nothing_stands_against_it(
    tmp_path: Path,
) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        add_deployment(service)
        configure(service, 'auto-merge = "squash"\n')
        result = service.run("bump", "minor", "--yes")
        assert result.returncode == 0, result.stdout
        [pull] = service.box.state.pulls(DEPLOY).values()
        assert pull.merge_sha is not None
