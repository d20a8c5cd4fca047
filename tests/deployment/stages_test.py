"""Where an application runs, and in which order it is rolled out."""

from __future__ import annotations

import pytest

from rsp_release.config import EnvironmentSetting
from rsp_release.deployment.effective import tags_of
from rsp_release.deployment.layout import Layout
from rsp_release.deployment.stages import (
    Stage,
    add_settings,
    find_addresses,
    find_stages,
    select_stages,
    sort_stages,
)
from rsp_release.exceptions import BlockedError, UsageError

CHART = "applications/n/Chart.yaml"
FILES = {
    "environments/values.yaml": "applications: {n: false}\n",
    "environments/values-idfdev.yaml": (
        'name: "idfdev"\nfqdn: "dev.example.org"\napplications: {n: true}\n'
    ),
    "environments/values-off.yaml": (
        "name: off\nfqdn: off.example.org\napplications: {n: false}\n"
    ),
    "environments/values-zoo.yaml": (
        "name: zoo\nfqdn: zoo.example.org\napplications: {n: true}\n"
    ),
    "environments/templates/applications/rsp/n.yaml": "",
    CHART: "name: n\nappVersion: 1.4.0\n",
    "applications/n/values.yaml": "image: {repository: ghcr.io/o/n}\n",
    "applications/n/values-zoo.yaml": "image: {tag: 1.3.0}\n",
}


def _find(changes: dict[str, str] | None = None) -> dict[str, Stage]:
    files = {**FILES, **(changes or {})}
    layout = Layout(files, files)
    tags = {CHART: tags_of(layout, CHART, source="o/n")}
    return {stage.name: stage for stage in find_stages(layout, tags)}


def test_those_that_run_it_are_found() -> None:
    found = _find()
    assert set(found) == {"idfdev", "zoo"}
    target = found["idfdev"].target
    assert target.argocd == "https://dev.example.org/argo-cd"
    assert (target.application, target.project) == ("n", "rsp")
    assert found["idfdev"].is_at("1.4.0")
    assert not found["zoo"].is_at("1.4.0")
    # However it is spelled there.
    assert found["zoo"].is_at("v1.3.0")


@pytest.mark.parametrize(
    ("fqdn", "said"),
    [
        ("", "environments/values-zoo.yaml: no fqdn"),
        ("zoo", "fqdn 'zoo' is no host"),
        ("https://zoo.example.org", "is no host"),
        ("'zoo .example.org'", "is no host"),
        ("zoo.example.org/x", "is no host"),
        ("a@zoo.example.org", "is no host"),
    ],
)
def test_a_host_that_is_none_is_told_of_its_environment_alone(
    fqdn: str, said: str
) -> None:
    path = "environments/values-zoo.yaml"
    text = f"name: zoo\nfqdn: {fqdn}\napplications: {{n: true}}\n"
    found = _find({path: text})
    assert said in str(found["zoo"].problem)
    assert found["zoo"].target.argocd == ""
    assert found["idfdev"].problem is None


def test_values_that_are_no_yaml_are_named() -> None:
    with pytest.raises(BlockedError, match=r"environments/values-zoo\.yaml"):
        _find({"environments/values-zoo.yaml": "a: [\n"})
    with pytest.raises(BlockedError, match=r"applications/n/values-zoo\.yaml"):
        _find({"applications/n/values-zoo.yaml": "a: [\n"})


def test_settings_go_before() -> None:
    stages = _find().values()
    settings = [
        EnvironmentSetting("zoo", "https://argo.example.org/", namespace="x"),
        EnvironmentSetting("off", "https://off.example.org"),
        EnvironmentSetting("new", "https://new.example.org", application="m"),
    ]
    found = {
        stage.name: stage
        for stage in add_settings(
            stages, settings, known=("idfdev", "off", "zoo"), application="n"
        )
    }
    # What the repository switches off is off.
    assert set(found) == {"idfdev", "zoo", "new"}
    assert found["zoo"].target.argocd == "https://argo.example.org"
    assert found["zoo"].target.namespace == "x"
    assert found["zoo"].tags
    assert found["new"].target.application == "m"
    assert found["idfdev"].target.argocd == "https://dev.example.org/argo-cd"


def test_address_in_the_settings_mends_a_host() -> None:
    text = "name: zoo\napplications: {n: true}\n"
    stages = _find({"environments/values-zoo.yaml": text}).values()
    setting = EnvironmentSetting("zoo", "https://z.example.org")
    found = add_settings(stages, [setting], known=("zoo",), application="n")
    assert all(stage.problem is None for stage in found)


def test_order() -> None:
    names = ("zoo", "summit", "idfprod", "base", "ant", "idfdev",
             "tucson-teststand", "idfint")  # fmt: skip
    stages = add_settings(
        (),
        [EnvironmentSetting(n, "https://x.example.org") for n in names],
        known=(),
        application="n",
    )
    assert [stage.name for stage in sort_stages(stages)] == [
        "idfdev", "idfint", "idfprod", "tucson-teststand", "base", "summit",
        "ant", "zoo",
    ]  # fmt: skip
    own = [s.name for s in sort_stages(stages, ("zoo", "idfprod"))]
    assert own[:3] == ["zoo", "idfprod", "ant"]


def test_one_that_does_not_run_it_is_refused() -> None:
    stages = tuple(_find().values())
    assert select_stages(stages, ()) == stages
    assert [s.name for s in select_stages(stages, ("zoo",))] == ["zoo"]
    with pytest.raises(UsageError, match="no environment off") as refused:
        select_stages(stages, ("off",))
    assert refused.value.help == "use one of idfdev, zoo"


def test_addresses_of_a_fleet() -> None:
    layout = Layout(FILES, {**FILES, "environments/values-off.yaml": ""})
    settings = [EnvironmentSetting("zoo", "https://argo.example.org")]
    assert find_addresses(layout.environments or (), settings) == {
        "idfdev": "https://dev.example.org/argo-cd",
        "zoo": "https://argo.example.org",
    }
