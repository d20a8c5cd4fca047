"""What ``init`` writes: no more than is lacking, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rsp_release.config import Config
from rsp_release.exceptions import UsageError
from rsp_release.publishing import find_publication
from rsp_release.publishing.documents import load
from rsp_release.setup.scaffold import (
    Addition,
    Repository,
    parse_target,
    plan,
    unified,
)

NAME = "lsst-sqre/example"

PUBLISH = ".github/workflows/publish.yaml"

PYPROJECT = """\
[project]
name = "example"
dynamic = ["version"]  # from the tag

[build-system]
requires = ["setuptools>=61", "setuptools_scm[toml]>=6.2"]
build-backend = "setuptools.build_meta"

[tool.setuptools_scm]
"""

TEMPLATE_CI = """\
name: CI

"on":
  merge_group: {}
  pull_request: {}
  push:
    branches-ignore: ["dependabot/**", "tickets/**"]
  release:
    types: [published]

jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v6
      - run: uv run nox
  build:
    concurrency:
      group: docker
      queue: max
    needs: [test]
    secrets: inherit
    uses: lsst-sqre/multiplatform-build-and-push/BUILD
    with:
      images: ghcr.io/${{ github.repository }}
    if: >
      (github.event_name == 'release' && github.event.action == 'published')
      || (github.event_name != 'merge_group'
          && startsWith(github.head_ref, 'tickets/'))
""".replace("BUILD", ".github/workflows/build.yaml@v3")

SCRIV = """
[tool.scriv]
categories = [
    "Backwards-incompatible changes",
    "New features",
    "Bug fixes",
    "Other changes",
]
entry_title_template = "{{ version }} ({{ date.strftime('%Y-%m-%d') }})"
format = "md"
md_header_level = "2"
new_fragment_template = "file:changelog.d/_template.md.jinja"
skip_fragments = "_template.md.jinja"
"""

REPOSITORIES: dict[str, dict[str, str]] = {
    "empty": {},
    "python": {
        "pyproject.toml": PYPROJECT,
        "src/example/__init__.py": "",
        "README.md": "# example\n",
        "Dockerfile": "FROM python:3.13-slim\nCOPY . /app\n",
    },
    "go": {
        "go.mod": "module example\n",
        "main.go": "package main\n\nfunc main() {}\n",
        "Dockerfile": "FROM golang:1 AS build\nCOPY . .\n",
        ".github/workflows/test.yaml": (
            "on: [push]\njobs:\n  test:\n    runs-on: ubuntu-latest\n"
            "    steps:\n      - run: go test ./...\n"
        ),
    },
    "template": {
        "pyproject.toml": PYPROJECT + SCRIV,
        "CHANGELOG.md": "# Change log\n\n<!-- scriv-insert-here -->\n",
        "changelog.d/_template.md.jinja": "### Bug fixes\n\n-\n",
        "Dockerfile": "FROM python:3.14-slim-trixie\n",
        ".github/workflows/ci.yaml": TEMPLATE_CI,
        ".github/workflows/periodic-ci.yaml": (
            'name: Periodic CI\n"on":\n  schedule:\n    - cron: "0 12 * * 1"\n'
            "jobs:\n  test:\n    runs-on: ubuntu-latest\n"
            "    steps:\n      - run: make update-deps\n"
        ),
        ".github/dependabot.yml": "version: 2\nupdates: []\n",
    },
}
"""Repositories before ``init``, by what they are."""


def repository(files: Mapping[str, str]) -> Repository:
    def names(folder: str) -> tuple[str, ...]:
        prefix = f"{folder}/" if folder else ""
        found = [p.removeprefix(prefix) for p in files if p.startswith(prefix)]
        return tuple(name for name in found if "/" not in name)

    return Repository(name=NAME, branch="main", read=files.get, names=names)


def apply(files: dict[str, str], *targets: str) -> tuple[Addition, ...]:
    """Plan, and write into the files; return what was written."""
    made = plan(
        repository(files),
        config=Config(file=_settings_file(files)),
        targets=[parse_target(t, repository=NAME) for t in targets],
    )
    for each in made:
        assert files.get(each.path) == each.old
        files[each.path] = each.new
    return made


def _settings_file(files: Mapping[str, str]) -> str | None:
    if ".rsp-release.toml" in files:
        return ".rsp-release.toml"
    table = "[tool.rsp-release]" in files.get("pyproject.toml", "")
    return "pyproject.toml" if table else None


@pytest.mark.parametrize("kind", REPOSITORIES)
def test_nothing_is_lost_and_a_second_look_finds_nothing(kind: str) -> None:
    before = REPOSITORIES[kind]
    files = dict(before)
    made = apply(files)
    assert made
    for path, text in before.items():
        assert files[path].startswith(text)
    for each in made:
        assert each.old is None or each.path == "pyproject.toml"
        if each.path.endswith(".toml"):
            tomllib.loads(each.new)
    assert apply(files) == ()


def test_the_template_lacks_settings_and_categories_of_notes_alone() -> None:
    made = apply(dict(REPOSITORIES["template"]))
    paths = {each.path for each in made}
    assert paths == {"pyproject.toml", ".github/release.yml"}


def test_a_dockerfile_that_a_workflow_builds_from_is_begun() -> None:
    files = dict(REPOSITORIES["template"])
    del files["Dockerfile"]
    assert "Dockerfile" in {each.path for each in apply(files)}
    assert apply(files) == ()
    other = dict(REPOSITORIES["template"])
    del other["Dockerfile"]
    ci = ".github/workflows/ci.yaml"
    other[ci] = other[ci].replace(
        "      images:", "      dockerfile: other/Dockerfile\n      images:"
    )
    assert "Dockerfile" not in {each.path for each in apply(other)}


def test_an_empty_repository_gets_it_all() -> None:
    assert {each.path for each in apply({})} == {
        ".github/release.yml",
        PUBLISH,
        ".rsp-release.toml",
        "CHANGELOG.md",
        "Dockerfile",
        "changelog.d/_template.md.jinja",
        "changelog.d/scriv.ini",
    }


@pytest.mark.parametrize(
    "files",
    [
        {"CHANGELOG.rst": "Changes\n=======\n"},
        {"pyproject.toml": "[tool.towncrier]\n"},
        {".changeset/config.json": "{}"},
        {"setup.cfg": "[scriv]\n", "CHANGELOG.md": ""},
    ],
)
def test_another_change_log_is_left_alone(files: dict[str, str]) -> None:
    made = apply(dict(files))
    assert not any("scriv" in each.new for each in made)
    assert not any("changelog.d" in each.path for each in made)


def test_line_ends_and_the_last_line_are_kept() -> None:
    files = {"pyproject.toml": "[project]\r\nname = 'x'"}
    apply(files)
    text = files["pyproject.toml"]
    assert text.startswith("[project]\r\nname = 'x'\r\n\r\n[tool.")
    assert "\n" not in text.replace("\r\n", "")


@pytest.mark.parametrize(
    ("targets", "images", "secrets"),
    [
        (["ghcr"], ["ghcr.io/lsst-sqre/example"], ()),
        (
            ["docker-hub"],
            ["docker.io/lsstsqre/example"],
            ("DOCKER_USERNAME", "DOCKER_TOKEN"),
        ),
        (
            ["ghcr", "us-central1-docker.pkg.dev/project-1/sciplat"],
            [
                "ghcr.io/lsst-sqre/example",
                "us-central1-docker.pkg.dev/project-1/sciplat/example",
            ],
            ("GAR_PUSH_TOKEN",),
        ),
        (["docker.io/rubin"], ["docker.io/rubin/example"], None),
    ],
)
def test_the_workflow_publishes_where_it_was_told_to(
    targets: list[str], images: list[str], secrets: tuple[str, ...] | None
) -> None:
    files: dict[str, str] = {}
    apply(files, *targets)
    publication = find_publication(
        {PUBLISH: files[PUBLISH]}, repository=NAME, tag="1.2.3"
    )
    assert publication is not None
    assert [image.name for image in publication.images] == images
    assert publication.event == "release"
    assert publication.unsure == ()
    chosen = [parse_target(t, repository=NAME) for t in targets]
    found = tuple(s for target in chosen for s in target.secrets)
    assert secrets is None or found == secrets
    assert all(t.advice for t in chosen if t.secrets)


@pytest.mark.parametrize(
    "text", ["", "quay", "docker.io/a/b", "docker.io/A b", "x.pkg.dev/$(id)"]
)
def test_registries_that_are_not_known(text: str) -> None:
    with pytest.raises(UsageError, match="unknown registry"):
        parse_target(text, repository=NAME)


@pytest.mark.parametrize(
    "targets", [[], ["docker-hub"], ["us-docker.pkg.dev/p/r", "ghcr"]]
)
def test_workflows_are_valid_by_githubs_schema(targets: list[str]) -> None:
    pytest.importorskip("check_jsonschema")
    place = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    text = (place / "github-workflows.json").read_text(encoding="utf-8")
    files: dict[str, str] = {}
    apply(files, *targets)
    schema: dict[str, Any] = json.loads(text)
    jsonschema.Draft7Validator(schema).validate(load("w", files[PUBLISH]))


def test_the_diff_can_be_applied(tmp_path: Path) -> None:
    files = dict(REPOSITORIES["python"])
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    made = apply(files)
    text = "".join(unified(each) for each in made)
    subprocess.run(
        ["git", "apply", "-"], cwd=tmp_path, input=text.encode(), check=True
    )
    for path, expected in files.items():
        assert (tmp_path / path).read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("kind", ["empty", "python"])
def test_scriv_understands_its_settings(tmp_path: Path, kind: str) -> None:
    files = dict(REPOSITORIES[kind])
    apply(files)
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    def run(*command: str) -> None:
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    run("git", "init", "--quiet")
    run("git", "config", "user.name", "Ada")
    run("git", "config", "user.email", "ada@example.org")
    run(sys.executable, "-m", "scriv", "create")
    [fragment] = (tmp_path / "changelog.d").glob("*.md")
    written = fragment.read_text(encoding="utf-8")
    assert "### Backwards-incompatible changes" in written
    fragment.write_text("### Bug fixes\n\n- Mended\n", encoding="utf-8")
    run(sys.executable, "-m", "scriv", "collect", "--version", "1.0.0")
    log = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## 1.0.0 (20" in log
    assert "- Mended" in log
