"""The errors of rsp-release.

::

    ReleaseError                  1  failed
    ├── UsageError                2  the arguments are wrong
    │   └── SettingsError         2  the settings file is wrong
    ├── BlockedError              3  the world contradicts the plan
    ├── NotAllowedError           4  credentials missing or insufficient
    ├── ReadError                 1  a read failed (never means "absent")
    ├── RateLimitedError          1  the service asks to wait until a time
    └── WriteError                1  a write failed, and how it failed
        ├── NotSentError          1  it provably never left this machine
        ├── RefusedError          1  a definite no; nothing was written
        └── UncertainError        1  it may or may not have happened

The number is the exit status of the process, as in the contract of the
command line. The engine tells the three kinds of `WriteError` apart: only a
write that was not sent or was refused may be sent again at once.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "BlockedError",
    "ExitStatus",
    "NotAllowedError",
    "NotSentError",
    "RateLimitedError",
    "ReadError",
    "RefusedError",
    "ReleaseError",
    "SettingsError",
    "UncertainError",
    "UsageError",
    "WriteError",
]


class ExitStatus(IntEnum):
    """Exit statuses of the command line, which scripts depend on."""

    OK = 0
    """Done, or nothing to release."""

    FAILED = 1
    """Failed; the message says why and what to do."""

    USAGE = 2
    """The arguments or the settings are wrong."""

    BLOCKED = 3
    """A check failed, or the world contradicts the plan."""

    NOT_ALLOWED = 4
    """Credentials are missing, expired or without a permission."""

    RUN_FAILED = 5
    """The workflow run failed or was cancelled."""

    IMAGE = 6
    """An image is missing, lacks a platform, or differs."""

    UNFINISHED = 8
    """Still running when the time was up, or waiting for a person."""

    INTERRUPTED = 130
    """Interrupted from the keyboard or by a signal."""


class ReleaseError(Exception):
    """Base of all errors that a user is meant to read.

    Parameters
    ----------
    message
        What is wrong, and where: one sentence without a final full stop.
        Never contains a secret.
    help
        What to do next, for a person: a sentence or a command.
    url
        A page where the matter can be looked at.

    Attributes
    ----------
    exit_status
        The exit status of the process that ends with this error.
    file
        The file that is at fault, if one is: its path, or where it is in
        the clone.
    line
        The line of that file, from 1, where it is known.
    excerpt
        What stands in that line, where its number is not known.
    """

    exit_status: ExitStatus = ExitStatus.FAILED
    file: str | None = None
    line: int | None = None
    excerpt: str | None = None

    def __init__(
        self, message: str, *, help: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.url = url


class UsageError(ReleaseError):
    """The command line cannot be carried out as it was written."""

    exit_status = ExitStatus.USAGE


class SettingsError(UsageError):
    """A settings file is wrong.

    Parameters
    ----------
    path
        The file, as the user would name it.
    key
        The key in that file, dotted.
    message
        What is wrong with the value.
    help
        What is expected there.
    line
        The line of the key, from 1, where it is known.
    file
        Where the file is.
    """

    def __init__(
        self,
        path: str,
        key: str,
        message: str,
        *,
        help: str | None = None,
        line: int | None = None,
        file: str | None = None,
    ) -> None:
        where = path if line is None else f"{path}, line {line}"
        super().__init__(f"{where}: {key}: {message}", help=help)
        self.path = path
        self.key = key
        self.line = line
        self.file = file


class BlockedError(ReleaseError):
    """The world contradicts what was asked for."""

    exit_status = ExitStatus.BLOCKED


class NotAllowedError(ReleaseError):
    """Credentials are missing, expired or lack a permission."""

    exit_status = ExitStatus.NOT_ALLOWED


class ReadError(ReleaseError):
    """A read failed, so nothing is known: not the same as "is absent"."""


class RateLimitedError(ReleaseError):
    """A service refuses requests until some time has passed.

    Whatever was asked for was not carried out.

    Parameters
    ----------
    message
        Which service, and which of its limits.
    until
        When to ask again (aware, UTC).
    help
        What to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        until: datetime,
        help: str | None = "wait until the limit is lifted",
    ) -> None:
        super().__init__(message, help=help)
        self.until = until


class WriteError(ReleaseError):
    """A write failed. See the subclasses for what is known of it."""


class NotSentError(WriteError):
    """The write provably never left this machine."""


class RefusedError(WriteError):
    """The other side definitely refused, and wrote nothing.

    Parameters
    ----------
    message
        What was refused, with the other side's own words.
    help
        What to do next.
    url
        A page where the matter can be looked at.
    is_duplicate
        Whether it was refused because something of that name is already
        there, perhaps from an earlier write of ours whose answer was lost.
    """

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,
        url: str | None = None,
        is_duplicate: bool = False,
    ) -> None:
        super().__init__(message, help=help, url=url)
        self.is_duplicate = is_duplicate


class UncertainError(WriteError):
    """The answer was lost: it may or may not have been written."""
