"""The GitHub release is published, titled with the tag."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ..changelog.notes import compose_body
from ..engine.world import World
from ..exceptions import NotAllowedError
from ..models import (
    Blocked,
    Change,
    Done,
    PublishRelease,
    Release,
    ReleasePage,
    Verdict,
)

__all__ = ["GithubRelease", "GithubReleaseSeen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubReleaseSeen:
    """What the step looks at."""

    pages: tuple[ReleasePage, ...]
    """Every release of the tag, published or draft."""

    generated: str = ""
    """The notes that GitHub generates, where the release is yet to make."""

    web_url: str = "https://github.com"
    """The repository's page."""


class GithubRelease:
    """The GitHub release is published, titled with the tag.

    A release that exists is finished, never made a second time, and notes
    that a person wrote are kept.
    """

    key = "github_release"
    title = "GitHub release"

    def observe(self, release: Release, world: World) -> GithubReleaseSeen:
        forge = world.forge
        pages = forge.releases(release.tag)
        generated = ""
        if all(p.is_draft for p in pages) and not release.is_planned:
            # Whoever may not have them generated may not publish either,
            # and is told so then.
            with suppress(NotAllowedError):
                generated = forge.generate_notes(
                    tag=release.tag,
                    commit=release.commit,
                    previous=release.previous_tag,
                )
        return GithubReleaseSeen(
            pages=pages, generated=generated, web_url=forge.url
        )

    def decide(self, release: Release, seen: GithubReleaseSeen) -> Verdict:
        tag = release.tag
        body = compose_body(
            release.notes,
            seen.generated,
            more=f"{seen.web_url}/blob/{tag}/{release.changelog or ''}",
        )
        for page in seen.pages:
            if not page.is_draft:
                return Done(evidence=_describe(release, page), url=page.url)
        if len(seen.pages) > 1:
            return Blocked(
                problem=f"there are {len(seen.pages)} drafts for tag {tag}",
                help="delete all of them but the one to publish",
                url=seen.pages[0].url,
            )
        draft = next(iter(seen.pages), None)
        what = "the draft of release"
        if draft is None:
            what = "pre-release" if release.is_prerelease else "release"
        return Change(
            summary=f"publish {what} {tag}",
            write=PublishRelease(
                draft=draft.id if draft else None,
                tag=tag,
                commit=release.commit,
                title=tag,
                body=None if draft and draft.body.strip() else body,
                is_prerelease=release.is_prerelease,
                is_latest=release.is_latest,
            ),
        )

    def act(self, change: Change, world: World) -> None:
        match change.write:
            case PublishRelease() as write:
                world.forge.publish_release(write)
            case other:
                raise TypeError(f"not a GitHub release: {other}")


def _describe(release: Release, page: ReleasePage) -> str:
    """Say what is published, and where it is not what was planned."""
    differences = []
    if page.title != release.tag:
        differences.append(f"its title is {page.title!r}")
    if page.is_prerelease != release.is_prerelease:
        kind = "a pre-release" if page.is_prerelease else "a full release"
        differences.append(f"it is marked as {kind}")
    text = f"{release.tag} is published"
    return f"{text}, but {' and '.join(differences)}" if differences else text
