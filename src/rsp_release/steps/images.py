"""Every image of the release can be pulled, and is the right one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from shlex import quote

from ..engine.world import World
from ..exceptions import ExitStatus
from ..images import identity as images
from ..models import Blocked, Change, Done, ImageReport, Release, Verdict, Wait

__all__ = ["Images", "ImagesSeen"]

_INTERVAL = 5.0
"""Seconds between two looks at the registries."""

_APPEARS_WITHIN = 90.0
"""Seconds that a registry may take to show what was just pushed.

Reads just after a push can answer 404 on GHCR and Docker Hub.
"""

_BUILT_WITHIN = 86_400.0
"""The same, where no run was watched that pushes: a day, so that the command's
own time is up first, and ``resume`` continues.
"""

_BUILT_INTERVAL = 30.0
"""Seconds between two looks at them then."""

_CHANGES_WITHIN = 20.0
"""Seconds that it may show what a tag pointed to before that push."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesSeen:
    """What the step looks at."""

    reports: tuple[ImageReport, ...]
    """What the registries said, in the order of the release's images."""

    recorded: Mapping[str, str] = field(default_factory=dict)
    """What the tags pointed to when they were proven, by ``NAME:TAG``."""

    tagged_at: datetime | None = None
    """When the tag was made; `None` where nothing was found to compare."""

    committed_at: datetime | None = None
    """When the tagged commit was made."""

    tag_object: str | None = None
    """The tag's own hash."""


class Images:
    """Every image of the release can be pulled, and is the one meant.

    It is there on every platform, of the tagged commit as far as it says,
    not older than the tag, the same in every registry that carries it, and
    still the one that was there when it was first looked at.
    """

    key = "images"
    title = "Images"

    def observe(self, release: Release, world: World) -> ImagesSeen:
        reports = tuple(world.registry.inspect(i) for i in release.images)
        if not any(report.state == "present" for report in reports):
            return ImagesSeen(reports=reports)
        git, digests = world.git, world.digests
        is_tagged = git.local_tag(release.tag) is not None
        return ImagesSeen(
            reports=reports,
            recorded=digests.recall(release.tag) if digests else {},
            tagged_at=(
                git.tag_date(release.tag) if is_tagged else release.pinned_at
            ),
            committed_at=git.commit_date(release.commit),
            tag_object=git.tag_object(release.tag) if is_tagged else None,
        )

    def decide(self, release: Release, seen: ImagesSeen) -> Verdict:
        unsure = release.publication.unsure if release.publication else ()
        if not release.images:
            if unsure:
                return Done(
                    evidence="cannot tell which images are published:"
                    f" {unsure[0]}",
                    help="name them with `images` in the settings",
                )
            return Done(evidence="nothing to publish")
        found = [
            (report, problem)
            for image, report in zip(release.images, seen.reports, strict=True)
            if (problem := images.find_problem(image, report))
        ]
        problems = [problem for _, problem in found]
        if release.is_planned and all(
            report.state == "absent" for report in seen.reports
        ):
            return Wait(reason=_foresee(release), images=seen.reports)
        if problems and all(
            report.is_assumed and report.state == "absent"
            for report, _ in found
        ):
            cannot_tell = Done(
                evidence=f"cannot tell: {problems[0]}, but no file says its"
                " tag",
                help="name it with `images` in the settings",
                images=seen.reports,
            )
            reason = f"{problems[0]} (tag assumed)"
            return _wait(seen, reason, cannot_tell, _APPEARS_WITHIN)
        if problems:
            # What could not be looked at is not known to be wrong.
            is_seen = any(report.state != "unknown" for report, _ in found)
            wrong = _block(
                seen,
                problems,
                _advise(release, [report for report, _ in found]),
                ExitStatus.IMAGE if is_seen else ExitStatus.FAILED,
            )
            published = release.publication
            is_watched = bool(
                published and published.workflow and published.is_direct
            )
            wait = _wait(
                seen,
                problems[0],
                wrong,
                _APPEARS_WITHIN if is_watched else _BUILT_WITHIN,
            )
            if not is_watched:
                interval = max(wait.interval or 0.0, _BUILT_INTERVAL)
                wait = replace(wait, interval=interval)
            return wait
        doubts, help = _find_doubts(release, seen)
        if doubts:
            wrong = _block(seen, doubts, help)
            return _wait(seen, doubts[0], wrong, _CHANGES_WITHIN)
        evidence = _list(seen.reports)
        if unsure:
            evidence += f" (not sure of all: {unsure[0]})"
        return Done(evidence=evidence, images=seen.reports)

    def act(self, change: Change, world: World) -> None:
        raise TypeError(f"images are pushed by the run: {change.write}")


def _block(
    seen: ImagesSeen,
    problems: list[str],
    help: str,
    exit_status: ExitStatus = ExitStatus.IMAGE,
) -> Blocked:
    return Blocked(
        problem="\n".join(problems),
        help=help,
        exit_status=exit_status,
        images=seen.reports,
    )


def _wait(
    seen: ImagesSeen, reason: str, otherwise: Blocked | Done, patience: float
) -> Wait:
    """Look again for a while, since registries lag their pushes.

    One that is asked too often is left alone for as long as it says.
    """
    asked = max((r.retry_after or 0.0 for r in seen.reports), default=0.0)
    return Wait(
        reason=reason,
        interval=max(_INTERVAL, asked),
        patience=patience + asked,
        images=otherwise.images,
        otherwise=otherwise,
    )


def _list(reports: tuple[ImageReport, ...]) -> str:
    """List images, each once, with the tags that are its."""
    tags: dict[str, list[str]] = {}
    for report in reports:
        assumed = " (tag assumed)" if report.is_assumed else ""
        tags.setdefault(report.image, []).append(f"{report.tag}{assumed}")
    names = [
        f"{name}:{first}" + "".join(f", :{tag}" for tag in others)
        for name, (first, *others) in tags.items()
    ]
    count = len(names)
    told = ", ".join(names)
    return told if count == 1 else f"{count} images: {told}"


def _foresee(release: Release) -> str:
    """Tell what will be verified, in a plan."""
    told = [
        f"{image.name}:{image.tag}"
        + (" (tag assumed)" if image.is_assumed else "")
        + (f" on {', '.join(image.platforms)}" if image.platforms else "")
        for image in release.images
    ]
    return f"will verify {'; '.join(told)}"


def _find_doubts(release: Release, seen: ImagesSeen) -> tuple[list[str], str]:
    """Find what is wrong with images that are there, and what to do."""
    wrong = [
        doubt
        for report in seen.reports
        for doubt in images.doubts(
            report,
            commit=release.commit,
            tag_object=seen.tag_object,
            tagged_at=seen.tagged_at,
            committed_at=seen.committed_at,
        )
    ]
    unlike = images.compare(seen.reports)
    moved = [
        told
        for report in seen.reports
        if (digest := seen.recorded.get(f"{report.image}:{report.tag}"))
        and (told := images.moved(digest, report))
    ]
    help = (
        f"find out who moved it; `rsp-release verify {quote(release.tag)}"
        " --accept` accepts the digest it points to now"
    )
    if unlike:
        help = (
            "push one build to all registries; building for each makes"
            " different images"
        )
    if wrong:
        help = (
            "something else pushed that tag: find out what, then re-run the"
            f" workflow of {release.tag} or release a new version"
        )
    return [*wrong, *unlike, *moved], help


def _advise(release: Release, reports: list[ImageReport]) -> str:
    tag = quote(release.tag)
    advice = []
    unknown = [report for report in reports if report.state == "unknown"]
    if len(unknown) < len(reports):
        advice.append(
            "check the run that should have pushed it, then"
            f" `rsp-release resume {tag}`"
        )
    if unknown:
        advice += [report.help for report in unknown if report.help]
        advice.append(f"check again: rsp-release verify {tag}")
    return "\n".join(dict.fromkeys(advice))
