"""What never changes, kept so that nobody is asked for it twice.

A cache is never the truth: it may be deleted, broken or another's at any
time, and then it is empty. No tokens are in it, nor what says who asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..exceptions import ReleaseError
from .files import write_whole

__all__ = ["Cache"]

_SCHEMA = 1
"""Raised where what is kept, or how, changes."""

_MOST = 1 << 26
"""The largest file that is read, in bytes."""


class Cache:
    """A file with what never changes.

    Parameters
    ----------
    environ
        The environment, which says where such files are:
        https://specifications.freedesktop.org/basedir-spec/latest/
    key
        What it is for.
    """

    def __init__(self, environ: Mapping[str, str], *key: str) -> None:
        given = Path(environ.get("XDG_CACHE_HOME") or "")
        home = environ.get("HOME")
        base = Path(home) / ".cache" if home else None
        if given.is_absolute():
            base = given
        self.path: Path | None = None
        """The file; `None` where there is no place for one."""
        if base is not None:
            name = " ".join(quote(part, safe="") for part in key)
            self.path = base / "rsp-release" / f"{name}.json"

    def load(self) -> dict[str, Any]:
        """Return what is kept; nothing, where that cannot be relied upon."""
        if self.path is None:
            return {}
        try:
            if self.path.stat().st_size > _MOST:
                return {}
            digest, _, text = self.path.read_text("utf-8").partition("\n")
            if digest != _digest(text):
                return {}
            found = json.loads(text)
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def save(self, values: Mapping[str, Any]) -> None:
        """Keep something, and nothing else; where that fails, nothing.

        Parameters
        ----------
        values
            What JSON can hold.
        """
        if self.path is None:
            return
        text = json.dumps(values, separators=(",", ":"))
        with suppress(OSError, ReleaseError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Of private repositories, too.
            self.path.touch(mode=0o600)
            write_whole(self.path, f"{_digest(text)}\n{text}")


def _digest(text: str) -> str:
    return hashlib.sha256(f"{_SCHEMA}\n{text}".encode()).hexdigest()
