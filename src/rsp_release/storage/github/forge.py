"""GitHub, as the steps need it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ...exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
)
from ...models import CreateRelease, PublishRelease, ReleasePage, Repository
from .settings import GithubSettings
from .shapes import parse_repository, parse_time, reading

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
        answer = self._http.get(self._root, may_miss=True)
        data, self._headers = answer.data, answer.headers
        if data is None:
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
        return parse_repository(data)

    @reading
    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        path = f"{self._root}/releases/tags/{quote(tag, safe='')}"
        answer = self._http.get(path, may_miss=True)
        if answer.data is not None:
            return (_parse_page(answer.data),)
        # Drafts are not found by tag, and several may share one.
        return tuple(
            _parse_page(data)
            for data in self._http.get_pages(f"{self._root}/releases")
            if data["tag_name"] == tag
        )

    @reading
    def labels(self, number: int) -> tuple[str, ...]:
        answer = self._http.get(
            f"{self._root}/issues/{number}/labels",
            params={"per_page": 100},
            may_miss=True,
        )
        return tuple(str(label["name"]) for label in answer.data or ())

    def create_release(self, write: CreateRelease) -> None:
        self._require_tag(write.tag, write.commit)
        self._http.write(
            "POST",
            f"{self._root}/releases",
            {
                "tag_name": write.tag,
                "name": write.title,
                "body": write.body,
                "draft": False,
                "prerelease": write.is_prerelease,
                "make_latest": "true" if write.is_latest else "false",
            },
        )

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
        self._http.write("PATCH", f"{self._root}/releases/{write.id}", body)

    def _require_tag(self, tag: str, commit: str) -> None:
        """Let a release be made only for a tag that is where it should be.

        For a tag that it does not see, GitHub would make one itself: a
        lightweight tag at the head of the default branch.
        """
        try:
            found = self._peel(tag)
        except ReadError as e:
            raise NotSentError(e.message) from e
        if found is None:
            raise NotSentError(f"GitHub does not show tag {tag} yet")
        if found != commit:
            raise RefusedError(
                f"on GitHub, tag {tag} is at {found[:10]}, and not at"
                f" {commit[:10]}"
            )

    @reading
    def _peel(self, tag: str) -> str | None:
        path = f"{self._root}/git/ref/tags/{quote(tag, safe='')}"
        answer = self._http.get(path, may_miss=True)
        if answer.data is None:
            return None
        target = answer.data["object"]
        while target["type"] == "tag":
            path = f"{self._root}/git/tags/{target['sha']}"
            target = self._http.get(path).data["object"]
        return str(target["sha"])


def _parse_page(data: Any) -> ReleasePage:
    author = data.get("author")
    return ReleasePage(
        id=int(data["id"]),
        tag=data["tag_name"],
        title=data["name"] or "",
        body=data["body"] or "",
        is_draft=bool(data["draft"]),
        is_prerelease=bool(data["prerelease"]),
        is_immutable=bool(data.get("immutable")),
        url=data["html_url"],
        published_at=parse_time(data["published_at"]),
        author=author["login"] if author else None,
    )
