"""Which changes of refs are refused."""

from __future__ import annotations

from .base import Problem, not_found
from .rest import Context
from .rights import may
from .rules import refusal

__all__ = ["guard_ref", "guard_workflows"]


def guard_ref(
    context: Context, ref: str, old: str | None, new: str | None
) -> None:
    """Refuse a change of a ref that a rule forbids.

    Parameters
    ----------
    context
        The request.
    ref
        The full ref.
    old
        What it points to; `None` if it is new.
    new
        What it shall point to; `None` if it goes.

    Raises
    ------
    Problem
        Raised if a rule forbids it.
    """
    found = refusal(context.project, ref, old, new, context.actor)
    if found is not None:
        text = f"Repository rule violations found\n\n{found}\n\n"
        raise Problem(422, text)


def guard_workflows(context: Context, sha: str) -> None:
    """Refuse a ref whose workflow files differ, without that right.

    Parameters
    ----------
    context
        The request.
    sha
        What the ref shall point to.

    Raises
    ------
    Problem
        Raised if the right is missing; GitHub answers 404 then.
    """
    project = context.project
    if may(context.token, project, "workflows", "write"):
        return
    git = project.git
    head = git.resolve("HEAD")
    folder = ".github/workflows"
    here = git.lookup(git.peel(sha) or sha, folder)
    there = git.lookup(head, folder) if head else None
    if here is not None and here != there:
        raise not_found()
