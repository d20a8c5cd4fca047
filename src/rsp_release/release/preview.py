"""The body of a release, as it would be or was published."""

from __future__ import annotations

from ..changelog.entries import is_markdown
from ..changelog.notes import compose_body, notes_of_entry
from ..exceptions import UsageError
from ..models import Proposal, Release
from ..version.choose import History, Request
from ..version.values import parse_version
from .pin import propose_release, write_notes
from .project import Project
from .unfinished import UnfinishedReleases

__all__ = ["preview_notes"]


def preview_notes(
    project: Project,
    unfinished: UnfinishedReleases,
    version: str | None,
    *,
    generated: bool,
) -> str:
    """Write the body of a release.

    Parameters
    ----------
    project
        What is released.
    unfinished
        Finds releases by their tags.
    version
        A version or a tag; `None`: what is released next, or else what
        was released last.
    generated
        Whether GitHub is asked for what it generates, and for what it
        has where the release is published. Else this is offline.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    UsageError
        Raised if it is no version.
    """
    subject = _find(project, unfinished, version)
    if isinstance(subject, Proposal):
        notes, path = _foresee(project, subject, asks=generated)
    else:
        notes, path = subject.notes, subject.changelog
    forge, tag = project.world.forge, subject.tag
    written = ""
    if generated:
        for page in forge.releases(tag):
            if not page.is_draft:
                return page.body
        written = forge.generate_notes(
            tag=tag, commit=subject.commit, previous=subject.previous_tag
        )
    more = f"{forge.url}/blob/{tag}/{path or ''}"
    return compose_body(notes, written, more=more)


def _find(
    project: Project, unfinished: UnfinishedReleases, version: str | None
) -> Release | Proposal:
    """Find what is meant, with the clone alone."""
    history = project.read_history("HEAD")
    if version is None:
        found = project.find_newest()
        return found or _propose(project, unfinished, history, Request())
    names = {str(t.version): t.name for t in history.tags}
    names.update({t.name: t.name for t in history.tags})
    tag = names.get(version, version)
    journal = project.open_journal(tag)
    if journal.proposal is not None and journal.has_intents:
        return journal.proposal
    if journal.release or project.world.git.local_tag(tag) is not None:
        return unfinished.find(tag)
    if parse_version(version) is None:
        raise UsageError(
            f"there is no tag {version}, and it is no version",
            help="name a tag, a version such as 1.5.0, or none",
        )
    return _propose(
        project, unfinished, history, Request(part=version, force=True)
    )


def _propose(
    project: Project,
    unfinished: UnfinishedReleases,
    history: History,
    request: Request,
) -> Release | Proposal:
    chosen, proposal = propose_release(project, history, request)
    return proposal or unfinished.find(chosen.current_tag)


def _foresee(
    project: Project, proposal: Proposal, *, asks: bool
) -> tuple[str, str | None]:
    """Write the notes that a proposal would have."""
    changelog, version = project.world.changelog, proposal.version
    at = proposal.proposed_at or project.world.clock.now()
    if asks and not proposal.is_prerelease:
        reviewed = _find_reviewed(project, proposal)
        if reviewed is not None:
            return reviewed
    if not proposal.is_prerelease:
        collected = changelog.collect(
            proposal.commit, version=version, tag=proposal.tag, at=at
        )
        if collected is not None and collected.path is not None:
            markdown = is_markdown(collected.path)
            return (
                notes_of_entry(collected.entry, markdown=markdown),
                collected.path,
            )
    return write_notes(
        project,
        proposal.commit,
        version=version,
        since=proposal.previous_tag,
    )


def _find_reviewed(
    project: Project, proposal: Proposal
) -> tuple[str, str | None] | None:
    """Write the notes of an entry that is on the remote already.

    It may have been edited there: on its branch or, once that is merged,
    on the one that is released from.
    """
    git, changelog = project.world.git, project.world.changelog
    for branch in (proposal.changelog_branch, proposal.branch):
        head = git.remote_branch(branch) if branch else None
        if head and changelog.look(head, proposal.version).entry:
            return write_notes(
                project,
                head,
                version=proposal.version,
                since=proposal.previous_tag,
            )
    return None
