"""Files that follow the version: one value, and not a byte more."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsp_release.changelog.version_files import set_version
from rsp_release.config import VersionFile
from rsp_release.exceptions import SettingsError

CASES = [
    (
        "charts/Chart.yaml",
        "appVersion",
        "# c\nversion: 1.0.0\nappVersion: OLD   # ours\nname: x\n",
    ),
    ("Chart.yaml", "appVersion", 'appVersion: "OLD"\r\nversion: 1\r\n'),
    ("Chart.yaml", "appVersion", "appVersion: 'OLD'\n"),
    ("CITATION.cff", "version", "cff-version: 1.2.0\nversion: OLD\n"),
    ("values.yaml", "image.tag", "tag: OLD1\nimage:\n  tag: OLD\n"),
    (
        "package.json",
        "version",
        '{\n\t"name": "x",\n\t"version": "OLD",\n\t"x": {"version": "2"}\n}',
    ),
    (
        "package-lock.json",
        "version",
        '{"packages": {"": {"version": "9"}}, "version": "OLD"}\n',
    ),
    (
        "pyproject.toml",
        "project.version",
        '[tool.x]\nversion = "9"\n[project]\nname = ""\nversion = "OLD" # c\n',
    ),
    (
        "pyproject.toml",
        "tool.poetry.version",
        "[tool]\npoetry.version = 'OLD'\n",
    ),
    ("Cargo.toml", "version", 'version="OLD"\n[package]\nversion = "1"\n'),
]


@pytest.mark.parametrize(("path", "key", "text"), CASES)
def test_value_of_a_key(path: str, key: str, text: str) -> None:
    old = text.replace("OLD1", "1.4.0").replace("OLD", "1.4.0")
    new = set_version(old, VersionFile(path=path, key=key), "1.5.0")
    assert new == text.replace("OLD1", "1.4.0").replace("OLD", "1.5.0")
    assert set_version(new, VersionFile(path=path, key=key), "1.5.0") == new


def test_pattern() -> None:
    file = VersionFile(path="a.py", pattern=r"^VERSION = '([^']+)'")
    text = "X = 'VERSION = 1'\nVERSION = '1.4.0'  # \\o/\n"
    assert set_version(text, file, "1.5.0") == text.replace("1.4.0", "1.5.0")


@pytest.mark.parametrize(
    ("path", "key", "text"),
    [
        ("a.yaml", "version", "other: 1\n"),
        ("a.yaml", "version", "version: [1]\n"),
        ("a.yaml", "version", "version: |\n  1.0\n"),
        ("a.yaml", "version", "{broken"),
        ("a.json", "version", '{"a": "version"}'),
        ("a.json", "version", '{"version": 1}'),
        ("a.toml", "version", "version = 1\n"),
        ("a.toml", "version", 'a = """\nversion = "1"\n"""\n'),
        ("a.toml", "project.version", "broken ["),
    ],
)
def test_no_such_place(path: str, key: str, text: str) -> None:
    with pytest.raises(SettingsError, match=path):
        set_version(text, VersionFile(path=path, key=key), "1.5.0")


def test_ambiguous_pattern() -> None:
    file = VersionFile(path="a.txt", pattern=r"v(\d+)")
    with pytest.raises(SettingsError, match="there are 2"):
        set_version("v1 v2", file, "3")


@given(
    st.text(), st.sampled_from(["a.yaml", "a.json", "a.toml"]), st.text("ab.")
)
def test_any_text_is_refused_or_changed(
    text: str, path: str, key: str
) -> None:
    file = VersionFile(path=path, key=key or "a")
    with suppress(SettingsError):
        set_version(text, file, "1.5.0")
