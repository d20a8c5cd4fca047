"""Following the jobs of a workflow through a run, without running them."""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import images
from .documents import load
from .expressions import condition, fill, fill_all
from .shell import run_script
from .unknown import is_known, unknown

__all__ = ["Findings", "follow"]

_MAX_CALLS = 4
_MAX_COMBINATIONS = 256
_MAX_STEPS = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A push, and the job that does it."""

    push: images.Push
    job: str
    is_certain: bool | None


@dataclass(slots=True)
class Findings:
    """What the jobs of a run push."""

    pushes: list[Found] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    steps: int = 0

    def doubt(self, sentence: str) -> None:
        """Note what could not be worked out, once."""
        if sentence not in self.unsure:
            self.unsure.append(sentence)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What holds for a whole workflow file while it is followed."""

    contexts: dict[str, Any]
    files: Mapping[str, str]
    findings: Findings
    prefix: str
    depth: int
    is_certain: bool | None


@dataclass(slots=True)
class _JobScope:
    """What holds for one job while its steps are followed."""

    name: str
    contexts: dict[str, Any]
    env: dict[str, str]
    is_certain: bool | None
    directory: str = ""
    shell: str = ""


def follow(
    document: Mapping[str, Any],
    *,
    contexts: Mapping[str, Any],
    files: Mapping[str, str],
) -> Findings:
    """Follow a workflow that an event has started.

    Parameters
    ----------
    document
        The workflow.
    contexts
        The contexts ``github``, ``secrets``, ``vars`` and ``inputs``.
    files
        Files of the repository by path: called workflows, local actions and
        scripts, as far as they are there.

    Returns
    -------
    Findings
        What it pushes, and what can't be told.
    """
    findings = Findings()
    scope = _Scope(dict(contexts), files, findings, "", 0, is_certain=True)
    _workflow(document, scope)
    return findings


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _both(first: bool | None, second: bool | None) -> bool | None:
    if False in {first, second}:
        return False
    return None if None in {first, second} else True


def _env(
    declared: Any, before: Mapping[str, str], contexts: dict[str, Any]
) -> dict[str, str]:
    if isinstance(declared, str):
        return {**before, "*": unknown("env")}
    scope = {**contexts, "env": dict(before)}
    return {
        **before,
        **{
            name: fill(value, scope)
            for name, value in _mapping(declared).items()
        },
    }


# -- Workflows and their jobs -----------------------------------------------


def _workflow(document: Mapping[str, Any], scope: _Scope) -> dict[str, Any]:
    """Follow all jobs, in the order that they need each other."""
    env = _env(document.get("env"), {}, scope.contexts)
    waiting = {
        identifier: job
        for identifier, job in _mapping(document.get("jobs")).items()
        if isinstance(job, dict)
    }
    done: dict[str, dict[str, Any]] = {}
    while waiting:
        ready = [
            identifier
            for identifier, job in waiting.items()
            if not any(need in waiting for need in _list(job.get("needs")))
        ]
        if not ready:
            # GitHub refuses a workflow whose jobs wait for each other.
            break
        for identifier in ready:
            job = waiting.pop(identifier)
            needs = {
                str(need): done[str(need)]
                for need in _list(job.get("needs"))
                if str(need) in done
            }
            done[identifier] = _job(
                identifier, job, needs, env, document, scope
            )
    return done


def _job(
    identifier: str,
    job: dict[str, Any],
    needs: dict[str, dict[str, Any]],
    env: dict[str, str],
    document: Mapping[str, Any],
    scope: _Scope,
) -> dict[str, Any]:
    """Follow one job; return what ``needs`` of others see of it."""
    ran = [need["*ran*"] for need in needs.values()]
    success: Any = False if False in ran else True
    if success and None in ran:
        success = unknown("needs")
    contexts = {
        **scope.contexts,
        "needs": {
            name: {key: need[key] for key in ("result", "outputs")}
            for name, need in needs.items()
        },
        "*status*": {
            "success": success,
            "always": True,
            "failure": False,
            "cancelled": False,
        },
    }
    runs = condition(job.get("if"), contexts)
    if runs is False:
        return {"result": "skipped", "outputs": {}, "*ran*": False}
    contexts["*status*"] = {**contexts["*status*"], "success": True}
    certain = _both(scope.is_certain, runs)
    outputs: dict[str, Any] = {}
    combinations = _combinations(job, contexts)
    for number, matrix in enumerate(combinations):
        inner = {**contexts, "matrix": matrix, "strategy": {"*": _ANY}}
        name = _job_name(identifier, job, inner, scope)
        if "uses" in job:
            made = _called(name, job, inner, certain, scope)
        else:
            made = _steps_of_job(
                name, job, inner, env, certain, document, scope
            )
        for key, value in made.items():
            if number and outputs.get(key) != value:
                outputs[key] = unknown(key)
            else:
                outputs[key] = value
    result = "success" if runs else unknown(f"needs.{identifier}.result")
    if runs is None:
        outputs = {key: unknown(f"needs.{key}") for key in outputs}
    return {"result": result, "outputs": outputs, "*ran*": runs}


_ANY = unknown("strategy")


def _job_name(
    identifier: str,
    job: Mapping[str, Any],
    contexts: dict[str, Any],
    scope: _Scope,
) -> str:
    name = fill(job["name"], contexts) if job.get("name") else identifier
    return scope.prefix + (name if is_known(name) else identifier)


def _combinations(
    job: Mapping[str, Any], contexts: dict[str, Any]
) -> list[dict[str, Any]]:
    """Expand a matrix, with what it includes and excludes."""
    matrix = fill_all(_mapping(job.get("strategy")).get("matrix"), contexts)
    if matrix is None:
        return [{}]
    open_matrix: list[dict[str, Any]] = [{"*": unknown("matrix")}]
    if not isinstance(matrix, dict):
        return open_matrix
    includes = matrix.get("include", [])
    excludes = matrix.get("exclude", [])
    axes = {
        key: value
        for key, value in matrix.items()
        if key not in {"include", "exclude"}
    }
    if not all(isinstance(value, list) for value in axes.values()):
        return open_matrix
    if not isinstance(includes, list) or not isinstance(excludes, list):
        return open_matrix
    count = 1
    for values in axes.values():
        count *= len(values)
    if count * (len(includes) + 1) > _MAX_COMBINATIONS:
        return open_matrix
    found = (
        [
            dict(zip(axes, values, strict=True))
            for values in itertools.product(*axes.values())
        ]
        if axes
        else []
    )
    found = [
        combination
        for combination in found
        if not any(
            _mapping(rule)
            and all(combination.get(k) == v for k, v in rule.items())
            for rule in excludes
        )
    ]
    originals = [dict(combination) for combination in found]
    for include in includes:
        extra = _mapping(include)
        fits = [
            combination
            for combination, original in zip(found, originals, strict=False)
            if all(original.get(k, v) == v for k, v in extra.items())
        ]
        for combination in fits:
            combination.update(extra)
        if not fits:
            found.append(dict(extra))
    return found


def _called(
    name: str,
    job: Mapping[str, Any],
    contexts: dict[str, Any],
    certain: bool | None,
    scope: _Scope,
) -> dict[str, Any]:
    """Follow a job that calls a reusable workflow; return its outputs."""
    target = str(job["uses"])
    given = _mapping(fill_all(_mapping(job.get("with")), contexts))
    texts = {key: fill(value, {}) for key, value in given.items()}
    bare = target.partition("@")[0]
    ref = str(_mapping(contexts.get("github")).get("ref", ""))
    known = images.reusable_pushes(bare, texts, ref)
    if known:
        push, inner, outputs = known
        scope.findings.pushes.append(
            Found(
                push=push,
                job=f"{name} / {inner}",
                is_certain=_both(certain, push.is_certain),
            )
        )
        return dict(outputs)
    text = scope.files.get(target.removeprefix("./"), "")
    if target.startswith("./") and text and scope.depth < _MAX_CALLS:
        document = _mapping(load(target, text))
        on = _mapping(document.get("on"))
        declared = _mapping(on.get("workflow_call"))
        inputs = _inputs(_mapping(declared.get("inputs")), given)
        inner_scope = _Scope(
            {
                "github": contexts["github"],
                "vars": contexts["vars"],
                "secrets": {"*": unknown("secrets")},
                "inputs": inputs,
            },
            scope.files,
            scope.findings,
            f"{name} / ",
            scope.depth + 1,
            certain,
        )
        done = _workflow(document, inner_scope)
        results = {**inner_scope.contexts, "jobs": done}
        return {
            key: fill(_mapping(output).get("value"), results)
            for key, output in _mapping(declared.get("outputs")).items()
        }
    if target.startswith("./") or images.is_suspicious_action(bare):
        scope.findings.doubt(
            f"job {name} calls {target}, which may publish images"
        )
    return {"*": unknown(f"needs.{name}")}


def _inputs(
    declared: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the inputs of a called workflow or action."""
    inputs = dict(given)
    for name, description in declared.items():
        if inputs.get(name) is None:
            details = _mapping(description)
            empty = {"boolean": False, "number": 0}
            kind = str(details.get("type", "string"))
            inputs[name] = details.get("default", empty.get(kind, ""))
    return inputs


# -- Steps ------------------------------------------------------------------


def _steps_of_job(
    name: str,
    job: Mapping[str, Any],
    contexts: dict[str, Any],
    env: dict[str, str],
    certain: bool | None,
    document: Mapping[str, Any],
    scope: _Scope,
) -> dict[str, Any]:
    """Follow the steps of a job; return its outputs."""
    github_env = _shell_env(contexts)
    job_env = _env(job.get("env"), env, contexts)
    run: dict[str, Any] = {}
    for level in (document, job):
        run.update(_mapping(_mapping(level.get("defaults")).get("run")))
    local = _JobScope(
        name,
        {**contexts, "steps": {}, "runner": {"os": "Linux", "*": _ANY}},
        {**github_env, **job_env},
        certain,
        directory=fill(run.get("working-directory", ""), contexts),
        shell=fill(run.get("shell", ""), contexts),
    )
    local.contexts["env"] = job_env
    for step in _list(job.get("steps")):
        if isinstance(step, dict):
            _step(step, local, scope, depth=0)
    return {
        key: fill(value, local.contexts)
        for key, value in _mapping(job.get("outputs")).items()
    }


def _shell_env(contexts: Mapping[str, Any]) -> dict[str, str]:
    github = _mapping(contexts.get("github"))
    names = (
        "ref", "ref_name", "ref_type", "repository", "repository_owner",
        "head_ref", "base_ref", "event_name", "sha", "server_url",
    )  # fmt: skip
    return {
        **{f"GITHUB_{name.upper()}": str(github[name]) for name in names},
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": "/github/workspace",
        "CI": "true",
        "RUNNER_OS": "Linux",
    }


def _step(
    step: dict[str, Any], local: _JobScope, scope: _Scope, *, depth: int
) -> None:
    scope.findings.steps += 1
    if scope.findings.steps > _MAX_STEPS:
        if scope.findings.steps == _MAX_STEPS + 1:
            scope.findings.doubt("the workflow has too many steps to follow")
        return
    env = _env(step.get("env"), local.contexts["env"], local.contexts)
    contexts = {**local.contexts, "env": env}
    runs = condition(step.get("if"), contexts)
    identifier = str(step.get("id", ""))
    if runs is False:
        if identifier:
            local.contexts["steps"][identifier] = {
                "outputs": {},
                "outcome": "skipped",
                "conclusion": "skipped",
            }
        return
    certain = _both(local.is_certain, runs)
    if "uses" in step:
        outputs = _action(step, contexts, certain, local, scope, depth)
    else:
        outputs = _run(step, contexts, env, certain, local, scope)
    if runs is None:
        outputs = {
            key: unknown(f"steps.{identifier}.outputs.{key}")
            for key in outputs
        }
    if identifier:
        result = "success" if runs else unknown(f"steps.{identifier}.outcome")
        local.contexts["steps"][identifier] = {
            "outputs": outputs,
            "outcome": result,
            "conclusion": result,
        }


def _add(
    push: images.Push, local: _JobScope, certain: bool | None, scope: _Scope
) -> None:
    scope.findings.pushes.append(
        Found(
            push=push,
            job=local.name,
            is_certain=_both(certain, push.is_certain),
        )
    )


def _action(
    step: dict[str, Any],
    contexts: dict[str, Any],
    certain: bool | None,
    local: _JobScope,
    scope: _Scope,
    depth: int,
) -> dict[str, Any]:
    """Follow a step that uses an action; return its outputs."""
    target = fill(step["uses"], contexts)
    bare = target.partition("@")[0]
    given = {
        key: fill(value, contexts)
        for key, value in _mapping(step.get("with")).items()
    }
    open_outputs = {"*": unknown(f"steps.{step.get('id', '')}")}
    known = images.action_pushes(
        bare, given, str(contexts["github"].get("ref", ""))
    )
    if known:
        pushes, outputs = known
        for push in pushes:
            _add(push, local, certain, scope)
        return {**open_outputs, **outputs}
    if target.startswith("./"):
        folder = posixpath.normpath(target.removeprefix("./"))
        for name in ("action.yml", "action.yaml"):
            text = scope.files.get(posixpath.join(folder, name))
            if text is not None and depth < _MAX_CALLS:
                return _composite(
                    load(target, text), given, contexts, certain, local,
                    scope, depth,
                )  # fmt: skip
    if images.is_suspicious_action(bare):
        scope.findings.doubt(
            f"job {local.name} uses {bare}, which may publish images"
        )
    return open_outputs


def _composite(
    action: Any,
    given: dict[str, str],
    contexts: dict[str, Any],
    certain: bool | None,
    local: _JobScope,
    scope: _Scope,
    depth: int,
) -> dict[str, Any]:
    """Follow the steps of a local composite action."""
    document = _mapping(action)
    runs = _mapping(document.get("runs"))
    inputs = _inputs(_mapping(document.get("inputs")), given)
    inner = _JobScope(
        local.name,
        {
            **contexts,
            "inputs": {key: fill(value, {}) for key, value in inputs.items()},
            "steps": {},
        },
        local.env,
        certain,
    )
    for step in _list(runs.get("steps")):
        if isinstance(step, dict):
            _step(step, inner, scope, depth=depth + 1)
    return {
        "*": unknown("outputs"),
        **{
            key: fill(_mapping(output).get("value"), inner.contexts)
            for key, output in _mapping(document.get("outputs")).items()
        },
    }


def _run(
    step: dict[str, Any],
    contexts: dict[str, Any],
    env: dict[str, str],
    certain: bool | None,
    local: _JobScope,
    scope: _Scope,
) -> dict[str, Any]:
    """Follow a step that runs a script; return its outputs."""
    text = fill(step.get("run", ""), contexts)
    open_outputs = {"*": unknown(f"steps.{step.get('id', '')}")}
    shell = fill(step.get("shell", local.shell), contexts) or "bash"
    if shell.split()[:1] not in (["bash"], ["sh"]):
        if images.is_suspicious_script(text):
            scope.findings.doubt(
                f"job {local.name} may publish images in a {shell} script"
            )
        return open_outputs
    folder = fill(step.get("working-directory", local.directory), contexts)
    files = _relative(scope.files, folder)
    variables = {
        name: value
        for name, value in {**local.env, **env}.items()
        if name != "*"
    }
    script = run_script(text, env=variables, files=files)
    if not script.is_readable:
        if images.is_suspicious_script(text):
            scope.findings.doubt(
                f"job {local.name} publishes images in a script that"
                " could not be followed"
            )
        return open_outputs
    for call in script.calls:
        sure = _both(certain, True if call.is_certain else None)
        for push in images.call_pushes(call.argv):
            _add(push, local, sure, scope)
        if images.is_suspicious_call(call.argv):
            command = " ".join(call.argv[:3])[:80]
            scope.findings.doubt(
                f"job {local.name} runs {command}, which may publish images"
            )
    changes = dict(script.env)
    if certain is None:
        changes = {name: unknown(f"env.{name}") for name in changes}
    local.env.update(changes)
    local.contexts["env"] = {**local.contexts["env"], **changes}
    return {**open_outputs, **script.outputs}


def _relative(files: Mapping[str, str], folder: str) -> Mapping[str, str]:
    """Return files by their paths as seen from a folder."""
    if not folder or folder in {".", "./"} or not is_known(folder):
        return files
    start = posixpath.normpath(folder.removeprefix("/github/workspace/"))
    return {
        posixpath.relpath(path, start): text for path, text in files.items()
    }
