"""The man page and the completion of shells, written from the commands.

They come with the package (``share/man`` and the places where shells look),
made when it is built, so that neither can be older than the program.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..exceptions import ExitStatus

__all__ = [
    "ENVIRONMENT",
    "SHELLS",
    "completion",
    "docstrings",
    "man_page",
    "parameters",
    "write_files",
]

ENVIRONMENT = {
    "GH_TOKEN, GITHUB_TOKEN": (
        "The token for GitHub, in this order; else that of `gh auth token`."
    ),
    "GITHUB_API_URL, GITHUB_SERVER_URL": (
        "GitHub Enterprise Server, or the sandbox."
    ),
    "GITHUB_REPOSITORY": (
        "The repository, where neither `--repo`, the settings nor the"
        " remote's URL says."
    ),
    "GITHUB_ACTIONS, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY": (
        "Set by GitHub Actions: annotations, outputs and a summary are"
        " written."
    ),
    "GITHUB_RUN_ID": (
        "Set by GitHub Actions: the run whose own job `check` does not wait"
        " for."
    ),
    "DOCKER_CONFIG": (
        "The directory of docker's `config.json`, whose credentials and"
        " helpers are used for registries."
    ),
    "RSP_RELEASE_REGISTRY_MIRROR": (
        "Host and port of a registry that is asked in place of all others;"
        " the sandbox sets it."
    ),
    "NO_COLOR, TERM, COLUMNS, LINES": "As everywhere.",
}
"""Variables that the program reads, and what for."""

SHELLS = {
    "bash": "share/bash-completion/completions/rsp-release",
    "zsh": "share/zsh/site-functions/_rsp-release",
    "fish": "share/fish/vendor_completions.d/rsp-release.fish",
}
"""Where each shell looks for a completion."""


def completion(shell: str) -> str:
    """Return the script that completes the command line.

    Parameters
    ----------
    shell
        ``bash``, ``zsh`` or ``fish``.

    Returns
    -------
    str
        The script. It asks the program itself, so it is never out of date.
    """
    from typer import completion as typers

    # Typer's own, so that it is for the protocol of the typer at hand.
    script: str = typers.get_completion_script(  # type: ignore[attr-defined]
        prog_name="rsp-release",
        complete_var="_RSP_RELEASE_COMPLETE",
        shell=shell,
    )
    if shell == "zsh":
        # Where zsh loads a function by its file's name, it is called at once.
        script += (
            '\nif [ "$funcstack[1]" = "_rsp-release" ]; then'
            '\n  _rsp_release_completion "$@"\nfi'
        )
    return f"{script}\n"


def man_page(version: str) -> str:
    """Return the man page.

    Parameters
    ----------
    version
        The version that it is about.

    Returns
    -------
    str
        The page, for man(7)'s macros.
    """
    return "\n".join(_page(version)) + "\n"


def write_files(folder: Path, version: str) -> None:
    """Write the man page and the completions.

    Parameters
    ----------
    folder
        Where ``share`` shall be.
    version
        The version that they are about.
    """
    texts = {path: completion(shell) for shell, path in SHELLS.items()}
    texts["share/man/man1/rsp-release.1"] = man_page(version)
    for place, text in texts.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def docstrings(owner: type) -> dict[str, str]:
    """Return the strings that stand below the fields of a class.

    Parameters
    ----------
    owner
        The class, whose source has to be there.
    """
    [tree] = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101
    found = {}
    for field, string in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign):
            target: ast.expr = field.target
        elif isinstance(field, ast.Assign):
            target = field.targets[0]
        else:
            continue
        if (
            isinstance(target, ast.Name)
            and isinstance(string, ast.Expr)
            and isinstance(string.value, ast.Constant)
        ):
            found[target.id] = " ".join(str(string.value.value).split())
    return found


def parameters(command: Any) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Tell of the arguments and options of a command.

    Parameters
    ----------
    command
        The command, as typer makes it.

    Yields
    ------
    tuple
        The ways to write it, what it does, and its default if that says
        anything.
    """
    for each in command.params:
        if getattr(each, "hidden", False):
            continue
        metavar = each.metavar or ""
        ways: tuple[str, ...] = (metavar or each.name,)
        if each.param_type_name == "option":
            ways = tuple(f"{name} {metavar}".strip() for name in each.opts)
        default = each.default
        told = isinstance(default, str | int) and not isinstance(default, bool)
        yield (
            ways,
            getattr(each, "help", None) or "",
            str(default) if told and default != "" else "",
        )


def _page(version: str) -> Iterator[str]:
    import typer.main

    from .app import app

    group: Any = typer.main.get_command(app)
    yield f'.TH RSP\\-RELEASE 1 "" "rsp\\-release {_roff(version)}"'
    yield ".SH NAME"
    yield "rsp\\-release \\- release a service, from merged commits to images"
    yield ".SH SYNOPSIS"
    yield ".B rsp\\-release"
    yield "[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]"
    yield ".SH DESCRIPTION"
    yield _roff(
        "One command tags a service, publishes its GitHub release, watches"
        " the workflow that builds its images, looks for them in the"
        " registry, and opens the deployment pull request. It can be killed"
        " at any instant; the next run finds out what is true and goes on"
        " from there."
    )
    yield ".SH OPTIONS"
    yield "These stand before the command."
    yield from _items(group)
    yield ".SH COMMANDS"
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield f".SS {_roff(_usage(name, command))}"
        yield _roff(" ".join((command.help or "").split()))
        yield from _items(command)
    yield ".SH EXIT STATUS"
    told = docstrings(ExitStatus)
    for status in ExitStatus:
        yield f".TP\n.B {int(status)}\n{_roff(told[status.name])}"
    yield ".SH ENVIRONMENT"
    for names, meaning in ENVIRONMENT.items():
        yield f".TP\n.B {_roff(names)}\n{_roff(meaning)}"
    yield ".SH FILES"
    for path, meaning in (
        ("pyproject.toml", "Settings, below [tool.rsp-release]."),
        (".rsp-release.toml", "Settings, at the top level."),
        (
            ".git/rsp-release/TAG.jsonl",
            "What was decided about a release that is under way.",
        ),
    ):
        yield f".TP\n.I {_roff(path)}\n{_roff(meaning)}"
    yield ".SH SEE ALSO"
    yield _roff("git(1), gh(1), https://rsp-release.lsst.io")


def _usage(name: str, command: Any) -> str:
    words = [
        (each.metavar or each.name)
        for each in command.params
        if each.param_type_name == "argument"
    ]
    return " ".join([name, *words])


def _items(command: Any) -> Iterator[str]:
    for ways, told, default in parameters(command):
        yield ".TP"
        yield ", ".join(f"\\fB{_roff(way)}\\fR" for way in ways)
        end = f" The default is {default}." if default else ""
        yield _roff(told + end) or "\\&"


def _roff(text: str) -> str:
    """Write text so that roff sets it as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)
