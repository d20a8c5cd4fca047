"""The tag is on the remote, at the pinned commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote

from ..checks.rivals import find_rival
from ..engine.world import World
from ..models import Blocked, Change, Done, PushTag, Release, Verdict

__all__ = ["Tag", "TagSeen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSeen:
    """What the step looks at."""

    remote_name: str
    """The name of the remote."""

    remote: str | None
    """The commit of the tag on the remote."""

    local: str | None
    """The commit of the tag in the clone."""

    is_on_branch: bool
    """Whether the remote branch contains the pinned commit."""

    claim: str = ""
    """What the claim is, as that look shows it."""

    rival: Blocked | None = None
    """Another version of the same commits, which was first."""


class Tag:
    """The tag is on the remote, at the pinned commit.

    It is never moved and never deleted there: people and machines may have
    acted on it already.
    """

    key = "tag"
    title = "Tag"

    def observe(self, release: Release, world: World) -> TagSeen:
        git = world.git
        remote = git.remote_tag(release.tag)
        seen = TagSeen(
            remote_name=git.remote,
            remote=remote,
            local=git.local_tag(release.tag),
            is_on_branch=remote is not None,
        )
        if remote is not None:
            return seen
        refs = git.remote_refs(release.branch)
        return replace(
            seen,
            is_on_branch=refs.head is not None
            and git.is_ancestor(release.commit, refs.head),
            claim=refs.claim,
            rival=None
            if release.is_foreseen
            else find_rival(release, refs, world),
        )

    def decide(self, release: Release, seen: TagSeen) -> Verdict:
        tag, commit = release.tag, release.commit[:10]
        if seen.remote is not None:
            if seen.remote == release.commit:
                return Done(
                    evidence=f"{tag} is at {commit} on {seen.remote_name}"
                )
            return Blocked(
                problem=(
                    f"tag {tag} is on {seen.remote_name} at"
                    f" {seen.remote[:10]}, not at {commit}"
                ),
                help=(
                    "a published tag is never moved: release another version"
                ),
            )
        if seen.local not in (None, release.commit):
            return Blocked(
                problem=(
                    f"tag {tag} is in this clone at {seen.local[:10]},"
                    f" not at {commit}"
                ),
                help=f"{seen.remote_name} has no such tag:"
                f" git tag -d {quote(tag)}",
            )
        if not seen.is_on_branch:
            return Blocked(
                problem=(
                    f"commit {commit} is not on {seen.remote_name}/"
                    f"{release.branch}"
                ),
                help=f"push it first: git push {quote(seen.remote_name)}",
            )
        if seen.rival is not None:
            return seen.rival
        where = "the merge commit" if release.is_foreseen else commit
        return Change(
            summary=f"push tag {tag} at {where} to {seen.remote_name}",
            write=PushTag(
                tag=tag,
                commit=release.commit,
                branch=release.branch,
                message=f"{tag}\n",
                claim=seen.claim,
            ),
        )

    def act(self, change: Change, world: World) -> str | None:
        match change.write:
            case PushTag() as write:
                return world.git.push_tag(write)
            case other:
                raise TypeError(f"not a tag: {other}")
