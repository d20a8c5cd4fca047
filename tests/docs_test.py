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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rsp_release.sandbox import Scenario

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
    if "```console" in path.read_text(encoding="utf-8")
)


def test_there_are_examples() -> None:
    assert "tutorial.md" in PAGES
    assert len(PAGES) >= 6


@pytest.mark.parametrize("page", PAGES)
def test_examples(page: str, tmp_path: Path) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    place = _place(text)
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "rsp-release"
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -m rsp_release "$@"\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
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
            pattern = re.escape(example.expected).replace(r"\.\.\.", ".*")
            pattern = pattern.replace("\\\n", r"\s+").replace(r"\ ", r"\s+")
            said = result.stdout.strip()
            assert re.fullmatch(pattern, said, re.DOTALL), told


def test_wrong_example_is_noticed() -> None:
    [first, second] = _examples(
        "```console\n$ true\n...\n$ false a\nno\n[1]\n```\n"
    )
    assert first == Example("true", "...", 0)
    assert second == Example("false a", "no", 1)


def test_links_of_pages_outside_the_site() -> None:
    root = DOCS.parent
    for page in (root / "README.md", root / "CHANGELOG.md"):
        for target in re.findall(
            r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8")
        ):
            if "://" not in target:
                assert (page.parent / target).exists(), (page, target)
