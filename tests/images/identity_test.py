"""Whether images are the ones that were meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rsp_release.images.identity import compare, doubts, moved
from rsp_release.models import ImageReport, PlatformImage

COMMIT = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
OTHER = "0" * 40
TAGGED = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def digest(letter: str) -> str:
    return f"sha256:{letter * 64}"


def report(
    name: str = "ghcr.io/lsst/app",
    *,
    platforms: str = "ab",
    configs: str | None = None,
    top: str = "f",
) -> ImageReport:
    """Make a report whose letters stand for digests."""
    names = ("linux/amd64", "linux/arm64")
    manifests = tuple(
        PlatformImage(
            platform=names[i],
            digest=digest(letter),
            config_digest=digest(configs[i]) if configs else None,
        )
        for i, letter in enumerate(platforms)
    )
    return ImageReport(
        image=name,
        tag="1.0.0",
        state="present",
        digest=digest(top),
        platforms=tuple(m.platform for m in manifests),
        manifests=manifests,
    )


HUB = "docker.io/lsst/app"


class TestCompare:
    @pytest.mark.parametrize(
        "other",
        [
            report(HUB),
            # The index differs, as by an attestation, its images don't.
            report(HUB, top="e"),
            # Another name is another image.
            report("docker.io/lsst/worker", platforms="cd", top="e"),
            replace(report(HUB, platforms="cd", top="e"), tag="1.0.1"),
            replace(report(HUB, platforms="cd", top="e"), state="unknown"),
        ],
    )
    def test_same(self, other: ImageReport) -> None:
        assert compare([report(), other]) == ()

    def test_config_decides(self) -> None:
        one = report(configs="cd")
        same = report(HUB, platforms="12", configs="cd", top="e")
        assert compare([one, same]) == ()
        other = report(HUB, platforms="12", configs="c0", top="e")
        assert compare([one, other]) == (
            (
                "linux/arm64 differs: ghcr.io/lsst/app has"
                " sha256:dddddddddddd, docker.io/lsst/app has"
                " sha256:000000000000"
            ),
        )

    def test_unknown_configs_differ(self) -> None:
        other = report(HUB, platforms="a0", top="e")
        (sentence,) = compare([report(), other])
        assert sentence.startswith("linux/arm64 differs")

    def test_platforms(self) -> None:
        less = report(HUB, platforms="a", top="e")
        assert compare([report(), less]) == (
            "ghcr.io/lsst/app has linux/arm64, docker.io/lsst/app does not",
        )
        assert compare([less, report()]) == compare([report(), less])

    def test_three(self) -> None:
        third = report("quay.io/lsst/app", platforms="a0", top="e")
        assert len(compare([report(), report(HUB), third])) == 1

    def test_none(self) -> None:
        assert compare([]) == ()


class TestMoved:
    def test_moved(self) -> None:
        assert moved(digest("f"), report()) is None
        told = str(moved(digest("f"), report(top="e")))
        assert "ghcr.io/lsst/app:1.0.0 was moved" in told
        assert digest("f") in told
        assert digest("e") in told

    def test_gone(self) -> None:
        gone = replace(report(), state="absent", digest=None)
        assert moved(digest("f"), gone) is None


def built(
    *,
    created: datetime | None = None,
    revision: str | None = None,
    source: str | None = None,
) -> ImageReport:
    manifest = PlatformImage(
        platform="linux/amd64",
        digest=digest("a"),
        created=created,
        revision=revision,
        source_commit=source,
    )
    return replace(report(), manifests=(manifest,))


class TestDoubts:
    @pytest.mark.parametrize(
        "image",
        [
            built(),
            built(revision=COMMIT, source=COMMIT),
            built(revision=COMMIT[:7]),
            built(revision=COMMIT.upper()),
            built(created=TAGGED + timedelta(minutes=3)),
            built(created=TAGGED - timedelta(minutes=3)),
            # Built before, and yet of that very commit.
            built(created=TAGGED - timedelta(days=3), revision=COMMIT),
            # Reproducible: it says the commit's time.
            built(created=TAGGED - timedelta(hours=1)),
        ],
    )
    def test_none(self, image: ImageReport) -> None:
        committed = TAGGED - timedelta(hours=1)
        found = doubts(
            image, commit=COMMIT, tagged_at=TAGGED, committed_at=committed
        )
        assert found == ()

    def test_names_the_annotated_tag(self) -> None:
        image = built(revision=OTHER)
        assert doubts(image, commit=COMMIT, tag_object=OTHER) == ()

    @pytest.mark.parametrize(
        ("image", "words"),
        [
            (built(revision=OTHER), "its label names 0000"),
            (built(source=OTHER, revision=COMMIT), "its provenance names 000"),
            (built(revision="4b825"), "another commit"),
            (built(revision="main"), "another commit"),
            (built(source=f"{COMMIT}-dirty"), "changed tree"),
            (built(source=f"{OTHER}-dirty"), "another commit"),
            (
                built(created=TAGGED - timedelta(hours=2)),
                "older than the tag: built 2026-05-01 10:00 UTC",
            ),
        ],
    )
    def test_one(self, image: ImageReport, words: str) -> None:
        committed = TAGGED - timedelta(hours=1)
        (sentence,) = doubts(
            image, commit=COMMIT, tagged_at=TAGGED, committed_at=committed
        )
        assert words in sentence
        assert "ghcr.io/lsst/app:1.0.0 for linux/amd64" in sentence
