"""From a proposal, a journal or a tag to the one pinned release.

Once pinned, nobody asks again what the version, the commit or the notes are.
The tag itself is the pin where no journal is: everything here is computed from
the tagged commit, so a clean clone comes to the same release.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TypeVar

from ..changelog.entries import is_markdown
from ..changelog.notes import group_commits, notes_of_entry
from ..config import Config
from ..exceptions import BlockedError, UsageError
from ..models import (
    Deployment,
    NextVersion,
    Proposal,
    Publication,
    PullPolicy,
    Release,
)
from ..version.choose import History, Request, propose
from ..version.tags import Tag, parse_tags
from .project import Project

__all__ = [
    "adopt",
    "find_deployment",
    "find_publication",
    "pin",
    "pin_tag",
    "propose_release",
    "pull_policy",
    "require_deployment",
    "write_notes",
]

T = TypeVar("T", Release, Proposal, Release | Proposal)

_WORKFLOWS = ".github/workflows"

_SAID = ("workflow", "images", "platforms")
"""The settings that say what is published."""


def pull_policy(config: Config) -> PullPolicy:
    """Return how the change log shall reach the release branch."""
    return PullPolicy(
        when=config.pull_request_when,
        labels=config.pull_request_labels,
        reviewers=config.pull_request_reviewers,
        auto_merge=config.pull_request_auto_merge,
    )


def propose_release(
    project: Project, history: History, request: Request
) -> tuple[NextVersion, Proposal | None]:
    """Choose a version, and propose to release it.

    Parameters
    ----------
    project
        What is released.
    history
        The history that the version is chosen from.
    request
        What the user asked for.

    Returns
    -------
    tuple
        The choice, and what would be released, dated now; `None` where there
        is nothing to release.
    """
    config = project.config
    chosen = propose(history, policy=config, request=request)
    version, tag = chosen.next, chosen.tag
    if version is None or tag is None:
        return chosen, None
    return chosen, Proposal(
        repository=project.repository,
        branch=project.world.git.branch(),
        default_branch=config.branch,
        commit=history.head,
        version=version,
        tag=tag,
        previous_tag=_previous(tag, history),
        bump=chosen.bump,
        is_prerelease=bool(_parse(tag).pre),
        is_latest=_is_latest(tag, history),
        proposed_at=project.world.clock.now(),
        pull_policy=pull_policy(config),
        asked=request.part,
        is_forced=request.force,
        repository_id=project.repository_id,
        former=project.former,
    )


def pin(project: Project, proposal: Proposal, commit: str) -> Release:
    """Freeze a proposal, with what the commit to tag says.

    Parameters
    ----------
    project
        What is released.
    proposal
        The proposal.
    commit
        The commit to tag: where the change log's entry landed.

    Returns
    -------
    Release
        The pinned release.
    """
    if proposal.branch is None:
        raise BlockedError(
            "HEAD is detached",
            help=f"git switch {quote(proposal.default_branch)}",
        )
    notes, path = write_notes(
        project,
        commit,
        version=proposal.version,
        since=proposal.previous_tag,
    )
    return Release(
        repository=project.repository,
        branch=proposal.branch,
        version=proposal.version,
        tag=proposal.tag,
        commit=commit,
        previous_tag=proposal.previous_tag,
        notes=notes,
        is_prerelease=proposal.is_prerelease,
        is_latest=proposal.is_latest,
        publication=find_publication(project, commit, proposal.tag),
        pinned_at=project.world.clock.now(),
        changelog=path,
        deployment=find_deployment(project.config),
        repository_id=project.repository_id,
        former=project.former,
    )


def adopt(project: Project, begun: T) -> T:
    """Let a release that was begun go on, by what is known now.

    Its repository may have another name by now, and what a person says in
    the settings of its images goes before what was pinned of them.

    Parameters
    ----------
    project
        What is released.
    begun
        What was pinned, or proposed.

    Returns
    -------
    Release or Proposal
        The same, with the name that the repository has now, and the images
        that it publishes under that name or that the settings say.

    Raises
    ------
    BlockedError
        Raised if that name is another repository's.
    """
    old, new = begun.repository, project.repository
    numbers = {begun.repository_id, project.repository_id} - {None}
    if len(numbers) > 1:
        raise BlockedError(
            f"{begun.tag} was begun in {old}, and {new} is another repository"
            " now",
            help=f"name the one it was begun in: `git remote set-url"
            f" {quote(project.world.git.remote)} URL`, or --repo OWNER/NAME",
        )
    names = dict.fromkeys((old, *begun.former, *project.former))
    former = tuple(name for name in names if name.lower() != new.lower())
    is_renamed = project.repository_id is not None and old in former
    is_said = any(map(project.config.is_set, _SAID))
    if (is_renamed or is_said) and isinstance(begun, Release):
        named = replace(project, former=former)
        publication = find_publication(named, begun.commit, begun.tag)
        begun = replace(begun, publication=publication)
    if not is_renamed:
        return begun
    if isinstance(begun, Release):
        begun = replace(begun, application=begun.name)
    return replace(
        begun,
        repository=new,
        repository_id=project.repository_id,
        former=former,
    )


def pin_tag(project: Project, tag: str) -> Release:
    """Recompute a release from its tag, fetching that where it is missing.

    Parameters
    ----------
    project
        What was released.
    tag
        The tag.

    Returns
    -------
    Release
        The release.

    Raises
    ------
    UsageError
        Raised if neither the clone nor its remote has such a tag, or it
        names no version.
    """
    git = project.world.git
    commit = git.local_tag(tag)
    if commit is None and git.remote_tag(tag) is not None:
        git.fetch_tag(tag)
        commit = git.local_tag(tag)
    if commit is None:
        raise UsageError(
            f"there is no tag {tag}, here or on {git.remote}",
            help="`git ls-remote --tags` shows the tags",
        )
    parsed = _parse(tag)
    history = None
    if git.has_parent(commit):
        history = project.read_history(f"{commit}~1")
    previous = _previous(tag, history) if history else None
    version = tag.removeprefix(parsed.prefix)
    notes, path = write_notes(project, commit, version=version, since=previous)
    return Release(
        repository=project.repository,
        branch=git.branch() or project.config.branch,
        version=version,
        tag=tag,
        commit=commit,
        previous_tag=previous,
        notes=notes,
        is_prerelease=bool(parsed.pre),
        is_latest=history is None or _is_latest(tag, history),
        publication=find_publication(project, commit, tag),
        pinned_at=git.tag_date(tag),
        changelog=path,
        deployment=find_deployment(project.config),
        repository_id=project.repository_id,
        former=project.former,
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


def require_deployment(
    config: Config, *, checkout: Path | None = None
) -> Deployment:
    """Find where releases are deployed from, which somebody must say.

    Parameters
    ----------
    config
        The settings.
    checkout
        A checkout to use instead of GitHub.

    Raises
    ------
    UsageError
        Raised if nobody does.
    """
    place = str(checkout) if checkout is not None else None
    found = find_deployment(config, checkout=place)
    if found is None:
        raise UsageError(
            "no deployment repository is set",
            help='set `deploy.repository = "OWNER/NAME"` in the settings,'
            " or give --local PATH",
        )
    return found


def write_notes(
    project: Project, commit: str, *, version: str, since: str | None
) -> tuple[str, str | None]:
    """Write the notes of a version as a commit has them.

    Parameters
    ----------
    project
        What is released.
    commit
        The commit that is, or would be, tagged.
    version
        The version, without a prefix.
    since
        The tag that the notes compare with.

    Returns
    -------
    tuple of str
        Markdown, and the path of the change log where it is its entry; else
        it is the commits, by kind, and the path is `None`.
    """
    git = project.world.git
    state = project.world.changelog.look(commit, version)
    if state.path is not None and state.entry:
        markdown = is_markdown(state.path)
        return notes_of_entry(state.entry, markdown=markdown), state.path
    start = git.local_tag(since) if since else None
    return group_commits(git.commits(start, commit)), None


def find_publication(
    project: Project, commit: str, tag: str
) -> Publication | None:
    """Find what publishes the images of a tag, in the files of its commit.

    Parameters
    ----------
    project
        What is released.
    commit
        The commit.
    tag
        The tag.

    Returns
    -------
    Publication or None
        What the workflow files say, or `None` where they publish nothing.
    """
    from .. import publishing

    git, config = project.world.git, project.config
    return publishing.find_publication(
        git.files(commit, _WORKFLOWS),
        repository=project.repository,
        former=project.former,
        tag=tag,
        commit=commit,
        config=config,
        read=lambda path: git.file(commit, path),
    )


def _previous(tag: str, history: History) -> str | None:
    """Return the nearest earlier version of the line that a tag is of.

    A pre-release compares with the one before it, if it has one; a version
    with the highest that its commit contains.
    """
    version = _parse(tag).version
    if version.prerelease:
        before = [t for t in history.prereleases if t.version < version]
        if before:
            return max(before, key=lambda t: t.order).name
    return history.previous.name if history.previous else None


def _parse(tag: str) -> Tag:
    for parsed in parse_tags([tag]):
        return parsed
    raise UsageError(
        f"tag {tag} names no semantic version",
        help="a release's tag is like 1.2.3 or v1.2.3",
    )


def _is_latest(tag: str, history: History) -> bool:
    """Return whether no higher stable version exists."""
    parsed = _parse(tag)
    if parsed.pre:
        return False
    return not any(
        other.numbers > parsed.numbers
        for other in history.tags
        if not other.pre and not other.is_calendar
    )
