"""A bare git repository: read fast and often, written with git itself."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

__all__ = [
    "Commit",
    "GitError",
    "Person",
    "Repository",
    "Tag",
    "git_environment",
    "http_backend",
]

_SETTLE = 0.05
"""Seconds for which a directory's time stamp is not trusted."""


class GitError(Exception):
    """A git command failed.

    Parameters
    ----------
    message
        What git said.
    """


@dataclass(frozen=True, slots=True)
class Person:
    """An author, committer or tagger."""

    name: str
    email: str
    date: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit object."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag object."""

    sha: str
    object: str
    type: str
    name: str
    tagger: Person
    message: str


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which git sees nobody's settings."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        # A gc in the background would outlive the sandbox.
        "GIT_CONFIG_KEY_1": "gc.auto",
        "GIT_CONFIG_VALUE_1": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    return env | dict(extra or {})


@lru_cache
def http_backend() -> Path:
    """Return git's own server program for smart HTTP.

    Raises
    ------
    GitError
        Raised if this git has none.
    """
    done = subprocess.run(
        ["git", "--exec-path"], capture_output=True, check=True, text=True
    )
    path = Path(done.stdout.strip()) / "git-http-backend"
    if not path.exists():
        raise GitError(f"git has no http-backend at {path}")
    return path


class Repository:
    """A bare repository on disk.

    Parameters
    ----------
    path
        Its git directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._batch: subprocess.Popen[bytes] | None = None
        self._refs: dict[str, str] = {}
        self._signature: tuple[tuple[str, int], ...] | None = None
        self._objects: dict[str, tuple[str, bytes]] = {}

    @classmethod
    def create(cls, path: Path) -> Repository:
        """Make an empty bare repository whose HEAD is ``main``."""
        subprocess.run(
            [
                "git",
                "init",
                "--quiet",
                "--bare",
                "--template=",
                "--initial-branch=main",
                str(path),
            ],
            check=True,
            capture_output=True,
            env=git_environment(),
        )
        return cls(path)

    def share(self, other: Repository) -> None:
        """Begin with the branches and tags of another, and its objects.

        Parameters
        ----------
        other
            What it becomes a fork of.
        """
        place = self.path / "objects" / "info" / "alternates"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{other.path / 'objects'}\n", encoding="utf-8")
        self.git("symbolic-ref", "HEAD", f"refs/heads/{other.default_branch}")
        lines = [
            f"create {ref} {sha}\n"
            for ref, sha in other.refs().items()
            if ref.startswith(("refs/heads/", "refs/tags/"))
        ]
        self.git("update-ref", "--stdin", stdin="".join(lines).encode())
        with self._lock:
            self._signature = None

    def fetch(self, other: Repository, sha: str) -> None:
        """Take a commit from a fork, with all that it needs.

        Parameters
        ----------
        other
            The fork.
        sha
            The commit.
        """
        # No ref keeps it: nothing here is ever collected as garbage.
        self.git(
            "-c", "uploadpack.allowAnySHA1InWant=true",
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
            str(other.path), sha,
        )  # fmt: skip

    def close(self) -> None:
        """End the helper process."""
        with self._lock:
            batch, self._batch = self._batch, None
        if batch is not None:
            batch.communicate()

    # -- Refs ------------------------------------------------------------

    def refs(self) -> dict[str, str]:
        """Return every branch and tag with what it points to."""
        with self._lock:
            signature = self._look()
            if signature != self._signature:
                self._refs = self._read_refs()
                newest = max((mtime for _, mtime in signature), default=0)
                fresh = time.time_ns() - newest < _SETTLE * 1e9
                self._signature = None if fresh else signature
            return self._refs

    def _look(self) -> tuple[tuple[str, int], ...]:
        """Return time stamps that change whenever a ref does."""
        found = []
        try:
            packed = (self.path / "packed-refs").stat().st_mtime_ns
            found.append(("packed-refs", packed))
        except FileNotFoundError:
            pass
        pending = [str(self.path / "refs")]
        while pending:
            folder = pending.pop()
            try:
                found.append((folder, Path(folder).stat().st_mtime_ns))
                with os.scandir(folder) as entries:
                    pending += [e.path for e in entries if e.is_dir()]
            except FileNotFoundError:
                continue
        return tuple(found)

    def _read_refs(self) -> dict[str, str]:
        listed = self.git(
            "for-each-ref", "--format=%(refname) %(objectname)",
            "refs/heads", "refs/tags",
        )  # fmt: skip
        lines = (line.partition(" ") for line in listed.splitlines())
        return {name: sha for name, _, sha in lines}

    @property
    def default_branch(self) -> str:
        """The branch that HEAD names."""
        try:
            head = (self.path / "HEAD").read_text().strip()
        except FileNotFoundError:
            return "main"
        return head.removeprefix("ref: refs/heads/")

    def update_ref(self, ref: str, sha: str, old: str | None = None) -> None:
        """Point a ref at an object, if it is still at ``old``."""
        args = ["update-ref", ref, sha]
        if old is not None:
            args.append(old)
        self.git(*args)
        with self._lock:
            self._signature = None

    # -- Objects ---------------------------------------------------------

    def read(self, name: str) -> tuple[str, str, bytes] | None:
        """Read an object by hash or revision.

        Returns
        -------
        tuple or None
            Its hash, type and content, or `None` if there is none.
        """
        if "\n" in name or not name or name.startswith("-"):
            return None
        with self._lock:
            if (known := self._objects.get(name)) is not None:
                return name, *known
            batch = self._process()
            if batch.stdin is None or batch.stdout is None:
                return None
            batch.stdin.write(name.encode() + b"\n")
            batch.stdin.flush()
            header = batch.stdout.readline().decode().split()
            if len(header) != 3 or not header[2].isdigit():
                return None
            sha, kind, size = header
            content = batch.stdout.read(int(size))
            batch.stdout.read(1)
            if len(content) < 1 << 20:
                self._objects[sha] = (kind, content)
            return sha, kind, content

    def _process(self) -> subprocess.Popen[bytes]:
        if self._batch is not None and self._batch.poll() is not None:
            self.close()
        if self._batch is None:
            self._batch = subprocess.Popen(
                ["git", "cat-file", "--batch"],
                cwd=self.path,
                env=git_environment({"GIT_DIR": "."}),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._batch

    def commit(self, name: str) -> Commit | None:
        """Read a commit, peeling tags."""
        found = self.read(name)
        while found is not None and found[1] == "tag":
            target = _headers(found[2])[0]["object"][0]
            found = self.read(target)
        if found is None or found[1] != "commit":
            return None
        headers, message = _headers(found[2])
        return Commit(
            sha=found[0],
            tree=headers["tree"][0],
            parents=tuple(headers.get("parent", ())),
            author=_person(headers["author"][0]),
            committer=_person(headers["committer"][0]),
            message=message,
        )

    def tag(self, sha: str) -> Tag | None:
        """Read an annotated tag object."""
        found = self.read(sha)
        if found is None or found[1] != "tag":
            return None
        headers, message = _headers(found[2])
        tagger = headers.get("tagger")
        return Tag(
            sha=found[0],
            object=headers["object"][0],
            type=headers["type"][0],
            name=headers["tag"][0],
            tagger=_person(tagger[0])
            if tagger
            else Person("", "", datetime(1970, 1, 1, tzinfo=UTC)),
            message=message,
        )

    def peel(self, name: str) -> str | None:
        """Return the commit that a hash, ref or tag leads to."""
        commit = self.commit(name)
        return commit.sha if commit else None

    def known(self, name: str) -> Commit:
        """Read a commit that must be there, peeling tags.

        Raises
        ------
        GitError
            Raised if there is none.
        """
        found = self.commit(name)
        if found is None:
            raise GitError(f"no commit {name}")
        return found

    def resolve(self, name: str) -> str | None:
        """Return the commit of a branch, tag or hash, as GitHub reads it."""
        refs = self.refs()
        for prefix in ("", "refs/", "refs/heads/", "refs/tags/"):
            if (sha := refs.get(prefix + name)) is not None:
                return self.peel(sha)
        if name == "HEAD":
            return self.resolve(self.default_branch)
        if 4 <= len(name) <= 40 and all(c in "0123456789abcdef" for c in name):
            return self.peel(name)
        return None

    def tree(self, sha: str) -> list[tuple[str, str, str, str]]:
        """List a tree: mode, type, hash and name of each entry."""
        found = self.read(sha)
        entries = []
        data = found[2] if found and found[1] == "tree" else b""
        at = 0
        while at < len(data):
            space = data.index(b" ", at)
            null = data.index(b"\0", space)
            mode = data[at:space].decode().zfill(6)
            name = data[space + 1 : null].decode(errors="replace")
            entry = data[null + 1 : null + 21].hex()
            kind = {"040000": "tree", "160000": "commit"}.get(mode, "blob")
            entries.append((mode, kind, entry, name))
            at = null + 21
        return entries

    def lookup(self, commit: str, path: str) -> tuple[str, str, str] | None:
        """Return mode, type and hash of a path in a commit."""
        found = self.commit(commit)
        if found is None:
            return None
        here = ("040000", "tree", found.tree)
        for part in [p for p in path.split("/") if p]:
            for mode, kind, sha, name in self.tree(here[2]):
                if name == part:
                    here = (mode, kind, sha)
                    break
            else:
                return None
        return here

    def file(self, commit: str, path: str) -> bytes | None:
        """Read a file of a commit."""
        entry = self.lookup(commit, path)
        if entry is None or entry[1] != "blob":
            return None
        found = self.read(entry[2])
        return found[2] if found else None

    def contains(self, head: str, part: str) -> bool:
        """Return whether a commit is, or comes before, another."""
        return not self.log("--max-count=1", part, f"^{head}")

    def log(self, *args: str) -> list[str]:
        """Return the hashes that ``git rev-list`` prints."""
        return self.git("rev-list", *args, "--").split()

    def git(
        self,
        *args: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """Run git in the repository.

        Raises
        ------
        GitError
            Raised if it fails, with what it said.
        """
        done = subprocess.run(
            ["git", "--git-dir", str(self.path), *args],
            cwd=self.path,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env=git_environment(env),
            check=False,
        )
        if done.returncode:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode(errors="replace")

    def write(self, kind: str, content: bytes) -> str:
        """Write an object and return its hash."""
        args = ("hash-object", "-w", "-t", kind, "--stdin")
        return self.git(*args, stdin=content).strip()

    def write_commit(
        self,
        *,
        tree: str,
        parents: Iterable[str],
        message: str,
        author: Person,
        committer: Person,
    ) -> str:
        """Write a commit object and return its hash."""
        lines = [f"tree {tree}"]
        lines += [f"parent {parent}" for parent in parents]
        lines.append(f"author {_stamp(author)}")
        lines.append(f"committer {_stamp(committer)}")
        text = "\n".join(lines) + "\n\n" + message
        return self.write("commit", text.encode())


def _stamp(person: Person) -> str:
    name = person.name.replace("<", "").replace(">", "").replace("\n", " ")
    when = int(person.date.timestamp())
    return f"{name} <{person.email}> {when} +0000"


def _headers(content: bytes) -> tuple[dict[str, list[str]], str]:
    head, _, body = content.partition(b"\n\n")
    headers: dict[str, list[str]] = {}
    last = ""
    for line in head.decode(errors="replace").split("\n"):
        if line.startswith(" ") and last:
            headers[last][-1] += "\n" + line[1:]
            continue
        last, _, value = line.partition(" ")
        headers.setdefault(last, []).append(value)
    return headers, body.decode(errors="replace")


def _person(text: str) -> Person:
    left, _, rest = text.rpartition("> ")
    name, _, email = left.partition("<")
    stamp = rest.split(" ")[0]
    when = datetime.fromtimestamp(int(stamp) if stamp else 0, UTC)
    return Person(name.strip(), email, when)
