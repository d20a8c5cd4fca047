"""The checklist in a real pseudo-terminal, in a process of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .screen import Screen

PROGRAM = """
import fcntl, os, signal, sys, termios, time
from datetime import UTC, datetime
from rsp_release.views import make_view
from tests.views.streams import STEPS, TITLE, released

# It is ignored below a shell that runs the tests in the background.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Else a Ctrl-C would go to no process.
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
start = datetime.now(UTC)
shift = next(released()).at
view = make_view(kind="checklist", title=TITLE, steps=STEPS,
    stdout=sys.stdout, stderr=sys.stderr, environ=os.environ,
    now=lambda: shift + (datetime.now(UTC) - start))
print("before")
try:
    with view:
        for number, event in enumerate(released()):
            view.show(event)
            if number == int(sys.argv[1]):
                time.sleep(120)
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(130)
"""
ROOT = Path(__file__).parents[2]


class Session:
    """A process in a pseudo-terminal, and what its screen shows."""

    def __init__(self, stop: int, columns: int, rows: int, term: str) -> None:
        self.screen = Screen(columns, rows)
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(self.master)
        self.resize(columns, rows)
        environ = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        for name in ("COLUMNS", "LINES", "XTERM_VERSION"):
            environ.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(stop)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env=environ | {"TERM": term, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self.master, False)
        self._left = b""

    def resize(self, columns: int, rows: int) -> None:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def read(self) -> None:
        try:
            got = self._left + os.read(self.master, 1 << 16)
        except BlockingIOError:
            time.sleep(0.01)
            return
        except OSError:
            time.sleep(0.01)
            return
        # A read may end within a character or within a sequence.
        end = len(got)
        cut = max(got.rfind(b"\x1b", -12), 0)
        if cut and not got[cut:].rstrip(b"0123456789;?[\x1b"):
            end = cut
        while end and got[end - 1] >= 0x80:
            end -= 1
        self._left = got[end:]
        self.screen.write(got[:end].decode())

    def wait(self, text: str, seconds: float = 60) -> None:
        """Read until a text is on the screen."""
        end = time.monotonic() + seconds
        while text not in self.screen.text:
            assert time.monotonic() < end, self.screen.text
            self.read()

    def drain(self) -> int:
        """Read until the process has ended, and return its status."""
        end = time.monotonic() + 60
        # Nobody else reads: it could not write its last words.
        while self.process.poll() is None:
            assert time.monotonic() < end, self.screen.text
            self.read()
        for _ in range(20):
            self.read()
        return self.process.wait()


@contextmanager
def session(
    stop: int, *, columns: int = 80, rows: int = 24, term: str = "xterm"
) -> Iterator[Session]:
    made = Session(stop, columns, rows, term)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()
        os.close(made.master)


def test_to_the_end() -> None:
    with session(99) as terminal:
        assert terminal.drain() == 0
        text = terminal.screen.text
    assert text.startswith("before\n")
    assert text.count("Workflow run") == 1
    assert "✓ Released 12.1.0" in text


def test_time_passes_while_nothing_is_told() -> None:
    with session(10) as terminal:
        terminal.wait("CI runs")
        for seconds in (1, 2):
            terminal.wait(f"{seconds}s")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_terminal_is_whole_after(number: signal.Signals) -> None:
    with session(10) as terminal:
        terminal.wait("CI runs")
        if number == signal.SIGINT:
            os.write(terminal.master, b"\x03")
        else:
            terminal.process.kill()
        status = terminal.drain()
        screen = terminal.screen
        assert screen.is_cursor_visible
        assert screen.wraps
        assert screen.column == 0
        assert screen.row == len(screen.lines) - 1
        assert termios.tcgetattr(terminal.master) == terminal.before
        assert screen.text.count("Workflow run") == 1
        if number == signal.SIGINT:
            assert status == 130
            assert screen.text.endswith("\ninterrupted")
            assert "^C" not in screen.text


def test_resized_while_it_works() -> None:
    with session(10) as terminal:
        terminal.wait("CI runs")
        for columns, rows in ((60, 24), (100, 30), (70, 24)):
            terminal.resize(columns, rows)
            terminal.screen.resize(columns, rows)
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                terminal.read()
            assert terminal.screen.text.count("Workflow run") == 1


def test_dumb() -> None:
    with session(99, term="dumb") as terminal:
        assert terminal.drain() == 0
        text = terminal.screen.text
    assert "done     Preflight       all 9 checks passed" in text
    assert "Released 12.1.0" in text
