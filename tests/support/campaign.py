"""Releases in the simulated world: the crash matrix and seeded campaigns.

``python -m tests.support.campaign --seeds 10000`` runs that many releases
with random crashes, faults and lag, each on its own virtual clock. Whoever
releases types what the last message says, so that wrong advice is found too.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from typing_extensions import override

from rsp_release.cli.release import bump, resume
from rsp_release.cli.session import Globals, Session
from rsp_release.config import Config
from rsp_release.engine.journal import find_unfinished
from rsp_release.engine.look import Look
from rsp_release.exceptions import UsageError
from rsp_release.models import Event, Publication, Result
from rsp_release.publishing import find_publication
from rsp_release.release.plan import Options
from rsp_release.release.project import Project
from rsp_release.release.releaser import Releaser
from rsp_release.steps import PREPARE, RELEASE
from rsp_release.steps.workflow_run import PublishingRun
from rsp_release.version.choose import History, Request
from rsp_release.version.commits import CommitEvidence, Example
from rsp_release.version.tags import parse_tags

from .branches import COMMIT
from .deploys import CHARTS
from .others import BY_HAND, RIVAL, Others
from .places import find_memory
from .simulated import WORKFLOW, Chaos, Crash, Hub, VirtualClock, make_world

__all__ = [
    "Outcome",
    "Person",
    "live_through",
    "make_releaser",
    "run_process",
    "run_seed",
]

TAG = "1.2.0"
BRANCH = f"rsp-release/changelog-{TAG}"
CONFIG = Config(deploy_repository=CHARTS, deploy_labels=("release",))
LATE = (f"open pull request {BRANCH} after 1",)
DEPLOY = f"rsp-release/n-{TAG}"
NOTES = f"- entry\n\n**Full Changelog**: 1.1.0...{TAG}\n"
FEATURE = CommitEvidence(
    total=1,
    counts={"cc-minor": 1},
    examples={"cc-minor": (Example(COMMIT, "feat: more"),)},
)
(PREVIOUS,) = parse_tags(["1.1.0"])
FAULTS = (
    "crash before",
    "crash after",
    "lost answer",
    "outage",
    "rate limit",
    "refusal",
    "interrupt",
)
ASKED = "rsp-release bump minor"
"""What is typed first."""

PLAIN = "rsp-release resume"

CALM = 3
"""Commands within which a release ends, once nothing goes wrong any more."""

_OTHERS = 0.2
"""How likely others act before a request, as long as they have reason to."""

_ADVICE = re.compile(
    r"`((?:rsp-release|git) [^`]+)`"
    r"|(?:continue|run it again): (rsp-release .*)"
    r"|(git pull --ff-only)"
)
"""Where a message says what to type."""


@dataclass(kw_only=True)
class Person:
    """Somebody, or a job, who types what the last message says."""

    random: Random
    command: str = ASKED
    pulls: bool = False
    """Whether the message says to ``git pull`` first."""

    told: str = ""
    """What the last command said."""

    typed: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def read(self, result: dict[str, Any]) -> None:
        """Read how a command ended, and what to do next.

        Parameters
        ----------
        result
            Its result, as in its JSON.
        """
        said = result["help"] or ""
        self.told = str(result["message"])
        found = ["".join(words) for words in _ADVICE.findall(said)]
        commands = [c for c in found if c.startswith("rsp-release ")]
        self.pulls = "git pull --ff-only" in found
        if not said:
            self.complaints.append(f"no advice: {result['message']}")
        if commands:
            self.command = commands[0]

    def wonder(self) -> None:
        """Think of something, where a command was killed and said nothing."""
        self.pulls = False
        known = ASKED, PLAIN, f"{PLAIN} {TAG}"
        self.command = self.random.choice(known)


class _Typed(Session):
    """A command in the simulated world."""

    def __init__(self, releaser: Releaser, words: Sequence[str]) -> None:
        leaves = "--leave-late" in words
        options = replace(
            releaser.options,
            forces="--force" in words,
            leaves_late=leaves,
            collects_late=releaser.options.collects_late and not leaves,
        )
        super().__init__(
            Globals(directory=releaser.project.journals, environ={}),
            asked=options,
            as_json=True,
        )
        self._releaser = replace(releaser, options=options)

    @override
    def make_releaser(
        self, *, deepens: bool = False, **changes: Any
    ) -> Releaser:
        return self._releaser


def type_command(command: str, releaser: Releaser) -> dict[str, Any]:
    """Run a command as it was typed, and return its result.

    Parameters
    ----------
    command
        The command: ``bump`` with a part, or ``resume`` with a tag.
    releaser
        What carries it out.
    """
    _, name, *words = shlex.split(command)
    word = next((w for w in words if not w.startswith("-")), None)
    session = _Typed(releaser, words)
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(io.StringIO()):
        match name:
            case "bump":
                bump(session, word or "auto", yes=True)
            case "resume":
                resume(session, word)
            case _:
                raise AssertionError(command)
    result: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return result


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a release ended, over all its processes."""

    is_done: bool
    processes: int
    calm: int
    """Commands since the one in which something last went wrong."""

    hub: Hub
    person: Person
    others: Others
    """Who else acted."""

    @property
    def violations(self) -> list[str]:
        """What is not as an undisturbed release would leave it."""
        found = self.others.judge_rival(
            is_done=self.is_done, message=self.person.told
        )
        if not self.is_done and RIVAL in self.person.told:
            return found + self.hub.old_looks
        return found + self._judge_end() + self._judge_writes()

    def _judge_end(self) -> list[str]:
        found = []
        if not self.is_done:
            typed = ", ".join(self.person.typed[-CALM:])
            found.append(f"it did not finish; typed last: {typed}")
        elif self.calm > count_calm(self.others):
            found.append(f"it took {self.calm} commands")
        return found + self.person.complaints + self.hub.old_looks

    def _judge_writes(self) -> list[str]:
        found = []
        writes = dict(self.hub.writes)
        late = [key for key in writes if key in LATE or " upon " in key]
        # Only where something came late, and at most once.
        is_asked = self.hub.branches.collects_late
        found += [f"late: {k}" for k in late if not is_asked or writes[k] != 1]
        for key in late:
            del writes[key]
        if self.others.done["publishes this release"]:
            # GitHub refuses each until a read shows what they published.
            writes = {
                key: 1 if key.endswith(" again") else count
                for key, count in writes.items()
            }
        if writes not in expected_writes(self.hub, self.others):
            found.append(f"writes: {writes}")
        commits = {expected_commit(self.hub)}
        if any("--leave-late" in command for command in self.person.typed):
            commits.add(expected_commit(self.hub, leaves_late=True))
        tags = {
            tag: commit
            for tag, (commit, _) in self.hub.tags.items()
            if tag not in self.others.tags
        }
        if tags not in [{TAG: commit} for commit in commits]:
            found.append(f"tags: {self.hub.tags}")
        pages = [
            (p.tag, p.title, p.body.replace(BY_HAND, NOTES))
            for p, _ in self.hub.pages
            if p.tag not in self.others.tags
        ]
        if pages != [(TAG, TAG, NOTES)]:
            found.append(f"releases: {pages}")
        pulls = [p.branch for _, p in self.hub.charts.opened]
        if pulls != ["rsp-release/n-1.1.1", DEPLOY]:
            found.append(f"deployments: {pulls}")
        if not self.hub.charts.labels:
            found.append("the deployment has no label")
        return found


def count_calm(others: Others) -> int:
    """Return how many commands suffice once nothing goes wrong any more.

    What others did shows later: it may take another pull, and another choice.
    """
    return CALM + 2 if others.likely else CALM


def expected_writes(hub: Hub, others: Others) -> list[dict[str, int]]:
    """Return what a release writes, in each way that it may go."""
    release = f"create release {TAG}"
    older = "pull request 1: close"
    always = {
        f"push refs/tags/{TAG}": 1,
        release: 1,
        f"push {CHARTS} refs/heads/{DEPLOY}": 1,
        f"open pull request {DEPLOY} after 0": 1,
        older: 1,
    }
    plain = {f"push change log of {TAG} to refs/heads/main": 1}
    by_pull = {
        f"push change log of {TAG} to refs/heads/{BRANCH}": 1,
        f"open pull request {BRANCH} after 0": 1,
    }
    is_protected = hub.branches.is_protected
    done = others.done
    both = [by_pull, plain] if done["changes the rules"] else []
    ways = both or [by_pull if is_protected else plain]
    # What somebody else did is done once, by whoever was first.
    for key, move in (
        (release, "publishes this release"),
        (older, "closes the older deployment"),
    ):
        if done[move]:
            ways = [*ways, *({**way, key: 0} for way in ways)]
    if done["publishes this release"]:
        # GitHub takes a second one from nobody, however many processes try.
        again = f"{release} again"
        ways = [
            *ways,
            *({**w, release: 0, again: hub.writes[again]} for w in ways),
        ]
    return [{k: n for k, n in (always | way).items() if n} for way in ways]


def expected_commit(hub: Hub, *, leaves_late: bool = False) -> str | None:
    """Return the commit that has to be tagged: the first with the entry.

    Where what comes late is added, nothing may be left at that commit.
    """
    branches = hub.branches
    collects = branches.collects_late and not leaves_late
    for _, commit in branches.heads["main"]:
        if commit is None or not branches.commits[commit].has_entry:
            continue
        if not (collects and branches.commits[commit].pending):
            return commit
    return None


def run_process(
    hub: Hub,
    chaos: Chaos,
    directory: Path,
    *,
    random: Random,
    checkout: str = COMMIT,
    is_clean: bool = False,
    command: str = "bump",
    forces: bool = False,
    part: str = "minor",
) -> Result:
    """Run one process of the program until it ends.

    Parameters
    ----------
    hub
        The world, as earlier processes left it.
    chaos
        What goes wrong.
    directory
        Where the journals are.
    random
        Spreads the waits.
    checkout
        The commit that is checked out.
    is_clean
        Whether it is a clone in which nothing was begun.
    command
        What is run: ``bump``, or ``resume`` or ``status`` with the tag,
        wherever that was begun.
    forces
        Whether it insists on the version.
    part
        The part that it is asked for.

    Returns
    -------
    Result
        How it ended.

    Raises
    ------
    Crash
        Raised if the process was killed.
    """
    releaser = make_releaser(
        hub,
        chaos,
        directory,
        random=random,
        checkout=checkout,
        is_clean=is_clean,
        forces=forces,
    )
    *_, last = _events(releaser, command=command, part=part)
    assert isinstance(last, Result)
    return last


def make_releaser(
    hub: Hub,
    chaos: Chaos,
    directory: Path,
    *,
    random: Random,
    checkout: str = COMMIT,
    is_clean: bool = False,
    forces: bool = False,
) -> Releaser:
    """Make what runs commands in the simulated world; see `run_process`."""
    clock = hub.clock

    def fsync(fd: int) -> None:
        with chaos.call("journal", clock):
            pass

    def read_history(revision: str) -> History:
        return History(
            head=checkout,
            branch="main",
            tags=(PREVIOUS,),
            previous=PREVIOUS,
            commits=FEATURE,
        )

    project = Project(
        world=make_world(
            hub, chaos, is_clean=is_clean, checkout=checkout, recalls=True
        ),
        config=CONFIG,
        repository="o/n",
        journals=directory,
        read_history=read_history,
        fsync=fsync,
    )
    return Releaser(
        project=project,
        prepare=PREPARE,
        # It remembers what it saw: each command has one of its own.
        release=tuple(
            PublishingRun() if step.key == PublishingRun.key else step
            for step in RELEASE
        ),
        random=random,
        options=Options(
            timeout=3 * 3600.0,
            leaves_late=not hub.branches.collects_late,
            collects_late=hub.branches.collects_late,
            forces=forces,
        ),
    )


def _events(releaser: Releaser, *, command: str, part: str) -> Iterator[Event]:
    """Do what a person or a CI job would, who knows the tag or nothing."""
    if command != "bump":
        try:
            subject = releaser.plan_resume(TAG)
        except UsageError:
            pass  # nothing is there to go on with
        else:
            if command == "status":
                return releaser.status(subject)
            return releaser.resume(subject)
    return releaser.bump(releaser.plan(Request(part=part)))


def make_others(hub: Hub, random: Random) -> Others:
    """Make everybody else, who does nothing as long as nobody says so."""
    return Others(hub=hub, tag=TAG, branch=BRANCH, random=random)


def live_through(
    chaos: Sequence[Chaos],
    directory: Path,
    *,
    random: Random,
    hub: Hub,
    moves: float = 0.0,
    others: Others | None = None,
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
    moves
        How likely a process runs in a clean clone.
    others
        Who else acts meanwhile, until nothing goes wrong any more.

    Returns
    -------
    Outcome
        How it ended.
    """
    person = Person(random=random)
    others = others or make_others(hub, random)
    checkout, is_clean = COMMIT, False
    place, calm = directory, 0
    for number, current in enumerate(
        (*chaos, *(Chaos() for _ in range(CALM + 2)))
    ):
        if number >= len(chaos):
            others.left = 0
            if number - len(chaos) >= count_calm(others):
                break
        if random.random() < moves:
            # Another clone, or a CI job, of which no journal tells.
            place, is_clean = directory / f"clone-{len(person.typed)}", True
            checkout = hub.branches.head("main") or COMMIT
        releaser = make_releaser(
            hub,
            current,
            place,
            random=random,
            checkout=checkout,
            is_clean=is_clean,
        )
        if person.command == PLAIN and not _is_begun(hub, place):
            # It would be about 1.1.0, of which this world knows nothing.
            person.command = ASKED
        person.typed.append(person.command)
        try:
            result = type_command(person.command, releaser)
        except Crash:
            if current.calls[-1][0] == "journal":
                _tear(place, random)
            person.wonder()
            is_done = False
        except KeyboardInterrupt:
            is_done = False  # nothing was planned, the same is typed again
        else:
            is_done = result["exit"] == 0
            if not is_done:
                person.read(result)
                others.heed(result["help"] or "")
        is_calm = not (others.has_acted() or current.has_acted)
        calm = calm + 1 if is_calm else 0
        if is_done or RIVAL in person.told:
            break
        hub.clock.sleep(random.uniform(1.0, 200.0))
        if person.pulls:
            checkout = hub.branches.head("main") or COMMIT
    return Outcome(
        is_done=is_done,
        processes=len(person.typed),
        calm=calm,
        hub=hub,
        person=person,
        others=others,
    )


def _is_begun(hub: Hub, directory: Path) -> bool:
    """Return whether a journal, or else a branch, tells of the release."""
    if any(journal.has_intents for journal in find_unfinished(directory)):
        return True
    return hub.branches.head(BRANCH) is not None and TAG not in hub.tags


def _tear(directory: Path, random: Random) -> None:
    """Leave of the last line what a power cut might."""
    path = next(directory.glob("*.jsonl"), None)
    if path is None:
        return
    data = path.read_bytes()
    start = data.rstrip(b"\n").rfind(b"\n") + 1
    if random.random() < 0.5:
        path.write_bytes(data[: random.randint(start, len(data))])


@cache
def _find_publication_once(tag: str) -> Publication | None:
    return find_publication(
        {".github/workflows/ci.yaml": WORKFLOW}, repository="o/n", tag=tag
    )


def _find_publication(
    files: object, *, tag: str, **options: object
) -> Publication | None:
    return _find_publication_once(tag)


def run_seed(seed: int, *, is_crowded: bool = False) -> Outcome:
    """Run one seeded release.

    Parameters
    ----------
    seed
        Decides everything that happens.
    is_crowded
        Whether other people do whatever they may do between any two requests,
        and not only push something else.

    Returns
    -------
    Outcome
        How it ended.
    """
    random = Random(seed)
    hub = Hub(
        clock=VirtualClock(),
        appears_after=random.choice([0.5, 3.0, 90.0]),
        runs_for=random.choice([1.0, 60.0, 400.0]),
    )
    branches = hub.branches
    branches.is_protected = random.random() < 0.7
    branches.method = random.choice(["merge", "squash", "rebase"])
    branches.merges_after = random.choice([2.0, 90.0, 900.0])
    branches.deletes_branch = random.random() < 0.5
    if random.random() < 0.2:
        branches.late_after = random.uniform(0.0, 300.0)
        branches.collects_late = random.random() < 0.5
    rate = random.choice([0.0, 0.02, 0.1, 0.3])
    lag_most = random.choice([0.0, 2.0, 20.0, 45.0])
    pushes = random.choice([0, 0, 3, 10])
    others = make_others(hub, random)
    if is_crowded:
        others.likely = random.choice([0.05, 0.2, 0.5])
        others.left = random.choice([1, 3, 10, 30])

    def decide(number: int, writes: bool) -> str | None:  # noqa: FBT001
        nonlocal pushes
        others.act()
        if not is_crowded and pushes and random.random() < _OTHERS:
            # Somebody pushes something else, between any two requests.
            pushes -= 1
            hub.move_claim()
        if random.random() >= rate:
            return None
        return random.choice(FAULTS)

    chaos = [
        Chaos(decide, lambda: random.uniform(0.0, lag_most))
        for _ in range(random.randint(1, 6))
    ]
    with (
        tempfile.TemporaryDirectory(dir=find_memory()) as name,
        # Reading the one workflow file again and again would take longer
        # than all else.
        patch("rsp_release.publishing.find_publication", _find_publication),
    ):
        return live_through(
            chaos,
            Path(name),
            random=random,
            hub=hub,
            moves=random.choice([0.0, 0.0, 0.3]),
            others=others,
        )


def _judge(
    seed: int, *, is_crowded: bool, is_forgetful: bool
) -> tuple[int, list[str], int]:
    with ExitStack() as stack:
        if is_forgetful:
            # What is decided from is never asked anew.
            stack.enter_context(
                patch.object(Look, "is_fresh", lambda *_, **__: True)
            )
        outcome = run_seed(seed, is_crowded=is_crowded)
    return seed, outcome.violations, outcome.calm


def main() -> int:
    """Run a campaign and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument(
        "--others",
        action="store_true",
        help="let other people act between any two requests",
    )
    parser.add_argument(
        "--forgetful",
        action="store_true",
        help="decide writes from whatever was seen before: it has to fail",
    )
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    judge = partial(
        _judge, is_crowded=options.others, is_forgetful=options.forgetful
    )
    failed, most = [], 0
    with ProcessPoolExecutor(options.jobs) as pool:
        for seed, violations, calm in pool.map(judge, seeds, chunksize=100):
            most = max(most, calm)
            for violation in violations:
                sys.stdout.write(f"seed {seed}: {violation}\n")
            if violations:
                failed.append(str(seed))
    sys.stdout.write(
        f"{options.seeds} releases simulated; at most {most} commands once"
        f" nothing goes wrong; violations in {len(failed)}\n"
    )
    if failed:
        sys.stdout.write(f"seeds with violations: {' '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
