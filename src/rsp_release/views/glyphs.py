"""The characters of the checklist."""

from __future__ import annotations

from dataclasses import dataclass

from .words import Tone

__all__ = ["Glyphs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The characters that stand for states."""

    done: str = "✓"
    failed: str = "✗"
    planned: str = "+"
    waiting: str = "◌"
    pending: str = "·"
    person: str = "!"
    skipped: str = "\N{EN DASH}"
    unknown: str = "?"
    branch: str = "├"
    last: str = "└"
    stem: str = "│"
    ellipsis: str = "…"
    arrow: str = "→"
    past: str = "━"
    ahead: str = "─"
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    @classmethod
    def choose(cls, encoding: str | None) -> Glyphs:
        """Choose those that an encoding has.

        Parameters
        ----------
        encoding
            Name of the encoding of the output; `None`: it takes any text.
        """
        glyphs = cls()
        try:
            "".join(
                getattr(glyphs, name) for name in cls.__dataclass_fields__
            ).encode(encoding or "utf-8")
        except (LookupError, UnicodeEncodeError):
            return cls(
                done="v",
                failed="x",
                waiting="~",
                pending=".",
                skipped="-",
                branch="|",
                last="`",
                stem="|",
                ellipsis="...",
                arrow="->",
                past="#",
                ahead="-",
                spinner="|/-\\",
            )
        return glyphs

    def of(self, tone: Tone, turn: int | None) -> str:
        """Return the glyph of what a state asks of the reader."""
        if tone == "active":
            return self.spin(turn)
        return {
            "good": self.done,
            "bad": self.failed,
            "waiting": self.pending,
            "person": self.person,
            "skipped": self.skipped,
        }.get(tone, self.unknown)

    def spin(self, turn: int | None) -> str:
        """Return the spinner after so many turns; `None`: standing still."""
        if turn is None:
            return self.waiting
        return self.spinner[turn % len(self.spinner)]
