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
from rsp_release.exceptions import UsageError
from rsp_release.release.releaser import Releaser
from tests.support.campaign import TAG, make_releaser
from tests.support.simulated import Chaos, Hub, VirtualClock


class Terminal(Session):
    """A session in the simulated world, with a person at a terminal."""

    def __init__(
        self, hub: Hub, folder: Path, chaos: Chaos | None = None
    ) -> None:
        super().__init__(Globals(directory=folder, no_color=True, environ={}))
        self._hub = hub
        self._folder = folder
        self._chaos = chaos or Chaos()

    @property
    @override
    def may_ask(self) -> bool:
        return True

    @override
    def make_releaser(
        self, *, deepens: bool = False, **changes: Any
    ) -> Releaser:
        return make_releaser(
            self._hub, self._chaos, self._folder / "journals", random=Random(0)
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


def _fail_at(name: str, fault: str) -> Chaos:
    """Have every call of a name fail."""
    chaos = Chaos(lambda number, writes: fault if _is_at(name) else None)

    def _is_at(name: str) -> bool:
        return chaos.calls[-1][0] == name

    return chaos


@pytest.mark.parametrize(
    ("fails", "flag", "advice"),
    [
        (("repository", "interrupt"), "",
         ("nothing was begun", "run it again: rsp-release bump minor\n")),
        (("repository", "outage"), "",
         ("down", "run it again: rsp-release bump minor\n")),
        (("push_tag", "interrupt"), "",
         ("nothing was undone", f"continue: rsp-release resume {TAG}\n")),
        (("repository", "interrupt"), "--dry-run",
         ("nothing was written", "rsp-release bump minor --dry-run\n")),
        (("repository", "outage"), "--dry-run",
         ("down", "run it again: rsp-release bump minor --dry-run\n")),
    ],
)  # fmt: skip
def test_advice_is_what_can_be_done(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fails: tuple[str, str],
    flag: str,
    advice: tuple[str, str],
) -> None:
    """What was not begun is not resumed, and a dry run begins nothing."""
    session = Terminal(Hub(clock=VirtualClock()), tmp_path, _fail_at(*fails))
    status = bump(session, "minor", dry_run=bool(flag), yes=True)
    assert status == (130 if fails[1] == "interrupt" else 1)
    said = capsys.readouterr()
    for line in advice:
        assert line in said.out + said.err


def test_nothing_is_resumed_that_was_not_begun(tmp_path: Path) -> None:
    session = Terminal(Hub(clock=VirtualClock()), tmp_path)
    with pytest.raises(UsageError, match="there is no tag") as e:
        resume(session, TAG)
    assert f"`rsp-release bump {TAG}`" in (e.value.help or "")


def test_release_before_is_not_resumed(tmp_path: Path) -> None:
    """A complete release is no answer where another was to begin."""
    hub = Hub(clock=VirtualClock())
    session = Terminal(hub, tmp_path)
    assert _bump(session, yes=True) == 0
    releaser = make_releaser(
        hub,
        Chaos(),
        tmp_path / "elsewhere",
        random=Random(0),
        checkout=hub.branches.commit_more(),
    )
    release = releaser.plan_resume(TAG)
    with pytest.raises(UsageError, match="nothing was begun") as e:
        releaser.require_begun(release)
    assert "`rsp-release bump`" in (e.value.help or "")


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
