"""Everything that must be so before a release, as a plain list.

Each check is a function that looks at the `Facts` and returns a `Finding`.
They are independent of one another: none stops another, and they look at the
same time. ``bump`` looks at all of them before it begins, as ``check`` does,
and at those marked ``BUMP`` again before it writes anything: what they find
may have changed since, and they cost no request, or one.
"""

from __future__ import annotations

from . import (
    changes,
    credentials,
    dependencies,
    deployment,
    publishing,
    registries,
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
"""The clone alone tells."""

BUMP = "bump"
"""``bump`` looks again before it writes, and nothing overrides it."""


_LIST = {
    "Repository": (
        ("branch", "on a release branch", clone.check_branch, LOCAL, BUMP),
        ("clean", "no uncommitted changes", clone.check_clean, LOCAL, BUMP),
        ("history", "whole history", clone.check_history, LOCAL, BUMP),
        ("tags-fetched", "tags fetched", clone.check_tags_fetched, BUMP),
        ("up-to-date", "up to date", clone.check_behind, BUMP),
        ("tag-style", "tags of one style", clone.check_tag_style, LOCAL),
        ("tag-free", "tag is free", clone.check_tag_free, BUMP),
        ("tag-unused", "tag was never used", clone.check_tag_unused),
        ("release-free", "release is free", clone.check_release_free, BUMP),
        ("ci", "CI of the commit", clone.check_ci),
        ("unfinished", "no unfinished release", clone.check_unfinished, LOCAL),
        ("previous-release", "last release", clone.check_previous_release),
        ("previous-images", "last images", clone.check_previous_images),
        ("changelog-pull", "no open change log", clone.check_changelog_pull),
    ),
    "Credentials": (
        ("token", "token", credentials.check_repository, BUMP),
        ("sso", "single sign-on", credentials.check_sso),
        ("contents", "may write contents", credentials.check_contents),
        ("pulls", "may open pull requests", credentials.check_pulls),
        ("workflows", "may change workflows",
         credentials.check_workflows_permission, BUMP),
        ("actions", "may read runs", credentials.check_actions),
        ("triggers", "starts workflows", credentials.check_triggers, BUMP),
    ),
    "Rules": (
        ("tag-rules", "rules for tags", rules.check_tag_rules, BUMP),
        ("branch-rules", "rules for the branch", rules.check_branch_rules),
        ("immutable", "immutable releases", rules.check_immutable),
    ),
    "Publishing": (
        ("workflow", "a workflow publishes",
         publishing.check_publishes, LOCAL),
        ("workflow-enabled", "it is enabled", publishing.check_enabled, BUMP),
        ("workflow-once", "publishes once", publishing.check_once, LOCAL),
        ("workflow-types", "starts once", publishing.check_types, LOCAL),
        ("workflow-condition", "not skipped",
         publishing.check_condition, LOCAL, BUMP),
        ("workflow-queue", "not cancelled", publishing.check_queue, LOCAL),
        ("dockerfile", "Dockerfile", publishing.check_dockerfile, LOCAL,
         BUMP),
        ("ghcr", "may push to ghcr.io", registries.check_ghcr, LOCAL, BUMP),
        ("docker-hub", "secrets of Docker Hub",
         registries.check_docker_hub, BUMP),
        ("gar", "secrets of GAR", registries.check_gar, BUMP),
    ),
    "Deployment": (
        ("deployment", "deployment repository", deployment.check_access),
        ("charts", "charts", deployment.check_charts),
        ("pull-secret", "pull secret", deployment.check_pull_secret),
    ),
    "Dependencies": (
        ("lock", "lock file fits", dependencies.check_lock, LOCAL),
        ("lock-age", "lock file is fresh", dependencies.check_lock_age,
         LOCAL),
        ("dependency-pulls", "updates merged",
         dependencies.check_dependency_pulls),
        ("periodic-ci", "periodic CI", dependencies.check_periodic_ci),
    ),
    "Change log": (
        ("fragments", "fragments well-formed", changes.check_fragments,
         LOCAL),
        ("fragment-missing", "no fragment missing",
         changes.check_missing_fragments, LOCAL),
        ("python-version", "version for Python",
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
