"""What a user asks for: a part, a version, a pre-release. Pure."""

from __future__ import annotations

import re
from shlex import quote
from typing import NamedTuple

from ..exceptions import UsageError
from .values import Version, parse_version

__all__ = ["Request", "check_request"]

_PARTS = ("auto", "major", "minor", "patch")

_PRE = r"(?a)[A-Za-z][0-9A-Za-z-]*"


class Request(NamedTuple):
    """What the user asked for."""

    part: str = "auto"
    """``auto``, ``major``, ``minor``, ``patch``, or a version."""

    pre: str | None = None
    """The identifier of a pre-release, such as ``rc``."""

    force: bool = False
    """Whether to release less than the changes call for, or nothing new."""

    @property
    def version(self) -> Version | None:
        """The version, where one was named."""
        return None if self.part in _PARTS else parse_version(self.part)

    @property
    def command(self) -> str:
        """The command that asks for the same."""
        words = ["rsp-release bump"]
        words += [] if self.part == "auto" else [quote(self.part)]
        words += ["--pre", quote(self.pre)] if self.pre else []
        words += ["--force"] if self.force else []
        return " ".join(words)


def check_request(request: Request) -> None:
    """Refuse what is no part, no version and no pre-release.

    Parameters
    ----------
    request
        What the user asked for.

    Raises
    ------
    UsageError
        Raised if the request makes no sense, whatever the history is.
    """
    pre, part = request.pre, request.part
    if pre is not None and not re.fullmatch(_PRE, pre):
        raise UsageError(
            f"{pre!r} cannot name a pre-release",
            help="use a word such as rc, beta or alpha",
        )
    if part in _PARTS:
        return
    if "+" in part:
        raise UsageError(
            f"{part!r} has build metadata, which image tags cannot have",
            help="leave out the + and what follows",
        )
    if request.version is None:
        # As tags may be, with a "v" or two numbers.
        bare = part.removeprefix("v")
        meant = filter(parse_version, (bare, f"{bare}.0"))
        raise UsageError(
            f"{part!r} is not a version",
            help=f"use auto, major, minor, patch, or {next(meant, 'X.Y.Z')}",
        )
    if pre is not None:
        raise UsageError(
            "a version and --pre cannot be given together",
            help="write the pre-release into the version:"
            f" {request.version}-{pre}.1",
        )
