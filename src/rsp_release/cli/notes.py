"""The command ``notes``: prints the body of a release."""

from __future__ import annotations

import sys

from .session import Session

__all__ = ["run_notes"]


def run_notes(
    session: Session, *, version: str | None, generated: bool
) -> int:
    """Print the body of a release, as it would be or was published.

    Parameters
    ----------
    session
        The command's settings.
    version
        A version or a tag; `None`: what is released next.
    generated
        Whether to add what GitHub generates, for which it is asked.

    Returns
    -------
    int
        The exit status.
    """
    body = session.make_releaser().write_notes(version, generated=generated)
    # Bytes, so that not even the ends of its lines change on the way.
    sys.stdout.flush()
    sys.stdout.buffer.write(body.encode())
    sys.stdout.flush()
    return 0
