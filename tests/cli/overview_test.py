"""The program alone: where one stands in a clone, and help elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rsp_release.__main__ import main
from rsp_release.cli.app import main as app
from rsp_release.engine.journal import Journal
from tests.engine.journal_test import RELEASE
from tests.support.clone import Clone

from .next_test import NOT_NEEDED, loaded

FRAGMENT = "### New features\n\n- Something.\n"
NOW = datetime(2026, 11, 28, 15, 4, tzinfo=UTC)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "clone")
    clone.commit("feat: first")
    clone.tag("v1.2.3")
    return clone


def _tell(
    clone: Clone, capsys: pytest.CaptureFixture[str], *words: str
) -> list[str]:
    assert main(["-C", str(clone.path), *words]) == 0
    return capsys.readouterr().out.splitlines()


def test_where_one_stands(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    clone.commit_files("feat: a", {"changelog.d/a.md": FRAGMENT})
    clone.commit("fix: b")
    assert _tell(clone, capsys) == [
        "Released    v1.2.3",
        "Unreleased  2 commits, 1 fragment on main",
        "Next        v1.3.0 (minor)",
        (
            "How sure    likely: the changes say so; past releases do not"
            " confirm it"
        ),
        "Unfinished  nothing that was begun here",
        "Type        rsp-release bump --dry-run",
    ]


def test_nothing_to_release(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _tell(clone, capsys)[1:] == [
        "Unreleased  no commits on main",
        "Next        nothing to release",
        "How sure    -",
        "Unfinished  nothing that was begun here",
        "Type        rsp-release status",
    ]


def test_guess(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.commit("Something")
    told = _tell(clone, capsys)
    assert told[3].startswith("How sure    guess: no commit or fragment")
    assert told[5] == "Type        rsp-release bump major, minor or patch"


def test_first_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = Clone(tmp_path / "new")
    clone.commit("feat: first")
    told = _tell(clone, capsys)
    assert told[0] == "Released    nothing yet"
    assert told[3] == "How sure    certain: the first release"


def test_what_is_unfinished(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a work tree of its own the clone's journals count too."""
    journal = Journal.of_tag(clone.path / ".git" / "rsp-release", "v1.2.4")
    journal.pin(RELEASE)
    journal.intend("push refs/tags/v1.2.4", step="tag", at=NOW)
    other = clone.path.parent / "other"
    clone.git("worktree", "add", "--quiet", "-b", "side", str(other))
    for path in (clone.path, other, clone.path / ".git" / ".."):
        told = _tell(Clone(path, init=False), capsys)
        assert (
            told[4] == "Unfinished  v1.2.4, last active 2026-11-28 15:04 UTC"
        )
        assert told[5] == "Type        rsp-release resume v1.2.4"
    journal.finish(at=NOW)
    assert "nothing" in _tell(clone, capsys)[4]


def test_branch_is_no_command_for_a_terminal(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    clone.git("switch", "--quiet", "-c", "a\N{RIGHT-TO-LEFT OVERRIDE}b")
    assert _tell(clone, capsys)[1] == "Unreleased  no commits on ab"
    clone.git("switch", "--quiet", "--detach")
    assert (
        _tell(clone, capsys)[1] == "Unreleased  no commits on a detached HEAD"
    )


def test_other_options_say_the_same(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    told = _tell(clone, capsys)
    assert _tell(clone, capsys, "--no-color") == told


def test_help_outside_of_a_clone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ([], ["-C", str(tmp_path)], ["--no-color"]):
        assert main(words) == 0
        assert capsys.readouterr().out.startswith("Usage: rsp-release")
    assert app(["--help"]) == 0
    assert "Many repositories:" in capsys.readouterr().out


def test_error_is_told(
    clone: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    (clone.path / ".rsp-release.toml").write_text("brnach = 1\n")
    for words in ([], ["--no-color"]):
        assert main(["-C", str(clone.path), *words]) == 2
        assert "did you mean branch" in capsys.readouterr().err


def test_it_loads_little(clone: Clone) -> None:
    clone.commit("feat: a")
    modules = loaded(where=clone.path)
    slow = "typer click pydantic rich git github requests pathlib"
    slow += " tomllib configparser json"
    assert not modules & set(slow.split())
    rooms = {m.split(".")[1] for m in modules if m.startswith("rsp_release.")}
    assert rooms & NOT_NEEDED == {"engine", "views"}
