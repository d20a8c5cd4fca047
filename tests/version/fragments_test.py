from __future__ import annotations

import pytest

from rsp_release.version.fragments import (
    level_of,
    parse_changelog,
    parse_fragment,
    reads_as_feature,
)

TEMPLATE = """<!-- Delete the sections that don't apply -->

### Backwards-incompatible changes

-

### New features

-

### Bug fixes

- A fix.

### Other changes

*
"""


def categories(text: str) -> list[str]:
    return [p.category for p in parse_fragment("a.md", text).parts]


def test_headings_with_a_lone_bullet_are_no_content() -> None:
    fragment = parse_fragment("a.md", TEMPLATE)
    assert [p.category for p in fragment.parts] == ["Bug fixes"]
    assert fragment.empty == (
        "Backwards-incompatible changes",
        "New features",
        "Other changes",
    )


def test_what_is_commented_out_does_not_count() -> None:
    text = "<!--\n### New features\n\n- A.\n-->\n### Bug fixes\n\n- B.\n"
    assert categories(text) == ["Bug fixes"]
    assert categories("<!--\n### New features\n\n- A.\n") == []


def test_headings_in_code_are_none() -> None:
    text = "### Bug fixes\n\n- A.\n\n```\n### New features\n```\n"
    assert categories(text) == ["Bug fixes"]


def test_headings_below_a_category_are_its_content() -> None:
    text = "### New features\n\n#### A title\n\nWords.\n"
    assert categories(text) == ["New features"]


def test_restructured_text() -> None:
    text = (
        ".. A new scriv fragment.\n..\n   - A comment.\n\n"
        "Added\n-----\n\n- A.\n\nFixed\n-----\n\n-\n"
    )
    assert categories(text) == ["Added"]


def test_text_without_a_heading() -> None:
    assert categories("- A change.\n") == [""]
    assert categories("") == []


def test_changeset() -> None:
    text = "---\n\"@a/one\": minor\n'two': none\n---\n\nWords.\n"
    fragment = parse_fragment("a.md", text, tool="changesets")
    assert [p.category for p in fragment.parts] == ["minor"]
    other = parse_fragment("a.md", text, tool="changesets", package="two")
    assert not other.parts
    assert not parse_fragment("a.md", "Words.", tool="changesets").parts


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("doc/news/DM-1.feature.rst", "feature"),
        ("doc/news/DM-1.bugfix.2.md", "bugfix"),
        ("newsfragments/+x.removal", "removal"),
        ("doc/news/DM-1.custom.md", "custom"),
        ("doc/news/README.md", ""),
    ],
)
def test_towncrier(path: str, kind: str) -> None:
    fragment = parse_fragment(path, "A.", tool="towncrier", types=["custom"])
    assert fragment.parts[0].category == kind


def test_levels() -> None:
    assert level_of("New Features:", {}) == ("minor", True)
    assert level_of("Other changes", {}) == ("patch", False)
    assert level_of("Something", {}) == ("patch", False)
    assert level_of("Something", {"something": "none"}) == ("none", True)


def test_changelog_in_markdown() -> None:
    text = (
        "# Change log\n\n## Unreleased\n\n### Added\n\n- A.\n\n"
        "<a id='changelog-1.1.0'></a>\n## 1.1.0 (2026-01-02)\n\n"
        "### Fixed\n\n- B.\n\n## [v1.0.0] - 2026-01-01\n\n- C for 2.0.0\n"
    )
    sections = parse_changelog(text)
    assert [str(s.version) for s in sections] == ["None", "1.1.0", "1.0.0"]
    assert sections[0].parts == (("Added", "- A."),)
    assert sections[1].parts == (("Fixed", "- B."),)
    assert len(parse_changelog(text, limit=2)) == 2


def test_changelog_in_restructured_text() -> None:
    text = (
        "Changes\n=======\n\nVersion 1.1.0 -- 2026\n------------------\n\n"
        "Added\n.....\n\n- A.\n\n1.0.0\n-----\n\n- B.\n"
    )
    sections = parse_changelog(text)
    assert [str(s.version) for s in sections] == ["1.1.0", "1.0.0"]
    assert sections[0].parts[0].category == "Added"


def test_words_of_a_feature() -> None:
    fragment = parse_fragment("a.md", "### Bug fixes\n\n- Add support of X.\n")
    assert reads_as_feature(fragment.parts[0])
    fragment = parse_fragment("a.md", "### Bug fixes\n\n- Correct X.\n")
    assert not reads_as_feature(fragment.parts[0])
