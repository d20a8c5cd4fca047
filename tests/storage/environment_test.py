"""What other programs get of the environment."""

from __future__ import annotations

import sys
from pathlib import Path

from rsp_release.storage.environment import (
    credentials_of,
    make_bare,
    without_credentials,
)

ENVIRON = {
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a",
    "AWS_SECRET_ACCESS_KEY": "b",
    "GITHUB_TOKEN": "c",
    "RSP_RELEASE_GIT_PASSWORD": "d",
    "UV_INDEX_INTERNAL_PASSWORD": "e",
    "HOME": "/home/you",
    "LC_ALL": "C",
    "PATH": "/bin",
    "SSH_AUTH_SOCK": "/run/agent",
}


def test_credentials_are_told_by_their_names() -> None:
    assert sorted(credentials_of(ENVIRON).values()) == list("abcde")
    kept = without_credentials(ENVIRON)
    assert sorted(kept) == ["HOME", "LC_ALL", "PATH", "SSH_AUTH_SOCK"]


def test_bare_environment(tmp_path: Path) -> None:
    made = make_bare(ENVIRON, tmp_path)
    assert (made["PATH"], made["LC_ALL"]) == ("/bin", "C")
    assert made["HOME"] == str(tmp_path)
    assert "SSH_AUTH_SOCK" not in made
    assert not credentials_of(made)
    assert set(made["PYTHONPATH"].split(":")) <= set(sys.path)
