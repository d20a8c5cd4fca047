"""Tells whether images are the right ones, from what registries said.

Pure: reports in, sentences for a person out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from ..models import Image, ImageReport, PlatformImage, missing_platforms

__all__ = ["compare", "doubts", "find_problem", "moved"]

CLOCK_MARGIN = timedelta(minutes=5)
"""How far clocks of a builder and of GitHub may differ."""


def find_problem(image: Image, report: ImageReport) -> str | None:
    """Tell what a registry lacks of an image, or could not tell.

    Parameters
    ----------
    image
        What a release promises.
    report
        What the registry said of it.

    Returns
    -------
    str or None
        The problem; `None` where all is there. Untrusted text.
    """
    name = f"{image.name}:{image.tag}"
    match report.state:
        case "absent" if report.reason:
            return f"{name} cannot be pulled: {report.reason}"
        case "absent":
            return f"{name} is not in the registry"
        case "unknown":
            return f"cannot tell whether {name} is published: {report.reason}"
        case "present":
            missing = missing_platforms(image.platforms, report.platforms)
            if missing:
                return f"{name} lacks {', '.join(missing)}"
            return None


def compare(reports: Iterable[ImageReport]) -> tuple[str, ...]:
    """Tell how the same image differs from one registry to another.

    Those are the same image whose last part of the name and whose tag are
    equal. For each platform the manifests' digests are compared; where they
    differ, the configs' digests decide, as far as they were read: a registry
    or a tool may compress layers anew, but the config names their content.

    Parameters
    ----------
    reports
        What the registries said. Only what is present counts.

    Returns
    -------
    tuple of str
        One sentence for each difference; empty if there is none. Untrusted
        text.
    """
    groups: dict[tuple[str, str], list[ImageReport]] = {}
    for report in reports:
        if report.state == "present":
            name = report.image.rpartition("/")[2].partition(":")[0]
            groups.setdefault((name, report.tag), []).append(report)
    return tuple(
        sentence
        for first, *others in groups.values()
        for other in others
        for sentence in _differences(first, other)
    )


def _differences(one: ImageReport, other: ImageReport) -> Iterable[str]:
    """Yield how two reports of the same image differ."""
    if one.digest == other.digest:
        return
    ours = {m.platform: m for m in one.manifests}
    theirs = {m.platform: m for m in other.manifests}
    for platform in sorted({*ours, *theirs}):
        if platform not in theirs:
            yield f"{one.image} has {platform}, {other.image} does not"
        elif platform not in ours:
            yield f"{other.image} has {platform}, {one.image} does not"
        elif not _is_same(ours[platform], theirs[platform]):
            yield (
                f"{platform} differs: {one.image} has"
                f" {_short(ours[platform])}, {other.image} has"
                f" {_short(theirs[platform])}"
            )


def _is_same(one: PlatformImage, other: PlatformImage) -> bool:
    """Return whether two manifests are of the same content."""
    if one.digest == other.digest:
        return True
    return one.config_digest is not None and (
        one.config_digest == other.config_digest
    )


def _short(image: PlatformImage) -> str:
    """Return a digest as a person compares it."""
    return (image.config_digest or image.digest)[:19]


def moved(earlier: str, now: ImageReport) -> str | None:
    """Tell whether a tag points to something else than it did.

    Parameters
    ----------
    earlier
        The digest that was recorded.
    now
        What the registry says now. That it is gone, or not known, is not
        told here.
    """
    if now.digest is None or earlier == now.digest:
        return None
    return (
        f"{now.image}:{now.tag} was moved: it was {earlier}, now it is"
        f" {now.digest}"
    )


def doubts(
    report: ImageReport,
    *,
    commit: str,
    tag_object: str | None = None,
    tagged_at: datetime | None = None,
    committed_at: datetime | None = None,
) -> tuple[str, ...]:
    """Tell what contradicts that an image was built from a release's commit.

    Parameters
    ----------
    report
        What the registry said, inspected.
    commit
        The full hash of the tagged commit.
    tag_object
        The full hash of the annotated tag, which some builds name instead.
    tagged_at
        When the tag was made (aware). An image older than that was built for
        something else, unless it names the commit.
    committed_at
        When the commit was made (aware): reproducible builds say that they
        were made then.

    Returns
    -------
    tuple of str
        One sentence for each doubt. Untrusted text.
    """
    found: dict[str, None] = {}
    hashes = [h for h in (commit, tag_object) if h]
    for image in report.manifests:
        where = f"{report.image}:{report.tag} for {image.platform}"
        named = {
            "its label names": image.revision,
            "its provenance names": image.source_commit,
        }
        claims = {how: what for how, what in named.items() if what}
        for how, what in claims.items():
            named_hash = what.removesuffix("-dirty")
            if any(_is_same_hash(named_hash, h) for h in hashes):
                if what.endswith("-dirty"):
                    found[f"{where} was built from a changed tree"] = None
            else:
                found[f"{where} is of another commit: {how} {what}"] = None
        if claims or image.created is None or tagged_at is None:
            continue
        is_commits_time = committed_at is not None and (
            abs(image.created - committed_at) < timedelta(seconds=2)
        )
        if image.created < tagged_at - CLOCK_MARGIN and not is_commits_time:
            found[
                f"{where} is older than the tag: built"
                f" {image.created:%Y-%m-%d %H:%M %Z}"
            ] = None
    return tuple(found)


def _is_same_hash(named: str, full: str) -> bool:
    """Return whether a hash, perhaps abbreviated, is another one."""
    named = named.lower()
    return len(named) >= 7 and full.lower().startswith(named)
