"""Works out from a repository's own workflow files what would run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .git import Repository
from .scenario import (
    PLATFORMS,
    ImageScript,
    JobScript,
    StepScript,
    Triggers,
    WorkflowScript,
)
from .yamlsubset import parse

__all__ = ["workflow_paths", "workflow_script"]

FOLDER = ".github/workflows"
_IMAGE = re.compile(
    r"(?:[a-z0-9.-]+\.[a-z]{2,}(?::\d+)?|localhost:\d+)/[^\s,:'\"]+"
)


def workflow_paths(git: Repository, commit: str) -> list[str]:
    """List the workflow files of a commit."""
    entry = git.lookup(commit, FOLDER)
    if entry is None:
        return []
    return [
        f"{FOLDER}/{name}"
        for _, kind, _, name in git.tree(entry[2])
        if kind == "blob" and name.endswith((".yml", ".yaml"))
    ]


@lru_cache(maxsize=256)
def _document(content: bytes) -> Any:
    try:
        return parse(content.decode(errors="replace"))
    except (ValueError, IndexError, RecursionError):
        return None


def workflow_script(
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
        What starts it; publishing jobs are skipped for branches.
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
    document = _document(content)
    if not isinstance(document, Mapping):
        # GitHub runs a broken file as far as a startup failure.
        return WorkflowScript(path=path, name=path, startup_failure=True)
    publishes = event == "release" or ref.startswith("refs/tags/")
    jobs: list[JobScript] = []
    images: list[ImageScript] = []
    members: dict[str, tuple[str, ...]] = {}
    specs = document.get("jobs")
    for key, spec in (specs if isinstance(specs, Mapping) else {}).items():
        if not isinstance(spec, Mapping):
            continue
        needs = _needs(spec.get("needs"), members)
        found = _images(spec)
        skipped = _is_skipped(spec, event=event, ref=ref)
        made = _jobs(
            str(key), spec, needs, has_images=bool(found), skipped=skipped
        )
        members[str(key)] = tuple(job.key for job in made)
        jobs += made
        if publishes and not skipped:
            images += [
                ImageScript(name=name, platforms=platforms, job=made[-1].key)
                for name, platforms in found
            ]
    name = document.get("name")
    concurrency = document.get("concurrency")
    group, cancel, queue = None, False, "single"
    if isinstance(concurrency, Mapping):
        group = concurrency.get("group")
        cancel = concurrency.get("cancel-in-progress") is True
        queue = str(concurrency.get("queue") or "single")
    elif concurrency:
        group = concurrency
    return WorkflowScript(
        path=path,
        name=str(name) if name else path,
        on=Triggers.read(document.get("on", document.get("True"))),
        jobs=tuple(jobs),
        images=tuple(images),
        concurrency=_fill_ref(str(group), ref) if group else None,
        cancel_in_progress=cancel,
        queue=queue,
    )


def _fill_ref(text: str, ref: str) -> str:
    text = re.sub(r"\$\{\{\s*github\.ref\s*\}\}", ref, text)
    return re.sub(r"\$\{\{\s*github\.workflow\s*\}\}", "workflow", text)


def _needs(value: Any, members: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if value is None:
        return ()
    names = [value] if isinstance(value, str) else list(value)
    return tuple(key for name in names for key in members.get(str(name), ()))


def _is_skipped(spec: Mapping[str, Any], *, event: str, ref: str) -> bool:
    """Judge the commonest conditions; whatever is unclear runs."""
    condition = spec.get("if")
    if condition is False:
        return True
    if not isinstance(condition, str):
        return False
    text = condition.replace('"', "'")
    is_release = event == "release"
    is_tag = ref.startswith("refs/tags/")
    about = [
        event == known
        for known in re.findall(r"github\.event_name == '(\w+)'", text)
    ]
    about += [
        ref.startswith(prefix)
        for prefix in re.findall(r"startsWith\(github\.ref, '([^']+)'\)", text)
    ]
    if "github.event.action == 'published'" in text:
        about.append(is_release)
    if "github.ref_type == 'tag'" in text:
        about.append(is_tag)
    if not about:
        return False
    return not (any(about) if "||" in text else all(about))


def _jobs(
    key: str,
    spec: Mapping[str, Any],
    needs: tuple[str, ...],
    *,
    has_images: bool,
    skipped: bool,
) -> list[JobScript]:
    label = spec.get("name")
    base = str(label) if isinstance(label, str) else key
    if skipped:
        # An expression in the name of a skipped matrix job stays as it is.
        return [JobScript(name=base, id=key, needs=needs, is_skipped=True)]
    if "uses" in spec:
        if "multiplatform-build-and-push" not in str(spec["uses"]):
            inner = "publish" if has_images else "run"
            return [_job(f"{base} / {inner}", key, needs, 2)]
        builds = [
            _job(
                f"{base} / build ({p})", f"{key}/{p}", needs, 2.5, kind="image"
            )
            for p in PLATFORMS
        ]
        ids = tuple(job.key for job in builds)
        return [*builds, _job(f"{base} / merge", key, ids, 1, kind="merge")]
    names = _matrix(base, spec)
    environment = spec.get("environment")
    if isinstance(environment, Mapping):
        environment = environment.get("name")
    steps = spec.get("steps")
    titles = [
        _title(step)
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, Mapping)
    ]
    return [
        _job(
            name,
            key if len(names) == 1 else f"{key}/{name}",
            needs,
            2,
            titles=titles,
        )
        for name in names
    ]


def _title(step: Mapping[str, Any]) -> str:
    if isinstance(step.get("name"), str):
        return str(step["name"])
    if "uses" in step:
        return f"Run {step['uses']}"
    return "Run " + str(step.get("run", "")).split("\n", 1)[0]


def _matrix(base: str, spec: Mapping[str, Any]) -> list[str]:
    strategy = spec.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
    if not isinstance(matrix, Mapping):
        return [base]
    axes = [
        (str(name), values)
        for name, values in matrix.items()
        if isinstance(values, list) and name not in {"include", "exclude"}
    ]
    names = []
    for values in itertools.product(*(values for _, values in axes)):
        name = base
        for (axis, _), value in zip(axes, values, strict=True):
            pattern = r"\$\{\{\s*matrix\." + re.escape(axis) + r"\s*\}\}"
            name = re.sub(pattern, str(value).replace("\\", r"\\"), name)
        if name == base and values:
            name = f"{base} ({', '.join(str(value) for value in values)})"
        names.append(name)
    return names or [base]


_STEPS = {
    "image": (
        "Set up job",
        "Set up Docker Buildx",
        "Log in to GitHub Container Registry",
        "Build and push by digest",
    ),
    "merge": (
        "Set up job",
        "Download digests",
        "Create manifest list and push",
        "Inspect image",
    ),
}


def _job(
    name: str,
    key: str,
    needs: tuple[str, ...],
    seconds: float,
    *,
    kind: str = "",
    titles: list[str] | None = None,
) -> JobScript:
    given = list(_STEPS.get(kind, ())) or ["Set up job", *(titles or ["Run"])]
    given.append("Complete job")
    each = seconds / len(given)
    return JobScript(
        name=name,
        id=key,
        needs=needs,
        seconds=seconds,
        steps=tuple(StepScript(name=n, seconds=each) for n in given),
    )


def _images(spec: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Find the images that a job pushes, with their platforms."""
    blocks = []
    if "uses" in spec:
        blocks.append((str(spec["uses"]), spec.get("with")))
    steps = spec.get("steps")
    blocks += [
        (str(step["uses"]), step.get("with"))
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, Mapping) and "uses" in step
    ]
    found: dict[str, tuple[str, ...]] = {}
    for uses, given in blocks:
        if not isinstance(given, Mapping) or given.get("push") is False:
            continue
        listed = str(given.get("platforms") or "")
        wanted = tuple(re.findall(r"linux/[a-z0-9/]+", listed))
        if "multiplatform" in uses:
            wanted = wanted or PLATFORMS
        for key in ("images", "tags", "image"):
            text = _fill(str(given.get(key) or ""))
            for name in _IMAGE.findall(text):
                found[name] = wanted or ("linux/amd64",)
            if key == "image" and "ghcr" in uses and text and not found:
                found[f"ghcr.io/{text.strip()}"] = wanted or ("linux/amd64",)
    return list(found.items())


def _fill(text: str) -> str:
    known = {
        "github.repository": "{repository}",
        "github.repository_owner": "{owner}",
        "github.event.repository.name": "{name}",
    }

    def value(match: re.Match[str]) -> str:
        return known.get(match[1], "")

    return re.sub(r"\$\{\{\s*([\w.]+)[^}]*\}\}", value, text)
