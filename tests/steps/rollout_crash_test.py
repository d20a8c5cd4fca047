"""A roll-out that is killed, or fails, at any call: one sync for each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.config import EnvironmentSetting
from rsp_release.engine.engine import Engine, Mode, Pace
from rsp_release.engine.journal import Journal
from rsp_release.exceptions import ReleaseError
from rsp_release.release.conclusion import drain
from rsp_release.steps.rollout.step import Rollout

from ..support.applications import Clusters, SimulatedArgoCD
from ..support.campaign import FAULTS
from ..support.simulated import Chaos, Crash, Hub, VirtualClock, make_world
from .release import RELEASE

KINDS = (*FAULTS, "read lag")
STEP = Rollout(
    settings=tuple(
        EnvironmentSetting(name, f"https://{name}.example.org")
        for name in ("dev", "prod")
    ),
    order=("dev", "prod"),
    syncs=True,
)


def _roll_out(clusters: Clusters, chaos: Chaos, directory: Path) -> bool:
    """Let one process roll out; return whether all run it in the end."""
    clock = clusters.clock
    world = replace(
        make_world(Hub(clock=clock), Chaos()),
        deploy=None,
        argocd=SimulatedArgoCD(clusters, clock, chaos),
    )
    engine = Engine(
        world=world,
        journal=Journal(directory / "1.2.0.jsonl", fsync=lambda _: None),
        mode=Mode.ACT,
        random=Random(0),
        deadline=clock.now() + timedelta(hours=1),
        pace=Pace(),
    )
    try:
        return drain(engine.run([STEP], RELEASE)).is_done
    except (Crash, KeyboardInterrupt, ReleaseError):
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_every_call_may_fail(kind: str, tmp_path: Path) -> None:
    calm = Chaos()
    clusters = Clusters(clock=VirtualClock())
    assert _roll_out(clusters, calm, tmp_path)
    assert [name for name, writes in calm.calls if writes] == ["sync"] * 2
    for number in range(len(calm.calls)):
        clusters = Clusters(clock=VirtualClock())
        chaos = Chaos(
            lambda n, w, number=number: kind if n == number else None,  # type: ignore[misc]
            lambda: 20.0 if kind == "read lag" else 0.0,
        )
        directory = tmp_path / str(number)
        _roll_out(clusters, chaos, directory)
        # The next one knows the journal alone.
        assert _roll_out(clusters, Chaos(), directory), (kind, number)
        counts = {name: len(done) for name, done in clusters.syncs.items()}
        assert counts == {"dev": 1, "prod": 1}, (kind, number)
        marks = {mark for done in clusters.syncs.values() for mark, _ in done}
        assert marks == {"n 1.2.0"}
