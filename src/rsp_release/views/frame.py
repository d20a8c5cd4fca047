"""The checklist as lines of styled text.

Nothing here writes, and nothing here knows a terminal: a `Board`, a time and
a size go in, lines come out.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len, set_cell_size

from ..models import Job, JobStep, Standing, WorkflowRun
from . import words
from .board import Board, Row
from .glyphs import Glyphs
from .words import Tone

__all__ = ["Line", "Painter", "wrap"]

Line = list[tuple[str, str]]
"""One line: pieces of a style and a text."""

_WIDEST = 100
"""Beyond this the eye loses the line between a step and its time."""

_TONES: dict[Tone, str] = {
    "good": "green",
    "bad": "bold red",
    "active": "cyan",
    "waiting": "dim",
    "person": "bold yellow",
    "skipped": "dim",
    "unknown": "magenta",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Painter:
    """Paints a board as lines, as it is at one time.

    Parameters
    ----------
    board
        What is true.
    title
        The heading.
    glyphs
        The characters to use.
    now
        The present time (aware).
    width
        Columns of the output.
    turn
        How often the spinner has turned; `None`: the list is over.
    """

    board: Board
    title: str
    glyphs: Glyphs
    now: datetime
    width: int
    turn: int | None = None

    def live(self, height: int) -> list[Line]:
        """Paint the list while it works, whole at any size.

        Parameters
        ----------
        height
            Rows of the terminal. One is left to the cursor.
        """
        painted = self._fitted(max(1, height - 1))
        return [self._crop(line, self.width - 1) for line in painted]

    def _fitted(self, room: int) -> list[Line]:
        head: list[Line] = [[], *self._heading(), []]
        steps = [self._row(row)[:1] for row in self.board.rows]
        active = self.board.active
        if active is None:
            body = [each for step in steps for each in step]
            return (head + body)[-room:] if len(body) < room else body[:room]
        place = self.board.rows.index(active)
        least = min(3, len(self._below(active, 99)))
        # First the heading goes, then the steps that are over, then those
        # to come, until a few jobs fit under the step at work.
        if len(head) + len(steps) + least > room:
            head = []
        if len(steps) + least > room:
            steps, place = steps[place:], 0
        if len(steps) + least > room:
            steps = steps[:1]
        left = room - len(head) - len(steps)
        above = [*self._bar(active.run), *self._link(active.url)]
        above = above[: max(0, left - least)]
        steps[place] += above + self._below(active, left - len(above))
        return (head + [each for step in steps for each in step])[:room]

    def settled(self) -> list[Line]:
        """Paint the list when it is over, with nothing cut.

        A word that is longer than the output is wide is left whole.
        """
        if all(row.state == "pending" for row in self.board.rows):
            return []
        painted: list[Line] = [[], *self._heading(), []]
        for row in self.board.rows:
            painted += self._row(row)
            if row.state in {"waiting", "blocked"}:
                painted += self._below(row, 60)
        return painted

    def _heading(self) -> list[Line]:
        return [[("", "  "), ("bold", self.title)]] if self.title else []

    def _row(self, row: Row) -> list[Line]:
        glyph, style = self._state(row)
        widest = max(
            (cell_len(each.title) for each in self.board.rows), default=0
        )
        column = min(widest, 28, max(8, self.width // 3))
        title = set_cell_size(self._cut(row.title, column), column)
        time = self._time(
            row.spent(self.now) if row.state != "planned" else None
        )
        space = self._space - 6 - column
        text = row.text or ("checking" if row.state == "looking" else "")
        first, *_ = text.splitlines() or [""]
        # What did not go well is told whole under the list.
        is_told = self.board.result is not None and row.state == "blocked"
        if self.turn is None and not is_told:
            pieces = wrap(first, space)
        else:
            pieces = [self._cut(first, space)] if space > 3 else [""]
        weight = "dim" if row.state == "pending" else ""
        if self.turn is not None and row.since and row.until is None:
            weight = "bold"
        shade = "dim" if row.state == "looking" else ""
        painted: Line = [
            ("", "  "),
            (style, glyph),
            ("", " "),
            (weight, title.rstrip() if not pieces[0] and not time else title),
        ]
        if pieces[0] or time:
            painted += [("", "  "), (shade, pieces[0])]
        self._put_time(painted, time)
        indent = " " * (4 + column + 2)
        return [painted, *([("", indent), (shade, p)] for p in pieces[1:])]

    def _state(self, row: Row) -> tuple[str, str]:
        glyphs = self.glyphs
        settled = {
            "done": (glyphs.done, "green"),
            "blocked": (glyphs.failed, "bold red"),
            "planned": (glyphs.planned, "yellow"),
            "pending": (glyphs.pending, "dim"),
        }.get(row.state)
        if settled:
            return settled
        if row.until is None:
            return glyphs.spin(self.turn), "cyan"
        return glyphs.waiting, "yellow"

    @property
    def _space(self) -> int:
        """Cells of a line that a text may take beside the time."""
        edge = min(self.width - 1, _WIDEST)
        return edge - 8 if edge >= 50 else edge

    def _put_time(self, line: Line, time: str, indent: int = 0) -> None:
        """Put a time at the right edge, where there is room for it."""
        edge = min(self.width - 1, _WIDEST)
        if time and edge >= 50:
            used = indent + sum(cell_len(text) for _, text in line)
            gap = max(2, edge - used - len(time))
            line += [("", " " * gap), ("dim", time)]

    def _bar(self, run: WorkflowRun | None) -> list[Line]:
        """Paint how far a run should be, where it is known from the past."""
        if run is None or not run.started_at or not run.expected_at:
            return []
        if run.status == "completed" or self.width < 50:
            return []
        whole = (run.expected_at - run.started_at).total_seconds()
        left = (run.expected_at - self.now).total_seconds()
        # It is full only when the run says so itself.
        share = min(max(1 - left / max(whole, 1.0), 0.0), 0.99)
        cells = min(30, self.width // 3)
        past = int(share * cells)
        told = "longer than usual"
        if left >= 1:
            told = f"about {words.duration(left)} left"
        return [
            [
                ("", "    "),
                ("cyan", self.glyphs.past * past),
                ("dim", self.glyphs.ahead * (cells - past)),
                ("dim", f"  {told}"),
            ]
        ]

    def _link(self, url: str | None) -> list[Line]:
        # An address that was cut is of no use to anybody.
        if not url or 4 + len(url) >= self.width:
            return []
        return [[("", "    "), ("dim", url)]]

    def _below(self, row: Row, room: int) -> list[Line]:
        """Paint what a step is about: the jobs of a run, or environments."""
        standings = row.environments[: max(0, room)]
        if row.run is not None or len(row.environments) < 2:
            return self._tree(row.run, room)
        width = max((cell_len(s.environment) for s in standings), default=0)
        return self._rails([[self._standing(s, width)] for s in standings])

    def _standing(self, standing: Standing, width: int) -> Line:
        tone = words.tone_of(standing)
        name = set_cell_size(standing.environment, width)
        text = self._cut(standing.text, max(0, self._space - 10 - width))
        glyph = self.glyphs.of(tone, self.turn)
        return [(_TONES[tone], glyph), ("", f" {name}  "), ("dim", text)]

    def _tree(self, run: WorkflowRun | None, room: int) -> list[Line]:
        if run is None or not run.jobs or room < 1:
            return []
        over, heavy, light = [], [], []
        for job in run.jobs:
            tone = words.meaning(job).tone
            if tone in {"good", "skipped"}:
                over.append(job)
            elif tone == "waiting":
                light.append(job)
            else:
                heavy.append(job)
        heavy.sort(key=lambda job: words.meaning(job).tone == "active")
        shown = heavy + light
        blocks = [self._job(job) for job in shown]
        fold = 1 if over else 0
        if sum(map(len, blocks)) + fold > room:
            blocks = [block[:1] for block in blocks]
        hidden: list[Job] = []
        if len(blocks) + fold > room:
            keep = max(0, room - fold - 1)
            hidden = shown[keep:]
            blocks = blocks[:keep]
        if over:
            blocks.insert(0, [self._over(over)])
        if hidden:
            blocks.append([self._hidden(hidden)])
        return self._rails(blocks[:room])

    def _rails(self, blocks: list[list[Line]]) -> list[Line]:
        painted: list[Line] = []
        for number, (first, *rest) in enumerate(blocks, 1):
            is_last = number == len(blocks)
            rail = self.glyphs.last if is_last else self.glyphs.branch
            stem = " " if is_last else self.glyphs.stem
            painted.append([("dim", f"    {rail} "), *first])
            painted += [[("dim", f"    {stem} "), *each] for each in rest]
        return painted

    def _over(self, jobs: list[Job]) -> Line:
        skipped = sum(words.meaning(j).tone == "skipped" for j in jobs)
        done = len(jobs) - skipped
        parts = [f"{_jobs(done)} done"] if done else []
        if skipped:
            parts.append(f"{skipped if done else _jobs(skipped)} skipped")
        glyph, style = self.glyphs.done, "green"
        if not done:
            glyph, style = self.glyphs.skipped, "dim"
        return [(style, glyph), ("dim", " " + ", ".join(parts))]

    def _hidden(self, jobs: list[Job]) -> Line:
        counts = Counter(words.meaning(job).word for job in jobs)
        told = ", ".join(f"{count} {word}" for word, count in counts.items())
        more = f"{self.glyphs.ellipsis} and {len(jobs)} more ({told})"
        return [("dim", more)]

    def _job(self, job: Job) -> list[Line]:
        means = words.meaning(job)
        painted = [
            self._limb(job, "" if means.tone == "active" else means.word)
        ]
        if means.tone not in {"active", "bad"}:
            return painted
        for step in job.steps:
            if words.meaning(step).tone in {"active", "bad"}:
                word = f"step {step.number} of {len(job.steps)}"
                painted.append(self._limb(step, word))
        return painted

    def _limb(self, subject: Job | JobStep, word: str) -> Line:
        tone = words.meaning(subject).tone
        glyph, colour = self.glyphs.of(tone, self.turn), _TONES[tone]
        tail, shade = (colour, f"  {word}" if word else ""), ""
        if isinstance(subject, JobStep):
            tail = "dim", tail[1]
            # Its job has the spinner.
            if tone == "active":
                glyph, shade = " ", "dim"
        space = self._space - 8
        if cell_len(tail[1]) > space // 2:
            tail = "", ""
        name = self._cut_middle(subject.name, space - cell_len(tail[1]))
        painted: Line = [(colour, glyph), ("", " "), (shade, name)]
        if tail[1]:
            painted.append(tail)
        time = self._time(words.spent(subject, self.now))
        self._put_time(painted, time, indent=6)
        return painted

    def _time(self, spent: float | None) -> str:
        return "" if spent is None or spent < 1 else words.duration(spent)

    def _cut(self, text: str, cells: int) -> str:
        if cell_len(text) <= cells:
            return text
        mark = self.glyphs.ellipsis[: max(0, cells)]
        return set_cell_size(text, max(0, cells - len(mark))).rstrip() + mark

    def _crop(self, line: Line, cells: int) -> Line:
        if sum(cell_len(text) for _, text in line) <= cells:
            return line
        painted: Line = []
        left = cells
        for style, text in line:
            painted.append((style, self._cut(text, left)))
            left -= cell_len(painted[-1][1])
        return painted

    def _cut_middle(self, text: str, cells: int) -> str:
        # What tells the jobs of a matrix apart is at the end of the name.
        if cell_len(text) <= cells:
            return text
        mark = self.glyphs.ellipsis
        tail = max(0, (cells - len(mark)) // 2)
        end = text[len(text) - tail :]
        while cell_len(end) > tail:
            end = end[1:]
        head = max(0, cells - len(mark) - cell_len(end))
        return set_cell_size(text, head) + mark + end


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def wrap(text: str, width: int) -> list[str]:
    """Break prose between its words; a command in backticks is one word.

    Long words, which are addresses and digests, are never broken.

    Parameters
    ----------
    text
        The prose.
    width
        The cells that a line may take.

    Returns
    -------
    list of str
        The lines, one at least.
    """
    lines = [""]
    for word in re.findall(r"(?:`[^`]*`|\S)+", text):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cell_len(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
