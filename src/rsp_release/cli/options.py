"""The arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..release.plan import Options
from .complete import complete_tags
from .session import Session, parse_duration

__all__ = [
    "Approve",
    "Deepen",
    "DryRun",
    "Force",
    "Json",
    "Part",
    "Pre",
    "RerunFailed",
    "Tag",
    "Timeout",
    "Trust",
    "Yes",
    "open_json",
    "open_release",
    "open_session",
    "with_session",
]

Part = Annotated[
    str,
    Argument(
        metavar="[auto|major|minor|patch|X.Y.Z]",
        help="What to bump, or the version itself.",
        autocompletion=lambda: ["auto", "major", "minor", "patch"],
    ),
]
Tag = Annotated[
    str | None,
    Argument(
        metavar="[TAG]",
        help="The tag (default: the newest release).",
        autocompletion=complete_tags,
    ),
]
Pre = Annotated[
    str | None, Option(metavar="ID", help="Release a pre-release, such as rc.")
]
Json = Annotated[bool, Option("--json", help="Print JSON.")]
Force = Annotated[
    bool,
    Option(
        "--force",
        help="Release despite warnings, or with a smaller bump than the"
        " changes call for.",
    ),
]
DryRun = Annotated[
    bool, Option("--dry-run", help="Show what would be done; write nothing.")
]
Yes = Annotated[bool, Option("--yes", "-y", help="Don't ask before writing.")]
NoWatch = Annotated[
    bool, Option("--no-watch", help="Don't wait for the workflow run.")
]
NoDeploy = Annotated[
    bool, Option("--no-deploy", help="Don't open a deployment pull request.")
]
NoVerify = Annotated[
    bool, Option("--no-verify", help="Don't verify the images.")
]
NoWait = Annotated[
    bool, Option("--no-wait", help="Don't wait for people; resume later.")
]
LeaveLate = Annotated[
    bool,
    Option("--leave-late", help="Leave late fragments to the next release."),
]
CollectLate = Annotated[
    bool, Option("--collect-late", help="Add late fragments to the entry.")
]
Deepen = Annotated[
    bool,
    Option(
        "--deepen", help="Fetch the missing history of a shallow clone first."
    ),
]
RerunFailed = Annotated[
    int, Option(metavar="N", min=0, help="Re-run failed jobs up to N times.")
]
Approve = Annotated[
    bool, Option("--approve", help="Approve the run's pending deployments.")
]
Trust = Annotated[
    bool,
    Option(
        "--trust-repository",
        help="Run what the repository's settings name: scriv's commands, and"
        " the build system.",
    ),
]
Timeout = Annotated[
    str, Option(metavar="DURATION", help="How long to wait, such as 90m.")
]


def with_session(
    command: Callable[..., int], open_session: Callable[..., Session]
) -> Callable[..., int]:
    """Give a command its session, and that one's options.

    Parameters
    ----------
    command
        A command that takes a `Session` as its parameter ``session``.
    open_session
        Opens the session, from options of its own.

    Returns
    -------
    typing.Callable
        The command as typer sees it: with the options of both.
    """
    shared = signature(open_session, eval_str=True).parameters
    own = signature(command, eval_str=True).parameters

    @wraps(command)
    def run(**given: Any) -> int:
        session = open_session(**{name: given.pop(name) for name in shared})
        return command(session, **given)

    parameters = [p for p in own.values() if p.name != "session"]
    parameters += shared.values()
    hints = {p.name: p.annotation for p in parameters}
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = hints
    return run


def open_session(*, context: typer.Context) -> Session:
    """Open the session of a command that shows no events."""
    return Session(context.obj)


def open_json(*, context: typer.Context, as_json: Json = False) -> Session:
    """Open the session of a command that can print JSON."""
    return Session(context.obj, as_json=as_json)


def open_release(
    *,
    context: typer.Context,
    as_json: Json = False,
    no_watch: NoWatch = False,
    no_verify: NoVerify = False,
    no_deploy: NoDeploy = False,
    no_wait: NoWait = False,
    rerun_failed: RerunFailed = 0,
    approve: Approve = False,
    leave_late: LeaveLate = False,
    collect_late: CollectLate = False,
    timeout: Timeout = "1h",
    force: Force = False,
) -> Session:
    """Open the session of a command that releases."""
    asked = Options(
        watches=not no_watch,
        verifies=not no_verify,
        deploys=not no_deploy,
        waits=not no_wait,
        leaves_late=leave_late,
        collects_late=collect_late,
        forces=force,
        asks=True,
        timeout=parse_duration(timeout),
        reruns=rerun_failed,
        approves=approve,
    )
    return Session(context.obj, asked=asked, as_json=as_json)
