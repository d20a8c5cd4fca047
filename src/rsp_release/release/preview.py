"""The body of a release, as it would be or was published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..changelog.entries import is_markdown
from ..changelog.notes import compose_body, notes_of_entry
from ..config import Config
from ..engine.journal import Journal, find_unfinished
from ..engine.world import World
from ..exceptions import UsageError
from ..models import Proposal, Release
from ..version.choose import History, Request, propose
from ..version.tags import parse_version
from .pin import propose_release, write_notes
from .unfinished import Begun

__all__ = ["Preview"]


class Preview:
    """Writes the body of releases without publishing them.

    Parameters
    ----------
    world
        The clone, and GitHub where what it generates is asked for.
    config
        The settings.
    repository
        Owner and name on GitHub.
    journals
        The directory of the clone's journals.
    read_history
        Reads the history up to a revision.
    begun
        Finds releases by their tags.
    """

    def __init__(
        self,
        *,
        world: World,
        config: Config,
        repository: str,
        journals: Path,
        read_history: Callable[[str], History],
        begun: Begun,
    ) -> None:
        self._world = world
        self._config = config
        self._repository = repository
        self._journals = journals
        self._read_history = read_history
        self._begun = begun

    def write(self, version: str | None, *, generated: bool) -> str:
        """Write the body of a release.

        Parameters
        ----------
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
        subject = self._find(version)
        if isinstance(subject, Proposal):
            notes, path = self._foresee(subject, asks=generated)
            tag, commit = subject.tag, subject.commit
        else:
            notes, path = subject.notes, subject.changelog
            tag, commit = subject.tag, subject.commit
        forge = self._world.forge
        if not generated:
            return compose_body(notes, "", more=self._more(tag, path))
        for page in forge.releases(tag):
            if not page.is_draft:
                return page.body
        return compose_body(
            notes,
            forge.generate_notes(
                tag=tag, commit=commit, previous=subject.previous_tag
            ),
            more=self._more(tag, path),
        )

    def _more(self, tag: str, path: str | None) -> str:
        return f"{self._world.forge.url}/blob/{tag}/{path or ''}"

    def _find(self, version: str | None) -> Release | Proposal:
        """Find what is meant, with the clone alone."""
        history = self._read_history("HEAD")
        if version is None:
            for journal in reversed(find_unfinished(self._journals)):
                found = journal.release or journal.proposal
                if found is not None and journal.has_intents:
                    return found
            return self._propose(history, Request())
        names = {str(t.version): t.name for t in history.tags}
        names.update({t.name: t.name for t in history.tags})
        tag = names.get(version, version)
        journal = Journal.of_tag(self._journals, tag)
        if journal.release is not None:
            return journal.release
        if journal.proposal is not None and journal.has_intents:
            return journal.proposal
        if self._world.git.local_tag(tag) is not None:
            return self._begun.find(tag)
        if parse_version(version) is None:
            raise UsageError(
                f"there is no tag {version}, and it is no version",
                help="name a tag, a version such as 1.5.0, or none",
            )
        return self._propose(history, Request(part=version, force=True))

    def _propose(
        self, history: History, request: Request
    ) -> Release | Proposal:
        chosen = propose(history, policy=self._config, request=request)
        if chosen.next is None:
            return self._begun.find(chosen.current_tag)
        return propose_release(
            chosen,
            history=history,
            config=self._config,
            repository=self._repository,
            branch=self._world.git.branch(),
            now=self._world.clock.now(),
        )

    def _foresee(
        self, proposal: Proposal, *, asks: bool
    ) -> tuple[str, str | None]:
        """Write the notes that a proposal would have."""
        changelog, version = self._world.changelog, proposal.version
        at = proposal.proposed_at or self._world.clock.now()
        if asks and not proposal.is_prerelease:
            reviewed = self._find_reviewed(proposal)
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
            proposal.commit,
            version=version,
            since=proposal.previous_tag,
            git=self._world.git,
            changelog=changelog,
        )

    def _find_reviewed(
        self, proposal: Proposal
    ) -> tuple[str, str | None] | None:
        """Write the notes of an entry that is on the remote already.

        It may have been edited there: on its branch or, once that is merged,
        on the one that is released from.
        """
        git, changelog = self._world.git, self._world.changelog
        for branch in (proposal.changelog_branch, proposal.branch):
            head = git.remote_branch(branch) if branch else None
            if head and changelog.look(head, proposal.version).entry:
                return write_notes(
                    head,
                    version=proposal.version,
                    since=proposal.previous_tag,
                    git=git,
                    changelog=changelog,
                )
        return None
