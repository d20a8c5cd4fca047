"""Tries the package as people install it.

``python -m tests.support.wheel_run WHEEL`` installs it with pip, ``uv tool``
and ``pipx``, from the wheel and from git, with the oldest Python that it is
for and the newest that is here, and has each copy compute a version.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from rsp_sandbox import seed

__all__ = ["main"]

ROOT = Path(__file__).parents[2]
OLDEST = 11
_PROBE = "import venv, ensurepip, sys; print(sys.version_info[1])"


def main() -> int:
    """Install in every way, and print what was tried.

    Returns
    -------
    int
        The exit status: that of a failure where one way does not work.
    """
    wheel = Path(sys.argv[1]).resolve()
    version = wheel.name.split("-")[1]
    pythons = _find_pythons()
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = _make_service(folder)
        git = f"git+{ROOT.as_uri()}"
        tries: list[tuple[str, Callable[[Path], Path]]]
        oldest, newest = pythons[0], pythons[-1]
        tries = [
            (
                f"pip install WHEEL ({_label(oldest)})",
                partial(_pip, python=oldest, what=wheel),
            ),
            (
                f"uv tool install WHEEL ({_label(oldest)})",
                partial(_uv, python=oldest, what=wheel),
            ),
            (
                f"uv tool install WHEEL ({_label(newest)})",
                partial(_uv, python=newest, what=wheel),
            ),
            (
                f"pip install git+… ({_label(newest)})",
                partial(_pip, python=newest, what=git),
            ),
            (
                f"uv tool install git+… ({_label(newest)})",
                partial(_uv, python=newest, what=git),
            ),
            (
                f"pipx install WHEEL ({_label(newest)})",
                partial(_pipx, python=newest, what=wheel),
            ),
        ]
        for number, (what, install) in enumerate(tries):
            began = time.monotonic()
            expected = None if "git+" in what else version
            try:
                program = install(folder / str(number))
                _try(program, service, expected)
            except (AssertionError, subprocess.CalledProcessError) as e:
                failures += 1
                said = getattr(e, "stderr", "") or ""
                sys.stdout.write(f"FAILED  {what}: {e}\n{said}\n")
            else:
                spent = time.monotonic() - began
                sys.stdout.write(f"ok      {what}: {spent:.0f} s\n")
            sys.stdout.flush()
    return 1 if failures else 0


def _find_pythons() -> list[Path]:
    """Find the oldest Python, and the newest that runs here."""
    found = {}
    for minor in range(OLDEST, 30):
        for path in _candidates(minor):
            done = subprocess.run(
                [path, "-c", _PROBE],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode == 0 and done.stdout.strip() == str(minor):
                found[minor] = path
                break
    assert OLDEST in found, f"there is no Python 3.{OLDEST}"
    return [found[minor] for minor in sorted({OLDEST, max(found)})]


def _candidates(minor: int) -> list[Path]:
    on_path = shutil.which(f"python3.{minor}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    managed = sorted((pyenv / "versions").glob(f"3.{minor}.*/bin/python"))
    return [*([Path(on_path)] if on_path else []), *reversed(managed)]


def _label(python: Path) -> str:
    return _run(python, "--version").strip()


def _make_service(folder: Path) -> Path:
    """Make a clone in which there is something to compute."""
    bare = seed.make_service(folder / "service.git")
    clone = folder / "clone"
    _run("git", "clone", "--quiet", bare, clone)
    return clone


def _pip(place: Path, python: Path, what: object) -> Path:
    _run(python, "-m", "venv", place)
    _run(place / "bin" / "pip", "install", "--quiet", what)
    return place / "bin" / "rsp-release"


def _uv(place: Path, python: Path, what: object) -> Path:
    environ = {
        "UV_TOOL_DIR": str(place / "tools"),
        "UV_TOOL_BIN_DIR": str(place / "bin"),
    }
    uv = Path(sys.executable).parent / "uv"
    _run(uv, "tool", "install", "--quiet", "--python", python, what, **environ)
    return place / "bin" / "rsp-release"


def _pipx(place: Path, python: Path, what: object) -> Path:
    environ = {
        "PIPX_HOME": str(place / "home"),
        "PIPX_BIN_DIR": str(place / "bin"),
    }
    pipx = Path(sys.executable).parent / "pipx"
    _run(pipx, "install", "--quiet", "--python", python, what, **environ)
    return place / "bin" / "rsp-release"


def _try(program: Path, service: Path, version: str | None) -> None:
    said = _run(program, "--version").strip()
    assert re.fullmatch(r"rsp-release \d+\.\d+\.\S+", said), said
    assert version is None or said == f"rsp-release {version}", said
    assert _run(program, "-C", service, "next").strip() == "1.5.0"
    assert '"$schema"' in _run(program, "schema", "events")
    assert "rehearse" in _run(program, "--help")


def _run(*command: object, **environ: str) -> str:
    kept: Mapping[str, str] = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    result = subprocess.run(
        [str(word) for word in command],
        env={**kept, **environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


if __name__ == "__main__":
    sys.exit(main())
