"""Where tests write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

__all__ = ["find_memory"]

_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 2 << 30
"""Bytes; all tests together write some hundred million."""


def find_memory() -> Path | None:
    """Find a file system in memory that has room.

    git waits for the disk at nearly every command.

    Returns
    -------
    pathlib.Path or None
        Its directory, which can be written to.
    """
    if not os.access(_MEMORY, os.W_OK):
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM else None
