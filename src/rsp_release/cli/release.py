"""The commands that release, and those that show and verify a release."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from shlex import quote
from typing import Annotated

from typer import Option

from ..exceptions import UsageError
from ..models import Event, Notice, Proposal, Release, Result
from ..release.plan import Plan
from ..release.releaser import Releaser
from ..version.choose import Request
from .again import LastRun
from .help import RARE
from .options import (
    Deepen,
    DryRun,
    Environments,
    Part,
    Pre,
    Rolls,
    Tag,
    Trust,
    Web,
    Yes,
)
from .session import Again, Session, shows_errors

__all__ = ["bump", "resume", "status", "verify"]


@shows_errors
def bump(
    session: Session,
    part: Part = "auto",
    *,
    pre: Pre = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    web: Web = False,
    deepen: Deepen = False,
    trust_repository: Trust = False,
    rollout: Rolls = False,
    environment: Environments = None,
) -> int:
    """Release: tag, GitHub release, images, deployment pull request."""
    if web:
        session.open_page("github_release")
    session.roll_out(environment or (), asked=rollout)
    if yes:
        session.change(asks=False)
    # Whoever releases a clone trusts what is in it.
    if trust_repository or not (dry_run or session.globals.is_rehearsed):
        session.change(trusts=True)
    releaser = session.make_releaser(deepens=deepen, lists=True)
    with session.lock(releaser.project.journals, writes=not dry_run):
        request = Request(part=part, pre=pre, force=session.options.forces)
        plan = releaser.plan(request)
        notes = _require_certainty(session, releaser, plan, part)
        if dry_run:
            again = Again(f"{request.command} --dry-run")
            result = _show_plan(session, releaser, plan, again)
            return int(result.exit_status)
        again = _again(releaser, plan.subject, request)
        if not yes and plan.subject is not None:
            if not session.may_ask:
                raise UsageError(
                    f"not releasing {plan.tag} without confirmation",
                    help="confirm with --yes, or show the plan with --dry-run",
                )
            result = _show_plan(session, releaser, plan, again)
            if result.question is not None:
                if not session.confirm(result.question):
                    return int(result.exit_status)
                plan = plan.forced()
            elif result.exit_status or not session.confirm(
                f"Release {plan.tag}?"
            ):
                return int(result.exit_status)
        title, steps = _describe(releaser, plan)
        return _see_through(
            session,
            title,
            steps,
            chain(notes, releaser.bump(plan)),
            tag=plan.tag,
            again=again,
            insist=lambda: releaser.bump(plan.forced()),
        )


@shows_errors
def resume(
    session: Session,
    tag: Tag = None,
    *,
    web: Web = False,
    deepen: Deepen = False,
    rollout: Rolls = False,
    environment: Environments = None,
) -> int:
    """Resume an interrupted release."""
    if web:
        session.open_page("github_release")
    session.roll_out(environment or (), asked=rollout)
    session.change(trusts=True)
    releaser = session.make_releaser(deepens=deepen, lists=True)
    with session.lock(releaser.project.journals):
        subject = releaser.plan_resume(tag)
        if tag is None:
            releaser.require_begun(subject)
        return _see_through(
            session,
            f"Release {subject.repository} {subject.tag}",
            _steps_of(releaser, subject),
            releaser.resume(subject),
            tag=subject.tag,
            again=_again(releaser, subject),
            insist=lambda: releaser.resume(_forced(subject)),
        )


@shows_errors
def status(
    session: Session,
    tag: Tag = None,
    *,
    web: Web = False,
    deepen: Deepen = False,
) -> int:
    """Show how far a release got. Writes nothing."""
    if web:
        session.open_page("github_release")
    session.change(rollout="look")
    releaser = session.make_releaser(deepens=deepen, lists=True)
    subject = releaser.plan_resume(tag)
    result = session.show(
        f"Status of {subject.repository} {subject.tag}",
        _steps_of(releaser, subject),
        releaser.status(subject),
        tag=subject.tag,
        again=Again(f"rsp-release status {quote(subject.tag)}"),
    )
    return int(result.exit_status)


@shows_errors
def verify(
    session: Session,
    tag: Tag = None,
    *,
    accept: Annotated[
        bool,
        Option(
            "--accept",
            help="Accept the digest that a moved tag points to now.",
            rich_help_panel=RARE,
        ),
    ] = False,
    deepen: Deepen = False,
) -> int:
    """Verify that every image is published, on every platform."""
    releaser = session.make_releaser(deepens=deepen)
    release = releaser.find(tag)
    steps = [s for s in releaser.release_steps if s[0] == "images"]
    result = session.show(
        f"Images of {release.repository} {release.tag}",
        steps,
        releaser.verify(release, accepts=accept),
        tag=release.tag,
        again=Again(f"rsp-release verify {quote(release.tag)}"),
    )
    return int(result.exit_status)


def _see_through(
    session: Session,
    title: str,
    steps: Sequence[tuple[str, str]],
    events: Iterator[Event],
    *,
    tag: str | None,
    again: Again,
    insist: Callable[[], Iterator[Event]],
) -> int:
    """Show a release, and ask what a person has to decide on the way.

    Where fragments came late, that is what becomes of them; where its entry
    contradicts it, whether to release it all the same; where its run failed,
    whether to run it again.
    """
    last = LastRun()

    def show(
        steps: Sequence[tuple[str, str]], events: Iterator[Event]
    ) -> Result:
        return session.show(
            title, steps, last.follow(events), tag=tag, again=again
        )

    result = show(steps, events)
    while result.choice is not None and session.options.asks:
        session.decide(result.choice)
        releaser = session.make_releaser()
        subject = releaser.plan_resume(tag)
        insist = partial(releaser.resume, _forced(subject))
        result = show(_steps_of(releaser, subject), releaser.resume(subject))
    if (
        result.question is not None
        and session.may_ask
        and session.confirm(result.question)
    ):
        result = show(steps, insist())
    while last.offer(session, result):
        releaser = session.make_releaser(reruns=1)
        subject = releaser.plan_resume(tag)
        result = show(_steps_of(releaser, subject), releaser.resume(subject))
    return int(result.exit_status)


def _describe(
    releaser: Releaser, plan: Plan
) -> tuple[str, tuple[tuple[str, str], ...]]:
    subject = plan.subject or plan.complete
    if subject is None:
        return "Release", ()
    steps = _steps_of(releaser, subject) if plan.subject else ()
    return f"Release {subject.repository} {subject.tag}", steps


def _steps_of(
    releaser: Releaser, subject: Release | Proposal
) -> tuple[tuple[str, str], ...]:
    """Return the steps that are still to be shown of a release."""
    if isinstance(subject, Release):
        return releaser.release_steps
    return releaser.steps


def _again(
    releaser: Releaser,
    subject: Release | Proposal | None,
    request: Request | None = None,
) -> Again:
    """Tell what to run after this: what was begun goes on."""
    if subject is None:
        return Again(request.command if request else "rsp-release resume")
    resume = releaser.options.write_resume(subject.tag)
    was_begun = request is None or releaser.is_begun(subject)

    def find_resume() -> str | None:
        return resume if was_begun or releaser.is_begun(subject) else None

    command = request.command if request else resume
    return Again(command, find_resume, "nothing was begun")


def _show_plan(
    session: Session, releaser: Releaser, plan: Plan, again: Again
) -> Result:
    title, steps = _describe(releaser, plan)
    return session.show(
        f"Plan: {title[0].lower()}{title[1:]}",
        steps,
        releaser.show_plan(plan),
        tag=plan.tag,
        again=again,
    )


def _require_certainty(
    session: Session, releaser: Releaser, plan: Plan, part: str
) -> list[Event]:
    """Let a person choose where the changes don't say what they are.

    A guess is good enough for a rehearsal, which is told to say so.
    """
    chosen = plan.next_version
    if (
        part != "auto"
        or plan.proposal is None
        or chosen is None
        or chosen.confidence != "guess"
    ):
        return []
    guess = f"{chosen.bump} ({chosen.next}) is a guess"
    if session.globals.is_rehearsed:
        now = releaser.project.world.clock.now()
        return [Notice(text=f"{guess}; `bump` asks for the part", at=now)]
    why = "no commit or fragment decides the bump"
    if chosen.is_after_two_numbers:
        why = f"{chosen.current_tag} has two numbers, and {chosen.tag} three"
    raise UsageError(
        f"{why}; {guess}",
        help=(
            "choose: rsp-release bump major, minor or patch, or"
            f" {chosen.next}; `rsp-release next --why` explains the guess"
        ),
    )


def _forced(subject: Release | Proposal) -> Release | Proposal:
    """Return what was begun, insisted on."""
    if isinstance(subject, Release):
        return subject
    return replace(subject, is_forced=True, is_begun=True)
