"""How long it takes to look at many environments, and what a long list takes.

``python -m tests.bench.argocd_bench`` asks 24 environments of 200 ms each side
by side; then the same with one that never answers; and then, in a process of
its own, one for a list of 150 applications as large as real ones, whose
server ignores what it is cut down to.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from typing_extensions import override

from rsp_release.engine.look import Look, side_by_side
from rsp_release.exceptions import ReadError
from rsp_release.factory import SystemClock
from rsp_release.models.rollout import Target
from rsp_release.storage.argocd.client import ArgoCDClient
from tests.storage.argocd.applications import make_application
from tests.support.loopback import Loopback
from tests.support.scripted import serve

__all__ = [
    "Slow",
    "main",
    "make_list",
    "measure_list",
    "measure_looks",
    "read_peak",
]

ENVIRONMENTS = 24
DELAY = 0.2
"""Seconds that an environment takes."""

MOST_SECONDS = 2.0
MOST_MIB = 200


class Slow(BaseHTTPRequestHandler):
    """An Argo CD that takes its time."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(DELAY)
        body = json.dumps(self.tell()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def tell(self) -> dict[str, Any]:
        """Return what is answered to the present request."""
        return make_application()

    @override
    def log_message(self, *args: object) -> None:
        pass


def measure_looks(*, is_one_silent: bool) -> list[tuple[str, float]]:
    """Look at all environments; return what became of each, and when."""
    with (
        Loopback(Slow) as server,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        addresses = [f"{server.url}/{n}" for n in range(ENVIRONMENTS)]
        if is_one_silent:
            addresses[3] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        clock = SystemClock()
        look = Look(clock)
        client = ArgoCDClient(environ={}, clock=clock, look=look)
        begun = time.monotonic()

        def read(address: str) -> tuple[str, float]:
            target = Target(
                environment=address.rpartition("/")[2],
                argocd=address,
                application="nublado",
            )
            try:
                client.application(target)
            except ReadError as e:
                return e.message, time.monotonic() - begun
            return "", time.monotonic() - begun

        reads = [partial(read, address) for address in addresses]
        with side_by_side(look, reads) as waits:
            return [wait() for wait in waits]


def make_list(size: int = 20 << 20, count: int = 150) -> bytes:
    """Make a list of applications, about as many bytes as it is told to."""
    chance = random.Random(1)

    def make_many(share: float, make: Callable[[str], Any]) -> list[Any]:
        each = len(json.dumps(make(f"{0:016x}"))) + 2
        number = int(size / count * share / each)
        return [make(f"{chance.getrandbits(64):016x}") for _ in range(number)]

    items = []
    for number in range(count):
        item = make_application(f"app-{number}")
        item["status"]["resources"] = make_many(
            0.5,
            lambda name: {
                "group": "apps",
                "version": "v1",
                "kind": "Deployment",
                "namespace": "a",
                "name": name,
                "status": "Synced",
                "health": {"status": "Healthy"},
            },
        )
        operation = item["status"]["operationState"]
        operation["syncResult"]["resources"] = make_many(
            0.25,
            lambda name: {
                "group": "",
                "version": "v1",
                "kind": "ConfigMap",
                "namespace": "a",
                "name": name,
                "status": "Synced",
                "message": "configmap unchanged",
                "hookPhase": "Running",
                "syncPhase": "Sync",
            },
        )
        # The most values for their size.
        fields = make_many(0.25, lambda name: {f"f:{name}": {}})
        item["metadata"]["managedFields"] = fields
        items.append(item)
    return json.dumps({"metadata": {}, "items": items}).encode()


def measure_list(url: str) -> tuple[int, float, int]:
    """Ask for a list; return how many there were, seconds, and peak MiB."""
    client = ArgoCDClient(environ={}, clock=SystemClock())
    begun = time.monotonic()
    found = client.applications(url, environment="dev")
    return len(found), time.monotonic() - begun, read_peak()


def read_peak() -> int:
    """Return the most memory that this process had, in MiB."""
    # What `getrusage` tells begins with what the parent had.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Print what was measured; return whether a limit was broken."""
    looks = measure_looks(is_one_silent=False)
    last = max(at for _, at in looks)
    _say(f"{len(looks)} environments of {DELAY} s: {last:.2f} s")
    is_good = last < MOST_SECONDS and not any(told for told, _ in looks)
    looks = measure_looks(is_one_silent=True)
    others = max(at for told, at in looks if not told)
    silent = [(told, at) for told, at in looks if told]
    _say(f"one of them silent: the others {others:.2f} s; {silent}")
    is_good &= others < MOST_SECONDS and len(silent) == 1
    body = make_list()
    with serve() as server:
        server.answers["/api/v1/applications"] = [(200, {}, body)]
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            number, seconds, peak = pool.apply(measure_list, (server.url,))
    _say(
        f"a list of {number}, {len(body) >> 20} MiB: {seconds:.2f} s, at most"
        f" {peak} MiB"
    )
    return int(not is_good or number != 150 or peak > MOST_MIB)


if __name__ == "__main__":
    sys.exit(main())
