"""What becomes of an error that ends a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rsp_release.cli.session import Again, Globals, Session, print_error
from rsp_release.config import Config
from rsp_release.exceptions import NotAllowedError, RefusedError
from rsp_release.factory import Factory
from rsp_release.models import Choice

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
    [lambda s: s.confirm("Release 1.5.0?"), lambda s: s.decide(CHOICE)],
    ids=["a question", "a choice"],
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
