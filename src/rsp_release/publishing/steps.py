"""Following the steps of a job."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import images
from .dispatches import action_dispatch, call_dispatch
from .documents import load
from .expressions import condition, fill
from .scope import MAX_CALLS, Scope, environment, inputs_of, outputs_of
from .scripts import Call, read_script
from .unknown import show, unknown
from .values import both, list_of, mapping_of

__all__ = ["follow_steps"]

_STEP = 200
"""What a step costs, in characters of scripts."""

_ANY = unknown("runner")


def follow_steps(job: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Follow the steps of a job.

    Parameters
    ----------
    job
        The job, as the file has it.
    scope
        What holds for it.

    Returns
    -------
    dict
        The outputs of the job.
    """
    # Actions may set variables too.
    env = {"*": unknown("env")}
    run: dict[str, Any] = {}
    for level in (scope.document, job):
        env = environment(level.get("env"), env, scope.contexts)
        run.update(mapping_of(mapping_of(level.get("defaults")).get("run")))
    contexts = {
        **scope.contexts,
        "steps": {},
        "runner": {"os": "Linux", "*": _ANY},
        "env": env,
    }
    shell = fill(run.get("shell", ""), scope.contexts)
    _steps(job, replace(scope, contexts=contexts, shell=shell))
    contexts["env"] = {**env, **scope.exported}
    return {
        key: fill(value, contexts)
        for key, value in mapping_of(job.get("outputs")).items()
    }


def _steps(parent: Mapping[str, Any], scope: Scope) -> None:
    for step in list_of(parent.get("steps")):
        if isinstance(step, dict) and scope.spend(_STEP):
            _step(step, scope)


def _step(step: dict[str, Any], scope: Scope) -> None:
    before = {**scope.contexts["env"], **scope.exported}
    env = environment(step.get("env"), before, scope.contexts)
    contexts = {**scope.contexts, "env": env}
    runs = condition(step.get("if"), contexts)
    identifier = str(step.get("id", ""))
    outputs: dict[str, Any] = {}
    result = "skipped" if runs is False else "success"
    if runs is not False:
        follow = _action if "uses" in step else _run
        certain = both(scope.is_certain, runs)
        inner = replace(scope, contexts=contexts, is_certain=certain)
        outputs = {"*": unknown(f"steps.{identifier}"), **follow(step, inner)}
    if runs is None:
        result = unknown(f"steps.{identifier}.outcome")
        outputs = {
            key: unknown(f"steps.{identifier}.outputs.{key}")
            for key in outputs
        }
    if identifier:
        scope.contexts["steps"][identifier] = {
            "outputs": outputs,
            "outcome": result,
            "conclusion": result,
        }


def _action(step: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Follow a step that uses an action; return its outputs."""
    target = fill(step["uses"], scope.contexts)
    bare = target.partition("@")[0]
    given = {
        key: fill(value, scope.contexts)
        for key, value in mapping_of(step.get("with")).items()
    }
    known = images.known_pushes(
        bare, given, scope.contexts["github"], scope.contexts["env"]
    )
    if known:
        pushes, outputs = known
        scope.add(pushes)
        return outputs
    if target.startswith("./") and scope.depth < MAX_CALLS:
        folder = posixpath.normpath(target.removeprefix("./"))
        for name in ("action.yml", "action.yaml"):
            text = scope.read(posixpath.join(folder, name))
            if text is not None:
                action = mapping_of(load(target, text))
                return _composite(action, scope, given)
    if bare.lower() == "docker/login-action" and scope.is_certain is not False:
        scope.findings.logins.append(scope.name)
    scope.dispatch(action_dispatch(bare, given))
    if bare.lower().startswith("goreleaser/"):
        _goreleaser(scope)
    if images.is_suspicious_action(bare):
        scope.doubt(f"job {scope.name} uses {bare}, which may publish images")
    return {}


def _goreleaser(scope: Scope) -> None:
    """Doubt where GoReleaser may push images, which its settings tell."""
    for path in (".goreleaser.yaml", ".goreleaser.yml", "goreleaser.yaml"):
        text = scope.read(path)
        if text is not None and "docker" not in text and "kos:" not in text:
            return
    scope.doubt(f"job {scope.name} runs GoReleaser, which may publish images")


def _composite(
    action: dict[str, Any], scope: Scope, given: dict[str, str]
) -> dict[str, Any]:
    """Follow the steps of a local composite action; return its outputs."""
    inputs = inputs_of(action.get("inputs"), given)
    contexts = {
        **scope.contexts,
        "inputs": {key: fill(value, {}) for key, value in inputs.items()},
        "steps": {},
    }
    inner = replace(scope, contexts=contexts, depth=scope.depth + 1)
    _steps(mapping_of(action.get("runs")), inner)
    return outputs_of(action.get("outputs"), contexts)


def _run(step: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Follow a step that runs a script; return its outputs."""
    text = fill(step.get("run", ""), scope.contexts)
    shell = fill(step.get("shell", scope.shell), scope.contexts) or "bash"
    if shell.split()[:1] not in (["bash"], ["sh"]):
        if images.is_suspicious_script(text):
            scope.doubt(
                f"job {scope.name} may publish images in a {shell} script"
            )
        return {}
    if not scope.spend(len(text)):
        return {}
    variables = {**_shell_env(scope.contexts), **scope.contexts["env"]}
    variables.pop("*", None)
    script = read_script(text, env=variables)
    has_pushed = [_program(call, scope) for call in script.calls]
    unread = "\n".join(script.unread) if any(has_pushed) else text
    if scope.is_certain is not False and images.is_suspicious_script(unread):
        scope.doubt(
            f"job {scope.name} pushes images in a script that does not name"
            " them"
        )
    for name, value in script.env.items():
        is_set = scope.is_certain is not None
        scope.exported[name] = value if is_set else unknown(f"env.{name}")
    return dict(script.outputs)


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


def _program(call: Call, scope: Scope) -> bool:
    """Note what a program pushes; return whether it does, or may."""
    if call.argv[:2] == ("docker", "login"):
        scope.findings.logins.append(scope.name)
    scope.dispatch(call_dispatch(call.argv), is_certain=call.is_certain)
    pushes = images.call_pushes(call.argv)
    scope.add(pushes, is_certain=call.is_certain)
    is_suspicious = images.is_suspicious_call(call.argv)
    if is_suspicious:
        command = show(" ".join(call.argv[:3])[:80])
        scope.doubt(
            f"job {scope.name} runs {command}, which may publish images"
        )
    return bool(pushes) or is_suspicious
