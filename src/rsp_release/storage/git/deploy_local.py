"""A local checkout of the deployment repository: one commit, one branch.

Neither the work tree nor the index nor the branch that is checked out is
touched. To push the branch, and to open a pull request, is left to a person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ...exceptions import BlockedError, RefusedError, UsageError
from ...models import Fork, PullRequest, PushFiles, Repository
from .history_git import OFF, with_settings
from .repository import Repository as Clone
from .repository import last_lines

__all__ = ["LocalDeploy"]


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
        try:
            self._repository = Clone(
                directory, environ=with_settings(environ, OFF)
            )
        except UsageError as e:
            raise UsageError(
                e.message, help="pass --local the path of a clone"
            ) from e

    @property
    def name(self) -> str:
        """The directory of the checkout."""
        return str(self._repository.root)

    def repository(self, branch: str = "") -> Repository:
        """Return what there is to say of it."""
        return Repository(name=self.name, default_branch="HEAD", can_push=True)

    def branch(self, repository: str, branch: str) -> str | None:
        """Return the head of a branch, or the commit checked out."""
        ref = branch if branch == "HEAD" else f"refs/heads/{branch}"
        return self._repository.resolve(ref)

    def paths(self, commit: str) -> tuple[str, ...]:
        """Return the path of every file of a commit."""
        out = self._repository.read(
            "ls-tree", "-r", "-z", "--name-only", commit, "--"
        )
        return tuple(filter(None, out.split("\0")))

    def read(
        self, commit: str, paths: Sequence[str], repository: str | None = None
    ) -> Mapping[str, str]:
        """Return files, each exactly; those not there are left out."""
        found = {}
        for path in paths:
            data = self._repository.file(commit, path)
            if data is not None:
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
        return self._repository.read("log", "-1", "--format=%B", commit, "--")

    def contains(self, revision: str, commit: str) -> bool:
        """Return whether a revision has a commit in its history."""
        said = self._repository.ask(
            "merge-base", "--is-ancestor", commit, revision
        )
        return said is not None

    def push_files(self, write: PushFiles) -> None:
        """Make the commit, and the branch at it.

        git does it: GitPython's index would write every tree of the
        repository anew.
        """
        git = self._repository.read
        with tempfile.TemporaryDirectory(prefix="rsp-release-") as folder:
            file = Path(folder, "file")
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            git("read-tree", write.base, env=index)
            for path, text in write.files:
                file.write_bytes(text.encode())
                blob = git("hash-object", "-w", "--stdin", stdin=file).strip()
                mode = git("ls-tree", write.base, "--", path).split(" ")[0]
                entry = f"{mode or '100644'},{blob},{path}"
                git("update-index", "--add", "--cacheinfo", entry, env=index)
            tree = git("write-tree", env=index).strip()
            file.write_bytes(write.message.encode())
            commit = git("commit-tree", tree, "-p", write.base, stdin=file)
        status, _, err = self._repository.run(
            "update-ref", f"refs/heads/{write.branch}", commit.strip(),
            write.expected or "0" * 40,
        )  # fmt: skip
        if status:
            raise RefusedError(
                f"branch {write.branch} cannot be created: {last_lines(err)}"
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

    def fork(self) -> Fork:
        """Raise: there are none."""
        self._refuse("a fork")

    def pull(
        self, found: PullRequest, *, is_to_merge: bool = False
    ) -> NoReturn:
        """Raise: there are none."""
        self._refuse(found)

    def _refuse(self, what: object) -> NoReturn:
        """Raise: there are none."""
        raise TypeError(f"a checkout has no pull requests: {what}")

    make_fork = open_pull = edit_pull = label_pull = _refuse
    request_reviews = enable_auto_merge = merge_pull = _refuse
