"""JavaScript's regular expressions, as far as Python's mean the same.

JavaScript's rules are those of ECMA-262, "RegExp (Regular Expression)
Objects". A pattern that the two languages could read differently, or whose
search could take long, is refused: a file may hold any pattern.
"""

from __future__ import annotations

import math
import re

__all__ = ["UnclearPatternError", "find_groups"]

_SAME = re.compile(
    r"""(?ax)
    (?P<open>\((?:\?:)?) | (?P<close>\)) | (?P<either>\|)
    |(?P<repeat>[*+?]\??|\{[0-9]{1,2}(?:,[0-9]{0,2})?\}\??)
    |[.^$] | [\w ,:;/@~%&=!<>"'#`-]
    |\\[dDwWbB.*+?()\[\]{}^$|/\\-]
    |\[\^?(?:\\[dDwW.*+?()\[\]{}^$|/\\-] | [\w .,:;/@+*?(){}$%=!] | -(?!-))+\]
    """
)
"""What means the same in both languages, for a text in ASCII."""

_MAX_LENGTH = 500
_MAX_STEPS = 1_000_000
"""How many steps a search may take: some tenths of a second."""


class UnclearPatternError(Exception):
    """The pattern may mean another thing in Python, or take long."""


def find_groups(
    pattern: str, text: str, *, flags: str = ""
) -> list[str | None] | None:
    """Search a text as JavaScript's ``match`` does.

    Parameters
    ----------
    pattern
        The regular expression, without slashes around it.
    text
        The text.
    flags
        Its flags.

    Returns
    -------
    list or None
        What is found, then its groups, each `None` where it takes no part;
        with the flag ``g``, all that is found. `None` where nothing is.

    Raises
    ------
    UnclearPatternError
        Raised if Python's answer could be another, or could take long.
    """
    if (
        not (text.isascii() and text.isprintable())
        or set(flags) - set("gi")
        or len(pattern) > _MAX_LENGTH
    ):
        raise UnclearPatternError(pattern)
    case = re.IGNORECASE if "i" in flags else 0
    try:
        _require_same(pattern, len(text))
        compiled = re.compile(pattern, re.ASCII | case)
    except (re.error, IndexError, RecursionError) as e:
        raise UnclearPatternError(pattern) from e
    if "g" in flags:
        every = [match[0] for match in compiled.finditer(text)]
        if "" in every:
            raise UnclearPatternError(pattern)
        return [*every] or None
    match = compiled.search(text)
    return [match[0], *match.groups()] if match else None


def _require_same(pattern: str, length: int) -> None:
    """Refuse a pattern that may mean something else, or may take long.

    Parts that repeat divide the text between them in as many ways as there
    are combinations. A group that repeats must hold text, and nothing that
    divides it or is caught: JavaScript forgets what was caught before.
    """
    at = repeats = choices = 0
    starts: list[int] = []
    group: str | None = None
    last: str | None = "open"
    while at < len(pattern):
        part = _SAME.match(pattern, at)
        if part is None or (part["repeat"] and last in {"open", "repeat"}):
            raise UnclearPatternError(pattern)
        if part["repeat"] and group is not None:
            divides = re.search(r"[*+?{|(]", group)
            if re.fullmatch(group, "") or (divides and part[0] != "?"):
                raise UnclearPatternError(pattern)
        repeats += bool(part["repeat"])
        choices += bool(part["either"])
        group = pattern[starts.pop() : at] if part["close"] else None
        at, last = part.end(), part.lastgroup
        if part["open"]:
            starts.append(at)
    ways = math.comb(length + repeats + 1, repeats + 1) << choices
    if ways > _MAX_STEPS:
        raise UnclearPatternError(pattern)
