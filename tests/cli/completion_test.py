"""The completion of shells."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from rsp_release.cli.app import Shell, main

from ..support.spawning import run_program


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    path = folder / "rsp-release"
    path.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m rsp_release "$@"\n',
        encoding="utf-8",
    )
    path.chmod(0o755)
    return folder


def _ask(folder: Path, **environ: str) -> str:
    result = run_program(
        [],
        cwd=folder,
        environ={"PATH": "/usr/bin:/bin", **environ},
        timeout=60,
    )
    return result.stdout


def test_bash_completes(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    path = tmp_path / "completion.bash"
    path.write_text(capsys.readouterr().out)
    script = (
        f'PATH="{program}:$PATH"\n. "{path}"\n'
        "COMP_WORDS=(rsp-release reh) COMP_CWORD=1\n"
        "_rsp_release_completion rsp-release\n"
        'echo "${COMPREPLY[@]}"\n'
        "complete -p rsp-release\n"
    )
    result = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = result.stdout.splitlines()
    assert said[0] == "rehearse"
    assert "_rsp_release_completion" in said[1]


def test_other_shells_are_answered(tmp_path: Path) -> None:
    zsh = _ask(
        tmp_path,
        _RSP_RELEASE_COMPLETE="complete_zsh",
        _TYPER_COMPLETE_ARGS="rsp-release bump m",
    )
    assert re.findall(r'"(\w+)"', zsh) == ["major", "minor"]
    fish = _ask(
        tmp_path,
        _RSP_RELEASE_COMPLETE="complete_fish",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_ARGS="rsp-release dep",
    )
    assert fish.startswith("deploy\t")


def test_tags_are_completed(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    for command in (
        ["init", "--quiet", str(clone)],
        ["-C", str(clone), "-c", "user.name=A", "-c", "user.email=a@b.c",
         "commit", "--quiet", "--allow-empty", "-m", "first"],
        *(["-C", str(clone), "tag", tag] for tag in ("1.9.0", "1.10.0")),
    ):  # fmt: skip
        subprocess.run(["git", *command], check=True, capture_output=True)
    words = f"rsp-release -C {clone} status 1"
    said = _ask(
        tmp_path, _RSP_RELEASE_COMPLETE="complete_bash", COMP_WORDS=words,
        COMP_CWORD="4",
    )  # fmt: skip
    assert said.split() == ["1.10.0", "1.9.0"]
    words = words.replace(str(clone), str(tmp_path))
    said = _ask(
        tmp_path, _RSP_RELEASE_COMPLETE="complete_bash", COMP_WORDS=words,
        COMP_CWORD="4",
    )  # fmt: skip
    assert not said.strip()


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in get_args(Shell):
        assert main(["completion", shell]) == 0
        assert "_RSP_RELEASE_COMPLETE" in capsys.readouterr().out
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err
