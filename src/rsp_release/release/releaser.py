"""Conducts a command: prepare, pin, release, and how it all ended.

Every command is a stream of events whose last one is a
`~rsp_release.models.Result`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from shlex import quote
from typing import Protocol, TypeVar

from ..config import Config
from ..engine.engine import Ending, Engine, Mode
from ..engine.journal import Journal
from ..engine.world import Step, World
from ..exceptions import UsageError
from ..models import (
    Blocked,
    Done,
    Event,
    NextVersion,
    Notice,
    Outcome,
    Proposal,
    Release,
    Result,
    StepEvent,
    Verdict,
    Wait,
)
from ..version.choose import History, Request, propose
from .conclusion import (
    collect,
    conclude,
    drain,
    give_credit,
    make_result,
    settled,
)
from .pin import find_deployment, pin, propose_release
from .plan import Options, Plan
from .preview import Preview
from .recheck import Recheck
from .unfinished import Begun

__all__ = ["ReadHistory", "Releaser"]


_PULL = re.compile(r"^Merge pull request #(\d+) |\(#(\d+)\)$")
"""Where a commit's subject names the pull request that it came from."""

_MOST_PULLS = 100
"""How many pull requests are asked for their labels."""

T = TypeVar("T", Release, Proposal, Release | Proposal)


class ReadHistory(Protocol):
    """Reads the history up to a revision of the clone."""

    def __call__(self, *, revision: str) -> History:
        """Return the history that a version is chosen from."""


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
    fsync
        Makes what journals record durable.
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
        fsync: Callable[[int], None] = os.fsync,
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
        self._fsync = fsync

        def read(revision: str) -> History:
            return read_history(revision=revision)

        self._begun = Begun(
            world=world,
            config=config,
            repository=repository,
            journals=journals,
            read_history=read,
            settle=options.pace.settle,
            fsync=fsync,
        )
        self._preview = Preview(
            world=world,
            config=config,
            repository=repository,
            journals=journals,
            read_history=read,
            begun=self._begun,
        )
        self._recheck = Recheck(world=world, config=config, read_history=read)

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
        unfinished = self._begun.unfinished()
        if isinstance(unfinished, Release):
            return Plan(unfinished=unfinished)
        if unfinished is not None:
            return Plan(proposal=self._with_options(unfinished))
        history = self._with_labels(self._read_history(revision="HEAD"))
        chosen = propose(history, policy=self._config, request=request)
        if chosen.next is None:
            return self._plan_nothing(chosen)
        ahead = self._begun.ahead(history)
        if ahead is not None and self._is_all(ahead):
            # This checkout did not follow the release that was made from it.
            return self._plan_complete(chosen, self.find(ahead))
        proposal = propose_release(
            chosen,
            history=history,
            config=self._config,
            repository=self._repository,
            branch=self._world.git.branch(),
            now=self._world.clock.now(),
            request=request,
        )
        return Plan(
            next_version=chosen,
            proposal=replace(
                proposal,
                after_pull=self._begun.after_pull(proposal),
                leaves_late=self._options.leaves_late,
                collects_late=self._options.collects_late,
            ),
        )

    def take_up(self, tag: str | None) -> Release | Proposal:
        """Find out what ``resume`` would do. Writes nothing to the world.

        Parameters
        ----------
        tag
            The tag; `None`: what was begun last.

        Returns
        -------
        Release or Proposal
            What to finish: a pinned release, or one that is not tagged yet.

        Raises
        ------
        UsageError
            Raised if there is none.
        """
        return self._with_options(self._begun.take_up(tag))

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
        return self._begun.find(tag)

    def write_notes(self, version: str | None, *, generated: bool) -> str:
        """Write the body of a release, as it would be or was published.

        Parameters
        ----------
        version
            A version or a tag; `None`: what is released next.
        generated
            Whether to ask GitHub for what it generates or has.

        Returns
        -------
        str
            Markdown.
        """
        return self._preview.write(version, generated=generated)

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
            yield make_result(
                "nothing", plan.complete, at=self._world.clock.now()
            )
            return
        yield from self._show_proposal(plan.proposal, "planned")

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
        subject = plan.unfinished or plan.proposal
        if subject is None:
            yield make_result(
                "nothing", plan.complete, at=self._world.clock.now()
            )
            return
        if isinstance(subject, Release) or subject.is_begun:
            yield Notice(
                text=f"release {subject.tag} was begun and is finished first",
                at=self._world.clock.now(),
            )
        yield from self.resume(subject)

    def resume(self, subject: Release | Proposal) -> Iterator[Event]:
        """Go on with a release, from wherever it stands.

        Parameters
        ----------
        subject
            The pinned release, or one whose commit is not known yet.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        journal = self._open_journal(subject.tag)
        engine = self._make_engine(subject.tag, Mode.ACT, journal)
        verdicts: dict[str, Verdict] = {}
        if isinstance(subject, Release):
            if journal.release is None:
                journal.pin(subject)
            yield from self._finish(engine, subject, journal, verdicts)
            return
        if not subject.is_begun or journal.proposal is None:
            journal.propose(subject)
        ending = yield from self._get_ready(engine, subject, verdicts)
        if not ending.is_done:
            yield self._conclude(ending, subject, verdicts, "released")
            return
        release = self._pin(subject, verdicts)
        journal.pin(release)
        for event in self._finish(engine, release, journal, verdicts):
            if isinstance(event, Result) and not subject.is_begun:
                yield give_credit(event, journal)
            else:
                yield event

    def _with_labels(self, history: History) -> History:
        """Add the labels of the pull requests, where the settings map any."""
        if not self._config.labels:
            return history
        previous = history.previous
        commits = self._world.git.commits(
            self._world.git.local_tag(previous.name) if previous else None,
            history.head,
        )
        numbers = dict.fromkeys(
            int(match[1] or match[2])
            for commit in commits
            if (match := _PULL.search(commit.subject))
        )
        labels = [
            (f"#{number}", label)
            for number in list(numbers)[:_MOST_PULLS]
            for label in self._world.forge.labels(number)
        ]
        return history._replace(labels=tuple(labels))

    def status(self, subject: Release | Proposal) -> Iterator[Event]:
        """Show what is true of a release now. Writes nothing.

        Parameters
        ----------
        subject
            The pinned release, or one whose commit is not known yet.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        if isinstance(subject, Proposal):
            yield from self._show_proposal(subject, "released")
            return
        yield from self._show(subject, self._release, Mode.PLAN, "released")

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

    def deploy(
        self, release: Release, step: Step[Release], *, acts: bool
    ) -> Iterator[Event]:
        """Open the deployment pull request of a release.

        Parameters
        ----------
        release
            The release.
        step
            The step that opens it.
        acts
            Whether to write, or to show what would be written.

        Yields
        ------
        Event
            Every look at it, then the result.

        Raises
        ------
        UsageError
            Raised if it is not known where to deploy.
        """
        checkout = self._options.checkout
        deployment = find_deployment(
            self._config, checkout=str(checkout) if checkout else None
        )
        if deployment is None:
            raise UsageError(
                "no deployment repository is set",
                help='set `deploy.repository = "OWNER/NAME"` in the settings,'
                " or give --local PATH",
            )
        release = replace(release, deployment=deployment)
        if not acts:
            yield from self._show(release, [step], Mode.PLAN, "planned")
            return
        journal = self._open_journal(release.tag)
        was_finished = journal.is_finished or journal.release is None
        engine = self._make_engine(release.tag, Mode.ACT, journal)
        verdicts: dict[str, Verdict] = {}
        ending = yield from collect(engine.run([step], release), verdicts)
        if ending.is_done and was_finished:
            journal.finish(at=self._world.clock.now())
        result = self._conclude(ending, release, verdicts, "released")
        if result.outcome == "unfinished":
            # Resuming ends with an open pull request, and waits for no merge.
            last = ending.last
            waits = isinstance(last, Wait) and last.is_on_person
            again = f"rsp-release deploy {quote(release.tag)}"
            result = replace(
                result, help=f"`{again}{' --wait' if waits else ''}` goes on"
            )
        yield result

    def verify(
        self, release: Release, *, accepts: bool = False
    ) -> Iterator[Event]:
        """Look for the images, once, and keep what their tags point to.

        Parameters
        ----------
        release
            The release that promises them.
        accepts
            Whether tags may point to something else than they did.

        Yields
        ------
        Event
            The look at the images, then the result.
        """
        steps = [step for step in self._release if step.key == "images"]
        world = replace(self._world, digests=None) if accepts else None
        engine = self._make_engine(release.tag, Mode.LOOK, world=world)
        verdicts: dict[str, Verdict] = {}
        ending = yield from collect(engine.run(steps, release), verdicts)
        self._keep_digests(release, verdicts)
        yield self._conclude(ending, release, verdicts, "released")

    # -- Parts --------------------------------------------------------------

    def _with_options(self, begun: T) -> T:
        """Let what was begun go on as is asked for now."""
        if isinstance(begun, Proposal):
            return replace(
                begun,
                leaves_late=self._options.leaves_late,
                is_forced=begun.is_forced or self._options.forces,
                collects_late=self._options.collects_late,
            )
        return begun

    def _get_ready(
        self, engine: Engine, proposal: Proposal, verdicts: dict[str, Verdict]
    ) -> Generator[Event, None, Ending]:
        """Prepare a release, and look whether it is still what was chosen."""
        ending = yield from collect(
            engine.run(self._prepare, proposal), verdicts
        )
        if not ending.is_done:
            return ending
        commit, key = settled(proposal, verdicts)
        blocked = self._recheck.look(proposal, commit)
        if blocked is None:
            return ending
        verdicts[key] = blocked
        yield StepEvent(
            key=key,
            title=dict(self.steps).get(key, key),
            verdict=blocked,
            at=self._world.clock.now(),
        )
        return replace(ending, verdicts=tuple(verdicts.items()))

    def _pin(
        self, proposal: Proposal, verdicts: dict[str, Verdict]
    ) -> Release:
        """Freeze what is released, at the commit that the steps settled."""
        return pin(
            proposal,
            commit=settled(proposal, verdicts)[0],
            git=self._world.git,
            changelog=self._world.changelog,
            config=self._config,
            now=self._world.clock.now(),
        )

    def _show_proposal(
        self, proposal: Proposal, good: Outcome
    ) -> Iterator[Event]:
        """Show every step of a release whose commit is not known yet."""
        engine = self._make_engine(proposal.tag, Mode.PLAN)
        verdicts: dict[str, Verdict] = {}
        ending = yield from self._get_ready(engine, proposal, verdicts)
        if isinstance(ending.last, Blocked):
            yield self._conclude(ending, proposal, verdicts, good)
            return
        is_known = ending.is_done
        release = replace(
            self._pin(proposal, verdicts),
            is_planned=True,
            is_foreseen=not is_known,
        )
        rest = yield from collect(engine.run(self._release, release), verdicts)
        result = self._conclude(
            replace(rest, verdicts=ending.verdicts + rest.verdicts),
            release,
            verdicts,
            good,
        )
        yield result if is_known else replace(result, commit=None)

    def _plan_nothing(self, chosen: NextVersion) -> Plan:
        """Look whether the release that the commit has is complete."""
        if chosen.current_tag is None:
            return Plan(next_version=chosen)
        release = self.find(chosen.current_tag)
        if release.commit != self._world.git.head():
            return Plan(next_version=chosen, complete=release)
        return self._plan_complete(chosen, release)

    def _is_all(self, tag: str) -> bool:
        """Return whether the branch on the remote ends at a tag."""
        git = self._world.git
        branch = git.branch()
        if branch is None:
            return False
        return git.remote_branch(branch) == git.local_tag(tag)

    def _plan_complete(self, chosen: NextVersion, release: Release) -> Plan:
        engine = self._make_engine(release.tag, Mode.PLAN)
        ending = drain(engine.run(self._release, release))
        if ending.is_done:
            return Plan(next_version=chosen, complete=release)
        return Plan(unfinished=release)

    def _show(
        self,
        release: Release,
        steps: Sequence[Step[Release]],
        mode: Mode,
        good: Outcome,
    ) -> Iterator[Event]:
        engine = self._make_engine(release.tag, mode)
        verdicts: dict[str, Verdict] = {}
        ending = yield from collect(engine.run(steps, release), verdicts)
        yield self._conclude(ending, release, verdicts, good)

    def _finish(
        self,
        engine: Engine,
        release: Release,
        journal: Journal,
        verdicts: dict[str, Verdict],
    ) -> Iterator[Event]:
        ending = yield from collect(
            engine.run(self._release, release), verdicts
        )
        self._keep_digests(release, verdicts)
        if ending.is_done:
            journal.finish(at=self._world.clock.now())
        yield self._conclude(ending, release, verdicts, "released")

    def _keep_digests(
        self, release: Release, verdicts: dict[str, Verdict]
    ) -> None:
        """Keep what was proven, so that a tag that is moved is noticed."""
        verdict = verdicts.get("images")
        if isinstance(verdict, Done) and self._world.digests is not None:
            self._world.digests.record(release.tag, verdict.images)

    def _conclude(
        self,
        ending: Ending,
        subject: Release | Proposal,
        verdicts: dict[str, Verdict],
        good: Outcome,
    ) -> Result:
        """Say how it ended."""
        now = self._world.clock.now()
        return conclude(ending, subject, verdicts, good, at=now)

    def _open_journal(self, tag: str) -> Journal:
        return Journal.of_tag(self._journals, tag, fsync=self._fsync)

    def _make_engine(
        self,
        tag: str,
        mode: Mode,
        journal: Journal | None = None,
        *,
        world: World | None = None,
    ) -> Engine:
        deadline = self._world.clock.now() + timedelta(
            seconds=self._options.timeout
        )
        return Engine(
            world=world or self._world,
            journal=journal or self._open_journal(tag),
            mode=mode,
            random=self._random,
            deadline=deadline,
            pace=self._options.pace,
            waits_for_people=self._options.waits,
            asks=self._options.asks,
        )
