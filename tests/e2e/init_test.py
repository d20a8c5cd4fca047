"""``init``, and then ``check --offline``, on whole repositories."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ..setup.scaffold_test import REPOSITORIES
from ..support.spawning import run_program

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")
    environ = {k: os.environ[k] for k in kept if k in os.environ}
    environ |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        **{
            f"GIT_{who}_{what}": "a@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    folder = tmp_path / "clone"
    folder.mkdir()

    def call(*args: str) -> subprocess.CompletedProcess[str]:
        if args[0] != "git":
            return run_program(args, cwd=folder, environ=environ, timeout=60)
        return subprocess.run(
            args, cwd=folder, env=environ, check=False,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    call("git", "init", "--quiet", "--initial-branch=main")
    return call


def fill(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and ".git" not in p.relative_to(folder).parts[:1]
    }


@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("kind", REPOSITORIES)
def test_init_then_check(
    tmp_path: Path, run: Run, kind: str, *, remote: bool
) -> None:
    folder = tmp_path / "clone"
    if remote:
        url = "https://github.com/lsst-sqre/example.git"
        run("git", "remote", "add", "origin", url)
    fill(folder, REPOSITORIES[kind])
    if REPOSITORIES[kind]:
        run("git", "add", "-A")
        run("git", "commit", "--quiet", "-m", "feat: begin")
    before = tree(folder)

    dry = run("init", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert tree(folder) == before
    assert "+++ b/.github/release.yml" in dry.stdout

    refused = run("init")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert tree(folder) == before

    done = run("init", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout == dry.stdout
    after = tree(folder)
    for path, data in before.items():
        assert after[path].startswith(data)

    again = run("init", "--yes")
    assert again.returncode == 0
    assert again.stdout == ""
    assert tree(folder) == after

    if not REPOSITORIES[kind]:
        _check(run)
    run("git", "add", "-A")
    run("git", "commit", "--quiet", "-m", "build: init")
    _check(run)


def _check(run: Run) -> None:
    checked = run("check", "--offline", "--json")
    assert checked.returncode == 0, checked.stdout
    found = json.loads(checked.stdout)["checks"]
    assert len(found) > 10
    assert [e for e in found if e["state"] != "ok"] == []


def test_bytes_that_are_no_text_are_kept(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "clone"
    data = b"# caf\xe9 \x1b[31m\r\n[project]\r\nname = 'x'\r\n"
    (folder / "pyproject.toml").write_bytes(data)
    done = run("init", "--yes")
    assert "\x1b" not in done.stdout
    assert "Traceback" not in done.stderr
    assert (folder / "pyproject.toml").read_bytes().startswith(data)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (".github", "link"),
        (".github/workflows", "link"),
        ("changelog.d", "link"),
        ("CHANGELOG.md", "link"),
        ("pyproject.toml", "fifo"),
        ("CHANGELOG.md", "fifo"),
        (".github", "file"),
    ],
)
def test_nothing_is_written_elsewhere(
    tmp_path: Path, run: Run, path: str, kind: str
) -> None:
    """A link, a pipe and a file in the place of a folder end it."""
    folder, elsewhere = tmp_path / "clone", tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "link":
        place.symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        place.write_text("text\n")
    done = run("init", "--yes")
    assert done.returncode in {1, 2}, done.stdout
    assert path in done.stderr
    assert "internal error" not in done.stderr
    assert list(elsewhere.iterdir()) == []


def test_secrets_are_named_with_instructions(tmp_path: Path, run: Run) -> None:
    url = "https://github.com/lsst-sqre/example.git"
    run("git", "remote", "add", "origin", url)
    done = run("init", "--yes", "--registry", "docker-hub")
    said = done.stderr
    assert "gh secret set DOCKER_TOKEN --repo lsst-sqre/example" in said
    assert "Docker Hub access token" in said
    assert run("init", "--registry", "quay").returncode == 2
