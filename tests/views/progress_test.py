"""The line that says what is waited for."""

from __future__ import annotations

import io
import time

import pytest

from rsp_release.views import progress as module
from rsp_release.views.progress import Progress

ERASED = "\r\x1b[K"
ENVIRON = {"TERM": "xterm", "COLUMNS": "30"}


class Terminal(io.StringIO):
    """A terminal in memory."""

    encoding = "utf-8"

    def isatty(self) -> bool:  # type: ignore[explicit-override]
        return True


@pytest.fixture(autouse=True)
def delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DELAY", 0.01)


def _wait(stream: io.StringIO, text: str) -> None:
    end = time.monotonic() + 5
    while text not in stream.getvalue():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_what_is_quick_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DELAY", 60.0)
    stream = Terminal()
    with Progress(stream, ENVIRON, "reading") as progress:
        progress.tell("reading on")
        with progress.paused():
            stream.write("result\n")
    assert stream.getvalue() == "result\n"


def test_line_is_there_and_gone() -> None:
    stream = Terminal()
    with Progress(stream, ENVIRON, "reading") as progress:
        _wait(stream, "\rreading\x1b[K")
        progress.tell("1 of 2 checks done, waiting for something else")
        assert stream.getvalue().endswith(
            "\r1 of 2 checks done, waiting f\x1b[K"
        )
        with progress.paused():
            assert stream.getvalue().endswith(ERASED)
            stream.write("result\n")
        assert stream.getvalue().endswith("waiting f\x1b[K")
    assert stream.getvalue().endswith(ERASED)
    shown = stream.getvalue()
    progress.tell("late")
    assert stream.getvalue() == shown


def test_it_is_gone_after_an_error() -> None:
    stream = Terminal()
    with (
        pytest.raises(KeyboardInterrupt),
        Progress(stream, ENVIRON, "reading"),
    ):
        _wait(stream, "reading")
        raise KeyboardInterrupt
    assert stream.getvalue().endswith(ERASED)


def test_text_of_others_is_no_command() -> None:
    stream = Terminal()
    with Progress(stream, ENVIRON, "a\x1b]0;title\x07b\nc"):
        _wait(stream, "\rab c\x1b[K")


@pytest.mark.parametrize(
    ("stream", "environ"),
    [(io.StringIO(), ENVIRON), (Terminal(), {"TERM": "dumb"})],
)
def test_nothing_where_nobody_looks(
    stream: io.StringIO, environ: dict[str, str]
) -> None:
    with Progress(stream, environ, "reading") as progress:
        time.sleep(0.03)
        progress.tell("more")
    assert not stream.getvalue()
