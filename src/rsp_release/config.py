"""The settings, from files, the environment and flags.

The table ``[tool.rsp-release]`` of :file:`pyproject.toml`, or a
:file:`.rsp-release.toml` with the same keys at its top level. No key is
required. The checks are written by hand: ``next`` reads the settings too, and
importing a validation library takes longer than ``next`` may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, cast

from .settings_file import find_line, find_settings, make_error

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Config",
    "EnvironmentSetting",
    "Level",
    "VersionFile",
    "load_config",
]

Level: TypeAlias = Literal["major", "minor", "patch", "none"]
"""What a category or a label asks for."""

_DEFAULT = "default"

_LEVELS = ("major", "minor", "patch", "none")

_REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+"

_NUMBER = r"(?:0|[1-9][0-9]*)"

_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"

_VERSION = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
)

_OF_REF = r"(?s)(?!.*(?:[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/.])).*"
"""What git takes within the name of a ref."""


class VersionFile(NamedTuple):
    """A file that follows the version."""

    path: str
    """Its path in the repository."""

    key: str | None = None
    """A dotted key, such as ``project.version``."""

    pattern: str | None = None
    """A regular expression with one group; ``^`` matches at each line."""


class EnvironmentSetting(NamedTuple):
    """An environment that releases are rolled out to."""

    name: str
    """Its name."""

    argocd: str
    """The address of its Argo CD, such as
    ``https://data.example.org/argo-cd``.
    """

    application: str | None = None
    """The application there; `None`: it is called like the chart."""

    namespace: str | None = None
    """The namespace of the application itself; `None`: that of Argo CD."""

    project: str | None = None
    """Its project; `None`: it is not named when Argo CD is asked."""


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

    dependencies_max_age: int | None = None
    """Days after which a lock file, or an update of a dependency that is
    pending, blocks a release; `None`: it is a warning.
    """

    pull_request_when: Literal["auto", "always", "never"] = "auto"
    """Whether the change log goes by pull request."""

    pull_request_labels: tuple[str, ...] = ()
    """Labels of that pull request."""

    pull_request_reviewers: tuple[str, ...] = ()
    """Who is asked to review it."""

    pull_request_auto_merge: Literal["", "merge", "squash", "rebase"] = ""
    """How GitHub shall merge it by itself."""

    environments: tuple[EnvironmentSetting, ...] = ()
    """The environments that releases are rolled out to, each with ``name`` and
    ``argocd``, the address of its Argo CD, and where they are not as usual
    ``application``, ``namespace`` and ``project``; empty: those of a
    deployment repository laid out as Phalanx.
    """

    rollout_order: tuple[str, ...] = ()
    """The environments in the order of the roll-out; others come after them.
    """

    sources: Mapping[str, str] = MappingProxyType({})
    """Where the values that are no defaults come from, by key."""

    file: str | None = None
    """The settings file, if there is one."""

    place: str = ""
    """Its path."""

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

    def where(self, key: str) -> str:
        """Return where a value comes from, with the line if that is a file.

        Parameters
        ----------
        key
            The key as in the settings.
        """
        source = self.source(key)
        if self.file is None or not source.startswith(self.file):
            return source
        return f"{self.file}, line {find_line(self.place, key)}: {key}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all settings, as in a file."""
        return tuple(_KEYS)

    def value(self, key: str) -> Any:
        """Return a value by its key as in the settings."""
        return getattr(self, _field(key))

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
        keys = {_field(key): key for key in _KEYS}
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
    """What was expected instead, and of what, if not of the whole value."""

    def __init__(self, expected: str, *got: object) -> None:
        super().__init__(expected)
        self.got = got


def _matching(pattern: str, expected: str) -> _Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise _WrongError(expected)
        return value

    return check


def _one_of(*known: str, false: str | None = None) -> _Check:
    """Take some words, and perhaps ``false`` in place of one of them."""

    def check(value: Any) -> str:
        word = false if value is False else value
        if word not in known:
            raise _WrongError("one of " + ", ".join(filter(None, known)))
        return str(word)

    return check


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _WrongError("true or false")
    return value


def _days(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _WrongError("a number of days, such as 30")
    return value


def _sign(value: Any) -> bool | str:
    if isinstance(value, bool) or value == "auto":
        return cast("bool | str", value)
    raise _WrongError('true, false or "auto"')


def _levels(value: Any) -> dict[str, Level]:
    expected = "a table of names, each with one of " + ", ".join(_LEVELS)
    if not isinstance(value, dict):
        raise _WrongError(expected)
    for name, level in value.items():
        if level not in _LEVELS:
            raise _WrongError(f"{expected}; {name!r} has {level!r}")
    return {name.strip().lower(): level for name, level in value.items()}


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(item, str) and item.strip() for item in value
    ):
        raise _WrongError("a list of strings")
    return tuple(value)


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


_ENVIRONMENT = {
    "name": "[A-Za-z0-9][A-Za-z0-9._-]*",
    "argocd": r"(?:https://[A-Za-z0-9.-]+|http://(?:localhost|127\.0\.0\.1))"
    r"(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~-]+)*",
    **dict.fromkeys(
        ("application", "namespace", "project"),
        "[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?",
    ),
}
"""The keys of an environment. Nothing unencrypted leaves this machine."""


def _environments(value: Any) -> tuple[EnvironmentSetting, ...]:
    items: list[Any] = value if isinstance(value, list) else [None]
    names: set[str] = set()
    for item in items:
        table = item if isinstance(item, dict) else {}
        wrong = {
            k: v
            for k, v in table.items()
            if k in _ENVIRONMENT
            and not (isinstance(v, str) and re.fullmatch(_ENVIRONMENT[k], v))
        }
        is_whole = {"name", "argocd"} <= set(table) <= set(_ENVIRONMENT)
        if wrong or not is_whole or item["name"] in names:
            raise _WrongError(
                "a list of tables, each with a name of its own, the address of"
                ' an argocd, such as "https://data.example.org/argo-cd", and'
                " perhaps an application, a namespace and a project",
                # What another key has may be a secret.
                *([wrong or list(table)] if table else []),
            )
        names.add(item["name"])
    return tuple(EnvironmentSetting(**item) for item in items)


_repository = _matching(
    _REPOSITORY, 'an owner and a name, such as "lsst-sqre/example"'
)

_auto_merge = _one_of("", "merge", "squash", "rebase", false="")

_KEYS: dict[str, _Check] = {
    "repository": _repository,
    "branch": _matching(
        rf"{_OF_REF}(?<=[^/.])(?<!\.lock)", "a branch name that git accepts"
    ),
    "tag-prefix": _matching(
        _OF_REF, 'what precedes the version in a tag, such as "v" or ""'
    ),
    "initial-version": _matching(
        _VERSION, 'a semantic version, such as "0.1.0"'
    ),
    "major-on-zero": _flag,
    "changelog": _one_of(
        *("auto", "scriv", "towncrier", "changesets", "unreleased", "none"),
        false="none",
    ),
    "categories": _levels,
    "labels": _levels,
    "paths": _texts,
    "sign": _sign,
    "workflow": _matching(r"(?s).*\S.*", "a string that is not empty"),
    "images": _texts,
    "platforms": _texts,
    "deploy.repository": _repository,
    "deploy.charts": _texts,
    "deploy.older": _one_of("supersede", "update"),
    "deploy.draft": _flag,
    "deploy.labels": _texts,
    "deploy.reviewers": _texts,
    "deploy.auto-merge": _auto_merge,
    "files": _files,
    "dependencies.max-age": _days,
    "pull-request.when": _one_of("auto", "always", "never"),
    "pull-request.labels": _texts,
    "pull-request.reviewers": _texts,
    "pull-request.auto-merge": _auto_merge,
    "environments": _environments,
    "rollout.order": _texts,
}
"""What is expected of each setting."""

_TABLES = {key.partition(".")[0] for key in _KEYS if "." in key}
"""The tables that settings are in."""


def _field(key: str) -> str:
    """Return the field of `Config` for a key of the settings."""
    return key.replace(".", "_").replace("-", "_")


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
    name, table, place = find_settings(directory)
    if name is not None:
        label = name if name != "pyproject.toml" else f"{name} {_TABLE}"
        for key, value in _flatten(place, table).items():
            values[_field(key)] = _checked(place, key, value, _KEYS[key])
            sources[key] = label
    for key, value in (overrides or {}).items():
        if value is not None:
            flag = f"--{key.replace('.', '-')}"
            values[_field(key)] = _checked("arguments", key, value, _KEYS[key])
            sources[key] = "--repo" if key == "repository" else flag
    repository = (environ or {}).get("GITHUB_REPOSITORY")
    if repository and "repository" not in sources:
        values["repository"] = _checked(
            "environment", "GITHUB_REPOSITORY", repository, _repository
        )
        # A dollar marks what a detected value may still replace.
        sources["repository"] = "$GITHUB_REPOSITORY"
    return Config(**values, sources=sources, file=name, place=place)


_TABLE = "[tool.rsp-release]"

_USERINFO = re.compile(r"(?<=://)[^\s/@'\"]+@")


def _checked(place: str, key: str, value: Any, check: _Check) -> Any:
    try:
        return check(value)
    except _WrongError as exc:
        # A password in an address is nobody's business.
        got = _USERINFO.sub("***@", repr(*(exc.got or (value,))))
        error = make_error(place, key, f"got {got:.80}", f"expected {exc}")
        raise error from None


def _flatten(place: str, table: dict[str, Any]) -> dict[str, Any]:
    """Turn nested tables into dotted keys and refuse unknown ones."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if key in _TABLES and isinstance(value, dict):
            flat.update({f"{key}.{k}": v for k, v in value.items()})
        else:
            flat[key] = value
    for key in flat:
        if key not in _KEYS:
            raise make_error(place, key, "no such setting", _suggest(key))
    return flat


def _suggest(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key.replace("_", "-").lower(), _KEYS, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return "the settings are " + ", ".join(_KEYS)
