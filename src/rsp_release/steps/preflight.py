"""Finds whatever would stop the release before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from ..checks import (
    CHECKS,
    Check,
    Facts,
    Finding,
    NothingToLookAtError,
    Report,
)
from ..checks.base import ok, problem
from ..config import Config
from ..engine.look import side_by_side
from ..engine.world import World
from ..exceptions import ExitStatus, NotAllowedError
from ..models import Blocked, Change, Done, Proposal, Verdict
from ..models.naming import name_first

__all__ = ["Preflight", "PreflightSeen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightSeen:
    """What the checks found."""

    findings: tuple[Finding, ...] = ()
    """In the order of the checks."""

    ahead: tuple[Report, ...] = ()
    """What was found of all else, when the release began."""

    is_joined: bool = False
    """Whether another run releases the same version of the same commit."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """Whatever would stop the release is known before anything is written."""

    config: Config = field(default_factory=Config)
    """The settings."""

    look_ahead: Callable[[Proposal], tuple[Report, ...]] | None = None
    """Looks, once, at what takes longer and is not looked at again."""

    force: bool = False
    """Whether a release may go on over what that found."""

    ahead: dict[tuple[str, str], tuple[Report, ...]] = field(
        default_factory=dict
    )
    """What that found, by tag and commit."""

    key = "preflight"
    title = "Preflight"

    def observe(self, proposal: Proposal, world: World) -> PreflightSeen:
        facts = Facts(
            proposal=proposal,
            world=world,
            config=self.config,
        )
        facts.is_joined = _is_joined(facts)
        is_new = not (proposal.is_begun or facts.is_joined)
        looks = [
            partial(_look, check, facts)
            for check in CHECKS
            if check.is_of_bump
        ]
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            if is_new and self.look_ahead is not None:
                ahead = pool.submit(self._look_once, proposal)
            with side_by_side(world.look, looks) as findings:
                found = tuple(finding() for finding in findings)
        return PreflightSeen(
            findings=found,
            ahead=ahead.result() if ahead else (),
            is_joined=facts.is_joined,
        )

    def _look_once(self, proposal: Proposal) -> tuple[Report, ...]:
        """Look at all else, unless that was done for the same release."""
        if self.look_ahead is None:
            return ()
        key = proposal.tag, proposal.commit
        if key not in self.ahead:
            self.ahead[key] = self.look_ahead(proposal)
        return self.ahead[key]

    def decide(self, proposal: Proposal, seen: PreflightSeen) -> Verdict:
        problems = [f for f in seen.findings if f.state == "problem"]
        found = [r.finding for r in seen.ahead if r.finding.state == "problem"]
        if found and not self.force:
            problems += found
        if not problems:
            return Done(evidence=_praise(proposal, seen))
        statuses = {f.exit_status for f in problems}
        advice = [f.advice for f in problems if f.advice]
        if not self.force and len(found) == len(problems):
            advice.append("or release anyway, with --force")
        return Blocked(
            problem="\n".join(dict.fromkeys(f.text for f in problems)),
            help="\n".join(dict.fromkeys(advice)),
            exit_status=ExitStatus.NOT_ALLOWED
            if statuses == {ExitStatus.NOT_ALLOWED}
            else ExitStatus.BLOCKED,
        )

    def act(self, change: Change, world: World) -> None:
        raise TypeError(f"preflight writes nothing: {change.write}")


def _praise(proposal: Proposal, seen: PreflightSeen) -> str:
    """Say that the release may begin, and what a person should know of."""
    what = "being released by another run" if seen.is_joined else "ready"
    text = f"{proposal.branch} is {what} at {proposal.commit[:10]}"
    found = [
        report.check.title
        for report in seen.ahead
        if report.finding.state in ("problem", "warning")
    ]
    if found:
        warnings = "1 warning" if len(found) == 1 else f"{len(found)} warnings"
        text += f", with {warnings}: {name_first(found)}"
        text += " (see `rsp-release check`)"
    return text


def _look(check: Check, facts: Facts) -> Finding:
    """Look; a read that failed raises, and the engine looks again."""
    try:
        return check.look(facts)
    except NotAllowedError as e:
        return problem(
            e.message, e.help, url=e.url, exit_status=ExitStatus.NOT_ALLOWED
        )
    except NothingToLookAtError as e:
        return ok(e.message)


def _is_joined(facts: Facts) -> bool:
    """Return whether another run began this release since it was planned.

    What it pushed until now is the change log's commit, the tag, or both, and
    nothing else is on the branch: so nothing that would be left out.
    """
    proposal, world = facts.proposal, facts.world
    head, commit = facts.remote_head(), proposal.commit
    git = world.git
    if proposal.is_begun or head is None:
        return False
    if not git.is_ancestor(commit, head):
        return False
    tag = facts.remote_tag()
    if head == commit:
        state = world.changelog.look(commit, proposal.version)
        return tag == commit and not state.todo
    if tag not in (None, head):
        return False
    state = world.changelog.look(head, proposal.version)
    return (
        state.entry is not None
        and not state.todo
        and len(git.commits(commit, head)) == 1
    )
