"""How a workflow starts another one, in so many words.

The rules of each action were read in its own source:
``peter-evans/repository-dispatch`` and ``benc-uk/workflow-dispatch``. Those of
``gh workflow run`` and ``gh api`` are gh's, and their endpoints GitHub's:
"Create a workflow dispatch event" and "Create a repository dispatch event".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .images import split_options
from .values import mapping_of

__all__ = ["Dispatch", "action_dispatch", "call_dispatch"]

_ENDPOINT = re.compile(
    r"/?repos/([^/]+/[^/]+)/(?:actions/workflows/([^/]+)/)?dispatches"
)
_FIELDS = ("-f", "-F", "--field", "--raw-field")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A workflow that another one starts."""

    workflow: str = ""
    """The name or file of the workflow; empty for a repository dispatch."""

    kind: str = ""
    """The type of a repository dispatch."""

    ref: str = ""
    """The ref it runs for; empty: the default branch."""

    given: Mapping[str, Any] = field(default_factory=dict)
    """Its inputs, or the payload."""

    repository: str = ""
    """Owner and name, where another may be meant."""

    is_certain: bool | None = True
    """Whether it happens."""


def call_dispatch(argv: Sequence[str]) -> Dispatch | None:
    """Return what a program that a script starts dispatches.

    Parameters
    ----------
    argv
        The program's name and arguments.
    """
    if argv[0].rpartition("/")[2] != "gh":
        return None
    words, options = split_options(argv[1:])
    pairs = [
        pair.partition("=")[::2]
        for name in _FIELDS
        for pair in options.get(name, ())
    ]
    if words[:2] == ["workflow", "run"] and len(words) > 2:
        ref = [*options.get("-r", ()), *options.get("--ref", ())]
        other = [*options.get("-R", ()), *options.get("--repo", ())]
        return Dispatch(
            workflow=words[2], ref="".join(ref[-1:]), given=dict(pairs),
            repository="".join(other[-1:]),
        )  # fmt: skip
    match = _ENDPOINT.fullmatch(words[1]) if words[:1] == ["api"] else None
    if match is None:
        return None
    fields = dict(pairs)
    group = "inputs" if match[2] else "client_payload"
    inner = re.compile(rf"{group}\[(\w+)\]")
    given = {
        found[1]: value
        for key, value in fields.items()
        if (found := inner.fullmatch(key))
    }
    return Dispatch(
        workflow=match[2] or "", kind=fields.get("event_type", ""),
        ref=fields.get("ref", ""), given=given, repository=match[1],
    )  # fmt: skip


def action_dispatch(name: str, inputs: Mapping[str, str]) -> Dispatch | None:
    """Return what a known action dispatches.

    Parameters
    ----------
    name
        What ``uses:`` says, without the version.
    inputs
        Its inputs, filled in.
    """
    match name.lower():
        case "peter-evans/repository-dispatch":
            return Dispatch(
                kind=inputs.get("event-type", ""),
                given=_read(inputs.get("client-payload", "")),
                repository=inputs.get("repository", ""),
            )
        case "benc-uk/workflow-dispatch":
            return Dispatch(
                workflow=inputs.get("workflow", ""),
                ref=inputs.get("ref", ""),
                given=_read(inputs.get("inputs", "")),
                repository=inputs.get("repo", ""),
            )
        case _:
            return None


def _read(text: str) -> dict[str, Any]:
    try:
        return mapping_of(json.loads(text)) if text else {}
    except (ValueError, RecursionError):
        return {}
