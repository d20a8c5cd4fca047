"""Second, the changes: what commits and fragments weigh. Pure.

Evidence is taken in an order, and the first that speaks decides; the others
are compared with it:

1. the newest section of the change log, where it is for no tagged version;
2. pending fragments (scriv, changesets, towncrier);
3. labels of pull requests, where the settings map them;
4. Conventional Commits, where the repository uses them;
5. gitmoji, where the repository's own releases agree with them;
6. the first words of the subjects, which are weak.

What a person meant and did not write by the convention is a guess, and a
``Release-As`` footer of release-please names the version itself.

The levels are about the changes (``major``: something breaks). What they mean
for a version, in 0.x for one, is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from ..config import Config, Level
from .commits import CommitEvidence
from .fragments import LEVELS, Part, level_of, reads_as_feature
from .history import History
from .line import Line
from .proposal import Reason
from .values import Version, parse_version, part_between

__all__ = ["Changes", "Evidence", "weigh"]

# Above this share of the commits before the previous version, the repository
# really uses Conventional Commits.
_CONVENTIONAL = 0.3

# Below this share of minor and major versions among the last five, patches
# are the habit; above the other one, they are the exception.
_SELDOM = 0.3
_MOSTLY = 0.6

# How many releases with the same kind of changes tell a habit, and how many
# of any kind tell whether the categories are to be believed.
_SAME = 5
_PAST = 10

# As many releases confirm gitmoji, at least.
_CONFIRMED = 2


class Evidence(NamedTuple):
    """What one kind of evidence says of the changes."""

    level: Level
    """``major`` (something breaks), ``minor``, ``patch`` or ``none``."""

    basis: str
    """What it is: ``section``, ``fragments``, ``labels``, ``conventional``,
    ``gitmoji``, ``words`` or ``nothing``."""

    is_plain: bool
    """Whether it says so in so many words."""

    is_doubtful: bool = False
    """Whether its words, or other evidence, say something else as well."""

    reasons: tuple[Reason, ...] = ()


class Changes(NamedTuple):
    """The changes since the previous version, weighed."""

    line: Line

    evidence: Evidence
    """What decides."""

    habits: tuple[Level, ...]
    """Which parts were raised when the change log said the same, newest
    first.
    """

    is_contradicted: bool
    """Whether one of the last ten releases was not what its own changes
    called for.
    """

    named: tuple[Version, Reason] | None
    """The version that a commit names, and which does."""

    ignored: tuple[Reason, ...]
    """What was not counted, and why."""

    warnings: tuple[str, ...]
    """What contradicts the evidence."""


def weigh(line: Line, policy: Config) -> Changes:
    """Weigh the changes since the previous version.

    Parameters
    ----------
    line
        The line.
    policy
        The settings, of which those of categories and labels count.

    Returns
    -------
    Changes
        The evidence that decides, and what goes with it.
    """
    history = line.history
    commits = _from_commits(line)
    evidence = (
        _from_changelog(history, policy.categories)
        or _from_labels(history, policy.labels)
        or commits
    )
    warnings = []
    if (
        commits.basis == "conventional"
        and LEVELS[commits.level] > LEVELS[evidence.level]
    ):
        first = commits.reasons[0]
        warnings.append(
            f"the {evidence.basis} say {evidence.level}, but commit"
            f" {first.ref[:10]} says {commits.level}: {first.text}"
        )
        evidence = evidence._replace(is_doubtful=True)
    named, ignored = _named(line)
    past = _past(line, evidence, policy.categories)
    return Changes(
        line,
        evidence,
        tuple(_habits(past, evidence)[:_SAME]),
        any(
            is_plain and part != _usual_part(level, line)
            for level, is_plain, part in past[:_PAST]
        ),
        named,
        (*_ignored(history), *ignored),
        tuple(warnings),
    )


# -- What people wrote ------------------------------------------------------


def _from_changelog(
    history: History, categories: Mapping[str, Level]
) -> Evidence | None:
    section = history.section
    if section is not None and section.parts:
        found = _from_parts(
            "section", [(section.title, p) for p in section.parts], categories
        )
        # Without headings it says nothing, and where commits are
        # conventional a tool has derived it from them.
        if found.is_plain and not _is_conventional(history):
            return found
    pending = [
        (f.path, p) for f in history.fragments if not f.stale for p in f.parts
    ]
    return _from_parts("fragments", pending, categories) if pending else None


def _from_parts(
    basis: str,
    parts: list[tuple[str, Part]],
    categories: Mapping[str, Level],
) -> Evidence:
    found: list[tuple[Level, bool, Reason]] = []
    for ref, part in parts:
        level, is_plain = level_of(part.category, categories)
        words = part.text.partition("\n")[0].lstrip("-*+ ").strip()
        text = f"{part.category}: {words}" if part.category else words
        found.append((level, is_plain, Reason(level, "fragment", ref, text)))
    found.sort(key=lambda f: -LEVELS[f[0]])
    top = found[0][0]
    return Evidence(
        top,
        basis,
        # A vague name beside a plain one of the same level takes nothing away.
        any(is_plain for level, is_plain, _ in found if level == top),
        top == "patch" and any(reads_as_feature(part) for _, part in parts),
        tuple(reason for _, _, reason in found),
    )


def _from_labels(
    history: History, labels: Mapping[str, Level]
) -> Evidence | None:
    found = [
        (labels[label.lower()], pull, label)
        for pull, label in history.labels
        if label.lower() in labels
    ]
    if not found:
        return None
    found.sort(key=lambda f: -LEVELS[f[0]])
    reasons = (
        Reason(level, "commit", pull, f"labelled {label}")
        for level, pull, label in found
    )
    return Evidence(found[0][0], "labels", True, False, tuple(reasons))


# -- What commits say -------------------------------------------------------

_CC_KINDS: dict[Level, str] = {
    "major": "cc-major",
    "minor": "cc-minor",
    "patch": "cc-patch",
}

_PATCHES = (
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


def _from_commits(line: Line) -> Evidence:
    commits = line.history.commits
    if not commits.total:
        return Evidence("none", "nothing", True)
    said = _as_said(line)
    is_less = LEVELS[said.level] < LEVELS["major"]
    if is_less and commits.number("nearly-major"):
        reasons = _reasons(line.history, "major", ["nearly-major"])
        return Evidence("major", "conventional", False, True, reasons)
    if LEVELS[said.level] < LEVELS["minor"] and commits.number("nearly-minor"):
        # The title says what it is in all, and hardly can.
        reasons = _reasons(line.history, "minor", ["nearly-minor"])
        return said._replace(
            is_plain=False, is_doubtful=True, reasons=reasons + said.reasons
        )
    return said


def _as_said(line: Line) -> Evidence:
    commits = line.history.commits
    level: Level = "patch"
    reasons: tuple[Reason, ...] = ()
    for name, kind in _CC_KINDS.items():
        if commits.number(kind):
            level, reasons = name, _reasons(line.history, name, [kind])
            break
    if _is_conventional(line.history):
        is_doubtful = bool(commits.number("disputed")) or (
            # The title of a pull request says so, and no commit does.
            (
                commits.number(f"title-{level}") > 0
                and commits.number(f"title-{level}")
                == commits.number(_CC_KINDS.get(level, ""))
            )
            # Or a merge of no pull request, which counts for nothing.
            or any(
                commits.number(f"merge-{name}")
                for name in ("minor", "major")
                if LEVELS[name] > LEVELS[level]
            )
        )
        return Evidence(
            level, "conventional", bool(reasons), is_doubtful, reasons
        )
    if level != "patch":
        # Not the habit here, but said in so many words.
        return Evidence(level, "conventional", False, True, reasons)
    if line.history.releases:
        return _from_gitmoji(line)
    level, kinds = _guess(line)
    reasons = _reasons(line.history, level, kinds)
    return Evidence(level, "words", False, True, reasons)


def _level_of_gitmoji(commits: CommitEvidence) -> Level:
    levels: tuple[Level, ...] = "major", "minor"
    return next((x for x in levels if commits.number(f"emoji-{x}")), "patch")


def _from_gitmoji(line: Line) -> Evidence:
    """Take gitmoji for categories, if the past releases agree.

    Most of those whose gitmoji called for the same, and two at least, raised
    just that. Else it is a guess: what most of them raised.
    """
    level = _level_of_gitmoji(line.history.commits)
    raised = [
        part
        for part, commits in line.history.releases
        if _level_of_gitmoji(commits) == level
    ]
    reasons = _reasons(line.history, level, [f"emoji-{level}"])
    usual = _usual_part(level, line)
    if raised.count(usual) >= max(_CONFIRMED, _MOSTLY * len(raised)):
        return Evidence(level, "gitmoji", bool(reasons), False, reasons)
    small = [part for part in raised if part != "major"]
    guess = max(small, key=small.count, default=level)
    return Evidence(guess, "gitmoji", False, True, reasons)


def _guess(line: Line) -> tuple[Level, Iterable[str]]:
    """Guess from the words of the subjects, and from recent versions."""
    history = line.history
    number = history.commits.number
    recent = line.last_raised(_SAME)
    raised = sum(part != "patch" for part in recent) / max(1, len(recent))
    enough = 3 if recent and raised < _SELDOM else 1
    if number("verb-major"):
        return "major", ["verb-major"]
    if number("verb-minor") >= enough:
        return "minor", ["verb-minor"]
    is_bare = history.uses_fragments and not history.fragments
    if is_bare and raised > _MOSTLY:
        # Written straight into the change log, or forgotten: a release like
        # those before it, unless only its surroundings changed.
        for kind in ("verb-patch", "plain"):
            if number(kind):
                return "minor", [kind]
    return "patch", _PATCHES


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
    history: History, level: Level, kinds: Iterable[str]
) -> tuple[Reason, ...]:
    # A pull request is often called what its commit is.
    found: dict[str, Reason] = {}
    for kind in kinds:
        for hash_, text in history.commits.examples.get(kind, ()):
            found.setdefault(text, Reason(level, "commit", hash_, text))
    return tuple(found.values())


def _ignored(history: History) -> tuple[Reason, ...]:
    stale = [(f.path, f.stale) for f in history.fragments if f.stale]
    empty = [
        (f.path, f"nothing under {name!r}")
        for f in history.fragments
        if not f.stale
        for name in f.empty
    ]
    ignored = [Reason("none", "fragment", *each) for each in (*stale, *empty)]
    if number := history.commits.reverted:
        text = f"{number} reverted by a later commit"
        ignored.append(Reason("none", "commit", "", text))
    return tuple(ignored)


def _named(
    line: Line,
) -> tuple[tuple[Version, Reason] | None, list[Reason]]:
    """Return the version that the newest ``Release-As`` names.

    As release-please does, but not one that is no longer possible.
    """
    ignored = []
    for example in line.history.commits.examples.get("release-as", ()):
        version = parse_version(example.text.rpartition(":")[2].strip(" \tv"))
        reason = Reason("none", "commit", *example)
        if version is None or (line.previous and version <= line.previous):
            text = f"{example.text} is not above {line.previous}"
            ignored.append(reason._replace(text=text))
            continue
        return (version, reason), ignored
    return None, ignored


# -- The repository's own past, looking only backwards ----------------------


def _past(
    line: Line, evidence: Evidence, categories: Mapping[str, Level]
) -> list[tuple[Level, bool, Level]]:
    """Return what the last releases held and raised, newest first.

    What their changes say, whether that is plain, and the part that was
    raised. Releases of 0.x tell nothing of later ones.
    """
    now = line.previous
    if now is None:
        return []
    if evidence.basis == "gitmoji":
        return [
            (_level_of_gitmoji(commits), True, part)
            for part, commits in line.history.releases
        ]
    sections = [
        (s.version, s.parts)
        for s in line.history.past
        if s.version and not s.version.prerelease and s.version <= now
    ]
    found = []
    for (version, parts), (earlier, _) in pairwise(sections):
        if version <= earlier or bool(earlier.major) != bool(now.major):
            continue
        if not parts:
            continue
        then = _from_parts("section", [("", p) for p in parts], categories)
        found.append(
            (then.level, then.is_plain, part_between(earlier, version))
        )
    return found


def _usual_part(level: Level, line: Line) -> Level:
    """Return what a level raises by SemVer, before 1.0.0 and after."""
    is_zero = line.previous is not None and not line.previous.major
    return "minor" if is_zero and level == "major" else level


def _habits(
    past: list[tuple[Level, bool, Level]], evidence: Evidence
) -> list[Level]:
    """Return what was raised when the changes said the same."""
    # What sections of the change log led to tells nothing of mere words.
    if evidence.basis == "words":
        return []
    same = evidence.level, evidence.is_plain
    return [
        part for level, is_plain, part in past if (level, is_plain) == same
    ]
