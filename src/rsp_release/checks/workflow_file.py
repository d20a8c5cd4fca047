"""The file of the workflow that publishes, as checks read it."""

from __future__ import annotations

from typing import Any

from ..exceptions import ReleaseError
from ..models import Publication
from ..workflow.documents import load
from .facts import Facts

__all__ = ["document_of"]


def document_of(
    facts: Facts, publication: Publication | None
) -> dict[str, Any] | None:
    """Return the publishing workflow; `None` where there is none to read."""
    if publication is None or publication.workflow not in facts.workflows():
        return None
    path = publication.workflow
    try:
        document = facts.once(
            ("document", path), lambda: load(path, facts.workflows()[path])
        )
    except ReleaseError:
        return None
    return document if isinstance(document, dict) else None
