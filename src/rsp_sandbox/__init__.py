"""A GitHub, an OCI registry and Argo CDs on loopback, all with a state.

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
from .applications import Application, RolloutScript, SyncWindow, Trouble
from .base import Clock, SystemClock
from .box import Sandbox
from .records import Project, Publishes
from .scenario import (
    ImageScript,
    JobScript,
    Lag,
    PushFilter,
    Scenario,
    StepScript,
    Triggers,
    WorkflowScript,
)

__all__ = [
    "Application",
    "Clock",
    "ImageScript",
    "JobScript",
    "Lag",
    "Project",
    "Publishes",
    "PushFilter",
    "RolloutScript",
    "Sandbox",
    "Scenario",
    "StepScript",
    "SyncWindow",
    "SystemClock",
    "Triggers",
    "Trouble",
    "WorkflowScript",
]
