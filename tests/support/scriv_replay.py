"""Collects again what real repositories collected, and compares.

For releases of real histories the tree before the collecting commit is
collected by the program and by ``scriv collect`` itself, as a maintainer
would run it in a clean clone: both trees have to be the same. Then the entry,
with the day of the release, is compared with what was committed.

``python -m tests.support.scriv_replay --histories FILE --clones DIRECTORY``
takes a file of releases, one JSON object a line, and a directory that has a
clone, or a bare repository, of each as ``OWNER+NAME`` or ``OWNER+NAME/repo``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rsp_release.changelog.entries import entry_of, find_headings, is_markdown
from rsp_release.config import Config
from rsp_release.exceptions import ReleaseError
from rsp_release.models import Collected
from rsp_release.storage.git.changelog import GitChangelog
from rsp_release.storage.git.repository import Repository

__all__ = ["Replay", "Verdict", "find_releases"]

_REFUSES = "is not a valid version!"
"""What scriv says where another entry's heading names no version."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How one release compares."""

    kind: str
    """``same``, ``edited`` or ``failed``."""

    why: str = ""
    """What failed."""


def _environ() -> dict[str, str]:
    return {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
        "TZ": "UTC",
    }


def _git(directory: Path, *args: str) -> str:
    result = subprocess.run(
        ["git", *args],
        cwd=directory,
        env=_environ(),
        capture_output=True,
        check=True,
    )
    return result.stdout.decode("utf-8", "surrogateescape")


class Replay:
    """Replays the releases of one repository.

    Parameters
    ----------
    source
        A clone or a bare repository; nothing in it is changed.
    folder
        An empty folder to work in.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self._clone = folder / "clone"
        subprocess.run(
            [
                "git", "clone", "--quiet", "--shared", "--no-checkout",
                str(source), str(self._clone),
            ],
            env=_environ(),
            check=True,
        )  # fmt: skip
        self._changelog = GitChangelog(
            repository=Repository(self._clone, environ=_environ()),
            environ=_environ(),
            config=Config(),
        )

    def release(self, record: Mapping[str, Any]) -> Verdict:
        """Collect again for one release, and compare.

        Parameters
        ----------
        record
            The release.

        Returns
        -------
        Verdict
            How it compares.
        """
        commit = _git(
            self._clone, "rev-parse", record["collect_commits"][0]
        ).strip()
        base = _git(self._clone, "rev-parse", f"{commit}~1").strip()
        number = re.search(r"\d+\.\d.*", record["tag"])
        version = number[0] if number else record["tag"]
        at = datetime.now(tz=UTC)
        try:
            made = self._changelog.collect(
                base, version=version, tag=record["tag"], at=at
            )
        except ReleaseError as e:
            return Verdict(kind="failed", why=e.message)
        if made is None:
            return Verdict(kind="failed", why="there was nothing to collect")
        wanted, said = self._collect_by_hand(base, "--version", version)
        if _REFUSES in said:
            # With a title it does not compare, and writes no anchor.
            text = _git(self._clone, "show", f"{made.tree}:{made.path}")
            wanted, said = self._collect_by_hand(
                base, "--title", _title_of(text, version, str(made.path))
            )
            same = self._without_anchor(made, version)
        else:
            same = made.tree
        if wanted != same:
            return Verdict(
                kind="failed", why=f"scriv makes another tree: {said}"
            )
        left = self._changelog.look(base, version).pending
        if set(left) - set(made.fragments):
            return Verdict(kind="failed", why="fragments are left")
        if made.path is None:
            return Verdict(kind="failed", why="there is no entry")
        markdown = is_markdown(made.path)
        text = _git(self._clone, "show", f"{commit}:{made.path}")
        committed = entry_of(text, version, markdown=markdown)
        is_same = committed is not None and _tidy(committed) == _tidy(
            made.entry
        )
        return Verdict(kind="same" if is_same else "edited")

    def _collect_by_hand(self, base: str, *options: str) -> tuple[str, str]:
        """Do what a maintainer does; return the tree and what scriv said."""
        for path in self._clone.iterdir():
            if path.is_dir() and not path.is_symlink():
                if path.name != ".git":
                    shutil.rmtree(path)
            else:
                path.unlink()
        _git(self._clone, "read-tree", "--reset", base)
        missing = self._missing(base)
        if missing:
            _git(
                self._clone, "update-index", "--skip-worktree", "--", *missing
            )
        _git(self._clone, "checkout-index", "--all", "--force")
        result = subprocess.run(
            [sys.executable, "-m", "scriv", "collect", *options],
            cwd=self._clone,
            env=_environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        _git(self._clone, "add", "--all")
        tree = _git(self._clone, "write-tree", "--missing-ok").strip()
        return tree, result.stderr.strip()[-200:]

    def _missing(self, base: str) -> list[str]:
        """Return the files that the snapshot leaves out, for their size."""
        out = _git(self._clone, "ls-tree", "-r", "-z", "--long", base)
        entries = (e.partition("\t") for e in out.split("\0") if e)
        return [
            path
            for about, _, path in entries
            if about.split()[1] == "blob" and not about.split()[3].isdigit()
        ]

    def _without_anchor(self, made: Collected, version: str) -> str:
        """Return the tree whose change log lacks the entry's anchor."""
        path = str(made.path)
        text = _git(self._clone, "show", f"{made.tree}:{path}")
        for anchor in (
            f"<a id='changelog-{version}'></a>\n",
            f".. _changelog-{version}:\n\n",
        ):
            text = text.replace(anchor, "", 1)
        _git(self._clone, "read-tree", "--reset", made.tree)
        (self._clone / path).write_bytes(
            text.encode("utf-8", "surrogateescape")
        )
        _git(self._clone, "add", "--", path)
        return _git(self._clone, "write-tree", "--missing-ok").strip()


def _title_of(text: str, version: str, path: str) -> str:
    headings = find_headings(text, markdown=is_markdown(path))
    return next(h.title for h in headings if version in h.title)


def _tidy(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def find_releases(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the releases that collected fragments, newest first.

    Parameters
    ----------
    path
        The histories.

    Yields
    ------
    collections.abc.Mapping
        One release.
    """
    records = [
        json.loads(line)
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    records = [
        r
        for r in records
        if r.get("collect_commits")
        and r["scriv_configured"]
        and any(f.get("how") == "collect" for f in r["fragments"])
    ]
    yield from sorted(records, key=lambda r: r["tag_date"], reverse=True)


def main() -> int:
    """Replay releases and print how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=Path, required=True)
    parser.add_argument("--clones", type=Path, required=True)
    parser.add_argument("--each", type=int, default=25)
    parser.add_argument("--limit", type=int, default=1000)
    options = parser.parse_args()
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in find_releases(options.histories):
        found.setdefault(record["repo"], []).append(record)
    total: Counter[str] = Counter()
    repositories = 0
    for name, records in sorted(found.items()):
        source = options.clones / name.replace("/", "+")
        if (source / "repo").is_dir():
            source /= "repo"
        if not source.is_dir():
            continue
        repositories += 1
        counts: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            replay = Replay(source, Path(folder))
            for record in records[: options.each]:
                if total.total() + counts.total() >= options.limit:
                    break
                verdict = replay.release(record)
                counts[verdict.kind] += 1
                if verdict.why:
                    sys.stdout.write(
                        f"{name} {record['tag']}: {verdict.why}\n"
                    )
        total += counts
        sys.stdout.write(
            f"{name}: {counts['same']} as committed, {counts['edited']}"
            f" edited by hand, {counts['failed']} failed\n"
        )
        sys.stdout.flush()
    sys.stdout.write(
        f"{total.total()} releases of {repositories} repositories collected"
        f" again, as scriv does: {total['same']} as committed,"
        f" {total['edited']} edited by hand, {total['failed']} failed\n"
    )
    return 1 if total["failed"] or not total else 0


if __name__ == "__main__":
    sys.exit(main())
