"""Runs scriv in a separate process, on files checked out for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from ...exceptions import BlockedError

__all__ = ["collect_with_scriv", "read_categories"]

# scriv dates an entry with the present time. What a release was proposed with
# counts here, so that the entry is the same whenever it is made again.
_PROGRAM = """
import datetime, sys, types
import scriv.changelog
from scriv.collect import collect

at = datetime.datetime.fromisoformat(sys.argv[2])

class Fixed(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return at

scriv.changelog.datetime = types.SimpleNamespace(datetime=Fixed)
if sys.argv[3:] == ["unchecked"]:
    scriv.changelog.Changelog.entries = lambda self: {}
collect.main(
    ["--version", sys.argv[1], "--no-add", "--no-edit"], prog_name="scriv"
)
"""

_CATEGORIES = """
import json
from scriv.config import Config

print(json.dumps(list(Config.read().categories)))
"""

_NO_VERSION = "is not a valid version!"
"""What scriv says of another entry in the log, which it only compares with."""

_NOTHING = 2
"""scriv's exit status where there is no fragment."""


def collect_with_scriv(
    directory: Path, *, version: str, at: datetime, environ: Mapping[str, str]
) -> bool:
    """Let scriv collect the fragments of a directory.

    Parameters
    ----------
    directory
        The top of a repository's files. Its change log is rewritten, and its
        fragments are deleted.
    version
        The version, as scriv's ``--version``.
    at
        The time that the entry is dated with, in the zone it shall show.
    environ
        The environment, which decides what git scriv sees.

    Returns
    -------
    bool
        Whether there was anything to collect.

    Raises
    ------
    BlockedError
        Raised if scriv fails, with its own words.
    """
    result = _run(directory, version, at, environ)
    if _NO_VERSION in result.stderr:
        # The only use of the other entries is to find that the version is
        # among them, and it is known not to be.
        result = _run(directory, version, at, environ, "unchecked")
    if result.returncode == 0:
        return True
    if result.returncode == _NOTHING and "No changelog frag" in result.stderr:
        return False
    said = [li for li in result.stderr.splitlines() if li.strip()]
    raise BlockedError(
        f"scriv cannot collect the fragments: {'; '.join(said[-3:])}",
        help=(
            "`scriv collect` in a clean clone fails the same way; fix the"
            " fragments or scriv's settings"
        ),
    )


def read_categories(
    directory: Path, *, environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the categories that scriv's settings name, in their order.

    Parameters
    ----------
    directory
        The top of a repository's files.
    environ
        The environment.

    Raises
    ------
    BlockedError
        Raised if scriv cannot read its settings.
    """
    result = _python(directory, environ, _CATEGORIES)
    if result.returncode:
        said = [li for li in result.stderr.splitlines() if li.strip()]
        raise BlockedError(
            f"scriv cannot read its settings: {'; '.join(said[-1:])}",
            help="`scriv collect` in a clean clone fails the same way",
        )
    return tuple(map(str, json.loads(result.stdout)))


def _run(
    directory: Path,
    version: str,
    at: datetime,
    environ: Mapping[str, str],
    *options: str,
) -> subprocess.CompletedProcess[str]:
    time = at.replace(tzinfo=None).isoformat()
    return _python(directory, environ, _PROGRAM, version, time, *options)


def _python(
    directory: Path, environ: Mapping[str, str], program: str, *args: str
) -> subprocess.CompletedProcess[str]:
    # -P: nothing of the directory shadows what scriv imports.
    return subprocess.run(
        [sys.executable, "-P", "-c", program, *args],
        cwd=directory,
        env={**environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
    )
