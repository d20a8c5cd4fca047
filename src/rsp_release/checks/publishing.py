"""Checks of the workflow that publishes the images."""

from __future__ import annotations

import posixpath
import re
from contextlib import suppress
from typing import Any

from ..exceptions import ReleaseError
from ..models import Publication
from ..models.naming import name_first
from ..publishing import explain_absence
from ..publishing.published import dockerfiles_of
from ..publishing.triggers import release_actions
from ..publishing.values import list_of, mapping_of
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts, once
from .workflow_file import Workflow, of_publishing_workflow, read_workflow

__all__ = [
    "check_condition",
    "check_dockerfile",
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
    """Tell whether a workflow publishes images at a release.

    Blocks where the settings name images, or the previous version published
    some, and no workflow publishes them now: the release would lack them.
    """
    if facts.config.images == ():
        return ok("no images, according to the settings")
    publication = facts.publication()
    if publication is None:
        return _explain(facts)
    if not publication.workflow:
        return problem(
            "no workflow publishes the images in the settings",
            "set `workflow` in the settings, or add a workflow that"
            " publishes them",
        )
    if not publication.images:
        return _cannot_tell(publication)
    names = list(dict.fromkeys(i.name for i in publication.images))
    after = publication.after.workflow if publication.after else ""
    assumed = any(image.is_assumed for image in publication.images)
    return ok(
        f"{publication.workflow} publishes {name_first(names)} on"
        f" {publication.event}"
        + (f", after {posixpath.basename(after)}" if after else "")
        + (" (tag assumed)" if assumed else "")
    )


def _cannot_tell(publication: Publication) -> Finding:
    """Say why nobody knows what the workflow publishes."""
    path = publication.workflow
    why = f": {publication.unsure[0]}" if publication.unsure else ""
    return unknown(
        f"cannot tell which images {path} publishes{why}",
        "list them in the setting `images`",
    )


def _explain(facts: Facts) -> Finding:
    if _skipped_jobs(facts):
        return ok("a workflow starts when a release is published")
    absences = explain_absence(
        facts.workflows(),
        repository=facts.proposal.repository,
        tag=facts.proposal.tag,
        read=facts.text,
    )
    if absences:
        return _miss(facts, absences[0].sentence, absences[0].help)
    return _miss(
        facts,
        "no workflow publishes images when a release is published",
        "set `images = []` if there are no images, or add one",
        command="rsp-release init",
    )


def _miss(
    facts: Facts, text: str, remedy: str, command: str | None = None
) -> Finding:
    """Say why nothing is published; there may be nothing to publish."""
    names = dict.fromkeys(i.name for i in facts.published_before())
    if not names:
        return warning(text, remedy, command=command)
    tag, had = facts.proposal.previous_tag, name_first(list(names))
    return problem(f"{text}; {tag} published {had}", remedy, command=command)


def check_condition(facts: Facts) -> Finding:
    """Tell whether the publishing jobs run for a release.

    Blocks where a condition skips them and the previous version published
    images: the release would lack them.
    """
    publication = facts.publication()
    if publication is not None:
        if publication.workflow and not publication.images:
            return _cannot_tell(publication)
        return ok("the publishing jobs run for a release")
    skipped = _skipped_jobs(facts)
    if not skipped:
        return ok("no publishing job is skipped")
    path, jobs = skipped
    return _miss(
        facts,
        f"{path} starts on a release, but the `if:` of {name_first(jobs)}"
        " skips publishing",
        "make the condition true for github.event_name == 'release'",
    )


@once
def _skipped_jobs(facts: Facts) -> tuple[str, list[str]] | None:
    """Find jobs that would publish, were it not for a condition."""
    for path in sorted(facts.workflows()):
        document = read_workflow(facts, path) or {}
        jobs = mapping_of(document.get("jobs")).items()
        names = [name for name, job in jobs if _free(job) != job]
        if not names:
            continue
        with suppress(ReleaseError, RecursionError):
            found = facts.candidates(path, _free(document))
            if any(candidate.images for candidate in found):
                return path, names
    return None


def _free(value: Any) -> Any:
    """Return a part of a workflow without its conditions."""
    if isinstance(value, dict):
        return {k: _free(v) for k, v in value.items() if k != "if"}
    return [_free(v) for v in value] if isinstance(value, list) else value


@of_publishing_workflow
def check_once(workflow: Workflow) -> Finding:
    """Tell whether everything is published once only."""
    facts, publication = workflow.facts, workflow.publication
    found = facts.candidates(workflow.path, workflow.document)
    events = {c.event for c in found if c.images or c.jobs}
    if events == {"release", "push"}:
        return warning(
            f"{workflow.path} publishes twice: when the tag is pushed, and"
            " when the release is published",
            "keep `release` with `types: [published]`, and limit `push` to"
            " branches",
        )
    for sentence in publication.unsure:
        if "publishes images too" in sentence:
            return warning(sentence, "publish from one workflow only")
    if not publication.images:
        return _cannot_tell(publication)
    return ok(f"{workflow.path} publishes on {publication.event} only")


@of_publishing_workflow
def check_types(workflow: Workflow) -> Finding:
    """Tell whether a release starts that workflow once."""
    if workflow.publication.event == "push":
        return ok(f"{workflow.path} starts when the tag is pushed")
    if not workflow.publication.is_direct:
        return ok(f"no release starts {workflow.path} by itself")
    on = workflow.document.get("on")
    types = list_of(mapping_of(mapping_of(on).get("release")).get("types"))
    started = sorted(release_actions(on, is_prerelease=False))
    remedy = "set `types: [published]` under `release:`"
    if len(started) > 1:
        times = f"{len(started)} times" if types else "up to three times"
        return warning(
            f"one release starts {workflow.path} {times}:"
            f" {name_first(started)}",
            remedy,
        )
    if "published" not in types:
        return warning(
            f"{workflow.path} starts on {name_first(types)}, which not every"
            " release triggers",
            remedy,
        )
    return ok(f"{workflow.path} starts once, on published")


@of_publishing_workflow
def check_queue(workflow: Workflow) -> Finding:
    """Tell whether another run may cancel the one that publishes.

    By default a newer run cancels the one that waits in the same group.
    https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
    """
    groups = [workflow.document.get("concurrency")]
    groups += [job.get("concurrency") for _, job in workflow.jobs]
    for group in filter(None, groups):
        options = mapping_of(group)
        name = str(options.get("group") if options else group)
        if _PER_REF.search(name):
            continue
        where = f"concurrency group {name!r:.60} in {workflow.path}"
        if options.get("cancel-in-progress") not in (None, False):
            return warning(
                f"{where} cancels the publishing run when another starts",
                "remove `cancel-in-progress` and set `queue: max`",
            )
        if options.get("queue") != "max":
            return warning(
                f"{where} queues one run; a newer one cancels it",
                "set `queue: max` in the group",
            )
    return ok("no other run cancels the publishing run")


@of_publishing_workflow
def check_dockerfile(workflow: Workflow) -> Finding:
    """Tell whether the Dockerfile exists.

    Blocks where it does not: the build would fail. Where the previous version
    was published without it, a step of the workflow may make it.
    """
    facts = workflow.facts
    for paths in dockerfiles_of(workflow.document, workflow.publication):
        if any("${{" in path for path in paths):
            continue
        if not any(facts.text(path) is not None for path in paths):
            text = (
                f"{workflow.path} builds from {paths[0]}, which does not exist"
            )
            if facts.published_before() and not facts.had_before(paths):
                return unknown(f"{text}, and did not before")
            is_usual = paths[0] == "Dockerfile"
            return problem(
                text,
                "add it and commit it",
                command="rsp-release init" if is_usual else None,
            )
        return ok(f"the image is built from {paths[0]}")
    return ok("the workflow names no Dockerfile")
