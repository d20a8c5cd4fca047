"""The arguments and options that commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..release.plan import Options
from .complete import complete_tags
from .help import GLOBAL, RARE
from .session import Globals, Session, parse_duration

__all__ = [
    "Approve",
    "Deepen",
    "Directory",
    "DryRun",
    "Environments",
    "Force",
    "Json",
    "NoColor",
    "Part",
    "Pre",
    "Remote",
    "Repository",
    "RerunFailed",
    "Rolls",
    "Tag",
    "Timeout",
    "Trust",
    "Verbose",
    "Web",
    "Yes",
    "open_json",
    "open_release",
    "open_session",
    "read_globals",
    "with_globals",
    "with_session",
]

Directory = Annotated[
    Path | None,
    Option("-C", metavar="DIR", help="Run in DIR.", rich_help_panel=GLOBAL),
]
Repository = Annotated[
    str | None,
    Option(
        "--repo",
        "-R",
        metavar="OWNER/NAME",
        help="The GitHub repository.",
        rich_help_panel=GLOBAL,
    ),
]
Remote = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="The git remote (default: origin).",
        rich_help_panel=GLOBAL,
    ),
]
NoColor = Annotated[
    bool,
    Option(
        "--no-color",
        help="Disable colors.",
        # Help, which is eager, is without colours too.
        is_eager=True,
        rich_help_panel=GLOBAL,
    ),
]
Verbose = Annotated[
    bool,
    Option("--verbose", "-v", help="Show tracebacks.", rich_help_panel=GLOBAL),
]

Part = Annotated[
    str,
    Argument(
        metavar="PART",
        help="auto, major, minor, patch, or a version.",
        autocompletion=lambda: ["auto", "major", "minor", "patch"],
    ),
]
Tag = Annotated[
    str | None,
    Argument(
        metavar="TAG",
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
    bool,
    Option("--dry-run", "-n", help="Show what would be done; write nothing."),
]
Yes = Annotated[bool, Option("--yes", "-y", help="Don't ask before writing.")]
Web = Annotated[
    bool, Option("--web", "-w", help="Open the page in a browser.")
]
NoWatch = Annotated[
    bool, Option("--no-watch", help="Don't wait for the workflow run.")
]
NoDeploy = Annotated[
    bool, Option("--no-deploy", help="Don't open a deployment pull request.")
]
Environments = Annotated[
    list[str] | None,
    Option(
        "--environment",
        metavar="E",
        help="Roll out to this environment alone; repeatable.",
        rich_help_panel=RARE,
    ),
]
Rolls = Annotated[
    bool,
    Option(
        "--rollout",
        help="Sync the environments too, one after the other.",
    ),
]
NoVerify = Annotated[
    bool, Option("--no-verify", help="Don't verify the images.")
]
NoWait = Annotated[
    bool, Option("--no-wait", help="Don't wait for people; resume later.")
]
LeaveLate = Annotated[
    bool,
    Option(
        "--leave-late",
        help="Leave late fragments to the next release.",
        rich_help_panel=RARE,
    ),
]
CollectLate = Annotated[
    bool,
    Option(
        "--collect-late",
        help="Add late fragments to the entry.",
        rich_help_panel=RARE,
    ),
]
Deepen = Annotated[
    bool,
    Option(
        "--deepen",
        help="Fetch the missing history of a shallow clone first.",
        rich_help_panel=RARE,
    ),
]


def _count(value: int) -> int:
    if value < 0:
        raise typer.BadParameter(f"{value} is below 0")
    return value


RerunFailed = Annotated[
    int,
    Option(
        metavar="N",
        callback=_count,
        help="Re-run failed jobs up to N times.",
        show_default=False,
    ),
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
        rich_help_panel=RARE,
    ),
]
Timeout = Annotated[
    str, Option(metavar="DURATION", help="How long to wait, such as 90m.")
]


def read_globals(
    before: Globals,
    *,
    directory: Directory = None,
    repo: Repository = None,
    remote: Remote = None,
    no_color: NoColor = False,
    verbose: Verbose = False,
) -> Globals:
    """Read the options that stand on either side of the command.

    Parameters
    ----------
    before
        What stood before it.
    directory, repo, remote, no_color, verbose
        What stands after it.
    """
    return replace(
        before,
        directory=before.directory if directory is None else directory,
        repository=repo or before.repository,
        remote=remote or before.remote,
        no_color=no_color or before.no_color,
        verbose=verbose or before.verbose,
    )


def with_globals(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options that may stand before it as well.

    Parameters
    ----------
    command
        A command, which may take typer's context as ``context``.

    Returns
    -------
    typing.Callable
        The command as typer sees it. An option of its own goes first.
    """
    own = signature(command, eval_str=True).parameters
    shared = [
        parameter
        for name, parameter in signature(
            read_globals, eval_str=True
        ).parameters.items()
        if name not in ("before", *own)
    ]

    @wraps(command)
    def run(*, context: typer.Context, **given: Any) -> int:
        context.obj = read_globals(
            context.obj, **{each.name: given.pop(each.name) for each in shared}
        )
        if "context" in own:
            given["context"] = context
        return command(**given)

    context = Parameter(
        "context", Parameter.KEYWORD_ONLY, annotation=typer.Context
    )
    others = [p for name, p in own.items() if name != "context"]
    _declare(run, [*others, *shared, context])
    return run


def _declare(
    command: Callable[..., int], parameters: Sequence[Parameter]
) -> None:
    """Let a command be seen with these parameters."""
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}


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
    _declare(run, parameters)
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
