"""Whom the Argo CD of an environment is asked as, and who says so.

The address of an Argo CD can come from a file of a repository: its settings,
or the values of an environment. So a token goes nowhere but to

- what the user's own configuration of the ``argocd`` command, or
  ``ARGOCD_SERVER``, names; or
- the environment whose name is in the name of the variable, and, where
  ``ARGOCD_SERVER_<ENVIRONMENT>`` is set, nowhere but there.

A variable goes before the configuration, as it does for the command, and the
one for an environment before the one for all: it is the more specific.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...exceptions import NotAllowedError
from ...settings_file import LARGE
from ..connections import is_loopback
from ..http import plain_text
from ..retry import LastingReadError
from .answers import as_list

__all__ = ["Address", "Credentials", "Token"]

_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_ADDRESS = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/*"
)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an Argo CD is."""

    scheme: str
    host: str
    """Its host; an IPv6 address is in brackets."""

    port: int
    path: str
    """What stands before ``/api``: empty, or begins with a slash."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address, such as ``https://data.example.org/argo-cd``.

        Parameters
        ----------
        text
            The address. Untrusted.

        Raises
        ------
        LastingReadError
            Raised if it is none, or none to which a token may be sent.
        """
        match = _ADDRESS.fullmatch(text)
        port = match and int(match["port"] or _PORTS[match["scheme"]])
        if not match or not port or port > 65535 or ".." in text:
            raise LastingReadError(
                f"{plain_text(text)!r} is not the address of an Argo CD",
                help="it looks like https://data.example.org/argo-cd",
            )
        host = match["host"].lower()
        if match["scheme"] == "http" and not is_loopback(host.strip("[]")):
            raise LastingReadError(
                f"refusing to ask {host} without encryption",
                help="the address of an Argo CD begins with https://",
            )
        return cls(
            scheme=match["scheme"], host=host, port=port, path=match["path"]
        )

    @property
    def server(self) -> str:
        """Host, and port where it is not the usual one, as people write it."""
        is_usual = self.port == _PORTS[self.scheme]
        return self.host if is_usual else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address, in one spelling."""
        return f"{self.scheme}://{self.server}{self.path}"

    @property
    def login(self) -> str:
        """The command that logs in there."""
        words = ["argocd", "login", self.server]
        if self.path:
            words += ["--grpc-web-root-path", self.path]
        if self.scheme == "http":
            words.append("--plaintext")
        return shlex.join([*words, "--sso"])

    def is_at(self, server: str, *, is_plain: bool | None = None) -> bool:
        """Return whether it is at a server.

        Parameters
        ----------
        server
            As the ``argocd`` command takes it: a host, and perhaps a port;
            here an address as well, whose path must then be the same.
        is_plain
            Whether that is spoken to without encryption, where it is known.
        """
        scheme, _, rest = server.rpartition("://")
        host, slash, path = rest.partition("/")
        if is_plain is not None:
            scheme = "http" if is_plain else "https"
        try:
            parts = urlsplit(f"{scheme or self.scheme}://{host}")
            name, port = parts.hostname, parts.port
        except ValueError:
            return False
        return (
            name == self.host.strip("[]")
            and parts.scheme == self.scheme
            and (port or _PORTS[self.scheme]) == self.port
            and (not slash or f"/{path}".rstrip("/") == self.path)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, and where it comes from. It does not show in its text."""

    value: str = field(repr=False)
    source: str
    """For a person."""

    is_stored: bool = False
    """Whether ``argocd login`` keeps it, and so renews it."""

    @property
    def expires_at(self) -> datetime | None:
        """When it is over (aware); `None` if it does not say (RFC 7519)."""
        parts = self.value.split(".")
        try:
            padded = f"{parts[1]}==="
            claims = json.loads(base64.urlsafe_b64decode(padded))
            return datetime.fromtimestamp(claims["exp"], tz=UTC)
        except (
            ArithmeticError, IndexError, KeyError, OSError, RecursionError,
            TypeError, ValueError,
        ):  # fmt: skip
            return None


class Credentials:
    """What this user is logged in with, as ``argocd`` keeps it.

    Parameters
    ----------
    environ
        The environment: ``ARGOCD_AUTH_TOKEN``, ``ARGOCD_SERVER`` and both
        with ``_<ENVIRONMENT>``; ``ARGOCD_CONFIG_DIR``, ``XDG_CONFIG_HOME``,
        ``HOME``.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._config: dict[str, Any] | NotAllowedError | None = None

    def of(self, environment: str, address: Address) -> Token | None:
        """Return the token for an environment, if there is one.

        Parameters
        ----------
        environment
            The name of the environment.
        address
            Where its Argo CD is.

        Raises
        ------
        NotAllowedError
            Raised if a token must not go there, or if what the command keeps
            cannot be used.
        """
        suffix = re.sub(r"[^A-Z0-9]", "_", environment.upper())
        name = f"ARGOCD_AUTH_TOKEN_{suffix}"
        if token := self._environ.get(name, "").strip():
            where = f"ARGOCD_SERVER_{suffix}"
            server = self._environ.get(where, "").strip()
            if server and not address.is_at(server):
                raise NotAllowedError(
                    f"{name} is for {server}, and the Argo CD of"
                    f" {plain_text(environment)} is said to be at"
                    f" {address.url}",
                    help=f"correct the address, or {where}",
                )
            return Token(value=_checked(token, name), source=name)
        name = "ARGOCD_AUTH_TOKEN"
        if token := self._environ.get(name, "").strip():
            if self._names(address):
                return Token(value=_checked(token, name), source=name)
        for context in self._contexts():
            server, user = context["server"], context["user"]
            value = user.get("auth-token")
            if _is_same(server, address) and isinstance(value, str) and value:
                source = "argocd's configuration"
                value = _checked(value, source)
                return Token(value=value, source=source, is_stored=True)
        return None

    def secrets(self) -> tuple[str, ...]:
        """Return the tokens of the environment and of the command's file."""
        found: list[Any] = [
            value.strip()
            for name, value in self._environ.items()
            if name.startswith("ARGOCD_AUTH_TOKEN")
        ]
        with suppress(NotAllowedError):
            for user in as_list(self._read().get("users")):
                found += user.get("auth-token"), user.get("refresh-token")
        return tuple(v for v in found if isinstance(v, str) and v)

    def _names(self, address: Address) -> bool:
        """Return whether ``ARGOCD_AUTH_TOKEN`` is for an address.

        The command sends it to the server of ``ARGOCD_SERVER``, and else to
        that of its current context.
        """
        if server := self._environ.get("ARGOCD_SERVER", "").strip():
            return address.is_at(server)
        current = self._read().get("current-context")
        return any(
            context["name"] == current and _is_same(context["server"], address)
            for context in self._contexts()
        )

    def _contexts(self) -> Iterator[dict[str, Any]]:
        """Yield the contexts, the current one first, with what they name."""
        config = self._read()
        servers, users = as_list(config.get("servers")), config.get("users")
        current = config.get("current-context")
        contexts = as_list(config.get("contexts"))
        for context in sorted(
            contexts, key=lambda c: c.get("name") != current
        ):
            yield {
                "name": context.get("name"),
                "server": _find(servers, "server", context.get("server")),
                "user": _find(as_list(users), "name", context.get("user")),
            }

    @property
    def _file(self) -> Path | None:
        """Where the command keeps it, whether it is there or not."""
        environ = self._environ
        if folder := environ.get("ARGOCD_CONFIG_DIR"):
            return Path(folder) / "config"
        home = Path(environ["HOME"]) if environ.get("HOME") else None
        with suppress(OSError):
            if home and (home / ".argocd").exists():
                return home / ".argocd" / "config"
        if folder := environ.get("XDG_CONFIG_HOME"):
            return Path(folder) / "argocd" / "config"
        return home and home / ".config" / "argocd" / "config"

    def _read(self) -> dict[str, Any]:
        """Return what the command keeps; it is read once."""
        if self._config is None:
            try:
                self._config = _read_config(self._file)
            except NotAllowedError as e:
                self._config = e
        if isinstance(self._config, NotAllowedError):
            raise self._config
        return self._config


def _checked(token: str, source: str) -> str:
    """Return a token, if it is one: it becomes part of a header."""
    if not re.fullmatch(r"[!-~]+", token):
        raise NotAllowedError(
            f"{source} holds no token: there is white space, or a character"
            " that is not ASCII, in it",
            help=f"set {source} to the token alone"
            if source.isupper()
            else "log in anew with argocd login",
        )
    return token


def _read_config(path: Path | None) -> dict[str, Any]:
    """Read the command's file, of which nothing may be repeated."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        if path is None or not path.exists():
            return {}
        mode = path.stat().st_mode
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise NotAllowedError(
                f"others can access argocd's configuration {path}",
                help=f"chmod 600 {shlex.quote(str(path))}",
            )
        with path.open("rb") as file:
            data = file.read(LARGE + 1)
        if len(data) > LARGE:
            raise ValueError("it is too large")
        found = YAML(typ="safe", pure=True).load(data)
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise ValueError("it is no mapping")  # noqa: TRY004
    except (OSError, ValueError, YAMLError, RecursionError) as e:
        mark = e.problem_mark if isinstance(e, MarkedYAMLError) else None
        why = f": line {mark.line + 1} is not YAML" if mark else ""
        raise NotAllowedError(
            f"cannot read argocd's configuration {path}{why}",
            help="correct it, or log in anew with argocd login",
        ) from None
    return found


def _find(items: list[dict[str, Any]], key: str, value: Any) -> dict[str, Any]:
    """Return the first mapping that is called so, else an empty one."""
    return next((i for i in items if i.get(key) == value), {})


def _is_same(server: Mapping[str, Any], address: Address) -> bool:
    """Return whether a server of the configuration is at an address."""
    name, path = server.get("server"), server.get("grpc-web-root-path") or ""
    return (
        isinstance(name, str)
        and isinstance(path, str)
        and address.is_at(name, is_plain=server.get("plain-text") is True)
        and address.path.strip("/") == path.strip("/")
    )
