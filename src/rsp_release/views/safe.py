"""Make untrusted text safe, once, where it enters a view.

Commit messages, job names, a remote's words and a registry's answers are
written by others. `event` makes every text of an event safe; the views get
nothing else, so that none of them has to remember it.

What is taken out, and why:

- control sequences (ECMA-48: CSI, OSC, DCS and their kin, in their 7-bit and
  8-bit forms) and all other C0 and C1 characters: a terminal obeys them;
- characters that are not seen (bidirectional controls, zero-width
  characters, tags, variation selectors; Unicode's ``Cf`` and
  ``Default_Ignorable_Code_Point``): they make text look like other text, and
  string searches of other programs skip them;
- line ends, where one line is wanted;
- ``##[``: the runner of GitHub Actions reads it anywhere in a line as the
  beginning of a workflow command (``ActionCommand.TryParse``).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from itertools import chain
from operator import is_
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from ..models import Event, Standing

__all__ = [
    "event",
    "html",
    "line",
    "lines",
    "markdown",
    "markdown_code",
    "page",
    "url",
    "workflow_data",
]

LINE_LIMIT = 500
"""The longest line that is shown, in characters."""

TEXT_LIMIT = 4000
"""The longest text of several lines that is shown, in characters."""

_PARAGRAPHS = frozenset({"body", "help", "log", "message", "problem", "text"})
"""Fields of the models in which several lines, or indents, have a meaning."""

_URLS = frozenset({"deploy_url", "release_url", "run_url", "url"})

# Each alternative stops at the next introducer, so that a text made of
# nothing but introducers is still read in one pass.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90-\x9f\n]*"
    r"(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_NEWLINE = re.compile(r"\r\n?|[\n\x0b\x0c\x85\u2028\u2029]")
_ORDINARY = re.compile(r"[\n -~]*")
_WORDS = re.compile(r"[!-~]+(?: [!-~]+)*")
_IGNORABLE = frozenset(
    chain(
        (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x3164, 0xFFA0),
        range(0x180B, 0x1810),
        range(0xFE00, 0xFE10),
        range(0xFFF0, 0xFFF9),
        range(0xE0000, 0xE1000),
    )
)
_MAX_MARKS = 2

# What GitHub makes a link to a person, a link to an issue, or a picture.
_GITHUB_WORD = re.compile(r"(@(?=\w)|#(?=\d)|:(?=[\w+-]+:))")

_URL = re.compile(
    r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][!-~]*)?"
    r"|https?://\[[0-9A-Fa-f:.]+\](?::[0-9]+)?(?:[/?#][!-~]*)?"
)
_URL_LIMIT = 2000

_PAGE = re.compile(
    r"/[\w.-]+/[\w.-]+(?:/releases/tag/[\w./%+~-]+"
    r"|/actions/runs/[0-9]+(?:/(?:attempts|job)/[0-9]+)?|/pull/[0-9]+)",
    re.ASCII,
)


def line(text: str, limit: int = LINE_LIMIT) -> str:
    """Make a text safe to show as one line.

    Parameters
    ----------
    text
        Untrusted text.
    limit
        Most characters that are kept; an ellipsis shows that some were cut.

    Returns
    -------
    str
        Printable text without line ends, with each run of white space made
        one space.
    """
    if len(text) <= limit and _WORDS.fullmatch(text) and "##[" not in text:
        return text
    return _cut(" ".join(_printable(text, limit).split()), limit)


def lines(text: str, limit: int = TEXT_LIMIT) -> str:
    r"""Make a text safe to show as several lines.

    Parameters
    ----------
    text
        Untrusted text.
    limit
        Most characters that are kept; an ellipsis shows that some were cut.

    Returns
    -------
    str
        Printable text whose lines end in ``\n``, without empty lines at
        either end. Indentation is kept.
    """
    kept = [each.rstrip() for each in _printable(text, limit).split("\n")]
    return _cut("\n".join(kept).strip("\n"), limit)


def url(text: str | None) -> str | None:
    """Return an address if it is one that can be shown and followed.

    Parameters
    ----------
    text
        Untrusted text, or `None`.

    Returns
    -------
    str or None
        The address, of ASCII alone and without user information, or `None`
        where it is no such address.
    """
    if text is None or len(text) > _URL_LIMIT:
        return None
    if not text.isascii():
        text = quote(text, safe="!#$%&'()*+,/:;=?@[]~", errors="replace")
    return text if _URL.fullmatch(text) and "##[" not in text else None


def html(text: str) -> str:
    """Make a text safe in HTML, and in a quoted attribute.

    Parameters
    ----------
    text
        Untrusted text.

    Returns
    -------
    str
        The text as one line, escaped.
    """
    # Few need it, and it takes longer to load than all that is here.
    from html import escape

    return escape(line(text))


def page(text: str | None, server: str) -> str | None:
    """Return an address if it is of a release, a run or a pull request.

    A click or a browser follows what this lets through, so it is read and
    not only looked at: the server is GitHub, and the path is one that this
    program could have written itself.

    Parameters
    ----------
    text
        Untrusted text, or `None`.
    server
        The address of GitHub's pages.

    Returns
    -------
    str or None
        The address, or `None` where it is no such page.
    """
    if url(text) is None or text is None or not text.startswith(server):
        return None
    return text if _PAGE.fullmatch(text[len(server) :]) else None


def event(event: Event) -> Event:
    """Return an event of which every text is safe to show.

    Parameters
    ----------
    event
        What the engine tells.

    Returns
    -------
    Event
        The same, with `line` done to each text, `lines` where several lines
        belong there, and `url` where an address does.
    """
    cleaned: Event = _clean(event)
    return cleaned


def standing(standing: Standing) -> Standing:
    """Return how an environment stands, with texts that are safe to show."""
    cleaned: Standing = _clean(standing)
    return cleaned


def workflow_data(text: str) -> str:
    """Escape text for the message of a workflow command.

    Parameters
    ----------
    text
        Text that is safe already.

    Returns
    -------
    str
        The text on one line, which the runner's ``ActionCommand`` reads as
        it was.
    """
    return _percent(text, "%\r\n")


def workflow_property(text: str) -> str:
    """Escape text for a property of a workflow command.

    Parameters
    ----------
    text
        Text that is safe already.

    Returns
    -------
    str
        The text on one line, without what separates properties.
    """
    return _percent(text, "%\r\n:,")


def markdown(text: str) -> str:
    """Escape text so that GitHub's Markdown shows it as it is.

    Every ASCII punctuation character is escaped with a backslash (CommonMark
    2.4), the pipe of tables included. Mentions, references and emoji names
    are looked for after that, so they are broken by a zero-width space.

    Parameters
    ----------
    text
        Text that is safe already.

    Returns
    -------
    str
        Markdown of one line.
    """
    text = _GITHUB_WORD.sub("\\1\N{ZERO WIDTH SPACE}", " ".join(text.split()))
    text = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)
    return text.replace("\N{ZERO WIDTH SPACE}", "&#8203;")


def markdown_code(text: str) -> str:
    """Write text as code in GitHub's Markdown, so that it can be copied.

    Parameters
    ----------
    text
        Text that is safe already.

    Returns
    -------
    str
        A code span (CommonMark 6.1) that can stand in a table's cell.
    """
    text = " ".join(text.split())
    if not text:
        return ""
    if "|" in text:
        # In a table a pipe ends the cell even within code, unless a
        # backslash stands before it, and that one cannot be escaped.
        return markdown(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text[0] == "`" or text[-1] == "`" else ""
    return f"{fence}{space}{text}{space}{fence}"


def _percent(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _printable(text: str, limit: int) -> str:
    # What is thrown away may be long too, but not without end: reading
    # a hundred megabytes to show one line is a refusal of service.
    text = text[: 4 * limit]
    if not _ORDINARY.fullmatch(text):
        text = _NEWLINE.sub("\n", _SEQUENCE.sub("", text))
        text = text.translate(_VISIBLE)
    if not text.isascii():
        text = _unburdened(text[: 2 * limit])
    # Once more, since what was taken out may have stood between the parts.
    return text.replace("##[", "## [")


class _Visible(dict[int, str]):
    """What is shown for each character, worked out when it is met."""

    def __missing__(self, codepoint: int) -> str:
        character = chr(codepoint)
        kind = unicodedata.category(character)
        if character == "\n":
            shown = character
        elif kind == "Zs" or character == "\t":
            shown = " "
        elif kind in {"Cc", "Cf"} or codepoint in _IGNORABLE:
            shown = ""
        elif kind in {"Cs", "Co", "Cn"}:
            shown = "\N{REPLACEMENT CHARACTER}"
        else:
            shown = character
        self[codepoint] = shown
        return shown


_VISIBLE = _Visible()


def _unburdened(text: str) -> str:
    # Heaps of combining marks paint over the lines above.
    kept: list[str] = []
    marks = 0
    for character in text:
        is_mark = unicodedata.category(character) in {"Mn", "Me"}
        marks = marks + 1 if is_mark else 0
        if marks <= _MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _clean(value: Any, name: str = "") -> Any:
    """Return a value with safe texts; the same one, if they were safe."""
    if isinstance(value, str):
        if isinstance(value, Enum):
            return value
        if name in _URLS:
            return url(value) or ""
        return lines(value) if name in _PARAGRAPHS else line(value)
    if isinstance(value, tuple):
        cleaned = [_clean(each, name) for each in value]
        return value if all(map(is_, cleaned, value)) else tuple(cleaned)
    changes = {}
    for each in _find_fields(value.__class__):
        before = getattr(value, each)
        after = _clean(before, each)
        if after is not before:
            changes[each] = after
    return replace(value, **changes) if changes else value


@cache
def _find_fields(kind: type) -> tuple[str, ...]:
    """Return the fields of a model; of anything else none."""
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else ()
