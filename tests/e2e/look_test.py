"""How often the world is asked: counted, not timed. See ``look_bench``."""

from __future__ import annotations

from pathlib import Path

from ..bench.look_bench import COMMANDS, measure, open_scene

_MOST = {
    "check": (19, 2),
    "bump minor --dry-run": (25, 2),
    # Each look that GitHub makes us wait for takes seven requests more.
    "bump minor --yes": (85, 14),
    "status": (10, 1),
}
"""Requests to GitHub's API, and connections of git, at most."""


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
