"""Chooses the next version from what a repository's history says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from .commits import CommitEvidence
from .config import Config
from .exceptions import BlockedError, UsageError
from .models import Bump, NextVersion, Reason
from .tags import Tag, Version, parse_version

__all__ = ["History", "Request", "propose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What was read of a repository, before anything is decided."""

    head: str
    """The hash of the commit that would be tagged."""

    branch: str | None = None
    """The branch that is checked out; `None` where detached."""

    tags: tuple[Tag, ...] = ()
    """Every tag of the stream that names a version, wherever it is."""

    previous: Tag | None = None
    """The nearest stable version that the head contains."""

    commits: CommitEvidence = field(default_factory=CommitEvidence)
    """What the commits since then say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for."""

    part: str = "auto"
    """``auto``, ``major``, ``minor``, ``patch``, or a version."""

    pre: str | None = None
    """The identifier of a pre-release, such as ``rc``."""

    force: bool = False
    """Whether to release less than the changes demand."""


_ORDER = {"none": 0, "prerelease": 0, "patch": 1, "minor": 2, "major": 3}


def propose(
    history: History, *, policy: Config, request: Request
) -> NextVersion:
    """Choose the next version.

    Parameters
    ----------
    history
        What was read.
    policy
        The settings.
    request
        What the user asked for.

    Returns
    -------
    NextVersion
        The version, and what decided.

    Raises
    ------
    BlockedError
        Raised if the request contradicts the history.
    UsageError
        Raised if the request is not a part or a version.
    """
    previous = history.previous
    commits = history.commits
    current = previous.version if previous else None
    demanded: Bump = "none"
    reasons: list[Reason] = []
    if commits.total:
        demanded = "patch"
        for kind, bump in (
            ("cc-major", "major"),
            ("cc-minor", "minor"),
            ("cc-patch", "patch"),
        ):
            if commits.count(kind):
                demanded = bump  # type: ignore[assignment]
                reasons = [
                    Reason(bump=demanded, source="commit", ref=h, text=t)
                    for h, t in commits.examples.get(kind, ())
                ]
                break
    bump = demanded
    target: Version | None = None
    if request.part in {"major", "minor", "patch"}:
        if _ORDER[request.part] < _ORDER[demanded] and not request.force:
            raise BlockedError(
                f"the changes demand a {demanded} release,"
                f" not a {request.part} one",
                help=f"release a {demanded}, or insist with --force",
            )
        bump = request.part  # type: ignore[assignment]
    elif request.part != "auto":
        target = parse_version(request.part)
        if target is None:
            raise UsageError(f"{request.part!r} is not a version")
        if target in {t.version for t in history.tags}:
            raise BlockedError(f"{target} is tagged already")
    if target is None and current is None:
        target = parse_version(policy.initial_version)
    if target is None and current is not None and bump != "none":
        if bump == "major" and current.major == 0 and request.part == "auto":
            if not policy.major_on_zero:
                bump = "minor"
        taken = {t.version for t in history.tags}
        target = current.raised(bump)
        while target in taken:
            target = target.raised(bump)
    prefix = policy.tag_prefix
    if prefix is None:
        prefix = previous.prefix if previous else ""
    version = str(target) if target else None
    return NextVersion(
        current=str(current) if current else None,
        current_tag=previous.name if previous else None,
        next=version,
        tag=prefix + version if version else None,
        bump=bump,
        commits=commits.total,
        confidence="likely" if reasons else "guess",
        reasons=tuple(reasons),
    )
