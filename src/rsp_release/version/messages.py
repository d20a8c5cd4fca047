"""What one commit message says. Pure.

Conventional Commits 1.0.0 first; where a message is none, the words of its
subject, which are weak evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = [
    "ORDER",
    "Header",
    "asides",
    "classify",
    "merged_pull_request",
    "parse_header",
    "plain_subject",
    "restored_by",
    "reverted_by",
]

# Types that the convention and its well-known vocabularies name.
_TYPES = frozenset(
    b"feat feature fix bugfix hotfix perf build chore ci doc docs style"
    b" refactor revert test tests deps security release wip bump merge"
    b" improvement types dx workflow lint i18n".split()
)

_HEADER = re.compile(
    rb"\s*([A-Za-z][A-Za-z0-9_-]*)"
    rb"(\([^()\r\n]*\))?(!)?:[ \t]+(\S[^\r\n]*)"
)

# The others are compiled when the first message needs them.
_BREAKING = (
    rb"(?m)^(?:[*-] )?BREAKING(?: CHANGE|-CHANGE)(?:: | #)\s*(\S[^\r\n]*)"
)

# GitHub's squash lists the commits as bullets, each with its subject first.
_SQUASHED = rb"(?m)^[*-] ([A-Za-z]+(?:\([^()\r\n]*\))?!?:[ \t]+\S[^\r\n]*)"

_REVERTED = (
    rb"(?m)This reverts commits? ((?:[0-9a-f]{7,64}(?:,? (?:and )?)?)+)|"
    rb"^Refs: ((?:[0-9a-f]{7,64}(?:, ?)?)+)"
)

_REVERT_SUBJECT = (
    rb"(?i)\s*(?:(Revert|Reapply) \"(.+)\"|revert(?:\([^()\r\n]*\))?!?:"
    rb"[ \t]+\"?(.+?)\"?)(?: \(#\d+\))?\s*$"
)

_RESTORED = rb"Reapply \"(.+)\"$|Revert \"Revert \"(.+)\"\"$"

# At the end, and within what a revert quotes.
_PULL_REQUEST = rb"(?: \(#\d+\))+\s*(?=\"|$)"

# What GitHub, Bitbucket, GitLab, and merge queues write for a merge.
_MERGES_PULL_REQUEST = (
    rb"(?:Auto m|M)erged?\b(?:[^\r\n]*#\d+|(?s:.*)\nSee merge request )"
)

# What Gitea, Azure and Pagure write has the title in the subject.
_MERGES_TITLE = (
    rb"Merged? (?:pull request '([^\r\n]+)' \(#\d+\) from "
    rb"|[^\r\n]*?(?:PR |[#!])\d+: )"
)

_TITLED = rb"[^\r\n]*\(#\d+\)[ \t]*(?:\r?\n|\Z)"

_BATCHED = rb"(?m)^\d+: "

# A person meant a footer, or put the list under a heading, and wrote none by
# Conventional Commits, rule 12; not where a template asks, or is told no.
_NEARLY_BREAKING = (
    rb"(?mi)^(?:[*-] )?(?:\*\*|#+ )?"
    rb"(?:breaking[ _-]changes?(?:\*\*)?(?::| #|"
    rb" (?:-|\xe2\x80[\x93\x94])(?= )|(?=[ \t\r]*\n\s*[*-] ))|"
    rb"(?-i:BREAKING):)(?:\*\*)?"
    rb"(?!\s*(?:[*-] )?(?:\[[ x]\]|(?:no|none|nothing|n/a)\b[ \t.\r]*$))"
    rb"(?:[ \t]*\S[^\r\n]*|\s*[*-] [ \t]*\S[^\r\n]*)"
)

_RELEASE_AS = rb"(?mi)^[ \t]*(?:[*-] )?(release-as:[ \t]*v?\d\S*)[ \t]*\r?$"

# Those of https://gitmoji.dev, whose list has just these two above a patch.
_EMOJI = (
    rb"(:boom:|\xf0\x9f\x92\xa5)|(:sparkles:|\xe2\x9c\xa8)|"
    rb":[a-z0-9_+-]+:|\xe2[\x8c-\xaf].|\xf0\x9f.."
)

_HASH = rb"[0-9a-f]{7,64}"

# A ticket or a mark in brackets, before the words.
_TICKET = rb"(?:\[?[A-Z][A-Z0-9]+-\d+\]?[:.]?[ \t]+|\[[^\]\r\n]{1,20}\][ \t]*)"

_RELEASE = (
    rb"(?i)(?:prepare|release|prep|cut|tag)\b"
    rb"[^\r\n]*(?:\d+\.\d+|release|version)|"
    rb"(?:update|finali[sz]e|collect|edit)[^\r\n]{0,20}"
    rb"(?:change ?log|release notes)|"
    rb"version \d|v?\d+\.\d+\.\d+\s*$"
)

_DEPENDENCY = (
    rb"(?i)bump |\[pre-commit\.ci\]|pin dependenc|upgrade dependenc|"
    rb"merge dependabot|(?:auto-?)?updated? (?:python )?(?:all )?(?:the )?"
    rb"(?:[\w-]+ )?(?:dependenc|requirements|lock ?file|pre-commit)"
)

_MAJOR = rb"(?i)(?:drop|remove) support\b|backwards?[- ]incompatible"

_ADDING = (
    b"add introduce support implement allow enable new create provide expose"
    b" initial"
)

_FIXING = b"fix correct repair resolve handle avoid prevent"


def _forms(words: bytes) -> frozenset[bytes]:
    """Return the forms of some verbs."""
    return frozenset(
        stem + end
        for word in words.split()
        for stem in (word, word.removesuffix(b"e"))
        for end in (b"", b"s", b"es", b"d", b"ed", b"ing")
    )


_ADDING_FORMS = _forms(_ADDING)

_FIXING_FORMS = _forms(_FIXING)

_ABOUT_DOCS = frozenset(
    b"doc docs documentation readme docstring docstrings typo typos".split()
)

_ABOUT_CI = frozenset(
    b"ci action actions workflow workflows linter linters lint ruff mypy"
    b" flake8 test tests tox nox dependabot renovate pre-commit".split()
)


class Header(NamedTuple):
    """The first line of a Conventional Commit."""

    type: str
    is_breaking: bool
    """Whether it has a ``!``."""

    description: str


def parse_header(subject: str) -> Header | None:
    """Parse the first line of a message by Conventional Commits 1.0.0.

    Parameters
    ----------
    subject
        The first line.

    Returns
    -------
    Header or None
        Its parts, or `None` if it is not of that form (rules 1, 4 and 5).
    """
    match = _HEADER.match(subject.encode("utf-8", "replace"))
    if match is None or match[2] == b"()":
        return None
    kind, _, mark, description = match.groups()
    return Header(
        kind.decode(),
        mark is not None,
        description.decode("utf-8", "replace").rstrip(),
    )


def classify(message: bytes) -> tuple[str, bytes | None]:
    """Say what a commit is.

    Parameters
    ----------
    message
        Its message.

    Returns
    -------
    tuple
        What it is taken for, and the line that decided, where that is not
        the subject. A Conventional Commit is ``cc-major``, ``cc-minor``,
        ``cc-patch`` or ``cc-other``; any other is by its words
        ``verb-major``, ``verb-minor``, ``verb-patch``, ``dependency``,
        ``docs``, ``ci``, ``release``, ``revert`` or ``plain``.
    """
    if message.startswith(_REVERTS):
        return "revert", None
    word, is_breaking = b"", False
    match = _HEADER.match(message)
    if match is not None and match[2] != b"()":
        word, is_breaking = match[1].lower(), match[3] is not None
    if word == b"revert":
        return "revert", None
    is_header = word in _TYPES or (is_breaking and word.isalpha())
    if is_header and is_breaking:
        return "cc-major", None
    if b"BREAKING" in message:
        footer = re.search(_BREAKING, message)
        if footer is not None:
            return "cc-major", footer.group()
    found = None
    if b"\n* " in message or b"\n- " in message:
        found = _squashed(message)
    if not is_header:
        return found or (_weak(message), None)
    # The title of a squash says what it is in all; what its commits were
    # called on the way only matters where one of them breaks something.
    if found is not None and found[0] == "cc-major":
        return found
    return _of_type(word), None


# Git has ``Reapply`` for the revert of a revert since 2.43.
_REVERTS = b'Revert "', b'revert "', b'Reapply "'


def asides(message: bytes, kind: str) -> Iterable[tuple[str, bytes]]:
    """Find what a message says besides what it is.

    Parameters
    ----------
    message
        The message.
    kind
        What `classify` takes it for.

    Returns
    -------
    iterable of tuple
        A kind, and the line that says so. ``release-as`` names the next
        version (release-please's footer, wherever a squash left it);
        ``nearly-major`` and ``nearly-minor`` are meant and not said by the
        convention: no footer, or features that a squash lists whose title
        is of a type that releases nothing; ``disputed`` are features under
        the title of a fix; ``emoji-major``, ``emoji-minor`` and
        ``emoji-patch`` are gitmoji.
    """
    small = message.lower()
    if (
        b"breaking" in small
        or b"release-as:" in small
        or (kind in _LISTING and (b"\n* " in small or b"\n- " in small))
        or message[:1] in _MARKS
    ):
        return _asides(message, kind)
    return ()


_LISTING = frozenset({"cc-other", "cc-patch"})

# What a gitmoji begins with.
_MARKS = frozenset({b":", b"\xe2", b"\xf0"})

_EMOJI_KINDS = {1: "emoji-major", 2: "emoji-minor", None: "emoji-patch"}


def _asides(message: bytes, kind: str) -> Iterator[tuple[str, bytes]]:
    emoji = re.match(_EMOJI, message)
    if emoji is not None:
        yield _EMOJI_KINDS[emoji.lastindex], b""
    found = re.search(_RELEASE_AS, message)
    if found is not None:
        yield "release-as", found[1]
    nearly = re.search(_NEARLY_BREAKING, message)
    if nearly is not None and kind != "cc-major":
        yield "nearly-major", nearly[0].strip()
    if kind in _LISTING:
        name = "nearly-minor" if kind == "cc-other" else "disputed"
        for level, line in _listed(message):
            if level == "cc-minor":
                yield name, line


def merged_pull_request(message: bytes) -> bytes | None:
    """Return what a merge says of the pull request that it merges.

    Parameters
    ----------
    message
        The message of a merge.

    Returns
    -------
    bytes or None
        The pull request's title and what follows, which GitHub puts into
        the body or, by another setting, into the subject with the number
        behind it. Other forges have it in either. A queue that merges
        several at once lists them. `None` where it is another merge.
    """
    if titled := re.match(_MERGES_TITLE, message):
        return titled[1] or message[titled.end() :]
    if re.match(_MERGES_PULL_REQUEST, message):
        body = message.partition(b"\n")[2].lstrip()
        if re.match(_BATCHED, body):
            body = b"\n" + re.sub(_BATCHED, b"* ", body)
        return body or None
    return message if re.match(_TITLED, message) else None


def restored_by(subject: bytes) -> bytes | None:
    """Return the subject that the revert of a revert brings back."""
    match = re.match(_RESTORED, plain_subject(subject))
    return match and (match[1] or match[2])


def reverted_by(message: bytes) -> tuple[tuple[bytes, ...], bytes | None]:
    """Return what a revert takes back.

    Parameters
    ----------
    message
        The message of a revert.

    Returns
    -------
    tuple
        The hashes that it names, abbreviated or not, and the subject that it
        names, without a pull request's number.
    """
    hashes: tuple[bytes, ...] = ()
    for found in re.finditer(_REVERTED, message):
        hashes += tuple(re.findall(_HASH, found[1] or found[2]))
    match = re.match(_REVERT_SUBJECT, message.partition(b"\n")[0])
    if match is None:
        return hashes, None
    subject = _without_number(match[2] or match[3])
    if match[1] == b"Reapply":
        subject = b'Revert "%s"' % subject
    return hashes, subject


def plain_subject(message: bytes) -> bytes:
    """Return the subject of a message, without a pull request's number."""
    return _without_number(message.lstrip().partition(b"\n")[0])


def _without_number(subject: bytes) -> bytes:
    if b"(#" not in subject:
        return subject.strip()
    return re.sub(_PULL_REQUEST, b"", subject).strip()


ORDER = {"cc-other": 0, "cc-patch": 1, "cc-minor": 2, "cc-major": 3}
"""The kinds of Conventional Commits, by what they ask for."""


def _of_type(word: bytes) -> str:
    if word in {b"feat", b"feature"}:
        return "cc-minor"
    if word in {b"fix", b"bugfix", b"hotfix", b"perf", b"security"}:
        return "cc-patch"
    return "cc-other"


def _squashed(message: bytes) -> tuple[str, bytes | None] | None:
    """Return the highest of the commits that a squashed message lists."""
    return max(_listed(message), key=lambda f: ORDER[f[0]], default=None)


def _listed(message: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the commits that a squashed message lists, and their kinds."""
    for line in re.findall(_SQUASHED, message):
        match = _HEADER.match(line)
        if match is not None and match[1].lower() in _TYPES:
            word = match[1].lower()
            yield "cc-major" if match[3] else _of_type(word), line


def _weak(message: bytes) -> str:
    """Take a guess from the words of a subject."""
    subject = message.lstrip().partition(b"\n")[0]
    words = subject.lower().replace(b":", b" ").split()
    if not words:
        return "plain"
    first = words[0]
    if not first.isalpha():
        ticket = re.match(_TICKET, subject)
        if ticket is not None and not first.startswith(b"[pre-commit"):
            subject = subject[ticket.end() :]
            first = words[1] if len(words) > 1 else b""
    if first in _DEPENDENCY_FIRST and re.match(_DEPENDENCY, subject):
        return "dependency"
    if (first in _RELEASE_FIRST or first[:1].isdigit()) and re.match(
        _RELEASE, subject
    ):
        return "release"
    about = set(words)
    if about & _ABOUT_DOCS:
        return "docs"
    if about & _ABOUT_CI:
        return "ci"
    return _verb(first, subject)


def _verb(first: bytes, subject: bytes) -> str:
    if first in _ADDING_FORMS:
        return "verb-minor"
    if first in _MAJOR_FIRST and re.match(_MAJOR, subject):
        return "verb-major"
    return "verb-patch" if first in _FIXING_FORMS else "plain"


_DEPENDENCY_FIRST = frozenset(
    b"bump [pre-commit.ci] pin upgrade merge update updated autoupdate"
    b" auto-update autoupdated auto-updated".split()
)

_RELEASE_FIRST = frozenset(
    b"prepare release prep cut tag update finalize finalise collect edit"
    b" version v".split()
)

_MAJOR_FIRST = frozenset(
    b"drop remove backward backwards backward-incompatible"
    b" backwards-incompatible".split()
)
