"""A git repository, opened with GitPython: its objects, and its git.

Names are resolved by git: GitPython reads refs as files, which reftables are
not. What has a hash is read as GitPython's object, through the one process
that it keeps for that. Everything else is a process of its own; see decision
record 10.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ...exceptions import BlockedError, ReadError, UsageError
from ...settings_file import LARGE
from ..environment import (
    credentials_of,
    without_credentials,
    without_github_tokens,
)
from ..redact import Redactor
from .history_git import QUIET

if TYPE_CHECKING:
    import git

__all__ = ["Commands", "Repository", "last_lines", "text_file"]


class Commands:
    """Runs git in a folder.

    Parameters
    ----------
    command
        GitPython's wrapper of the command.
    folder
        The folder.
    environ
        Variables for git, besides those of this process.
    errors
        How bytes of its output that are no UTF-8 are decoded.
    """

    def __init__(
        self,
        command: git.Git,
        folder: Path,
        environ: Mapping[str, str],
        *,
        errors: str = "replace",
    ) -> None:
        # GitPython fills in "$HOME" in a path here too, and runs git where
        # this process is if there is no such folder.
        command.set_persistent_git_options(C=str(folder))
        self._command = command
        self._folder = folder
        self._errors = errors
        self.redact = Redactor([])
        self.environ = command.environment()
        # GitPython hands on the variables of this process.
        self.environ.update(dict.fromkeys(credentials_of(os.environ), ""))
        self.environ.update(without_credentials(environ) | QUIET)

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
    ) -> tuple[int, str, str]:
        """Run git.

        Parameters
        ----------
        *args
            The subcommand and its arguments.
        env
            Variables for this command alone.
        stdin
            A file for its standard input.

        Returns
        -------
        tuple
            Its exit status, its output, and its messages without secrets.

        Raises
        ------
        UsageError
            Raised if git is not installed.
        """
        from git import GitCommandNotFound

        with open(stdin or os.devnull, "rb") as file:  # noqa: PTH123
            try:
                status, out, err = self._command.execute(
                    ["git", "-C", str(self._folder), *args],
                    istream=file,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                    env=dict(env or {}),
                )
            except GitCommandNotFound as e:
                raise UsageError("git is not installed") from e
        said = _as_text(err.encode("utf-8", "surrogateescape"))
        return status, _as_text(out, self._errors), self.redact(said)

    def read(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        stdin: Path | None = None,
    ) -> str:
        """Run git as `run` does, and return its output.

        Raises
        ------
        ReadError
            Raised if git fails, with its own words.
        """
        status, out, err = self.run(*args, env=env, stdin=stdin)
        if status:
            raise ReadError(f"git {args[0]} failed: {last_lines(err)}")
        return out

    def ask(self, *args: str) -> str | None:
        """Run git as `run` does, where exit status 1 is its "no".

        Returns
        -------
        str or None
            Its output without white space around it; `None`: no.

        Raises
        ------
        ReadError
            Raised if git fails otherwise, with its own words.
        """
        status, out, err = self.run(*args)
        if status > 1:
            raise ReadError(f"git {args[0]} failed: {last_lines(err)}")
        return None if status else out.strip()


class Repository(Commands):
    """A clone, or any other repository.

    Parameters
    ----------
    directory
        A directory in it.
    environ
        The environment that git gets.

    Raises
    ------
    UsageError
        Raised if the directory is in no repository, or in one whose objects
        GitPython cannot read.
    ReadError
        Raised if git does not open it.
    """

    def __init__(self, directory: Path, *, environ: Mapping[str, str]) -> None:
        # Else the import fails where git is missing.
        os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        import git

        try:
            self._repo = git.Repo(
                # GitPython fills in "~" and "$HOME" in a path.
                directory.absolute(),
                search_parent_directories=True,
                expand_vars=False,
            )
        except (git.InvalidGitRepositoryError, git.NoSuchPathError) as e:
            raise UsageError(
                f"{directory} is not in a git repository",
                help="run it in a clone, or name one with -C",
            ) from e
        self._lock = Lock()
        self.git_dir = Path(self._repo.git_dir)
        self.common_dir = Path(self._repo.common_dir).resolve()
        self.root = Path(self._repo.working_tree_dir or self.git_dir)
        super().__init__(self._repo.git, self.root, environ)
        # GitPython asks neither for that, nor whose the files are.
        if self.read("rev-parse", "--show-object-format").strip() == "sha256":
            raise UsageError(
                f"{directory} has objects named by SHA-256, which GitPython"
                " cannot read, and GitHub does not host",
                help="make another repository of it: git fast-export --all",
            )
        # The processes that GitPython keeps end with this, or at the exit.
        weakref.finalize(self, self._repo.git.clear_cache)
        self.credentials = credentials_of(environ)
        """Variables for git where it speaks to a remote."""
        self.for_signing = without_github_tokens(self.credentials)
        """Variables for git where it runs what signs."""
        packs = self.common_dir / "objects" / "pack"
        self._is_partial = any(packs.glob("*.promisor"))

    @property
    def for_objects(self) -> Mapping[str, str]:
        """Variables for git where it reads objects.

        Those that a partial clone lacks come from the remote.
        """
        return self.credentials if self._is_partial else {}

    def log_in(self, credentials: Mapping[str, str]) -> None:
        """Add variables for git where it speaks to the remote."""
        self.credentials |= credentials
        self.environ |= self.for_objects

    def resolve(self, revision: str) -> str | None:
        """Return the hash of the object that a revision names.

        Parameters
        ----------
        revision
            Anything that ``git rev-parse`` takes.

        Raises
        ------
        ReadError
            Raised if git cannot tell.
        """
        from git import GitError

        try:
            if "\n" in revision:
                raise ValueError  # it would ask for two
            with self._lock:
                return _as_text(self._repo.git.get_object_header(revision)[0])
        except (ValueError, OSError, GitError):
            # A name without an object and a process that has ended look the
            # same: only git's own "no" counts.
            with self._lock:
                self._repo.git.clear_cache()
        found = self.ask(
            "rev-parse", "--verify", "--quiet", "--end-of-options", revision
        )
        return found or None

    def peel(self, revision: str) -> str | None:
        """Return the hash of the commit that a revision names."""
        return self.resolve(f"{revision}^{{commit}}")

    def date(self, revision: str) -> int:
        """Return when a tag was made, or else its commit.

        Parameters
        ----------
        revision
            A tag or a commit.

        Returns
        -------
        int
            Seconds since the epoch.
        """
        from git import Commit, TagObject

        with self._objects(revision) as named:
            found = named
            while isinstance(found, TagObject) and not found.tagged_date:
                found = found.object
            if isinstance(found, TagObject):
                return found.tagged_date
            if isinstance(found, Commit):
                return found.committed_date
        raise ReadError(f"{revision} is no commit")

    def is_signed(self, tag: str) -> bool:
        """Return whether a tag's object has a signature."""
        from git import TagObject

        with self._objects(f"refs/tags/{tag}") as found:
            return (
                isinstance(found, TagObject)
                and "\n-----BEGIN " in f"\n{found.message}"
            )

    def has_hook(self, name: str) -> bool:
        """Return whether git would run a hook."""
        path = self.read("rev-parse", "--git-path", f"hooks/{name}").strip()
        return os.access(self.root / path, os.X_OK)

    def try_ref(self, ref: str, object_: str) -> None:
        """Let the hook that guards refs see a new one, and make none.

        Parameters
        ----------
        ref
            The ref, by its full name.
        object_
            The hash that it would have.

        Raises
        ------
        BlockedError
            Raised if the hook refuses it, with its words.
        """
        hook = "reference-transaction"
        if not self.has_hook(hook):
            return
        lines = "start", f"create {ref} {object_}", "prepare", "abort", ""
        with text_file("\n".join(lines)) as file:
            status, _, err = self.run("update-ref", "--stdin", stdin=file)
        if status:
            raise BlockedError(
                f"the hook {hook} refuses {ref}: {last_lines(err)}",
                help=f"see {hook} among the hooks of this clone",
            )

    def file(self, commit: str, path: str) -> bytes | None:
        """Return a file of a commit, or `None` if it has none.

        A symbolic link is no file.

        Parameters
        ----------
        commit
            The commit, or a tree.
        path
            The path.
        """
        from git import Blob

        with self._entry(commit, path) as found:
            if not isinstance(found, Blob) or found.mode == Blob.link_mode:
                return None
            if found.size > LARGE:
                raise ReadError(f"{path} is too large: {found.size} bytes")
            data: bytes = found.data_stream.read()
            return data

    def names(self, commit: str, folder: str) -> tuple[str, ...]:
        """Return the names of the files of a commit's folder.

        Parameters
        ----------
        commit
            The commit, or a tree.
        folder
            The path of the folder; empty for the top.
        """
        from git import Blob, Tree

        with self._entry(commit, folder) as found:
            if not isinstance(found, Tree):
                return ()
            blobs = found.blobs
            return tuple(b.name for b in blobs if b.mode != Blob.link_mode)

    @contextmanager
    def _entry(
        self, commit: str, path: str
    ) -> Iterator[git.Blob | git.Tree | git.Submodule | None]:
        from git import Tree

        with self._objects(f"{commit}^{{tree}}") as found:
            # Made from a hash alone, it would not know that it is the top.
            top = Tree(self._repo, found.binsha, path="")
            try:
                entry = top / path if path else top
            except KeyError:
                entry = None
            yield entry

    @contextmanager
    def _objects(self, revision: str) -> Iterator[git.Object]:
        """Give an object, which must not be kept: it reads when asked."""
        from git import Object, ODBError

        hash_ = self.resolve(revision)
        if hash_ is None:
            raise ReadError(f"git has no {revision}")
        try:
            with self._lock:
                yield Object.new_from_sha(self._repo, bytes.fromhex(hash_))
        except (ValueError, OSError, ODBError) as e:
            self._repo.git.clear_cache()
            reason = str(e).partition("\n")[0]
            raise ReadError(f"git cannot read {revision}: {reason}") from e


def _as_text(output: str | bytes, errors: str = "replace") -> str:
    # GitPython promises text where it gives bytes.
    return output if isinstance(output, str) else output.decode(errors=errors)


@contextmanager
def text_file(text: str) -> Iterator[Path]:
    """Keep a text in a file for a while, which git can read.

    Parameters
    ----------
    text
        The text.

    Yields
    ------
    pathlib.Path
        The file.
    """
    with tempfile.NamedTemporaryFile(prefix="rsp-release-") as file:
        file.write(text.encode())
        file.flush()
        yield Path(file.name)


_SAID_ANYWAY = frozenset(
    {
        "fatal: Could not read from remote repository.",
        "Please make sure you have the correct access rights",
        "and the repository exists.",
    }
)
"""What git adds to whatever a remote's program said, or did not."""


def last_lines(text: str) -> str:
    """Return the last lines of what git said, as one.

    Without what it says after each failure of a remote's program, which tells
    nothing, where something else was said.

    Parameters
    ----------
    text
        What it said.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if line not in _SAID_ANYWAY]
    return "; ".join((telling or lines)[-3:]) or "no reason given"
