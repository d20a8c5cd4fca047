from __future__ import annotations

from pathlib import Path

import pytest

from rsp_release import config as module
from rsp_release.config import Config, EnvironmentSetting, load_config
from rsp_release.exceptions import SettingsError


def write(folder: Path, text: str, name: str = ".rsp-release.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_no_key_is_required(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    config = load_config(tmp_path)
    assert config == Config()
    assert config.branch == "main"
    assert config.source("branch") == "default"
    assert not config.is_set("branch")


def test_every_field_has_a_key() -> None:
    named = {module._field(key) for key in module._KEYS}
    assert named == set(Config._fields) - {"sources", "file", "place"}


def test_where_a_value_comes_from(tmp_path: Path) -> None:
    write(tmp_path, 'images = [\n  "a/b",\n]\n[deploy]\nrepository = "o/n"\n')
    environ = {"GITHUB_REPOSITORY": "o/other"}
    config = load_config(tmp_path, environ=environ)
    assert config.where("images") == ".rsp-release.toml, line 1: images"
    assert config.where("deploy.repository") == (
        ".rsp-release.toml, line 5: deploy.repository"
    )
    assert config.where("repository") == "$GITHUB_REPOSITORY"
    assert config.where("branch") == "default"


def test_all_keys(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
repository = "lsst-sqre/example"
branch = "release"
tag-prefix = "v"
initial-version = "1.0.0"
major-on-zero = true
changelog = "scriv"
categories = { Added = "minor", "New Things" = "major", Gone = "none" }
labels = { breaking = "major" }
paths = ["one"]
sign = false
workflow = "ci.yaml"
images = ["ghcr.io/lsst-sqre/example"]
platforms = ["linux/amd64"]
deploy.repository = "lsst-sqre/phalanx"
deploy.charts = ["applications/example"]
""",
    )
    config = load_config(tmp_path)
    assert config.repository == "lsst-sqre/example"
    assert config.major_on_zero is True
    assert config.categories["new things"] == "major"
    assert config.images == ("ghcr.io/lsst-sqre/example",)
    assert config.deploy_charts == ("applications/example",)
    assert config.value("deploy.repository") == "lsst-sqre/phalanx"
    for key in ("repository", "categories", "deploy.charts", "sign"):
        assert config.source(key) == ".rsp-release.toml"


def test_environments(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
rollout.order = ["idfdev", "summit"]
[[environments]]
name = "idfdev"
argocd = "https://data-dev.example.org/argo-cd"
[[environments]]
name = "summit"
argocd = "https://summit.example.org"
application = "a-b.c"
namespace = "apps"
project = "rsp"
""",
    )
    config = load_config(tmp_path)
    assert config.rollout_order == ("idfdev", "summit")
    one, two = config.environments
    assert one == EnvironmentSetting(
        "idfdev", "https://data-dev.example.org/argo-cd"
    )
    assert (one.application, one.namespace, one.project) == (None, None, None)
    assert two[2:] == ("a-b.c", "apps", "rsp")
    assert config.where("environments").endswith("line 3: environments")
    twice = '[[environments]]\nname = "a"\nargocd = "https://a.example"\n'
    write(tmp_path, twice * 2)
    with pytest.raises(SettingsError):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        ('argocd = "http://b.example"', "{'argocd': 'http://b.example'}"),
        ('argocd = "https://u:pw@b.example"', "'https://***@b.example'}"),
        ('argocd = "https://b.example"\ntoken = "pw"', "'token']"),
    ],
)
def test_environment_that_is_wrong_is_told_alone(
    wrong: str, got: str, tmp_path: Path
) -> None:
    right = '[[environments]]\nname = "a"\nargocd = "https://a.example"\n'
    write(tmp_path, f'{right}[[environments]]\nname = "b"\n{wrong}\n')
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert caught.value.message.endswith(got)
    assert "pw" not in caught.value.message


def test_pyproject_and_a_folder_below(tmp_path: Path) -> None:
    text = '[tool.rsp-release]\nbranch = "dev"\n'
    write(tmp_path, text, "pyproject.toml")
    (tmp_path / "src").mkdir()
    config = load_config(tmp_path / "src")
    assert config.branch == "dev"
    assert config.source("branch") == "pyproject.toml [tool.rsp-release]"


def test_search_ends_at_the_root_of_the_clone(tmp_path: Path) -> None:
    write(tmp_path, 'branch = "outer"\n')
    inner = tmp_path / "inner"
    (inner / ".git").mkdir(parents=True)
    assert load_config(inner).branch == "main"


def test_flags_go_before_files_and_files_before_the_environment(
    tmp_path: Path,
) -> None:
    environ = {"GITHUB_REPOSITORY": "a/environ"}
    config = load_config(tmp_path, environ=environ)
    assert config.source("repository") == "$GITHUB_REPOSITORY"
    detected = config.detected("the remote's URL", repository="a/remote")
    assert detected.repository == "a/remote"
    assert detected.source("repository") == "the remote's URL"
    write(tmp_path, 'repository = "a/file"\n')
    config = load_config(tmp_path, environ=environ)
    assert config.repository == "a/file"
    assert config.detected("x", repository="a/b").repository == "a/file"
    config = load_config(
        tmp_path,
        environ=environ,
        overrides={"repository": "a/flag", "branch": None},
    )
    assert config.repository == "a/flag"
    assert config.source("repository") == "--repo"
    assert config.branch == "main"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repository", '"no-slash"'),
        ("branch", '"-x"'),
        ("branch", '"a..b"'),
        ("tag-prefix", '"a b"'),
        ("initial-version", '"1.0"'),
        ("major-on-zero", '"yes"'),
        ("changelog", '"changes"'),
        ("categories", '{ Added = "big" }'),
        ("labels", "3"),
        ("paths", '"one"'),
        ("sign", '"always"'),
        ("workflow", '""'),
        ("images", "[1]"),
        ("deploy.repository", '"https://example.com/a/b"'),
        ("dependencies.max-age", '"30 days"'),
        ("dependencies.max-age", "0"),
        ("dependencies.max-age", "true"),
    ],
)
def test_wrong_value_names_the_key_and_what_was_expected(
    tmp_path: Path, key: str, value: str
) -> None:
    write(tmp_path, f"{key} = {value}\n")
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert caught.value.key == key
    assert caught.value.path == ".rsp-release.toml"
    assert (caught.value.help or "").startswith("expected ")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("brnach", "branch"),
        ("tag_prefix", "tag-prefix"),
        ("deploy.chart", "deploy.charts"),
    ],
)
def test_unknown_key(tmp_path: Path, key: str, near: str) -> None:
    write(tmp_path, f'{key} = "x"\n')
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert caught.value.help == f"did you mean {near}?"


def test_unknown_key_like_no_other(tmp_path: Path) -> None:
    write(tmp_path, "zzz = 1\n")
    with pytest.raises(SettingsError) as caught:
        load_config(tmp_path)
    assert "initial-version" in (caught.value.help or "")


def test_two_places(tmp_path: Path) -> None:
    write(tmp_path, 'branch = "a"\n')
    write(tmp_path, "[tool.rsp-release]\n", "pyproject.toml")
    with pytest.raises(SettingsError, match="settings too"):
        load_config(tmp_path)


def test_file_that_is_no_toml(tmp_path: Path) -> None:
    write(tmp_path, "branch = \n")
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_config(tmp_path)


def test_table_that_is_none(tmp_path: Path) -> None:
    write(tmp_path, "[tool]\nrsp-release = 3\n", "pyproject.toml")
    with pytest.raises(SettingsError, match=r"tool\.rsp-release"):
        load_config(tmp_path)


def test_other_tools_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, "[tool.other]\nname = 'x'\n[broken", "pyproject.toml")
    assert load_config(tmp_path) == Config()


def test_no_such_key() -> None:
    with pytest.raises(KeyError):
        Config().source("nothing")
