"""State that is carried along while the jobs of a run are followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .documents import load
from .expressions import fill
from .images import Push
from .unknown import unknown
from .values import both, mapping_of

__all__ = [
    "Findings",
    "JobScope",
    "Read",
    "Scope",
    "environment",
    "inputs_of",
    "outputs_of",
]


Read: TypeAlias = Callable[[str], str | None]
"""Gives the text of a file of the repository, by its path, if it is there."""

_PATIENCE = 1_000_000
"""How much is followed, about in characters of scripts."""


@dataclass(slots=True)
class Findings:
    """What the jobs of a run push."""

    pushes: list[Push] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    effort: int = 0
    documents: dict[str, Any] = field(default_factory=dict)

    def spend(self, effort: int) -> bool:
        """Return whether there is still patience for something.

        Jobs times steps times calls of calls can be more than anyone waits
        for; no real workflow comes near the limit.
        """
        self.effort += effort
        if self.effort > _PATIENCE:
            self.doubt("the workflow is too large to follow")
            return False
        return True

    def add(
        self, pushes: Iterable[Push], job: str, *, certain: bool | None
    ) -> None:
        """Note what a job pushes, if it is certain that it gets there."""
        self.pushes += [
            replace(push, job=job, is_certain=both(certain, push.is_certain))
            for push in pushes
        ]

    def load(self, path: str, text: str) -> Any:
        """Read a file that the workflow calls, once."""
        if path not in self.documents:
            self.documents[path] = load(path, text)
        return self.documents[path]

    def doubt(self, sentence: str) -> None:
        """Note what could not be worked out, once."""
        if sentence not in self.unsure:
            self.unsure.append(sentence)


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds for a whole workflow file while it is followed."""

    contexts: dict[str, Any]
    read: Read
    findings: Findings
    prefix: str
    depth: int
    is_certain: bool | None


@dataclass(slots=True)
class JobScope:
    """What holds for one job while its steps are followed."""

    name: str
    contexts: dict[str, Any]
    env: dict[str, str]
    is_certain: bool | None
    shell: str
    depth: int = 0


def environment(
    declared: Any, before: Mapping[str, str], contexts: dict[str, Any]
) -> dict[str, str]:
    """Return an environment with what one more ``env:`` declares."""
    if isinstance(declared, str):
        return {**before, "*": unknown("env")}
    scope = {**contexts, "env": dict(before)}
    return {
        **before,
        **{
            name: fill(value, scope)
            for name, value in mapping_of(declared).items()
        },
    }


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
