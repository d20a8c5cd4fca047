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

_VALUE = (
    r"(?<![\w-])[\"']?{}[\"']?[ \t]*[:=][ \t]*([\"']?)"
    r"(?P<value>[^\"'\n]*?)\1(?=[ \t]*(?:[,}}\]#\r\n]|\Z))"
)
"""What the value of a key looks like in YAML, JSON and TOML."""


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
        found = re.finditer(file.pattern, text, re.MULTILINE)
        spans = [match.span(1) for match in found]
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


def _find_key(text: str, file: VersionFile) -> list[tuple[int, int]]:
    """Find the value of a key, and make sure by parsing the file again.

    What looks like it but is of another table, or inside a text of several
    lines, would change something else.
    """
    parse = _parser(file.path.rpartition("/")[2].lower())
    keys = (file.key or "").split(".")
    try:
        wanted = node = parse(text)
        for key in keys[:-1]:
            node = node[key]
        if isinstance(node[keys[-1]], dict | list):
            return []
        node[keys[-1]] = _MARK
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    for match in re.finditer(_VALUE.format(re.escape(keys[-1])), text):
        start, end = match.span("value")
        with suppress(ValueError):
            if parse(text[:start] + _MARK + text[end:]) == wanted:
                return [(start, end)]
    return []


def _parser(name: str) -> Callable[[str], Any]:
    if name.endswith(".json"):
        import json

        return json.loads
    if name.endswith((".toml", ".lock")):
        import tomllib

        return tomllib.loads
    return _parse_yaml


def _parse_yaml(text: str) -> Any:
    """Parse YAML, whatever its tags; every scalar is a text."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="base", pure=True).load(text)
    except YAMLError as e:
        raise ValueError(str(e)) from e
