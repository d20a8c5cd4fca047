"""What a command tells while it runs, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from ..exceptions import ExitStatus
from .seen import ImageReport
from .verdicts import Choice, Verdict

__all__ = [
    "Event",
    "Notice",
    "Outcome",
    "Result",
    "StepEvent",
]


Outcome: TypeAlias = Literal[
    "released", "nothing", "planned", "blocked", "failed", "unfinished"
]
"""How a whole command ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """A step was looked at, and this is how it stands."""

    key: str
    """The step's key."""

    title: str
    """The step's title."""

    verdict: Verdict
    """How it stands."""

    at: datetime
    """When it was looked at (aware, UTC)."""

    is_acting: bool = False
    """Whether the change is being written just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something worth telling that is no step's verdict."""

    text: str
    """What to tell. Untrusted text."""

    at: datetime
    """When it was noticed (aware, UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the whole command ended: always the last event."""

    outcome: Outcome
    """How it ended."""

    exit_status: ExitStatus
    """The exit status of the process."""

    at: datetime
    """When it ended (aware, UTC)."""

    version: str | None = None
    """The version, without a prefix."""

    tag: str | None = None
    """The tag."""

    commit: str | None = None
    """The commit it is at."""

    release_url: str | None = None
    """The GitHub release."""

    run_url: str | None = None
    """The run that publishes."""

    images: tuple[ImageReport, ...] = field(default=())
    """What the registries said."""

    deploy_url: str | None = None
    """The deployment pull request."""

    message: str | None = None
    """Why it did not end well, or what nobody can tell. Untrusted text."""

    help: str | None = None
    """What to do next."""

    question: str | None = None
    """What a person may answer with yes, to go on all the same."""

    file: str | None = None
    """The file that is at fault, if one is."""

    line: int | None = None
    """The line of that file, from 1."""

    choice: Choice | None = None
    """What a person may decide, for it to go on."""


Event: TypeAlias = StepEvent | Notice | Result
"""Everything the engine tells, in order."""
