"""What this user can log in to registries with.

``docker`` and ``podman`` keep it in files of one form. Those are read in this
order: the one that ``REGISTRY_AUTH_FILE`` names, docker's, and podman's for
this session and for good (containers-auth.json(5)).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..environment import without_github_tokens
from ..http import plain_text
from ..server import find_server_url
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
    """What this user can log in with, as ``docker`` and ``podman`` keep it.

    Parameters
    ----------
    environ
        The environment: ``REGISTRY_AUTH_FILE``, ``DOCKER_CONFIG``,
        ``XDG_RUNTIME_DIR``, ``XDG_CONFIG_HOME``, ``HOME``, ``PATH`` (of
        helpers), ``GH_TOKEN``, ``GITHUB_TOKEN``, ``GITHUB_SERVER_URL``.

    Attributes
    ----------
    problems
        What kept credentials from being read, by registry; for a person.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known: dict[tuple[str, str], tuple[Credential, ...]] = {}
        self.problems: dict[str, str] = {}

    def of(self, host: str, repository: str = "") -> tuple[Credential, ...]:
        """Return the credentials for a registry, in the order to try them.

        Parameters
        ----------
        host
            The registry: ``docker.io`` for Docker Hub.
        repository
            The repository there. A file may have credentials for a part of
            a registry, such as ``quay.io/lsst``.
        """
        key = (host, repository)
        if key not in self._known:
            found = [
                self._from_file(source, path, host, repository)
                for source, path in self._files()
            ]
            found.append(self._from_github(host))
            self._known[key] = tuple(
                dict.fromkeys(c for c in found if c is not None)
            )
        return self._known[key]

    def stored(self) -> tuple[str, ...]:
        """Return the secrets in those files; asks no helper."""
        found = []
        for source, path in self._files():
            auths = as_object(self._read(source, path, "").get("auths"))
            for entry in auths.values():
                credential = _from_entry(as_object(entry), source)
                if credential is not None:
                    found += [
                        credential.password,
                        credential.identity_token,
                        credential.registry_token,
                    ]
        return tuple(filter(None, found))

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Yield the files to read, and what to call them."""
        environ = self._environ
        if named := environ.get("REGISTRY_AUTH_FILE"):
            yield "the file of REGISTRY_AUTH_FILE", Path(named)
        home = Path(environ["HOME"]) if environ.get("HOME") else None
        if folder := environ.get("DOCKER_CONFIG") or (
            home and home / ".docker"
        ):
            yield "docker's config.json", Path(folder) / "config.json"
        for folder in (
            environ.get("XDG_RUNTIME_DIR"),
            environ.get("XDG_CONFIG_HOME") or (home and home / ".config"),
        ):
            if folder:
                yield (
                    "podman's auth.json",
                    Path(folder) / "containers" / "auth.json",
                )

    def _from_github(self, host: str) -> Credential | None:
        """Return GitHub's token, for GitHub's own registry alone."""
        server = find_server_url(self._environ)
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

    def _from_file(
        self, source: str, path: Path, host: str, repository: str
    ) -> Credential | None:
        """Return what one of the files has for a registry."""
        config = self._read(source, path, host)
        keys = _HUB_KEYS if host == "docker.io" else (host, f"https://{host}")
        parts = repository.split("/") if repository else []
        # The longest name is the most specific.
        inner = [
            "/".join([host, *parts[:n]]) for n in range(len(parts), 0, -1)
        ]
        helpers = as_object(config.get("credHelpers"))
        named = [(k, helpers[k]) for k in (*inner, *keys) if helpers.get(k)]
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
        entries = [auths.get(key) for key in (*inner, *keys)]
        entries += [v for k, v in auths.items() if _host_of(k) in keys]
        for entry in entries:
            if found := _from_entry(as_object(entry), source):
                return found
        return None

    def _read(self, source: str, path: Path, host: str) -> dict[str, Any]:
        """Return what a file says; an unreadable one is a problem."""
        config = None
        try:
            config = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (OSError, ValueError, RecursionError):
            pass
        if not isinstance(config, dict):
            self.problems[host] = f"{source} cannot be read"
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
        # What is found from here may be in a checkout of anybody's.
        if path is None or not Path(path).is_absolute():
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
    """Return the host that a key of docker's configuration means.

    It may be the address of the registry's interface; but any other path is
    a part of the registry, and its credentials are for that part alone.
    """
    match = re.fullmatch(r"(?:https?://)?([^/]+)(?:/(?:v[12]/?)?)?", key)
    return match[1] if match else ""


def _from_entry(entry: Mapping[str, Any], source: str) -> Credential | None:
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
        source=source,
        username=username,
        password=password,
        identity_token=identity,
        registry_token=token,
    )
