"""Weighs what a history says: how much must be raised, and how sure. Pure.

Evidence is taken in an order, and the first that speaks decides; the others
are compared with it:

1. the newest section of the change log, where it is for no tagged version;
2. pending fragments (scriv, changesets, towncrier);
3. labels of pull requests, where the settings map them;
4. Conventional Commits, where the repository uses them;
5. the first words of the subjects, which are weak.

The levels are about the changes (``major``: something breaks). What they mean
for a version, in 0.x for one, is the policy's matter and is not decided here.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from itertools import pairwise
from typing import NamedTuple

from .commits import CommitEvidence
from .fragments import (
    LEVELS,
    Fragment,
    Part,
    Section,
    level_of,
    reads_as_feature,
)
from .proposal import Bump, Reason
from .tags import Tag, Version

__all__ = [
    "Demand",
    "History",
    "habits",
    "recent_bumps",
    "step_between",
    "weigh",
]

# Above this share of the commits before the previous version, the repository
# really uses Conventional Commits.
_CONVENTIONAL = 0.3

# Below this share of minor and major versions among the last five, patches
# are the habit; above the other one, they are the exception.
_SELDOM = 0.3
_MOSTLY = 0.6


class History(NamedTuple):
    """What was read of a repository, before anything is decided."""

    head: str
    """The hash of the commit that would be tagged."""

    branch: str | None = None
    """The branch that is checked out; `None` where detached."""

    tags: tuple[Tag, ...] = ()
    """Every tag of the stream that names a version, wherever it is."""

    previous: Tag | None = None
    """The highest stable version that the head contains."""

    prereleases: tuple[Tag, ...] = ()
    """The pre-releases above it that the head contains."""

    head_tags: tuple[str, ...] = ()
    """The names of the tags at the head itself."""

    commits: CommitEvidence = CommitEvidence()
    """What the commits since then say."""

    conventional: float | None = None
    """The share of Conventional Commits just before the previous version."""

    fragments: tuple[Fragment, ...] = ()
    """The change-log fragments in the tree, stale ones marked."""

    uses_fragments: bool = False
    """Whether the repository is set up for fragments."""

    section: Section | None = None
    """The newest section of the change log, if for no tagged version."""

    past: tuple[Section, ...] = ()
    """The sections of earlier versions, newest first; a score or so."""

    labels: tuple[tuple[str, str], ...] = ()
    """Pull requests since the previous version and a label of each."""

    warnings: tuple[str, ...] = ()
    """What a person should know of how it was read."""


class Demand(NamedTuple):
    """What the changes demand."""

    level: str
    """``major`` (something breaks), ``minor``, ``patch`` or ``none``."""

    basis: str
    """What decided: ``section``, ``fragments``, ``labels``,
    ``conventional``, ``words`` or ``nothing``."""

    is_plain: bool
    """Whether the evidence says so in so many words."""

    is_doubtful: bool = False
    """Whether its words, or other evidence, say something else as well."""

    reasons: tuple[Reason, ...] = ()
    ignored: tuple[Reason, ...] = ()
    """What was not counted, and why."""

    warnings: tuple[str, ...] = ()


def weigh(
    history: History,
    *,
    categories: Mapping[str, str],
    labels: Mapping[str, str],
) -> Demand:
    """Say what the changes since the previous version demand.

    Parameters
    ----------
    history
        What was read.
    categories
        What the settings say of categories, in lower case.
    labels
        What the settings say of labels, in lower case.

    Returns
    -------
    Demand
        The level, and what decided it.
    """
    written = _written(history, categories)
    commits = _from_commits(history)
    ignored = _ignored(history)
    if history.labels and labels:
        labelled = _from_labels(history, labels)
        if labelled is not None and written is None:
            written = labelled
    if written is None:
        return commits._replace(ignored=ignored + commits.ignored)
    warnings = written.warnings
    if (
        commits.basis == "conventional"
        and LEVELS[commits.level] > LEVELS[written.level]
    ):
        first = commits.reasons[0]
        told = f"the {written.basis} say {written.level}, but commit"
        told += f" {first.ref[:10]} says {commits.level}: {first.text}"
        warnings = (*warnings, told)
        written = written._replace(is_doubtful=True)
    return written._replace(ignored=ignored, warnings=warnings)


def _written(history: History, categories: Mapping[str, str]) -> Demand | None:
    section = history.section
    if section is not None and section.parts:
        demand = _from_parts(
            "section",
            [(section.title, part) for part in section.parts],
            categories,
        )
        # Without headings it says nothing, and where commits are
        # conventional a tool has derived it from them.
        if demand.is_plain and not _is_conventional(history):
            return demand
    pending = [f for f in history.fragments if not f.stale and f.parts]
    if pending:
        return _from_parts(
            "fragments",
            [(f.path, part) for f in pending for part in f.parts],
            categories,
        )
    return None


def _from_parts(
    basis: str,
    parts: list[tuple[str, Part]],
    categories: Mapping[str, str],
) -> Demand:
    found: list[tuple[int, bool, Reason]] = []
    for ref, part in parts:
        level, is_plain = level_of(part.category, categories)
        line = part.text.partition("\n")[0].lstrip("-*+ ").strip()
        text = f"{part.category}: {line}" if part.category else line
        found.append(
            (
                LEVELS[level],
                is_plain,
                Reason(
                    bump=_bump(level), source="fragment", ref=ref, text=text
                ),
            )
        )
    top = max(order for order, _, _ in found)
    # A vague name beside a plain one of the same level takes nothing away.
    is_plain = any(plain for order, plain, _ in found if order == top)
    return Demand(
        next(name for name, order in LEVELS.items() if order == top),
        basis,
        is_plain,
        top == LEVELS["patch"] and any(reads_as_feature(p) for _, p in parts),
        tuple(r for _, _, r in sorted(found, key=lambda f: -f[0])),
    )


def _bump(level: str) -> Bump:
    return level  # type: ignore[return-value]


def _from_labels(history: History, labels: Mapping[str, str]) -> Demand | None:
    found = [
        (LEVELS[labels[label.lower()]], pull, label)
        for pull, label in history.labels
        if label.lower() in labels
    ]
    if not found:
        return None
    top = max(order for order, _, _ in found)
    level = next(name for name, order in LEVELS.items() if order == top)
    return Demand(
        level,
        "labels",
        True,
        False,
        tuple(
            Reason(
                bump=_bump(labels[label.lower()]),
                source="commit",
                ref=pull,
                text=f"labelled {label}",
            )
            for _, pull, label in sorted(found, key=lambda f: -f[0])
        ),
    )


_CC_KINDS = (
    ("cc-major", "major"),
    ("cc-minor", "minor"),
    ("cc-patch", "patch"),
)

_VERB_KINDS = (
    ("verb-major", "major"),
    ("verb-minor", "minor"),
    ("verb-patch", "patch"),
)


_OTHER_KINDS = (
    "cc-patch",
    "verb-minor",
    "verb-patch",
    "cc-other",
    "dependency",
    "docs",
    "ci",
    "plain",
    "release",
    "revert",
)
"""What stands for a patch where nothing asks for more."""


def _from_commits(history: History) -> Demand:
    commits = history.commits
    if not commits.total:
        return Demand("none", "nothing", True)
    level = "patch"
    reasons: tuple[Reason, ...] = ()
    for kind, name in _CC_KINDS:
        if commits.number(kind):
            level, reasons = name, _reasons(commits, kind, name)
            break
    if _is_conventional(history):
        return Demand(level, "conventional", bool(reasons), False, reasons)
    if LEVELS[level] > 1:
        # Not the habit here, but said in so many words.
        return Demand(level, "conventional", False, True, reasons)
    return _from_words(history)


def _from_words(history: History) -> Demand:
    """Guess from the words of the subjects, and from recent versions."""
    commits = history.commits
    features = commits.number("verb-minor")
    recent = recent_bumps(history, 5)
    raised = sum(bump != "patch" for bump in recent)
    enough = 3 if recent and raised / len(recent) < _SELDOM else 1
    if commits.number("verb-major"):
        return Demand(
            "major",
            "words",
            False,
            True,
            _reasons(commits, "verb-major", "major"),
        )
    if features >= enough:
        return Demand(
            "minor",
            "words",
            False,
            True,
            _reasons(commits, "verb-minor", "minor"),
        )
    is_bare = history.uses_fragments and not history.fragments
    if is_bare and raised / max(1, len(recent)) > _MOSTLY:
        # Written straight into the change log, or forgotten: a release like
        # those before it, unless only its surroundings changed.
        kinds = [k for k in ("verb-patch", "plain") if commits.number(k)]
        if kinds:
            return Demand(
                "minor",
                "words",
                False,
                True,
                _reasons(commits, kinds[0], "minor"),
            )
    reasons: tuple[Reason, ...] = ()
    for kind in _OTHER_KINDS:
        reasons += _reasons(commits, kind, "patch")
    return Demand("patch", "words", False, True, reasons)


def _is_conventional(history: History) -> bool:
    """Return whether the repository really uses Conventional Commits.

    What stands before the previous version tells, so that a commit more can
    never change how the others are read.
    """
    share = history.conventional
    if share is None:
        commits = history.commits
        share = commits.conventional / max(1, commits.looked_at)
    return share >= _CONVENTIONAL


def _reasons(
    commits: CommitEvidence, kind: str, level: str
) -> tuple[Reason, ...]:
    return tuple(
        Reason(bump=_bump(level), source="commit", ref=e.hash, text=e.text)
        for e in commits.examples.get(kind, ())
    )


def _ignored(history: History) -> tuple[Reason, ...]:
    ignored = [
        Reason(bump="none", source="fragment", ref=f.path, text=f.stale)
        for f in history.fragments
        if f.stale
    ]
    ignored += [
        Reason(
            bump="none",
            source="fragment",
            ref=f.path,
            text=f"nothing under {name!r}",
        )
        for f in history.fragments
        if not f.stale
        for name in f.empty
    ]
    commits = history.commits
    if commits.reverted:
        ignored.append(
            Reason(
                bump="none",
                source="commit",
                ref="",
                text=f"{commits.reverted} reverted by a later commit",
            )
        )
    return tuple(ignored)


# -- The repository's own past, looking only backwards ----------------------


def step_between(before: Version, after: Version) -> str:
    """Return which part is raised from one version to a later one."""
    if after.major != before.major:
        return "major"
    return "minor" if after.minor != before.minor else "patch"


def recent_bumps(history: History, number: int) -> list[str]:
    """Return what the last releases raised, newest first."""
    if history.previous is None:
        return []
    top = history.previous.version
    versions = nlargest(
        number + 1,
        {
            t.version
            for t in history.tags
            if t.version <= top and not t.version.pre
        },
    )
    return [step_between(b, a) for a, b in pairwise(versions)]


def habits(
    history: History, demand: Demand, categories: Mapping[str, str]
) -> list[str]:
    """Return what was raised when the change log demanded the same.

    Parameters
    ----------
    history
        What was read.
    demand
        What is demanded now.
    categories
        What the settings say of categories.

    Returns
    -------
    list of str
        What those earlier releases raised, newest first.
    """
    if history.previous is None:
        return []
    now = history.previous.version
    sections = [
        s
        for s in history.past
        if s.version is not None and not s.version.pre and s.version <= now
    ]
    found = []
    for section, before in pairwise(sections):
        version, earlier = section.version, before.version
        if version is None or earlier is None or version <= earlier:
            continue
        if (earlier.major == 0) != (now.major == 0) or not section.parts:
            continue
        then = _from_parts(
            "section", [("", p) for p in section.parts], categories
        )
        if (then.level, then.is_plain) == (demand.level, demand.is_plain):
            found.append(step_between(earlier, version))
    return found
