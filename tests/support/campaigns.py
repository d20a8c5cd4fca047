"""How much of the slow campaigns is run."""

from __future__ import annotations

import os

__all__ = ["choose_size"]


def choose_size(full: int, part: int) -> int:
    """Choose how often a campaign repeats what it does.

    Parameters
    ----------
    full
        How often in ``nox -s campaigns``.
    part
        How often among the other tests.

    Returns
    -------
    int
        One of them, as ``RSP_RELEASE_FULL`` says.
    """
    return full if os.environ.get("RSP_RELEASE_FULL") else part
