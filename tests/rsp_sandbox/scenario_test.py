"""Scenarios: files, patterns, and what is read from workflow files."""

from __future__ import annotations

import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rsp_sandbox import Scenario, Triggers, scenario
from rsp_sandbox.git import Repository
from rsp_sandbox.scenario import matches
from rsp_sandbox.workflows import read_workflow, workflow_paths
from tests.support.sandbox import git

DATA: dict[str, Any] = {
    "speed": 10,
    "lag": {"releases": 2.5},
    "workflows": [
        {
            "path": ".github/workflows/ci.yaml",
            "on": {"release": {"types": ["published"]}},
            "jobs": [
                {"name": "a", "steps": ["x", {"name": "y", "seconds": 3}]},
                {"name": "b", "needs": ["a"], "conclusion": "failure"},
            ],
            "images": [{"name": "ghcr.io/{repository}-x"}],
        }
    ],
}

TOML = """
speed = 10
lag.releases = 2.5

[[workflows]]
path = ".github/workflows/ci.yaml"
on.release.types = ["published"]
images = [{ name = "ghcr.io/{repository}-x" }]

[[workflows.jobs]]
name = "a"
steps = ["x", { name = "y", seconds = 3 }]

[[workflows.jobs]]
name = "b"
needs = ["a"]
conclusion = "failure"
"""


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(DATA))
    (tmp_path / "a.toml").write_text(TOML)
    found = Scenario.load(tmp_path / "a.json")
    assert Scenario.load(str(tmp_path / "a.toml")) == found
    (script,) = found.workflows
    assert script.jobs is not None
    assert script.jobs[1].conclusions == ("failure", "success")
    assert script.jobs[1].needs == ("a",)
    assert [step.seconds for step in script.jobs[0].steps] == [1, 3]
    assert found.lag.releases == 2.5


@pytest.mark.parametrize(
    "data",
    [
        {"sped": 1},
        {"lag": {"x": 1}},
        {"workflows": [{"path": "x", "job": []}]},
        {"workflows": [{"path": "x", "jobs": [{"name": "a", "need": []}]}]},
    ],
)
def test_misspelt(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has no"):
        Scenario.read(data)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "1.0.0", True),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("v*", "v1", True),
        ("v*", "1", False),
        ("[0-9]+.[0-9]+.[0-9]+", "10.20.30", True),
        ("[0-9]+.[0-9]+.[0-9]+", "1.2", False),
        ("[0-9]+.[0-9]+.[0-9]+", "1.2.3a1", False),
        ("1.0.0", "1x0x0", False),
        ("v?1", "1", True),
        ("release/**", "release/1/2", True),
        ("[", "[", True),
        ("a(b", "a(b", True),
    ],
)
def test_patterns(pattern: str, name: str, *, expected: bool) -> None:
    assert matches(pattern, name) is expected


@pytest.mark.parametrize(
    ("on", "tag", "branch"),
    [
        ("push", True, True),
        (["push"], True, True),
        ({"push": None}, True, True),
        ({"push": {"branches": ["main"]}}, False, True),
        ({"push": {"branches-ignore": ["u/**"]}}, False, True),
        ({"push": {"branches-ignore": ["main"]}}, False, False),
        ({"push": {"tags": ["1.*"]}}, True, False),
        ({"push": {"tags": ["*", "!1.*"]}}, False, False),
        ({"push": {"tags-ignore": ["1.*"]}}, False, False),
        ({"push": {"tags": ["1.*"], "branches": ["x"]}}, True, False),
        ({"push": {"paths": ["docs/**"]}}, True, True),
        ({"release": None}, False, False),
        ("workflow_dispatch", False, False),
        (None, False, False),
    ],
)
def test_push_filters(on: Any, *, tag: bool, branch: bool) -> None:
    triggers = Triggers.read(on)
    assert triggers.wants("push", "", "refs/tags/1.0") is tag
    assert triggers.wants("push", "", "refs/heads/main") is branch


def test_release_types() -> None:
    every, one = (
        Triggers.read("release"),
        Triggers.read({"release": {"types": "published"}}),
    )
    assert every.wants("release", "edited", "refs/tags/1")
    assert one.wants("release", "published", "refs/tags/1")
    assert not one.wants("release", "created", "refs/tags/1")


WORKFLOW = """
name: Release
on:
  push:
    tags: ["*"]
jobs:
  check:
    strategy:
      matrix:
        python: ["3.12", "3.13"]
        os: [linux]
    name: Python ${{ matrix.python }}
    steps:
      - uses: actions/checkout@v5
      - run: nox
  docker:
    needs: check
    if: startsWith(github.ref, 'refs/tags/')
    steps:
      - name: Log in
        uses: docker/login-action@v3
      - name: Push
        uses: docker/build-push-action@v6
  package:
    uses: ./.github/workflows/inner.yaml
  branch:
    if: github.ref_type == 'branch' || startsWith(github.ref, 'refs/heads/')
  never:
    if: false
  dated:
    name: 2026-11-28
concurrency: ${{ github.workflow }}-${{ github.ref }}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    work = tmp_path / "w"
    git("init", "-q", "-b", "main", str(work))
    folder = work / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / "release.yml").write_text(WORKFLOW)
    (folder / "broken.yaml").write_text("just text\n")
    (folder / "notes.txt").write_text("no workflow")
    git("add", ".", cwd=work)
    git("commit", "-qm", "feat: begin", cwd=work)
    return Repository(work / ".git")


def test_workflow_files(repository: Repository) -> None:
    head = repository.resolve("main")
    assert head is not None
    paths = workflow_paths(repository, head)
    assert paths == [
        ".github/workflows/broken.yaml",
        ".github/workflows/release.yml",
    ]
    script = read_workflow(
        repository, head, paths[1], event="push", ref="refs/tags/1.0"
    )
    assert script is not None
    assert script.name == "Release"
    assert script.jobs is not None
    names = {job.name: job for job in script.jobs}
    assert list(names) == [
        "Python 3.12",
        "Python 3.13",
        "docker",
        "package / run",
        "branch",
        "never",
        "dated",
    ]
    assert names["docker"].needs == (
        "check/Python 3.12",
        "check/Python 3.13",
    )
    steps = [step.name for step in names["docker"].steps]
    assert steps == ["Set up job", "Log in", "Push", "Complete job"]
    skipped = [name for name, job in names.items() if job.is_skipped]
    assert skipped == ["branch", "never"]
    assert script.concurrency == "workflow-refs/tags/1.0"
    assert script.images is None
    broken = read_workflow(
        repository, head, paths[0], event="push", ref="refs/tags/1.0"
    )
    assert broken is not None
    assert broken.startup_failure
    assert (
        read_workflow(
            repository, head, "none.yaml", event="push", ref="refs/tags/1.0"
        )
        is None
    )
    repository.close()


def test_documented_example_is_right() -> None:
    text = scenario.__doc__ or ""
    example = text.partition("::\n")[2].partition("\nA job may")[0]
    found = Scenario.read(tomllib.loads(textwrap.dedent(example)))
    (script,) = found.workflows
    assert script.jobs is not None
    assert script.jobs[1].failing_step == "Push"
    assert script.jobs[1].conclusions == ("failure", "success")
