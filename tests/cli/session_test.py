"""What becomes of an error that ends a command."""

from __future__ import annotations

import io
import sys
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rsp_release.cli.session import Again, Globals, Page, Session, print_error
from rsp_release.config import Config
from rsp_release.exceptions import ExitStatus, NotAllowedError, RefusedError
from rsp_release.factory import Factory
from rsp_release.models import Choice, Done, Event, Result, StepEvent, Wait

FACTORY = Factory(
    directory=Path(),
    remote="origin",
    config=Config(),
    environ={"GITHUB_TOKEN": "t"},
)
PAGE = "https://docs.github.com/rest/releases/releases#create-a-release"
DENIED = NotAllowedError(
    "single sign-on is required", help=f"authorize it: {PAGE}", url=PAGE
)


@pytest.mark.parametrize("again", [None, Again("rsp-release bump")])
def test_address_of_an_error_arrives(again: Again | None) -> None:
    session = Session(Globals(directory=Path(), environ={}), as_json=True)
    told = session._fail(RefusedError("no", url=PAGE), None, again)
    assert f"see {PAGE}" in (told.help or "").splitlines()
    told = session._fail(DENIED, None, again)
    assert (told.help or "").count(PAGE) == 1


def test_address_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (RefusedError("no", url=PAGE), DENIED):
        print_error(error, verbose=False)
        assert capsys.readouterr().err.count(PAGE) == 1


CHOICE = Choice(question="Now?", answers=(("yes", "now"), ("no", "later")))


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.confirm("Release 1.5.0?"),
        lambda s: s.decide(CHOICE),
        lambda s: s.choose(["yes", "no"]),
    ],
    ids=["a question", "a choice", "some of several"],
)
def test_nothing_is_remembered_over_a_question(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Session], object]
) -> None:
    """A person may take a second or a day for the answer."""
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "yes")
    session = Session(Globals(directory=Path(), environ={}))
    session.factory = FACTORY
    FACTORY.look.once("head", lambda: "before")
    ask(session)
    assert FACTORY.look.once("head", lambda: "after") == "after"


def test_some_of_several_are_asked_for_until_they_exist(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("off\ncm, prod cm\n"))
    session = Session(Globals(directory=Path(), environ={}))
    session.factory = FACTORY
    assert session.choose(["cm", "prod"]) == ("cm", "prod")
    assert capsys.readouterr().out.count("Which of cm, prod?") == 2


AT = datetime(2026, 11, 28, tzinfo=UTC)
OURS = "https://github.com/acme/x"
RUN = f"{OURS}/actions/runs/7"


def _step(key: str, verdict: Done | Wait) -> Event:
    return StepEvent(key=key, title=key, verdict=verdict, at=AT)


def _end(**urls: Any) -> Result:
    return Result(outcome="released", exit_status=ExitStatus.OK, at=AT, **urls)


@pytest.mark.parametrize(
    ("page", "events", "opened"),
    [
        # As soon as it is known, and once.
        ("workflow_run",
         [_step("workflow_run", Wait(reason="no run yet")),
          _step("workflow_run", Wait(reason="running", url=RUN)),
          _step("workflow_run", Done(evidence="done", url=RUN))],
         [RUN]),
        # Of another step it is another page.
        ("github_release", [_step("workflow_run", Done(evidence="", url=RUN))],
         []),
        ("chart_pr", [_end(deploy_url=f"{OURS}/pull/3")], [f"{OURS}/pull/3"]),
        # Whoever answers decides no more than the number.
        ("chart_pr", [_end(deploy_url="https://evil.example/acme/x/pull/3")],
         []),
        ("github_release",
         [_end(release_url=f"{OURS}/releases/tag/1.5.0")],
         [f"{OURS}/releases/tag/1.5.0"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("has_browser", [True, False])
def test_page_is_opened_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    page: Page,
    events: list[Event],
    opened: list[str],
    *,
    has_browser: bool,
) -> None:
    found: list[str] = []

    def browse(address: str) -> bool:
        found.append(address)
        return has_browser

    monkeypatch.setattr(webbrowser, "open", browse)
    session = Session(Globals(directory=Path(), environ={}))
    session.open_page(page)
    steps = [("workflow_run", "Run")]
    session.show("", steps, iter([*events, _end()]))
    assert found == opened
    said = capsys.readouterr().err
    if not opened:
        assert said == "--web: no page to open\n"
    else:
        assert (f"no browser: open {opened[0]}" in said) is not has_browser
