"""How many things are named in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["name_first"]


def name_first(names: Sequence[str], most: int = 3) -> str:
    """Name the first of many, and how many more there are.

    Parameters
    ----------
    names
        The names.
    most
        How many of them are named.

    Returns
    -------
    str
        Such as ``a, b, c and 4 more``.
    """
    text = ", ".join(names[:most])
    more = len(names) - most
    return f"{text} and {more} more" if more > 0 else text
