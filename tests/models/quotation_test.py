"""What a description quotes does nothing, and still reads the same."""

from __future__ import annotations

import re

import pytest

from rsp_release.models.quotation import mute

GAP = "\u200b"

CLOSES = re.compile(
    r"(?i)\b(close[sd]?|fix(e[sd])?|resolve[sd]?):?\s+"
    r"([\w.-]+/[\w.-]+)?(#\d|https?://)"
)
"""What GitHub documents to close an issue."""

SKIPS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]",
         "[actions skip]")  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "- Fixes #12, closes: #13 and RESOLVED lsst-sqre/safir#14.",
        "- Fix https://github.com/lsst-sqre/safir/issues/12",
        "- fixed\n  #12",
        *(f"- Read {skip} in messages" for skip in SKIPS),
        "- Trailers\n\nskip-checks: true\nSkip-Checks:true",
        "- Thanks, @rra and @lsst-sqre/square!",
    ],
)
@pytest.mark.parametrize("keeps_links", [True, False])
def test_quoted_text_does_nothing(text: str, *, keeps_links: bool) -> None:
    assert (
        CLOSES.search(text)
        or re.search(r"(?im)^skip-checks:", text)
        or any(skip in text for skip in SKIPS)
        or "@" in text
    )
    muted = mute(text, keeps_links=keeps_links)
    assert not CLOSES.search(muted), muted
    assert not re.search(r"(?im)^skip-checks:", muted)
    assert not any(skip in muted.lower() for skip in SKIPS)
    assert not re.search(r"@\w", muted)
    assert muted.replace(GAP, "") == text


def test_numbers_lead_to_issues_where_they_are_the_right_ones() -> None:
    text = "- Better answers (#12), see page.html#top and a/b#3"
    assert mute(text, keeps_links=True) == text
    muted = mute(text, keeps_links=False)
    assert "#1" not in muted
    assert "#3" not in muted
    assert "page.html#top" in muted
