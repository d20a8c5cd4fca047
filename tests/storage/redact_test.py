from __future__ import annotations

import pytest

from rsp_release.storage.redact import Redactor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token s3cret here", "token *** here"),
        ("s3cret-longer", "***"),
        ("https://x:s3cret@example.org/o/n", "https://example.org/o/n"),
        ("https://other@example.org/", "https://example.org/"),
        ("'http://a:b@h/p' and ssh://git@h/p", "'http://h/p' and ssh://h/p"),
        ("a@b and x://y/z@w", "a@b and x://y/z@w"),
        ("nothing", "nothing"),
    ],
)
def test_secrets_are_taken_out(text: str, expected: str) -> None:
    assert Redactor(["s3cret", "", "s3cret-longer"])(text) == expected


def test_redactor_does_not_tell() -> None:
    assert "s3cret" not in repr(Redactor(["s3cret"]))
