"""Checks of what the repository's rules allow."""

from __future__ import annotations

from ..exceptions import NotAllowedError
from ..models.github import Ruleset
from ..models.naming import name_first
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts

__all__ = ["check_branch_rules", "check_immutable", "check_tag_rules"]

_FREE = ("always", "exempt")
"""GitHub's words for somebody whom a ruleset does not bind."""


def check_tag_rules(facts: Facts) -> Finding:
    """Tell whether the rulesets let the tag be made."""
    tag = facts.proposal.tag
    try:
        rulesets = facts.settings.rulesets("tag")
    except NotAllowedError as e:
        return unknown(f"the rules for tags: {e.message}", e.help)
    covering = [
        ruleset
        for ruleset in rulesets
        if ruleset.covers(
            f"refs/tags/{tag}", default_branch=facts.proposal.default_branch
        )
    ]
    bypassed = [r.name for r in covering if r.bypass in _FREE]
    for ruleset in covering:
        if ruleset.bypass in _FREE:
            continue
        why = _find_obstacle(ruleset, tag)
        if why:
            return problem(
                f"the ruleset {ruleset.name!r} {why}, and you may not bypass"
                " it",
                "let an administrator put you on its bypass list",
                url=ruleset.url,
            )
    for ruleset in covering:
        doubts = ruleset.doubts
        if doubts and ruleset.bypass not in _FREE:
            return unknown(
                f"whether the ruleset {ruleset.name!r} lets {tag} be made: it"
                f" has {name_first(doubts)}",
                f"see that {tag} is as it asks: {ruleset.url or ruleset.name}",
            )
    if bypassed:
        return ok(f"you may bypass the ruleset {bypassed[0]!r}")
    if covering:
        return ok(f"the ruleset {covering[0].name!r} lets {tag} be made")
    return ok(f"no ruleset is about {tag}")


def _find_obstacle(ruleset: Ruleset, tag: str) -> str | None:
    if "creation" in ruleset.rules:
        return f"lets nobody create {tag}"
    pattern = ruleset.forbids_name(tag)
    if pattern is not None:
        return f"wants other names, by the pattern {pattern!r}"
    if "required_signatures" in ruleset.rules:
        return "wants commits with verified signatures"
    return None


def check_branch_rules(facts: Facts) -> Finding:
    """Tell whether the branch's rules let the change log land."""
    branch = facts.proposal.branch
    if branch is None:
        return unknown("no branch is checked out")
    rules = facts.settings.branch_rules(branch)
    policy = facts.proposal.pull_policy
    if not rules.needs_pull:
        return ok(f"{branch} takes pushes")
    if policy.when == "never":
        return problem(
            f"{branch} takes pull requests only, but the settings say never"
            " to open one",
            'set `pull-request.when` to "auto"',
        )
    if rules.approvals is None:
        return unknown(
            f"{branch} takes pull requests only; whether they need a review"
            " is shown to administrators",
        )
    if rules.approvals and not policy.reviewers:
        return warning(
            f"{branch} takes pull requests only, with {rules.approvals}"
            " approval" + ("s" if rules.approvals > 1 else ""),
            "the release waits for that; `pull-request.reviewers` in the"
            " settings asks for it",
        )
    text = f"{branch} takes pull requests, and the change log is one"
    bypassed = _bypassed(facts, branch)
    if bypassed:
        text += f"; you may bypass the ruleset {bypassed[0]!r}"
    return ok(text)


def _bypassed(facts: Facts, branch: str) -> list[str]:
    """Return the rulesets of a branch that do not bind these credentials."""
    try:
        rulesets = facts.settings.rulesets("branch")
    except NotAllowedError:
        return []
    default = facts.proposal.default_branch
    return [
        ruleset.name
        for ruleset in rulesets
        if ruleset.bypass in _FREE
        and ruleset.covers(f"refs/heads/{branch}", default_branch=default)
    ]


def check_immutable(facts: Facts) -> Finding:
    """Tell whether releases are locked once they are published."""
    is_immutable = facts.is_immutable()
    if is_immutable is None:
        return unknown(
            "whether releases are immutable: GitHub tells administrators",
        )
    if is_immutable:
        return ok("releases are immutable: the tag can be used only once")
    return ok("releases are not immutable")
