"""Imports point down, and the quick commands load little."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rsp_release

SOURCE = Path(rsp_release.__file__).parent

PURE = {
    "changelog",
    "changelog_edits",
    "charts",
    "choice",
    "commits",
    "config",
    "deploy_edits",
    "deployment",
    "estimates",
    "evidence",
    "exceptions",
    "fleet",
    "fragments",
    "hosting",
    "images",
    "messages",
    "models",
    "naming",
    "runs",
    "spans",
    "notes",
    "numbering",
    "pulls",
    "scaffold",
    "scriv_settings",
    "tags",
    "version",
    "version_files",
    "workflow",
}
"""Modules that compute and nothing else."""

ALLOWED = {
    "exceptions": set[str](),
    "choice": set[str](),
    "models": {"choice", "exceptions"},
    "world": {"hosting", "models", "exceptions"},
    "journal": {"models", "exceptions"},
    "digests": {"models"},
    "changelog_seen": PURE | {"world"},
    "deploy_seen": PURE | {"world"},
    "deploy_doubts": PURE | {"deploy_seen"},
    "fleet_reader": PURE | {"world"},
    "engine": {"journal", "world", "models", "exceptions"},
    "pin": PURE | {"world"},
    "begun": PURE | {"journal", "pin", "world"},
    "preview": PURE | {"begun", "journal", "pin", "world"},
    "recheck": PURE | {"world"},
    "plan": {"engine", "models"},
    "conclusion": {"engine", "exceptions", "journal", "models"},
    "releaser": PURE
    | {
        "begun",
        "conclusion",
        "engine",
        "journal",
        "pin",
        "plan",
        "preview",
        "recheck",
        "world",
    },
    "watcher": PURE | {"engine", "journal", "world"},
    "checks": PURE | {"deploy_seen", "world"},
    "checker": PURE | {"checks", "journal", "pin", "world"},
    "steps": PURE
    | {"changelog_seen", "checks", "deploy_doubts", "deploy_seen", "world"},
    "storage": PURE | {"world"},
    "views": {"models", "exceptions"},
    "sandbox": set[str](),
    "factory": PURE
    | {
        "digests",
        "engine",
        "fleet_reader",
        "journal",
        "pin",
        "plan",
        "releaser",
        "checker",
        "checks",
        "steps",
        "storage",
        "watcher",
        "world",
    },
    "cli": PURE
    | {
        "__init__",
        "checks",
        "conclusion",
        "engine",
        "factory",
        "journal",
        "pin",
        "plan",
        "releaser",
        "sandbox",
        "steps",
        "storage",
        "views",
        "watcher",
        "world",
    },
    "__main__": {"__init__", "cli", "exceptions"},
    "__init__": {"_version"},
    **dict.fromkeys(PURE - {"exceptions", "models"}, PURE),
}
"""What each module, or package, may import of the others."""


def find_imports(path: Path, source: str) -> Iterator[tuple[str, str]]:
    """Find what a module imports: top-level names of ours, or ``!other``.

    Parameters
    ----------
    path
        Where the module is, from the package's directory.
    source
        Its text.

    Yields
    ------
    tuple of str
        The first part of the module inside the package, and the second; for
        other packages the first is their name after an exclamation mark.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield f"!{alias.name.split('.')[0]}", ""
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield f"!{(node.module or '').split('.')[0]}", ""
        elif isinstance(node, ast.ImportFrom):
            parents = list(path.parts[:-1])
            base = parents[: len(parents) - node.level + 1]
            whole = [*base, *(node.module.split(".") if node.module else [])]
            if whole:
                yield whole[0], [*whole, ""][1]
            else:
                for alias in node.names:
                    name = alias.name
                    yield "__init__" if name == "__version__" else name, ""


def find_violations(path: Path, source: str) -> list[str]:
    """Return the imports of a module that do not point down."""
    name = path.parts[0].removesuffix(".py")
    allowed = ALLOWED.get(name, set())
    found = []
    for target, part in find_imports(path, source):
        if target.startswith("!"):
            is_own = target == "!rsp_release"
            is_foreign = target[1:] not in sys.stdlib_module_names
            if is_own or (name == "sandbox" and is_foreign):
                found.append(f"{path} imports {target[1:]}")
        elif target == name:
            is_table = path.name == "__init__.py"
            if name == "steps" and not is_table:
                found.append(f"{path} imports its sibling {part}")
        elif target not in allowed:
            found.append(f"{path} imports {target}")
    return found


def _modules() -> list[Path]:
    return sorted(
        path.relative_to(SOURCE)
        for path in SOURCE.rglob("*.py")
        if path.name != "_version.py"
    )


@pytest.mark.parametrize("path", _modules(), ids=str)
def test_imports_point_down(path: Path) -> None:
    source = (SOURCE / path).read_text(encoding="utf-8")
    assert find_violations(path, source) == []


@pytest.mark.parametrize(
    ("path", "source", "violation"),
    [
        ("steps/tag.py", "from ..storage.git import GitClone", "storage"),
        ("steps/tag.py", "from .. import storage", "storage"),
        ("steps/tag.py", "def f():\n    from ..engine import E", "engine"),
        ("steps/tag.py", "from .images import Images", "sibling"),
        ("storage/git.py", "from ..steps import RELEASE", "steps"),
        ("sandbox/box.py", "from ..models import Image", "models"),
        ("sandbox/box.py", "import requests", "requests"),
        ("version.py", "from .storage.history import read", "storage"),
        ("exceptions.py", "from .models import Release", "models"),
        ("engine.py", "import rsp_release.storage", "rsp_release"),
    ],
)
def test_violations_are_noticed(
    path: str, source: str, violation: str
) -> None:
    [found] = find_violations(Path(path), source)
    assert violation in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("steps/tag.py", "from ..world import World"),
        ("steps/__init__.py", "from .tag import Tag"),
        ("storage/git.py", "from .redact import Redactor"),
        ("sandbox/box.py", "import http.server"),
    ],
)
def test_what_points_down_is_allowed(path: str, source: str) -> None:
    assert find_violations(Path(path), source) == []


def test_every_module_has_its_place() -> None:
    names = {path.parts[0].removesuffix(".py") for path in _modules()}
    assert names <= set(ALLOWED)


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
    assert not loaded & (heavy | {"ruamel", "dataclasses", "subprocess"})


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
