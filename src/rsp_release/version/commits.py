"""What commit messages say about the next version. Pure, and streamed.

Messages come as git prints them with `FORMAT`, newest first, and are folded
into counts and a few examples, so that a million commits need no more memory
than a thousand. The fold does not depend on the order of the commits.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from .messages import classify, plain_subject, reverted_by

__all__ = [
    "FORMAT",
    "CommitEvidence",
    "CommitReader",
    "Example",
    "raw_commit",
    "read_commits",
]

FORMAT = "%m%H %P%n%B"
"""The format for ``git log -z`` that `CommitReader` reads."""

_EXAMPLES = 30

# As many digits of a hash as are kept: enough to tell commits apart.
_DIGITS = 12


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
    """How many commits are of each kind; see `.messages.classify`."""

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
        return sum(n for k, n in self.counts.items() if k.startswith("cc-"))

    def number(self, kind: str) -> int:
        """Return how many commits are of a kind."""
        return self.counts.get(kind, 0)


class _Revert(NamedTuple):
    """A commit that takes others back."""

    hash: bytes
    targets: tuple[bytes, ...]
    """The hashes that it names."""

    subject: bytes | None
    """The subject that it names."""


def raw_commit(name: str, message: str, *, parents: int = 1) -> bytes:
    """Write a commit as git does with `FORMAT`."""
    above = " ".join(["0" * 40] * parents)
    return f">{name} {above}\n{message}".encode("utf-8", "replace")


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
        self._counts: dict[str, int] = defaultdict(int)
        self._examples: dict[str, list[Example]] = defaultdict(list)
        # What a revert may cancel: the first 48 bits of the hash, and a hash
        # of the subject, for each commit that raises more than the patch.
        self._hashes: dict[str, array[int]] = defaultdict(lambda: array("Q"))
        self._subjects: dict[str, array[int]] = defaultdict(lambda: array("q"))
        self._reverts: list[_Revert] = []

    def feed(self, records: Iterable[bytes]) -> None:
        """Take in commits.

        Parameters
        ----------
        records
            Commits as `FORMAT` prints them, without the terminator.
        """
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
            kind, text = classify(message)
            if kind == "revert":
                name = line[1:].partition(b" ")[0]
                self._reverts.append(_Revert(name, *reverted_by(message)))
            counts[kind] += 1
            few = examples[kind]
            if len(few) < _EXAMPLES:
                few.append(_example(line, text or message))
            if kind in _RAISING:
                number = int(line[1 : 1 + _DIGITS], 16)
                self._hashes[kind].append(number)
                self._subjects[kind].append(hash(plain_subject(message)))

    def finish(self) -> CommitEvidence:
        """Return the evidence, with reverts taken into account."""
        counts = dict(self._counts)
        dropped = self._cancelled()
        for kind, _ in dropped:
            counts[kind] -= 1
        examples = {k: tuple(v) for k, v in self._examples.items()}
        for kind in {k for k, _ in dropped}:
            lost = {self._hashes[kind][i] for k, i in dropped if k == kind}
            examples[kind] = tuple(
                e
                for e in examples[kind]
                if int(e.hash[:_DIGITS], 16) not in lost
            )
        return CommitEvidence(
            self._total,
            self._merges,
            {k: n for k, n in counts.items() if n},
            examples,
            len(dropped),
        )

    def _active_reverts(self) -> list[_Revert]:
        """Return the reverts that are not reverted themselves."""
        from graphlib import CycleError, TopologicalSorter

        # By what a later revert may call them.
        named: dict[bytes, list[int]] = {}
        for i, revert in enumerate(self._reverts):
            named.setdefault(revert.hash[:7], []).append(i)
            if revert.subject is not None:
                title = b'Revert "%s"' % revert.subject
                named.setdefault(title, []).append(i)
        undone_by: dict[int, list[int]] = {}
        for i, revert in enumerate(self._reverts):
            names = [h[:7] for h in revert.targets]
            if not names and revert.subject is not None:
                names = [revert.subject]
            for name in names:
                for j in named.get(name, ()):
                    if i != j:
                        undone_by.setdefault(j, []).append(i)
        undone: set[int] = set()
        with suppress(CycleError):
            # Each comes after those that revert it.
            for i in TopologicalSorter(undone_by).static_order():
                if not undone.issuperset(undone_by.get(i, ())):
                    undone.add(i)
        return [r for i, r in enumerate(self._reverts) if i not in undone]

    def _cancelled(self) -> set[tuple[str, int]]:
        """Return the commits that reverts cancel, by kind and position."""
        whole: set[int] = set()
        short: dict[int, set[int]] = {}
        titles: dict[int, int] = {}
        for revert in self._active_reverts():
            for name in revert.targets:
                if len(name) >= _DIGITS:
                    whole.add(int(name[:_DIGITS], 16))
                else:
                    shift = 4 * (_DIGITS - len(name))
                    short.setdefault(shift, set()).add(int(name, 16))
            if not revert.targets and revert.subject is not None:
                title = hash(revert.subject)
                titles[title] = titles.get(title, 0) + 1
        found: set[tuple[str, int]] = set()
        if not whole and not short and not titles:
            return found
        for kind, known in self._hashes.items():
            subjects = self._subjects[kind]
            for i, value in enumerate(known):
                if value in whole or any(
                    value >> shift in some for shift, some in short.items()
                ):
                    found.add((kind, i))
                elif titles.get(subjects[i], 0):
                    titles[subjects[i]] -= 1
                    found.add((kind, i))
        return found


_RAISING = frozenset({"cc-major", "cc-minor", "verb-major", "verb-minor"})


def _example(line: bytes, message: bytes) -> Example:
    subject = message.lstrip().partition(b"\n")[0].strip()[:200]
    return Example(
        line[1:].partition(b" ")[0].decode("ascii", "replace"),
        subject.decode("utf-8", "replace"),
    )
