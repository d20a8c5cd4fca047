"""What the registries said, and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.models import (
    Blocked,
    Done,
    Image,
    ImageReport,
    PlatformImage,
    Publication,
    Wait,
)
from rsp_release.steps.images import Images, ImagesSeen

from .release import RELEASE

PRESENT = ImageReport(
    image="ghcr.io/o/n",
    tag="1.2.0",
    state="present",
    digest="sha256:" + "d" * 64,
    platforms=("linux/amd64", "linux/arm64"),
)


def _decide(*reports: ImageReport) -> object:
    return Images().decide(RELEASE, ImagesSeen(reports=reports))


def test_present_on_every_platform_is_done() -> None:
    verdict = _decide(PRESENT)
    assert isinstance(verdict, Done)
    assert verdict.images == (PRESENT,)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            ImageReport(image="ghcr.io/o/n", tag="1.2.0", state="absent"),
            "is not in the registry",
        ),
        (
            ImageReport(
                image="ghcr.io/o/n",
                tag="1.2.0",
                state="unknown",
                reason="429 Too Many Requests",
            ),
            "cannot tell whether ghcr.io/o/n:1.2.0 is published: 429",
        ),
        (replace(PRESENT, platforms=("linux/amd64",)), "lacks linux/arm64"),
    ],
)
def test_anything_else_waits_and_then_fails(
    report: ImageReport, said: str
) -> None:
    verdict = _decide(report)
    assert isinstance(verdict, Wait)
    assert said in verdict.reason
    assert verdict.patience
    assert isinstance(verdict.otherwise, Blocked)
    # Unknown is no status of an image.
    is_unknown = report.state == "unknown"
    assert verdict.otherwise.exit_status is (
        ExitStatus.FAILED if is_unknown else ExitStatus.IMAGE
    )
    assert said in verdict.otherwise.problem
    assert verdict.otherwise.images == (report,)


def test_busy_registry_is_left_alone() -> None:
    report = replace(PRESENT, state="unknown", reason="429", retry_after=900.0)
    verdict = _decide(report)
    assert isinstance(verdict, Wait)
    assert verdict.interval == 900
    assert verdict.patience
    assert verdict.patience > 900


def test_image_that_names_the_annotated_tag_is_of_the_release() -> None:
    made = PlatformImage(
        platform="linux/amd64", digest="sha256:1", revision="b" * 40
    )
    report = replace(PRESENT, manifests=(made,))
    seen = ImagesSeen(reports=(report,), tag_object="b" * 40)
    assert isinstance(Images().decide(RELEASE, seen), Done)
    seen = replace(seen, tag_object="a" * 40)
    assert isinstance(Images().decide(RELEASE, seen), Wait)


def test_index_without_images_cannot_be_pulled() -> None:
    report = replace(PRESENT, state="absent", reason="it holds no image")
    verdict = _decide(report)
    assert isinstance(verdict, Wait)
    assert verdict.reason == (
        "ghcr.io/o/n:1.2.0 cannot be pulled: it holds no image"
    )


def test_all_problems_are_told() -> None:
    image = RELEASE.images[0]
    other = replace(image, name="docker.io/o/n")
    assert RELEASE.publication is not None
    release = replace(
        RELEASE,
        publication=replace(RELEASE.publication, images=(image, other)),
    )
    absent = replace(PRESENT, state="absent")
    unknown = replace(PRESENT, state="unknown", reason="no route")
    verdict = Images().decide(release, ImagesSeen(reports=(absent, unknown)))
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Blocked)
    assert len(verdict.otherwise.problem.splitlines()) == 2


def test_remedy_of_the_cause_wins() -> None:
    """It is the registry's, or the network's, and not "docker login"."""
    unknown = replace(
        PRESENT,
        state="unknown",
        reason="cannot resolve ghcr.io",
        help="check the name and the DNS",
    )
    verdict = _decide(unknown)
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Blocked)
    assert verdict.otherwise.help == (
        "check the name and the DNS\n"
        f"check again: rsp-release verify {RELEASE.tag}"
    )


def test_no_images_is_said() -> None:
    release = replace(RELEASE, publication=None)
    verdict = Images().decide(release, ImagesSeen(reports=()))
    assert verdict == Done(evidence="nothing to publish")


def test_unknown_images_are_not_passed_over() -> None:
    publication = Publication(
        workflow="w", event="push", unsure=("the tag is computed",)
    )
    release = replace(RELEASE, publication=publication)
    verdict = Images().decide(release, ImagesSeen(reports=()))
    assert isinstance(verdict, Done)
    assert verdict.evidence.startswith("cannot tell which images")
    assert "the tag is computed" in verdict.evidence
    assert "`images`" in (verdict.help or "")


def test_assumed_tag_blocks_nothing() -> None:
    image = replace(RELEASE.images[0], is_assumed=True)
    assert RELEASE.publication is not None
    release = replace(
        RELEASE, publication=replace(RELEASE.publication, images=(image,))
    )
    there = replace(PRESENT, is_assumed=True)
    verdict = Images().decide(release, ImagesSeen(reports=(there,)))
    assert isinstance(verdict, Done)
    assert verdict.evidence.endswith("(tag assumed)")
    absent = replace(there, state="absent", digest=None)
    verdict = Images().decide(release, ImagesSeen(reports=(absent,)))
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Done)
    assert "cannot tell" in verdict.otherwise.evidence
    assert "`images`" in (verdict.otherwise.help or "")


@pytest.mark.parametrize(
    "report",
    [
        replace(PRESENT, is_assumed=True, platforms=()),
        replace(PRESENT, is_assumed=True, state="unknown", reason="no route"),
    ],
)
def test_assumed_tag_hides_no_other_problem(report: ImageReport) -> None:
    image = replace(RELEASE.images[0], is_assumed=True)
    assert RELEASE.publication is not None
    release = replace(
        RELEASE, publication=replace(RELEASE.publication, images=(image,))
    )
    verdict = Images().decide(release, ImagesSeen(reports=(report,)))
    assert isinstance(verdict, Wait)
    assert isinstance(verdict.otherwise, Blocked)
    # Unknown is no status of an image.
    is_unknown = report.state == "unknown"
    assert verdict.otherwise.exit_status is (
        ExitStatus.FAILED if is_unknown else ExitStatus.IMAGE
    )


def test_image_of_several_tags_is_named_once() -> None:
    image = RELEASE.images[0]
    assert RELEASE.publication is not None
    release = replace(
        RELEASE,
        publication=replace(
            RELEASE.publication, images=(image, replace(image, tag="latest"))
        ),
    )
    reports = (PRESENT, replace(PRESENT, tag="latest"))
    verdict = Images().decide(release, ImagesSeen(reports=reports))
    assert isinstance(verdict, Done)
    assert verdict.evidence == "ghcr.io/o/n:1.2.0, :latest"


def test_without_named_platforms_any_will_do() -> None:
    publication = Publication(
        workflow="w",
        event="push",
        images=(Image(name="ghcr.io/o/n", tag="1.2.0"),),
    )
    release = replace(RELEASE, publication=publication)
    report = replace(PRESENT, platforms=("linux/riscv64",))
    assert isinstance(
        Images().decide(release, ImagesSeen(reports=(report,))), Done
    )


def test_plan_says_what_will_be_verified() -> None:
    planned = replace(RELEASE, is_planned=True)
    absent = replace(PRESENT, state="absent", digest=None, platforms=())
    verdict = Images().decide(planned, ImagesSeen(reports=(absent,)))
    assert isinstance(verdict, Wait)
    assert verdict.reason == (
        "will verify ghcr.io/o/n:1.2.0 on linux/amd64, linux/arm64"
    )
    # What is there already, or cannot be looked at, is told as it is.
    unknown = replace(absent, state="unknown", reason="no answer")
    for report in (PRESENT, unknown):
        seen = ImagesSeen(reports=(report,))
        verdict = Images().decide(planned, seen)
        assert verdict == Images().decide(RELEASE, seen)
