"""Puts a version into files, and changes nothing else in them. Pure.

A place is a dotted key of a YAML, JSON or TOML file, or a pattern whose one
group is the version. Only the characters of the value change: comments,
quotes, order and line ends stay byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from ..config import VersionFile
from ..exceptions import SettingsError

__all__ = ["set_version"]


def set_version(text: str, file: VersionFile, version: str) -> str:
    """Put a version into a file's text.

    Parameters
    ----------
    text
        What is in the file.
    file
        Which place in which file.
    version
        The version.

    Returns
    -------
    str
        The new text.

    Raises
    ------
    SettingsError
        Raised if there is not exactly one such place.
    """
    if file.pattern is not None:
        spans = _find_pattern(text, file.pattern)
    else:
        spans = _find_key(text, file)
    if len(spans) != 1:
        what = f"key {file.key}" if file.key else f"pattern {file.pattern!r}"
        raise SettingsError(
            file.path,
            what,
            "it is not there" if not spans else f"there are {len(spans)}",
            help="see [[tool.rsp-release.files]] in the settings",
            file=file.path,
        )
    start, end = spans[0]
    return text[:start] + version + text[end:]


def _find_pattern(text: str, pattern: str) -> list[tuple[int, int]]:
    return [m.span(1) for m in re.finditer(pattern, text, re.MULTILINE)]


def _find_key(text: str, file: VersionFile) -> list[tuple[int, int]]:
    name = file.path.rpartition("/")[2].lower()
    keys = tuple((file.key or "").split("."))
    if name.endswith(".json"):
        return [span for path, span in _json_values(text) if path == keys]
    if name.endswith((".toml", ".lock")):
        return _toml(text, keys)
    return _yaml(text, keys)


def _yaml(text: str, keys: tuple[str, ...]) -> list[tuple[int, int]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        node: Any = YAML().compose(text)
    except YAMLError:
        return []
    for key in keys:
        pairs = node.value if getattr(node, "id", "") == "mapping" else ()
        found = [value for k, value in pairs if k.value == key]
        if len(found) != 1:
            return []
        node = found[0]
    if node.id != "scalar" or node.style in ("|", ">"):
        return []
    start, end = node.start_mark.index, node.end_mark.index
    if node.anchor:
        return []
    quotes = 1 if node.style in ("'", '"') else 0
    return [(start + quotes, end - quotes)]


_JSON = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def _json_values(
    text: str,
) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    """Yield the path and the inner span of every text in a JSON document."""
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return
    path: list[str] = []
    kinds: list[str] = []
    key, is_key = "", False
    for match in _JSON.finditer(text):
        token = match[0]
        if token in "{[":
            if kinds:
                path.append(key if kinds[-1] == "{" else "")
            kinds.append(token)
            is_key = token == "{"
        elif token in "}]":
            kinds.pop()
            if path:
                path.pop()
            is_key = False
        elif token in ",:":
            is_key = token == "," and kinds[-1:] == ["{"]
        elif is_key:
            key = json.loads(token)
        elif token.startswith('"') and kinds[-1:] == ["{"]:
            yield (*path, key), (match.start() + 1, match.end() - 1)


_TABLE = re.compile(
    r"^[ \t]*\[(?P<name>[^\[\]\n]+)\][ \t]*(?:#.*)?\r?$", re.MULTILINE
)
_ANY_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def _toml(text: str, keys: tuple[str, ...]) -> list[tuple[int, int]]:
    """Find a text in a TOML file, and make sure by parsing it.

    What looks like it but is inside a text of several lines, say, would
    change something else.
    """
    spans = []
    for start, end, table in _tables(text):
        if table != keys[: len(table)]:
            continue
        rest = r"[ \t]*\.[ \t]*".join(
            rf"[\"']?{re.escape(k)}[\"']?" for k in keys[len(table) :]
        )
        if not rest:
            continue
        pattern = rf"^[ \t]*{rest}[ \t]*=[ \t]*([\"'])(?P<value>[^\"'\n]*)\1"
        for match in re.finditer(pattern, text[start:end], re.MULTILINE):
            low, high = match.span("value")
            spans.append((start + low, start + high))
    return [span for span in spans if _changes_only(text, span, keys)]


def _tables(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    marks = [m.start() for m in _ANY_TABLE.finditer(text)]
    bounds = [0, *marks, len(text)]
    for start, end in pairwise(bounds):
        match = _TABLE.match(text, start)
        if match is None:
            if start == 0:
                yield start, end, ()
            continue
        name = tuple(k.strip().strip("\"'") for k in match["name"].split("."))
        yield start, end, name


def _changes_only(
    text: str, span: tuple[int, int], keys: tuple[str, ...]
) -> bool:
    import tomllib

    mark = "0.0.0-rsp-release"
    changed = text[: span[0]] + mark + text[span[1] :]
    try:
        before, after = tomllib.loads(text), tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        return False
    node: Any = before
    for key in keys[:-1]:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or keys[-1] not in node:
        return False
    node[keys[-1]] = mark
    return before == after
