"""Checks of the change log's fragments."""

from __future__ import annotations

from collections.abc import Mapping

from ..changelog.scriv import categories_of, read_scriv_settings
from ..config import Level
from ..models.naming import name_first
from ..version.fragments import Fragment, level_of
from ..version.messages import parse_header
from .base import Finding, ok, unknown, warning
from .facts import Facts

__all__ = ["check_fragments", "check_missing_fragments"]

_TELLING = frozenset({"feat", "fix", "perf", "revert"})
"""Types of Conventional Commits that users should be told of."""

_FOLDERS = ("changelog.d/", ".changeset/", "newsfragments/", "changes/")

_BEGINNINGS = ("changelog.d/_template", "changelog.d/scriv.ini")
"""What a repository gets when it begins to have fragments."""


def check_fragments(facts: Facts) -> Finding:
    """Tell whether the fragments are well-formed."""
    history = facts.history
    if facts.is_empty:
        return ok("no commits yet")
    if history is None:
        return unknown("not checked: cannot read the fragments")
    if not history.uses_fragments:
        return ok("the change log has no fragments")
    names = facts.config.categories
    settings = read_scriv_settings(facts.text)
    allowed = frozenset(name.lower() for name in categories_of(settings))
    pending = [f for f in history.fragments if not f.stale]
    troubles = [
        f"{fragment.path}: {trouble}"
        for fragment in pending
        if (trouble := _judge(fragment, names, allowed))
    ]
    if troubles:
        more = len(troubles) - 3
        return warning(
            "; ".join(troubles[:3]) + (f"; and {more} more" * (more > 0)),
            "fix and commit it",
        )
    if not pending:
        return ok("no fragments to collect")
    count = len(pending)
    return ok(f"{count} fragment{'s' if count > 1 else ''}, well-formed")


def _judge(
    fragment: Fragment, names: Mapping[str, Level], allowed: frozenset[str]
) -> str | None:
    """Say what is wrong with a fragment."""
    if fragment.empty:
        return f"the section {fragment.empty[0]!r:.80} is empty"
    if not fragment.parts:
        return "the fragment is empty"
    for part in fragment.parts:
        if not part.category:
            if fragment.tool == "scriv" and allowed:
                return "text outside of a category"
            continue
        category = part.category.strip().rstrip(":").lower()
        is_named = category in allowed or category in names
        if allowed and fragment.tool == "scriv" and not is_named:
            return (
                f"unknown category {part.category!r:.80}; known are"
                f" {', '.join(sorted(allowed))}"
            )
        if not allowed and not (is_named or _is_usual(category, names)):
            return f"unknown category {part.category!r:.80}"
    return None


def _is_usual(category: str, names: Mapping[str, Level]) -> bool:
    level, says_so = level_of(category, names)
    return says_so or level != "patch" or category in {
        "other changes", "other", "changes", "misc", "miscellaneous",
        "changed", "documentation",
    }  # fmt: skip


def check_missing_fragments(facts: Facts) -> Finding:
    """Tell whether a change that users should know of has no fragment."""
    history = facts.history
    if facts.is_empty:
        return ok("no commits yet")
    if history is None:
        return unknown("not checked: cannot read the commits")
    if not history.uses_fragments:
        return ok("the change log has no fragments")
    if history.previous is None:
        return ok("the first release needs no fragments")
    missing = []
    for subject, paths in facts.files.added(history.previous.name):
        if any(path.startswith(_BEGINNINGS) for path in paths):
            # What landed before there were fragments has none.
            break
        has_fragment = any(
            path.startswith(_FOLDERS) or "/newsfragments/" in path
            for path in paths
        )
        if _tells(subject) and not has_fragment:
            missing.append(subject)
    if missing:
        return warning(
            f"changes without a fragment: {name_first(missing)}",
            "add one for each with `scriv create`, and commit them",
        )
    return ok("every user-facing change has a fragment")


def _tells(subject: str) -> bool:
    header = parse_header(subject)
    if header is None:
        return False
    return header.type.lower() in _TELLING or header.is_breaking
