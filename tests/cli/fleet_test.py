"""``rsp-release fleet``, on a hundred and fifty applications."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from rsp_release.deployment.fleet import Row, document, fleet_status, select
from rsp_release.exceptions import ReadError
from rsp_release.views.json import schema
from tests.support.box import Sandbox

from ..support.fleets import CHARTS, NOW, add_fleet, draw, make_reader
from ..support.simulated import VirtualClock
from ..support.spawning import run_program

DESCRIBED = json.loads(schema("fleet"))
SCHEMA = Draft202012Validator(DESCRIBED)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock(NOW)) as box:
        add_fleet(box)
        yield box


@pytest.fixture(scope="module")
def rows(box: Sandbox) -> tuple[Row, ...]:
    return make_reader(box, VirtualClock(NOW)).read()


def test_requests_grow_with_repositories_by_fifty(
    box: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(box.state.requests)
    rows = make_reader(box, VirtualClock(NOW)).read()
    requests = box.state.requests[before:]
    assert len(rows) == 150
    charts = [
        r
        for r in requests
        if r.path.endswith((CHARTS, "/git/ref/heads/main"))
        or "/git/trees/" in r.path
        or b"query Files(" in r.body
    ]
    beyond = [r for r in requests if r not in charts]
    with capsys.disabled():
        print(f"\n{len(charts)} requests for the charts,", end=" ")  # noqa: T201
        print(f"{len(beyond)} beyond, for {len(rows)} rows", end=" ")  # noqa: T201
    assert len(charts) <= 8
    assert len(beyond) <= 8
    assert all(r.status == 200 for r in requests)
    assert box.state.unknown == []


def test_progress_is_told(box: Sandbox) -> None:
    told: list[tuple[int, int]] = []
    reader = make_reader(box, VirtualClock(NOW))
    reader.read(lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {300}
    # Repositories that cannot be read have nothing unreleased.
    assert sum(done for done, _ in told) == 298


def test_one_broken_repository_does_not_spoil_the_table(
    rows: tuple[Row, ...],
) -> None:
    broken = [row for row in rows if row.need == "unknown"]
    assert [row.application.name for row in broken] == ["algol", "mira"]
    for row in broken:
        assert row.facts.problem
        assert row.application.deployed
        assert row.next is None
    assert len([r for r in rows if r.facts.latest]) == 148


def test_a_failed_request_spoils_its_fifty_alone(box: Sandbox) -> None:
    box.faults.clear()
    before = len(box.state.requests)
    # The charts take five requests, and the next asks for the first fifty.
    for number in range(6, 10):
        box.faults.at(before + number, "error_500")
    rows = make_reader(box, VirtualClock(NOW)).read()
    assert len(rows) == 150
    spoilt = [row for row in rows if row.need == "unknown"]
    assert 50 <= len(spoilt) <= 52
    box.faults.clear()


def test_charts_that_cannot_be_read_are_an_error(box: Sandbox) -> None:
    box.faults.when("*", "/git/trees/", "error_500", times=None)
    with pytest.raises(ReadError):
        make_reader(box, VirtualClock(NOW)).read()
    box.faults.clear()


def test_rows_say_what_is_true(rows: tuple[Row, ...], box: Sandbox) -> None:
    by_name = {row.application.name: row for row in rows}
    for row in rows:
        if row.facts.problem:
            continue
        git = box.project(row.application.repository).git
        log = git.log(f"{row.facts.latest}..main")
        assert row.unreleased == len(log)
        [release] = box.state.releases(row.application.repository)
        assert row.age == (NOW - release.created_at).days
        messages = "".join(git.known(sha).message for sha in log)
        latest = [int(n) for n in str(row.facts.latest).split(".")]
        if "feat!" in messages and latest[0]:
            assert row.next == f"{latest[0] + 1}.0.0"
        elif "feat" in messages:
            assert row.next == f"{latest[0]}.{latest[1] + 1}.0"
        elif "fix" in messages:
            assert row.next == f"{latest[0]}.{latest[1]}.1"
    assert any(row.need == "failed" for row in rows)
    assert any(row.deploy_pull for row in rows)
    assert by_name["capella"].need == "deploy"


def test_what_needs_a_person_most_comes_first(rows: tuple[Row, ...]) -> None:
    order = ["failed", "unknown", "deploy", "merge", "release", "nothing"]
    needs = [order.index(row.need) for row in select(rows)]
    assert needs == sorted(needs)
    assert set(needs) == set(range(6))
    ages = [r.age or 0 for r in select(rows, needs=["nothing"])]
    assert ages == sorted(ages, reverse=True)


def test_filters(rows: tuple[Row, ...]) -> None:
    assert {r.need for r in select(rows, needs=["deploy", "failed"])} == {
        "deploy",
        "failed",
    }
    assert {r.application.name for r in select(rows, names=["vega*"])} == {
        "vega",
        "vega-a",
    }
    assert len(select(rows, names=["rubin-demo/vega"])) == 1


def test_exit_status(rows: tuple[Row, ...]) -> None:
    def status(*needs: str) -> int:
        return int(fleet_status(r for r in rows if r.need in needs))

    assert status("nothing") == 0
    assert status("nothing", "release") == 8
    assert status("deploy") == 8
    assert status("unknown", "deploy") == 1
    assert status("failed", "unknown", "deploy") == 5


def test_document_is_whole(rows: tuple[Row, ...]) -> None:
    told = json.loads(json.dumps(document(rows, repository=CHARTS)))
    assert told["schema"] == 1
    assert len(told["applications"]) == 150
    keys = {key for item in told["applications"] for key in item}
    assert keys >= {"name", "deployed", "latest", "next", "need", "run"}
    SCHEMA.validate(told)


def test_schema_describes_every_key(rows: tuple[Row, ...]) -> None:
    told = json.loads(json.dumps(document(rows, repository=CHARTS)))
    items = DESCRIBED["properties"]["applications"]["items"]
    for item in told["applications"]:
        assert list(item) == items["required"] == list(items["properties"])
    told["applications"][0]["need"] = "love"
    assert not SCHEMA.is_valid(told)


def test_schema_is_printed(box: Sandbox, tmp_path: Path) -> None:
    result = _command(box, tmp_path, "schema", "fleet")
    assert result.returncode == 0
    assert json.loads(result.stdout) == DESCRIBED


def test_picture_is_the_one_in_the_documentation(
    rows: tuple[Row, ...],
) -> None:
    path = Path(__file__).parents[2] / "docs" / "images" / "fleet.svg"
    assert path.read_text(encoding="utf-8") == draw(select(rows)), (
        "draw it again: python -m tests.support.fleets"
    )


def _run(
    box: Sandbox, folder: Path, *args: str
) -> subprocess.CompletedProcess[str]:
    return _command(box, folder, "fleet", *args)


def _command(
    box: Sandbox, folder: Path, *args: str
) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")
    environ = {k: os.environ[k] for k in kept if k in os.environ}
    return run_program(
        args,
        cwd=folder,
        environ={**environ, **box.environment(), "HOME": str(folder)},
        timeout=60,
    )


def test_command_needs_no_clone(box: Sandbox, tmp_path: Path) -> None:
    result = _run(box, tmp_path, CHARTS, "--json", "--need", "failed")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    SCHEMA.validate(told)
    assert [item["need"] for item in told["applications"]] == [
        "failed",
        "failed",
    ]
    result = _run(box, tmp_path, CHARTS, "--only", "vega", "--check")
    assert result.returncode == 8, result.stderr
    heading, line = result.stdout.splitlines()
    assert heading.startswith("application\tdeployed\tlatest")
    assert line.startswith("vega\t5.2.0\t5.3.0\t")
    assert line.endswith("deploy 5.3.0")


def test_command_writes_a_page(box: Sandbox, tmp_path: Path) -> None:
    result = _run(box, tmp_path, CHARTS, "--html", "index.html", "--check")
    assert result.returncode == 5, result.stderr
    assert result.stdout == "index.html\n"
    assert {e.name for e in tmp_path.iterdir()} == {".cache", "index.html"}
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("<tr data-need=") == 150
    assert '<figure data-stage="whole"' in page
    assert len(page) < 1_000_000
    result = _run(box, tmp_path, CHARTS, "--html", "-", "--only", "vega")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("<!doctype html>")
    assert result.stdout.count("<tr data-need=") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--html", "."), "is a directory"),
        (("--html", "no/index.html"), "there is no directory no"),
        (("--html", "-", "--json"), "both print to standard output"),
    ],
)
def test_a_page_needs_a_place(
    box: Sandbox, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    before = len(box.state.requests)
    result = _run(box, tmp_path, CHARTS, *args)
    assert result.returncode == 2
    assert said in result.stderr + result.stdout
    assert len(box.state.requests) == before


def test_command_says_what_is_missing(box: Sandbox, tmp_path: Path) -> None:
    result = _run(box, tmp_path)
    assert result.returncode == 2
    assert "deploy.repository" in result.stderr
    result = _run(box, tmp_path, CHARTS, "--need", "love")
    assert result.returncode == 2
    result = _run(box, tmp_path, "rubin-demo/nothing")
    assert result.returncode == 3
    assert "no repository rubin-demo/nothing" in result.stderr
