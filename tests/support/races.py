"""Several people who release different versions at the same moment.

``python -m tests.support.races --races 200`` runs that many races of two and
of three, and prints how they ended, by parts, branch and change log.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random
from time import sleep

from typing_extensions import override

from rsp_sandbox import Scenario

from .people import Person
from .places import find_memory
from .service import NAME, Service, serve

__all__ = ["PARTS", "Race", "list_races", "run_race"]

PARTS = ("patch", "minor", "major", "1.5.0", "3.0.0")
"""``minor`` and ``1.5.0`` are the same version."""

SCENARIO = Scenario(speed=40, appear_after=0.1)
PEOPLE = ("Ada", "Bea", "Cem")
VERSIONS = {"patch": "1.4.1", "minor": "1.5.0", "major": "2.0.0"}


@dataclass(frozen=True, kw_only=True)
class Race:
    """Who releases what, at the same moment."""

    parts: tuple[str, ...]
    """What each of them asks for."""

    is_protected: bool
    """Whether the branch takes pull requests only."""

    has_changelog: bool
    """Whether there is a change log, whose entry is pushed before the tag."""

    seed: int
    """Decides when each of them begins, and who merges."""

    @override
    def __str__(self) -> str:
        return f"{'-'.join(self.kind).replace(' ', '-')}-{self.seed}"

    @property
    def kind(self) -> tuple[str, str, str]:
        """The row of the table."""
        return (
            " ".join(self.parts),
            "protected" if self.is_protected else "open",
            "entry" if self.has_changelog else "tag alone",
        )


def list_races(count: int, *, first: int = 0) -> list[Race]:
    """List races of every two, and then of every three, in every place.

    Parameters
    ----------
    count
        How many.
    first
        The first seed.
    """
    fields = [
        *combinations(PARTS, 2),
        *combinations(PARTS, 3),
        ("minor", "minor"),
    ]
    kinds = [
        (parts, is_protected, has_changelog)
        for parts in fields
        for is_protected in (False, True)
        for has_changelog in (True, False)
    ]
    return [
        Race(parts=parts, is_protected=p, has_changelog=c, seed=seed)
        for seed in range(first, first + count)
        for parts, p, c in [kinds[seed % len(kinds)]]
    ]


def run_race(race: Race, folder: Path) -> tuple[str, list[str]]:
    """Run one race, and then what its last messages advise.

    Parameters
    ----------
    race
        The race.
    folder
        An empty directory.

    Returns
    -------
    tuple
        How it ended, and what must not be.
    """
    random = Random(race.seed)
    is_left = (
        race.is_protected and race.has_changelog and random.random() < 0.5
    )
    with serve(folder, scenario=SCENARIO) as service:
        _prepare(service, race, is_left=is_left)
        person = Person(service)
        if race.is_protected:
            service.box.protect(NAME, "main", approvals=int(is_left))
        before = set(service.box.state.tags(NAME))
        places = [
            replace(service, clone=_clone(service, folder / name, name))
            for name in PEOPLE[: len(race.parts)]
        ]
        ended = _run(race, places, random)
        told = [f"{status}: {said}" for status, said in ended]
        state = service.box.state
        # Who does not wait leaves a pull request whose check still runs.
        begun = set(state.tags(NAME)) - before or {
            f"{pull.head}".removeprefix("rsp-release/changelog-")
            for pull in state.pulls(NAME).values()
        }
        wrong = _judge(race, ended, begun, goes_on=is_left)
        if is_left and len(begun) == 1:
            _merge(service, person)
        # Whoever lost does what the message says, or asks for it again.
        loser = next((i for i, (s, _) in enumerate(ended) if s == 3), 0)
        [tag] = begun if len(begun) == 1 else [VERSIONS["minor"]]
        resumed = places[loser].run("resume", tag, "--json", "--force")
        if resumed.returncode:
            told.append(f"resume: {resumed.stdout} {resumed.stderr}")
            wrong.append(f"resume ended with {resumed.returncode}")
        made = set(service.box.state.tags(NAME)) - before
        if len(made) != 1:
            wrong.append(f"tags in the end: {sorted(made)}")
        pages = [r.tag for r in state.releases(NAME) if r.tag in made]
        if len(pages) != 1:
            wrong.append(f"releases in the end: {pages}")
    if wrong:
        wrong += told
    statuses = Counter(status for status, _ in ended)
    won = statuses[0] + statuses[8]
    outcome = "nobody" if not won else "one" if won == 1 else "joined"
    return outcome, [f"{race}: {line}" for line in wrong]


def _prepare(service: Service, race: Race, *, is_left: bool) -> None:
    """Commit the settings of the race."""
    lines = [] if race.has_changelog else ['changelog = "none"']
    if race.is_protected:
        lines += ["[pull-request]", 'when = "always"']
        lines += [] if is_left else ['auto-merge = "squash"']
    service.commit("chore: settings")
    path = service.clone / ".rsp-release.toml"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    service.git("add", "--all")
    service.git("commit", "--quiet", "--allow-empty", "-m", "chore: race")
    service.git("push", "--quiet", "origin", "HEAD")


def _clone(service: Service, directory: Path, name: str) -> Path:
    url = service.git("config", "remote.origin.url").strip()
    run = partial(
        subprocess.run, env=service.environ, check=True, capture_output=True
    )
    run(["git", "clone", "--quiet", url, str(directory)])
    run(["git", "-C", str(directory), "config", "user.name", name])
    return directory


def _run(
    race: Race, places: list[Service], random: Random
) -> list[tuple[int, str]]:
    """Let all of them begin; return how it ended for each."""
    # At once, or at some instant of each other's looks and writes.
    spread = random.choice([0.0, 0.1, 1.0])
    with ExitStack() as stack:
        programs = []
        for part, place in zip(race.parts, places, strict=True):
            command = ("bump", part, "--yes", "--json", "--force")
            more = ("--no-wait",) if race.is_protected else ()
            programs.append(
                stack.enter_context(place.start(*command, "--no-watch", *more))
            )
            sleep(random.uniform(0.0, spread))
        return [(p.wait(), p.read()[0]) for p in programs]


def _judge(
    race: Race,
    ended: list[tuple[int, str]],
    begun: set[str],
    *,
    goes_on: bool,
) -> list[str]:
    """Say what is wrong with how a race ended."""
    wrong = []
    if len(begun) != 1:
        return [f"begun: {sorted(begun)}"]
    [tag] = begun
    for part, who, (status, said) in zip(
        race.parts, PEOPLE, ended, strict=False
    ):
        is_winner = VERSIONS.get(part, part) == tag
        expected = {0, 8} if race.is_protected else {0}
        if not is_winner:
            expected = {3}
        elif goes_on:
            expected = {8}
        if status not in expected:
            wrong.append(f"{who} ({part}) ended with {status}")
        if is_winner:
            continue
        last = json.loads((said.strip() or "{}").splitlines()[-1])
        message = f"{last.get('message')} {last.get('help')}"
        if f"resume {tag}" not in message:
            wrong.append(f"{who} ({part}) was not told of {tag}: {message}")
        if not any(f"by {name}" in message for name in PEOPLE):
            wrong.append(f"{who} ({part}) was not told by whom: {message}")
    return wrong


def _merge(service: Service, person: Person) -> None:
    number = person.find()
    person.ask("POST", f"/pulls/{number}/reviews", {"event": "APPROVE"})
    for _ in range(2):
        person.ask("GET", f"/pulls/{number}")
    person.ask("PUT", f"/pulls/{number}/merge", {"merge_method": "squash"})


def _run_one(race: Race) -> tuple[str, list[str]]:
    with tempfile.TemporaryDirectory(dir=find_memory()) as name:
        return run_race(race, Path(name) / "race")


def main() -> int:
    """Run races and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--races", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    races = list_races(options.races, first=options.first)
    table: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    violations = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for race, (outcome, wrong) in zip(
            races, pool.map(_run_one, races), strict=True
        ):
            table[race.kind][outcome] += 1
            table[race.kind]["wrong"] += bool(wrong)
            violations += wrong
            sys.stdout.writelines(f"{line}\n" for line in wrong)
    columns = ("one", "joined", "nobody", "wrong")
    for kind, counts in sorted(table.items()):
        cells = [f"{column} {counts[column]}" for column in columns]
        sys.stdout.write(f"{' | '.join([*kind, *cells])}\n")
    sys.stdout.write(f"{len(races)} races, {len(violations)} violations\n")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
