"""Change-log fragments and sections, and what they ask for. Pure.

Three tools' fragments are read (scriv's, towncrier's and changesets'), and
change logs in Markdown and reStructuredText. Nothing here collects: that is
the tool's own work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from typing import NamedTuple

from ..config import Level
from .tags import parse_tags
from .values import Version

__all__ = [
    "LEVELS",
    "Fragment",
    "Part",
    "Section",
    "content_of",
    "level_of",
    "parse_changelog",
    "parse_fragment",
    "parts_of",
]

LEVELS: dict[str, int] = {"none": 0, "patch": 1, "minor": 2, "major": 3}
"""The order of what can be asked for."""

# What the usual names of categories ask for: SQuaRE's four, scriv's own (those
# of keepachangelog.com), towncrier's types, changesets' headings, and the
# plain synonyms of these.
_PLAIN: dict[Level, str] = {
    "major": (
        "backwards-incompatible changes; backward-incompatible changes; "
        "backwards incompatible changes; backwards-incompatible; "
        "breaking changes; breaking change; breaking; incompatible changes; "
        "major changes; major; ⚠ breaking changes"
    ),
    "minor": (
        "new features; new feature; features; feature; feat; added; new; "
        "enhancements; enhancement; deprecated; deprecation; deprecations; "
        "minor changes; minor"
    ),
    "patch": (
        "bug fixes; bug fix; bugfixes; bugfix; bug; fixes; fixed; fix; "
        "security; performance; performance improvements; perf; "
        "patch changes; patch; documentation; docs; doc; dependencies; "
        "internal changes"
    ),
}

# Names that don't say how much changed. What is removed may have been an
# interface, or something that nobody used.
_VAGUE: dict[Level, str] = {
    "major": "removed; removal; removals; deprecations and removals",
    "minor": "changed",
    "patch": "other changes; other; changes; misc; miscellaneous",
}

_LEVELS = {
    name: (level, vocabulary is _PLAIN)
    for vocabulary in (_PLAIN, _VAGUE)
    for level, names in vocabulary.items()
    for name in names.split("; ")
}


class Part(NamedTuple):
    """One category of a fragment or a section, and what is under it."""

    category: str
    """The heading, or an empty text where there is none."""

    text: str
    """What is under it, without comments. Untrusted."""


class Fragment(NamedTuple):
    """One change-log fragment that a repository has."""

    path: str
    """Its path in the tree."""

    tool: str
    """``scriv``, ``towncrier`` or ``changesets``."""

    parts: tuple[Part, ...]
    """Its categories with content."""

    empty: tuple[str, ...] = ()
    """Its headings with nothing under them but a lone bullet."""

    stale: str = ""
    """Why it is not pending, where it is not."""


class Section(NamedTuple):
    """One section of a change log."""

    title: str
    version: Version | None
    """The version it is for; `None` for "Unreleased"."""

    parts: tuple[Part, ...]
    text: str = ""
    """All of it, with its headings. Untrusted."""


def level_of(category: str, names: Mapping[str, Level]) -> tuple[Level, bool]:
    """Return what a category asks for.

    Parameters
    ----------
    category
        Its name.
    names
        What the settings say of names, in lower case.

    Returns
    -------
    tuple of str and bool
        The level, and whether the name really says so: one that is not
        known, or that covers anything, does not.
    """
    name = " ".join(category.lower().split()).rstrip(":")
    if name in names:
        return names[name], True
    return _LEVELS.get(name, ("patch", False))


# -- Texts ------------------------------------------------------------------

# Patterns are compiled by the function that first uses them: most answers
# need few of them.

_COMMENT = r"(?s)<!--.*?(?:-->|\Z)"

_RST_COMMENT = (
    r"(?m)^\.\.(?:[ \t]+(?![^\n]*::)[^\n]*|[ \t]*)\n"
    r"(?:(?:[ \t]+[^\n]*|[ \t]*)\n?)*"
)

_ANCHOR = r"<a id=['\"][^'\"]*['\"]>\s*</a>|^\.\. _[^\n]*:[ \t]*$"

_ATX = r"(#{1,6})[ \t]+(.+?)[ \t]*#*\s*$"

_UNDERLINE = r"([=\-~^\"'`+*#.])\1{2,}\s*$"

_BULLET = r"[-*+•]?\s*$"


_MARKS = frozenset("=-~^\"'`+*#.")


def content_of(text: str) -> str:
    """Return a text without comments, anchors and lone bullets."""
    text = re.sub(_ANCHOR, "", re.sub(_COMMENT, "", text))
    lines = [
        line
        for line in text.splitlines()
        if len(line) > 8 or not re.match(_BULLET, line.strip())
    ]
    return "\n".join(lines).strip()


def _headings(text: str) -> list[tuple[int, int, str, str]]:
    """Find headings: first line, line after, style, title."""
    lines = text.splitlines()
    found = []
    is_fenced = False
    for i, line in enumerate(lines):
        if line.startswith("```"):
            is_fenced = not is_fenced
        if is_fenced:
            continue
        match = re.match(_ATX, line) if line[:1] == "#" else None
        if match:
            found.append((i, i + 1, match[1], match[2]))
            continue
        if (
            i + 1 < len(lines)
            and lines[i + 1][:1] in _MARKS
            and line.strip()
            and not line[0].isspace()
            and not re.match(_UNDERLINE, line)
        ):
            under = re.match(_UNDERLINE, lines[i + 1])
            if under and not line.startswith(("- ", "* ")):
                found.append((i, i + 2, under[1], line.strip()))
    return found


def parts_of(text: str) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Split a text by its headings.

    Parameters
    ----------
    text
        Markdown or reStructuredText.

    Returns
    -------
    tuple
        The parts with content, and the headings without any.
    """
    text = re.sub(_COMMENT, "", text)
    headings = _headings(text)
    # What is below the first heading's level belongs to its content.
    headings = [
        h
        for h in headings
        if h[2] == headings[0][2]
        or (h[2][0] == "#" and len(h[2]) < len(headings[0][2]))
    ]
    lines = text.splitlines()
    parts: list[Part] = []
    empty: list[str] = []
    start = headings[0][0] if headings else len(lines)
    lead = content_of(
        re.sub(_RST_COMMENT, "", "\n".join(lines[:start]) + "\n")
    )
    if lead:
        parts.append(Part("", lead))
    for n, (_, after, _, title) in enumerate(headings):
        end = headings[n + 1][0] if n + 1 < len(headings) else len(lines)
        body = content_of("\n".join(lines[after:end]))
        if body:
            parts.append(Part(title, body))
        else:
            empty.append(title)
    return tuple(parts), tuple(empty)


_FRONT = r"(?s)\s*---\s*\n(.*?)\n?---\s*(?:\n|\Z)"

_CHANGESET = (
    r"(?m)^\s*[\"']?([^\"':\s]+)[\"']?\s*:\s*(major|minor|patch|none)\b"
)


def parse_fragment(
    path: str,
    text: str,
    *,
    tool: str = "scriv",
    package: str = "",
    types: Iterable[str] = (),
) -> Fragment:
    """Read a fragment.

    Parameters
    ----------
    path
        Its path in the tree.
    text
        What is in it.
    tool
        The tool it is for.
    package
        For changesets, the package whose changes count; all, if empty.
    types
        For towncrier, types beyond the usual ones.

    Returns
    -------
    Fragment
        Its categories.
    """
    if tool == "changesets":
        front = re.match(_FRONT, text)
        body = content_of(text[front.end() :]) if front else ""
        bumps = re.findall(_CHANGESET, front[1]) if front else []
        return Fragment(
            path,
            tool,
            tuple(
                Part(bump, body)
                for name, bump in bumps
                if bump != "none" and package in {"", name}
            ),
        )
    if tool == "towncrier":
        known = {*_LEVELS, *types}
        words = path.rpartition("/")[2].split(".")[1:]
        kind = next((w for w in words if w.lower() in known), "")
        return Fragment(path, tool, (Part(kind, content_of(text)),))
    parts, empty = parts_of(text)
    return Fragment(path, tool, parts, empty)


def is_skipped(name: str, *patterns: str) -> bool:
    """Return whether a file in a directory of fragments is none."""
    return name.startswith((".", "_")) or any(
        fnmatch(name, pattern) for pattern in patterns if pattern
    )


_UNRELEASED = r"(?i)\W*(?:unreleased|upcoming|next|dev)\b"


def parse_changelog(text: str, *, limit: int = 0) -> tuple[Section, ...]:
    """Read the sections of a change log, in its order.

    Parameters
    ----------
    text
        Markdown or reStructuredText.
    limit
        How many sections to read; all, if 0.

    Returns
    -------
    tuple of Section
        Those whose heading names a version or "Unreleased".
    """
    headings = _headings(text)
    lines = text.splitlines()
    marks: list[tuple[int, int, str, str, Version | None]] = []
    for first, after, style, title in headings:
        version = _version_in(title)
        if version is None and not (
            re.match(_UNRELEASED, title) and len(title) < 60
        ):
            continue
        # A heading inside a section that happens to name a version.
        if marks and style != marks[0][2]:
            continue
        marks.append((first, after, style, title, version))
        if limit and len(marks) > limit:
            break
    sections = []
    for n, (_, after, _, title, version) in enumerate(marks):
        end = marks[n + 1][0] if n + 1 < len(marks) else len(lines)
        body = "\n".join(lines[after:end])
        sections.append(Section(title, version, parts_of(body)[0], body))
    return tuple(sections[:limit] if limit else sections)


_IN_TITLE = (
    r"(?i)^\W*(?:version |release )?\[?v?(\d+\.\d+(?:\.\d+)?[^\s\],)(]*)"
)

_HTML = r"<[^>]*>"


def _version_in(title: str) -> Version | None:
    match = re.match(_IN_TITLE, re.sub(_HTML, "", title).strip())
    if match is None:
        return None
    tags = list(parse_tags([match[1].rstrip(".:-—")]))
    if len(tags) != 1 or tags[0].prefix or tags[0].is_calendar:
        return None
    return tags[0].version


_FEATURE = (
    r"(?i)(?:add|allow|support|introduce|enable|implement|provide|new)"
    r"(?:s|ed|ing)?\b|.{0,40}\bnow (?:sets|supports|can|allows|accepts)\b"
)


def reads_as_feature(part: Part) -> bool:
    """Return whether an entry's words are those of a new feature."""
    return any(
        re.match(_FEATURE, line.lstrip("-*+ \t"))
        for line in part.text.splitlines()
        if line.startswith(("-", "*", "+")) or line == part.text
    )
