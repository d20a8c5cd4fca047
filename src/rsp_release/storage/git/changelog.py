"""The change log, as commits of the clone have it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
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
from .history_git import Git
from .history_tree import Tree, read_changelog, read_fragments
from .repository import Repository
from .scriv import collect_with_scriv, read_categories
from .workspace import Workspace, open_workspace

__all__ = ["GitChangelog"]

_MOST_COMMITS = 500
"""How far back the commit with an entry is looked for."""

_MOST_OWN = 30
"""How many commits may have been pushed on top of one of ours."""

_STYLES: tuple[ChangelogStyle, ...] = (
    "scriv", "towncrier", "changesets", "unreleased", "none",
)  # fmt: skip


class GitChangelog:
    """The change log of a clone's commits.

    Parameters
    ----------
    repository
        The clone.
    environ
        The environment that git and scriv get.
    config
        The settings.
    """

    def __init__(
        self,
        *,
        repository: Repository,
        environ: Mapping[str, str],
        config: Config,
    ) -> None:
        self._repository = repository
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
            with Git(self._repository.root) as git:
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
        between = self._repository.read(
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
        lines = self._repository.read(
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
        tools = {fragment.tool for fragment in fragments}
        for style in _STYLES:
            if wanted == style:
                return style
        for style in _STYLES:
            if style in tools:
                return style
        if _uses_scriv(tree):
            return "scriv"
        if tree.folder(".changeset"):
            return "changesets"
        if _sets_up(tree, "towncrier", "pyproject.toml", "towncrier.toml"):
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
            path = found.path or ""
            if _release(found.text, path, version, version, date.min):
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
        with open_workspace(self._repository, self._environ) as work:
            before = self._repository.resolve(f"{commit}^{{tree}}") or commit
            work.check_out(before)
            self._write_entry(work, state, version=version, tag=tag, at=at)
            path = state.path or work.find_new()
            entry = _read_entry(work, path, version)
            changed = self._write_versions(work, version)
            made, gone = work.take_in(before, path)
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
        with open_workspace(self._repository, self._environ) as work:
            tree = work.merge(base, made, head)
            state = self.look(tree, version)
            if not state.pending or state.entry is None or not state.path:
                return None
            work.check_out(tree)
            old = work.text(state.path)
            (work.files / state.path).unlink()
            order = read_categories(work.files, environ=work.environ)
            collect_with_scriv(
                work.files,
                version=version,
                at=at.astimezone(),
                environ=work.environ,
            )
            more = work.text(state.path)
            markdown = is_markdown(state.path)
            if entry_of(more, version, markdown=markdown) is not None:
                more = add_to_entry(
                    old, version, more, order=order, markdown=markdown
                )
                work.write(state.path, more)
            entry = _read_entry(work, state.path, version)
            changed = self._write_versions(work, version)
            result, gone = work.take_in(tree, state.path)
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

    def _merge_base(self, one: str, other: str) -> str:
        _, out, _ = self._repository.run("merge-base", one, other)
        if not out:
            raise ReadError(f"{one[:10]} and {other[:10]} share no history")
        return out.split()[0]

    def _write_entry(
        self,
        work: Workspace,
        state: ChangelogState,
        *,
        version: str,
        tag: str,
        at: datetime,
    ) -> None:
        """Write the entry as the repository's own rules have it."""
        if state.style == "scriv":
            for path in state.leftover:
                (work.files / path).unlink()
            if state.pending and state.entry is None:
                collect_with_scriv(
                    work.files,
                    version=version,
                    at=at.astimezone(),
                    environ=work.environ,
                )
        elif state.style == "unreleased" and state.path and not state.entry:
            day = at.astimezone().date()
            text = work.text(state.path)
            written = _release(text, state.path, version, tag, day)
            if written is not None:
                work.write(state.path, written)

    def _write_versions(
        self, work: Workspace, version: str
    ) -> tuple[str, ...]:
        changed = []
        for path in dict.fromkeys(f.path for f in self._config.files):
            place = work.files / path
            if not place.is_file() or place.is_symlink():
                continue
            old = work.text(path)
            new = self._with_version(old, path, version)
            if new != old:
                work.write(path, new)
                changed.append(path)
        return tuple(changed)


class _Found(NamedTuple):
    """What a commit has."""

    style: ChangelogStyle
    path: str | None
    text: str
    fragments: Mapping[str, str]
    files: Mapping[str, str | None]


def _release(
    text: str, path: str, version: str, tag: str, day: date
) -> str | None:
    """Date what a change log has as unreleased, if it has any."""
    return release_unreleased(
        text,
        version=version,
        tag=tag,
        previous_tag=None,
        day=day,
        markdown=is_markdown(path),
    )


def _read_entry(work: Workspace, path: str | None, version: str) -> str | None:
    if path is None or not (work.files / path).exists():
        return None
    text = work.text(path).encode("utf-8", "replace").decode()
    return entry_of(text, version, markdown=is_markdown(path))


def _uses_scriv(tree: Tree) -> bool:
    marks = {"setup.cfg": "scriv]", "tox.ini": "scriv]"}
    return (
        bool(tree.folder("changelog.d"))
        or any(mark in (tree.text(name) or "") for name, mark in marks.items())
        or _sets_up(tree, "scriv", "pyproject.toml")
    )


def _sets_up(tree: Tree, tool: str, *files: str) -> bool:
    tables = (tree.toml(name, tool).get("tool") for name in files)
    return any(isinstance(table, dict) and tool in table for table in tables)


def _count(items: tuple[str, ...], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"
