"""The page of a fleet, as a document."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from typing_extensions import override

from rsp_release.views.fleet_plots import format_seconds
from rsp_release.views.json import schema

from ..support.pages import (
    HOSTILE,
    SERVER,
    draw_page,
    make_fleet,
    make_history,
    make_item,
)


class _Reader(HTMLParser):
    """Reads elements, their attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    @override
    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.tags.append((tag, dict(attrs)))

    @override
    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]


def test_the_sample_is_what_the_schema_describes() -> None:
    from jsonschema import Draft202012Validator

    described = json.loads(schema("fleet"))
    Draft202012Validator(described).validate(make_fleet())


def test_nothing_comes_from_elsewhere() -> None:
    read = _Reader(draw_page())
    for tag, attrs in read.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert "src" not in attrs
        # The policy would not let them act.
        assert not [name for name in attrs if name.startswith("on")]
        assert "style" not in attrs


def test_the_policy_admits_what_is_there_and_nothing_else() -> None:
    page = draw_page()
    [policy] = [
        str(meta["content"])
        for meta in _Reader(page).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name in ("style", "script"):
        [source] = re.findall(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest())
        assert f"{name}-src 'sha256-{digest.decode()}'" in policy


@pytest.mark.parametrize(
    "field",
    ["label", "repository", "text", "latest", "deployed", "next", "run"],
)
def test_what_others_wrote_stays_text(field: str) -> None:
    usual = _Reader(draw_page({**make_fleet(), "applications": [
        make_item("x", "failed", unreleased=3, next="2.0.0", run="failure")
    ]}))  # fmt: skip
    item = make_item(
        "x", "failed", unreleased=3, next="2.0.0", run="failure"
    ) | {field: HOSTILE}
    page = draw_page({**make_fleet(), "applications": [item]})
    read = _Reader(page)
    # Not one element more; an address that cannot be one is no link.
    assert {tag for tag, _ in read.tags} == {tag for tag, _ in usual.tags}
    assert len(read.all("script")) == len(usual.all("script"))
    assert not read.all("img")
    assert "\x1b" not in page
    assert "</script><script>alert(1)</script><!--js--><img" in "".join(
        read.texts
    )


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "https://user:secret@evil.example/",
        'https://a.example/" onclick="alert(1)',
        None,
    ],
)
def test_addresses_that_cannot_be_followed_are_no_links(
    url: str | None,
) -> None:
    item = make_item("x", release_url=url)
    read = _Reader(draw_page({**make_fleet(), "applications": [item]}))
    links = [str(a["href"]) for a in read.all("a")]
    assert links
    assert all(link.startswith(f"{SERVER}/acme/") for link in links)


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"unreleased": None}, "cannot tell"),
        ({"latest": None, "age": None}, "never"),
        ({"deployed": None, "environments": []}, "nowhere"),
        ({"deployed": None, "problem": "no YAML"}, "cannot tell"),
        (
            {
                "environments": [
                    {"environment": "a", "tag": "1.9.0", "is_assumed": True}
                ]
            },
            " (assumed)",
        ),
    ],
)
def test_what_is_not_known_is_said(more: dict[str, Any], shown: str) -> None:
    told = {**make_fleet(), "applications": [make_item("x", **more)]}
    assert shown in _Reader(draw_page(told)).texts


def test_what_runs_is_shown_where_it_can_be_looked_at() -> None:
    page = draw_page()
    assert ">Running<" in page
    assert "int, OutOfSync, Degraded" in page
    assert "prod, cannot tell" in page
    told = {**make_fleet(), "applications": [make_item("x")]}
    assert ">Running<" not in draw_page(told)


def test_names_stay_text_in_the_data() -> None:
    item = make_item("x", label=HOSTILE)
    told = {**make_fleet(), "applications": [item]}
    history = make_history(told)
    history["unknown"] = [(1, "repository", HOSTILE)]
    page = draw_page(told, history)
    assert "<script>alert" not in page
    assert "<img" not in page
    [data] = re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert not set(data) & set("<>&")
    [name] = json.loads(data)["applications"]
    # The same as the option that chooses it has.
    assert name in _Reader(page).texts


def test_figures_stand_in_tables() -> None:
    history = make_history()
    read = _Reader(draw_page(history=history))
    assert [each["data-stage"] for each in read.all("figure")] == [
        "release", "image", "deployment", "whole", "outcomes",
    ]  # fmt: skip
    for stage in ("release", "image", "deployment", "whole"):
        for value in filter(None, history["all"][stage]):
            assert format_seconds(value[1]) in " ".join(read.texts)
    assert "without a known run" in " ".join(read.texts)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "60 min"),
        (3600, "1.0 h"),
        (8100, "2.3 h"),
        (172800, "2.0 d"),
        (31536000, "365.0 d"),
    ],
)
def test_spans_are_written_shortly(seconds: int, text: str) -> None:
    assert format_seconds(seconds) == text


def test_a_past_that_nobody_knows_is_said() -> None:
    told = {**make_fleet(), "applications": []}
    read = _Reader(draw_page(told, make_history(told)))
    assert read.texts.count("nothing was measured") == 4


def test_a_fleet_of_none_is_a_page() -> None:
    page = draw_page({**make_fleet(), "applications": []})
    assert "0 applications, none needs attention" in page


def test_dates_are_those_of_the_clock() -> None:
    [time] = _Reader(draw_page()).all("time")
    assert datetime.fromisoformat(str(time["datetime"])) == datetime(
        2026, 11, 1, 6, 30, tzinfo=UTC
    )
