"""What a repository is called: by its clone, by settings, and by GitHub."""

from __future__ import annotations

import re
from shlex import quote
from typing import Protocol
from urllib.parse import urlsplit

from ..config import Config
from ..exceptions import UsageError
from ..models.github import Identity

__all__ = ["compare_names", "find_repository"]

_IN_URL = re.compile(
    r"(?:^|[/:])(?P<owner>[A-Za-z0-9][A-Za-z0-9-]*)/"
    r"(?P<name>[A-Za-z0-9._-]+?)(?:\.git)?/?$"
)


class Clone(Protocol):
    """A clone, and the remote that its releases are pushed to."""

    remote: str
    """The name of the remote."""

    url: str
    """Its URL, without credentials."""


def find_repository(clone: Clone, config: Config, server_url: str) -> str:
    """Find owner and name of the repository on GitHub.

    That is what a person set, else what the remote's URL says where it is one
    of GitHub's, else ``GITHUB_REPOSITORY``.

    Parameters
    ----------
    clone
        The clone.
    config
        The settings.
    server_url
        The address of GitHub's pages.

    Raises
    ------
    UsageError
        Raised if none says.
    """
    url = clone.url
    if config.repository and config.is_set("repository"):
        return config.repository
    host = re.escape(urlsplit(server_url).netloc)
    told = _read(url)
    if told and re.search(rf"(?:^|@|//|\.){host}[:/]", url):
        return told
    if config.repository:
        return config.repository
    if told and not url.startswith((".", "/", "file:")):
        return told
    raise UsageError(
        f"it is not known which GitHub repository {url} is",
        help="name it with --repo OWNER/NAME, or set GITHUB_REPOSITORY",
    )


def compare_names(
    config: Config, clone: Clone | None, old: str, new: str, number: int
) -> Identity:
    """Tell which repository it is, and who still has an old name of it.

    Parameters
    ----------
    config
        The settings.
    clone
        The clone, if there is one.
    old
        Owner and name that it was asked for by.
    new
        Those that GitHub knows it by.
    number
        GitHub's number of it.
    """
    if new.lower() == old.lower():
        return Identity(name=new, id=number)
    source, command = config.where("repository"), None
    if clone is not None and _read(clone.url).lower() == old.lower():
        url = _IN_URL.sub(
            lambda m: m[0].replace(f"{m['owner']}/{m['name']}", new), clone.url
        )
        source = clone.remote
        command = f"git remote set-url {quote(source)} {quote(url)}"
    return Identity(
        name=new, id=number, former=(old,), source=source, command=command
    )


def _read(url: str) -> str:
    """Return the owner and the name in a URL; nothing where there is none."""
    match = _IN_URL.search(url)
    return f"{match['owner']}/{match['name']}" if match else ""
