"""Scripts of what workflows do, as a file tells them.

A scenario is a JSON or TOML file whose keys are the fields of the classes
below. What it leaves out is taken from the repository's own workflow files::

    appear_after = 20          # seconds until a run shows
    lag = { releases = 3 }     # reads are that far behind

    [[workflows]]
    path = ".github/workflows/ci.yaml"
    concurrency = "docker"
    images = [{ name = "ghcr.io/{repository}", delay = 5 }]

    [[workflows.jobs]]
    name = "test"
    seconds = 4

    [[workflows.jobs]]
    name = "build / merge"
    needs = ["test"]
    steps = ["Set up job", { name = "Push", seconds = 3 }]
    conclusion = "failure"     # of the first attempt; a re-run succeeds
    failing_step = "Push"
    log = "denied: permission_denied: write_package"

A job may also say ``skip``, ``environment`` (it waits for approval) and
``annotations``; a workflow ``on``, ``startup_failure``, ``cancel_after``,
``is_lost`` and ``state``.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, TypeVar, cast

__all__ = [
    "ImageScript",
    "JobScript",
    "Lag",
    "PushFilter",
    "Scenario",
    "StepScript",
    "Triggers",
    "WorkflowScript",
    "matches",
    "steps_of",
]

T = TypeVar("T")

PLATFORMS = ("linux/amd64", "linux/arm64")


def matches(pattern: str, name: str) -> bool:
    """Match a branch or tag name with GitHub's filter patterns.

    ``*`` stops at a slash and ``**`` does not; ``?`` and ``+`` repeat what
    is before them, as GitHub's cheat sheet of filter patterns says.
    """

    def translate(match: re.Match[str]) -> str:
        text = match[0]
        if text in {"*", "**"}:
            return ".*" if text == "**" else "[^/]*"
        if text in {"?", "+"} and match.start():
            return text
        if text[0] == "[" and len(text) > 1:
            return text.replace("\\", "")
        return re.escape(text[-1])

    out = re.sub(r"\*\*|\[[^\]]*\]|\\.|.", translate, pattern)
    try:
        return re.fullmatch(out, name) is not None
    except re.error:
        return pattern == name


def _chosen(patterns: tuple[str, ...], name: str) -> bool:
    """Apply patterns in order; ``!`` takes away."""
    is_chosen = False
    for pattern in patterns:
        if matches(pattern.removeprefix("!"), name):
            is_chosen = not pattern.startswith("!")
    return is_chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class PushFilter:
    """The filters of ``on: push``."""

    branches: tuple[str, ...] | None = None
    branches_ignore: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    tags_ignore: tuple[str, ...] | None = None

    def wants(self, ref: str) -> bool:
        """Return whether a push of a ref starts the workflow."""
        name = ref.split("/", 2)[2]
        filters = (self.branches, self.branches_ignore)
        others = (self.tags, self.tags_ignore)
        if ref.startswith("refs/tags/"):
            filters, others = others, filters
        wanted, ignored = filters
        if wanted is not None:
            return _chosen(wanted, name)
        if ignored is not None:
            return not _chosen(ignored, name)
        return not any(others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """The ``on:`` of a workflow, as far as the sandbox knows events."""

    release: tuple[str, ...] | None = None
    """Activity types; empty for all; `None` for not at all."""

    push: PushFilter | None = None
    pull_request: bool = False

    @classmethod
    def read(cls, on: Any) -> Self:
        """Read the value of ``on:``."""
        if isinstance(on, str):
            on = {on: None}
        if isinstance(on, list):
            on = {str(name): None for name in on}
        if not isinstance(on, Mapping):
            return cls()
        release = push = None
        if "release" in on:
            release = _texts((on["release"] or {}).get("types")) or ()
        if "push" in on:
            value = on["push"] if isinstance(on["push"], Mapping) else {}
            push = PushFilter(
                branches=_texts(value.get("branches")),
                branches_ignore=_texts(value.get("branches-ignore")),
                tags=_texts(value.get("tags")),
                tags_ignore=_texts(value.get("tags-ignore")),
            )
        return cls(
            release=release,
            push=push,
            pull_request="pull_request" in on,
        )

    def wants(self, event: str, action: str, ref: str) -> bool:
        """Return whether an event starts the workflow."""
        if event == "release":
            types = self.release
            return types is not None and (not types or action in types)
        if event == "push":
            return self.push is not None and self.push.wants(ref)
        return event == "pull_request" and self.pull_request


def _texts(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str | int):
        return (str(value),)
    return tuple(str(item) for item in value)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScript:
    """A step of a job."""

    name: str
    seconds: float = 1


def steps_of(seconds: float, *names: str) -> tuple[StepScript, ...]:
    """Return steps that take equally long, some seconds altogether."""
    each = seconds / len(names)
    return tuple(StepScript(name=name, seconds=each) for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobScript:
    """What a job does."""

    name: str
    """The name as the run shows it, such as ``build / merge``."""

    id: str = ""
    """What ``needs`` of other jobs call it; by default its name."""

    needs: tuple[str, ...] = ()
    """Jobs that must have succeeded, by id."""

    seconds: float = 2
    """How long it runs, where its steps don't say."""

    queued: float = 0.1
    """Seconds before a runner takes it."""

    steps: tuple[StepScript, ...] = ()
    """Its steps."""

    conclusions: tuple[str, ...] = ("success",)
    """How each attempt ends; the last holds for all later ones."""

    failing_step: str | None = None
    """The step that fails; by default the last."""

    log: str | None = None
    """Its log; by default one is made up."""

    annotations: tuple[Mapping[str, Any], ...] = ()
    """Annotations that it leaves: ``message``, ``path``, ``level``."""

    is_skipped: bool = False
    """Whether its ``if:`` is false."""

    environment: str | None = None
    """The protected environment that it waits for approval of."""

    @property
    def key(self) -> str:
        """What ``needs`` call it."""
        return self.id or self.name

    @property
    def names(self) -> tuple[str, str, str]:
        """What its workflow file, and the run, may call it."""
        return self.key, self.name.partition(" / ")[0], self.name

    def conclusion(self, attempt: int) -> str:
        """Return how an attempt ends."""
        if self.is_skipped:
            return "skipped"
        return self.conclusions[min(attempt, len(self.conclusions)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageScript:
    """An image that a workflow pushes.

    Name and tag may hold ``{repository}``, ``{owner}``, ``{name}``,
    ``{tag}``, ``{version}`` and ``{sha}``.
    """

    name: str = "ghcr.io/{repository}"
    tag: str = "{tag}"
    platforms: tuple[str, ...] = PLATFORMS
    attestations: bool = True
    """Whether buildx's attestation entries are in the index."""

    platform_tags: bool = True
    """Whether ``TAG-amd64`` and so on are pushed first."""

    labels: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    """Seconds from the end of the job to the push."""

    job: str | None = None
    """The job that pushes it; by default the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowScript:
    """What a workflow does."""

    path: str
    name: str | None = None
    on: Triggers | None = None
    """Its triggers; `None`: as the repository's file says."""

    jobs: tuple[JobScript, ...] | None = None
    """Its jobs; `None`: as the repository's file says."""

    running: tuple[str, ...] = ()
    """Names of jobs that run, whatever the file's conditions are."""

    images: tuple[ImageScript, ...] | None = None
    """What it pushes; `None`: what the sandbox was told."""

    appear_after: float | None = None
    """Seconds until a run appears; `None`: as the scenario says."""

    is_lost: bool = False
    """Whether the run never appears."""

    startup_failure: bool = False
    cancel_after: float | None = None
    """Seconds after which somebody cancels it."""

    concurrency: str | None = None
    """A concurrency group for whole runs."""

    queue: str = "single"
    """``single`` or ``max``, as GitHub's ``queue``."""

    cancel_in_progress: bool = False
    state: str = "active"
    """The workflow's state on GitHub."""

    follows: str | None = None
    """The workflow whose run starts it, for the default branch, once that has
    succeeded; `None`: its triggers start it."""

    event: str = "workflow_run"
    """The event that its run shows, where it follows another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Seconds by which reads are behind writes."""

    releases: float = 0
    runs: float = 0
    registry: float = 0
    refs: float = 0
    fork: float = 0
    """Until a fork has the commits of what it is a fork of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything scripted about a sandbox."""

    workflows: tuple[WorkflowScript, ...] = ()
    speed: float = 1
    """How much faster than scripted jobs run."""

    appear_after: float = 0.5
    """Seconds until a run appears."""

    lag: Lag = field(default_factory=Lag)
    login: str = "rubin-demo-user"
    """Who the first token belongs to."""

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a scenario from a JSON or TOML file.

        Parameters
        ----------
        path
            The file; its keys are the fields of these classes.

        Raises
        ------
        ValueError
            Raised if it holds something unknown.
        """
        path = Path(path)
        text = path.read_text(encoding="utf-8")
        is_toml = path.suffix == ".toml"
        data = tomllib.loads(text) if is_toml else json.loads(text)
        return cls.read(data)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Read a scenario from plain data, as a file holds it.

        Raises
        ------
        ValueError
            Raised if it holds something unknown.
        """
        values = dict(data)
        workflows = tuple(
            _workflow(item) for item in values.pop("workflows", ())
        )
        lag = _make(Lag, values.pop("lag", {}))
        scenario = _make(cls, values)
        return replace(scenario, workflows=workflows, lag=lag)

    def script(self, path: str) -> WorkflowScript | None:
        """Return what is scripted for a workflow file."""
        return next((w for w in self.workflows if w.path == path), None)


def _workflow(data: Mapping[str, Any]) -> WorkflowScript:
    values = dict(data)
    if "on" in values:
        values["on"] = Triggers.read(values["on"])
    if "jobs" in values:
        values["jobs"] = tuple(_job(item) for item in values["jobs"])
    if "images" in values:
        values["images"] = tuple(
            _make(ImageScript, item) for item in values["images"]
        )
    return _make(WorkflowScript, values)


def _job(data: Mapping[str, Any]) -> JobScript:
    values = dict(data)
    steps = values.get("steps", ())
    values["steps"] = tuple(
        StepScript(name=item)
        if isinstance(item, str)
        else _make(StepScript, item)
        for item in steps
    )
    if "conclusion" in values:
        first = values.pop("conclusion")
        again = () if first == "success" else ("success",)
        values["conclusions"] = (first, *again)
    if "skip" in values:
        values["is_skipped"] = values.pop("skip")
    return _make(JobScript, values)


def _make(kind: type[T], data: Mapping[str, Any]) -> T:
    known = {item.name for item in fields(cast("Any", kind))}
    if unknown := sorted(set(data) - known):
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}")
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
    )
