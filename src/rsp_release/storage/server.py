"""Where GitHub is: the address of its API, and that of its pages.

Where one of the two is not set it follows from the other, so that nothing of
a server of one's own is asked of github.com.
https://docs.github.com/en/enterprise-server/rest/using-the-rest-api/getting-started-with-the-rest-api
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .environment import ask

__all__ = ["find_api_url", "find_server_url", "find_token"]

_API_URL = "https://api.github.com"
_SERVER_URL = "https://github.com"
_SERVER_API = "/api/v3"
"""Where the API of GitHub Enterprise Server is, below its pages."""


def find_api_url(environ: Mapping[str, str]) -> str:
    """Return the address of GitHub's API.

    Parameters
    ----------
    environ
        The environment: ``GITHUB_API_URL``, or else ``GITHUB_SERVER_URL``.
    """
    if url := environ.get("GITHUB_API_URL"):
        return url
    server = find_server_url(environ)
    if server == _SERVER_URL:
        return _API_URL
    host = urlsplit(server).hostname or ""
    if host.endswith(".ghe.com"):
        return server.replace("://", "://api.", 1)
    return f"{server}{_SERVER_API}"


def find_server_url(environ: Mapping[str, str]) -> str:
    """Return the address of GitHub's pages, and of its repositories for git.

    Parameters
    ----------
    environ
        The environment: ``GITHUB_SERVER_URL``, or else ``GITHUB_API_URL``.
    """
    if url := environ.get("GITHUB_SERVER_URL"):
        return url.rstrip("/")
    api = (environ.get("GITHUB_API_URL") or _API_URL).rstrip("/")
    if api.endswith(_SERVER_API):
        return api.removesuffix(_SERVER_API)
    return api.replace("://api.", "://", 1)


def find_token(environ: Mapping[str, str], server_url: str) -> str | None:
    """Return a token, in the order of ``gh``, and then by asking ``gh``.

    Parameters
    ----------
    environ
        The environment.
    server_url
        The address of GitHub's pages.
    """
    for name in ("GH_TOKEN", "GITHUB_TOKEN"):
        if environ.get(name):
            return environ[name]
    host = urlsplit(server_url).hostname or "github.com"
    return ask(("gh", "auth", "token", "--hostname", host), environ)
