"""Frozen values that the other modules exchange.

Nothing here reads, writes or decides. No secret ever enters one of these: they
end up in events, in the journal and on screens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from .choice import Bump, Confidence, NextVersion, Reason
from .exceptions import ExitStatus

__all__ = [
    "Blocked",
    "Bump",
    "Change",
    "Commit",
    "Confidence",
    "CreateRelease",
    "Done",
    "Event",
    "Image",
    "ImageReport",
    "Job",
    "JobStep",
    "NextVersion",
    "Notice",
    "Outcome",
    "PlatformImage",
    "Proposal",
    "Publication",
    "PublishRelease",
    "PushTag",
    "Reason",
    "Release",
    "ReleasePage",
    "RemoteTag",
    "Repository",
    "Result",
    "StepEvent",
    "Verdict",
    "Wait",
    "WorkflowRun",
    "Write",
]

ImageState: TypeAlias = Literal["present", "absent", "unknown"]
"""What a registry says of an image; ``unknown`` is not ``absent``."""

Outcome: TypeAlias = Literal[
    "released", "nothing", "planned", "blocked", "failed", "unfinished"
]
"""How a whole command ended."""


# -- What is released -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit, as the notes of a release tell of it."""

    hash: str
    """Its full hash."""

    parents: int
    """How many parents it has; two or more make a merge."""

    author: str
    """The author's name. Untrusted text."""

    message: str
    """Its message. Untrusted text."""

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return self.message.strip().split("\n", 1)[0].strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A container image that a release promises."""

    name: str
    """Registry and repository, such as ``ghcr.io/lsst-sqre/gafaelfawr``."""

    tag: str
    """The tag in the registry."""

    platforms: tuple[str, ...] = ()
    """Platforms that must be there, such as ``linux/amd64``. Empty: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The workflow that publishes a repository's images, and which."""

    workflow: str
    """Path of the workflow file, such as ``.github/workflows/ci.yaml``."""

    event: Literal["release", "push"]
    """The event whose run publishes."""

    jobs: tuple[str, ...] = ()
    """Names of the publishing jobs, as the run shows them."""

    images: tuple[Image, ...] = ()
    """What that run pushes."""

    unsure: tuple[str, ...] = ()
    """What could not be worked out from the file, one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be released, before the commit to tag is known for good."""

    repository: str
    """Owner and name on GitHub."""

    branch: str | None
    """The branch released from; `None` where the checkout is on none."""

    default_branch: str
    """The branch that releases usually come from."""

    commit: str
    """The commit that is checked out."""

    version: str
    """The version, without a prefix."""

    tag: str
    """The tag of that version."""

    previous_tag: str | None = None
    """The tag of the nearest earlier version."""

    bump: Bump = "none"
    """The part that is raised."""

    is_prerelease: bool = False
    """Whether the version is a pre-release."""

    is_latest: bool = True
    """Whether GitHub may show it as the latest release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The pinned decisions: everything a release's steps work from.

    Every step computes from this alone, never from what an earlier step
    returned. A clean clone can recompute it from the tag.
    """

    repository: str
    """Owner and name on GitHub."""

    branch: str
    """The branch released from."""

    version: str
    """The version, without a prefix."""

    tag: str
    """The tag, which is also the release's title."""

    commit: str
    """The full hash of the commit to tag."""

    previous_tag: str | None
    """The tag that the notes compare with."""

    notes: str
    """The body of the GitHub release, in Markdown."""

    is_prerelease: bool
    """Whether GitHub shall mark it as a pre-release."""

    is_latest: bool
    """Whether GitHub may show it as the latest release."""

    publication: Publication | None
    """The workflow that publishes images; `None` where none does."""

    pinned_at: datetime
    """When these decisions were made (aware, UTC)."""

    @property
    def ref(self) -> str:
        """The tag's full ref."""
        return f"refs/tags/{self.tag}"

    @property
    def images(self) -> tuple[Image, ...]:
        """The images that the release promises."""
        return self.publication.images if self.publication else ()


# -- What is seen -----------------------------------------------------------


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteTag:
    """A tag as the remote has it."""

    name: str
    """The tag, without ``refs/tags/``."""

    commit: str
    """The commit it points to, peeled."""

    is_annotated: bool
    """Whether it is an annotated tag."""


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

    is_immutable: bool
    """Whether its tag is locked for ever."""

    url: str
    """Its page."""

    published_at: datetime | None
    """When it was published, by GitHub's clock."""

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

    manifests: tuple[PlatformImage, ...] = ()
    """What is there for each platform, as far as it was read."""

    needs_credentials: bool = False
    """Whether it is only shown to those who log in."""

    mirror: str | None = None
    """The registry that was asked instead of the image's own."""

    notes: tuple[str, ...] = ()
    """What else a person should know. Untrusted text."""

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


# -- Writes: one external change each, as data ------------------------------


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


Write: TypeAlias = PushTag | CreateRelease | PublishRelease
"""Every external write there is."""


# -- Verdicts ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """It is already so."""

    evidence: str
    """What shows it, for a person."""

    url: str | None = None
    """Where it can be looked at."""

    run: WorkflowRun | None = None
    """The run, where the step is about one."""

    images: tuple[ImageReport, ...] = ()
    """The images, where the step is about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One external write makes it so, or brings it nearer."""

    summary: str
    """What will be written, for a person."""

    write: Write
    """The write, as data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A machine or a person must move first."""

    reason: str
    """What is waited for."""

    url: str | None = None
    """Where that can be looked at."""

    interval: float | None = None
    """Seconds until it is worth looking again; `None`: as the engine does."""

    patience: float | None = None
    """Seconds of such waiting that are enough; `None`: no bound of its own."""

    otherwise: Blocked | None = None
    """What holds once the patience is used up."""

    run: WorkflowRun | None = None
    """The run that is waited for."""

    images: tuple[ImageReport, ...] = ()
    """The images that are waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """The world contradicts the plan, and only a person can mend it."""

    problem: str
    """What is wrong; several lines where several things are."""

    help: str | None = None
    """What to do."""

    url: str | None = None
    """Where it can be looked at."""

    exit_status: ExitStatus = ExitStatus.BLOCKED
    """The exit status it ends the program with."""

    run: WorkflowRun | None = None
    """The run, where the step is about one."""

    images: tuple[ImageReport, ...] = ()
    """The images, where the step is about them."""


Verdict: TypeAlias = Done | Change | Wait | Blocked
"""What a step decides from what it saw."""


# -- Events -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """A step was looked at, and this is how it stands."""

    key: str
    """The step's key."""

    title: str
    """The step's title."""

    verdict: Verdict
    """How it stands."""

    at: datetime
    """When it was looked at (aware, UTC)."""

    is_acting: bool = False
    """Whether the change is being written just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something worth telling that is no step's verdict."""

    text: str
    """What to tell. Untrusted text."""

    at: datetime
    """When it was noticed (aware, UTC)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How the whole command ended: always the last event."""

    outcome: Outcome
    """How it ended."""

    exit_status: ExitStatus
    """The exit status of the process."""

    at: datetime
    """When it ended (aware, UTC)."""

    version: str | None = None
    """The version, without a prefix."""

    tag: str | None = None
    """The tag."""

    commit: str | None = None
    """The commit it is at."""

    release_url: str | None = None
    """The GitHub release."""

    run_url: str | None = None
    """The run that publishes."""

    images: tuple[ImageReport, ...] = field(default=())
    """What the registries said."""

    deploy_url: str | None = None
    """The deployment pull request."""

    message: str | None = None
    """Why it did not end well. Untrusted text."""

    help: str | None = None
    """What to do next."""


Event: TypeAlias = StepEvent | Notice | Result
"""Everything the engine tells, in order."""
