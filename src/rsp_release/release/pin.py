"""From a proposal, a journal or a tag to the one pinned release.

Once pinned, nobody asks again what the version, the commit or the notes are.
The tag itself is the pin where no journal is: everything here is computed from
the tagged commit, so a clean clone comes to the same release.
"""

from __future__ import annotations

from datetime import datetime
from shlex import quote

from ..changelog.entries import is_markdown
from ..changelog.notes import group_commits, notes_of_entry
from ..config import Config
from ..engine.world import Changelog, Git
from ..exceptions import BlockedError, UsageError
from ..models import (
    Deployment,
    NextVersion,
    Proposal,
    Publication,
    PullPolicy,
    Release,
)
from ..version.choose import History, Request
from ..version.tags import Tag, parse_tags

__all__ = [
    "find_deployment",
    "find_publication_at",
    "pin",
    "pin_tag",
    "propose_release",
    "pull_policy",
    "write_notes",
]

_WORKFLOWS = ".github/workflows"


def pull_policy(config: Config) -> PullPolicy:
    """Return how the change log shall reach the release branch."""
    return PullPolicy(
        when=config.pull_request_when,
        labels=config.pull_request_labels,
        reviewers=config.pull_request_reviewers,
        auto_merge=config.pull_request_auto_merge,
    )


def propose_release(
    next_version: NextVersion,
    *,
    history: History,
    config: Config,
    repository: str,
    branch: str | None,
    now: datetime,
    request: Request | None = None,
) -> Proposal:
    """Make a proposal of a version that was chosen.

    Parameters
    ----------
    next_version
        The version; there must be one.
    history
        The history it was chosen from.
    config
        The settings.
    repository
        Owner and name on GitHub.
    branch
        The branch that is checked out, or `None`.
    now
        The present time (aware), which the change log's entry is dated with.
    request
        What the user asked for, where that is known.

    Returns
    -------
    Proposal
        What would be released.
    """
    version, tag = next_version.next, next_version.tag
    if version is None or tag is None:
        raise UsageError("there is nothing to release")
    return Proposal(
        repository=repository,
        branch=branch,
        default_branch=config.branch,
        commit=history.head,
        version=version,
        tag=tag,
        previous_tag=_previous(tag, history),
        bump=next_version.bump,
        is_prerelease=_is_prerelease(tag),
        is_latest=_is_latest(tag, history),
        proposed_at=now,
        pull_policy=pull_policy(config),
        asked=request.part if request else None,
        is_forced=request is not None and request.force,
    )


def pin(
    proposal: Proposal,
    *,
    commit: str,
    git: Git,
    changelog: Changelog,
    config: Config,
    now: datetime,
) -> Release:
    """Freeze a proposal, with what the commit to tag says.

    Parameters
    ----------
    proposal
        The proposal.
    commit
        The commit to tag: where the change log's entry landed.
    git, changelog
        The clone.
    config
        The settings.
    now
        The present time (aware).

    Returns
    -------
    Release
        The pinned release.
    """
    if proposal.branch is None:
        raise BlockedError(
            "the checkout is on no branch",
            help=f"git switch {quote(proposal.default_branch)}",
        )
    notes, path = write_notes(
        commit,
        version=proposal.version,
        since=proposal.previous_tag,
        git=git,
        changelog=changelog,
    )
    return Release(
        repository=proposal.repository,
        branch=proposal.branch,
        version=proposal.version,
        tag=proposal.tag,
        commit=commit,
        previous_tag=proposal.previous_tag,
        notes=notes,
        is_prerelease=proposal.is_prerelease,
        is_latest=proposal.is_latest,
        publication=find_publication_at(
            commit,
            git=git,
            config=config,
            repository=proposal.repository,
            tag=proposal.tag,
        ),
        pinned_at=now,
        changelog=path,
        deployment=find_deployment(config),
    )


def pin_tag(
    tag: str,
    *,
    git: Git,
    changelog: Changelog,
    config: Config,
    repository: str,
    history: History | None,
) -> Release:
    """Recompute a release from its tag.

    Parameters
    ----------
    tag
        A tag of the clone.
    git, changelog
        The clone.
    config
        The settings.
    repository
        Owner and name on GitHub.
    history
        The history up to, and without, the tagged commit; `None` where that
        has no parent.

    Returns
    -------
    Release
        The release.

    Raises
    ------
    UsageError
        Raised if the clone has no such tag, or it names no version.
    """
    commit = git.local_tag(tag)
    if commit is None:
        raise UsageError(
            f"there is no tag {tag}",
            help="`git tag --list` shows the tags",
        )
    parsed = _parse(tag)
    previous = _previous(tag, history) if history else None
    version = tag.removeprefix(parsed.prefix)
    notes, path = write_notes(
        commit, version=version, since=previous, git=git, changelog=changelog
    )
    return Release(
        repository=repository,
        branch=git.branch() or config.branch,
        version=version,
        tag=tag,
        commit=commit,
        previous_tag=previous,
        notes=notes,
        is_prerelease=bool(parsed.version.pre),
        is_latest=history is None or _is_latest(tag, history),
        publication=find_publication_at(
            commit, git=git, config=config, repository=repository, tag=tag
        ),
        pinned_at=git.tag_date(tag),
        changelog=path,
        deployment=find_deployment(config),
    )


def find_deployment(
    config: Config, *, checkout: str | None = None
) -> Deployment | None:
    """Find where releases are deployed from, which only settings say.

    Parameters
    ----------
    config
        The settings.
    checkout
        The directory of a checkout to use instead of GitHub.

    Returns
    -------
    Deployment or None
        The deployment repository, and how deployments are proposed there;
        `None` where none is set.
    """
    repository = checkout or config.deploy_repository
    if repository is None:
        return None
    return Deployment(
        repository=repository,
        charts=config.deploy_charts,
        older=config.deploy_older,
        is_draft=config.deploy_draft,
        policy=PullPolicy(
            labels=config.deploy_labels,
            reviewers=config.deploy_reviewers,
            auto_merge=config.deploy_auto_merge,
        ),
    )


def find_publication_at(
    commit: str, *, git: Git, config: Config, repository: str, tag: str
) -> Publication | None:
    """Find what publishes the images of a tag, in the files of its commit.

    Parameters
    ----------
    commit
        The tagged commit.
    git
        The clone.
    config
        The settings, which decide where they speak.
    repository
        Owner and name on GitHub.
    tag
        The tag.

    Returns
    -------
    Publication or None
        The workflow and its images; `None` where nothing publishes any.
    """
    from ..publishing import find_publication

    return find_publication(
        git.files(commit, _WORKFLOWS),
        repository=repository,
        tag=tag,
        workflow=config.workflow,
        images=config.images,
        platforms=config.platforms,
        read=lambda path: git.file(commit, path),
    )


def write_notes(
    commit: str,
    *,
    version: str,
    since: str | None,
    git: Git,
    changelog: Changelog,
) -> tuple[str, str | None]:
    """Write the notes of a version as a commit has them.

    Parameters
    ----------
    commit
        The commit that is, or would be, tagged.
    version
        The version, without a prefix.
    since
        The tag that the notes compare with.
    git, changelog
        The clone.

    Returns
    -------
    tuple of str
        Markdown, and the path of the change log where it is its entry; else
        it is the commits, by kind, and the path is `None`.
    """
    state = changelog.look(commit, version)
    if state.path is not None and state.entry:
        markdown = is_markdown(state.path)
        return notes_of_entry(state.entry, markdown=markdown), state.path
    start = git.local_tag(since) if since else None
    return group_commits(git.commits(start, commit)), None


def _previous(tag: str, history: History) -> str | None:
    """Return the nearest earlier version of the line that a tag is of.

    A pre-release compares with the one before it, if it has one; a version
    with the highest that its commit contains.
    """
    version = _parse(tag).version
    if version.pre:
        before = [
            t for t in history.prereleases if t.version.key < version.key
        ]
        if before:
            return max(before, key=lambda t: t.version.key).name
    return history.previous.name if history.previous else None


def _parse(tag: str) -> Tag:
    for parsed in parse_tags([tag]):
        return parsed
    raise UsageError(
        f"tag {tag} names no semantic version",
        help="a release's tag is like 1.2.3 or v1.2.3",
    )


def _is_prerelease(tag: str) -> bool:
    return bool(_parse(tag).version.pre)


def _is_latest(tag: str, history: History) -> bool:
    """Return whether no higher stable version exists."""
    version = _parse(tag).version
    if version.pre:
        return False
    return not any(
        other.version.key > version.key
        for other in history.tags
        if not other.version.pre and not other.is_calendar
    )
