from __future__ import annotations

from typing import Any

import pytest

from rsp_release.publishing.triggers import (
    matches,
    release_actions,
    starts_on_branch,
    starts_on_tag,
)


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        (["*"], "1.2.3", True),
        (["*"], "a/1.2.3", False),
        (["**"], "a/1.2.3", True),
        (["v*"], "v1", True),
        (["v*"], "1.0.0", False),
        (["*.*.*"], "1.2.3", True),
        (["[0-9]+.[0-9]+.[0-9]+"], "10.2.33", True),
        (["[0-9]+.[0-9]+.[0-9]+"], "10.2.33-rc.1", False),
        (["v[12].[0-9]+.[0-9]+"], "v2.10.0", True),
        (["v[12].[0-9]+.[0-9]+"], "v3.10.0", False),
        (["v?1"], "1", True),
        (["v?1"], "v1", True),
        (["v?1"], "vv1", False),
        (["*", "!*-rc*"], "1.0.0-rc.1", False),
        (["*", "!*-rc*"], "1.0.0", True),
        (["!*-rc*", "*"], "1.0.0-rc.1", True),
        (["!v*"], "1.0.0", False),
        (["**/x"], "a/b/x", True),
        (["**/README.md"], "README.md", True),
        (["**/README.md"], "js/README.md", True),
        (["**/README.md"], "NOTREADME.md", False),
        (["docs/**/*.md"], "docs/README.md", True),
        (["docs/**/*.md"], "docs/a/b/x.md", True),
        (["docs/**/*.md"], "docsx.md", False),
        (["**/v1.*"], "v1.2", True),
        (["**/v1.*"], "a/v1.2", True),
        (["**/*src/**"], "my-src/code/js/app.js", True),
        (["v**/x"], "vx", False),
        (["a.b"], "axb", False),
        (["[^a]"], "^", True),
        (["a\\*"], "a*", True),
        (["a\\*"], "ab", False),
        (["1.0"], "1.0", True),
        (["[0-9"], "1", False),
        (["?"], "", False),
        ([], "1.0.0", False),
        (["*"] + ["!x"] * 50, "1", True),
        (["*a" * 200 + "b"], "a" * 900, False),
    ],
)
def test_matches(patterns: list[str], name: str, *, expected: bool) -> None:
    assert matches(patterns, name) is expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("push", True),
        ("release", False),
        (["pull_request", "push"], True),
        ({"push": None}, True),
        ({"push": {}}, True),
        ({"push": {"paths": ["src/**"]}}, True),
        ({"push": {"branches": ["main"]}}, False),
        ({"push": {"branches-ignore": ["t/**"]}}, False),
        ({"push": {"tags": "*"}}, True),
        ({"push": {"tags": ["v*"]}}, False),
        ({"push": {"tags": ["v*", "[0-9]*"], "branches": ["main"]}}, True),
        ({"push": {"tags": [1.0, "1.2.3"]}}, True),
        ({"push": {"tags-ignore": ["v*"]}}, True),
        ({"push": {"tags-ignore": ["**"]}}, False),
        ({"create": None}, False),
        (None, False),
        (3, False),
    ],
)
def test_starts_on_tag(on: Any, *, expected: bool) -> None:
    assert starts_on_tag(on, "1.2.3") is expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("push", True),
        ("pull_request", False),
        ({"push": None}, True),
        ({"push": {"branches": ["main"]}}, True),
        ({"push": {"branches": ["[0-9]*"]}}, False),
        ({"push": {"branches": "main", "tags": ["*"]}}, True),
        ({"push": {"branches-ignore": ["u/**"]}}, True),
        ({"push": {"branches-ignore": ["main"]}}, False),
        ({"push": {"tags": ["*"]}}, False),
        ({"push": {"tags-ignore": ["*"]}}, False),
        ({"push": {"paths": ["src/**"]}}, False),
        ({"push": {"branches": ["main"], "paths-ignore": ["x"]}}, False),
        (None, False),
    ],
)
def test_starts_on_branch(on: Any, *, expected: bool) -> None:
    assert starts_on_branch(on, "main") is expected


@pytest.mark.parametrize(
    ("on", "is_prerelease", "expected"),
    [
        ("release", False, ("published", "released", "created")),
        ("release", True, ("published", "prereleased", "created")),
        ({"release": {"types": ["published"]}}, True, ("published",)),
        ({"release": {"types": "published"}}, False, ("published",)),
        ({"release": {"types": ["released"]}}, False, ("released",)),
        ({"release": {"types": ["released"]}}, True, ()),
        ({"release": {"types": ["prereleased"]}}, False, ()),
        ({"release": {"types": ["edited", "deleted"]}}, False, ()),
        ({"push": {"release": {"types": ["published"]}}}, False, ()),
        (["push"], False, ()),
    ],
)
def test_release_actions(
    on: Any, *, is_prerelease: bool, expected: tuple[str, ...]
) -> None:
    assert release_actions(on, is_prerelease=is_prerelease) == expected
