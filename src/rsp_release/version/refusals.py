"""Fifth, the refusals: what keeps a version from being released. Pure."""

from __future__ import annotations

from ..exceptions import BlockedError
from .demand import Demand
from .fragments import LEVELS
from .line import Line
from .request import Request
from .tags import tell_streams
from .target import Target
from .values import Version

__all__ = ["refuse"]


def refuse(target: Target, request: Request) -> None:
    """Refuse what contradicts the history, or the changes.

    Parameters
    ----------
    target
        The version to release.
    request
        What the user asked for.

    Raises
    ------
    BlockedError
        Raised if it is not to be released.
    """
    demand, version = target.demand, target.version
    line = demand.changes.line
    if request.version is None:
        _check_tags(line)
    if version is None:
        return
    if demand.version is not None:
        _check_free(line, version)
        _check_version(line, version)
    is_named = request.part != "auto" and (
        request.version is None or line.previous is not None
    )
    if is_named and not request.force:
        _check_enough(demand)
    if request.version is None:
        _check_branch(demand, line, is_forced=request.force)
        _check_free(line, version)


def _check_tags(line: Line) -> None:
    """Refuse to count on from tags that are no semantic versions."""
    previous = line.history.previous
    if line.is_dead or (line.dates and not line.tags):
        streams, own = line.history.streams, line.stream
        others = tell_streams(s for s in streams if s != own)
        last = streams[0].last if streams else line.dates[-1]
        told = tell_streams([own]) if own is not None else ""
        how = "choose another stream of tags with the setting tag-prefix"
        if last.is_calendar:
            why = (
                f"the tags are dates, such as {others or last.name}; the"
                " changes cannot tell the next one"
            )
            why += f", and {told} is older" if told else ""
        else:
            why = f"{told} is older than other streams of tags: {others}"
            prefix = own.last.prefix if own is not None else ""
            how = (
                "set tag-prefix to what is released here, such as"
                f' "{last.prefix}" or "{prefix}"'
            )
        raise BlockedError(
            why,
            help=f"{how}, or name the version: rsp-release bump X.Y.Z",
        )
    stable = [tag for tag in line.tags if not tag.pre]
    if previous is None and stable:
        raise BlockedError(
            f"this commit contains none of the {len(stable)} tagged versions,"
            f" such as {stable[0].name}",
            help="check that this is the right branch, or name the version:"
            " rsp-release bump X.Y.Z",
        )


def _check_version(line: Line, version: Version) -> None:
    """Refuse a version that was named and does not belong here."""
    if line.branch is not None and not line.branch.allows(version):
        raise BlockedError(
            f"{version} does not belong on the release branch {line.branch}",
            help=f"choose a {line.branch} version",
        )
    if line.previous is not None and version < line.previous:
        raise BlockedError(
            f"{version} is lower than {line.previous}, which this commit"
            " contains",
            help="choose a higher version, or release from its own branch",
        )


def _check_enough(demand: Demand) -> None:
    """Refuse to release less than the changes clearly call for."""
    evidence, part, least = demand.changes.evidence, demand.part, demand.least
    if not evidence.is_plain or LEVELS[part] >= LEVELS[least]:
        return
    because = evidence.reasons[0] if evidence.reasons else None
    said = ""
    if because is not None:
        length = 10 if because.source == "commit" else 60
        said = f": {because.text} ({because.ref[:length]})"
    error = BlockedError(
        f"the changes call for a {least} release, not a {part} one{said}",
        help=f"release a {least} version, or override with --force",
    )
    if because is not None and evidence.basis == "fragments":
        error.file = because.ref
        error.excerpt = because.text.partition(": ")[2] or because.text
    raise error


def _check_branch(demand: Demand, line: Line, *, is_forced: bool) -> None:
    """Refuse what a release branch does not take."""
    branch, previous = line.branch, line.previous
    if branch is None or previous is None:
        return
    if not branch.allows(previous) and previous > branch.first:
        raise BlockedError(
            f"the release branch {branch} contains {previous}, which is"
            " above it",
            help="was another branch merged into it?",
        )
    if LEVELS[demand.part] > LEVELS[line.most] and not is_forced:
        raise BlockedError(
            f"the release branch {branch} takes no {demand.part} release",
            help="release from another branch, or force a"
            f" {line.most} release: rsp-release bump {line.most} --force",
        )


def _check_free(line: Line, version: Version) -> None:
    """Refuse a version that is tagged, or that is not above its line."""
    same = version.major, version.minor
    for tag in line.history.tags:
        if tag.numbers[:2] != same:
            continue
        if tag.version == version:
            raise BlockedError(
                f"{version} is already tagged, as {tag.name}",
                help="choose another version",
            )
        if tag.version > version and not tag.is_calendar:
            raise BlockedError(
                f"{version} is lower than {tag.name} in the same line",
                help="choose a higher version",
            )
