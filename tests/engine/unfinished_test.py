"""What is told at once agrees with what the journals say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.engine.journal import Journal, find_unfinished
from rsp_release.engine.unfinished import Unfinished, peek

from .journal_test import NOW, PROPOSAL, RELEASE


def _write(journal: Journal, random: Random, second: int) -> None:
    at = NOW + timedelta(seconds=second)
    key = random.choice("abc")
    match random.randrange(7):
        case 0:
            journal.propose(PROPOSAL)
        case 1:
            journal.pin(RELEASE)
        case 2:
            journal.void(key, why="refused", at=at)
        case 3:
            journal.finish(at=at)
        case 4:
            journal.abandon(at=at)
        case _:
            # Something is proposed or pinned before anything is written.
            if journal.release is None and journal.proposal is None:
                journal.propose(PROPOSAL)
            journal.intend(key, step="tag", at=at)


@pytest.mark.parametrize("seed", range(60))
def test_same_as_the_journals(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    tags = ("1.2.0", "name/v1.2.0", "1.3.0")
    for second in range(random.randrange(12)):
        journal = Journal.of_tag(tmp_path, random.choice(tags))
        _write(journal, random, second)
    begun = [
        (each.newest_intent, each.tag)
        for each in find_unfinished(tmp_path)
        if each.newest_intent is not None
    ]
    at, tag = max(begun, default=(None, None))
    found = peek(str(tmp_path))
    if at is None or tag is None:
        assert found is None
    else:
        assert found == Unfinished(tag, at.isoformat())


def test_no_journals(tmp_path: Path) -> None:
    assert peek(str(tmp_path / "none")) is None


def test_what_a_crash_left_is_read(tmp_path: Path) -> None:
    journal = Journal.of_tag(tmp_path, RELEASE.tag)
    journal.pin(RELEASE)
    journal.intend("a", step="tag", at=NOW)
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b'{"schema": 1, "kind": "fin')
    assert peek(str(tmp_path)) == Unfinished(RELEASE.tag, NOW.isoformat())
