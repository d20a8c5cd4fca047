"""The view for programs: JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Self, TextIO

from ..exceptions import ExitStatus
from ..models import (
    Blocked,
    Change,
    Event,
    ImageReport,
    Job,
    NextVersion,
    Notice,
    Reason,
    Result,
    Standing,
    StepEvent,
    WorkflowRun,
)
from . import safe, words
from .base import write
from .board import Board
from .closing import Closing

__all__ = [
    "SCHEMA",
    "SCHEMAS",
    "JsonView",
    "document",
    "dumps",
    "image_document",
    "next_document",
    "schema",
    "standing_document",
    "tool_schema",
]

SCHEMA = 1
"""Version of the documents. Keys are added within it, never changed."""

SCHEMAS = ("next", "events", "check", "fleet", "rollout", "settings")
"""Names of the JSON Schemas that come with the package."""


class JsonView:
    """Prints an object whenever something changed, and the result last.

    Where the command did not end well, standard error tells people why.

    Parameters
    ----------
    steps
        Key and title of each step, in order.
    stdout
        Where to print. Nothing but JSON goes there.
    stderr
        Where to tell people.
    """

    def __init__(
        self,
        *,
        steps: Sequence[tuple[str, str]],
        stdout: TextIO,
        stderr: TextIO,
    ) -> None:
        self.board = Board(steps)
        self._stdout = stdout
        self._stderr = stderr
        self._told: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        """Do nothing: each line is whole when it is written."""

    def show(self, event: Event) -> None:
        """Print an event, if it says anything new."""
        event = self.board.fold(event)
        if self.board.is_repeated:
            return
        told = document(event)
        news = {key: value for key, value in told.items() if key != "at"}
        subject = f"{told['event']} {told.get('key', '')}"
        if self._told.get(subject) == news:
            return
        self._told[subject] = news
        write(self._stdout, dumps(told) + "\n")
        if isinstance(event, Result) and event.exit_status != ExitStatus.OK:
            self._complain(event)

    def _complain(self, result: Result) -> None:
        closing = Closing(self.board, result)
        lines = [f"rsp-release: {closing.headline}"]
        lines += [f"  | {reason}" for reason in closing.reasons]
        lines += [f"  -> {help}" for help in closing.help]
        write(self._stderr, "\n".join(lines) + "\n")


def document(event: Event) -> dict[str, Any]:
    """Return an event as the contract's JSON has it.

    Parameters
    ----------
    event
        An event whose texts are safe.

    Returns
    -------
    dict
        What `dumps` takes, described by ``schemas/events.json``.
    """
    match event:
        case StepEvent():
            told = {"event": "step", **_step(event)}
        case Notice():
            told = {"event": "notice", "text": event.text}
        case Result():
            told = {
                "event": "result",
                "outcome": event.outcome,
                "exit": int(event.exit_status),
                **_pick(event, "version", "tag", "commit"),
                "release_url": event.release_url or None,
                "run_url": event.run_url or None,
                "images": [image_document(image) for image in event.images],
                "deploy_url": event.deploy_url or None,
                **_pick(event, "message", "help"),
            }
    return {"schema": SCHEMA, **told, "at": _time(event.at)}


def next_document(answer: NextVersion) -> dict[str, Any]:
    """Return what ``next --json`` prints.

    Parameters
    ----------
    answer
        The next version. Its texts need not be safe.

    Returns
    -------
    dict
        What `dumps` takes, described by ``schemas/next.json``.
    """
    return {
        "schema": SCHEMA,
        **_pick(answer, "current", "current_tag", "next", "tag", "bump"),
        **_pick(answer, "commits", "confidence"),
        "reasons": [_reason(reason) for reason in answer.reasons],
        "ignored": [_reason(reason) for reason in answer.ignored],
        "warnings": [safe.line(warning) for warning in answer.warnings],
    }


def _reason(reason: Reason) -> dict[str, Any]:
    told = _pick(reason, "bump", "source", "ref", "text")
    return {name: safe.line(text) for name, text in told.items()}


def image_document(report: ImageReport) -> dict[str, Any]:
    """Return what a registry said as the contract's JSON has it.

    Parameters
    ----------
    report
        What the registry said. Its texts are safe.
    """
    return {
        **_pick(report, "image", "tag", "state", "digest", "platforms"),
        **_pick(report, "reason", "notes", "needs_credentials"),
        "assumed": report.is_assumed,
        "size": report.size,
        "created": _time(report.created),
        "manifests": [
            {
                **_pick(manifest, "platform", "digest", "size", "created"),
                **_pick(manifest, "config_digest", "revision"),
                "created": _time(manifest.created),
                "source_commit": manifest.source_commit,
            }
            for manifest in report.manifests
        ],
    }


def standing_document(standing: Standing) -> dict[str, Any]:
    """Return how an environment stands as the contract's JSON has it.

    Parameters
    ----------
    standing
        The environment. Its texts are safe.
    """
    return {
        **_pick(standing, "environment", "application", "state", "text"),
        **_pick(standing, "help", "deployed", "wanted"),
        "sync": standing.sync or None,
        "health": standing.health or None,
        "url": standing.url or None,
        "since": _time(standing.since),
        "until": _time(standing.until),
    }


def dumps(document: Mapping[str, Any]) -> str:
    """Write a document on one line.

    Parameters
    ----------
    document
        What to write.

    Returns
    -------
    str
        JSON of ASCII alone. The hash sign is escaped too, since the runner
        of GitHub Actions takes ``##[`` for a command anywhere in a line.
    """
    return json.dumps(document, ensure_ascii=True).replace("#", "\\u0023")


def schema(name: str) -> str:
    """Return one of the JSON Schemas of the package.

    Parameters
    ----------
    name
        One of `SCHEMAS`.

    Returns
    -------
    str
        The schema, as JSON.

    Raises
    ------
    KeyError
        Raised if there is none of that name.
    """
    if name not in SCHEMAS:
        raise KeyError(name)
    file = resources.files("rsp_release") / "schemas" / f"{name}.json"
    return file.read_text(encoding="utf-8")


def tool_schema(tool: str = "rsp-release") -> dict[str, Any]:
    """Return the schema of a table of :file:`pyproject.toml`.

    Programs that check that file, and editors, find it by the entry point
    ``validate_pyproject.tool_schema``.

    Parameters
    ----------
    tool
        The name of the table; there is one.
    """
    if tool != "rsp-release":
        raise KeyError(tool)
    found: dict[str, Any] = json.loads(schema("settings"))
    return found


def _step(event: StepEvent) -> dict[str, Any]:
    verdict = event.verdict
    kind, text = words.ruling(verdict)
    told: dict[str, Any] = {
        **_pick(event, "key", "title"),
        "verdict": kind,
        "text": text,
        "url": None,
    }
    if isinstance(verdict, Change):
        told["acting"] = event.is_acting
        return told
    told["url"] = verdict.url or None
    if isinstance(verdict, Blocked):
        told["help"] = verdict.help
        told["exit"] = int(verdict.exit_status)
    if verdict.run is not None:
        told["run"] = _run(verdict.run)
    if verdict.environments:
        told["environments"] = [
            standing_document(each) for each in verdict.environments
        ]
    if verdict.images:
        told["images"] = [image_document(image) for image in verdict.images]
    return told


def _pick(source: Any, *names: str) -> dict[str, Any]:
    """Return those fields that are called the same in the document."""
    return {name: getattr(source, name) for name in names}


def _run(run: WorkflowRun) -> dict[str, Any]:
    return {
        **_pick(run, "id", "name", "attempt", "status", "conclusion"),
        "url": run.url or None,
        "jobs": [_job(job) for job in run.jobs],
    }


def _job(job: Job) -> dict[str, Any]:
    told: dict[str, Any] = {
        **_pick(job, "id", "name", "status", "conclusion"),
        "url": job.url or None,
        "started_at": _time(job.started_at),
        "completed_at": _time(job.completed_at),
    }
    if words.meaning(job).tone != "bad":
        return told
    bad = [step for step in job.steps if words.meaning(step).tone == "bad"]
    told["failed_step"] = None
    if bad:
        told["failed_step"] = _pick(bad[0], "number", "name")
    told["annotations"] = [
        _pick(each, "level", "title", "message", "path", "line")
        for each in job.annotations
    ]
    # A line of a log may hold what a terminal takes for several.
    told["log"] = [line for text in job.log for line in text.splitlines()]
    told["log_note"] = job.log_note
    return told


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
