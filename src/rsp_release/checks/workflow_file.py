"""The files of workflows, as checks read them."""

from __future__ import annotations

from typing import Any

from ..exceptions import ReleaseError
from ..models import Publication
from ..publishing.documents import load
from .facts import Facts

__all__ = ["document_of", "read_workflow"]


def read_workflow(facts: Facts, path: str) -> dict[str, Any] | None:
    """Return a workflow of the commit; `None` where it makes no sense."""
    try:
        document = facts.once(
            ("document", path), lambda: load(path, facts.workflows()[path])
        )
    except ReleaseError:
        return None
    return document if isinstance(document, dict) else None


def document_of(
    facts: Facts, publication: Publication | None
) -> dict[str, Any] | None:
    """Return the publishing workflow; `None` where there is none to read."""
    if publication is None or publication.workflow not in facts.workflows():
        return None
    return read_workflow(facts, publication.workflow)
