"""Who may do what."""

from __future__ import annotations

from .accounts import Token
from .records import Project

__all__ = ["may"]

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
