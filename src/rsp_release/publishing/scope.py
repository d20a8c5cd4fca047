"""State that is carried along while the jobs of a run are followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .dispatches import Dispatch
from .expressions import fill
from .images import Push
from .unknown import unknown
from .values import both, mapping_of

__all__ = [
    "MAX_CALLS",
    "Findings",
    "Read",
    "Scope",
    "environment",
    "inputs_of",
    "outputs_of",
]


Read: TypeAlias = Callable[[str], str | None]
"""Gives the text of a file of the repository, by its path, if it is there."""

MAX_CALLS = 8
"""How many calls of workflows and actions may lead to each other."""

_PATIENCE = 1_000_000
"""How much is followed, about in characters of scripts."""


@dataclass(slots=True)
class Findings:
    """What the jobs of a run push."""

    pushes: list[Push] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)
    effort: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What holds for a workflow, a job or a step while it is followed."""

    document: Mapping[str, Any]
    """The workflow."""

    contexts: dict[str, Any]
    """What its expressions see."""

    read: Read
    """Gives files of the repository."""

    findings: Findings = field(default_factory=Findings)
    """What was found until now."""

    name: str = ""
    """The job's name, as the run shows it; of a workflow, its beginning."""

    depth: int = 0
    """How many calls led here."""

    is_certain: bool | None = True
    """Whether it is reached."""

    shell: str = ""
    """The shell of the job, where it names one."""

    exported: dict[str, str] = field(default_factory=dict)
    """Variables that scripts set for later steps of the job."""

    def spend(self, effort: int) -> bool:
        """Return whether there is still patience for something.

        Jobs times steps times calls of calls can be more than anyone waits
        for; no real workflow comes near the limit.
        """
        self.findings.effort += effort
        if self.findings.effort > _PATIENCE:
            self.doubt("the workflow is too large to follow")
            return False
        return True

    def add(self, pushes: Iterable[Push], *, is_certain: bool = True) -> None:
        """Note what the job pushes, if it gets there."""
        certain = both(self.is_certain, True if is_certain else None)
        for push in pushes:
            sure = both(certain, push.is_certain)
            noted = replace(push, job=self.name, is_certain=sure)
            self.findings.pushes.append(noted)

    def dispatch(
        self, started: Dispatch | None, *, is_certain: bool = True
    ) -> None:
        """Note another workflow that the job starts, in this repository."""
        github = self.contexts["github"]
        if started is None or started.repository.lower() not in (
            "", str(github["repository"]).lower(),
        ):  # fmt: skip
            return
        certain = both(self.is_certain, True if is_certain else None)
        if certain is not False:
            noted = replace(started, is_certain=certain)
            self.findings.dispatches.append(noted)

    def doubt(self, sentence: str) -> None:
        """Note what could not be worked out, once."""
        if sentence not in self.findings.unsure:
            self.findings.unsure.append(sentence)


def environment(
    declared: Any, before: Mapping[str, str], contexts: dict[str, Any]
) -> dict[str, str]:
    """Return an environment with what one more ``env:`` declares."""
    if isinstance(declared, str):
        return {**before, "*": unknown("env")}
    scope = {**contexts, "env": dict(before)}
    filled = {k: fill(v, scope) for k, v in mapping_of(declared).items()}
    return {**before, **filled}


def outputs_of(declared: Any, contexts: dict[str, Any]) -> dict[str, str]:
    """Return the outputs of a called workflow or action."""
    return {
        key: fill(mapping_of(output).get("value"), contexts)
        for key, output in mapping_of(declared).items()
    }


def inputs_of(declared: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a called workflow or action."""
    inputs = dict(given)
    for name, description in mapping_of(declared).items():
        if inputs.get(name) is None:
            details = mapping_of(description)
            empty = {"boolean": False, "number": 0}
            kind = str(details.get("type", "string"))
            inputs[name] = details.get("default", empty.get(kind, ""))
    return inputs
