"""The sandbox's Argo CD. What is said is judged when a sandbox closes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rsp_sandbox import Application, RolloutScript, SyncWindow, Trouble, seed
from tests.support.argocd_contract import argocd_contract
from tests.support.box import Sandbox
from tests.support.sandbox import Answer, Client, ManualClock

DEPLOY = "rubin-demo/charts"
IMAGE = "ghcr.io/rubin-demo/stargazer"
FILES = {
    "applications/stargazer/Chart.yaml": "appVersion: 1.4.0\n",
    "applications/stargazer/values.yaml": f"image: {{repository: {IMAGE}}}\n",
    "applications/stargazer/values-dev.yaml": "config: {debug: true}\n",
    "applications/stargazer/values-prod.yaml": "image: {tag: 1.3.0}\n",
    "applications/stargazer/templates/deployment.yaml": "kind: Deployment\n",
    "applications/stargazer/templates/service.yaml": "kind: Service\n",
    "applications/stargazer/README.md": "# stargazer\n",
}


class Argo(Client):
    """A client of an environment's Argo CD."""

    environment = "dev"
    bearer: str | None = None

    def ask(
        self, path: str = "/stargazer", data: Any = None, **query: str
    ) -> Answer:
        """Ask for an application, or send something."""
        token = self.bearer
        if token is None:
            token = self.box.argocd.token
        url = f"/argocd/{self.environment}/api/v1/applications{path}"
        if query:
            url += "?" + "&".join(f"{k}={v}" for k, v in query.items())
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = None if data is None else json.dumps(data).encode()
        method = "GET" if data is None else "POST"
        return self.raw(method, url, headers=headers, body=body)

    def look(self, **query: str) -> Any:
        """Return an application."""
        answer = self.ask(**query)
        assert answer.status == 200
        return answer.data

    def sync(self, **data: Any) -> Answer:
        """Ask for a sync."""
        return self.ask("/stargazer/sync", data)


@pytest.fixture
def add(clock: ManualClock) -> Iterator[Callable[..., Any]]:
    """Serve two environments; give a client of one and its application."""
    box = Sandbox(clock=clock)

    def begin(**given: Any) -> tuple[Argo, Application]:
        seed.deployment(box, DEPLOY, FILES)
        box.argocd.add("prod", "stargazer", DEPLOY, now=clock.now())
        given = {"project": "rsp", "now": clock.now(), **given}
        application = box.argocd.add("dev", "stargazer", DEPLOY, **given)
        return client, application

    with box, Argo(box) as client:
        yield begin


def change(box: Sandbox, path: str, text: str | None) -> str:
    """Change a file of the chart, or take it away; return the commit."""
    project = box.project(DEPLOY)
    path = f"applications/stargazer/{path}"
    line = f"D {path}\n"
    if text is not None:
        line = f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"
    stream = "commit refs/heads/main\ncommitter Ada <a@b.c> 1767225600 +0000\n"
    stream += f"data 2\nx\nfrom refs/heads/main^0\n{line}"
    with box.lock:
        project.git.git("fast-import", "--quiet", stdin=stream.encode())
        box.notice(project)
    return project.git.refs()["refs/heads/main"]


def bump(box: Sandbox) -> str:
    text = FILES["applications/stargazer/Chart.yaml"]
    return change(box, "Chart.yaml", text.replace("1.4.0", "1.5.0"))


def state(data: Any) -> tuple[str, str, str | None]:
    """Return sync and health of an application, and its operation's phase."""
    status = data["status"]
    phase = status.get("operationState", {}).get("phase")
    return status["sync"]["status"], status["health"]["status"], phase


def images(data: Any) -> list[str]:
    """Return the tags of an application's images."""
    found = data["status"]["summary"].get("images", [])
    return [image.rpartition(":")[2] for image in found]


def reason(answer: Answer) -> tuple[int, int, str]:
    """Return status, code and text of a refusal."""
    data = answer.data
    assert data["error"] == data["message"]
    return answer.status, data["code"], data["message"]


Add = Callable[..., tuple[Argo, Application]]


def test_a_merge_leads_from_out_of_sync_to_healthy(
    add: Add, clock: ManualClock
) -> None:
    """Facts 1.3, 1.5, 2.2."""
    argo, _ = add()
    before = argo.look()
    assert state(before) == ("Synced", "Healthy", "Succeeded")
    assert images(before) == ["1.4.0"]
    commit = bump(argo.box)
    seen = argo.look()
    assert state(seen) == ("OutOfSync", "Healthy", "Succeeded")
    assert seen["status"]["sync"]["revision"] == commit
    assert {
        item["kind"]: item["status"] for item in seen["status"]["resources"]
    } == {"Deployment": "OutOfSync", "Service": "Synced"}
    answer = argo.sync(infos=[{"name": "rsp-release", "value": "1.5.0 x"}])
    assert answer.status == 200
    assert answer.data["operation"]["sync"]["revision"] == commit
    assert "operationState" not in answer.data["status"]
    clock.sleep(0.3)
    running = argo.look()
    assert state(running) == ("OutOfSync", "Healthy", "Running")
    operation = running["status"]["operationState"]["operation"]
    assert operation["info"] == [{"name": "rsp-release", "value": "1.5.0 x"}]
    assert operation["initiatedBy"] == {"username": "ada"}
    clock.sleep(1)
    # Of before the pods start (1.4).
    over = argo.look()
    assert state(over) == ("Synced", "Healthy", "Succeeded")
    assert images(over) == ["1.4.0"]
    assert "operation" not in over
    clock.sleep(1)
    assert state(argo.look()) == ("Synced", "Progressing", "Succeeded")
    assert images(argo.look()) == ["1.4.0", "1.5.0"]
    clock.sleep(2)
    assert state(argo.look()) == ("Synced", "Healthy", "Succeeded")
    assert images(argo.look()) == ["1.5.0"]
    history = argo.look()["status"]["history"]
    assert [past["id"] for past in history] == [0, 1]
    assert history[-1]["revision"] == commit


def test_an_environment_follows_its_own_values(add: Add) -> None:
    argo, _ = add()
    argo.environment = "prod"
    assert images(argo.look()) == ["1.3.0"]
    bump(argo.box)
    # What Helm renders here is the same as before.
    assert argo.look()["status"]["sync"]["status"] == "Synced"
    change(argo.box, "values-prod.yaml", "image: {tag: 1.5.0}\n")
    assert argo.look()["status"]["sync"]["status"] == "OutOfSync"


def test_what_is_not_rendered_changes_nothing(add: Add) -> None:
    argo, _ = add()
    commit = change(argo.box, "README.md", "# Stargazer\n")
    sync = argo.look()["status"]["sync"]
    assert sync["status"] == "Synced"
    assert sync["revision"] == commit


def test_what_git_no_longer_has_stays_unless_pruned(
    add: Add, clock: ManualClock
) -> None:
    """Facts 2.7."""
    argo, _ = add()
    change(argo.box, "templates/service.yaml", None)
    for prune, left in ((False, "OutOfSync"), (True, "Synced")):
        gone = argo.look()["status"]["resources"][1]
        assert gone["requiresPruning"]
        assert argo.sync(prune=prune).status == 200
        clock.sleep(9)
        assert argo.look()["status"]["sync"]["status"] == left


def test_a_controller_lags_until_it_refreshes(
    add: Add, clock: ManualClock
) -> None:
    """Facts 1.2."""
    argo, application = add()
    application.script = RolloutScript(lag=120)
    clock.sleep(300)
    old = argo.look()["status"]["sync"]["revision"]
    new = bump(argo.box)
    clock.sleep(60)
    assert argo.look()["status"]["sync"]["revision"] == old
    fresh = argo.look(refresh="normal")["status"]["sync"]
    assert (fresh["status"], fresh["revision"]) == ("OutOfSync", new)
    clock.sleep(1)
    assert argo.look()["status"]["sync"]["revision"] == new


def test_a_refresh_is_given_up(add: Add) -> None:
    argo, application = add()
    application.script = RolloutScript(refreshes=False)
    answer = argo.ask(refresh="normal")
    text = "application refresh deadline exceeded"
    assert reason(answer) == (500, 2, text)
    assert argo.ask().status == 200


def test_pods_that_fail_are_told_in_the_tree(
    add: Add, clock: ManualClock
) -> None:
    """Facts 1.6."""
    argo, application = add()
    bump(argo.box)
    text = "back-off 5m0s restarting failed container=stargazer"
    application.script = RolloutScript(trouble=Trouble(message=text))
    argo.sync()
    clock.sleep(9)
    assert state(argo.look()) == ("Synced", "Degraded", "Succeeded")
    # What ran before is not ended.
    assert images(argo.look()) == ["1.4.0", "1.5.0"]
    nodes = argo.ask("/stargazer/resource-tree").data["nodes"]
    sick = {
        node["kind"]: node["health"]["message"]
        for node in nodes
        if node.get("health", {}).get("status") == "Degraded"
    }
    assert sick["Pod"] == text
    assert "progress deadline" in sick["Deployment"]
    application.script = RolloutScript()
    assert state(argo.look())[1] == "Healthy"


def test_pods_may_never_be_ready(add: Add, clock: ManualClock) -> None:
    argo, application = add()
    bump(argo.box)
    application.script = RolloutScript(starts=float("inf"))
    argo.sync()
    clock.sleep(9999)
    assert state(argo.look())[1] == "Progressing"


def test_a_hook_fails_and_nothing_is_applied(
    add: Add, clock: ManualClock
) -> None:
    argo, application = add()
    bump(argo.box)
    text = "Job has reached the specified backoff limit"
    application.script = RolloutScript(hook=text)
    argo.sync()
    clock.sleep(9)
    seen = argo.look()
    assert state(seen) == ("OutOfSync", "Healthy", "Failed")
    [hook] = seen["status"]["operationState"]["syncResult"]["resources"]
    assert (hook["hookPhase"], hook["message"]) == ("Failed", text)
    assert len(seen["status"]["history"]) == 1


def test_one_operation_at_a_time(add: Add, clock: ManualClock) -> None:
    """Facts 2.1."""
    argo, application = add()
    commit = bump(argo.box)
    application.begin(commit, clock.now(), username="grace")
    text = "another operation is already in progress"
    assert reason(argo.sync()) == (400, 9, text)
    clock.sleep(9)
    assert argo.sync().status == 200


def test_a_window_forbids_to_sync(add: Add, clock: ManualClock) -> None:
    """Facts 2.3."""
    argo, application = add()
    assert argo.ask("/stargazer/syncwindows").data == {"canSync": True}
    window = SyncWindow(
        begins=clock.now(), ends=clock.now() + timedelta(hours=2)
    )
    application.script = RolloutScript(windows=(window,))
    data = argo.ask("/stargazer/syncwindows").data
    assert data["canSync"] is False
    assert (
        data["activeWindows"]
        == data["assignedWindows"]
        == [
            {
                "kind": "deny",
                "schedule": "0 12 2 3 *",
                "duration": "120m",
                "manualSync": False,
            }
        ]
    )
    text = "cannot sync: blocked by sync window"
    assert reason(argo.sync()) == (403, 7, text)
    application.script = RolloutScript(windows=(replace(window, manual=True),))
    assert argo.sync().status == 200
    application.script = RolloutScript(
        windows=(replace(window, kind="allow"),)
    )
    clock.sleep(7200)
    assert reason(argo.sync()) == (403, 7, text)


def test_automation_syncs_by_itself(add: Add, clock: ManualClock) -> None:
    """Facts 2.4."""
    argo, application = add()
    application.script = RolloutScript(is_automated=True)
    old = argo.look()["status"]["sync"]["revision"]
    assert reason(argo.sync(revision=old))[:2] == (400, 9)
    bump(argo.box)
    started = argo.look()["operation"]
    assert started["initiatedBy"] == {"automated": True}
    clock.sleep(9)
    assert state(argo.look()) == ("Synced", "Healthy", "Succeeded")
    assert images(argo.look()) == ["1.5.0"]


def test_what_a_commit_says_wrong(add: Add) -> None:
    argo, application = add()
    assert reason(argo.sync(revision="nowhere"))[:2] == (400, 9)
    change(argo.box, "Chart.yaml", "{")
    status = argo.look()["status"]
    assert status["sync"]["status"] == "Unknown"
    [condition] = status["conditions"]
    assert condition["type"] == "ComparisonError"
    assert application.script.comparison is None


def test_a_trial_changes_nothing(add: Add, clock: ManualClock) -> None:
    argo, _ = add()
    bump(argo.box)
    argo.sync(dryRun=True)
    clock.sleep(9)
    assert state(argo.look()) == ("OutOfSync", "Healthy", "Succeeded")


def test_what_was_never_synced_is_missing(add: Add) -> None:
    argo, _ = add(revision="")
    seen = argo.look()
    assert state(seen) == ("OutOfSync", "Missing", None)
    assert seen["status"]["resources"][0]["health"]["status"] == "Missing"
    assert argo.ask("/stargazer/resource-tree").data == {}


def test_what_does_not_exist_is_told_to_those_who_name_its_project(
    add: Add,
) -> None:
    """Facts 1.1."""
    argo, application = add()
    assert reason(argo.ask("/none")) == (403, 7, "permission denied")
    text = 'applications.argoproj.io "none" not found'
    assert reason(argo.ask("/none", project="rsp")) == (404, 5, text)
    assert reason(argo.ask(project="other"))[:2] == (404, 5)
    assert argo.ask(appNamespace="other").status == 403
    assert argo.look(project="rsp")["spec"]["project"] == "rsp"
    assert argo.ask("/none/sync", {}).status == 403
    application.script = RolloutScript(denied=frozenset({"sync"}))
    assert argo.ask().status == 200
    status, code, text = reason(argo.sync())
    assert (status, code) == (403, 7)
    assert text.startswith("permission denied: applications, sync, rsp/star")
    application.script = RolloutScript(denied=frozenset({"get"}))
    assert argo.ask().status == 403
    assert argo.ask("", project="rsp").data["items"] == []


def test_tokens_are_looked_at(add: Add, clock: ManualClock) -> None:
    """Facts 3.3."""
    argo, _ = add()
    later = clock.now() + timedelta(hours=1)
    argo.bearer = argo.box.argocd.make_token(expires=later)
    assert argo.ask().status == 200
    clock.sleep(3600)
    said = reason(argo.ask())
    assert said[:2] == (401, 16)
    assert said[2].endswith("token is expired")
    for token, text in (
        ("", "no session information"),
        ("x", "malformed"),
        (f"{argo.box.argocd.token}x", "signature is invalid"),
    ):
        argo.bearer = token
        assert text in reason(argo.ask())[2]
    argo.bearer = None
    argo.box.accounts.revoked = True
    assert "revoked" in reason(argo.ask())[2]
    version = argo.raw("GET", "/argocd/dev/api/version")
    assert set(version.data) == {"Version"}


def test_a_list_is_cut_down_to_known_fields(add: Add) -> None:
    """Facts 1.7."""
    argo, _ = add()
    whole = argo.ask("", projects="rsp").data
    assert whole["items"][0]["status"]["history"]
    wanted = ("metadata.name", "spec.project", "spec.sources",
              "status.sync.revision", "status.history", "status.health",
              "status.operationState.phase", "status.summary")  # fmt: skip
    fields = ",".join(f"items.{field}" for field in wanted)
    [item] = argo.ask("", fields=fields).data["items"]
    assert item["metadata"] == {"name": "stargazer"}
    # Where Go has no list, there is null.
    assert item["spec"] == {"project": "rsp", "sources": None}
    assert set(item["status"]) == {
        "sync", "health", "operationState", "summary"
    }  # fmt: skip
    assert argo.ask("", projects="none").data["items"] == []


def test_an_answer_is_lost(add: Add, clock: ManualClock) -> None:
    argo, application = add()
    bump(argo.box)
    argo.box.faults.when("POST", "/sync$", "reset_after")
    with pytest.raises(ConnectionResetError):
        argo.sync()
    assert application.operation(clock.now()) is not None
    for fault, status in (
        ("bad_gateway_before", 502),
        ("rate_limit_primary", 503),
    ):
        argo.box.faults.when("GET", "/applications", fault)
        assert argo.ask().status == status


def test_there_is_nothing_elsewhere(add: Add) -> None:
    argo, _ = add()
    argo.environment = "none"
    assert argo.ask().status == 404


def test_what_argo_cd_does_not_know_is_told(add: Add) -> None:
    argo, _ = add()
    assert argo.raw("GET", "/argocd/dev/api/v1/none").status == 401
    box = argo.box
    with pytest.raises(AssertionError, match="no such operation"):
        box.__exit__(None, None, None)
    box.state.requests.clear()


@pytest.mark.parametrize(
    ("path", "status", "data", "complaint"),
    [
        ("", 200, {"items": [{"metadata": {"name": 1}}]}, "not of type"),
        ("", 200, {"items": [{"metadata": {"nam": ""}}]}, "property 'nam'"),
        ("/a", 200, {"status": {"sync": {"state": ""}}}, "property 'state'"),
        ("/a/resource-tree", 200, {"nodes": [{"sort": ""}]}, "'sort'"),
        ("/a/syncwindows", 200, {"canSync": "no"}, "not of type"),
        ("/a", 403, {"code": "7"}, "not of type"),
    ],
)
def test_the_description_judges(
    path: str, status: int, data: Any, complaint: str
) -> None:
    found = argocd_contract().check_response(
        "GET",
        f"/api/v1/applications{path}",
        status=status,
        headers={"Content-Type": "application/json"},
        body=json.dumps(data).encode(),
    )
    assert complaint in "\n".join(found)
