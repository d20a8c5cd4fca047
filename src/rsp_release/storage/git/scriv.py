"""Runs scriv in a separate process, on files checked out for it.

The settings and templates that it obeys are a branch's, which may be
anybody's: see `.scriv_child`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...exceptions import BlockedError
from ..environment import make_bare

__all__ = ["Scriv"]

_CHILD = Path(__file__).with_name("scriv_child.py")

_NO_VERSION = "is not a valid version!"
"""What scriv says of another entry in the log, which it only compares with."""

_NOTHING = 2
"""scriv's exit status where there is no fragment."""

_REFUSED = "rsp-release: "
"""What the line begins with that says what is not done."""

_REFUSALS = {
    "link": (
        "{} is a symbolic link, which is not followed",
        "commit a file in its place",
    ),
    "outside": (
        "scriv's settings name {}, which is outside of the repository",
        "name a file in the repository",
    ),
    "runs": (
        "scriv's settings do what they may not: {}",
        "see the templates among them",
    ),
}
"""What is said of a refusal, and what to do."""

_TIMEOUT = 120
"""Seconds that a template or a command of the settings may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scriv:
    """scriv, for the files of a directory."""

    directory: Path
    """The top of a repository's files."""

    home: Path
    """An empty folder, for scriv's home."""

    links: tuple[str, ...]
    """The files that git has as symbolic links, which scriv must not take."""

    environ: Mapping[str, str]
    """The environment. scriv gets next to nothing of it."""

    trusts: bool
    """Whether commands that its settings name are run."""

    def collect(self, version: str, at: datetime) -> tuple[str, ...]:
        """Let scriv collect the fragments.

        The change log is rewritten, and the fragments are deleted.

        Parameters
        ----------
        version
            The version, as scriv's ``--version``.
        at
            The time that the entry is dated with, in the zone it shall show.

        Returns
        -------
        tuple of str
            The settings that name a command which was not run.

        Raises
        ------
        BlockedError
            Raised if scriv fails, with its own words.
        """
        result = self._run(version, at)
        if _NO_VERSION in result.stderr:
            # The only use of the other entries is to find that the version is
            # among them, and it is known not to be.
            result = self._run(version, at, unchecked=True)
        is_empty = "No changelog frag" in result.stderr
        if result.returncode and not (
            result.returncode == _NOTHING and is_empty
        ):
            raise _failure("collect the fragments", result.stderr, 3)
        return tuple(json.loads(result.stdout)["left_out"])

    def categories(self, at: datetime) -> tuple[str, ...]:
        """Return the categories that scriv's settings name, in their order.

        Parameters
        ----------
        at
            A time.

        Raises
        ------
        BlockedError
            Raised if scriv cannot read its settings.
        """
        result = self._run(None, at)
        if result.returncode:
            raise _failure("read its settings", result.stderr, 1)
        return tuple(map(str, json.loads(result.stdout)["categories"]))

    def _run(
        self, version: str | None, at: datetime, *, unchecked: bool = False
    ) -> subprocess.CompletedProcess[str]:
        asked: dict[str, Any] = {
            "version": version,
            "at": at.replace(tzinfo=None).isoformat(),
            "unchecked": unchecked,
            "links": self.links,
            "trusts": self.trusts,
        }
        try:
            # -P: nothing of the directory shadows what scriv imports.
            return subprocess.run(
                [sys.executable, "-P", str(_CHILD)],
                cwd=self.directory,
                env=make_bare(self.environ, self.home),
                input=json.dumps(asked),
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_TIMEOUT,
            )
        except subprocess.TimeoutExpired as e:
            raise BlockedError(
                f"scriv did not end within {_TIMEOUT} s",
                help="see the templates and commands of its settings",
            ) from e


def _failure(what: str, said: str, count: int) -> BlockedError:
    """Say what scriv could not do, and why."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if last.startswith(_REFUSED):
        why, _, name = last.removeprefix(_REFUSED).partition(" ")
        told, help_ = _REFUSALS[why]
        return BlockedError(told.format(name), help=help_)
    return BlockedError(
        f"scriv cannot {what}: {'; '.join(lines[-count:])}",
        help=(
            "`scriv collect` in a clean clone fails the same way; fix the"
            " fragments or scriv's settings"
        ),
    )
