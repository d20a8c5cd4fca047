"""Following the steps of a job."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import images
from .expressions import condition, fill
from .scope import JobScope, Scope, environment, inputs_of, outputs_of
from .scripts import Script, read_script
from .unknown import show, unknown
from .values import both, list_of, mapping_of

__all__ = ["follow_steps"]

_MAX_CALLS = 4
_STEP = 200
"""What a step costs, in characters of scripts."""

_ANY = unknown("runner")


# -- Steps ------------------------------------------------------------------


def follow_steps(
    job: Mapping[str, Any],
    scope: Scope,
    *,
    name: str,
    contexts: dict[str, Any],
    env: dict[str, str],
    is_certain: bool | None,
    document: Mapping[str, Any],
) -> dict[str, Any]:
    """Follow the steps of a job.

    Parameters
    ----------
    job
        The job, as the file has it.
    scope
        What holds for the workflow.
    name
        The job's name, as the run shows it.
    contexts
        The contexts of the job.
    env
        The environment of the workflow.
    is_certain
        Whether the job runs.
    document
        The workflow.

    Returns
    -------
    dict
        The outputs of the job.
    """
    github_env = _shell_env(contexts)
    job_env = environment(job.get("env"), env, contexts)
    run: dict[str, Any] = {}
    for level in (document, job):
        run.update(mapping_of(mapping_of(level.get("defaults")).get("run")))
    local = JobScope(
        name,
        {**contexts, "steps": {}, "runner": {"os": "Linux", "*": _ANY}},
        {**github_env, **job_env},
        is_certain,
        shell=fill(run.get("shell", ""), contexts),
    )
    # Actions may set variables too.
    local.contexts["env"] = {"*": unknown("env"), **job_env}
    for step in list_of(job.get("steps")):
        if isinstance(step, dict):
            _step(step, local, scope)
    return {
        key: fill(value, local.contexts)
        for key, value in mapping_of(job.get("outputs")).items()
    }


def _shell_env(contexts: Mapping[str, Any]) -> dict[str, str]:
    return {
        **{
            f"GITHUB_{name.upper()}": value
            for name, value in contexts["github"].items()
            if isinstance(value, str) and name != "*"
        },
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": "/github/workspace",
        "CI": "true",
        "RUNNER_OS": "Linux",
    }


def _step(step: dict[str, Any], local: JobScope, scope: Scope) -> None:
    if not scope.findings.spend(_STEP):
        return
    env = environment(step.get("env"), local.contexts["env"], local.contexts)
    contexts = {**local.contexts, "env": env}
    runs = condition(step.get("if"), contexts)
    identifier = str(step.get("id", ""))
    outputs: dict[str, Any] = {}
    result = "skipped" if runs is False else "success"
    if runs is not False:
        follow = _action if "uses" in step else _run
        certain = both(local.is_certain, runs)
        outputs = follow(step, local, scope, contexts, certain=certain)
        outputs = {"*": unknown(f"steps.{identifier}"), **outputs}
    if runs is None:
        result = unknown(f"steps.{identifier}.outcome")
        outputs = {
            key: unknown(f"steps.{identifier}.outputs.{key}")
            for key in outputs
        }
    if identifier:
        local.contexts["steps"][identifier] = {
            "outputs": outputs,
            "outcome": result,
            "conclusion": result,
        }


def _action(
    step: dict[str, Any],
    local: JobScope,
    scope: Scope,
    contexts: dict[str, Any],
    *,
    certain: bool | None,
) -> dict[str, Any]:
    """Follow a step that uses an action; return its outputs."""
    target = fill(step["uses"], contexts)
    bare = target.partition("@")[0]
    given = {
        key: fill(value, contexts)
        for key, value in mapping_of(step.get("with")).items()
    }
    known = images.known_pushes(bare, given, contexts["github"]["ref"])
    if known:
        pushes, outputs = known
        scope.findings.add(pushes, local.name, certain=certain)
        return outputs
    if target.startswith("./") and local.depth < _MAX_CALLS:
        folder = posixpath.normpath(target.removeprefix("./"))
        for name in ("action.yml", "action.yaml"):
            text = scope.read(posixpath.join(folder, name))
            if text is not None:
                action = mapping_of(scope.findings.load(target, text))
                inner = replace(
                    local,
                    contexts=contexts,
                    is_certain=certain,
                    depth=local.depth + 1,
                )
                return _composite(action, inner, scope, given)
    if bare.lower() == "docker/login-action" and certain is not False:
        scope.findings.logins.append(local.name)
    if bare.lower().startswith("goreleaser/"):
        _goreleaser(local, scope)
    if images.is_suspicious_action(bare):
        scope.findings.doubt(
            f"job {local.name} uses {bare}, which may publish images"
        )
    return {}


def _goreleaser(local: JobScope, scope: Scope) -> None:
    """Doubt where GoReleaser may push images, which its settings tell."""
    for path in (".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml"):
        text = scope.read(path)
        if text is not None and "docker" not in text and "kos:" not in text:
            return
    scope.findings.doubt(
        f"job {local.name} runs GoReleaser, which may publish images"
    )


def _composite(
    action: dict[str, Any],
    local: JobScope,
    scope: Scope,
    given: dict[str, str],
) -> dict[str, Any]:
    """Follow the steps of a local composite action; return its outputs."""
    inputs = inputs_of(action.get("inputs"), given)
    local.contexts = {
        **local.contexts,
        "inputs": {key: fill(value, {}) for key, value in inputs.items()},
        "steps": {},
    }
    for step in list_of(mapping_of(action.get("runs")).get("steps")):
        if isinstance(step, dict):
            _step(step, local, scope)
    return outputs_of(action.get("outputs"), local.contexts)


def _run(
    step: dict[str, Any],
    local: JobScope,
    scope: Scope,
    contexts: dict[str, Any],
    *,
    certain: bool | None,
) -> dict[str, Any]:
    """Follow a step that runs a script; return its outputs."""
    text = fill(step.get("run", ""), contexts)
    shell = fill(step.get("shell", local.shell), contexts) or "bash"
    if shell.split()[:1] not in (["bash"], ["sh"]):
        if images.is_suspicious_script(text):
            scope.findings.doubt(
                f"job {local.name} may publish images in a {shell} script"
            )
        return {}
    if not scope.findings.spend(len(text)):
        return {}
    variables = {**local.env, **contexts["env"]}
    variables.pop("*", None)
    script = read_script(text, env=variables)
    pushes = _programs(script, local, scope, certain=certain)
    unread = "\n".join(script.unread) if pushes else text
    if certain is not False and images.is_suspicious_script(unread):
        scope.findings.doubt(
            f"job {local.name} pushes images in a script that does not name"
            " them"
        )
    changes = dict(script.env)
    if certain is None:
        changes = {name: unknown(f"env.{name}") for name in changes}
    local.env.update(changes)
    local.contexts["env"] = {**local.contexts["env"], **changes}
    return dict(script.outputs)


def _programs(
    script: Script, local: JobScope, scope: Scope, *, certain: bool | None
) -> int:
    """Note what the programs that a script starts push; count them."""
    count = 0
    for call in script.calls:
        sure = both(certain, True if call.is_certain else None)
        if call.argv[:2] == ("docker", "login"):
            scope.findings.logins.append(local.name)
        pushes = images.call_pushes(call.argv)
        scope.findings.add(pushes, local.name, certain=sure)
        count += len(pushes)
        if images.is_suspicious_call(call.argv):
            command = show(" ".join(call.argv[:3])[:80])
            scope.findings.doubt(
                f"job {local.name} runs {command}, which may publish images"
            )
            count += 1
    return count
