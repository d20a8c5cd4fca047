"""Works out which tag of an image each environment runs.

Pure, but for `read_layout`. As Helm merges them: the values of an environment
over those of the chart, over ``appVersion``, which the templates take where
the tag is empty. Mappings merge, lists replace, and null removes
(https://helm.sh/docs/chart_template_guide/values_files/). Values of a
sub-chart lie below its alias, or else its name, in those of its parent
(https://helm.sh/docs/chart_template_guide/subcharts_and_globals/).

Phalanx says in :file:`environments/values-*.yaml` which environments there
are, and which applications they run. Where a repository does not say that,
each :file:`values-NAME.yaml` beside a chart is an environment, and one
without a name stands for all others.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from posixpath import normpath
from shlex import quote
from typing import Any, NamedTuple

from ..engine.world import DeployRepository
from ..exceptions import BlockedError
from .charts import Chart, Place, read_chart
from .spans import Yaml, get, is_alias, pairs, text_at

__all__ = [
    "EffectiveTag",
    "Layout",
    "find_image_names",
    "find_pins",
    "read_layout",
    "read_tags",
]

_ENVIRONMENT = re.compile(r"environments/values(?:-(.+))?\.yaml")

_MERGES_MOST = 20
"""How many ``<<`` are followed: one may lead to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveTag:
    """The tag of an image that an environment runs."""

    environment: str
    """The environment; empty: each that has no values of its own."""

    key: str
    """The path of keys to the tag in the values, or ``appVersion``."""

    image: str | None
    """Registry and repository; `None` where the values don't say."""

    tag: str
    """The tag. Untrusted text."""

    place: Place
    """Where it stands."""


class _Layer(NamedTuple):
    """Values of a file, from a node on."""

    path: str
    keys: tuple[str, ...]
    node: Any


class _Found(NamedTuple):
    """A node, the file it is in, and the keys that lead to it there."""

    node: Any
    path: str
    keys: tuple[str, ...]


class _Instance(NamedTuple):
    """A chart with its values in an environment."""

    chart: str
    """The path of its :file:`Chart.yaml`."""

    prefix: tuple[str, ...]
    """Where its values are in those of the application."""

    layers: tuple[_Layer, ...]
    """The highest first."""

    defaults: tuple[_Layer, ...]
    """Those without the environment's."""


class _Candidate(NamedTuple):
    tag: EffectiveTag
    is_own: bool
    """Whether it is an image of the application for sure."""

    is_kin: bool
    """Whether its owner is that of the source, or it is the ``image`` of a
    chart that does not say its name.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The charts of a deployment repository, and their values."""

    paths: Collection[str]
    """Every file."""

    texts: dict[str, str]
    """The files that were read."""

    roots: dict[str, Any] = field(
        default_factory=dict, repr=False, compare=False
    )
    """The root of each that was parsed."""

    def runs(self, chart: str) -> tuple[str, ...]:
        """Return the environments that run the application of a chart.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.

        Returns
        -------
        tuple of str
            Their names, in order.

        Raises
        ------
        BlockedError
            Raised if an environment's file is no YAML.
        """
        if not self.says_environments:
            return tuple(sorted(self._beside(_parent(chart)))) or ("",)
        application = _parent(chart).rpartition("/")[2]
        default = self._switch("environments/values.yaml", application)
        found = []
        for path in self.paths:
            match = _ENVIRONMENT.fullmatch(path)
            if match is None or match[1] is None:
                continue
            switch = self._switch(path, application) or default
            if switch == "true":
                name = text_at(get(self._root(path), "name"))
                found.append(name or match[1])
        return tuple(sorted(found))

    @property
    def says_environments(self) -> bool:
        """Whether the repository says which environments there are."""
        return any(
            match[1] for match in map(_ENVIRONMENT.fullmatch, self.paths)
            if match
        )  # fmt: skip

    def is_application(self, chart: str) -> bool:
        """Return whether a chart is one that an environment can run.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        """
        below = _parent(chart).startswith("applications/")
        return below or not self.says_environments

    def files(self, chart: str) -> tuple[str, ...]:
        """Return the files that the tags of a chart depend on.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`; it and that of its parent have
            been read.
        """
        parent = _parent(chart)
        names = [f"-{name}" if name else "" for name in self.runs(chart)]
        wanted = {f"{parent}/values{name}.yaml" for name in ("", *names)}
        wanted.add(f"{_directory(chart)}/values.yaml")
        for where in self._parts(f"{parent}/Chart.yaml"):
            wanted |= {f"{where}/Chart.yaml", f"{where}/values.yaml"}
        return tuple(sorted(wanted & set(self.paths)))

    def tags(
        self, chart: str, *, source: str, names: Collection[str] = ()
    ) -> tuple[EffectiveTag, ...]:
        """Work out what each environment runs of an application.

        Its images are those of the release, those called like its source,
        and those for which the chart's own values leave the tag to
        ``appVersion``. Where there are none, those of the source's owner;
        and else, as assumed, one that follows ``appVersion``.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        source
            Owner and name of its repository.
        names
            The images of the release, as far as they are known.

        Returns
        -------
        tuple of EffectiveTag
            The tags of each environment that is switched on. None of them
            where Helm's condition leaves out a sub-chart.

        Raises
        ------
        BlockedError
            Raised if a file is no YAML.
        """
        found = []
        for environment in self.runs(chart):
            instances = list(self._instances(chart, environment))
            candidates = [
                candidate
                for instance in instances
                for candidate in self._candidates(
                    instance, environment, chart, source.lower(), names
                )
            ]
            chosen = [c.tag for c in candidates if c.is_own]
            chosen = self._drop_unused(chart, chosen)
            chosen = chosen or [c.tag for c in candidates if c.is_kin]
            version = self._chart(chart).app_version
            if instances and not chosen and version is not None:
                place = Place(path=chart, keys=("appVersion",))
                chosen = [
                    EffectiveTag(
                        environment=environment, key="appVersion",
                        image=None, tag=version, place=place,
                    )
                ]  # fmt: skip
            found += chosen
        return tuple(found)

    def templates(self, chart: str) -> tuple[str, ...]:
        """Return the templates of a chart.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        """
        where = f"{_directory(chart)}/templates/"
        return tuple(path for path in self.paths if path.startswith(where))

    def _drop_unused(
        self, chart: str, tags: list[EffectiveTag]
    ) -> list[EffectiveTag]:
        """Leave out what follows ``appVersion`` and no template takes.

        Templates are read only where the images of an environment differ.
        """
        text = "".join(self.texts.get(p, "") for p in self.templates(chart))
        used = [tag for tag in tags if f".Values.{tag.key}" in text]
        if not used:
            return tags
        return [t for t in tags if t in used or not t.place.is_app_version]

    # -- Files --------------------------------------------------------------

    def _root(self, path: str) -> Any:
        if path not in self.roots:
            try:
                roots = Yaml(self.texts.get(path, "")).roots
            except BlockedError as e:
                raise BlockedError(f"{path}: {e.message}", help=e.help) from e
            self.roots[path] = roots[0] if roots else None
        return self.roots[path]

    def _chart(self, path: str) -> Chart:
        try:
            return read_chart(self.texts.get(path, ""))
        except BlockedError as e:
            raise BlockedError(f"{path}: {e.message}", help=e.help) from e

    def _switch(self, path: str, application: str) -> str | None:
        """Return what an environment's file says of an application."""
        node = get(get(self._root(path), "applications"), application)
        said = text_at(node)
        return said.lower() if said else None

    def _beside(self, directory: str) -> set[str]:
        """Return the environments that have values beside a chart."""
        pattern = re.compile(rf"{re.escape(directory)}/values(?:-(.+))?\.yaml")
        found = {m[1] or "" for m in map(pattern.fullmatch, self.paths) if m}
        return found | {""}

    def _parts(self, chart: str) -> dict[str, list[tuple[str, str]]]:
        """Return the sub-charts that are in the repository.

        Returns
        -------
        dict
            Of each directory the keys of its values, with a condition.
        """
        directory = _directory(chart)
        found: dict[str, list[tuple[str, str]]] = {}
        for part in self._chart(chart).dependencies:
            where = f"{directory}/charts/{part.name}"
            if part.repository.startswith("file://"):
                path = part.repository.removeprefix("file://")
                where = normpath(f"{directory}/{path}")
            if f"{where}/Chart.yaml" in self.paths:
                found.setdefault(where, []).append(
                    (part.alias or part.name, part.condition)
                )
        return found

    # -- Values -------------------------------------------------------------

    def _instances(self, chart: str, environment: str) -> Iterator[_Instance]:
        """Yield a chart, or each time that its parent has it, and its parts.

        Those parts that the parent shares with others (``file://``) have no
        application of their own.
        """
        parent = _parent(chart)
        name = f"values-{environment}.yaml" if environment else "values.yaml"
        paths = dict.fromkeys([f"{parent}/{name}", f"{parent}/values.yaml"])
        layers = tuple(_Layer(path, (), self._root(path)) for path in paths)
        parts = self._parts(f"{parent}/Chart.yaml")
        own = _directory(chart)
        if own == parent:
            yield _Instance(chart, (), layers, layers[-1:])
            parts = {
                where: keys
                for where, keys in parts.items()
                if not where.startswith(f"{parent}/")
            }
        else:
            default = [(own.rpartition("/")[2], "")]
            parts = {own: parts.get(own, default)}
        for where, keys in parts.items():
            path = f"{where}/values.yaml"
            base = _Layer(path, (), self._root(path))
            for key, condition in keys:
                below = _below(layers, key)
                if condition and self._is_off(layers, condition):
                    continue
                yield _Instance(
                    f"{where}/Chart.yaml",
                    (key,),
                    (*below, base),
                    (*_below(layers[-1:], key), base),
                )

    @staticmethod
    def _is_off(layers: Sequence[_Layer], condition: str) -> bool:
        """Return whether a condition of Helm's leaves out a sub-chart."""
        for keys in condition.split(","):
            said = _look(layers, tuple(keys.strip().split(".")))
            if said is not None and text_at(said.node) is not None:
                return str(said.node.value).lower() == "false"
        return False

    def _candidates(
        self,
        instance: _Instance,
        environment: str,
        chart: str,
        source: str,
        names: Collection[str],
    ) -> Iterator[_Candidate]:
        """Yield the images that the values of a chart name."""
        own_parts = {
            part.alias or part.name
            for part in self._chart(instance.chart).dependencies
        }
        keys = dict.fromkeys(
            key
            for layer in instance.layers[::-1]
            for key in _find_images(layer.node)
        )
        version = self._chart(instance.chart).app_version
        for key in keys:
            name = _name(instance.layers, key)
            found = _look(instance.layers, (*key, "tag"))
            tag = text_at(found.node) if found else None
            if found is None and _look(instance.layers, key) is None:
                continue
            place = Place(path=instance.chart, keys=("appVersion",))
            if tag and found is not None:
                place = Place(path=found.path, keys=found.keys)
            shown = tag or (None if key[0] in own_parts else version)
            if shown is None:
                continue
            default = _look(instance.defaults, (*key, "tag"))
            follows = (
                instance.chart == chart
                and key[0] not in own_parts
                and _look(instance.defaults, key) is not None
                and not (default and text_at(default.node))
            )
            short = _short(name)
            yield _Candidate(
                EffectiveTag(
                    environment=environment,
                    key=".".join((*instance.prefix, *key, "tag")),
                    image=name,
                    tag=shown,
                    place=place,
                ),
                follows or name in names or short.startswith(source),
                (name is None and key == ("image",))
                or short.partition("/")[0] == source.partition("/")[0],
            )


def read_layout(
    deploy: DeployRepository, commit: str, charts: Mapping[str, str]
) -> Layout:
    """Read what the effective tags of charts depend on.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    charts
        The path of each :file:`Chart.yaml`, with owner and name of its
        source.

    Returns
    -------
    Layout
        The repository, as far as it was read.

    Raises
    ------
    BlockedError
        Raised if the file of an environment is no YAML.
    """
    paths = frozenset(deploy.paths(commit))
    parents = {f"{_parent(chart)}/Chart.yaml" for chart in charts}
    wanted = {path for path in paths if _ENVIRONMENT.fullmatch(path)}
    wanted |= (parents | set(charts)) & paths
    layout = Layout(
        paths=paths, texts=dict(deploy.scan(commit, sorted(wanted)))
    )
    files = {file for chart in charts for file in layout.files(chart)}
    layout.texts.update(deploy.scan(commit, sorted(files - wanted)))
    templates: set[str] = set()
    for chart, source in charts.items():
        # Another application's broken values are told with that one.
        with suppress(BlockedError):
            if _is_mixed(layout.tags(chart, source=source)):
                templates.update(layout.templates(chart))
    if templates:
        layout.texts.update(deploy.scan(commit, sorted(templates)))
    return layout


def read_tags(
    deploy: DeployRepository,
    commit: str,
    places: Sequence[Place],
    *,
    source: str,
    names: Collection[str],
) -> tuple[EffectiveTag, ...]:
    """Read what each environment runs of the charts among some places.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    places
        What gets the version.
    source
        Owner and name of the application's repository.
    names
        The images of the release, as far as they are known.

    Raises
    ------
    BlockedError
        Raised if a file is no YAML.
    """
    charts = [place.path for place in places if place.is_app_version]
    if not charts:
        return ()
    layout = read_layout(deploy, commit, dict.fromkeys(charts, source))
    return tuple(
        tag
        for chart in charts
        for tag in layout.tags(chart, source=source, names=names)
    )


def _is_mixed(tags: Sequence[EffectiveTag]) -> bool:
    """Return whether an environment follows in part, or seems to."""
    return any(
        one.environment == other.environment and one.tag != other.tag
        for one in tags
        if one.place.is_app_version
        for other in tags
    )


def find_pins(
    tags: Sequence[EffectiveTag], environments: Collection[str], *, tag: str
) -> tuple[Place, ...]:
    """Find what to edit to move some environments and no other.

    Parameters
    ----------
    tags
        What each environment runs.
    environments
        Those to move.
    tag
        The tag of the release, for what is said.

    Returns
    -------
    tuple of Place
        Where the tags are that they pin.

    Raises
    ------
    BlockedError
        Raised if one does not run the application, pins nothing, or shares
        its pin with another.
    """
    known = dict.fromkeys(each.environment for each in tags)
    pins = [each for each in tags if not each.place.is_app_version]
    for environment in environments:
        if environment not in known:
            raise BlockedError(
                f"no environment {environment} runs the application",
                help=f"use one of {', '.join(known)}" if known else None,
            )
        if environment not in {pin.environment for pin in pins}:
            raise BlockedError(
                f"{environment} pins no tag: it follows appVersion",
                help=f"`rsp-release deploy {quote(tag)}` changes that",
            )
    places = dict.fromkeys(
        pin.place for pin in pins if pin.environment in environments
    )
    for pin in pins:
        if pin.place in places and pin.environment not in environments:
            other = pin.environment
            raise BlockedError(
                f"{pin.place} is also the tag of"
                f" {other or 'all other environments'}",
                help=f"add --environment {quote(other)}, or give each"
                " environment a tag of its own"
                if other
                else f'name it in deploy.charts, as "{pin.place}"',
            )
    return tuple(places)


def find_image_names(text: str) -> frozenset[str]:
    """Find the images that the values of a chart name.

    Parameters
    ----------
    text
        A values file.

    Raises
    ------
    BlockedError
        Raised if it is no YAML.
    """
    layers = [_Layer("", (), root) for root in Yaml(text).roots]
    names = (
        _name([layer], key)
        for layer in layers
        for key in _find_images(layer.node)
    )
    return frozenset(filter(None, names))


# -- Values -----------------------------------------------------------------


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def _parent(chart: str) -> str:
    """Return the directory of the application that a chart is part of."""
    return _directory(chart).partition("/charts/")[0]


def _child(node: Any, key: str, most: int = _MERGES_MOST) -> Any:
    """Return the node below a key, and the keys that lead there."""
    if node.id == "sequence":
        items = node.value[int(key) : int(key) + 1] if key.isdecimal() else []
        return (items[0], (key,)) if items else None
    found = get(node, key)
    if found is not None:
        return found, (key,)
    merged = get(node, "<<") if most else None
    if merged is not None and merged.id == "mapping":
        below = _child(merged, key, most - 1)
        return (below[0], ("<<", *below[1])) if below else None
    return None


def _look(layers: Sequence[_Layer], keys: Sequence[str]) -> _Found | None:
    """Find a value as Helm merges it; `None` where there is none."""
    for layer in layers:
        node, way = layer.node, layer.keys
        for key in keys:
            # A list or a scalar replaces all below, and null removes it.
            if node is not None and node.id == "scalar":
                return None
            below = _child(node, key) if node is not None else None
            if below is None:
                break
            node, way = below[0], (*way, *below[1])
        else:
            is_null = node is None or _is_null(node)
            return None if is_null else _Found(node, layer.path, way)
        if node is not None and node.id == "sequence":
            return None
    return None


def _below(layers: Sequence[_Layer], key: str) -> tuple[_Layer, ...]:
    """Return the values of a sub-chart in those of its parent."""
    found = []
    for layer in layers:
        below = _child(layer.node, key) if layer.node is not None else None
        if below is not None and below[0].id == "mapping":
            found.append(_Layer(layer.path, below[1], below[0]))
    return tuple(found)


def _is_null(node: Any) -> bool:
    return node.id == "scalar" and text_at(node) is None


def _find_images(root: Any) -> Iterator[tuple[str, ...]]:
    """Yield the path of keys to every mapping that is an image.

    One has a tag and is called an image, or names a repository; or it is
    beside the image whose tag it has, as ``hinfo.lsstcam.tag`` is beside
    ``hinfo.image.repository``.
    """
    stack: list[tuple[tuple[str, ...], Any]] = [((), root)] if root else []
    while stack:
        keys, node = stack.pop()
        has_tag = any(k.value == "tag" for k, _ in pairs(node))
        is_image = bool(keys) and keys[-1].lower().endswith("image")
        if keys and (has_tag or (is_image and get(node, "repository"))):
            tag = get(node, "tag")
            if tag is None or tag.id == "scalar":
                yield keys
        items = enumerate(node.value) if node.id == "sequence" else ()
        below = [(str(k.value), v) for k, v in pairs(node)]
        below += [(str(number), item) for number, item in items]
        stack += [
            ((*keys, key), value)
            for key, value in reversed(below)
            if not is_alias(value) or value.id == "scalar"
        ]


def _name(layers: Sequence[_Layer], key: tuple[str, ...]) -> str | None:
    """Return registry and repository of an image."""
    above = [(*key[:-1], "image")] if len(key) > 1 else []
    for keys in (key, *above):
        for word in ("repository", "repo", "name"):
            found = _look(layers, (*keys, word))
            name = text_at(found.node) if found else None
            if name and (word != "name" or "/" in name):
                registry = _look(layers, (*keys, "registry"))
                said = text_at(registry.node) if registry else None
                return f"{said}/{name}" if said else name
    return None


def _short(name: str | None) -> str:
    """Return an image's name without its registry."""
    first, _, rest = (name or "").lower().partition("/")
    return rest if re.search(r"[.:]", first) else f"{first}/{rest}"
