"""Reads what choosing a version needs from a clone, through git itself.

The names of the tags come from one ``git for-each-ref``, the commits since
the highest version from one streamed ``git log``, and files from one
``git cat-file``. No commit is read as an object of its own, and nothing asks
git which tags are merged unless the highest is not: that would walk the whole
history.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

from ...config import Config, Level
from ...exceptions import BlockedError, ReadError, UsageError
from ...version.commits import CommitEvidence
from ...version.fragments import Section, parse_changelog
from ...version.history import History
from ...version.tags import Stream, Tag, parse_tags, stream_of, tell_streams
from ...version.values import part_between
from .history_git import Git
from .history_tree import Tree, read_changelog, read_fragments

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_history"]

# As many commits as have gitmoji where a repository uses them, and as many
# releases as tell whether it follows them.
_SHARE = 0.3
_RELEASES = 10

# What may well be a version, but is none that another can follow.
_NUMBERED = r"(?am)^(?:.*[/_@-])?v?\d+(?:[._-]\d+)*$"

_DEEPEN = "git fetch --unshallow --tags, or use --deepen"


def read_history(
    directory: Path | str,
    *,
    config: Config,
    revision: str = "HEAD",
) -> History:
    """Read the history of the commit that would be tagged.

    Parameters
    ----------
    directory
        A directory of the clone; it may be bare.
    config
        The settings.
    revision
        The commit that would be tagged.

    Returns
    -------
    History
        What `~rsp_release.version.choose.propose` decides from.

    Raises
    ------
    BlockedError
        Raised if history or tags are missing, with the command that mends it.
    ReadError
        Raised if git could not read the clone.
    UsageError
        Raised if the revision is none, or several streams of tags are there
        to choose from.
    """
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is not a revision")
    with Git(directory) as git:
        names = git.ask(
            "for-each-ref", "--format=%(refname:strip=2)", "refs/tags"
        )
        is_shallow, head, branch = _look(git, revision)
        listed = names()
        tags, streams, prefix_warnings = _of_stream(git, listed, config)
        tags.sort(key=lambda t: t.order, reverse=True)
        unlike = ""
        if not tags and config.tag_prefix is None:
            unlike = next(iter(re.findall(_NUMBERED, listed)[-1:]), "")
        if unlike:
            prefix_warnings.append(
                f"{unlike} is no semantic version, and neither is any other"
                " tag: the next version would be the first"
            )
        base = _Base(git, head, tags, config.paths)
        if is_shallow and (base.previous is None or base.roots):
            raise BlockedError(
                "this clone is shallow, and lacks commits since the previous"
                " version",
                help=_DEEPEN,
            )
        tree = Tree(git, f"{head}^{{tree}}")
        before = Tree(git, f"{base.commit}^{{tree}}") if base.commit else None
        log = read_changelog(tree)
        fragments, uses = read_fragments(
            tree, before, config=config, changelog=log.text
        )
        sections = parse_changelog(log.text, limit=20)
        _check_tags_are_here(log.path, sections, tags)
        return History(
            head=head,
            branch=branch,
            tags=tuple(tags),
            streams=streams,
            unlike=unlike,
            previous=base.previous,
            prereleases=base.prereleases(),
            head_tags=base.head_tags(),
            commits=base.commits,
            conventional=base.conventional(),
            releases=base.releases(),
            fragments=fragments,
            uses_fragments=uses,
            past=tuple(s for s in sections if s.version is not None),
            section=log.newest(
                sections,
                tags=tags,
                previous=base.previous,
                before=before,
            ),
            warnings=tuple(prefix_warnings),
        )


def _look(git: Git, revision: str) -> tuple[bool, str, str | None]:
    """Return whether the clone is shallow, the head, and the branch."""
    try:
        lines = git.run(
            "rev-parse",
            "--is-shallow-repository",
            f"{revision}^{{commit}}",
            "--symbolic-full-name",
            revision,
        ).splitlines()
    except ReadError as exc:
        if "unknown revision" in exc.message:
            raise ReadError(
                f"there is no commit {revision} here",
                help="in a new repository, commit something first",
            ) from exc
        raise
    branch = lines[2] if len(lines) > 2 else ""
    if branch == "HEAD" or not branch.startswith("refs/heads/"):
        return lines[0] == "true", lines[1], None
    return lines[0] == "true", lines[1], branch.removeprefix("refs/heads/")


def _of_stream(
    git: Git, names: str, config: Config
) -> tuple[list[Tag], tuple[Stream, ...], list[str]]:
    """Return the tags of the stream that is released, and all streams."""
    wanted = None
    if config.tag_prefix is not None:
        wanted = stream_of(config.tag_prefix)
        if "\n" + wanted not in "\n" + names:
            return [], (), []
    found: dict[tuple[str, bool], list[Tag]] = {}
    for tag in parse_tags(names):
        if wanted is None or tag.stream == wanted:
            found.setdefault((tag.stream, tag.is_calendar), []).append(tag)
    streams = _dated(git, found) if len(found) > 1 else ()
    known = dict.fromkeys(name for name, _ in found)
    if wanted is None and len(known) > 1 and "" not in known:
        raise UsageError(
            f"the tags belong to {len(known)} streams:"
            f" {tell_streams(streams)}",
            help="choose one with the setting tag-prefix, and its part of the"
            " repository with paths",
        )
    own = "" if "" in known else next(iter(known), "")
    tags = [t for key in found if key[0] == own for t in found[key]]
    warnings = []
    if wanted and not config.paths:
        warnings.append(
            f"every commit counts for {wanted}: the setting paths does not"
            " name its part of the repository"
        )
    return tags, streams, warnings


def _dated(
    git: Git, found: dict[tuple[str, bool], list[Tag]]
) -> tuple[Stream, ...]:
    """Return the streams, the one that was tagged last first."""
    form = (
        "%(creatordate:unix) %(objectname) %(*objectname) %(refname:strip=2)"
    )
    made: dict[str, tuple[int, str]] = {}
    for line in git.run(
        "for-each-ref", f"--format={form}", "refs/tags"
    ).splitlines():
        when, tag, commit, name = line.split(" ", 3)
        made[name] = int(when or 0), commit or tag  # a file's has no date
    streams = []
    for tags in found.values():
        last = max(tags, key=lambda t: (made[t.name][0], t.order))
        streams.append(Stream(last, *made[last.name]))
    streams.sort(key=lambda s: (s.when, s.last.is_calendar), reverse=True)
    return tuple(streams)


class _Base:
    """The previous version, and what stands between it and the head."""

    def __init__(
        self, git: Git, head: str, tags: list[Tag], paths: tuple[str, ...]
    ) -> None:
        self._git = git
        self._head = head
        self._tags = tags
        self._paths = paths
        self.previous: Tag | None = None
        self.commit: str | None = None
        self._past = CommitEvidence()
        stable = [t for t in tags if not t.pre and not t.is_calendar]
        if stable and not self._try(stable[0]):
            for tag in self._merged(stable[1:]):
                if self._try(tag):
                    break
        if self.previous is None:
            reader = git.log(head, paths=paths)()
            self.commits: CommitEvidence = reader.finish()
            self.roots = bool(reader.roots)

    def _try(self, tag: Tag) -> bool:
        """Take a tag for the previous version, if the head contains it."""
        ref = f"refs/tags/{tag.name}"
        commit = self._git.resolve(f"{ref}^{{commit}}")
        if commit is None:  # a tag of a file or a tree
            return False
        if self._paths and self._git.run(
            "rev-list", "--max-count=1", commit, f"^{self._head}"
        ):
            return False
        past = self._git.log(commit, "-n100", "--no-merges", paths=self._paths)
        span = f"{commit}..{self._head}"
        reader = self._git.log(span, paths=self._paths)()
        self._past = past().finish()
        if (
            not self._paths
            and commit != self._head
            and commit.encode() not in reader.boundary
        ):
            return False
        self.previous, self.commit = tag, commit
        if self._paths and reader.has_read:
            # Whether a merge changes these paths is not told above: most are
            # like the branch that they merge.
            options = "--first-parent", "--merges"
            self._git.log(span, *options, paths=self._paths, into=reader)()
        self.commits = reader.finish(commit)
        self.roots = bool(reader.roots)
        return True

    def _merged(self, tags: list[Tag]) -> Iterable[Tag]:
        """Yield those of some tags that the head contains, in order.

        Asked in growing batches: recent tags cost git little.
        """
        start, size = 0, 64
        while start < len(tags):
            batch = tags[start : start + size]
            start, size = start + size, 8 * size
            names = self._git.run(
                "for-each-ref",
                f"--merged={self._head}",
                "--format=%(refname:strip=2)",
                "--stdin" if len(batch) > 1000 else "--",
                *(f"refs/tags/{t.name}" for t in batch if len(batch) <= 1000),
            )
            merged = set(names.splitlines())
            yield from (t for t in batch if t.name in merged)

    def prereleases(self) -> tuple[Tag, ...]:
        """Return the pre-releases above the previous version."""
        least = self.previous.numbers if self.previous else ()
        above = [
            t
            for t in self._tags
            if t.pre and not t.is_calendar and t.numbers > least
        ]
        return tuple(self._merged(above[:64])) if above else ()

    def head_tags(self) -> tuple[str, ...]:
        """Return the tags of this stream at the head, of the newest few."""
        newest = [t.name for t in self._tags[:16]]
        return tuple(
            name
            for name in newest
            if self._git.resolve(f"refs/tags/{name}^{{commit}}") == self._head
        )

    def releases(self) -> tuple[tuple[Level, CommitEvidence], ...]:
        """Return the last releases, where gitmoji may tell what they are."""
        past, previous = self._past, self.previous
        emoji = sum(n for k, n in past.counts.items() if k[:5] == "emoji")
        if previous is None or emoji < _SHARE * max(1, past.looked_at):
            return ()
        stable = [
            t
            for t in self._tags
            if not t.pre and not t.is_calendar and t.order <= previous.order
        ]
        asked = []
        for new, old in pairwise(stable[: _RELEASES + 1]):
            commits = [
                self._git.resolve(f"refs/tags/{tag.name}^{{commit}}")
                for tag in (old, new)
            ]
            if old.numbers != new.numbers and None not in commits:
                part = part_between(old.version, new.version)
                span = "..".join(map(str, commits))
                asked.append((part, self._git.log(span, paths=self._paths)))
        return tuple((part, read().finish()) for part, read in asked)

    def conventional(self) -> float | None:
        """Return the share of Conventional Commits before the version."""
        if self.commit is None or self._past.looked_at < 10:
            return None
        return self._past.conventional / self._past.looked_at


def _check_tags_are_here(
    path: str, sections: Iterable[Section], tags: list[Tag]
) -> None:
    """Find out that tags were not fetched, from the change log."""
    known = tags[0].version if tags else None
    newer = list(
        dict.fromkeys(
            s.version
            for s in sections
            if s.version
            and not s.version.prerelease
            and (known is None or s.version > known)
        )
    )
    # One may be prepared, and another have been given up.
    if len(newer) > (2 if tags else 1):
        raise BlockedError(
            f"{path} has entries of {newer[0]} and {newer[1]}, but no tag"
            " here is that new",
            help="git fetch --tags, or use --deepen",
        )
