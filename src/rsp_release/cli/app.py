"""The command line: arguments in, events out. It decides nothing."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal, TypeAlias

import typer
from typer import Argument, Option
from typer.exceptions import TyperException

from .. import __version__
from ..exceptions import ExitStatus, ReleaseError
from ..release.plan import Options
from .options import (
    Approve,
    Deepen,
    DryRun,
    Force,
    Json,
    Part,
    Pre,
    RerunFailed,
    Tag,
    Timeout,
    Yes,
    takes_release_options,
)
from .session import Globals, Session, parse_duration, print_error

__all__ = ["app", "main"]

Shell: TypeAlias = Literal["bash", "zsh", "fish"]
"""Shells that completion is printed for."""

app = typer.Typer(
    name="rsp-release",
    help="Release a service: tag, GitHub release, images, deployment.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def set_globals(
    context: typer.Context,
    *,
    directory: Annotated[
        Path, Option("-C", metavar="DIR", help="Run in DIR.")
    ] = Path(),
    repo: Annotated[
        str | None, Option(metavar="OWNER/NAME", help="The GitHub repository.")
    ] = None,
    remote: Annotated[
        str, Option(metavar="NAME", help="The git remote.")
    ] = "origin",
    no_color: Annotated[
        bool, Option("--no-color", help="Disable colors.")
    ] = False,
    verbose: Annotated[
        bool, Option("-v", "--verbose", help="Show tracebacks.")
    ] = False,
    version: Annotated[
        bool, Option("--version", help="Show the version.")
    ] = False,
) -> None:
    """Release a service: tag, GitHub release, images, deployment."""
    if version:
        typer.echo(f"rsp-release {__version__}")
        raise typer.Exit
    context.obj = Globals(
        directory=directory,
        repository=repo,
        remote=remote,
        no_color=no_color,
        verbose=verbose,
    )


@app.command(name="next")
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
    from .next import run_next

    return run_next(
        directory=context.obj.directory,
        part=part,
        pre=pre,
        why=why,
        as_json=as_json,
        force=force,
        deepen=deepen,
    )


@app.command()
def notes(
    context: typer.Context,
    version: Annotated[
        str | None,
        Argument(
            metavar="[VERSION]", help="A version or a tag (default: the next)."
        ),
    ] = None,
    *,
    generated: Annotated[
        bool, Option("--generated", help="Include GitHub's generated notes.")
    ] = False,
    deepen: Deepen = False,
) -> int:
    """Print the notes of a published release, or of the next one."""
    from .notes import run_notes

    session = Session(context.obj, deepens=deepen)
    return run_notes(session, version=version, generated=generated)


@app.command()
def check(
    context: typer.Context,
    *,
    offline: Annotated[
        bool, Option("--offline", help="Use no network.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Check that a release would succeed. Writes nothing."""
    from .check import run_check

    return run_check(context.obj, offline=offline, as_json=as_json)


@app.command()
def init(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    registry: Annotated[
        list[str] | None,
        Option(
            metavar="REGISTRY",
            help=(
                "Where images go: ghcr, docker-hub, docker.io/NAMESPACE, or"
                " LOCATION-docker.pkg.dev/PROJECT/REPOSITORY. Repeatable."
            ),
        ),
    ] = None,
) -> int:
    """Set up a repository: settings, change log, workflow."""
    from .init import run_init

    return run_init(
        context.obj,
        dry_run=dry_run,
        yes=yes,
        registries=tuple(registry or ()),
    )


@app.command()
def completion(
    shell: Annotated[Shell, Argument(help="The shell.")],
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


@app.command()
def schema(
    name: Annotated[
        str | None,
        Argument(metavar="[NAME]", help="settings, check, next or events."),
    ] = None,
) -> int:
    """Print the JSON Schemas of the settings and of --json output."""
    from .schema import run_schema

    return run_schema(name)


@app.command()
@takes_release_options
def bump(
    context: typer.Context,
    part: Part = "auto",
    *,
    pre: Pre = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    deepen: Deepen = False,
    asked: Options,
) -> int:
    """Release: tag, GitHub release, images, deployment pull request."""
    from .release import run_bump

    asked = replace(asked, asks=not yes)
    return run_bump(
        Session(context.obj, asked=asked, as_json=as_json, deepens=deepen),
        part=part,
        pre=pre,
        force=asked.forces,
        dry_run=dry_run,
        yes=yes,
    )


@app.command()
@takes_release_options
def resume(
    context: typer.Context,
    tag: Tag = None,
    *,
    as_json: Json = False,
    deepen: Deepen = False,
    asked: Options,
) -> int:
    """Resume an interrupted release."""
    from .release import run_resume

    return run_resume(
        Session(context.obj, asked=asked, as_json=as_json, deepens=deepen),
        tag=tag,
    )


@app.command()
def status(
    context: typer.Context,
    tag: Tag = None,
    *,
    as_json: Json = False,
    deepen: Deepen = False,
) -> int:
    """Show how far a release got. Writes nothing."""
    from .release import run_status

    session = Session(context.obj, as_json=as_json, deepens=deepen)
    return run_status(session, tag=tag)


@app.command()
def watch(
    context: typer.Context,
    tag: Tag = None,
    *,
    run: Annotated[
        int | None, Option(metavar="ID", help="Watch this run.")
    ] = None,
    rerun_failed: RerunFailed = 0,
    approve: Approve = False,
    as_json: Json = False,
    timeout: Timeout = "1h",
) -> int:
    """Watch the run that publishes the images until it completes."""
    from .watch import run_watch

    asked = Options(timeout=parse_duration(timeout))
    return run_watch(
        Session(context.obj, asked=asked, as_json=as_json),
        tag=tag,
        number=run,
        reruns=rerun_failed,
        approves=approve,
    )


@app.command()
def verify(
    context: typer.Context,
    tag: Tag = None,
    *,
    accept: Annotated[
        bool,
        Option(
            "--accept",
            help="Accept the digest that a moved tag points to now.",
        ),
    ] = False,
    as_json: Json = False,
    deepen: Deepen = False,
) -> int:
    """Verify that every image is published, on every platform."""
    from .release import run_verify

    session = Session(context.obj, as_json=as_json, deepens=deepen)
    return run_verify(session, tag=tag, accepts=accept)


@app.command()
def deploy(
    context: typer.Context,
    tag: Tag = None,
    *,
    dry_run: DryRun = False,
    local: Annotated[
        Path | None,
        Option(metavar="PATH", help="Commit to a local checkout instead."),
    ] = None,
    wait: Annotated[
        bool, Option("--wait", help="Wait for the merge.")
    ] = False,
    force: Annotated[
        bool,
        Option("--force", help="Deploy even over a newer or unknown version."),
    ] = False,
    as_json: Json = False,
    timeout: Timeout = "1h",
) -> int:
    """Open the deployment pull request and print its URL."""
    from .deploy import run_deploy

    asked = Options(checkout=local, timeout=parse_duration(timeout))
    return run_deploy(
        Session(context.obj, asked=asked, as_json=as_json),
        tag=tag,
        dry_run=dry_run,
        waits=wait,
        force=force,
    )


@app.command()
def fleet(
    context: typer.Context,
    repository: Annotated[
        str | None,
        Argument(metavar="[OWNER/NAME]", help="The deployment repository."),
    ] = None,
    *,
    only: Annotated[
        list[str] | None,
        Option(
            metavar="PATTERN", help="Show these applications, such as 'ga*'."
        ),
    ] = None,
    need: Annotated[
        list[str] | None,
        Option(
            metavar="NEED",
            help="failed, unknown, deploy, merge, release or nothing.",
        ),
    ] = None,
    check: Annotated[
        bool,
        Option(
            "--check", help="Exit non-zero if any application needs attention."
        ),
    ] = False,
    as_json: Json = False,
) -> int:
    """Show what each application has deployed, and what it needs."""
    from .fleet import run_fleet

    return run_fleet(
        Session(context.obj, as_json=as_json),
        repository=repository,
        names=only or [],
        needs=need or [],
        checks=check,
    )


@app.command()
def demo(context: typer.Context, *, as_json: Json = False) -> int:
    """Release an example service on the sandbox. Needs no account."""
    from .demo import run_demo

    return run_demo(context.obj, as_json=as_json)


@app.command()
@takes_release_options
def rehearse(
    context: typer.Context,
    part: Part = "auto",
    *,
    pre: Pre = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    asked: Options,
) -> int:
    """Release this repository on the sandbox, in a throwaway clone."""
    from .rehearse import run_rehearse

    asked = replace(asked, asks=False)
    return run_rehearse(
        context.obj,
        lambda options: Session(options, asked=asked, as_json=as_json),
        part=part,
        pre=pre,
        force=asked.forces,
        dry_run=dry_run,
    )


@app.command()
def sandbox(
    context: typer.Context,
    *,
    port: Annotated[
        int, Option(metavar="N", help="Port to listen on; 0 picks a free one.")
    ] = 0,
    git: Annotated[
        Path | None, Option(metavar="PATH", help="Serve this bare repository.")
    ] = None,
    repo: Annotated[
        str | None, Option(metavar="OWNER/NAME", help="Its name on GitHub.")
    ] = None,
    scenario: Annotated[
        Path | None,
        Option(metavar="FILE", help="Script of what workflows do."),
    ] = None,
) -> int:
    """Serve a sandbox of GitHub and a registry until interrupted."""
    from .demo import run_sandbox

    return run_sandbox(
        port=port,
        repository=repo or context.obj.repository,
        git=git,
        scenario=scenario,
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
