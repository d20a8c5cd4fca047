"""What a release is going to want, made while the network is waited for."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress

from ..engine.look import side_by_side
from ..engine.world import World
from ..exceptions import ReleaseError
from ..models import Proposal

__all__ = ["collect_early"]


def collect_early(
    world: World, proposal: Proposal
) -> AbstractContextManager[object]:
    """Begin to make the entry, which depends on a commit alone.

    Parameters
    ----------
    world
        Where it is made, and kept for whoever wants it next.
    proposal
        What is to be released.

    Returns
    -------
    contextlib.AbstractContextManager
        As long as it lasts, that is under way.
    """
    at = proposal.proposed_at
    if proposal.is_begun or proposal.is_prerelease or at is None:
        return nullcontext()

    def collect() -> None:
        # Whoever wants it makes it again, and is told why it fails.
        with suppress(ReleaseError):
            world.changelog.collect(
                proposal.commit,
                version=proposal.version,
                tag=proposal.tag,
                at=at,
            )

    return side_by_side(world.look, [collect])
