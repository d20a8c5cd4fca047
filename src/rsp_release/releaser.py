"""Conducts a command: prepare, pin, release, and how it all ended.

Every command is a stream of events whose last one is a
`~rsp_release.models.Result`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Protocol

from .config import Config
from .engine import Ending, Engine, Mode, Pace
from .exceptions import ExitStatus, UsageError
from .journal import Journal, find_unfinished
from .models import (
    Blocked,
    Event,
    NextVersion,
    Notice,
    Outcome,
    Proposal,
    Release,
    Result,
    StepEvent,
    Verdict,
)
from .pin import pin, pin_tag, propose_release
from .version import History, Request, propose
from .world import Step, World

__all__ = ["Options", "Plan", "ReadHistory", "Releaser"]


class ReadHistory(Protocol):
    """Reads the history up to a revision of the clone."""

    def __call__(self, *, revision: str) -> History:
        """Return the history that a version is chosen from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a command was asked for, besides its part or tag."""

    watches: bool = True
    """Whether to wait for the workflow run."""

    verifies: bool = True
    """Whether to look for the images."""

    timeout: float = 3600.0
    """Seconds after which waiting ends."""

    pace: Pace = field(default_factory=Pace)
    """How patient the engine is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``bump`` would do, before anything was written."""

    next_version: NextVersion | None = None
    """The version that was computed; `None` where one is resumed."""

    proposal: Proposal | None = None
    """A new release."""

    unfinished: Release | None = None
    """A release that was begun, and is to be finished first."""

    complete: Release | None = None
    """The release that the commit already has; nothing is to be done."""

    @property
    def tag(self) -> str | None:
        """The tag that the plan is about."""
        subject = self.proposal or self.unfinished or self.complete
        return subject.tag if subject else None


class Releaser:
    """Carries out the commands of one clone.

    Parameters
    ----------
    world
        Git, GitHub, the registries and the clock.
    config
        The settings.
    repository
        Owner and name on GitHub.
    journals
        The directory of the clone's journals.
    read_history
        Reads the history that versions are chosen from.
    prepare
        The steps before the pin.
    release
        The steps after it.
    random
        Spreads the waits.
    options
        What was asked for.
    """

    def __init__(
        self,
        *,
        world: World,
        config: Config,
        repository: str,
        journals: Path,
        read_history: ReadHistory,
        prepare: Sequence[Step[Proposal]],
        release: Sequence[Step[Release]],
        random: Random,
        options: Options,
    ) -> None:
        self._world = world
        self._config = config
        self._repository = repository
        self._journals = journals
        self._read_history = read_history
        self._prepare = tuple(prepare)
        self._release = tuple(release)
        self._random = random
        self._options = options

    @property
    def journals(self) -> Path:
        """The directory of the clone's journals."""
        return self._journals

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Key and title of every step, in order."""
        prepare = tuple((step.key, step.title) for step in self._prepare)
        return prepare + self.release_steps

    @property
    def release_steps(self) -> tuple[tuple[str, str], ...]:
        """Key and title of the steps after the pin."""
        return tuple((step.key, step.title) for step in self._release)

    # -- Planning -----------------------------------------------------------

    def plan(self, request: Request) -> Plan:
        """Find out what ``bump`` would do. Writes nothing to the world.

        Parameters
        ----------
        request
            The part or the version that was asked for.

        Returns
        -------
        Plan
            A new release, one to finish first, or nothing to do.
        """
        unfinished = self._find_unfinished()
        if unfinished is not None:
            return Plan(unfinished=unfinished)
        history = self._read_history(revision="HEAD")
        chosen = propose(history, policy=self._config, request=request)
        if chosen.next is None:
            return self._plan_nothing(chosen)
        return Plan(
            next_version=chosen,
            proposal=propose_release(
                chosen,
                history=history,
                config=self._config,
                repository=self._repository,
                branch=self._world.git.branch(),
            ),
        )

    def find(self, tag: str | None) -> Release:
        """Find a release that was begun, by its journal or else its tag.

        Parameters
        ----------
        tag
            The tag; `None`: the one begun last, or else the one that the
            commit that is checked out belongs to.

        Returns
        -------
        Release
            The pinned release.

        Raises
        ------
        UsageError
            Raised if there is none.
        """
        if tag is None:
            unfinished = self._find_unfinished()
            if unfinished is not None:
                return unfinished
            previous = self._read_history(revision="HEAD").previous
            if previous is None:
                raise UsageError(
                    "no release was begun here, and no version is tagged",
                    help="`rsp-release bump` makes the first one",
                )
            tag = previous.name
        journal = Journal.of_tag(self._journals, tag)
        if journal.release is not None:
            return journal.release
        return self._pin_tag(tag)

    # -- Acting -------------------------------------------------------------

    def show_plan(self, plan: Plan) -> Iterator[Event]:
        """Show what ``bump`` would do, step by step.

        Parameters
        ----------
        plan
            The plan.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        if plan.unfinished is not None:
            yield from self._show(
                plan.unfinished, self._release, Mode.PLAN, "planned"
            )
            return
        if plan.proposal is None:
            yield self._result("nothing", ExitStatus.OK, plan.complete)
            return
        release = pin(
            plan.proposal,
            git=self._world.git,
            config=self._config,
            now=self._world.clock.now(),
        )
        engine = self._make_engine(release.tag, Mode.PLAN)
        verdicts: dict[str, Verdict] = {}
        ending = yield from _collect(
            engine.run(self._prepare, plan.proposal), verdicts
        )
        if isinstance(ending.last, Blocked):
            yield self._conclude(ending, release, verdicts, "planned")
            return
        ending = yield from _collect(
            engine.run(self._release, release), verdicts
        )
        yield self._conclude(ending, release, verdicts, "planned")

    def bump(self, plan: Plan) -> Iterator[Event]:
        """Carry out a plan.

        Parameters
        ----------
        plan
            The plan.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        if plan.unfinished is not None:
            yield Notice(
                text=(
                    f"release {plan.unfinished.tag} was begun and is"
                    " finished first"
                ),
                at=self._world.clock.now(),
            )
            yield from self.resume(plan.unfinished)
            return
        if plan.proposal is None:
            yield self._result("nothing", ExitStatus.OK, plan.complete)
            return
        journal = Journal.of_tag(self._journals, plan.proposal.tag)
        engine = self._make_engine(plan.proposal.tag, Mode.ACT, journal)
        verdicts: dict[str, Verdict] = {}
        ending = yield from _collect(
            engine.run(self._prepare, plan.proposal), verdicts
        )
        if not ending.is_done:
            yield self._conclude(ending, plan.proposal, verdicts, "released")
            return
        release = pin(
            plan.proposal,
            git=self._world.git,
            config=self._config,
            now=self._world.clock.now(),
        )
        journal.pin(release)
        yield from self._finish(engine, release, journal, verdicts)

    def resume(self, release: Release) -> Iterator[Event]:
        """Go on with a release that was begun.

        Parameters
        ----------
        release
            The pinned release.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        journal = Journal.of_tag(self._journals, release.tag)
        if journal.release is None:
            journal.pin(release)
        engine = self._make_engine(release.tag, Mode.ACT, journal)
        yield from self._finish(engine, release, journal, {})

    def status(self, release: Release) -> Iterator[Event]:
        """Show what is true of a release now. Writes nothing.

        Parameters
        ----------
        release
            The pinned release.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        yield from self._show(release, self._release, Mode.PLAN, "released")

    def watch(self, release: Release, step: Step[Release]) -> Iterator[Event]:
        """Wait until the workflow run is completed.

        Parameters
        ----------
        release
            The release that the run publishes.
        step
            The step that finds the run.

        Yields
        ------
        Event
            Every look at the run, then the result.
        """
        yield from self._show(release, [step], Mode.ACT, "released")

    def verify(self, release: Release) -> Iterator[Event]:
        """Look for the images, once.

        Parameters
        ----------
        release
            The release that promises them.

        Yields
        ------
        Event
            The look at the images, then the result.
        """
        steps = [step for step in self._release if step.key == "images"]
        yield from self._show(release, steps, Mode.LOOK, "released")

    # -- Parts --------------------------------------------------------------

    def _find_unfinished(self) -> Release | None:
        """Find the release begun last, and forget those that wrote nothing."""
        found = None
        for journal in find_unfinished(self._journals):
            release = journal.release
            if release is None:
                continue
            if journal.has_intents:
                found = release
            else:
                journal.discard()
        return found

    def _plan_nothing(self, chosen: NextVersion) -> Plan:
        """Look whether the release that the commit has is complete."""
        if chosen.current_tag is None:
            return Plan(next_version=chosen)
        release = self.find(chosen.current_tag)
        if release.commit != self._world.git.head():
            return Plan(next_version=chosen, complete=release)
        engine = self._make_engine(release.tag, Mode.PLAN)
        ending = _drain(engine.run(self._release, release))
        if ending.is_done:
            return Plan(next_version=chosen, complete=release)
        return Plan(unfinished=release)

    def _pin_tag(self, tag: str) -> Release:
        git = self._world.git
        if git.local_tag(tag) is None:
            remote = git.remote_tag(tag)
            if remote is None:
                raise UsageError(
                    f"there is no tag {tag}, here or on {git.remote}",
                    help="`git ls-remote --tags` shows the tags",
                )
            git.fetch_tag(tag)
        commit = git.local_tag(tag)
        history = None
        if commit is not None and git.has_parent(commit):
            history = self._read_history(revision=f"{commit}~1")
        return pin_tag(
            tag,
            git=git,
            config=self._config,
            repository=self._repository,
            history=history,
        )

    def _show(
        self,
        release: Release,
        steps: Sequence[Step[Release]],
        mode: Mode,
        good: Outcome,
    ) -> Iterator[Event]:
        engine = self._make_engine(release.tag, mode)
        verdicts: dict[str, Verdict] = {}
        ending = yield from _collect(engine.run(steps, release), verdicts)
        yield self._conclude(ending, release, verdicts, good)

    def _finish(
        self,
        engine: Engine,
        release: Release,
        journal: Journal,
        verdicts: dict[str, Verdict],
    ) -> Iterator[Event]:
        ending = yield from _collect(
            engine.run(self._release, release), verdicts
        )
        if ending.is_done:
            journal.finish(at=self._world.clock.now())
        yield self._conclude(ending, release, verdicts, "released")

    def _make_engine(
        self, tag: str, mode: Mode, journal: Journal | None = None
    ) -> Engine:
        deadline = self._world.clock.now() + timedelta(
            seconds=self._options.timeout
        )
        return Engine(
            world=self._world,
            journal=journal or Journal.of_tag(self._journals, tag),
            mode=mode,
            random=self._random,
            deadline=deadline,
            pace=self._options.pace,
        )

    def _conclude(
        self,
        ending: Ending,
        subject: Release | Proposal,
        verdicts: dict[str, Verdict],
        good: Outcome,
    ) -> Result:
        """Say how it ended."""
        result = self._result(good, ExitStatus.OK, subject)
        result = replace(
            result,
            release_url=_url(verdicts.get("github_release")),
            run_url=_url(verdicts.get("workflow_run")),
            images=getattr(verdicts.get("images"), "images", ()),
        )
        blocked = [v for _, v in ending.verdicts if isinstance(v, Blocked)]
        if blocked:
            first = blocked[0]
            is_failed = first.exit_status not in (
                ExitStatus.BLOCKED,
                ExitStatus.NOT_ALLOWED,
            )
            return replace(
                result,
                outcome="failed" if is_failed else "blocked",
                exit_status=first.exit_status,
                message=first.problem,
                help=first.help,
            )
        if good == "planned" or ending.is_done:
            return result
        return replace(
            result,
            outcome="unfinished",
            exit_status=ExitStatus.UNFINISHED,
            message=f"release {subject.tag} is not finished",
            help=f"`rsp-release resume {subject.tag}` goes on",
        )

    def _result(
        self,
        outcome: Outcome,
        exit_status: ExitStatus,
        subject: Release | Proposal | None,
    ) -> Result:
        return Result(
            outcome=outcome,
            exit_status=exit_status,
            at=self._world.clock.now(),
            version=subject.version if subject else None,
            tag=subject.tag if subject else None,
            commit=subject.commit if subject else None,
        )


def _collect(
    events: Generator[Event, None, Ending], verdicts: dict[str, Verdict]
) -> Generator[Event, None, Ending]:
    """Pass events on, and keep the last verdict of every step."""
    while True:
        try:
            event = next(events)
        except StopIteration as e:
            ending: Ending = e.value
            return ending
        if isinstance(event, StepEvent):
            verdicts[event.key] = event.verdict
        yield event


def _drain(events: Generator[Event, None, Ending]) -> Ending:
    collected = _collect(events, {})
    while True:
        try:
            next(collected)
        except StopIteration as e:
            ending: Ending = e.value
            return ending


def _url(verdict: Verdict | None) -> str | None:
    return getattr(verdict, "url", None)
