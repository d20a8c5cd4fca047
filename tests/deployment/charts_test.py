"""Single values of charts: every other byte stays as it is."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rsp_release.deployment.charts import (
    edit,
    edit_badges,
    find_charts,
    has_source,
    parse_place,
    read_chart,
    relate,
)
from rsp_release.deployment.spans import Yaml
from rsp_release.exceptions import BlockedError, UsageError

from ..support.charts import CHARTS

NEW = "15.5.0"
IMAGE = "ghcr.io/lsst-sqre/gafaelfawr"
DIGEST = f"sha256:{'a' * 64}"


def _load(text: str) -> list[Any]:
    return list(YAML(typ="safe", pure=True).load_all(text))


def _edit(place: str, text: str, tag: str = NEW) -> str:
    parsed = parse_place(place)
    return edit(parsed, text, tag=tag, digests={IMAGE: DIGEST})[0]


# -- Sixty charts -----------------------------------------------------------


def test_there_are_sixty() -> None:
    assert len(CHARTS) >= 60
    assert len(set(CHARTS)) == len(CHARTS)


@pytest.mark.parametrize(
    ("place", "text", "old"), CHARTS, ids=[str(n) for n in range(len(CHARTS))]
)
def test_difference_is_the_one_value(place: str, text: str, old: str) -> None:
    """Everything before and after the value is the same, byte for byte."""
    new = DIGEST if old.startswith("sha256:") else NEW
    before, mark, after = text.partition("@")
    assert mark, "the value is marked in the data"
    assert "@" not in after
    original = before + old + after
    result = _edit(place, original)
    assert result == before + new + after
    assert result.encode() != original.encode()
    lines = list(
        difflib.ndiff(
            original.splitlines(keepends=True),
            result.splitlines(keepends=True),
        )
    )
    assert sum(line.startswith("- ") for line in lines) == 1
    # Once more changes nothing.
    assert _edit(place, result) == result


# -- Any YAML ---------------------------------------------------------------

_TEXT = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cs", "Cc"),
        exclude_characters="\x7f\ufeff\u2028\u2029",
    ),
    max_size=12,
)
_KEY = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
_SCALAR = st.one_of(
    _TEXT, st.integers(), st.booleans(), st.none(), st.floats(-9, 9)
)
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=3)
    ),
    max_leaves=8,
)
_OLD = st.sampled_from(
    [
        "1.2.3",
        '"1.2.3"',
        "'1.2.3'",
        "1.2",
        "12",
        "true",
        "v1.2.3",
        '"a\\nb"',
        "'it''s'",
        "|\n{0}  1.2.3",
        ">-\n{0}  1.2.3\n{0}  more",
        "|+\n{0}  1.2.3\n",
        "&anchor 1.2.3",
        "!!str 1.2",
        "!tag '1.2.3'",
        '&a !!str "1.2.3"',
        "a b\n{0}  c",
        '"a\n{0}  b"',
        "~",
        "",
    ]
)
_NEW = st.sampled_from(
    [
        "2.0.0",
        "2.0",
        "on",
        "1e3",
        "v2",
        "a: b",
        'it\'s "x"',
        "2024-01-01",
        "#no",
        "x #y",
        "1:30",
    ]
)


def _dump(value: Any, flow: bool) -> str:  # noqa: FBT001
    from io import StringIO

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.allow_unicode = True
    out = StringIO()
    yaml.dump(value, out)
    return out.getvalue()


def _is_yaml(text: str) -> bool:
    try:
        _load(text)
    except YAMLError:
        return False
    return True


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Draw YAML that holds a value, and the keys that lead to it."""
    before = draw(st.dictionaries(_KEY, _VALUE, max_size=3))
    after = draw(st.dictionaries(_KEY, _VALUE, max_size=3))
    flow = draw(st.booleans())
    depth = draw(st.integers(0, 3))
    keys = [f"K{n}" for n in range(depth)] + ["appVersion"]
    indent = "  " * depth
    old = draw(_OLD).format(indent)
    comment = draw(st.sampled_from(["", "  # why", " #"]))
    if "\n" in old or not old:
        comment = ""
    gap = draw(st.sampled_from([" ", "   "])) if old else ""
    lines = [f"{'  ' * n}K{n}:" for n in range(depth)]
    lines.append(f"{indent}appVersion:{gap}{old}{comment}")
    if "&anchor" in old and draw(st.booleans()):
        lines.append("Alias: *anchor")
    middle = "\n".join(lines) + "\n"
    head = _dump(before, flow=False) if before else ""
    tail = (
        _dump({f"z{k}": v for k, v in after.items()}, flow=False)
        if after
        else ""
    )
    if flow and after:
        tail = f"Flow: {_dump(after, flow=True).strip()}\n"
    # The library writes some texts, such as ":0", that it cannot read.
    assume(_is_yaml(tail))
    text = head + middle + draw(st.sampled_from(["", "\n", "# note\n"])) + tail
    text = draw(st.sampled_from(["", "---\n", "# c\n", "\ufeff"])) + text
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    return text, keys


def _put(document: Any, keys: list[str], value: str) -> Any:
    *path, last = keys
    node = document
    for key in path:
        node = node[key]
    node[last] = value
    if "Alias" in document:
        document["Alias"] = value
    return document


@given(documents(), _NEW)
def test_edited_document_is_the_same_but_for_the_value(
    drawn: tuple[str, list[str]], new: str
) -> None:
    text, keys = drawn
    yaml = Yaml(text)
    spots = yaml.find(keys)
    assert len(spots) == 1
    result = yaml.replace([(spots[0], new)])
    if "!tag" in text:
        # The parser knows no such tag: see that the value is there.
        assert Yaml(result).find(keys)[0].value == new
        return
    [before] = _load(text)
    [after] = _load(result)
    assert after == _put(before, keys, new)
    # And of the text only the span of the value changed.
    node = spots[0].node
    if node.value:
        assert result.startswith(text[: node.start_mark.index])
        assert result.endswith(text[node.end_mark.index :])


# -- What cannot be edited --------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\n", "it has no appVersion"),
        ("appVersion: [1, 2]\n", "a sequence where a text should be"),
        ("appVersion: {a: b}\n", "a mapping where a text should be"),
        ("appVersion: 1.0.0\nappVersion: 2.0.0\n", "there 2 times"),
        ("a: [\n", "no valid YAML"),
        ("a: *b\n", "no valid YAML"),
        ("a: \x00\n", "no valid YAML"),
        ("", "it has no appVersion"),
    ],
)
def test_what_cannot_be_edited_is_said(text: str, said: str) -> None:
    with pytest.raises(BlockedError) as caught:
        _edit("x", text)
    assert said in caught.value.message
    assert caught.value.message.startswith("x/Chart.yaml: ")


def test_alias_alone_is_replaced() -> None:
    text = "version: &v 1.0.0\nappVersion: *v\n"
    assert _edit("x", text) == "version: &v 1.0.0\nappVersion: 15.5.0\n"


def test_aliases_follow_their_anchor() -> None:
    text = "appVersion: &v 1.0.0\nannotations:\n  version: *v\n"
    assert _edit("x", text) == text.replace("1.0.0", NEW)


def test_every_dependency_of_a_name_is_edited() -> None:
    text = (
        "dependencies:\n- name: redis\n  version: 1.0.0\n"
        "- {name: redis, alias: two, version: '1.0.0'}\n"
        "- name: other\n  version: 1.0.0\n"
    )
    result = _edit("x/Chart.yaml#dependencies.redis", text)
    assert result == text.replace("1.0.0", NEW, 2)


def test_kustomize_without_a_known_digest_is_not_guessed() -> None:
    place = parse_place("kustomization.yaml")
    text = f"images:\n- name: {IMAGE}\n  digest: {DIGEST}\n"
    with pytest.raises(BlockedError, match="no digest"):
        edit(place, text, tag=NEW, digests={IMAGE: None})


def test_other_images_of_kustomize_are_left() -> None:
    text = (
        "images:\n- name: redis\n  newTag: 1.0.0\n"
        f"- name: app\n  newName: {IMAGE}\n  newTag: 1.0.0\n"
        f"- name: {IMAGE}\n  newName: mirror/app\n  newTag: 1.0.0\n"
    )
    expected = text.splitlines()
    expected[5] = f"  newTag: {NEW}"
    assert _edit("kustomization.yaml", text).splitlines() == expected


# -- Places -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "keys"),
    [
        ("applications/a", "applications/a/Chart.yaml", "appVersion"),
        ("./applications/a/", "applications/a/Chart.yaml", "appVersion"),
        ("a/Chart.yaml", "a/Chart.yaml", "appVersion"),
        ("a/Chart.yaml#version", "a/Chart.yaml", "version"),
        (
            "a/Chart.yaml#dependencies.b",
            "a/Chart.yaml",
            "dependencies.name=b.version",
        ),
        ("a/values.yml#b.image.tag", "a/values.yml", "b.image.tag"),
        ("env/kustomization.yaml", "env/kustomization.yaml", ""),
        ("Kustomization", "Kustomization", ""),
    ],
)
def test_places(text: str, path: str, keys: str) -> None:
    place = parse_place(text)
    assert (place.path, ".".join(place.keys)) == (path, keys)


@pytest.mark.parametrize("text", ["", "/etc", "a/../b", "a/values.yaml", "#x"])
def test_wrong_places(text: str) -> None:
    with pytest.raises(UsageError):
        parse_place(text)


# -- Versions ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "wanted", "relation"),
    [
        ("1.2.3", "1.2.3", "same"),
        ("v1.2.3", "1.2.3", "same"),
        ("1.2.3", "1.10.0", "older"),
        ("2.0.0", "1.10.0", "newer"),
        ("1.3.0-rc.1", "1.3.0", "older"),
        ("1.3.0", "1.3.0-rc.1", "newer"),
        ("portal-2026.2.1", "portal-2026.3.0", "older"),
        ("portal-2026.2.1", "1.0.0", "unknown"),
        ("main", "1.0.0", "unknown"),
        (None, "1.0.0", "unknown"),
        ("tickets-DM-55549", "1.0.0", "unknown"),
    ],
)
def test_relation(current: str | None, wanted: str, relation: str) -> None:
    assert relate(current, wanted) == relation


# -- Values and sources -----------------------------------------------------


def test_charts_to_copy_or_to_test_with_are_not_deployed() -> None:
    paths = [
        "charts/b/Chart.yaml",
        "applications/a/Chart.yaml",
        "applications/a/charts/c/Chart.yaml",
        "applications/a/values.yaml",
        "applications/tests-of-time/Chart.yaml",
        "starters/web/Chart.yaml",
        "tests/data/input/applications/a/Chart.yaml",
    ]
    assert find_charts(paths) == (
        "applications/a/Chart.yaml",
        "applications/a/charts/c/Chart.yaml",
        "applications/tests-of-time/Chart.yaml",
        "charts/b/Chart.yaml",
    )


@pytest.mark.parametrize(
    "source",
    [
        "https://github.com/lsst-sqre/gafaelfawr",
        "https://github.com/lsst-sqre/Gafaelfawr.git",
        "https://GitHub.com/lsst-sqre/gafaelfawr/",
        "https://github.com/lsst-sqre/gafaelfawr/tree/main/client",
    ],
)
def test_source_is_found(source: str) -> None:
    chart = read_chart(f'sources:\n- "{source}"\n')
    assert has_source(chart, "https://github.com/lsst-sqre/gafaelfawr")
    assert not has_source(chart, "https://github.com/lsst-sqre/gafael")
    assert not has_source(chart, "https://example.org/lsst-sqre/gafaelfawr")


def test_source_that_is_no_address_is_no_source() -> None:
    chart = read_chart("sources: ['https://[x', https://github.com/a/b]\n")
    assert has_source(chart, "https://github.com/a/b")


# -- Badges -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "url"),
    [
        ("1.4.0", "1.5.0", "1.4.0"),
        ("1.4.0-rc.1", "1.5.0", "1.4.0--rc.1"),
        ("1.4.0-rc.1", "1.5.0", "1.4.0-rc.1"),
    ],
)
def test_badges_follow(old: str, new: str, url: str) -> None:
    badge = (
        "![Version: 1.4.0](https://img.shields.io/badge/Version-1.4.0-x)"
        " ![AppVersion: {0}](https://img.shields.io/badge/AppVersion-{1}"
        "-informational?style=flat-square) 1.4.0"
    )
    result = edit_badges(badge.format(old, url), old=old, new=new)
    assert result == badge.format(new, new)


def test_badges_of_another_version_stay() -> None:
    text = (
        "![AppVersion: 9.9.9]"
        "(https://img.shields.io/badge/AppVersion-9.9.9-informational)"
    )
    assert edit_badges(text, old="1.4.0", new="1.5.0") == text
    assert edit_badges(text, old=None, new="1.5.0") == text
