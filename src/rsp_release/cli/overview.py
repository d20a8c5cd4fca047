"""The program alone, in a clone: where one stands, offline, in six lines."""

# pathlib takes longer to load than all that is looked at here.
# ruff: noqa: PTH118

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..config import load_config
from ..engine.unfinished import Unfinished, peek
from ..storage.git.history import read_history
from ..storage.git.history_git import Git
from ..version.choose import Request, propose
from ..views.safe import line
from ..views.why import confidence

if TYPE_CHECKING:
    from pathlib import Path

    from ..version.history import History
    from ..version.proposal import NextVersion

__all__ = ["run_overview"]


def run_overview(directory: Path | str) -> int:
    """Say where one stands, and what to type.

    Parameters
    ----------
    directory
        A directory of the clone.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    ReleaseError
        Raised if the clone cannot be read, or is not all there.
    """
    config = load_config(directory, environ=os.environ)
    with Git(directory) as git:
        common = git.ask("rev-parse", "--git-common-dir")
        history = read_history(directory, config=config)
        where = os.path.join(directory, common().rstrip("\n"))
    answer = propose(history, policy=config, request=Request())
    unfinished = peek(os.path.join(where, "rsp-release"))
    told = {
        "Released": line(answer.current_tag or "nothing yet"),
        "Unreleased": _tell_changes(history, answer),
        "Next": "nothing to release",
        "How sure": "-",
        "Unfinished": "nothing that was begun here",
        "Type": _advise(answer, unfinished),
    }
    if answer.tag is not None:
        told["Next"] = f"{line(answer.tag)} ({answer.bump})"
        told["How sure"] = f"{answer.confidence}: {confidence(answer)}"
    if unfinished is not None:
        time = unfinished.at[:16].replace("T", " ")
        told["Unfinished"] = f"{line(unfinished.tag)}, last active {time} UTC"
    for title, text in told.items():
        sys.stdout.write(f"{title:<12}{text}\n")
    for warning in answer.warnings:
        sys.stderr.write(f"warning: {line(warning)}\n")
    return 0


def _tell_changes(history: History, answer: NextVersion) -> str:
    """Count what was not released yet."""
    fragments = sum(not each.stale for each in history.fragments)
    counts = [_count(answer.commits, "commit")]
    if history.uses_fragments:
        counts.append(_count(fragments, "fragment"))
    where = line(history.branch) if history.branch else "a detached HEAD"
    return f"{', '.join(counts)} on {where}"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _advise(answer: NextVersion, unfinished: Unfinished | None) -> str:
    """Return the command that most would type now."""
    if unfinished is not None:
        from shlex import quote

        return f"rsp-release resume {quote(line(unfinished.tag))}"
    if answer.next is None:
        return "rsp-release status"
    if answer.confidence == "guess":
        return "rsp-release bump major, minor or patch"
    return "rsp-release bump --dry-run"
