"""Writes: one external change each, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, TypeAlias

from .rollout import Target

__all__ = [
    "ApproveDeployments",
    "EditPull",
    "EnableAutoMerge",
    "LabelPull",
    "MakeFork",
    "MergePull",
    "OpenPull",
    "PublishRelease",
    "PushBranch",
    "PushFiles",
    "PushTag",
    "RequestReviews",
    "RerunFailedJobs",
    "SyncApplication",
    "Write",
    "is_compared",
]


class _Write:
    """One external change."""

    __slots__ = ()

    KEY: ClassVar[str]
    """The key, with the fields of the write."""

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return self.KEY.format(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTag(_Write):
    """Push one annotated tag to the remote."""

    KEY: ClassVar = "push refs/tags/{0.tag}"

    tag: str
    commit: str
    branch: str
    message: str

    claim: str = ""
    """What the claim has to be, which moves with it; empty: not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRelease(_Write):
    """Publish the GitHub release of an existing tag."""

    KEY: ClassVar = "{0.verb} release {0.tag}"

    draft: int | None
    """GitHub's number of the draft; `None`: there is none."""

    tag: str
    commit: str
    title: str
    body: str | None
    """The notes; `None`: those of the draft are kept."""

    is_prerelease: bool
    is_latest: bool

    @property
    def verb(self) -> str:
        """Whether it is made, or only published."""
        return "create" if self.draft is None else "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBranch(_Write):
    """Push one commit with the change log to a branch of the remote."""

    KEY: ClassVar = (
        "push change log of {0.tag} to refs/heads/{0.branch}{0.upon}"
    )

    branch: str
    tag: str
    base: str
    tree: str
    message: str
    at: datetime
    expected: str | None
    """Where the branch has to be: any other place refuses the push."""

    claim: str = ""
    """What the claim has to be, which moves with it; empty: not there."""

    merged: str | None = None
    """A commit that is merged into the base first."""

    merged_tree: str | None = None
    """The tree of that merge."""

    is_late: bool = False
    """Whether it adds what came after the entry was made."""

    @property
    def upon(self) -> str:
        """What it is made upon, where another one was made before."""
        return f" upon {self.base}" if self.is_late else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPull(_Write):
    """Open a pull request."""

    KEY: ClassVar = "open pull request {0.branch} after {0.after}"

    branch: str
    base: str
    title: str
    body: str
    after: int
    """The newest pull request of that branch that is over."""

    owner: str = ""
    """Who owns the fork that the branch is in; empty: it is in none."""

    is_draft: bool = False
    """Whether it is opened as a draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPull(_Write):
    """Change what a pull request says, or close it."""

    KEY: ClassVar = "pull request {0.number}: {0.what}"

    number: int
    title: str
    body: str
    closes: bool = False

    @property
    def what(self) -> str:
        """What is done to it."""
        return "close" if self.closes else f"retitle {self.title!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFork(_Write):
    """Fork a repository that these credentials may not push to."""

    KEY: ClassVar = "fork {0.repository}"

    repository: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushFiles(_Write):
    """Put a branch at one new commit that changes files."""

    KEY: ClassVar = "push {0.repository} refs/heads/{0.branch}"

    repository: str
    """Where the branch is: the repository, or a fork of it."""

    branch: str
    base: str
    """The commit that it is made from."""

    files: tuple[tuple[str, str], ...]
    """Path and text of each file that changes."""

    message: str
    at: datetime
    expected: str | None
    """Where the branch has to be; `None`: there must be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPull(_Write):
    """Add labels to a pull request."""

    KEY: ClassVar = "label pull request {0.number}"

    number: int
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReviews(_Write):
    """Ask people to review a pull request."""

    KEY: ClassVar = "request reviews of pull request {0.number}"

    number: int
    reviewers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableAutoMerge(_Write):
    """Let GitHub merge a pull request as soon as it may."""

    KEY: ClassVar = "auto-merge pull request {0.number}"

    number: int
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePull(_Write):
    """Merge a pull request that may be merged at once."""

    KEY: ClassVar = "merge pull request {0.number}"

    number: int
    method: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunFailedJobs(_Write):
    """Run the jobs of an attempt that failed again, and those after them."""

    KEY: ClassVar = "re-run {0.run}/{0.attempt}"

    run: int
    attempt: int
    """The attempt that failed."""

    everything: bool = False
    """Whether all jobs are run, since no single one failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveDeployments(_Write):
    """Approve what a run waits for, in the name of whoever runs this."""

    KEY: ClassVar = "approve {0.run}/{0.attempt} {0.numbers}"

    run: int
    attempt: int
    environments: tuple[int, ...]
    """GitHub's numbers of the environments."""

    @property
    def numbers(self) -> str:
        """The numbers, in order."""
        return ",".join(map(str, sorted(self.environments)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncApplication(_Write):
    """Let Argo CD apply what an application's repository has now."""

    KEY: ClassVar = (
        "sync {0.target.application} in {0.target.environment} ({0.marker})"
    )

    target: Target
    marker: str
    """What is kept with the operation, by which it is known again."""

    prunes: bool = False
    """Whether what the repository no longer has is deleted."""

    forces: bool = False
    """Whether what cannot be changed is deleted and recreated."""


Write: TypeAlias = (
    PushTag
    | PublishRelease
    | PushBranch
    | OpenPull
    | EditPull
    | MakeFork
    | PushFiles
    | LabelPull
    | RequestReviews
    | EnableAutoMerge
    | MergePull
    | RerunFailedJobs
    | ApproveDeployments
    | SyncApplication
)
"""Every external write there is."""


def is_compared(write: Write) -> bool:
    """Return whether the remote compares what a write was decided from.

    It takes a push only if its refs are still what they were then, and if its
    rules allow it.

    Parameters
    ----------
    write
        The write.
    """
    match write:
        case PushTag():
            return True
        case PushBranch():
            # What it adds to is looked at in the pull request as well.
            return not write.is_late
        case _:
            return False
