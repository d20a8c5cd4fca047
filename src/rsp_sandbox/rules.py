"""Rulesets and branch protection: what they forbid."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from .records import Project

__all__ = ["applying", "is_protected", "refusal"]

_WORDS = {
    "creation": "Cannot create ref due to creations being restricted.",
    "update": "Cannot update this protected ref.",
    "deletion": "Cannot delete this protected ref.",
    "non_fast_forward": "Cannot force-push to this branch.",
    "pull_request": "Changes must be made through a pull request.",
    "required_signatures": "Commits must have verified signatures.",
}


def _covers(patterns: list[str], ref: str, default: str) -> bool:
    known = {"~ALL": ref, "~DEFAULT_BRANCH": f"refs/heads/{default}"}
    return any(fnmatchcase(ref, known.get(each, each)) for each in patterns)


def applying(project: Project, ref: str) -> list[dict[str, Any]]:
    """Return the rulesets that cover a ref."""
    target = "tag" if ref.startswith("refs/tags/") else "branch"
    default = project.git.default_branch
    return [
        ruleset
        for ruleset in project.rulesets
        if ruleset["target"] == target
        and _covers(ruleset["conditions"]["ref_name"]["include"], ref, default)
    ]


def is_protected(project: Project, branch: str) -> bool:
    """Return whether protection or a ruleset covers a branch."""
    ref = f"refs/heads/{branch}"
    return branch in project.protected or bool(applying(project, ref))


def refusal(
    project: Project, ref: str, old: str | None, new: str | None, actor: str
) -> str | None:
    """Return why a change of a ref is refused, or `None`.

    Parameters
    ----------
    project
        The repository.
    ref
        The full ref.
    old
        What it pointed to; `None` if it is new.
    new
        What it shall point to; `None` if it goes.
    actor
        Who changes it; some may bypass.
    """
    if new is None:
        kinds = {"deletion"}
    elif old is None:
        kinds = {"creation", "required_signatures"}
    else:
        kinds = {"update", "required_signatures", "pull_request"}
    for ruleset in applying(project, ref):
        if actor in ruleset["bypass_logins"]:
            continue
        for rule in ruleset["rules"]:
            if rule["type"] in kinds:
                return _WORDS[rule["type"]]
    if (
        old is not None
        and ref.removeprefix("refs/heads/") in project.protected
    ):
        return _WORDS["pull_request"]
    return None
