"""Files that are there as a whole, or as they were before."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..exceptions import ReleaseError, UsageError

__all__ = ["check_target", "write_whole"]


def check_target(path: Path) -> None:
    """Check that a file can be where it is wanted, before there is one.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    UsageError
        Raised if a directory is there, or none that it could be in.
    """
    if path.is_dir():
        raise UsageError(
            f"{path} is a directory",
            help=f"name a file: {path / 'index.html'}",
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no directory {path.parent}",
            help=f"mkdir -p {path.parent}",
        )


def write_whole(path: Path, text: str) -> None:
    """Write a file, so that whoever reads meanwhile has the old or the new.

    Parameters
    ----------
    path
        The file. What a link leads to is written, and what is no file, such
        as a pipe, is written to.
    text
        What is to be in it.

    Raises
    ------
    ReleaseError
        Raised if it cannot be written; then it is as it was.
    """
    target = path.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists() and not target.is_file():
            target.write_text(text, encoding="utf-8")
            return
        part.write_text(text, encoding="utf-8")
        with suppress(FileNotFoundError):
            part.chmod(target.stat().st_mode & 0o7777)
        part.replace(target)
    except OSError as e:
        raise ReleaseError(f"cannot write {path}: {e.strerror}") from e
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
