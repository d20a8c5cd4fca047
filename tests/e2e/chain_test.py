"""Images that another workflow builds than the one a release starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rsp_release.exceptions import ExitStatus
from rsp_release.models import StepEvent
from rsp_release.release.plan import Options

from ..support.chains import IMAGE, chain
from ..support.service import TAG, Service, serve
from ..support.simulated import VirtualClock


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, clock=clock) as service:
        yield service


def _told(service: Service, key: str) -> list[str]:
    return [
        getattr(e.verdict, "reason", "") or getattr(e.verdict, "evidence", "")
        for e in service.events
        if isinstance(e, StepEvent) and e.key == key
    ]


def test_run_that_follows_another(service: Service) -> None:
    chain(service)
    assert service.bump().outcome == "released"
    assert _told(service, "workflow_run") == [
        ("no run of ci.yaml, which starts build.yaml, for the push event yet"),
        "CI succeeded; no run of build.yaml yet",
        "Build succeeded",
    ]
    assert _told(service, "images") == [f"{IMAGE}:{TAG}"]
    pinned = service.make_releaser().find(TAG).publication
    assert pinned
    assert pinned.after
    assert pinned.after.workflow == ".github/workflows/ci.yaml"


@pytest.mark.parametrize("after", [timedelta(minutes=4), None])
def test_image_of_an_unknown_run(
    service: Service, after: timedelta | None
) -> None:
    """The registry has the last word, and no limit makes it a failure."""
    settings = f'workflow = "build.yaml"\nimages = ["{IMAGE}"]\n'
    chain(service, 'schedule:\n    - cron: "0 3 * * *"', settings)
    assert service.clock
    if after is not None:
        service.box.images.publish(
            IMAGE,
            TAG,
            at=service.clock.now() + after,
            platforms=("linux/amd64",),
            attestations=False,
            platform_tags=False,
            labels={},
        )
    result = service.bump(options=Options(checks=False, timeout=360))
    (told, *_) = _told(service, "workflow_run")
    assert told.startswith("cannot tell which run of build.yaml publishes")
    if after is not None:
        assert result.outcome == "released"
        return
    assert result.exit_status is ExitStatus.UNFINISHED
