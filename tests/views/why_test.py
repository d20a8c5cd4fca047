from __future__ import annotations

import pytest

from rsp_release.models import NextVersion, Reason
from rsp_release.views.why import why


@pytest.mark.parametrize(
    ("source", "text", "said"),
    [
        ("commit", "Release-As: 2.0.0", "a commit names the version"),
        ("request", "asked for", "as asked for"),
        ("commit", "feat!: a", "past releases agree"),
    ],
)
def test_why_says_who_named_the_version(
    source: str, text: str, said: str
) -> None:
    answer = NextVersion(
        "1.0.0", "1.0.0", "2.0.0", "2.0.0", "major", 1,
        reasons=(Reason("major", source, "a" * 40, text),),
    )  # fmt: skip
    assert said in why(answer).splitlines()[1]


def test_why_says_that_a_number_is_new() -> None:
    answer = NextVersion(
        "4.3.0", "v4.3", "4.4.0", "v4.4.0", "minor", 1, confidence="guess"
    )
    assert "two numbers" in why(answer).splitlines()[1]
