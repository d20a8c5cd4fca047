"""A check, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..exceptions import ExitStatus

if TYPE_CHECKING:
    from .facts import Facts

__all__ = [
    "Check",
    "Finding",
    "Report",
    "State",
    "denied",
    "ok",
    "problem",
    "unknown",
    "warning",
]

State: TypeAlias = Literal["ok", "problem", "warning", "unknown"]
"""``problem`` stops a release; ``unknown``: it cannot be told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    state: State
    """How it stands."""

    text: str
    """What was looked at, and how it is. May hold untrusted text."""

    remedy: str | None = None
    """What to do, for a person."""

    _: KW_ONLY

    command: str | None = None
    """A command that makes it ok, where one does."""

    url: str | None = None
    """Where it can be looked at."""

    exit_status: ExitStatus = ExitStatus.BLOCKED
    """The exit status that a problem ends the program with."""

    @property
    def advice(self) -> str:
        """What to do, in one line."""
        if self.remedy and self.command:
            return f"{self.remedy}: `{self.command}`"
        return self.remedy or self.command or ""


ok = partial(Finding, "ok")
"""Make a finding that all is well."""

problem = partial(Finding, "problem")
"""Make a finding that stops a release."""

denied = partial(problem, exit_status=ExitStatus.NOT_ALLOWED)
"""Make a finding that stops it for want of a permission."""

warning = partial(Finding, "warning")
"""Make a finding that a person should know of."""

unknown = partial(Finding, "unknown")
"""Make a finding of what cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition of a release."""

    key: str
    """A short name that scripts may depend on."""

    group: str
    """What it is about."""

    title: str
    """What it checks, for a person."""

    look: Callable[[Facts], Finding]
    """Looks, and says what it found.

    A read that failed raises; it is never a finding that something is not
    there.
    """

    is_local: bool = False
    """Whether the clone alone tells."""

    is_of_bump: bool = False
    """Whether ``bump`` looks again, right before it writes anything.

    What such a check finds nobody can insist on releasing over.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A check and what it found."""

    check: Check
    finding: Finding
