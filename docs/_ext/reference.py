"""Writes the reference pages from the code, before Sphinx reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["setup", "write_pages"]


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

    group: Any = typer.main.get_command(app)
    yield "# Commands"
    yield ""
    yield "Options of every command stand before its name."
    yield ""
    yield from _options(group)
    for name, command in group.commands.items():
        if command.hidden:
            continue
        yield f"## `{name}`"
        yield ""
        yield _cell(command.help or "")
        yield ""
        words = [p.metavar or p.name for p in command.params
                 if p.param_type_name == "argument"]
        usage = " ".join(["rsp-release", name, "[options]", *words])
        yield f"```text\n{usage}\n```"
        yield ""
        yield from _options(command)


def _options(command: Any) -> Iterator[str]:
    from rsp_release.cli.manual import parameters

    shown = list(parameters(command))
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
    from rsp_release import config
    from rsp_release.cli.manual import docstrings

    told = docstrings(config.Config)
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
    for key, (name, _, kind) in config._KEYS.items():  # noqa: SLF001
        yield f"| `{key}` | {kind} | {_cell(told.get(name, ''))} |"


def _exit_codes() -> Iterator[str]:
    from rsp_release.cli.manual import docstrings
    from rsp_release.exceptions import ExitStatus

    told = docstrings(ExitStatus)
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

    from rsp_release.cli.manual import docstrings
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
        for name, told in docstrings(kind).items():
            yield f"| `{name}` | {_cell(told)} |"


def _environment() -> Iterator[str]:
    from rsp_release.cli.manual import ENVIRONMENT

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
    kind = value.get("type", "any")
    if kind == "array":
        return f"list of {_kind(value.get('items', {}))}"
    return kind if isinstance(kind, str) else " or ".join(kind)


def _cell(text: str) -> str:
    text = " ".join(text.replace("``", "`").split())
    return text.replace("|", "\\|").replace("<", "&lt;")
