"""How often the world is asked, and how long that takes on a slow network.

``python -m tests.bench.look_bench`` runs each command on the sandbox: a
protected branch, a change log by pull request, a deployment repository and
one image. Every request of the API takes 200 ms, and every connection of git
another 700 ms. What is waited for passes at once, so that the time is the
program's own. With another version's ``src`` in ``PYTHONPATH`` it measures
that.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from rsp_sandbox import Scenario
from tests.support.deploying import DEPLOY, add_deployment
from tests.support.service import NAME, Service, serve

__all__ = ["COMMANDS", "Count", "measure", "open_scene"]

API_DELAY = 0.2
"""Seconds that a request of the API takes."""

GIT_DELAY = 0.7
"""Seconds that a connection of git takes on top of what it does."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "next": ("next",),
    "check": ("check",),
    "bump minor --dry-run": ("bump", "minor", "--dry-run"),
    "bump minor --yes": ("bump", "minor", "--yes"),
    "status": ("status", "1.5.0"),
    "fleet": ("fleet",),
}

GOALS: dict[str, tuple[int, int, float]] = {
    "next": (0, 0, 1.0),
    "check": (20, 1, 1.5),
    "bump minor --dry-run": (25, 1, 2.5),
    "bump minor --yes": (45, 5, 8.0),
    "status": (6, 1, 1.2),
}
"""Requests, connections of git and seconds, at most."""

_REMOTE = {"ls-remote", "fetch", "push", "remote-http", "remote-https"}
"""Commands of git that connect."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """What a command took."""

    status: int
    """Its exit status."""

    seconds: float
    """How long it took."""

    requests: int
    """Requests to GitHub's API."""

    connections: int
    """Connections of git."""

    commands: int
    """Processes of git."""

    paths: tuple[str, ...]
    """What was asked, in order."""


@contextmanager
def open_scene(folder: Path) -> Iterator[Service]:
    """Serve what is released, protected and deployed."""
    scenario = Scenario(speed=20, appear_after=0.1)
    with serve(folder, scenario=scenario) as service:
        add_deployment(service)
        (service.clone / ".rsp-release.toml").write_text(
            '[pull-request]\nauto-merge = "squash"\n'
            f'[deploy]\nrepository = "{DEPLOY}"\n',
            encoding="utf-8",
        )
        service.git("add", "--all")
        service.git("commit", "--quiet", "-m", "build: settings")
        service.git("push", "--quiet", "origin", "HEAD")
        service.box.project(NAME).allow_auto_merge = True
        service.box.protect(NAME, "main", checks=("test",))
        yield service


def measure(
    service: Service, command: Sequence[str], *, is_slow: bool = True
) -> Count:
    """Run a command, and count what it takes.

    Parameters
    ----------
    service
        The service; it is left as the command leaves it.
    command
        The command's arguments.
    is_slow
        Whether the network is.
    """
    service.box.faults.clear()
    if is_slow:
        service.box.faults.slow_seconds = API_DELAY
        service.box.faults.when("*", "^/api", "slow", times=None)
        service.box.faults.when("*", "info/refs", "slow", times=None)
    trace = service.clone.parent / "trace"
    trace.unlink(missing_ok=True)
    before = len(service.box.state.requests)
    began = time.perf_counter()
    result = service.run(*command, GIT_TRACE2_EVENT=str(trace))
    seconds = time.perf_counter() - began
    records = service.box.state.requests[before:]
    paths = [f"{r.method} {r.path}{_tell(r.query)}" for r in records]
    api = [p for p in paths if " /api" in p]
    lines = trace.read_text().splitlines() if trace.exists() else []
    started = [json.loads(ln) for ln in lines if '"event":"start"' in ln]
    started = [each for each in started if "/" not in each["sid"]]
    connections = sum(bool(_REMOTE & set(e["argv"])) for e in started)
    if is_slow:
        asked = sum("info/refs" in p for p in paths)
        seconds += connections * GIT_DELAY - asked * API_DELAY
    return Count(
        status=result.returncode,
        seconds=seconds,
        requests=len(api),
        connections=connections,
        commands=len(started),
        paths=tuple(paths),
    )


def _tell(query: dict[str, str]) -> str:
    return f"?{urlencode(query)}" if query else ""


def main() -> int:
    """Print the table, and beside it the goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", action="store_true", help="what was asked")
    parser.add_argument("commands", nargs="*", default=[])
    args = parser.parse_args()
    sys.stdout.write(
        f"{'':24}{'requests':>10}{'git':>6}{'processes':>11}{'time':>9}"
        "   goals\n"
    )
    with (
        tempfile.TemporaryDirectory() as name,
        open_scene(Path(name) / "scene") as service,
    ):
        service.run("--version")  # so that what starts commands has begun
        for label, command in COMMANDS.items():
            if args.commands and label.split()[0] not in args.commands:
                continue
            found = measure(service, command)
            goal = GOALS.get(label)
            goals = "   {}, {}, {} s".format(*goal) if goal else ""
            sys.stdout.write(
                f"{label:24}{found.requests:>10}{found.connections:>6}"
                f"{found.commands:>11}{found.seconds:>7.1f} s{goals}"
                f"{'' if found.status == 0 else f'  exit {found.status}'}\n"
            )
            if args.paths:
                for path in found.paths:
                    sys.stdout.write(f"    {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
