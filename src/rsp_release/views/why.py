"""The explanation of a version, in under a screen."""

from __future__ import annotations

from collections.abc import Iterable

from ..version.proposal import NextVersion, Reason
from . import safe

__all__ = ["confidence", "why"]

# Lines for each bump, and for what was ignored; the rest is counted.
_FEW = 4

_WIDTH = 78

_SURE = {
    "certain": "the changes say so, and past releases agree",
    "likely": "the changes say so; past releases do not confirm it",
    "guess": "no commit or fragment decides it: choose major, minor or patch",
}

_HEADS = {
    "request": "Asked for",
    "policy": "Policy",
    "fragment": "Change log",
    "commit": "Commits",
}


def why(answer: NextVersion) -> str:
    """Return the explanation of an answer.

    Parameters
    ----------
    answer
        The next version. Its texts need not be safe.

    Returns
    -------
    str
        Lines of text, about two dozen at most.
    """
    now = answer.current_tag or "no version"
    then = answer.tag or "nothing to release"
    lines = [f"{now} -> {then}   {answer.bump}, {answer.confidence}"]
    if answer.next is not None:
        lines.append(f"  {confidence(answer)}")
    for source, head in _HEADS.items():
        reasons = [r for r in answer.reasons if r.source == source]
        if reasons:
            lines += ["", head, *_reasons(reasons)]
    lines += ["", f"Commits read: {answer.commits}"]
    if answer.ignored:
        lines += ["", "Not counted", *_reasons(answer.ignored)]
    for warning in answer.warnings:
        lines += ["", f"Warning: {safe.line(warning)}"]
    return "".join(f"{line}\n" for line in lines)


def confidence(answer: NextVersion) -> str:
    """Say how sure an answer is, which has a version.

    Parameters
    ----------
    answer
        The next version.
    """
    if answer.current is None:
        return "the first release"
    first = next(iter(answer.reasons), None)
    if first is not None and first.source == "request":
        return "as asked for"
    if first is not None and first.text.lower().startswith("release-as:"):
        return "a commit names the version"
    if answer.is_after_two_numbers:
        return "the tags have two numbers: choose major, minor or patch"
    return _SURE[answer.confidence]


def _reasons(reasons: Iterable[Reason]) -> list[str]:
    by_bump: dict[str, list[Reason]] = {}
    for reason in reasons:
        by_bump.setdefault(reason.bump, []).append(reason)
    lines = []
    for bump, some in by_bump.items():
        mark = "" if bump == "none" else bump
        for reason in some[:_FEW]:
            ref = safe.line(_short(reason.ref))
            text = f"  {mark:8}{ref}  {safe.line(reason.text)}"
            lines.append(_cut(text))
            mark = ""
        rest = len(some) - _FEW
        if rest > 0:
            lines.append(f"  {'':8}and {rest} more; --json lists them")
    return lines


def _short(ref: str) -> str:
    """Shorten a hash, and a path to its last part."""
    if len(ref) in {40, 64} and ref.isalnum():
        return ref[:10]
    return ref.rpartition("/")[2]


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
