"""What other programs get of the environment: no credential without need.

And what they tell of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ask",
    "credentials_of",
    "make_bare",
    "without_credentials",
    "without_github_tokens",
]

_GITHUB_TOKENS = (
    "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
)  # fmt: skip
"""The variables in which ``gh`` takes a token."""

_CREDENTIAL = re.compile(
    r"TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|AUTH_CONFIG"
    r"|(?:API|ACCESS|PRIVATE|ACCOUNT)_?KEY",
    re.IGNORECASE,
)
"""What the name of a variable that holds a credential has in it."""

_HARMLESS = re.compile(
    r"PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TZDIR|TMPDIR|TEMP|TMP|SYSTEMROOT"
    r"|LD_LIBRARY_PATH"
)
"""What a program needs to run at all, and to write as the user does."""


def ask(
    command: Sequence[str],
    environ: Mapping[str, str],
    directory: Path | None = None,
) -> str | None:
    """Run a program, if it is installed; return what it prints, if it does.

    Parameters
    ----------
    command
        The program, and its arguments.
    environ
        Its environment.
    directory
        Where it runs.
    """
    try:
        result = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=10,
            env=dict(environ),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() or None


def credentials_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that hold credentials, by their names.

    Parameters
    ----------
    environ
        The environment.
    """
    return {k: v for k, v in environ.items() if _CREDENTIAL.search(k)}


def without_credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that hold credentials.

    Parameters
    ----------
    environ
        The environment.
    """
    return {k: v for k, v in environ.items() if not _CREDENTIAL.search(k)}


def without_github_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables for GitHub's tokens.

    Parameters
    ----------
    environ
        The environment.
    """
    return {k: v for k, v in environ.items() if k not in _GITHUB_TOKENS}


def make_bare(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Make the environment of a Python that obeys files of a repository.

    It has nothing of the user's but what a program needs to run at all, and
    no repository of git in reach.

    Parameters
    ----------
    environ
        The environment.
    home
        A folder to live in, outside of which nothing is to be written.
    """
    kept = {k: v for k, v in environ.items() if _HARMLESS.fullmatch(k)}
    return {
        **kept,
        "HOME": str(home),
        "GIT_CEILING_DIRECTORIES": str(home.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        # What is found below the real home is found as well.
        "PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
    }
