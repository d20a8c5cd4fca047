"""Puts a version into files, and changes nothing else in them. Pure.

A place is a dotted key of a YAML, JSON or TOML file, or a pattern whose one
group is the version. Only the characters of the value change: comments,
quotes, order and line ends stay byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..config import VersionFile
from ..exceptions import SettingsError

__all__ = ["set_version"]

_MARK = "0.0.0-rsp-release"
"""A version that no file has."""


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
        import json

        return _find_by_trial(text, keys, r'[ \t]*:\s*(")', json.loads)
    if name.endswith((".toml", ".lock")):
        import tomllib

        return _find_by_trial(
            text, keys, r"[ \t]*=[ \t]*([\"'])", tomllib.loads
        )
    return _yaml(text, keys)


def _find_by_trial(
    text: str,
    keys: tuple[str, ...],
    is_set: str,
    parse: Callable[[str], Any],
) -> list[tuple[int, int]]:
    """Find the text of a key, and make sure by parsing the file again.

    What looks like it but is of another table, or inside a text of several
    lines, would change something else.
    """
    try:
        wanted = parse(text)
        node = wanted
        for key in keys[:-1]:
            node = node[key]
        if not isinstance(node[keys[-1]], str):
            return []
        node[keys[-1]] = _MARK
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    last = re.escape(keys[-1])
    pattern = rf"(?<![\w-])[\"']?{last}[\"']?{is_set}(?P<value>[^\"'\n]*)\1"
    for match in re.finditer(pattern, text):
        start, end = match.span("value")
        with suppress(ValueError):
            if parse(text[:start] + _MARK + text[end:]) == wanted:
                return [(start, end)]
    return []


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
