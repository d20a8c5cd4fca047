"""The change log, as commits of the clone have it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from ...changelog.edits import add_to_entry, release_unreleased
from ...changelog.entries import (
    commit_subject,
    contains_fragment,
    entry_of,
    guess_style,
    is_markdown,
)
from ...changelog.version_files import set_version
from ...config import Config
from ...exceptions import BlockedError, ReadError
from ...models import ChangelogState, ChangelogStyle, Collected
from ...version.fragments import Fragment
from .branches import Branches
from .history_git import Git
from .history_tree import Tree, read_changelog, read_fragments
from .scriv import collect_with_scriv, read_categories

__all__ = ["GitChangelog"]

_MOST_COMMITS = 500
"""How far back the commit with an entry is looked for."""

_MOST_OWN = 30
"""How many commits may have been pushed on top of one of ours."""

_LARGE = 1 << 22
"""Bytes above which a file is no part of a change log or its settings."""

_TOOLS: tuple[ChangelogStyle, ...] = ("scriv", "towncrier", "changesets")


class GitChangelog:
    """The change log of a clone's commits.

    Parameters
    ----------
    directory
        A directory of the clone.
    branches
        Gives git a folder of its own to work in.
    environ
        The environment that git and scriv get.
    config
        The settings.
    """

    def __init__(
        self,
        *,
        directory: Path,
        branches: Branches,
        environ: Mapping[str, str],
        config: Config,
    ) -> None:
        self._directory = directory
        self._branches = branches
        self._environ = dict(environ)
        self._config = config
        self._looks: dict[tuple[str, str], ChangelogState] = {}
        self._collected: dict[tuple[str, str, datetime], Collected | None] = {}
        self._late: dict[
            tuple[str, str, str], Collected | BlockedError | None
        ] = {}

    def look(self, commit: str, version: str) -> ChangelogState:
        key = (commit, version)
        if key not in self._looks:
            with Git(self._directory) as git:
                found = self._read(git, commit)
                self._looks[key] = self._judge(found, version)
        return self._looks[key]

    def collect(
        self, commit: str, *, version: str, tag: str, at: datetime
    ) -> Collected | None:
        key = (commit, tag, at)
        if key not in self._collected:
            state = self.look(commit, version)
            self._collected[key] = (
                self._collect(commit, state, version=version, tag=tag, at=at)
                if state.todo
                else None
            )
        return self._collected[key]

    def find_late(self, made: str, head: str, version: str) -> tuple[str, ...]:
        state = self.look(made, version)
        if state.style != "scriv" or state.entry is None:
            return ()
        known = self.look(self._merge_base(made, head), version).pending
        came = (p for p in self.look(head, version).pending if p not in known)
        return tuple(dict.fromkeys((*state.pending, *came)))

    def collect_late(
        self, made: str, head: str, *, version: str, at: datetime
    ) -> Collected | None:
        key = (made, head, version)
        if key not in self._late:
            try:
                self._late[key] = self._collect_late(
                    made, head, version=version, at=at
                )
            except BlockedError as e:
                self._late[key] = e
        found = self._late[key]
        if isinstance(found, BlockedError):
            raise found
        return found

    def find_commit(self, since: str, until: str, version: str) -> str | None:
        state = self.look(since, version)
        if not state.todo:
            found = None
            if state.entry is not None:
                found = self._find_own(since, version)
            return found or since
        if self.look(until, version).todo:
            return None
        with Git(self._directory) as git:
            between = git.run(
                "rev-list", "--first-parent", "--reverse",
                f"--max-count={_MOST_COMMITS}", until, f"^{since}", "--",
            ).split()  # fmt: skip
        for commit in between:
            if not self.look(commit, version).todo:
                return commit
        return until

    def _find_own(self, commit: str, version: str) -> str | None:
        """Find the commit of ours that brought the entry, if one did.

        In a clone that did not push it, others may have pushed since.
        """
        with Git(self._directory) as git:
            lines = git.run(
                "log", "--first-parent", f"--max-count={_MOST_OWN}",
                "--format=%H %s", commit, "--",
            ).splitlines()  # fmt: skip
        for line in lines:
            found, _, subject = line.partition(" ")
            if self.look(found, version).entry is None:
                return None
            if subject == commit_subject(version):
                return found
        return None

    # -- Looking ------------------------------------------------------------

    def _read(self, git: Git, commit: str) -> _Found:
        tree = Tree(git, f"{commit}^{{tree}}")
        log = read_changelog(tree)
        text = (tree.text(log.path) or "") if log.path else ""
        fragments, _ = read_fragments(
            tree, None, config=self._config, changelog=log.text
        )
        return _Found(
            style=self._style(tree, fragments, log.path, text),
            path=log.path or None,
            text=text,
            fragments={
                f.path: tree.text(f.path) or "" for f in fragments if f.parts
            },
            files={f.path: tree.text(f.path) for f in self._config.files},
        )

    def _style(
        self,
        tree: Tree,
        fragments: tuple[Fragment, ...],
        path: str,
        text: str,
    ) -> ChangelogStyle:
        """Say who keeps the change log: a tool, or people and how."""
        wanted = self._config.changelog
        styles: tuple[ChangelogStyle, ...] = (*_TOOLS, "unreleased", "none")
        for style in styles:
            if wanted == style:
                return style
        for fragment in fragments:
            for tool in _TOOLS:
                if fragment.tool == tool:
                    return tool
        if _uses_scriv(tree):
            return "scriv"
        if tree.folder(".changeset"):
            return "changesets"
        if _uses_towncrier(tree):
            return "towncrier"
        if not path:
            return "none"
        return guess_style(text, markdown=is_markdown(path))

    def _judge(self, found: _Found, version: str) -> ChangelogState:
        entry = None
        if found.style != "none" and found.path is not None:
            entry = entry_of(
                found.text, version, markdown=is_markdown(found.path)
            )
        leftover = tuple(
            path
            for path, text in found.fragments.items()
            if entry is not None and contains_fragment(entry, text)
        )
        pending = tuple(p for p in found.fragments if p not in leftover)
        todo = []
        if found.style == "scriv" and entry is None and pending:
            todo.append(f"collect {_count(pending, 'fragment')}")
        if found.style == "scriv" and leftover:
            todo.append(f"remove {_count(leftover, 'fragment')} left over")
        if found.style == "unreleased" and entry is None:
            written = release_unreleased(
                found.text,
                version=version,
                tag=version,
                previous_tag=None,
                day=date.min,
                markdown=is_markdown(found.path or ""),
            )
            if written is not None:
                todo.append(f"date what is unreleased in {found.path}")
        todo += [
            f"set the version in {file.path}"
            for file in self._config.files
            if self._lacks(found.files[file.path], file.path, version)
        ]
        return ChangelogState(
            style=found.style,
            path=found.path,
            entry=entry,
            pending=pending,
            leftover=leftover,
            todo=tuple(dict.fromkeys(todo)),
        )

    def _lacks(self, text: str | None, path: str, version: str) -> bool:
        """Return whether a file has another version."""
        return text is not None and self._with_version(
            text, path, version
        ) != (text)

    def _with_version(self, text: str, path: str, version: str) -> str:
        for file in self._config.files:
            if file.path == path:
                text = set_version(text, file, version)
        return text

    # -- Writing ------------------------------------------------------------

    def _collect(
        self,
        commit: str,
        state: ChangelogState,
        *,
        version: str,
        tag: str,
        at: datetime,
    ) -> Collected | None:
        with self._work() as (files, environ):
            before = _git(files, environ, "rev-parse", f"{commit}^{{tree}}")
            before = before.strip()
            _put_out(files, environ, before)
            self._write_entry(
                files, environ, state, version=version, tag=tag, at=at
            )
            path = state.path or _find_new(files, environ)
            entry = _read_entry(files, path, version)
            changed = self._write_versions(files, version)
            made, gone = _take_in(files, environ, before, path)
        if made == before:
            return None
        return Collected(
            base=commit,
            tree=made,
            path=path if entry is not None else None,
            entry=entry or "",
            fragments=gone,
            files=changed,
        )

    def _collect_late(
        self, made: str, head: str, *, version: str, at: datetime
    ) -> Collected | None:
        """Add fragments that came to a branch to an entry made before.

        People may have edited that entry, so nothing of it is made again:
        scriv collects what came late into a change log of its own, and its
        categories are added to the ones that are there.
        """
        base = self._merge_base(made, head)
        with self._work() as (files, environ):
            tree = _merge(files, environ, base, made, head)
            state = self.look(tree, version)
            if not state.pending or state.entry is None or not state.path:
                return None
            _put_out(files, environ, tree)
            place = files / state.path
            old = place.read_bytes().decode("utf-8", "surrogateescape")
            place.unlink()
            order = read_categories(files, environ=environ)
            collect_with_scriv(
                files, version=version, at=at.astimezone(), environ=environ
            )
            more = place.read_text("utf-8", errors="surrogateescape")
            markdown = is_markdown(state.path)
            if entry_of(more, version, markdown=markdown) is not None:
                new = add_to_entry(
                    old, version, more, order=order, markdown=markdown
                )
                place.write_bytes(new.encode("utf-8", "surrogateescape"))
            entry = _read_entry(files, state.path, version)
            changed = self._write_versions(files, version)
            result, gone = _take_in(files, environ, tree, state.path)
        is_merged = base != head
        return Collected(
            base=made,
            tree=result,
            path=state.path,
            entry=entry or "",
            fragments=gone,
            files=changed,
            merged=head if is_merged else None,
            merged_tree=tree if is_merged else None,
        )

    @contextmanager
    def _work(self) -> Iterator[tuple[Path, Mapping[str, str]]]:
        """Give git an index and a folder for files, outside the clone."""
        with tempfile.TemporaryDirectory(prefix="rsp-release-") as name:
            folder = Path(name)
            files = folder / "files"
            files.mkdir()
            environ = {
                **self._environ,
                **self._branches.work_environ(folder),
                "LC_ALL": "C.UTF-8",
            }
            yield files, environ

    def _merge_base(self, one: str, other: str) -> str:
        with Git(self._directory) as git:
            found = git.run("merge-base", one, other).split()
        if not found:
            raise ReadError(f"{one[:10]} and {other[:10]} share no history")
        return found[0]

    def _write_entry(
        self,
        files: Path,
        environ: Mapping[str, str],
        state: ChangelogState,
        *,
        version: str,
        tag: str,
        at: datetime,
    ) -> None:
        """Write the entry as the repository's own rules have it."""
        if state.style == "scriv":
            for path in state.leftover:
                (files / path).unlink()
            if state.pending and state.entry is None:
                collect_with_scriv(
                    files,
                    version=version,
                    at=at.astimezone(),
                    environ=environ,
                )
        elif state.style == "unreleased" and state.path and not state.entry:
            place = files / state.path
            text = place.read_bytes().decode("utf-8", "surrogateescape")
            written = release_unreleased(
                text,
                version=version,
                tag=tag,
                previous_tag=None,
                day=at.astimezone().date(),
                markdown=is_markdown(state.path),
            )
            if written is not None:
                place.write_bytes(written.encode("utf-8", "surrogateescape"))

    def _write_versions(self, files: Path, version: str) -> tuple[str, ...]:
        changed = []
        for path in dict.fromkeys(f.path for f in self._config.files):
            place = files / path
            if not place.is_file() or place.is_symlink():
                continue
            old = place.read_bytes().decode("utf-8", "surrogateescape")
            new = self._with_version(old, path, version)
            if new != old:
                place.write_bytes(new.encode("utf-8", "surrogateescape"))
                changed.append(path)
        return tuple(changed)


class _Found(NamedTuple):
    """What a commit has."""

    style: ChangelogStyle
    path: str | None
    text: str
    fragments: Mapping[str, str]
    files: Mapping[str, str | None]


def _merge(
    files: Path, environ: Mapping[str, str], base: str, made: str, head: str
) -> str:
    """Merge two commits, as GitHub does to bring a branch up to date.

    Returns
    -------
    str
        The hash of the tree.

    Raises
    ------
    BlockedError
        Raised if they conflict, with the names of the files.
    """
    _git(files, environ, "read-tree", "-i", "-m", "--aggressive",
         base, made, head)  # fmt: skip
    if _git(files, environ, "ls-files", "--unmerged"):
        with suppress(ReadError):
            _git(files, environ, "merge-index", "-o", "-q",
                 "git-merge-one-file", "-a")  # fmt: skip
    left = _git(files, environ, "ls-files", "--unmerged", "-z")
    if left:
        paths = {item.partition("\t")[2] for item in left.split("\0") if item}
        raise BlockedError(
            f"the two branches conflict in {', '.join(sorted(paths)[:3])}",
            help="merge the branch into that of the pull request by hand",
        )
    return _git(files, environ, "write-tree", "--missing-ok").strip()


def _put_out(files: Path, environ: Mapping[str, str], tree: str) -> None:
    """Put the files of a tree out, into the folder and the index."""
    _git(files, environ, "read-tree", "--reset", tree)
    _leave_out_large(files, environ, tree)
    _git(files, environ, "checkout-index", "--all", "--quiet", "--force")


def _find_new(files: Path, environ: Mapping[str, str]) -> str | None:
    """Return the change log that scriv made where there was none."""
    out = _git(files, environ, "ls-files", "--others", "-z")
    return next(filter(None, out.split("\0")), None)


def _take_in(
    files: Path, environ: Mapping[str, str], before: str, path: str | None
) -> tuple[str, tuple[str, ...]]:
    """Make a tree of files that were put out and changed.

    Returns
    -------
    tuple
        Its hash, and the paths that are gone.
    """
    _git(files, environ, "add", "--update")
    if path is not None and (files / path).exists():
        _git(files, environ, "add", "--force", "--", path)
    made = _git(files, environ, "write-tree", "--missing-ok").strip()
    gone = _git(
        files, environ, "diff-index", "--cached", "--name-only", "-z",
        "--diff-filter=D", before, "--",
    )  # fmt: skip
    return made, tuple(filter(None, gone.split("\0")))


def _leave_out_large(
    directory: Path, environ: Mapping[str, str], commit: str
) -> None:
    """Let git put out no large file, and none that the clone lacks.

    Nothing of them is needed, and a clone of large data may have left them
    on the remote.
    """
    out = _git(
        directory, {**environ, "GIT_NO_LAZY_FETCH": "1"},
        "ls-tree", "-r", "-z", "--long", commit,
    )  # fmt: skip
    large = []
    for entry in filter(None, out.split("\0")):
        about, _, path = entry.partition("\t")
        _, kind, _, size = about.split()
        if kind == "blob" and (not size.isdigit() or int(size) > _LARGE):
            large.append(path)
    if large:
        _git(
            directory, environ, "update-index", "--skip-worktree", "-z",
            "--stdin", stdin="\0".join(large),
        )  # fmt: skip


def _read_entry(files: Path, path: str | None, version: str) -> str | None:
    if path is None or not (files / path).exists():
        return None
    text = (files / path).read_text(encoding="utf-8", errors="replace")
    return entry_of(text, version, markdown=is_markdown(path))


def _uses_scriv(tree: Tree) -> bool:
    if tree.folder("changelog.d"):
        return True
    marks = {"setup.cfg": "scriv]", "tox.ini": "scriv]"}
    if any(mark in (tree.text(name) or "") for name, mark in marks.items()):
        return True
    tool = tree.toml("pyproject.toml", "scriv").get("tool", {})
    return isinstance(tool, dict) and "scriv" in tool


def _uses_towncrier(tree: Tree) -> bool:
    for name in ("pyproject.toml", "towncrier.toml"):
        tool = tree.toml(name, "towncrier").get("tool", {})
        if isinstance(tool, dict) and "towncrier" in tool:
            return True
    return False


def _count(items: tuple[str, ...], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _git(
    directory: Path,
    environ: Mapping[str, str],
    *args: str,
    stdin: str = "",
) -> str:
    result = subprocess.run(
        ["git", *args],
        cwd=directory,
        env=dict(environ),
        capture_output=True,
        check=False,
        input=stdin.encode("utf-8", "surrogateescape"),
    )
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        raise ReadError(f"git {args[0]} failed: {said[-300:]}")
    return result.stdout.decode("utf-8", "surrogateescape")
