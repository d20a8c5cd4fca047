"""Against the sandbox, which holds all that is said against the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from rsp_release.exceptions import (
    NotAllowedError,
    ReadError,
    RefusedError,
    UncertainError,
)
from rsp_release.models import SyncApplication
from rsp_release.models.rollout import Application, Target
from rsp_release.storage.argocd.client import ArgoCDClient
from rsp_sandbox import RolloutScript, SyncWindow, Trouble, seed
from tests.rsp_sandbox.argocd_test import DEPLOY, FILES, bump
from tests.support.box import Sandbox
from tests.support.sandbox import ManualClock


class Environment:
    """An environment with one application, and a client of its Argo CD."""

    def __init__(self, box: Sandbox, clock: ManualClock) -> None:
        self.box, self.clock = box, clock
        self.app = box.argocd.add(
            "dev", "stargazer", DEPLOY, project="rsp", now=clock.now()
        )
        self.target = Target(
            environment="dev",
            argocd=f"{box.url}/argocd/dev",
            application="stargazer",
            project="rsp",
        )
        self.client = self.make(box.argocd.token)

    def make(self, token: str) -> ArgoCDClient:
        environ = {"ARGOCD_AUTH_TOKEN_DEV": token}
        return ArgoCDClient(environ=environ, clock=self.clock)

    def look(self, *, refresh: bool = False) -> Application:
        found = self.client.application(self.target, refresh=refresh)
        assert found is not None
        return found

    def sync(self) -> None:
        write = SyncApplication(target=self.target, marker="1.5.0 x")
        self.client.sync(write)


@pytest.fixture
def dev() -> Iterator[Environment]:
    clock = ManualClock()
    box = Sandbox(clock=clock)
    with box:
        seed.deployment(box, DEPLOY, FILES)
        yield Environment(box, clock)


def test_from_a_merge_to_healthy(dev: Environment) -> None:
    before = dev.look()
    assert (before.sync, before.health) == ("Synced", "Healthy")
    assert before.images == ("ghcr.io/rubin-demo/stargazer:1.4.0",)
    commit = bump(dev.box)
    merged = dev.look(refresh=True)
    assert (merged.sync, merged.revisions) == ("OutOfSync", (commit,))
    assert [r.kind for r in merged.out_of_sync] == ["Deployment"]
    dev.sync()
    asked = dev.look().operation
    assert asked is not None
    assert (asked.phase, asked.is_running) == ("", True)
    assert asked.marker == "1.5.0 x"
    with pytest.raises(RefusedError) as caught:
        dev.sync()
    assert caught.value.is_duplicate
    dev.clock.sleep(60)
    after = dev.look()
    assert (after.sync, after.health) == ("Synced", "Healthy")
    assert after.images == ("ghcr.io/rubin-demo/stargazer:1.5.0",)
    assert after.operation is not None
    assert after.operation.revisions == (commit,)
    assert after.operation.marker == "1.5.0 x"
    assert [past.revisions for past in after.history][-1] == (commit,)
    assert dev.client.unhealthy(dev.target) == ()
    listed = dev.client.applications(dev.target.argocd, environment="dev")
    assert listed["stargazer"].images == after.images
    assert listed["stargazer"].revisions == after.revisions


def test_reasons(dev: Environment) -> None:
    dev.app.script = RolloutScript(hook="backoff limit exceeded")
    bump(dev.box)
    dev.sync()
    dev.clock.sleep(60)
    failed = dev.look().operation
    assert failed is not None
    assert failed.phase == "Failed"
    assert [r.message for r in failed.failed] == ["backoff limit exceeded"]
    dev.app.script = RolloutScript(trouble=Trouble(message="Back-off"))
    dev.sync()
    dev.clock.sleep(600)
    assert dev.look().health == "Degraded"
    assert any(
        "Back-off" in resource.message
        for resource in dev.client.unhealthy(dev.target)
    )


def test_window_and_its_end(dev: Environment) -> None:
    ends = dev.clock.now() + timedelta(hours=2)
    window = SyncWindow(begins=dev.clock.now(), ends=ends)
    dev.app.script = RolloutScript(windows=(window,))
    with pytest.raises(RefusedError, match="a sync window keeps stargazer"):
        dev.sync()
    [found] = dev.client.windows(dev.target)
    assert (found.kind, found.until) == ("deny", ends)
    dev.app.script = RolloutScript(windows=(replace(window, kind="allow"),))
    assert dev.client.windows(dev.target) == ()


def test_who_may(dev: Environment) -> None:
    ends = dev.clock.now() + timedelta(hours=1)
    dev.client = dev.make(dev.box.argocd.make_token(expires=ends))
    dev.look()
    dev.clock.sleep(3600)
    with pytest.raises(NotAllowedError, match="expired on"):
        dev.look()
    dev.client = dev.make("no-token-at-all")
    with pytest.raises(NotAllowedError, match="does not accept the token"):
        dev.look()
    dev.client = dev.make(dev.box.argocd.token)
    dev.app.script = RolloutScript(denied=frozenset({"sync"}))
    with pytest.raises(NotAllowedError, match="you may not sync stargazer"):
        dev.sync()
    other = replace(dev.target, application="other")
    assert dev.client.application(other) is None
    with pytest.raises(NotAllowedError, match="it is not there, or you may"):
        dev.client.application(replace(other, project=None))


def test_faults(dev: Environment) -> None:
    dev.box.faults.when("GET", "/applications", "bad_gateway_before")
    dev.look()
    dev.app.script = RolloutScript(refreshes=False)
    with pytest.raises(ReadError, match="refresh deadline exceeded"):
        dev.look(refresh=True)
    dev.box.faults.when("POST", "/sync$", "reset_after")
    bump(dev.box)
    with pytest.raises(UncertainError):
        dev.sync()
    found = dev.look().operation
    assert found is not None
    assert found.marker == "1.5.0 x"
