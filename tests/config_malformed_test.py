"""Malformed settings: each names file, line and key, and what is expected."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from rsp_release.__main__ import main
from rsp_release.config import Config, load_config
from rsp_release.exceptions import SettingsError
from rsp_release.views.json import schema, tool_schema

OWN = ".rsp-release.toml"

PROJECT = "pyproject.toml"

DEV = '[[environments]]\nname = "dev"\n'

BAD = [
    ('repository = "example"', "repository", "an owner and a name"),
    ('repository = "a/b/c"', "repository", "an owner and a name"),
    ("repository = 1", "repository", "an owner and a name"),
    ('repository = "https://github.com/a/b"', "repository", "an owner"),
    ('branch = ""', "branch", "a branch name"),
    ('branch = "-x"', "branch", "a branch name"),
    ('branch = "a..b"', "branch", "a branch name"),
    ('branch = "a b"', "branch", "a branch name"),
    ('branch = ["main"]', "branch", "a branch name"),
    ("branch = 1.4", "branch", "a branch name"),
    ('tag-prefix = "a b"', "tag-prefix", "what precedes"),
    ("tag-prefix = true", "tag-prefix", "what precedes"),
    ('initial-version = "1.0"', "initial-version", "a semantic version"),
    ('initial-version = "v1.0.0"', "initial-version", "a semantic version"),
    ("initial-version = 1.0", "initial-version", "a semantic version"),
    ('initial-version = "1.0.0-01"', "initial-version", "a semantic version"),
    ('major-on-zero = "yes"', "major-on-zero", "true or false"),
    ("major-on-zero = 1", "major-on-zero", "true or false"),
    ('changelog = "keepachangelog"', "changelog", "one of auto, scriv"),
    ("changelog = true", "changelog", "one of auto, scriv"),
    ("categories = []", "categories", "a table of names"),
    ('categories = { Added = "big" }', "categories", "major, minor, patch"),
    ("[categories]\nAdded = 1", "categories", "major, minor, patch"),
    ('labels = "breaking"', "labels", "a table of names"),
    ("[labels]\nx = true", "labels", "major, minor, patch"),
    ('paths = "src"', "paths", "a list of strings"),
    ("paths = [1]", "paths", "a list of strings"),
    ('sign = "always"', "sign", "true, false or"),
    ("sign = 1.5", "sign", "true, false or"),
    ('workflow = ""', "workflow", "a string that is not"),
    ("workflow = []", "workflow", "a string that is not"),
    ('images = "ghcr.io/a/b"', "images", "a list of strings"),
    ('images = [""]', "images", "a list of strings"),
    ("platforms = { linux = 1 }", "platforms", "a list of strings"),
    ('[deploy]\nrepository = "x"', "deploy.repository", "an owner"),
    ('deploy.charts = "a"', "deploy.charts", "a list of strings"),
    ('[deploy]\nchart = ["a"]', "deploy.chart", "deploy.charts"),
    ('deploy = "a/b"', "deploy", "deploy."),
    ('files = "pyproject.toml"', "files", "a list of tables"),
    ('[[files]]\npath = "a"', "files", "either a key or a pattern"),
    ('[[files]]\npath = "/a"\nkey = "b"', "files", "a list of tables"),
    ('[[files]]\npath = "../a"\nkey = "b"', "files", "a list of tables"),
    ('[[files]]\npath = "a"\npattern = "("', "files", "one group"),
    ('[[files]]\npath = "a"\npattern = "b"', "files", "one group"),
    ('pull-request.when = "maybe"', "pull-request.when", "one of auto"),
    ('pull-request.labels = "x"', "pull-request.labels", "a list of strings"),
    ('pull-request.auto-merge = "fast"', "pull-request.auto-merge", "merge"),
    ('environments = "dev"', "environments", "a list of tables"),
    ("environments = [1]", "environments", "a list of tables"),
    (DEV, "environments", "the address of"),
    (
        '[[environments]]\nargocd = "https://a.example"',
        "environments",
        "a name of its own",
    ),
    (f'{DEV}argocd = "a.example/argo-cd"', "environments", "such as"),
    (f'{DEV}argocd = "http://a.example"', "environments", "such as"),
    (f'{DEV}argocd = "https://u:p@a.example"', "environments", "such as"),
    (
        f'{DEV}argocd = "https://a.example"\napplication = "a/b"',
        "environments",
        "an application",
    ),
    (
        f'{DEV}argocd = "https://a.example"\ntoken = "x"',
        "environments",
        "a list of tables",
    ),
    ('rollout.order = "dev"', "rollout.order", "a list of strings"),
    ("[rollout]\nwatch = true", "rollout.watch", "rollout.order?"),
    ('brnach = "main"', "brnach", "did you mean branch?"),
    ('tag_prefix = "v"', "tag_prefix", "did you mean tag-prefix?"),
    ("zzz = 1", "zzz", "the settings are repository"),
    ('Image = ["a"]', "Image", "did you mean images?"),
]
"""Text, the key that is wrong, and words of what is expected."""


def write(folder: Path, text: str, *, name: str) -> int:
    """Write settings below other lines; return the first line's number."""
    head = "# settings\n\n"
    if name == PROJECT:
        head = '[project]\nname = "x"\n\n[tool.rsp-release]\n'
        lines = []
        for line in text.split("\n"):
            opening = line[: len(line) - len(line.lstrip("["))]
            table = line.lstrip("[")
            lines.append(
                f"{opening}tool.rsp-release.{table}" if opening else line
            )
        text = "\n".join(lines)
    (folder / name).write_text(f"{head}{text}\n", encoding="utf-8")
    (folder / ".git").mkdir(exist_ok=True)
    return head.count("\n") + 1


def test_there_are_fifty() -> None:
    assert len(BAD) >= 50


@pytest.mark.parametrize("name", [OWN, PROJECT])
@pytest.mark.parametrize(("text", "key", "expected"), BAD)
def test_malformed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    key: str,
    expected: str,
    *,
    name: str,
) -> None:
    first = write(tmp_path, text, name=name)
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    error = caught.value
    assert (error.path, error.key) == (name, key)
    assert expected in (error.help or "")
    assert error.line is not None
    assert first <= error.line <= first + text.count("\n")

    for command in (["next"], ["check", "--offline"], ["init", "--dry-run"]):
        status = main(["-C", str(tmp_path), *command])
        told = capsys.readouterr()
        assert status == 2
        assert told.out == ""
        assert f"{name}, line {error.line}: {key}: " in told.err
        assert expected in told.err
        assert "Traceback" not in told.err


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("[tool]\nrsp-release = 1", "tool.rsp-release", 2),
        ("# a\n\n[[tool.rsp-release]]\nbranch = 'a'", "tool.rsp-release", 3),
        ("tool.rsp-release.brnach = 1", "brnach", 1),
        ("[tool]\n\nrsp-release.brnach = 1", "brnach", 3),
        ("[tool]\nrsp-release = { a = 1 }", "a", 2),
        ('[tool."rsp-release"]\n# x\n"sign" = 3', "sign", 3),
        ("[tool.rsp-release.files]\npath = 'x'", "files", 1),
        ("[tool.rsp-release]\nimages = [\n  'a',\n  3,\n]", "images", 2),
        ("[tool.rsp-release.deploy]\nlabels = ['a']\ndraft = 1",
         "deploy.draft", 3),
        ('a = """\nbrnach = 1\n"""\n[tool.rsp-release]\n\nbrnach = 2',
         "brnach", 6),
        ("[tool.rsp-release]\r\nbranch = 'a'\r\nsign = 2", "sign", 3),
    ],
)  # fmt: skip
def test_the_line_is_found_however_it_is_spelled(
    tmp_path: Path, text: str, key: str, line: int
) -> None:
    (tmp_path / PROJECT).write_text(text, encoding="utf-8", newline="")
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert (caught.value.key, caught.value.line) == (key, line)


def test_no_table_of_tools_is_no_settings(tmp_path: Path) -> None:
    (tmp_path / PROJECT).write_text("tool = 1  # rsp-release\n")
    (tmp_path / ".git").mkdir()
    assert load_config(tmp_path).file is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"branch = \n", "line 1"),
        (b'branch = "a"\nbranch = "b"\n', "line 2"),
        (b"\xff\xfe", "not valid TOML"),
        (b"[deploy\n", "line 1"),
    ],
)
def test_no_toml_at_all(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    data: bytes,
    said: str,
) -> None:
    (tmp_path / OWN).write_bytes(data)
    assert main(["-C", str(tmp_path), "check"]) == 2
    told = capsys.readouterr().err
    assert OWN in told
    assert said in told
    assert "Traceback" not in told


# -- The schema for editors -------------------------------------------------


def test_the_schema_is_one_and_knows_every_key() -> None:
    found: dict[str, Any] = json.loads(schema("settings"))
    jsonschema.Draft7Validator.check_schema(found)
    keys = set()
    for name, value in found["properties"].items():
        inner = value.get("properties")
        keys |= {f"{name}.{k}" for k in inner} if inner else {name}
    assert keys == set(Config().keys)
    assert tool_schema("rsp-release") == found
    with pytest.raises(KeyError):
        tool_schema("other")


@pytest.mark.parametrize(("text", "key", "expected"), BAD)
def test_the_schema_refuses_the_same(
    text: str, key: str, expected: str
) -> None:
    # What no schema tells: whether a pattern is one, where git is picky.
    beyond = ("a..b", '"-x"', "a b", '"("', '"b"', "../a", '"/a"', "-01")
    if any(words in text for words in beyond):
        return
    validator = jsonschema.Draft7Validator(json.loads(schema("settings")))
    assert not validator.is_valid(tomllib.loads(text)), (key, expected)


def test_the_schema_takes_what_is_right() -> None:
    text = """
repository = "lsst-sqre/example"
branch = "main"
tag-prefix = ""
changelog = false
categories = { Added = "minor" }
sign = "auto"
images = []
deploy.repository = "lsst-sqre/phalanx"
pull-request.when = "always"
pull-request.auto-merge = false
rollout.order = ["idfdev", "summit"]
[[files]]
path = "package.json"
key = "version"
[[environments]]
name = "idfdev"
argocd = "https://data-dev.lsst.cloud/argo-cd"
[[environments]]
name = "sandbox"
argocd = "http://127.0.0.1:8080/argocd/dev"
application = "stargazer"
namespace = "argocd"
project = "rsp"
"""
    validator = jsonschema.Draft7Validator(json.loads(schema("settings")))
    validator.validate(tomllib.loads(text))


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "settings"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "rsp-release"
    assert main(["schema"]) == 0
    every = json.loads(capsys.readouterr().out)
    assert {"next", "events", "check", "settings"} <= set(every)
    assert main(["schema", "other"]) == 2


@pytest.mark.parametrize("name", [OWN, PROJECT])
def test_what_is_no_file_of_the_repository(tmp_path: Path, name: str) -> None:
    """A pipe would be waited for, and a link shows what it leads to."""
    clone = tmp_path / "clone"
    (clone / ".git").mkdir(parents=True)
    (clone / ".git" / "config").write_text("[a]\n")
    (tmp_path / "secret").write_text("rsp-release = 1\n")
    place = clone / name
    os.mkfifo(place)
    with pytest.raises(SettingsError, match="is not a file"):
        load_config(clone)
    for target in ("../secret", str(tmp_path / "secret"), ".git/config"):
        place.unlink()
        place.symlink_to(target)
        with pytest.raises(SettingsError, match="outside of the repository"):
            load_config(clone)
    place.unlink()
    (clone / "inside").write_text("")
    place.symlink_to("inside")
    load_config(clone)
