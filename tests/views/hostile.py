"""Strings that try to be more than text, and a reader of what came out."""

from __future__ import annotations

import json
import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from rsp_release.models import Event

__all__ = ["commands", "hostile_texts", "outputs_read", "poisoned"]

_DATA = Path(__file__).parents[1] / "data" / "hostile.json"
_KEPT = frozenset({"key", "outcome", "state"})
_URLS = frozenset({"deploy_url", "release_url", "run_url", "url"})
_REGISTERED = re.compile(
    "add-mask|add-matcher|add-path|debug|echo|endgroup|error|group"
    "|internal-set-repo-path|notice|remove-matcher|save-state|set-env"
    "|set-output|stop-commands|warning",
    re.IGNORECASE,
)
_SKIPPED = re.compile(r"[\x00-\x1f\u034f\u200b-\u200f\u2060-\u2064\ufeff]")


@cache
def hostile_texts() -> tuple[tuple[str, str], ...]:
    """Return the family and the text of each hostile string."""
    entries = json.loads(_DATA.read_text(encoding="ascii"))
    return tuple(
        (entry["family"], entry["text"] * entry.get("times", 1))
        for entry in entries
    )


def poisoned(event: Event, text: str) -> Event:
    """Put a text into every place of an event that others can write."""
    result: Event = _poison(event, text, "")
    return result


def _poison(value: Any, text: str, name: str) -> Any:
    if isinstance(value, Enum) or name in _KEPT:
        return value
    if isinstance(value, str):
        return f"https://x.example/{text}" if name in _URLS else text
    if isinstance(value, tuple):
        return tuple(_poison(each, text, name) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        changes = {
            each.name: _poison(getattr(value, each.name), text, each.name)
            for each in fields(value)
        }
        return replace(value, **changes)
    return value


def commands(log: str) -> list[str]:
    """Return the workflow commands that a runner would find in a log.

    A reader of our own, and more willing than the runner: it skips what
    a comparison of Unicode strings may skip, and takes more line ends.
    """
    found = []
    for line in re.split(r"[\r\n\v\f\x85\u2028\u2029]", log):
        bare = re.sub(
            r"[\x00-\x1f\u034f\u200b-\u200f\u2060-\u2064\ufeff]", "", line
        )
        match = re.match(r"\s*::([A-Za-z-]+)( [^:]*)?::", bare)
        if match and _REGISTERED.fullmatch(match[1]):
            found.append(match[1])
        found += re.findall(r"##\[([^\]]*)", bare)
    return found


def outputs_read(text: str) -> dict[str, str]:
    """Read a file of outputs as a runner does."""
    read: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        heredoc = re.fullmatch(r"([^=<]+)<<(.+)", line)
        if heredoc is None:
            name, _, read[name] = line.partition("=")
            continue
        value = []
        for each in lines:
            if each == heredoc[2]:
                break
            value.append(each)
        read[heredoc[1]] = "\n".join(value)
    return read
