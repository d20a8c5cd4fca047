"""What a person at a terminal is asked while something is released."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typing_extensions import override

from rsp_release.cli.app import main
from rsp_release.cli.release import bump, resume
from rsp_release.cli.session import Globals, Session
from rsp_release.release.releaser import Releaser
from tests.support.campaign import TAG, make_releaser
from tests.support.simulated import Chaos, Hub, VirtualClock


class Terminal(Session):
    """A session in the simulated world, with a person at a terminal."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        super().__init__(Globals(directory=folder, no_color=True, environ={}))
        self._hub = hub
        self._folder = folder

    @property
    @override
    def may_ask(self) -> bool:
        return True

    @override
    def make_releaser(
        self, *, deepens: bool = False, **changes: Any
    ) -> Releaser:
        return make_releaser(
            self._hub, Chaos(), self._folder / "journals", random=Random(0)
        )


def _answer(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    typed = io.StringIO("".join(f"{a}\n" for a in answers))
    monkeypatch.setattr(sys, "stdin", typed)


def _bump(session: Session, *, yes: bool = False) -> int:
    return bump(session, "minor", yes=yes)


def test_edited_entry_is_asked_about(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every command that meets it asks; only a yes releases."""
    hub = Hub(clock=VirtualClock())
    hub.branches.entry = "### New features\n\n- Start.\n"
    hub.branches.edited = "### Backwards-incompatible changes\n\n- Drop it.\n"
    session = Terminal(hub, tmp_path)
    _answer(monkeypatch, "y", "n")
    assert _bump(session) == 3
    _answer(monkeypatch, "n")
    assert _bump(session) == 3
    _answer(monkeypatch, "n")
    assert resume(session, tag=None) == 3
    assert hub.tags == {}
    said = capsys.readouterr()
    question = f"Release it as {TAG} anyway?"
    assert (said.out + said.err).count(question) == 3
    _answer(monkeypatch, "y")
    assert _bump(session, yes=True) == 0
    assert list(hub.tags) == [TAG]


def test_resume_insists_where_a_person_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(clock=VirtualClock())
    hub.branches.entry = "### New features\n\n- Start.\n"
    hub.branches.edited = "### Backwards-incompatible changes\n\n- Drop it.\n"
    session = Terminal(hub, tmp_path)
    _answer(monkeypatch, "n")
    assert _bump(session, yes=True) == 3
    _answer(monkeypatch, "y")
    assert resume(session, tag=TAG) == 0
    assert list(hub.tags) == [TAG]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--leave-late", "--collect-late"], "--collect-late"),
        (["--no-watch", "--rerun-failed", "1"], "--rerun-failed"),
        (["--no-watch", "--approve"], "--approve"),
        (["--timeout", "soon"], "'soon'"),
    ],
)
@pytest.mark.parametrize("command", ["bump", "resume", "rehearse"])
def test_contradicting_flags(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    flags: list[str],
    named: str,
) -> None:
    assert main(["-C", str(tmp_path), command, *flags]) == 2
    assert named in capsys.readouterr().err
