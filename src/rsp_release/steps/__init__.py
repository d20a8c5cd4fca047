"""What a release consists of, in order: the table of contents.

`PREPARE` works from a `~rsp_release.models.Proposal`, and ends when the commit
to tag is on the release branch. Between the two lists the
`~rsp_release.models.Release` is pinned. `RELEASE` works from that alone.
"""

from __future__ import annotations

from ..engine.world import Step
from ..models import Proposal, Release
from .changelog_pr.step import ChangelogPull
from .chart_pr.step import ChartPull
from .github_release import GithubRelease
from .images import Images
from .preflight import Preflight
from .rollout.step import Rollout
from .tag import Tag
from .workflow_run import PublishingRun

__all__ = ["PREPARE", "RELEASE"]

PREPARE: tuple[Step[Proposal], ...] = (
    Preflight(),  # whatever would stop the release is known before it starts
    ChangelogPull(),  # the entry of the version is on the release branch
)
"""What is made true before the commit to tag is known."""

RELEASE: tuple[Step[Release], ...] = (
    Tag(),  # the tag is on the remote, at the pinned commit
    GithubRelease(),  # the release is published, titled with the tag
    PublishingRun(),  # the run that publishes the images has succeeded
    Images(),  # every image can be pulled, on every platform
    ChartPull(),  # the deployment pull request is open
    Rollout(),  # where asked for: every environment runs it
)
"""What is made true of the pinned release."""
