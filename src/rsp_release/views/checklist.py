"""The view for terminals: a live checklist."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Self, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ..models import Change, Event, Notice, PushTag, Result, StepEvent
from . import safe
from .base import find_size, write
from .board import Board
from .closing import Closing, details, platforms
from .display import Display
from .frame import Line, Painter, wrap
from .glyphs import Glyphs

__all__ = ["ChecklistView", "closing_frame"]

_LABEL = len("Deployment") + 1
"""The width of what stands before the addresses of a result."""

_PERIOD = 0.125
"""Seconds between two pictures."""


class ChecklistView:
    """A line a step, live while it works, and the result at the end.

    Parameters
    ----------
    title
        The heading.
    steps
        Key and title of each step, in order.
    stdout
        The terminal.
    environ
        The environment, for the terminal's properties.
    now
        Tells the present time (aware).
    no_color
        Whether to do without colours; bold and dim stay.
    is_animated
        Whether a thread draws while nothing is told. A test draws itself,
        with `tick`.
    """

    def __init__(
        self,
        *,
        title: str,
        steps: Sequence[tuple[str, str]],
        stdout: TextIO,
        environ: Mapping[str, str],
        now: Callable[[], datetime],
        no_color: bool,
        is_animated: bool = True,
    ) -> None:
        self.board = Board(steps)
        self._stdout = stdout
        self._now = now
        self._environ = environ
        self._glyphs = Glyphs.choose(getattr(stdout, "encoding", None))
        self._title = safe.line(title)
        self._console = Console(
            file=stdout,
            force_terminal=True,
            color_system="standard",
            no_color=no_color or bool(environ.get("NO_COLOR")),
            markup=False,
            emoji=False,
            highlight=False,
            _environ={},
        )
        # xterm and the Linux console cut lines instead of breaking them.
        term = environ.get("TERM", "")
        cuts = "XTERM_VERSION" in environ or term.startswith("linux")
        self._display = Display(stdout, size=self._size, reflows=not cuts)
        self._lock = threading.RLock()
        self._is_over = threading.Event()
        self._is_animated = is_animated
        self._thread: threading.Thread | None = None
        self._turn = 0
        self._notes: set[str] = set()
        self._is_still = False

    def __enter__(self) -> Self:
        self.board.begin(self._now())
        self.tick()
        if self._is_animated:
            self._thread = threading.Thread(target=self._animate, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self.board.result is None:
                self.board.stop(self._now())
                self._finish()

    def show(self, event: Event) -> None:
        """Show an event."""
        with self._lock:
            self._shown(self.board.fold(event))

    def hint(self, text: str) -> None:
        """Say how far the step at work is, until more is known of it."""
        with self._lock:
            self.board.hint(text)

    def _shown(self, event: Event) -> None:
        if isinstance(event, Notice):
            if event.text not in self._notes:
                self._notes.add(event.text)
                self._display.above(self._style(_note(event.text)))
            return
        if isinstance(event, Result):
            self._is_over.set()
            self._finish()
            return
        self._is_still = False
        self._draw()
        # While git may be asking for a passphrase, the terminal is its own.
        self._is_still = _may_ask(event)

    def tick(self) -> None:
        """Draw the list as it is now."""
        with self._lock:
            if not self._is_over.is_set() and not self._is_still:
                self._turn += 1
                self._draw()

    def _animate(self) -> None:
        try:
            while not self._is_over.wait(_PERIOD):
                self.tick()
        except (OSError, ValueError):
            # The terminal is gone; whoever writes next will hear of it.
            return

    def _draw(self) -> None:
        width, height = self._size()
        lines = self._painter(width, self._turn).live(height)
        self._display.draw(
            [(self._style([line])[:-1], _cells(line)) for line in lines]
        )

    def _finish(self) -> None:
        width, _ = self._size()
        lines = self._painter(width).settled()
        if self.board.result is not None:
            closing = Closing(self.board, self.board.result)
            lines += closing_frame(closing, self._glyphs, width=width)
        self._display.clear()
        write(self._stdout, self._style([*lines, []]))

    def _painter(self, width: int, turn: int | None = None) -> Painter:
        return Painter(
            board=self.board,
            title=self._title,
            glyphs=self._glyphs,
            now=self._now(),
            width=width,
            turn=turn,
        )

    def _style(self, lines: Sequence[Line]) -> str:
        with self._console.capture() as capture:
            for line in lines:
                text = Text.assemble(*((t, s) for s, t in line if t))
                self._console.print(text, soft_wrap=True)
        return capture.get()

    def _size(self) -> tuple[int, int]:
        return find_size(self._stdout, self._environ)


def closing_frame(
    closing: Closing, glyphs: Glyphs, *, width: int = 80
) -> list[Line]:
    """Paint the last words.

    No frame is drawn around them, and neither what others wrote nor an
    address, a digest or a command is broken, so that they can be followed and
    copied. What to do is prose, and is broken between its words.

    Parameters
    ----------
    closing
        The last words.
    glyphs
        The characters to use.
    width
        The terminal's columns.
    """
    glyph, style = {
        "good": (glyphs.done, "bold green"),
        "bad": (glyphs.failed, "bold red"),
        "person": (glyphs.waiting, "bold yellow"),
        "plain": (glyphs.arrow, "bold"),
    }[closing.tone]
    painted: list[Line] = [[], [("", "  "), (style, glyph), ("", " ")]]
    painted[1].append((style, closing.headline))
    painted += [[("", f"    {reason}")] for reason in closing.reasons]
    indent = 5 + len(glyphs.arrow)
    for help in closing.help:
        for number, part in enumerate(wrap(help, width - indent)):
            mark = " " * len(glyphs.arrow) if number else glyphs.arrow
            painted.append([("cyan", f"    {mark} "), ("", part)])
    if closing.facts or closing.images:
        painted.append([])
    painted += [
        [("dim", f"    {name:<{_LABEL}}"), ("", value)]
        for name, value in closing.facts
    ]
    for image in closing.images:
        beside, under = details(image)
        painted.append(
            [
                ("dim", f"    {'Image':<{_LABEL}}"),
                ("bold", f"{image.image}:{image.tag}"),
            ]
        )
        if beside:
            painted[-1].append(("dim", "  " + ", ".join(beside)))
        margin = ("", " " * (4 + _LABEL))
        painted += [[("dim", f"      {row}")] for row in platforms(image)]
        if image.state != "present":
            colour = "red" if image.state == "absent" else "yellow"
            painted.append([margin, (f"bold {colour}", image.state)])
            if under:
                painted[-1].append(("", f": {under.pop(0)}"))
        painted += [[margin, ("", sentence)] for sentence in under]
    if closing.digests:
        painted.append([])
    painted += [[("", f"    {digest}")] for digest in closing.digests]
    return painted


def _may_ask(event: Event) -> bool:
    return (
        isinstance(event, StepEvent)
        and event.is_acting
        and isinstance(event.verdict, Change)
        and isinstance(event.verdict.write, PushTag)
    )


def _note(text: str) -> list[Line]:
    return [[("", "  "), ("dim", each)] for each in text.splitlines()]


def _cells(line: Line) -> int:
    return sum(cell_len(text) for _, text in line)
