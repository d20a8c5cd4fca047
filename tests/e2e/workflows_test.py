"""The example workflows' own steps, on an imitation of the runner."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from ..support.composite import Composite, environment_of
from ..support.service import NAME, Service, serve
from ..views.hostile import outputs_read

WORKFLOWS = Path(__file__).parents[2] / "docs" / "workflows"
GH = """#!/bin/sh
for word; do printf '%s\\n' "$word" >> "$GH_SAID"; done
test -z "$GH_REFUSES"
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path / "service") as service:
        programs = tmp_path / "programs"
        programs.mkdir()
        gh = programs / "gh"
        gh.write_text(GH, encoding="utf-8")
        gh.chmod(0o755)
        service.environ["PATH"] = f"{programs}:{service.environ['PATH']}"
        service.environ["GH_SAID"] = str(tmp_path / "said")
        yield service


def _read(name: str) -> dict[str, Any]:
    text = (WORKFLOWS / name).read_text(encoding="utf-8")
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def _run(
    service: Service, folder: Path, name: str, event: Mapping[str, Any]
) -> tuple[str, str, str]:
    """Run a workflow's only job; return log, summary and gh's arguments."""
    [job] = _read(name)["jobs"].values()
    runner = Composite(
        action=folder,
        folder=folder,
        environ=environment_of(service.environ, service.clone),
        github={},
    )
    contexts: dict[str, Any] = {
        "github": {
            "event": event,
            "head_ref": event["pull_request"]["head"]["ref"],
            "repository": NAME,
            "token": "ghs_job",
        },
        "steps": {},
    }
    log, summary = "", folder / "summary.md"
    summary.write_text("", encoding="utf-8")
    for step in job["steps"]:
        outputs: dict[str, str] = {}
        if step.get("uses", "").startswith("lsst-sqre/rsp-release@"):
            output = folder / "next"
            done = service.run(
                step["with"]["command"], "--deepen",
                GITHUB_ACTIONS="true", GITHUB_OUTPUT=str(output),
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            log += done.stderr
            outputs = outputs_read(output.read_text("utf-8"))
        elif "run" in step:
            status, told, outputs = runner.run_step(step, contexts)
            assert status == 0, told
            log += told
        if "id" in step:
            contexts["steps"][step["id"]] = {"outputs": outputs}
    said = Path(service.environ["GH_SAID"])
    told = said.read_text("utf-8") if said.exists() else ""
    return log, summary.read_text("utf-8"), told


def _event(
    service: Service, *, repository: str = NAME, author: str = "User"
) -> dict[str, Any]:
    base = service.git("rev-parse", "origin/main").strip()
    return {
        "pull_request": {
            "base": {"sha": base},
            "head": {"ref": "u/me/work", "repo": {"full_name": repository}},
            "number": "7",
            "user": {"type": author},
        }
    }


def _commit(service: Service, name: str, text: str) -> None:
    path = service.clone / name
    path.write_text(text, encoding="utf-8")
    service.git("add", name)
    service.git("commit", "--quiet", "-m", f"Change {path.name}")


def test_pull_request_is_told(service: Service, tmp_path: Path) -> None:
    event = _event(service)
    _commit(service, "x.py", "1\n")
    log, summary, told = _run(
        service, tmp_path, "check-pull-request.yaml", event
    )
    assert "::warning title=No fragment::" in log
    assert "makes **1.5.0**" in summary
    assert "scriv create" in summary
    assert told.splitlines()[:3] == ["pr", "comment", "7"]

    _commit(
        service, "changelog.d/20990101_x.md",
        "### Backwards-incompatible changes\n\n- It breaks.\n",
    )  # fmt: skip
    log, summary, _ = _run(service, tmp_path, "check-pull-request.yaml", event)
    assert "No fragment" not in log
    assert "makes **2.0.0**" in summary


def test_fork_is_told_in_the_summary_alone(
    service: Service, tmp_path: Path
) -> None:
    event = _event(service, repository="somebody/stargazer")
    _commit(service, "x.py", "1\n")
    log, summary, told = _run(
        service, tmp_path, "check-pull-request.yaml", event
    )
    assert "::warning title=No fragment::" in log
    assert "makes **1.5.0**" in summary
    assert not told
    # And none of the examples runs where a fork has the base's rights.
    for path in WORKFLOWS.glob("*.yaml"):
        workflow = _read(path.name)
        assert "pull_request_target" not in workflow["on"], path
        permissions = json.dumps(workflow["permissions"])
        assert 'contents": "write' not in permissions, path
        if "closed" in json.dumps(workflow["on"]):
            [job] = workflow["jobs"].values()
            assert "head.repo.full_name == github.repository" in job["if"]


def test_dependabot_may_not_comment(service: Service, tmp_path: Path) -> None:
    service.environ["GH_REFUSES"] = "yes"
    event = _event(service, author="Bot")
    _commit(service, "uv.lock", "1\n")
    log, summary, told = _run(
        service, tmp_path, "check-pull-request.yaml", event
    )
    assert told
    assert "::notice::The token may not comment" in log
    assert "No fragment" not in log
    assert "makes **1.5.0**" in summary


def test_weekly_patch_is_for_dependencies_alone(
    service: Service, tmp_path: Path
) -> None:
    [job] = _read("weekly-patch.yaml")["jobs"].values()
    [step] = [s for s in job["steps"] if s.get("id") == "changes"]
    runner = Composite(
        action=tmp_path,
        folder=tmp_path,
        environ=environment_of(service.environ, service.clone),
        github={},
    )

    def is_wanted() -> str:
        _, _, outputs = runner.run_step(step, {})
        return outputs["is-wanted"]

    assert is_wanted() == "false"
    service.git("tag", "1.4.1")
    assert is_wanted() == "false"
    _commit(service, "uv.lock", "1\n")
    assert is_wanted() == "true"
    _commit(service, "x.py", "1\n")
    assert is_wanted() == "false"


def test_files_are_valid_by_githubs_schemas() -> None:
    """Workflows and the action; `nox -s workflows` asks GitHub's parser."""
    pytest.importorskip("check_jsonschema")
    root = WORKFLOWS.parents[1]
    place = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    files = [
        *WORKFLOWS.glob("*.yaml"),
        *(root / ".github" / "workflows").glob("*.yaml"),
        root / "action.yml",
    ]
    assert len(files) >= 6
    for path in files:
        kind = "actions" if path.name == "action.yml" else "workflows"
        text = (place / f"github-{kind}.json").read_text(encoding="utf-8")
        validator = jsonschema.Draft7Validator(json.loads(text))
        validator.validate(YAML(typ="safe").load(path.read_text("utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"name": "an action without what it runs"})
