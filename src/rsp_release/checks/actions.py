"""Checks of whether the publishing run can start, and end."""

from __future__ import annotations

import posixpath
import shlex

from ..exceptions import NotAllowedError, ReleaseError
from ..models import Environment, Publication
from ..models.github import matches_ref
from ..publishing.documents import load
from ..publishing.values import mapping_of
from ..runs.states import describe_state
from .base import Finding, ok, problem, unknown, warning
from .facts import Facts
from .workflow_file import Workflow, of_publishing_workflow

__all__ = ["check_enabled", "check_environments", "check_moved"]


def check_enabled(facts: Facts) -> Finding:
    """Tell whether that workflow, and what starts it, can run.

    Blocks where one can't: no run would publish.
    """
    publication = facts.publication()
    if publication is None or not publication.workflow:
        return ok("no publishing workflow")
    name = facts.proposal.repository
    make = problem if publication.publishes else warning
    paths = _paths(publication)
    if facts.runs_workflows() is False:
        return make(
            f"Actions are disabled for {name}",
            "enable them in the repository's settings (`gh browse"
            " --settings`); where these are greyed out, the organization"
            " disables them",
        )
    for path in paths:
        try:
            state = facts.workflow_state(path)
        except NotAllowedError as e:
            return unknown(f"not checked: {e.message}", e.help)
        default = facts.proposal.default_branch
        if state is None and facts.is_overlooked(path):
            return unknown(
                f"cannot tell if {path} is enabled: it is on {default}, but"
                " GitHub does not list it",
                "see whether the Actions page lists it",
            )
        if state is None:
            return warning(
                f"GitHub does not know {path} yet", f"push it to {default}"
            )
        told = describe_state(state)
        if told is not None:
            file = shlex.quote(posixpath.basename(path))
            return make(
                f"{path} {told[0]}",
                told[1],
                command=None
                if state == "deleted"
                else f"gh workflow enable {file} --repo {name}",
            )
    are = "is" if len(paths) == 1 else "are"
    return ok(f"{' and '.join(paths)} {are} enabled")


def _paths(publication: Publication) -> list[str]:
    return [each.workflow for each in publication.chain]


def check_moved(facts: Facts) -> Finding:
    """Tell whether images are published as they were at the last release.

    What changed was not tried by a release yet.
    """
    now, before = facts.publication(), facts.publication_before()
    tag = facts.proposal.previous_tag
    if now is None or before is None or not now.workflow:
        return ok("no earlier publishing workflow")
    where, was = now.workflow, before.workflow
    if where != was:
        told = f"{where} publishes the images; at {tag} it was {was}"
    elif now.event != before.event:
        told = f"{where} runs on {now.event}; at {tag} on {before.event}"
    elif _paths(now) != _paths(before):
        told = f"{where} is started by another workflow than at {tag}"
    else:
        told = _renamed(facts, where)
    if not told:
        return ok(f"{where} runs as it did for {tag}")
    return warning(told, "rehearse the release (`rsp-release rehearse`)")


def _renamed(facts: Facts, path: str) -> str:
    """Say that a workflow has another name, which others may wait for."""
    old, new = facts.workflows_before().get(path), facts.workflows()[path]
    was, now = (_name(path, text or "") for text in (old, new))
    return f"{path} is called {now} now; it was {was}" if was != now else ""


def _name(path: str, text: str) -> str:
    try:
        return str(mapping_of(load(path, text)).get("name") or path)
    except ReleaseError:
        return path


@of_publishing_workflow
def check_environments(workflow: Workflow) -> Finding:
    """Tell whether an environment keeps the publishing jobs waiting.

    Blocks where it does not admit the tag: the run would fail.
    """
    facts, tag = workflow.facts, workflow.facts.proposal.tag
    waits = []
    for _, job in workflow.jobs:
        value = job.get("environment")
        name = mapping_of(value).get("name", value)
        if not isinstance(name, str) or "${{" in name:
            continue
        environment = facts.environment(name)
        if environment is None:
            continue
        if workflow.publication.is_direct and not _admits(environment, tag):
            return problem(
                f"environment {name} of {workflow.path} does not admit tag"
                f" {tag}",
                "add a tag rule to its deployment branches and tags (`gh"
                " browse --settings`)",
            )
        if environment.reviewers:
            people = " or ".join(environment.reviewers)
            waits.append(f"environment {name} needs approval by {people}")
        elif environment.wait:
            minutes = environment.wait.total_seconds() / 60
            waits.append(f"environment {name} waits {minutes:.0f} min")
    if not waits:
        return ok("no environment keeps the run waiting")
    return warning(
        f"{workflow.path} will wait: {'; '.join(dict.fromkeys(waits))}",
        "ask for it in time; `rsp-release watch --approve` approves it where"
        " you may",
    )


def _admits(environment: Environment, tag: str) -> bool:
    return environment.refs is None or any(
        kind == "tag" and matches_ref(pattern, tag)
        for kind, pattern in environment.refs
    )
