"""What one commit message says. Pure.

Conventional Commits 1.0.0 first; where a message is none, the words of its
subject, which are weak evidence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "Header",
    "classify",
    "parse_header",
    "plain_subject",
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
    rb"(?i)\s*(?:Revert \"(.+)\"|revert(?:\([^()\r\n]*\))?!?:"
    rb"[ \t]+\"?(.+?)\"?)(?: \(#\d+\))?\s*$"
)

_PULL_REQUEST = rb"(?: \(#\d+\))+\s*$"

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
    if message[:8] in {b'Revert "', b'revert "'}:
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
    for match in re.finditer(_REVERTED, message):
        hashes += tuple(re.findall(_HASH, match[1] or match[2]))
    subject = re.match(_REVERT_SUBJECT, message.partition(b"\n")[0])
    name = subject and (subject[1] or subject[2])
    return hashes, _without_number(name) if name else None


def plain_subject(message: bytes) -> bytes:
    """Return the subject of a message, without a pull request's number."""
    return _without_number(message.lstrip().partition(b"\n")[0])


def _without_number(subject: bytes) -> bytes:
    if subject.rstrip()[-1:] != b")":
        return subject.strip()
    return re.sub(_PULL_REQUEST, b"", subject).strip()


_ORDER = {"cc-other": 0, "cc-patch": 1, "cc-minor": 2, "cc-major": 3}


def _of_type(word: bytes) -> str:
    if word in {b"feat", b"feature"}:
        return "cc-minor"
    if word in {b"fix", b"bugfix", b"hotfix", b"perf", b"security"}:
        return "cc-patch"
    return "cc-other"


def _squashed(message: bytes) -> tuple[str, bytes | None] | None:
    """Return the highest of the commits that a squashed message lists."""
    best: tuple[str, bytes | None] | None = None
    for line in re.findall(_SQUASHED, message):
        match = _HEADER.match(line)
        if match is None or match[1].lower() not in _TYPES:
            continue
        kind = "cc-major" if match[3] else _of_type(match[1].lower())
        if best is None or _ORDER[kind] > _ORDER[best[0]]:
            best = (kind, line)
    return best


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
