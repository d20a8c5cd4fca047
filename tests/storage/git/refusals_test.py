from __future__ import annotations

import pytest

from rsp_release.storage.git.refusals import advise, find_remedy


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "fatal: unable to access: Could not resolve host: github.com",
            "check the remote's address and the DNS",
        ),
        (
            "fatal: unable to access: Could not resolve proxy: nowhere",
            "check HTTPS_PROXY, and git's http.proxy",
        ),
        (
            "git@github.com: Permission denied (publickey).",
            "add your SSH key to GitHub, or use a remote at https://",
        ),
        (
            "ERROR: This repository was archived so it is read-only.",
            "unarchive the repository",
        ),
        ("fatal: something else", None),
    ],
)
def test_the_most_specific_remedy_wins(said: str, remedy: str | None) -> None:
    assert find_remedy(said) == remedy


@pytest.mark.parametrize(
    ("what", "said", "is_duplicate", "advice"),
    [
        ("tag 1.2.0", "", True, "release another version"),
        ("branch main", "", True, "run `rsp-release bump` again"),
        ("branch main", "error: GH006: Protected branch", False, "pull-req"),
        ("tag 1.2.0", "error: GH013: Repository rule", False, "a ruleset"),
        ("tag 1.2.0", "no", False, "whoever maintains"),
    ],
)
def test_advice(
    what: str, said: str, *, is_duplicate: bool, advice: str
) -> None:
    assert advice in advise(what, said, is_duplicate=is_duplicate)
