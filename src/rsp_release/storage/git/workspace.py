"""A separate folder and index, in which git works on a clone's trees.

git does all of it: GitPython's index knows no filters, no line endings and
no sparse checkout, and writes every tree anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from ...exceptions import BlockedError, ReadError
from .repository import OFF, Commands, Repository, with_settings

__all__ = ["Workspace", "open_workspace"]

_LARGE = 1 << 22
"""Bytes above which a file is no part of a change log or its settings."""

_PLAIN = (
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("core.sparseCheckout", "false"),
    ("index.sparse", "false"),
)
"""Settings with which an index is as git makes it by itself."""


@contextmanager
def open_workspace(
    repository: Repository, environ: Mapping[str, str]
) -> Iterator[Workspace]:
    """Make a folder outside of a clone, for as long as it is needed.

    Parameters
    ----------
    repository
        The clone.
    environ
        The environment.
    """
    with tempfile.TemporaryDirectory(prefix="rsp-release-") as name:
        yield Workspace(repository, Path(name), environ)


class Workspace:
    """Files of a tree, outside of the clone that has it.

    Parameters
    ----------
    repository
        The clone.
    folder
        An empty folder.
    environ
        The environment.
    """

    def __init__(
        self, repository: Repository, folder: Path, environ: Mapping[str, str]
    ) -> None:
        from git import Git

        self.files = folder / "files"
        """Where the files are."""
        self.files.mkdir()
        self._list = folder / "list"
        places = {
            "GIT_DIR": str(repository.git_dir),
            "GIT_WORK_TREE": str(self.files),
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C.UTF-8",
        }
        self.environ = with_settings({**environ, **places}, (*OFF, *_PLAIN))
        """With it git has the clone's objects and settings, but neither its
        index nor its files, and runs none of its hooks.
        """
        self._git = Commands(
            Git(), self.files, self.environ, errors="surrogateescape"
        )

    def text(self, path: str) -> str:
        """Return the text of a file, with all of its bytes in it."""
        return (
            (self.files / path).read_bytes().decode("utf-8", "surrogateescape")
        )

    def write(self, path: str, text: str) -> None:
        """Write what `text` gave, or a change of it."""
        data = text.encode("utf-8", "surrogateescape")
        (self.files / path).write_bytes(data)

    def merge(self, base: str, made: str, head: str) -> str:
        """Merge two commits, as GitHub does to bring a branch up to date.

        Parameters
        ----------
        base, made, head
            The commit that both come from, and both.

        Returns
        -------
        str
            The hash of the tree.

        Raises
        ------
        BlockedError
            Raised if they conflict, with the names of the files.
        """
        git = self._git
        git.read("read-tree", "-i", "-m", "--aggressive", base, made, head)
        if git.read("ls-files", "--unmerged"):
            with suppress(ReadError):
                git.read("merge-index", "-o", "-q", "git-merge-one-file", "-a")
        left = _split(git.read("ls-files", "--unmerged", "-z"))
        if left:
            paths = {item.partition("\t")[2] for item in left}
            raise BlockedError(
                f"the two branches conflict in {', '.join(sorted(paths)[:3])}",
                help="merge the branch into that of the pull request by hand",
            )
        return self._write_tree()

    def check_out(self, tree: str) -> None:
        """Put the files of a tree into the folder and the index.

        Large files, and those that the clone lacks, are left out: nothing of
        them is needed, and a clone of large data may have left them on the
        remote.
        """
        self._git.read("read-tree", "--reset", tree)
        out = self._git.read(
            "ls-tree", "-r", "-z", "--long", tree,
            env={"GIT_NO_LAZY_FETCH": "1"},
        )  # fmt: skip
        large = []
        for entry in _split(out):
            about, _, path = entry.partition("\t")
            _, kind, _, size = about.split()
            if kind == "blob" and not (size.isdigit() and int(size) <= _LARGE):
                large.append(path)
        if large:
            text = "\0".join(large)
            self._list.write_bytes(text.encode("utf-8", "surrogateescape"))
            self._git.read(
                "update-index", "--skip-worktree", "-z", "--stdin",
                stdin=self._list,
            )  # fmt: skip
        self._git.read("checkout-index", "--all", "--quiet", "--force")

    def find_new(self) -> str | None:
        """Return a file that the index has not, if there is one."""
        out = self._git.read("ls-files", "--others", "-z")
        return next(iter(_split(out)), None)

    def take_in(
        self, before: str, path: str | None
    ) -> tuple[str, tuple[str, ...]]:
        """Make a tree of the files, changed as they are.

        Parameters
        ----------
        before
            The tree that was checked out.
        path
            A file that may be new.

        Returns
        -------
        tuple
            The hash of the tree, and the paths that are gone.
        """
        self._git.read("add", "--update")
        if path is not None and (self.files / path).exists():
            self._git.read("add", "--force", "--", path)
        made = self._write_tree()
        gone = self._git.read(
            "diff-index", "--cached", "--name-only", "-z", "--diff-filter=D",
            before, "--",
        )  # fmt: skip
        return made, _split(gone)

    def _write_tree(self) -> str:
        return self._git.read("write-tree", "--missing-ok").strip()


def _split(out: str) -> tuple[str, ...]:
    return tuple(filter(None, out.split("\0")))
