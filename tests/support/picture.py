"""Pictures of the checklist, for documentation."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from rsp_release.models import Event, StepEvent
from rsp_release.views import safe
from rsp_release.views.board import Board
from rsp_release.views.checklist import closing_frame
from rsp_release.views.closing import Closing
from rsp_release.views.frame import Painter
from rsp_release.views.glyphs import Glyphs

__all__ = ["as_svg", "export_svg"]

_DARK = TerminalTheme(
    (13, 17, 23),
    (201, 209, 217),
    [
        (72, 79, 88),
        (255, 123, 114),
        (63, 185, 80),
        (210, 153, 34),
        (88, 166, 255),
        (188, 140, 255),
        (57, 197, 207),
        (177, 186, 196),
    ],
)
_LIGHT = TerminalTheme(
    (255, 255, 255),
    (31, 35, 40),
    [
        (36, 41, 47),
        (207, 34, 46),
        (26, 127, 55),
        (154, 103, 0),
        (9, 105, 218),
        (130, 80, 223),
        (27, 124, 131),
        (110, 119, 129),
    ],
)

# rich's own format loads a font from another host.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}"
    xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas,
        "DejaVu Sans Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
.{unique_id}-title {{
    font-family: ui-sans-serif, system-ui, sans-serif;
    font-size: 16px;
    opacity: 0.7;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})"
    clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def export_svg(
    events: Iterable[Event],
    title: str,
    width: int = 80,
    *,
    steps: Sequence[tuple[str, str]] | None = None,
    command: str | None = None,
    is_dark: bool = True,
) -> str:
    """Draw the checklist after some events.

    Parameters
    ----------
    events
        What the engine told, from the beginning. Where they end in a result
        the finished list is drawn, and else the list at work.
    title
        The heading.
    width
        Columns of the terminal.
    steps
        Key and title of each step; those of the events by default.
    command
        The command line, which is drawn as if it had been typed.
    is_dark
        Whether the terminal's background is dark.

    Returns
    -------
    str
        An SVG image that refers to nothing outside itself.
    """
    told = list(events)
    if steps is None:
        named = {e.key: e.title for e in told if isinstance(e, StepEvent)}
        steps = tuple(named.items())
    board = Board(steps)
    now: datetime | None = None
    for event in told:
        board.fold(event)
        now = event.at
    if now is None:
        raise ValueError("no event to draw")
    glyphs = Glyphs()
    painter = Painter(
        board=board,
        title=safe.line(title),
        glyphs=glyphs,
        now=now,
        width=width,
        turn=3 if board.result is None else None,
    )
    if board.result is None:
        lines = painter.live(100)
    else:
        lines = painter.settled()
        lines += closing_frame(
            Closing(board, board.result), glyphs, width=width
        )
    console = Console(
        file=io.StringIO(),
        record=True,
        width=width,
        force_terminal=True,
        color_system="standard",
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    if command:
        console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    for line in lines:
        text = Text.assemble(*((t, s) for s, t in line if t))
        console.print(text, overflow="fold", crop=False)
    return as_svg(console, is_dark=is_dark)


def as_svg(console: Console, *, is_dark: bool = True) -> str:
    """Draw what a console has recorded.

    Parameters
    ----------
    console
        The console.
    is_dark
        Whether the terminal's background is dark.

    Returns
    -------
    str
        An SVG image that refers to nothing outside itself.
    """
    return console.export_svg(
        title="",
        theme=_DARK if is_dark else _LIGHT,
        code_format=_FORMAT,
        unique_id="rsp-release",
    )
