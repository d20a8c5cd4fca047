"""The closing of a command: how it ended, why, and what to do."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..exceptions import ExitStatus
from ..models import ImageReport, Result
from . import words
from .board import Board

__all__ = ["Closing", "Part", "details", "headline", "platforms"]

Part: TypeAlias = Literal["good", "bad", "person", "plain"]
"""The tone of the headline."""

_FAILURES = {
    ExitStatus.USAGE: "The arguments or the settings are wrong",
    ExitStatus.BLOCKED: "Blocked",
    ExitStatus.NOT_ALLOWED: "Not allowed",
    ExitStatus.RUN_FAILED: "The workflow run did not succeed",
    ExitStatus.IMAGE: "An image is missing or wrong",
    ExitStatus.UNFINISHED: "Not finished",
    ExitStatus.INTERRUPTED: "Interrupted",
}


_ALONE = {
    ("workflow_run",): "The run of {} succeeded",
    ("chart_pr",): "Deployment of {} done",
    ("rollout",): "Roll-out of {} done",
}
"""What is said where one step alone was asked for, and is done."""


class Closing:
    """The closing: a headline, reasons, what to do, where to look.

    Parameters
    ----------
    board
        What is true, with its result.
    result
        The result.
    """

    def __init__(self, board: Board, result: Result) -> None:
        self.tone, self.headline = headline(
            result,
            spent=board.spent if board.has_acted else None,
            steps=tuple(row.key for row in board.rows),
        )
        is_ok = result.exit_status is ExitStatus.OK
        blocked = None if is_ok else board.blocked
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
        # What a plan finds of images that are not published yet is of the
        # release before.
        is_early = result.outcome == "planned" and any(
            row.key == "images" and row.state != "done" for row in board.rows
        )
        self.images = () if is_early else result.images
        self.digests: list[str] = [
            image.reference for image in self.images if image.digest
        ]


def headline(
    result: Result,
    *,
    spent: float | None = None,
    steps: tuple[str, ...] = (),
) -> tuple[Part, str]:
    """Say in a few words how a command ended, and in what tone.

    Parameters
    ----------
    result
        The result.
    spent
        Seconds that the command took; `None` where it changed nothing.
    steps
        The keys of the steps that it was about.
    """
    name = result.tag or result.version or "the release"
    match result.outcome:
        case "released":
            # No headline begins with a name: a log's reader might obey it.
            time = "" if spent is None else f" in {words.duration(spent)}"
            if steps in _ALONE:
                return "good", _ALONE[steps].format(name) + time
            if steps == ("images",):
                count = len(result.images)
                told = {
                    0: "No images of {} are expected",
                    1: "The image of {} is published",
                }.get(count, f"All {count} images of {{}} are published")
                return "good", told.format(name)
            return "good", f"Released {name}{time}"
        case "nothing":
            return "good", "Nothing to release"
        case "planned":
            verb = "deploy" if steps == ("chart_pr",) else "release"
            return "plain", f"Would {verb} {name}; nothing was written"
        case "unfinished":
            if result.exit_status is ExitStatus.INTERRUPTED:
                return "person", "Interrupted"
            return "person", "Not finished"
        case "blocked" | "failed":
            return "bad", _name_failure(result)


def _name_failure(result: Result) -> str:
    usual = result.outcome.capitalize()
    if any(image.state == "unknown" for image in result.images):
        usual = "Could not look at every image"
    return _FAILURES.get(result.exit_status, usual)


def _union(*texts: str | None) -> list[str]:
    # The result mostly repeats what the step said.
    lines = [line for text in texts if text for line in text.splitlines()]
    return list(dict.fromkeys(lines))


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
    beside = []
    if image.platforms and not platforms(image):
        beside.append(", ".join(image.platforms))
    if image.is_assumed:
        beside.append("tag assumed")
    if image.needs_credentials:
        beside.append("needs a pull secret")
    if image.mirror:
        beside.append(f"via mirror {image.mirror}")
    under = [image.reason] if image.reason else []
    if image.help and image.help not in (image.reason or ""):
        under.append(image.help)
    return beside, [*under, *image.notes]


def platforms(image: ImageReport) -> list[str]:
    """Write a table of what was read of each platform's image.

    Parameters
    ----------
    image
        What the registry said.

    Returns
    -------
    list of str
        A row for each: platform, digest, size, when it was built, and from
        which commit. Empty where no more than digests are known.
    """
    if not any(each.size or each.created for each in image.manifests):
        return []
    rows = [
        (
            each.platform,
            each.digest.partition(":")[2][:12],
            _size(each.size) if each.size else "",
            f"{each.created:%Y-%m-%d %H:%M} UTC" if each.created else "",
            f"of {commit[:7]}"
            if (commit := each.revision or each.source_commit)
            else "",
        )
        for each in image.manifests
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number == 2 else cell.ljust(width)
            for number, (cell, width) in enumerate(
                zip(row, widths, strict=True)
            )
            if width
        ).rstrip()
        for row in rows
    ]


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
