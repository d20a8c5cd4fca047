"""How often the world is asked: counted, not timed. See ``look_bench``."""

from __future__ import annotations

import json
import time
from pathlib import Path

from typing_extensions import override

from rsp_sandbox import Sandbox
from rsp_sandbox.base import Request, Response

from ..bench.look_bench import COMMANDS, measure, open_scene
from ..support.deploying import DEPLOY
from ..support.faults import Faults
from ..support.service import Service

_MOST = {
    "check": (16, 1),
    "bump minor --dry-run": (20, 1),
    # 43, and one or two more for each look that GitHub makes us wait for: on a
    # slow machine there are some.
    "bump minor --yes": (58, 5),
    # Whether the deployment repository names environments tells its tree.
    "status": (6, 1),
}
"""Requests to GitHub's API, and connections of git, at most."""


class _Unhurried(Faults):
    """Takes so long for an answer that others are asked for meanwhile."""

    @override
    def answer(
        self, box: Sandbox, name: str | None, request: Request
    ) -> Response | None:
        if request.path.startswith("/api"):
            time.sleep(0.05)
        return super().answer(box, name, request)


def _slow_down(service: Service, *paths: str) -> None:
    """Let GitHub say once of each that too much is asked of it at once."""
    for path in ("/immutable-releases$", *paths):
        service.box.faults.when("GET", path, "rate_limit_secondary_429_retry")


def test_what_is_too_much_at_once_is_asked_one_by_one(tmp_path: Path) -> None:
    with open_scene(tmp_path / "scene") as service:
        service.box.faults = _Unhurried()
        _slow_down(service, "/rules/branches/", "/rulesets")
        done = service.run("check", "--all")
        assert done.returncode == 0, done.stdout
        assert "one thing after the other" in done.stderr
        assert "not checked: GitHub" not in done.stdout
        service.box.faults.clear()
        _slow_down(service)
        # What cannot be looked at keeps nothing else from being shown.
        for path in ("/graphql", f"/{DEPLOY}/pulls"):
            service.box.faults.when("*", path, "error_500", times=None)
        done = service.run("bump", "minor", "--dry-run", "--json")
        assert done.returncode == 1, done.stdout
        told = [json.loads(line) for line in done.stdout.splitlines()]
        shown = [each["key"] for each in told if each["event"] == "step"]
        assert shown == [
            "preflight", "changelog", "tag", "github_release",
            "workflow_run", "images",
        ]  # fmt: skip
        notes = [e["text"] for e in told if e["event"] == "notice"]
        assert "one thing after the other" in notes[0]
        assert notes[1:] == ["not checked: Deployment"], told


def test_nothing_is_asked_twice_at_one_moment(tmp_path: Path) -> None:
    with open_scene(tmp_path / "scene") as service:
        for label, (requests, connections) in _MOST.items():
            found = measure(service, COMMANDS[label], is_slow=False)
            told = (label, *found.paths)
            assert found.status == 0, told
            assert found.requests <= requests, told
            assert found.connections <= connections, told
            if label != "bump minor --yes":
                # Neither do those who look side by side, without a write.
                asked = [p for p in found.paths if " /api" in p]
                gets = [p for p in asked if p.startswith("GET")]
                assert len(gets) == len(set(gets)), told
