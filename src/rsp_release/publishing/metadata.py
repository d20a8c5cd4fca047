"""The tags that ``docker/metadata-action`` makes.

As in version 6 of the action: its sources ``meta.ts``, ``tag.ts``,
``flavor.ts`` and ``image.ts`` say what is done here.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..version.values import short_word
from .patterns import UnclearPatternError, find_groups
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
_NUMBER = r"(?:0|[1-9][0-9]{0,15})"
_WORD = rf"(?:{_NUMBER}|[0-9]{{0,80}}[A-Za-z-][0-9A-Za-z-]{{0,80}})"
_SEMVER = re.compile(
    rf"v?(?P<version>(?P<major>{_NUMBER})\.(?P<minor>{_NUMBER})"
    rf"\.(?P<patch>{_NUMBER})(?P<pre>-{_WORD}(?:\.{_WORD}){{0,40}})?)"
    r"(?:\+[0-9A-Za-z.-]{1,80})?"
)
_PEP440 = re.compile(
    r"(?ia)v?(?:(?P<epoch>\d{1,15})!)?(?P<release>\d{1,15}(?:\.\d{1,15}){0,20})"
    r"(?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_n>\d{0,15}))?"
    r"(?P<post>-(?P<post_1>\d{1,15})|[-_.]?(?:post|rev|r)[-_.]?(?P<post_2>\d{0,15}))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d{0,15}))?"
    r"(?P<local>\+[a-z0-9]+(?:[-_.][a-z0-9]+){0,20})?"
)
"""A version by PEP 440, appendix B."""


def image_tags(
    inputs: Mapping[str, str],
    github: Mapping[str, Any],
    env: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """Return the outputs ``tags`` and ``version`` of the action.

    Parameters
    ----------
    inputs
        Its inputs, filled in.
    github
        The context ``github``.
    env
        The environment that the step runs in.

    Returns
    -------
    tuple of str
        The tags, one a line, and the version; unknown parts are marked.
    """
    ref, sha = github["ref"], github["sha"]
    flavor = _flavor(inputs.get("flavor", ""))
    values = _placeholders(github, env or {})
    lines = _lines(inputs.get("tags", "")) or list(_DEFAULT)
    rules = sorted((_rule(line) for line in lines), key=_priority)
    made: list[str] = []
    latest: bool | None = None
    for rule in rules:
        tag, is_latest = _tag(rule, flavor, ref, sha, values)
        if not tag:
            continue
        made.append(_sanitize(tag))
        if latest is None:
            wanted = flavor["latest"]
            latest = is_latest if wanted == "auto" else wanted == "true"
    if not made:
        return "", ""
    version = made[0]
    if latest:
        made.append(_sanitize(_latest(flavor)))
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


def _sanitize(tag: str) -> str:
    """Replace what a registry does not take in a tag."""
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", tag) if is_known(tag) else tag


def _tag(
    rule: Mapping[str, str],
    flavor: Mapping[str, str],
    ref: str,
    sha: str,
    values: Mapping[str, str],
) -> tuple[str, bool]:
    """Return the tag of one rule, and whether it makes "latest" too."""
    enabled = _replace(rule.get("enable", "true"), values)
    if enabled != "true":
        return ("" if enabled == "false" else unknown("enable")), False
    if not is_known(ref):
        return unknown("github.ref"), False
    made, is_latest = _made(
        rule, _replace(rule.get("value", ""), values), sha, values
    )
    if not made:
        return "", False
    usual = {**flavor, "prefix": "sha-"} if rule["type"] == "sha" else flavor
    prefix, suffix = (
        _replace(rule.get(key, usual[key]), values)
        for key in ("prefix", "suffix")
    )
    return f"{prefix}{made}{suffix}", is_latest


def _made(
    rule: Mapping[str, str], value: str, sha: str, values: Mapping[str, str]
) -> tuple[str, bool]:
    """Return what a rule makes, without prefix and suffix."""
    text = value or values["tag"]
    match rule["type"], rule.get("event"):
        case ("semver" | "pep440" | "match") as kind, _:
            read = {"semver": _semver, "pep440": _pep440, "match": _matched}
            return read[kind](rule, text) if is_known(text) else (text, False)
        case "ref", "tag":
            return values["tag"], True
        case "ref", "branch":
            return values["branch"], False
        case "edge", _:
            return _edge(rule.get("branch", ""), values), False
        case "raw", _:
            return value, False
        case "sha", _:
            is_long = rule.get("format") == "long"
            return sha if is_long else values["sha"], False
        case "ref" | "schedule", _:
            return "", False
        case _:
            return unknown("type"), False


def _edge(branch: str, values: Mapping[str, str]) -> str:
    """Return the tag of a push to a branch, by default the default one."""
    if branch or not values["branch"]:
        return "edge" if branch and branch == values["branch"] else ""
    default = values["is_default_branch"]
    return {"true": "edge", "false": ""}.get(default, default)


def _placeholders(
    github: Mapping[str, Any], env: Mapping[str, str]
) -> dict[str, str]:
    """Return the values of the action's own placeholders."""
    ref, sha, payload = github["ref"], github["sha"], github.get("event", {})
    is_tag = ref.startswith("refs/tags/")
    length = env.get("DOCKER_METADATA_SHORT_SHA_LENGTH") or "7"
    if is_known(sha):
        is_count = re.fullmatch(r"[0-9]{1,2}", length)
        sha = sha[: int(length)] if is_count else unknown("env")
    branch = ref.removeprefix("refs/heads/")
    default = payload.get("repository", {}).get("default_branch")
    is_default = "true" if branch == default else "false"
    if not is_tag and default is None:
        is_default = unknown("github.event.repository.default_branch")
    negated = {"true": "false", "false": "true"}
    return {
        "tag": ref.removeprefix("refs/tags/") if is_tag else "",
        "branch": branch if branch != ref else "",
        "sha": sha,
        "base_ref": (payload.get("base_ref") or "").removeprefix(
            "refs/heads/"
        ),
        "is_default_branch": is_default,
        "is_not_default_branch": negated.get(is_default, is_default),
    }


def _replace(text: str, values: Mapping[str, str]) -> str:
    """Fill in placeholders; what is not known is named by its first word."""
    return re.sub(
        r"\{\{\s{0,4}([^{}]{0,60}?)\s{0,4}\}\}",
        lambda match: values.get(match[1], unknown(match[1].split(" ")[0])),
        text,
    )


def _is_raw(pattern: str) -> bool:
    return bool(re.fullmatch(r"\{\{\s{0,4}raw\s{0,4}\}\}", pattern))


def _extracted(rule: Mapping[str, str], text: str) -> str:
    """Return the version in a text: the first group of ``match``."""
    pattern = rule.get("match")
    try:
        found = find_groups(pattern, text) if pattern else None
        text = (found[1] or "") if found else text
    except (UnclearPatternError, IndexError):
        return unknown("match")
    return text.replace("/", "-")


def _semver(rule: Mapping[str, str], text: str) -> tuple[str, bool]:
    """Return the tag of a rule for versions by SemVer."""
    text = _extracted(rule, text)
    match = _SEMVER.fullmatch(text)
    if not match:
        return ("" if is_known(text) else text), is_known(text)
    pattern = rule.get("pattern", "")
    if match["pre"] and not _is_raw(pattern):
        pattern = "{{version}}"
    values = {**match.groupdict(), "raw": text}
    return _replace(pattern, values), not match["pre"]


def _pep440(rule: Mapping[str, str], text: str) -> tuple[str, bool]:
    """Return the tag of a rule for versions by PEP 440."""
    text = _extracted(rule, text)
    match = _PEP440.fullmatch(text)
    if not match or match["local"]:
        return (
            "" if is_known(text) and not match else unknown("pep440")
        ), True
    numbers = [int(number) for number in match["release"].split(".")]
    version = ".".join(map(str, numbers))
    if int(match["epoch"] or 0):
        version = f"{int(match['epoch'])}!{version}"
    if match["pre"]:
        version += (
            f"{short_word(match['pre'].lower())}{int(match['pre_n'] or 0)}"
        )
    if match["post"]:
        version += f".post{int(match['post_1'] or match['post_2'] or 0)}"
    if match["dev"]:
        version += f".dev{int(match['dev_n'] or 0)}"
    pattern = rule.get("pattern", "")
    is_final = not (match["pre"] or match["post"] or match["dev"])
    if not is_final and not _is_raw(pattern):
        pattern = "{{version}}"
    parts = dict(
        zip(("major", "minor", "patch"), [*numbers, 0, 0], strict=False)
    )
    values = {**{key: str(n) for key, n in parts.items()}, "version": version}
    return _replace(pattern, {**values, "raw": text}), is_final


def _matched(rule: Mapping[str, str], text: str) -> tuple[str, bool]:
    """Return the tag of a rule with a regular expression."""
    pattern, flags = rule.get("pattern", ""), ""
    if slashes := re.fullmatch(r"/(.+)/(.*)", pattern):
        pattern, flags = slashes.groups()
    group = rule.get("group", "0")
    try:
        found = find_groups(pattern, text, flags=flags) or []
    except UnclearPatternError:
        return unknown("match"), True
    if not re.fullmatch(r"0|[1-9][0-9]{0,2}", group):
        return unknown("group"), True
    return next(iter(found[int(group) :]), None) or "", True
