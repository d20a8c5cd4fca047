"""What this user can log in to registries with, as ``docker`` keeps it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..environment import without_github_tokens
from ..http import plain_text
from .manifest import as_object

__all__ = ["ANONYMOUS", "Credential", "Credentials"]

HELPER_TIMEOUT = 30.0
"""Seconds that a credential helper may take; it may ask to unlock a store."""

_HUB_KEYS = (
    "https://index.docker.io/v1/",
    "index.docker.io",
    "docker.io",
    "registry-1.docker.io",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A way to log in. Its secrets don't show in its text."""

    source: str
    """Where it comes from, for a person."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """What a token service exchanges for a token (OAuth 2 refresh token)."""

    registry_token: str = field(default="", repr=False)
    """What the registry itself takes as a Bearer token."""

    same_origin: bool = False
    """Whether it must not go to a token service at another origin."""

    @property
    def basic(self) -> str | None:
        """The header's value for Basic, if there is a password."""
        if not self.password:
            return None
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


ANONYMOUS = Credential(source="")
"""Nobody, whom most registries answer."""


class Credentials:
    """What this user can log in with, as ``docker`` keeps it.

    Parameters
    ----------
    environ
        The environment: ``DOCKER_CONFIG``, ``HOME``, ``PATH`` (of helpers),
        ``GH_TOKEN``, ``GITHUB_TOKEN``, ``GITHUB_SERVER_URL``.

    Attributes
    ----------
    problems
        What kept credentials from being read, by registry; for a person.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: dict[str, tuple[Credential, ...]] = {}
        self.problems: dict[str, str] = {}

    def of(self, host: str) -> tuple[Credential, ...]:
        """Return the credentials for a registry, in the order to try them.

        Parameters
        ----------
        host
            The registry: ``docker.io`` for Docker Hub.
        """
        if host not in self._known:
            found = [self._from_docker(host), self._from_github(host)]
            self._known[host] = tuple(c for c in found if c is not None)
        return self._known[host]

    def stored(self) -> tuple[str, ...]:
        """Return the secrets in docker's configuration; asks no helper."""
        auths = as_object(self._read_config("").get("auths"))
        found = []
        for entry in auths.values():
            credential = _from_entry(as_object(entry))
            if credential is not None:
                found += [
                    credential.password,
                    credential.identity_token,
                    credential.registry_token,
                ]
        return tuple(filter(None, found))

    def _from_github(self, host: str) -> Credential | None:
        """Return GitHub's token, for GitHub's own registry alone."""
        server = self._environ.get("GITHUB_SERVER_URL") or "https://github.com"
        name = urlsplit(server).hostname or ""
        own = "ghcr.io" if name == "github.com" else f"containers.{name}"
        if host != own:
            return None
        for variable in ("GH_TOKEN", "GITHUB_TOKEN"):
            if token := self._environ.get(variable, "").strip():
                return Credential(
                    source=variable,
                    username=self._environ.get("GITHUB_ACTOR") or "token",
                    password=token,
                    same_origin=True,
                )
        return None

    def _from_docker(self, host: str) -> Credential | None:
        """Return what docker's configuration has for a registry."""
        config = self._read_config(host)
        keys = _HUB_KEYS if host == "docker.io" else (host, f"https://{host}")
        helpers = as_object(config.get("credHelpers"))
        named = [(k, helpers[k]) for k in keys if helpers.get(k)]
        # Docker asks a store by this one name, whatever the key was.
        asked = (
            [(keys[0], config["credsStore"])] if "credsStore" in config else []
        )
        for key, helper in named[:1] or asked:
            server = key if named and host != "docker.io" else keys[0]
            try:
                if found := self._ask_helper(helper, server):
                    return found
            except ValueError as e:
                self.problems[host] = str(e)
        auths = as_object(config.get("auths"))
        entries = [auths.get(key) for key in keys]
        entries += [v for k, v in auths.items() if _host_of(k) in keys]
        for entry in entries:
            if found := _from_entry(as_object(entry)):
                return found
        return None

    def _read_config(self, host: str) -> dict[str, Any]:
        """Return docker's configuration; an unreadable one is a problem."""
        folder = self._environ.get("DOCKER_CONFIG")
        if not folder:
            home = self._environ.get("HOME")
            if not home:
                return {}
            folder = str(Path(home) / ".docker")
        config = None
        try:
            config = json.loads((Path(folder) / "config.json").read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError):
            pass
        if not isinstance(config, dict):
            self.problems[host] = "docker's config.json cannot be read"
        return as_object(config)

    def _ask_helper(self, helper: object, server: str) -> Credential | None:
        """Return what a credential helper has for a registry.

        What it printed could hold anything, so it is never repeated.
        """
        name = helper if isinstance(helper, str) else ""
        program = f"docker-credential-{name}"
        shown = plain_text(program)
        path = None
        if re.fullmatch(r"[A-Za-z0-9._-]+", name):
            path = shutil.which(program, path=self._environ.get("PATH", ""))
        if path is None:
            raise ValueError(f"{shown} is not installed")
        try:
            done = subprocess.run(
                [path, "get"],
                input=server.encode(),
                capture_output=True,
                check=False,
                timeout=HELPER_TIMEOUT,
                # Its own credentials may be in the environment as well.
                env=without_github_tokens(self._environ),
            )
        except subprocess.TimeoutExpired:
            raise ValueError(
                f"{shown} did not answer within {HELPER_TIMEOUT:g} s"
            ) from None
        except OSError:
            raise ValueError(f"{shown} cannot be run") from None
        return _credential_of(shown, done.returncode, done.stdout)


def _credential_of(
    program: str, status: int, output: bytes
) -> Credential | None:
    """Return what a helper gave."""
    if status != 0 and b"credentials not found" in output:
        return None
    if status != 0:
        raise ValueError(f"{program} failed with status {status}")
    try:
        answer = json.loads(output)
        user, secret = answer["Username"], answer["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        user = secret = None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise ValueError(f"{program} gave no usable answer")  # noqa: TRY004
    if not secret:
        return None
    if user == "<token>":
        return Credential(source=program, identity_token=secret)
    return Credential(source=program, username=user, password=secret)


def _host_of(key: str) -> str:
    """Return the host that a key of docker's configuration means."""
    return re.sub(r"^https?://", "", key).partition("/")[0]


def _from_entry(entry: Mapping[str, Any]) -> Credential | None:
    """Return the credential of an entry of docker's configuration."""

    def text(key: str) -> str:
        value = entry.get(key)
        return value if isinstance(value, str) else ""

    username, password = text("username"), text("password")
    if auth := text("auth"):
        try:
            pair = base64.b64decode(auth).decode().rstrip("\0")
        except (binascii.Error, ValueError):
            return None
        username, _, password = pair.partition(":")
    token, identity = text("registrytoken"), text("identitytoken")
    if not password and not token and not identity:
        return None
    return Credential(
        source="docker's config.json",
        username=username,
        password=password,
        identity_token=identity,
        registry_token=token,
    )
