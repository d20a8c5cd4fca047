from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rsp_release.engine.journal import (
    Journal,
    find_former_names,
    find_unfinished,
    lock,
)
from rsp_release.exceptions import BlockedError, ReleaseError
from rsp_release.models import Image, Proposal, Publication, Release

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
RELEASE = Release(
    repository="o/n",
    branch="main",
    version="1.2.0",
    tag="name/v1.2.0",
    commit="c" * 40,
    previous_tag=None,
    notes="Größe\n",
    is_prerelease=False,
    is_latest=True,
    publication=Publication(
        workflow=".github/workflows/ci.yaml",
        event="release",
        jobs=("build",),
        images=(Image(name="ghcr.io/o/n", tag="1.2.0", platforms=("a/b",)),),
        unsure=("something",),
    ),
    pinned_at=NOW,
)
PROPOSAL = Proposal(
    repository="o/n",
    branch="main",
    default_branch="main",
    commit="c" * 40,
    version="1.2.0",
    tag=RELEASE.tag,
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    journal = Journal.of_tag(tmp_path, RELEASE.tag)
    journal.pin(RELEASE)
    journal.intend("a", step="tag", at=NOW)
    journal.intend("b", step="tag", at=NOW)
    journal.intend("c", step="tag", at=NOW)
    journal.void("c", why="refused", at=NOW)
    again = Journal.of_tag(tmp_path, RELEASE.tag)
    assert again.release == RELEASE
    assert again.intent("a") == again.intent("b") == NOW
    assert again.intent("c") is None
    assert not again.is_finished
    assert again.tag == RELEASE.tag
    again.finish(at=NOW)
    assert Journal.of_tag(tmp_path, RELEASE.tag).is_finished


def test_what_an_earlier_try_wrote_is_known(tmp_path: Path) -> None:
    """Reads that lag do not show it yet to whoever proposes it again."""
    journal = Journal.of_tag(tmp_path, RELEASE.tag)
    journal.propose(PROPOSAL)
    journal.intend("a", step="tag", at=NOW)
    journal.propose(PROPOSAL)
    assert not journal.has_intents
    assert journal.intent("a") == NOW
    journal.void("a", why="refused", at=NOW)
    assert journal.intent("a") is None
    journal.intend("b", step="tag", at=NOW)
    journal.finish(at=NOW)
    journal.propose(PROPOSAL)
    again = Journal.of_tag(tmp_path, RELEASE.tag)
    assert again.intent("b") == NOW
    assert not again.has_intents
    assert not again.is_finished


@pytest.mark.parametrize("cut", range(1, 60))
def test_half_written_last_line_is_dropped(tmp_path: Path, cut: int) -> None:
    journal = Journal.of_tag(tmp_path, RELEASE.tag)
    journal.pin(RELEASE)
    journal.intend("a", step="tag", at=NOW)
    path = next(tmp_path.glob("*.jsonl"))
    path.write_bytes(path.read_bytes()[:-cut])
    torn = Journal.of_tag(tmp_path, RELEASE.tag)
    assert torn.release == RELEASE
    assert torn.intent("a") is None
    torn.intend("b", step="tag", at=NOW)
    again = Journal.of_tag(tmp_path, RELEASE.tag)
    assert again.intent("a") is None
    assert again.intent("b") == NOW


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"{}",
        b'{"kind": "pin"}',
        b'{"kind": "pin", "release": null}',
        b'{"kind": "pin", "release": []}',
        b'{"kind": "pin", "release": {"tag": "1.0.0"}}',
        b'{"kind": "propose", "proposal": "1.0.0"}',
        b'{"kind": "x"}',
        b"[]",
    ],
)
def test_damage_elsewhere_is_told(tmp_path: Path, line: bytes) -> None:
    journal = Journal.of_tag(tmp_path, RELEASE.tag)
    journal.pin(RELEASE)
    path = next(tmp_path.glob("*.jsonl"))
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(ReleaseError, match="line 1 is damaged") as e:
        Journal.of_tag(tmp_path, RELEASE.tag)
    assert f"resume {RELEASE.tag}" in (e.value.help or "")


def test_every_record_is_synced(tmp_path: Path) -> None:
    synced: list[int] = []
    journal = Journal.of_tag(tmp_path, "1.0.0", fsync=synced.append)
    journal.pin(RELEASE)
    assert len(synced) == 2  # the file, and the directory that names it
    journal.intend("a", step="tag", at=NOW)
    assert len(synced) == 3


def test_unfinished_releases_are_found(tmp_path: Path) -> None:
    for number, tag in enumerate(("1.0.0", "1.1.0", "1.2.0")):
        journal = Journal.of_tag(tmp_path, tag)
        journal.pin(RELEASE)
        if tag == "1.1.0":
            journal.finish(at=NOW)
        os.utime(tmp_path / f"{tag}.jsonl", ns=(number, number))
    Journal.of_tag(tmp_path, "1.3.0").intend("a", step="tag", at=NOW)
    assert [j.tag for j in find_unfinished(tmp_path)] == ["1.0.0", "1.2.0"]


def test_only_what_wrote_nothing_is_discarded(tmp_path: Path) -> None:
    journal = Journal.of_tag(tmp_path, "1.0.0")
    journal.pin(RELEASE)
    journal.discard()
    assert find_unfinished(tmp_path) == []
    journal.pin(RELEASE)
    journal.intend("a", step="tag", at=NOW)
    with pytest.raises(ReleaseError):
        journal.discard()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from rsp_release.engine.journal import lock\n"
        "with lock(Path(sys.argv[1])):\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(BlockedError, match=f"process {process.pid}"):
            with lock(tmp_path):
                pass
        process.kill()
        process.communicate()
    with lock(tmp_path):
        pass


def test_names_that_the_repository_had(tmp_path: Path) -> None:
    known = (("1.0.0", "o/a", 7), ("1.1.0", "o/b", 7), ("1.2.0", "o/c", 8),
             ("1.3.0", "o/d", None))  # fmt: skip
    for tag, name, number in known:
        release = replace(
            RELEASE, tag=tag, repository=name, repository_id=number
        )
        Journal.of_tag(tmp_path, tag).pin(release)
    (tmp_path / "1.4.0.jsonl").write_bytes(b"damaged\n")
    assert set(find_former_names(tmp_path, "o/new", 7)) == {"o/a", "o/b"}
    assert find_former_names(tmp_path, "O/B", 7) == ("o/a",)
