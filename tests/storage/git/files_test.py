"""What ``uv`` says of a lock file, and what it is told."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rsp_release.exceptions import ReadError
from rsp_release.storage.git.files import CloneFiles
from rsp_release.storage.git.repository import Repository

PROJECT = """\
[project]
name = "a"
dynamic = ["version"]
dependencies = ["idna>3"]
"""


def make(
    folder: Path,
    answer: str,
    status: int = 0,
    *,
    project: str = PROJECT,
    trusts: bool = False,
) -> CloneFiles:
    """Make a clone with a lock file, and a ``uv`` that answers."""
    tools = folder / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text(
        f'#!/bin/sh\nenv > {folder}/env\necho "$@" > {folder}/args\n'
        f"pwd > {folder}/place; ls -A > {folder}/files\n"
        f"printf '{answer}' >&2\nexit {status}\n"
    )
    uv.chmod(0o755)
    (folder / "uv.lock").write_text("version = 1\n")
    (folder / "pyproject.toml").write_text(project)
    for args in (
        ["init", "--quiet"],
        ["add", "uv.lock", "pyproject.toml"],
        ["-c", "user.name=a", "-c", "user.email=a@example.org",
         "commit", "--quiet", "-m", "begin"],
    ):  # fmt: skip
        subprocess.run(["git", *args], cwd=folder, check=True)
    environ = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_TOKEN": "ghp_secret",
        "GH_TOKEN": "ghp_secret",
        "UV_INDEX_INTERNAL_PASSWORD": "ghp_secret",
    }
    repository = Repository(folder, environ=environ)
    return CloneFiles(repository, environ=environ, trusts=trusts)


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ("Resolved 2 packages\nUpdate idna v3.6 -> v3.20\nAdd x v1\n", 0,
         ("idna v3.6 -> v3.20", "x v1")),
        ("Resolved 2 packages\nNo lockfile changes detected\n", 0, ()),
        ("something else\n", 0, None),
        ("error: no network\n", 2, None),
    ],
)  # fmt: skip
def test_updates(
    tmp_path: Path, answer: str, status: int, expected: object
) -> None:
    files = make(tmp_path, answer.replace("\n", "\\n"), status)
    assert files.lock_updates() == expected
    assert "lock --upgrade --dry-run" in (tmp_path / "args").read_text()
    assert "ghp_secret" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(
    ("answer", "status", "expected"),
    [
        ("", 0, True),
        ("The lockfile needs to be updated, but --check was given", 1, False),
    ],
)
def test_current(
    tmp_path: Path, answer: str, status: int, *, expected: bool
) -> None:
    files = make(tmp_path, answer, status)
    assert files.lock_is_current(offline=True) is expected
    assert "--offline" in (tmp_path / "args").read_text()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("Using CPython\nerror: no network\n  Caused by: x", "no network"),
        ("  \u00d7 No solution found\n  more", "No solution found"),
        ("Killed", "Killed"),
        ("", "no reason"),
    ],
)
def test_why_uv_cannot_tell_is_one_line(
    tmp_path: Path, answer: str, why: str
) -> None:
    files = make(tmp_path, answer.replace("\n", "\\n"), 2)
    with pytest.raises(ReadError) as caught:
        files.lock_is_current(offline=True)
    assert caught.value.message == f"uv lock --check failed: {why}"


def test_uv_is_not_installed(tmp_path: Path) -> None:
    files = make(tmp_path, "")
    (tmp_path / "tools" / "uv").unlink()
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "tools" / "git").symlink_to(git)
    environ = {"PATH": str(tmp_path / "tools")}
    files = CloneFiles(Repository(tmp_path, environ=environ), environ=environ)
    with pytest.raises(ReadError, match="uv is not installed"):
        files.lock_is_current(offline=True)


def test_uv_gets_copies_where_it_is_not_trusted(tmp_path: Path) -> None:
    """In the work tree it would run a Python that is committed there."""
    files = make(tmp_path, "")
    assert files.lock_is_current(offline=True) is True
    assert "--no-build" in (tmp_path / "args").read_text()
    assert (tmp_path / "place").read_text().strip() != str(tmp_path)
    assert (tmp_path / "files").read_text() == "pyproject.toml\nuv.lock\n"


def test_uv_gets_the_work_tree_where_it_is_trusted(tmp_path: Path) -> None:
    files = make(tmp_path, "", project="[build-system]\n", trusts=True)
    assert files.lock_is_current(offline=True) is True
    assert "--no-build" not in (tmp_path / "args").read_text()
    assert (tmp_path / "place").read_text().strip() == str(tmp_path.resolve())
    assert "ghp_secret" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(
    "project",
    [
        "",
        "[project]\nname = 'a'\ndynamic = ['dependencies']\n",
        PROJECT + "[tool.uv]\ncache-dir = '/home/you'\n",
        PROJECT + "[tool.uv.workspace]\nmembers = ['b']\n",
        PROJECT + "[tool.uv.sources]\nb = { path = 'b', editable = true }\n",
        PROJECT + "[dependency-groups]\nb = ['b @ git+https://b.example/b']\n",
        PROJECT.replace("idna>3", "b @ file:///home/you/b"),
    ],
)
def test_uv_is_not_asked_where_it_would_build(
    tmp_path: Path, project: str
) -> None:
    files = make(tmp_path, "", project=project)
    with pytest.raises(ReadError, match="uv would have to build"):
        files.lock_is_current(offline=True)
    assert files.lock_updates() is None
    assert not (tmp_path / "args").exists()
