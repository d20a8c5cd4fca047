"""Checks of what the repository's rules allow."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from ..exceptions import NotAllowedError
from ..models.github import Ruleset
from ..models.naming import name_first
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts

__all__ = ["check_branch_rules", "check_immutable", "check_tag_rules"]

_FREE = ("always", "exempt")
"""GitHub's words for somebody whom a ruleset does not bind."""


def check_tag_rules(facts: Facts) -> Finding:
    """Tell whether the rulesets let the tag be made.

    Blocks where one forbids it: the tag could not be pushed.
    """
    tag = facts.proposal.tag
    try:
        covering = _covering(facts, "tag", f"refs/tags/{tag}")
    except NotAllowedError as e:
        return unknown(f"not checked: {e.message}", e.help)
    if covering is None:
        return unknown(
            f"cannot tell if tag {tag} is allowed: the server shows no rules",
            "the push will tell",
        )
    bypassed = [r.name for r in covering if r.bypass in _FREE]
    binding = [r for r in covering if r.bypass not in _FREE]
    for ruleset in binding:
        why = _find_obstacle(ruleset, tag)
        if why:
            return problem(
                f"ruleset {ruleset.name!r} {why}, and you cannot bypass it",
                "ask an administrator to add you to its bypass list",
                url=ruleset.url,
            )
    for ruleset in binding:
        if ruleset.doubts:
            return unknown(
                f"cannot tell if ruleset {ruleset.name!r} allows tag {tag}:"
                f" it has {name_first(ruleset.doubts)}",
                f"compare {tag} with {ruleset.url or ruleset.name}",
            )
    if bypassed:
        return ok(f"you can bypass ruleset {bypassed[0]!r}")
    if covering:
        return ok(f"ruleset {covering[0].name!r} allows tag {tag}")
    return ok(f"no ruleset covers tag {tag}")


def _covering(
    facts: Facts, target: Literal["tag", "branch"], ref: str
) -> list[Ruleset] | None:
    """Return the rulesets that cover a ref; `None` if it cannot be told."""
    default = facts.proposal.default_branch
    found = facts.settings.rulesets(target)
    if found is None:
        return None
    return [
        ruleset
        for ruleset in found
        if ruleset.covers(ref, default_branch=default)
    ]


def _find_obstacle(ruleset: Ruleset, tag: str) -> str | None:
    if "creation" in ruleset.rules:
        return f"restricts creating {tag}"
    pattern = ruleset.forbids_name(tag)
    if pattern is not None:
        return f"requires tag names to match {pattern!r}"
    if "required_signatures" in ruleset.rules:
        return "requires signed commits"
    return None


def check_branch_rules(facts: Facts) -> Finding:
    """Tell whether the branch's rules let the change log land.

    Blocks where it takes a pull request and the settings forbid one.
    """
    branch = facts.proposal.branch
    if branch is None:
        return unknown("no branch is checked out")
    rules = facts.settings.branch_rules(branch)
    policy = facts.proposal.pull_policy
    if not rules.is_known:
        return unknown(
            f"cannot tell if {branch} requires pull requests: the server shows"
            " no rules",
            'the push will tell; if so, set `pull-request.when` to "always"',
        )
    if not rules.needs_pull:
        return ok(f"{branch} accepts pushes")
    bypass = _find_bypass(facts, branch)
    if policy.when == "never" and not bypass:
        return problem(
            f"{branch} requires pull requests, but `pull-request.when` is"
            " never",
            'set `pull-request.when` to "auto"',
        )
    if rules.approvals is None:
        return unknown(
            f"{branch} requires pull requests; GitHub shows the required"
            " approvals to administrators only",
        )
    if rules.approvals and not policy.reviewers:
        return warning(
            f"{branch} requires {rules.approvals} approval"
            + ("s" if rules.approvals > 1 else ""),
            "set `pull-request.reviewers` to request reviews; the release"
            " waits for them",
        )
    text = f"{branch} requires pull requests"
    if policy.when != "never":
        text += "; the change log goes by one"
    return ok(text + bypass)


def _find_bypass(facts: Facts, branch: str) -> str:
    """Say which ruleset of a branch does not bind, if one is known."""
    with suppress(NotAllowedError):
        ref = f"refs/heads/{branch}"
        for ruleset in _covering(facts, "branch", ref) or ():
            if ruleset.bypass in _FREE:
                return f"; you can bypass ruleset {ruleset.name!r}"
    return ""


def check_immutable(facts: Facts) -> Finding:
    """Tell whether releases are locked once they are published."""
    is_immutable = facts.is_immutable()
    if is_immutable is None:
        return unknown("not checked: GitHub tells administrators only")
    if is_immutable:
        return ok("releases are immutable: a tag can be used only once")
    return ok("releases are not immutable")
