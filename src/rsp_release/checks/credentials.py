"""Checks of what the credentials may do."""

from __future__ import annotations

from ..exceptions import NotAllowedError
from .base import Finding, denied, ok, unknown, warning
from .facts import WORKFLOWS, Facts

__all__ = [
    "check_actions",
    "check_contents",
    "check_pulls",
    "check_push",
    "check_repository",
    "check_sso",
    "check_triggers",
    "check_workflows_permission",
]

_KINDS = {
    "classic": "a classic personal access token",
    "fine-grained": "a fine-grained personal access token",
    "oauth": "a token of `gh` or another OAuth app",
    "app": "a token of a GitHub App or a workflow",
    "unknown": "a token of unknown type",
    "none": "no token",
}

_SCOPED = ("classic", "oauth")
"""Tokens whose scopes say what they may, together with the user's role."""


def check_repository(facts: Facts) -> Finding:
    """Tell whether there is a token, whose user may write.

    Blocks without one: nothing could be written.
    """
    try:
        repository = facts.repository()
    except NotAllowedError as e:
        return denied(e.message, e.help or "set GITHUB_TOKEN", url=e.url)
    name = facts.proposal.repository
    if repository.is_archived:
        return denied(
            f"{name} is archived",
            "unarchive it",
            command=f"gh repo unarchive {name} --yes",
        )
    if repository.can_push is False:
        return denied(
            f"the token cannot write to {name}",
            "use a token with the permission Contents: write",
        )
    if not facts.is_thorough:
        return ok(f"the token can write to {name}")
    kind = _KINDS[facts.credentials().kind]
    return ok(f"{kind}, can read {repository.name}")


def check_sso(facts: Facts) -> Finding:
    """Tell whether the token is authorised for single sign-on.

    Blocks where the repository's organisation asks for that: it would refuse
    the token.
    """
    try:
        hides = facts.credentials().hides
    except NotAllowedError as e:
        if e.url is None:
            return unknown(e.message, e.help)
        return denied(e.message, e.help, url=e.url)
    if hides:
        return warning(
            "the token is not authorized for single sign-on everywhere",
            "authorize it for the organization, in the token's settings",
            url=f"{facts.world.forge.url.rsplit('/', 2)[0]}/settings/tokens",
        )
    return ok("not required")


def check_contents(facts: Facts) -> Finding:
    """Tell whether contents may be written: the tag, and the release.

    Blocks where they may not: neither could be made.
    """
    what = "Contents: write, for the tag and the release"
    commit = facts.proposal.commit
    return _judge_scopes(facts, what) or _judge(
        what, has=facts.settings.may_write_contents(commit)
    )


def check_push(facts: Facts) -> Finding:
    """Tell whether the remote lets git push, whatever it logs in with.

    Blocks where it does not: neither tag nor change log could be pushed.
    """
    if facts.is_empty:
        return ok("no commits yet")
    git, proposal = facts.world.git, facts.proposal
    try:
        is_asked = git.try_push(proposal.tag, proposal.commit)
    except NotAllowedError as e:
        return denied(e.message, e.help)
    if is_asked:
        return ok(f"{git.remote} would accept a push")
    return ok("git has the same token")


def check_pulls(facts: Facts) -> Finding:
    """Tell whether the change log's pull request may be opened.

    Blocks where it is needed and may not: the change log could not land.
    """
    if not facts.needs_pull():
        return ok("not needed: the change log is pushed")
    what = "Pull requests: write, for the change log"
    default = facts.proposal.default_branch
    return _judge_scopes(facts, what) or _judge(
        what, has=facts.settings.may_write_pulls(default)
    )


def check_actions(facts: Facts) -> Finding:
    """Tell whether workflow runs may be read, to watch one.

    Blocks where one is to be watched and may not be read.
    """
    what = "Actions: read, to watch the run"
    publication = facts.publication()
    if publication is None or not publication.workflow:
        return ok("not needed: no run to watch")
    try:
        facts.workflow_state(publication.workflow)
    except NotAllowedError:
        return _judge(what, has=False)
    return _judge(what, has=True)


def check_workflows_permission(facts: Facts) -> Finding:
    """Tell whether workflow files may be changed, where that is needed.

    It is where the commit's differ from those of the default branch. Blocks
    where they may not be changed then: GitHub would refuse the tag.
    """
    default = facts.proposal.default_branch
    what = f"Workflows: write; the workflow files differ from {default}"
    if not _changes_workflows(facts):
        return ok(f"not needed: the workflow files equal those of {default}")
    try:
        credentials = facts.credentials()
    except NotAllowedError as e:
        return unknown(e.message, e.help)
    if credentials.scopes is not None:
        if "workflow" in credentials.scopes:
            return ok(f"the token has {what}")
        return denied(
            f"the token lacks {what}",
            "give it the scope `workflow`",
            command="gh auth refresh --scopes workflow",
        )
    if facts.settings.starts_workflows() is False:
        return denied(
            f"GITHUB_TOKEN can never have {what}",
            "use a personal access token or a GitHub App's token",
        )
    return unknown(
        f"cannot tell if the token has {what}",
        "use a token with the permission Workflows: write",
    )


def _changes_workflows(facts: Facts) -> bool:
    branch, default = facts.proposal.branch, facts.proposal.default_branch
    if branch == default:
        return False
    head = facts.world.git.remote_branch(default)
    return head is not None and facts.files.differ(head, WORKFLOWS)


def check_triggers(facts: Facts) -> Finding:
    """Tell whether what these credentials do starts workflows.

    Blocks where it does not and one is to publish: it would never run.

    https://docs.github.com/en/actions/concepts/security/github_token
    """
    if facts.publication() is None:
        return ok("no publishing workflow")
    try:
        starts = facts.settings.starts_workflows()
    except NotAllowedError as e:
        return unknown(e.message, e.help)
    if starts is None:
        return unknown(
            "cannot tell if tags pushed with the token trigger workflows",
            "a GitHub App's token triggers them; GITHUB_TOKEN does not",
        )
    if starts:
        return ok("tags and releases made with the token trigger workflows")
    return denied(
        "the token is the workflow's own GITHUB_TOKEN: tags and releases made"
        " with it trigger no workflow, so no image would be published",
        "use a personal access token or a GitHub App's token",
    )


def _judge_scopes(facts: Facts, what: str) -> Finding | None:
    """Judge by scope and role, where the token has scopes."""
    repository, credentials = facts.repository(), facts.credentials()
    if credentials.kind not in _SCOPED or credentials.scopes is None:
        return None
    wanted = {"repo"} if repository.is_private else {"repo", "public_repo"}
    if not wanted & set(credentials.scopes):
        return denied(
            f"the token lacks {what}",
            "give it the scope `repo`",
            command="gh auth refresh --scopes repo",
        )
    if repository.can_push is False:
        return unknown(
            f"cannot tell if the token has {what}: its user has no write"
            " access"
        )
    return ok(f"the token has {what}")


def _judge(what: str, *, has: bool) -> Finding:
    """Judge whether the token has a permission, and name its use."""
    if has:
        return ok(f"the token has {what}")
    permission = what.partition(",")[0]
    return denied(
        f"the token lacks {what}",
        f"use a token with the permission {permission}",
    )
