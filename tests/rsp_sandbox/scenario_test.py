"""Scenarios: files, patterns, and what is read from workflow files."""

from __future__ import annotations

import json
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rsp_sandbox import Scenario, Triggers, scenario
from rsp_sandbox.derive import workflow_paths, workflow_script
from rsp_sandbox.git import Repository
from rsp_sandbox.scenario import matches
from rsp_sandbox.yamlsubset import parse
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("a: 1\nb: 'x: y' # c\n", {"a": 1, "b": "x: y"}),
        ("a:\n- 1\n- b: 2\n  c: 3\n", {"a": [1, {"b": 2, "c": 3}]}),
        ("a:\n  - - 1\n    - 2\n", {"a": [[1, 2]]}),
        ("a: [1, 'b, c', {d: e}]\n", {"a": [1, "b, c", {"d": "e"}]}),
        ("a: [\n  1,\n  2,\n]\nb: 3\n", {"a": [1, 2], "b": 3}),
        ("a: |\n  x\n    y\n\n  z\nb: 1\n", {"a": "x\n  y\n\nz\n", "b": 1}),
        ("a: >-\n  x\n  y\n", {"a": "x\ny\n"}),
        ('"on": true\n', {"on": True}),
        ("on:\n  push:\n", {"on": {"push": None}}),
        ("a: b # c\nd: e#f\n", {"a": "b", "d": "e#f"}),
        ("a: x\n  y\nb: 1\n", {"a": "x y", "b": 1}),
        ("---\na: ~\n", {"a": None}),
        ("a: ${{ github.ref }}\n", {"a": "${{ github.ref }}"}),
        ("run: echo a: b\n", {"run": "echo a: b"}),
        ("- a\n-\n  b: 1\n", ["a", {"b": 1}]),
    ],
)
def test_yaml(text: str, expected: Any) -> None:
    assert parse(text) == expected


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
        with:
          push: true
          platforms: linux/amd64,linux/s390x
          tags: |
            ghcr.io/${{ github.repository }}:${{ github.ref_name }}
            us-central1-docker.pkg.dev/p/r/${{ github.event.repository.name }}
  package:
    uses: ./.github/workflows/inner.yaml
  branch:
    if: github.ref_type == 'branch' || startsWith(github.ref, 'refs/heads/')
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


def test_derived(repository: Repository) -> None:
    head = repository.resolve("main")
    assert head is not None
    paths = workflow_paths(repository, head)
    assert paths == [
        ".github/workflows/broken.yaml",
        ".github/workflows/release.yml",
    ]
    script = workflow_script(
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
    ]
    assert names["docker"].needs == (
        "check/Python 3.12",
        "check/Python 3.13",
    )
    steps = [step.name for step in names["docker"].steps]
    assert steps == ["Set up job", "Log in", "Push", "Complete job"]
    assert names["branch"].is_skipped
    assert script.images is not None
    assert [image.name for image in script.images] == [
        "ghcr.io/{repository}",
        "us-central1-docker.pkg.dev/p/r/{name}",
    ]
    assert script.images[0].platforms == ("linux/amd64", "linux/s390x")
    branch = workflow_script(
        repository, head, paths[1], event="push", ref="refs/heads/main"
    )
    assert branch is not None
    assert branch.images == ()
    broken = workflow_script(
        repository, head, paths[0], event="push", ref="refs/tags/1.0"
    )
    assert broken is not None
    assert broken.startup_failure
    assert (
        workflow_script(
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
