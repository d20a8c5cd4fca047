"""Following the jobs of a workflow through a run, without running them."""

from __future__ import annotations

import itertools
import math
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import images
from .documents import load
from .expressions import condition, fill, fill_all
from .scope import MAX_CALLS, Scope, inputs_of, outputs_of
from .steps import follow_steps
from .unknown import is_known, unknown
from .values import both, list_of, mapping_of

__all__ = ["follow"]

_MAX_COMBINATIONS = 256
_MAX_JOBS = 1000
_JOB = 300
"""What a job costs, in characters of scripts."""


def follow(scope: Scope) -> dict[str, Any]:
    """Follow a workflow that an event has started, or that is called.

    All jobs are followed, in the order that they need each other.

    Parameters
    ----------
    scope
        The workflow, and what its expressions see: the contexts ``github``
        and ``inputs``; all others are unknown. What it pushes is noted in the
        scope's findings, and so is what can't be told.

    Returns
    -------
    dict
        What ``needs`` and ``jobs`` show of each job.
    """
    waiting = {
        identifier: job
        for identifier, job in mapping_of(scope.document.get("jobs")).items()
        if isinstance(job, dict)
    }
    if len(waiting) > _MAX_JOBS:
        scope.doubt("the workflow has too many jobs to follow")
        return {}
    done: dict[str, dict[str, Any]] = {}
    while waiting:
        ready = [
            identifier
            for identifier, job in waiting.items()
            if not any(str(n) in waiting for n in list_of(job.get("needs")))
        ]
        if not ready:
            # GitHub refuses a workflow whose jobs wait for each other.
            break
        for identifier in ready:
            job = waiting.pop(identifier)
            needs = {
                str(need): done[str(need)]
                for need in list_of(job.get("needs"))
                if str(need) in done
            }
            done[identifier] = _job(identifier, job, scope, needs)
    return done


def _job(
    identifier: str,
    job: dict[str, Any],
    scope: Scope,
    needs: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Follow one job; return what ``needs`` of others see of it."""
    if not scope.spend(_JOB):
        return {"result": unknown("needs"), "outputs": {}, "*ran*": None}
    ran = both(*(need["*ran*"] for need in needs.values()))
    contexts = {
        **scope.contexts,
        "needs": {
            name: {key: need[key] for key in ("result", "outputs")}
            for name, need in needs.items()
        },
        "*status*": {
            "success": unknown("needs") if ran is None else ran,
            "always": True,
            "failure": False,
            "cancelled": False,
        },
    }
    runs = condition(job.get("if"), contexts)
    if runs is False:
        return {"result": "skipped", "outputs": {}, "*ran*": False}
    contexts["*status*"] = {**contexts["*status*"], "success": True}
    outputs: dict[str, Any] = {}
    for number, matrix in enumerate(_combinations(job, contexts)):
        inner = {**contexts, "matrix": matrix}
        name = fill(job.get("name") or identifier, inner)
        inner_scope = replace(
            scope,
            contexts=inner,
            name=scope.name + (name if is_known(name) else identifier),
            is_certain=both(scope.is_certain, runs),
            exported={},
        )
        follow_job = _called if "uses" in job else follow_steps
        made = follow_job(job, inner_scope)
        for key, value in made.items():
            if number and outputs.get(key) != value:
                outputs[key] = unknown(key)
            else:
                outputs[key] = value
    result = "success" if runs else unknown(f"needs.{identifier}.result")
    if runs is None:
        outputs = {key: unknown(f"needs.{key}") for key in outputs}
    return {"result": result, "outputs": outputs, "*ran*": runs}


def _combinations(
    job: Mapping[str, Any], contexts: dict[str, Any]
) -> list[dict[str, Any]]:
    """Expand a matrix, with what it includes and excludes."""
    matrix = fill_all(mapping_of(job.get("strategy")).get("matrix"), contexts)
    if matrix is None:
        return [{}]
    axes = dict(mapping_of(matrix))
    includes, excludes = axes.pop("include", []), axes.pop("exclude", [])
    lists = [includes, excludes, *axes.values()]
    if (
        not isinstance(matrix, dict)
        or not all(isinstance(values, list) for values in lists)
        or math.prod(map(len, axes.values())) * (len(includes) + 1)
        > _MAX_COMBINATIONS
    ):
        return [{"*": unknown("matrix")}]
    found = [
        dict(zip(axes, values, strict=True))
        for values in itertools.product(*axes.values())
        if axes
    ]
    found = [
        combination
        for combination in found
        if not any(
            mapping_of(rule) and rule.items() <= combination.items()
            for rule in excludes
        )
    ]
    originals = [dict(combination) for combination in found]
    for include in includes:
        extra = mapping_of(include)
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


def _called(job: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """Follow a job that calls a reusable workflow; return its outputs."""
    target, contexts = str(job["uses"]), scope.contexts
    given = mapping_of(fill_all(mapping_of(job.get("with")), contexts))
    texts = {key: fill(value, {}) for key, value in given.items()}
    bare = target.partition("@")[0]
    known = images.known_pushes(bare, texts, contexts["github"])
    if known:
        pushes, outputs = known
        scope.add(pushes)
        return dict(outputs)
    text = scope.read(posixpath.normpath(bare)) if bare[:2] == "./" else None
    if text is not None and scope.depth < MAX_CALLS:
        document = mapping_of(load(bare, text))
        on = mapping_of(document.get("on"))
        declared = mapping_of(on.get("workflow_call"))
        inner = replace(
            scope,
            document=document,
            contexts={
                "github": contexts["github"],
                "inputs": inputs_of(declared.get("inputs"), given),
            },
            name=f"{scope.name} / ",
            depth=scope.depth + 1,
        )
        results = {**inner.contexts, "jobs": follow(inner)}
        return outputs_of(declared.get("outputs"), results)
    if scope.is_certain is not False:
        # Secrets may be handed on, so its permissions tell nothing.
        scope.doubt(
            f"job {scope.name} calls {target}, which may publish images"
        )
    return {"*": unknown(f"needs.{scope.name}")}
