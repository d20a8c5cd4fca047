"""Rulesets and branch protection: what they forbid, and over git too."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .records import Project

__all__ = ["Hook", "is_protected", "refusal"]

_WORDS = {
    "creation": "Cannot create ref due to creations being restricted.",
    "update": "Cannot update this protected ref.",
    "deletion": "Cannot delete this protected ref.",
    "non_fast_forward": "Cannot force-push to this branch.",
    "pull_request": "Changes must be made through a pull request.",
    "required_signatures": "Commits must have verified signatures.",
}


def _includes(patterns: list[str], ref: str, default: str) -> bool:
    for pattern in patterns:
        if pattern == "~ALL":
            return True
        if pattern == "~DEFAULT_BRANCH":
            if ref == f"refs/heads/{default}":
                return True
        elif fnmatchcase(ref, pattern):
            return True
    return False


def applying(project: Project, ref: str) -> list[dict[str, Any]]:
    """Return the active rulesets that cover a ref."""
    target = "tag" if ref.startswith("refs/tags/") else "branch"
    default = project.git.default_branch
    found = []
    for ruleset in project.rulesets:
        if ruleset.get("target", "branch") != target:
            continue
        if ruleset.get("enforcement", "active") != "active":
            continue
        names = ruleset.get("conditions", {}).get("ref_name", {})
        if not _includes(names.get("include", ["~ALL"]), ref, default):
            continue
        if _includes(names.get("exclude", []), ref, default):
            continue
        found.append(ruleset)
    return found


def is_protected(project: Project, branch: str) -> bool:
    """Return whether protection or a ruleset covers a branch."""
    ref = f"refs/heads/{branch}"
    return branch in project.protected or bool(applying(project, ref))


def refusal(
    project: Project, ref: str, old: str | None, new: str | None, actor: str
) -> str | None:
    """Return why a change of a ref is refused, or `None`.

    Parameters
    ----------
    project
        The repository.
    ref
        The full ref.
    old
        What it pointed to; `None` if it is new.
    new
        What it shall point to; `None` if it goes.
    actor
        Who changes it; some may bypass.
    """
    kinds = {"creation"} if old is None else {"update"}
    if new is None:
        kinds = {"deletion"}
    if new is not None:
        kinds |= {"required_signatures", "tag_name_pattern"}
    if old is not None and new is not None:
        kinds |= {"pull_request"}
    for ruleset in applying(project, ref):
        if actor in ruleset.get("bypass_logins", ()):
            continue
        for rule in ruleset.get("rules", ()):
            if rule.get("type") not in kinds:
                continue
            if (found := _broken(rule, ref)) is not None:
                return found
    return _locked(project, ref) if old is not None else None


def _broken(rule: dict[str, Any], ref: str) -> str | None:
    """Return what a rule that covers a change says of it."""
    kind = rule["type"]
    if kind != "tag_name_pattern":
        return _WORDS[kind]
    parameters = rule.get("parameters", {})
    if _fits(parameters, ref.split("/", 2)[2]):
        return None
    pattern = parameters.get("pattern", "")
    return f'Tag name must match a given pattern: "{pattern}"'


def _locked(project: Project, ref: str) -> str | None:
    """Return why an existing ref takes no change."""
    branch = ref.removeprefix("refs/heads/")
    if branch != ref and branch in project.protected:
        return "Changes must be made through a pull request."
    locked = ref.removeprefix("refs/tags/")
    if locked != ref:
        for release in project.releases.value.values():
            if release.is_immutable and release.tag == locked:
                return "Cannot change the tag of an immutable release."
    return None


def _fits(parameters: dict[str, Any], name: str) -> bool:
    pattern = str(parameters.get("pattern", ""))
    tests: dict[str, Callable[[], bool]] = {
        "starts_with": lambda: name.startswith(pattern),
        "ends_with": lambda: name.endswith(pattern),
        "contains": lambda: pattern in name,
    }
    operator = str(parameters.get("operator", ""))
    fits = tests.get(operator, lambda: fnmatchcase(name, pattern))()
    return fits != bool(parameters.get("negate"))


class Hook:
    """The ``update`` hook through which rules hold for git as well.

    It is in the bare repository only while a rule exists and the sandbox
    runs; an ``update`` hook that is already there is kept and asked first.

    Parameters
    ----------
    project
        The repository.
    place
        Returns a folder of the sandbox's own.
    """

    def __init__(self, project: Project, place: Callable[[], Path]) -> None:
        self._project = project
        self._place = place
        self._path = project.git.path / "hooks" / "update"
        self._saved = self._path.with_name("update.before-sandbox")
        self._table: Path | None = None

    def write(self) -> None:
        """Write the present rules down for git."""
        project = self._project
        rows = [
            {**ruleset, "default_branch": project.git.default_branch}
            for ruleset in project.rulesets
        ]
        locked = [
            release.tag
            for release in project.releases.value.values()
            if release.is_immutable
        ]
        if not (rows or project.protected or locked):
            self.remove()
            return
        if self._table is None:
            self._table = self._place() / f"rules-{project.id}.json"
        data = {
            "rulesets": rows,
            "protected": sorted(project.protected),
            "default": project.git.default_branch,
            "locked": locked,
        }
        self._table.write_text(json.dumps(data))
        mine = self._path.exists() and _MARK in self._path.read_text()
        if self._path.exists() and not mine:
            self._path.rename(self._saved)
        self._path.parent.mkdir(exist_ok=True)
        self._path.write_text(
            _SCRIPT.format(
                python=sys.executable,
                mark=_MARK,
                table=str(self._table),
                module=str(Path(__file__)),
                saved=str(self._saved),
            )
        )
        self._path.chmod(0o755)

    def remove(self) -> None:
        """Leave the repository's hooks as they were."""
        if self._table is None:
            return
        self._path.unlink(missing_ok=True)
        if self._saved.exists():
            self._saved.rename(self._path)
        self._table = None


_MARK = "# rsp-release sandbox"

_SCRIPT = """#!{python}
{mark}
import importlib.util, json, os, subprocess, sys, types

if os.path.exists({saved!r}):
    status = subprocess.call([{saved!r}, *sys.argv[1:]])
    if status:
        sys.exit(status)
if not os.path.exists({table!r}):
    sys.exit(0)
spec = importlib.util.spec_from_file_location("rules", {module!r})
rules = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rules)
sys.exit(rules.check({table!r}, *sys.argv[1:4]))
"""


def check(table: str, ref: str, old: str, new: str) -> int:
    """Judge one ref of a push; what git calls as its ``update`` hook."""
    import os
    from types import SimpleNamespace

    data = json.loads(Path(table).read_text())
    project: Any = SimpleNamespace(
        rulesets=data["rulesets"],
        protected=set(data["protected"]),
        git=SimpleNamespace(default_branch=data["default"]),
        releases=SimpleNamespace(
            value={
                tag: SimpleNamespace(is_immutable=True, tag=tag)
                for tag in data["locked"]
            }
        ),
    )
    zero = "0" * 40
    actor = os.environ.get("RSP_SANDBOX_ACTOR", "")
    before = None if old == zero else old
    after = None if new == zero else new
    found = refusal(project, ref, before, after, actor)
    if found is None:
        return 0
    branch = ref.removeprefix("refs/heads/")
    if branch in project.protected:
        text = f"error: GH006: Protected branch update failed for {ref}.\n"
        text += f"error: {found}\n"
    else:
        text = f"error: GH013: Repository rule violations found for {ref}.\n"
        text += f"\n- {found}\n\n"
    sys.stderr.write(text)
    return 1
