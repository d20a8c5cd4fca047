"""The engine: the crash matrix, and the rules that make it safe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Barrier

import pytest
from typing_extensions import override

from rsp_release.engine.engine import Ending, Engine, Mode, Pace
from rsp_release.engine.journal import Journal
from rsp_release.engine.look import Look
from rsp_release.engine.world import Step, World
from rsp_release.exceptions import (
    ExitStatus,
    NotAllowedError,
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    ReleaseError,
    UncertainError,
)
from rsp_release.models import (
    Blocked,
    Change,
    Done,
    Event,
    Notice,
    PushTag,
    StepEvent,
    Verdict,
    Wait,
)

from ..support.campaign import CALM, FAULTS, TAG, live_through
from ..support.simulated import Chaos, Hub, VirtualClock, make_world

KINDS = (*FAULTS, "read lag")


def _undisturbed(directory: Path) -> tuple[Chaos, object]:
    hub = Hub(clock=VirtualClock())
    chaos = Chaos()
    outcome = live_through([chaos], directory, random=Random(0), hub=hub)
    assert outcome.violations == []
    assert outcome.processes == 1
    return chaos, hub.summary()


def test_advice_that_leads_too_far_is_a_violation(tmp_path: Path) -> None:
    outcome = live_through(
        [Chaos()], tmp_path, random=Random(0), hub=Hub(clock=VirtualClock())
    )
    assert outcome.calm == 1
    assert replace(outcome, calm=CALM).violations == []
    found = replace(outcome, calm=CALM + 1).violations
    assert found == [f"it took {CALM + 1} commands"]


def test_crash_matrix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every boundary of every step, and every way to fail there."""
    undisturbed, expected = _undisturbed(tmp_path / "undisturbed")
    survived, failed = 0, []
    for number, (name, _) in enumerate(undisturbed.calls):
        for kind in KINDS:
            directory = tmp_path / f"{number}-{kind}"
            hub = Hub(clock=VirtualClock())
            chaos = Chaos(
                lambda n, w, number=number, kind=kind: (  # type: ignore[misc]
                    kind if n == number else None
                ),
                lambda kind=kind: 20.0 if kind == "read lag" else 0.0,  # type: ignore[misc]
            )
            outcome = live_through(
                [chaos], directory, random=Random(number), hub=hub
            )
            if outcome.violations or hub.summary() != expected:
                failed.append((name, kind, outcome.violations))
            else:
                survived += 1
    total = len(undisturbed.calls) * len(KINDS)
    with capsys.disabled():
        print(f"\n{survived} survived of {total}", end=" ")  # noqa: T201
    assert failed == []
    assert survived == total
    # Every write, and every step, were among the boundaries.
    names = {name for name, _ in undisturbed.calls}
    assert names >= {
        "push_branch",
        "open_pull",
        "push_files",
        "open deployment",
        "label deployment",
        "edit_pull",
        "push_tag",
        "create_release",
        "runs",
        "look",
        "repository",
        "journal",
    }


def _hub_with_late_fragment(*, merges_after: float) -> Hub:
    hub = Hub(clock=VirtualClock())
    hub.branches.late_after = 2.0
    hub.branches.merges_after = merges_after
    hub.branches.collects_late = True
    return hub


@pytest.mark.parametrize(
    ("merges_after", "pulls"), [(300.0, 1), (1.4, 2)], ids=["open", "merged"]
)
def test_crash_matrix_of_late_fragments(
    merges_after: float, pulls: int, tmp_path: Path
) -> None:
    """What came late is added once, whenever the process dies of it."""
    undisturbed = Chaos()
    hub = _hub_with_late_fragment(merges_after=merges_after)
    outcome = live_through(
        [undisturbed], tmp_path / "undisturbed", random=Random(0), hub=hub
    )
    assert outcome.violations == []
    assert len(hub.branches.opened) == pulls
    names = [name for name, _ in undisturbed.calls]
    writes = [n for n, name in enumerate(names) if name == "push_branch"]
    assert len(writes) == 2
    # The first one is the entry, which the other matrix is about.
    failed = []
    for number in range(writes[0] + 1, names.index("push_tag")):
        is_near = abs(number - writes[1]) < 5 * pulls
        for kind in KINDS if is_near else ("crash after",):
            chaos = Chaos(
                lambda n, w, number=number, kind=kind: (  # type: ignore[misc]
                    kind if n == number else None
                ),
                lambda kind=kind: 20.0 if kind == "read lag" else 0.0,  # type: ignore[misc]
            )
            outcome = live_through(
                [chaos],
                tmp_path / f"{number}-{kind}",
                random=Random(number),
                hub=_hub_with_late_fragment(merges_after=merges_after),
            )
            if outcome.violations:
                failed.append((names[number], kind, outcome.violations))
    assert failed == []


def test_matrix_notices_a_second_write(tmp_path: Path) -> None:
    """The matrix would fail if an intent did not hold a write back."""
    _, expected = _undisturbed(tmp_path / "undisturbed")
    hub = Hub(clock=VirtualClock())
    writes = iter(range(1000))
    # The release is the fourth write, after the branch, the pull request and
    # the tag. A push would be held back by its claim as well.
    chaos = Chaos(
        lambda n, w: "crash after" if w and next(writes) == 3 else None
    )
    late = Chaos(lag=lambda: 500.0 * (late.calls[-1][0] == "releases"))
    live_through(
        [chaos, late],
        tmp_path / "lag",
        random=Random(0),
        hub=hub,
    )
    # Reads that lag by more than the settle window defeat the rule.
    assert hub.summary() != expected


# -- One step, scripted -----------------------------------------------------


@dataclass
class ScriptedStep:
    """A step that sees, and does, what a test says."""

    looks: Sequence[Verdict | Exception]
    writes: list[Exception | str | None] = field(default_factory=list)
    key: str = "scripted"
    title: str = "Scripted"
    acted: int = 0

    def observe(self, subject: object, world: World) -> Verdict:
        look, *rest = self.looks
        self.looks = rest or [look]
        if isinstance(look, Exception):
            raise look
        return look

    def decide(self, subject: object, seen: Verdict) -> Verdict:
        return seen

    def act(self, change: Change, world: World) -> str | None:
        self.acted += 1
        answer = self.writes.pop(0) if self.writes else None
        if isinstance(answer, Exception):
            raise answer
        return answer


PUSH = PushTag(tag=TAG, commit="c" * 40, branch="main", message="m")
CHANGE = Change(summary="push the tag", write=PUSH)
DONE = Done(evidence="it is so")


@dataclass
class Bench:
    clock: VirtualClock
    journal: Journal
    engine: Engine
    events: list[Event] = field(default_factory=list)

    def run(self, *steps: Step[object]) -> Ending:
        events = self.engine.run(steps, object())
        while True:
            try:
                self.events.append(next(events))
            except StopIteration as e:
                ending: Ending = e.value
                return ending


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[..., Bench]:
    def make(mode: Mode = Mode.ACT, timeout: float = 7200.0) -> Bench:
        clock = VirtualClock()
        journal = Journal.of_tag(tmp_path, TAG, fsync=lambda fd: None)
        engine = Engine(
            world=make_world(Hub(clock=clock), Chaos()),
            journal=journal,
            mode=mode,
            random=Random(0),
            deadline=clock.now() + timedelta(seconds=timeout),
            pace=Pace(),
        )
        return Bench(clock=clock, journal=journal, engine=engine)

    return make


def test_done_needs_no_write(make_bench: Callable[..., Bench]) -> None:
    bench, step = make_bench(), ScriptedStep([DONE])
    ending = bench.run(step)
    assert ending.is_done
    assert step.acted == 0
    assert not bench.journal.has_intents


def test_write_is_looked_at_again(make_bench: Callable[..., Bench]) -> None:
    bench, step = make_bench(), ScriptedStep([CHANGE, DONE])
    assert bench.run(step).is_done
    assert step.acted == 1
    kinds = [
        (type(e.verdict).__name__, e.is_acting)
        for e in bench.events
        if isinstance(e, StepEvent)
    ]
    assert kinds == [("Change", True), ("Done", False)]
    assert bench.journal.intent(CHANGE.write.key) is not None


def test_intent_is_on_disk_before_the_write(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make_bench()
    seen = []

    class Step(ScriptedStep):
        @override
        def act(self, change: Change, world: World) -> str | None:
            seen.append(Journal.of_tag(tmp_path, TAG).intent(change.write.key))
            return super().act(change, world)

    bench.run(Step([CHANGE, DONE]))
    assert seen != [None]


def test_what_a_write_tells_is_told(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    bench.run(ScriptedStep([CHANGE, DONE], ["no claims here"]))
    told = [e.text for e in bench.events if isinstance(e, Notice)]
    assert told == ["no claims here"]


def test_refusal_is_believed_of_the_write_that_was_refused(
    make_bench: Callable[..., Bench],
) -> None:
    """The claim moved, and what the look then shows is in nobody's way."""
    bench, refused = make_bench(), RefusedError("stale", is_duplicate=True)
    again = replace(CHANGE, write=replace(PUSH, claim="f" * 40))
    step = ScriptedStep([CHANGE, again, DONE], [refused])
    started = bench.clock.now()
    assert bench.run(step).is_done
    assert step.acted == 2
    assert bench.clock.now() == started
    # The same once more is waited for, and then believed.
    bench, step = make_bench(), ScriptedStep([CHANGE], [refused])
    assert isinstance(bench.run(step).last, Blocked)
    assert step.acted == 1


def test_dry_run_acts_on_nothing(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(Mode.PLAN)
    first, second = ScriptedStep([CHANGE]), ScriptedStep([Wait(reason="w")])
    ending = bench.run(first, second)
    assert [type(v) for _, v in ending.verdicts] == [Change, Wait]
    assert first.acted == second.acted == 0
    assert not bench.journal.has_intents


def test_after_an_intent_absence_means_wait(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    bench.journal.intend(
        CHANGE.write.key, step="scripted", at=bench.clock.now()
    )
    started = bench.clock.now()
    step = ScriptedStep([CHANGE, CHANGE, CHANGE, DONE])
    assert bench.run(step).is_done
    assert step.acted == 0
    assert bench.clock.now() - started < timedelta(seconds=60)


def test_after_the_settle_window_it_is_written_again(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    bench.journal.intend(
        CHANGE.write.key, step="scripted", at=bench.clock.now()
    )
    step = ScriptedStep([CHANGE] * 8 + [DONE])
    bench.clock.sleep(61)
    bench.run(step)
    assert step.acted == 1


def test_lost_answer_is_looked_up_and_told(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    step = ScriptedStep([CHANGE, DONE], [UncertainError("lost")])
    assert bench.run(step).is_done
    assert step.acted == 1
    assert [e.text for e in bench.events if isinstance(e, Notice)] == [
        "lost; looking whether it happened"
    ]


def test_refusal_is_believed_after_one_more_look(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    step = ScriptedStep([CHANGE], [RefusedError("GH013", help="ask")])
    ending = bench.run(step)
    assert ending.last == Blocked(problem="GH013", help="ask")
    assert step.acted == 1
    assert bench.journal.intent(CHANGE.write.key) is None


def test_refused_because_it_is_there_already(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    refusal = RefusedError("already_exists", is_duplicate=True)
    step = ScriptedStep([CHANGE, CHANGE, CHANGE, DONE], [refusal])
    assert bench.run(step).is_done
    assert step.acted == 1


def test_duplicate_that_never_shows_blocks(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    refusal = RefusedError("already_exists", is_duplicate=True)
    step = ScriptedStep([CHANGE], [refusal])
    assert isinstance(bench.run(step).last, Blocked)
    assert step.acted == 1


def test_write_that_never_left_is_tried_again(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    down = NotSentError("no route")
    step = ScriptedStep([CHANGE, CHANGE, CHANGE, DONE], [down, down, None])
    assert bench.run(step).is_done
    assert step.acted == 3


def test_write_that_never_leaves_fails_in_the_end(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    step = ScriptedStep([CHANGE], [NotSentError("no route")] * 1000)
    started = bench.clock.now()
    with pytest.raises(NotSentError):
        bench.run(step)
    assert bench.clock.now() - started < timedelta(seconds=60)
    assert not bench.journal.has_intents


def test_missing_permission_voids_the_intent(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    step = ScriptedStep([CHANGE], [NotAllowedError("no")])
    with pytest.raises(NotAllowedError):
        bench.run(step)
    assert not bench.journal.has_intents


def test_unexpected_error_keeps_the_intent(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    step = ScriptedStep([CHANGE], [RuntimeError("a defect")])
    with pytest.raises(RuntimeError):
        bench.run(step)
    assert bench.journal.has_intents


def test_rate_limit_waits_until_it_is_lifted(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    until = bench.clock.now() + timedelta(seconds=600)
    limited = RateLimitedError("limit", until=until)
    step = ScriptedStep([limited, CHANGE, DONE], [None])
    assert bench.run(step).is_done
    assert until <= bench.clock.now() < until + timedelta(seconds=30)


def test_rate_limit_of_a_write_voids_the_intent(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    until = bench.clock.now() + timedelta(seconds=600)
    limited = RateLimitedError("limit", until=until)
    step = ScriptedStep([CHANGE, CHANGE, DONE], [limited, None])
    assert bench.run(step).is_done
    assert step.acted == 2


def test_outage_before_any_write_fails_soon(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    started = bench.clock.now()
    with pytest.raises(ReadError):
        bench.run(ScriptedStep([ReadError("down")]))
    assert bench.clock.now() - started < timedelta(minutes=1)


def test_outage_of_half_an_hour_is_survived(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    first = ScriptedStep([CHANGE, DONE])
    looks: list[Verdict | Exception] = [ReadError("down")] * 100
    started = bench.clock.now()
    ending = bench.run(first, ScriptedStep([*looks, DONE]))
    assert ending.is_done
    assert bench.clock.now() - started > timedelta(minutes=20)


def test_waiting_ends_at_the_deadline(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(timeout=100.0)
    started = bench.clock.now()
    ending = bench.run(ScriptedStep([Wait(reason="for ever", interval=30)]))
    assert isinstance(ending.last, Wait)
    assert bench.clock.now() - started == timedelta(seconds=100)


def test_patience_of_a_step_is_bounded(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    blocked = Blocked(problem="absent", exit_status=ExitStatus.IMAGE)
    wait = Wait(reason="w", interval=5, patience=60, otherwise=blocked)
    assert bench.run(ScriptedStep([wait])).last == blocked


def test_looking_has_no_patience(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(Mode.LOOK)
    blocked = Blocked(problem="absent", exit_status=ExitStatus.IMAGE)
    wait = Wait(reason="w", interval=5, patience=60, otherwise=blocked)
    started = bench.clock.now()
    assert bench.run(ScriptedStep([wait])).last == blocked
    assert bench.clock.now() == started


def test_nothing_runs_after_a_blocked_step(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    second = ScriptedStep([CHANGE])
    bench.run(ScriptedStep([Blocked(problem="no")]), second)
    assert second.acted == 0


class LookingStep:
    """Sees one number of the world, and writes until it is high enough."""

    key = "looking"
    title = "Looking"

    def __init__(self, look: Look, enough: int) -> None:
        self.look = look
        self.enough = enough
        self.number = 0
        self.decided: list[int] = []

    def ask(self) -> int:
        self.number += 1
        return self.number

    def observe(self, subject: object, world: World) -> int:
        return self.look.once("number", self.ask)

    def decide(self, subject: object, seen: int) -> Verdict:
        return DONE if seen >= self.enough else CHANGE

    def act(self, change: Change, world: World) -> str | None:
        # Whatever is looked at right before a write is asked anew.
        self.decided.append(self.look.once("number", lambda: self.number))
        self.look.end()
        return None


def test_no_write_is_decided_from_an_older_look(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    look = Look(bench.clock)
    step = LookingStep(look, enough=2)
    bench.engine = replace(
        bench.engine, world=replace(bench.engine.world, clock=look, look=look)
    )
    look.once("number", step.ask)
    # By then the world is as it should be, and nothing is written.
    assert bench.run(step).is_done
    assert step.decided == []
    assert not bench.journal.has_intents


def test_each_look_after_a_write_is_a_new_one(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench()
    look = Look(bench.clock)
    step = LookingStep(look, enough=2)
    bench.engine = replace(
        bench.engine, world=replace(bench.engine.world, clock=look, look=look)
    )
    assert bench.run(step).is_done
    assert (step.number, step.decided) == (2, [1])


@dataclass
class StepAtATime:
    """A step that is looked at while others are."""

    key: str
    together: Barrier
    failure: ReleaseError | None = None

    @property
    def title(self) -> str:
        return f"Step {self.key}"

    def observe(self, subject: object, world: World) -> None:
        self.together.wait(10)
        if self.failure is not None:
            raise self.failure

    def decide(self, subject: object, seen: None) -> Verdict:
        return DONE

    def act(self, change: Change, world: World) -> str | None:
        raise AssertionError("nothing is written")


@pytest.mark.parametrize("mode", [Mode.PLAN, Mode.LOOK])
def test_what_is_shown_is_looked_at_side_by_side(
    make_bench: Callable[..., Bench], mode: Mode
) -> None:
    bench = make_bench(mode)
    look = Look(bench.clock)
    engine = replace(
        bench.engine, world=replace(bench.engine.world, look=look)
    )
    together = Barrier(3)
    steps = [StepAtATime(key, together) for key in "abc"]
    shown = []
    with pytest.raises(StopIteration):
        events = engine.run(steps, object())
        while True:
            shown.append(next(events))
    assert [e.key for e in shown if isinstance(e, StepEvent)] == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize("is_wide", [True, False])
def test_what_cannot_be_looked_at_hides_nothing_else(
    make_bench: Callable[..., Bench], *, is_wide: bool
) -> None:
    bench = make_bench(Mode.PLAN)
    look = Look(bench.clock, width=8 if is_wide else 1)
    engine = replace(
        bench.engine, world=replace(bench.engine.world, look=look)
    )
    together = Barrier(3 if is_wide else 1)
    down, out = ReadError("GitHub is down"), ReadError("no registry")
    steps = [
        StepAtATime("a", together, down),
        StepAtATime("b", together),
        StepAtATime("c", together, out),
    ]
    shown: list[Event] = []
    with pytest.raises(ReadError, match="GitHub is down"):
        shown.extend(engine.run(steps, object()))
    assert [e.key for e in shown if isinstance(e, StepEvent)] == ["b"]
    told = [e.text for e in shown if isinstance(e, Notice)]
    assert told == ["not checked: Step a", "not checked: Step c: no registry"]
