"""Connections to servers: which authorities are trusted, and which proxy is
used.

One rule for GitHub, registries and whatever else is asked:

- Of ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` and the pair ``SSL_CERT_FILE``
  and ``SSL_CERT_DIR``, the first that is set names all authorities that are
  trusted, as those who invented them have it.
- Where none is set, those of the system are trusted, those that certifi
  lists (a slim container has no others), and git's ``http.sslCAInfo``.
- ``HTTPS_PROXY``, else ``ALL_PROXY``, names the proxy, unless ``NO_PROXY``
  has the host: a name covers the names below it, with or without a leading
  dot; an address may be a range such as ``10.0.0.0/8``; ``*`` is every host.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from .environment import ask, without_credentials

__all__ = [
    "Proxy",
    "add_git_authorities",
    "deadline",
    "find_authorities",
    "find_proxy",
    "is_loopback",
    "open_pools",
]

_GIT_AUTHORITIES = "GIT_SSL_CAINFO"
"""The variable by which git is told what ``http.sslCAInfo`` tells it."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that are spoken to in plain HTTP, as ``docker`` does."""

_PROXY = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^/?#\s]*)@)?"
    r"(?P<host>(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?)/?",
    re.IGNORECASE | re.ASCII,
)

deadline: ContextVar[float] = ContextVar("deadline")
"""When the exchange that is being opened must end (monotonic clock)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy, without what logs in to it."""

    address: str
    """Its host, and its port where one is given."""

    variable: str
    """The variable that names it."""

    scheme: str
    """How it is spoken to: ``http`` or ``https``."""

    user: str = field(default="", repr=False)
    """User and password, as they stand in the variable."""


def find_authorities(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the files and folders that name the trusted authorities.

    Parameters
    ----------
    environ
        The environment.

    Returns
    -------
    dict
        Each path by its variable; empty where the system's are trusted.
    """
    for names in (
        ("REQUESTS_CA_BUNDLE",),
        ("CURL_CA_BUNDLE",),
        ("SSL_CERT_FILE", "SSL_CERT_DIR"),
    ):
        found = {name: environ[name] for name in names if environ.get(name)}
        if found:
            return found
    return {}


def add_git_authorities(
    environ: Mapping[str, str], server_url: str, directory: Path
) -> Mapping[str, str]:
    """Return an environment with the authorities that git is told to trust.

    A variable of git's own wins over its settings, there as here.

    Parameters
    ----------
    environ
        The environment.
    server_url
        The address of GitHub's pages, for which git may have its own setting.
    directory
        A directory of the clone.
    """
    if find_authorities(environ) or _GIT_AUTHORITIES in environ:
        return environ
    told = ask(
        ("git", "config", "--type=path", "--get-urlmatch", "http.sslCAInfo",
         server_url),
        without_credentials(environ),
        directory,
    )  # fmt: skip
    return {**environ, **({_GIT_AUTHORITIES: told} if told else {})}


def _trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return which authorities are trusted.

    Raises
    ------
    ValueError
        Raised if a variable names no certificates, in words for a person.
    """
    named = find_authorities(environ)
    context: ssl.SSLContext
    if named:
        # Not the one of `ssl.create_default_context`, which adds others.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        import truststore

        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(certifi.where())
        if bundle := environ.get(_GIT_AUTHORITIES):
            named = {_GIT_AUTHORITIES: bundle}
    for name, value in named.items():
        parts = value.split(os.pathsep) if name == "SSL_CERT_DIR" else [value]
        try:
            for path in parts:
                if Path(path).is_dir():
                    context.load_verify_locations(capath=path)
                else:
                    context.load_verify_locations(cafile=path)
        except OSError:
            if name == _GIT_AUTHORITIES:
                name = "git's http.sslCAInfo"  # noqa: PLW2901
            raise ValueError(f"{name} names no certificates") from None
    return context


def find_proxy(environ: Mapping[str, str], url: str) -> Proxy | None:
    """Return the proxy for an address; loopback never has one.

    Parameters
    ----------
    environ
        The environment.
    url
        The address.

    Raises
    ------
    ValueError
        Raised if what names it cannot be used, in words for a person.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""

    def find(*names: str) -> tuple[str, str]:
        spelled = (n for name in names for n in (name, name.upper()))
        found = ((name, environ.get(name, "")) for name in spelled)
        return next((pair for pair in found if pair[1]), ("", ""))

    variable, value = find(f"{parts.scheme}_proxy", "all_proxy")
    if not value or is_loopback(host):
        return None
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = parts.port or default
    if _is_excepted(find("no_proxy")[1], host, port):
        return None
    match = _PROXY.fullmatch(value if "://" in value else f"http://{value}")
    if match is None:
        # It may hold a password, so it isn't repeated.
        raise ValueError(f"{variable} is not the address of a proxy")
    scheme = match["scheme"].lower()
    if scheme not in ("http", "https"):
        raise ValueError(f"{variable} names a {scheme} proxy")
    return Proxy(
        address=match["host"],
        variable=variable,
        scheme=scheme,
        user=match["user"] or "",
    )


def _is_excepted(excepted: str, host: str, port: int | None) -> bool:
    """Return whether ``NO_PROXY`` has a host."""
    for entry in re.split(r"[\s,]+", excepted.lower()):
        if entry == "*":
            return True
        with suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(
                entry.strip("[]"), strict=False
            ):
                return True
        match = re.fullmatch(r"(?:\*?\.)?(.+?)(?::([0-9]+))?", entry)
        if match is None or match[2] not in (None, str(port)):
            continue
        name = match[1].strip("[]")
        if host == name or host.endswith(f".{name}"):
            return True
    return False


def is_loopback(host: str | None) -> bool:
    """Return whether a host is spoken to in plain HTTP.

    Parameters
    ----------
    host
        Name or address, without brackets and port.
    """
    return host in LOOPBACK


_KEPT = 8
"""Connections to one server that are kept, for as many threads."""


def open_pools(
    environ: Mapping[str, str], scheme: str, proxy: Proxy | None
) -> urllib3.PoolManager:
    """Make what keeps the connections by one way.

    Parameters
    ----------
    environ
        The environment.
    scheme
        How servers are spoken to: ``http`` or ``https``.
    proxy
        The proxy, if one is used.

    Raises
    ------
    ValueError
        Raised if a variable names no certificates, in words for a person.
    """
    # To read all authorities takes longer than a request to loopback.
    context = _trust(environ) if scheme == "https" else None
    manager = urllib3.PoolManager(maxsize=_KEPT, ssl_context=context)
    if proxy is not None:
        manager = urllib3.ProxyManager(
            f"{proxy.scheme}://{proxy.address}",
            proxy_headers=urllib3.make_headers(
                proxy_basic_auth=unquote(proxy.user) or None
            ),
            maxsize=_KEPT,
            proxy_ssl_context=context,
            ssl_context=context,
        )
    manager.pool_classes_by_scheme = {
        "http": _PlainPool,
        "https": _SecurePool,
    }
    return manager


class _Paced(io.RawIOBase):
    """What a connection sends, up to the deadline of the exchange.

    The limit of a socket is one of silence: an answer that drips would hold
    its reader for as long as it pleases, in the headers already.
    """

    def __init__(self, sock: socket.socket, file: io.BufferedReader) -> None:
        self._sock = sock
        self._file = file
        self._silence = sock.gettimeout()
        self._deadline = deadline.get()

    # The decorator of that name is not in Python 3.11.
    def readable(self) -> bool:  # type: ignore[explicit-override]
        return True

    def readinto(  # type: ignore[explicit-override]
        self, buffer: Any
    ) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, self._silence or left))
        return self._file.raw.readinto(buffer)

    def close(self) -> None:  # type: ignore[explicit-override]
        self._file.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read up to the deadline of the exchange."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Paced(sock, self.fp))


class _PlainConnection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
