"""``rsp-release rollout``, against the sandbox's Argo CD."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from rsp_release.views.json import schema
from rsp_sandbox import RolloutScript, SyncWindow, Trouble
from tests.support.deploying import DEPLOY, PREFIX

from ..support.campaigns import choose_size
from ..support.rollouts import Rollouts, open_rollouts

ROLLOUT = Draft202012Validator(json.loads(schema("rollout")))
FLEET = Draft202012Validator(json.loads(schema("fleet")))
EVENTS = Draft202012Validator(json.loads(schema("events")))
NEVER = float("inf")
SILENT = {"ARGOCD_AUTH_TOKEN_IDFDEV": ""}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollouts]:
    folder = tmp_path_factory.mktemp("rollout")
    with open_rollouts(folder / "x", "idfdev", "idfint") as rollouts:
        rollouts.release()
        yield rollouts


@pytest.fixture
def two(shared: Rollouts) -> Rollouts:
    """Two environments, before the release is synced."""
    shared.reset()
    return shared


def _run(
    rollouts: Rollouts, *args: str, **environ: str
) -> tuple[int, str, str]:
    done = rollouts.service.run("rollout", *args, timeout=120.0, **environ)
    return done.returncode, done.stdout, done.stderr


def _table(text: str) -> dict[str, list[str]]:
    """Return the cells of each environment, without since when."""
    rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
    assert rows[0][0] == "environment"
    return {row[0]: [*row[1:5], row[6]] for row in rows[1:]}


# -- The table --------------------------------------------------------------

OTHERS = {
    # Of an application that is off, nothing is shown.
    "environments/values-minikube.yaml": (
        "name: minikube\nfqdn: minikube.example.org\n"
        "applications:\n  stargazer: false\n"
    ),
    "environments/values-zoo.yaml": (
        "name: zoo\nfqdn: not a host\napplications: {stargazer: true}\n"
    ),
    f"{PREFIX}/values-idfprod.yaml": 'image:\n  tag: "1.3.0"\n',
    f"{PREFIX}/values-roundtable-dev.yaml": "image: {tag: v1.5.0}\n",
}
NAMES = (
    "idfdev", "idfint", "idfprod", "tucson-teststand", "base", "summit",
    "roundtable-dev", "roundtable-prod", "usdfdev", "usdfprod", "ccin2p3",
)  # fmt: skip


def test_table_of_twelve_environments_is_right_in_each_cell(
    tmp_path: Path,
) -> None:
    with open_rollouts(tmp_path, *NAMES, files=OTHERS) as rollouts:
        head = rollouts.release()
        old = rollouts.applications["usdfdev"].syncs[-1].revision
        rollouts.sync("idfdev")
        rollouts.sync("tucson-teststand", trouble=Trouble(message="no quota"))
        rollouts.sync("base", hook="cannot migrate")
        rollouts.sync("ccin2p3", starts=NEVER)
        rollouts.sync("roundtable-dev")
        rollouts.sync("usdfprod", applies=99999)
        rollouts.sleep(60)
        for name in ("summit",):
            rollouts.applications[name].script = _closed(rollouts)
        rollouts.applications["usdfdev"].script = RolloutScript(
            lag=3600, refreshes=False
        )
        denied = RolloutScript(denied=frozenset({"get"}))
        rollouts.applications["roundtable-prod"].script = denied
        status, out, err = _run(rollouts)
        table = _table(out)
        assert list(table) == [
            "idfdev", "idfint", "idfprod", "tucson-teststand", "base",
            "summit", "ccin2p3", "roundtable-dev", "roundtable-prod",
            "usdfdev", "usdfprod", "zoo",
        ]  # fmt: skip
        both = "1.4.0, 1.5.0"
        values = f"{PREFIX}/values-idfprod.yaml#image.tag"
        zoo = "environments/values-zoo.yaml"
        hidden = (
            "does not show stargazer: it is not there, or you may not see it"
        )
        late = (
            "the Argo CD of usdfdev answered 500: application refresh"
            " deadline exceeded"
        )
        assert table == {
            "idfdev": ["1.5.0", "1.5.0", "Synced", "Healthy", "-"],
            "idfint": [
                "1.4.0", "1.5.0", "OutOfSync", "Healthy",
                "OutOfSync: Deployment stargazer",
            ],
            "idfprod": [
                "1.3.0", "1.3.0 (pinned)", "Synced", "Healthy",
                f"is to run 1.3.0 ({values})",
            ],
            "tucson-teststand": [
                both, "1.5.0", "Synced", "Degraded",
                table["tucson-teststand"][-1],
            ],
            "base": [
                "1.4.0", "1.5.0", "OutOfSync", "Healthy",
                "sync failed: Job stargazer-update-schema (cannot migrate)",
            ],
            "summit": [
                "1.4.0", "1.5.0", "OutOfSync", "Healthy",
                table["summit"][-1],
            ],
            "ccin2p3": [both, "1.5.0", "Synced", "Progressing", "Progressing"],
            "roundtable-dev": ["v1.5.0", "1.5.0", "Synced", "Healthy", "-"],
            "roundtable-prod": [
                "-", "1.5.0", "-", "-",
                f"cannot look: the Argo CD of roundtable-prod {hidden}",
            ],
            "usdfdev": [
                "1.4.0", "1.5.0 (not compared)", "Synced", "Healthy",
                f"Argo CD has compared {old:.10}, not {head:.10}: {late}",
            ],
            "usdfprod": [
                "1.4.0", "1.5.0", "OutOfSync", "Healthy",
                "syncing, by grace: one or more tasks are running",
            ],
            "zoo": [
                "-", "1.5.0", "-", "-",
                f"cannot look: {zoo}: fqdn 'not a host' is no host",
            ],
        }  # fmt: skip
        sick = table["tucson-teststand"][-1]
        assert sick.startswith("Degraded: Deployment stargazer (Deployment")
        assert sick.endswith("(no quota)")
        assert re.fullmatch(
            r"a sync window denies syncs until \d{4}-\d\d-\d\d \d\d:\d\d UTC"
            r" \([^)]+\)",
            table["summit"][-1],
        )
        # A sync failed.
        assert status == 1
        assert "-> " in err
        assert not any(rollouts.count().values())


def _closed(rollouts: Rollouts) -> RolloutScript:
    window = SyncWindow(
        begins=rollouts.now - timedelta(hours=1),
        ends=rollouts.now + timedelta(minutes=9),
    )
    return RolloutScript(windows=(window,))


def test_json_is_as_described(two: Rollouts) -> None:
    two.sync("idfdev")
    two.sleep(60)
    status, out, _ = _run(two, "--json")
    told = json.loads(out)
    ROLLOUT.validate(told)
    assert (status, told["exit"], told["outcome"]) == (8, 8, "unfinished")
    states = {e["environment"]: e["state"] for e in told["environments"]}
    assert states == {"idfdev": "runs", "idfint": "sync"}
    status, out, _ = _run(two, "--json", "--environment", "idfdev")
    assert (status, json.loads(out)["outcome"]) == (0, "rolled-out")
    status, out, _ = _run(two, "9.9.9", "--json")
    told = json.loads(out)
    ROLLOUT.validate(told)
    assert (status, told["outcome"]) == (2, "failed")


def test_job_gets_outputs_and_a_summary(two: Rollouts, tmp_path: Path) -> None:
    files = {
        name: str(tmp_path / name)
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
    }
    status, _, _ = _run(two, GITHUB_ACTIONS="true", **files)
    assert status == 8
    outputs = (tmp_path / "GITHUB_OUTPUT").read_text()
    assert re.search(r"rolled-out<<\S+\nfalse\n", outputs)
    found = re.search(r"environments<<\S+\n(.*)\n", outputs)
    assert found
    assert [e["state"] for e in json.loads(found[1])] == ["sync", "sync"]
    summary = (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    assert "| ⏳ | idfint | 1\\.4\\.0 | 1\\.5\\.0 | OutOfSync |" in summary


# -- Syncing ----------------------------------------------------------------


def test_sync_needs_an_answer(two: Rollouts) -> None:
    status, _, err = _run(two, "--sync", "idfdev")
    assert status == 2
    assert "confirm with --yes" in err
    assert two.count() == {"idfdev": 0, "idfint": 0}


def test_sync_waits_and_says_how_it_ended(two: Rollouts) -> None:
    status, out, err = _run(two, "--sync", "idfdev", "--yes")
    assert status == 0, out + err
    assert "sync stargazer in idfdev: OutOfSync: Deployment stargazer" in out
    assert "Roll-out of 1.5.0 done" in out
    assert two.count() == {"idfdev": 1, "idfint": 0}
    assert _table(out)["idfdev"][0] == "1.5.0"
    [sync] = [s for s in two.applications["idfdev"].syncs if s.infos]
    assert not sync.prune
    # Once more, there is nothing to do.
    status, out, _ = _run(two, "--sync", "idfdev", "--yes")
    assert (status, two.count()["idfdev"]) == (0, 1)
    status, out, _ = _run(two, "--watch", "--json", "--environment", "idfdev")
    assert status == 0
    for line in out.splitlines():
        EVENTS.validate(json.loads(line))
    [step] = [e for e in map(json.loads, out.splitlines()) if "key" in e]
    assert step["environments"][0]["state"] == "runs"


def test_promotion_is_refused_unless_forced(two: Rollouts) -> None:
    status, _, err = _run(two, "--sync", "idfint", "--yes")
    assert status == 3
    assert "idfdev comes before idfint" in err
    assert "--sync idfint --force" in err
    assert two.count() == {"idfdev": 0, "idfint": 0}
    status, _, _ = _run(two, "--sync", "idfint", "--yes", "--force", "--prune")
    assert status == 0
    assert two.applications["idfint"].syncs[-1].prune
    assert two.count() == {"idfdev": 0, "idfint": 1}


def test_sync_that_was_forced_is_continued_so(two: Rollouts) -> None:
    two.applications["idfint"].script = RolloutScript(starts=NEVER)
    args = ("--sync", "idfint", "--force", "--timeout", "1m")
    status, out, err = _run(two, *args, "--yes")
    assert status == 8, out + err
    again = "continue: rsp-release rollout 1.5.0 --sync idfint --force\n"
    assert again in out + err


def test_lost_answer_leads_to_one_sync(two: Rollouts) -> None:
    two.box.faults.when("POST", "/sync$", "reset_after", times=1)
    status, out, _ = _run(two, "--sync", "idfdev", "--yes")
    assert status == 0, out
    assert two.count()["idfdev"] == 1


def test_operation_of_somebody_else_is_waited_for(two: Rollouts) -> None:
    two.sync("idfdev", applies=30)
    status, out, _ = _run(two, "--sync", "idfdev", "--yes")
    assert status == 0, out
    assert "syncing, by grace" in out
    assert two.count()["idfdev"] == 0


def test_failed_hook_is_named_and_tried_again_when_asked(
    two: Rollouts,
) -> None:
    two.applications["idfdev"].script = RolloutScript(hook="cannot migrate")
    for number in range(1, choose_size(3, 2)):
        status, out, _ = _run(two, "--sync", "idfdev", "--yes")
        assert status == 1
        assert "idfdev: sync failed: Job " in out
        assert "cannot migrate" in out
        assert two.count()["idfdev"] == number
    two.applications["idfdev"].script = RolloutScript()
    status, out, _ = _run(two, "--sync", "idfdev", "--yes")
    assert (status, two.count()["idfdev"]) == (0, choose_size(3, 2)), out


TROUBLES: dict[str, tuple[RolloutScript, int, str]] = {
    "degraded": (
        RolloutScript(trouble=Trouble(message="no quota")), 8, "no quota",
    ),
    "no right": (RolloutScript(denied=frozenset({"sync"})), 4, "may not"),
    "never ready": (RolloutScript(starts=NEVER), 8, "Progressing"),
    "never begins": (RolloutScript(begins=99999), 8, "syncing"),
    "not shown": (RolloutScript(denied=frozenset({"get"})), 4, "cannot look"),
    "cannot compare": (
        RolloutScript(comparison="cannot render"), 8, "cannot render",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [*TROUBLES][: choose_size(6, 2)])
def test_trouble_ends_with_its_status_and_reason(
    name: str, two: Rollouts
) -> None:
    script, expected, said = TROUBLES[name]
    two.applications["idfdev"].script = script
    status, out, err = _run(
        two, "--sync", "idfdev", "--yes", "--timeout", "1m"
    )
    assert status == expected, out + err
    assert said in out + err
    assert "idfdev" in out + err
    assert "Traceback" not in err
    assert two.count()["idfdev"] <= 1


def test_sync_window_is_a_wait(two: Rollouts) -> None:
    two.applications["idfdev"].script = _closed(two)
    status, out, _ = _run(two, "--sync", "idfdev", "--yes", "--timeout", "2m")
    assert status == 8
    assert "a sync window denies syncs" in out
    assert two.count()["idfdev"] == 0
    status, out, _ = _run(two, "--sync", "idfdev", "--yes", "--timeout", "1h")
    assert status == 0, out
    assert two.count()["idfdev"] == 1


# -- Bad input --------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "environ", "expected", "said"),
    [
        (["--sync", "zoo", "--yes"], {}, 2, "no environment zoo runs"),
        (["--environment", "zoo"], {}, 2, "use one of idfdev, idfint"),
        (["--sync", "idfdev", "--back", "idfdev"], {}, 2, "exclude"),
        (["--environment", "idfdev"], SILENT, 4, "argocd login"),
        (["--sync", "idfdev", "--yes"], SILENT, 4, "argocd login"),
        ([], SILENT, 8, "-> idfdev: log in: argocd login"),
        (["--watch", "--environment", "zoo"], {}, 2, "use one of"),
    ],
)
def test_bad_input_has_its_own_message(
    args: list[str],
    environ: dict[str, str],
    expected: int,
    said: str,
    two: Rollouts,
) -> None:
    status, out, err = _run(two, *args, **environ)
    assert status == expected, out + err
    assert said in out + err
    # Once more, it would be as wrong.
    assert "continue:" not in out + err
    assert not any(two.count().values())


@pytest.mark.parametrize(
    "path",
    [f"{PREFIX}/values-idfint.yaml", "environments/values-idfint.yaml"][
        : choose_size(2, 1)
    ],
)
def test_values_that_are_no_yaml(path: str, two: Rollouts) -> None:
    before = two.read(path)
    two.commit({path: "a: ["})
    for args in ([], ["--sync", "idfdev", "--yes"]):
        status, _, err = _run(two, *args)
        assert status == 3
        assert f"{path}: it is no valid YAML" in err
    assert not any(two.count().values())
    two.commit({path: before})


def test_unmerged_pull_request_is_waited_for_by_a_person(
    tmp_path: Path,
) -> None:
    with open_rollouts(tmp_path, "idfdev", "idfint") as rollouts:
        service = rollouts.service
        left = service.run("bump", "minor", "--yes", "--rollout", "--no-wait")
        assert left.returncode == 8
        assert "continue: rsp-release resume 1.5.0 --rollout" in left.stdout
        status, out, _ = _run(rollouts)
        assert status == 8
        assert _table(out)["idfint"][1] == "1.5.0 (not merged)"
        status, _, err = _run(rollouts, "--sync", "idfdev", "--yes")
        assert status == 8
        assert "is not merged" in err
        # What nobody asked for keeps no release from being complete.
        told = service.run("status")
        assert told.returncode == 0, told.stdout
        assert "is not merged" in told.stdout
        assert not any(rollouts.count().values())
        rollouts.merge()
        one = service.run("resume", "--rollout", "--environment", "idfdev")
        assert one.returncode == 0, one.stdout
        assert rollouts.count() == {"idfdev": 1, "idfint": 0}
        done = service.run("resume", "1.5.0", "--rollout")
        assert done.returncode == 0, done.stdout
        assert rollouts.count() == {"idfdev": 1, "idfint": 1}
        assert "idfdev, idfint run 1.5.0" in done.stdout


# -- Back -------------------------------------------------------------------


def test_way_back_is_said_and_proposed(tmp_path: Path) -> None:
    with open_rollouts(tmp_path, "idfdev", "idfint") as rollouts:
        service = rollouts.service
        service.run("bump", "minor", "--yes")
        rollouts.merge()
        service.run("rollout", "--sync", "idfdev", "--yes")
        status, out, err = _run(rollouts, "--back", "idfdev")
        assert status == 0, out + err
        assert "Set idfdev back from 1.5.0 to 1.4.0:" in out
        assert "argocd app rollback stargazer 0" in out
        assert "rsp-release deploy 1.4.0 --force" in out
        assert "appVersion is also that of idfint" in out
        assert "1.5.0 → 1.4.0" in out
        assert len(rollouts.pulls) == 1
        status, out, err = _run(rollouts, "--back", "idfdev", "--yes")
        assert status == 0, out + err
        assert rollouts.pulls[-1].title == "Update stargazer to 1.4.0"


def test_nothing_to_go_back_to(two: Rollouts) -> None:
    two.applications["idfdev"].syncs.clear()
    two.sync("idfdev")
    two.sleep(60)
    status, _, err = _run(two, "--back", "idfdev")
    assert status == 3
    assert "has nothing but 1.5.0" in err


# -- The fleet --------------------------------------------------------------


def test_fleet_shows_what_runs_where(two: Rollouts) -> None:
    two.sync("idfdev")
    two.sleep(60)
    state = two.box.state
    before = len(state.requests)
    done = two.service.run("fleet", DEPLOY, ARGOCD_AUTH_TOKEN_IDFINT="")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[2] for row in rows if row[0] == "application"] == ["running"]
    assert [r[2] for r in rows if r[0] == "stargazer"] == ["1.5.0 idfdev"]
    assert "not looked at: idfint: no credentials" in done.stderr
    asked = [r.path for r in state.requests[before:] if "/argocd/" in r.path]
    assert sorted(asked) == [
        f"/argocd/{name}/api/v1/applications" for name in ("idfdev", "idfint")
    ]
    done = two.service.run("fleet", DEPLOY, "--json")
    told = json.loads(done.stdout)
    FLEET.validate(told)
    [found] = [a for a in told["applications"] if a["name"] == "stargazer"]
    assert [
        (each["environment"], each["versions"], each["sync"])
        for each in found["running"]
    ] == [
        ("idfdev", ["1.5.0"], "Synced"),
        ("idfint", ["1.4.0"], "OutOfSync"),
    ]
