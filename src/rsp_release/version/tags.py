"""Tags and the versions that they name. Pure.

A tag is a stream's prefix and a version. The prefix ends in ``v`` or not, and
is empty in most repositories; in a monorepo it names the part that is
released (``name@1.2.3``, ``name/v1.2.3``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

__all__ = ["Tag", "Version", "parse_tags", "parse_version", "stream_of"]


class Version(NamedTuple):
    """A semantic version.

    Precedence is that of SemVer 2.0.0, section 11, by `key`. A pre-release
    in the spelling of PEP 440 (``1.3.0rc1``) has the same identifiers as
    ``1.3.0-rc.1``.
    """

    major: int
    minor: int
    patch: int
    pre: tuple[str | int, ...] = ()
    """Identifiers of a pre-release."""

    def __str__(self) -> str:  # type: ignore[explicit-override]
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(map(str, self.pre))}" if self.pre else core

    @property
    def core(self) -> Version:
        """The version without its pre-release."""
        return Version(self.major, self.minor, self.patch)

    @property
    def key(self) -> tuple[object, ...]:
        """What to sort by."""
        if not self.pre:
            return (self.major, self.minor, self.patch, True)
        pre = tuple(
            (0, i, "") if isinstance(i, int) else (1, 0, i) for i in self.pre
        )
        return (self.major, self.minor, self.patch, False, pre)

    def raised(self, bump: str) -> Version:
        """Return the next stable version by SemVer 2.0.0, rules 6 to 8."""
        if bump == "major":
            return Version(self.major + 1, 0, 0)
        if bump == "minor":
            return Version(self.major, self.minor + 1, 0)
        return Version(self.major, self.minor, self.patch + 1)

    def pep440(self) -> str:
        """Return the spelling of PEP 440, such as ``1.3.0rc1``."""
        if not self.pre:
            return str(self)
        name, *rest = (str(i) for i in self.pre)
        short = {"alpha": "a", "beta": "b", "c": "rc", "preview": "rc"}
        return f"{self.core}{short.get(name, name)}{''.join(rest) or '0'}"


class Tag(NamedTuple):
    """A tag that names a version."""

    name: str
    prefix: str
    """What stands before the version."""

    version: Version
    parts: int
    """How many numbers it has: 2 as in ``1.4``, or 3."""

    pep440: bool = False
    """Whether it is a pre-release in the spelling of PEP 440."""

    build: str = ""
    """Build metadata, which has no part in precedence (SemVer, rule 10)."""

    is_calendar: bool = False
    """Whether it is a date: a year, or numbers with zeros before them."""

    @property
    def stream(self) -> str:
        """The prefix without its ``v``."""
        return stream_of(self.prefix)


# The prefix does not end in a digit or a dot, and is as short as may be.
_TAG = re.compile(
    r"^((?:[^\n]*?[^\d.\n])??)"
    r"(\d+)\.(\d+)(?:\.(\d+))?"
    r"(?:-([0-9A-Za-z.-]+)"
    r"|[._-]?(a|b|c|rc|alpha|beta|pre|preview|\.?dev)[._-]?(\d*))?"
    r"(?:\+([0-9A-Za-z.-]+))?$",
    re.MULTILINE,
)

_PRE = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


def stream_of(prefix: str) -> str:
    """Return the stream of tags that a prefix stands for.

    Parameters
    ----------
    prefix
        What stands before the version in a tag.

    Returns
    -------
    str
        The prefix without a ``v`` that marks a version, such as ``name/``
        for ``name/v``.
    """
    if prefix.endswith(("v", "V")) and not prefix[-2:-1].isalnum():
        return prefix[:-1]
    return prefix


def parse_tags(names: str | Iterable[str]) -> Iterator[Tag]:
    """Find the tags that name versions.

    Parameters
    ----------
    names
        Names of tags, as a list or one a line.

    Yields
    ------
    Tag
        Each that names a version; the others are passed over.
    """
    text = names if isinstance(names, str) else "\n".join(names)
    for match in _TAG.finditer(text):
        prefix, major, minor, patch, pre, word, number, build = match.groups()
        identifiers: tuple[str | int, ...] = ()
        if pre:
            identifiers = tuple(
                int(i) if i.isdigit() else i for i in pre.split(".")
            )
        elif word:
            word = word.lstrip(".")
            identifiers = (_PRE.get(word, word), int(number or 0))
        yield Tag(
            match[0],
            prefix,
            Version(int(major), int(minor), int(patch or 0), identifiers),
            2 if patch is None else 3,
            word is not None,
            build or "",
            len(major) > 3 or ("0" in match[0] and _is_padded(match)),
        )


def _is_padded(match: re.Match[str]) -> bool:
    """Return whether a number has a zero before it (SemVer, rule 2)."""
    return any(n and n[0] == "0" and len(n) > 1 for n in match.group(2, 3, 4))


_VERSION = (
    r"(?a)(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
    r"(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
)


def parse_version(text: str) -> Version | None:
    """Parse a semantic version without build metadata.

    Parameters
    ----------
    text
        What may be a version.

    Returns
    -------
    Version or None
        The version, or `None` where it is not valid by SemVer 2.0.0. A
        version in PEP 440's spelling of a pre-release is accepted.
    """
    match = re.fullmatch(_VERSION, text)
    if match is None:
        tags = list(parse_tags([text]))
        if len(tags) == 1 and tags[0].pep440 and tags[0].parts == 3:
            tag = tags[0]
            if not (tag.prefix or tag.build or tag.is_calendar):
                return tag.version
        return None
    major, minor, patch, pre = match.groups()
    identifiers = tuple(
        int(i) if i.isdigit() else i for i in (pre or "").split(".") if i
    )
    return Version(int(major), int(minor), int(patch), identifiers)
