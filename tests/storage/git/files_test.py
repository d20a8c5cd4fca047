"""What ``uv`` says of a lock file, and what it is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from rsp_release.storage.git.files import CloneFiles
from rsp_release.storage.git.repository import Repository


def make(folder: Path, answer: str, status: int = 0) -> CloneFiles:
    """Make a clone with a lock file, and a ``uv`` that answers."""
    tools = folder / "tools"
    tools.mkdir()
    uv = tools / "uv"
    uv.write_text(
        f'#!/bin/sh\nenv > {folder}/env\necho "$@" > {folder}/args\n'
        f"printf '{answer}' >&2\nexit {status}\n"
    )
    uv.chmod(0o755)
    (folder / "uv.lock").write_text("version = 1\n")
    for args in (
        ["init", "--quiet"],
        ["add", "uv.lock"],
        ["-c", "user.name=a", "-c", "user.email=a@example.org",
         "commit", "--quiet", "-m", "begin"],
    ):  # fmt: skip
        subprocess.run(["git", *args], cwd=folder, check=True)
    environ = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_TOKEN": "ghp_secret",
        "GH_TOKEN": "ghp_secret",
    }
    repository = Repository(folder, environ=environ)
    return CloneFiles(repository, environ=environ)


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
        ("error: no network", 2, None),
    ],
)
def test_current(
    tmp_path: Path, answer: str, status: int, *, expected: bool | None
) -> None:
    files = make(tmp_path, answer, status)
    assert files.lock_is_current(offline=True) is expected
    assert "--offline" in (tmp_path / "args").read_text()
