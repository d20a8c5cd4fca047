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
    "Annotation",
    "ApproveDeployments",
    "Blocked",
    "Bump",
    "Change",
    "ChangelogState",
    "ChangelogStyle",
    "Check",
    "Collected",
    "Commit",
    "ConcurrencyGroup",
    "Confidence",
    "CreateRelease",
    "Deployment",
    "Done",
    "EditPull",
    "EnableAutoMerge",
    "Event",
    "Image",
    "ImageReport",
    "Job",
    "JobStep",
    "LabelPull",
    "MakeFork",
    "MergePull",
    "NextVersion",
    "Notice",
    "OpenPull",
    "Outcome",
    "PendingDeployment",
    "PlatformImage",
    "Proposal",
    "Publication",
    "PublishRelease",
    "PullPolicy",
    "PullRequest",
    "PushBranch",
    "PushFiles",
    "PushTag",
    "Reason",
    "Release",
    "ReleasePage",
    "RemoteTag",
    "Repository",
    "RequestReviews",
    "RerunFailedJobs",
    "Result",
    "Review",
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
    """Path of the workflow file, such as ``.github/workflows/ci.yaml``.

    Empty where the images are known from the settings, and no workflow
    publishes them.
    """

    event: Literal["release", "push"]
    """The event whose run publishes."""

    jobs: tuple[str, ...] = ()
    """Names of the publishing jobs, as the run shows them."""

    images: tuple[Image, ...] = ()
    """What that run pushes."""

    unsure: tuple[str, ...] = ()
    """What could not be worked out from the file, one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullPolicy:
    """How the change log reaches the release branch."""

    when: Literal["auto", "always", "never"] = "auto"
    """Whether by pull request; ``auto``: where the branch is protected."""

    labels: tuple[str, ...] = ()
    """Labels of the pull request."""

    reviewers: tuple[str, ...] = ()
    """Logins who are asked to review it; ``org/team`` asks a team."""

    auto_merge: Literal["", "merge", "squash", "rebase"] = ""
    """How GitHub shall merge it by itself; empty: a person does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where a release is deployed from, and how that is proposed."""

    repository: str
    """Owner and name of the deployment repository on GitHub."""

    charts: tuple[str, ...] = ()
    """Places that hold the version; empty: the charts that name this
    repository as their source."""

    older: Literal["supersede", "update"] = "supersede"
    """What becomes of an open pull request for an older version."""

    is_draft: bool = False
    """Whether the pull request is opened as a draft."""

    policy: PullPolicy = PullPolicy()
    """Its labels, reviewers and merging."""


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

    proposed_at: datetime | None = None
    """When it was proposed (aware): the date of the change log's entry."""

    pull_policy: PullPolicy = PullPolicy()
    """How the change log reaches the release branch."""

    after_pull: int = 0
    """The newest pull request of an earlier try; it says nothing of this."""

    leaves_late: bool = False
    """Whether fragments that came later wait for the next release."""

    is_begun: bool = False
    """Whether this was checked, and something of it written, before."""

    @property
    def changelog_branch(self) -> str:
        """The branch of the pull request with the change log."""
        return f"rsp-release/changelog-{self.tag}"


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

    changelog: str | None = None
    """The change log's path, where the notes are its entry."""

    is_planned: bool = False
    """Whether this is a plan alone."""

    is_foreseen: bool = False
    """Whether the commit of that plan is still to be made."""

    deployment: Deployment | None = None
    """Where it is deployed from; `None` where that is not set."""

    @property
    def name(self) -> str:
        """The name of the repository, which is that of the application."""
        return self.repository.rpartition("/")[2]

    @property
    def deploy_prefix(self) -> str:
        """What the branches of its deployments begin with."""
        return f"rsp-release/{self.name}-"

    @property
    def deploy_branch(self) -> str:
        """The branch of its deployment pull request."""
        return f"{self.deploy_prefix}{self.version}"

    @property
    def ref(self) -> str:
        """The tag's full ref."""
        return f"refs/tags/{self.tag}"

    @property
    def workflow(self) -> str | None:
        """The workflow file whose run publishes; empty where none does."""
        return self.publication.workflow if self.publication else None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A check, or a status, of a commit."""

    name: str
    """Its name. Untrusted text."""

    state: Literal["passed", "failed", "running"]
    """How it stands."""


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

    expected_seconds: float | None = None
    """How long it took in the last runs that succeeded, if that is known."""

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

    @property
    def key(self) -> str:
        """The natural key: one write of it is right, two are wrong."""
        return f"push change log of {self.tag} to refs/heads/{self.branch}"


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

    commit: str | None = None
    """The commit to tag, where the step is what settles it."""


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

    is_on_person: bool = False
    """Whether a person must move, which may take days."""

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
