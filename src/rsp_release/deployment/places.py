"""Finds where an application's version stands in a deployment repository."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress

from ..engine.world import DeployRepository
from ..exceptions import BlockedError
from .charts import Place, find_charts, has_source, parse_place, read_chart
from .effective import find_image_names
from .environments import find_files

__all__ = ["find_places", "list_files", "read_charts"]


def read_charts(
    deploy: DeployRepository,
    commit: str,
    paths: Collection[str],
    *,
    application: str = "",
) -> dict[str, str]:
    """Read every chart, and with them which environments there are.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    paths
        Its files.
    application
        What is read next of the directory that is called so, if there is
        one, is read with them.

    Returns
    -------
    dict of str
        Path and text of each :file:`Chart.yaml`.
    """
    charts = find_charts(paths)
    beside = re.compile(
        rf"(?:.*/)?{re.escape(application)}/(?:values[^/]*\.yaml|README\.md)"
    )
    likely = sorted(filter(beside.fullmatch, paths)) if application else ()
    texts = deploy.scan(commit, [*charts, *find_files(paths), *likely])
    return {path: texts[path] for path in charts}


def find_places(
    deploy: DeployRepository,
    commit: str,
    paths: Collection[str],
    *,
    named: Collection[str],
    url: str,
    names: Collection[str],
    former: Collection[str] = (),
) -> tuple[Place, ...]:
    """Find the places of the settings, or else the charts of an application.

    Those are found by the source that they name.

    Parameters
    ----------
    deploy
        The deployment repository.
    commit
        Where to look.
    paths
        Its files.
    named
        The places that the settings name.
    url
        The page of the application's repository.
    names
        The application's images. Where several charts name the repository,
        those that pull one of these are meant.
    former
        Owners and names that the repository had before.

    Returns
    -------
    tuple of Place
        The places, or the ``appVersion`` of each chart.

    Raises
    ------
    BlockedError
        Raised if none does, or it is not clear which is meant, or what the
        settings name is not there.
    """
    if named:
        return tuple(_parse(each, deploy, paths) for each in named)
    server = url.rsplit("/", 2)[0]
    pages = [url, *(f"{server}/{name}" for name in former)]
    found = []
    name = url.rpartition("/")[2]
    charts = read_charts(deploy, commit, paths, application=name)
    for path, text in charts.items():
        # Another application's broken chart is no reason not to deploy this.
        with suppress(BlockedError):
            chart = read_chart(text)
            if chart.app_version is not None and any(
                has_source(chart, page) for page in pages
            ):
                found.append(parse_place(path))
    if len(found) > 1:
        values = [place.beside("values.yaml") for place in found]
        texts = deploy.scan(commit, [v for v in values if v in paths])
        pulling = []
        for place in found:
            with suppress(BlockedError):
                text = texts.get(place.beside("values.yaml"), "")
                if find_image_names(text) & set(names):
                    pulling.append(place)
        if not pulling:
            said = ", ".join(place.directory for place in found)
            raise BlockedError(
                f"several charts of {deploy.name} name {url} as their source:"
                f" {said}",
                help="say which with deploy.charts in the settings",
            )
        found = pulling
    if not found:
        raise BlockedError(
            f"no chart of {deploy.name} with an appVersion names {url} as its"
            " source",
            help="name it with deploy.charts in the settings",
        )
    return tuple(found)


def list_files(
    places: Iterable[Place], paths: Collection[str]
) -> tuple[str, ...]:
    """Return the files that hold places, and those that follow them.

    Parameters
    ----------
    places
        The places.
    paths
        The files that there are.

    Returns
    -------
    tuple of str
        Each file once; a README follows the chart beside it.
    """
    files: dict[str, None] = {}
    for place in places:
        files[place.path] = None
        if place.is_app_version:
            files[place.beside("README.md")] = None
    return tuple(path for path in files if path in paths)


def _parse(
    text: str, deploy: DeployRepository, paths: Collection[str]
) -> Place:
    place = parse_place(text)
    if place.path in paths:
        return place
    raise BlockedError(
        f"{deploy.name} has no file {place.path}",
        help="fix `deploy.charts` in the settings",
    )
