"""Merges, squashes and rebases in a bare repository, without a checkout."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from .git import GitError, Person, Repository

__all__ = ["edit_tree", "merge", "merge_trees", "rebase"]


def edit_tree(
    git: Repository,
    base: str | None,
    entries: Iterable[tuple[str, str | None, str]],
) -> str:
    """Write a tree that differs from another in some paths.

    Parameters
    ----------
    git
        The repository.
    base
        The tree to begin with, or `None` for an empty one.
    entries
        Mode, hash and path of each; no hash removes the path.

    Returns
    -------
    str
        The hash of the tree.

    Raises
    ------
    GitError
        Raised if git refuses.
    """
    with tempfile.TemporaryDirectory() as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        git.git("read-tree", base or "--empty", env=env)
        lines = [
            f"{mode if sha else '0'} {sha or '0' * 40}\t{path}\n"
            for mode, sha, path in entries
        ]
        data = "".join(lines).encode()
        git.git("update-index", "--index-info", stdin=data, env=env)
        return git.git("write-tree", env=env).strip()


def _merge_three(
    git: Repository, base: str, ours: str, theirs: str
) -> str | None:
    """Merge three trees, files line by line where both sides changed.

    Parameters
    ----------
    git
        The repository.
    base
        The common ancestor.
    ours
        One side.
    theirs
        The other side.

    Returns
    -------
    str or None
        The hash of the tree, or `None` where they conflict.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name, "tree")
        place.mkdir()
        env = {
            "GIT_INDEX_FILE": str(Path(name, "index")),
            "GIT_WORK_TREE": str(place),
        }
        command = ("read-tree", "-i", "-m", "--aggressive")
        git.git(*command, base, ours, theirs, env=env)
        try:
            git.git("merge-index", "git-merge-one-file", "-a", env=env)
        except GitError:
            return None
        return git.git("write-tree", env=env).strip()


def merge(
    git: Repository,
    base: str,
    head: str,
    *,
    message: str,
    who: Person,
    method: str,
) -> str | None:
    """Write a merge commit, or everything as one; `None` on a conflict."""
    tree = merge_trees(git, base, head)
    if tree is None:
        return None
    return git.write_commit(
        tree=tree,
        parents=(base,) if method == "squash" else (base, head),
        message=message,
        author=who,
        committer=who,
    )


def rebase(
    git: Repository, base: str, head: str, *, who: Person
) -> str | None:
    """Write each commit anew upon another; `None` on a conflict."""
    here = base
    for sha in git.log("--reverse", "--no-merges", f"{base}..{head}"):
        commit, tip = git.commit(sha), git.commit(here)
        if commit is None or tip is None or not commit.parents:
            return None
        before = git.commit(commit.parents[0])
        if before is None:
            return None
        tree = _merge_three(git, before.tree, tip.tree, commit.tree)
        if tree is None:
            return None
        here = git.write_commit(
            tree=tree,
            parents=(here,),
            message=commit.message,
            author=commit.author,
            committer=who,
        )
    return here


def merge_trees(git: Repository, base: str, head: str) -> str | None:
    """Return the tree of two commits together; `None` on a conflict."""
    try:
        ancestor = git.git("merge-base", base, head).strip()
    except GitError:
        return None
    trees = [git.known(sha).tree for sha in (ancestor, base, head)]
    return _merge_three(git, *trees)
