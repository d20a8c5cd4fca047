"""Settings: files, environment and flags become one frozen `Config`.

The table ``[tool.rsp-release]`` of :file:`pyproject.toml`, or a
:file:`.rsp-release.toml` with the same keys at its top level. No key is
required. The checks are written by hand: ``next`` reads the settings too, and
importing a validation library takes longer than ``next`` may.
"""

# Without pathlib, which takes as long to load as all else here.
# ruff: noqa: PTH100, PTH110, PTH118, PTH119, PTH120, PTH123

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from .exceptions import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Config", "Level", "VersionFile", "load_config"]

Level: TypeAlias = Literal["major", "minor", "patch", "none"]
"""What a category or a label asks for."""

_DEFAULT = "default"

_LEVELS = ("major", "minor", "patch", "none")

_CHANGELOGS = (
    "auto",
    "scriv",
    "towncrier",
    "changesets",
    "unreleased",
    "none",
)

_REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"

_NUMBER = r"(?:0|[1-9][0-9]*)"

_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"

_VERSION = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
)

_FORBIDDEN_IN_REF = r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/.]"


class VersionFile(NamedTuple):
    """A file that follows the version."""

    path: str
    """Its path in the repository."""

    key: str | None = None
    """A dotted key, such as ``project.version``."""

    pattern: str | None = None
    """A regular expression with one group; ``^`` matches at each line."""


class Config(NamedTuple):
    """Every setting, and where each comes from.

    A value of `None` means: to be detected, or there is none.
    """

    repository: str | None = None
    """Owner and name on GitHub."""

    branch: str = "main"
    """The branch that is released from."""

    tag_prefix: str | None = None
    """What stands before the version in a tag; `None`: as existing tags."""

    initial_version: str = "0.1.0"
    """The version of a first release."""

    major_on_zero: bool | None = None
    """Whether a breaking change takes 0.x to 1.0.0; `None`: as in the past.

    There is no past on which to detect it before 1.0.0 exists, so `None`
    means no until a person sets it.
    """

    changelog: str = "auto"
    """Where the evidence of changes is kept."""

    categories: Mapping[str, Level] = MappingProxyType({})
    """What the names of change-log categories ask for, in lower case."""

    labels: Mapping[str, Level] = MappingProxyType({})
    """What labels of pull requests ask for."""

    paths: tuple[str, ...] = ()
    """The part of the repository that this stream of tags is about."""

    sign: bool | Literal["auto"] = "auto"
    """Whether tags are signed; ``auto``: as git is configured."""

    workflow: str | None = None
    """The workflow that publishes images."""

    images: tuple[str, ...] | None = None
    """The images to verify."""

    platforms: tuple[str, ...] | None = None
    """The platforms that each image must have."""

    deploy_repository: str | None = None
    """The repository of the deployment pull request."""

    deploy_charts: tuple[str, ...] = ()
    """The charts, or Kustomize files, in that repository."""

    deploy_older: Literal["supersede", "update"] = "supersede"
    """What becomes of an open pull request for an older version."""

    deploy_draft: bool = False
    """Whether the deployment pull request is opened as a draft."""

    deploy_labels: tuple[str, ...] = ()
    """Labels of that pull request."""

    deploy_reviewers: tuple[str, ...] = ()
    """Who is asked to review it."""

    deploy_auto_merge: Literal["", "merge", "squash", "rebase"] = ""
    """How GitHub shall merge it by itself."""

    files: tuple[VersionFile, ...] = ()
    """Files of this repository that get the version."""

    pull_request_when: Literal["auto", "always", "never"] = "auto"
    """Whether the change log goes by pull request."""

    pull_request_labels: tuple[str, ...] = ()
    """Labels of that pull request."""

    pull_request_reviewers: tuple[str, ...] = ()
    """Who is asked to review it."""

    pull_request_auto_merge: Literal["", "merge", "squash", "rebase"] = ""
    """How GitHub shall merge it by itself."""

    sources: Mapping[str, str] = MappingProxyType({})
    """Where the values that are no defaults come from, by key."""

    file: str | None = None
    """The settings file, if there is one."""

    def source(self, key: str) -> str:
        """Return where a value comes from.

        Parameters
        ----------
        key
            The key as in the settings, such as ``tag-prefix``.

        Returns
        -------
        str
            A file, a flag, an environment variable, ``default``, or what
            `detected` was told.

        Raises
        ------
        KeyError
            Raised if there is no such setting.
        """
        if key not in _KEYS:
            raise KeyError(key)
        return self.sources.get(key, _DEFAULT)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all settings, as in a file."""
        return tuple(_KEYS)

    def value(self, key: str) -> Any:
        """Return a value by its key as in the settings."""
        return getattr(self, _KEYS[key][0])

    def is_set(self, key: str) -> bool:
        """Return whether a person set the key, in a file or by a flag."""
        source = self.source(key)
        return source != _DEFAULT and not source.startswith("$")

    def detected(self, source: str, **values: Any) -> Config:
        """Fill in what was detected, where no person has set it.

        Parameters
        ----------
        source
            Where it was detected, for a person.
        **values
            Values by the names of the fields.

        Returns
        -------
        Config
            A copy.
        """
        keys = {name: key for key, (name, _, _) in _KEYS.items()}
        new = {
            name: value
            for name, value in values.items()
            if not self.is_set(keys[name])
        }
        sources = {**self.sources, **{keys[name]: source for name in new}}
        return self._replace(sources=sources, **new)


# -- Checks of single values ------------------------------------------------

_Check: TypeAlias = Callable[[Any], Any]


class _WrongError(ValueError):
    """What was expected instead."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _WrongError("a text that is not empty")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _WrongError("true or false")
    return value


def _repository(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_REPOSITORY, value):
        raise _WrongError('an owner and a name, such as "lsst-sqre/example"')
    return value


def _ref(value: Any) -> str:
    if (
        not isinstance(value, str)
        or not value
        or re.search(_FORBIDDEN_IN_REF, value)
        or value.endswith(("/", ".", ".lock"))
    ):
        raise _WrongError("a branch name that git accepts")
    return value


def _prefix(value: Any) -> str:
    if not isinstance(value, str) or (
        value and re.search(_FORBIDDEN_IN_REF, value)
    ):
        raise _WrongError('what stands before the version, such as "v" or ""')
    return value


def _version(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_VERSION, value):
        raise _WrongError('a semantic version, such as "0.1.0"')
    return value


def _changelog(value: Any) -> str:
    if value is False:
        return "none"
    if value not in _CHANGELOGS:
        raise _WrongError("one of " + ", ".join(_CHANGELOGS))
    return str(value)


def _levels(value: Any) -> dict[str, Level]:
    expected = "a table of names, each with one of " + ", ".join(_LEVELS)
    if not isinstance(value, dict):
        raise _WrongError(expected)
    for name, level in value.items():
        if level not in _LEVELS:
            raise _WrongError(f"{expected}; {name!r} has {level!r}")
    return {
        name.strip().lower(): cast("Level", level)
        for name, level in value.items()
    }


def _sign(value: Any) -> bool | str:
    if isinstance(value, bool) or value == "auto":
        return cast("bool | str", value)
    raise _WrongError('true, false or "auto"')


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) and item.strip() for item in value
    ):
        raise _WrongError("a list of texts")
    return tuple(value)


def _one_of(*known: str) -> _Check:
    def check(value: Any) -> str:
        if value not in known:
            raise _WrongError("one of " + ", ".join(filter(None, known)))
        return str(value)

    return check


def _auto_merge(value: Any) -> str:
    if value is False:
        return ""
    return str(_one_of("", "merge", "squash", "rebase")(value))


def _files(value: Any) -> tuple[VersionFile, ...]:
    expected = (
        "a list of tables, each with a path and either a key or a pattern"
        " with one group"
    )
    if not isinstance(value, list):
        raise _WrongError(expected)
    found = []
    for item in value:
        if (
            not isinstance(item, dict)
            or set(item) not in ({"path", "key"}, {"path", "pattern"})
            or not all(isinstance(v, str) and v for v in item.values())
            or item["path"].startswith("/")
            or ".." in item["path"].split("/")
        ):
            raise _WrongError(expected)
        try:
            groups = re.compile(item.get("pattern", "()")).groups
        except re.error as exc:
            raise _WrongError(f"{expected}; {exc}") from None
        if groups != 1:
            raise _WrongError(expected)
        found.append(VersionFile(**item))
    return tuple(found)


# Key -> field, check, and the type for a person.
_KEYS: dict[str, tuple[str, _Check, str]] = {
    "repository": ("repository", _repository, "text"),
    "branch": ("branch", _ref, "text"),
    "tag-prefix": ("tag_prefix", _prefix, "text"),
    "initial-version": ("initial_version", _version, "text"),
    "major-on-zero": ("major_on_zero", _flag, "true or false"),
    "changelog": ("changelog", _changelog, "text"),
    "categories": ("categories", _levels, "table"),
    "labels": ("labels", _levels, "table"),
    "paths": ("paths", _texts, "list"),
    "sign": ("sign", _sign, "true, false or auto"),
    "workflow": ("workflow", _text, "text"),
    "images": ("images", _texts, "list"),
    "platforms": ("platforms", _texts, "list"),
    "deploy.repository": ("deploy_repository", _repository, "text"),
    "deploy.charts": ("deploy_charts", _texts, "list"),
    "deploy.older": ("deploy_older", _one_of("supersede", "update"), "text"),
    "deploy.draft": ("deploy_draft", _flag, "true or false"),
    "deploy.labels": ("deploy_labels", _texts, "list"),
    "deploy.reviewers": ("deploy_reviewers", _texts, "list"),
    "deploy.auto-merge": ("deploy_auto_merge", _auto_merge, "text"),
    "files": ("files", _files, "list of tables"),
    "pull-request.when": (
        "pull_request_when",
        _one_of("auto", "always", "never"),
        "text",
    ),
    "pull-request.labels": ("pull_request_labels", _texts, "list"),
    "pull-request.reviewers": ("pull_request_reviewers", _texts, "list"),
    "pull-request.auto-merge": (
        "pull_request_auto_merge",
        _auto_merge,
        "text",
    ),
}


def load_config(
    directory: Path | str,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Read the settings that hold in a directory.

    The file is looked for in the directory and then in those above it, up to
    the root of the working tree.

    Parameters
    ----------
    directory
        Where to start looking.
    environ
        The environment. ``GITHUB_REPOSITORY`` is used where nothing else
        names the repository.
    overrides
        Values from flags, by key as in the settings; `None` means not given.

    Returns
    -------
    Config
        The settings, each with its source.

    Raises
    ------
    SettingsError
        Raised if a file cannot be read, has an unknown key, or a value of
        the wrong kind.
    """
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    name, table, place = _find(directory)
    if name is not None:
        label = name if name != "pyproject.toml" else f"{name} {_TABLE}"
        for key, value in _flatten(place, table).items():
            field_name, check, _ = _KEYS[key]
            values[field_name] = _checked(name, key, value, check, place)
            sources[key] = label
    for key, value in (overrides or {}).items():
        if value is not None:
            field_name, check, _ = _KEYS[key]
            flag = f"--{key.replace('.', '-')}"
            values[field_name] = _checked("arguments", key, value, check)
            sources[key] = "--repo" if key == "repository" else flag
    repository = (environ or {}).get("GITHUB_REPOSITORY")
    if repository and "repository" not in sources:
        values["repository"] = _checked(
            "environment", "GITHUB_REPOSITORY", repository, _repository
        )
        # A dollar marks what a detected value may still replace.
        sources["repository"] = "$GITHUB_REPOSITORY"
    return Config(**values, sources=sources, file=name)


_TABLE = "[tool.rsp-release]"

_WHOLE = "tool.rsp-release"


def _checked(
    path: str, key: str, value: Any, check: _Check, place: str | None = None
) -> Any:
    try:
        return check(value)
    except _WrongError as exc:
        raise SettingsError(
            path,
            key,
            f"got {value!r:.80}",
            help=f"expected {exc}",
            line=_line_of(place, key) if place else None,
            file=place,
        ) from None


def _line_of(place: str, key: str) -> int | None:
    """Find the line where a key is set, for a message alone.

    It is the first after which what was read until there has the key, however
    the file spells it.
    """
    import tomllib

    try:
        with open(place, encoding="utf-8") as file:
            lines = file.read().split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    is_own = place.endswith(".rsp-release.toml")
    table = [] if is_own else ["tool", "rsp-release"]
    if key == _WHOLE:
        key, table = "rsp-release", ["tool"]
    paths = ([*table, key], [*table, *key.split(".")])
    begin = 0
    for number in range(1, len(lines) + 1):
        try:
            found = tomllib.loads("\n".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # inside of a value of several lines
        if any(_has(found, path) for path in paths):
            return begin + 1
        if lines[number - 1].strip():
            begin = number
        while begin < len(lines) and re.match(r"\s*(?:#|$)", lines[begin]):
            begin += 1
    return None


def _has(found: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return False
        found = found[name]
    return True


def _find(directory: Path | str) -> tuple[str | None, dict[str, Any], str]:
    """Find the settings file; return its name, its table and its path."""
    folder = os.path.abspath(directory)
    while True:
        found: list[tuple[str, dict[str, Any]]] = []
        own = _read_toml(os.path.join(folder, ".rsp-release.toml"))
        if own is not None:
            found.append((".rsp-release.toml", own))
        project = _read_toml(
            os.path.join(folder, "pyproject.toml"), b"rsp-release"
        )
        if project is not None:
            tool = project.get("tool")
            table = tool.get("rsp-release") if isinstance(tool, dict) else None
            if table is not None:
                if not isinstance(table, dict):
                    place = os.path.join(folder, "pyproject.toml")
                    raise SettingsError(
                        "pyproject.toml",
                        _WHOLE,
                        f"got {table!r:.80}",
                        help="expected a table",
                        line=_line_of(place, _WHOLE),
                        file=place,
                    )
                found.append(("pyproject.toml", table))
        if len(found) > 1:
            raise SettingsError(
                ".rsp-release.toml",
                _WHOLE,
                "pyproject.toml holds settings as well",
                help="keep the settings in one of the two files",
                file=os.path.join(folder, ".rsp-release.toml"),
            )
        if found:
            name, settings = found[0]
            return name, settings, os.path.join(folder, name)
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return None, {}, ""
        folder = above


def _read_toml(path: str, needle: bytes = b"") -> dict[str, Any] | None:
    """Read a TOML file, unless it is absent or lacks the needle."""
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise SettingsError(
            name, "(file)", f"could not be read: {exc.strerror}", file=path
        ) from exc
    if needle not in data:
        return None
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        at = re.search(r"at line (\d+)", str(exc))
        error = SettingsError(
            name, "(file)", f"is not valid TOML: {exc}", file=path
        )
        error.line = int(at[1]) if at else None
        raise error from exc


def _flatten(place: str, table: dict[str, Any]) -> dict[str, Any]:
    """Turn nested tables into dotted keys and refuse unknown ones."""
    path = os.path.basename(place)
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key in {"deploy", "pull-request"} and isinstance(value, dict):
            flat.update({f"{key}.{k}": v for k, v in value.items()})
        else:
            flat[key] = value
    for key in flat:
        if key not in _KEYS:
            raise SettingsError(
                path,
                key,
                "there is no such setting",
                help=_suggest(key),
                line=_line_of(place, key),
                file=place,
            )
    return flat


def _suggest(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key.replace("_", "-").lower(), _KEYS, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return "the settings are " + ", ".join(_KEYS)
