"""Finds and reads the file of the settings.

The table ``[tool.rsp-release]`` of :file:`pyproject.toml`, or a
:file:`.rsp-release.toml` with the same keys at its top level.
"""

# Without pathlib, which takes as long to load as all else here.
# ruff: noqa: PTH100, PTH110, PTH114, PTH116, PTH117, PTH118, PTH119, PTH120
# ruff: noqa: PTH123, PTH206

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING, Any

from .exceptions import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "LARGE",
    "find_line",
    "find_settings",
    "find_toplevel",
    "make_error",
]

LARGE = 1 << 22
"""Bytes above which a file of a repository is not read: it is no setting,
change log, fragment or workflow.
"""

_WHOLE = "tool.rsp-release"


def make_error(place: str, key: str, message: str, help: str) -> SettingsError:
    """Make the error that tells of a setting, and where it is.

    Parameters
    ----------
    place
        The path of the file, or what else the setting came from.
    key
        The key.
    message
        What is wrong.
    help
        What to do.
    """
    is_file = os.path.isabs(place)
    return SettingsError(
        os.path.basename(place),
        key,
        message,
        help=help,
        line=find_line(place, key) if is_file else None,
        file=place if is_file else None,
    )


def find_line(place: str, key: str) -> int | None:
    """Find the line where a key is set, for a message alone.

    It is the first after which what was read until there has the key, however
    the file spells it.

    Parameters
    ----------
    place
        The path of the file.
    key
        The key.

    Returns
    -------
    int or None
        The line, from 1; `None` where it is not found.
    """
    import tomllib

    try:
        with open(place, encoding="utf-8") as file:
            lines = file.read().split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    is_own = place.endswith(".rsp-release.toml")
    table = [] if is_own else ["tool", "rsp-release"]
    if key == _WHOLE:
        key, table = "rsp-release", ["tool"]
    paths = ([*table, key], [*table, *key.split(".")])
    begin = 0
    for number in range(1, len(lines) + 1):
        try:
            found = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # inside of a value of several lines
        if any(_has(found, path) for path in paths):
            return begin + 1
        if lines[number - 1].strip():
            begin = number
        while begin < len(lines) and re.match(r"\s*(?:#|$)", lines[begin]):
            begin += 1
    return None


def _has(found: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return True


def find_settings(
    directory: Path | str,
) -> tuple[str | None, dict[str, Any], str]:
    """Find the settings that hold in a directory.

    Parameters
    ----------
    directory
        The directory; those above it are looked in too, up to the repository.

    Returns
    -------
    tuple
        The file's name, its table and its path.

    Raises
    ------
    SettingsError
        Raised if it cannot be read, or there are two.
    """
    folder = os.path.abspath(directory)
    while True:
        found: list[tuple[str, dict[str, Any]]] = []
        own = _read_toml(os.path.join(folder, ".rsp-release.toml"))
        if own is not None:
            found.append((".rsp-release.toml", own))
        project = _read_toml(
            os.path.join(folder, "pyproject.toml"), b"rsp-release"
        )
        if project is not None:
            tool = project.get("tool")
            table = tool.get("rsp-release") if isinstance(tool, dict) else None
            if table is not None:
                if not isinstance(table, dict):
                    place = os.path.join(folder, "pyproject.toml")
                    got = f"got {table!r:.80}"
                    raise make_error(place, _WHOLE, got, "expected a table")
                found.append(("pyproject.toml", table))
        if len(found) > 1:
            raise make_error(
                os.path.join(folder, ".rsp-release.toml"),
                _WHOLE,
                "pyproject.toml has settings too",
                "keep them in one of the two files",
            )
        if found:
            name, settings = found[0]
            return name, settings, os.path.join(folder, name)
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return None, {}, ""
        folder = above


def find_toplevel(directory: Path | str) -> str | None:
    """Find the top of the work tree that a directory is in.

    Parameters
    ----------
    directory
        The directory.

    Returns
    -------
    str or None
        Its real path; `None` outside of a clone.
    """
    here = os.path.realpath(directory)
    while not os.path.exists(os.path.join(here, ".git")):
        here, below = os.path.dirname(here), here
        if here == below:
            return None
    return here


def _read_toml(path: str, needle: bytes = b"") -> dict[str, Any] | None:
    """Read a TOML file, unless it is absent or lacks the needle."""
    name = os.path.basename(path)
    try:
        reason = _find_obstacle(path)
        if reason is not None:
            raise SettingsError(name, "(file)", reason, file=path)
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise SettingsError(
            name, "(file)", f"cannot be read: {exc.strerror}", file=path
        ) from exc
    if needle not in data:
        return None
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        at = re.search(r"at line (\d+)", str(exc))
        error = SettingsError(
            name, "(file)", f"is not valid TOML: {exc}", file=path
        )
        error.line = int(at[1]) if at else None
        raise error from exc


def _find_obstacle(path: str) -> str | None:
    """Return why a file of the work tree is not to be read, if it is not."""
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode):
        return None if stat.S_ISDIR(about.st_mode) else "is not a file"
    if about.st_size > LARGE:
        return f"is too large: {about.st_size} bytes"
    if not os.path.islink(path):
        return None
    top = find_toplevel(os.path.dirname(path))
    if top is None:
        return "is a symbolic link, outside of a repository"
    target = os.path.relpath(os.path.realpath(path), top)
    if target.split(os.sep)[0] in {"..", ".git"}:
        return "is a symbolic link to a file outside of the repository"
    return None
