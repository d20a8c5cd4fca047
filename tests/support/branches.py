"""The branches and pull requests of the world in memory.

People are a function of the time: the pull request that is opened is merged
so many seconds later, and somebody may push a commit with a fragment of their
own while it is open.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha1
from typing import Protocol

from rsp_release.exceptions import RefusedError
from rsp_release.models import (
    ChangelogState,
    Collected,
    LabelPull,
    OpenPull,
    PullRequest,
    PushBranch,
)

__all__ = ["COMMIT", "Branches", "Timeline"]

COMMIT = "c" * 40
FRAGMENT = "changelog.d/one.md"
LATE = "changelog.d/late.md"
_LAG = timedelta(seconds=45)
"""How late reads are at most."""


class Timeline(Protocol):
    """A clock that can be read."""

    def now(self) -> datetime:
        """Return the present time."""


@dataclass(frozen=True, kw_only=True)
class SimulatedCommit:
    """A commit: its parents, the first one first, and its change log."""

    parents: tuple[str, ...] = ()
    has_entry: bool = False
    is_edited: bool = False
    pending: tuple[str, ...] = (FRAGMENT,)


@dataclass(kw_only=True)
class Branches:
    """Branches, commits and pull requests."""

    clock: Timeline
    is_protected: bool = True
    method: str = "merge"
    merges_after: float = 90.0
    deletes_branch: bool = True
    entry: str = "- entry\n"
    """What collecting gives."""
    edited: str | None = None
    """What a person makes of the entry before it is merged."""
    late_after: float | None = None
    """Seconds after the start when somebody else's commit lands."""

    collects_late: bool = False
    """Whether its fragment is added to the entry; else it waits."""

    commits: dict[str, SimulatedCommit] = field(
        default_factory=lambda: {COMMIT: SimulatedCommit()}
    )
    heads: dict[str, list[tuple[datetime, str | None]]] = field(
        default_factory=dict
    )
    opened: list[tuple[PullRequest, OpenPull, datetime]] = field(
        default_factory=list
    )
    labelled: dict[int, tuple[tuple[str, ...], datetime]] = field(
        default_factory=dict
    )
    closed: dict[int, datetime] = field(default_factory=dict)
    """When somebody closed a pull request, and did not merge it."""

    merged: dict[int, datetime] = field(default_factory=dict)
    """When one is merged, if not so many seconds after it was opened."""
    writes: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._start = self.clock.now()
        self.heads["main"] = [(self._start, COMMIT)]

    # -- What there is ------------------------------------------------------

    def head(self, branch: str, at: datetime | None = None) -> str | None:
        """Return the head of a branch, now or as it was."""
        self.live()
        return self._at(branch, at)

    def _at(self, branch: str, at: datetime | None) -> str | None:
        found = None
        for since, sha in self.heads.get(branch, ()):
            if at is None or since <= at:
                found = sha
        return found

    def pulls(self, branch: str, at: datetime) -> list[PullRequest]:
        """Return the pull requests of a branch as they were, newest first."""
        self.live()
        found = []
        for pull, write, since in self.opened:
            if write.branch != branch or since > at:
                continue
            merged = self._merges_at(pull, since)
            labels, labelled = self.labelled.get(pull.number, ((), since))
            is_merged = merged is not None and at >= merged
            until = merged if merged is not None and is_merged else at
            head = self._at(branch, until) or pull.head
            shown = _show(
                pull,
                head,
                labels if labelled <= at else (),
                self._merge_commit(pull) if is_merged else None,
            )
            closed = self.closed.get(pull.number)
            if closed is not None and closed <= at:
                shown = replace(shown, is_open=False)
            found.append(shown)
        return found[::-1]

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Return whether one commit is contained in another."""
        todo = [descendant]
        while todo:
            commit = todo.pop()
            if commit == ancestor:
                return True
            todo += self.commits[commit].parents
        return False

    def first_parents(self, since: str, until: str) -> list[str]:
        """Return the commits of a branch after one, oldest first."""
        found = []
        commit = until
        while not self.is_ancestor(commit, since):
            found.append(commit)
            commit = self.commits[commit].parents[0]
        return found[::-1]

    def look(self, commit: str) -> ChangelogState:
        """Return the change log of a commit."""
        state = self.commits[commit]
        return _look(state, self._entry(state) if state.has_entry else None)

    def collect(self, commit: str) -> Collected | None:
        """Return what collecting at a commit gives."""
        state = self.commits[commit]
        if state.has_entry:
            return None
        return Collected(
            base=commit,
            tree=_name("tree", commit),
            path="CHANGELOG.md",
            entry=self.entry,
            fragments=state.pending,
        )

    def _entry(self, commit: SimulatedCommit) -> str:
        is_edited = commit.is_edited and self.edited is not None
        return str(self.edited) if is_edited else self.entry

    def merge_base(self, one: str, other: str) -> str:
        """Return a newest commit that both contain."""
        todo = [one]
        while todo:
            commit = todo.pop(0)
            if self.is_ancestor(commit, other):
                return commit
            todo += self.commits[commit].parents
        raise AssertionError("they share no history")

    def collect_late(self, made: str, head: str) -> Collected | None:
        """Return what adding late fragments to an entry gives."""
        base = self.merge_base(made, head)
        known = self.commits[base].pending
        late = (
            *self.commits[made].pending,
            *(p for p in self.commits[head].pending if p not in known),
        )
        if not late:
            return None
        is_merged = base != head
        return Collected(
            base=made,
            tree=_name("late tree", f"{made} {head}"),
            path="CHANGELOG.md",
            entry="- entry\n- late\n",
            fragments=tuple(dict.fromkeys(late)),
            merged=head if is_merged else None,
            merged_tree=_name("merged tree", head) if is_merged else None,
        )

    # -- What others do -----------------------------------------------------

    def live(self) -> None:
        """Let happen what has happened by now."""
        while self._let_happen(self.clock.now()):
            pass

    def _let_happen(self, now: datetime) -> bool:
        """Let happen what is next, if anything is by now."""
        coming: list[tuple[datetime, int]] = []
        if self.late_after is not None:
            late = self._start + timedelta(seconds=self.late_after)
            coming.append((late, -1))
        for number, (pull, _, since) in enumerate(self.opened):
            due = self._merges_at(pull, since)
            if due and self._merge_commit(pull) not in self.commits:
                coming.append((due, number))
        at, which = min(coming, default=(now, None))
        if which is None or at > now:
            return False
        if which < 0:
            self.late_after = None
            self._commit_late(at)
        else:
            pull, write, _ = self.opened[which]
            self._merge(pull, write, at)
        return True

    def push_more(self, branch: str) -> None:
        """Let somebody push what no change log tells of."""
        self.live()
        head = self._at(branch, None)
        assert head is not None
        more = _name("more", f"{branch} {head} {len(self.commits)}")
        self.commits[more] = replace(self.commits[head], parents=(head,))
        self.heads[branch].append((self.clock.now(), more))

    def merge_now(self, branch: str) -> bool:
        """Let somebody merge the open pull request, if there is one."""
        pull = self._find_open(branch)
        if pull is not None:
            self.merged[pull.number] = self.clock.now()
            self.live()
        return pull is not None

    def close(self, branch: str) -> bool:
        """Let somebody close the open pull request, if there is one."""
        pull = self._find_open(branch)
        if pull is not None:
            self.closed[pull.number] = self.clock.now()
        return pull is not None

    def reopen(self, branch: str) -> bool:
        """Let somebody reopen what was closed; it is merged later."""
        pulls = [p for p, w, _ in self.opened if w.branch == branch]
        closed = [p.number for p in pulls if p.number in self.closed]
        for number in closed:
            del self.closed[number]
            self.merged[number] = self.clock.now() + timedelta(
                seconds=self.merges_after
            )
        return bool(closed)

    def _find_open(self, branch: str) -> PullRequest | None:
        shown = self.pulls(branch, self.clock.now())
        return next((pull for pull in shown if pull.is_open), None)

    def _merges_at(
        self, pull: PullRequest, since: datetime
    ) -> datetime | None:
        """Return when a pull request is, or was, merged."""
        if pull.number in self.closed:
            return None
        after = timedelta(seconds=self.merges_after)
        return self.merged.get(pull.number, since + after)

    def commit_more(self) -> str:
        """Let somebody push a commit; return its hash."""
        self._commit_late(self.clock.now())
        return str(self.head("main"))

    def _commit_late(self, at: datetime) -> None:
        head = self.heads["main"][-1][1]
        assert head is not None
        old = self.commits[head]
        late = _name("late", head)
        self.commits[late] = replace(
            old, parents=(head,), pending=(*old.pending, LATE)
        )
        self.heads["main"].append((at, late))

    def _merge(self, pull: PullRequest, write: OpenPull, at: datetime) -> None:
        main = self.heads["main"][-1][1]
        assert main is not None
        head = self._at(write.branch, at) or pull.head
        known = self.commits[self.merge_base(head, main)].pending
        gone = set(known) - set(self.commits[head].pending)
        merged = self._merge_commit(pull)
        parents = (main, head) if self.method == "merge" else (main,)
        self.commits[merged] = SimulatedCommit(
            parents=parents,
            has_entry=True,
            is_edited=self.edited is not None,
            pending=tuple(
                p for p in self.commits[main].pending if p not in gone
            ),
        )
        self.heads["main"].append((at, merged))
        if self.deletes_branch:
            self.heads[write.branch].append((at, None))

    def _merge_commit(self, pull: PullRequest) -> str:
        return _name("merged", f"{pull.number}")

    # -- Writes -------------------------------------------------------------

    def push(self, write: PushBranch) -> None:
        """Accept a commit where the branch is as expected."""
        if write.branch == "main" and self.is_protected:
            raise RefusedError("GH006: protected branch")
        if self.head(write.branch) != write.expected:
            raise RefusedError("stale info", is_duplicate=True)
        self.writes[write.key] += 1
        commit = _name("entry", f"{write.base} {write.at}")
        old = self.commits[write.base]
        if write.is_late:
            head = write.merged or write.base
            assert write.tree == _name("late tree", f"{write.base} {head}")
            parents = (write.base, head) if write.merged else (write.base,)
        else:
            assert write.tree == _name("tree", write.base)
            parents = (write.base,)
        self.commits[commit] = replace(
            old, parents=parents, has_entry=True, pending=()
        )
        now = self.clock.now()
        self.heads.setdefault(write.branch, []).append((now, commit))

    def open(self, write: OpenPull, *, is_clean: bool = False) -> None:
        """Open a pull request, unless one is open."""
        head = self.head(write.branch)
        if head is None:
            raise RefusedError("head is invalid")
        now = self.clock.now()
        if any(p.is_open for p in self.pulls(write.branch, now)):
            raise RefusedError("already exists", is_duplicate=True)
        last = self.opened[-1][2] if self.opened else None
        if not (is_clean and last and now - last < _LAG):
            # Else it is a clone that knows nothing of one that was opened and
            # closed a moment ago, and whose reads lag.
            self.writes[write.key] += 1
        number = len(self.opened) + 1
        pull = PullRequest(
            number=number,
            url=f"https://example.org/pull/{number}",
            is_open=True,
            is_merged=False,
            head=head,
            base=write.base,
        )
        self.opened.append((pull, write, now))

    def label(self, write: LabelPull) -> None:
        """Label a pull request; labelling it again changes nothing."""
        self.writes[write.key] += 1
        self.labelled[write.number] = (write.labels, self.clock.now())


@lru_cache
def _look(state: SimulatedCommit, entry: str | None) -> ChangelogState:
    is_todo = not state.has_entry and state.pending
    return ChangelogState(
        style="scriv",
        path="CHANGELOG.md",
        entry=entry,
        pending=state.pending,
        todo=("collect",) if is_todo else (),
    )


@lru_cache
def _show(
    pull: PullRequest,
    head: str,
    labels: tuple[str, ...],
    merge_commit: str | None,
) -> PullRequest:
    """Return a pull request as it is with labels, and perhaps merged."""
    return replace(
        pull,
        head=head,
        labels=labels,
        is_open=merge_commit is None,
        is_merged=merge_commit is not None,
        merge_commit=merge_commit,
    )


@lru_cache
def _name(kind: str, what: str) -> str:
    """Return the hash that stands for a thing."""
    return sha1(f"{kind} {what}".encode(), usedforsecurity=False).hexdigest()
