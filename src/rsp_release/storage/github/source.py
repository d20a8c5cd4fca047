"""Commits and files as GitHub shows them, for those who have no clone."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ...exceptions import ReadError
from .http import GithubHttp
from .shapes import parse_time, reading

__all__ = ["GithubSource"]


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
        self._root = f"/repos/{quote(repository)}"

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
        path = f"{self._root}/git/ref/tags/{quote(tag, safe='')}"
        answer = self._http.get(path, may_miss=True)
        if answer.data is None:
            return None
        target = answer.data["object"]
        date: datetime | None = None
        while target["type"] == "tag":
            data = self._http.get(
                f"{self._root}/git/tags/{target['sha']}"
            ).data
            date = date or parse_time(data["tagger"]["date"])
            target = data["object"]
        commit = str(target["sha"])
        return commit, date or self._commit_date(commit)

    @reading
    def newest_tag(self) -> str | None:
        """Return the tag of the release that was published last."""
        listed = self._http.get(
            f"{self._root}/releases", params={"per_page": 10}
        ).data
        published = [data for data in listed if not data["draft"]]
        newest = max(
            published, key=lambda data: data["published_at"], default=None
        )
        return None if newest is None else str(newest["tag_name"])

    @reading
    def message(self, commit: str) -> str:
        """Return the message of a commit. Untrusted text."""
        return str(self._commit(commit)["message"])

    @reading
    def files(self, commit: str, directory: str) -> dict[str, str]:
        """Return path and text of a directory's YAML files at a commit."""
        listed = self._contents(commit, directory)
        paths = [
            each["path"]
            for each in (listed if isinstance(listed, list) else ())
            if each["type"] == "file"
            and each["name"].endswith((".yaml", ".yml"))
        ]
        texts = {path: self.file(commit, path) for path in paths}
        return {path: text for path, text in texts.items() if text is not None}

    @reading
    def file(self, commit: str, path: str) -> str | None:
        """Return the text of a file at a commit, or `None` if it has none."""
        data = self._contents(commit, path)
        if not isinstance(data, dict) or data["type"] != "file":
            return None
        if data["encoding"] != "base64":
            raise ReadError(f"GitHub does not show {path}, it is too large")
        return base64.b64decode(data["content"]).decode(errors="replace")

    def _contents(self, commit: str, path: str) -> Any:
        answer = self._http.get(
            f"{self._root}/contents/{quote(path)}",
            params={"ref": commit},
            may_miss=True,
        )
        return answer.data

    def _commit(self, commit: str) -> Any:
        return self._http.get(f"{self._root}/git/commits/{commit}").data

    def _commit_date(self, commit: str) -> datetime:
        date = parse_time(self._commit(commit)["committer"]["date"])
        if date is None:
            raise ValueError("a commit without a date")
        return date
