"""Who may do what, and which changes of refs are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import Problem, not_found
from .rules import refusal

if TYPE_CHECKING:
    from .accounts import Token
    from .project import Project
    from .rest import Context

__all__ = ["guard_ref", "guard_workflows", "may"]

_CLOSED = {"administration", "environments", "secrets"}
"""Permissions without which not even public repositories can be read."""


def may(
    token: Token | None, project: Project, permission: str, level: str
) -> bool:
    """Return whether credentials suffice.

    Parameters
    ----------
    token
        The credentials; `None` for nobody.
    project
        The repository.
    permission
        A permission of fine-grained tokens.
    level
        ``read`` or ``write``.
    """
    closed = permission in _CLOSED
    reads_public = level == "read" and not project.is_private and not closed
    if token is None:
        return reads_public
    if token.kind == "classic":
        return _scopes_suffice(token, project, permission) and (
            reads_public or _writes(token, project, level, closed=closed)
        )
    if permission == "checks" and token.kind == "fine-grained":
        # Cannot be granted to such a token at all.
        return False
    if reads_public:
        return True
    name = project.full_name.lower()
    reach = token.repositories
    if reach is not None and name not in {item.lower() for item in reach}:
        return False
    if not token.may(permission, level):
        return False
    if token.kind == "fine-grained":
        return _role_suffices(token, project, level, closed=closed)
    return True


def _scopes_suffice(token: Token, project: Project, permission: str) -> bool:
    if permission == "workflows":
        return "workflow" in token.scopes
    return not project.is_private or "repo" in token.scopes


def _writes(
    token: Token, project: Project, level: str, *, closed: bool
) -> bool:
    if not {"repo", "public_repo"}.intersection(token.scopes):
        return False
    return _role_suffices(token, project, level, closed=closed)


def _role_suffices(
    token: Token, project: Project, level: str, *, closed: bool
) -> bool:
    role = project.roles.get(token.login.lower(), "none")
    if closed:
        return role == "admin"
    if level == "read":
        return role in {"admin", "write", "read"}
    return role in {"admin", "write"}


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
