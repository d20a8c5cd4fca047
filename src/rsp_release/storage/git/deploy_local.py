"""A deployment repository in a checkout: one commit on a branch of its own.

Neither the work tree nor the index nor the branch that is checked out is
touched. To push the branch, and to open a pull request, is left to a person.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ...exceptions import BlockedError, ReadError, RefusedError, UsageError
from ...models import (
    EditPull,
    EnableAutoMerge,
    Fork,
    LabelPull,
    MakeFork,
    MergePull,
    OpenPull,
    PullRequest,
    PushFiles,
    Repository,
    RequestReviews,
)

__all__ = ["LocalDeploy"]

# A repository's own settings may not run anything here.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


class LocalDeploy:
    """A checkout of a deployment repository.

    Parameters
    ----------
    directory
        A directory of the checkout.
    environ
        The environment, for git.

    Raises
    ------
    UsageError
        Raised if it is no checkout.
    """

    is_local = True

    def __init__(self, directory: Path, *, environ: Mapping[str, str]) -> None:
        self._environ = {**environ, "GIT_TERMINAL_PROMPT": "0"}
        self._root = directory
        try:
            found = self._git("rev-parse", "--show-toplevel").decode().strip()
        except (ReadError, OSError) as e:
            raise UsageError(
                f"{directory} is no checkout of a git repository",
                help="give --local the path of a clone",
            ) from e
        self._root = Path(found)

    @property
    def name(self) -> str:
        """The directory of the checkout."""
        return str(self._root)

    def repository(self) -> Repository:
        """Return what there is to say of it."""
        return Repository(name=self.name, default_branch="HEAD", can_push=True)

    def branch(self, repository: str, branch: str) -> str | None:
        """Return the head of a branch, or the commit checked out."""
        ref = branch if branch == "HEAD" else f"refs/heads/{branch}"
        found = self._run("rev-parse", "--verify", "--quiet", ref)
        if found.returncode:
            return None
        return found.stdout.decode().strip()

    def paths(self, commit: str) -> tuple[str, ...]:
        """Return the path of every file of a commit."""
        out = self._git("ls-tree", "-r", "-z", "--name-only", commit, "--")
        return tuple(p for p in out.decode(errors="replace").split("\0") if p)

    def read(
        self, commit: str, paths: Sequence[str], repository: str | None = None
    ) -> Mapping[str, str]:
        """Return files, each exactly; those not there are left out."""
        known = set(self.paths(commit))
        found = {}
        for path in paths:
            if path in known:
                data = self._git("cat-file", "blob", f"{commit}:{path}")
                try:
                    found[path] = data.decode("utf-8")
                except UnicodeDecodeError as e:
                    raise BlockedError(f"{path} is no text in UTF-8") from e
        return found

    def scan(self, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
        """Return many files to look at."""
        return self.read(commit, paths)

    def message(self, repository: str, commit: str) -> str:
        """Return the message of a commit."""
        out = self._git("log", "-1", "--format=%B", commit, "--")
        return out.decode(errors="replace")

    def push_files(self, write: PushFiles) -> None:
        """Make the commit, and the branch at it."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": os.path.join(folder, "index")}  # noqa: PTH118
            self._git("read-tree", write.base, extra=index)
            for path, text in write.files:
                blob = self._git("hash-object", "-w", "--stdin", data=text)
                mode = self._git("ls-tree", write.base, "--", path)
                kind = mode.decode().split(" ", 1)[0] or "100644"
                entry = f"{kind},{blob.decode().strip()},{path}"
                self._git(
                    "update-index", "--add", "--cacheinfo", entry, extra=index
                )
            tree = self._git("write-tree", extra=index).decode().strip()
        commit = self._git(
            "commit-tree", tree, "-p", write.base, data=write.message
        )
        done = self._run(
            "update-ref",
            f"refs/heads/{write.branch}",
            commit.decode().strip(),
            write.expected or "0" * 40,
        )
        if done.returncode:
            raise RefusedError(
                f"branch {write.branch} cannot be made:"
                f" {done.stderr.decode(errors='replace').strip()}"
            )

    def _git(
        self,
        *args: str,
        data: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> bytes:
        done = self._run(*args, data=data, extra=extra)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise ReadError(f"git {args[0]} failed in {self._root}: {said}")
        return done.stdout

    def _run(
        self,
        *args: str,
        data: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *_QUIET, *args],
            cwd=self._root,
            env={**self._environ, **(extra or {})},
            input=(data or "").encode(),
            capture_output=True,
            check=False,
        )

    # -- A checkout knows no pull requests ----------------------------------

    def may_write_pulls(self, branch: str) -> bool:
        """Return that nothing forbids it: a checkout has no pull requests."""
        return True

    def open_pulls(self) -> tuple[PullRequest, ...]:
        """Return none."""
        return ()

    def pulls_of(self, owner: str, branch: str) -> tuple[PullRequest, ...]:
        """Return none."""
        return ()

    def pull(self, number: int) -> PullRequest:
        """Raise: there are none."""
        self._refuse(number)

    def fork(self) -> Fork:
        """Raise: there are none."""
        self._refuse("a fork")

    def make_fork(self, write: MakeFork) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def open_pull(self, write: OpenPull) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def edit_pull(self, write: EditPull) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def label_pull(self, write: LabelPull) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def request_reviews(self, write: RequestReviews) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def enable_auto_merge(self, write: EnableAutoMerge) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def merge_pull(self, write: MergePull) -> None:
        """Raise: there are none."""
        self._refuse(write)

    def _refuse(self, what: object) -> NoReturn:
        raise TypeError(f"a checkout has no pull requests: {what}")
