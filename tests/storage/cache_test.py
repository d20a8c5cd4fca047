"""A cache that is broken, foreign or nowhere is empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsp_release.storage.cache import Cache

VALUES = {"commits": {"a": [1, "b"]}}


def make(folder: Path, *key: str) -> Cache:
    return Cache({"XDG_CACHE_HOME": str(folder)}, *(key or ("fleet", "a/b")))


def saved(folder: Path) -> Path:
    make(folder).save(VALUES)
    [path] = (folder / "rsp-release").iterdir()
    return path


def test_what_is_kept_is_there_next_time(tmp_path: Path) -> None:
    path = saved(tmp_path)
    assert make(tmp_path).load() == VALUES
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    # Of something else it knows nothing.
    assert make(tmp_path, "fleet", "a", "b").load() == {}


@pytest.mark.parametrize("cut", [0, 1, 40, 64, 65, 66, 80, -1])
def test_what_is_cut_is_empty(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    assert make(tmp_path).load() == {}


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"{}", b"\0" * 99, b"[" * 9999]
)
def test_what_is_nothing_of_ours_is_empty(
    tmp_path: Path, content: bytes
) -> None:
    path = saved(tmp_path)
    path.write_bytes(content)
    assert make(tmp_path).load() == {}
    make(tmp_path).save(VALUES)
    assert make(tmp_path).load() == VALUES


def test_every_bit_counts(tmp_path: Path) -> None:
    path = saved(tmp_path)
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        assert make(tmp_path).load() == {}


def test_a_place_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    (tmp_path / "rsp-release").write_text("a file")
    make(tmp_path).save(VALUES)
    assert make(tmp_path).load() == {}


def test_where_it_is(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    expected = tmp_path / ".cache" / "rsp-release" / "fleet.json"
    assert Cache(home, "fleet").path == expected
    # As the specification has it, a relative path does not count.
    assert Cache({**home, "XDG_CACHE_HOME": "x"}, "fleet").path == expected
    assert Cache({}, "fleet").path is None
    assert Cache({}, "fleet").load() == {}
    Cache({}, "fleet").save(VALUES)
    path = Cache(home, "../..", "a/b").path
    assert path is not None
    assert path.parent == expected.parent
