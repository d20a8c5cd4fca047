"""What the paths of a deployment repository say."""

from __future__ import annotations

import pytest

from rsp_release.deployment.layout import application_of


@pytest.mark.parametrize(
    ("chart", "name"),
    [
        ("applications/n/Chart.yaml", "n"),
        ("applications/n/charts/sub/Chart.yaml", "n"),
        ("Chart.yaml", ""),
    ],
)
def test_applications_are_called_like_their_directory(
    chart: str, name: str
) -> None:
    assert application_of(chart) == name
