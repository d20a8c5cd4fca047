"""The list of checks that run before a release.

Each check is a function that looks at the `Facts` and returns a `Finding`.
They are independent of one another: none stops another, and they look at the
same time. ``bump`` looks at all of them before it begins, as ``check`` does,
and at those marked ``BUMP`` again before it writes anything: what they find
may have changed since, and they cost no request, or one.
"""

from __future__ import annotations

from . import (
    actions,
    changes,
    credentials,
    dependencies,
    deployment,
    names,
    publishing,
    registries,
    rivals,
    rules,
)
from . import repository as clone
from .base import Check, Finding, Report, State
from .facts import Facts, NothingToLookAtError
from .run import look_at, run_checks

__all__ = [
    "CHECKS",
    "Check",
    "Facts",
    "Finding",
    "NothingToLookAtError",
    "Report",
    "State",
    "look_at",
    "run_checks",
]

LOCAL = "local"
"""Needs the clone only."""

BUMP = "bump"
"""``bump`` runs it again before it writes, and nothing overrides it."""


_LIST = {
    "Repository": (
        ("branch", "on a release branch", clone.check_branch, LOCAL, BUMP),
        ("rival", "no other release begun", rivals.check_rival, BUMP),
        ("clean", "clean working tree", clone.check_clean, LOCAL),
        ("history", "full history", clone.check_history, LOCAL, BUMP),
        ("signing", "can sign", clone.check_signing, LOCAL, BUMP),
        ("tags-fetched", "tags fetched", clone.check_tags_fetched, BUMP),
        ("up-to-date", "up to date", clone.check_behind, BUMP),
        ("name", "repository name", names.check_name),
        ("tag-style", "one tag style", clone.check_tag_style, LOCAL),
        ("tag-free", "tag is free", clone.check_tag_free, BUMP),
        ("tag-unused", "tag never used", clone.check_tag_unused),
        ("release-free", "no GitHub release", clone.check_release_free, BUMP),
        ("ci", "CI passed", clone.check_ci),
        ("unfinished", "no unfinished release", clone.check_unfinished, LOCAL),
        ("previous-release", "previous release", clone.check_previous_release),
        ("previous-images", "previous images", clone.check_previous_images),
        ("changelog-pull", "no open change log", clone.check_changelog_pull),
    ),
    "Credentials": (
        ("token", "token", credentials.check_repository, BUMP),
        ("sso", "single sign-on", credentials.check_sso),
        ("contents", "can write contents", credentials.check_contents),
        ("push", "can push", credentials.check_push),
        ("pulls", "can open pull requests", credentials.check_pulls),
        ("workflows", "can change workflows",
         credentials.check_workflows_permission, BUMP),
        ("actions", "can read runs", credentials.check_actions),
        ("triggers", "can trigger workflows",
         credentials.check_triggers, BUMP),
    ),
    "Rules": (
        ("tag-rules", "tag rules", rules.check_tag_rules, BUMP),
        ("branch-rules", "branch rules", rules.check_branch_rules),
        ("immutable", "immutable releases", rules.check_immutable),
    ),
    "Publishing": (
        ("workflow", "publishing workflow",
         publishing.check_publishes, LOCAL),
        ("workflow-enabled", "workflow enabled",
         actions.check_enabled, BUMP),
        ("workflow-moved", "publishes as before", actions.check_moved, LOCAL),
        ("environments", "no approval needed", actions.check_environments),
        ("workflow-once", "publishes once", publishing.check_once, LOCAL),
        ("workflow-types", "starts once", publishing.check_types, LOCAL),
        ("workflow-condition", "not skipped",
         publishing.check_condition, LOCAL),
        ("workflow-queue", "not cancelled", publishing.check_queue, LOCAL),
        ("dockerfile", "Dockerfile", publishing.check_dockerfile, LOCAL),
        ("ghcr", "can push to ghcr.io", registries.check_ghcr, LOCAL),
        ("docker-hub", "Docker Hub secrets", registries.check_docker_hub),
        ("gar", "GAR secrets", registries.check_gar),
    ),
    "Deployment": (
        ("deployment", "deployment repository", deployment.check_access),
        ("charts", "charts", deployment.check_charts),
        ("pull-secret", "pull secret", deployment.check_pull_secret),
    ),
    "Dependencies": (
        ("lock", "lock file matches", dependencies.check_lock, LOCAL),
        ("lock-age", "lock file recent", dependencies.check_lock_age,
         LOCAL),
        ("dependency-pulls", "no pending updates",
         dependencies.check_dependency_pulls),
        ("periodic-ci", "scheduled CI", dependencies.check_periodic_ci),
    ),
    "Change log": (
        ("fragments", "fragments well-formed", changes.check_fragments,
         LOCAL),
        ("fragment-missing", "no missing fragments",
         changes.check_missing_fragments, LOCAL),
        ("python-version", "Python version",
         clone.check_python_version, LOCAL),
    ),
}  # fmt: skip

CHECKS: tuple[Check, ...] = tuple(
    Check(
        key=key,
        group=group,
        title=title,
        look=look,
        is_local=LOCAL in marks,
        is_of_bump=BUMP in marks,
    )
    for group, checks in _LIST.items()
    for key, title, look, *marks in checks
)
"""Every check, in the order in which they are shown."""
