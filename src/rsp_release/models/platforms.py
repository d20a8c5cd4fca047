"""What a platform is, wherever it is named: settings, workflows, registries.

A platform is written ``os/architecture[/variant]``. The same one has several
names, and the one that containerd normalises to is the one used here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["missing_platforms", "parse_platform"]

_PART = re.compile(r"[a-z0-9_.-]+")

_ALIASES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
"""Other names of architectures, with the variant that each implies."""

_DEFAULTS = {"amd64": "v1", "arm64": "v8", "arm": "v7", "386": ""}
"""The variant of those that name none."""


def parse_platform(value: object) -> str | None:
    """Return a platform by its usual name.

    Parameters
    ----------
    value
        The text, or the object of an index's entry or of a config. Untrusted.

    Returns
    -------
    str or None
        The platform as containerd normalises it, the variant left out where
        it is that of every such machine (``linux/arm64``); arm alone has it
        always (``linux/arm/v7``). `None` if it is no platform, or says
        ``unknown``.
    """
    if isinstance(value, str):
        names = value.strip().split("/")
        if len(names) > 3:
            return None
        if len(names) == 1 and {names[0].lower()} & {*_ALIASES, *_DEFAULTS}:
            # As BuildKit takes it on the machines that images are built on.
            names = ["linux", *names]
        value = dict(
            zip(("os", "architecture", "variant"), names, strict=False)
        )
    if not isinstance(value, Mapping):
        return None
    os, architecture, variant = (
        text.strip().lower() if isinstance(text, str) else ""
        for text in map(value.get, ("os", "architecture", "variant"))
    )
    # A version of Windows in parentheses is no other platform here.
    os = {"macos": "darwin"}.get(os := os.partition("(")[0], os)
    architecture, implied = _ALIASES.get(architecture, (architecture, ""))
    variant = implied or variant
    if variant.isdecimal():
        variant = f"v{variant}"
    if not variant or variant == _DEFAULTS.get(architecture):
        variant = "v7" if architecture == "arm" else ""
    parts = [os, architecture, *filter(None, [variant])]
    if "unknown" in parts or not all(map(_PART.fullmatch, parts)):
        return None
    return "/".join(parts)


def missing_platforms(
    promised: Iterable[str], present: Iterable[str]
) -> tuple[str, ...]:
    """Return the promised platforms that are not there.

    Parameters
    ----------
    promised
        What must be there, however it is named.
    present
        What is there, likewise.
    """
    there = {parse_platform(name) for name in present}
    wanted = dict.fromkeys(parse_platform(name) or name for name in promised)
    return tuple(name for name in wanted if name not in there)
