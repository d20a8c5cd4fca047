"""Users, tokens, what they may do, and their rate limits."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from .base import Problem, Request

__all__ = ["Accounts", "Kind", "Token"]

Kind = Literal["classic", "fine-grained", "actions"]

_PREFIX = {"classic": "ghp_", "fine-grained": "github_pat_", "actions": "ghs_"}

_LEVELS = ("none", "read", "write", "admin")

_WITHHELD = {"administration", "secrets", "workflows"}
"""Permissions that the token of a workflow cannot be given."""

_LIMIT = {"classic": 5000, "fine-grained": 5000, "actions": 1000}


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
    kind: Kind
    login: str
    permissions: Mapping[str, str] | None
    """Level by permission; `None`: whatever its kind can be given."""

    scopes: tuple[str, ...]
    window: Window

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

    def add(
        self,
        *,
        kind: Kind = "classic",
        login: str | None = None,
        permissions: Mapping[str, str] | None = None,
        scopes: tuple[str, ...] | None = None,
        limit: int | None = None,
    ) -> Token:
        """Make a token.

        Parameters
        ----------
        kind
            What sort of token it is. Only ``classic`` has scopes; only
            ``actions`` starts no workflow runs.
        login
            Whose it is.
        permissions
            Level by permission; by default all that it can be given.
        scopes
            Scopes of a classic token.
        limit
            Requests in an hour.
        """
        secret = _PREFIX[kind] + "Sandbox" + secrets.token_hex(15)
        default = ("repo", "workflow", "write:packages")
        owner = "github-actions[bot]" if kind == "actions" else self.login
        token = Token(
            secret=secret,
            kind=kind,
            login=login or owner,
            permissions=permissions,
            scopes=(default if scopes is None else scopes)
            if kind == "classic"
            else (),
            window=Window(_LIMIT[kind] if limit is None else limit),
        )
        self.tokens[secret] = token
        return token

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
