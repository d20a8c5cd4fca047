"""The examples of the documentation, run as they stand.

A block of ``console`` is a session: lines after ``$`` are typed, what follows
is expected, ``...`` stands for anything, and ``[2]`` is the exit status. The
comment before a page's first session says where it is typed: beside the
sandbox, in a clone of its service, or in one whose service is released.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rsp_sandbox import Scenario

from .support.campaigns import choose_size
from .support.service import serve

DOCS = Path(__file__).parents[1] / "docs"
FAST = Scenario(speed=20, appear_after=0.1)

_BLOCK = re.compile(
    r"(?P<place><!-- sandbox(?:: (?:clone|released))? -->)"
    r"|^ *```console\n(?P<session>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Example:
    """A command, and what it is said to print."""

    command: str
    expected: str
    status: int


def _examples(text: str) -> Iterator[Example]:
    for block in _BLOCK.finditer(text):
        if block["session"] is None:
            continue
        lines = [line.strip() for line in block["session"].splitlines()]
        for part in "\n".join(lines).split("$ ")[1:]:
            command, _, expected = part.partition("\n")
            status = re.search(r"\[(\d+)\]\s*\Z", expected)
            if status:
                expected = expected[: status.start()]
            yield Example(
                command, expected.strip(), int(status[1]) if status else 0
            )


def _place(text: str) -> str:
    match = re.search(r"<!-- (sandbox(?:: \w+)?) -->", text)
    return match[1] if match else "sandbox"


PAGES = sorted(
    str(path.relative_to(DOCS))
    for path in DOCS.rglob("*.md")
    # The tutorial has a test of its own.
    if "```console" in path.read_text(encoding="utf-8")
    and path.name != "tutorial.md"
)


def test_there_are_examples() -> None:
    assert len(PAGES) >= 6


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, tmp_path: Path) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    place = _place(text)
    programs = _make_program(tmp_path)
    with serve(tmp_path / "service", scenario=FAST) as service:
        if place == "sandbox: released":
            assert service.run("bump", "minor", "--yes").returncode == 0
        where = tmp_path if place == "sandbox" else service.clone
        path = os.pathsep.join([str(programs), service.environ["PATH"]])
        environ = {**service.environ, "PATH": path}
        for example in _examples(text):
            here = tmp_path / "where"
            script = (
                f"{example.command}\nstatus=$?\n"
                # Where a session has gone, the next command is.
                f"pwd > {here}\nexit $status\n"
            )
            result = subprocess.run(
                ["bash", "-c", script],
                cwd=where,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            where = Path(here.read_text(encoding="utf-8").strip())
            told = f"{page}: {example.command}\n{result.stdout}"
            assert result.returncode == example.status, told
            assert _is_as_told(result.stdout, example), told


def _make_program(folder: Path) -> Path:
    """Make a directory that has the program, for the search path."""
    programs = folder / "programs"
    programs.mkdir()
    program = programs / "rsp-release"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m rsp_release "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    return programs


def _is_as_told(said: str, example: Example) -> bool:
    pattern = re.escape(example.expected).replace(r"\.\.\.", ".*")
    pattern = pattern.replace("\\\n", r"\s+").replace(r"\ ", r"\s+")
    return bool(re.fullmatch(pattern, said.strip(), re.DOTALL))


def test_wrong_example_is_noticed() -> None:
    [first, second] = _examples(
        "```console\n$ true\n...\n$ false a\nno\n[1]\n```\n"
    )
    assert first == Example("true", "...", 0)
    assert second == Example("false a", "no", 1)


def _typed(text: str) -> Iterator[Example]:
    """Yield everything that a page has one type, plain blocks as well."""
    for block in re.finditer(
        r"^```(sh|console)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
    ):
        if block[1] == "console":
            yield from _examples(block[0])
        else:
            yield Example(block[2].strip(), "...", 0)


def test_tutorial_as_typed(tmp_path: Path) -> None:
    """All of it, from the installation on, in a home with nothing in it.

    A part of the campaign leaves the installation out, which takes longest.
    """
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    text = text.partition("## Release your own service")[0]
    home = tmp_path / "home"
    home.mkdir()
    # The Python of this test, which needs nothing of its own home.
    path = os.pathsep.join([f"{sys.base_prefix}/bin", os.environ["PATH"]])
    where = home
    examples = list(_typed(text))
    if choose_size(1, 0):
        where = home / "rsp-release"
        subprocess.run(
            ["git", "clone", "--quiet", str(DOCS.parent), str(where)],
            check=True,
        )
    else:
        assert "pip install" in examples.pop(0).command
        path = os.pathsep.join([str(_make_program(tmp_path)), path])
    script = ""
    for example in examples:
        command = example.command
        if "rsp-release sandbox" in command:
            if not choose_size(1, 0):
                command = command.replace("--port 8123", "--port 0")
            # In a terminal of its own, and its lines pasted into this one.
            command = (
                f"{command} > ~/pasted 2>/dev/null &\nsandbox=$!\n"
                "for _ in $(seq 300); do grep -q GITHUB_REPOSITORY ~/pasted"
                " && break; sleep 0.1; done\n. ~/pasted"
            )
        script += f"{command}\nprintf '\\1%d\\1' $?\n"
    kept = {"LANG", "PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE"}
    result = subprocess.run(
        ["bash", "-c", f"{script}kill $sandbox\n"],
        cwd=where,
        env={
            **{k: v for k, v in os.environ.items() if k in kept},
            "HOME": str(home),
            "PATH": path,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    said = result.stdout.split("\1")
    for number, example in enumerate(examples):
        shown, status = said[2 * number : 2 * number + 2]
        assert int(status) == example.status, (example.command, shown)
        assert _is_as_told(shown, example), (example.command, shown)


NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=str)
def test_named_tests_exist(page: Path) -> None:
    for path, name in NAMED.findall(page.read_text(encoding="utf-8")):
        text = (DOCS.parent / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, (path, name)


def test_every_threat_names_a_test() -> None:
    text = (DOCS / "threat-model.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| who |")]
    assert len(rows) >= 25
    for row in rows:
        assert row.count(" | ") == 3, row
        assert all(name for _, name in NAMED.findall(row)), row
        assert NAMED.search(row), row


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads(
        (DOCS.parent / "pyproject.toml").read_text("utf-8")
    )
    wanted = {
        re.split(r"[>=<\[ ]", each)[0].lower()
        for each in project["project"]["dependencies"]
    }
    page = DOCS / "decisions" / "0006-dependencies.md"
    rows = re.findall(
        r"^\| ([\w., -]+) \|", page.read_text("utf-8"), re.MULTILINE
    )
    told = {name for row in rows for name in row.lower().split(", ")}
    assert told - {"package"} == wanted


def test_readme_names_every_command() -> None:
    import typer.main

    from rsp_release.cli.app import app

    group: Any = typer.main.get_command(app)
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert sorted(rows) == sorted(group.commands)


def test_links_of_pages_outside_the_site() -> None:
    root = DOCS.parent
    names = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")
    for page in (root / f"{name}.md" for name in names):
        for target in re.findall(
            r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")
        ):
            if "://" not in target:
                assert (page.parent / target).exists(), (page, target)
