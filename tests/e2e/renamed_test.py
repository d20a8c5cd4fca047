"""A repository is renamed, or given away, while it is being released."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from rsp_release.exceptions import BlockedError
from rsp_release.models import Result
from rsp_release.release.plan import Options
from rsp_release.steps.chart_pr.step import ChartPull
from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.deploying import DEPLOY, add_deployment, configure
from ..support.service import NAME, TAG, Service, serve

NEW = ("rubin-demo/telescope", "vera/stargazer", "vera/telescope")
"""Another name, another owner, and both."""

SEEDS = choose_size(40, 1)
KILLS = choose_size(20, 1)
MOST_REQUESTS = 60
"""A little more than a release takes, so that some are renamed after it."""


SCENARIO = Scenario(speed=20, appear_after=0.2)


@contextmanager
def play(folder: Path) -> Iterator[Service]:
    with serve(folder, scenario=SCENARIO) as service:
        yield service


def rename(service: Service, new: str) -> None:
    service.box.rename(service.name, new)
    service.name = new


def summarize(service: Service) -> tuple[object, list[str], int]:
    """Tell what there is, whatever the repository is called."""
    names = "|".join(map(re.escape, (NAME, *NEW)))
    summary: Any = service.summary
    *rest, images = summary
    pushed = [
        f"{image.name.count('/')} {tag}"
        for image in service.box.state.images().values()
        for _, tag, _ in image.pushes
        if tag == TAG
    ]
    writes = [
        r
        for r in service.box.state.requests
        if (r.method == "POST" and r.status == 201)
        or b"ok refs/" in r.response_body
    ]
    assert images
    return re.sub(names, "NAME", repr(rest)), pushed, len(writes)


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[object, list[str], int]:
    with play(tmp_path_factory.mktemp("undisturbed") / "x") as service:
        assert service.bump().outcome == "released"
        return summarize(service)


@contextmanager
def at_request(
    service: Service, number: int, act: Callable[[], None]
) -> Iterator[None]:
    """Let something happen before a request of the program is answered."""
    faults = service.box.faults
    draw, first = faults.draw, len(service.box.state.requests)

    def drawn(count: int, method: str, path: str) -> str | None:
        if count == first + number:
            act()
        return draw(count, method, path)

    with patch.object(faults, "draw", drawn):
        yield


@pytest.mark.parametrize("seed", range(SEEDS))
def test_release_ends_as_the_undisturbed_one(
    seed: int, undisturbed: tuple[object, list[str], int], tmp_path: Path
) -> None:
    random = Random(seed)
    number, new = random.randrange(MOST_REQUESTS), random.choice(NEW)
    with play(tmp_path) as service:
        with at_request(service, number, lambda: rename(service, new)):
            if number == 0:
                rename(service, new)
            assert service.bump().outcome == "released"
        if service.name == NAME:
            rename(service, new)
        assert summarize(service) == undisturbed
        # And it is found again, in this clone and in one of the new name.
        assert service.bump().outcome == "nothing"
        releaser = service.make_releaser()
        release = releaser.find(TAG)
        *_, last = releaser.status(release)
        assert isinstance(last, Result)
        assert last.outcome == "released"
        assert release.repository == new
        assert service.box.state.unknown == []


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_release_goes_on_under_the_new_name(
    seed: int, undisturbed: tuple[object, list[str], int], tmp_path: Path
) -> None:
    random = Random(1000 + seed)
    new = random.choice(NEW)
    # Killed before, while, or after it is renamed.
    renamed = random.randrange(MOST_REQUESTS)
    killed = renamed + random.choice((-3, 0, 1, 2, 5, 10))
    with play(tmp_path) as service:
        with (
            service.start("bump", "minor", "--yes") as program,
            at_request(service, renamed, lambda: rename(service, new)),
            at_request(
                service,
                max(killed, 1),
                lambda: program.send_signal(signal.SIGKILL),
            ),
            suppress(TimeoutError),
        ):
            program.wait(120)
        if service.name == NAME:
            rename(service, new)
        result = service.run("bump", "minor", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Traceback" not in result.stderr
        said = f"origin still says {NAME}; {new} is its name"
        assert said in result.stdout + result.stderr
        assert "redirect" not in (result.stdout + result.stderr).lower()
        assert summarize(service) == undisturbed


def test_it_is_told_and_pinned(tmp_path: Path) -> None:
    new = NEW[2]
    with play(tmp_path) as service:
        url = service.box.git_url(new)
        rename(service, new)
        releaser = service.make_releaser()
        assert releaser.project.repository == new
        result = service.run("bump", "minor", "--dry-run", "--json")
        first = json.loads(result.stdout.splitlines()[0])
        assert first["text"] == (
            f"origin still says {NAME}; {new} is its name:"
            f" `git remote set-url origin {url}`"
        )
        assert service.bump().outcome == "released"
        release = service.make_releaser().project.open_journal(TAG).release
        assert release is not None
        assert release.repository == new
        assert release.repository_id == service.box.project(new).id
        [image] = release.images
        assert image.name == f"ghcr.io/{new}"
        # The images of the version before stay where they were pushed.
        service.git("remote", "set-url", "origin", url)
        releaser = service.make_releaser()
        assert releaser.project.former == (NAME,)
        events = list(releaser.verify(releaser.find("1.4.0")))
        assert isinstance(events[-1], Result)
        assert [i.image for i in events[-1].images] == [f"ghcr.io/{NAME}"]


def test_name_that_another_repository_took_blocks(tmp_path: Path) -> None:
    with play(tmp_path) as service:
        assert service.bump().outcome == "released"
        service.box.rename(NAME, NEW[0])
        service.box.add_repository(NAME)
        releaser = service.make_releaser()
        with pytest.raises(BlockedError, match="another repository") as caught:
            releaser.plan_resume(TAG)
        assert "git remote set-url" in str(caught.value.help)
        assert caught.value.exit_status == 3


def test_deployment_repository_and_charts_have_old_names(
    tmp_path: Path,
) -> None:
    """Charts name the source that they know, and one pull request is made."""
    with play(tmp_path) as service:
        add_deployment(service)
        configure(service)
        service.bump(options=Options(checks=False, deploys=False))
        moved = "operations/charts"
        service.box.rename(DEPLOY, moved)
        for new in NEW[1:]:
            rename(service, new)
            releaser = service.make_releaser()
            step = ChartPull(is_asked=True)
            *_, last = releaser.deploy(releaser.find(TAG), step, acts=True)
            assert isinstance(last, Result)
            assert last.exit_status == 0, last
            # The branch has the name that it was begun with.
            [pull] = service.box.state.pulls(moved).values()
            assert pull.head == f"rsp-release/stargazer-{TAG}"
