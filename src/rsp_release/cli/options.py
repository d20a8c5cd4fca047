"""The arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

from ..release.plan import Options
from .complete import complete_tags
from .session import parse_duration

__all__ = [
    "Approve",
    "CollectLate",
    "Deepen",
    "Force",
    "Json",
    "LeaveLate",
    "NoDeploy",
    "NoVerify",
    "NoWait",
    "NoWatch",
    "Part",
    "Pre",
    "RerunFailed",
    "Tag",
    "Timeout",
    "Yes",
    "choose_options",
]

Part = Annotated[
    str,
    typer.Argument(
        metavar="[auto|major|minor|patch|X.Y.Z]",
        help="Which part of the version to bump, or the version itself.",
        autocompletion=lambda: ["auto", "major", "minor", "patch"],
    ),
]
Tag = Annotated[
    str | None,
    typer.Argument(
        metavar="[TAG]",
        help="The tag (default: that of the newest release).",
        autocompletion=complete_tags,
    ),
]
Pre = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Make a pre-release with this identifier, such as rc.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Release less than the changes call for."),
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Don't ask before writing.")
]
NoWatch = Annotated[
    bool, typer.Option("--no-watch", help="Don't wait for the workflow run.")
]
NoDeploy = Annotated[
    bool,
    typer.Option("--no-deploy", help="Open no deployment pull request."),
]
NoVerify = Annotated[
    bool, typer.Option("--no-verify", help="Don't verify the images.")
]
NoWait = Annotated[
    bool,
    typer.Option("--no-wait", help="Don't wait for people; resume later."),
]
LeaveLate = Annotated[
    bool,
    typer.Option(
        "--leave-late",
        help="Leave fragments that were merged late to the next release.",
    ),
]
CollectLate = Annotated[
    bool,
    typer.Option(
        "--collect-late",
        help="Add fragments that were merged late to the entry.",
    ),
]
Deepen = Annotated[
    bool,
    typer.Option(
        "--deepen", help="Fetch the missing history of a shallow clone first."
    ),
]
RerunFailed = Annotated[
    int,
    typer.Option(metavar="N", min=0, help="Re-run failed jobs up to N times."),
]
Approve = Annotated[
    bool,
    typer.Option(
        "--approve", help="Approve deployments that the run waits for."
    ),
]
Timeout = Annotated[
    str,
    typer.Option(metavar="DURATION", help="How long to wait, such as 90m."),
]


def choose_options(context: typer.Context, *, asks: bool) -> Options:
    """Say what a release is to do, from the options of its command.

    Parameters
    ----------
    context
        The command that is run, with the options above but for ``--yes``.
    asks
        Whether a person is asked before anything is written.

    Returns
    -------
    Options
        What the release does.

    Raises
    ------
    UsageError
        Raised if the timeout is no duration.
    """
    given = context.params
    return Options(
        watches=not given["no_watch"],
        verifies=not given["no_verify"],
        deploys=not given["no_deploy"],
        waits=not given["no_wait"],
        leaves_late=given["leave_late"],
        collects_late=given["collect_late"],
        forces=given["force"],
        asks=asks,
        timeout=parse_duration(given["timeout"]),
        reruns=given["rerun_failed"],
        approves=given["approve"],
    )
