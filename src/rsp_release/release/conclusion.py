"""How a command ended: from the last verdicts to the result."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime

from ..engine.engine import Ending
from ..engine.journal import Journal
from ..exceptions import ExitStatus
from ..models import (
    Blocked,
    Done,
    Event,
    Outcome,
    Proposal,
    Release,
    Result,
    Verdict,
    Wait,
)
from .plan import Options

__all__ = [
    "OUTCOMES",
    "conclude",
    "drain",
    "find_settled",
    "make_result",
    "mark_released_elsewhere",
    "name_images",
]


OUTCOMES: Mapping[ExitStatus, Outcome] = {
    ExitStatus.BLOCKED: "blocked",
    ExitStatus.NOT_ALLOWED: "blocked",
    ExitStatus.UNFINISHED: "unfinished",
    ExitStatus.INTERRUPTED: "unfinished",
}
"""How what ends with an exit status ended, where it did not fail."""


def conclude(
    ending: Ending,
    subject: Release | Proposal,
    good: Outcome,
    *,
    options: Options,
    at: datetime,
) -> Result:
    """Say how it ended.

    Parameters
    ----------
    ending
        How the steps stood, those of earlier runs of the engine among them.
    subject
        What they were about.
    good
        How it ended if nothing is left to do.
    options
        What was asked for.
    at
        The present time (aware, UTC).

    Returns
    -------
    Result
        The result.
    """
    verdicts = dict(ending.verdicts)
    result = replace(
        make_result(good, subject, at=at),
        release_url=_url(verdicts.get("github_release")),
        run_url=_url(verdicts.get("workflow_run")),
        deploy_url=_url(verdicts.get("chart_pr")),
        images=getattr(verdicts.get("images"), "images", ()),
    )
    again = f"continue: {options.write_resume(subject.tag)}"
    for verdict in verdicts.values():
        if isinstance(verdict, Done) and verdict.help:
            result = replace(
                result, message=verdict.evidence, help=verdict.help
            )
        if isinstance(verdict, Blocked):
            return replace(
                result,
                outcome=OUTCOMES.get(verdict.exit_status, "failed"),
                exit_status=verdict.exit_status,
                message=verdict.problem,
                help=verdict.help or again,
                question=verdict.question,
                choice=verdict.choice,
            )
    if good == "planned" or ending.is_done:
        return result
    waits = [v for v in verdicts.values() if isinstance(v, Wait)]
    # What a release is complete without does not keep it from that.
    wait = next((each for each in waits if not each.is_beside), None)
    return replace(
        result,
        outcome="unfinished",
        exit_status=ExitStatus.UNFINISHED,
        message=f"release {subject.tag} is not finished"
        + (f": {wait.reason}" if wait else ""),
        help=again,
        choice=wait.choice if wait else None,
    )


def make_result(
    outcome: Outcome, subject: Release | Proposal | None, *, at: datetime
) -> Result:
    """Make the result of what went well.

    Parameters
    ----------
    outcome
        How it ended.
    subject
        What it was about, if anything.
    at
        The present time (aware, UTC).

    Returns
    -------
    Result
        The result.
    """
    return Result(
        outcome=outcome,
        exit_status=ExitStatus.OK,
        at=at,
        version=subject.version if subject else None,
        tag=subject.tag if subject else None,
        # Of a proposal, the commit to tag is not known yet.
        commit=subject.commit if isinstance(subject, Release) else None,
    )


def mark_released_elsewhere(result: Result, journal: Journal) -> Result:
    """Say so where another machine published what this one was to release.

    Of several that begin the same release at once, all see it through, and
    the one that published it on GitHub is the one that released it.

    Parameters
    ----------
    result
        How it ended here.
    journal
        What was written from here.

    Returns
    -------
    Result
        How it ended: with nothing to do, where another run was first.
    """
    tag = result.tag
    is_ours = any(
        journal.intent(f"{verb} release {tag}") is not None
        for verb in ("create", "publish")
    )
    if result.outcome != "released" or is_ours:
        return result
    return replace(
        result,
        outcome="nothing",
        message=f"another run released {tag} in the meantime",
    )


def find_settled(proposal: Proposal, ending: Ending) -> tuple[str, str]:
    """Return the commit to tag, and the key of the step that settled it.

    Parameters
    ----------
    proposal
        What is to be released.
    ending
        How the steps stood that prepare it.

    Returns
    -------
    tuple of str
        The commit, and the step's key, which is empty if there was no step.
    """
    for key, verdict in reversed(ending.verdicts):
        if isinstance(verdict, Done) and verdict.commit is not None:
            return verdict.commit, key
    return proposal.commit, next((k for k, _ in ending.verdicts[-1:]), "")


def drain(events: Generator[Event, None, Ending]) -> Ending:
    """Take events, and return how the steps stood at the end.

    Parameters
    ----------
    events
        What an engine tells.

    Returns
    -------
    Ending
        How the steps stood at the end.
    """
    while True:
        try:
            next(events)
        except StopIteration as e:
            ending: Ending = e.value
            return ending


def name_images(release: Release) -> str:
    """Name a release's images, and their platforms.

    Parameters
    ----------
    release
        The release.
    """
    return (
        "; ".join(
            f"{image.name}:{image.tag}"
            + (f" ({', '.join(image.platforms)})" if image.platforms else "")
            for image in release.images
        )
        or "none"
    )


def _url(verdict: Verdict | None) -> str | None:
    return getattr(verdict, "url", None)
