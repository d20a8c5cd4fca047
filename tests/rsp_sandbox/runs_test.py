"""Workflow runs: when they appear, go on and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from rsp_sandbox import ImageScript, PushFilter, Triggers, WorkflowScript, seed
from rsp_sandbox.base import History
from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"
CI = ".github/workflows/ci.yaml"
IMAGE = f"ghcr.io/{NAME}"


Scripted = Callable[..., AbstractContextManager[tuple[Sandbox, Client]]]


@pytest.fixture
def scripted(clock: ManualClock, start: Callable[..., Sandbox]) -> Scripted:
    """Start a sandbox whose workflow is scripted, and a client of it."""

    @contextmanager
    def begin(**workflow: Any) -> Iterator[tuple[Sandbox, Client]]:
        script = [{"path": CI, **workflow}] if workflow else []
        box = start({"workflows": script})
        clock.sleep(60)
        with Client(box) as client:
            yield box, client

    return begin


def publish(client: Client, tag: str = "1.5.0") -> None:
    assert client.post(f"{R}/releases", {"tag_name": tag}).status == 201


def runs(client: Client, tag: str = "1.5.0", **more: Any) -> list[Any]:
    query = {"event": "release", "branch": tag} | more
    found = client.get(f"{R}/actions/runs", **query).data
    assert found["total_count"] >= len(found["workflow_runs"])
    return list(found["workflow_runs"])


def jobs(client: Client, run: Any, **query: Any) -> dict[str, Any]:
    found = client.get(f"{R}/actions/runs/{run['id']}/jobs", **query).data
    return {job["name"]: job for job in found["jobs"]}


def test_life_of_a_run(clock: ManualClock, scripted: Scripted) -> None:
    with scripted() as (box, client):
        publish(client)
        assert runs(client) == []
        clock.sleep(0.5)
        (run,) = runs(client)
        assert run["status"] == "queued"
        assert run["conclusion"] is None
        assert run["head_branch"] == "1.5.0"
        assert run["path"] == CI
        assert run["head_sha"] == box.state.tags(NAME)["1.5.0"]
        assert run["created_at"] == "2026-03-02T12:01:00Z"
        assert run["run_attempt"] == 1
        assert jobs(client, run) == {}
        clock.sleep(1)
        (run,) = runs(client)
        assert run["status"] == "in_progress"
        found = jobs(client, run)
        # Jobs exist only once what they need is done.
        assert list(found) == ["test"]
        assert found["test"]["status"] == "in_progress"
        steps = found["test"]["steps"]
        assert {step["status"] for step in steps} == {
            "completed",
            "in_progress",
            "queued",
        }
        clock.sleep(2)
        assert list(jobs(client, run)) == [
            "test",
            "build / build (linux/amd64)",
            "build / build (linux/arm64)",
        ]
        assert client.pull(IMAGE, "1.5.0").status == 404
        clock.sleep(4)
        (run,) = runs(client)
        assert (run["status"], run["conclusion"]) == ("completed", "success")
        assert list(jobs(client, run))[-1] == "build / merge"
        assert client.pull(IMAGE, "1.5.0").status == 200
        assert client.pull(IMAGE, "1.5.0-arm64").status == 200
        again = client.get(f"{R}/actions/runs/{run['id']}").data
        assert again == run


def test_status_depends_on_time_alone(
    clock: ManualClock, scripted: Scripted
) -> None:
    """Looking often or seldom shows the same."""
    seen = []
    for pause in (0.1, 1.0):
        with scripted() as (_, client):
            publish(client)
            states = []
            for number in range(1, 81):
                clock.sleep(0.1)
                if number * 0.1 % pause < 0.01:
                    found = runs(client)
                if number % 10 == 0:
                    found = runs(client)
                    states.append([r["status"] for r in found])
            seen.append(states)
    assert seen[0] == seen[1]
    assert ["completed"] in seen[0]


def test_failed_job_and_rerun(clock: ManualClock, scripted: Scripted) -> None:
    with scripted(
        jobs=[
            {"name": "test"},
            {
                "name": "build / merge",
                "id": "merge",
                "needs": ["test"],
                "steps": ["Set up job", "Push", "Complete job"],
                "conclusion": "failure",
                "failing_step": "Push",
                "log": "denied: permission_denied",
                "annotations": [{"message": "no package", "level": "failure"}],
            },
            {"name": "announce", "needs": ["merge"]},
        ],
    ) as (_, client):
        publish(client)
        clock.sleep(60)
        (run,) = runs(client)
        assert run["conclusion"] == "failure"
        found = jobs(client, run)
        assert found["build / merge"]["conclusion"] == "failure"
        assert found["announce"]["conclusion"] == "skipped"
        steps = found["build / merge"]["steps"]
        assert [step["conclusion"] for step in steps] == [
            "success",
            "failure",
            "success",
        ]
        bad = found["build / merge"]
        notes = client.get(f"{R}/check-runs/{bad['id']}/annotations").data
        assert [note["message"] for note in notes] == ["no package"]
        assert client.pull(IMAGE, "1.5.0").status == 404
        path = f"{R}/actions/runs/{run['id']}"
        assert client.post(f"{path}/rerun-failed-jobs").status == 201
        # Once more at once: it runs already.
        assert client.post(f"{path}/rerun-failed-jobs").status == 403
        (again,) = runs(client)
        assert again["id"] == run["id"]
        assert again["run_attempt"] == 2
        assert again["status"] != "completed"
        assert again["run_started_at"] != run["run_started_at"]
        assert again["created_at"] == run["created_at"]
        clock.sleep(60)
        (done,) = runs(client)
        assert done["conclusion"] == "success"
        latest = jobs(client, done)
        assert latest["test"]["run_attempt"] == 1
        assert latest["build / merge"]["run_attempt"] == 2


def test_rerun_pushes_the_image(
    clock: ManualClock, scripted: Scripted
) -> None:
    job = {"name": "push", "conclusion": "failure"}
    with scripted(jobs=[job], images=[{}]) as (_, client):
        publish(client)
        clock.sleep(30)
        assert client.pull(IMAGE, "1.5.0").status == 404
        (run,) = runs(client)
        client.post(f"{R}/actions/runs/{run['id']}/rerun")
        clock.sleep(30)
        assert client.pull(IMAGE, "1.5.0").status == 200


def test_run_older_than_a_month_cannot_be_rerun(
    clock: ManualClock, scripted: Scripted
) -> None:
    with scripted() as (box, client):
        old = box.state.runs(NAME)[0]
        path = f"{R}/actions/runs/{old.id}/rerun"
        assert client.post(path).status == 403


def test_approval(clock: ManualClock, scripted: Scripted) -> None:
    job = {"name": "push", "environment": "prod"}
    with scripted(jobs=[job], images=[{}]) as (_, client):
        publish(client)
        clock.sleep(3600)
        (run,) = runs(client)
        assert run["status"] == "waiting"
        path = f"{R}/actions/runs/{run['id']}/pending_deployments"
        (pending,) = client.get(path).data
        assert pending["environment"]["name"] == "prod"
        assert pending["current_user_can_approve"] is True
        data = {
            "environment_ids": [pending["environment"]["id"]],
            "state": "approved",
            "comment": "",
        }
        assert client.post(path, data).status == 200
        assert client.get(path).data == []
        clock.sleep(30)
        assert runs(client)[0]["conclusion"] == "success"
        assert client.pull(IMAGE, "1.5.0").status == 200


def test_rejection(clock: ManualClock, scripted: Scripted) -> None:
    job = {"name": "push", "environment": "prod"}
    with scripted(jobs=[job]) as (_, client):
        publish(client)
        clock.sleep(10)
        (run,) = runs(client)
        path = f"{R}/actions/runs/{run['id']}/pending_deployments"
        number = client.get(path).data[0]["environment"]["id"]
        data = {
            "environment_ids": [number],
            "state": "rejected",
            "comment": "no",
        }
        client.post(path, data)
        assert runs(client)[0]["conclusion"] == "failure"


def test_concurrency_cancels_the_pending_one(
    clock: ManualClock, scripted: Scripted
) -> None:
    with scripted(concurrency="Docker") as (_, client):
        for tag in ("1.5.0", "1.6.0", "1.7.0"):
            publish(client, tag)
            clock.sleep(1)
        assert runs(client, "1.5.0")[0]["status"] == "in_progress"
        assert runs(client, "1.6.0")[0]["conclusion"] == "cancelled"
        (last,) = runs(client, "1.7.0")
        assert last["status"] == "pending"
        path = f"{R}/actions/runs/{last['id']}/concurrency_groups"
        (group,) = client.get(path).data["concurrency_groups"]
        assert group["group_members"][0]["position"] == 1
        clock.sleep(6)
        assert runs(client, "1.7.0")[0]["status"] == "in_progress"
        clock.sleep(10)
        assert runs(client, "1.7.0")[0]["conclusion"] == "success"


def test_concurrency_queue_of_all(
    clock: ManualClock, scripted: Scripted
) -> None:
    group = {"concurrency": "docker", "queue": "max"}
    with scripted(**group) as (_, client):
        for tag in ("1.5.0", "1.6.0", "1.7.0"):
            publish(client, tag)
        clock.sleep(1)
        states = [runs(client, t)[0]["status"] for t in ("1.6.0", "1.7.0")]
        assert states == ["pending", "pending"]
        clock.sleep(30)
        for tag in ("1.5.0", "1.6.0", "1.7.0"):
            assert runs(client, tag)[0]["conclusion"] == "success"


def test_concurrency_cancels_what_runs(
    clock: ManualClock, scripted: Scripted
) -> None:
    group = {"concurrency": "docker", "cancel_in_progress": True}
    with scripted(**group) as (_, client):
        publish(client, "1.5.0")
        clock.sleep(60)
        for tag in ("1.6.0", "1.7.0"):
            publish(client, tag)
            clock.sleep(3)
        # What is over stays as it ended.
        assert runs(client, "1.5.0")[0]["conclusion"] == "success"
        done = runs(client, "1.5.0")[0]["updated_at"]
        assert done < runs(client, "1.6.0")[0]["created_at"]
        assert runs(client, "1.6.0")[0]["conclusion"] == "cancelled"
        assert runs(client, "1.7.0")[0]["status"] == "in_progress"


def test_startup_failure_has_no_jobs(
    clock: ManualClock, scripted: Scripted
) -> None:
    with scripted(startup_failure=True) as (_, client):
        publish(client)
        clock.sleep(1)
        (run,) = runs(client)
        assert run["conclusion"] == "startup_failure"
        assert jobs(client, run) == {}


def test_cancelled_by_somebody(clock: ManualClock, scripted: Scripted) -> None:
    with scripted(cancel_after=1) as (_, client):
        publish(client)
        clock.sleep(1)
        assert runs(client)[0]["status"] == "in_progress"
        clock.sleep(1)
        assert runs(client)[0]["conclusion"] == "cancelled"


@pytest.mark.parametrize(
    "more", [{"is_lost": True}, {"state": "disabled_inactivity"}]
)
def test_run_never_appears(
    clock: ManualClock, scripted: Scripted, more: dict[str, Any]
) -> None:
    with scripted(**more) as (_, client):
        publish(client)
        clock.sleep(3600)
        assert runs(client) == []
        state = client.get(f"{R}/actions/workflows/ci.yaml").data["state"]
        assert state == more.get("state", "active")


def test_run_appears_late(clock: ManualClock, scripted: Scripted) -> None:
    with scripted(appear_after=90) as (_, client):
        publish(client)
        clock.sleep(89)
        assert runs(client) == []
        clock.sleep(1)
        assert len(runs(client)) == 1


def test_skipped_job_leaves_a_green_run_without_image(
    clock: ManualClock, scripted: Scripted
) -> None:
    script = [{"name": "test"}, {"name": "build", "skip": True}]
    with scripted(jobs=script, images=[{}]) as (_, client):
        publish(client)
        clock.sleep(60)
        (run,) = runs(client)
        assert run["conclusion"] == "success"
        assert jobs(client, run)["build"]["conclusion"] == "skipped"
        assert client.pull(IMAGE, "1.5.0").status == 404


def test_image_is_pushed_late(clock: ManualClock, scripted: Scripted) -> None:
    images = [{"delay": 20, "attestations": False}]
    script = [{"name": "build", "seconds": 5}]
    with scripted(jobs=script, images=images) as (_, client):
        publish(client)
        clock.sleep(10)
        assert runs(client)[0]["conclusion"] == "success"
        assert client.pull(IMAGE, "1.5.0").status == 404
        clock.sleep(20)
        assert client.pull(IMAGE, "1.5.0").status == 200


def test_told_what_is_published(
    clock: ManualClock, start: Callable[..., Sandbox]
) -> None:
    """A file says what starts a run, and somebody else what it pushes."""
    box, asked = start(), []

    def tell(
        tag: str,
        commit: str,
        files: Mapping[str, str],
        read: Callable[[str], str | None],
    ) -> list[WorkflowScript]:
        asked.append(
            (tag, commit, tuple(files), read("README.md"), read("none"))
        )
        image = ImageScript(name="ghcr.io/a/b", tag=f"x{tag}", job="build")
        return [WorkflowScript(path=CI, images=(image,))]

    box.project(NAME).publishes = tell
    with Client(box) as client:
        publish(client)
        clock.sleep(60)
        (run,) = runs(client)
        assert list(jobs(client, run)) == ["test", "build / run"]
        assert client.pull("ghcr.io/a/b", "x1.5.0").status == 200
        assert client.pull(IMAGE, "1.5.0").status == 404
        readme = "# stargazer\n\nAnswers where to look tonight.\n"
        # It is asked again for what follows a run that is over.
        told = ("1.5.0", run["head_sha"], (CI,), readme, None)
        assert {*asked} == {told}


def test_filters(clock: ManualClock, scripted: Scripted) -> None:
    with scripted() as (_, client):
        publish(client)
        clock.sleep(60)
        (run,) = runs(client)
        sha = run["head_sha"]
        assert runs(client, head_sha=sha)
        assert not runs(client, head_sha="0" * 40)
        assert runs(client, status="success")
        assert runs(client, status="completed")
        assert not runs(client, status="queued")
        everything = client.get(f"{R}/actions/runs").data
        assert everything["total_count"] == 10
        only = client.get(f"{R}/actions/workflows/ci.yaml/runs").data
        assert only["total_count"] == 10
        path = f"{R}/actions/workflows/other.yaml/runs"
        assert client.get(path).status == 404


def test_lag_of_runs(
    clock: ManualClock, start: Callable[..., Sandbox]
) -> None:
    with Client(start({"lag": {"runs": 5}})) as client:
        publish(client)
        clock.sleep(5)
        assert runs(client) == []
        clock.sleep(2)
        (run,) = runs(client)
        assert run["status"] == "in_progress"
        clock.sleep(3)
        # The run object lags its jobs.
        assert runs(client)[0]["status"] == "in_progress"
        found = jobs(client, run)
        assert {job["status"] for job in found.values()} == {"completed"}


def test_logs_come_from_another_host(
    clock: ManualClock, scripted: Scripted
) -> None:
    with scripted() as (box, client):
        publish(client)
        clock.sleep(1)
        (run,) = runs(client)
        job = jobs(client, run)["test"]
        path = f"{R}/actions/jobs/{job['id']}/logs"
        assert client.get(path).status == 404
        clock.sleep(30)
        answer = client.get(path)
        assert answer.status == 302
        address = answer.headers["location"]
        assert str(box.port) not in address
        log = client.follow(address)
        assert log.status == 200
        assert b"##[group]Set up job" in log.body
        # Credentials don't belong there.
        assert client.follow(address, Authorization="token x").status == 400
        clock.sleep(61)
        assert client.follow(address).status == 403
        with Client(box, "") as stranger:
            assert stranger.get(path).status == 403


def test_all_activity_types_start_runs(
    clock: ManualClock, scripted: Scripted
) -> None:
    with scripted(on="release", jobs=[{"name": "it"}]) as (_, client):
        publish(client)
        clock.sleep(1)
        assert len(runs(client)) == 3


def test_checks_of_a_commit(clock: ManualClock, scripted: Scripted) -> None:
    with scripted() as (box, client):
        publish(client)
        clock.sleep(60)
        found = client.get(f"{R}/commits/1.5.0/check-runs").data
        names = {item["name"] for item in found["check_runs"]}
        assert "build / merge" in names
        token = box.add_token(kind="fine-grained")
        with Client(box, token) as fine:
            assert fine.get(f"{R}/commits/1.5.0/check-runs").status == 403


TAGGED = """\
on:
  push:
    tags: ["release/**/never"]
jobs:
  test:
    runs-on: ubuntu-latest
    if: github.event_name == 'pull_request'
  image:
    needs: test
    if: github.ref_type == 'branch'
    runs-on: ubuntu-latest
  later:
    runs-on: ubuntu-latest
    if: github.event_name == 'pull_request'
"""


@pytest.mark.parametrize(
    ("running", "names"),
    [
        (("image",), ["test", "image"]),
        (("image (amd64)", "image (arm64)"), ["test", "image"]),
        (("sign / push",), ["sign / push"]),
    ],
)
def test_what_it_was_told_of_runs(
    clock: ManualClock, running: tuple[str, ...], names: list[str]
) -> None:
    """It starts, runs and pushes, whatever the sandbox makes of the file."""
    script = WorkflowScript(
        path=".github/workflows/tag.yaml",
        on=Triggers(push=PushFilter(tags=("**",))),
        running=running,
        images=(ImageScript(name="ghcr.io/a/b", job=running[0]),),
    )
    with Sandbox(clock=clock) as box:
        seed.deployment(box, "a/b", {script.path: TAGGED})
        project = box.project("a/b")
        project.publishes = lambda *_: [script]
        head = project.git.refs()["refs/heads/main"]
        with box.lock:
            # What is there from the beginning is no push.
            project.git.update_ref("refs/tags/1.0.0", head)
            project.refs = History(project.git.refs())
        seed.publish(box, project, tags=["1.0.0"])
        (run,) = box.state.runs("a/b")
        ran = [j.script.name for j in run.jobs() if j.conclusion == "success"]
        assert (run.event, ran) == ("push", names)
        assert "1.0.0" in box.state.images()["ghcr.io/a/b"].tags.value
        seed.publish(box, project, tags=[])
        assert len(box.state.runs("a/b")) == 1
        assert [r.tag for r in box.state.releases("a/b")] == ["1.0.0"]
