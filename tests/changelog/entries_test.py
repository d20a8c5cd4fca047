"""Change logs as people and tools keep them, and entries in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsp_release.changelog.entries import (
    contains_fragment,
    entry_of,
    find_headings,
    guess_style,
    is_markdown,
)

DATA = Path(__file__).parents[1] / "data" / "changelogs"


def read(name: str) -> str:
    """Return a change log of the test data, its line ends as they are."""
    return (DATA / name).read_bytes().decode()


# File, version, what its entry begins and ends with, style without a tool.
ENTRIES = [
    ("scriv.md", "1.4.0", "### New features", "exceptions.", "headings"),
    ("scriv.md", "1.3.1", "### Bug fixes", "shutdown.", "headings"),
    ("scriv.rst", "2.1.0", "Added\n.....", "retry.", "headings"),
    ("scriv.rst", "2.0.0", "Removed\n.......", "endpoint.", "headings"),
    ("keepachangelog.md", "1.1.1", "### Added", "page.", "unreleased"),
    ("keepachangelog.md", "1.0.0", "### Added", "[CC0].", "unreleased"),
    ("headings.md", "0.9.2", "* Close", "exit.", "headings"),
    ("headings.rst", "3.2", "- Write", "disk", "headings"),
    ("zest.rst", "1.9.0", "- Support", "[noor]", "unreleased"),
    ("towncrier.rst", "24.1.0", "Features\n--------", "#88)", "headings"),
]


@pytest.mark.parametrize(("name", "version", "start", "end", "style"), ENTRIES)
def test_entry(
    name: str, version: str, start: str, end: str, style: str
) -> None:
    text, markdown = read(name), is_markdown(name)
    assert guess_style(text, markdown=markdown) == style
    entry = entry_of(text, version, markdown=markdown)
    assert entry is not None
    assert entry.startswith(start)
    body = entry.split("\n\n[")[0].split("\n\n.. _")[0]
    assert body.rstrip().endswith(end)
    assert "<a id=" not in entry
    assert "scriv-" not in entry


@pytest.mark.parametrize("name", sorted({row[0] for row in ENTRIES}))
@pytest.mark.parametrize("version", ["1.5.0", "4.0", "1.4.0rc1", "11.4.0"])
def test_absent_entry(name: str, version: str) -> None:
    assert entry_of(read(name), version, markdown=is_markdown(name)) is None


def test_links_come_along() -> None:
    entry = entry_of(read("keepachangelog.md"), "1.0.0", markdown=True)
    assert entry is not None
    assert "[CC0]: https://example.org/cc0" in entry
    assert "compare" not in entry
    entry = entry_of(read("scriv.rst"), "2.1.0", markdown=False)
    assert entry is not None
    assert ".. _Kafka: https://example.org/kafka" in entry


NEWER = "# 1.5.0 (2026-11-22)\n\n## Added\n\n- a\n\n<a id='c'></a>\n"
NEWER_RST = "1.5.0\n=====\n\nAdded\n-----\n\n- a\n\n"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        (f"{NEWER}## 1.4.0 (2026-01-01)\n\n- old\n", True),
        (f"{NEWER}## [v1.4.0] - 2026-01-01\n\n- old\n", True),
        (f"{NEWER_RST}1.4.0 - 2026-01-01\n------------------\n\n- o\n", False),
    ],
)
def test_entry_ends_at_another_version_of_any_level(
    text: str, *, markdown: bool
) -> None:
    entry = entry_of(text, "1.5.0", markdown=markdown)
    assert entry is not None
    assert entry.endswith("- a\n")


def test_version_in_a_heading_of_an_entry() -> None:
    inner = "## 1.5.0\n\n### Python 3.12\n\n- a\n\n### 3.12 and later\n\n- b\n"
    entry = entry_of(inner, "1.5.0", markdown=True)
    assert entry is not None
    assert entry.endswith("- b\n")


def test_code_is_no_heading() -> None:
    text = "# Log\n\n## 1.0.0\n\n```\n## 0.9.0\n```\n\n## 0.8.0\n\n- a\n"
    titles = [h.title for h in find_headings(text, markdown=True)]
    assert titles == ["Log", "1.0.0", "0.8.0"]
    entry = entry_of(text, "1.0.0", markdown=True)
    assert entry == "```\n## 0.9.0\n```\n"


def test_empty_file() -> None:
    for markdown in (True, False):
        assert guess_style("", markdown=markdown) == "none"
        assert entry_of("", "1.0.0", markdown=markdown) is None


def test_fragment_that_is_collected_already() -> None:
    entry = "### Bug fixes\n\n- Close the pool.\n  On exit.\n- Other.\n"
    fragment = "<!-- a -->\n### Bug fixes\n\n- Close the pool.\n  On exit.\n"
    assert contains_fragment(entry, fragment)
    assert not contains_fragment(entry, fragment + "- More.\n")
    assert not contains_fragment(entry, "### Bug fixes\n\n-\n")
    assert not contains_fragment(entry, "")
    rst = "Bug fixes\n---------\n\n- Close the pool.\n"
    assert contains_fragment(entry, rst)
