"""Commits made in a clone, and pushed to branches of its remote.

No branch, index or file of the clone is touched: a commit is an object alone
until it is pushed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ...exceptions import RefusedError, ReleaseError
from ...models import PushBranch

__all__ = ["Branches", "RunGit"]


class RunGit(Protocol):
    """Runs git in the clone."""

    def __call__(
        self, *args: str, env: Mapping[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Return its status and what it printed."""


class Explain(Protocol):
    """Tells what is known of a push that failed."""

    def __call__(self, what: str, out: str, err: str) -> ReleaseError:
        """Return the error for what was pushed."""


class Branches:
    """Makes and pushes commits.

    Parameters
    ----------
    run
        Runs git in the clone.
    explain
        Tells what is known of a push that failed.
    target
        What to push to.
    sign
        Whether to sign: ``auto``, ``always`` or ``never``.
    git_dir
        The directory that git keeps the work tree's state in.
    """

    def __init__(
        self,
        *,
        run: RunGit,
        explain: Explain,
        target: str,
        sign: str,
        git_dir: Path,
    ) -> None:
        self._run = run
        self._explain = explain
        self._target = target
        self._sign = sign
        self._git_dir = git_dir

    def push(self, write: PushBranch) -> None:
        """Make the commit, and push it to where the branch has to be.

        Parameters
        ----------
        write
            What is pushed where.

        Raises
        ------
        WriteError
            Raised if it failed, with what is known of it.
        """
        ref = f"refs/heads/{write.branch}"
        if self._run("check-ref-format", ref)[0]:
            raise RefusedError(f"{write.branch!r} is not a valid branch name")
        parent = write.base
        if write.merged is not None and write.merged_tree is not None:
            parent = self.make_commit(
                tree=write.merged_tree,
                parents=(write.base, write.merged),
                message=f"Bring {write.branch} up to date\n",
                at=write.at,
            )
        commit = self.make_commit(
            tree=write.tree,
            parents=(parent,),
            message=write.message,
            at=write.at,
        )
        status, out, err = self._run(
            "push", "--porcelain", "--atomic", "--no-follow-tags",
            "--recurse-submodules=no",
            f"--force-with-lease={ref}:{write.expected or ''}",
            self._target, f"{commit}:{ref}",
        )  # fmt: skip
        if status:
            raise self._explain(f"branch {write.branch}", out, err)

    def make_commit(
        self,
        *,
        tree: str,
        parents: tuple[str, ...],
        message: str,
        at: datetime,
    ) -> str:
        """Make a commit in the name of the clone's user.

        Parameters
        ----------
        tree, parents
            The hashes of its tree and its parents.
        message
            Its message.
        at
            When it is made; the same arguments make the same commit, unless
            commits are signed here.

        Returns
        -------
        str
            Its hash.
        """
        stamp = at.isoformat(timespec="seconds")
        status, out, err = self._run(
            "commit-tree", *self._signing(),
            *(arg for parent in parents for arg in ("-p", parent)),
            "-m", message, tree,
            env={"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp},
        )  # fmt: skip
        if status:
            said = "; ".join(filter(None, err.strip().splitlines()[-3:]))
            raise RefusedError(
                f"git cannot make the commit: {said}",
                help=(
                    "see `git config user.name`, `user.email` and, where"
                    " commits are signed, `user.signingKey`"
                ),
            )
        return out.strip()

    def _signing(self) -> tuple[str, ...]:
        """Return whether a commit is signed: ``commit-tree`` asks no one."""
        if self._sign == "never":
            return ("--no-gpg-sign",)
        _, out, _ = self._run(
            "config", "--type=bool", "--get", "commit.gpgSign"
        )
        is_signed = self._sign == "always" or out.strip() == "true"
        return ("-S",) if is_signed else ()

    def work_environ(self, folder: Path) -> dict[str, str]:
        """Return variables that let git work in a folder of its own.

        Parameters
        ----------
        folder
            An empty folder outside the clone, for an index and a work tree.

        Returns
        -------
        dict of str to str
            With these git has the clone's objects and settings, but neither
            its index nor its files, and runs none of its hooks.
        """
        off = {
            "core.hooksPath": os.devnull,
            "core.fsmonitor": "false",
            "core.untrackedCache": "false",
            "core.splitIndex": "false",
            "core.sparseCheckout": "false",
            "index.sparse": "false",
        }
        environ = {
            "GIT_DIR": str(self._git_dir),
            "GIT_WORK_TREE": str(folder / "files"),
            "GIT_INDEX_FILE": str(folder / "index"),
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_COUNT": str(len(off)),
        }
        for number, (key, value) in enumerate(off.items()):
            environ[f"GIT_CONFIG_KEY_{number}"] = key
            environ[f"GIT_CONFIG_VALUE_{number}"] = value
        return environ
