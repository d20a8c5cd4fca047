"""What tests look at."""

from __future__ import annotations

from .actions import Run
from .forge import Forge
from .records import Pull, Release, RequestRecord
from .registry import Image

__all__ = ["State"]

_MOST_REQUESTS = 20_000
_MOST_BYTES = 1_000_000


class State:
    """What tests look at."""

    def __init__(self, box: Forge) -> None:
        self._box = box
        self.requests: list[RequestRecord] = []
        """Every request, in order."""
        self.unknown = box.unknown
        """Requests of the API at paths that the sandbox does not know."""

    def keep(self, record: RequestRecord) -> None:
        """Log a request; of very many the oldest are forgotten."""
        record.body = record.body[:_MOST_BYTES]
        record.response_body = record.response_body[:_MOST_BYTES]
        self.requests.append(record)
        if len(self.requests) > _MOST_REQUESTS:
            del self.requests[: _MOST_REQUESTS // 2]

    def releases(self, repository: str) -> list[Release]:
        """Return the releases of a repository, drafts among them."""
        return list(self._box.project(repository).releases.value.values())

    def tags(self, repository: str) -> dict[str, str]:
        """Return the commit of each tag, peeled."""
        git = self._box.project(repository).git
        prefix = "refs/tags/"
        return {
            ref.removeprefix(prefix): git.peel(sha) or sha
            for ref, sha in git.refs().items()
            if ref.startswith(prefix)
        }

    def branches(self, repository: str) -> dict[str, str]:
        """Return the head of each branch."""
        prefix = "refs/heads/"
        return {
            ref.removeprefix(prefix): sha
            for ref, sha in self._box.project(repository).git.refs().items()
            if ref.startswith(prefix)
        }

    def runs(self, repository: str) -> list[Run]:
        """Return the workflow runs, oldest first, unborn ones among them."""
        project = self._box.project(repository)
        with self._box.lock:
            self._box.notice(project)
        return list(project.runs)

    def pulls(self, repository: str) -> dict[int, Pull]:
        """Return the pull requests by number."""
        return self._box.project(repository).pulls

    def images(self) -> dict[str, Image]:
        """Return the images of every registry by name."""
        with self._box.lock:
            self._box.runner.settle()
        return self._box.images.images
