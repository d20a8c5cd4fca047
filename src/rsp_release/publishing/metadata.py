"""The tags that ``docker/metadata-action`` makes.

As in version 6 of the action: its sources ``meta.ts``, ``tag.ts``,
``flavor.ts`` and ``image.ts`` say what is done here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping

from .unknown import is_known, unknown

__all__ = ["image_tags"]

_PRIORITIES = {
    "schedule": 1000, "semver": 900, "pep440": 900, "match": 800,
    "edge": 700, "ref": 600, "raw": 200, "sha": 100,
}  # fmt: skip
_DEFAULT = (
    "type=schedule",
    "type=ref,event=branch",
    "type=ref,event=tag",
    "type=ref,event=pr",
)
_SEMVER = re.compile(
    r"v?(?P<major>0|[1-9]\d{0,15})\.(?P<minor>0|[1-9]\d{0,15})"
    r"\.(?P<patch>0|[1-9]\d{0,15})"
    r"(?P<pre>-[0-9A-Za-z.-]{1,80})?(?:\+[0-9A-Za-z.-]{1,80})?"
)


def image_tags(inputs: Mapping[str, str], ref: str) -> tuple[str, str]:
    """Return the outputs ``tags`` and ``version`` of the action.

    Parameters
    ----------
    inputs
        Its inputs, filled in.
    ref
        The git ref that the run is for.

    Returns
    -------
    tuple of str
        The tags, one a line, and the version; unknown parts are marked.
    """
    flavor = _flavor(inputs.get("flavor", ""))
    lines = _lines(inputs.get("tags", "")) or list(_DEFAULT)
    rules = sorted((_rule(line) for line in lines), key=_priority)
    made: list[str] = []
    latest: bool | None = None
    for rule in rules:
        tag, is_latest = _tag(rule, flavor, ref)
        if not tag:
            continue
        if is_known(tag):
            tag = re.sub(r"[^a-zA-Z0-9._-]+", "-", tag)
        if tag not in made:
            made.append(tag)
        if latest is None:
            wanted = flavor["latest"]
            latest = is_latest if wanted == "auto" else wanted == "true"
    if not made:
        return "", ""
    version = made[0]
    if latest:
        made.append(_latest(flavor))
    if not is_known(flavor["latest"]):
        made.append(unknown("flavor"))
    names = _images(inputs.get("images", ""))
    separator = inputs.get("sep-tags", "") or "\n"
    tags = [
        f"{name}:{tag}" if name else tag
        for name in names or [""]
        for tag in dict.fromkeys(made)
    ]
    return separator.join(tags), version


def _lines(text: str) -> list[str]:
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if line and not line.startswith("#")]


def _fields(line: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line]))]
    except (csv.Error, StopIteration):
        return [line]


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    """Split a line into keys and values; what has no key has an empty one."""
    for field in _fields(line):
        key, has_value, value = field.partition("=")
        name = key.strip().lower() if has_value else ""
        yield name, value.strip() if name else field


def _rule(line: str) -> dict[str, str]:
    rule = {key or "value": value for key, value in _pairs(line)}
    if not is_known(line) and not line.startswith("type="):
        rule.setdefault("value", line)
    rule.setdefault("type", "raw")
    return rule


def _priority(rule: Mapping[str, str]) -> float:
    text = rule.get("priority", "")
    if re.fullmatch(r"[0-9]{1,6}", text):
        return -float(text)
    return -float(_PRIORITIES.get(rule["type"], 0))


def _flavor(text: str) -> dict[str, str]:
    flavor = {"latest": "auto", "prefix": "", "suffix": ""}
    for line in _lines(text):
        last = ""
        for key, value in _pairs(line):
            flavor[f"{last} on latest" if key == "onlatest" else key] = value
            last = last if key == "onlatest" else key
    return flavor


def _latest(flavor: Mapping[str, str]) -> str:
    prefix, suffix = (
        flavor[key] if flavor.get(f"{key} on latest") == "true" else ""
        for key in ("prefix", "suffix")
    )
    return f"{prefix}latest{suffix}"


def _images(text: str) -> list[str]:
    names = []
    lines = _lines(text)
    if len(lines) == 1 and "=" not in lines[0]:
        lines = _fields(lines[0])
    for line in lines:
        image = {key or "name": value for key, value in _pairs(line)}
        name, enabled = image.get("name"), image.get("enable", "true")
        if enabled == "false" or not name:
            continue
        if enabled != "true":
            name = unknown("enable")
        names.append(name.lower() if is_known(name) else name)
    return names


def _tag(
    rule: Mapping[str, str], flavor: Mapping[str, str], ref: str
) -> tuple[str, bool]:
    """Return the tag of one rule, and whether it makes "latest" too."""
    enabled = _filled(rule.get("enable", "true"), ref)
    if enabled != "true":
        return ("" if enabled == "false" else unknown("enable")), False
    if not is_known(ref):
        return unknown("github.ref"), False
    tag = (
        ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else ""
    )
    value = _filled(rule.get("value", ""), ref)
    made, is_latest = "", False
    match rule["type"]:
        case "semver" | "pep440":
            made, is_latest = _version(rule, value or tag)
        case "match":
            made, is_latest = unknown("match"), True
        case "ref" if rule.get("event") == "tag":
            made, is_latest = tag, True
        case "raw":
            made = value
        case "sha":
            return rule.get("prefix", "sha-") + unknown("github.sha"), False
        case "ref" | "schedule" | "edge":
            return "", False
        case _:
            made = unknown("type")
    if not made:
        return "", False
    prefix = _filled(rule.get("prefix", flavor["prefix"]), ref)
    suffix = _filled(rule.get("suffix", flavor["suffix"]), ref)
    return f"{prefix}{made}{suffix}", is_latest


def _filled(text: str, ref: str) -> str:
    """Fill in the action's own placeholders."""
    if "{{" not in text:
        return text
    is_tag = ref.startswith("refs/tags/")
    values = {
        "tag": ref.removeprefix("refs/tags/") if is_tag else "",
        "branch": "" if is_tag else ref.removeprefix("refs/heads/"),
        "sha": unknown("github.sha"),
    }
    if is_tag:
        values["is_default_branch"] = "false"
        values["is_not_default_branch"] = "true"
    return _replace(text, values)


def _replace(text: str, values: Mapping[str, str]) -> str:
    """Fill in placeholders; what is not known is named by its first word."""
    return re.sub(
        r"\{\{\s{0,4}([^{}]{0,60}?)\s{0,4}\}\}",
        lambda match: values.get(match[1], unknown(match[1].split(" ")[0])),
        text,
    )


def _version(rule: Mapping[str, str], text: str) -> tuple[str, bool]:
    """Return the tag of a rule for versions, by SemVer or PEP 440."""
    kind, pattern = rule["type"], rule.get("pattern", "")
    if not is_known(text) or rule.get("match"):
        return unknown(kind), True
    if kind == "pep440" and not re.fullmatch(r"v?[\d.]+", text):
        # Normalising pre-releases is more than is known here.
        return unknown(kind), False
    text = text.replace("/", "-")
    match = _SEMVER.fullmatch(text)
    if not match:
        return ("" if kind == "semver" else unknown(kind)), False
    pre = match["pre"] or ""
    if pre and not re.fullmatch(r"\{\{\s{0,4}raw\s{0,4}\}\}", pattern):
        pattern = "{{version}}"
    major, minor, patch = match.group("major", "minor", "patch")
    values = {
        "raw": text,
        "version": f"{major}.{minor}.{patch}{pre}",
        "major": major,
        "minor": minor,
        "patch": patch,
    }
    return _replace(pattern, values), not pre
