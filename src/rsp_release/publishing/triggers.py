"""Which events start a workflow: the ``on:`` of its file.

The rules are those of "Workflow syntax for GitHub Actions" and "Events that
trigger workflows" in GitHub's documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "is_called",
    "matches",
    "release_actions",
    "starts_on_branch",
    "starts_on_tag",
]

_RELEASE_ACTIONS = ("published", "released", "prereleased", "created")
_PATTERN_LIMIT = 1024


def _event(on: Any, name: str) -> tuple[bool, Any]:
    """Return whether an event is listed, and what is said of it."""
    if isinstance(on, str):
        return on == name, None
    if isinstance(on, list):
        return name in on, None
    if isinstance(on, dict):
        return name in on, on.get(name)
    return False, None


def _texts(value: Any) -> list[str]:
    """Return a text or a list of texts as a list."""
    items = value if isinstance(value, list) else [value]
    return [
        str(item).lower() if isinstance(item, bool) else str(item)
        for item in items
        if isinstance(item, str | int | float)
    ]


def is_called(on: Any) -> bool:
    """Return whether other workflows may call this one."""
    return _event(on, "workflow_call")[0]


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
    listed, details = _event(on, "release")
    if not listed:
        return ()
    happens = [
        action
        for action in _RELEASE_ACTIONS
        if action != ("released" if is_prerelease else "prereleased")
    ]
    types = details.get("types") if isinstance(details, dict) else None
    if types is None:
        return tuple(happens)
    wanted = _texts(types)
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
    listed, details = _event(on, "push")
    if not listed:
        return False
    # Filters of paths are not applied to tags.
    return not isinstance(details, dict) or _lets_through(
        details, tag, own="tags", other="branches"
    )


def starts_on_branch(on: Any, branch: str) -> bool:
    """Return whether every push to a branch starts a workflow.

    Parameters
    ----------
    on
        The ``on:`` of the workflow.
    branch
        The branch, without ``refs/heads/``.
    """
    listed, details = _event(on, "push")
    if not listed or not isinstance(details, dict):
        return listed
    if "paths" in details or "paths-ignore" in details:
        return False
    return _lets_through(details, branch, own="branches", other="tags")


def _lets_through(
    details: dict[str, Any], name: str, *, own: str, other: str
) -> bool:
    """Return whether the filters of a push let a branch or a tag through."""
    if own in details:
        return matches(_texts(details[own]), name)
    if f"{own}-ignore" in details:
        return not matches(_texts(details[f"{own}-ignore"]), name)
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


def _atoms(pattern: str) -> list[tuple[str, str, bool]] | None:
    """Split a pattern into (kind, characters, may repeat, may lack)."""
    atoms: list[tuple[str, str, bool]] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            if pattern[at : at + 1] == "*":
                at += 1
                atoms.append(("any", "", True))
            else:
                atoms.append(("segment", "", True))
        elif char in "?+":
            if not atoms:
                return None
            kind, chars, _ = atoms.pop()
            if char == "?":
                atoms.append((f"{kind}?", chars, False))
            else:
                atoms += [(kind, chars, False), (kind, chars, True)]
        elif char == "[":
            end = pattern.find("]", at)
            if end < 0:
                return None
            atoms.append(("set", pattern[at:end], False))
            at = end + 1
        else:
            if char == "\\" and at < len(pattern):
                char = pattern[at]
                at += 1
            atoms.append(("char", char, False))
    return atoms


def _accepts(kind: str, chars: str, char: str) -> bool:
    match kind.rstrip("?"):
        case "any":
            return True
        case "segment":
            return char != "/"
        case "char":
            return char == chars
        case _:
            pass
    at = 0
    while at < len(chars):
        if chars[at + 1 : at + 2] == "-" and at + 2 < len(chars):
            if chars[at] <= char <= chars[at + 2]:
                return True
            at += 3
        else:
            if chars[at] == char:
                return True
            at += 1
    return False


def _fits(pattern: str, name: str) -> bool:
    """Match by keeping every state there is: time is bounded by m x n.

    Translating to a regular expression would let a pattern choose how long
    the match takes.
    """
    if max(len(pattern), len(name)) > _PATTERN_LIMIT:
        return False
    atoms = _atoms(pattern)
    if atoms is None:
        return False

    def skip(states: set[int]) -> set[int]:
        reached = set(states)
        for state in range(len(atoms)):
            kind, _, repeats = atoms[state]
            if state in reached and (repeats or kind.endswith("?")):
                reached.add(state + 1)
        return reached

    states = skip({0})
    for char in name:
        after = set()
        for state in states:
            if state == len(atoms):
                continue
            kind, chars, repeats = atoms[state]
            if _accepts(kind, chars, char):
                after.add(state if repeats else state + 1)
        states = skip(after)
    return len(atoms) in states
