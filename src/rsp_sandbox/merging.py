"""Whether a pull request may be merged, and its merge, by whomever."""

from __future__ import annotations

from typing import Any

from .accounts import Token
from .base import Problem
from .forge import Forge
from .git import Person
from .merge import merge, merge_trees, rebase
from .records import AutoMerge, Project, Pull
from .rules import applying, is_protected

__all__ = [
    "carry_out",
    "enable_auto_merge",
    "merge_state",
    "merge_what_may",
    "refuse_merge",
]

_PASSED = {"success", "neutral", "skipped"}


def _missing_approvals(project: Project, pull: Pull) -> int:
    bound = is_protected(project, pull.base)
    needed = project.required_approvals if bound else 0
    for parameters in _parameters(project, pull, "pull_request"):
        count = parameters.get("required_approving_review_count", 0)
        needed = max(needed, int(count))
    states: dict[str, str] = {}
    for review in pull.reviews:
        if review["state"] != "COMMENTED" or review["login"] not in states:
            states[review["login"]] = review["state"]
    return max(0, needed - list(states.values()).count("APPROVED"))


def _parameters(
    project: Project, pull: Pull, kind: str
) -> list[dict[str, Any]]:
    """Return the parameters of the rules of a kind that bind the base."""
    return [
        rule.get("parameters", {})
        for ruleset in applying(project, f"refs/heads/{pull.base}")
        for rule in ruleset["rules"]
        if rule["type"] == kind
    ]


def _checks(box: Forge, project: Project, pull: Pull) -> dict[str, str]:
    """Return the conclusion of each check, empty while it runs."""
    now = box.clock.now()
    found: dict[str, str] = {}
    for run in project.runs:
        if run.head_sha != pull.head_sha or not run.is_there(now):
            continue
        for job in run.jobs():
            if job.created_at <= now:
                is_over = job.status(now) == "completed"
                found[job.script.name] = str(job.conclusion) if is_over else ""
    return found


def _required(project: Project, pull: Pull) -> set[str]:
    """Return the names of the checks that must have passed."""
    needed: set[str] = set()
    if pull.base in project.protected:
        needed.update(project.required_checks)
    for parameters in _parameters(project, pull, "required_status_checks"):
        for check in parameters.get("required_status_checks", ()):
            needed.add(str(check["context"]))
    return needed


def _is_behind(project: Project, pull: Pull) -> bool:
    """Return whether a rule wants the newest base in the branch."""
    if not any(
        parameters.get("strict_required_status_checks_policy")
        for parameters in _parameters(project, pull, "required_status_checks")
    ):
        return False
    return not project.git.contains(pull.head_sha, pull.base_sha)


def merge_state(box: Forge, project: Project, pull: Pull) -> str:
    """Return GitHub's ``mergeable_state`` of an open pull request."""
    if merge_trees(project.git, pull.base_sha, pull.head_sha) is None:
        return "dirty"
    if pull.is_draft:
        return "draft"
    checks = _checks(box, project, pull)
    lacking = [
        name
        for name in _required(project, pull)
        if checks.get(name) not in _PASSED
    ]
    if lacking or _missing_approvals(project, pull):
        return "blocked"
    if _is_behind(project, pull):
        return "behind"
    if any(conclusion not in _PASSED for conclusion in checks.values()):
        return "unstable"
    return "clean"


def refuse_merge(box: Forge, project: Project, pull: Pull) -> str | None:
    """Return why a pull request may not be merged now, or `None`."""
    if pull.state != "open" or pull.is_draft:
        return "Pull Request is not mergeable"
    if missing := _missing_approvals(project, pull):
        return (
            f"At least {missing} approving review is required by reviewers"
            " with write access."
        )
    checks = _checks(box, project, pull)
    for name in sorted(_required(project, pull)):
        if name not in checks:
            return f'Required status check "{name}" is expected.'
        if not checks[name]:
            return f'Required status check "{name}" is in progress.'
        if checks[name] not in _PASSED:
            return f'Required status check "{name}" is failing.'
    if _is_behind(project, pull):
        return "Head branch is out of date with the base branch."
    return None


def carry_out(
    box: Forge,
    project: Project,
    pull: Pull,
    *,
    method: str,
    login: str,
    token: Token | None,
    title: str | None = None,
    text: str | None = None,
) -> str:
    """Merge a pull request for real.

    Parameters
    ----------
    box
        The sandbox.
    project
        The repository.
    pull
        The pull request.
    method
        ``merge``, ``squash`` or ``rebase``.
    login
        In whose name.
    token
        With what; some tokens start no workflows.
    title, text
        The commit's message; by default as GitHub writes it.

    Returns
    -------
    str
        The commit that it became.

    Raises
    ------
    Problem
        Raised if it conflicts.
    """
    now = box.clock.now()
    who = Person(login, f"{login}@users.noreply.github.com", now)
    git, base, head = project.git, pull.base_sha, pull.head_sha
    if method == "squash":
        title = title or f"{pull.title} (#{pull.number})"
        text = (pull.body or "") if text is None else text
    else:
        source = f"{(pull.fork or project).owner}/{pull.head}"
        title = title or f"Merge pull request #{pull.number} from {source}"
        text = pull.title if text is None else text
    message = f"{title}\n\n{text}".strip() + "\n"
    if method == "rebase":
        sha = rebase(git, base, head, who=who)
    else:
        sha = merge(git, base, head, message=message, who=who, method=method)
    if sha is None:
        raise Problem(405, "Pull Request is not mergeable")
    git.update_ref(f"refs/heads/{pull.base}", sha, base)
    pull.state, pull.closed_at, pull.merged_at = "closed", now, now
    pull.merge_sha, pull.merged_by = sha, login
    pull.updated_at = now
    box.pushed(project, token)
    return sha


def enable_auto_merge(
    box: Forge,
    project: Project,
    pull: Pull,
    *,
    method: str,
    token: Token,
) -> str | None:
    """Let a pull request merge itself, where GitHub would.

    Returns
    -------
    str or None
        Why it is refused, in GitHub's words.
    """
    if not project.allow_auto_merge:
        return "Pull request Auto merge is not allowed for this repository"
    if pull.state != "open":
        return "Pull request Pull request is closed"
    state = merge_state(box, project, pull)
    if state in {"clean", "unstable", "draft"}:
        return f"Pull request Pull request is in {state} status"
    pull.auto_merge = AutoMerge(method=method, login=token.login, token=token)
    pull.updated_at = box.clock.now()
    box.touched()
    return None


def merge_what_may(box: Forge, project: Project) -> None:
    """Merge every pull request that waits to merge itself and now may."""
    for pull in list(project.pulls.values()):
        auto = pull.auto_merge
        if auto is None or pull.state != "open":
            continue
        if refuse_merge(box, project, pull) is not None:
            continue
        if merge_trees(project.git, pull.base_sha, pull.head_sha) is not None:
            box.writing()
            carry_out(
                box,
                project,
                pull,
                method=auto.method,
                login=auto.login,
                token=auto.token,
            )
