"""The commit that a name in a path leads to, and what differs in two."""

from __future__ import annotations

import re
from typing import Any

from .base import Problem, quote_path
from .git import Commit
from .refs import refs
from .rest import Context

__all__ = ["commit_at", "diff_entries"]

_STATUS = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}


def commit_at(context: Context, name: str) -> Commit:
    """Return the commit that a name in a path leads to.

    Raises
    ------
    Problem
        Raised if there is none; GitHub answers 422 then.
    """
    project = context.project
    seen = refs(context)
    for prefix in ("", "refs/", "refs/heads/", "refs/tags/"):
        if (sha := seen.get(prefix + name)) is not None:
            break
    else:
        ref = project.git.default_branch if name == "HEAD" else name
        sha = seen.get("refs/heads/" + ref, ref)
    commit = project.git.commit(sha) if re.match("[0-9a-f]", sha) else None
    if commit is None:
        raise Problem(422, f"No commit found for SHA: {name}")
    return commit


def diff_entries(context: Context, old: str, new: str) -> list[dict[str, Any]]:
    """Return the files that differ between two commits."""
    project = context.project
    out = project.git.git(
        "diff-tree", "-r", "-z", "--raw", "--numstat", "--no-renames", old, new
    )
    raw: dict[str, tuple[str, str]] = {}
    counts: dict[str, tuple[int, int]] = {}
    parts = out.split("\0")
    at = 0
    while at < len(parts) - 1:
        if parts[at].startswith(":"):
            _, _, _, sha, letter = parts[at].split()
            raw[parts[at + 1]] = (sha, letter)
            at += 2
        else:
            plus, minus, path = parts[at].split("\t")
            added, removed = (0 if n == "-" else int(n) for n in (plus, minus))
            counts[path] = (added, removed)
            at += 1
    entries = []
    for path, (sha, letter) in raw.items():
        added, removed = counts.get(path, (0, 0))
        quoted = quote_path(path)
        entries.append(
            {
                "sha": sha,
                "filename": path,
                "status": _STATUS.get(letter[0], "changed"),
                "additions": added,
                "deletions": removed,
                "changes": added + removed,
                "blob_url": f"{context.web}/blob/{new}/{quoted}",
                "raw_url": f"{context.web}/raw/{new}/{quoted}",
                "contents_url": f"{context.api}/contents/{quoted}?ref={new}",
            }
        )
    return entries
