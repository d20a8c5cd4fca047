"""The command ``notes``: prints the body of a release."""

from __future__ import annotations

import sys
from typing import Annotated

from typer import Argument, Option

from .options import Deepen
from .session import Session

__all__ = ["notes"]


def notes(
    session: Session,
    version: Annotated[
        str | None,
        Argument(
            metavar="VERSION", help="A version or a tag (default: the next)."
        ),
    ] = None,
    *,
    generated: Annotated[
        bool, Option("--generated", help="Include GitHub's generated notes.")
    ] = False,
    deepen: Deepen = False,
) -> int:
    """Print the notes of a published release, or of the next one."""
    releaser = session.make_releaser(deepens=deepen, offline=not generated)
    body = releaser.write_notes(version, generated=generated)
    # Bytes, so that not even the ends of its lines change on the way.
    sys.stdout.flush()
    sys.stdout.buffer.write(body.encode())
    sys.stdout.flush()
    return 0
