"""The files and the history of the commit to be released."""

from __future__ import annotations

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from ...exceptions import ReadError
from ..environment import without_credentials
from .repository import Repository

__all__ = ["CloneFiles", "WorkTree"]

_MOST_COMMITS = 300
"""How far back changes without a fragment are looked for."""

_CROSS = "\u00d7"
"""How uv begins what it complains of where it does not say `error:`."""

_TIMEOUT = 60
"""Seconds that ``uv`` may take."""


_UPDATE = re.compile(r"(?m)^(?:Update|Add|Remove) (\S+ .*)$")
"""What ``uv lock --dry-run`` says of each package."""

_BUILT = {"dependencies", "optional-dependencies"}
"""What uv cannot know without a build where a project does not say it."""

_HARMLESS = {
    "conflicts", "constraint-dependencies", "default-groups",
    "dev-dependencies", "environments", "exclude-newer", "extra-index-url",
    "index", "index-url", "managed", "override-dependencies", "package",
    "prerelease", "required-environments", "required-version", "resolution",
    "sources",
}  # fmt: skip
"""uv's settings that make it build nothing, and write nowhere else."""


class CloneFiles:
    """Reads the commit that is checked out: only that is released.

    Parameters
    ----------
    repository
        The clone.
    environ
        The environment, which uv gets without credentials.
    trusts
        Whether uv may run the project's own build system.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        environ: Mapping[str, str],
        trusts: bool = False,
    ) -> None:
        self._repository = repository
        self._environ = {**without_credentials(environ), "LC_ALL": "C"}
        self._trusts = trusts

    def text(self, path: str) -> str | None:
        """Return a file's text, or `None` if there is none."""
        data = self._repository.file("HEAD", path) if path else None
        return None if data is None else data.decode(errors="replace")

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of a folder's files."""
        return self._repository.names("HEAD", folder)

    def changed_at(self, path: str) -> datetime | None:
        """Return when a file was last changed, if there is one."""
        if self.text(path) is None:
            return None
        out = self._repository.read(
            "--literal-pathspecs", "log", "-1", "--format=%ct", "HEAD", "--",
            path,
        ).strip()  # fmt: skip
        return datetime.fromtimestamp(int(out), tz=UTC) if out else None

    def added(
        self, since: str | None
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Return what landed since a tag: subject and paths, newest first."""
        out = self._repository.read(
            "log", "-z", "--first-parent", "-m", "--name-only", "--no-renames",
            f"--max-count={_MOST_COMMITS}", "--format=%x01%s", "HEAD",
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
        if self._repository.resolve(other) is None:
            raise ReadError(f"{other!r} is not a revision")
        one, two = (
            self._repository.resolve(f"{revision}:{folder}")
            for revision in ("HEAD", other)
        )
        return one != two

    def lock_is_current(self, *, offline: bool) -> bool:
        """Return whether ``uv.lock`` fits to ``pyproject.toml``.

        Only ``uv`` can tell.
        """
        result = self._ask_uv("--check", offline=offline)
        if result.returncode == 0:
            return True
        if "needs to be updated" in result.stderr:
            return False
        raise ReadError(f"uv lock --check failed: {_complaint(result.stderr)}")

    def lock_updates(self) -> tuple[str, ...] | None:
        """Return what would change if all were locked anew, in uv's words."""
        try:
            result = self._ask_uv("--upgrade", "--dry-run", offline=False)
        except ReadError:
            return None
        if result.returncode:
            return None
        found = tuple(re.findall(_UPDATE, result.stderr))
        is_newest = "No lockfile changes detected" in result.stderr
        return found if found or is_newest else None

    def _ask_uv(
        self, *options: str, offline: bool
    ) -> subprocess.CompletedProcess[str]:
        """Run ``uv lock``; it may run the project's own build system.

        So it gets no credentials. Where the project is not trusted, it gets
        copies of the two files that it compares, and builds nothing: in the
        work tree it would also run a Python that is committed there.
        """
        lock = self.text("uv.lock")
        if lock is None:
            raise ReadError("there is no uv.lock")
        asked = ["uv", "lock", *options, "--no-progress", "--color=never"]
        asked += ["--offline"] if offline else []
        if self._trusts:
            return self._run(asked, self._repository.root)
        project = self.text("pyproject.toml") or ""
        if _is_built(project):
            raise ReadError(
                "uv would have to build the project; `uv lock --check` does"
            )
        with tempfile.TemporaryDirectory(prefix="rsp-release-") as name:
            folder = Path(name)
            folder.joinpath("uv.lock").write_text(lock, encoding="utf-8")
            folder.joinpath("pyproject.toml").write_text(
                project, encoding="utf-8"
            )
            asked += ["--no-build"]
            return self._run(asked, folder)

    def _run(
        self, command: list[str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                cwd=folder,
                env=self._environ,
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT,
            )
        except FileNotFoundError:
            raise ReadError("uv is not installed") from None
        except OSError as e:
            raise ReadError(f"uv cannot be run: {e.strerror}") from e
        except subprocess.TimeoutExpired:
            raise ReadError(f"uv took longer than {_TIMEOUT:.0f} s") from None


def _complaint(text: str) -> str:
    """Return what uv complains of, in one line."""
    lines = [line.strip() for line in text.splitlines()]
    found = [line for line in lines if line.startswith(("error:", _CROSS))]
    first = next(iter(found or filter(None, reversed(lines))), "no reason")
    return first.removeprefix("error:").lstrip(f"{_CROSS} ")


def _is_built(text: str) -> bool:
    """Return whether uv might build something of a project to lock it.

    That, or obey the project where it ought not to be trusted.
    """
    try:
        document = tomllib.loads(text)
        project = document["project"]
        settings = document.get("tool", {}).get("uv", {})
        sources = settings.get("sources", {}).values()
        named = [
            project.get("dependencies", ()),
            project.get("optional-dependencies", {}),
            document.get("dependency-groups", {}),
            settings.get("dev-dependencies", ()),
        ]
        return bool(
            _BUILT & set(project.get("dynamic", ()))
            or not set(settings) <= _HARMLESS
            or not all(
                set(source) <= {"index", "marker"} for source in sources
            )
            or "@" in str(named)
        )
    except (KeyError, TypeError, AttributeError, tomllib.TOMLDecodeError):
        return True


class WorkTree:
    """Files that are not committed yet, where nothing is.

    Parameters
    ----------
    directory
        The top of the work tree.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def place(self, path: str) -> Path | None:
        """Return where a file or folder is, unless a link leads there."""
        place = self._directory / path
        # What leads to the work tree itself is the user's own.
        expected = self._directory.resolve() / path
        is_there = ".." not in path.split("/") and place.exists()
        return place if is_there and place.resolve() == expected else None

    def text(self, path: str) -> str | None:
        """Return a file's text, or `None` if there is none."""
        place = self.place(path)
        if place is None or not place.is_file():
            return None
        return place.read_text(encoding="utf-8", errors="replace")

    def names(self, folder: str = "") -> tuple[str, ...]:
        """Return the names of a folder's files."""
        place = self.place(folder)
        if place is None or not place.is_dir():
            return ()
        return tuple(
            sorted(
                p.name
                for p in place.iterdir()
                if p.is_file() and not p.is_symlink()
            )
        )

    def added(self, since: str | None) -> tuple[()]:
        """Return nothing: no change landed."""
        return ()

    def differ(self, other: str, folder: str) -> bool:
        """Return that nothing differs from anything else."""
        return False

    def lock_is_current(self, *, offline: bool) -> bool:
        """Say that it cannot be told of what is not committed."""
        raise ReadError("it is not committed yet")

    def _know_nothing(self, *args: object) -> None:
        """Return that it cannot be told of what is not committed."""

    changed_at = lock_updates = _know_nothing
