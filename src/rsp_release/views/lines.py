"""The view for outputs that are not a terminal: a line per change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Self, TextIO

from ..models import Event, Job, Notice, Result, StepEvent, WorkflowRun
from . import words
from .base import write
from .board import Board, Row
from .closing import Closing, details, platforms

__all__ = ["LinesView", "closing_lines"]

# A text in which only a duration moves says nothing new.
_VOLATILE = re.compile(
    r"\b\d+(?::\d\d)+\b"
    r"|\b\d+(?:\.\d+)? ?(?:s|m|h|d|min|sec|seconds?|minutes?|hours?|days?)\b"
)

_MANY = 4
"""More jobs than this that change alike in one look share a line."""


class LinesView:
    """Prints a line with the time whenever something changed.

    No line begins with text that others wrote, so that none can be taken for
    a command by whatever reads the log.

    Parameters
    ----------
    steps
        Key and title of each step, in order.
    stdout
        Where to print.
    now
        Tells the present time (aware).
    timezone
        The zone of the times; the local one by default.
    """

    def __init__(
        self,
        *,
        steps: Sequence[tuple[str, str]],
        stdout: TextIO,
        now: Callable[[], datetime],
        timezone: tzinfo | None = None,
    ) -> None:
        self.board = Board(steps)
        self._stdout = stdout
        self._now = now
        self._timezone = timezone
        self._told: dict[str, tuple[str, str]] = {}
        self._jobs: dict[tuple[int, int], dict[int, str]] = {}
        self._note = ""

    def __enter__(self) -> Self:
        self.board.begin(self._now())
        return self

    def __exit__(self, *details: object) -> None:
        if self.board.result is None:
            self.board.stop(self._now())

    def show(self, event: Event) -> None:
        """Print what is new in an event."""
        self.tell(self.board.fold(event))

    def tell(self, event: Event) -> None:
        """Print what is new in an event that the board gave."""
        match event:
            case Result():
                for line in closing_lines(Closing(self.board, event)):
                    self._print(line)
            case Notice():
                if event.text != self._note:
                    self._note = event.text
                    self._say(event.at, "note", "", event.text)
            case StepEvent():
                row = self.board.find(event.key)
                if row.state == "waiting":
                    self._tell_state(row, event.at)
                    self.tell_jobs(event)
                else:
                    self.tell_jobs(event)
                    self._tell_state(row, event.at)

    def tell_jobs(self, event: StepEvent) -> None:
        """Print what is new of the jobs of a step's run."""
        row = self.board.find(event.key)
        if row.run is not None and row.state != "planned":
            for text in self._changes(row.run):
                self._say(event.at, "job", row.title, text)

    def _tell_state(self, row: Row, at: datetime) -> None:
        news = _VOLATILE.sub("", row.text)
        if row.run and any(j.started_at for j in row.run.jobs):
            # How many jobs are left is told by their own lines.
            news = re.sub(r"\d+", "", news)
        if self._told.get(row.key) == (row.state, news):
            return
        self._told[row.key] = row.state, news
        text = row.text
        if row.state == "blocked":
            # It is told in full at the end, with what to do.
            text = text.partition("\n")[0]
        word = "doing" if row.state == "acting" else row.state
        self._say(at, word, row.title, text)

    def _print(self, line: str) -> None:
        write(self._stdout, line.rstrip() + "\n")

    def _say(self, at: datetime, word: str, title: str, text: str) -> None:
        time = at.astimezone(self._timezone).strftime("%H:%M:%S")
        column = max((len(row.title) for row in self.board.rows), default=0)
        head = f"{time}  {word:<7}  "
        if title:
            head += f"{title:<{column}}  "
        first, *rest = text.splitlines() or [""]
        self._print(head + first)
        for line in rest:
            self._print(" " * 10 + "| " + line)

    def _changes(self, run: WorkflowRun) -> Iterator[str]:
        # A run that was started again has jobs of its own.
        known = self._jobs.setdefault((run.id, run.attempt), {})
        groups: dict[str, list[Job]] = {}
        for job in run.jobs:
            means = words.meaning(job)
            if known.get(job.id) == means.word:
                continue
            known[job.id] = means.word
            # That a job is queued is the normal state before it runs.
            if job.status not in {"queued", "requested"}:
                groups.setdefault(means.word, []).append(job)
        for word, jobs in groups.items():
            if len(jobs) > _MANY and words.meaning(jobs[0]).tone != "bad":
                yield f"{len(jobs)} jobs {word}"
                continue
            for job in jobs:
                yield f"{job.name}: {word}{_detail(job)}"


def closing_lines(closing: Closing) -> Iterator[str]:
    """Write the last words in plain lines.

    Parameters
    ----------
    closing
        The last words.

    Yields
    ------
    str
        A line. None begins with text that others wrote.
    """
    yield ""
    yield closing.headline
    for reason in closing.reasons:
        yield f"  | {reason}"
    for help in closing.help:
        yield f"  -> {help}"
    for name, value in closing.facts:
        yield f"  {name + ':':<8} {value}"
    for image in closing.images:
        beside, under = details(image)
        told = ", ".join([image.state, *beside])
        yield f"  Image:   {image.image}:{image.tag}  {told}"
        for sentence in [*platforms(image), *under]:
            yield f"           | {sentence}"
    for digest in closing.digests:
        yield f"  Digest:  {digest}"


def _detail(job: Job) -> str:
    text = ""
    if job.status != "completed":
        return text
    if job.started_at and job.completed_at and job.conclusion != "skipped":
        spent = words.seconds(job.started_at, job.completed_at)
        text = f" in {words.duration(spent)}"
    for step in job.steps:
        if words.meaning(step).tone == "bad":
            return f"{text}, at step {step.number}: {step.name}"
    return text
