"""What Argo CD's JSON says: applications, resources, windows, errors.

JSON in, values out: nothing here reads or writes. All of it is untrusted, so
that what is not of the kind it should be counts as not told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ...models.rollout import Application, Operation, Past, Resource, Source
from ..http import MAX_VALUES, decode_json
from ..redact import Redactor

__all__ = [
    "INFO",
    "as_list",
    "as_object",
    "as_text",
    "iterate_items",
    "parse_application",
    "parse_nodes",
]

INFO = "rsp-release"
"""The name of what is kept with an operation."""

MAX_LISTED = 2 * MAX_VALUES
"""How many values a list of applications may hold: one of 150 as large as
real ones, from a server that does not cut them down, has 1,400,000. They are
decoded one at a time.
"""

_BAD = ("Degraded", "Missing")
_UNHEALTHY = (*_BAD, "Progressing", "Suspended", "Unknown")
"""What tells why an application is not healthy, the worst first."""

_redact = Redactor(())
"""Takes credentials out of the addresses of repositories."""


def as_object(value: Any) -> dict[str, Any]:
    """Return a value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list, none if it is no list."""
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, dict)]


def as_text(value: Any) -> str:
    """Return a value if it is text, else an empty one."""
    text = value if isinstance(value, str) else ""
    return _redact(text) if "://" in text else text


def _texts(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    return tuple(filter(None, map(as_text, items)))


def _one_or_more(data: Mapping[str, Any], one: str, more: str) -> Any:
    """Return a list that has another name where there is only one of it."""
    return data.get(more) or [data.get(one)]


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None else None


def iterate_items(text: bytes) -> Iterator[dict[str, Any]]:
    """Decode the items of a list, one at a time.

    Decoded, a list takes many times the memory of its text.

    Parameters
    ----------
    text
        The text of an object with a list that is called ``items``.

    Yields
    ------
    dict
        Each item.

    Raises
    ------
    ValueError
        Raised if it is no such object, as by
        `~rsp_release.storage.http.decode_json`.
    """
    if len(text) < _SMALL:
        data = decode_json(text)
        items = data.get("items", 0) if isinstance(data, dict) else 0
        if items is not None and not isinstance(items, list):
            raise ValueError("it is no list")
        yield from map(as_object, items or ())
        return
    if sum(map(text.count, (b"[", b"{", b","))) > MAX_LISTED:
        raise ValueError("it holds too many values")
    try:
        yield from _scan(text.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError:
        raise ValueError("it is not JSON") from None


_SMALL = 1 << 20
"""Bytes below which a list is decoded as a whole."""


def _scan(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()

    def take(at: int, expected: str) -> tuple[str, int]:
        """Return which of some characters is next, and where the rest is."""
        at = _skip_space(text, at)
        found = text[at : at + 1]
        if not found or found not in expected:
            raise json.JSONDecodeError("another is expected", text, at)
        return found, _skip_space(text, at + 1)

    found, at = take(0, "{")
    is_list = False
    while found != "}":
        key, at = decoder.raw_decode(text, at)
        _, at = take(at, ":")
        if key == "items" and text[at : at + 1] == "[":
            is_list = True
            found, at = take(at, "[")
            if text[at : at + 1] == "]":
                found, at = take(at, "]")
            while found != "]":
                item, at = decoder.raw_decode(text, at)
                yield as_object(item)
                found, at = take(at, ",]")
        else:
            value, at = decoder.raw_decode(text, at)
            is_list |= key == "items" and value is None
        found, at = take(at, ",}")
    if not is_list or at < len(text):
        raise ValueError("it is no list")


def _skip_space(text: str, at: int) -> int:
    """Return where the first character is that is no white space."""
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at


def parse_application(data: Mapping[str, Any]) -> Application | None:
    """Read an application, as far as the answer has it.

    Parameters
    ----------
    data
        The decoded application.

    Returns
    -------
    Application or None
        The application; `None` if it has no name, and so is none.
    """
    about, spec = as_object(data.get("metadata")), as_object(data.get("spec"))
    status = as_object(data.get("status"))
    if not (name := as_text(about.get("name"))):
        return None
    sync = as_object(status.get("sync"))
    health = as_object(status.get("health"))
    automated = as_object(spec.get("syncPolicy")).get("automated")
    resources = as_list(status.get("resources"))
    return Application(
        name=name,
        namespace=as_text(about.get("namespace")),
        project=as_text(spec.get("project")),
        # A new one has none yet.
        sync=as_text(sync.get("status")) or "Unknown",
        health=as_text(health.get("status")) or "Unknown",
        revisions=_texts(_one_or_more(sync, "revision", "revisions")),
        sources=tuple(
            Source(
                repository=as_text(source.get("repoURL")),
                path=as_text(source.get("path")),
                target_revision=as_text(source.get("targetRevision")),
            )
            for source in as_list(_one_or_more(spec, "source", "sources"))
        ),
        images=_texts(as_object(status.get("summary")).get("images")),
        operation=_parse_operation(data.get("operation"), status),
        out_of_sync=tuple(
            _parse_resource(resource)
            for resource in resources
            if resource.get("status") == "OutOfSync"
        ),
        degraded=_parse_unhealthy(resources, _BAD),
        conditions=tuple(
            f"{as_text(c.get('type'))}: {as_text(c.get('message'))}"
            for c in as_list(status.get("conditions"))
        ),
        history=tuple(
            Past(
                id=entry["id"],
                revisions=_texts(_one_or_more(entry, "revision", "revisions")),
                deployed_at=_time(entry.get("deployedAt")),
            )
            for entry in as_list(status.get("history"))
            if isinstance(entry.get("id"), int)
        ),
        # Since 3.1 it can be there and be off.
        is_automated=isinstance(automated, dict)
        and automated.get("enabled") is not False,
        since=_time(health.get("lastTransitionTime")),
        compared_at=_time(status.get("reconciledAt")),
    )


def _parse_operation(
    asked: Any, status: Mapping[str, Any]
) -> Operation | None:
    """Read the operation that runs, or the last one that ran.

    To ask for one removes the state of the last: for a moment there is an
    operation and no state.
    """
    state = as_object(status.get("operationState"))
    operation = as_object(state.get("operation") or asked)
    if not state and not operation:
        return None
    by = as_object(operation.get("initiatedBy"))
    result = as_object(state.get("syncResult"))
    wanted = as_object(operation.get("sync"))
    infos = as_list(operation.get("info"))
    applied = map(_parse_resource, as_list(result.get("resources")))
    return Operation(
        phase=as_text(state.get("phase")),
        message=as_text(state.get("message")),
        revisions=_texts(_one_or_more(result, "revision", "revisions"))
        or _texts(_one_or_more(wanted, "revision", "revisions")),
        marker=next(
            (as_text(i.get("value")) for i in infos if i.get("name") == INFO),
            None,
        ),
        initiated_by=as_text(by.get("username")),
        is_automated=by.get("automated") is True,
        started=_time(state.get("startedAt")),
        finished=_time(state.get("finishedAt")),
        resources=tuple(sorted(applied, key=lambda r: not r.has_failed)),
    )


def _parse_resource(data: Mapping[str, Any]) -> Resource:
    """Read a resource, of an application or of an operation."""
    health = as_object(data.get("health"))
    return Resource(
        kind=as_text(data.get("kind")),
        name=as_text(data.get("name")),
        namespace=as_text(data.get("namespace")),
        status=as_text(data.get("status")),
        health=as_text(health.get("status")),
        message=as_text(data.get("message")) or as_text(health.get("message")),
        hook_phase=as_text(data.get("hookPhase")),
        needs_pruning=data.get("requiresPruning") is True,
    )


def parse_nodes(data: Mapping[str, Any]) -> tuple[Resource, ...]:
    """Read what is not healthy of a tree of resources, the worst first.

    Parameters
    ----------
    data
        The decoded tree.
    """
    return _parse_unhealthy(as_list(data.get("nodes")), _UNHEALTHY)


def _parse_unhealthy(
    resources: list[dict[str, Any]], kinds: tuple[str, ...]
) -> tuple[Resource, ...]:
    """Read those resources whose health is one of some, in their order."""

    def health(resource: dict[str, Any]) -> Any:
        return as_object(resource.get("health")).get("status")

    found = [r for r in resources if health(r) in kinds]
    found.sort(key=lambda r: kinds.index(health(r)))
    return tuple(map(_parse_resource, found))
