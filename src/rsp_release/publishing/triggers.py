"""Which events start a workflow: the ``on:`` of its file.

The rules are those of "Workflow syntax for GitHub Actions" and "Events that
trigger workflows" in GitHub's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .values import list_of, mapping_of

__all__ = [
    "events_of",
    "matches",
    "release_actions",
    "starts_on_branch",
    "starts_on_tag",
    "texts_of",
]

_RELEASE_ACTIONS = ("published", "released", "prereleased", "created")
_PATTERN_LIMIT = 512
_ATOM = re.compile(
    r"((?:(?<=/)|\A)\*\*/|\*\*?|\[[^]]*\]|\\.|[^[?+])([?+]*)", re.DOTALL
)
"""A character, or what stands for some, and how often. Folders, ``**/``, stand
between slashes, and for no folder too."""
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)


def events_of(on: Any) -> dict[str, Any]:
    """Return the events that are listed, and what is said of each."""
    if isinstance(on, dict):
        return on
    return {str(event): None for event in list_of(on)}


def texts_of(value: Any) -> list[str]:
    """Return a text or a list of texts, as YAML has them, as a list."""
    return [
        str(item).lower() if isinstance(item, bool) else str(item)
        for item in list_of(value)
        if isinstance(item, str | int | float)
    ]


def release_actions(on: Any, *, is_prerelease: bool) -> tuple[str, ...]:
    """Return with which activities a new release starts a workflow.

    Parameters
    ----------
    on
        The ``on:`` of the workflow.
    is_prerelease
        Whether the release is a pre-release.

    Returns
    -------
    tuple of str
        Values of ``github.event.action``, the most usual first; empty if
        no run starts.
    """
    events = events_of(on)
    if "release" not in events:
        return ()
    happens = [
        action
        for action in _RELEASE_ACTIONS
        if action != ("released" if is_prerelease else "prereleased")
    ]
    types = mapping_of(events["release"]).get("types")
    wanted = happens if types is None else texts_of(types)
    return tuple(action for action in happens if action in wanted)


def starts_on_tag(on: Any, tag: str) -> bool:
    """Return whether pushing a tag starts a workflow.

    Parameters
    ----------
    on
        The ``on:`` of the workflow.
    tag
        The tag, without ``refs/tags/``.
    """
    # Filters of paths are not applied to tags.
    return _lets_through(on, tag, own="tags", other="branches")


def starts_on_branch(on: Any, branch: str) -> bool:
    """Return whether every push to a branch starts a workflow.

    Parameters
    ----------
    on
        The ``on:`` of the workflow.
    branch
        The branch, without ``refs/heads/``.
    """
    details = mapping_of(events_of(on).get("push"))
    if details.keys() & {"paths", "paths-ignore"}:
        return False
    return _lets_through(on, branch, own="branches", other="tags")


def _lets_through(on: Any, name: str, *, own: str, other: str) -> bool:
    """Return whether a push of a branch or a tag passes the filters."""
    events = events_of(on)
    if "push" not in events:
        return False
    details = mapping_of(events["push"])
    if own in details:
        return matches(texts_of(details[own]), name)
    if f"{own}-ignore" in details:
        return not matches(texts_of(details[f"{own}-ignore"]), name)
    # Filters of the other kind alone exclude all of this one.
    return other not in details and f"{other}-ignore" not in details


def matches(patterns: Sequence[str], name: str) -> bool:
    """Return whether GitHub's filter patterns let a name through.

    Parameters
    ----------
    patterns
        The patterns, in order: a later one overrides an earlier one, and
        those that begin with ``!`` exclude.
    name
        The name of a branch or tag.
    """
    is_in = False
    for pattern in patterns:
        excludes = pattern.startswith("!")
        if _fits(pattern[1:] if excludes else pattern, name):
            is_in = not excludes
    return is_in


def _fits(pattern: str, name: str) -> bool:
    """Match by keeping every place there is: time is bounded by m x n.

    Translating to a regular expression would let a pattern choose how long
    the match takes.
    """
    if max(len(pattern), len(name)) > _PATTERN_LIMIT:
        return False
    places = {0}
    at = 0
    while at < len(pattern):
        match = _ATOM.match(pattern, at)
        if match is None:
            return False
        at = match.end()
        text, count = match.groups()
        if text == "**/":
            places |= {
                place + 1
                for place, char in enumerate(name)
                if char == "/" and place > min(places, default=place)
            }
            continue
        repeats = text.startswith("*") or "+" in count
        after = set(places) if text.startswith("*") or "?" in count else set()
        for place, char in enumerate(name):
            is_here = place in places or (repeats and place in after)
            if is_here and _accepts(text, char):
                after.add(place + 1)
        places = after
    return len(name) in places


def _accepts(atom: str, char: str) -> bool:
    """Return whether a part of a pattern stands for a character."""
    if atom in {"*", "**"}:
        return char != "/" or atom == "**"
    if atom.startswith("["):
        pairs = (match.groups() for match in _RANGE.finditer(atom[1:-1]))
        return any(
            low <= char <= high if low else char == one
            for low, high, one in pairs
        )
    return char == atom[-1]
