"""The command ``rollout``: which environment runs what, and makes them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from shlex import quote
from typing import Annotated, Any

from typer import Option

from ..exceptions import BlockedError, ExitStatus, ReleaseError, UsageError
from ..models import Event, Release, Result
from ..models.rollout import Resource
from ..models.standing import Standing
from ..release.conclusion import OUTCOMES
from ..release.pin import find_deployment
from ..release.releaser import Releaser
from ..steps.rollout.seen import RolloutSeen
from ..steps.rollout.step import Rollout, find_left, refuse
from ..views import rollout as views
from ..views import safe
from .help import RARE
from .options import Tag, Timeout, Yes
from .session import Again, Session, parse_duration, shows_errors

__all__ = ["rollout", "rollout_status"]


@shows_errors
def rollout(
    session: Session,
    tag: Tag = None,
    *,
    environment: Annotated[
        list[str] | None,
        Option(metavar="E", help="Only this environment; repeatable."),
    ] = None,
    watch: Annotated[
        bool, Option("--watch", help="Wait until they run the version.")
    ] = False,
    sync: Annotated[
        list[str] | None,
        Option(
            metavar="E",
            help="Sync this environment and wait for it; repeatable.",
        ),
    ] = None,
    back: Annotated[
        str | None,
        Option(
            metavar="E",
            help="Show how to set this environment's version back.",
        ),
    ] = None,
    yes: Yes = False,
    force: Annotated[
        bool,
        Option(
            "--force",
            help="Sync although the environment before does not run it.",
        ),
    ] = False,
    prune: Annotated[
        bool,
        Option(
            "--prune",
            help="Delete what the repository no longer has.",
            rich_help_panel=RARE,
        ),
    ] = False,
    replace_: Annotated[
        bool,
        Option(
            "--replace",
            help="Delete and recreate what cannot be changed.",
            rich_help_panel=RARE,
        ),
    ] = False,
    timeout: Timeout = "1h",
) -> int:
    """Show which environment runs what, and make them run the release."""
    if sum(map(bool, (environment, sync, back))) > 1 or (watch and back):
        raise UsageError(
            "--environment, --sync and --back exclude each other",
            help="use one of them",
        )
    try:
        releaser = session.make_releaser(timeout=parse_duration(timeout))
        found = releaser.find(tag)
        config = releaser.project.config
        step = Rollout(
            settings=config.environments,
            order=config.rollout_order,
            force=force,
            prunes=prune,
            replaces=replace_,
        )
        command = _Command(session, releaser, found, step)
        if back is not None:
            return command.go_back(back, yes=yes)
        if sync:
            return command.sync(sync, yes=yes)
        return command.show(environment or (), watches=watch)
    except ReleaseError as e:
        if not session.as_json or watch or sync or back:
            raise
        _print_document(_tell_error(e))
        return int(e.exit_status)


class _Command:
    """What the command does with a release.

    Parameters
    ----------
    session
        The session.
    releaser
        What carries it out.
    release
        The release, as it was found.
    step
        The step that rolls out.
    """

    def __init__(
        self,
        session: Session,
        releaser: Releaser,
        release: Release,
        step: Rollout,
    ) -> None:
        config = releaser.project.config
        deployment = find_deployment(config) or release.deployment
        self._session = session
        self._releaser = releaser
        self._release = replace(release, deployment=deployment)
        self._step = step
        self._title = f"Roll-out of {release.repository} {release.tag}"

    def show(self, names: Sequence[str], *, watches: bool) -> int:
        """Show the table, at once or when all run the version."""
        step = replace(self._step, environments=tuple(dict.fromkeys(names)))
        if not watches:
            seen = self._look(step)
            standings = step.judge(seen)
            status = rollout_status(standings, names)
            if self._session.as_json:
                _print_document(
                    views.rollout_document(
                        self._release,
                        standings,
                        pull=seen.aim.pull,
                        outcome=_OUTCOMES[status],
                        status=int(status),
                    )
                )
            else:
                self._print(standings)
                _advise(standings, is_pin_asked=status == ExitStatus.BLOCKED)
            return int(status)
        again = f"rsp-release rollout {quote(self._release.tag)} --watch"
        again += "".join(f" --environment {quote(name)}" for name in names)
        return self._see_through(step, again)

    def sync(self, names: Sequence[str], *, yes: bool) -> int:
        """Sync environments, one after the other, and wait for each."""
        tag = quote(self._release.tag)
        step = replace(
            self._step,
            environments=tuple(dict.fromkeys(names)),
            syncs=True,
        )
        flags = {
            "--force": step.force,
            "--prune": step.prunes,
            "--replace": step.replaces,
        }
        again = f"rsp-release rollout {tag}"
        again += "".join(f" --sync {quote(name)}" for name in names)
        again += "".join(f" {flag}" for flag, on in flags.items() if on)
        session = self._session
        with session.lock(self._releaser.project.journals):
            seen = self._look(step)
            standings = step.judge(seen)
            self._require_syncable(step, seen, standings)
            step = replace(step, retries=step.find_failed(seen))
            changes = step.find_changes(seen)
            if changes and not yes:
                if not session.may_ask:
                    raise UsageError(
                        f"not syncing {', '.join(names)} without confirmation",
                        help=f"confirm with --yes; `rsp-release rollout {tag}`"
                        " shows how it stands",
                    )
                self._print(standings)
                for text in _tell_changes(changes, prunes=step.prunes):
                    sys.stdout.write(f"{text}\n")
                if not session.confirm(f"Sync {', '.join(names)}?"):
                    return int(ExitStatus.UNFINISHED)
            return self._see_through(step, again)

    def go_back(self, name: str, *, yes: bool) -> int:
        """Show how to set a version back, and propose it."""
        from .rollback import go_back

        step = replace(self._step, environments=(name,))
        seen = self._look(step)
        step.judge(seen)
        return go_back(
            self._session, self._releaser, self._release, seen, name, yes=yes
        )

    def _require_syncable(
        self, step: Rollout, seen: RolloutSeen, standings: Sequence[Standing]
    ) -> None:
        """Refuse what would not lead to a sync, however long it waited."""
        every = replace(step, environments=()).judge(seen)
        for standing in standings:
            if standing.state in ("unknown", "absent", "merge", "pinned"):
                raise _refuse(standing)
            left = [] if step.force else find_left(standing, every)
            if not left or standing.state == "runs":
                continue
            if left[0].environment not in step.environments:
                refusal = refuse(standing, left, seen.aim.tag)
                raise BlockedError(
                    f"not synced: {refusal.problem}",
                    help=refusal.help,
                    url=refusal.url,
                )

    # -- Parts --------------------------------------------------------------

    def _look(self, step: Rollout) -> RolloutSeen:
        seen = step.observe(self._release, self._releaser.project.world)
        self._session.mask()
        if not seen.stages:
            raise UsageError(
                "no environment is known",
                help="set deploy.repository to one laid out as Phalanx, or"
                " name them: [[environments]] with name and argocd",
            )
        return seen

    def _see_through(self, step: Rollout, again: str) -> int:
        session, release = self._session, self._release
        told: list[Standing] = []

        def follow() -> Iterator[Event]:
            for event in self._releaser.deploy(release, step, acts=True):
                verdict = getattr(event, "verdict", None)
                told[:] = getattr(verdict, "environments", ()) or told
                yield _continue(event, again)

        result = session.show(
            self._title,
            [(step.key, step.title)],
            follow(),
            tag=release.tag,
            again=Again(again, lambda: again),
        )
        if not session.as_json and told:
            sys.stdout.write("\n")
            self._print(told)
            if result.exit_status in (ExitStatus.OK, ExitStatus.UNFINISHED):
                _advise(told)
        return int(result.exit_status)

    def _print(self, standings: Sequence[Standing]) -> None:
        """Print the table, for a person or a job."""
        options = self._session.globals
        now = self._releaser.project.world.clock.now()
        if sys.stdout.isatty():
            from rich.console import Console

            console = Console(no_color=options.no_color or None)
            console.print(views.make_table(standings, now, console.width))
        else:
            views.write_lines(standings, sys.stdout, now)
        if self._session.is_job:
            views.tell_job(self._title, standings, options.environ, now)


_REMEDIES_MOST = 3
"""How many remedies are shown below a table."""

_OUTCOMES = {
    **OUTCOMES,
    ExitStatus.OK: "rolled-out",
    ExitStatus.FAILED: "failed",
}
"""The exit status of a look at environments in a word."""


def _continue(event: Event, again: str) -> Event:
    """Say in a result that is not final what goes on with the roll-out."""
    if isinstance(event, Result) and event.outcome == "unfinished":
        return replace(event, help=f"continue: {again}")
    return event


def _refuse(standing: Standing) -> ReleaseError:
    """Make the error of an environment that cannot be synced now."""
    name = standing.environment
    error = ReleaseError(
        f"not synced: {name}: {standing.text}",
        help=standing.help,
        url=standing.url,
    )
    error.exit_status = rollout_status([standing], [name])
    return error


def _tell_changes(
    changes: Sequence[tuple[Standing, tuple[Resource, ...]]], *, prunes: bool
) -> Iterator[str]:
    """Say what a sync will change, by kind and name."""
    for standing, resources in changes:
        yield f"A sync of {safe.line(standing.environment)} will change:"
        for resource in resources:
            told = f"{resource.kind} {resource.name}"
            if resource.needs_pruning:
                told += " (delete)" if prunes else " (kept without --prune)"
            yield f"  - {safe.line(told)}"
        if not resources:
            yield "  - nothing that Argo CD names"


def _advise(
    standings: Sequence[Standing], *, is_pin_asked: bool = False
) -> None:
    """Say on the standard error what to do about what is in the way."""
    remedies: dict[str, dict[str, None]] = {}
    for standing in standings:
        if standing.help and (is_pin_asked or standing.state != "pinned"):
            names = remedies.setdefault(standing.help, {})
            names[standing.environment] = None
    for help, names in [*remedies.items()][:_REMEDIES_MOST]:
        told = safe.line(f"{', '.join(names)}: {help}")
        sys.stderr.write(f"  -> {told}\n")
    left = len(remedies) - _REMEDIES_MOST
    if left > 0:
        sys.stderr.write(f"  -> and {left} more: see --json\n")


def _print_document(document: Mapping[str, Any]) -> None:
    from ..views.json import dumps

    sys.stdout.write(f"{dumps(document)}\n")


def _tell_error(error: ReleaseError) -> dict[str, Any]:
    """Return what ``--json`` prints where nothing could be looked at."""
    return {
        "schema": 1,
        "outcome": OUTCOMES.get(error.exit_status, "failed"),
        "exit": int(error.exit_status),
        "message": safe.line(error.message),
        "help": safe.line(error.help) if error.help else None,
        "repository": None,
        "version": None,
        "tag": None,
        "deploy_url": None,
        "merged": False,
        "environments": [],
    }


def rollout_status(
    standings: Sequence[Standing], asked: Sequence[str] = ()
) -> ExitStatus:
    """Return the exit status of a look at environments.

    Parameters
    ----------
    standings
        The environments.
    asked
        Those that a person named: what cannot be seen of others, or is not to
        run the version there, is told alone.

    Returns
    -------
    ExitStatus
        That a sync failed, else why none could be looked at, else that
        something waits, else that all is well.
    """
    unknown = [s for s in standings if s.state == "unknown"]
    if any(s.state == "failed" for s in standings):
        return ExitStatus.FAILED
    if unknown and (asked or len(unknown) == len(standings)):
        return max(s.exit_status for s in unknown)
    if asked and any(s.state == "pinned" for s in standings):
        return ExitStatus.BLOCKED
    if any(not s.is_settled for s in standings):
        return ExitStatus.UNFINISHED
    return ExitStatus.OK
