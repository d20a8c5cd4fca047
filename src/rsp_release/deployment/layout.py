"""The charts of a deployment repository, and their values. Pure.

Phalanx says in :file:`environments/values-*.yaml` which environments there
are, and which applications they run. Where a repository does not say that,
each :file:`values-NAME.yaml` beside a chart is an environment, and one
without a name stands for all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from posixpath import normpath
from typing import Any, NamedTuple

from ..exceptions import BlockedError
from .charts import Chart, Dependency, read_chart
from .environments import Environment, read_environments
from .spans import read_root
from .values import Layer, below, global_of, is_enabled

__all__ = ["Instance", "Layout", "application_of", "parent_of"]

_VALUES = re.compile(r"(.+)/values(?:-([^/]+))?\.yaml")


class Instance(NamedTuple):
    """A chart with its values in an environment."""

    chart: str
    """The path of its :file:`Chart.yaml`."""

    prefix: tuple[str, ...]
    """Where its values are in those of the application."""

    layers: tuple[Layer, ...]
    """The highest first."""

    defaults: tuple[Layer, ...]
    """Those without the environment's."""

    importing: tuple[Dependency, ...] = ()
    """Its sub-charts that may set values of it."""


class Layout:
    """The charts of a deployment repository, and their values.

    Parameters
    ----------
    paths
        Every file.
    texts
        Those that were read; more can be added.
    """

    def __init__(self, paths: Iterable[str], texts: Mapping[str, str]) -> None:
        self.paths = frozenset(paths)
        self.texts = dict(texts)
        self._roots: dict[str, Any] = {}
        self._beside: dict[str, set[str]] = {}
        self._templates: dict[str, list[str]] = {}
        for path in sorted(self.paths):
            directory, found, _ = path.partition("/templates/")
            if found:
                self._templates.setdefault(directory, []).append(path)
            elif match := _VALUES.fullmatch(path):
                self._beside.setdefault(match[1], set()).add(match[2] or "")

    @cached_property
    def environments(self) -> tuple[Environment, ...] | None:
        """The environments, where the repository says which there are."""
        return read_environments(self.texts)

    def is_application(self, chart: str) -> bool:
        """Return whether a chart is one that an environment can run.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        """
        below_it = chart.startswith("applications/")
        return below_it or self.environments is None

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
        if self.environments is None:
            beside = self._beside.get(parent_of(chart), set())
            return tuple(sorted(beside | {""}))
        application = application_of(chart)
        return tuple(
            each.name
            for each in self.environments
            if application in each.applications
        )

    def files(self, chart: str) -> tuple[str, ...]:
        """Return the files that the tags of a chart depend on.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`; it and that of its parent have
            been read.
        """
        parent = parent_of(chart)
        names = [f"-{name}" if name else "" for name in self.runs(chart)]
        wanted = {f"{parent}/values{name}.yaml" for name in ("", *names)}
        wanted.add(f"{_directory(chart)}/values.yaml")
        for where, _ in self._parts(parent):
            wanted |= {f"{where}/Chart.yaml", f"{where}/values.yaml"}
        return tuple(sorted(wanted & self.paths))

    def templates(self, chart: str) -> tuple[str, ...]:
        """Return the templates of a chart.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        """
        return tuple(self._templates.get(_directory(chart), ()))

    def template_text(self, chart: str) -> str:
        """Return what was read of a chart's templates.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        """
        return "".join(self.texts.get(p, "") for p in self.templates(chart))

    def chart(self, path: str) -> Chart:
        """Read a chart.

        Parameters
        ----------
        path
            Its :file:`Chart.yaml`.

        Raises
        ------
        BlockedError
            Raised if it is no YAML.
        """
        try:
            return read_chart(self.texts.get(path, ""))
        except BlockedError as e:
            raise BlockedError(f"{path}: {e.message}", help=e.help) from e

    def instances(self, chart: str, environment: str) -> Iterator[Instance]:
        """Yield a chart, or each time that its parent has it, and its parts.

        Those parts that the parent shares with others (``file://``) have no
        application of their own.

        Parameters
        ----------
        chart
            The path of its :file:`Chart.yaml`.
        environment
            The environment; empty: each that has no values of its own.

        Raises
        ------
        BlockedError
            Raised if a file is no YAML.
        """
        parent, own = parent_of(chart), _directory(chart)
        name = f"values-{environment}.yaml" if environment else "values.yaml"
        paths = dict.fromkeys([f"{parent}/{name}", f"{parent}/values.yaml"])
        layers = tuple(map(self._layer, paths))
        parts = self._parts(parent)
        if own == parent:
            importing = tuple(
                part
                for part in self.chart(chart).dependencies
                if part.imports and is_enabled(part, layers)
            )
            yield Instance(chart, (), layers, layers[-1:], importing)
            parts = [p for p in parts if not p[0].startswith(f"{parent}/")]
        else:
            parts = [part for part in parts if part[0] == own] or [
                (own, Dependency(own.rpartition("/")[2]))
            ]
        for where, part in parts:
            base = self._layer(f"{where}/values.yaml")
            if not is_enabled(part, layers, base):
                continue
            merged, defaults = (
                (*global_of(above), *below(above, part.key), base)
                for above in (layers, layers[-1:])
            )
            path = f"{where}/Chart.yaml"
            yield Instance(path, (part.key,), merged, defaults)

    def _parts(self, directory: str) -> list[tuple[str, Dependency]]:
        """Return the sub-charts that are in the repository, and where."""
        found = []
        for part in self.chart(f"{directory}/Chart.yaml").dependencies:
            where = f"{directory}/charts/{part.name}"
            if part.repository.startswith("file://"):
                path = part.repository.removeprefix("file://")
                where = normpath(f"{directory}/{path}")
            if f"{where}/Chart.yaml" in self.paths:
                found.append((where, part))
        return found

    def _layer(self, path: str) -> Layer:
        """Return the values of a file; what is not there says nothing."""
        text = self.texts.get(path, "")
        if text not in self._roots:
            self._roots[text] = read_root(path, text)
        return Layer(path, (), self._roots[text])


def parent_of(chart: str) -> str:
    """Return the directory of the application that a chart is part of.

    Parameters
    ----------
    chart
        The path of its :file:`Chart.yaml`. One below :file:`charts` is part
        of the application above it.
    """
    return _directory(chart).partition("/charts/")[0]


def application_of(chart: str) -> str:
    """Return what Argo CD calls the application of a chart.

    Parameters
    ----------
    chart
        The path of its :file:`Chart.yaml`.
    """
    return parent_of(chart).rpartition("/")[2]


def _directory(path: str) -> str:
    return path.rpartition("/")[0]
