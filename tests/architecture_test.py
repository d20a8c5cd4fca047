"""Imports point down, nothing goes in a circle, quick commands load little."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rsp_release

SOURCE = Path(rsp_release.__file__).parents[1]

FLOORS = (
    {"__main__"},
    {"cli"},
    {"rsp_sandbox", "factory"},
    {"release", "steps", "storage", "setup"},
    {"checks"},
    {"deployment"},
    {"changelog", "publishing", "runs", "images", "engine", "views"},
    {"models"},
    {"version"},
    {"config"},
    {"settings_file"},
    {"exceptions"},
    {"__init__"},
    {"_version"},
)
"""The rooms, from the roof down: each imports only from floors below it."""

APART = {"rsp_sandbox"}
"""Rooms that import none of the others: an imitation that shared the parsers
of the program would share its errors.
"""

HEIGHT = {room: -i for i, floor in enumerate(FLOORS) for room in floor}


def find_imports(name: str, source: str) -> Iterator[str]:
    """Find the modules of ours that a module imports, by their full names.

    Parameters
    ----------
    name
        The module's full name; that of a folder ends in ``__init__``.
    source
        Its text.

    Yields
    ------
    str
        The module, and each name that is taken from it, which may be a module
        as well.
    """
    parts = name.split(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = parts[: -node.level] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            found = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (n for n in found if n.split(".")[0] in PACKAGES)


PACKAGES = ("rsp_release", "rsp_sandbox")


def room_of(name: str) -> str:
    """Return the room of a module: its folder, or itself at the top."""
    package, _, rest = f"{name}.__init__".partition(".")
    return rest.split(".")[0] if package == "rsp_release" else package


def folder_of(name: str) -> str:
    """Return the folder of a module, or itself if it is a room alone."""
    folder = name.rpartition(".")[0]
    return name if folder == "rsp_release" else folder


def find_violations(name: str, source: str) -> list[str]:
    """Return the imports of a module that do not point down."""
    room = room_of(name)
    found = set()
    for target in find_imports(name, source):
        other = room_of(target)
        if other == room or target == "rsp_release":
            continue
        if room in APART or HEIGHT.get(other, -99) >= HEIGHT[room]:
            found.add(f"{name} imports {other}")
    return sorted(found)


def find_circle(sources: Mapping[str, str]) -> list[str]:
    """Return modules, or folders, that import each other in a circle.

    Parameters
    ----------
    sources
        The text of each module, by its full name.
    """
    modules: dict[str, set[str]] = {name: set() for name in sources}
    folders: dict[str, set[str]] = {}
    for name, source in sources.items():
        folder = folder_of(name)
        for target in find_imports(name, source):
            found = {target, f"{target}.__init__"} & set(sources)
            other = folder_of(max(found, default=name))
            # What a folder's face hands on is no way back up.
            modules[name] |= {
                each
                for each in found
                if not name.startswith(each.removesuffix("__init__"))
            }
            if other.split(".")[1:2] != folder.split(".")[1:2]:
                folders.setdefault(folder, set()).add(other)
    for graph in (modules, folders):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as e:
            circle: list[str] = e.args[1]
            return circle
    return []


def _read_all() -> dict[str, str]:
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts): (
            path.read_text(encoding="utf-8")
        )
        for package in PACKAGES
        for path in sorted((SOURCE / package).rglob("*.py"))
    }


SOURCES = _read_all()


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_down(name: str) -> None:
    assert find_violations(name, SOURCES[name]) == []


def test_nothing_goes_in_a_circle() -> None:
    assert find_circle(SOURCES) == []


def test_every_room_has_a_floor() -> None:
    assert {room_of(name) for name in SOURCES} <= set(HEIGHT)


@pytest.mark.parametrize(
    ("name", "source", "violation"),
    [
        ("steps.tag", "from ..storage.git.clone import GitClone", "storage"),
        ("steps.tag", "from .. import storage", "storage"),
        ("steps.tag", "def f():\n    from ..release import pin", "release"),
        ("release.pin", "from ..storage.git import clone", "storage"),
        ("checks.base", "from ..storage.git import clone", "storage"),
        ("storage.git.clone", "from ...steps import RELEASE", "steps"),
        ("version.choose", "from ..models import Release", "models"),
        ("exceptions", "from .models import Release", "models"),
        ("engine.engine", "import rsp_release.storage", "storage"),
        ("factory", "from rsp_sandbox import Sandbox", "rsp_sandbox"),
    ],
)
def test_what_points_up_is_noticed(
    name: str, source: str, violation: str
) -> None:
    found = find_violations(f"rsp_release.{name}", source)
    assert found == [f"rsp_release.{name} imports {violation}"]


def test_the_imitation_stays_apart() -> None:
    source = "from rsp_release.models import Image"
    assert find_violations("rsp_sandbox.box", source) == [
        "rsp_sandbox.box imports models"
    ]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("steps.tag", "from ..engine.world import World"),
        ("steps.preflight", "from ..checks import CHECKS"),
        ("storage.git.clone", "from ..redact import Redactor"),
        ("cli.demo", "from rsp_sandbox import Sandbox"),
    ],
)
def test_what_points_down_is_allowed(name: str, source: str) -> None:
    assert find_violations(f"rsp_release.{name}", source) == []


@pytest.mark.parametrize(
    "sources",
    [
        {
            "rsp_sandbox.__init__": "from .a import y",
            "rsp_sandbox.a": "from .b import x",
            "rsp_sandbox.b": "def f():\n    from . import a",
        },
        {
            "rsp_release.a.one": "from ..b.two import x",
            "rsp_release.a.other": "",
            "rsp_release.b.one": "from ..a.other import x",
            "rsp_release.b.two": "",
        },
    ],
    ids=["of modules", "of folders"],
)
def test_a_circle_is_noticed(sources: dict[str, str]) -> None:
    assert find_circle(sources)


def _loaded(code: str, tmp_path: Path) -> set[str]:
    script = (
        f"import sys\n{code}\n"
        "sys.stderr.write('\\n'.join(sorted(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    return {name.split(".")[0] for name in result.stderr.splitlines()}


def test_version_loads_nothing(tmp_path: Path) -> None:
    loaded = _loaded(
        "from rsp_release.__main__ import main; main(['--version'])", tmp_path
    )
    heavy = {"typer", "pydantic", "rich", "git", "github", "requests"}
    lazy = {"ruamel", "dataclasses", "semver", "subprocess"}
    assert not loaded & (heavy | lazy)


def test_next_loads_no_sdk(tmp_path: Path) -> None:
    for command in (
        ["init", "--quiet"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit",
         "--quiet", "--allow-empty", "-m", "feat: begin"],
    ):  # fmt: skip
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    loaded = _loaded(
        "from rsp_release.__main__ import main;"
        " assert main(['next', 'minor']) == 0",
        tmp_path,
    )
    assert "subprocess" in loaded
    heavy = {"typer", "pydantic", "rich", "git", "github", "requests"}
    assert not loaded & (heavy | {"ruamel", "scriv"})


def test_no_group_is_repeated_possessively() -> None:
    """Python 3.11.0 to 3.11.4 match such a pattern wrongly: Debian 12's
    3.11.2 found no image in any workflow.
    """
    wrong = re.compile(r"\(\?>|\)[*+?]\+(?!,)")
    found = [
        f"{path.relative_to(SOURCE)}: {line.strip()}"
        for path in SOURCE.rglob("*.py")
        for line in path.read_text().splitlines()
        if wrong.search(line)
    ]
    assert wrong.search("(?:ab?)*+")
    assert not found
