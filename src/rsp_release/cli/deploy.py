"""The command ``deploy``: opens the deployment pull request."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from typer import Option

from ..exceptions import ExitStatus
from ..models import Result
from ..steps.chart_pr.blockers import command_of
from ..steps.chart_pr.step import ChartPull
from ..views import safe
from .options import DryRun, Tag, Timeout, Web
from .session import Again, Session, parse_duration, shows_errors

__all__ = ["deploy"]


@shows_errors
def deploy(
    session: Session,
    tag: Tag = None,
    *,
    dry_run: DryRun = False,
    local: Annotated[
        Path | None,
        Option(metavar="PATH", help="Commit to a local checkout instead."),
    ] = None,
    environment: Annotated[
        list[str] | None,
        Option(
            metavar="E",
            help="Move the tag that this environment pins; repeatable.",
        ),
    ] = None,
    wait: Annotated[
        bool, Option("--wait", help="Wait for the merge.")
    ] = False,
    force: Annotated[
        bool,
        Option("--force", help="Deploy even over a newer or unknown version."),
    ] = False,
    web: Web = False,
    timeout: Timeout = "1h",
) -> int:
    """Open the deployment pull request and print its URL."""
    if web:
        session.open_page("chart_pr")
    releaser = session.make_releaser(
        checkout=local, timeout=parse_duration(timeout)
    )
    with session.lock(releaser.project.journals, writes=not dry_run):
        found = releaser.find(tag)
        step = ChartPull(is_asked=True, force=force, waits=wait)

        def run(environments: tuple[str, ...]) -> Result:
            release = releaser.aim(found, environments)
            command = command_of(release)
            return session.show(
                f"Deployment of {release.repository} {release.tag}",
                [(step.key, step.title)],
                releaser.deploy(release, step, acts=not dry_run),
                tag=release.tag,
                again=Again(f"{command} --dry-run")
                if dry_run
                else Again(command, lambda: command),
                stdout=None if session.as_json else sys.stderr,
            )

        chosen = tuple(dict.fromkeys(environment or ()))
        result = run(chosen)
        blocked = result.exit_status is ExitStatus.BLOCKED
        if blocked and session.may_ask and not chosen and not force:
            world = releaser.project.world
            choices = step.find_choices(releaser.aim(found, ()), world)
            if choices:
                result = run(session.choose(choices))
        url = safe.url(result.deploy_url or "")
        is_good = result.exit_status in {
            ExitStatus.OK,
            ExitStatus.UNFINISHED,
        }
        if url and is_good and not session.as_json:
            sys.stdout.write(f"{url}\n")
        return int(result.exit_status)
