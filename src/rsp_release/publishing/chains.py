"""Workflows that others start: after a run, or by a dispatch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..models import Trigger
from .candidates import Start, Started, Tagged, suppose
from .dispatches import Dispatch
from .triggers import events_of, matches, texts_of
from .unknown import unknown
from .values import mapping_of

__all__ = ["INDIRECT", "find_followers", "suppose_indirect"]

INDIRECT: Mapping[Trigger, str] = {
    "workflow_run": "after other workflows",
    "workflow_dispatch": "by hand or by a program",
    "repository_dispatch": "by a program",
    "schedule": "on a schedule",
}
"""Events that no release causes by itself, and when they occur."""

_LEVELS = 3
"""How many workflows GitHub lets run after each other."""

_DEFAULT = "refs/heads/" + unknown("github.ref_name")
"""The default branch's ref, for which most of these events run."""


def find_followers(
    started: Sequence[Started],
    documents: Mapping[str, Mapping[str, Any]],
    tagged: Tagged,
) -> list[Started]:
    """Follow the workflows that those which the release starts start.

    Parameters
    ----------
    started
        The workflows that the release starts.
    documents
        All workflows, by their paths.
    tagged
        The repository and the tag.
    """
    found: list[Started] = []
    waiting = dict(documents)
    for each in started:
        waiting.pop(each.publication.workflow, None)
    for _ in range(_LEVELS):
        level = [
            suppose(path, document, start, tagged)
            for path, document in waiting.items()
            for start in _starts(path, document, started, tagged.tag)[:1]
        ]
        for each in level:
            waiting.pop(each.publication.workflow)
        found += level
        started = level
    return found


def _starts(
    path: str,
    document: Mapping[str, Any],
    started: Sequence[Started],
    tag: str,
) -> list[Start]:
    """Find how those that were started start a workflow."""
    events = events_of(document.get("on"))
    names = {path, path.rpartition("/")[2], str(document.get("name"))}
    kinds = texts_of(
        mapping_of(events.get("repository_dispatch")).get("types")
    )
    found = []
    for each in started:
        after = mapping_of(events.get("workflow_run"))
        if _follows(after, each.name, tag):
            found.append(_after_run(each, tag))
        for dispatch in each.dispatches:
            is_called = dispatch.workflow in names
            is_kind = dispatch.kind in (kinds or [dispatch.kind])
            if (
                "workflow_dispatch" in events
                if is_called
                else (
                    dispatch.kind
                    and is_kind
                    and "repository_dispatch" in events
                )
            ):
                found.append(_by_dispatch(each, dispatch))
    return found


def _follows(details: Mapping[str, Any], name: str, tag: str) -> bool:
    """Return whether a workflow runs after another, for a tag."""
    types = texts_of(details.get("types")) or ["completed"]
    only = texts_of(details.get("branches")) or ["**"]
    ignored = texts_of(details.get("branches-ignore"))
    return (
        name in texts_of(details.get("workflows"))
        and "completed" in types
        and matches(only, tag)
        and not matches(ignored, tag)
    )


def _after_run(before: Started, tag: str) -> Start:
    publication = before.publication
    run = {
        "name": before.name,
        "path": publication.workflow,
        "event": publication.event,
        "status": "completed",
        "conclusion": "success",
        "*": unknown("github.event.workflow_run"),
    }
    if publication.is_direct:
        run["head_branch"] = tag
    return Start(
        event="workflow_run",
        payload={
            "action": "completed",
            "workflow_run": run,
            "workflow": {"name": before.name, "*": unknown("workflow")},
        },
        ref=_DEFAULT,
        after=publication,
    )


def _by_dispatch(before: Started, dispatch: Dispatch) -> Start:
    given = dict(dispatch.given)
    if dispatch.workflow:
        return Start(
            event="workflow_dispatch",
            payload={"inputs": given},
            inputs=given,
            ref=dispatch.ref or _DEFAULT,
            after=before.publication,
            is_certain=dispatch.is_certain,
        )
    return Start(
        event="repository_dispatch",
        payload={"action": dispatch.kind, "client_payload": given},
        ref=_DEFAULT,
        after=before.publication,
        is_certain=dispatch.is_certain,
    )


def suppose_indirect(
    path: str, document: Mapping[str, Any], tagged: Tagged
) -> Started | None:
    """Follow a workflow of which nobody knows what starts it.

    Parameters
    ----------
    path
        Its path.
    document
        The workflow.
    tagged
        The repository and the tag.

    Returns
    -------
    Started or None
        What it publishes then; `None` where only a release, a push or a
        pull request starts it.
    """
    events = events_of(document.get("on"))
    event = next((each for each in INDIRECT if each in events), None)
    if event is None:
        return None
    payload = {
        name: {"*": unknown(f"github.event.{name}")}
        for name in ("workflow_run", "client_payload", "inputs")
    }
    start = Start(
        event=event, payload=payload, inputs={"*": unknown("inputs")},
        ref=_DEFAULT,
    )  # fmt: skip
    return suppose(path, document, start, tagged)
