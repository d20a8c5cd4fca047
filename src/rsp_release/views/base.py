"""What every view is and has."""

from __future__ import annotations

from typing import Protocol, Self, TextIO

from ..models import Event

__all__ = ["View", "write"]


class View(Protocol):
    """Shows the events of one command."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *details: object) -> None:
        """Leave the output whole, whatever happened."""

    def show(self, event: Event) -> None:
        """Show an event."""


def write(stream: TextIO, text: str) -> None:
    """Write text at once, whatever the encoding of the stream lacks.

    Parameters
    ----------
    stream
        Where to write.
    text
        What to write.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()
