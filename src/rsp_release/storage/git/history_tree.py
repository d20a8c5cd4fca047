"""Finds fragments and the change log in a commit's tree.

Everything is read from the tree, not from the working directory: what is
released is a commit.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...changelog.scriv import read_scriv_settings
from ...config import Config
from ...exceptions import BlockedError, ReadError
from ...version.fragments import Fragment, Section, is_skipped, parse_fragment
from ...version.tags import Tag, stream_of
from .history_git import HOW_TO_FETCH, Git

__all__ = ["ChangeLog", "Tree", "read_changelog", "read_fragments"]

# As much of a change log as the newest twenty sections need.
_ENOUGH = 1 << 17

_CHANGELOGS = ("changelog", "changes", "history", "news", "release_notes")

_TOWNCRIER = ("newsfragments", "doc/news", "docs/news", "changes", "news")


_FOLDER, _LINK = b"40000", b"120000"
"""How git marks what is no file."""


class Tree:
    """One commit's files.

    Parameters
    ----------
    git
        What reads objects.
    name
        The tree, as git names it.
    """

    def __init__(self, git: Git, name: str) -> None:
        self._git = git
        self._folders: dict[str, dict[str, tuple[str, bytes]]] = {}
        self._folders[""] = self._entries(name)

    def _entries(self, name: str) -> dict[str, tuple[str, bytes]]:
        """Read a tree object: name to hash and mode."""
        found = self._git.object(name)
        if found is None or found[1] != "tree":
            raise ReadError(f"git has no tree {name}")
        hash_, _, data = found
        width = len(hash_) // 2
        entries = {}
        at = 0
        while at < len(data):
            space = data.index(b" ", at)
            end = data.index(b"\0", space)
            mode = data[at:space]
            entry = data[space + 1 : end].decode("utf-8", "surrogateescape")
            at = end + 1 + width
            if mode == b"160000":  # another repository's commit
                continue
            entries[entry] = (data[end + 1 : at].hex(), mode)
        return entries

    def folder(self, path: str) -> dict[str, str]:
        """Return the files of a folder and their hashes; empty if absent."""
        entries = self._folder(path.strip("/"))
        return {
            name: hash_
            for name, (hash_, mode) in entries.items()
            if mode != _FOLDER
        }

    def _folder(self, path: str) -> dict[str, tuple[str, bytes]]:
        if path not in self._folders:
            above, _, name = path.rpartition("/")
            hash_, mode = self._folder(above).get(name, ("", b""))
            self._folders[path] = (
                self._entries(hash_) if mode == _FOLDER else {}
            )
        return self._folders[path]

    def is_link(self, path: str) -> bool:
        """Return whether it is a symbolic link, which is never followed."""
        folder, _, name = path.rpartition("/")
        return self._folder(folder).get(name, ("", b""))[1] == _LINK

    def hash_of(self, path: str) -> str | None:
        """Return the hash of a file, or `None` if it is absent."""
        folder, _, name = path.rpartition("/")
        return self.folder(folder).get(name)

    def text(self, path: str) -> str | None:
        """Return what is in a file, or `None` if it is absent or a link."""
        hash_ = None if self.is_link(path) else self.hash_of(path)
        if hash_ is None:
            return None
        found = self._git.object(hash_, path)
        if found is None:
            raise ReadError(
                f"git has no object {hash_[:10]}, which is {path}",
                help=HOW_TO_FETCH,
            )
        return found[2].decode("utf-8", "replace")

    def own_text(self, path: str) -> str:
        """Return what is in a file that counts; empty if it is absent.

        Raises
        ------
        BlockedError
            Raised if it is a symbolic link.
        """
        if self.is_link(path):
            raise BlockedError(
                f"{path} is a symbolic link, which is not followed",
                help="commit a file in its place",
            )
        return self.text(path) or ""

    def tools(self, path: str, wanted: str) -> dict[str, Any]:
        """Return the settings of tools, where one is among them, or none."""
        text = self.text(path)
        if text is None or wanted not in text:
            return {}
        import tomllib

        try:
            tools = tomllib.loads(text).get("tool")
        except tomllib.TOMLDecodeError:
            return {}
        return tools if isinstance(tools, dict) else {}


class ChangeLog(NamedTuple):
    """The beginning of a change log."""

    path: str = ""
    text: str = ""

    def newest(
        self,
        sections: tuple[Section, ...],
        *,
        tags: list[Tag],
        previous: Tag | None,
        before: Tree | None,
    ) -> Section | None:
        """Return the section of what is not released yet, if there is one.

        Parameters
        ----------
        sections
            All sections, newest first.
        tags
            The tags of the stream.
        previous
            The previous version.
        before
            The tree of the previous version: what it has already is old.

        Returns
        -------
        Section or None
            The section, without what was there before.
        """
        if not sections or previous is None:
            return None
        section = sections[0]
        if section.version is not None and (
            section.version <= previous.version
            or any(t.version == section.version for t in tags)
        ):
            return None
        old = before.text(self.path) if before else None
        if old:
            kept = tuple(p for p in section.parts if p.text not in old)
            section = section._replace(parts=kept)
        return section if section.parts else None


def read_changelog(tree: Tree) -> ChangeLog:
    """Find the change log and read its beginning."""
    settings = read_scriv_settings(tree.text) or {}
    named = settings.get("changelog") or settings.get("output_file") or ""
    names = [named] if named and "$" not in named else []
    names += sorted(
        (
            name
            for name in tree.folder("")
            if name.lower().partition(".")[0] in _CHANGELOGS
            and name.lower().endswith((".md", ".rst", ".txt", "log"))
        ),
        key=lambda n: _CHANGELOGS.index(n.lower().partition(".")[0]),
    )
    if named:
        tree.own_text(named)
    for name in names:
        text = tree.text(name)
        if text is not None:
            return ChangeLog(name, text[:_ENOUGH])
    return ChangeLog()


def read_fragments(
    tree: Tree, before: Tree | None, *, config: Config, changelog: str
) -> tuple[tuple[Fragment, ...], bool]:
    """Read the change-log fragments of whichever tool is used.

    Parameters
    ----------
    tree
        The tree that would be tagged.
    before
        The tree of the previous version.
    config
        The settings.
    changelog
        The beginning of the change log.

    Returns
    -------
    tuple
        The fragments, stale ones marked, and whether the repository is set
        up for fragments at all.
    """
    found: list[Fragment] = []
    uses = False
    wanted = config.changelog
    if wanted in {"auto", "scriv"}:
        settings = read_scriv_settings(tree.text)
        folder = (settings or {}).get("fragment_directory", "changelog.d")
        template = (settings or {}).get("new_fragment_template", "")
        skip = (settings or {}).get("skip_fragments", "README.*")
        names = tree.folder(folder)
        uses = settings is not None or bool(names)
        for name in names:
            if name.endswith((".md", ".rst")) and not is_skipped(
                name, skip, "README.*", template.rpartition("/")[2]
            ):
                path = f"{folder.strip('/')}/{name}"
                found.append(parse_fragment(path, tree.own_text(path)))
    if wanted in {"auto", "changesets"} and not found:
        package = stream_of(config.tag_prefix or "").rstrip("@/")
        names = tree.folder(".changeset")
        uses = uses or bool(names)
        for name in names:
            if name.endswith(".md") and not is_skipped(name, "README.*"):
                path = f".changeset/{name}"
                text = tree.own_text(path)
                found.append(
                    parse_fragment(
                        path, text, tool="changesets", package=package
                    )
                )
    if wanted in {"auto", "towncrier"} and not found:
        found, is_set = _towncrier(tree)
        uses = uses or is_set
    return tuple(_marked(f, before, changelog) for f in found), uses


def _towncrier(tree: Tree) -> tuple[list[Fragment], bool]:
    files = "pyproject.toml", "towncrier.toml"
    tools = (tree.tools(name, "towncrier") for name in files)
    settings = next(filter(None, tools), {}).get("towncrier")
    if not isinstance(settings, dict):
        return [], False
    types = settings.get("type", [])
    if isinstance(types, dict):
        names = list(types)
    else:
        names = [
            str(t.get("directory") or t.get("name", "")).lower()
            for t in types
            if isinstance(t, dict)
        ]
    package = str(settings.get("package", "")).replace(".", "/")
    folders = [
        settings.get("directory"),
        package and f"{package}/newsfragments",
        package and f"src/{package}/newsfragments",
        *_TOWNCRIER,
    ]
    for folder in folders:
        if not isinstance(folder, str) or not folder:
            continue
        found = []
        for name in tree.folder(folder):
            if "." not in name or is_skipped(name, "README*"):
                continue
            path = f"{folder.strip('/')}/{name}"
            text = tree.own_text(path)
            fragment = parse_fragment(
                path, text, tool="towncrier", types=names
            )
            if fragment.parts[0].category:
                found.append(fragment)
        if found or folder == settings.get("directory"):
            return found, True
    return [], True


def _marked(
    fragment: Fragment, before: Tree | None, changelog: str
) -> Fragment:
    """Mark a fragment that is not pending."""
    if before is not None and before.hash_of(fragment.path) is not None:
        return fragment._replace(stale="as old as the previous version")
    lines = [
        line.strip("-*+ \t")
        for part in fragment.parts
        for line in part.text.splitlines()[:1]
    ]
    if lines and all(len(li) > 20 and li in changelog for li in lines):
        return fragment._replace(stale="already in the change log")
    return fragment
