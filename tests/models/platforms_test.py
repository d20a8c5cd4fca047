"""What a platform is."""

from __future__ import annotations

import pytest

from rsp_release.models import missing_platforms, parse_platform


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("macos/arm64", "darwin/arm64"),
        ("windows(10.0.17763)/amd64", "windows/amd64"),
        ("amd64", "linux/amd64"),
        ("unknown/unknown", None),
        ("linux", None),
        ("linux/", None),
        ("linux/amd64/v1/x", None),
        ("linux/amd 64", None),
        (None, None),
        ({"os": "linux", "architecture": "arm", "variant": 7}, "linux/arm/v7"),
    ],
)
def test_platform(value: object, expected: str | None) -> None:
    assert parse_platform(value) == expected


def test_missing() -> None:
    promised = ("linux/arm64/v8", "linux/x86_64", "linux/arm", "Linux/AMD64")
    present = ("linux/amd64", "linux/arm64", "linux/arm/v7")
    assert missing_platforms(promised, present) == ()
    assert missing_platforms(promised, present[:2]) == ("linux/arm/v7",)
    assert missing_platforms(["what?"], present) == ("what?",)
