"""Patterns of GitHub's settings, and the refs that they cover."""

from __future__ import annotations

import pytest

from rsp_release.models.github import matches_ref


@pytest.mark.parametrize(
    ("pattern", "ref", "expected"),
    [
        ("*", "1.2.0", True),
        ("*", "app/1.2.0", False),
        ("app/*", "app/1.2.0", True),
        ("**/*", "app/1.2.0", True),
        ("v?.*", "v1.2.0", True),
        ("1.2", "1x2", False),
        ("v[0-9]*", "v1.2.0", True),
        ("v[0-9]*", "vera", False),
        ("[!v]*", "1.2.0", True),
        ("[!v]*", "v1.2.0", False),
        ("[!v]1", "/1", False),
        ("[z-a]", "b", False),
        ("[1.0", "[1.0", True),
    ],
)
def test_matches_ref(pattern: str, ref: str, *, expected: bool) -> None:
    assert matches_ref(pattern, ref) is expected
