"""Every command's JSON, as it is printed, against the published schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main

from rsp_release.cli.app import app, main
from rsp_release.views.json import schema
from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.deploying import add_deployment, configure
from ..support.service import TAG, Service, serve

COMMANDS = (
    ("next", "--json"),
    ("check", "--offline", "--json"),
    ("check", "--json"),
    ("bump", "minor", "--dry-run", "--json"),
    ("bump", "patch", "--yes", "--json"),
    ("bump", "minor", "--yes", "--json"),
    ("bump", "minor", "--yes", "--json"),
    ("resume", TAG, "--json"),
    ("status", "--json"),
    ("status", "9.9.9", "--json"),
    ("watch", TAG, "--json"),
    ("verify", TAG, "--json"),
    ("deploy", TAG, "--json"),
    ("rehearse", "1.6.0", "--no-watch", "--json"),
    ("demo", "--json"),
    ("next", "--json"),
)
"""Commands in the order in which they are run, on one repository."""


@pytest.fixture
def service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    scenario = Scenario(speed=40, appear_after=0.1)
    with serve(tmp_path / "service", scenario=scenario) as service:
        add_deployment(service)
        configure(service)
        for name, value in service.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(service.clone)
        yield service


def test_documents_are_as_described(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    validators = {
        name: jsonschema.Draft202012Validator(
            json.loads(schema(name)),
            format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
        )
        for name in ("next", "check", "events")
    }
    outcomes = []
    # The demonstration takes longest, and is a `bump` like the others.
    slow = {"demo"} if choose_size(0, 1) else set[str]()
    for command in COMMANDS:
        if command[0] in slow:
            continue
        capsys.readouterr()
        status = main([*command])
        said = capsys.readouterr().out
        name = command[0] if command[0] in validators else "events"
        documents: list[dict[str, Any]] = [
            json.loads(line) for line in said.splitlines()
        ]
        assert documents, command
        for document in documents:
            validators[name].validate(document)
            assert document["schema"] == 1
        last = documents[-1]
        if name in {"next", "check"}:
            assert len(documents) == 1, command
        if name != "next":
            assert last.get("event", "result") == "result", command
            assert last["exit"] == status, command
            outcomes.append(last["outcome"])
    assert {"released", "nothing", "planned", "blocked"} <= set(outcomes)


def test_no_command_is_left_out() -> None:
    """`fleet` and `rollout` have tests of their own."""
    group: Any = typer.main.get_command(app)
    with_json = {
        name
        for name, command in group.commands.items()
        if any("--json" in p.opts for p in command.params)
    }
    assert {command[0] for command in COMMANDS} | {
        "fleet",
        "rollout",
    } == with_json
