"""Checks of the secrets and permissions that each registry needs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from ..exceptions import NotAllowedError
from ..publishing.published import flat, steps_of
from ..publishing.values import mapping_of
from .base import Finding, ok, problem, unknown
from .workflow_file import Workflow, of_publishing_workflow

__all__ = ["check_docker_hub", "check_gar", "check_ghcr", "usual_secrets"]

_SECRET = re.compile(r"\bsecrets\.([A-Za-z_][A-Za-z0-9_]*)")

_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


_USUAL = {
    "Docker Hub": ("DOCKER_USERNAME", "DOCKER_TOKEN"),
    "Artifact Registry": ("GAR_PUSH_TOKEN",),
}
"""The secrets that SQuaRE's reusable workflow takes for a registry."""

_SQUARE = "lsst-sqre/"
"""How the name of such a workflow begins."""


def usual_secrets() -> tuple[str, ...]:
    """Return the secrets that workflows take without naming them."""
    return tuple(name for names in _USUAL.values() for name in names)


@of_publishing_workflow
def check_docker_hub(workflow: Workflow) -> Finding:
    """Tell whether the workflow has the secrets of Docker Hub.

    Blocks where one is not set that it is known to log in with: the push
    would fail.
    """
    return _check_secrets(workflow, "Docker Hub")


@of_publishing_workflow
def check_gar(workflow: Workflow) -> Finding:
    """Tell whether it has those of Google's Artifact Registry.

    Blocks as for Docker Hub.
    """
    return _check_secrets(workflow, "Artifact Registry")


def _check_secrets(workflow: Workflow, registry: str) -> Finding:
    if registry not in map(_registry, workflow.names):
        return ok(f"nothing is pushed to {registry}")
    repository = workflow.facts.proposal.repository
    wanted = _wanted_secrets(workflow, registry)
    if wanted is None:
        return problem(
            f"{workflow.path} passes no secrets on, and {registry} needs some",
            "add `secrets: inherit` next to `uses:`",
        )
    if wanted is _UNKNOWN:
        return unknown(
            f"cannot tell which secrets {workflow.path} takes for {registry}"
        )
    if not wanted:
        return ok(f"{registry} needs no secret")
    names = " and ".join(wanted)
    try:
        known = workflow.facts.secret_names()
    except NotAllowedError as e:
        return unknown(
            f"secrets {names} for {registry} not checked: {e.message}",
            "use a token with the permission Secrets: read",
            command=f"gh secret list --repo {repository}",
        )
    missing = [name for name in wanted if name.upper() not in known]
    if not missing:
        return ok(f"{registry} secrets exist: {names}")
    # Each has secrets of its own.
    declared = [job.get("environment") for _, job in workflow.jobs]
    environments = [str(mapping_of(e).get("name", e)) for e in declared if e]
    if environments:
        return unknown(
            f"cannot tell if environment {environments[0]!r:.60} has"
            f" {' and '.join(missing)} for {registry}; the repository has not",
            "list its secrets",
            command=f"gh secret list --env {shlex.quote(environments[0])}"
            f" --repo {repository}",
        )
    commands = [
        f"gh secret set {name} --repo {repository}" for name in missing
    ]
    return problem(
        f"{workflow.path} pushes to {registry}, but"
        f" {' and '.join(missing)} is not set",
        "set it for the repository or the organization",
        command=" && ".join(commands),
    )


_UNKNOWN = ("",)
"""Stands for secrets of which nobody knows the names."""


def _wanted_secrets(
    workflow: Workflow, registry: str
) -> tuple[str, ...] | None:
    """Find the secrets that logging in takes; `None`: none are passed."""
    found: list[str] | None = None
    for _, job in workflow.jobs:
        names = _login_secrets(job, registry)
        if str(job.get("uses", "")).startswith(_SQUARE):
            passed = job.get("secrets")
            if passed == "inherit":
                return _USUAL[registry]
            if not isinstance(passed, dict):
                return None
            given = [passed[key] for key in passed if key in _USUAL[registry]]
            names = _find_secrets(given)
        if names is not None:
            found = [*(found or ()), *names]
    return _UNKNOWN if found is None else tuple(dict.fromkeys(found))


def _login_secrets(job: Mapping[str, Any], registry: str) -> list[str] | None:
    """Return the secrets a job logs in with; `None`: it does not log in."""
    logins = [step for step in steps_of(job) if _logs_in_to(step) == registry]
    return _find_secrets(logins) if logins else None


def _find_secrets(value: Any) -> list[str]:
    """Return the secrets that are named, apart from GitHub's own token."""
    return [n for n in _SECRET.findall(flat(value)) if n != "GITHUB_TOKEN"]


def _logs_in_to(step: Mapping[str, Any]) -> str | None:
    uses, run = str(step.get("uses", "")), str(step.get("run", ""))
    given = mapping_of(step.get("with"))
    if uses.startswith("google-github-actions/auth@"):
        return "Artifact Registry"
    if uses.startswith("docker/login-action@"):
        host = str(given.get("registry", "docker.io"))
        return _registry(f"{host}/owner/name")
    match = re.search(r"docker\s+login\b(.*)", run)
    if match:
        hosts = re.findall(r"[\w-]+(?:\.[\w-]+)+", match[1])
        return _registry(f"{hosts[-1] if hosts else 'docker.io'}/o/n")
    return None


@of_publishing_workflow
def check_ghcr(workflow: Workflow) -> Finding:
    """Tell whether the workflow may push to GitHub's own registry.

    Blocks where a job has no permission to write packages: the push would
    fail.
    """
    if "ghcr.io" not in map(_registry, workflow.names):
        return ok("nothing is pushed to ghcr.io")
    for name, job in workflow.jobs:
        granted = job.get("permissions", workflow.document.get("permissions"))
        has_own_token = bool(_login_secrets(job, "ghcr.io"))
        if has_own_token or granted in (None, "write-all"):
            continue
        level = mapping_of(granted).get("packages")
        if level != "write":
            return problem(
                f"job {name} of {workflow.path} pushes to ghcr.io"
                " without the permission packages: write",
                "add `packages: write` under its `permissions:`",
            )
    return ok("the job can write packages; ghcr.io needs no secret")


def _registry(name: str) -> str:
    host = name.split("/", maxsplit=1)[0].lower()
    if host.endswith(("-docker.pkg.dev", ".gcr.io")) or host == "gcr.io":
        return "Artifact Registry"
    is_host = "." in host or ":" in host or host == "localhost"
    if host in _DOCKER_HUB or not is_host:
        return "Docker Hub"
    return host
