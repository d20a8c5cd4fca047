"""What is said at the end of a command."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..exceptions import ExitStatus
from ..models import ImageReport, Result
from . import words
from .board import Board

__all__ = ["Closing", "Part", "closing", "headline"]

Part: TypeAlias = Literal["good", "bad", "person", "plain"]
"""The tone of the headline."""

_FAILURES = {
    ExitStatus.USAGE: "The arguments or the settings are wrong",
    ExitStatus.BLOCKED: "Blocked",
    ExitStatus.NOT_ALLOWED: "Not allowed",
    ExitStatus.RUN_FAILED: "The workflow run did not succeed",
    ExitStatus.IMAGE: "An image is not as it should be",
    ExitStatus.UNFINISHED: "Not finished",
    ExitStatus.INTERRUPTED: "Interrupted",
}


class Closing:
    """The last words: a headline, reasons, what to do, where to look.

    Parameters
    ----------
    board
        What is true, with its result.
    result
        The result.
    """

    def __init__(self, board: Board, result: Result) -> None:
        self.tone, self.headline = headline(result)
        spent = board.spent
        if result.outcome == "released" and spent >= 1:
            self.headline += f" in {words.duration(spent)}"
        blocked = board.blocked
        message, help = result.message, result.help
        if blocked is not None and not _is_ok(result):
            message = message or blocked.text
            help = help or blocked.help
        self.reasons: list[str] = (message or "").splitlines()
        self.help: list[str] = (help or "").splitlines()
        self.facts: list[tuple[str, str]] = [
            (name, value)
            for name, value in (
                ("Release", result.release_url),
                ("Run", result.run_url),
                ("Deployment", result.deploy_url),
            )
            if value
        ]
        if not self.facts and blocked is not None and blocked.url:
            self.facts = [("See", blocked.url)]
        self.images: tuple[ImageReport, ...] = result.images


def closing(board: Board) -> Closing | None:
    """Return the last words, or `None` where there is no result."""
    return Closing(board, board.result) if board.result else None


def headline(result: Result) -> tuple[Part, str]:
    """Say in a few words how a command ended, and in what tone.

    Parameters
    ----------
    result
        The result.
    """
    name = result.tag or result.version or "the release"
    match result.outcome:
        case "released":
            if result.tag or result.version:
                return "good", f"Released {name}"
            return "good", "Done"
        case "nothing":
            return "good", "Nothing to release"
        case "planned":
            return "plain", f"Would release {name}; nothing was written"
        case "unfinished":
            if result.exit_status is ExitStatus.INTERRUPTED:
                return "person", "Interrupted"
            return "person", "Not finished"
        case "blocked" | "failed":
            usual = result.outcome.capitalize()
            return "bad", _FAILURES.get(result.exit_status, usual)


def _is_ok(result: Result) -> bool:
    return result.exit_status is ExitStatus.OK
