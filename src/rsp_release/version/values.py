"""Semantic versions: semver's objects, and PEP 440's spelling of them. Pure.

Versions are compared, raised and printed by `semver.Version`, by SemVer 2.0.0.
A pre-release in the spelling of PEP 440 (``1.3.0rc1``) is read as
``1.3.0-rc.1``.
"""

from __future__ import annotations

import re
from functools import lru_cache

from semver import Version

from ..config import Level

__all__ = [
    "PEP440_PRE",
    "Version",
    "parse_version",
    "part_between",
    "read_pep440",
    "short_word",
    "spell_pep440",
]

PEP440_PRE = r"[._-]?(a|b|c|rc|alpha|beta|pre|preview|\.?dev)[._-]?(\d*)"
"""How PEP 440 writes a pre-release after the numbers: a word and a number."""

_WORDS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}


@lru_cache
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
    version = _parse(text)
    if version is None:
        match = re.fullmatch(rf"(?a)([\d.]*\d){PEP440_PRE}", text)
        if match is not None:
            version = _parse(f"{match[1]}-{read_pep440(match[2], match[3])}")
    return version


def _parse(text: str) -> Version | None:
    try:
        version = Version.parse(text)
    except ValueError:
        return None
    # The oldest semver takes digits of other scripts, and the end of a line.
    return version if str(version) == text and not version.build else None


def read_pep440(word: str, number: str) -> str:
    """Return the identifiers that a pre-release in PEP 440's spelling has.

    Parameters
    ----------
    word, number
        What `PEP440_PRE` finds.
    """
    return f"{short_word(word.lstrip('.'))}.{int(number or 0)}"


def part_between(before: Version, after: Version) -> Level:
    """Return which part is raised from one version to a later one."""
    if after.major != before.major:
        return "major"
    return "minor" if after.minor != before.minor else "patch"


def short_word(word: str) -> str:
    """Return the word of a pre-release as PEP 440 normalizes it."""
    return _WORDS.get(word, word)


def spell_pep440(version: Version) -> str:
    """Return the spelling of PEP 440, such as ``1.3.0rc1``."""
    if not version.prerelease:
        return str(version)
    word, *rest = version.prerelease.split(".")
    number = "".join(rest) or "0"
    return f"{version.finalize_version()}{short_word(word)}{number}"
