"""Reads what choosing a version needs from a clone, through git itself.

The names of the tags come from one ``git for-each-ref``, the commits since
the highest version from one streamed ``git log``, and files from one
``git cat-file``. No commit is read as an object of its own, and nothing asks
git which tags are merged unless the highest is not: that would walk the whole
history.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...config import Config
from ...exceptions import BlockedError, ReadError, UsageError
from ...version.commits import CommitEvidence
from ...version.fragments import Section, parse_changelog
from ...version.history import History
from ...version.tags import Tag, parse_tags, stream_of
from .history_git import Git
from .history_tree import Tree, read_changelog, read_fragments

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_history"]

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
        tags, prefix_warnings = _of_stream(names(), config)
        tags.sort(key=lambda t: t.order, reverse=True)
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
            previous=base.previous,
            prereleases=base.prereleases(),
            head_tags=base.head_tags(),
            commits=base.commits,
            conventional=base.conventional(),
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


def _of_stream(names: str, config: Config) -> tuple[list[Tag], list[str]]:
    """Return the tags of the stream that is released."""
    if config.tag_prefix is not None:
        stream = stream_of(config.tag_prefix)
        if "\n" + stream not in "\n" + names:
            return [], []
        tags = [t for t in parse_tags(names) if t.stream == stream]
        if not stream or config.paths:
            return tags, []
        warning = (
            f"every commit counts for {stream}: the setting paths does not"
            " name its part of the repository"
        )
        return tags, [warning]
    streams: dict[str, list[Tag]] = {}
    for tag in parse_tags(names):
        streams.setdefault(tag.stream, []).append(tag)
    if "" in streams or not streams:
        return streams.get("", []), []
    if len(streams) == 1:
        return next(iter(streams.values())), []
    known = ", ".join(sorted(streams)[:6])
    raise UsageError(
        f"the tags belong to {len(streams)} streams: {known}",
        help="choose one with the setting tag-prefix, and its part of the"
        " repository with paths",
    )


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
        reader = self._git.log(f"{commit}..{self._head}", paths=self._paths)()
        self._past = past().finish()
        if (
            not self._paths
            and commit != self._head
            and commit.encode() not in reader.boundary
        ):
            return False
        self.previous, self.commit = tag, commit
        self.commits = reader.finish()
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
