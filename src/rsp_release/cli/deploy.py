"""The command ``deploy``: opens the deployment pull request."""

from __future__ import annotations

import sys
from shlex import quote

from ..exceptions import ExitStatus
from ..steps.chart_pr import ChartPull
from ..views import safe
from .session import Session, shows_errors

__all__ = ["run_deploy"]


@shows_errors
def run_deploy(
    session: Session,
    *,
    tag: str | None,
    dry_run: bool,
    waits: bool,
    force: bool,
) -> int:
    """Open the deployment pull request of a release.

    Only its URL goes to standard output; events go to standard error.

    Parameters
    ----------
    session
        The command's settings and view.
    tag
        The tag; `None`: the newest.
    dry_run
        Whether to write nothing.
    waits
        Whether to wait until it is merged.
    force
        Whether to deploy over a newer, unknown or pinned version.

    Returns
    -------
    int
        The exit status.
    """
    releaser = session.make_releaser()
    with session.lock(releaser, writes=not dry_run):
        release = releaser.find(tag)
        step = ChartPull(is_asked=True, force=force, waits=waits)
        result = session.show(
            f"Deployment of {release.repository} {release.tag}",
            [(step.key, step.title)],
            releaser.deploy(release, step, acts=not dry_run),
            tag=release.tag,
            again=f"rsp-release deploy {quote(release.tag)}",
            stdout=None if session.as_json else sys.stderr,
        )
        url = safe.url(result.deploy_url or "")
        is_good = result.exit_status in {
            ExitStatus.OK,
            ExitStatus.UNFINISHED,
        }
        if url and is_good and not session.as_json:
            sys.stdout.write(f"{url}\n")
        return int(result.exit_status)
