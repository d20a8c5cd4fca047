"""People at work on the change log's pull request, beside the program."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rsp_release.engine.world import Clock
from rsp_sandbox import Scenario

from .service import NAME, TAG, Service, serve

__all__ = ["BRANCH", "EDITED", "FAST", "Person", "protected", "review"]

FAST = Scenario(speed=20, appear_after=0.1)
_PATIENCE = 180.0
"""Seconds after which nothing is awaited any more."""

T = TypeVar("T")

BRANCH = f"rsp-release/changelog-{TAG}"
EDITED = "`GET /targets` pages; edited in review, for @nobody, see #12."


class Person:
    """Somebody who reviews, edits and merges, through GitHub's own API."""

    def __init__(self, service: Service) -> None:
        self._service = service
        service.box.project(NAME).roles["reviewer"] = "write"
        self.token = service.box.add_token(login="reviewer")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request in this person's name."""
        request = urllib.request.Request(  # noqa: S310
            f"{self._service.box.api_url}/repos/{NAME}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def find(self) -> int | None:
        """Return the number of the open pull request, if there is one."""
        pulls = self.ask("GET", "/pulls")
        return pulls[0]["number"] if pulls else None

    def edit(
        self,
        folder: Path,
        old: str = "`GET /targets` pages through long lists of targets.",
        new: str = EDITED,
    ) -> None:
        """Change the entry on the pull request's branch, as in a review."""
        self.push(
            folder,
            BRANCH,
            "CHANGELOG.md",
            lambda text: text.replace(old, new, 1),
        )

    def push(self, folder: Path, branch: str, name: str, change: Any) -> str:
        """Push a change of one file to a branch; return the commit."""
        service = self._service

        def git(*args: str, cwd: Path = folder) -> str:
            result = subprocess.run(
                ["git", *args],
                cwd=cwd,
                env=service.environ,
                check=True,
                capture_output=True,
                text=True,
            )
            return result.stdout

        git("clone", "-q", "-b", branch, str(service.remote), str(folder),
            cwd=service.clone.parent)  # fmt: skip
        path = folder / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        path.write_text(change(old), encoding="utf-8")
        git("add", "--all")
        git("commit", "-q", "-m", f"Change {name}")
        # By path, where no rule holds, as for the teammate's merge here.
        git("push", "-q", "origin", f"HEAD:{branch}")
        return git("rev-parse", "HEAD").strip()


@contextmanager
def protected(
    folder: Path, *, clock: Clock | None = None
) -> Iterator[tuple[Service, Person]]:
    """Serve a service whose main branch takes reviewed and checked ones.

    The checks of a pull request take a while.
    """
    with serve(folder, scenario=FAST, clock=clock) as service:
        service.box.protect(NAME, "main", approvals=1, checks=("test",))
        yield service, Person(service)


def review(person: Person, method: str, folder: Path, *edit: str) -> None:
    """Do what a reviewer does, as soon as there is a pull request."""
    number = _await(person.find)
    person.edit(folder, *edit)
    person.ask("POST", f"/pulls/{number}/reviews", {"event": "APPROVE"})

    def has_passed() -> bool:
        pull = person.ask("GET", f"/pulls/{number}")
        return pull["mergeable_state"] in {"clean", "unstable"}

    _await(has_passed)
    person.ask("PUT", f"/pulls/{number}/merge", {"merge_method": method})


def _await(ask: Callable[[], T]) -> T:
    """Ask until the answer is yes; a busy machine may take its time."""
    end = time.monotonic() + _PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < end, ask
        time.sleep(0.05)
    return answer
