"""The steps of `action.yml`, as written, on an imitation of the runner."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rsp_sandbox import Scenario

from ..support.composite import Composite, JobResult, environment_of
from ..support.service import NAME, TAG, Service, serve
from ..views.hostile import commands

ROOT = Path(__file__).parents[2]
FAST = Scenario(speed=20, appear_after=0.1)
INSTALL = frozenset({"Find out what to install", "Install rsp-release"})
FAILING = {
    "speed": 20,
    "appear_after": 0.1,
    "workflows": [
        {
            "path": ".github/workflows/ci.yaml",
            "name": "CI",
            "on": {"release": {"types": ["published"]}},
            "jobs": [{"name": "test", "conclusions": ["failure"]}],
        }
    ],
}


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the program as the action does, once for all workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "machine"
    ready = folder / "ready"
    with (shared / "machine.lock").open("w") as lock:
        # Whoever comes first installs it, and the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _install(folder)
            ready.touch()
    return folder


def _install(folder: Path) -> None:
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    # An action is unpacked without its history, and building writes into it.
    action_path = folder / "action"
    for name in ("src", ".github"):
        shutil.copytree(
            ROOT / name,
            action_path / name,
            ignore=shutil.ignore_patterns("*.egg-info", "_version.py"),
        )
    for name in (
        "action.yml", "pyproject.toml", "README.md", "LICENSE",
    ):  # fmt: skip
        shutil.copy(ROOT / name, action_path)
    action = _make(folder, folder, dict(os.environ), workspace, frozenset())
    result = action.run({"command": "--version"})
    assert result.exit_status == 0, result.log
    assert result.log.splitlines()[-1] == "rsp-release 3.2.1"
    assert [use.split("@")[0] for use in result.uses] == [
        "actions/setup-python", "actions/cache",
    ]  # fmt: skip


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path, scenario=FAST) as service:
        yield service


def _make(
    machine: Path,
    folder: Path,
    environ: dict[str, str],
    workspace: Path,
    skipped: frozenset[str],
) -> Composite:
    return Composite(
        action=machine / "action",
        folder=folder,
        environ=environment_of(environ, workspace),
        github={"token": "ghs_job", "action_ref": "v3.2.1"},
        skipped=skipped,
    )


def _use(machine: Path, service: Service) -> Composite:
    """Use the action in a job of its own, on the machine."""
    folder = service.clone.parent / "runner"
    if not folder.exists():
        folder.mkdir()
        (folder / "rsp-release").symlink_to(machine / "rsp-release")
    return _make(machine, folder, service.environ, service.clone, INSTALL)


def _run(machine: Path, service: Service, **inputs: str) -> JobResult:
    inputs.setdefault("token", service.box.token)
    return _use(machine, service).run(inputs)


def test_release_and_then_nothing(machine: Path, service: Service) -> None:
    result = _run(machine, service, part="minor")
    assert result.exit_status == 0, result.log
    outputs = dict(result.outputs)
    images = json.loads(outputs.pop("images"))
    release, run = outputs.pop("release-url"), outputs.pop("run-url")
    assert outputs == {
        "released": "true", "outcome": "released", "version": TAG, "tag": TAG,
    }  # fmt: skip
    assert release.endswith(f"/releases/tag/{TAG}")
    [found] = [r for r in service.box.state.runs(NAME) if r.head_branch == TAG]
    assert run.endswith(f"/runs/{found.id}")
    [image] = images
    assert image["state"] == "present"
    assert image["digest"].startswith("sha256:")
    assert "### Release" in result.summary
    assert image["digest"] in result.summary
    assert commands(result.log) == ["group", "endgroup"]
    assert service.box.token not in result.log

    again = _run(machine, service, part="minor")
    assert again.exit_status == 0, again.log
    assert again.outputs["released"] == "false"
    assert again.outputs["outcome"] == "nothing"


def test_next_is_an_output_too(machine: Path, service: Service) -> None:
    result = _run(machine, service, command="next", token="ghs_job")
    assert result.exit_status == 0, result.log
    assert result.outputs["version"] == result.outputs["tag"] == TAG
    assert result.outputs["released"] == "false"


def test_plan_with_extra_arguments(machine: Path, service: Service) -> None:
    before = service.summary
    result = _run(
        machine, service, part="minor", extra_arguments="--dry-run\n  -h"
    )
    assert result.exit_status == 0
    assert "Usage" in result.log
    result = _run(machine, service, part="minor", extra_arguments="--dry-run")
    assert result.exit_status == 0, result.log
    assert result.outputs["outcome"] == "planned"
    assert service.summary == before


@pytest.mark.parametrize(
    ("inputs", "exit_status", "outcome", "said"),
    [
        ({"part": "huge"}, 2, "failed", "huge"),
        ({"part": "minor", "extra_arguments": "--what"}, 2, "", "--what"),
        ({"part": "patch"}, 3, "blocked", "--force"),
        ({"part": "minor", "token": "ghp_wrong"}, 4, "blocked", "token"),
        ({"part": "minor", "token": "ghs_job"}, 4, "", "GITHUB_TOKEN"),
        (
            {"part": "minor", "extra_arguments": "--timeout 0s"},
            8,
            "unfinished",
            "resume",
        ),
        # None of it is obeyed by a shell.
        ({"part": "$(touch /tmp/x)`id`;exit 0"}, 2, "failed", "touch"),
        ({"part": "minor", "extra_arguments": "*"}, 2, "", ""),
    ],
)
def test_exit_status(  # noqa: PLR0917
    machine: Path,
    service: Service,
    inputs: dict[str, str],
    exit_status: int,
    outcome: str,
    said: str,
) -> None:
    result = _run(machine, service, **inputs)
    assert result.exit_status == exit_status, result.log
    assert said in result.log
    if outcome:
        assert result.outputs["outcome"] == outcome
    assert result.outputs["released"] in ("", "false")
    assert "Traceback" not in result.log


def test_settings_are_annotated(machine: Path, service: Service) -> None:
    (service.clone / ".rsp-release.toml").write_text("\nbranchh = 1\n")
    result = _run(machine, service, part="minor")
    assert result.exit_status == 2, result.log
    assert ",file=.rsp-release.toml,line=2::" in result.log
    assert result.outputs["outcome"] == "failed"
    assert "branchh" in result.summary


def test_secrets_are_masked(machine: Path, service: Service) -> None:
    """What docker and argocd keep is known to no runner."""
    auth = base64.b64encode(b"me:hunter2-secret").decode()
    config = {"auths": {"registry.example.org": {"auth": auth}}}
    docker = Path(service.environ["DOCKER_CONFIG"]) / "config.json"
    docker.write_text(json.dumps(config), encoding="utf-8")
    argocd = Path(service.environ["HOME"]) / ".config" / "argocd" / "config"
    argocd.parent.mkdir(parents=True)
    argocd.write_text("users: [{name: me, auth-token: hunter3-secret}]\n")
    argocd.chmod(0o600)
    composite = _use(machine, service)
    inputs = {"command": "status", "part": "1.4.0"}
    result = composite.run({**inputs, "token": service.box.token})
    tokens = {service.box.token, service.box.argocd.token}
    kept = {"hunter2-secret", "hunter3-secret"}
    assert composite.masks == tokens | kept
    assert "hunter" not in result.log + result.summary


def test_what_is_installed_is_pinned() -> None:
    """Every requirement has one version and hashes; so has the action."""
    text = (ROOT / ".github" / "requirements.txt").read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.partition("\n")[2])
    entries = [e for e in entries if e.strip() and not e.startswith("#")]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[\w.-]+==[\w.]+", entry), entry
        assert "--hash=sha256:" in entry, entry
    action = (ROOT / "action.yml").read_text("utf-8")
    assert "--require-hashes" in action
    assert "--no-deps" in action
    # What is declared is what is pinned, and nothing that is no more.
    pinned = {canonical(e.partition("==")[0]) for e in entries}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for wanted in project["project"]["dependencies"]:
        assert canonical(re.split(r"[>=<\[ ]", wanted)[0]) in pinned, wanted


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_github_out_of_order(machine: Path, service: Service) -> None:
    service.box.faults.when("*", r"/api/", "malformed_json", times=None)
    result = _run(machine, service, part="minor")
    assert result.exit_status == 1, result.log
    assert result.outputs["outcome"] == "failed"
    assert result.outputs["released"] == "false"


def test_cancelled_job_says_so(machine: Path, tmp_path: Path) -> None:
    with serve(tmp_path, scenario=Scenario(speed=0.2)) as service:
        composite = _use(machine, service)
        inputs = {"part": "minor", "token": service.box.token}
        result = composite.run(inputs, until="CI is running")
    assert result.exit_status == 130, result.log
    assert result.outputs["outcome"] == "unfinished"
    assert result.outputs["tag"] == TAG
    assert "rsp-release resume" in result.log
    assert "⏳" in result.summary


def test_failed_run(machine: Path, tmp_path: Path) -> None:
    with serve(tmp_path, scenario=Scenario.read(FAILING)) as service:
        result = _run(machine, service, part="minor")
    assert result.exit_status == 5, result.log
    assert result.outputs["outcome"] == "failed"
    assert result.outputs["released"] == "false"
    assert "error" in commands(result.log)


def test_missing_image(machine: Path, tmp_path: Path) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        _write_settings(service, 'images = ["ghcr.io/rubin-demo/missing"]')
        result = _run(
            machine, service, part="minor", extra_arguments="--timeout 8s"
        )
        # Time was up; asked again now, it is a plain answer.
        assert result.exit_status in {6, 8}, result.log
        assert result.outputs["released"] == "false"
        result = _run(machine, service, command="verify", part=TAG)
    assert result.exit_status == 6, result.log
    assert result.outputs["outcome"] == "failed"
    assert result.outputs["released"] == "false"
    [image] = json.loads(result.outputs["images"])
    assert image["state"] == "absent"


def test_shallow_clone_without_credentials(
    machine: Path, service: Service
) -> None:
    """What actions/checkout leaves: depth 1, no tags, the job's token."""
    service.git("config", "remote.origin.url", service.box.git_url(NAME))
    shallow = service.clone.parent / "shallow"
    _clone_shallow(service, shallow)
    service = replace(service, clone=shallow)
    service.git(
        "config", f"http.{service.box.server_url}/.extraheader",
        "AUTHORIZATION: basic eC1hY2Nlc3MtdG9rZW46Z2hzX2pvYg==",
    )  # fmt: skip
    result = _run(machine, service, part="minor")
    assert result.exit_status == 0, result.log
    assert result.outputs["released"] == "true"


def _clone_shallow(service: Service, directory: Path) -> None:
    url = service.box.git_url(NAME)
    token = service.box.token
    service.git(
        "clone", "--quiet", "--depth=1", "--no-tags",
        url.replace("://", f"://x:{token}@"), str(directory),
    )  # fmt: skip
    service = replace(service, clone=directory)
    service.git("config", "remote.origin.url", url)


def _write_settings(service: Service, text: str) -> None:
    path = service.clone / ".rsp-release.toml"
    path.write_text(f"{text}\n", encoding="utf-8")
    service.git("add", path.name)
    service.git("commit", "--quiet", "-m", "ci: settings")
    service.git("push", "--quiet", "origin", "HEAD")
