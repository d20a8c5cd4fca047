"""What each environment runs, on a Phalanx made of every shape."""

from __future__ import annotations

import pytest

from rsp_release.deployment.effective import (
    find_image_names,
    find_pins,
    tags_of,
)
from rsp_release.deployment.fleet import Application, find_applications
from rsp_release.deployment.fleet_reader import add_tags
from rsp_release.deployment.layout import Layout
from rsp_release.exceptions import BlockedError

from ..support.deploys import SimulatedDeploy
from ..support.phalanx import ROWS, make_phalanx
from ..support.simulated import Chaos, Hub, VirtualClock

CHART = "applications/{}/Chart.yaml"


def _rows(files: dict[str, str]) -> dict[str, Application]:
    hub = Hub(clock=VirtualClock())
    since, _ = hub.charts.branches["main"]
    hub.charts.branches["main"] = since, files
    deploy = SimulatedDeploy(hub, hub.clock, Chaos())
    charts = {p: t for p, t in files.items() if p.endswith("Chart.yaml")}
    found = find_applications(charts, host="example.org")
    return {a.label: a for a in add_tags(deploy, "main", found)}


def _layout(files: dict[str, str]) -> Layout:
    return Layout(paths=frozenset(files), texts=files)


def test_every_shape_is_told_right() -> None:
    rows = _rows(dict(make_phalanx()))
    assert {name: row.shown for name, row in rows.items()} == ROWS


def test_an_alias_names_the_values_of_its_sub_chart() -> None:
    tags = _rows(dict(make_phalanx()))["parent"].tags
    assert {(t.environment, t.key, t.tag, str(t.place)) for t in tags} == {
        (
            "cm",
            "one.image.tag",
            "v2.6.11",
            "applications/parent/values-cm.yaml#one.image.tag",
        ),
        (
            "cm-dev",
            "one.image.tag",
            "2.0.0",
            "charts/s/Chart.yaml#appVersion",
        ),
        (
            "cm-dev",
            "two.image.tag",
            "deploy",
            "applications/parent/values-cm-dev.yaml#two.image.tag",
        ),
        ("prod", "one.image.tag", "2.0.0", "charts/s/Chart.yaml#appVersion"),
    }


def test_broken_values_spoil_their_own_row_alone() -> None:
    files = dict(make_phalanx())
    files["applications/differs/values-cm.yaml"] = "a: [\n"
    rows = _rows(files)
    said = rows.pop("differs").problem
    assert said is not None
    assert said.startswith(
        "applications/differs/values-cm.yaml: it is no valid YAML in line"
    )
    assert all(row.problem is None for row in rows.values())
    assert rows["below"].shown == "0.7.0"


def test_many_environments_are_counted() -> None:
    files = dict(make_phalanx())
    for name in ("a", "b"):
        files[f"environments/values-{name}.yaml"] = (
            f"name: {name}\napplications: {{partly: true}}\n"
        )
    shown = _rows(files)["partly"].shown
    assert shown == "0.1.0 4 environments, tickets-DM-1 cm-dev"


def test_without_environments_values_beside_the_chart_count() -> None:
    files = {
        path: text
        for path, text in make_phalanx().items()
        if not path.startswith("environments/")
    }
    tags = tags_of(_layout(files), CHART.format("partly"), source="o/n")
    assert [(t.environment, t.tag) for t in tags] == [
        ("", "0.1.0"),
        ("cm-dev", "tickets-DM-1"),
        ("off", "9.9.9"),
    ]


def test_a_merge_that_leads_to_itself_ends() -> None:
    files = {
        "applications/n/Chart.yaml": "appVersion: 1.0.0\n",
        "applications/n/values.yaml": "image: &a\n  <<: *a\n  tag: ''\n",
    }
    [tag] = tags_of(_layout(files), CHART.format("n"), source="o/n")
    assert tag.tag == "1.0.0"


def test_pins_of_an_environment() -> None:
    tags = _rows(dict(make_phalanx()))["differs"].tags
    [place] = find_pins(tags, ["cm-dev"], tag="0.7.0")
    assert str(place) == "applications/differs/values-cm-dev.yaml#image.tag"


@pytest.mark.parametrize(
    ("name", "environment", "said"),
    [
        ("differs", "off", "no environment off runs the application"),
        ("partly", "cm", "cm pins no tag: it follows appVersion"),
        (
            "everywhere",
            "cm",
            "values.yaml#image.tag is also the tag of cm-dev",
        ),
    ],
)
def test_pins_that_cannot_be_moved(
    name: str, environment: str, said: str
) -> None:
    tags = _rows(dict(make_phalanx()))[name].tags
    with pytest.raises(BlockedError, match=said):
        find_pins(tags, [environment], tag="0.7.0")


def test_a_pin_of_all_that_have_no_name_is_moved_by_its_own() -> None:
    files = {
        "applications/n/Chart.yaml": "appVersion: 1.0.0\n",
        "applications/n/values.yaml": "image: {tag: 0.1.0}\n",
        "applications/n/values-idfdev.yaml": "x: 1\n",
    }
    tags = tags_of(_layout(files), CHART.format("n"), source="o/n")
    with pytest.raises(BlockedError, match="the tag of all other env") as e:
        find_pins(tags, ["idfdev"], tag="0.7.0")
    assert '"applications/n/values.yaml#image.tag"' in str(e.value.help)


def test_a_shared_pin_moves_with_all_of_its_environments() -> None:
    tags = _rows(dict(make_phalanx()))["everywhere"].tags
    [place] = find_pins(tags, ["cm", "cm-dev", "prod"], tag="0.7.0")
    assert place.path == "applications/everywhere/values.yaml"


def test_image_names() -> None:
    names = find_image_names(
        "image:\n  repository: ghcr.io/a/b\n  tag: ''\n"
        "web:\n  frontImage:\n    registry: quay.io\n"
        "    repository: c/d\n    tag: 1.0\n"
        "config:\n  repository: not/an/image\n"
        "images:\n- {repository: x/y, tag: z}\n"
    )
    assert names == {"ghcr.io/a/b", "quay.io/c/d", "x/y"}
