"""How many requests it takes to watch a run, and how soon its end is seen.

``python -m tests.bench.watch_bench`` watches a simulated run of 20 minutes
with 12 jobs on the sandbox, on a virtual clock, and prints what was sent
beside what ``gh run watch`` would send for the same run.

The model of ``gh run watch`` (cli/cli, ``pkg/cmd/run/watch``, late 2024) is
every 3 s the run, its workflow and its jobs, and the annotations of each job
until it has been seen to be over; nothing of it is a conditional request, so
all of it counts against the rate limit. ``base`` leaves the annotations out
but for one request for each job.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.watching import CI, Scene, open_scene

__all__ = ["Measure", "measure"]

_TICK = timedelta(seconds=3)
_STEPS = 9


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What watching took."""

    seconds: float
    """How long the run took."""

    requests: int
    """Requests that were sent."""

    counted: int
    """Those that count against the rate limit: all but the answers 304."""

    late: float
    """Seconds from the end of the run until that was noticed."""

    gh_requests: int
    """What the model of ``gh run watch`` sends, all of which count."""

    gh_base: int
    """The same without annotations of jobs that are running."""

    @property
    def ratio(self) -> float:
        """The share of the lower model that counts here."""
        return self.counted / self.gh_base


def measure(folder: Path, *, has_past: bool = True) -> Measure:
    """Watch a run of 20 minutes.

    Parameters
    ----------
    folder
        An empty directory.
    has_past
        Whether runs of the past had the same jobs.

    Returns
    -------
    Measure
        What it took.
    """
    workflow = {"path": CI, "name": "CI", "jobs": _jobs()}
    with open_scene(
        folder, [workflow], past=[workflow] if has_past else ()
    ) as scene:
        result = scene.watch()
        assert result.exit_status == 0
        run = scene.box.state.runs("rubin-demo/stargazer")[-1]
        end = run.ends_at()
        assert end is not None
        sent = [
            record
            for record in scene.box.state.requests
            if record.path.startswith("/api/")
        ]
        assert not scene.box.state.unknown
        return Measure(
            seconds=(end - run.created_at).total_seconds(),
            requests=len(sent),
            counted=sum(record.status != 304 for record in sent),
            late=(result.at - end).total_seconds(),
            **_model(scene, run),
        )


def _model(scene: Scene, run: Any) -> dict[str, int]:
    """Count what ``gh run watch`` would send for the same run."""
    requests = base = 0
    cached: set[int] = set()
    now = run.created_at
    end = run.ends_at()
    while now < end + _TICK:
        base += 3
        requests += 3
        for job in run.jobs():
            if job.created_at > now or job.id in cached:
                continue
            requests += 1
            if job.status(now) == "completed":
                cached.add(job.id)
        now += _TICK
    return {"gh_requests": requests, "gh_base": base + len(run.jobs())}


def _jobs() -> list[dict[str, Any]]:
    """Make 12 jobs of which some need others; together 20 minutes."""
    jobs = [_job(f"test ({n})", (), 200 + 20 * n) for n in range(4)]
    tests = tuple(job["name"] for job in jobs)
    for kind in ("image", "worker", "docs"):
        for number, platform in enumerate(("linux/amd64", "linux/arm64")):
            name = f"build / {kind} ({platform})"
            jobs.append(_job(name, tests, 400 + 130 * number))
    builds = tuple(job["name"] for job in jobs[4:])
    jobs.append(_job("build / merge", builds, 240))
    jobs.append(_job("announce", ("build / merge",), 130))
    return jobs


def _job(name: str, needs: tuple[str, ...], seconds: float) -> dict[str, Any]:
    names = [f"Step {number}" for number in range(1, _STEPS)]
    each = seconds / _STEPS
    return {
        "name": name,
        "needs": list(needs),
        "queued": 5,
        "steps": [
            {"name": title, "seconds": each}
            for title in [*names, "Complete job"]
        ],
    }


def main() -> int:
    """Print the table; fail if it is worse than was promised."""
    is_good = True
    sys.stdout.write(
        f"{'':24}{'requests':>10}{'counted':>10}{'end seen after':>16}\n"
    )
    for has_past in (True, False):
        with tempfile.TemporaryDirectory() as name:
            found = measure(Path(name), has_past=has_past)
        label = "as in the past" if has_past else "unlike the past"
        sys.stdout.write(
            f"{label:24}{found.requests:>10}{found.counted:>10}"
            f"{found.late:>14.1f} s\n"
        )
        is_good &= found.ratio <= 1 / 20 and found.late <= 5
    for label, sent in (
        ("gh run watch", found.gh_requests),
        ("gh run watch, base", found.gh_base),
    ):
        sys.stdout.write(
            f"{label:24}{sent:>10}{sent:>10}{3.0:>14.1f} s"
            f"   {sent / found.counted:.0f} times as many counted\n"
        )
    sys.stdout.write(f"a run of {found.seconds / 60:.1f} min, 12 jobs\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
