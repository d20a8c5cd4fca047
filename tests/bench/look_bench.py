"""How often the world is asked, and how long that takes on a slow network.

``python -m tests.bench.look_bench`` runs each command on the sandbox: a
protected branch, a change log by pull request, a deployment repository and
one image. Every request of the API takes 200 ms more, and every connection of
git 700. What is waited for passes at once, so that the time is the program's
own. ``--before REV`` measures another revision as well, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

from typing_extensions import override

from rsp_sandbox import Sandbox, Scenario
from rsp_sandbox.base import Request, Response
from tests.support.deploying import DEPLOY, add_deployment
from tests.support.faults import Faults
from tests.support.service import NAME, Service, serve

__all__ = ["COMMANDS", "Count", "measure", "open_scene"]

API_DELAY = 0.2
"""Seconds that a request of the API takes."""

GIT_DELAY = 0.7
"""Seconds that a connection of git takes on top of what it does."""

_ROOT = Path(__file__).parents[2]

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


class _SlowNetwork(Faults):
    """Lets everything take its time."""

    @override
    def answer(
        self, box: Sandbox, name: str | None, request: Request
    ) -> Response | None:
        if request.path.endswith("/info/refs"):
            # A connection asks again, with credentials, where it needs some.
            is_first = "authorization" not in request.headers
            time.sleep(GIT_DELAY if is_first else 0)
        elif request.path.startswith("/api"):
            time.sleep(API_DELAY)
        return super().answer(box, name, request)


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
    service.box.faults = _SlowNetwork() if is_slow else Faults()
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
    parser.add_argument("--before", metavar="REV", help="compare with that")
    parser.add_argument("--json", action="store_true", help="for --before")
    parser.add_argument("commands", nargs="*", default=[])
    args = parser.parse_args()
    chosen = [
        label
        for label in COMMANDS
        if not args.commands or label.split()[0] in args.commands
    ]
    if args.json:
        for _, found in _measure_all(chosen):
            print(json.dumps(asdict(found)), flush=True)  # noqa: T201
        return 0
    before = dict(_measure_before(args.before, chosen)) if args.before else {}
    sys.stdout.write(
        f"{'':24}{'requests':>12}{'git':>10}{'processes':>12}{'time':>16}"
        "   goals\n"
    )
    for label, found in _measure_all(chosen):
        _print(label, found, before.get(label))
        for path in found.paths if args.paths else ():
            sys.stdout.write(f"    {path}\n")
    return 0


def _measure_all(labels: Sequence[str]) -> Iterator[tuple[str, Count]]:
    """Measure some commands, one after the other, in one scene."""
    with (
        tempfile.TemporaryDirectory() as name,
        open_scene(Path(name) / "scene") as service,
    ):
        service.run("--version")  # so that what starts commands has begun
        for label in labels:
            yield label, measure(service, COMMANDS[label])


def _measure_before(
    revision: str, labels: Sequence[str]
) -> Iterator[tuple[str, Count]]:
    """Measure another revision, by its own scene and by this bench."""
    git = ("git", "-C", str(_ROOT), "worktree")
    version = Path("src", "rsp_release", "_version.py")
    bench = Path(__file__).relative_to(_ROOT)
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "before"
        add = (*git, "add", "--quiet", "--detach", str(tree), revision)
        subprocess.run(add, check=True)
        try:
            for path in (version, bench):
                shutil.copy(_ROOT / path, tree / path)
            done = subprocess.run(
                [sys.executable, "-m", "tests.bench.look_bench", "--json",
                 *{label.split()[0] for label in labels}],
                cwd=tree, check=True, stdout=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONPATH": str(tree / "src")},
            )  # fmt: skip
        finally:
            remove = (*git, "remove", "--force", str(tree))
            subprocess.run(remove, check=True)
    for label, line in zip(labels, done.stdout.splitlines(), strict=True):
        yield label, Count(**json.loads(line))


def _print(label: str, found: Count, before: Count | None) -> None:
    """Print a line of the table."""
    goal = GOALS.get(label)
    goals = "   {}, {}, {} s".format(*goal) if goal else ""
    columns = [
        (12, found.requests, before and before.requests),
        (10, found.connections, before and before.connections),
        (12, found.commands, before and before.commands),
        (14, f"{found.seconds:.1f}", before and f"{before.seconds:.1f}"),
    ]
    shown = "".join(
        (str(now) if before is None else f"{was} → {now}").rjust(width)
        for width, now, was in columns
    )
    failed = "" if found.status == 0 else f"  exit {found.status}"
    sys.stdout.write(f"{label:24}{shown} s{goals}{failed}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
