"""Rehearse clones of real repositories, and list how each ended.

Run as ``python -m tests.support.rehearsed CLONES [NAME ...]``. ``CLONES`` is a
folder of clones or mirrors named ``owner+name`` (a ``repo`` inside each is
looked into). Each is cloned again, given a change where a release is all that
it has, and rehearsed in a process of its own. What a person has to settle
first, such as which of several streams of tags is meant, is no fault.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from rsp_release.storage.environment import without_credentials

__all__ = ["main", "rehearse"]

_TOLD = re.compile(
    r"(?m)^(?:Released .*| +\| .*|rsp-release: .*|Nothing to release)$"
)
_LIMIT = 300.0
"""Seconds that a rehearsal may take."""


def _git(*arguments: str, cwd: Path, environ: Mapping[str, str]) -> bool:
    done = subprocess.run(
        ["git", *arguments],
        cwd=cwd,
        env=environ,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def rehearse(clone: Path, name: str, folder: Path) -> str:
    """Rehearse a repository; return how it ended.

    Parameters
    ----------
    clone
        A clone or mirror of it.
    name
        Owner and name on GitHub.
    folder
        An empty directory.
    """
    environ = dict(without_credentials(os.environ))
    person = {"NAME": "Ada Quist", "EMAIL": "ada@example.org"}
    for role in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{role}_{key}": text for key, text in person.items()}
    place = folder / "clone"
    source = ["clone", "--quiet", "--shared", str(clone), str(place)]
    if not _git(*source, cwd=folder, environ=environ):
        return "cannot be cloned"
    url = f"https://github.com/{name}.git"
    _git("remote", "set-url", "origin", url, cwd=place, environ=environ)
    tagged = ["describe", "--exact-match", "--tags", "HEAD"]
    if _git(*tagged, cwd=place, environ=environ):
        change = ["commit", "--allow-empty", "-m", "fix: a change to rehearse"]
        _git(*change, cwd=place, environ=environ)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "rsp_release", "rehearse"],
            cwd=place,
            env={**environ, "UV_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "did not end"
    told = _TOLD.findall(done.stdout + done.stderr) or ["-"]
    return f"{done.returncode} {told[0].strip(' |')}"


def _names(folder: Path) -> Iterator[str]:
    return (each.name for each in sorted(folder.iterdir()) if each.is_dir())


def main(arguments: list[str]) -> int:
    """Print a line for each repository."""
    folder = Path(arguments[0])
    for each in arguments[1:] or _names(folder):
        clone = folder / each / "repo"
        name = each.replace("+", "/", 1)
        with tempfile.TemporaryDirectory() as temporary:
            told = rehearse(
                clone if clone.is_dir() else clone.parent,
                name,
                Path(temporary),
            )
        print(f"{name:40} {told}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
