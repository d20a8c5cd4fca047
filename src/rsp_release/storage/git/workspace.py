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
from ...settings_file import LARGE
from ..environment import credentials_of
from .history_git import OFF, with_settings
from .repository import Commands, Repository

__all__ = ["Workspace", "open_workspace"]

_PLAIN = (
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("core.sparseCheckout", "false"),
    ("index.sparse", "false"),
    ("core.symlinks", "false"),
)
"""Settings with which an index is as git makes it by itself.

A link is a file that holds its target, so that nothing can follow it.
"""

_FILTERS = r"^filter\..*\.(clean|smudge|process|required)$"


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
        self.home = folder / "home"
        """An empty folder for what runs on the files."""
        self.home.mkdir()
        self.links: tuple[str, ...] = ()
        """The files that git has as symbolic links."""
        self._list = folder / "list"
        places = {
            "GIT_DIR": str(repository.git_dir),
            "GIT_WORK_TREE": str(self.files),
            "GIT_INDEX_FILE": str(folder / "index"),
        }
        # git has the clone's objects and settings, but neither its index nor
        # its files, and runs none of its hooks.
        access = repository.for_objects
        settings = with_settings(
            {**environ, **access, **places}, (*OFF, *_PLAIN)
        )
        self._git = Commands(
            Git(), self.files, settings, errors="surrogateescape"
        )
        self._git.environ |= credentials_of(access)
        self._turn_filters_off()

    def _turn_filters_off(self) -> None:
        """Let no attribute of a tree choose a program that the user has set.

        It could decrypt what was encrypted in another file.
        """
        _, out, _ = self._git.run(
            "config", "--null", "--name-only", "--get-regexp", _FILTERS
        )
        drivers = {key.rpartition(".")[0] for key in _split(out)}
        off = [(f"{name}.process", "") for name in sorted(drivers)]
        off += [(f"{name}.required", "false") for name in sorted(drivers)]
        self._git.environ |= with_settings(self._git.environ, off)

    def place(self, path: str) -> Path:
        """Return where a file of the tree is, or would be.

        Raises
        ------
        BlockedError
            Raised if that is outside.
        """
        found = self.files / path
        inside = self.files.resolve()
        if found.is_symlink() or not found.resolve().is_relative_to(inside):
            raise BlockedError(
                f"{path} is outside of the repository",
                help="name a file in the repository",
            )
        return found

    def text(self, path: str) -> str:
        """Return the text of a file, with all of its bytes in it."""
        return self.place(path).read_bytes().decode("utf-8", "surrogateescape")

    def write(self, path: str, text: str) -> None:
        """Write what `text` gave, or a change of it."""
        data = text.encode("utf-8", "surrogateescape")
        self.place(path).write_bytes(data)

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
        large, links = [], []
        for entry in _split(out):
            about, _, path = entry.partition("\t")
            mode, kind, _, size = about.split()
            if kind == "blob" and not (size.isdigit() and int(size) <= LARGE):
                large.append(path)
            elif mode == "120000":
                links.append(path)
        self.links = tuple(links)
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
        if path is not None and self.place(path).exists():
            self._git.read("--literal-pathspecs", "add", "--force", "--", path)
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
