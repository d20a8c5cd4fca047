"""Reads workflow files: their names, triggers and jobs.

What a run publishes is not read from them: the sandbox is told.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .git import Repository
from .scenario import JobScript, Triggers, WorkflowScript, steps_of

__all__ = ["load_yaml", "read_workflow", "workflow_paths"]

FOLDER = ".github/workflows"


def workflow_paths(git: Repository, commit: str) -> list[str]:
    """List the workflow files of a commit."""
    entry = git.lookup(commit, FOLDER)
    return [
        f"{FOLDER}/{name}"
        for _, kind, _, name in (git.tree(entry[2]) if entry else ())
        if kind == "blob" and name.endswith((".yml", ".yaml"))
    ]


@lru_cache(maxsize=256)
def load_yaml(content: bytes) -> Any:
    """Read YAML; `None` where it is none."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(content)
    except (YAMLError, ValueError, RecursionError):
        return None


def read_workflow(
    git: Repository, commit: str, path: str, *, event: str, ref: str
) -> WorkflowScript | None:
    """Read a workflow file and script a plausible run of it.

    Parameters
    ----------
    git
        The repository.
    commit
        The commit whose file counts.
    path
        The file.
    event
        What starts it.
    ref
        The full ref.

    Returns
    -------
    WorkflowScript or None
        The script, or `None` if there is no such file.
    """
    content = git.file(commit, path)
    if content is None:
        return None
    document = load_yaml(content)
    if not isinstance(document, Mapping):
        # GitHub runs a broken file as far as a startup failure.
        return WorkflowScript(path=path, name=path, startup_failure=True)
    concurrency = document.get("concurrency")
    if not isinstance(concurrency, Mapping):
        concurrency = {"group": concurrency}
    group = str(concurrency.get("group") or "")
    known = {"github.ref": ref, "github.workflow": "workflow"}
    group = _fill(group, known)
    if "${{" in group:
        # Most such groups tell runs apart by what started them.
        group += f" {event} {ref}"
    return WorkflowScript(
        path=path,
        name=str(document.get("name") or path),
        on=Triggers.read(document.get("on")),
        jobs=_jobs(document.get("jobs"), event, ref),
        concurrency=group or None,
        cancel_in_progress=concurrency.get("cancel-in-progress") is True,
        queue=str(concurrency.get("queue") or "single"),
    )


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of the expressions that are no more than a name."""
    return re.sub(
        r"\$\{\{\s*([\w.]+)\s*\}\}",
        lambda match: values.get(match[1], match[0]),
        text,
    )


def _jobs(specs: Any, event: str, ref: str) -> tuple[JobScript, ...]:
    made: dict[str, list[JobScript]] = {}
    for key, spec in (specs if isinstance(specs, Mapping) else {}).items():
        if not isinstance(spec, Mapping):
            continue
        label, needs = spec.get("name"), spec.get("needs") or ()
        name = label if isinstance(label, str) else str(key)
        skipped = _is_skipped(spec.get("if"), event, ref)
        names = [name]
        if not skipped:
            # What a called workflow holds is not looked up.
            called = "uses" in spec
            names = [f"{name} / run"] if called else _matrix(name, spec)
        made[str(key)] = [
            JobScript(
                name=each,
                id=str(key) if len(names) == 1 else f"{key}/{each}",
                needs=tuple(
                    job.key
                    for need in ([needs] if isinstance(needs, str) else needs)
                    for job in made.get(str(need), ())
                ),
                steps=steps_of(2, *_titles(spec.get("steps"))),
                is_skipped=skipped,
            )
            for each in names
        ]
    return tuple(itertools.chain.from_iterable(made.values()))


_COMPARED = re.compile(
    r"(github\.[\w.]+) == '([^']*)'|startsWith\(github\.ref, '([^']+)'\)"
)


def _is_skipped(condition: Any, event: str, ref: str) -> bool:
    """Judge the commonest conditions; whatever is unclear runs."""
    if not isinstance(condition, str):
        return condition is False
    values = {
        "github.event_name": event,
        "github.event.action": "published" if event == "release" else "",
        "github.ref_type": "tag" if ref.startswith("refs/tags/") else "branch",
    }
    found = [
        ref.startswith(prefix) if prefix else values[name] == value
        for name, value, prefix in _COMPARED.findall(condition)
        if prefix or name in values
    ]
    if not found:
        return False
    return not (any(found) if "||" in condition else all(found))


def _titles(steps: Any) -> Sequence[str]:
    found = [
        str(step.get("name") or f"Run {step.get('uses') or step.get('run')}")
        for step in (steps if isinstance(steps, list) else ())
        if isinstance(step, Mapping)
    ]
    titles = [title.split("\n", 1)[0] for title in found]
    return ["Set up job", *(titles or ["Run"]), "Complete job"]


def _matrix(base: str, spec: Mapping[str, Any]) -> list[str]:
    strategy = spec.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    axes = {
        f"matrix.{name}": [str(value) for value in values]
        for name, values in (
            matrix.items() if isinstance(matrix, Mapping) else ()
        )
        if isinstance(values, list) and name not in {"include", "exclude"}
    }
    names = []
    for values in itertools.product(*axes.values()):
        name = _fill(base, dict(zip(axes, values, strict=True)))
        if name == base and values:
            name = f"{base} ({', '.join(values)})"
        names.append(name)
    return names or [base]
