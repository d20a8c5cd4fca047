"""Reads versions from charts and Kustomize files, and replaces them.

Pure: texts in, texts out. Helm charts carry the version of an application as
``appVersion`` in :file:`Chart.yaml`, which is the tag of its image unless the
values say otherwise; Kustomize carries tags in ``images``.

The places that are edited are named as in the setting ``deploy.charts``:

``applications/name`` or ``applications/name/Chart.yaml``
    the ``appVersion`` of that chart
``PATH/Chart.yaml#dependencies.NAME``
    the ``version`` of that dependency
``PATH/kustomization.yaml``
    ``newTag`` and ``digest`` of the release's images
``PATH.yaml#key.of.a.value``
    that value
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

from ..exceptions import BlockedError, UsageError
from ..version.tags import parse_tags
from .spans import Spot, Yaml, get, pairs, text_at

__all__ = [
    "Chart",
    "Dependency",
    "Place",
    "Relation",
    "edit",
    "edit_badges",
    "find_charts",
    "has_source",
    "parse_place",
    "read_chart",
    "relate",
    "respell",
    "split_source",
]

Relation: TypeAlias = Literal["same", "newer", "older", "unknown"]
"""How a deployed version stands to another: newer means it is higher."""

_NOT_DEPLOYED = frozenset(
    {"example", "examples", "fixtures", "starters", "test", "testdata",
     "tests"}
)  # fmt: skip
"""Directories whose charts are there to be copied, or to test with."""

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a deployment repository that holds a version."""

    path: str
    """The file."""

    keys: tuple[str, ...]
    """The path of keys to the value; empty for a Kustomize file."""

    @property
    def directory(self) -> str:
        """The directory of the file."""
        return self.path.rpartition("/")[0]

    @property
    def is_app_version(self) -> bool:
        """Whether it is the ``appVersion`` of a chart."""
        return self.keys == ("appVersion",)

    def beside(self, name: str) -> str:
        """Return the path of another file of the same directory."""
        return f"{self.directory}/{name}".lstrip("/")

    def __str__(self) -> str:  # type: ignore[explicit-override]
        return f"{self.path}#{'.'.join(self.keys)}" if self.keys else self.path


class Dependency(NamedTuple):
    """A sub-chart, as its parent names it."""

    key: str
    """Where its values are in those of its parent: its alias, or its name."""

    name: str = ""
    repository: str = ""
    condition: str = ""
    tags: tuple[str, ...] = ()

    imports: tuple[str, ...] = ()
    """Where its parent takes values of it (``import-values``): paths of keys,
    and ``.`` for the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a :file:`Chart.yaml` says."""

    app_version: str | None
    sources: tuple[str, ...]
    dependencies: tuple[Dependency, ...] = ()


def parse_place(text: str) -> Place:
    """Read a place from the setting ``deploy.charts``.

    Parameters
    ----------
    text
        The place, as in the module's docstring.

    Returns
    -------
    Place
        The file, and the keys in it.

    Raises
    ------
    UsageError
        Raised if it is none.
    """
    path, _, key = text.strip().partition("#")
    path = path.removeprefix("./").rstrip("/")
    name = path.rpartition("/")[2]
    keys = tuple(part for part in key.split(".") if part)
    if path.startswith("/") or ".." in path.split("/") or not path:
        raise UsageError(
            f"deploy.charts: {text!r} is no path in a repository",
            help='write it like "applications/name"',
        )
    if name in _KUSTOMIZATIONS:
        return Place(path=path, keys=keys)
    if not re.search(r"\.ya?ml$", path):
        path, name = f"{path}/Chart.yaml", "Chart.yaml"
    if name == "Chart.yaml":
        if len(keys) == 2 and keys[0] == "dependencies":
            keys = ("dependencies", f"name={keys[1]}", "version")
        return Place(path=path, keys=keys or ("appVersion",))
    if not keys:
        raise UsageError(
            f"deploy.charts: {text!r} does not say which value",
            help=f'name it, such as "{path}#image.tag"',
        )
    return Place(path=path, keys=keys)


@lru_cache(maxsize=256)
def read_chart(text: str) -> Chart:
    """Read what is wanted of a :file:`Chart.yaml`.

    Parameters
    ----------
    text
        Its text.

    Raises
    ------
    BlockedError
        Raised if it is no YAML.
    """
    roots = Yaml(text).roots
    root = roots[0] if roots else None
    nodes = [*_items(get(root, "sources")), get(root, "home")]
    return Chart(
        app_version=text_at(get(root, "appVersion")),
        sources=tuple(filter(None, map(text_at, nodes))),
        dependencies=tuple(
            map(_read_dependency, _items(get(root, "dependencies")))
        ),
    )


def find_charts(paths: Iterable[str]) -> tuple[str, ...]:
    """Find the charts that are deployed.

    Parameters
    ----------
    paths
        Every file of a deployment repository.

    Returns
    -------
    tuple of str
        The path of each :file:`Chart.yaml`, in order, without those that are
        there to be copied or to test with.
    """
    found = []
    for path in paths:
        *directories, name = path.split("/")
        if name == "Chart.yaml" and not _NOT_DEPLOYED & set(directories):
            found.append(path)
    return tuple(sorted(found))


def has_source(chart: Chart, url: str) -> bool:
    """Return whether a chart names a repository as its source.

    Parameters
    ----------
    chart
        The chart.
    url
        The repository's page.
    """
    return _folded(url) in map(_folded, chart.sources)


def split_source(url: str) -> tuple[str, str]:
    """Return the host of a source, and owner and name of its repository.

    Parameters
    ----------
    url
        The page. Untrusted.

    Returns
    -------
    tuple of str
        Both empty where it is no address.
    """
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return "", ""
    # A folder of a repository is a source in it.
    name = "/".join(parts.path.strip("/").split("/")[:2])
    return parts.netloc.lower(), name.removesuffix(".git")


def edit(
    place: Place, text: str, *, tag: str, digests: Mapping[str, str | None]
) -> tuple[str, list[tuple[str, str | None, str]]]:
    """Put a version into a file.

    Parameters
    ----------
    place
        Where.
    text
        The file's text.
    tag
        The tag of the release's images.
    digests
        The release's images, each with its digest as far as that is known.

    Returns
    -------
    tuple
        The new text; and of each value its key, what was there and what is
        there now, the same where nothing had to change.

    Raises
    ------
    BlockedError
        Raised if the file has no such place, or it cannot be changed alone.
    """
    try:
        yaml = Yaml(text)
        if place.keys:
            found = [
                (
                    ".".join(place.keys),
                    spot,
                    respell(
                        _fit(spot.value, tag, digests),
                        spot.value if place.keys[-1] == "tag" else None,
                    ),
                )
                for spot in yaml.find(place.keys)
            ]
        else:
            found = list(_find_kustomized(yaml.roots, tag, digests))
        if not found:
            what = ".".join(place.keys) or "newTag of " + " or ".join(digests)
            raise BlockedError(f"it has no {what}")
        changes = [(s, new) for _, s, new in found if s.value != new]
        new_text = yaml.replace(changes) if changes else text
    except BlockedError as e:
        raise BlockedError(f"{place.path}: {e.message}", help=e.help) from e
    return new_text, [(key, spot.value, new) for key, spot, new in found]


def edit_badges(text: str, *, old: str | None, new: str) -> str:
    """Let the badges follow that helm-docs writes into a README.

    Parameters
    ----------
    text
        The README.
    old, new
        The ``appVersion`` before and now.

    Returns
    -------
    str
        The text, changed in badges of exactly the old version alone.
    """
    if old is None or old == new:
        return text
    # shields.io takes two dashes for one (https://shields.io/badges).
    shields = {
        re.escape(quote(form, safe="."))
        for form in (old, old.replace("-", "--"))
    }
    pattern = re.compile(
        rf"(!\[AppVersion: ){re.escape(old)}"
        r"(\]\(https://img\.shields\.io/badge/AppVersion-)"
        rf"(?:{'|'.join(sorted(shields, key=len, reverse=True))})"
        r"(-[a-z]+[?)])"
    )
    escaped = quote(new.replace("-", "--"), safe=".")
    return pattern.sub(
        lambda match: f"{match[1]}{new}{match[2]}{escaped}{match[3]}", text
    )


def respell(tag: str, old: str | None) -> str:
    """Return a tag with a ``v`` before it where the old one has that.

    Parameters
    ----------
    tag
        The tag.
    old
        What the values have; `None` where its spelling does not count.
    """
    if not old or not all(re.match(r"v?\d", text) for text in (tag, old)):
        return tag
    prefix = "v" if old.startswith("v") else ""
    return f"{prefix}{tag.removeprefix('v')}"


@lru_cache
def relate(current: str | None, wanted: str) -> Relation:
    """Tell how a deployed version stands to another.

    Parameters
    ----------
    current
        What is deployed.
    wanted
        The other version.

    Returns
    -------
    str
        ``newer`` where the deployed one is higher, by SemVer 2.0.0;
        ``unknown`` where either is no version, or they are of two streams of
        tags.
    """
    if current == wanted:
        return "same"
    found = [list(parse_tags([text or ""])) for text in (current, wanted)]
    if not all(found):
        return "unknown"
    one, other = found[0][0], found[1][0]
    if one.stream != other.stream:
        return "unknown"
    order = one.version.compare(other.version)
    if order == 0:
        return "same"
    return "newer" if order > 0 else "older"


# -- Parts ------------------------------------------------------------------


def _items(node: Any) -> Sequence[Any]:
    """Return the items of a list; nothing of anything else."""
    return node.value if node and node.id == "sequence" else ()


def _read_dependency(node: Any) -> Dependency:
    def read(key: str) -> str:
        return text_at(get(node, key)) or ""

    imported = _items(get(node, "import-values"))
    return Dependency(
        key=read("alias") or read("name"),
        name=read("name"),
        repository=read("repository"),
        condition=read("condition"),
        tags=tuple(filter(None, map(text_at, _items(get(node, "tags"))))),
        imports=tuple(
            text_at(get(each, "parent")) or "." for each in imported
        ),
    )


def _folded(url: str) -> tuple[str, str]:
    host, name = split_source(url)
    return host, name.lower()


def _fit(old: str | None, tag: str, digests: Iterable[str]) -> str:
    """Return what shall stand in a place, of the form that stands there."""
    for name in digests:
        if old and old.startswith((f"{name}:", f"{name}@")):
            return f"{name}:{tag}"
    return tag


def _find_kustomized(
    roots: Sequence[Any], tag: str, digests: Mapping[str, str | None]
) -> Iterator[tuple[str, Spot, str]]:
    """Find tags and digests of images (Kustomize, images transformer)."""
    for root in roots:
        for node in _items(get(root, "images")):
            names = text_at(get(node, "newName")), text_at(get(node, "name"))
            name = next((n for n in names if n in digests), None)
            if name is None or (names[0] and names[0] != name):
                continue
            for key, value in pairs(node):
                spot = Spot(value, key.end_mark.index)
                if key.value == "newTag":
                    yield f"{name} newTag", spot, tag
                elif key.value == "digest":
                    digest = digests[name]
                    if digest is None:
                        raise BlockedError(f"no digest of {name} is known")
                    yield f"{name} digest", spot, digest
