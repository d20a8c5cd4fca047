"""Where GitHub is, as the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from rsp_release.storage.server import (
    find_api_url,
    find_server_url,
    find_token,
)


@pytest.mark.parametrize(
    ("api", "server", "wanted"),
    [
        ("", "", ("https://api.github.com", "https://github.com")),
        (
            "https://ghe.example/api/v3",
            "",
            ("https://ghe.example/api/v3", "https://ghe.example"),
        ),
        (
            "",
            "https://ghe.example/",
            ("https://ghe.example/api/v3", "https://ghe.example"),
        ),
        (
            "",
            "https://x.ghe.com",
            ("https://api.x.ghe.com", "https://x.ghe.com"),
        ),
        (
            "https://api.x.ghe.com",
            "",
            ("https://api.x.ghe.com", "https://x.ghe.com"),
        ),
        # What is set counts, whatever would follow from the other.
        (
            "http://127.0.0.1:4000",
            "https://git.example",
            ("http://127.0.0.1:4000", "https://git.example"),
        ),
    ],
)
def test_one_address_follows_from_the_other(
    api: str, server: str, wanted: tuple[str, str]
) -> None:
    environ = {"GITHUB_API_URL": api, "GITHUB_SERVER_URL": server}
    assert (find_api_url(environ), find_server_url(environ)) == wanted
    environ = {name: value for name, value in environ.items() if value}
    assert (find_api_url(environ), find_server_url(environ)) == wanted


def test_token(tmp_path: Path) -> None:
    """The variables come first, in the order of ``gh``; then it is asked."""
    gh = tmp_path / "gh"
    gh.write_text('#!/bin/sh\necho "$*"\n')
    gh.chmod(0o755)
    url = "https://ghe.example:8443"
    environ = {"PATH": str(tmp_path), "GITHUB_TOKEN": "b", "GH_TOKEN": "a"}
    assert find_token(environ, url) == "a"
    assert find_token({**environ, "GH_TOKEN": ""}, url) == "b"
    asked = find_token({"PATH": str(tmp_path)}, url)
    assert asked == "auth token --hostname ghe.example"
    gh.write_text("#!/bin/sh\nexit 1\n")
    assert find_token({"PATH": str(tmp_path)}, url) is None
    assert find_token({"PATH": "/nowhere"}, url) is None
