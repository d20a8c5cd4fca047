"""``next`` and ``--version``, as a person or a script runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rsp_release
from rsp_release.__main__ import _plain_next, main
from tests.support.clone import Clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "clone")
    clone.commit("feat: first")
    clone.tag("v1.2.3")
    return clone


def loaded(*arguments: str, where: Path) -> set[str]:
    """Run the program and return the modules that it loaded."""
    code = (
        "import sys\n"
        "from rsp_release.__main__ import main\n"
        "status = main(sys.argv[1:])\n"
        "sys.stderr.write(' '.join(sys.modules))\n"
        "sys.exit(status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=where,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd() / "src")},
    )
    return set(done.stderr.split())


def test_stdout_is_the_version_alone(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    clone.commit("feat: a")
    assert main(["-C", str(clone.path), "next"]) == 0
    out, err = capsys.readouterr()
    assert out == "1.3.0\n"
    assert not err
    assert main(["-C", str(clone.path), "next", "auto", "--why"]) == 0
    out, err = capsys.readouterr()
    assert out == "1.3.0\n"
    assert "feat: a" in err
    assert len(err.splitlines()) < 24


def test_nothing_to_release(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-C", str(clone.path), "next"]) == 0
    out, err = capsys.readouterr()
    assert not out
    assert err == "nothing to release since v1.2.3\n"
    assert main(["-C", str(clone.path), "next", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["next"] is None
    assert document["bump"] == "none"


def test_json(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.commit("feat: a\x1b[31m")
    assert main(["-C", str(clone.path), "next", "--json", "--pre", "rc"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["current"] == "1.2.3"
    assert document["current_tag"] == "v1.2.3"
    assert document["next"] == "1.3.0-rc.1"
    assert document["tag"] == "v1.3.0-rc.1"
    assert document["bump"] == "prerelease"
    assert document["commits"] == 1
    assert document["reasons"][0]["source"] == "commit"
    assert document["warnings"] == []


def test_why_fits_a_screen_and_is_safe(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(40):
        clone.commit(f"feat: \x1b]0;title\x07 {number}")
        clone.commit(f"fix: {number} {'words ' * 40}")
    assert main(["-C", str(clone.path), "next", "--why"]) == 0
    err = capsys.readouterr().err
    assert "and 26 more" in err
    assert "\x1b" not in err
    assert len(err.splitlines()) < 24
    assert max(map(len, err.splitlines())) <= 80


def test_labels_that_cannot_be_read_are_told(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    clone.commit("Something")
    settings = clone.path / ".rsp-release.toml"
    settings.write_text('[labels]\nbreaking = "major"\n')
    assert main(["-C", str(clone.path), "next"]) == 0
    assert "labels of pull requests" in capsys.readouterr().err
    assert main(["-C", str(clone.path), "next", "minor"]) == 0
    assert "labels" not in capsys.readouterr().err


def test_why_of_the_first_version(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    clone.git("tag", "--delete", "v1.2.3")
    assert main(["-C", str(clone.path), "next", "--why"]) == 0
    err = capsys.readouterr().err
    assert "the first release" in err
    assert "past releases" not in err


def test_errors_become_exit_statuses(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    clone.commit("feat!: a")
    assert main(["-C", str(clone.path), "next", "patch"]) == 3
    out, err = capsys.readouterr()
    assert not out
    assert "call for a major" in err
    assert main(["-C", str(clone.path), "next", "banana"]) == 2
    (clone.path / ".rsp-release.toml").write_text("brnach = 1\n")
    assert main(["-C", str(clone.path), "next"]) == 2
    assert "did you mean branch" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--help"],
        ["next", "--help"],
        ["next", "--unknown"],
        ["next", "minor", "extra"],
        ["next", "--pre"],
        ["next", "--pre", "--why"],
        ["-v", "next"],
        ["--why", "next"],
        ["bump"],
    ],
)
def test_all_else_is_left_to_the_command_line(arguments: list[str]) -> None:
    assert _plain_next(arguments) is None


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.split()[-1] == rsp_release.__version__


NOT_NEEDED = {
    "checks",
    "deployment",
    "engine",
    "factory",
    "images",
    "models",
    "publishing",
    "release",
    "runs",
    "setup",
    "steps",
    "views",
}


def test_quick_answers_load_little(clone: Clone) -> None:
    modules = loaded("--version", where=clone.path)
    assert not modules & {"semver", "typer", "subprocess"}
    assert {m for m in modules if "rsp_" in m} == {
        "rsp_release",
        "rsp_release.__main__",
        "rsp_release._version",
    }
    clone.commit("feat: a")
    modules = loaded("next", where=clone.path)
    slow = "typer click pydantic rich git github requests pathlib"
    slow += " dataclasses datetime tomllib configparser json"
    assert "semver" in modules
    assert not modules & set(slow.split())
    assert (
        not {
            m.split(".")[1]
            for m in modules
            if m.startswith("rsp_") and "." in m
        }
        & NOT_NEEDED
    )
