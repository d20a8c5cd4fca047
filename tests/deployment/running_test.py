"""What runs where, of all applications."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsp_release.deployment.charts import Place
from rsp_release.deployment.effective import EffectiveTag
from rsp_release.deployment.fleet import Application
from rsp_release.deployment.running import InEnvironment, Running, find_running
from rsp_release.models import rollout

TAG = EffectiveTag(
    environment="dev",
    key="appVersion",
    image="ghcr.io/o/n",
    tag="1.5.0",
    place=Place(path="applications/n/Chart.yaml", keys=("appVersion",)),
)
PROD = replace(TAG, environment="prod")
THERE = rollout.Application(
    name="n",
    sync="OutOfSync",
    health="Healthy",
    images=("ghcr.io/o/n:1.4.0", "docker.io/redis:7"),
)
DEV = Running(environment="dev", applications={"n": THERE})


def test_versions_are_those_of_its_images() -> None:
    [found] = find_running("n", "o/n", [TAG], {"dev": DEV})
    assert found == InEnvironment(
        environment="dev",
        versions=("1.4.0",),
        sync="OutOfSync",
        health="Healthy",
    )
    # Where the values name none, the one that is called like its source.
    bare = replace(TAG, image=None)
    [found] = find_running("n", "O/n", [bare], {"dev": DEV})
    assert found.versions == ("1.4.0",)
    # That may run by its digest alone.
    there = replace(THERE, images=("ghcr.io/o/n@sha256:0123456789abcdef",))
    running = {"dev": replace(DEV, applications={"n": there})}
    [found] = find_running("n", "o/n", [bare], running)
    assert found.versions == ("sha256:0123456789ab",)


def test_what_cannot_be_seen_is_told() -> None:
    away = Running(environment="prod", problem="timed out")
    running = {"dev": replace(DEV, applications={}), "prod": away}
    dev, prod = find_running("n", "o/n", [TAG, PROD], running)
    assert (dev.versions, dev.is_seen) == ((), True)
    assert dev.problem == "Argo CD shows no such application"
    assert (prod.problem, prod.is_seen) == ("timed out", False)
    # One that has no address is not asked, and not told.
    assert len(find_running("n", "o/n", [TAG, PROD], {"dev": DEV})) == 1


ONE = InEnvironment(environment="dev", versions=("1.5.0",))
OTHER = InEnvironment(environment="prod", versions=("1.5.0",))


@pytest.mark.parametrize(
    ("running", "told"),
    [
        ((), ""),
        ((ONE, OTHER), "1.5.0"),
        ((ONE, replace(OTHER, versions=("1.4.0",))), "1.5.0 dev, 1.4.0 prod"),
        (
            (replace(ONE, versions=("1.4.0", "1.5.0")), OTHER),
            "1.5.0 dev prod, 1.4.0 dev",
        ),
        ((ONE, replace(OTHER, versions=(), problem="x")), "1.5.0 dev"),
        ((replace(ONE, versions=(), problem="x"),), ""),
    ],
)
def test_column(running: tuple[InEnvironment, ...], told: str) -> None:
    application = Application(
        name="n", path="x", repository="o/n", app_version="1", running=running
    )
    assert application.runs == told
