"""Files and history of the commit that would be released."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ...exceptions import ReadError

__all__ = ["CloneFiles", "WorkTree"]

_MOST_COMMITS = 300
"""How far back changes without a fragment are looked for."""

_TIMEOUT = 60
"""Seconds that ``uv`` may take."""


_UPDATE = re.compile(r"(?m)^(?:Update|Add|Remove) (\S+ .*)$")
"""What ``uv lock --dry-run`` says of each package."""

_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")


class CloneFiles:
    """Reads a commit of a clone; what is not committed is not released.

    Parameters
    ----------
    directory
        The top of the clone's work tree.
    environ
        The environment that git and uv get.
    revision
        The commit.
    """

    def __init__(
        self,
        *,
        directory: Path,
        environ: Mapping[str, str],
        revision: str = "HEAD",
    ) -> None:
        self._directory = directory
        self._environ = {**environ, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        self._revision = revision

    def text(self, path: str) -> str | None:
        """Return a file's text, or `None` if there is none."""
        if not self._listed(path, "blob"):
            return None
        return self._git("cat-file", "blob", f"{self._revision}:{path}")

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of a folder's files."""
        if folder and not self._listed(folder, "tree"):
            return ()
        out = self._git("ls-tree", "-z", f"{self._revision}:{folder}")
        entries = (entry.split("\t", 1) for entry in out.split("\0") if entry)
        return tuple(
            name for mode, name in entries if mode.split()[1] == "blob"
        )

    def changed_at(self, path: str) -> datetime | None:
        """Return when a file was last changed, if there is one."""
        if not self._listed(path, "blob"):
            return None
        out = self._git(
            "log", "-1", "--format=%ct", self._revision, "--", path
        ).strip()
        return datetime.fromtimestamp(int(out), tz=UTC) if out else None

    def added(
        self, since: str | None
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return what landed since a tag: subject and paths, newest first."""
        out = self._git(
            "log", "-z", "--first-parent", "-m", "--name-only", "--no-renames",
            f"--max-count={_MOST_COMMITS}", "--format=%x01%s", self._revision,
            *([f"^refs/tags/{since}"] if since else []), "--",
        )  # fmt: skip
        found = []
        for record in out.split("\x01")[1:]:
            subject, *paths = record.split("\0")
            names = (path.strip("\n") for path in paths)
            found.append((subject, tuple(filter(None, names))))
        return tuple(found)

    def differ(self, other: str, folder: str) -> bool:
        """Return whether a folder is otherwise at another revision."""
        if other.startswith("-"):
            raise ReadError(f"{other!r} is no revision")
        status, _, err = self._run(
            "diff", "--quiet", "--no-ext-diff", other, self._revision, "--",
            f"{folder}/",
        )  # fmt: skip
        if status not in (0, 1):
            raise ReadError(f"git cannot compare with {other}: {err}")
        return bool(status)

    def lock_is_current(self, *, offline: bool) -> bool | None:
        """Return whether ``uv.lock`` fits to ``pyproject.toml``.

        Only ``uv`` can tell. It looks at the files of the work tree, since it
        may have to ask the project's build system.
        """
        result = self._ask_uv("--check", offline=offline)
        if result is None:
            return None
        if result.returncode == 0:
            return True
        return False if "needs to be updated" in result.stderr else None

    def lock_updates(self) -> tuple[str, ...] | None:
        """Return what would change if all were locked anew, in uv's words."""
        result = self._ask_uv("--upgrade", "--dry-run", offline=False)
        if result is None or result.returncode:
            return None
        found = tuple(re.findall(_UPDATE, result.stderr))
        is_newest = "No lockfile changes detected" in result.stderr
        return found if found or is_newest else None

    def _ask_uv(
        self, *options: str, offline: bool
    ) -> subprocess.CompletedProcess[str] | None:
        """Run ``uv lock``; it may run the project's own build system.

        So it gets no token.
        """
        if not self._listed("uv.lock", "blob"):
            return None
        environ = {k: v for k, v in self._environ.items() if k not in _TOKENS}
        try:
            return subprocess.run(
                ["uv", "lock", *options, "--no-progress", "--color=never"]
                + (["--offline"] if offline else []),
                cwd=self._directory,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None

    def _listed(self, path: str, kind: str) -> bool:
        if not path or path.startswith(("/", "-")) or ".." in path.split("/"):
            return False
        out = self._git(
            "--literal-pathspecs", "ls-tree", "-z", self._revision, "--", path
        )
        return any(
            entry.split()[1] == kind for entry in out.split("\0")[:1] if entry
        )

    def _git(self, *args: str) -> str:
        status, out, err = self._run(*args)
        if status:
            raise ReadError(f"git {args[0]} failed: {err}")
        return out

    def _run(self, *args: str) -> tuple[int, str, str]:
        result = subprocess.run(
            ["git", *args],
            cwd=self._directory,
            env=self._environ,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return (
            result.returncode,
            result.stdout.decode("utf-8", "replace"),
            result.stderr.decode("utf-8", "replace").strip()[-300:],
        )


class WorkTree:
    """Files that are not committed yet, where nothing is.

    Parameters
    ----------
    directory
        The top of the work tree.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def text(self, path: str) -> str | None:
        """Return a file's text, or `None` if there is none."""
        place = self._directory / path
        if ".." in path.split("/") or not place.is_file():
            return None
        return place.read_text(encoding="utf-8", errors="replace")

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of a folder's files."""
        place = self._directory / folder
        if not place.is_dir():
            return ()
        return tuple(sorted(p.name for p in place.iterdir() if p.is_file()))

    def changed_at(self, path: str) -> datetime | None:
        """Return nothing: what is not committed has no date."""
        return None

    def added(
        self, since: str | None
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return nothing: no change landed."""
        return ()

    def differ(self, other: str, folder: str) -> bool:
        """Return that nothing differs from anything else."""
        return False

    def lock_is_current(self, *, offline: bool) -> bool | None:
        """Return that it cannot be told."""
        return None

    def lock_updates(self) -> tuple[str, ...] | None:
        """Return that it cannot be told."""
        return None
