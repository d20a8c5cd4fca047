"""The body of a GitHub release: text in, Markdown out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..models import Commit
from ..version.messages import classify, parse_header
from .entries import find_headings

__all__ = [
    "BODY_MOST",
    "compose_body",
    "group_commits",
    "make_safe_markdown",
    "notes_of_entry",
    "to_markdown",
]

BODY_MOST = 125_000
"""Bytes that the body of a release may have.

GitHub refuses more than 125,000 characters and does not say how it counts
them, so count bytes.
"""


_DEPENDENCY = re.compile(
    r"(?:bump|update|upgrade)\b.*\b(?:from .+ to|dependenc|requirement)"
    r"|\[pre-commit\.ci\]|update .*(?:pins|dependencies)",
    re.IGNORECASE,
)
_BOT = re.compile(r"\[bot\]$|^(?:dependabot|renovate|pre-commit-ci)\b")
_MENTION = re.compile(r"(?<![\w/])@(?=[A-Za-z0-9])")
_SQUASHED = re.compile(r"\s+(\(#\d+\))\s*$")
_NUMBER = re.compile(r"#(?=\d)|(?<=\bGH-)(?=\d)", re.IGNORECASE)

_OTHERS = "Other changes"
_GROUPS = {
    "cc-major": "Backwards-incompatible changes",
    "cc-minor": "New features",
    "cc-patch": "Bug fixes",
    "cc-other": _OTHERS,
}
_MOST = 50


def notes_of_entry(entry: str, *, markdown: bool, level: int = 2) -> str:
    """Make notes of a change log's entry.

    Parameters
    ----------
    entry
        The entry without its heading.
    markdown
        Whether it is in Markdown, else in reStructuredText.
    level
        The level of the entry's own heading in the change log: the headings
        inside are raised by one, to this one.

    Returns
    -------
    str
        Markdown. Headings without content are left out.
    """
    if not markdown:
        entry = to_markdown(entry)
    entry = re.sub(r"(?s)<!--.*?(?:-->|\Z)", "", entry)
    headings = find_headings(entry, markdown=True)
    if not headings:
        return _tidy(entry)
    lines = entry.splitlines()
    shift = level - min(h.level for h in headings)
    made: list[str] = lines[: headings[0].first]
    for number, heading in enumerate(headings):
        following = headings[number + 1 :]
        end = following[0].first if following else len(lines)
        body = lines[heading.after : end]
        has_inner = bool(following) and following[0].level > heading.level
        if not has_inner and not any(b.strip().strip("-*+") for b in body):
            continue
        marks = "#" * min(6, heading.level + shift)
        made += [f"{marks} {heading.title}", *body]
    return _tidy("\n".join(made))


def _tidy(text: str) -> str:
    text = re.sub(r"\n{3,}", "\n\n", text.strip())
    return f"{text}\n" if text else ""


def to_markdown(text: str) -> str:
    """Turn reStructuredText into Markdown.

    Docutils reads it, with no access to files, and markdownify writes it.
    Roles and directives that only Sphinx knows keep their text.

    Parameters
    ----------
    text
        The reStructuredText.

    Returns
    -------
    str
        Markdown.
    """
    from docutils import nodes
    from docutils.core import publish_parts
    from docutils.parsers.rst import roles
    from docutils.writers.html5_polyglot import Writer
    from markdownify import MarkdownConverter

    def literal(
        name: str, rawtext: str, content: str, *rest: object, **options: object
    ) -> tuple[list[nodes.Node], list[nodes.Node]]:
        shown = re.sub(r"\s*<[^<>]*>$", "", content).lstrip("~!")
        return [nodes.literal(rawtext, shown)], []

    # Sphinx's roles are unknown to docutils, which would print an error.
    standard = {
        "emphasis", "strong", "literal", "code", "math", "sub", "sup",
        "subscript", "superscript", "title", "title-reference",
    }  # fmt: skip
    for name in set(re.findall(r":([a-zA-Z][\w:+.-]*):`", text)) - standard:
        roles.register_local_role(name, literal)  # type: ignore[arg-type]

    class Converter(MarkdownConverter):
        """Writes docutils' literals as code."""

        def convert_span(
            self, el: Any, content: str, parent_tags: set[str]
        ) -> str:
            if "literal" not in (el.get("class") or ()):
                return content
            convert: Any = super().convert_code  # type: ignore[misc]
            return str(convert(el, el.get_text(), parent_tags))

    html = publish_parts(
        text,
        # An instance, since older releases take no name here.
        writer=Writer(),
        settings_overrides={
            "doctitle_xform": False,
            "file_insertion_enabled": False,
            "halt_level": 5,
            "initial_header_level": 3,
            "input_encoding": "unicode",
            "raw_enabled": False,
            "report_level": 5,
            "syntax_highlight": "none",
            "embed_stylesheet": False,
        },
    )["body"]
    found: str = Converter(
        heading_style="ATX", bullets="-", escape_misc=False
    ).convert(html)
    return _tidy("\n".join(line.rstrip() for line in found.splitlines()))


def compose_body(notes: str, generated: str, *, more: str) -> str:
    """Put the body of a release together.

    Parameters
    ----------
    notes
        What the maintainers say.
    generated
        What GitHub generates.
    more
        The address of the whole, where it has to be cut.

    Returns
    -------
    str
        The notes, then what is generated; cut at the end of a line where it
        is longer than GitHub takes.
    """
    parts = [part.strip() for part in (notes, generated) if part.strip()]
    body = "\n\n".join(parts) + "\n" if parts else ""
    if len(body.encode()) <= BODY_MOST:
        return body
    rest = f"\n[The rest is in the change log.]({more})\n"
    if len(parts) == 2:
        # What GitHub generates ends with the link to all changes.
        tail = parts[1].rstrip().rpartition("\n")[2]
        if len(tail) < 500:
            rest += f"\n{tail}\n"
    # A fence that is cut open would swallow what follows.
    fence = "\n```\n"
    room = BODY_MOST - len(rest.encode()) - len(fence)
    head = body.encode()[:room].decode(errors="ignore")
    head = head[: head.rfind("\n") + 1]
    if len(re.findall(r"(?m)^ {0,3}```", head)) % 2:
        head += fence[1:]
    return head + rest


def group_commits(commits: Iterable[Commit]) -> str:
    """Write notes from commits, where there is no change log.

    Merges are left out, since what they merge is listed; updates of
    dependencies, and whatever robots commit, are counted in one line.

    Parameters
    ----------
    commits
        The commits, newest first.

    Returns
    -------
    str
        Markdown: a list for each kind of change.
    """
    groups: dict[str, list[str]] = {name: [] for name in _GROUPS.values()}
    updates = 0
    for commit in commits:
        if commit.parents > 1 or not commit.subject:
            continue
        if _DEPENDENCY.search(commit.subject) or _BOT.search(commit.author):
            updates += 1
            continue
        # The notes call a commit what choosing the version took it for.
        kind, _ = classify(commit.message.encode("utf-8", "replace"))
        header = parse_header(commit.subject) if kind in _GROUPS else None
        text = header.description if header else commit.subject
        line = f"{_safe_subject(text)} ({commit.hash[:10]})"
        groups[_GROUPS.get(kind, _OTHERS)].append(line)
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
        sections.append("\n".join([f"## {name}", "", *shown]))
    return "\n\n".join(sections) + "\n" if sections else ""


def _safe_subject(text: str) -> str:
    """Keep the number that GitHub appends when it squashes: it is ours."""
    match = _SQUASHED.search(text)
    if match is None:
        return make_safe_markdown(text)
    return f"{make_safe_markdown(text[: match.start()])} {match[1]}"


def make_safe_markdown(text: str) -> str:
    """Make one line of foreign text safe inside Markdown.

    It cannot notify anybody, link to an issue that it may not mean, or break
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
    return _NUMBER.sub(lambda match: f"{match[0]}<!-- -->", line)
