"""Other people in the simulated world, who act between any two requests.

Whatever they do is what people do on GitHub and with git, and none of it is
told to the program. What a release may come to then is judged by what they
did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from rsp_release.models import PullRequest, ReleasePage

from .branches import COMMIT

if TYPE_CHECKING:
    from .simulated import Hub

__all__ = ["Others"]

RIVAL = "1.1.1"
"""Another version of the same commits, which somebody tags by hand."""

BY_HAND = "by hand"
"""What a release says that somebody else published."""

NOTICED = timedelta(seconds=120)
"""After what time a look has shown it: reads lag by 45 seconds, and what a
push is compared with is 30 seconds old at most.
"""


@dataclass(kw_only=True)
class Others:
    """Everybody else, for one release."""

    hub: Hub
    tag: str
    """The tag that is released."""

    branch: str
    """The branch of its change log."""

    random: Random
    likely: float = 0.0
    """How likely somebody acts before a request."""

    left: int = 0
    """How often at most."""

    tags: set[str] = field(default_factory=set)
    """The tags that they made."""

    done: Counter[str] = field(default_factory=Counter)
    """What they did, and how often."""

    _seen: int = 0
    rival_at: datetime | None = None
    """When the other version was tagged."""

    @property
    def moves(self) -> dict[str, Callable[[], bool]]:
        """What they may do; each returns whether there was reason to."""
        return {
            "takes the claim": self._take_claim,
            "pushes to main": self._push_to_main,
            "pushes to the branch": self._push_to_branch,
            "tags another commit": self._tag_other,
            "tags the same commits": self._tag_rival,
            "publishes another release": self._publish_other,
            "publishes this release": self._publish,
            "merges": self._merge,
            "closes": self._close,
            "reopens": self._reopen,
            "labels": self._label,
            "changes the rules": self._change_rules,
            "deletes branches once merged, or not": self._change_deleting,
            "pushes to the charts": self._push_to_charts,
            "closes the older deployment": self._close_older,
        }

    def act(self) -> None:
        """Do something now and then."""
        if self.left <= 0 or self.random.random() >= self.likely:
            return
        # They see the world as it is, without lag.
        self.hub.branches.live()
        moves = list(self.moves.items())
        self.random.shuffle(moves)
        # Whatever there is a reason for.
        name = next(name for name, move in moves if move())
        self.left -= 1
        self.done[name] += 1

    def has_acted(self) -> bool:
        """Return whether anybody did since this was last asked."""
        before, self._seen = self._seen, self.done.total()
        return self._seen > before

    def heed(self, help_: str) -> None:
        """Do what a message asks of a person on GitHub."""
        if "reopen it" in help_:
            self._reopen()

    # -- The repository -----------------------------------------------------

    def _take_claim(self) -> bool:
        self.hub.move_claim()
        return True

    def _push_to_main(self) -> bool:
        self.hub.branches.push_more("main")
        return True

    def _push_to_branch(self) -> bool:
        branches = self.hub.branches
        is_there = branches.head(self.branch) is not None
        # Once it is merged, nobody looks at it.
        if is_there and not any(p.is_merged for p in self._pulls()):
            branches.push_more(self.branch)
            return True
        return False

    def _tag_other(self) -> bool:
        tag = f"0.9.{len(self.hub.tags)}"
        self.tags.add(tag)
        self.hub.tags[tag] = "d" * 40, self.hub.clock.now()
        return True

    def _tag_rival(self) -> bool:
        if self.rival_at is not None or self.random.random() < 0.9:
            return False
        self.tags.add(RIVAL)
        self.rival_at = self.hub.clock.now()
        self.hub.tags[RIVAL] = COMMIT, self.rival_at
        return True

    def _publish_other(self) -> bool:
        known = {page.tag for page, _ in self.hub.pages} | {RIVAL}
        for tag in sorted(self.tags - known):
            self._add_page(tag)
            return True
        return False

    def _publish(self) -> bool:
        is_there = any(p.tag == self.tag for p, _ in self.hub.pages)
        if is_there or self.tag not in self.hub.tags:
            return False
        self._add_page(self.tag)
        return True

    def _add_page(self, tag: str) -> None:
        number = len(self.hub.pages) + 1
        page = ReleasePage(
            id=number,
            tag=tag,
            title=tag,
            body=BY_HAND,
            is_draft=False,
            is_prerelease=False,
            url=f"https://example.org/releases/{tag}",
        )
        self.hub.pages.append((page, self.hub.clock.now()))

    # -- Its pull request ---------------------------------------------------

    def _pulls(self) -> list[PullRequest]:
        now = self.hub.clock.now()
        return self.hub.branches.pulls(self.branch, now)

    def _merge(self) -> bool:
        return self.hub.branches.merge_now(self.branch)

    def _close(self) -> bool:
        return self.hub.branches.close(self.branch)

    def _reopen(self) -> bool:
        return self.hub.branches.reopen(self.branch)

    def _label(self) -> bool:
        for pull in self._pulls():
            labelled = ("by hand",), self.hub.clock.now()
            self.hub.branches.labelled[pull.number] = labelled
            return True
        return False

    # -- Settings -----------------------------------------------------------

    def _change_rules(self) -> bool:
        branches = self.hub.branches
        branches.is_protected = not branches.is_protected
        return True

    def _change_deleting(self) -> bool:
        branches = self.hub.branches
        branches.deletes_branch = not branches.deletes_branch
        return True

    # -- The deployment repository ------------------------------------------

    def _push_to_charts(self) -> bool:
        charts = self.hub.charts
        since, files = charts.branches["main"]
        name = f"applications/other/{len(files)}.yaml"
        charts.branches["main"] = since, {**files, name: "x: 1\n"}
        return True

    def _close_older(self) -> bool:
        closed = self.hub.charts.closed
        if 1 in closed:
            return False
        closed[1] = self.hub.clock.now()
        return True

    # -- What must not be ---------------------------------------------------

    def judge_rival(self, *, is_done: bool, message: str) -> list[str]:
        """Tell whether the other version was heeded."""
        if self.rival_at is None:
            return []
        branches, begun = self.hub.branches, []
        for name in ("main", self.branch):
            for since, commit in branches.heads.get(name, ()):
                known = branches.commits.get(commit or "")
                # What is released from newer commits is a version after it.
                if known and known.has_entry and COMMIT in known.parents:
                    begun.append(since)
        if begun and self.rival_at + NOTICED < min(begun):
            return [f"{RIVAL} had been there for long"]
        if not is_done and not begun and RIVAL not in message:
            return [f"it stopped, and not for {RIVAL}: {message}"]
        return []
