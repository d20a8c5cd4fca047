"""Commits made in a clone, and pushed to branches of its remote.

No branch, index or file of the clone is touched: a commit is an object alone
until it is pushed. git makes it: GitPython's ``Commit.create_from_tree`` signs
nothing, and makes up a name where the user has set none.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from ...exceptions import RefusedError
from ...models import PushBranch
from .remote import Remote
from .repository import Repository
from .signing import explain_failure

__all__ = ["Sign", "is_signing", "push_branch"]

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

    def commit(tree: str, message: str, *parents: str) -> str:
        return _make_commit(
            repository, sign, tree, message, parents=parents, at=write.at
        )

    parent = write.base
    if write.merged is not None and write.merged_tree is not None:
        message = f"Bring {write.branch} up to date\n"
        parent = commit(write.merged_tree, message, parent, write.merged)
    made = commit(write.tree, write.message, parent)
    return remote.push(
        f"branch {write.branch}",
        made,
        ref,
        f"--force-with-lease={ref}:{write.expected or ''}",
        claim=write.claim,
    )


def _make_commit(
    repository: Repository,
    sign: Sign,
    tree: str,
    message: str,
    *,
    parents: tuple[str, ...],
    at: datetime,
) -> str:
    """Make a commit in the name of the clone's user.

    The same arguments make the same commit, unless commits are signed here.
    """
    # ``commit-tree`` asks nobody whether to sign.
    is_signed = is_signing(repository, sign, "commit")
    stamp = at.isoformat(timespec="seconds")
    status, out, err = repository.run(
        "commit-tree", "-S" if is_signed else "--no-gpg-sign",
        *(arg for parent in parents for arg in ("-p", parent)),
        "-m", message, tree,
        env={
            **(repository.for_signing if is_signed else {}),
            "GIT_AUTHOR_DATE": stamp,
            "GIT_COMMITTER_DATE": stamp,
        },
    )  # fmt: skip
    if status:
        raise explain_failure(repository, "the commit", err)
    return out.strip()
