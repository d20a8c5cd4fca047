"""Values as Helm merges them.

:file:`tests/data/deployment/helm.json` holds small charts with a sub-chart,
made at random, and the tags with which Helm 4.1.4 rendered them
(``helm template``): values, sub-charts by alias, conditions, tags, ``global``,
null. Their templates take an image's tag, else ``global.image.tag`` where the
case says so, else ``appVersion``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rsp_release.deployment.charts import Dependency
from rsp_release.deployment.effective import tags_of
from rsp_release.deployment.layout import Layout
from rsp_release.deployment.values import imports

DATA = Path(__file__).parents[1] / "data" / "deployment" / "helm.json"
CASES: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))

HERE = "applications/a"


def _files(case: dict[str, Any]) -> dict[str, str]:
    template = "{{ .Values.image.tag }}"
    if case["takes_global"]:
        template += "{{ .Values.global.image.tag }}"
    return {
        "environments/values-e.yaml": "name: e\napplications: {a: true}\n",
        f"{HERE}/Chart.yaml": f"appVersion: 7.7.7\n{case['dependencies']}",
        f"{HERE}/values.yaml": case["values"],
        f"{HERE}/values-e.yaml": case["environment"],
        f"{HERE}/templates/t.yaml": template,
        f"{HERE}/charts/sub/Chart.yaml": "appVersion: 8.8.8\n",
        f"{HERE}/charts/sub/values.yaml": case["sub"],
        f"{HERE}/charts/sub/templates/t.yaml": template,
    }


@pytest.mark.parametrize("case", CASES, ids=map(str, range(len(CASES))))
def test_tags_are_those_that_helm_renders(case: dict[str, Any]) -> None:
    files = _files(case)
    found = {}
    for name, where in (("n", HERE), ("sub", f"{HERE}/charts/sub")):
        tags = tags_of(
            Layout(files, files), f"{where}/Chart.yaml", source=f"o/{name}"
        )
        images = [t.tag for t in tags if not t.key.startswith("global.")]
        if tags:
            [found[name]] = set(images or [t.tag for t in tags])
    assert found == case["rendered"]


@pytest.mark.parametrize(
    ("said", "keys", "may"),
    [
        ((), "image.tag", False),
        ((".",), "image.tag", True),
        (("image",), "image.tag", True),
        (("other", "web.image"), "web.image.tag", True),
        (("web.image.tag.x", "web"), "image.tag", False),
    ],
)
def test_a_sub_chart_may_set_what_its_parent_imports(
    said: tuple[str, ...], keys: str, *, may: bool
) -> None:
    part = Dependency(key="redis", imports=said)
    assert imports(part, keys.split(".")) is may
