"""The pages of help, and the options on either side of a command."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from rsp_release.cli.app import app, main
from rsp_release.cli.help import EXAMPLES, GLOBAL, write_examples
from rsp_release.views.safe import lines

PAGES = Path(__file__).parents[1] / "data" / "help"
PROGRAM: Any = typer.main.get_command(app)
COMMANDS = list(PROGRAM.commands)


class Terminal(io.StringIO):
    """A terminal in memory."""

    encoding = "utf-8"

    def isatty(self) -> bool:  # type: ignore[explicit-override]
        return True


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERMINAL_WIDTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


def show(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *words: str
) -> str:
    """Show a page and return it."""
    monkeypatch.setattr(sys, "stdout", stream)
    assert main([*words, "--help"]) == 0
    return stream.getvalue()


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_page(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each page is as it was read, at 80 columns, on paper and screen."""
    words = [name] if name else []
    plain = show(monkeypatch, io.StringIO(), *words)
    screen = lines(show(monkeypatch, Terminal(), *words), 10_000)
    text = f"{plain}\n{'=' * 78}\n\n{screen}\n"
    path = PAGES / f"{name or 'rsp-release'}.txt"
    if os.environ.get("UPDATE_TEST_DATA"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 80
    assert "<bool>" not in text
    assert "[[" not in text


def test_no_page_is_left() -> None:
    assert {p.stem for p in PAGES.iterdir()} == {"rsp-release", *COMMANDS}


@pytest.mark.parametrize(
    ("name", "value", "words", "is_coloured"),
    [
        ("TERM", "xterm", ("bump",), True),
        ("TERM", "dumb", ("bump",), False),
        ("NO_COLOR", "1", ("bump",), False),
        ("TERM", "xterm", ("--no-color", "bump"), False),
        ("TERM", "xterm", ("bump", "--no-color"), False),
        ("TERM", "xterm", ("--no-color",), False),
    ],
)
def test_colour_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    words: tuple[str, ...],
    *,
    is_coloured: bool,
) -> None:
    monkeypatch.setenv(name, value)
    page = show(monkeypatch, Terminal(), *words)
    assert ("\x1b[" in page) is is_coloured
    assert ("╭" in page) is is_coloured


def test_wide_terminal_is_not_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    page = lines(show(monkeypatch, Terminal(), "bump"), 10_000)
    assert max(map(len, page.splitlines())) == 100


def _examples() -> Iterator[tuple[str, str]]:
    for name, examples in EXAMPLES.items():
        for typed, _ in examples:
            yield name, typed


@pytest.mark.parametrize(("name", "typed"), [*_examples()])
def test_example_can_be_typed(name: str, typed: str) -> None:
    command, *words = shlex.split(typed)
    assert command == name
    words = [word for word in words if not word.startswith((">", "~"))]
    with PROGRAM.make_context("rsp-release", [name], resilient_parsing=True):
        PROGRAM.commands[name].make_context(name, words)


def test_every_command_has_examples() -> None:
    assert list(EXAMPLES) == COMMANDS
    assert all(2 <= len(each) <= 3 for each in EXAMPLES.values())
    shown = [line for name in EXAMPLES for line in
             write_examples(name).splitlines()]  # fmt: skip
    # A terminal of 80 columns breaks none of them.
    assert max(map(len, shown)) <= 78


@pytest.mark.parametrize("name", COMMANDS)
def test_global_options_follow_every_command(name: str) -> None:
    found = {
        option
        for each in PROGRAM.commands[name].params
        if getattr(each, "rich_help_panel", None) == GLOBAL
        for option in each.opts
    }
    assert found == {"-C", "--repo", "-R", "--remote", "--no-color",
                     "--verbose", "-v"}  # fmt: skip


@pytest.mark.parametrize("is_before", [True, False])
def test_global_options_on_either_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_before: bool
) -> None:
    """What stands on either side says the same."""
    options = ["-C", str(tmp_path / "none"), "-R", "acme/x", "-v"]
    command = ["check", "--offline"]
    words = [*options, *command] if is_before else [*command, *options]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert str(tmp_path / "none") in said
    assert "Traceback" in said


def test_the_nearer_one_decides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = tmp_path / "inner"
    words = ["-C", str(tmp_path), "check", "--offline", "-C", str(inner)]
    assert main(words) == 2
    assert str(inner) in capsys.readouterr().err


def test_count_below_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", "--rerun-failed", "-1"]) == 2
    assert "-1 is below 0" in capsys.readouterr().err
