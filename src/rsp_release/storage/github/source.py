"""Commits and files as GitHub shows them, for those who have no clone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from github.Repository import Repository

from ...exceptions import ReadError
from .answers import reading
from .http import GithubHttp

__all__ = ["GithubSource", "Tagged", "peel"]

_NESTING = 10
"""Tags of tags that are followed."""


class GithubSource:
    """The tags, commits and files of one repository on GitHub.

    Parameters
    ----------
    http
        Sends the requests.
    repository
        Owner and name.
    """

    def __init__(self, *, http: GithubHttp, repository: str) -> None:
        self._http = http
        self._repo = http.at(Repository, f"/repos/{quote(repository)}")

    @reading
    def find_tag(self, tag: str) -> tuple[str, datetime] | None:
        """Return the commit of a tag, and when it was tagged.

        Parameters
        ----------
        tag
            The tag.

        Returns
        -------
        tuple or None
            The commit, peeled, and the date of the tag, or of the commit
            where the tag has none; `None` where GitHub has no such tag.
        """
        found = peel(self._http, self._repo, tag)
        if found is None:
            return None
        date = found.date
        if date is None:
            date = self._repo.get_git_commit(found.commit).committer.date
        return found.commit, date

    @reading
    def newest_tag(self) -> str | None:
        """Return the tag of the release that was published last."""
        listed = self._http.items(self._repo.get_releases(), 10)
        newest = max(
            (release for release in listed if release.draft is False),
            key=lambda release: release.published_at,
            default=None,
        )
        return None if newest is None else newest.tag_name

    @reading
    def message(self, commit: str) -> str:
        """Return the message of a commit. Untrusted text."""
        return self._repo.get_git_commit(commit).message

    @reading
    def files(self, commit: str, directory: str) -> dict[str, str]:
        """Return path and text of a directory's YAML files at a commit."""
        listed = self._http.find(
            lambda: self._repo.get_contents(directory, ref=commit)
        )
        paths = [
            each.path
            for each in (listed if isinstance(listed, list) else ())
            if each.type == "file" and each.name.endswith((".yaml", ".yml"))
        ]
        texts = {path: self.file(commit, path) for path in paths}
        return {path: text for path, text in texts.items() if text is not None}

    @reading
    def file(self, commit: str, path: str) -> str | None:
        """Return the text of a file at a commit, or `None` if it has none."""
        found = self._http.find(
            lambda: self._repo.get_contents(path, ref=commit)
        )
        if found is None or isinstance(found, list) or found.type != "file":
            return None
        if found.encoding != "base64":
            raise ReadError(f"GitHub does not show {path}, it is too large")
        return found.decoded_content.decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Tagged:
    """What a tag says."""

    commit: str
    """The commit."""

    date: datetime | None
    """When it was tagged, where the tag says so."""


@reading
def peel(http: GithubHttp, repo: Repository, tag: str) -> Tagged | None:
    """Find the commit of a tag.

    Parameters
    ----------
    http
        Sends the requests.
    repo
        The repository.
    tag
        The tag.

    Returns
    -------
    Tagged or None
        What the tag says; `None` where GitHub has no such tag.
    """
    ref = http.find(lambda: repo.get_git_ref(f"tags/{tag}"))
    if ref is None:
        return None
    target = ref.object
    date: datetime | None = None
    for _ in range(_NESTING):
        if target.type != "tag":
            break
        made = repo.get_git_tag(target.sha)
        date = date or made.tagger.date
        target = made.object
    return Tagged(target.sha, date)
