"""What GitHub Actions is told of commands that have no events."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rsp_release.exceptions import BlockedError, ExitStatus, SettingsError
from rsp_release.models import Result
from rsp_release.version.proposal import NextVersion, Reason
from rsp_release.views.actions import (
    ActionsView,
    find_line,
    mask,
    relative,
    tell_failure,
    tell_next,
)

from .hostile import commands, hostile_texts, outputs_read
from .streams import START

FRAGMENT = "### New features\n\n- \n\n### Bug fixes\n\n-  It  works.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text(FRAGMENT, encoding="utf-8")
    return tmp_path


def _answer(*ignored: Reason, warnings: tuple[str, ...] = ()) -> NextVersion:
    return NextVersion(
        current="1.4.0", current_tag="1.4.0", next="1.4.1", tag="1.4.1",
        bump="patch", commits=1, ignored=ignored, warnings=warnings,
    )  # fmt: skip


def test_lines_are_found(root: Path) -> None:
    path = root / "a.md"
    assert find_line(path, "It works.") == 7
    assert find_line(path, "It wo…") == 7
    assert find_line(path, "Bug fixes") == 5
    assert find_line(path, "Nothing of it") is None
    assert find_line(path, "") is None
    assert find_line(root / "b.md", "It works.") is None
    assert find_line(root, "It works.") is None


def test_paths_are_those_of_the_workspace(root: Path) -> None:
    environ = {"GITHUB_WORKSPACE": str(root)}
    inside = str(root / "sub" / "pyproject.toml")
    assert relative(inside, environ) == "sub/pyproject.toml"
    assert relative("changelog.d/a.md", environ) == "changelog.d/a.md"
    # A path of the machine is of no use to GitHub.
    assert relative("/etc/pyproject.toml", environ) == "pyproject.toml"
    assert relative("a.md", {}) == "a.md"


def test_fragment_without_content(root: Path) -> None:
    empty = Reason(
        bump="none", source="fragment", ref="a.md",
        text="nothing under 'New features'",
    )  # fmt: skip
    stale = Reason(bump="none", source="fragment", ref="b.md", text="stale")
    commit = Reason(bump="none", source="commit", ref="", text="1 reverted")
    told = tell_next(_answer(empty, stale, commit), {}, root)
    assert told.splitlines() == [
        (
            "::warning title=Fragment,file=a.md,line=1::not counted: nothing"
            " under 'New features'"
        ),
        "::warning title=Fragment,file=b.md,line=1::not counted: stale",
    ]


def test_failure_names_file_and_line(root: Path) -> None:
    output = root / "output"
    environ = {"GITHUB_OUTPUT": str(output), "GITHUB_WORKSPACE": str(root)}
    wrong = SettingsError(
        "pyproject.toml", "branchh", "there is no such setting", line=3,
        file=str(root / "sub" / "pyproject.toml"), help="did you mean branch?",
    )  # fmt: skip
    [line] = tell_failure(wrong, environ, root).splitlines()
    assert line.startswith(
        "::error title=rsp-release,file=sub/pyproject.toml,line=3::"
    )
    assert line.endswith("%0Adid you mean branch?")
    read = outputs_read(output.read_text("utf-8"))
    assert read == {"released": "false", "outcome": "failed"}
    less = BlockedError("the changes demand more")
    less.file, less.excerpt = "a.md", "It works."
    assert ",file=a.md,line=7::" in tell_failure(less, environ, root)
    read = outputs_read(output.read_text("utf-8"))
    assert read["outcome"] == "blocked"
    plain = BlockedError("no")
    assert tell_failure(plain, {}) == "::error title=rsp-release::no\n"


def test_result_names_file_and_line(root: Path) -> None:
    import io

    stdout = io.StringIO()
    result = Result(
        outcome="blocked", exit_status=ExitStatus.BLOCKED, at=START,
        message="no", file=str(root / "a.md"), line=7,
    )  # fmt: skip
    with ActionsView(
        title="", steps=(), stdout=stdout, now=lambda: START,
        environ={"GITHUB_WORKSPACE": str(root)},
    ) as view:  # fmt: skip
        view.show(result)
    told = stdout.getvalue()
    assert "::error title=Blocked,file=a.md,line=7::no\n" in told


def test_what_nobody_can_tell_is_a_notice() -> None:
    import io

    stdout = io.StringIO()
    result = Result(
        outcome="released", exit_status=ExitStatus.OK, at=START, tag="1.2.0",
        message="cannot tell", help="name them",
    )  # fmt: skip
    with ActionsView(
        title="", steps=(), stdout=stdout, now=lambda: START, environ={}
    ) as view:
        view.show(result)
    told = stdout.getvalue()
    assert "::notice title=Released 1.2.0::cannot tell%0Aname them\n" in told


def test_hostile_texts(tmp_path: Path) -> None:
    """Every string, as everything that these can hold."""
    output = tmp_path / "output"
    environ = {"GITHUB_OUTPUT": str(output)}
    for _, text in hostile_texts():
        output.unlink(missing_ok=True)
        error = BlockedError(text, help=text)
        error.file, error.excerpt = text, text
        reason = Reason(bump="none", source="fragment", ref=text, text=text)
        told = tell_failure(error, environ, tmp_path)
        assert commands(told) == ["error"], text[:100]
        told += tell_next(_answer(reason, warnings=(text,)), environ, tmp_path)
        assert commands(told) == ["error", "warning", "warning"], text[:100]
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told)
        assert set(outputs_read(output.read_text("utf-8"))) == {
            "released", "outcome", "version", "tag", "images",
        }  # fmt: skip


def test_masks_are_commands_of_their_own() -> None:
    told = mask(["100%\n::set-output::x", "plain"])
    assert told.splitlines() == [
        "::add-mask::100%25",
        "::add-mask::::set-output::x",
        "::add-mask::plain",
    ]
