"""How things are named: registries, images, digests, addresses."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..connections import is_loopback
from ..http import plain_text

__all__ = [
    "Place",
    "digest_of",
    "is_digest",
    "parse_name",
]

_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
    r"(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
_PART = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_HUB = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository of a registry, and a tag or digest in it."""

    host: str
    """The registry, as credentials are kept for it: ``docker.io``."""

    repository: str
    """The repository's name there, such as ``library/python``."""

    reference: str
    """The tag or the digest."""

    @property
    def base(self) -> str:
        """The address that the paths of its interface begin with."""
        host = (
            "registry-1.docker.io" if self.host == "docker.io" else self.host
        )
        is_local = is_loopback(urlsplit(f"//{host}").hostname)
        return f"{'http' if is_local else 'https'}://{host}"


def parse_name(name: str, tag: str) -> Place:
    """Return where an image is, as ``docker`` understands its name.

    Parameters
    ----------
    name
        Registry and repository. Without a registry it is Docker Hub's; a
        tag or digest in it gives way to ``tag``.
    tag
        The tag, or a digest.

    Raises
    ------
    ValueError
        Raised if no image can have that name, with the reason.
    """
    shown = plain_text(name)
    rest = name.partition("@")[0]
    first, slash, path = rest.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    host, repository = (first, path) if is_host else ("docker.io", rest)
    last = repository.rpartition("/")[2]
    if ":" in last:
        repository = repository[: len(repository) - len(last)]
        repository += last.partition(":")[0]
    host = host.lower()
    if host in _HUB:
        host = "docker.io"
        if "/" not in repository:
            repository = f"library/{repository}"
    if not _HOST.fullmatch(host):
        raise ValueError(f"{shown!r} names no valid registry")
    if repository != repository.lower():
        raise ValueError(f"{shown!r} is no valid image name: not lowercase")
    parts = repository.split("/")
    if len(repository) > 255 or not all(map(_PART.fullmatch, parts)):
        raise ValueError(f"{shown!r} is no valid image name")
    if not _TAG.fullmatch(tag) and not is_digest(tag):
        raise ValueError(f"{plain_text(tag)!r} is no valid tag of an image")
    return Place(host=host, repository=repository, reference=tag)


def is_digest(value: object) -> bool:
    """Return whether something is a digest that can be checked here."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def digest_of(body: bytes, like: str | None = None) -> str:
    """Return the digest of exact bytes.

    Parameters
    ----------
    body
        The bytes.
    like
        A digest whose algorithm to use; SHA-256 without it.
    """
    if like is not None and like.startswith("sha512:"):
        return f"sha512:{hashlib.sha512(body).hexdigest()}"
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
