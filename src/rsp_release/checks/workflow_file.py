"""The workflow files of the commit, as checks read them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeAlias

from ..exceptions import ReleaseError
from ..models import Publication
from ..publishing.documents import load
from ..publishing.published import jobs_of
from .base import Finding, ok
from .facts import Facts

__all__ = ["Document", "Workflow", "of_publishing_workflow", "read_workflow"]

Document: TypeAlias = dict[str, Any]
"""A workflow file, as read."""


def read_workflow(facts: Facts, path: str) -> Document | None:
    """Return a workflow of the commit; `None` where it makes no sense."""
    try:
        document = load(path, facts.workflows()[path])
    except ReleaseError:
        return None
    return document if isinstance(document, dict) else None


class Workflow(NamedTuple):
    """The workflow that publishes the images, of the commit."""

    facts: Facts
    publication: Publication
    document: Document

    @property
    def path(self) -> str:
        """The path of its file."""
        return self.publication.workflow

    @property
    def names(self) -> list[str]:
        """The names of its images."""
        return [image.name for image in self.publication.images]

    @property
    def jobs(self) -> list[tuple[str, dict[str, Any]]]:
        """The jobs that publish, by their keys."""
        return list(jobs_of(self.document, self.publication))


def of_publishing_workflow(
    look: Callable[[Workflow], Finding],
) -> Callable[[Facts], Finding]:
    """Give a check the publishing workflow; without one, all is well.

    That there is none is the finding of another check.

    Parameters
    ----------
    look
        The check, which is given the workflow.

    Returns
    -------
    typing.Callable
        The check, as the list of checks has it.
    """

    @wraps(look)
    def find_and_look(facts: Facts) -> Finding:
        publication = facts.publication()
        if publication is not None and (
            publication.workflow in facts.workflows()
        ):
            document = read_workflow(facts, publication.workflow)
            if document is not None:
                return look(Workflow(facts, publication, document))
        return ok("no publishing workflow")

    return find_and_look
