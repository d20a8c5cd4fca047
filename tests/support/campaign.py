"""Releases in the simulated world: the crash matrix and seeded campaigns.

``python -m tests.support.campaign --seeds 10000`` runs that many releases
with random crashes, faults and lag, each on its own virtual clock.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from rsp_release.engine import Ending, Engine, Mode
from rsp_release.exceptions import ReleaseError
from rsp_release.journal import Journal
from rsp_release.models import Done, Image, Proposal, Publication, Release
from rsp_release.steps import PREPARE, RELEASE

from .simulated import COMMIT, Chaos, Crash, Hub, VirtualClock, make_world

__all__ = ["Outcome", "live_through", "run_process", "run_seed"]

TAG = "1.2.0"
PROPOSAL = Proposal(
    repository="o/n",
    branch="main",
    default_branch="main",
    commit=COMMIT,
    version=TAG,
    tag=TAG,
)
PUBLICATION = Publication(
    workflow=".github/workflows/ci.yaml",
    event="release",
    images=(Image(name="ghcr.io/o/n", tag=TAG, platforms=("linux/amd64",)),),
)
FAULTS = (
    "crash before",
    "crash after",
    "lost answer",
    "outage",
    "rate limit",
    "refusal",
)
EXPECTED_WRITES = {
    f"push refs/tags/{TAG}": 1,
    f"create release {TAG}": 1,
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a release ended, over all its processes."""

    is_done: bool
    processes: int
    hub: Hub

    @property
    def violations(self) -> list[str]:
        """What is not as an undisturbed release would leave it."""
        found = []
        if not self.is_done:
            found.append("it did not finish")
        if dict(self.hub.writes) != EXPECTED_WRITES:
            found.append(f"writes: {dict(self.hub.writes)}")
        if {t: c for t, (c, _) in self.hub.tags.items()} != {TAG: COMMIT}:
            found.append(f"tags: {self.hub.tags}")
        pages = [(p.tag, p.title, p.body) for p, _ in self.hub.pages]
        if pages != [(TAG, TAG, "notes\n")]:
            found.append(f"releases: {pages}")
        return found


def run_process(
    hub: Hub, chaos: Chaos, directory: Path, *, random: Random
) -> bool:
    """Run one process of the program until it ends.

    Parameters
    ----------
    hub
        The world, as earlier processes left it.
    chaos
        What goes wrong.
    directory
        Where the journal is.
    random
        Spreads the waits.

    Returns
    -------
    bool
        Whether the release is complete.

    Raises
    ------
    Crash
        Raised if the process was killed.
    """
    world = make_world(hub, chaos)
    clock = hub.clock

    def fsync(fd: int) -> None:
        with chaos.call("journal", clock):
            pass

    journal = Journal.of_tag(directory, TAG, fsync=fsync)
    engine = Engine(
        world=world,
        journal=journal,
        mode=Mode.ACT,
        random=random,
        deadline=clock.now() + timedelta(hours=3),
    )
    release = journal.release
    if release is None:
        ending = _exhaust(engine.run(PREPARE, PROPOSAL))
        if not all(isinstance(v, Done) for _, v in ending.verdicts):
            return False
        release = Release(
            repository="o/n",
            branch="main",
            version=TAG,
            tag=TAG,
            commit=COMMIT,
            previous_tag="1.1.0",
            notes="notes\n",
            is_prerelease=False,
            is_latest=True,
            publication=PUBLICATION,
            pinned_at=clock.now(),
        )
        journal.pin(release)
    ending = _exhaust(engine.run(RELEASE, release))
    if ending.is_done:
        journal.finish(at=clock.now())
    return ending.is_done


def _exhaust(events: Generator[Event, None, Ending]) -> Ending:
    while True:
        try:
            next(events)
        except StopIteration as e:
            ending: Ending = e.value
            return ending


def live_through(
    chaos: Sequence[Chaos], directory: Path, *, random: Random, hub: Hub
) -> Outcome:
    """Run processes one after another until the release is complete.

    Parameters
    ----------
    chaos
        What goes wrong in each process; after the last, nothing does.
    directory
        Where the journal is.
    random
        Spreads the waits, and tears the journal's last line.
    hub
        The world.

    Returns
    -------
    Outcome
        How it ended.
    """
    processes = 0
    for current in (*chaos, Chaos(), Chaos(), Chaos()):
        processes += 1
        try:
            if run_process(hub, current, directory, random=random):
                return Outcome(is_done=True, processes=processes, hub=hub)
        except Crash:
            if current.calls[-1][0] == "journal":
                _tear(directory, random)
            hub.clock.sleep(random.uniform(0.1, 200.0))
        except ReleaseError:
            hub.clock.sleep(random.uniform(1.0, 200.0))
    return Outcome(is_done=False, processes=processes, hub=hub)


def _tear(directory: Path, random: Random) -> None:
    """Leave of the last line what a power cut might."""
    path = next(directory.glob("*.jsonl"))
    data = path.read_bytes()
    start = data.rstrip(b"\n").rfind(b"\n") + 1
    if random.random() < 0.5:
        path.write_bytes(data[: random.randint(start, len(data))])


def run_seed(seed: int) -> list[str]:
    """Run one seeded release.

    Parameters
    ----------
    seed
        Decides everything that happens.

    Returns
    -------
    list of str
        What went wrong; empty where nothing did.
    """
    random = Random(seed)
    hub = Hub(
        clock=VirtualClock(),
        appears_after=random.choice([0.5, 3.0, 90.0]),
        runs_for=random.choice([1.0, 60.0, 1200.0]),
    )
    rate = random.choice([0.0, 0.02, 0.1, 0.3])
    lag_most = random.choice([0.0, 2.0, 20.0, 45.0])

    def decide(number: int, writes: bool) -> str | None:  # noqa: FBT001
        if random.random() >= rate:
            return None
        return random.choice(FAULTS)

    chaos = [
        Chaos(decide, lambda: random.uniform(0.0, lag_most))
        for _ in range(random.randint(1, 6))
    ]
    with tempfile.TemporaryDirectory() as name:
        outcome = live_through(chaos, Path(name), random=random, hub=hub)
    return [f"seed {seed}: {v}" for v in outcome.violations]


def main() -> int:
    """Run a campaign and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    violations = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(run_seed, seeds, chunksize=100):
            violations += found
    for line in violations[:20]:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(
        f"{options.seeds} releases simulated, {len(violations)} violations\n"
    )
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
