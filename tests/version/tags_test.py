from __future__ import annotations

import pytest

from rsp_release.version.tags import parse_tags, stream_of


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
    "name",
    [
        "2024.05.01",
        "2024.5.1",
        "20240501.1",
        "1.02.3",
        "20240501",
        "v2024-05-01",
    ],
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


@pytest.mark.parametrize(
    ("name", "pre"),
    [
        ("1.2.3-rc.1", "rc.1"),
        ("1.2.3-rc.01", "rc.1"),
        ("1.2.3-00.x0.a01", "0.x0.a01"),
        ("1.2.3-rc-1", "rc-1"),
        ("1.2.3rc01", "rc.1"),
        ("1.2.3alpha", "a.0"),
        ("1.2.3", ""),
    ],
)
def test_identifiers_of_a_prerelease(name: str, pre: str) -> None:
    (tag,) = parse_tags([name])
    assert tag.pre == pre
    assert tag.version.prerelease == (pre or None)


def test_order_of_many_tags_is_that_of_semver() -> None:
    names = [
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
        "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.2.0",
        "1.10.0-rc.1", "1.10.0", "2.0.0",
    ]  # fmt: skip
    tags = sorted(parse_tags(reversed(names)), key=lambda t: t.order)
    assert [tag.name for tag in tags] == names
    assert sorted(tags, key=lambda t: t.version) == tags


def test_digits_of_other_scripts_are_no_version() -> None:
    assert not list(parse_tags(["v\u0663.\u0662.\u0661"]))
