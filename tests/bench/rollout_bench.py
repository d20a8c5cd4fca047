"""How long the table of a roll-out takes, and what a fleet's lists take.

``python -m tests.bench.rollout_bench`` looks at 24 environments of 200 ms for
each request, all of which wait for a sync; then the same with one that never
answers; and then, in a process of its own, asks all of them what runs there,
with 150 applications in each. (What a list of 20 MiB takes, which is not cut
down to what is asked for, `tests.bench.argocd_bench` measures.)
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from typing_extensions import override

from rsp_release.config import EnvironmentSetting
from rsp_release.deployment.running import read_running
from rsp_release.engine.look import Look
from rsp_release.factory import SystemClock
from rsp_release.models.standing import Standing
from rsp_release.steps.rollout.step import Rollout
from rsp_release.storage.argocd.client import ArgoCDClient
from tests.steps.release import RELEASE
from tests.storage.argocd.applications import make_application
from tests.support.loopback import Loopback
from tests.support.scripted import serve
from tests.support.simulated import Chaos, Hub, VirtualClock, make_world

from .argocd_bench import (
    ENVIRONMENTS,
    MOST_MIB,
    MOST_SECONDS,
    Slow,
    make_list,
    read_peak,
)

__all__ = ["main", "measure_lists", "measure_table"]

PATIENCE = 12.0
"""Seconds that the table takes at most where an environment is silent."""


class _ToSync(Slow):
    """An Argo CD that takes its time, with an application to sync."""

    @override
    def tell(self) -> dict[str, Any]:
        if self.path.partition("?")[0].endswith("/syncwindows"):
            return {"canSync": True}
        told = make_application("n")
        told["status"]["sync"]["status"] = "OutOfSync"
        told["status"]["health"] = {"status": "Healthy"}
        # What was synced before, or failed to be, waits for something else.
        del told["status"]["operationState"], told["status"]["history"]
        return told


def measure_table(
    *, is_one_silent: bool
) -> tuple[tuple[Standing, ...], float]:
    """Look at all environments; return the table, and how long it took."""
    with ExitStack() as stack:
        server = stack.enter_context(Loopback(_ToSync))
        # All come at once; who finds no room begins again a second later.
        server.server.socket.listen(ENVIRONMENTS)
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        addresses = [f"{server.url}/{n}" for n in range(ENVIRONMENTS)]
        if is_one_silent:
            addresses[3] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        clock = SystemClock()
        look = Look(clock)
        world = replace(
            make_world(Hub(clock=VirtualClock()), Chaos()),
            deploy=None,
            look=look,
            argocd=ArgoCDClient(environ={}, clock=clock, look=look),
        )
        step = Rollout(
            settings=tuple(
                EnvironmentSetting(f"e{number:02}", address)
                for number, address in enumerate(addresses)
            )
        )
        begun = time.monotonic()
        standings = step.judge(step.observe(RELEASE, world))
        return standings, time.monotonic() - begun


def measure_lists(url: str) -> tuple[int, float, int]:
    """Ask all what runs there; return how much, seconds, and peak MiB."""
    clock = SystemClock()
    look = Look(clock)
    client = ArgoCDClient(environ={}, clock=clock, look=look)
    begun = time.monotonic()
    addresses = {f"e{n}": f"{url}/{n}" for n in range(ENVIRONMENTS)}
    found = read_running(client, addresses, look)
    seconds = time.monotonic() - begun
    count = sum(len(each.applications) for each in found.values())
    return count, seconds, read_peak()


def main() -> int:
    """Print what was measured; return whether a limit was broken."""
    table, seconds = measure_table(is_one_silent=False)
    sys.stdout.write(f"{len(table)} environments: {seconds:.2f} s\n")
    is_good = seconds < MOST_SECONDS and {s.state for s in table} == {"sync"}
    table, seconds = measure_table(is_one_silent=True)
    states = [standing.state for standing in table]
    sys.stdout.write(f"one of them silent: {seconds:.2f} s\n")
    is_good &= seconds < PATIENCE and states.count("unknown") == 1
    is_good &= states.count("sync") == ENVIRONMENTS - 1
    body = make_list(1 << 20)
    with serve() as server:
        for number in range(ENVIRONMENTS):
            path = f"/{number}/api/v1/applications"
            server.answers[path] = [(200, {}, body)]
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            count, seconds, peak = pool.apply(measure_lists, (server.url,))
    sys.stdout.write(
        f"{ENVIRONMENTS} lists of {len(body) >> 20} MiB: {count}"
        f" applications, {seconds:.1f} s, at most {peak} MiB\n"
    )
    is_good &= count == 150 * ENVIRONMENTS
    is_good &= seconds < PATIENCE and peak <= MOST_MIB
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
