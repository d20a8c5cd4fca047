"""What a step says of what it saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..exceptions import ExitStatus
from .seen import ImageReport, WorkflowRun
from .standing import Standing
from .writes import Write

__all__ = [
    "Blocked",
    "Change",
    "Choice",
    "Done",
    "Verdict",
    "Wait",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is already so."""

    evidence: str
    """What shows it, for a person."""

    url: str | None = None
    """Where it can be looked at."""

    run: WorkflowRun | None = None
    """The run, where the step is about one."""

    images: tuple[ImageReport, ...] = ()
    """The images, where the step is about them."""

    environments: tuple[Standing, ...] = ()
    """The environments, where the step is about them."""

    commit: str | None = None
    """The commit to tag, where the step is what settles it."""

    help: str | None = None
    """Where the evidence is that nobody can tell: what settles it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One external write makes it so, or brings it nearer."""

    summary: str
    """What will be written, for a person."""

    write: Write
    """The write, as data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person may decide, where one is at a terminal."""

    question: str
    """What is asked. Untrusted text."""

    answers: tuple[tuple[str, str], ...]
    """Each answer, and what it means; the last one changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A machine or a person must move first."""

    reason: str
    """What is waited for."""

    url: str | None = None
    """Where that can be looked at."""

    interval: float | None = None
    """Seconds until it is worth looking again; `None`: as the engine does."""

    patience: float | None = None
    """Seconds of such waiting that are enough; `None`: no bound of its own."""

    otherwise: Blocked | Done | None = None
    """What holds once the patience is used up."""

    is_on_person: bool = False
    """Whether a person must move, which may take days."""

    is_beside: bool = False
    """Whether nobody asked for it: the release is complete without it."""

    run: WorkflowRun | None = None
    """The run that is waited for."""

    images: tuple[ImageReport, ...] = ()
    """The images that are waited for."""

    environments: tuple[Standing, ...] = ()
    """The environments that are waited for."""

    choice: Choice | None = None
    """What may be decided meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The world contradicts the plan, and only a person can mend it."""

    problem: str
    """What is wrong; several lines where several things are."""

    help: str | None = None
    """What to do."""

    url: str | None = None
    """Where it can be looked at."""

    exit_status: ExitStatus = ExitStatus.BLOCKED
    """The exit status it ends the program with."""

    question: str | None = None
    """What a person may answer with yes, to go on all the same."""

    run: WorkflowRun | None = None
    """The run, where the step is about one."""

    images: tuple[ImageReport, ...] = ()
    """The images, where the step is about them."""

    environments: tuple[Standing, ...] = ()
    """The environments, where the step is about them."""

    choice: Choice | None = None
    """What may be decided, which mends it."""


Verdict: TypeAlias = Done | Change | Wait | Blocked
"""What a step decides from what it saw."""
