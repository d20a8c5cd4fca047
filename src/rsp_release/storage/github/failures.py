"""Why a job failed: its annotations, and the end of its log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from github.CheckRun import CheckRun
from github.Repository import Repository

from ...exceptions import NotAllowedError, ReadError
from ...models import Annotation, Job, WorkflowRun
from ..http import Limits, Request
from .answers import reading, unless
from .http import GithubHttp
from .job_log import LogTail
from .shapes import parse_annotation

__all__ = ["GithubFailures"]

_BAD = ("failure", "timed_out", "cancelled")
_LOG_TRIES = 3
_LOG_PAUSE = 2.0
_LOG_LIMITS = Limits(silence=30, total=300, size=1 << 30)
"""A log is read in parts, none of which is kept."""


class GithubFailures:
    """Explains the failed jobs of one repository on GitHub.

    That a job failed is true whether or not it can be read why, so what
    cannot be read is left out.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    own_run
        The number of the workflow run that this program is a part of, if it
        is.
    """

    def __init__(
        self, *, http: GithubHttp, repository: str, own_run: int | None = None
    ) -> None:
        self._http = http
        self.name = repository
        """Owner and name."""
        self._root = f"/repos/{quote(repository)}"
        self._actions = f"{self._root}/actions"
        self._repo = http.at(Repository, self._root)
        self._own_run = own_run
        # What was read of the runs, and need not be read again.
        self._kept: dict[object, tuple[WorkflowRun, datetime, Any]] = {}
        self._past: dict[tuple[str, str], tuple[WorkflowRun, ...]] = {}
        self._explained: dict[tuple[int, int], Job] = {}

    def _look_up(self) -> Repository | None:
        """Return the repository, if these credentials see it."""
        return self._http.find(lambda: Repository(self._http, url=self._root))

    def explain(self, job: Job, *, lines: int) -> Job:
        key = job.id, job.attempt
        if key not in self._explained:
            # A fine-grained token may not read them.
            annotations = unless(
                lambda: self._read_annotations(job), NotAllowedError, ReadError
            )
            log, note = self._read_log(job, lines)
            self._explained[key] = replace(
                job, annotations=annotations or (), log=log, log_note=note
            )
        known = self._explained[key]
        return replace(
            job,
            annotations=known.annotations,
            log=known.log[-lines:] if lines else (),
            log_note=known.log_note,
        )

    @reading
    def _read_annotations(self, job: Job) -> tuple[Annotation, ...]:
        check = self._http.at(CheckRun, f"{self._root}/check-runs/{job.id}")
        found = self._http.find(
            lambda: self._http.items(check.get_annotations(), 50)
        )
        return tuple(map(parse_annotation, found or ()))

    def _read_log(
        self, job: Job, lines: int
    ) -> tuple[tuple[str, ...], str | None]:
        """Read the end of the log of the step that failed.

        That a run failed is true whether or not its log can be read, so
        this never fails.
        """
        step = next((s for s in job.steps if s.conclusion in _BAD), None)
        note = "GitHub has no log of it"
        for number in range(_LOG_TRIES):
            if number:
                self._http.clock.sleep(_LOG_PAUSE)
            try:
                address = self._http.locate(
                    f"{self._actions}/jobs/{job.id}/logs"
                )
            except (NotAllowedError, ReadError) as e:
                return (), f"its log cannot be read: {e.message}"
            if address is None:
                # It comes a moment after the end of the job.
                continue
            tail = LogTail(
                started_at=step.started_at if step else None,
                completed_at=step.completed_at if step else None,
                lines=lines,
            )
            broken = self._download(address, tail)
            kept, is_of_step = tail.end()
            if broken and number + 1 < _LOG_TRIES:
                note = broken
                continue
            if not kept:
                return (), broken or "its log is empty"
            if not broken and step and not is_of_step:
                broken = "the end of the whole job's log"
            return kept, broken
        return (), note

    def _download(self, address: str, tail: LogTail) -> str | None:
        """Feed a log to its tail; return what went wrong, if anything.

        The address holds its own credentials, and is on another host: it
        gets none of ours, and is told to nobody.
        """
        if urlsplit(address).scheme not in ("http", "https"):
            return "its log cannot be read: it is at no web address"
        try:
            with self._http.exchange.stream(
                Request(url=address, limits=_LOG_LIMITS)
            ) as answer:
                if answer.status in (404, 410):
                    status = answer.status
                    return f"GitHub has its log no more (answer {status})"
                if answer.status != 200:
                    return f"its log cannot be read: answer {answer.status}"
                for part in answer.parts:
                    tail.feed(part)
        except ReadError:
            return "its log broke off while it was read"
        return None
