from __future__ import annotations

import time

import pytest

from rsp_release.publishing.patterns import UnclearPatternError, find_groups


@pytest.mark.parametrize(
    ("pattern", "text", "flags", "expected"),
    [
        (r"\d{8}", "20200110-RC2", "", ["20200110"]),
        (r"(.*)-RC", "20200110-RC2", "", ["20200110-RC", "20200110"]),
        (r"(a)|(b)", "b", "", ["b", None, "b"]),
        (r"v(\d+(?:\.\d+)?)", "v1.2.3", "", ["v1.2", "1.2"]),
        (r"(?:ab){2}", "ababab", "", ["abab"]),
        (r"[^\w.-]+", "a/b", "", ["/"]),
        (r"V", "v1", "i", ["v"]),
        (r"\d", "1.2", "g", ["1", "2"]),
        (r"\d", "x", "g", None),
        (r"^\d", "v1", "", None),
        ("", "x", "", [""]),
    ],
)
def test_find_groups(
    pattern: str, text: str, flags: str, expected: list[str | None] | None
) -> None:
    assert find_groups(pattern, text, flags=flags) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        # JavaScript has none of these, or reads them in another way.
        r"(?P<x>a)", r"(?i)a", r"(?<=v)1", r"(?=a)", r"(?#x)", r"a*+",
        r"a{,2}",
        r"\Z", r"\A", r"(a)\1", r"]", r"a**", r"(a))", r"[]a]", r"[a--b]",
        # It forgets groups, where Python remembers, and takes empty ones.
        r"(?:(a)|b)*", r"(a*)?", r"(a|b)+", "()*",
        # It would take long.
        r"(a+)+$", r"(a*)*b", ".*.*.*.*.*.*x",
    ],
)  # fmt: skip
def test_what_may_mean_something_else_is_refused(pattern: str) -> None:
    with pytest.raises(UnclearPatternError):
        find_groups(pattern, "a" * 30)


def test_time_is_bounded() -> None:
    start = time.process_time()
    with pytest.raises(UnclearPatternError):
        find_groups("(.*)" * 40 + "x", "a" * 200)
    assert find_groups("(.*)(.*)(.*)x", "a" * 60) is None
    assert time.process_time() - start < 1


def test_texts_beyond_ascii_are_refused() -> None:
    with pytest.raises(UnclearPatternError):
        find_groups(r"\s", "\u00a0")
    with pytest.raises(UnclearPatternError):
        find_groups(r"$", "a\n")
    with pytest.raises(UnclearPatternError):
        find_groups("a", "a", flags="v")
