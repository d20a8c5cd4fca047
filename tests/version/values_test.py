from __future__ import annotations

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from rsp_release.version.values import parse_version, spell_pep440


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1.2.3-rc1", "1.2.3-rc1"),
        ("1.2.3rc1", "1.2.3-rc.1"),
        ("1.2.3.dev4", "1.2.3-dev.4"),
        ("1.2.3preview", "1.2.3-rc.0"),
    ],
)
def test_versions(text: str, version: str) -> None:
    assert str(parse_version(text)) == version


@pytest.mark.parametrize(
    "text",
    [
        "", "1.2", "1.2rc1", "v1.2.3", "01.2.3", "1.2.3-01", "1.2.3+build",
        "1.2.3\n", " 1.2.3", "1.2.3-", "1.2.3.4", "1.2.3.4rc1",
        "\uff11.2.3", "1.2.3rc\uff11", "1" * 5000 + ".2.3",
    ],
)  # fmt: skip
def test_no_versions(text: str) -> None:
    assert parse_version(text) is None


@pytest.mark.parametrize(
    ("version", "spelling"),
    [
        ("1.3.0", "1.3.0"),
        ("1.3.0rc1", "1.3.0rc1"),
        ("1.3.0-alpha.2", "1.3.0a2"),
        ("1.3.0-beta", "1.3.0b0"),
        ("1.3.0-pre.1", "1.3.0rc1"),
    ],
)
def test_pep_440_spelling(version: str, spelling: str) -> None:
    parsed = parse_version(version)
    assert parsed is not None
    assert spell_pep440(parsed) == spelling


@given(st.text(alphabet="0123456789.-+rcv", max_size=12))
def test_property_what_is_parsed_is_valid(text: str) -> None:
    version = parse_version(text)
    if version is not None:
        assert semver.Version.is_valid(str(version))
