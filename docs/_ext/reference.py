"""Writes the reference pages from the code, before Sphinx reads them."""

from __future__ import annotations

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["setup", "write_pages"]

ENVIRONMENT = {
    "GH_TOKEN, GITHUB_TOKEN": (
        "The token for GitHub, in this order; else that of `gh auth token`."
    ),
    "GITHUB_API_URL, GITHUB_SERVER_URL": (
        "GitHub Enterprise Server, or the sandbox. Pages are below the"
        " second; where one is not set, it follows from the other."
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
    "ARGOCD_AUTH_TOKEN_<ENVIRONMENT>, ARGOCD_SERVER_<ENVIRONMENT>": (
        "The token for the Argo CD of an environment, whose name is in upper"
        " case with `_` for what is no letter or digit; with the second, it is"
        " sent to that server only."
    ),
    "ARGOCD_AUTH_TOKEN, ARGOCD_SERVER": (
        "The token for one Argo CD; without the second, that of the current"
        " context of `argocd`."
    ),
    "ARGOCD_CONFIG_DIR": (
        "The directory of `config`, where `argocd login` keeps tokens; by"
        " default `~/.config/argocd`."
    ),
    "RSP_RELEASE_REGISTRY_MIRROR": (
        "Host and port of a registry that is asked in place of all others;"
        " the sandbox sets it."
    ),
    "NO_COLOR, TERM, COLUMNS, LINES": "As everywhere.",
}
"""Variables that the program reads, and what for."""


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx when to write the pages."""
    app.connect("config-inited", lambda app, _: write_pages(Path(app.srcdir)))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(docs: Path) -> None:
    """Write the pages, where they changed.

    Parameters
    ----------
    docs
        The directory of the documentation.
    """
    folder = docs / "reference"
    folder.mkdir(exist_ok=True)
    pages = {
        "commands": _commands,
        "settings": _settings,
        "checks": _checks,
        "exit-codes": _exit_codes,
        "json": _json,
        "events": _events,
        "environment": _environment,
    }
    for name, write in pages.items():
        text = "\n".join(write()) + "\n"
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _commands() -> Iterator[str]:
    import typer.main

    from rsp_release.cli.app import app
    from rsp_release.cli.help import EXAMPLES, GLOBAL

    group: Any = typer.main.get_command(app)
    yield "# Commands"
    yield ""
    yield from _options(group, GLOBAL)
    yield "These stand before the name of a command or after it."
    yield ""
    panel = None
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            yield f"## {panel}"
            yield ""
        yield f"### `{name}`"
        yield ""
        yield _cell(command.help or "")
        yield ""
        words = [
            p.metavar if p.required else f"[{p.metavar}]"
            for p in command.params
            if p.param_type_name == "argument"
        ]
        usage = " ".join(["rsp-release", name, "[options]", *words])
        yield f"```text\n{usage}\n```"
        yield ""
        own = dict.fromkeys(
            getattr(p, "rich_help_panel", None) for p in command.params
        )
        own.pop(GLOBAL, None)
        for each in sorted(own, key=bool):
            if each:
                yield f"{each}:"
                yield ""
            yield from _options(command, each)
        yield "```sh"
        for typed, what in EXAMPLES[name]:
            yield f"rsp-release {typed}  # {what}"
        yield "```"
        yield ""


def _options(command: Any, panel: str | None) -> Iterator[str]:
    shown = list(_parameters(command, panel))
    if not shown:
        return
    yield "| argument | what it does | default |"
    yield "|---|---|---|"
    for ways, told, default in shown:
        names = ", ".join(f"`{way}`" for way in ways)
        value = f"`{default}`" if default else ""
        yield f"| {_cell(names)} | {_cell(told)} | {value} |"
    yield ""


def _settings() -> Iterator[str]:
    from rsp_release.config import Config
    from rsp_release.views.json import schema

    told = _docstrings(Config)
    document = json.loads(schema("settings"))
    yield "# Settings"
    yield ""
    yield (
        "They go below `[tool.rsp-release]` in `pyproject.toml`, or at the"
        " top level of `.rsp-release.toml`. None is required: what can be"
        " detected is."
    )
    yield ""
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    for key in Config().keys:
        value = document
        for part in key.split("."):
            value = value["properties"][part]
        field = re.sub(r"\W", "_", key)
        yield f"| `{key}` | {_kind(value)} | {_cell(told.get(field, ''))} |"


def _checks() -> Iterator[str]:
    from rsp_release.checks import CHECKS

    yield "# Checks"
    yield ""
    yield (
        "`check` runs all of them, and `bump` does before it writes anything."
        " A check blocks where the release would fail, or would not be what it"
        " says; whatever else it finds is a warning. What cannot be told is"
        " unknown, and blocks nothing. `--force` releases all the same, except"
        " where the last column says no: there it would fail at once."
    )
    for group in dict.fromkeys(check.group for check in CHECKS):
        yield ""
        yield f"## {group}"
        yield ""
        yield "| `key` | what it tells | when it blocks, and why | `--force` |"
        yield "|---|---|---|---|"
        for check in CHECKS:
            if check.group != group:
                continue
            told = inspect.getdoc(check.look) or ""
            first, _, rest = told.partition("\n")
            blocks = re.search(r"(?s)\bBlocks\s+(.+?)(?:\n\n|\Z)", rest)
            when = blocks[1] if blocks else "never"
            can = "no" if check.is_of_bump else "yes" if blocks else ""
            first = first.removeprefix("Tell ")
            yield f"| `{check.key}` | {_cell(first)} | {_cell(when)} | {can} |"


def _exit_codes() -> Iterator[str]:
    from rsp_release.exceptions import ExitStatus

    told = _docstrings(ExitStatus)
    yield "# Exit statuses"
    yield ""
    yield "| status | meaning |"
    yield "|--:|---|"
    for status in ExitStatus:
        yield f"| {int(status)} | {_cell(told[status.name])} |"
    yield ""
    yield (
        "[What to do about each](../how-to/recover.md) has a page of its"
        " own."
    )


def _json() -> Iterator[str]:
    from rsp_release.views.json import SCHEMAS, schema

    yield "# JSON"
    yield ""
    yield (
        "With `--json` the standard output carries JSON alone, and every"
        " document says `\"schema\": 1`. Keys are added within a schema,"
        " never changed."
    )
    for name in SCHEMAS:
        document = json.loads(schema(name))
        yield ""
        yield f"## {document['title']}"
        yield ""
        yield _cell(document["description"])
        parts = {"": document, **document.get("$defs", {})}
        for part, description in parts.items():
            if part:
                yield ""
                yield f"### `{part}` of `{name}`"
            yield ""
            yield "| key | type | meaning |"
            yield "|---|---|---|"
            for key, value in description.get("properties", {}).items():
                yield f"| `{key}` | {_kind(value)} | {_cell(value.get('description', ''))} |"


def _events() -> Iterator[str]:
    from typing import get_args

    from rsp_release.models import Outcome, Result, StepEvent
    from rsp_release.models import verdicts
    from rsp_release.steps import PREPARE, RELEASE

    yield "# Events"
    yield ""
    yield (
        "Every command that looks at a release tells it in events, one JSON"
        " object a line with `--json`. A step is told when it changes: first"
        " what is seen, then what became of it. The last event is the result."
        " [](json.md) has the keys."
    )
    yield ""
    yield "## Steps, in order"
    yield ""
    yield "| `key` | `title` |"
    yield "|---|---|"
    for step in (*PREPARE, *RELEASE):
        yield f"| `{step.key}` | {_cell(step.title)} |"
    yield ""
    yield "## Verdicts"
    yield ""
    yield "| `verdict` | meaning |"
    yield "|---|---|"
    for kind in (
        verdicts.Done, verdicts.Change, verdicts.Wait, verdicts.Blocked
    ):
        first = (kind.__doc__ or "").partition("\n")[0]
        yield f"| `{kind.__name__.lower()}` | {_cell(first)} |"
    yield ""
    yield "## Outcomes"
    yield ""
    yield "The result's `outcome` is one of "
    yield ", ".join(f"`{each}`" for each in get_args(Outcome)) + "."
    for kind in (StepEvent, Result):
        yield ""
        yield f"## What a `{kind.__name__}` tells"
        yield ""
        yield "| field | meaning |"
        yield "|---|---|"
        for name, told in _docstrings(kind).items():
            yield f"| `{name}` | {_cell(told)} |"


def _environment() -> Iterator[str]:
    yield "# Environment"
    yield ""
    yield "| variable | use |"
    yield "|---|---|"
    for names, told in ENVIRONMENT.items():
        shown = ", ".join(f"`{name}`" for name in names.split(", "))
        yield f"| {shown} | {_cell(told)} |"


def _kind(value: dict[str, Any]) -> str:
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    if "$ref" in value:
        return f"`{value['$ref'].rsplit('/', 1)[-1]}`"
    if "oneOf" in value or "anyOf" in value:
        of = value.get("oneOf") or value["anyOf"]
        return " or ".join(_kind(each) for each in of)
    kind = value.get("type", "object" if "required" in value else "any")
    if kind == "array":
        return f"list of {_kind(value.get('items', {}))}"
    return kind if isinstance(kind, str) else " or ".join(kind)


def _cell(text: str) -> str:
    text = " ".join(text.replace("``", "`").split())
    return text.replace("|", "\\|").replace("<", "&lt;")


def _docstrings(owner: type) -> dict[str, str]:
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


def _parameters(
    command: Any, panel: str | None
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Tell of the arguments and options of a command.

    Parameters
    ----------
    command
        The command, as typer makes it.
    panel
        The group of them; `None`: those of none.

    Yields
    ------
    tuple
        The ways to write it, what it does, and its default if that says
        anything.
    """
    for each in command.params:
        if (
            getattr(each, "hidden", False)
            or getattr(each, "rich_help_panel", None) != panel
        ):
            continue
        metavar = each.metavar or ""
        ways: tuple[str, ...] = (metavar or each.name,)
        if each.param_type_name == "option":
            names = sorted((*each.opts, *each.secondary_opts), key=len)
            ways = tuple(f"{name} {metavar}".strip() for name in names)
        default = each.default
        told = (
            isinstance(default, str | int)
            and not isinstance(default, bool)
            and each.show_default
        )
        yield (
            ways,
            getattr(each, "help", None) or "",
            str(default) if told and default != "" else "",
        )
