"""The answer to "what would the next version be", as frozen values.

`rsp_release.models` has these too. They are apart because ``next`` needs
nothing else of it, and answers sooner than all of it is loaded.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from .tags import parse_tags

__all__ = ["Bump", "Confidence", "NextVersion", "Reason"]

Bump: TypeAlias = Literal["major", "minor", "patch", "prerelease", "none"]
"""Which part of a version is raised."""

Confidence: TypeAlias = Literal["certain", "likely", "guess"]
"""How sure the computation of a version is."""


class Reason(NamedTuple):
    """One thing that decided a version, or that would have."""

    bump: Bump
    """What it asks for."""

    source: str
    """Where it comes from: commit, fragment, policy or request."""

    ref: str
    """The commit's hash, the fragment's path, or the policy's name."""

    text: str
    """What it says, in one line. Untrusted text."""


class NextVersion(NamedTuple):
    """The answer to "what would the next version be"."""

    current: str | None
    """The previous version, without the tag's prefix."""

    current_tag: str | None
    """The tag of the previous version."""

    next: str | None
    """The next version, or `None` where there is nothing to release."""

    tag: str | None
    """The tag of the next version."""

    bump: Bump
    """The part that is raised."""

    commits: int
    """How many commits were looked at."""

    confidence: Confidence = "certain"
    """How sure the answer is."""

    reasons: tuple[Reason, ...] = ()
    """What decided, the most weighty first."""

    ignored: tuple[Reason, ...] = ()
    """What was not counted, and why."""

    warnings: tuple[str, ...] = ()
    """What a person should know. Untrusted text."""

    @property
    def is_after_two_numbers(self) -> bool:
        """Whether the previous version's tag has two numbers, not three."""
        tags = parse_tags([self.current_tag or ""])
        return any(tag.parts == 2 for tag in tags)
