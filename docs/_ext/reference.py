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
        yield from _options(command)


def _options(command: Any) -> Iterator[str]:
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    if not shown:
        return
    yield "| argument | what it does |"
    yield "|---|---|"
    for parameter in shown:
        is_option = parameter.param_type_name == "option"
        metavar = parameter.metavar or ""
        if is_option:
            names = ", ".join(
                f"`{name} {metavar}`".replace(" `", "`")
                for name in parameter.opts
            )
        else:
            names = f"`{metavar or parameter.name}`"
        told = getattr(parameter, "help", "") or ""
        yield f"| {_cell(names)} | {_cell(told)} |"
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
