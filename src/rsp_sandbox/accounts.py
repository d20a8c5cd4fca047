"""Users, tokens, what they may do, and their rate limits."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from .base import Problem, Request

__all__ = ["Accounts", "Kind", "Token"]

Kind = Literal["classic", "fine-grained", "actions"]

SCOPES = ("repo", "workflow", "write:packages")
"""The scopes of a classic token that may do everything."""

_LEVELS = ("none", "read", "write", "admin")

_WITHHELD = {"administration", "secrets", "workflows"}
"""Permissions that the token of a workflow cannot be given."""


@dataclass(slots=True)
class Window:
    """One hour of requests."""

    limit: int
    used: int = 0
    reset: datetime | None = None

    @property
    def remaining(self) -> int:
        """How many requests are left."""
        return max(0, self.limit - self.used)


@dataclass(slots=True)
class Token:
    """Credentials. The secret is left out of its representation."""

    secret: str = field(repr=False)
    login: str
    kind: Kind = "classic"
    permissions: Mapping[str, str] | None = None
    """Level by permission; `None`: whatever its kind can be given."""

    scopes: tuple[str, ...] = SCOPES
    window: Window = field(default_factory=lambda: Window(5000))

    def may(self, permission: str, level: str) -> bool:
        """Return whether it holds a permission of GitHub's list."""
        if permission == "metadata" and level == "read":
            return True
        if self.kind == "actions" and permission in _WITHHELD:
            return False
        if self.permissions is None:
            return True
        have = self.permissions.get(permission, "none")
        return _LEVELS.index(have) >= _LEVELS.index(level)


class Accounts:
    """Every token there is."""

    def __init__(self, login: str) -> None:
        self.login = login
        """Who the first token belongs to."""
        self.tokens: dict[str, Token] = {}
        """Tokens by their secret."""
        self.anonymous = Window(60)
        """The rate limit of requests without credentials."""
        self.revoked = False
        """Whether every token is refused."""

    def find(self, secret: str) -> Token | None:
        """Return the token of a secret, if it is still good."""
        token = self.tokens.get(secret)
        if token is None or self.revoked:
            return None
        return token

    def api(self, request: Request) -> Token | None:
        """Return who sends an API request; `None` for nobody.

        Raises
        ------
        Problem
            Raised if there are credentials and they are wrong.
        """
        value = request.header("authorization")
        if not value:
            return None
        scheme, _, rest = value.partition(" ")
        secret = rest.strip()
        if scheme.lower() == "basic":
            secret = basic(value)[1]
        elif scheme.lower() not in {"token", "bearer"}:
            raise Problem(401, "Bad credentials")
        token = self.find(secret)
        if token is None:
            raise Problem(401, "Bad credentials")
        return token

    def spend(self, window: Window, now: datetime) -> None:
        """Count a request.

        Raises
        ------
        Problem
            Raised if none is left.
        """
        if window.reset is None or now >= window.reset:
            window.reset = now + timedelta(hours=1)
            window.used = 0
        if window.remaining == 0:
            is_known = window is not self.anonymous
            who = "user ID 1000001" if is_known else "127.0.0.1"
            raise Problem(403, f"API rate limit exceeded for {who}.")
        window.used += 1


def basic(value: str) -> tuple[str, str]:
    """Return user and password of a ``Basic`` authorization."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(rest).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password
