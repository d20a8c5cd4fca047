"""Runs git for reading, with nothing of the user's configuration run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ...exceptions import BlockedError, ReadError, ReleaseError, UsageError
from ...settings_file import LARGE
from ...version.commits import FORMAT, CommitReader
from ..environment import without_credentials

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["HOW_TO_FETCH", "OFF", "QUIET", "Git", "with_settings"]

HOW_TO_FETCH = (
    "this clone was made without all files: git fetch --refetch --no-filter"
)
"""What to do where a clone lacks an object that a tree names."""

# Large enough that a read is rare, small enough to stay in the cache.
_CHUNK = 1 << 18

QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GCM_INTERACTIVE": "never",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
"""Without a prompt, without a write that nobody asked for, in English."""

OFF = (("core.hooksPath", os.devnull), ("core.fsmonitor", "false"))
"""Settings with which a repository runs no program of its own."""


def with_settings(
    environ: Mapping[str, str], settings: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Add settings of git to an environment; they override all others.

    Parameters
    ----------
    environ
        The environment.
    settings
        Keys and values.
    """
    before = int(environ.get("GIT_CONFIG_COUNT") or 0)
    made = dict(environ)
    for number, (key, value) in enumerate(settings, before):
        made[f"GIT_CONFIG_KEY_{number}"] = key
        made[f"GIT_CONFIG_VALUE_{number}"] = value
        made["GIT_CONFIG_COUNT"] = str(number + 1)
    return made


class Git:
    """Reads one clone. A context manager: it may leave a process behind.

    Parameters
    ----------
    directory
        A directory of the clone.
    """

    def __init__(self, directory: Path | str) -> None:
        self._command = ("git", "-C", str(directory))
        environ = {
            **without_credentials(os.environ),
            **QUIET,
            # What is tagged is what the remote has, not what replaces it here.
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_NO_LAZY_FETCH": "1",
        }
        # It may also change what ``git log`` prints.
        settings = *OFF, ("log.showSignature", "false")
        self._environ = with_settings(environ, settings)
        self._started: list[subprocess.Popen[bytes]] = []
        self._cat: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # No process is left behind.
        for process in self._started:
            if process.returncode is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def _start(
        self, *arguments: str, reads: bool = False
    ) -> subprocess.Popen[bytes]:
        try:
            process = subprocess.Popen(
                (*self._command, *arguments),
                stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environ,
            )
        except FileNotFoundError as exc:
            raise ReadError("git is not installed") from exc
        self._started.append(process)
        return process

    def run(self, *arguments: str) -> str:
        """Run git and return what it prints.

        Raises
        ------
        ReadError
            Raised if git fails, with its own words.
        """
        return self.ask(*arguments)()

    def ask(self, *arguments: str) -> Callable[[], str]:
        """Start git, and return what waits for its answer."""
        process = self._start(*arguments)

        def answer() -> str:
            output, errors = process.communicate()
            if process.returncode:
                raise _failure(arguments[0], errors)
            return output.decode("utf-8", "surrogateescape")

        return answer

    def log(
        self,
        span: str,
        *options: str,
        paths: tuple[str, ...] = (),
        into: CommitReader | None = None,
    ) -> Callable[[], CommitReader]:
        """Start to read commits as a stream.

        Parameters
        ----------
        span
            Full hashes: a commit, or two with dots between.
        *options
            More options for ``git log``.
        paths
            The part of the repository that counts; all of it, if empty.
        into
            What has read others, where it is a second look.

        Returns
        -------
        Callable
            What reads them all, and returns what has read them.
        """
        process = self._start(
            "log",
            "-z",
            # Of a second look, what another parent has is no boundary.
            *(["--boundary"] if into is None else []),
            "--encoding=UTF-8",
            f"--format={FORMAT}",
            *options,
            span,
            "--",
            *paths,
        )
        output, problems = process.stdout, process.stderr
        if output is None or problems is None:
            raise AssertionError

        def read() -> CommitReader:
            reader = into or CommitReader()
            reader.feed(_records(output.fileno()))
            # It writes next to nothing to its standard error.
            errors = problems.read()
            process.wait()
            if process.returncode:
                raise _failure("log", errors)
            return reader

        return read

    def object(
        self, name: str, path: str = ""
    ) -> tuple[str, str, bytes] | None:
        """Read an object: its hash, its type and its content.

        Parameters
        ----------
        name
            A hash, or an expression such as ``refs/tags/1.0^{commit}``.
        path
            What it is called.

        Returns
        -------
        tuple or None
            `None` if there is no such object.

        Raises
        ------
        BlockedError
            Raised if it is a file that is too large to be looked at.
        """
        if "\n" in name:
            return None
        if self._cat is None:
            self._cat = self._start("cat-file", "--batch", reads=True)
        cat = self._cat
        if cat.stdin is None or cat.stdout is None or cat.stderr is None:
            raise AssertionError
        with suppress(BrokenPipeError):  # it has ended, and said why
            cat.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
            cat.stdin.flush()
        header = cat.stdout.readline()
        words = header.split()
        if not header.endswith(b"\n"):
            raise _failure("cat-file", cat.stderr.read())
        if len(words) != 3 or not words[2].isdigit():
            return None  # missing, or ambiguous
        if words[1] == b"blob" and int(words[2]) > LARGE:
            cat.kill()
            self._cat = None
            raise BlockedError(
                f"{path or name} is too large: {int(words[2])} bytes",
                help=f"files that are read may have {LARGE} bytes",
            )
        content = cat.stdout.read(int(words[2]) + 1)
        return words[0].decode(), words[1].decode(), content[:-1]

    def resolve(self, name: str) -> str | None:
        """Return the hash of an object, or `None` if there is none."""
        found = self.object(name)
        return found[0] if found else None


def _failure(command: str, errors: bytes) -> ReleaseError:
    words = errors.decode("utf-8", "replace").strip()
    if "not a git repository" in words:
        return UsageError(
            "this is not in a git repository",
            help="run it in a clone, or name one with -C",
        )
    help_ = None
    if "dubious ownership" in words:
        help_ = "git config --global --add safe.directory DIRECTORY"
    elif "promisor remote" in words:
        help_ = HOW_TO_FETCH
    # A warning may stand before the reason.
    lines = words.splitlines() or ["no reason given"]
    first = next((li for li in lines if li.startswith("fatal:")), lines[0])
    return ReadError(f"git {command} failed: {first}", help=help_)


def _records(descriptor: int) -> Iterator[bytes]:
    """Split what a process writes at its NULs."""
    rest = b""
    while chunk := os.read(descriptor, _CHUNK):
        records = (rest + chunk).split(b"\0")
        rest = records.pop()
        yield from records
    if rest.strip():
        yield rest
