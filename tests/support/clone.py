"""Makes small repositories, by git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["Clone"]

_ENVIRON = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.com",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.com",
}


class Clone:
    """A repository that a test owns.

    Parameters
    ----------
    path
        Where it is, or will be.
    """

    def __init__(self, path: Path, *, init: bool = True) -> None:
        self.path = path
        self._clock = 1_700_000_000
        if init:
            path.mkdir(parents=True, exist_ok=True)
            self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """Run git there and return what it prints."""
        when = f"{self._clock} +0000"
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=data,
            env={
                **_ENVIRON,
                "GIT_AUTHOR_DATE": when,
                "GIT_COMMITTER_DATE": when,
            },
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace").strip()

    def commit(
        self, message: str | bytes = "A change", **files: str | None
    ) -> str:
        """Commit some files, by path with ``__`` for ``/``; `None` removes.

        Returns
        -------
        str
            The hash.
        """
        return self.commit_files(
            message, {k.replace("__", "/"): v for k, v in files.items()}
        )

    def commit_files(
        self, message: str | bytes, files: dict[str, str | None]
    ) -> str:
        """Commit some files by their paths; `None` removes one."""
        self._clock += 60
        for name, text in files.items():
            path = self.path / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        self.git("add", "-A")
        data = message.encode() if isinstance(message, str) else message
        self.git("commit", "-q", "--allow-empty", "-F", "-", data=data)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, *, annotated: bool = False) -> None:
        """Tag the head."""
        extra = ["-a", "-m", name] if annotated else []
        self.git("tag", *extra, name)

    def branch(self, name: str, start: str = "HEAD") -> None:
        """Make a branch and switch to it."""
        self.git("switch", "-q", "-c", name, start)

    def switch(self, name: str) -> None:
        """Switch to a branch."""
        self.git("switch", "-q", name)

    def merge(self, name: str) -> None:
        """Merge a branch, with a commit of its own."""
        self._clock += 60
        self.git("merge", "-q", "--no-ff", "-m", f"Merge {name}", name)
