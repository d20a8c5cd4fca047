"""Every image of the release can be pulled, on every platform."""

from __future__ import annotations

from dataclasses import dataclass

from ..exceptions import ExitStatus
from ..models import (
    Blocked,
    Change,
    Done,
    Image,
    ImageReport,
    Release,
    Verdict,
    Wait,
)
from ..world import World

__all__ = ["Images", "ImagesSeen"]

_INTERVAL = 5.0
"""Seconds between two looks at the registries."""

_APPEARS_WITHIN = 90.0
"""Seconds that a registry may take to show what was just pushed.

Reads just after a push can answer 404 on GHCR and Docker Hub.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesSeen:
    """What the step looks at."""

    reports: tuple[ImageReport, ...]
    """What the registries said, in the order of the release's images."""


class Images:
    """Every image of the release can be pulled, on every platform."""

    key = "images"
    title = "Images"

    def observe(self, release: Release, world: World) -> ImagesSeen:
        return ImagesSeen(
            reports=tuple(world.registry.look(i) for i in release.images)
        )

    def decide(self, release: Release, seen: ImagesSeen) -> Verdict:
        unsure = release.publication.unsure if release.publication else ()
        if not release.images:
            if unsure:
                return Blocked(
                    problem="it is not known which images are published:\n"
                    + "\n".join(unsure),
                    help="name them with `images` in the settings",
                    exit_status=ExitStatus.IMAGE,
                )
            return Done(evidence="no images are published")
        problems = [
            problem
            for image, report in zip(release.images, seen.reports, strict=True)
            if (problem := _find_problem(image, report))
        ]
        if problems:
            return Wait(
                reason=problems[0],
                interval=_INTERVAL,
                patience=_APPEARS_WITHIN,
                images=seen.reports,
                otherwise=Blocked(
                    problem="\n".join(problems),
                    help=_advise(seen.reports),
                    exit_status=ExitStatus.IMAGE,
                    images=seen.reports,
                ),
            )
        count = len(seen.reports)
        names = ", ".join(f"{r.image}:{r.tag}" for r in seen.reports)
        evidence = names if count == 1 else f"{count} images: {names}"
        if unsure:
            evidence += f" (not sure of all: {unsure[0]})"
        return Done(evidence=evidence, images=seen.reports)

    def act(self, change: Change, world: World) -> None:
        raise TypeError(f"images are pushed by the run: {change.write}")


def _find_problem(image: Image, report: ImageReport) -> str | None:
    name = f"{image.name}:{image.tag}"
    match report.state:
        case "absent":
            return f"{name} is not in the registry"
        case "unknown":
            return f"could not tell whether {name} is there: {report.reason}"
        case "present":
            missing = [p for p in image.platforms if p not in report.platforms]
            if missing:
                return f"{name} lacks {', '.join(missing)}"
            return None


def _advise(reports: tuple[ImageReport, ...]) -> str:
    if any(r.state == "unknown" for r in reports):
        return (
            "log in with `docker login`, or look again later with"
            " `rsp-release verify`"
        )
    return (
        "see the run that should have pushed it; `rsp-release resume` looks"
        " again"
    )
