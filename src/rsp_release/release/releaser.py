"""Conducts a command: prepare, pin, release, and how it all ended.

Every command is a stream of events whose last one is a
`~rsp_release.models.Result`.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from shlex import quote
from typing import TypeVar

from ..engine.engine import Ending, Engine, Mode
from ..engine.journal import Journal
from ..engine.look import read_beside
from ..engine.world import Step, World
from ..exceptions import UsageError
from ..models import (
    Blocked,
    Change,
    Done,
    Event,
    Notice,
    Outcome,
    Proposal,
    PushBranch,
    Release,
    Result,
    StepEvent,
    Wait,
)
from ..version.choose import History, Request
from .ahead import collect_early
from .conclusion import (
    conclude,
    drain,
    find_settled,
    make_result,
    mark_released_elsewhere,
    name_images,
)
from .pin import adopt, pin, propose_release, require_deployment
from .plan import Options, Plan
from .preview import preview_notes
from .project import Project
from .recheck import recheck
from .unfinished import UnfinishedReleases

__all__ = ["Releaser"]

_PULL = re.compile(r"^Merge pull request #(\d+) |\(#(\d+)\)$")
"""Where a commit's subject names the pull request that it came from."""

_PAST = timedelta(days=7)
"""How old a tag is at least that only ``resume`` finishes."""

_MOST_PULLS = 100
"""How many pull requests are asked for their labels."""

T = TypeVar("T", Release, Proposal, Release | Proposal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Releaser:
    """Carries out the commands of one clone."""

    project: Project
    """What is released."""

    prepare: Sequence[Step[Proposal]]
    """The steps before the pin."""

    release: Sequence[Step[Release]]
    """The steps after it."""

    random: Random
    """Spreads the waits."""

    options: Options
    """What was asked for."""

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """Key and title of every step, in order."""
        prepare = tuple((step.key, step.title) for step in self.prepare)
        return prepare + self.release_steps

    @property
    def release_steps(self) -> tuple[tuple[str, str], ...]:
        """Key and title of the steps after the pin."""
        return tuple((step.key, step.title) for step in self.release)

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
        plan = self._plan_bump(request)
        release = plan.existing
        if release is None:
            return plan
        engine = self._make_engine(release.tag, Mode.PLAN)
        is_done = drain(engine.run(self.release, release)).is_done
        if is_done or self._is_past(release):
            return replace(plan, complete=release, is_left=not is_done)
        return Plan(unfinished=release)

    def plan_resume(self, tag: str | None) -> Release | Proposal:
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
        return self._with_options(self._unfinished.find_to_resume(tag))

    def is_begun(self, subject: Release | Proposal) -> bool:
        """Return whether something was written of what a plan is about.

        Parameters
        ----------
        subject
            What is released; one that only a tag tells of was begun.
        """
        journal = self.project.open_journal(subject.tag)
        is_tagged = isinstance(subject, Release) and journal.release is None
        is_known = isinstance(subject, Proposal) and subject.is_begun
        return is_tagged or is_known or journal.has_intents

    def require_begun(self, subject: Release | Proposal) -> None:
        """Refuse to resume what is complete, and not of this checkout.

        Parameters
        ----------
        subject
            What was found where nobody named a tag.

        Raises
        ------
        UsageError
            Raised if it is the release before, and nothing was begun since.
        """
        git = self.project.world.git
        if (
            isinstance(subject, Proposal)
            or self.project.open_journal(subject.tag).release is not None
            or git.is_ancestor(git.head(), subject.commit)
        ):
            return
        engine = self._make_engine(subject.tag, Mode.PLAN)
        if drain(engine.run(self.release, subject)).is_done:
            raise UsageError(
                f"nothing was begun: {subject.tag}, the release before, is"
                " complete",
                help="`rsp-release bump` begins a release",
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
        return self._unfinished.find(tag)

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
        return preview_notes(
            self.project, self._unfinished, version, generated=generated
        )

    def _plan_bump(self, request: Request) -> Plan:
        """Plan a new release, or find what is begun or there already."""
        begun = self._unfinished.find_newest()
        if isinstance(begun, Release):
            return Plan(unfinished=begun)
        if begun is not None:
            return Plan(proposal=self._with_options(begun))
        history = self._read_history()
        chosen, proposal = propose_release(self.project, history, request)
        plan = Plan(next_version=chosen)
        if proposal is None:
            return self._plan_existing(plan)
        ahead = self._unfinished.find_ahead(history)
        if ahead is not None and self._is_all(ahead):
            # This checkout did not follow the release that was made from it.
            return replace(plan, existing=self._unfinished.find(ahead))
        return replace(
            plan,
            proposal=replace(
                proposal,
                after_pull=self._find_given_up(proposal),
                leaves_late=self.options.leaves_late,
                collects_late=self.options.collects_late,
            ),
        )

    def _find_given_up(self, proposal: Proposal) -> int:
        """Find what was given up; what preflight asks next, beside that."""
        world = self.project.world
        deploy = world.deploy if self.options.deploys else None
        return read_beside(
            world.look,
            partial(self._unfinished.find_given_up, proposal),
            [] if deploy is None else [deploy.repository],
        )

    def _with_options(self, begun: T) -> T:
        """Let what was begun continue as is asked for now."""
        if isinstance(begun, Proposal):
            return replace(
                begun,
                leaves_late=self.options.leaves_late,
                is_forced=begun.is_forced or self.options.forces,
                collects_late=self.options.collects_late,
            )
        return begun

    def _read_history(self) -> History:
        """Read the history, with labels where the settings map any."""
        project = self.project
        history = project.read_history("HEAD")
        if not project.config.labels:
            return history
        git, previous = project.world.git, history.previous
        commits = git.commits(
            git.local_tag(previous.name) if previous else None, history.head
        )
        numbers = dict.fromkeys(
            int(match[1] or match[2])
            for commit in commits
            if (match := _PULL.search(commit.subject))
        )
        labels = [
            (f"#{number}", label)
            for number in list(numbers)[:_MOST_PULLS]
            for label in project.world.forge.labels(number)
        ]
        return history._replace(labels=tuple(labels))

    def _plan_existing(self, plan: Plan) -> Plan:
        """Find the release that the checked-out commit belongs to."""
        chosen = plan.next_version
        if chosen is None or chosen.current_tag is None:
            return plan
        release = self._unfinished.find(chosen.current_tag)
        if release.commit != self.project.world.git.head():
            return replace(plan, complete=release)
        return replace(plan, existing=release)

    def _is_past(self, release: Release) -> bool:
        """Return whether nobody is at a release that only its tag shows."""
        age = self._now() - self.project.world.git.tag_date(release.tag)
        journal = self.project.open_journal(release.tag)
        return journal.release is None and age > _PAST

    def _is_all(self, tag: str) -> bool:
        """Return whether the branch on the remote ends at a tag."""
        git = self.project.world.git
        branch = git.branch()
        if branch is None:
            return False
        return git.remote_branch(branch) == git.local_tag(tag)

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
        if plan.subject is None:
            yield self._find_nothing(plan)
        else:
            yield from self._show(plan.subject, "planned")

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
        subject = plan.subject
        if subject is None:
            yield self._find_nothing(plan)
            return
        if isinstance(subject, Release) or subject.is_begun:
            yield Notice(
                text=f"finishing release {subject.tag} first",
                at=self._now(),
            )
        yield from self.resume(subject)

    def resume(self, subject: Release | Proposal) -> Iterator[Event]:
        """Resume a release, from wherever it stands.

        Parameters
        ----------
        subject
            The pinned release, or one whose commit is not known yet.

        Yields
        ------
        Event
            Every look at a step, then the result.
        """
        journal = self.project.open_journal(subject.tag)
        engine = self._make_engine(subject.tag, Mode.ACT, journal)
        if isinstance(subject, Release):
            yield from self._pin_anew(subject, journal)
            yield from self._finish(engine, subject, journal)
            return
        if not subject.is_begun:
            # Hooks may do anything, so they run where a release begins alone.
            self.project.world.git.try_hooks(
                subject.tag, subject.commit, lambda: self._foresee(subject)
            )
        if not subject.is_begun or journal.proposal is None:
            journal.propose(subject)
        with collect_early(self.project.world, subject):
            ready = yield from self._get_ready(engine, subject)
        if not ready.is_done:
            result = self._conclude(ready, subject, "released")
            if result.outcome == "unfinished" and not self.is_begun(subject):
                help = f"run it again: {subject.command}"
                result = replace(result, help=help)
            yield result
            return
        commit, _ = find_settled(subject, ready)
        project = self.project.follow(subject.repository)
        if project is not None:
            yield self._tell_rename(project)
        release = pin(project or self.project, subject, commit)
        journal.pin(release)
        for event in self._finish(engine, release, journal):
            if isinstance(event, Result) and not subject.is_begun:
                yield mark_released_elsewhere(event, journal)
            else:
                yield event

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
        return self._show(subject, "released")

    def aim(self, release: Release, environments: tuple[str, ...]) -> Release:
        """Return a release with where it is deployed.

        Parameters
        ----------
        release
            The release.
        environments
            Those whose pins alone are moved; empty: ``appVersion`` is.

        Raises
        ------
        UsageError
            Raised if it is not known where to deploy.
        """
        deployment = require_deployment(
            self.project.config, checkout=self.options.checkout
        )
        return replace(
            release, deployment=replace(deployment, environments=environments)
        )

    def deploy(
        self, release: Release, step: Step[Release], *, acts: bool
    ) -> Iterator[Event]:
        """Open the deployment pull request of a release.

        Parameters
        ----------
        release
            The release, aimed at its deployment.
        step
            The step that opens it.
        acts
            Whether to write, or to show what would be written.

        Yields
        ------
        Event
            Every look at it, then the result.
        """
        if not acts:
            yield from self._show(release, "planned", steps=[step])
            return
        journal = self.project.open_journal(release.tag)
        was_finished = journal.is_finished or journal.release is None
        engine = self._make_engine(release.tag, Mode.ACT, journal)
        ending = yield from engine.run([step], release)
        if ending.is_done and was_finished:
            journal.finish(at=self._now())
        result = self._conclude(ending, release, "released")
        if result.outcome == "unfinished":
            # Resuming ends with an open pull request, and waits for no merge.
            last = ending.last
            waits = isinstance(last, Wait) and last.is_on_person
            again = f"rsp-release deploy {quote(release.tag)}"
            result = replace(
                result, help=f"continue: {again}{' --wait' if waits else ''}"
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
        steps = [step for step in self.release if step.key == "images"]
        world = replace(self.project.world, digests=None) if accepts else None
        engine = self._make_engine(release.tag, Mode.LOOK, world=world)
        ending = yield from engine.run(steps, release)
        self._keep_digests(release, ending)
        yield self._conclude(ending, release, "released")

    # -- Parts --------------------------------------------------------------

    def _get_ready(
        self, engine: Engine, proposal: Proposal
    ) -> Generator[Event, None, Ending]:
        """Prepare a release, and look whether it is still what was chosen."""
        ending = yield from engine.run(self.prepare, proposal)
        if not ending.is_done:
            return ending
        commit, key = find_settled(proposal, ending)
        blocked = recheck(self.project, proposal, commit)
        if blocked is None:
            return ending
        yield StepEvent(
            key=key,
            title=dict(self.steps).get(key, key),
            verdict=blocked,
            at=self._now(),
        )
        return ending.replaced(key, blocked)

    def _foresee(self, proposal: Proposal) -> PushBranch | None:
        """Find out what is pushed before the tag, if anything is."""
        world = self.project.world
        step = next(step for step in self.prepare if step.key == "changelog")
        verdict = step.decide(proposal, step.observe(proposal, world))
        write = verdict.write if isinstance(verdict, Change) else None
        return write if isinstance(write, PushBranch) else None

    def _show(
        self,
        subject: Release | Proposal,
        good: Outcome,
        *,
        steps: Sequence[Step[Release]] = (),
    ) -> Iterator[Event]:
        """Show every step, those before the pin where there is none yet."""
        engine = self._make_engine(subject.tag, Mode.PLAN)
        if isinstance(subject, Release):
            ending = yield from engine.run(steps or self.release, subject)
            yield self._conclude(ending, subject, good)
            return
        ready = yield from self._get_ready(engine, subject)
        if isinstance(ready.last, Blocked):
            yield self._conclude(ready, subject, good)
            return
        commit, _ = find_settled(subject, ready)
        release = replace(
            pin(self.project, subject, commit),
            is_planned=True,
            is_foreseen=not ready.is_done,
        )
        rest = yield from engine.run(self.release, release)
        ending = Ending(verdicts=ready.verdicts + rest.verdicts)
        result = self._conclude(ending, release, good)
        yield result if ready.is_done else replace(result, commit=None)

    def _finish(
        self, engine: Engine, release: Release, journal: Journal
    ) -> Iterator[Event]:
        """Make every step after the pin true, whatever name the repository
        gets meanwhile: then the release is pinned anew, and looked at again.
        """
        steps = engine.run(self.release, release)
        while True:
            try:
                event = next(steps)
            except StopIteration as e:
                ending = e.value
                break
            yield event
            project = self.project.follow(release.repository)
            if project is not None:
                steps.close()
                release = adopt(project, release)
                journal.pin(release)
                yield self._tell_rename(project)
                steps = engine.run(self.release, release)
        self._keep_digests(release, ending)
        if ending.is_done:
            journal.finish(at=self._now())
        yield self._conclude(ending, release, "released")

    def _pin_anew(
        self, release: Release, journal: Journal
    ) -> Iterator[Notice]:
        """Pin what goes on, and tell what the settings corrected in it."""
        pinned = journal.release
        if pinned != release:
            journal.pin(release)
        if pinned is not None and name_images(pinned) != name_images(release):
            yield Notice(
                text=f"images by the settings: {name_images(release)};"
                f" {name_images(pinned)} before",
                at=self._now(),
            )

    def _tell_rename(self, project: Project) -> Notice:
        text = f"{project.former[0]} is {project.repository} now"
        return Notice(text=text, at=self._now())

    def _keep_digests(self, release: Release, ending: Ending) -> None:
        """Keep what was proven, so that a tag that is moved is noticed."""
        verdict = dict(ending.verdicts).get("images")
        digests = self.project.world.digests
        if isinstance(verdict, Done) and digests is not None:
            digests.record(release.tag, verdict.images)

    def _conclude(
        self, ending: Ending, subject: Release | Proposal, good: Outcome
    ) -> Result:
        """Say how it ended."""
        at = self._now()
        return conclude(ending, subject, good, options=self.options, at=at)

    def _find_nothing(self, plan: Plan) -> Result:
        """Say that nothing is to be released."""
        result = make_result("nothing", plan.complete, at=self._now())
        if plan.complete is None or not plan.is_left:
            return result
        tag = plan.complete.tag
        made = self.project.world.git.tag_date(tag)
        return replace(
            result,
            message=f"{tag} is of {made:%Y-%m-%d}, and not complete",
            help=f"finish it: rsp-release resume {quote(tag)}",
        )

    @property
    def _unfinished(self) -> UnfinishedReleases:
        return UnfinishedReleases(self.project, self.options.pace.settle)

    def _now(self) -> datetime:
        return self.project.world.clock.now()

    def _make_engine(
        self,
        tag: str,
        mode: Mode,
        journal: Journal | None = None,
        *,
        world: World | None = None,
    ) -> Engine:
        deadline = self._now() + timedelta(seconds=self.options.timeout)
        return Engine(
            world=world or self.project.world,
            journal=journal or self.project.open_journal(tag),
            mode=mode,
            random=self.random,
            deadline=deadline,
            pace=self.options.pace,
            waits_for_people=self.options.waits,
            asks=self.options.asks,
        )
