"""The pages of help: commands in groups, options in groups, examples.

On a terminal they are typer's own, in colour; elsewhere plain text that says
the same in the same order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from typer.core import TyperCommand, TyperGroup

__all__ = ["EXAMPLES", "GLOBAL", "RARE", "Command", "Group", "write_examples"]

RARE = "Rarely needed"
"""The group of options that few need."""

GLOBAL = "Global options"
"""The group of options that stand on either side of the command."""

_WIDEST = 100
"""Columns beyond which the eye loses the line."""

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "bump": (
        ("bump", "show the plan, ask, and release"),
        ("bump minor --dry-run", "only show the plan of a minor release"),
        ("bump --yes --no-wait", "in a job, where nobody is asked"),
    ),
    "resume": (
        ("resume", "finish the newest release"),
        ("resume 1.5.0 --rerun-failed 1", "re-run its failed jobs once"),
    ),
    "deploy": (
        ("deploy", "for the newest release"),
        ("deploy 1.5.0 --dry-run", "show the pull request's changes"),
        ("deploy --local ../phalanx", "commit to a checkout instead"),
    ),
    "rollout": (
        ("rollout", "which environment runs what"),
        ("rollout --watch", "wait until all run the newest release"),
        ("rollout --sync idfdev", "sync one, and wait for it"),
    ),
    "next": (
        ("next", "print the next version"),
        ("next --why", "explain it, commit by commit"),
        ("next minor --pre rc", "the next release candidate"),
    ),
    "notes": (
        ("notes", "the notes of the next release"),
        ("notes 1.5.0 --generated", "as published, with GitHub's part"),
    ),
    "check": (
        ("check", "what would stop or trouble a release"),
        ("check --all", "every check and every setting"),
        ("check --offline --json", "for a program, without the network"),
    ),
    "status": (
        ("status", "how far the newest release got"),
        ("status --web", "its page on GitHub, in a browser"),
        ("status 1.5.0 --json", "the same of 1.5.0, for a program"),
    ),
    "watch": (
        ("watch", "the run of the newest release"),
        ("watch --run 123456789", "a run by its number"),
        ("watch 1.5.0 --rerun-failed 2", "re-run failed jobs up to twice"),
    ),
    "verify": (
        ("verify", "the images of the newest release"),
        ("verify 1.5.0 --json", "with every digest, for a program"),
    ),
    "init": (
        ("init --dry-run", "show what would be added"),
        ("init --registry docker-hub", "push images to Docker Hub"),
    ),
    "fleet": (
        ("fleet", "every application"),
        ("fleet --only 'ga*'", "some of them"),
        ("fleet --need deploy --check", "fail if one needs attention"),
    ),
    "demo": (
        ("demo", "watch a release from beginning to end"),
        ("demo --json", "the events that programs read"),
    ),
    "rehearse": (
        ("rehearse", "release this clone on the sandbox"),
        ("rehearse major --no-deploy", "with the options of bump"),
    ),
    "sandbox": (
        ("sandbox", "serve an example"),
        ("sandbox --git my.git -R acme/my", "serve a repository"),
    ),
    "completion": (
        ("completion bash >> ~/.bashrc", "for bash"),
        ("completion zsh > ~/.zfunc/_rsp-release", "for zsh"),
    ),
    "schema": (
        ("schema", "every schema, in one object"),
        ("schema events", "that of the events of a release"),
    ),
}
"""What is typed, and what for, by command."""

T = TypeVar("T")


class Command(TyperCommand):
    """A command, with its page of help."""

    def get_params(  # type: ignore[explicit-override]
        self, ctx: Any
    ) -> list[Any]:
        """Return the arguments and options."""
        return _without_types(super().get_params(ctx))

    def format_help(  # type: ignore[explicit-override]
        self, ctx: Any, formatter: Any
    ) -> None:
        """Write the page, in colour where that is wanted."""
        self.epilog = write_examples(ctx.info_name)
        self.rich_markup_mode = _choose_mode(ctx)
        super().format_help(ctx, formatter)

    def format_options(  # type: ignore[explicit-override]
        self, ctx: Any, formatter: Any
    ) -> None:
        """Write the options of the plain page, in their groups."""
        _format_options(self.get_params(ctx), ctx, formatter)

    def format_epilog(  # type: ignore[explicit-override]
        self, ctx: Any, formatter: Any
    ) -> None:
        """Write the examples of the plain page, line by line."""
        formatter.write(f"{self.epilog}\n" if self.epilog else "")


class Group(TyperGroup):
    """The program, with its page of help."""

    def get_params(  # type: ignore[explicit-override]
        self, ctx: Any
    ) -> list[Any]:
        """Return the options."""
        return _without_types(super().get_params(ctx))

    def format_help(  # type: ignore[explicit-override]
        self, ctx: Any, formatter: Any
    ) -> None:
        """Write the page, in colour where that is wanted."""
        self.rich_markup_mode = _choose_mode(ctx)
        super().format_help(ctx, formatter)

    def format_options(  # type: ignore[explicit-override]
        self, ctx: Any, formatter: Any
    ) -> None:
        """Write the options and the commands of the plain page."""
        _format_options(self.get_params(ctx), ctx, formatter)
        commands = [c for c in self.commands.values() if not c.hidden]
        widest = max(len(str(c.name)) for c in commands)
        for panel, members in _group(
            (getattr(c, "rich_help_panel", None) or "Commands", c)
            for c in commands
        ):
            with formatter.section(panel):
                formatter.write_dl(
                    [
                        (f"{c.name:<{widest}}", c.get_short_help_str(72))
                        for c in members
                    ]
                )


def write_examples(name: str) -> str:
    """Write the examples of a command.

    Parameters
    ----------
    name
        The name of the command.

    Returns
    -------
    str
        A heading, and a line for each; empty where there are none.
    """
    examples = EXAMPLES.get(name, ())
    widest = max((len(typed) for typed, _ in examples), default=0)
    lines = [f"  rsp-release {t:<{widest}}  # {w}" for t, w in examples]
    # The first line is empty, since typer takes the indent of the others.
    return "\n".join(["", "Examples:", *lines]) if lines else ""


def _choose_mode(ctx: Any) -> Any:
    """Choose typer's rich help on a terminal, and plain text elsewhere."""
    from ..views.base import find_size, is_capable

    options = ctx.find_root().obj
    if (
        not is_capable(sys.stdout, os.environ)
        or ctx.params.get("no_color")
        or getattr(options, "no_color", False)
        or os.environ.get("NO_COLOR")
    ):
        return None
    from typer import rich_utils

    width, _ = find_size(sys.stdout, os.environ)
    rich_utils.MAX_WIDTH = min(width, _WIDEST)
    return "rich"


def _without_types(parameters: list[Any]) -> list[Any]:
    """Leave out what typer tells of the types of arguments and flags."""
    for each in parameters:
        if each.param_type_name == "argument" or each.is_flag:
            each.display_type_rich = lambda ctx: None
        if each.name == "show_completion":
            # That is what the command `completion` is for.
            each.hidden = True
    return parameters


def _format_options(parameters: list[Any], ctx: Any, formatter: Any) -> None:
    records = []
    for each in parameters:
        usual = f"{each.param_type_name.capitalize()}s"
        record = each.get_help_record(ctx)
        if record is not None:
            panel = getattr(each, "rich_help_panel", None) or usual
            records.append((panel, record))
    first = ("Arguments", "Options")
    for panel, rows in sorted(
        _group(records), key=lambda group: group[0] not in first
    ):
        with formatter.section(panel):
            formatter.write_dl(rows)


def _group(pairs: Iterable[tuple[str, T]]) -> Iterator[tuple[str, list[T]]]:
    """Group values by their titles, in the order of the first of each."""
    groups: dict[str, list[T]] = {}
    for title, value in pairs:
        groups.setdefault(title, []).append(value)
    yield from groups.items()
