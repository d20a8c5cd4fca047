"""Checks of the dependencies: current ones have the security fixes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..exceptions import ReadError
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

STALE_LOCK = 30
"""Days that a lock file may be old before a person should know."""

OLD_RUN = timedelta(days=35)
"""How long ago the newest dependencies may have been tested at most."""

_FAILED = ("failure", "timed_out", "startup_failure")

_LOCKS = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pixi.lock",
    "Pipfile.lock",
    "requirements/main.txt",
    "requirements.txt",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "deno.lock",
    "go.sum",
    "Cargo.lock",
    "Gemfile.lock",
    "composer.lock",
    "mix.lock",
    "gradle.lockfile",
)

_BOTS = ("dependabot", "renovate", "neophile")


_USES_LOCK = re.compile(r"\buv (?:sync|run|export)\b|\bUV_LOCKED\b")
"""What is written where an image is built from the lock file."""


def check_lock(facts: Facts) -> Finding:
    """Tell whether the lock file matches what is asked for.

    Blocks where it does not and the image is built from it: the build fails,
    or the image lacks what ``pyproject.toml`` asks for.
    """
    if facts.text("uv.lock") is None:
        return ok("no uv.lock")
    try:
        is_current = facts.files.lock_is_current(offline=facts.is_offline)
    except ReadError as e:
        return unknown(f"uv.lock not checked: {e.message}")
    if is_current:
        return ok("uv.lock matches pyproject.toml")
    publication = facts.publication()
    path = publication.workflow if publication else ""
    builds = (facts.text("Dockerfile"), facts.workflows().get(path))
    is_used = any(_USES_LOCK.search(text or "") for text in builds)
    make = problem if is_used else warning
    return make(
        "uv.lock does not match pyproject.toml",
        "update and commit it",
        command="uv lock",
    )


def check_lock_age(facts: Facts) -> Finding:
    """Tell when the dependencies were last updated.

    Blocks where that was longer ago than ``dependencies.max-age`` allows.
    """
    for path in _LOCKS:
        changed_at = facts.files.changed_at(path)
        if changed_at is None:
            continue
        days = max((facts.world.clock.now() - changed_at).days, 0)
        text = f"{path} last changed {days} days ago"
        if days <= min(STALE_LOCK, facts.config.dependencies_max_age or days):
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
        return _judge_age(facts, days, text, remedy, command=command)
    return ok("no lock file")


def _judge_age(
    facts: Facts, days: int, text: str, remedy: str, **more: Any
) -> Finding:
    """Warn of what is not current; it blocks where the settings say so."""
    most = facts.config.dependencies_max_age
    if most is None or days <= most:
        return warning(text, remedy, **more)
    text += f"; `dependencies.max-age` allows {most} days"
    return problem(text, remedy, **more)


def _update_command(facts: Facts, path: str) -> str | None:
    """Return how the repository updates its dependencies."""
    makefile = facts.text("Makefile") or ""
    if re.search(r"(?m)^update-deps\s*:", makefile):
        return "make update-deps"
    return "uv lock --upgrade" if path == "uv.lock" else None


def check_dependency_pulls(facts: Facts) -> Finding:
    """Tell whether pull requests that update dependencies are open.

    Blocks where one has been for longer than ``dependencies.max-age`` allows.
    """
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
    days = (now - (oldest.opened_at or now)).days
    text = f"pending dependency updates: {name_first(names)}"
    if days > STALE_LOCK:
        text += f"; the oldest is {days} days old"
    return _judge_age(facts, days, text, "merge or close them", url=oldest.url)


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
