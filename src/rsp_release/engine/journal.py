"""The journal of a release: its decisions, and what it meant to write.

A journal is a file of JSON lines, one for each release, below the clone's
``.git``. It holds the pinned `~rsp_release.models.Release`, and for each
write the intent, recorded and synced to the disk *before* the write. It is
never the truth about the world.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import quote, unquote

from ..exceptions import BlockedError, ReleaseError
from ..models import Proposal, Release

__all__ = ["Journal", "find_former_names", "find_unfinished", "lock"]

_SCHEMA = 1


class Journal:
    """The journal of one release.

    Parameters
    ----------
    path
        The file. It and its directory are made with the first record.
    fsync
        Makes a file descriptor's data durable.

    Raises
    ------
    ReleaseError
        Raised if the file is damaged elsewhere than in its last line. A
        half-written last line is what a crash leaves, and is dropped.
    """

    def __init__(
        self, path: Path, *, fsync: Callable[[int], None] = os.fsync
    ) -> None:
        self._path = path
        self._fsync = fsync
        self._proposal: Proposal | None = None
        self.release: Release | None = None
        """The pinned release, if one was pinned."""
        self._intents: dict[str, datetime] = {}
        self._former: dict[str, datetime] = {}
        """Those of earlier tries."""
        self.is_finished = False
        """Whether the release was seen to be complete."""
        self._size = 0
        self._load()

    @classmethod
    def of_tag(
        cls,
        directory: Path,
        tag: str,
        *,
        fsync: Callable[[int], None] = os.fsync,
    ) -> Journal:
        """Open the journal of a tag.

        Parameters
        ----------
        directory
            The directory of the clone's journals.
        tag
            The tag.
        fsync
            Makes a file descriptor's data durable.

        Returns
        -------
        Journal
            The journal, empty if there was none.
        """
        return cls(directory / f"{quote(tag, safe='')}.jsonl", fsync=fsync)

    @property
    def tag(self) -> str:
        """The tag that the journal is of."""
        return unquote(self._path.stem)

    @property
    def proposal(self) -> Proposal | None:
        """What was proposed, where nothing is pinned yet."""
        return self._proposal if self.release is None else None

    @property
    def newest_intent(self) -> datetime | None:
        """When something was last about to be written."""
        return max(self._intents.values(), default=None)

    @property
    def has_intents(self) -> bool:
        """Whether something was, or may have been, written to the world."""
        return bool(self._intents)

    def intent(self, key: str) -> datetime | None:
        """Return when a write was last intended and not voided.

        Parameters
        ----------
        key
            The write's natural key.

        Returns
        -------
        datetime or None
            The time of the intent; `None` if the write was never tried or
            provably came to nothing.
        """
        return self._intents.get(key) or self._former.get(key)

    def pin(self, release: Release) -> None:
        """Record the decisions. Later pins of one journal replace earlier."""
        self._append({"kind": "pin", "release": asdict(release)})

    def propose(self, proposal: Proposal) -> None:
        """Record what is proposed, before anything of it is written.

        It takes the place of what was proposed before, and so of that try's
        intents: they say nothing of whether this one has begun. But reads
        that lag may not show yet what they wrote.
        """
        self._append({"kind": "propose", "proposal": asdict(proposal)})

    def intend(self, key: str, *, step: str, at: datetime) -> None:
        """Record that a write is about to be tried."""
        self._append({"kind": "intent", "key": key, "step": step, "at": at})

    def void(self, key: str, *, why: str, at: datetime) -> None:
        """Record that the write provably came to nothing."""
        self._append({"kind": "void", "key": key, "why": why, "at": at})

    def finish(self, *, at: datetime) -> None:
        """Record that the release was seen to be complete."""
        if not self.is_finished:
            self._append({"kind": "finish", "at": at})

    def abandon(self, *, at: datetime) -> None:
        """Record that it was given up, and nothing of it is left."""
        self._append({"kind": "abandon", "at": at})

    def discard(self) -> None:
        """Delete the journal of a release that wrote nothing."""
        if self._intents:
            raise ReleaseError(
                f"the journal of {self.tag} records writes and is kept"
            )
        self._path.unlink(missing_ok=True)
        self._proposal = None
        self.release = None
        self._size = 0

    def _append(self, record: dict[str, Any]) -> None:
        line = json.dumps(
            {"schema": _SCHEMA, **record}, default=datetime.isoformat
        )
        data = line.encode() + b"\n"
        is_new = not self._path.exists()
        if is_new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # A line that a crash left half-written goes before the next one.
            os.ftruncate(fd, self._size)
            os.write(fd, data)
            self._fsync(fd)
        finally:
            os.close(fd)
        self._size += len(data)
        if is_new:
            # The name of a new file is durable only once its directory is.
            fd = os.open(self._path.parent, os.O_RDONLY)
            try:
                self._fsync(fd)
            finally:
                os.close(fd)
        self._apply(json.loads(line))

    def _apply(self, record: dict[str, Any]) -> None:
        match record["kind"]:
            case "pin":
                self.release = _load(Release, record["release"])
                self.is_finished = False
            case "propose":
                self._proposal = _load(Proposal, record["proposal"])
                self.release = None
                self._former |= self._intents
                self._intents = {}
                self.is_finished = False
            case "abandon":
                self._proposal = None
                self.release = None
                self._former |= self._intents
                self._intents = {}
            case "intent":
                at = datetime.fromisoformat(record["at"])
                self._intents[record["key"]] = at
                self.is_finished = False
            case "acknowledge":
                pass  # what earlier versions wrote after a write
            case "void":
                self._intents.pop(record["key"], None)
                self._former.pop(record["key"], None)
            case "finish":
                self.is_finished = True
            case kind:
                raise ValueError(f"unknown kind {kind}")

    def _load(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        *lines, torn = data.split(b"\n")
        self._size = len(data) - len(torn)
        for number, line in enumerate(lines, start=1):
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError, TypeError) as e:
                raise ReleaseError(
                    f"{self._path}: line {number} is damaged",
                    help=(
                        "move the file away and run `rsp-release resume"
                        f" {self.tag}`: the tag itself says the rest"
                    ),
                ) from e


def find_unfinished(
    directory: Path, *, fsync: Callable[[int], None] = os.fsync
) -> list[Journal]:
    """Find the releases that were begun and not seen to be complete.

    Parameters
    ----------
    directory
        The directory of the clone's journals.
    fsync
        Makes a file descriptor's data durable.

    Returns
    -------
    list of Journal
        Journals with a proposal or a pinned release, the oldest first.
    """
    journals = []
    for path in sorted(
        directory.glob("*.jsonl"), key=lambda p: p.stat().st_mtime_ns
    ):
        journal = Journal(path, fsync=fsync)
        is_begun = journal.release or journal.proposal
        if is_begun and not journal.is_finished:
            journals.append(journal)
    return journals


def find_former_names(
    directory: Path, repository: str, number: int
) -> tuple[str, ...]:
    """Find other names that a repository had when it was released from here.

    Parameters
    ----------
    directory
        The directory of the clone's journals.
    repository
        Owner and name that it has now.
    number
        GitHub's number of it.

    Returns
    -------
    tuple of str
        Owners and names.
    """
    found: dict[str, None] = {}
    for path in directory.glob("*.jsonl"):
        with suppress(ReleaseError):
            release = Journal(path).release
            if release is not None and release.repository_id == number:
                found.update(
                    dict.fromkeys((release.repository, *release.former))
                )
    return tuple(n for n in found if n.lower() != repository.lower())


@contextmanager
def lock(directory: Path) -> Iterator[None]:
    """Let only one process release from this clone at a time.

    The lock is the kernel's: it ends with the process, however that dies.

    Parameters
    ----------
    directory
        The directory of the clone's journals.

    Raises
    ------
    BlockedError
        Raised if another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            pid = os.read(fd, 32).decode(errors="replace").strip()
            raise BlockedError(
                "another rsp-release is at work in this clone"
                + (f" (process {pid})" if pid.isdigit() else ""),
                help="wait for it, or stop it; it can be resumed",
            ) from e
        with suppress(OSError):
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(fd)


def _load(kind: Any, data: Any) -> Any:
    """Make a value of a type from what JSON made of it.

    The types are those of what is pinned: frozen values, times, and tuples
    and optional ones of these; anything else JSON gives back as it was.
    """
    kinds, model = _analyze(kind)
    if data is None and type(None) in kinds:
        return None
    if isinstance(data, list) and len(kinds) > 1:
        return tuple(_load(kinds[1], each) for each in data)
    if model is not None:
        types = _find_types(model)
        return model(
            **{
                name: _load(types[name], each) if name in types else each
                for name, each in dict(data).items()
            }
        )
    if datetime in kinds:
        return datetime.fromisoformat(data)
    return data


@cache
def _analyze(kind: Any) -> tuple[tuple[Any, ...], Any]:
    """Return a type with its arguments, and the model among them."""
    kinds = (kind, *get_args(kind))
    return kinds, next((each for each in kinds if is_dataclass(each)), None)


@cache
def _find_types(model: type) -> dict[str, Any]:
    """Return the types of those fields that JSON does not give back."""
    return {
        name: kind
        for name, kind in get_type_hints(model).items()
        if kind not in (str, int, bool)
    }
