"""Change logs: finds a version's entry, and writes one by hand's rules. Pure.

Markdown and reStructuredText, whoever keeps them. scriv's own entries are
made by scriv; here is what is done to logs that people keep by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from .models import ChangelogStyle

__all__ = [
    "Heading",
    "add_to_entry",
    "commit_subject",
    "contains_fragment",
    "entry_of",
    "find_headings",
    "guess_style",
    "is_markdown",
    "release_unreleased",
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
_TO_COME = re.compile(
    r"\b(?:unreleased|not (?:yet )?released|in development|tb[ad]"
    r"|yyyy-mm-dd|20xx-xx-xx|date)\b",
    re.IGNORECASE,
)
_VERSION = re.compile(
    r"^\W*(?:[A-Za-z][\w.-]*[ \t]+|version[ \t]+|release[ \t]+)?\[?"
    r"(?P<prefix>v?)(?P<version>\d+\.\d+(?:\.\d+)?(?:[.+-]?[0-9A-Za-z]+)*)",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"\W*v?\d+\.\d+\.\d+[^\s\]]*(?:\W+\d{4}-\d{2}-\d{2})?\W*", re.IGNORECASE
)
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_REFERENCE = re.compile(r"^ {0,3}\[(?P<label>[^\]\n]+)\]:[ \t]+\S")
_RST_TARGET = re.compile(r"^\.\. _(?P<label>`[^`]+`|[^:\n]+):[ \t]+\S")


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


def _version_of(title: str) -> str | None:
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
    if _find_unreleased(headings) is not None:
        return "unreleased"
    return (
        "headings" if any(_version_of(h.title) for h in headings) else "none"
    )


def _find_unreleased(headings: tuple[Heading, ...]) -> int | None:
    """Return which heading is of what is not released, the first such."""
    for number, heading in enumerate(headings):
        if _UNRELEASED.match(heading.title):
            return number
        if _version_of(heading.title):
            is_open = _TO_COME.search(heading.title)
            return number if is_open else None
    return None


def _span(
    headings: tuple[Heading, ...], number: int, lines: list[str]
) -> tuple[int, int]:
    """Return the lines of a heading's content, without what is the next's.

    A version of its own ends it at any level: settings of tools change, and
    with them the levels of the entries that are made from then on.
    """
    heading = headings[number]
    end = len(lines)
    for other in headings[number + 1 :]:
        if other.level <= heading.level or _ENTRY.fullmatch(other.title):
            end = other.first
            break
    while end > heading.after and (
        not lines[end - 1].strip() or _BEFORE_HEADING.match(lines[end - 1])
    ):
        end -= 1
    return heading.after, end


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
        if _version_of(heading.title) != version:
            continue
        if _TO_COME.search(heading.title):
            return None
        start, end = _span(headings, number, lines)
        return _with_links(lines, start, end, markdown=markdown)
    return None


def _with_links(
    lines: list[str], start: int, end: int, *, markdown: bool
) -> str:
    """Return lines with the link definitions they use, and no others."""
    pattern = _REFERENCE if markdown else _RST_TARGET
    body = lines[start:end]
    # Definitions at the end of the file belong to no section.
    while body and (
        not body[-1].strip()
        or pattern.match(body[-1])
        or _BEFORE_HEADING.match(body[-1])
    ):
        body.pop()
    while body and not body[0].strip():
        body.pop(0)
    content = "\n".join(body)
    used = []
    for line in lines:
        match = pattern.match(line)
        if match is None or line in body or line in used:
            continue
        label = match["label"].strip("`")
        if markdown:
            is_used = f"[{label}]".lower() in content.lower()
        else:
            wanted = rf"{re.escape(label)}`?_"
            is_used = bool(re.search(wanted, content, re.IGNORECASE))
        if is_used:
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


def release_unreleased(
    text: str,
    *,
    version: str,
    tag: str,
    previous_tag: str | None,
    day: date,
    markdown: bool,
) -> str | None:
    """Give what awaits a version in a change log its version and date.

    A section "Unreleased" stays, empty, above the new section, as
    https://keepachangelog.com/en/1.1.0/ has it; a section such as "1.5.0
    (unreleased)" gets its date. Links that compare versions are continued.

    Parameters
    ----------
    text
        The change log.
    version
        The version, without a prefix.
    tag, previous_tag
        For the links that compare versions.
    day
        The date of the release.
    markdown
        Whether it is in Markdown.

    Returns
    -------
    str or None
        The new text, the rest of it byte for byte as it was; `None` where
        nothing awaits a version.
    """
    headings = find_headings(text, markdown=markdown)
    number = _find_unreleased(headings)
    if number is None:
        return None
    lines = text.splitlines(keepends=True)
    plain = [line.rstrip("\r\n") for line in lines]
    heading = headings[number]
    start, end = _span(headings, number, plain)
    # "Unreleased" with headings of categories and nothing under them.
    inner = {
        n
        for h in headings
        for n in range(h.first, h.after)
        if start <= h.first < end
    }
    if not any(
        plain[n].strip().strip("-*+ ") and not _REFERENCE.match(plain[n])
        for n in range(start, end)
        if n not in inner
    ):
        return None
    newline = "\r\n" if lines[heading.first].endswith("\r\n") else "\n"
    title = _title(headings, heading, version=version, day=day)
    made = _heading_lines(plain, heading, title)
    if _UNRELEASED.match(heading.title):
        made = ["", *made]
        at = slice(heading.after, heading.after)
    else:
        at = slice(heading.first, heading.after)
    lines[at] = [line + newline for line in made]
    return _continue_links("".join(lines), tag=tag, previous_tag=previous_tag)


def _title(
    headings: tuple[Heading, ...],
    heading: Heading,
    *,
    version: str,
    day: date,
) -> str:
    """Write a title as the version before has it."""
    today = day.isoformat()
    if not _UNRELEASED.match(heading.title):
        title = _TO_COME.sub(today, heading.title, count=1)
        return _replace_version(title, version)
    for other in headings:
        if (
            other.level == heading.level
            and _version_of(other.title)
            and _ISO.search(other.title)
        ):
            title = _ISO.sub(today, other.title, count=1)
            return _replace_version(title, version)
    is_link = heading.title.startswith("[")
    return f"[{version}] - {today}" if is_link else f"{version} - {today}"


def _replace_version(title: str, version: str) -> str:
    old = _version_of(title) or ""
    title = title.replace(old, version, 1)
    # A link to the old version would be wrong.
    return re.sub(r"\]\([^)]*\)", "]", title)


def _heading_lines(
    lines: list[str], heading: Heading, title: str
) -> list[str]:
    """Write a heading in the style of another one."""
    old = lines[heading.first : heading.after]
    if len(old) == 1:
        marks = re.match(r"\s*#+[ \t]+", old[0])
        return [f"{marks[0] if marks else '## '}{title}"]
    under = old[-1].strip()[0] * len(title)
    return [under, title, under] if len(old) == 3 else [title, under]


def _continue_links(text: str, *, tag: str, previous_tag: str | None) -> str:
    """Let the link "Unreleased" begin at the new version, and add its own."""
    match = re.search(
        r"^(?P<start> {0,3}\[(?P<label>unreleased)\]:[ \t]+)"
        r"(?P<url>\S+/compare/)(?P<base>\S+?)\.\.\.(?P<head>\S+)"
        r"(?P<end>[ \t]*\r?\n?)",
        text,
        re.IGNORECASE | re.MULTILINE,
    )
    if match is None:
        return text
    number = re.search(r"\d.*", tag)
    version = number[0] if number else tag
    newline = "\r\n" if match["end"].endswith("\r\n") else "\n"
    base = previous_tag or match["base"]
    new = (
        f"{match['start']}{match['url']}{tag}...{match['head']}{newline}"
        f"[{version}]: {match['url']}{base}...{tag}"
        f"{match['end']}"
    )
    return text[: match.start()] + new + text[match.end() :]


# -- Adding to an entry -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A category of an entry; the first one may have no heading."""

    title: str
    first: int
    after: int
    end: int


def add_to_entry(
    text: str,
    version: str,
    addition: str,
    *,
    order: Sequence[str],
    markdown: bool,
) -> str:
    """Add what another change log has of a version to its entry in this one.

    What is under a category goes below what the entry has there; a category
    that the entry lacks goes where its order has it.

    Parameters
    ----------
    text
        The change log, which has an entry of the version.
    version
        The version, without a prefix.
    addition
        Another change log with an entry of it.
    order
        The categories, in their order.
    markdown
        Whether both are in Markdown.

    Returns
    -------
    str
        The change log; the rest of it is byte for byte as it was.
    """
    lines = text.splitlines(keepends=True)
    plain = [line.rstrip("\r\n") for line in lines]
    newline = "\r\n" if any(li.endswith("\r\n") for li in lines) else "\n"
    extra = addition.splitlines()
    parts = _parts(text, version, markdown=markdown)
    rank = {name.casefold(): n for n, name in enumerate(order)}
    puts: dict[int, list[str]] = {}
    for new in _parts(addition, version, markdown=markdown):
        body = _strip(extra[new.after : new.end])
        if not body:
            continue
        same = [p for p in parts if p.title.casefold() == new.title.casefold()]
        if same:
            puts.setdefault(same[0].end, []).extend(["", *body])
            continue
        heading = extra[new.first : new.after]
        made = [*heading, "", *body] if heading else body
        mine = rank.get(new.title.casefold(), len(rank)) if heading else -1
        later = [
            p
            for p in parts
            if p.title and rank.get(p.title.casefold(), len(rank)) > mine
        ]
        if later:
            puts.setdefault(later[0].first, []).extend([*made, ""])
        else:
            puts.setdefault(parts[-1].end, []).extend(["", *made])
    for at in sorted(puts, reverse=True):
        if at and lines[at - 1] == plain[at - 1]:
            # The last line of the file has no end.
            lines[at - 1] += newline
        lines[at:at] = [line + newline for line in puts[at]]
    return "".join(lines)


def _parts(text: str, version: str, *, markdown: bool) -> list[_Part]:
    """Return the categories of a version's entry, without blank lines."""
    lines = text.splitlines()
    headings = find_headings(text, markdown=markdown)
    number = next(
        n for n, h in enumerate(headings) if _version_of(h.title) == version
    )
    start, end = _span(headings, number, lines)
    pattern = _REFERENCE if markdown else _RST_TARGET
    while end > start and (
        not lines[end - 1].strip() or pattern.match(lines[end - 1])
    ):
        end -= 1
    inner = [h for h in headings[number + 1 :] if h.first < end]
    top = min((h.level for h in inner), default=0)
    inner = [h for h in inner if h.level == top]
    bounds = [*(h.first for h in inner), end]
    parts = []
    if _strip(lines[start : bounds[0]]) or not inner:
        parts.append(_Part("", start, start, bounds[0]))
    parts += [
        _Part(h.title, h.first, h.after, bounds[n + 1])
        for n, h in enumerate(inner)
    ]
    return [
        replace(part, end=_before_blanks(lines, part.after, part.end))
        for part in parts
    ]


def _before_blanks(lines: list[str], start: int, end: int) -> int:
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def _strip(lines: list[str]) -> list[str]:
    """Return lines without the blank ones around them."""
    found = [n for n, line in enumerate(lines) if line.strip()]
    return lines[found[0] : found[-1] + 1] if found else []
