"""The body of a release: entries, commits, and GitHub's limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsp_release.changelog.entries import entry_of
from rsp_release.changelog.notes import (
    BODY_MOST,
    compose_body,
    group_commits,
    make_safe_markdown,
    notes_of_entry,
    to_markdown,
)
from rsp_release.models import Commit

from .entries_test import read


def commit(message: str, *, parents: int = 1, author: str = "Ada") -> Commit:
    return Commit(
        hash="a" * 40, parents=parents, author=author, message=message
    )


def test_headings_are_raised() -> None:
    entry = (
        "### New features\n\n- One, by @ada, see #12.\n\n#### Details\n\n"
        "Text.\n\n### Bug fixes\n\n-\n\n### Other changes\n\n- Two.\n"
    )
    assert notes_of_entry(entry, markdown=True) == (
        # A maintainer's own words stay as they are; nothing stays empty.
        "## New features\n\n- One, by @ada, see #12.\n\n### Details\n\n"
        "Text.\n\n## Other changes\n\n- Two.\n"
    )


def test_entry_without_headings() -> None:
    entry = "<!-- for us\nalone -->\n- One.\n\n\n\n- Two.\n"
    assert notes_of_entry(entry, markdown=True) == "- One.\n\n- Two.\n"
    assert notes_of_entry("", markdown=True) == ""


def test_setext_headings_and_code() -> None:
    entry = "Fixes\n-----\n\n```\n# no heading\n```\n"
    assert notes_of_entry(entry, markdown=True) == (
        "## Fixes\n\n```\n# no heading\n```\n"
    )


def test_rst_becomes_markdown() -> None:
    entry = entry_of(read("scriv.rst"), "2.1.0", markdown=False)
    assert entry is not None
    assert notes_of_entry(entry, markdown=False) == (
        "## Added\n\n- Send events to [Kafka](https://example.org/kafka), and"
        " `retry`. See `safir.Foo`.\n\n## Fixed\n\n- A [broken link]"
        "(https://example.org/link) is mended, after a retry.\n"
    )


@pytest.mark.parametrize(
    ("rst", "markdown"),
    [
        ("``a_b*c``\n", "`a_b*c`\n"),
        ("``a`b``\n", "`` a`b ``\n"),
        (":func:`~pkg.mod.run` and :issue:`12`\n", "`pkg.mod.run` and `12`\n"),
        (":doc:`the guide </guide>`\n", "`the guide`\n"),
        ("- a\n\n  - b\n", "- a\n\n  - b\n"),
        (".. code-block:: python\n\n   x = 1\n", "```\nx = 1\n```\n"),
        (".. note::\n\n   Mind it.\n", "Mind it."),
        (".. include:: /etc/passwd\n", ""),
        (".. raw:: html\n\n   <script></script>\n", ""),
    ],
)
def test_rst_by_parts(rst: str, markdown: str) -> None:
    found = to_markdown(rst)
    if markdown.endswith("\n"):
        assert found == markdown
    else:
        assert markdown in found
    assert "root:" not in found
    assert "<script" not in found


@given(st.text(max_size=200))
def test_any_rst_is_survived(text: str) -> None:
    to_markdown(text)


def test_body_is_notes_then_what_is_generated() -> None:
    more = "https://example.org/log"
    assert compose_body("A\n", "B\n", more=more) == "A\n\nB\n"
    assert compose_body("", "B", more=more) == "B\n"
    assert compose_body("A", "", more=more) == "A\n"
    assert compose_body("", "", more=more) == ""


@pytest.mark.parametrize("line", ["- größer\n", "- a\n", "- 漢字漢字\n"])
def test_long_bodies_are_cut_at_a_line(line: str) -> None:
    generated = "## What's Changed\n* x\n\n**Full Changelog**: https://e.org"
    body = compose_body(
        line * 60_000, generated, more="https://example.org/log"
    )
    assert BODY_MOST - 1000 < len(body.encode()) <= BODY_MOST
    head, _, tail = body.partition("\n[The rest")
    assert set(head.splitlines(keepends=True)) == {line}
    assert "(https://example.org/log)" in tail
    assert tail.endswith("**Full Changelog**: https://e.org\n")


def test_bytes_are_counted() -> None:
    notes = "- größer\n" * 13_000
    assert len(notes) < BODY_MOST
    body = compose_body(notes, "", more="https://e.org")
    assert len(body.encode()) <= BODY_MOST


def test_code_that_is_cut_is_closed() -> None:
    body = compose_body(
        "```\n" + "code\n" * 40_000 + "```\n", "", more="https://e.org"
    )
    assert body.count("```") == 2
    assert body.index("[The rest") > body.rindex("```")


@given(st.text(), st.text(), st.integers(0, 3))
def test_any_body_is_short_enough(notes: str, more: str, times: int) -> None:
    body = compose_body(notes * 10**times, more, more="https://e.org")
    assert len(body.encode()) <= BODY_MOST


def test_commits_are_grouped() -> None:
    notes = group_commits(
        [
            commit("feat!: drop the old endpoint"),
            commit("feat(api): more, thanks @mallory"),
            commit("fix: less (#48)"),
            commit("Merge branch 'x'", parents=2),
            commit("Bump foo from 1 to 2", author="dependabot[bot]"),
            commit("chore(deps): update dependencies"),
            commit("Plain words about JIRA#12 and #13"),
        ]
    )
    assert notes == (
        "## Backwards-incompatible changes\n\n"
        "- drop the old endpoint (aaaaaaaaaa)\n\n"
        "## New features\n\n"
        "- more, thanks @<!-- -->mallory (aaaaaaaaaa)\n\n"
        "## Bug fixes\n\n- less (#48) (aaaaaaaaaa)\n\n"
        "## Other changes\n\n"
        "- Plain words about JIRA#<!-- -->12 and #<!-- -->13 (aaaaaaaaaa)\n"
        "- Update 2 dependencies\n"
    )
    assert group_commits([]) == ""


def test_commits_are_grouped_as_the_version_reads_them() -> None:
    messages = (
        "Rework (#4)\n\n* feat!: a\n* fix: b",
        "feature: c",
        "hotfix: d",
        "revert: e",
        "DM-123: f",
    )
    assert group_commits(map(commit, messages)) == (
        "## Backwards-incompatible changes\n\n- Rework (#4) (aaaaaaaaaa)\n\n"
        "## New features\n\n- c (aaaaaaaaaa)\n\n"
        "## Bug fixes\n\n- d (aaaaaaaaaa)\n\n"
        "## Other changes\n\n- revert: e (aaaaaaaaaa)\n"
        "- DM-123: f (aaaaaaaaaa)\n"
    )


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("see GH-12", "see GH-<!-- -->12"),
        ("gh-12, GH12, XGH-1", "gh-<!-- -->12, GH12, XGH-1"),
        ("other/name#12", "other/name#<!-- -->12"),
        ("ping @org/team", "ping @<!-- -->org/team"),
        ("ada@example.org", "ada@example.org"),
    ],
)
def test_nothing_links_or_notifies(text: str, safe: str) -> None:
    assert make_safe_markdown(text) == safe


def test_many_commits_are_counted() -> None:
    notes = group_commits([commit(f"feat: {n}") for n in range(60)])
    assert notes.count("\n- ") == 51
    assert "- and 10 more" in notes


@given(st.text())
def test_foreign_text_stays_in_its_line(text: str) -> None:
    safe = make_safe_markdown(text)
    assert "\n" not in safe
    assert "<script" not in safe.lower()
    assert "](" not in safe.replace("\\](", "").replace("\\]\\(", "")
