"""How refs are named, and how many things in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["CHANGELOG_BRANCHES", "CLAIM", "name_first"]

CHANGELOG_BRANCHES = "rsp-release/changelog-"
"""How the branch of a change log's pull request begins; the tag follows."""

CLAIM = "refs/rsp-release/claim"
"""The ref that moves with every push of a release.

Who pushes names what it was when they decided: of two that decided from the
same state, the remote takes one. It is neither a branch nor a tag, so that no
workflow starts, and it locks nothing: whatever it points to, the next one
takes it from there.
"""


def name_first(names: Sequence[str]) -> str:
    """Name the first of many, and how many more there are.

    Parameters
    ----------
    names
        The names.

    Returns
    -------
    str
        Such as ``a, b, c and 4 more``.
    """
    text = ", ".join(names[:3])
    more = len(names) - 3
    return f"{text} and {more} more" if more > 0 else text
