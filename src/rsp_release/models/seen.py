"""What is seen of the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

__all__ = [
    "Annotation",
    "ChangelogState",
    "ChangelogStyle",
    "Check",
    "Collected",
    "ConcurrencyGroup",
    "Environment",
    "Fork",
    "ImageReport",
    "ImageState",
    "Job",
    "JobStep",
    "PendingDeployment",
    "PlatformImage",
    "PullRequest",
    "ReleasePage",
    "RemoteRefs",
    "Repository",
    "Review",
    "WorkflowRun",
]

ImageState: TypeAlias = Literal["present", "absent", "unknown"]
"""What a registry says of an image; ``unknown`` is not ``absent``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What GitHub says of a repository to this user."""

    name: str
    """Owner and name, as GitHub spells them."""

    default_branch: str
    """The default branch."""

    can_push: bool | None
    """Whether the credentials may write; `None` where it does not say."""

    is_archived: bool = False
    """Whether it is read-only for everyone."""

    is_private: bool = False
    """Whether it is private or internal."""

    allows_auto_merge: bool | None = None
    """Whether pull requests may merge themselves; `None`: it is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """The fork of a repository that whoever runs this has, or would have."""

    owner: str
    """Who runs this."""

    name: str | None = None
    """Owner and name of the fork; `None`: there is none."""

    is_ready: bool = False
    """Whether it has commits: GitHub copies them after it made the fork."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRefs:
    """What the remote has of all releases, as one look shows it."""

    claim: str = ""
    """What the claim on the next release points to; empty: there is none."""

    head: str | None = None
    """The head of the release branch."""

    branches: Mapping[str, str] = field(default_factory=dict)
    """The heads of the branches with a change log, by the tag they are for."""

    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags, each with its commit."""

    unfetched: frozenset[str] = frozenset()
    """Those of the tags that the clone does not have."""


ChangelogStyle: TypeAlias = Literal[
    "scriv", "unreleased", "headings", "towncrier", "changesets", "none"
]
"""How a repository keeps its change log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangelogState:
    """What a commit's change log says of one version."""

    style: ChangelogStyle
    """How it is kept."""

    path: str | None = None
    """The file; `None` where there is none."""

    entry: str | None = None
    """The version's entry without its heading; `None` where it has none."""

    pending: tuple[str, ...] = ()
    """Fragments that are not collected."""

    leftover: tuple[str, ...] = ()
    """Fragments whose text is in the entry already."""

    todo: tuple[str, ...] = ()
    """What is still to be written, one phrase each; empty: nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A change log with a version's entry, as a tree of git."""

    base: str
    """The commit that it was made from."""

    tree: str
    """The tree's hash."""

    path: str | None
    """The change log; `None` where only other files changed."""

    entry: str
    """The version's entry without its heading."""

    fragments: tuple[str, ...] = ()
    """The fragments that are in it, and gone from the tree."""

    files: tuple[str, ...] = ()
    """Other files that got the version."""

    merged: str | None = None
    """The commit that is merged into the base first, where there is one."""

    merged_tree: str | None = None
    """The tree of that merge."""

    left_out: tuple[str, ...] = ()
    """The settings of a tool that name commands, which were not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check, or a status, of a commit."""

    name: str
    """Its name. Untrusted text."""

    state: Literal["passed", "failed", "running"]
    """How it stands."""

    is_own: bool = False
    """Whether it is of the run that this program is a part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The newest review of one person."""

    login: str
    """Who reviewed."""

    state: str
    """GitHub's state, such as ``APPROVED``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request."""

    number: int
    """GitHub's number."""

    url: str
    """Its page."""

    is_open: bool
    """Whether it is neither merged nor closed."""

    is_merged: bool
    """Whether it was merged."""

    head: str
    """The newest commit of its branch."""

    merge_commit: str | None = None
    """The commit on the base branch that it became, once merged.

    For each method the one to tag: the merge commit, the squashed commit, or
    the last of the rebased ones.
    https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request
    """

    branch: str = ""
    """The name of its branch."""

    base: str = ""
    """The branch that it is to be merged into."""

    owner: str = ""
    """Who owns the repository that its branch is in."""

    title: str = ""
    """Its title. Untrusted text."""

    body: str = ""
    """Its description. Untrusted text."""

    is_draft: bool = False
    """Whether it is marked as not ready."""

    merge_state: str = "unknown"
    """GitHub's ``mergeable_state``."""

    labels: tuple[str, ...] = ()
    """Its labels."""

    reviewers: tuple[str, ...] = ()
    """Who is asked to review and has not yet; teams with their slug."""

    merges_itself: bool = False
    """Whether GitHub will merge it as soon as it may."""

    opened_at: datetime | None = None
    """When it was opened (aware)."""

    author: str = ""
    """The login of whoever opened it."""

    checks: tuple[Check, ...] = ()
    """The checks of its newest commit, as far as they can be read."""

    reviews: tuple[Review, ...] = ()
    """The newest review of each reviewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePage:
    """A GitHub release, draft or published."""

    id: int
    """GitHub's number."""

    tag: str
    """The tag it is for."""

    title: str
    """Its title."""

    body: str
    """Its notes."""

    is_draft: bool
    """Whether only people who may push see it."""

    is_prerelease: bool
    """Whether it is marked as a pre-release."""

    url: str
    """Its page."""

    author: str | None = None
    """The login of whoever made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """A step of a job of a workflow run."""

    number: int
    """Its number, from 1."""

    name: str
    """Its name. Untrusted text."""

    status: str
    """GitHub's status."""

    conclusion: str | None
    """GitHub's conclusion, once completed."""

    started_at: datetime | None = None
    """When it started."""

    completed_at: datetime | None = None
    """When it ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """What a job wants to be noticed."""

    level: str
    """GitHub's level: notice, warning or failure."""

    message: str
    """What it says. Untrusted text."""

    title: str = ""
    """Its title. Untrusted text."""

    path: str | None = None
    """The file it is about, where it is about one. Untrusted text."""

    line: int | None = None
    """The line in that file, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDeployment:
    """An environment whose protection rules a run waits for."""

    id: int
    """GitHub's number of the environment."""

    environment: str
    """Its name. Untrusted text."""

    reviewers: tuple[str, ...] = ()
    """The logins and teams that may approve; empty: a timer, or an app."""

    can_approve: bool = False
    """Whether these credentials may."""

    ready_at: datetime | None = None
    """When its wait timer ends, where it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment that jobs deploy to, and its protection rules."""

    name: str
    """Its name. Untrusted text."""

    reviewers: tuple[str, ...] = ()
    """The logins and teams of which one must approve."""

    wait: timedelta = timedelta()
    """How long its jobs wait."""

    refs: tuple[tuple[str, str], ...] | None = None
    """The kinds (``branch``, ``tag``) and patterns of the refs that it admits;
    `None`: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyGroup:
    """A concurrency group that a run waits in."""

    name: str
    """Its name. Untrusted text."""

    position: int
    """How many are before it; 0 holds the group."""

    holder: str | None = None
    """The run, and job, that holds it, where GitHub says. Untrusted text."""

    holder_url: str | None = None
    """The page of that run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job of a workflow run."""

    id: int
    """GitHub's number, also that of its check run."""

    name: str
    """Its name, such as ``build / build (linux/amd64)``. Untrusted text."""

    status: str
    """GitHub's status."""

    conclusion: str | None
    """GitHub's conclusion, once completed."""

    url: str | None = None
    """Its page."""

    started_at: datetime | None = None
    """When it started."""

    completed_at: datetime | None = None
    """When it ended."""

    steps: tuple[JobStep, ...] = ()
    """Its steps, in order."""

    attempt: int = 1
    """The attempt of the run that it belongs to, from 1."""

    annotations: tuple[Annotation, ...] = ()
    """What it wants to be noticed, where it failed and GitHub shows it."""

    log: tuple[str, ...] = ()
    """The last lines of the log of the step that failed. Untrusted text."""

    log_note: str | None = None
    """Why there are none, or not the right ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRun:
    """A run of a workflow, with its jobs where they were read."""

    id: int
    """GitHub's number."""

    name: str
    """The workflow's name. Untrusted text."""

    path: str
    """The workflow file, without a ``@ref``."""

    event: str
    """The event that started it."""

    status: str
    """GitHub's status; only ``completed`` is the end."""

    conclusion: str | None
    """GitHub's conclusion, once completed."""

    commit: str
    """The commit it runs for."""

    ref: str | None
    """The branch or tag name GitHub shows, if any."""

    attempt: int
    """Which attempt this is, from 1."""

    url: str
    """Its page."""

    created_at: datetime
    """When it was created, by GitHub's clock."""

    started_at: datetime | None = None
    """When this attempt started."""

    updated_at: datetime | None = None
    """When it last changed."""

    jobs: tuple[Job, ...] = ()
    """Its jobs, of the latest attempt."""

    expected_at: datetime | None = None
    """When it should end, going by the last runs that succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformImage:
    """What a tag holds for one platform."""

    platform: str
    """Such as ``linux/amd64`` or ``linux/arm/v7``."""

    digest: str
    """The digest of this platform's manifest."""

    config_digest: str | None = None
    """The digest of its config, the same however layers are compressed."""

    size: int | None = None
    """Bytes to pull: config and compressed layers."""

    created: datetime | None = None
    """When it was built, as its config says (aware)."""

    revision: str | None = None
    """The commit that its labels name. Untrusted text."""

    source_commit: str | None = None
    """The commit that its provenance attestation names. Untrusted text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReport:
    """What a registry said of one image."""

    image: str
    """Registry and repository."""

    tag: str
    """The tag looked for."""

    state: ImageState
    """Three answers: unknown is not absent."""

    digest: str | None = None
    """The digest of what the tag points to."""

    platforms: tuple[str, ...] = ()
    """The platforms it can be pulled for."""

    reason: str | None = None
    """Why it is unknown or not as promised, for a person. Untrusted text."""

    retry_after: float | None = None
    """Seconds for which the registry asked not to be asked again."""

    help: str | None = None
    """What ends that it is unknown, where that is known."""

    manifests: tuple[PlatformImage, ...] = ()
    """What is there for each platform, as far as it was read."""

    needs_credentials: bool = False
    """Whether it is only shown to those who log in."""

    mirror: str | None = None
    """The registry that was asked instead of the image's own."""

    notes: tuple[str, ...] = ()
    """What else a person should know. Untrusted text."""

    is_assumed: bool = False
    """Whether the tag is taken to be the version, as no file says it."""

    @property
    def created(self) -> datetime | None:
        """When the oldest of its platforms was built."""
        return min(
            (m.created for m in self.manifests if m.created), default=None
        )

    @property
    def size(self) -> int | None:
        """Bytes to pull for the largest of its platforms."""
        return max((m.size for m in self.manifests if m.size), default=None)

    @property
    def reference(self) -> str:
        """What to paste: with the digest where it is known."""
        if self.digest:
            return f"{self.image}@{self.digest}"
        return f"{self.image}:{self.tag}"
