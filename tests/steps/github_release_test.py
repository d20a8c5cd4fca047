"""What was seen of a GitHub release, and what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_release.models import (
    Blocked,
    Change,
    Done,
    PublishRelease,
    ReleasePage,
)
from rsp_release.steps.github_release import GithubRelease, GithubReleaseSeen

from .release import COMMIT, RELEASE

PAGE = ReleasePage(
    id=7,
    tag="1.2.0",
    title="1.2.0",
    body="Mine.",
    is_draft=False,
    is_prerelease=False,
    url="https://example.org/releases/7",
)
DRAFT = replace(PAGE, id=8, is_draft=True, title="x")


def _decide(*pages: ReleasePage, **changes: object) -> object:
    release = replace(RELEASE, **changes)  # type: ignore[arg-type]
    return GithubRelease().decide(release, GithubReleaseSeen(pages=pages))


def test_absent_release_is_created() -> None:
    verdict = _decide()
    assert isinstance(verdict, Change)
    assert verdict.write == PublishRelease(
        draft=None,
        tag="1.2.0",
        commit=COMMIT,
        title="1.2.0",
        body=RELEASE.notes,
        is_prerelease=False,
        is_latest=True,
    )


@pytest.mark.parametrize(
    ("is_prerelease", "is_latest"), [(True, False), (False, False)]
)
def test_prerelease_and_backport_are_not_latest(
    *, is_prerelease: bool, is_latest: bool
) -> None:
    verdict = _decide(is_prerelease=is_prerelease, is_latest=is_latest)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PublishRelease)
    assert verdict.write.is_prerelease is is_prerelease
    assert verdict.write.is_latest is is_latest


def test_published_release_is_done() -> None:
    assert _decide(PAGE) == Done(evidence="1.2.0 is published", url=PAGE.url)


def test_published_release_counts_more_than_drafts() -> None:
    assert isinstance(_decide(DRAFT, DRAFT, PAGE), Done)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (replace(PAGE, title="Our best"), "its title is 'Our best'"),
        (replace(PAGE, is_prerelease=True), "marked as a pre-release"),
    ],
)
def test_differences_are_told_and_left(page: ReleasePage, said: str) -> None:
    verdict = _decide(page)
    assert isinstance(verdict, Done)
    assert said in verdict.evidence


def test_draft_is_published_with_its_own_notes() -> None:
    verdict = _decide(DRAFT)
    assert isinstance(verdict, Change)
    assert verdict.write == PublishRelease(
        draft=8,
        tag="1.2.0",
        commit=COMMIT,
        title="1.2.0",
        body=None,
        is_prerelease=False,
        is_latest=True,
    )


def test_empty_draft_gets_the_notes() -> None:
    verdict = _decide(replace(DRAFT, body=" \n"))
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PublishRelease)
    assert verdict.write.body == RELEASE.notes


def test_several_drafts_block() -> None:
    verdict = _decide(DRAFT, replace(DRAFT, id=9))
    assert isinstance(verdict, Blocked)
    assert "2 drafts" in verdict.problem
