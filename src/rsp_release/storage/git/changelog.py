"""The change log of a clone's commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from threading import Lock

from ...changelog.edits import add_to_entry, release_unreleased
from ...changelog.entries import (
    commit_subject,
    contains_fragment,
    entry_of,
    guess_style,
    is_markdown,
)
from ...changelog.scriv import read_scriv_settings
from ...changelog.version_files import set_version
from ...config import Config
from ...exceptions import BlockedError, ReadError
from ...models import ChangelogState, ChangelogStyle, Collected
from ...version.fragments import Fragment
from .history_git import Git
from .history_tree import Tree, read_changelog, read_fragments
from .repository import Repository
from .scriv import Scriv
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
    trusts
        Whether commands that the repository's settings name are run.
    """

    def __init__(
        self,
        *,
        repository: Repository,
        environ: Mapping[str, str],
        config: Config,
        trusts: bool = False,
    ) -> None:
        self._repository = repository
        self._environ = dict(environ)
        self._config = config
        self._trusts = trusts
        # Nothing that is looked at changes: it is of a commit.
        self.look = cache(self._look)
        self._collected = cache(self._collect)
        self._collecting = Lock()
        self.collect_late = cache(self._collect_late)

    def collect(
        self, commit: str, *, version: str, tag: str, at: datetime
    ) -> Collected | None:
        with self._collecting:
            return self._collected(commit, version, tag, at)

    def find_late(self, made: str, head: str, version: str) -> tuple[str, ...]:
        state = self.look(made, version)
        if state.style != "scriv" or state.entry is None:
            return ()
        known = self.look(self._merge_base(made, head), version).pending
        came = (p for p in self.look(head, version).pending if p not in known)
        return tuple(dict.fromkeys((*state.pending, *came)))

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

    def _look(self, commit: str, version: str) -> ChangelogState:
        with Git(self._repository.root) as git:
            tree = Tree(git, f"{commit}^{{tree}}")
            log = read_changelog(tree)
            text = tree.text(log.path) or ""
            fragments, _ = read_fragments(
                tree, None, config=self._config, changelog=log.text
            )
            style = self._style(tree, fragments, log.path, text)
            texts = {f.path: tree.text(f.path) for f in fragments if f.parts}
            files = {f.path: tree.text(f.path) for f in self._config.files}
        entry = None
        if style != "none" and log.path:
            entry = _entry_of(text, log.path, version)
        leftover = tuple(
            path
            for path, fragment in texts.items()
            if entry is not None and contains_fragment(entry, fragment or "")
        )
        pending = tuple(path for path in texts if path not in leftover)
        todo = []
        if style == "scriv" and entry is None and pending:
            todo.append(f"collect {_count(pending, 'fragment')}")
        if style == "scriv" and leftover:
            todo.append(f"remove {_count(leftover, 'leftover fragment')}")
        if style == "unreleased" and entry is None:
            if _release(text, log.path, version, version, date.min):
                todo.append(f"date the unreleased section of {log.path}")
        todo += [
            f"set the version in {path}"
            for path, old in files.items()
            if old is not None
            and old != self._with_version(old, path, version)
        ]
        return ChangelogState(
            style=style,
            path=log.path or None,
            entry=entry,
            pending=pending,
            leftover=leftover,
            todo=tuple(todo),
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
        for found in ({wanted}, tools):
            for style in _STYLES:
                if style in found:
                    return style
        is_set_up = read_scriv_settings(tree.text) is not None
        if is_set_up or tree.folder("changelog.d"):
            return "scriv"
        if tree.folder(".changeset"):
            return "changesets"
        for name in ("pyproject.toml", "towncrier.toml"):
            if "towncrier" in tree.tools(name, "towncrier"):
                return "towncrier"
        if not path:
            return "none"
        return guess_style(text, markdown=is_markdown(path))

    def _with_version(self, text: str, path: str, version: str) -> str:
        for file in self._config.files:
            if file.path == path:
                text = set_version(text, file, version)
        return text

    # -- Writing ------------------------------------------------------------

    def _collect(
        self, commit: str, version: str, tag: str, at: datetime
    ) -> Collected | None:
        state = self.look(commit, version)
        if not state.todo:
            return None
        with open_workspace(self._repository, self._environ) as work:
            before = self._repository.resolve(f"{commit}^{{tree}}") or commit
            work.check_out(before)
            left_out = self._write_entry(
                work, state, version=version, tag=tag, at=at
            )
            new = work.find_new()
            if state.path and new:
                raise BlockedError(
                    f"scriv writes into {new}, but the change log is"
                    f" {state.path}",
                    help="set `changelog` and `format` in scriv's settings",
                )
            made = self._finish(work, state.path or new, before, version)
        if made.tree == before:
            return None
        return replace(made, base=commit, left_out=left_out)

    def _collect_late(
        self, made: str, head: str, version: str, at: datetime
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
            work.place(state.path).unlink()
            scriv = self._make_scriv(work)
            order = scriv.categories(at)
            left_out = scriv.collect(version, at.astimezone())
            more = work.text(state.path)
            if _entry_of(more, state.path, version) is not None:
                markdown = is_markdown(state.path)
                more = add_to_entry(
                    old, version, more, order=order, markdown=markdown
                )
                work.write(state.path, more)
            found = self._finish(work, state.path, tree, version)
        found = replace(found, base=made, left_out=left_out)
        if base == head:
            return found
        return replace(found, merged=head, merged_tree=tree)

    def _finish(
        self, work: Workspace, path: str | None, before: str, version: str
    ) -> Collected:
        """Set the versions, and take in what was changed."""
        entry = None
        if path is not None and work.place(path).exists():
            entry = _entry_of(work.text(path), path, version)
        changed = self._write_versions(work, version)
        tree, gone = work.take_in(before, path)
        return Collected(
            base=before,
            tree=tree,
            path=path if entry is not None else None,
            entry=(entry or "").encode("utf-8", "replace").decode(),
            fragments=gone,
            files=changed,
        )

    def _merge_base(self, one: str, other: str) -> str:
        out = self._repository.ask("merge-base", one, other) or ""
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
    ) -> tuple[str, ...]:
        """Write the entry as the repository's own rules have it.

        Returns the settings whose commands were not run.
        """
        if state.style == "scriv":
            for path in state.leftover:
                work.place(path).unlink()
            if state.pending and state.entry is None:
                scriv = self._make_scriv(work)
                return scriv.collect(version, at.astimezone())
        elif state.style == "unreleased" and state.path and not state.entry:
            day = at.astimezone().date()
            text = work.text(state.path)
            written = _release(text, state.path, version, tag, day)
            if written is not None:
                work.write(state.path, written)
        return ()

    def _make_scriv(self, work: Workspace) -> Scriv:
        return Scriv(
            directory=work.files,
            home=work.home,
            links=work.links,
            environ=self._environ,
            trusts=self._trusts,
        )

    def _write_versions(
        self, work: Workspace, version: str
    ) -> tuple[str, ...]:
        changed = []
        for path in dict.fromkeys(f.path for f in self._config.files):
            if path in work.links or not work.place(path).is_file():
                continue
            old = work.text(path)
            new = self._with_version(old, path, version)
            if new != old:
                work.write(path, new)
                changed.append(path)
        return tuple(changed)


def _release(
    text: str, path: str, version: str, tag: str, day: date
) -> str | None:
    """Date what a change log has as unreleased, if it has any."""
    return release_unreleased(
        text,
        version=version,
        tag=tag,
        day=day,
        markdown=is_markdown(path),
    )


def _entry_of(text: str, path: str, version: str) -> str | None:
    return entry_of(text, version, markdown=is_markdown(path))


def _count(items: tuple[str, ...], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"
