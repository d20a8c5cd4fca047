from __future__ import annotations

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from rsp_release.version.tags import parse_tags, parse_version, stream_of


@pytest.mark.parametrize(
    ("name", "prefix", "version", "parts"),
    [
        ("1.2.3", "", "1.2.3", 3),
        ("v1.2.3", "v", "1.2.3", 3),
        ("v1.2.3-rc.1", "v", "1.2.3-rc.1", 3),
        ("1.2.3rc1", "", "1.2.3-rc.1", 3),
        ("1.2.3.dev4", "", "1.2.3-dev.4", 3),
        ("name@1.2.3", "name@", "1.2.3", 3),
        ("@scope/name@1.2.3", "@scope/name@", "1.2.3", 3),
        ("name/v1.2.3", "name/v", "1.2.3", 3),
        ("release-1.2.3", "release-", "1.2.3", 3),
        ("1.4", "", "1.4.0", 2),
        ("1.2.3+build.5", "", "1.2.3", 3),
    ],
)
def test_tags_that_name_versions(
    name: str, prefix: str, version: str, parts: int
) -> None:
    (tag,) = parse_tags([name])
    assert tag.name == name
    assert tag.prefix == prefix
    assert str(tag.version) == version
    assert tag.parts == parts
    assert not tag.is_calendar


@pytest.mark.parametrize(
    "name", ["latest", "w_2024_12", "1", "1.2.3.4", "1.2.3.post1", "v1.x"]
)
def test_tags_that_do_not(name: str) -> None:
    assert not list(parse_tags([name]))


@pytest.mark.parametrize(
    "name", ["2024.05.01", "2024.5.1", "20240501.1", "1.02.3"]
)
def test_dates(name: str) -> None:
    (tag,) = parse_tags([name])
    assert tag.is_calendar


@pytest.mark.parametrize(
    ("prefix", "stream"),
    [("", ""), ("v", ""), ("name/v", "name/"), ("rev", "rev"), ("a@", "a@")],
)
def test_stream_is_the_prefix_without_its_v(prefix: str, stream: str) -> None:
    assert stream_of(prefix) == stream


def test_pep_440_spelling() -> None:
    (tag,) = parse_tags(["1.3.0rc1"])
    assert tag.pep440
    assert tag.version.pep440() == "1.3.0rc1"
    version = parse_version("1.3.0-alpha.2")
    assert version is not None
    assert version.pep440() == "1.3.0a2"


IDENTIFIERS = st.one_of(
    st.integers(0, 12).map(str), st.sampled_from(["rc", "a", "b1", "x-y"])
)

VERSIONS = st.builds(
    lambda core, pre: (
        ".".join(map(str, core)) + ("-" + ".".join(pre) if pre else "")
    ),
    st.tuples(*[st.integers(0, 3)] * 3),
    st.lists(IDENTIFIERS, max_size=3),
)


@given(VERSIONS, VERSIONS)
def test_property_precedence_is_that_of_semver(one: str, other: str) -> None:
    mine, theirs = parse_version(one), parse_version(other)
    assert mine is not None
    assert theirs is not None
    expected = semver.Version.parse(one).compare(other)
    assert (mine.key > theirs.key) - (mine.key < theirs.key) == expected
    assert str(mine) == one


@given(st.text(alphabet="0123456789.-+rcv", max_size=12))
def test_property_what_is_parsed_is_valid(text: str) -> None:
    version = parse_version(text)
    if version is not None:
        assert semver.Version.is_valid(str(version))
