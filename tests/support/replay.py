"""Replays releases on real clones, and compares with the records.

Run as ``python -m tests.support.replay HISTORIES CLONE...``. Each clone is a
git directory of a repository that has records; its path ends in the owner and
the name, as in :file:`lsst-sqre/gafaelfawr` or :file:`lsst-sqre+gafaelfawr`.
It is only read: a second repository that borrows its objects is put into the
state just before each release.

That state is the first parent of the commit that collected the fragments, or
the tagged commit itself where none did, with the tags that were there then.
In the second case the change log may have the new section already, so the
record is taken with its section as well.
"""

# ruff: noqa: T201

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rsp_release.config import Config
from rsp_release.exceptions import ReleaseError
from rsp_release.storage.git.history import read_history
from rsp_release.version.choose import Request, propose
from rsp_release.version.history import History
from rsp_release.version.proposal import NextVersion
from tests.support.histories import BUMPS, histories

__all__ = ["main", "replay"]

Record = dict[str, Any]


class Ref(NamedTuple):
    """A tag of the real clone."""

    name: str
    hash: str
    when: int


def _git(path: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(path), *arguments],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _tags(clone: Path) -> list[Ref]:
    form = "%(refname) %(objectname) %(creatordate:unix)"
    lines = _git(clone, "for-each-ref", f"--format={form}", "refs/tags")
    rows = [line.split(" ") for line in lines.splitlines()]
    return [Ref(r[0], r[1], int(r[2] or 0)) for r in rows if len(r) == 3]


def _answer(history: History) -> NextVersion | str:
    try:
        return propose(history, policy=Config(), request=Request())
    except ReleaseError as exc:
        return exc.message


def replay(
    clone: Path, records: list[Record], folder: Path
) -> Iterator[tuple[Record, NextVersion | str, NextVersion | str]]:
    """Replay the releases of one repository.

    Parameters
    ----------
    clone
        The git directory.
    records
        The records of that repository.
    folder
        Where to make the second repository.

    Yields
    ------
    tuple
        The record, what is proposed from it, and what from the clone.
    """
    tags = _tags(clone)
    by_name = {ref.name: ref for ref in tags}
    _git(folder, "init", "-q", "--bare", ".")
    objects = _git(clone, "rev-parse", "--git-path", "objects").strip()
    (folder / "objects/info/alternates").write_text(
        f"{(clone / objects).resolve()}\n"
    )
    plain = {r["tag"]: h for r, h in histories(records)}
    edited = {r["tag"]: h for r, h in histories(records, with_section=True)}
    for record in records:
        at = by_name.get(f"refs/tags/{record['tag']}")
        if record["bump"] not in BUMPS or at is None:
            continue
        collected = record["collect_commits"]
        start = f"{collected[-1]}^1" if collected else f"{at.hash}^{{commit}}"
        try:
            head = _git(folder, "rev-parse", "--verify", start).strip()
        except subprocess.CalledProcessError:
            print(f"  {record['tag']}: {start} is not in this clone")
            continue
        before = [t for t in tags if t.when < at.when]
        previous = by_name.get(f"refs/tags/{record['prev']}")
        if previous is not None and previous not in before:
            before.append(previous)
        (folder / "packed-refs").write_text(
            "".join(f"{t.hash} {t.name}\n" for t in before)
        )
        (folder / "HEAD").write_text(f"{head}\n")
        known = plain if collected else edited
        try:
            real = _answer(read_history(folder, config=Config()))
        except ReleaseError as exc:
            real = exc.message
        yield record, _answer(known[record["tag"]]), real


def main(argv: list[str]) -> int:
    """Replay each clone, and print where the answers differ."""
    path = Path(argv[0]) / "open.jsonl"
    if not path.exists():
        print(f"skipped: there is no {path}")
        return 0
    with path.open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    by_repo: dict[str, list[Record]] = {}
    for record in records:
        by_repo.setdefault(record["repo"], []).append(record)
    same = total = 0
    for name in argv[1:]:
        clone = Path(name).resolve()
        repo = next(
            (
                r
                for r in by_repo
                if r in str(clone) or r.replace("/", "+") in str(clone)
            ),
            None,
        )
        if repo is None:
            print(f"skipped: there are no records of {name}")
            continue
        agreed = number = right = right_pure = 0
        with tempfile.TemporaryDirectory() as folder:
            for record, pure, real in replay(
                clone, by_repo[repo], Path(folder)
            ):
                number += 1
                bumps = [
                    a.bump if isinstance(a, NextVersion) else "refused"
                    for a in (pure, real)
                ]
                right_pure += bumps[0] == record["bump"]
                right += bumps[1] == record["bump"]
                if bumps[0] == bumps[1]:
                    agreed += 1
                else:
                    print(
                        f"  {record['prev']} -> {record['tag']}: record"
                        f" {bumps[0]}, clone {bumps[1]}"
                        f" ({real if isinstance(real, str) else real.next})"
                    )
        print(
            f"{repo}: {agreed} of {number} answers agree;"
            f" right {right_pure} by the record, {right} by the clone"
        )
        same += agreed
        total += number
    print(f"in all: {same} of {total} agree")
    return 0 if same == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
