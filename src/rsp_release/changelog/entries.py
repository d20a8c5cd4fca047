"""Change logs: finds headings, and a version's entry. Pure.

Markdown and reStructuredText, whoever keeps them. What is written to them is
in `~rsp_release.changelog.entries.edits`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..models import ChangelogStyle

__all__ = [
    "REFERENCE",
    "RST_TARGET",
    "TO_COME",
    "Heading",
    "commit_subject",
    "contains_fragment",
    "entry_of",
    "find_headings",
    "find_unreleased",
    "guess_style",
    "is_markdown",
    "is_unreleased",
    "span_of",
    "trim",
    "version_of",
]

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"([=\-~^\"'`+*#.:_])\1{2,}[ \t]*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_BEFORE_HEADING = re.compile(
    r"<a (?:id|name)=[\"'][^\"']*[\"']>\s*(?:</a>)?\s*$"
    r"|\.\. _[^\n`]+:[ \t]*$"
    r"|<!--.*-->\s*$"
    r"|\.\. scriv-[a-z-]+[ \t]*$"
    r"|\.\. towncrier[ \w-]*$"
)
_UNRELEASED = re.compile(
    r"\W*(?:unreleased|upcoming|next(?: release| version)?|head|master|main)"
    r"\b(?: changes)?\W*$",
    re.IGNORECASE,
)
TO_COME = re.compile(
    r"\b(?:unreleased|not (?:yet )?released|in development|tb[ad]"
    r"|yyyy-mm-dd|20xx-xx-xx|date)\b",
    re.IGNORECASE,
)
"""Words in the heading of a version that is not released yet."""

_VERSION = re.compile(
    r"^\W*(?:[A-Za-z][\w.-]*[ \t]+|version[ \t]+|release[ \t]+)?\[?"
    r"(?P<prefix>v?)(?P<version>\d+\.\d+(?:\.\d+)?(?:[.+-]?[0-9A-Za-z]+)*)",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"\W*v?\d+\.\d+\.\d+[^\s\]]*(?:\W+\d{4}-\d{2}-\d{2})?\W*", re.IGNORECASE
)
REFERENCE = re.compile(r"^ {0,3}\[(?P<label>[^\]\n]+)\]:[ \t]+\S")
"""The definition of a link in Markdown."""

RST_TARGET = re.compile(r"^\.\. _(?P<label>`[^`]+`|[^:\n]+):[ \t]+\S")
"""The definition of a link in reStructuredText."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document."""

    first: int
    """Its first line, with an overline, from 0."""

    after: int
    """The line after it."""

    level: int
    """Its level, from 1."""

    title: str
    """Its text."""


def commit_subject(version: str) -> str:
    """Return the first line of the commit that brings a version's entry.

    A commit of that name, in which the entry appears, is the one to tag,
    whatever came after it.
    """
    return f"Update the change log for {version}"


def is_markdown(path: str) -> bool:
    """Return whether a change log is in Markdown, by its name."""
    return not path.lower().endswith((".rst", ".txt"))


def find_headings(text: str, *, markdown: bool) -> tuple[Heading, ...]:
    """Find the headings of a document.

    Parameters
    ----------
    text
        The document.
    markdown
        Whether it is in Markdown, else in reStructuredText.

    Returns
    -------
    tuple of Heading
        The headings, in order. In reStructuredText the levels are those in
        which the kinds of underlines appear.
    """
    lines = text.splitlines()
    return tuple(_markdown(lines) if markdown else _rst(lines))


def _markdown(lines: list[str]) -> Iterator[Heading]:
    fence = ""
    for i, line in enumerate(lines):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and fence:
            fence = ""
        if fence:
            continue
        match = _ATX.match(line)
        if match:
            yield Heading(i, i + 1, len(match[1]), match[2])
        elif _is_paragraph(line) and i + 1 < len(lines):
            under = _UNDERLINE.match(lines[i + 1])
            if under and under[1] in "=-":
                level = 1 if under[1] == "=" else 2
                yield Heading(i, i + 2, level, line.strip())


def _rst(lines: list[str]) -> Iterator[Heading]:
    levels: list[str] = []
    for i, line in enumerate(lines):
        if not _is_paragraph(line) or i + 1 >= len(lines):
            continue
        under = _UNDERLINE.match(lines[i + 1])
        if not under or len(lines[i + 1].rstrip()) < len(line.rstrip()) - 2:
            continue
        over = i > 0 and lines[i - 1].rstrip() == lines[i + 1].rstrip()
        over = over and (i < 2 or not lines[i - 2].strip())
        kind = under[1] * (2 if over else 1)
        if kind not in levels:
            levels.append(kind)
        yield Heading(i - over, i + 2, levels.index(kind) + 1, line.strip())


def _is_paragraph(line: str) -> bool:
    return (
        bool(line.strip())
        and not line[0].isspace()
        and not _UNDERLINE.match(line)
        and not line.startswith(("- ", "* ", "> ", "|", "<!--", ".. "))
    )


def version_of(title: str) -> str | None:
    """Return the version that a heading begins with, if it does."""
    match = _VERSION.match(re.sub(r"<[^>]*>", "", title).strip())
    return match["version"].rstrip(".-+") if match else None


def guess_style(text: str, *, markdown: bool) -> ChangelogStyle:
    """Say how a change log is kept that no tool is known to keep.

    Parameters
    ----------
    text
        The change log.
    markdown
        Whether it is in Markdown.

    Returns
    -------
    ChangelogStyle
        ``unreleased`` where a section awaits its version, ``headings`` where
        there are sections of versions, else ``none``.
    """
    headings = find_headings(text, markdown=markdown)
    if find_unreleased(headings) is not None:
        return "unreleased"
    return "headings" if any(version_of(h.title) for h in headings) else "none"


def is_unreleased(title: str) -> bool:
    """Return whether a heading is of what awaits a version, by its words."""
    return bool(_UNRELEASED.match(title))


def find_unreleased(headings: tuple[Heading, ...]) -> int | None:
    """Return which heading is of what is not released, the first such."""
    for number, heading in enumerate(headings):
        if is_unreleased(heading.title):
            return number
        if version_of(heading.title):
            is_open = TO_COME.search(heading.title)
            return number if is_open else None
    return None


def span_of(
    headings: tuple[Heading, ...], number: int, lines: list[str]
) -> tuple[int, int]:
    """Return the lines of a heading's content, without what is the next's.

    Another version ends it at any level: settings of tools change, and
    with them the levels of the entries that are made from then on.
    """
    heading = headings[number]
    end = len(lines)
    for other in headings[number + 1 :]:
        if other.level <= heading.level or _ENTRY.fullmatch(other.title):
            end = other.first
            break
    return heading.after, trim(lines, heading.after, end, _BEFORE_HEADING)


def trim(
    lines: list[str], start: int, end: int, *patterns: re.Pattern[str]
) -> int:
    """Return an end before which is neither a blank nor a certain line.

    Parameters
    ----------
    lines
        The lines of a document.
    start, end
        Those that are looked at.
    patterns
        What else than blanks may be left out.
    """
    while end > start and (
        not lines[end - 1].strip()
        or any(pattern.match(lines[end - 1]) for pattern in patterns)
    ):
        end -= 1
    return end


def entry_of(text: str, version: str, *, markdown: bool) -> str | None:
    """Return the entry of a version, without its heading.

    Parameters
    ----------
    text
        The change log.
    version
        The version, without a prefix.
    markdown
        Whether it is in Markdown.

    Returns
    -------
    str or None
        The entry, with the definitions of the links that it uses from the
        end of the file; `None` where there is no entry of that version.
    """
    headings = find_headings(text, markdown=markdown)
    lines = text.splitlines()
    for number, heading in enumerate(headings):
        if version_of(heading.title) != version:
            continue
        if TO_COME.search(heading.title):
            return None
        start, end = span_of(headings, number, lines)
        return _with_links(lines, start, end, markdown=markdown)
    return None


def _with_links(
    lines: list[str], start: int, end: int, *, markdown: bool
) -> str:
    """Return lines with the link definitions they use, and no others."""
    pattern = REFERENCE if markdown else RST_TARGET
    # Definitions at the end of the file belong to no section.
    end = trim(lines, start, end, pattern, _BEFORE_HEADING)
    while start < end and not lines[start].strip():
        start += 1
    body = lines[start:end]
    content = "\n".join(body)
    use = r"\[{}\]" if markdown else "{}`?_"
    used: list[str] = []
    for line in lines:
        match = pattern.match(line)
        if match is None or line in body or line in used:
            continue
        wanted = use.format(re.escape(match["label"].strip("`")))
        if re.search(wanted, content, re.IGNORECASE):
            used.append(line)
    if used:
        content += "\n\n" + "\n".join(used)
    return f"{content}\n" if content else ""


def contains_fragment(entry: str, fragment: str) -> bool:
    """Return whether all that a fragment says is in an entry already.

    Parameters
    ----------
    entry
        The entry.
    fragment
        The fragment's text, with headings and comments.

    Returns
    -------
    bool
        Whether every line of it that is more than a heading is in the entry.
    """
    text = re.sub(r"(?s)<!--.*?(?:-->|\Z)", "", fragment)
    lines = text.splitlines()
    skipped: set[int] = set()
    for markdown in (True, False):
        for heading in find_headings(text, markdown=markdown):
            skipped.update(range(heading.first, heading.after))
    there = {line.strip() for line in entry.splitlines()}
    wanted = [
        line.strip()
        for number, line in enumerate(lines)
        if number not in skipped
        and line.strip().strip("-*+ ")
        and not line.startswith(".. ")
    ]
    return bool(wanted) and all(line in there for line in wanted)
