"""Change logs that are written to: by hand's rules, and late changes."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsp_release.changelog.edits import add_to_entry, release_unreleased
from rsp_release.changelog.entries import (
    entry_of,
    find_headings,
    guess_style,
    is_markdown,
)

from .entries_test import read

DAY = date(2026, 11, 22)

# -- Giving a version to what awaits one ------------------------------------


def release(text: str, name: str, version: str) -> str | None:
    return release_unreleased(
        text,
        version=version,
        tag=version,
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
        day=DAY,
        markdown=markdown,
    )
    assert made is None or made != text


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
