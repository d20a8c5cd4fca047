"""The notes of a release: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .models import Commit

__all__ = ["group_commits", "make_safe_markdown"]

_HEADER = re.compile(
    r"(?P<type>[A-Za-z]+)(?:\([^()\n]*\))?(?P<breaking>!)?:\s+(?P<text>.+)"
)
_BREAKING = re.compile(r"^BREAKING[ -]CHANGE(?:: | #)", re.MULTILINE)
_DEPENDENCY = re.compile(
    r"(?:bump|update|upgrade)\b.*\b(?:from .+ to|dependenc|requirement)"
    r"|\[pre-commit\.ci\]|update .*(?:pins|dependencies)",
    re.IGNORECASE,
)
_MENTION = re.compile(r"(?<![\w/])@(?=[A-Za-z0-9])")
_ELSEWHERE = re.compile(r"(?<=[\w-])#(?=\d)")

_BREAKING_CHANGES = "Backwards-incompatible changes"
_FEATURES = "New features"
_FIXES = "Bug fixes"
_OTHERS = "Other changes"
_ORDER = (_BREAKING_CHANGES, _FEATURES, _FIXES, _OTHERS)
_KINDS = {"feat": _FEATURES, "fix": _FIXES, "perf": _FIXES}
_MOST = 50


def group_commits(commits: Iterable[Commit]) -> str:
    """Write notes from commits, where there is no change log.

    Merges are left out, since what they merge is listed; updates of
    dependencies are counted in one line.

    Parameters
    ----------
    commits
        The commits, newest first.

    Returns
    -------
    str
        Markdown: a list for each kind of change.
    """
    groups: dict[str, list[str]] = {name: [] for name in _ORDER}
    updates = 0
    for commit in commits:
        if commit.parents > 1 or not commit.subject:
            continue
        header = _HEADER.fullmatch(commit.subject)
        type_ = header["type"].lower() if header else ""
        if _DEPENDENCY.search(commit.subject):
            updates += 1
            continue
        text = header["text"] if header else commit.subject
        is_breaking = bool(header and header["breaking"])
        if is_breaking or _BREAKING.search(commit.message):
            group = _BREAKING_CHANGES
        else:
            group = _KINDS.get(type_, _OTHERS)
        line = f"{make_safe_markdown(text)} ({commit.hash[:10]})"
        groups[group].append(line)
    if updates:
        plural = "dependency" if updates == 1 else "dependencies"
        groups[_OTHERS].append(f"Update {updates} {plural}")
    sections = []
    for name, lines in groups.items():
        if not lines:
            continue
        shown = [f"- {line}" for line in lines[:_MOST]]
        if len(lines) > _MOST:
            shown.append(f"- and {len(lines) - _MOST} more")
        sections.append("\n".join([f"### {name}", "", *shown]))
    return "\n\n".join(sections) + "\n" if sections else ""


def make_safe_markdown(text: str) -> str:
    """Make one line of foreign text safe inside Markdown.

    It cannot notify anybody, link to another repository's issues, or break
    out of its line.

    Parameters
    ----------
    text
        The text.

    Returns
    -------
    str
        The same for a reader, as Markdown.
    """
    line = " ".join(
        "".join(c if c.isprintable() else " " for c in text).split()
    )
    line = line.replace("&", "&amp;").replace("<", "&lt;")
    line = re.sub(r"([\\`*_\[\]|])", r"\\\1", line)
    line = _MENTION.sub("@<!-- -->", line)
    return _ELSEWHERE.sub("#<!-- -->", line)
