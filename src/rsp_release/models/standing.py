"""How a release stands in an environment: what a roll-out tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, get_args

from ..exceptions import ExitStatus

__all__ = ["STATES", "Standing", "State"]

State: TypeAlias = Literal[
    "failed",
    "degraded",
    "absent",
    "sync",
    "window",
    "merge",
    "compare",
    "syncing",
    "settling",
    "unknown",
    "pinned",
    "runs",
]
"""What an environment waits for, or how it is.

``failed``
    a sync of what is to run failed
``degraded``
    what is applied is not healthy, or cannot be compared with git
``absent``
    Argo CD has no such application
``sync``
    somebody must sync it
``window``
    a sync window stands in the way
``merge``
    the deployment pull request is not merged
``compare``
    Argo CD has not compared it with the merge yet
``syncing``
    a sync is running
``settling``
    it is synced, and not yet seen to run and be healthy
``unknown``
    it cannot be looked at
``pinned``
    the deployment repository has it run another version
``runs``
    it runs the version, synced and healthy
"""

STATES: tuple[State, ...] = get_args(State)
"""All of them, what needs a person most first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a release stands in an environment."""

    environment: str
    """The environment."""

    application: str
    """What Argo CD calls the application there."""

    state: State
    """What it waits for, or how it is."""

    text: str
    """The same, for a person. Untrusted text."""

    help: str | None = None
    """What to do, where that is known."""

    deployed: tuple[str, ...] = ()
    """The versions that its images have. Untrusted text."""

    wanted: str = ""
    """The version that it is meant to run."""

    sync: str = ""
    """Argo CD's word for the comparison with git; empty: not known."""

    health: str = ""
    """Argo CD's word for its health; empty: not known."""

    url: str | None = None
    """Its page in Argo CD."""

    since: datetime | None = None
    """Since when (aware), where that is told."""

    until: datetime | None = None
    """When a sync window is out of the way (aware), where that is known."""

    is_denied: bool = False
    """Whether it cannot be looked at for want of credentials."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be done, or can be seen, there."""
        return self.state in ("runs", "pinned", "unknown")

    @property
    def is_on_person(self) -> bool:
        """Whether a person must do something there."""
        return self.state in ("sync", "merge", "degraded", "absent")

    @property
    def exit_status(self) -> ExitStatus:
        """The exit status of what ends at it."""
        if self.state == "failed":
            return ExitStatus.FAILED
        if self.state == "unknown":
            denied = ExitStatus.NOT_ALLOWED
            return denied if self.is_denied else ExitStatus.FAILED
        if self.state in ("runs", "pinned"):
            return ExitStatus.OK
        return ExitStatus.UNFINISHED
