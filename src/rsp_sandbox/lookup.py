"""The commit that a name in a path leads to."""

from __future__ import annotations

import re

from .base import Problem
from .git import Commit
from .refs import refs
from .rest import Context

__all__ = ["commit_at"]


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
