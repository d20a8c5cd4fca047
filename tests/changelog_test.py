"""Change logs as people and tools keep them, and entries in them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsp_release.changelog import (
    add_to_entry,
    contains_fragment,
    entry_of,
    find_headings,
    guess_style,
    is_markdown,
    release_unreleased,
)

DATA = Path(__file__).parent / "data" / "changelogs"
DAY = date(2026, 11, 22)


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


# -- Giving a version to what awaits one ------------------------------------


def release(text: str, name: str, version: str) -> str | None:
    return release_unreleased(
        text,
        version=version,
        tag=version,
        previous_tag=None,
        day=DAY,
        markdown=is_markdown(name),
    )


def test_unreleased_becomes_a_version() -> None:
    text = read("keepachangelog.md")
    made = release(text, "k.md", "1.2.0")
    assert made is not None
    expected = text.replace(
        "## [Unreleased]\n",
        "## [Unreleased]\n\n## [1.2.0] - 2026-11-22\n",
    ).replace(
        "[unreleased]: https://example.org/compare/1.1.1...HEAD\n",
        "[unreleased]: https://example.org/compare/1.2.0...HEAD\n"
        "[1.2.0]: https://example.org/compare/1.1.1...1.2.0\n",
    )
    assert made == expected
    entry = entry_of(made, "1.2.0", markdown=True)
    assert entry is not None
    assert "Arabic" in entry
    # Nothing awaits a version any more, and it is not done twice.
    assert release(made, "k.md", "1.3.0") is None


def test_line_ends_stay() -> None:
    text = read("keepachangelog.md").replace("\n", "\r\n")
    made = release(text, "k.md", "1.2.0")
    assert made is not None
    assert "\n" not in made.replace("\r\n", "")


def test_awaited_version_gets_its_date() -> None:
    text = read("zest.rst")
    made = release(text, "z.rst", "2.0.0")
    assert made == text.replace(
        "1.10.0 (unreleased)\n-------------------\n",
        "2.0.0 (2026-11-22)\n------------------\n",
    )
    assert entry_of(text, "1.10.0", markdown=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "# Log\n\n## [Unreleased]\n\n## [1.0.0] - 2026-01-01\n\n- a\n",
        "# Log\n\n## Unreleased\n\n### Added\n\n### Fixed\n\n-\n",
        "# Log\n\n## 1.0.0\n\n- a\n",
        "Nothing but text.\n",
    ],
)
def test_nothing_awaits_a_version(text: str) -> None:
    assert release(text, "k.md", "1.1.0") is None


@given(st.text(), st.booleans())
def test_any_text_is_survived(text: str, markdown: bool) -> None:  # noqa: FBT001
    find_headings(text, markdown=markdown)
    guess_style(text, markdown=markdown)
    entry_of(text, "1.2.3", markdown=markdown)
    made = release_unreleased(
        text,
        version="1.2.3",
        tag="v1.2.3",
        previous_tag="v1.2.2",
        day=DAY,
        markdown=markdown,
    )
    assert made is None or made != text


def test_fragment_that_is_collected_already() -> None:
    entry = "### Bug fixes\n\n- Close the pool.\n  On exit.\n- Other.\n"
    fragment = "<!-- a -->\n### Bug fixes\n\n- Close the pool.\n  On exit.\n"
    assert contains_fragment(entry, fragment)
    assert not contains_fragment(entry, fragment + "- More.\n")
    assert not contains_fragment(entry, "### Bug fixes\n\n-\n")
    assert not contains_fragment(entry, "")
    rst = "Bug fixes\n---------\n\n- Close the pool.\n"
    assert contains_fragment(entry, rst)


# -- Adding to an entry -----------------------------------------------------

ORDER = ("Breaking", "New features", "Bug fixes", "Other changes")
LOG = """\
# Log

<!-- scriv-insert-here -->

<a id='changelog-1.5.0'></a>
## 1.5.0 (2026-11-22)

### New features

- One, edited.

### Other changes

- Two.

<a id='changelog-1.4.0'></a>
## 1.4.0 (2026-01-01)

### New features

- Old.
"""


def add(text: str, addition: str, *, markdown: bool = True) -> str:
    return add_to_entry(
        text, "1.5.0", addition, order=ORDER, markdown=markdown
    )


@pytest.mark.parametrize(
    ("addition", "old", "new"),
    [
        # Below what the category has.
        (
            "### New features\n\n- Late.\n- Later.\n",
            "edited.\n",
            "edited.\n\n- Late.\n- Later.\n",
        ),
        ("### other Changes\n\n- Late.\n", "Two.\n", "Two.\n\n- Late.\n"),
        # A category of its own, where its order has it.
        (
            "### Bug fixes\n\n- Late.\n",
            "### Other",
            "### Bug fixes\n\n- Late.\n\n### Other",
        ),
        (
            "### Unknown\n\n- Late.\n",
            "Two.\n",
            "Two.\n\n### Unknown\n\n- Late.\n",
        ),
        ("- Late.\n", "### New", "- Late.\n\n### New"),
        ("### Bug fixes\n", "", ""),
    ],
)
def test_late_changes_are_added(addition: str, old: str, new: str) -> None:
    made = add(LOG, f"## 1.5.0 (2026-11-25)\n\n{addition}")
    assert made == LOG.replace(old, new, 1)
    crlf = add(
        LOG.replace("\n", "\r\n"), f"## 1.5.0 (2026-11-25)\n\n{addition}"
    )
    assert crlf == made.replace("\n", "\r\n")


def test_late_changes_of_several_categories() -> None:
    made = add(
        LOG,
        "## 1.5.0\n\n### Breaking\n\n- A.\n\n### New features\n\n- B.\n\n"
        "### Bug fixes\n\n- C.\n\n### Other changes\n\n- D.\n",
    )
    entry = entry_of(made, "1.5.0", markdown=True)
    assert entry == (
        "### Breaking\n\n- A.\n\n### New features\n\n- One, edited.\n\n- B.\n"
        "\n### Bug fixes\n\n- C.\n\n### Other changes\n\n- Two.\n\n- D.\n"
    )
    assert made[made.index("<a id='changelog-1.4.0'>") :] in LOG


def test_late_changes_of_the_last_entry() -> None:
    text = "Log\n===\n\n1.5.0\n-----\n\nAdded\n.....\n\n- One_.\n\n"
    text += ".. _One: https://example.org/"
    addition = "1.5.0\n-----\n\nAdded\n.....\n\n- Late.\n"
    made = add(text, addition, markdown=False)
    assert made == text.replace("- One_.\n", "- One_.\n\n- Late.\n")
    plain = "## 1.5.0\n\n- One."
    made = add(plain, "## 1.5.0\n\n- Late.\n")
    assert made == "## 1.5.0\n\n- One.\n\n- Late.\n"
