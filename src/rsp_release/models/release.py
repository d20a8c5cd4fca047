"""What is released, and how: the values that people and settings decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from ..version.proposal import Bump
from ..version.request import Request
from .naming import CHANGELOG_BRANCHES

__all__ = [
    "Commit",
    "Deployment",
    "Image",
    "Proposal",
    "Publication",
    "PullPolicy",
    "Release",
    "Trigger",
]

Trigger: TypeAlias = Literal[
    "release",
    "push",
    "workflow_run",
    "workflow_dispatch",
    "repository_dispatch",
    "schedule",
]
"""An event that starts a workflow which publishes images."""


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

    is_assumed: bool = False
    """Whether its tag is taken to be the version, as no file says it."""

    former: tuple[str, ...] = ()
    """What it was called where the repository had another name. It may have
    been pushed there, and images stay where they were pushed.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """The workflow that publishes a repository's images, and which."""

    workflow: str
    """Path of the workflow file, such as ``.github/workflows/ci.yaml``.

    Empty where the images are known from the settings, and no workflow
    publishes them.
    """

    event: Trigger
    """The event whose run publishes."""

    jobs: tuple[str, ...] = ()
    """Names of the publishing jobs, as the run shows them."""

    images: tuple[Image, ...] = ()
    """What that run pushes."""

    unsure: tuple[str, ...] = ()
    """What could not be worked out from the file, one sentence each."""

    after: Publication | None = None
    """The workflow whose run starts it, where the release doesn't itself."""

    @property
    def chain(self) -> tuple[Publication, ...]:
        """It, what starts it, and so on to what the release starts."""
        return (self, *(self.after.chain if self.after else ()))

    @property
    def file(self) -> str:
        """The name of the workflow's file."""
        return self.workflow.rpartition("/")[2]

    @property
    def is_direct(self) -> bool:
        """Whether the release or its tag starts it."""
        return self.event in ("release", "push")

    @property
    def publishes(self) -> bool:
        """Whether it is known that its run publishes anything."""
        return bool(self.jobs or self.images)


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

    environments: tuple[str, ...] = ()
    """Environments whose pins alone are moved; empty: ``appVersion`` is."""

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

    asked: str | None = None
    """The part or the version that was asked for; `None`: not known here."""

    is_forced: bool = False
    """Whether a person insists on the version, whatever the changes say."""

    collects_late: bool = False
    """Whether fragments that came later are added to this entry."""

    is_begun: bool = False
    """Whether this was checked, and something of it written, before."""

    repository_id: int | None = None
    """GitHub's number of the repository, which no rename changes."""

    former: tuple[str, ...] = ()
    """Other names of the repository, until it was renamed, as far as known."""

    @property
    def changelog_branch(self) -> str:
        """The branch of the pull request with the change log."""
        return f"{CHANGELOG_BRANCHES}{self.tag}"

    @property
    def command(self) -> str:
        """The command that proposes the same, as long as nothing is begun."""
        part = self.version if self.is_prerelease else self.asked or "auto"
        return Request(part, force=self.is_forced).command


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

    repository_id: int | None = None
    """GitHub's number of the repository, which no rename changes."""

    former: tuple[str, ...] = ()
    """Other names of the repository, until it was renamed, as far as known."""

    application: str | None = None
    """What its deployments call it, where the repository is renamed since."""

    @property
    def name(self) -> str:
        """The name of the application: that of the repository, as it was when
        this was pinned.
        """
        return self.application or self.repository.rpartition("/")[2]

    @property
    def deploy_prefix(self) -> str:
        """What the branches of its deployments begin with."""
        names = self.deployment.environments if self.deployment else ()
        where = f"{'+'.join(sorted(names))}/" if names else ""
        return f"rsp-release/{where}{self.name}-"

    @property
    def deploy_branch(self) -> str:
        """The branch of its deployment pull request."""
        return f"{self.deploy_prefix}{self.version}"

    @property
    def images(self) -> tuple[Image, ...]:
        """The images that the release promises."""
        return self.publication.images if self.publication else ()

    @property
    def image_names(self) -> frozenset[str]:
        """What its images are called, and were."""
        return frozenset(
            name
            for image in self.images
            for name in (image.name, *image.former)
        )

    @property
    def image_tag(self) -> str:
        """The tag that its images have."""
        tags = {image.tag for image in self.images}
        return tags.pop() if len(tags) == 1 else self.tag
