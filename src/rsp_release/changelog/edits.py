"""Edits of change logs: dates what is unreleased, adds to an entry. Pure.

scriv's own entries are made by scriv; here is what is done to logs that people
keep by hand, and to entries that people have edited.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from .entries import (
    REFERENCE,
    RST_TARGET,
    TO_COME,
    Heading,
    find_headings,
    find_unreleased,
    is_unreleased,
    span_of,
    trim,
    version_of,
)

__all__ = ["add_to_entry", "release_unreleased"]

_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")


def release_unreleased(
    text: str,
    *,
    version: str,
    tag: str,
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
    tag
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
    number = find_unreleased(headings)
    if number is None:
        return None
    lines = text.splitlines(keepends=True)
    plain = [line.rstrip("\r\n") for line in lines]
    heading = headings[number]
    start, end = span_of(headings, number, plain)
    # "Unreleased" with headings of categories and nothing under them.
    inner = {
        n
        for h in headings
        for n in range(h.first, h.after)
        if start <= h.first < end
    }
    if not any(
        plain[n].strip().strip("-*+ ") and not REFERENCE.match(plain[n])
        for n in range(start, end)
        if n not in inner
    ):
        return None
    newline = "\r\n" if lines[heading.first].endswith("\r\n") else "\n"
    title = _title(headings, heading, version=version, day=day)
    made = _heading_lines(plain, heading, title)
    if is_unreleased(heading.title):
        made = ["", *made]
        at = slice(heading.after, heading.after)
    else:
        at = slice(heading.first, heading.after)
    lines[at] = [line + newline for line in made]
    return _continue_links("".join(lines), tag=tag)


def _title(
    headings: tuple[Heading, ...],
    heading: Heading,
    *,
    version: str,
    day: date,
) -> str:
    """Write a title as the version before has it."""
    today = day.isoformat()
    if not is_unreleased(heading.title):
        title = TO_COME.sub(today, heading.title, count=1)
        return _replace_version(title, version)
    for other in headings:
        if (
            other.level == heading.level
            and version_of(other.title)
            and _ISO.search(other.title)
        ):
            title = _ISO.sub(today, other.title, count=1)
            return _replace_version(title, version)
    is_link = heading.title.startswith("[")
    return f"[{version}] - {today}" if is_link else f"{version} - {today}"


def _replace_version(title: str, version: str) -> str:
    old = version_of(title) or ""
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


def _continue_links(text: str, *, tag: str) -> str:
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
    new = (
        f"{match['start']}{match['url']}{tag}...{match['head']}{newline}"
        f"[{version}]: {match['url']}{match['base']}...{tag}"
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
        n for n, h in enumerate(headings) if version_of(h.title) == version
    )
    start, end = span_of(headings, number, lines)
    end = trim(lines, start, end, REFERENCE if markdown else RST_TARGET)
    inner = [h for h in headings[number + 1 :] if h.first < end]
    top = min((h.level for h in inner), default=0)
    inner = [h for h in inner if h.level == top]
    bounds = [*(h.first for h in inner), end]
    parts = []
    if _strip(lines[start : bounds[0]]) or not inner:
        parts.append(_Part("", start, start, trim(lines, start, bounds[0])))
    for h, bound in zip(inner, bounds[1:], strict=True):
        last = trim(lines, h.after, bound)
        parts.append(_Part(h.title, h.first, h.after, last))
    return parts


def _strip(lines: list[str]) -> list[str]:
    """Return lines without the blank ones around them."""
    found = [n for n, line in enumerate(lines) if line.strip()]
    return lines[found[0] : found[-1] + 1] if found else []
