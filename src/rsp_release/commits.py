"""What commit messages say about the next version. Pure, and streamed.

Messages come as git prints them with `FORMAT`, newest first, and are folded
into counts and a few examples, so that a million commits need no more memory
than a thousand. The fold does not depend on the order of the commits.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from typing import NamedTuple

__all__ = [
    "FORMAT",
    "KINDS",
    "CommitEvidence",
    "CommitReader",
    "Example",
    "Header",
    "parse_header",
    "raw_commit",
    "read_commits",
]

FORMAT = "%m%H %P%n%B"
"""The format for ``git log -z`` that `CommitReader` reads."""

KINDS = (
    "cc-major",
    "cc-minor",
    "cc-patch",
    "cc-other",
    "verb-major",
    "verb-minor",
    "verb-patch",
    "dependency",
    "docs",
    "ci",
    "release",
    "revert",
    "plain",
)
"""What a commit can be taken for; each that is no merge is exactly one.

The first four are Conventional Commits. A commit can besides count among the
verbs by its description, which is for repositories where the types mean
little.
"""

_EXAMPLES = 30

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
    scope: str | None
    is_breaking: bool
    """Whether it has a ``!``."""

    description: str

    @property
    def is_known(self) -> bool:
        """Whether the type is one of the usual ones."""
        return self.type.lower().encode() in _TYPES


class Example(NamedTuple):
    """One commit, to be shown."""

    hash: str
    text: str
    """Its subject, or the footer that decided. Untrusted."""


class CommitEvidence(NamedTuple):
    """What the commits since a version say."""

    total: int = 0
    """How many commits there are, merges included."""

    merges: int = 0
    """How many are merges, which are not looked into."""

    counts: dict[str, int] = {}  # noqa: RUF012 - never written to
    """How many commits are of each of the `KINDS`."""

    examples: dict[str, tuple[Example, ...]] = {}  # noqa: RUF012
    """The newest of each kind, a few."""

    reverted: int = 0
    """How many commits do not count because a later one reverts them."""

    @property
    def looked_at(self) -> int:
        """How many commits were classified."""
        return self.total - self.merges

    @property
    def conventional(self) -> int:
        """How many of them are Conventional Commits."""
        return sum(self.count(k) for k in KINDS[:4])

    def count(self, kind: str) -> int:
        """Return how many commits are of a kind."""
        return self.counts.get(kind, 0)


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
    kind, scope, mark, description = match.groups()
    return Header(
        kind.decode(),
        scope[1:-1].decode("utf-8", "replace") if scope else None,
        mark is not None,
        description.decode("utf-8", "replace").rstrip(),
    )


def raw_commit(
    hash: str, message: str, *, parents: int = 1, is_boundary: bool = False
) -> bytes:
    """Write a commit as git does with `FORMAT`."""
    mark = "-" if is_boundary else ">"
    names = " ".join(["0" * 40] * parents)
    return f"{mark}{hash} {names}\n{message}".encode("utf-8", "replace")


def read_commits(records: Iterable[bytes]) -> CommitEvidence:
    """Fold commits as git prints them with `FORMAT` into evidence."""
    reader = CommitReader()
    reader.feed(records)
    return reader.finish()


class CommitReader:
    """Folds commits into evidence.

    Attributes
    ----------
    boundary
        Hashes of the boundary commits, where git was asked for them.
    roots
        How many commits without a parent were seen.
    """

    def __init__(self) -> None:
        self.boundary: set[bytes] = set()
        self.roots: list[bytes] = []
        self._total = 0
        self._merges = 0
        self._counts = dict.fromkeys(KINDS, 0)
        self._examples: dict[str, list[Example]] = {k: [] for k in KINDS}
        # What a revert may cancel: the first 48 bits of the hash, and a hash
        # of the subject, for each commit that raises more than the patch.
        self._hashes: dict[str, array[int]] = {}
        self._subjects: dict[str, array[int]] = {}
        self._reverts: list[tuple[bytes, tuple[bytes, ...], bytes | None]] = []

    def feed(self, records: Iterable[bytes]) -> None:
        """Take in commits.

        Parameters
        ----------
        records
            Commits as `FORMAT` prints them, without the terminator.
        """
        header = _HEADER.match
        counts = self._counts
        examples = self._examples
        for record in records:
            line, _, message = record.partition(b"\n")
            if line[:1] == b"-":
                self.boundary.add(line[1:].partition(b" ")[0])
                continue
            self._total += 1
            parents = line.count(b" ") if line[-1:] != b" " else 0
            if parents > 1:
                self._merges += 1
                continue
            if not parents:
                self.roots.append(line[1:].strip())
            match = header(message)
            kind, text = self._classify(message, match)
            if kind == "revert":
                self._add_revert(line[1:], message)
            counts[kind] += 1
            few = examples[kind]
            if len(few) < _EXAMPLES:
                few.append(_example(line, text or message))
            if kind in _RAISING:
                self._remember(kind, line, message)

    def _remember(self, kind: str, line: bytes, message: bytes) -> None:
        if kind not in self._hashes:
            self._hashes[kind] = array("Q")
            self._subjects[kind] = array("q")
        self._hashes[kind].append(int(line[1:13], 16))
        self._subjects[kind].append(hash(_plain_subject(message)))

    def _classify(
        self, message: bytes, match: re.Match[bytes] | None
    ) -> tuple[str, bytes | None]:
        """Return the kind of a commit, and what decided if not its subject."""
        if message[:8] in {b'Revert "', b'revert "'}:
            return "revert", None
        if match is not None and match[2] != b"()":
            word = match[1].lower()
            if word == b"revert":
                return "revert", None
            if word in _TYPES or (match[3] and word.isalpha()):
                return _conventional(message, match, word)
        if b"BREAKING" in message:
            footer = re.search(_BREAKING, message)
            if footer is not None:
                return "cc-major", footer.group()
        if b"\n* " in message or b"\n- " in message:
            found = _squashed(message)
            if found is not None:
                return found
        return _weak(message), None

    def _add_revert(self, line: bytes, message: bytes) -> None:
        hashes: tuple[bytes, ...] = ()
        for match in re.finditer(_REVERTED, message):
            hashes += tuple(
                re.findall(_HASH, match.group(1) or match.group(2))
            )
        subject = re.match(_REVERT_SUBJECT, message.partition(b"\n")[0])
        name = subject and (subject[1] or subject[2])
        self._reverts.append(
            (
                line.partition(b" ")[0],
                hashes,
                re.sub(_PULL_REQUEST, b"", name).strip() if name else None,
            )
        )

    def finish(self) -> CommitEvidence:
        """Return the evidence, with reverts taken into account."""
        counts = dict(self._counts)
        gone = 0
        dropped: set[tuple[str, int]] = set()
        for hashes, subject in self._active_reverts():
            for kind, position in self._targets(hashes, subject):
                if (kind, position) not in dropped:
                    dropped.add((kind, position))
                    counts[kind] -= 1
                    gone += 1
        examples = {k: tuple(v) for k, v in self._examples.items() if v}
        for kind in {k for k, _ in dropped}:
            lost = {self._hashes[kind][i] for k, i in dropped if k == kind}
            examples[kind] = tuple(
                e for e in examples[kind] if int(e.hash[:12], 16) not in lost
            )
        return CommitEvidence(
            self._total,
            self._merges,
            {k: n for k, n in counts.items() if n},
            examples,
            gone,
        )

    def _active_reverts(
        self,
    ) -> Iterable[tuple[tuple[bytes, ...], bytes | None]]:
        """Return the reverts that are not reverted themselves."""
        by_hash = {line: i for i, (line, _, _) in enumerate(self._reverts)}
        undone_by: dict[int, list[int]] = {}
        for i, (_, hashes, subject) in enumerate(self._reverts):
            for full, j in by_hash.items():
                if i != j and any(full.startswith(h) for h in hashes):
                    undone_by.setdefault(j, []).append(i)
            if hashes or subject is None:
                continue
            for j, (_, _, other) in enumerate(self._reverts):
                if i != j and other and subject == b'Revert "' + other + b'"':
                    undone_by.setdefault(j, []).append(i)
        memo: dict[int, bool] = {}

        def active(i: int) -> bool:
            if i not in memo:
                memo[i] = True  # in a circle, which git cannot make
                memo[i] = not any(active(j) for j in undone_by.get(i, ()))
            return memo[i]

        return [
            (hashes, subject)
            for i, (_, hashes, subject) in enumerate(self._reverts)
            if active(i)
        ]

    def _targets(
        self, hashes: tuple[bytes, ...], subject: bytes | None
    ) -> Iterable[tuple[str, int]]:
        """Find the commits that a revert cancels."""
        for kind, known in self._hashes.items():
            for name in hashes:
                if len(name) >= 12:
                    wanted = int(name[:12], 16)
                    for i, value in enumerate(known):
                        if value == wanted:
                            yield kind, i
                else:
                    shift = 4 * (12 - len(name))
                    wanted = int(name, 16)
                    for i, value in enumerate(known):
                        if value >> shift == wanted:
                            yield kind, i
            if not hashes and subject is not None:
                wanted = hash(subject)
                for i, value in enumerate(self._subjects[kind]):
                    if value == wanted:
                        yield kind, i
                        break


_RAISING = frozenset({"cc-major", "cc-minor", "verb-major", "verb-minor"})


def _plain_subject(message: bytes) -> bytes:
    subject = message.lstrip().partition(b"\n")[0]
    return re.sub(_PULL_REQUEST, b"", subject).strip()


def _example(line: bytes, message: bytes) -> Example:
    subject = message.lstrip().partition(b"\n")[0].strip()[:200]
    return Example(
        line[1:].partition(b" ")[0].decode("ascii", "replace"),
        subject.decode("utf-8", "replace"),
    )


_ORDER = {"cc-other": 0, "cc-patch": 1, "cc-minor": 2, "cc-major": 3}


def _of_type(word: bytes) -> str:
    if word in {b"feat", b"feature"}:
        return "cc-minor"
    if word in {b"fix", b"bugfix", b"hotfix", b"perf", b"security"}:
        return "cc-patch"
    return "cc-other"


def _conventional(
    message: bytes, match: re.Match[bytes], word: bytes
) -> tuple[str, bytes | None]:
    if match[3]:
        return "cc-major", None
    kind: tuple[str, bytes | None] = (_of_type(word), None)
    if b"BREAKING" in message:
        footer = re.search(_BREAKING, message)
        if footer is not None:
            return "cc-major", footer.group()
    if b"\n* " in message or b"\n- " in message:
        # The title of a squash says what it is in all; what its commits were
        # called on the way only matters where one of them breaks something.
        found = _squashed(message)
        if found is not None and found[0] == "cc-major":
            return found
    return kind


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
    if first in _RELEASE_FIRST or first[:1].isdigit() or first[:1] == b"v":
        if re.match(_RELEASE, subject):
            return "release"
    about = set(words)
    if about & _ABOUT_DOCS:
        return "docs"
    if about & _ABOUT_CI:
        return "ci"
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
    b" version".split()
)

_MAJOR_FIRST = frozenset(
    b"drop remove backward backwards backward-incompatible"
    b" backwards-incompatible".split()
)
