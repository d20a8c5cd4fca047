"""Works out which tag of an image each environment runs.

It is that of the environment's values, over the chart's, over ``appVersion``,
which the templates take where the tag is empty. Pure, but for `read_layout`
and `read_tags`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote
from typing import NamedTuple

from ..engine.world import DeployRepository
from ..exceptions import BlockedError
from .charts import Place
from .environments import find_files
from .layout import Instance, Layout, parent_of
from .spans import Yaml
from .values import (
    GLOBAL,
    Found,
    Layer,
    find_image,
    find_images,
    imports,
    look,
)

__all__ = [
    "EffectiveTag",
    "find_image_names",
    "find_pins",
    "is_image_of",
    "read_layout",
    "read_tags",
    "tags_of",
]

_GLOBAL_TAG = (GLOBAL, "image", "tag")
"""What the templates of some charts take where an image has no tag."""


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

    is_assumed: bool = False
    """Whether nobody can tell it from the values: they name no image of the
    application, or a sub-chart may set it (``import-values``)."""


class _Candidate(NamedTuple):
    tag: EffectiveTag
    is_own: bool
    """Whether it is an image of the application for sure."""

    is_kin: bool
    """Whether its owner is that of the source."""

    is_used: bool
    """Whether a template that was read takes its tag."""


def tags_of(
    layout: Layout, chart: str, *, source: str, names: Collection[str] = ()
) -> tuple[EffectiveTag, ...]:
    """Work out what each environment runs of an application.

    Its images are those of the release, those called like its source, and
    those for which the chart's own values leave the tag to ``appVersion``.
    Where there are none, those of the source's owner; and else one that
    follows ``appVersion``, which is assumed where there are other images.

    Parameters
    ----------
    layout
        The deployment repository.
    chart
        The path of the application's :file:`Chart.yaml`.
    source
        Owner and name of its repository.
    names
        The images of the release, as far as they are known.

    Returns
    -------
    tuple of EffectiveTag
        The tags of each environment that is switched on. None of them where
        Helm leaves out a sub-chart.

    Raises
    ------
    BlockedError
        Raised if a file is no YAML.
    """
    found: dict[EffectiveTag, None] = {}
    for environment in layout.runs(chart):
        instances = list(layout.instances(chart, environment))
        candidates = [
            candidate
            for instance in instances
            for candidate in _find_candidates(
                layout,
                instance,
                chart,
                environment=environment,
                source=source,
                names=names,
            )
        ]
        own = [c for c in candidates if c.is_own]
        kin = [c for c in candidates if c.is_kin]
        chosen = [c.tag for c in _drop_unused(own or kin)]
        if instances and not chosen:
            chosen = _assume(
                layout, instances[0], environment, has_others=bool(candidates)
            )
        found.update(dict.fromkeys(chosen))
    return tuple(found)


def _assume(
    layout: Layout, instance: Instance, environment: str, *, has_others: bool
) -> list[EffectiveTag]:
    """Return what a chart runs whose values name no image of it."""
    place = Place(path=instance.chart, keys=("appVersion",))
    chart = layout.chart(instance.chart)
    tag = chart.app_version
    if common := _find_common(layout, instance):
        place, tag = Place(path=common.path, keys=common.keys), common.text
    if tag is None:
        return []
    return [
        EffectiveTag(
            environment=environment,
            key=".".join(place.keys),
            image=None,
            tag=tag,
            place=place,
            is_assumed=has_others or bool(chart.dependencies),
        )
    ]


def _find_common(layout: Layout, instance: Instance) -> Found | None:
    """Find the tag of all images, where there is one and a template uses it.

    Such templates take it where the image has none, before ``appVersion``.
    """
    found = look(instance.layers, _GLOBAL_TAG)
    text = layout.template_text(instance.chart)
    is_used = ".".join(_GLOBAL_TAG) in text
    return found if found and found.text and is_used else None


def _drop_unused(candidates: list[_Candidate]) -> list[_Candidate]:
    """Leave out what follows ``appVersion`` and no template takes.

    Templates are read only where the images of an environment differ.
    """
    if not any(candidate.is_used for candidate in candidates):
        return candidates
    return [
        candidate
        for candidate in candidates
        if candidate.is_used or not candidate.tag.place.is_app_version
    ]


def _is_off(layers: Sequence[Layer], key: tuple[str, ...]) -> bool:
    """Return whether what an image belongs to is switched off.

    Charts have a switch beside the image, or beside its tag.
    """
    # What a sub-chart says of itself at its top is for Helm's conditions.
    above = [key[:-1]] if key[-1].lower().endswith("image") else []
    switches = [
        look(layers, (*where, word))
        for where in (key, *filter(None, above))
        for word in ("enabled", "enable")
    ]
    return any(switch and switch.truth is False for switch in switches)


def _find_candidates(
    layout: Layout,
    instance: Instance,
    chart: str,
    *,
    environment: str,
    source: str,
    names: Collection[str],
) -> Iterator[_Candidate]:
    """Yield the images that the values of a chart name."""
    layers, defaults = instance.layers, instance.defaults
    said = layout.chart(instance.chart)
    parts = {part.key for part in said.dependencies}
    keys = dict.fromkeys(k for ly in layers[::-1] for k in find_images(ly))
    text = layout.template_text(instance.chart)
    common = _find_common(layout, instance)
    for key in keys:
        name = find_image(layers, key)
        found = look(layers, (*key, "tag"))
        if (not found and not look(layers, key)) or _is_off(layers, key):
            continue
        is_left = not (found and found.text)
        holder = common if is_left else found
        place = Place(path=instance.chart, keys=("appVersion",))
        shown = None if key[0] in parts else said.app_version
        if holder and holder.text:
            place, shown = (
                Place(path=holder.path, keys=holder.keys),
                holder.text,
            )
        if shown is None:
            continue
        default = look(defaults, (*key, "tag"))
        follows = (
            instance.chart == chart
            and key[0] not in {*parts, GLOBAL}
            and look(defaults, key) is not None
            and not (default and default.text)
        )
        way = key if key[0] == GLOBAL else (*instance.prefix, *key)
        yield _Candidate(
            EffectiveTag(
                environment=environment,
                key=".".join((*way, "tag")),
                image=name,
                tag=shown,
                place=place,
                is_assumed=found is None
                and any(imports(p, (*key, "tag")) for p in instance.importing),
            ),
            is_own=follows or name in names or is_image_of(name, source),
            is_kin=(name is None and key == ("image",))
            or _short(name).partition("/")[0]
            == source.lower().partition("/")[0],
            is_used=f".Values.{'.'.join(key)}.tag" in text,
        )


def read_layout(
    deploy: DeployRepository,
    commit: str,
    charts: Mapping[str, str],
    *,
    also: Collection[str] = (),
) -> Layout:
    """Read what the effective tags of charts depend on.

    It asks twice: for the charts and environments, unless they were read
    before, and for all values. Where those don't tell which image a template
    takes, it asks for the templates too.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    charts
        The path of each :file:`Chart.yaml`, with owner and name of its
        source.
    also
        Files that are read with the values, since they are wanted later.

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
    wanted = {f"{parent_of(chart)}/Chart.yaml" for chart in charts}
    wanted |= {*charts, *find_files(paths)}
    layout = Layout(paths, deploy.scan(commit, sorted(wanted & paths)))
    files = {file for chart in charts for file in layout.files(chart)}
    files |= set(also)
    layout.texts.update(deploy.scan(commit, sorted(files)))
    templates: set[str] = set()
    for chart, source in charts.items():
        # Another application's broken values are told with that one.
        with suppress(BlockedError):
            templates.update(_find_templates(layout, chart, source))
    if templates:
        layout.texts.update(deploy.scan(commit, sorted(templates)))
    return layout


def read_tags(
    deploy: DeployRepository,
    commit: str,
    charts: Collection[str],
    *,
    source: str,
    names: Collection[str],
    also: Collection[str] = (),
) -> tuple[EffectiveTag, ...]:
    """Read what each environment runs of the charts of an application.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    charts
        The path of each :file:`Chart.yaml`.
    source
        Owner and name of the application's repository.
    names
        The images of the release, as far as they are known.
    also
        Files that are read with the values, since they are wanted later.

    Raises
    ------
    BlockedError
        Raised if a file is no YAML.
    """
    if not charts:
        deploy.scan(commit, sorted(also))
        return ()
    layout = read_layout(
        deploy, commit, dict.fromkeys(charts, source), also=also
    )
    return tuple(
        tag
        for chart in charts
        for tag in tags_of(layout, chart, source=source, names=names)
    )


def _find_templates(layout: Layout, chart: str, source: str) -> Iterator[str]:
    """Yield the templates that tell what the values leave open.

    That is where an environment follows in part, or seems to, and where there
    is a tag for all images.
    """
    tags = tags_of(layout, chart, source=source)
    is_mixed = any(
        one.environment == other.environment and one.tag != other.tag
        for one in tags
        if one.place.is_app_version
        for other in tags
    )
    for environment in layout.runs(chart):
        for instance in layout.instances(chart, environment):
            if is_mixed or look(instance.layers, _GLOBAL_TAG):
                yield from layout.templates(instance.chart)


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
    layers = [Layer("", (), root) for root in Yaml(text).roots]
    names = (
        find_image([layer], key)
        for layer in layers
        for key in find_images(layer)
    )
    return frozenset(filter(None, names))


def is_image_of(image: str | None, source: str) -> bool:
    """Return whether an image is called like a repository.

    Parameters
    ----------
    image
        Registry and repository of the image, if it has a name.
    source
        Owner and name of the repository on GitHub.
    """
    short, source = _short(image), source.lower()
    name = source.partition("/")[2]
    return short.startswith(source) or short.rpartition("/")[2] == name


def _short(name: str | None) -> str:
    """Return an image's name without its registry."""
    first, _, rest = (name or "").lower().partition("/")
    return rest if re.search(r"[.:]", first) else f"{first}/{rest}"
