"""The check of what the repository is called, and of what names it."""

from __future__ import annotations

import re

from .base import Finding, ok, unknown, warning
from .facts import Facts

__all__ = ["check_name"]


def check_name(facts: Facts) -> Finding:
    """Tell whether all that names the repository has the name it has now."""
    identity = facts.identity
    if identity is None or identity.id is None:
        return unknown("GitHub did not tell the name of the repository")
    texts, remedy = [], None
    if identity.former:
        texts.append(
            f"{identity.source} still says {identity.former[0]};"
            f" {identity.name} is its name"
        )
        remedy = None if identity.command else "let it say the new name"
    for old, new in _find_old_images(facts):
        texts.append(f"{facts.config.where('images')} still says {old}")
        remedy = remedy or f"if the workflow pushes there now, set {new}"
    if not texts:
        return ok(f"{identity.name} is its name")
    return warning("; ".join(texts), remedy, command=identity.command)


def _find_old_images(facts: Facts) -> list[tuple[str, str]]:
    """Find images of the settings that have a name of the past in theirs.

    They don't follow when a repository is renamed, and what its workflow
    pushes from then on may have the new name. Each comes with that.
    """
    found = []
    name = facts.proposal.repository.lower()
    for old in map(str.lower, facts.proposal.former):
        before, after = old, name
        if old.split("/")[0] != name.split("/")[0]:
            # All of the owner's images may be called otherwise.
            before, after = (n.split("/")[0] for n in (old, name))
        pattern = re.compile(
            rf"(?<=/){re.escape(before)}(?=[/:@]|$)", re.IGNORECASE
        )
        if facts.config.is_set("images"):
            found += [
                (image, pattern.sub(after, image, count=1))
                for image in facts.config.images or ()
                if pattern.search(image)
            ]
    return found
