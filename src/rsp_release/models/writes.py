"""Writes: one external change each, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

__all__ = [
    "ApproveDeployments",
    "CreateRelease",
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
    "Write",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTag:
    """Push one annotated tag to the remote."""

    tag: str
    commit: str
    branch: str
    message: str

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"push refs/tags/{self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRelease:
    """Create and publish the GitHub release of an existing tag."""

    tag: str
    commit: str
    title: str
    body: str
    is_prerelease: bool
    is_latest: bool

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"create release {self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishRelease:
    """Publish a GitHub release that exists as a draft."""

    id: int
    tag: str
    commit: str
    title: str
    body: str | None
    is_prerelease: bool
    is_latest: bool

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"publish release {self.tag}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushBranch:
    """Push one commit with the change log to a branch of the remote."""

    branch: str
    tag: str
    base: str
    tree: str
    message: str
    at: datetime
    expected: str | None
    """Where the branch has to be: any other place refuses the push."""

    merged: str | None = None
    """A commit that is merged into the base first."""

    merged_tree: str | None = None
    """The tree of that merge."""

    is_late: bool = False
    """Whether it adds what came after the entry was made."""

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        what = f"push change log of {self.tag} to refs/heads/{self.branch}"
        return f"{what} upon {self.base}" if self.is_late else what


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPull:
    """Open a pull request."""

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

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"open pull request {self.branch} after {self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPull:
    """Change what a pull request says, or close it."""

    number: int
    title: str
    body: str
    closes: bool = False

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        what = "close" if self.closes else f"retitle {self.title!r}"
        return f"pull request {self.number}: {what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFork:
    """Fork a repository that these credentials may not push to."""

    repository: str

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"fork {self.repository}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushFiles:
    """Put a branch at one new commit that changes files."""

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

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"push {self.repository} refs/heads/{self.branch}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPull:
    """Add labels to a pull request."""

    number: int
    labels: tuple[str, ...]

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"label pull request {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestReviews:
    """Ask people to review a pull request."""

    number: int
    reviewers: tuple[str, ...]

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"request reviews of pull request {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableAutoMerge:
    """Let GitHub merge a pull request as soon as it may."""

    number: int
    method: str

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"auto-merge pull request {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePull:
    """Merge a pull request that may be merged at once."""

    number: int
    method: str
    head: str

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"merge pull request {self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunFailedJobs:
    """Run the jobs of an attempt that failed again, and those after them."""

    run: int
    attempt: int
    """The attempt that failed."""

    everything: bool = False
    """Whether all jobs are run, since no single one failed."""

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"re-run {self.run}/{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveDeployments:
    """Approve what a run waits for, in the name of whoever runs this."""

    run: int
    attempt: int
    environments: tuple[int, ...]
    """GitHub's numbers of the environments."""

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        numbers = ",".join(map(str, sorted(self.environments)))
        return f"approve {self.run}/{self.attempt} {numbers}"


Write: TypeAlias = (
    PushTag
    | CreateRelease
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
)
"""Every external write there is."""
