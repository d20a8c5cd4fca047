"""Values of charts, as Helm merges them. Pure.

The values of an environment lie over those of the chart. Mappings merge,
lists and scalars replace, and null removes
(https://helm.sh/docs/chart_template_guide/values_files/). Values of a
sub-chart lie below its alias, or else its name, in those of its parent, and
what its parent has below ``global`` is there in the sub-chart too, over its
own (https://helm.sh/docs/chart_template_guide/subcharts_and_globals/).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .charts import Dependency
from .spans import get, is_alias, pairs, text_at

__all__ = [
    "GLOBAL",
    "Found",
    "Layer",
    "below",
    "find_image",
    "find_images",
    "global_of",
    "imports",
    "is_enabled",
    "look",
]

GLOBAL = "global"
"""What a chart hands on to all of its sub-charts."""

_MERGES_MOST = 20
"""How many ``<<`` are followed: one may lead to itself."""

_TRUTH = {
    **dict.fromkeys(("true", "yes", "on", "y"), True),
    **dict.fromkeys(("false", "no", "off", "n"), False),
}
"""What YAML 1.1, which Helm reads, takes for a truth value."""


class Layer(NamedTuple):
    """Values of a file, from a node on."""

    path: str
    keys: tuple[str, ...]
    node: Any

    only: str | None = None
    """The one key of it that counts."""


class Found(NamedTuple):
    """A node, the file it is in, and the keys that lead to it there."""

    node: Any
    path: str
    keys: tuple[str, ...]

    @property
    def text(self) -> str:
        """The text that is there; empty where there is none."""
        return text_at(self.node) or ""

    @property
    def truth(self) -> bool | None:
        """The truth value that is there; `None` where it is another."""
        is_plain = self.node.id == "scalar" and not self.node.style
        return _TRUTH.get(self.text.lower()) if is_plain else None


def look(layers: Sequence[Layer], keys: Sequence[str]) -> Found | None:
    """Find a value as Helm merges it; `None` where there is none.

    Parameters
    ----------
    layers
        The values, the highest first.
    keys
        The path of keys to it.
    """
    for layer in layers:
        if layer.only not in {None, keys[0]}:
            continue
        node, way = layer.node, layer.keys
        for key in keys:
            # A list or a scalar replaces all below, and null removes it.
            if node is not None and node.id == "scalar":
                return None
            found = _child(node, key) if node is not None else None
            if found is None:
                break
            node, way = found[0], (*way, *found[1])
        else:
            is_null = node is None or _is_null(node)
            return None if is_null else Found(node, layer.path, way)
        if node is not None and node.id == "sequence":
            return None
    return None


def below(layers: Sequence[Layer], key: str) -> tuple[Layer, ...]:
    """Return the values of a sub-chart in those of its parent.

    Parameters
    ----------
    layers
        The values of the parent.
    key
        The sub-chart's alias or name.
    """
    found = []
    for layer in layers:
        child = _child(layer.node, key) if layer.node is not None else None
        if child is not None and child[0].id == "mapping":
            found.append(Layer(layer.path, child[1], child[0]))
    return tuple(found)


def global_of(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return what a parent's values say in its sub-charts.

    Parameters
    ----------
    layers
        The values of the parent.
    """
    return tuple(layer._replace(only=GLOBAL) for layer in layers)


def is_enabled(
    part: Dependency, layers: Sequence[Layer], base: Layer | None = None
) -> bool:
    """Return whether Helm takes in a sub-chart.

    The first condition that is a truth value decides, and else the tags: one
    that is true is enough (https://helm.sh/docs/helm/helm_dependency/).

    Parameters
    ----------
    part
        The sub-chart.
    layers
        The values of its parent.
    base
        The sub-chart's own, where it is in the repository.
    """
    for condition in part.condition.strip().split(","):
        first, *keys = condition.split(".")
        found = look(layers, (first, *keys))
        if keys and base and first == part.key:
            found = look((*below(layers, first), base), keys)
        if found is not None and found.truth is not None:
            return found.truth
    said = [look(layers, ("tags", tag)) for tag in part.tags]
    return {found.truth for found in said if found} - {None} != {False}


def imports(part: Dependency, keys: Sequence[str]) -> bool:
    """Return whether a sub-chart may set a value that its parent lacks.

    Parameters
    ----------
    part
        The sub-chart.
    keys
        The path of keys to the value.
    """
    for parent in part.imports:
        way = () if parent == "." else tuple(parent.split("."))
        if tuple(keys[: len(way)]) == way:
            return True
    return False


def find_images(layer: Layer) -> Iterator[tuple[str, ...]]:
    """Yield the path of keys to every mapping that is an image.

    One has a tag and is called an image, or names a repository; or it is
    beside the image whose tag it has, as ``hinfo.lsstcam.tag`` is beside
    ``hinfo.image.repository``.

    Parameters
    ----------
    layer
        Values.
    """
    stack: list[tuple[tuple[str, ...], Any]] = []
    if layer.node is not None:
        stack.append(((), layer.node))
    while stack:
        keys, node = stack.pop()
        has_tag = any(k.value == "tag" for k, _ in pairs(node))
        is_image = bool(keys) and keys[-1].lower().endswith("image")
        if keys and (has_tag or (is_image and get(node, "repository"))):
            tag = get(node, "tag")
            if tag is None or tag.id == "scalar":
                yield keys
        items = enumerate(node.value) if node.id == "sequence" else ()
        found = [(str(k.value), v) for k, v in pairs(node)]
        found += [(str(number), item) for number, item in items]
        stack += [
            ((*keys, key), value)
            for key, value in reversed(found)
            if not is_alias(value) or value.id == "scalar"
            if keys or layer.only in {None, key}
        ]


def find_image(layers: Sequence[Layer], keys: tuple[str, ...]) -> str | None:
    """Return registry and repository of an image; `None` if not said.

    Parameters
    ----------
    layers
        The values, the highest first.
    keys
        The path of keys to the image.
    """
    above = [(*keys[:-1], "image")] if len(keys) > 1 else []
    for where in (keys, *above):
        for word in ("repository", "repo", "name"):
            found = look(layers, (*where, word))
            name = found.text if found else ""
            if name and (word != "name" or "/" in name):
                registry = look(layers, (*where, "registry"))
                said = registry.text if registry else ""
                return f"{said}/{name}" if said else name
    return None


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
        child = _child(merged, key, most - 1)
        return (child[0], ("<<", *child[1])) if child else None
    return None


def _is_null(node: Any) -> bool:
    return node.id == "scalar" and text_at(node) is None
