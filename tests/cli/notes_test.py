"""The command ``notes``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.service import NAME, Service, serve


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path) as service:
        yield service


def test_next_and_past_notes_are_offline(service: Service) -> None:
    before = len(service.box.state.requests)
    status = service.git("status", "--porcelain", "--ignored")
    coming = service.run("notes")
    assert coming.returncode == 0, coming.stderr
    assert coming.stdout == (
        "## New features\n\n- `GET /targets` pages through long lists of"
        " targets.\n\n## Bug fixes\n\n- Targets that are equally high keep"
        " their order.\n"
    )
    assert service.run("notes", "1.6.0").stdout == coming.stdout
    past = service.run("notes", "1.4.0")
    assert past.stdout == (
        "## New features\n\n- Notify Slack of uncaught exceptions.\n"
    )
    assert len(service.box.state.requests) == before
    assert service.git("status", "--porcelain", "--ignored") == status


def test_generated_notes_are_added(service: Service) -> None:
    coming = service.run("notes", "--generated")
    assert coming.returncode == 0, coming.stderr
    assert coming.stdout.startswith("## New features")
    assert "/compare/1.4.0...1.5.0" in coming.stdout
    # What is published is printed as it is, whoever wrote it.
    [page] = [r for r in service.box.state.releases(NAME) if r.tag == "1.4.0"]
    past = service.run("notes", "1.4.0", "--generated")
    assert past.stdout == page.body


def test_no_such_version(service: Service) -> None:
    result = service.run("notes", "nonsense")
    assert result.returncode == 2
    assert "nonsense" in result.stderr
