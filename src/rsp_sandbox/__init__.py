"""A stateful GitHub, a git remote and an OCI registry on loopback.

It imports nothing of the rest of the program: an imitation that shared its
parsers would share its errors. What a release publishes it is told.
"""

from __future__ import annotations

from . import (  # noqa: F401  (they add routes)
    commits,
    control,
    discussion,
    forks,
    gitdata,
    jobs,
    pulls,
    refs,
    releases,
    runs,
    settings,
)
from .base import Clock, SystemClock
from .box import Sandbox
from .faults import FAULTS, FaultRecord, Faults
from .records import Project, Publishes, RequestRecord
from .scenario import (
    ImageScript,
    JobScript,
    Lag,
    Scenario,
    StepScript,
    Triggers,
    WorkflowScript,
)
from .state import State

__all__ = [
    "FAULTS",
    "Clock",
    "FaultRecord",
    "Faults",
    "ImageScript",
    "JobScript",
    "Lag",
    "Project",
    "Publishes",
    "RequestRecord",
    "Sandbox",
    "Scenario",
    "State",
    "StepScript",
    "SystemClock",
    "Triggers",
    "WorkflowScript",
]
