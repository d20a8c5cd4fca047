"""Checks of the workflow that publishes the images."""

from __future__ import annotations

import posixpath
import re
import shlex
from typing import Any

from ..exceptions import NotAllowedError, ReleaseError
from ..models.naming import name_first
from ..publishing import explain_absence
from ..publishing.candidates import find_candidates
from ..publishing.documents import load
from ..publishing.published import dockerfiles_of, jobs_of
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts
from .workflow_file import document_of

__all__ = [
    "check_condition",
    "check_dockerfile",
    "check_enabled",
    "check_once",
    "check_publishes",
    "check_queue",
    "check_types",
]

_PER_REF = re.compile(
    r"github\.(?:ref|ref_name|head_ref|sha|run_id|event\.release\.\w+)\b"
)
"""What makes a concurrency group one of its own for each release."""


# -- The workflow -----------------------------------------------------------


def check_publishes(facts: Facts) -> Finding:
    """Tell whether a workflow publishes images at a release."""
    config = facts.config
    if config is not None and config.images == ():
        return ok("the settings say that there are no images")
    publication = facts.publication()
    if publication is None:
        return _explain(facts)
    if not publication.workflow:
        return problem(
            "no workflow publishes the images that the settings name",
            "set `workflow` in the settings, or let one publish them",
        )
    if not publication.images and publication.unsure:
        return unknown(
            f"{publication.workflow}: {publication.unsure[0]}",
            "name the images with the setting `images`",
        )
    if not publication.images:
        return unknown(
            f"which images {publication.workflow} publishes",
            "name them with the setting `images`",
        )
    names = list(dict.fromkeys(i.name for i in publication.images))
    assumed = any(image.is_assumed for image in publication.images)
    return ok(
        f"{publication.workflow} publishes {name_first(names)} on"
        f" {publication.event}" + (" (tag assumed)" if assumed else "")
    )


def _explain(facts: Facts) -> Finding:
    if _skipped_jobs(facts):
        return ok("a workflow starts when a release is published")
    sentences = explain_absence(
        facts.workflows(),
        repository=facts.proposal.repository,
        tag=facts.proposal.tag,
        read=facts.text if facts.world.files else None,
    )
    if sentences:
        return problem(
            sentences[0],
            "start it with `release:` and `types: [published]` under `on:`",
        )
    return problem(
        "no workflow publishes images when a release is published",
        "add one, or say with `images = []` in the settings that there are"
        " none",
        command="rsp-release init",
    )


def check_condition(facts: Facts) -> Finding:
    """Tell whether the publishing jobs run for a release."""
    if facts.publication() is not None:
        return ok("the publishing jobs run for a release")
    skipped = _skipped_jobs(facts)
    if not skipped:
        return ok("no publishing job is skipped")
    path, jobs = skipped
    return problem(
        f"{path} starts on a release, but the `if:` of {name_first(jobs)}"
        " skips what publishes",
        "let the condition hold for github.event_name == 'release'",
    )


def _skipped_jobs(facts: Facts) -> tuple[str, list[str]] | None:
    """Find jobs that would publish, were it not for a condition."""

    def read() -> tuple[str, list[str]] | None:
        for path, text in sorted(facts.workflows().items()):
            try:
                document = load(path, text)
                freed, names = _free(document)
                if not names:
                    continue
                found = find_candidates(
                    path, freed, repository=facts.proposal.repository,
                    tag=facts.proposal.tag, read=lambda _: None,
                )  # fmt: skip
            except (ReleaseError, RecursionError):
                continue
            if any(candidate.images for candidate in found):
                return path, names
        return None

    return facts.once("skipped", read)


def _free(document: Any) -> tuple[Any, list[str]]:
    """Return a workflow without conditions, and the jobs that had some."""
    names: list[str] = []
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, dict):
        return document, names
    free: dict[str, Any] = {}
    for name, job in jobs.items():
        if not isinstance(job, dict):
            continue
        changed = {key: value for key, value in job.items() if key != "if"}
        steps = job.get("steps")
        has_condition = "if" in job
        if isinstance(steps, list):
            changed["steps"] = [
                {k: v for k, v in step.items() if k != "if"}
                if isinstance(step, dict)
                else step
                for step in steps
            ]
            has_condition = has_condition or changed["steps"] != steps
        if has_condition:
            names.append(name)
        free[name] = changed
    return {**document, "jobs": free}, names


def check_enabled(facts: Facts) -> Finding:
    """Tell whether that workflow is enabled."""
    publication = facts.publication()
    if publication is None or not publication.workflow:
        return ok("there is no publishing workflow to enable")
    path = publication.workflow
    try:
        state = facts.workflow_state(path)
    except NotAllowedError as e:
        return unknown(f"whether {path} is enabled: {e.message}", e.help)
    if state == "active":
        return ok(f"{path} is enabled")
    if state is None:
        return warning(
            f"GitHub does not know {path} yet",
            f"it must be on {facts.proposal.default_branch}",
        )
    name = posixpath.basename(path)
    return problem(
        f"{path} does not run: its state is {state}",
        "enable it",
        command=(
            f"gh workflow enable {shlex.quote(name)}"
            f" --repo {facts.proposal.repository}"
        ),
    )


def check_once(facts: Facts) -> Finding:
    """Tell whether everything is published once only."""
    publication = facts.publication()
    document = document_of(facts, publication)
    if publication is None or document is None:
        return ok("nothing is published twice")
    found = find_candidates(
        publication.workflow, document, repository=facts.proposal.repository,
        tag=facts.proposal.tag, read=lambda _: None,
    )  # fmt: skip
    events = {c.event for c in found if c.images or c.jobs}
    if events == {"release", "push"}:
        return problem(
            f"{publication.workflow} publishes twice: when the tag is pushed,"
            " and when the release is published",
            "keep one: `release` with `types: [published]`, and"
            " `branches: [...]` or nothing under `push`",
        )
    twice = [s for s in publication.unsure if "publishes images too" in s]
    if twice:
        return warning(twice[0], "let one workflow publish")
    return ok(f"{publication.workflow} publishes on {publication.event} only")


def check_types(facts: Facts) -> Finding:
    """Tell whether a release starts that workflow once."""
    publication = facts.publication()
    document = document_of(facts, publication)
    if publication is None or document is None:
        return ok("no release starts a workflow that publishes")
    on = document.get("on")
    if publication.event != "release":
        return ok(f"{publication.workflow} is started by the tag")
    release = on.get("release") if isinstance(on, dict) else None
    types = release.get("types") if isinstance(release, dict) else None
    if isinstance(types, str):
        types = [types]
    remedy = "write `types: [published]` under `release:`"
    if types is None:
        return problem(
            f"one release starts {publication.workflow} up to three times:"
            " created, published, released",
            remedy,
        )
    started = sorted({"created", "published", "released"} & set(types))
    if len(started) > 1:
        return problem(
            f"one release starts {publication.workflow} {len(started)}"
            f" times: {name_first(started)}",
            remedy,
        )
    if "published" not in types:
        return warning(
            f"{publication.workflow} is started by {name_first(types)}, which"
            " not every release is",
            remedy,
        )
    return ok(f"{publication.workflow} is started once, when published")


def check_queue(facts: Facts) -> Finding:
    """Tell whether another run may cancel the one that publishes.

    By default a newer run cancels the one that waits in the same group.
    https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
    """
    publication = facts.publication()
    document = document_of(facts, publication)
    if publication is None or document is None:
        return ok("no publishing run can be cancelled")
    groups = [document.get("concurrency")]
    groups += [
        job.get("concurrency") for _, job in jobs_of(document, publication)
    ]
    for group in filter(None, groups):
        name = group.get("group") if isinstance(group, dict) else group
        if _PER_REF.search(str(name)):
            continue
        options = group if isinstance(group, dict) else {}
        where = f"the concurrency group {str(name)!r:.60} in"
        where += f" {publication.workflow}"
        if options.get("cancel-in-progress") not in (None, False):
            return problem(
                f"{where} cancels a run that publishes when another starts",
                "take out `cancel-in-progress`, and write `queue: max`",
            )
        if options.get("queue") != "max":
            return warning(
                f"{where} lets one run wait; a newer one cancels it",
                "write `queue: max` beside its name",
            )
    return ok("no other run cancels the one that publishes")


def check_dockerfile(facts: Facts) -> Finding:
    """Tell whether there is what the image is built from."""
    publication = facts.publication()
    document = document_of(facts, publication)
    if publication is None or document is None:
        return ok("nothing says what is built")
    for paths in dockerfiles_of(document, publication):
        if any("${{" in path for path in paths):
            continue
        if not any(facts.text(path) is not None for path in paths):
            return problem(
                f"{publication.workflow} builds from {paths[0]}, which is"
                " not there",
                "write and commit it",
                command="rsp-release init"
                if paths[0] == "Dockerfile"
                else None,
            )
        return ok(f"the image is built from {paths[0]}")
    return ok("nothing says which Dockerfile is built from")
