"""GitHub, as the steps need it."""

from __future__ import annotations

from typing import Any

from github.Issue import Issue

from ...exceptions import NotAllowedError, NotSentError, RefusedError
from ...models import PublishRelease, ReleasePage, Repository
from .answers import look, reading, writing
from .settings import GithubSettings
from .shapes import parse_release, parse_repository
from .source import peel

__all__ = ["GithubForge"]


class GithubForge(GithubSettings):
    """One repository on GitHub.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    own_run
        The number of the workflow run that this program is a part of, if it
        is.
    """

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @reading
    def repository(self) -> Repository:
        found = self._look_up()
        if found is None:
            raise NotAllowedError(
                f"there is no repository {self._name}, or these credentials"
                " may not see it",
                help="check the name (--repo) and the token (GITHUB_TOKEN)",
            )
        if not self._http.has_token:
            raise NotAllowedError(
                "there is no token for GitHub",
                help="set GITHUB_TOKEN, or log in with `gh auth login`",
            )
        return parse_repository(found)

    @reading
    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        found = self._http.find(lambda: self._repo.get_release(tag))
        if found is not None:
            return (parse_release(found),)
        # Drafts are not found by tag, and several may share one.
        return tuple(
            parse_release(release)
            for release in self._http.items(self._repo.get_releases())
            if release.tag_name == tag
        )

    @reading
    def labels(self, number: int) -> tuple[str, ...]:
        issue = self._http.at(Issue, f"{self._root}/issues/{number}")
        found = self._http.find(lambda: self._http.items(issue.get_labels()))
        return tuple(label.name for label in found or ())

    @writing
    def publish_release(self, write: PublishRelease) -> None:
        self._require_tag(write.tag, write.commit)
        body: dict[str, Any] = {
            "tag_name": write.tag,
            "name": write.title,
            "draft": False,
            "prerelease": write.is_prerelease,
            "make_latest": "true" if write.is_latest else "false",
        }
        if write.body is not None:
            body["body"] = write.body
        # `GitRelease.update_release` cannot leave the text as it is.
        verb, path = "POST", f"{self._root}/releases"
        if write.draft is not None:
            verb, path = "PATCH", f"{path}/{write.draft}"
        self._http.ask(verb, path, body=body)

    def _require_tag(self, tag: str, commit: str) -> None:
        """Let a release be made only for a tag that is where it should be.

        For a tag that it does not see, GitHub would make one itself: a
        lightweight tag at the head of the default branch.
        """
        found = look(lambda: peel(self._http, self._repo, tag))
        if found is None:
            raise NotSentError(f"GitHub does not show tag {tag} yet")
        if found.commit != commit:
            raise RefusedError(
                f"on GitHub, tag {tag} is at {found.commit[:10]}, and not at"
                f" {commit[:10]}"
            )
