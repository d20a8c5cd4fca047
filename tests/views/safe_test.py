from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rsp_release.views import safe

from .hostile import hostile_texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("naïve 宽 ✓ “q”", "naïve 宽 ✓ “q”"),
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("a\x9b31mred", "ared"),
        ("a\x1b]8;;https://evil\x1b\\text\x1b]8;;\x1b\\b", "atextb"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1bPq payload\x1b\\b", "ab"),
        # The name of a window that never ends is shown rather than obeyed.
        ("\x1b]0;never ends", "0;never ends"),
        ("a\x1b(0b", "ab"),
        ("nul\x00 bel\x07 del\x7f", "nul bel del"),
        ("one\ntwo\r\nthree\u2028four\x85five", "one two three four five"),
        ("  much \t\t space\u3000 ", "much space"),
        ("fa\u200bke", "fake"),
        ("\u202egpj.exe", "gpj.exe"),
        ("tag\U000e0041s", "tags"),
        ("Z" + "\u0351" * 9, "Z" + "\u0351" * 2),
        ("lone \ud800 private \ue000", "lone \ufffd private \ufffd"),
        ("see ##[error]x", "see ## [error]x"),
        ("#\x1b[m#[error]x", "## [error]x"),
        ("#\u200b#[error]x", "## [error]x"),
        ("", ""),
    ],
)
def test_line(text: str, expected: str) -> None:
    assert safe.line(text) == expected


def test_line_is_cut() -> None:
    assert safe.line("a" * 11, 10) == "aaaaaaaaa…"
    assert safe.line("a" * 10, 10) == "aaaaaaaaaa"
    assert len(safe.line("x" * 10**6)) == 500


def test_lines() -> None:
    text = "\n\nfirst\x1b[1m\r\n    indented \n\nlast\n\n"
    assert safe.lines(text) == "first\n    indented\n\nlast"
    assert len(safe.lines("x\n" * 10**6)) <= 4000


@given(st.text())
def test_nothing_unseen_is_left(text: str) -> None:
    for made in (safe.line(text), safe.lines(text).replace("\n", "")):
        assert not [
            c for c in made if unicodedata.category(c) in {"Cc", "Cf", "Cs"}
        ]
        assert "##[" not in made


@given(st.text())
def test_safe_text_stays_as_it_is(text: str) -> None:
    assert safe.line(safe.line(text)) == safe.line(text)
    assert safe.lines(safe.lines(text)) == safe.lines(text)


@given(st.text(st.characters(codec="ascii", min_codepoint=32)))
def test_ordinary_text_is_kept(text: str) -> None:
    expected = " ".join(text.split()).replace("##[", "## [")
    assert safe.line(text) == expected.replace("\x7f", "")


@pytest.mark.parametrize(
    "text", [text for family, text in hostile_texts() if family == "huge"]
)
def test_long_text_takes_little_time(text: str) -> None:
    before = time.process_time()
    for _ in range(10):
        safe.line(text)
        safe.lines(text)
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://github.com/a/b?x=1#y", "https://github.com/a/b?x=1#y"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("https://github.com", "https://github.com"),
        ("https://x.example/é", "https://x.example/%C3%A9"),
        (None, None),
        ("", None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("https://user:secret@github.com/", None),
        ("https://github.com/a b", None),
        ("https://github.com/\x1b[31m", None),
        ("https://github.com/\n::error::x", None),
        ("https://github.com/##[error]x", None),
        ("https://" + "a" * 3000, None),
    ],
)
def test_url(text: str | None, expected: str | None) -> None:
    assert safe.url(text) == expected


@pytest.mark.parametrize(
    ("path", "is_page"),
    [
        ("/acme/x/releases/tag/1.5.0", True),
        ("/acme/x/releases/tag/pkg/v1.5.0-rc.1%2Bb", True),
        ("/acme/x/actions/runs/17/attempts/2", True),
        ("/acme/x/actions/runs/17/job/4", True),
        ("/acme/x/pull/3", True),
        ("/acme/x", False),
        ("/acme/x/pull/3?a=b", False),
        ("/acme/x/pull/3#issuecomment", False),
        ("/login?return_to=//evil.example", False),
        (".evil.example/acme/x/pull/3", False),
        ("@evil.example/acme/x/pull/3", False),
        ("/acme/x/pull/٣", False),
        ("/acme/x/pull/3\x1b]8;;", False),
        ("/acme/x/pull/3 --flag", False),
    ],
)
@pytest.mark.parametrize(
    "server", ["https://github.com", "http://127.0.0.1:8080"]
)
def test_page(path: str, server: str, *, is_page: bool) -> None:
    """No address is followed but those that the program knows."""
    address = f"{server}{path}"
    assert safe.page(address, server) == (address if is_page else None)
    assert safe.page(address, "https://github.example") is None


def test_no_page() -> None:
    assert safe.page(None, "https://github.com") is None


def test_workflow_escapes() -> None:
    assert safe.workflow_data("a: 5%, b\r\nc") == "a: 5%25, b%0D%0Ac"
    assert safe.workflow_property("a: 5%, b\n") == "a%3A 5%25%2C b%0A"


def _cell(markdown: str) -> list[str]:
    """Return the text of each cell of a table with one row of three cells."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(f"| a | b | c |\n|-|-|-|\n| x | {markdown} | y |")
    cells = []
    for inline, token in enumerate(tokens):
        if token.type == "td_open":
            children = tokens[inline + 1].children or []
            kinds = {child.type for child in children}
            assert kinds <= {"text", "code_inline", "text_special"}, kinds
            cells.append("".join(child.content for child in children))
    return cells


@pytest.mark.parametrize("family", sorted({f for f, _ in hostile_texts()}))
def test_markdown_is_text(family: str) -> None:
    for name, text in hostile_texts():
        if name == family:
            shown = safe.line(text)
            cells = _cell(safe.markdown(shown))
            assert [c.replace("\u200b", "") for c in cells] == [
                "x",
                shown,
                "y",
            ]
            cells = _cell(safe.markdown_code(shown))
            assert [c.replace("\u200b", "") for c in cells] == [
                "x",
                shown,
                "y",
            ]


def test_markdown_names_nobody() -> None:
    assert safe.markdown("hi @octocat") == r"hi \@&#8203;octocat"
    assert safe.markdown("fixes #12") == r"fixes \#&#8203;12"
    assert safe.markdown(":bug: at 5:10") == r"\:&#8203;bug\: at 5\:10"
