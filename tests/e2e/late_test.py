"""Fragments that come to the branch after the entry was made."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from rsp_release.models import Result, Wait
from rsp_release.release.plan import Options

from ..support.campaigns import choose_size
from ..support.people import BRANCH, EDITED, Person, protected, review
from ..support.service import NAME, TAG, Service
from ..support.simulated import VirtualClock

LATE = "changelog.d/20990101_000000_late.md"
TEXT = "### New features\n\n- Came late.\n"
KILLS = choose_size(30, 1)
METHODS = ("rebase", "merge", "squash")[: choose_size(3, 1)]


def _come_late(person: Person, folder: Path) -> None:
    person.push(folder, "main", LATE, lambda _: TEXT)


def _resume(service: Service, **options: bool) -> Result:
    releaser = service.make_releaser(Options(**options))  # type: ignore[arg-type]
    service.events = list(releaser.resume(releaser.plan_resume(None)))
    result = service.events[-1]
    assert isinstance(result, Result)
    return result


def _body(service: Service) -> str:
    [page] = [r for r in service.box.state.releases(NAME) if r.tag == TAG]
    return page.body or ""


def _merge(service: Service, person: Person, method: str) -> None:
    number = person.find()
    person.ask("POST", f"/pulls/{number}/reviews", {"event": "APPROVE"})
    assert service.clock is not None
    service.clock.sleep(600)
    for _ in range(2):
        person.ask("GET", f"/pulls/{number}")
    person.ask("PUT", f"/pulls/{number}/merge", {"merge_method": method})


@pytest.mark.parametrize("method", METHODS)
def test_late_fragments_are_added(method: str, tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with protected(tmp_path / "s", clock=clock) as (service, person):
        assert service.bump(options=Options(waits=False)).exit_status == 8
        person.edit(tmp_path / "e")
        _come_late(person, tmp_path / "late")
        # Said, and asked where somebody can answer.
        asked = _resume(service, asks=True)
        assert asked.choice is not None
        assert LATE in asked.choice.question
        assert LATE in str(asked.message)
        assert asked.exit_status == 8
        assert _resume(service, waits=False, collects_late=True).exit_status
        assert isinstance(service.events[-2].verdict, Wait)  # type: ignore[union-attr]
        again = _resume(service, waits=False)
        assert "late" not in str(again.message)
        _merge(service, person, method)
        assert _resume(service).outcome == "released"
        state = service.box.state
        [pull] = state.pulls(NAME).values()
        assert pull.merge_sha == state.tags(NAME)[TAG]
        assert EDITED in _body(service)
        assert _body(service).count("Came late.") == 1
        service.git("fetch", "--quiet", "origin")
        files = service.git("ls-tree", "--name-only", TAG, "changelog.d/")
        assert files == "changelog.d/_template.md.jinja\n"


def test_late_fragments_of_a_merged_pull_request(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with protected(tmp_path / "s", clock=clock) as (service, person):
        assert service.bump(options=Options(waits=False)).exit_status == 8
        _come_late(person, tmp_path / "late")
        _merge(service, person, "squash")
        blocked = _resume(service, asks=True)
        assert blocked.exit_status == 3
        assert blocked.choice is not None
        assert TAG not in service.box.state.tags(NAME)
        unfinished = _resume(service, waits=False, collects_late=True)
        assert unfinished.exit_status == 8
        _merge(service, person, "rebase")
        # Whoever goes on needs not know of the choice any more.
        assert _resume(service).outcome == "released"
        state = service.box.state
        first, second = state.pulls(NAME).values()
        assert second.merge_sha == state.tags(NAME)[TAG]
        assert first.merge_sha != second.merge_sha
        assert _body(service).count("Came late.") == 1


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_while_late_fragments_are_added(
    number: int, tmp_path: Path
) -> None:
    """One entry with everything, one tag, one release."""
    with protected(tmp_path / "s") as (service, person):
        started = time.monotonic()
        assert service.run("bump", "minor", "--yes", "--no-wait").returncode
        seconds = time.monotonic() - started
        _come_late(person, tmp_path / "late")
        with service.start("resume", "--collect-late", "--no-wait"):
            # After that it is killed.
            time.sleep(Random(number).uniform(0.05, 1.0) * seconds)
        told = service.run("resume", "--collect-late", "--no-wait")
        assert told.returncode == 8, told.stdout + told.stderr
        service.git("fetch", "--quiet", "origin", BRANCH)
        log = service.git("log", "--format=%s", "FETCH_HEAD", "^origin/main")
        assert log.count("Add late changes") == 1
        review(person, "squash", tmp_path / "r")
        result = service.run("resume")
        assert result.returncode == 0, result.stdout + result.stderr
        assert _body(service).count("Came late.") == 1
        assert len(service.box.state.pulls(NAME)) == 1


def test_somebody_at_a_terminal_is_asked(tmp_path: Path) -> None:
    with protected(tmp_path / "s") as (service, person):
        assert service.run("bump", "minor", "--yes", "--no-wait").returncode
        _come_late(person, tmp_path / "late")
        master, slave = pty.openpty()
        with subprocess.Popen(
            service.command("resume", "--no-wait"),
            cwd=service.clone,
            env={**service.environ, "TERM": "xterm", "NO_COLOR": "1"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        ) as process:
            os.close(slave)
            shown = _read(master, until=b"collect, leave or wait")
            assert LATE.encode() in shown
            os.write(master, b"collect\n")
            _read(master)
            assert process.wait(timeout=60) == 8
        os.close(master)
        service.git("fetch", "--quiet", "origin", BRANCH)
        log = service.git("show", "FETCH_HEAD:CHANGELOG.md")
        assert "- Came late.\n" in log


def _read(master: int, *, until: bytes | None = None) -> bytes:
    """Read what a terminal shows, until it shows something or ends."""
    shown = b""
    while until is None or until not in shown:
        ready, _, _ = select.select([master], [], [], 60)
        assert ready, shown
        try:
            more = os.read(master, 65_536)
        except OSError:
            break
        if not more:
            break
        shown += more
    assert until is None or until in shown, shown
    return shown
