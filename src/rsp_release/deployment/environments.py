"""Who runs what: the environments that a deployment repository names. Pure.

A repository laid out as Phalanx has :file:`environments/values-*.yaml`, each
with the ``name`` of an environment and, below ``applications``, what is
switched on there. What :file:`environments/values.yaml` says goes for all
that do not say otherwise, as Helm merges the two. An application is called
like its directory below :file:`applications`, and its values in environment E
are beside its chart, in :file:`values-E.yaml`.

Where a repository has none of these files, it does not say which environments
there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .spans import get, pairs, read_root, text_at

__all__ = ["Environment", "find_files", "read_environments"]

_FILE = re.compile(r"environments/values(?:-(.+))?\.yaml")

_COMMON = "environments/values.yaml"

_OFF = frozenset({"", "0", "false", "n", "no", "off"})
"""Plain values that neither YAML 1.1 nor a template takes for true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment, and what it runs."""

    name: str
    """Its name. Untrusted text."""

    applications: frozenset[str]
    """The applications that are switched on."""

    path: str
    """The file that says so."""

    host: str
    """The host that it is at: its ``fqdn``. Empty: none. Untrusted text."""


def find_files(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the files that say which environments there are.

    Parameters
    ----------
    paths
        Every file of a deployment repository.
    """
    return tuple(sorted(filter(_FILE.fullmatch, paths)))


def read_environments(
    texts: Mapping[str, str],
) -> tuple[Environment, ...] | None:
    """Read which environments there are, and what is switched on in each.

    Parameters
    ----------
    texts
        Path and text of files; those that `find_files` names are read.

    Returns
    -------
    tuple of Environment or None
        In the order of their names; `None` where the files do not say it.

    Raises
    ------
    BlockedError
        Raised if one is no YAML.
    """
    paths = find_files(texts)
    roots = {path: read_root(path, texts[path]) for path in paths}
    common = _switches(roots.pop(_COMMON, None))
    if not roots:
        return None
    found = []
    for path, root in roots.items():
        match = _FILE.fullmatch(path)
        name = text_at(get(root, "name")) or (match[1] if match else path)
        switches = common | _switches(root)
        on = frozenset(key for key, is_on in switches.items() if is_on)
        host = (text_at(get(root, "fqdn")) or "").strip()
        found.append(
            Environment(name=name, applications=on, path=path, host=host)
        )
    return tuple(sorted(found, key=lambda each: each.name))


def _switches(root: Any) -> dict[str, bool]:
    """Return what is switched on or off; null removes it, as Helm has it."""
    node = get(root, "applications")
    return {
        key.value: text_at(value) is not None
        and bool(value.style or value.value.lower() not in _OFF)
        for key, value in (pairs(node) if node is not None else ())
    }
