"""The view for GitHub Actions: log, annotations, outputs and summary."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self, TextIO

from ..exceptions import ExitStatus, ReleaseError
from ..models import Event, NextVersion, Result, StepEvent
from . import safe, words
from .base import write
from .board import Board
from .closing import Closing, details
from .json import image_document
from .lines import LinesView

__all__ = [
    "ActionsView",
    "annotation",
    "find_line",
    "mask",
    "outputs",
    "relative",
    "tell_failure",
    "tell_next",
    "write_job_files",
]

_HERE = Path()


class ActionsView:
    """The plain lines in groups, with annotations, outputs and a summary.

    Parameters
    ----------
    title
        The heading of the summary.
    steps
        Key and title of each step, in order.
    stdout
        The job's log.
    environ
        The environment, which names the files for outputs and summary.
    now
        Tells the present time (aware).
    """

    def __init__(
        self,
        *,
        title: str,
        steps: Sequence[tuple[str, str]],
        stdout: TextIO,
        environ: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self._lines = LinesView(
            steps=steps, stdout=stdout, now=now, timezone=UTC
        )
        self.board = self._lines.board
        self._title = safe.line(title)
        self._stdout = stdout
        self._environ = environ
        self._group: str | None = None

    def __enter__(self) -> Self:
        self._lines.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        is_cut_off = self.board.result is None
        self._lines.__exit__(*details)
        self._close()
        if is_cut_off:
            self._summarize()

    def show(self, event: Event) -> None:
        """Print what is new in an event, and write the files at the end."""
        event = self.board.fold(event)
        if isinstance(event, StepEvent):
            self._arrange(event)
        elif isinstance(event, Result):
            self._close()
        self._lines.tell(event)
        if isinstance(event, Result):
            self._conclude(event)

    def _arrange(self, event: StepEvent) -> None:
        # Only what takes many lines is worth a group; its result is outside.
        row = self.board.find(event.key)
        if row.state == "waiting":
            if self._group != row.key:
                self._close()
                self._group = row.key
                self._command("group", row.title)
            return
        if self._group == row.key:
            self._lines.tell_jobs(event)
        self._close()

    def _close(self) -> None:
        if self._group is not None:
            self._group = None
            self._command("endgroup", "")

    def _conclude(self, result: Result) -> None:
        closing = Closing(self.board, result)
        is_ok = result.exit_status is ExitStatus.OK
        # That there is nothing to release is no news.
        if not is_ok or (closing.reasons and result.outcome != "nothing"):
            told = "\n".join([*closing.reasons, *closing.help])
            text = annotation(
                "notice" if is_ok else "error",
                told,
                title=closing.headline,
                file=relative(result.file, self._environ),
                line=result.line,
            )
            write(self._stdout, text + "\n")
        _append("GITHUB_OUTPUT", outputs(result), self._environ)
        self._summarize()

    def _summarize(self) -> None:
        text = "\n".join(_summary(self.board, self._title)) + "\n"
        _append("GITHUB_STEP_SUMMARY", text, self._environ)

    def _command(self, name: str, text: str) -> None:
        write(self._stdout, f"::{name}::{safe.workflow_data(text)}\n")


def annotation(
    level: Literal["error", "warning", "notice"],
    text: str,
    *,
    title: str | None = None,
    file: str | None = None,
    line: int | None = None,
) -> str:
    """Return the workflow command that makes an annotation.

    Parameters
    ----------
    level
        How grave it is.
    text
        What it says. May be untrusted.
    title
        Its title.
    file
        The file it is about, relative to the repository.
    line
        The line in that file, from 1; without a file it is left out.

    Returns
    -------
    str
        One line, without a line end.
    """
    properties = {"title": title, "file": file, "line": line if file else None}
    told = ",".join(
        f"{name}={safe.workflow_property(safe.line(str(value)))}"
        for name, value in properties.items()
        if value is not None
    )
    head = f"::{level} {told}" if told else f"::{level}"
    return f"{head}::{safe.workflow_data(safe.lines(text))}"


def relative(file: str | None, environ: Mapping[str, str]) -> str | None:
    """Return a file's path as annotations have it.

    Parameters
    ----------
    file
        Its path, or where it is in the clone, if there is one.
    environ
        The environment, which says where the job's clone is.

    Returns
    -------
    str
        The path from the top of the job's workspace, where it is in there.
    """
    workspace = environ.get("GITHUB_WORKSPACE")
    path = Path(file or "")
    if not path.is_absolute() or not workspace:
        return file
    try:
        return path.resolve().relative_to(Path(workspace).resolve()).as_posix()
    except ValueError:
        return path.name


def find_line(path: Path, excerpt: str) -> int | None:
    """Find the line in which an excerpt stands.

    Parameters
    ----------
    path
        The file.
    excerpt
        A part of the line, as it may have been shortened at its end.

    Returns
    -------
    int or None
        The line, from 1; `None` if the file cannot be read or has none such.
    """
    wanted = " ".join(excerpt.removesuffix("…").split())
    try:
        if path.is_symlink() or not path.is_file():
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        return None
    for number, each in enumerate(text.splitlines(), 1):
        if wanted and wanted in " ".join(each.split()):
            return number
    return None


def mask(values: Iterable[str]) -> str:
    """Return the workflow commands that hide secrets in the log.

    Parameters
    ----------
    values
        The secrets. Of one with several lines, each is hidden.

    Returns
    -------
    str
        Whole lines, to be written before anything else.
    """
    return "".join(
        f"::add-mask::{safe.workflow_data(line)}\n"
        for value in values
        for line in value.splitlines()
        if line.strip()
    )


def outputs(result: Result) -> str:
    """Return what is appended to ``GITHUB_OUTPUT``.

    Parameters
    ----------
    result
        How the command ended. Its texts are safe.

    Returns
    -------
    str
        The outputs, each between delimiters that it does not contain.
        ``images`` is a JSON list.
    """
    values = {
        "released": str(result.outcome == "released").lower(),
        "version": result.version or "",
        "tag": result.tag or "",
        "release-url": result.release_url or "",
        "run-url": result.run_url or "",
        "images": json.dumps(
            [image_document(image) for image in result.images]
        ),
        "outcome": result.outcome,
    }
    return _delimited(values)


def tell_next(
    answer: NextVersion, environ: Mapping[str, str], root: Path = _HERE
) -> str:
    """Write the outputs of ``next``; return what goes to the job's log.

    Parameters
    ----------
    answer
        The next version. Its texts need not be safe.
    environ
        The environment, which names the file for outputs.
    root
        The top of the clone.

    Returns
    -------
    str
        An annotation for every warning, and for every fragment that does
        not count.
    """
    values = {
        "released": "false",
        "version": answer.next or "",
        "tag": answer.tag or "",
        "images": "[]",
        "outcome": "planned" if answer.next else "nothing",
    }
    write_job_files(values, "", environ)
    told = [annotation("warning", text) for text in answer.warnings]
    for reason in answer.ignored:
        if reason.source != "fragment":
            continue
        # The heading, where it is one with nothing below.
        named = re.search(r"'(.*)'$", reason.text)
        line = find_line(root / reason.ref, named[1]) if named else None
        told.append(
            annotation(
                "warning",
                f"not counted: {reason.text}",
                title="Fragment",
                file=reason.ref,
                line=line or 1,
            )
        )
    return "".join(f"{each}\n" for each in told)


def tell_failure(
    error: ReleaseError, environ: Mapping[str, str], root: Path = _HERE
) -> str:
    """Write the outputs of a command that failed before it had a view.

    Parameters
    ----------
    error
        Why it failed. Its texts need not be safe.
    environ
        The environment, which names the file for outputs.
    root
        The top of the clone.

    Returns
    -------
    str
        An annotation, for the job's log.
    """
    blocking = {ExitStatus.BLOCKED, ExitStatus.NOT_ALLOWED}
    outcome = "blocked" if error.exit_status in blocking else "failed"
    write_job_files({"released": "false", "outcome": outcome}, "", environ)
    line, file = error.line, error.file
    if line is None and file is not None and error.excerpt:
        line = find_line(root / file, error.excerpt)
    text = annotation(
        "error",
        "\n".join(filter(None, [error.message, error.help])),
        title="rsp-release",
        file=relative(file, environ),
        line=line,
    )
    return f"{text}\n"


def write_job_files(
    values: Mapping[str, str], summary: str, environ: Mapping[str, str]
) -> None:
    """Append to the files of outputs and of the summary.

    Parameters
    ----------
    values
        The outputs.
    summary
        Markdown that is safe.
    environ
        The environment, which names the files.
    """
    _append("GITHUB_OUTPUT", _delimited(values), environ)
    _append("GITHUB_STEP_SUMMARY", summary, environ)


def _delimited(values: Mapping[str, str]) -> str:
    written = ""
    for name, value in values.items():
        delimiter = f"rsp-release-{secrets.token_hex()}"
        while delimiter in value:
            delimiter = f"rsp-release-{secrets.token_hex()}"
        written += f"{name}<<{delimiter}\n{value}\n{delimiter}\n"
    return written


def _summary(board: Board, title: str) -> Iterator[str]:
    text = safe.markdown
    yield f"### {text(title)}"
    yield ""
    yield "| | Step | | Time |"
    yield "|-|------|-|-----:|"
    marks = {"done": "✅", "blocked": "❌", "waiting": "⏳", "planned": "📝"}
    for row in board.rows:
        first = (row.text.splitlines() or [""])[0]
        told = _link(first, row.url)
        spent = row.spent(row.until) if row.until else None
        time = words.duration(spent) if spent and spent >= 1 else ""
        mark = marks.get(row.state, "")
        yield f"| {mark} | {text(row.title)} | {told} | {time} |"
    yield ""
    if board.result is None:
        yield "**Interrupted**"
        return
    closing = Closing(board, board.result)
    yield f"**{text(closing.headline)}**"
    for told in [*closing.reasons, *closing.help]:
        yield ""
        yield text(told)
    yield ""
    for name, value in closing.facts:
        yield f"- {name}: {_link(value, value)}"
    if closing.images:
        yield ""
        yield "| Image | | Platforms | Digest |"
        yield "|-------|-|-----------|--------|"
        for image in closing.images:
            _, under = details(image)
            told = ": ".join([image.state, *under[:1]])
            told += " (tag assumed)" if image.is_assumed else ""
            name = safe.markdown_code(f"{image.image}:{image.tag}")
            digest = safe.markdown_code(image.digest or "")
            named = text(", ".join(image.platforms))
            yield f"| {name} | {text(told)} | {named} | {digest} |"


def _link(label: str, url: str | None) -> str:
    label = safe.markdown(label)
    if not url or not label:
        return label
    # Within angle brackets only these have a meaning, and in tables the pipe.
    for character in "<>\\|":
        url = url.replace(character, f"%{ord(character):02X}")
    return f"[{label}](<{url}>)"


def _append(name: str, text: str, environ: Mapping[str, str]) -> None:
    """Append to the file that a variable names, if it names one."""
    if text and (path := environ.get(name)):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
