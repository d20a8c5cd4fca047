"""Reads what choosing a version needs from a clone, through git itself.

One ``git for-each-ref`` for the names of the tags, one ``git log`` for the
commits since the nearest version, streamed. Nothing is read object by object.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..commits import FORMAT, CommitEvidence, CommitReader
from ..config import Config
from ..exceptions import BlockedError, ReadError
from ..tags import Tag, parse_tags, stream_of
from ..version import History

__all__ = ["read_history"]

_CHUNK = 1 << 18

# Nothing that a repository's own configuration names is run.
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")


def read_history(
    directory: Path,
    *,
    config: Config,
    revision: str = "HEAD",
    deepen: bool = False,
) -> History:
    """Read the history of the commit that would be tagged.

    Parameters
    ----------
    directory
        A directory of the clone.
    config
        The settings.
    revision
        The commit that would be tagged.
    deepen
        Whether to fetch the history and the tags that a shallow clone lacks.

    Returns
    -------
    History
        What `~rsp_release.version.propose` decides from.

    Raises
    ------
    BlockedError
        Raised if history or tags are missing, with the command that mends it.
    ReadError
        Raised if git could not read the clone.
    """
    git = _Git(directory)
    facts = git.run(
        "rev-parse",
        "--is-shallow-repository",
        "--verify",
        "--end-of-options",
        f"{revision}^{{commit}}",
    ).split()
    is_shallow, head = facts[0] == "true", facts[-1]
    if is_shallow:
        if not deepen:
            raise BlockedError(
                "this clone is shallow, so its history is not all here",
                help="git fetch --unshallow --tags, or use --deepen",
            )
        git.run("fetch", "--quiet", "--unshallow", "--tags")
    branch = git.run("rev-parse", "--abbrev-ref", "HEAD").strip()
    names = git.run("for-each-ref", "--format=%(refname:strip=2)", "refs/tags")
    stream = stream_of(config.tag_prefix or "")
    tags = sorted(
        (t for t in parse_tags(names) if t.stream == stream),
        key=lambda t: t.version.key,
        reverse=True,
    )
    stable = [t for t in tags if not t.version.pre and not t.is_calendar]
    previous, commits = _nearest(git, head, stable)
    return History(
        head=head,
        branch=None if branch == "HEAD" else branch,
        tags=tuple(tags),
        previous=previous,
        commits=commits,
    )


def _nearest(
    git: _Git, head: str, stable: list[Tag]
) -> tuple[Tag | None, CommitEvidence]:
    for tag in stable:
        commit = git.run("rev-parse", f"refs/tags/{tag.name}^{{commit}}")
        reader = git.log(f"{commit.strip()}..{head}")
        if (
            head == commit.strip()
            or commit.strip().encode() in reader.boundary
        ):
            return tag, reader.finish()
    return None, git.log(head).finish()


class _Git:
    """Runs git in one directory, with nothing of the user's in the way."""

    def __init__(self, directory: Path) -> None:
        self._command = ("git", "-C", str(directory), *_SAFE)
        self._environ = {
            **os.environ,
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
        }

    def run(self, *arguments: str) -> str:
        result = subprocess.run(
            (*self._command, *arguments),
            capture_output=True,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if result.returncode:
            problem = result.stderr.decode("utf-8", "replace").strip()
            raise ReadError(f"git {arguments[0]} failed: {problem}")
        return result.stdout.decode("utf-8", "surrogateescape")

    def log(self, span: str) -> CommitReader:
        reader = CommitReader()
        with subprocess.Popen(
            (
                *self._command,
                "log",
                "-z",
                "--boundary",
                "--encoding=UTF-8",
                f"--format={FORMAT}",
                span,
                "--",
            ),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=self._environ,
        ) as process:
            assert process.stdout is not None  # noqa: S101
            reader.feed(_records(process.stdout.fileno()))
        if process.returncode:
            raise ReadError("git log failed")
        return reader


def _records(descriptor: int) -> Iterator[bytes]:
    rest = b""
    while chunk := os.read(descriptor, _CHUNK):
        records = (rest + chunk).split(b"\0")
        rest = records.pop()
        yield from records
