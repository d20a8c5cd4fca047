"""What commit messages say about the next version. Pure, and streamed.

Messages come as git prints them with `FORMAT`, newest first, and are folded
into counts and a few examples, so that a million commits need no more memory
than a thousand. The fold does not depend on the order of the commits.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from .messages import (
    ORDER,
    asides,
    classify,
    merged_pull_request,
    plain_subject,
    restored_by,
    reverted_by,
)

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
    """How many are merges that say nothing by the convention."""

    counts: dict[str, int] = {}  # noqa: RUF012 - never written to
    """How many commits are of each kind, and say something besides; see
    `.messages.classify` and `.messages.asides`. What a pull request's title
    says alone is ``title-major`` or ``title-minor`` as well, and what a merge
    of no pull request says ``merge-major`` or ``merge-minor``.
    """

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

    line: bytes
    """How git names it."""

    message: bytes
    targets: tuple[bytes, ...]
    """The hashes that it names."""

    subject: bytes | None
    """The subject that it names."""

    @property
    def hash(self) -> bytes:
        """Its hash."""
        return _hash(self.line)


class _Targets:
    """What reverts take back: hashes, abbreviated ones, and subjects."""

    def __init__(self, reverts: list[_Revert]) -> None:
        self.whole: set[int] = set()
        self.titles: dict[int, int] = {}
        self._short: dict[int, set[int]] = {}
        for revert in reverts:
            for name in revert.targets:
                if len(name) >= _DIGITS:
                    self.whole.add(int(name[:_DIGITS], 16))
                else:
                    shift = 4 * (_DIGITS - len(name))
                    self._short.setdefault(shift, set()).add(int(name, 16))
            if not revert.targets and revert.subject is not None:
                title = hash(revert.subject)
                self.titles[title] = self.titles.get(title, 0) + 1

    def __contains__(self, number: int) -> bool:
        return number in self.whole or any(
            number >> shift in some for shift, some in self._short.items()
        )


class _Merge(NamedTuple):
    """A merge, by which commits came here."""

    number: int
    """The first 48 bits of its hash."""

    branch: bytes
    """The hash of what it merges."""

    owner: int
    """The merge by which it came itself, as in `CommitReader`."""

    kind: str
    """What its pull request says by the convention, or nothing."""


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
        # Which merge brought each of these: a position, counted from 1.
        self._owners: dict[str, array[int]] = defaultdict(lambda: array("L"))
        self._merged: list[_Merge] = []
        # The merges of commits that are still to come; newer ones come first.
        self._awaited: dict[bytes, int] = {}
        self._reverts: list[_Revert] = []

    @property
    def has_read(self) -> bool:
        """Whether there was any commit."""
        return self._total > 0

    def feed(self, records: Iterable[bytes]) -> None:
        """Take in commits.

        Parameters
        ----------
        records
            Commits as `FORMAT` prints them, without the terminator.
        """
        for record in records:
            line, _, message = record.partition(b"\n")
            if line[:1] == b"-":
                self.boundary.add(_hash(line))
                continue
            self._total += 1
            parents = line.count(b" ") if line[-1:] != b" " else 0
            owner = 0
            if self._awaited or parents > 1:
                owner = self._own(line[1:].split(b" "))
            if parents > 1:
                self._read_merge(line, message, owner)
                continue
            if not parents:
                self.roots.append(line[1:].strip())
            kind, text = classify(message)
            self._count(kind, line, text or message, message, owner)
            for aside, said in asides(message, kind):
                self._count(aside, line, said or message, message, owner)

    def _own(self, names: list[bytes]) -> int:
        """Find by which merge a commit came, and tell its parents."""
        owner = self._awaited.pop(names[0], 0)
        for parent in names[1:2]:
            # What the line of first parents has was there before a merge.
            if not owner or parent not in self._awaited:
                self._awaited[parent] = owner
        for parent in names[2:]:
            self._awaited.setdefault(parent, len(self._merged) + 1)
        return owner

    def _read_merge(self, line: bytes, message: bytes, owner: int) -> None:
        title = merged_pull_request(message) or b""
        kind, text = classify(title)
        if not kind.startswith("cc-"):
            kind = ""
        if not title:
            # What a person says of a merge is no change, but may tell of one.
            subject, _, body = message.partition(b"\n")
            other = body.lstrip() if subject[:6] == b"Merge " else message
            level, _ = classify(other)
            if level in {"cc-minor", "cc-major"}:
                self._count(f"merge-{level[3:]}", line, other, other, owner)
        number = int(line[1 : 1 + _DIGITS], 16)
        self._merged.append(_Merge(number, line.split(b" ")[2], owner, kind))
        # As if it had merged itself: so `_is_title` knows it.
        own = len(self._merged)
        if kind:
            self._count(kind, line, text or title, title, own)
        else:
            self._merges += 1
        for aside, shown in asides(title or message, kind):
            self._count(aside, line, shown or title, title or message, own)

    def _count(
        self, kind: str, line: bytes, text: bytes, message: bytes, owner: int
    ) -> None:
        if kind == "revert":
            self._reverts.append(_Revert(line, message, *reverted_by(message)))
        self._counts[kind] += 1
        few = self._examples[kind]
        if len(few) < _EXAMPLES:
            few.append(_example(line, text))
        if kind in _TAKEN_BACK:
            number = int(line[1 : 1 + _DIGITS], 16)
            self._hashes[kind].append(number)
            self._subjects[kind].append(hash(plain_subject(message)))
            self._owners[kind].append(owner)

    def finish(self, base: str | None = None) -> CommitEvidence:
        """Return the evidence, with reverts taken into account.

        Parameters
        ----------
        base
            The hash of the previous version's commit: the title of a merge
            that brought it says what that version had.
        """
        active, restoring = self._active_reverts()
        for revert, subject in restoring:
            kind, _ = classify(subject)
            if kind in _RAISING:
                self._count(kind, revert.line, revert.message, subject, 0)
        reverted = self._cancelled(active)
        dropped = reverted | self._released(base)
        self._compare_titles(dropped)
        counts = dict(self._counts)
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
            len({self._hashes[kind][i] for kind, i in reverted}),
        )

    def _active_reverts(
        self,
    ) -> tuple[list[_Revert], list[tuple[_Revert, bytes]]]:
        """Return the reverts that are not reverted themselves.

        And those of reverts that were released, with the subject of what
        they bring back.
        """
        from graphlib import CycleError, TopologicalSorter

        # By what a later revert may call them.
        named: dict[bytes, list[int]] = {}
        for i, revert in enumerate(self._reverts):
            names = {revert.hash[:7], plain_subject(revert.message)}
            if revert.subject is not None:
                names.add(b'Revert "%s"' % revert.subject)
            for name in names:
                named.setdefault(name, []).append(i)
        undone_by: dict[int, list[int]] = {}
        alone = []
        for i, revert in enumerate(self._reverts):
            names_ = [h[:7] for h in revert.targets]
            if not names_ and revert.subject is not None:
                names_ = [revert.subject]
            undoes = {j for n in names_ for j in named.get(n, ()) if j != i}
            for j in undoes:
                undone_by.setdefault(j, []).append(i)
            if not undoes:
                alone.append(i)
        undone: set[int] = set()
        with suppress(CycleError):
            # Each comes after those that revert it.
            for i in TopologicalSorter(undone_by).static_order():
                if not undone.issuperset(undone_by.get(i, ())):
                    undone.add(i)
        active = [r for i, r in enumerate(self._reverts) if i not in undone]
        restoring = [
            (self._reverts[i], subject)
            for i in alone
            if i not in undone
            and (subject := restored_by(self._reverts[i].message))
        ]
        return active, restoring

    def _owners_of(self, owner: int) -> Iterator[_Merge]:
        """Yield the merges by which a commit came, the innermost first."""
        while owner:
            merge = self._merged[owner - 1]
            yield merge
            owner = merge.owner

    def _is_title(self, kind: str, i: int) -> bool:
        """Return whether it is a pull request's title and no commit."""
        owner = self._owners[kind][i]
        number = self._hashes[kind][i]
        return bool(owner) and self._merged[owner - 1].number == number

    def _cancelled(self, active: list[_Revert]) -> set[tuple[str, int]]:
        """Return the commits that reverts cancel, by kind and position."""
        targets = _Targets(active)
        found: set[tuple[str, int]] = set()
        if not active:
            return found
        for kind, known in self._hashes.items():
            left = dict(targets.titles)
            for i, value in enumerate(known):
                subject = self._subjects[kind][i]
                owners = self._owners_of(self._owners[kind][i])
                if value in targets or any(
                    m.number in targets for m in owners
                ):
                    found.add((kind, i))
                elif left.get(subject, 0):
                    left[subject] -= 1
                    found.add((kind, i))
                    if self._is_title(kind, i):
                        # And with it what it merged.
                        targets.whole.add(value)
        return found

    def _released(self, base: str | None) -> set[tuple[str, int]]:
        """Return the titles of what a former version had already."""
        bringing = self._owners_of(self._awaited.get((base or "").encode(), 0))
        brought = {merge.number for merge in bringing}
        brought |= {
            m.number for m in self._merged if m.branch in self.boundary
        }
        return {
            (kind, i)
            for kind, known in self._hashes.items()
            for i, number in enumerate(known)
            if number in brought and self._is_title(kind, i)
        }

    def _compare_titles(self, dropped: set[tuple[str, int]]) -> None:
        """Count what titles say alone, and what commits say against them."""
        if not self._merged:
            return
        for kind in ("cc-minor", "cc-major"):
            examples = {e.hash[:_DIGITS]: e for e in self._examples[kind]}
            for i, number in enumerate(self._hashes[kind]):
                if (kind, i) in dropped:
                    continue
                if self._is_title(kind, i):
                    self._counts[f"title-{kind[3:]}"] += 1
                elif any(
                    m.kind and ORDER[m.kind] < ORDER[kind]
                    for m in self._owners_of(self._owners[kind][i])
                ):
                    self._counts["disputed"] += 1
                    if example := examples.get(f"{number:0{_DIGITS}x}"):
                        self._examples["disputed"].append(example)


_RAISING = frozenset({"cc-major", "cc-minor", "verb-major", "verb-minor"})

_TAKEN_BACK = _RAISING | {
    "disputed",
    "emoji-major",
    "emoji-minor",
    "nearly-major",
    "nearly-minor",
    "release-as",
}


def _hash(line: bytes) -> bytes:
    return line[1:].partition(b" ")[0]


def _example(line: bytes, message: bytes) -> Example:
    subject = message.lstrip().partition(b"\n")[0].strip()[:200]
    return Example(
        _hash(line).decode("ascii", "replace"),
        subject.decode("utf-8", "replace"),
    )
