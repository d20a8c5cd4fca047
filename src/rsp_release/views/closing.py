"""What is said at the end of a command."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..exceptions import ExitStatus
from ..models import ImageReport, Result
from . import words
from .board import Board

__all__ = ["Closing", "Part", "details", "headline"]

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
        self.tone, self.headline = headline(
            result, spent=board.spent if board.has_acted else None
        )
        blocked = None if _is_ok(result) else board.blocked
        self.reasons = _union(result.message)
        self.help = _union(result.help)
        if blocked is not None:
            self.reasons = _union(blocked.text, result.message)
            self.help = _union(blocked.help, result.help)
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
        self.digests: list[str] = [
            image.reference for image in result.images if image.digest
        ]


def headline(
    result: Result, *, spent: float | None = None
) -> tuple[Part, str]:
    """Say in a few words how a command ended, and in what tone.

    Parameters
    ----------
    result
        The result.
    spent
        Seconds that the command took; `None` where it changed nothing.
    """
    name = result.tag or result.version or "the release"
    match result.outcome:
        case "released":
            # No headline begins with a name: a log's reader might obey it.
            time = "" if spent is None else f" in {words.duration(spent)}"
            return "good", f"Released {name}{time}"
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


def _union(*texts: str | None) -> list[str]:
    # The result mostly repeats what the step said.
    lines = [line for text in texts if text for line in text.splitlines()]
    return list(dict.fromkeys(lines))


def _is_ok(result: Result) -> bool:
    return result.exit_status is ExitStatus.OK


def details(image: ImageReport) -> tuple[list[str], list[str]]:
    """Say what is known of an image.

    Parameters
    ----------
    image
        What the registry said.

    Returns
    -------
    tuple of list of str
        What stands beside its name, and sentences that go under it.
    """
    beside = [", ".join(image.platforms)] if image.platforms else []
    if image.size:
        beside.append(_size(image.size))
    if image.created:
        beside.append(f"built {image.created:%Y-%m-%d %H:%M} UTC")
    if image.needs_credentials:
        beside.append("needs a pull secret")
    if image.mirror:
        beside.append(f"seen through {image.mirror}")
    under = [image.reason] if image.reason else []
    return beside, [*under, *image.notes]


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
