"""Commits made in a clone, and pushed to branches of its remote.

No branch, index or file of the clone is touched: a commit is an object alone
until it is pushed. git makes it: GitPython's ``Commit.create_from_tree`` signs
nothing, and makes up a name where the user has set none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from ...exceptions import RefusedError
from ...models import PushBranch
from .remote import Remote
from .repository import Repository
from .signing import make_commit

__all__ = ["Sign", "is_signing", "make_commits", "push_branch"]

Sign: TypeAlias = Literal["auto", "always", "never"]
"""Whether something is signed; ``auto``: as git's own settings say."""


def is_signing(repository: Repository, sign: Sign, kind: str) -> bool:
    """Return whether what is made is signed: as is set, or as git is.

    Parameters
    ----------
    repository
        The clone. git is asked, since GitPython's configuration leaves out
        what the environment and ``--config-env`` set.
    sign
        What is set.
    kind
        ``commit`` or ``tag``.
    """
    if sign == "auto":
        found = repository.ask("config", "--type=bool", f"{kind}.gpgSign")
        return found == "true"
    return sign == "always"


def make_commits(
    repository: Repository,
    sign: Sign,
    write: PushBranch,
    *,
    env: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Make what is pushed, as objects alone.

    Parameters
    ----------
    repository
        The clone.
    sign
        Whether it is signed.
    write
        What is pushed where.
    env
        Variables for git.

    Returns
    -------
    str
        The hash of the last commit.

    Raises
    ------
    RefusedError
        Raised if it cannot be made, with the cause.
    """
    signs = is_signing(repository, sign, "commit")
    stamp = write.at.isoformat(timespec="seconds")
    dates = {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp, **env}

    def commit(tree: str, message: str, *parents: str) -> str:
        # The same make the same commit, unless commits are signed here.
        made, _ = make_commit(
            repository, "the commit",
            *(arg for parent in parents for arg in ("-p", parent)),
            "-m", message, tree, signs=signs, env=dates,
        )  # fmt: skip
        return made

    parent = write.base
    if write.merged is not None and write.merged_tree is not None:
        message = f"Bring {write.branch} up to date\n"
        parent = commit(write.merged_tree, message, parent, write.merged)
    return commit(write.tree, write.message, parent)


def push_branch(
    repository: Repository, remote: Remote, sign: Sign, write: PushBranch
) -> str | None:
    """Make a commit, and push it to where the branch has to be.

    Parameters
    ----------
    repository, remote
        The clone and its remote.
    sign
        Whether the commit is signed.
    write
        What is pushed where.

    Returns
    -------
    str or None
        What a person should know of it.

    Raises
    ------
    WriteError
        Raised if it failed, with what is known of it.
    """
    ref = f"refs/heads/{write.branch}"
    if repository.run("check-ref-format", ref)[0]:
        raise RefusedError(f"{write.branch!r} is not a valid branch name")
    return remote.push(
        f"branch {write.branch}",
        make_commits(repository, sign, write),
        ref,
        f"--force-with-lease={ref}:{write.expected or ''}",
        claim=write.claim,
    )
