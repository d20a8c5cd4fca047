"""The command line: arguments in, events out. It decides nothing."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated, Literal, TypeAlias

import typer
from typer import Argument, Option
from typer.exceptions import TyperException

from .. import __version__
from ..exceptions import ExitStatus, ReleaseError
from ..settings_file import find_toplevel
from .check import check
from .demo import demo, sandbox
from .deploy import deploy
from .fleet import fleet
from .help import Command, Group
from .init import init
from .next import run_next
from .notes import notes
from .options import (
    Deepen,
    Directory,
    Force,
    Json,
    NoColor,
    Part,
    Pre,
    Remote,
    Repository,
    Verbose,
    open_json,
    open_release,
    open_session,
    read_globals,
    with_globals,
    with_session,
)
from .overview import run_overview
from .rehearse import rehearse
from .release import bump, resume, status, verify
from .rollout import rollout
from .schema import schema
from .session import Globals, Session, print_error
from .watch import watch

__all__ = ["app", "main"]

Shell: TypeAlias = Literal["bash", "zsh", "fish"]
"""Shells that completion is printed for."""

_Open: TypeAlias = Callable[..., Session]

app = typer.Typer(
    cls=Group,
    name="rsp-release",
    help="Release a service: tag, GitHub release, images, deployment.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def set_globals(
    context: typer.Context,
    *,
    directory: Directory = None,
    repo: Repository = None,
    remote: Remote = None,
    no_color: NoColor = False,
    verbose: Verbose = False,
    version: Annotated[
        bool, Option("--version", help="Show the version.")
    ] = False,
) -> int:
    """Release a service: tag, GitHub release, images, deployment."""
    if version:
        typer.echo(f"rsp-release {__version__}")
        raise typer.Exit
    context.obj = read_globals(
        Globals(),
        directory=directory,
        repo=repo,
        remote=remote,
        no_color=no_color,
        verbose=verbose,
    )
    if context.invoked_subcommand is None:
        if find_toplevel(context.obj.directory):
            return run_overview(context.obj.directory)
        typer.echo(context.get_help())
    return 0


def next_(
    context: typer.Context,
    part: Part = "auto",
    *,
    pre: Pre = None,
    why: Annotated[bool, Option("--why", help="Explain the choice.")] = False,
    as_json: Json = False,
    force: Force = False,
    deepen: Deepen = False,
) -> int:
    """Compute the next version, offline. Writes nothing."""
    return run_next(
        directory=context.obj.directory,
        part=part,
        pre=pre,
        why=why,
        as_json=as_json,
        force=force,
        deepen=deepen,
    )


def completion(
    shell: Annotated[
        Shell, Argument(metavar="SHELL", help="bash, zsh or fish.")
    ],
) -> int:
    """Print the completion script of a shell."""
    from typer import completion as typers

    # Typer's own, so that it is for the protocol of the typer at hand.
    script = typers.get_completion_script(  # type: ignore[attr-defined]
        prog_name="rsp-release",
        complete_var="_RSP_RELEASE_COMPLETE",
        shell=shell,
    )
    typer.echo(script)
    return 0


_COMMANDS: dict[str, tuple[tuple[Callable[..., int], _Open | None], ...]] = {
    "Release": (
        (bump, open_release),
        (resume, open_release),
        (deploy, open_json),
        (rollout, open_json),
    ),
    "Look": (
        (next_, None),
        (notes, open_session),
        (check, open_json),
        (status, open_json),
        (watch, open_json),
        (verify, open_json),
    ),
    "Set up": ((init, open_session),),
    "Many repositories": ((fleet, open_json),),
    "Try it": (
        (demo, open_json),
        (rehearse, open_release),
        (sandbox, open_session),
    ),
    "For programs": ((completion, None), (schema, None)),
}
"""The commands by what they are for, and what opens the session of each."""

for _panel, _members in _COMMANDS.items():
    for _command, _open in _members:
        app.command(
            _command.__name__.rstrip("_"), cls=Command, rich_help_panel=_panel
        )(
            with_globals(
                _command if _open is None else with_session(_command, _open)
            )
        )


def main(argv: list[str]) -> int:
    """Run a command.

    Parameters
    ----------
    argv
        The arguments, without the program's name.

    Returns
    -------
    int
        The exit status.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    is_verbose = bool({"-v", "--verbose"} & set(argv))
    try:
        status = app(args=argv, prog_name="rsp-release", standalone_mode=False)
    except TyperException as e:
        e.show()  # type: ignore[attr-defined]
        return int(ExitStatus.USAGE)
    except ReleaseError as e:
        print_error(e, verbose=is_verbose)
        return int(e.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("rsp-release: interrupted\n")
        return int(ExitStatus.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return int(ExitStatus.FAILED)
    except Exception as e:
        # A defect of ours. The name alone: messages may hold anything.
        error = ReleaseError(
            f"internal error ({type(e).__name__})",
            help="please report it, with what `rsp-release -v` shows",
        )
        error.__cause__ = e
        print_error(error, verbose=is_verbose)
        return int(ExitStatus.FAILED)
    return status if isinstance(status, int) else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let a signal end the program as Ctrl-C does."""
    raise KeyboardInterrupt
