"""Checks of the dependencies: current ones have the security fixes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..models.naming import name_first
from ..publishing.values import mapping_of
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts
from .workflow_file import read_workflow

__all__ = [
    "check_dependency_pulls",
    "check_lock",
    "check_lock_age",
    "check_periodic_ci",
]

STALE_LOCK = timedelta(days=30)
"""How old a lock file may be before a person should know."""

OLD_LOCK = timedelta(days=180)
"""How old a lock file may be at most."""

OLD_PULL = timedelta(days=30)
"""How long an update of a dependency may wait at most."""

OLD_RUN = timedelta(days=35)
"""How long ago the newest dependencies may have been tested at most."""

_FAILED = ("failure", "timed_out", "startup_failure")

_LOCKS = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "requirements/main.txt",
    "requirements.txt",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "go.sum",
    "Cargo.lock",
    "Gemfile.lock",
    "gradle.lockfile",
)

_BOTS = ("dependabot", "renovate", "neophile")


def check_lock(facts: Facts) -> Finding:
    """Tell whether the lock file matches what is asked for."""
    if facts.text("uv.lock") is None:
        return ok("no uv.lock")
    is_current = facts.files.lock_is_current(offline=facts.is_offline)
    if is_current is None:
        return unknown(
            "uv.lock not checked: uv is not installed, failed, or would have"
            " to build the project",
            command="uv lock --check",
        )
    if is_current:
        return ok("uv.lock matches pyproject.toml")
    return problem(
        "uv.lock does not match pyproject.toml",
        "update and commit it",
        command="uv lock",
    )


def check_lock_age(facts: Facts) -> Finding:
    """Tell when the dependencies were last updated."""
    for path in _LOCKS:
        changed_at = facts.files.changed_at(path)
        if changed_at is None:
            continue
        age = facts.world.clock.now() - changed_at
        text = f"{path} last changed {max(age.days, 0)} days ago"
        if age <= STALE_LOCK:
            return ok(text)
        is_uv = path == "uv.lock"
        updates = (
            facts.files.lock_updates()
            if is_uv and not facts.is_offline
            else None
        )
        if updates == ():
            return ok(f"{text}; nothing to upgrade")
        if updates:
            text += f"; outdated: {name_first(updates)}"
        remedy = "update the dependencies and commit it"
        command = _update_command(facts, path)
        make = problem if age > OLD_LOCK else warning
        return make(text, remedy, command=command)
    return ok("no lock file")


def _update_command(facts: Facts, path: str) -> str | None:
    """Return how the repository updates its dependencies."""
    makefile = facts.text("Makefile") or ""
    if re.search(r"(?m)^update-deps\s*:", makefile):
        return "make update-deps"
    return "uv lock --upgrade" if path == "uv.lock" else None


def check_dependency_pulls(facts: Facts) -> Finding:
    """Tell whether pull requests that update dependencies are open."""
    pulls = [
        pull
        for pull in facts.open_pulls()
        if any(
            bot in text.lower()
            for bot in _BOTS
            for text in (pull.author, pull.branch.split("/")[0])
        )
    ]
    if not pulls:
        return ok("no dependency update is pending")
    names = [f"#{pull.number} {pull.title}" for pull in pulls]
    now = facts.world.clock.now()
    oldest = min(pulls, key=lambda pull: pull.opened_at or now)
    age = now - (oldest.opened_at or now)
    text = f"pending dependency updates: {name_first(names)}"
    if age > OLD_PULL:
        text += f"; the oldest is {age.days} days old"
        return problem(text, "merge or close them", url=oldest.url)
    return warning(text, "merge them before the release", url=pulls[0].url)


def check_periodic_ci(facts: Facts) -> Finding:
    """Tell whether the last scheduled test of updates succeeded."""
    scheduled = [
        path
        for path, text in sorted(facts.workflows().items())
        if "schedule" in text and _is_periodic(read_workflow(facts, path))
    ]
    if not scheduled:
        return ok("no scheduled CI")
    for path in scheduled:
        run = facts.settings.last_scheduled(path)
        if run is None:
            continue
        if run.conclusion in _FAILED:
            return warning(
                f"the last scheduled run of {path} failed",
                "find out if new dependency versions broke it",
                url=run.url,
            )
        age = facts.world.clock.now() - run.created_at
        if age > OLD_RUN:
            return warning(
                f"the last scheduled run of {path} was {age.days} days ago",
                "check that the workflow is enabled",
                url=run.url,
            )
    return ok(f"last scheduled run of {name_first(scheduled)} did not fail")


def _is_periodic(document: Mapping[str, Any] | None) -> bool:
    """Return whether a workflow tests, and is started by a schedule."""
    on = mapping_of(mapping_of(document).get("on"))
    jobs = mapping_of(mapping_of(document).get("jobs"))
    return "schedule" in on and any("test" in job.lower() for job in jobs)
