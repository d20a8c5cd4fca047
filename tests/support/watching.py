"""Runs of a made-up service on the sandbox, watched on one virtual clock."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rsp_release.config import load_config
from rsp_release.factory import Factory
from rsp_release.models import Event, Result, StepEvent, Verdict
from rsp_release.release.plan import Options
from rsp_release.release.watcher import Watcher
from rsp_release.steps.workflow_run import PublishingRun
from rsp_release.views.json import JsonView
from rsp_sandbox import Scenario, seed

from .box import Sandbox
from .sandbox import Client

__all__ = ["CI", "NAME", "TAG", "Scene", "SharedClock", "open_scene"]

NAME = "rubin-demo/stargazer"
TAG = "1.5.0"
CI = ".github/workflows/ci.yaml"


class SharedClock:
    """A clock that moves when the program sleeps, for it and the sandbox."""

    def __init__(self, start: datetime | None = None) -> None:
        self.moment = start or datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        self.slept = 0.0
        self.alarms: list[tuple[datetime, Any]] = []

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        end = self.moment + timedelta(seconds=max(seconds, 0.0))
        due = [each for each in self.alarms if each[0] <= end]
        for alarm in sorted(due, key=lambda each: each[0]):
            self.alarms.remove(alarm)
            self.moment = max(self.moment, alarm[0])
            alarm[1]()
        self.moment = max(self.moment, end)

    def at(self, seconds: float, action: Any) -> None:
        """Do something once so many seconds from now have passed."""
        self.alarms.append((self.moment + timedelta(seconds=seconds), action))


@dataclass
class Scene:
    """A sandbox with a release whose run can be watched."""

    box: Sandbox
    clock: SharedClock
    client: Client
    folder: Path
    environ: dict[str, str]
    events: list[Event] = field(default_factory=list)
    json: list[dict[str, Any]] = field(default_factory=list)

    def release(self, tag: str = TAG) -> None:
        """Publish a release by hand, which begins the run."""
        answer = self.client.post(
            f"/repos/{NAME}/releases",
            {"tag_name": tag, "target_commitish": "main", "name": tag},
        )
        assert answer.status == 201, answer.body

    @property
    def run_id(self) -> int:
        """The newest run's number."""
        return self.box.state.runs(NAME)[-1].id

    def make_watcher(self, timeout: float = 7200.0) -> Watcher:
        """Make a watcher of a process of its own, without a clone."""
        factory = Factory(
            directory=self.folder,
            remote="origin",
            config=load_config(
                self.folder,
                environ=self.environ,
                overrides={"repository": NAME},
            ),
            environ=self.environ,
            clock=self.clock,
            random=Random(0),
        )
        return factory.make_watcher(Options(timeout=timeout))

    def watch(
        self,
        tag: str | None = TAG,
        number: int | None = None,
        *,
        reruns: int = 0,
        approves: bool = False,
        timeout: float = 7200.0,
        watcher: Watcher | None = None,
    ) -> Result:
        """Watch until the end; keep events and JSON."""
        watcher = watcher or self.make_watcher(timeout)
        release = watcher.find(tag, number)
        step = PublishingRun(number, reruns=reruns, approves=approves)
        out = io.StringIO()
        self.events = []
        with JsonView(
            steps=[(step.key, step.title)],
            stdout=out,
            stderr=io.StringIO(),
        ) as view:
            for event in watcher.watch(release, step):
                self.events.append(event)
                view.show(event)
        self.json = [json.loads(s) for s in out.getvalue().splitlines()]
        result = self.events[-1]
        assert isinstance(result, Result)
        return result

    @property
    def verdicts(self) -> list[Verdict]:
        """What the step decided, look by look."""
        return [e.verdict for e in self.events if isinstance(e, StepEvent)]

    @property
    def words(self) -> str:
        """Everything that the step told."""
        return "\n".join(
            event["text"] for event in self.json if event["event"] == "step"
        )


@contextmanager
def open_scene(
    folder: Path,
    workflows: Sequence[dict[str, Any]] = (),
    *,
    past: Sequence[dict[str, Any]] | None = None,
    releases: bool = True,
    start: datetime | None = None,
    **scenario: Any,
) -> Iterator[Scene]:
    """Open a sandbox on which a release was published by hand.

    Parameters
    ----------
    folder
        A directory of the test's own; no clone is in it.
    workflows
        What the workflows do from now on, as in a scenario's file.
    past
        What they did in the past; as from now on by default.
    releases
        Whether the release is published at once.
    start
        When it begins.
    **scenario
        What else the scenario's file says.
    """
    clock = SharedClock(start)
    with ExitStack() as stack:
        box = Sandbox(
            Scenario.read(
                {"workflows": list(workflows if past is None else past)}
            ),
            clock=clock,
        )
        seed.demo(box)
        stack.enter_context(box)
        box.scenario = Scenario.read(
            {"workflows": list(workflows), **scenario}
        )
        client = stack.enter_context(Client(box))
        scene = Scene(
            box=box,
            clock=clock,
            client=client,
            folder=folder,
            environ={
                **box.environment(),
                "HOME": str(folder),
                "XDG_STATE_HOME": str(folder / "state"),
                "PATH": "",
            },
        )
        if releases:
            scene.release()
        box.state.requests.clear()
        yield scene
