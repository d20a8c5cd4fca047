from __future__ import annotations

from pathlib import Path

from rsp_release.settings_file import find_toplevel


def test_top_of_a_work_tree(tmp_path: Path) -> None:
    inner = tmp_path / "clone" / "a" / "b"
    inner.mkdir(parents=True)
    assert find_toplevel(inner) is None
    # A worktree of a clone has a file there.
    (tmp_path / "clone" / ".git").touch()
    top = str((tmp_path / "clone").resolve())
    assert find_toplevel(inner) == find_toplevel(top) == top
    link = tmp_path / "link"
    link.symlink_to(inner)
    assert find_toplevel(link) == top
    assert find_toplevel(tmp_path) is None
