"""Every answer of the sandbox, against GitHub's own description."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.box import Sandbox
from tests.support.contract import VARIABLE, Contract, description_path
from tests.support.sandbox import Client, ManualClock

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"
CI = ".github/workflows/ci.yaml"

FOUND = description_path()
needs_description = pytest.mark.skipif(
    FOUND is None,
    reason="needs GitHub's description: npm install @octokit/openapi, then "
    f"set {VARIABLE} to generated/api.github.com.json",
)


@pytest.fixture(scope="module")
def contract() -> Contract:
    assert FOUND is not None
    return Contract.read(FOUND)


def visit_repository(client: Client) -> None:
    for path in (
        R,
        f"{R}/branches/main",
        f"{R}/branches/nowhere",
        f"{R}/branches/main/protection",
        f"{R}/git/ref/tags/1.4.0",
        f"{R}/git/ref/tags/9.9.9",
        f"{R}/commits/main",
        f"{R}/commits/nowhere",
        f"{R}/commits/main/status",
        f"{R}/commits/main/check-runs",
        f"{R}/commits/1.4.0/check-runs",
        f"{R}/contents/{CI}",
        f"{R}/contents/src",
        f"{R}/contents/none",
        f"{R}/rulesets",
        f"{R}/rules/branches/main",
        f"{R}/immutable-releases",
        f"{R}/actions/secrets",
        f"{R}/actions/organization-secrets",
    ):
        client.get(path)
    client.get(f"{R}/rulesets", targets="tag")
    sha = client.get(f"{R}/git/ref/tags/1.4.0").data["object"]["sha"]
    client.get(f"{R}/git/tags/{sha}")


def visit_git_data(client: Client) -> None:
    head = client.get(f"{R}/git/ref/heads/main").data["object"]["sha"]
    blob = client.get(f"{R}/contents/{CI}").data["sha"]
    client.get(f"{R}/git/blobs/{blob}")
    commit = client.get(f"{R}/git/commits/{head}").data
    tree = client.post(
        f"{R}/git/trees",
        {
            "base_tree": commit["tree"]["sha"],
            "tree": [
                {
                    "path": "docs/hello.md",
                    "mode": "100644",
                    "type": "blob",
                    "sha": blob,
                }
            ],
        },
    ).data["sha"]
    client.get(f"{R}/git/trees/{tree}", recursive="1")
    data = {"message": "docs: greet", "tree": tree, "parents": [head]}
    made = client.post(f"{R}/git/commits", data).data["sha"]
    ref = {"ref": "refs/heads/u/greet", "sha": made}
    client.post(f"{R}/git/refs", ref)
    client.post(f"{R}/git/refs", ref)
    path = f"{R}/git/refs/heads/u/greet"
    client.api("PATCH", path, {"sha": head, "force": False})


def visit_pulls(client: Client, reviewer: Client) -> None:
    data = {"title": "Greet", "head": "u/greet", "base": "main", "body": "B"}
    number = client.post(f"{R}/pulls", data).data["number"]
    client.post(f"{R}/pulls", data)
    path = f"{R}/pulls/{number}"
    issue = f"{R}/issues/{number}"
    client.get(f"{R}/pulls", head="rubin-demo:u/greet", state="all")
    client.get(path)
    client.get(path)
    client.api("PATCH", path, {"title": "Greet people"})
    reviewers = {"reviewers": ["noor"]}
    client.post(f"{path}/requested_reviewers", reviewers)
    client.post(f"{issue}/labels", {"labels": ["release"]})
    client.get(f"{issue}/labels")
    reviewer.post(f"{path}/reviews", {"event": "APPROVE", "body": "Yes"})
    client.post(f"{path}/reviews", {"event": "APPROVE"})
    client.get(f"{path}/reviews")
    client.api("PUT", f"{path}/merge", {"merge_method": "squash"})
    client.api("PUT", f"{path}/merge", {"merge_method": "squash"})
    client.get(path)


def visit_releases(client: Client) -> None:
    draft = client.post(
        f"{R}/releases",
        {"tag_name": "1.5.0", "draft": True, "body": "By @noor"},
    ).data
    path = f"{R}/releases/{draft['id']}"
    client.get(f"{R}/releases", per_page=2)
    client.get(f"{R}/releases", per_page=2, page=2)
    client.get(f"{R}/releases/tags/1.5.0")
    client.get(f"{R}/releases/tags/1.4.0")
    client.get(path)
    client.api("PATCH", path, {"draft": False, "make_latest": "true"})
    client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    client.post(f"{R}/releases/generate-notes", {"tag_name": "1.6.0"})


def visit_runs(client: Client, clock: ManualClock) -> None:
    query: dict[str, Any] = {"event": "release", "branch": "1.5.0"}
    numbers = set()
    for _ in range(3):
        clock.sleep(0.7)
        found = client.get(f"{R}/actions/runs", **query).data
        for run in found["workflow_runs"]:
            numbers.add(run["id"])
            path = f"{R}/actions/runs/{run['id']}"
            client.get(path)
            client.get(f"{path}/jobs")
            client.get(f"{path}/pending_deployments")
            client.get(f"{path}/concurrency_groups")
    number = min(numbers)
    path = f"{R}/actions/runs/{number}"
    pending = client.get(f"{path}/pending_deployments").data
    data = {
        "environment_ids": [pending[0]["environment"]["id"]],
        "state": "approved",
        "comment": "Go",
    }
    client.post(f"{path}/pending_deployments", data)
    client.post(f"{path}/rerun")
    clock.sleep(60)
    for job in client.get(f"{path}/jobs").data["jobs"]:
        client.get(f"{R}/actions/jobs/{job['id']}/logs")
        client.get(f"{R}/check-runs/{job['id']}")
        client.get(f"{R}/check-runs/{job['id']}/annotations")
    client.post(f"{path}/rerun-failed-jobs")
    clock.sleep(1)
    client.get(path)
    client.get(f"{path}/jobs")
    client.get(f"{R}/actions/workflows/ci.yaml")
    client.get(f"{R}/actions/workflows/ci.yaml/runs", status="success")


SCRIPT = {
    "workflows": [
        {
            "path": CI,
            "on": {
                "release": {"types": ["published"]},
            },
            "concurrency": "docker",
            "jobs": [
                {"name": "test", "steps": ["Set up job", "Run nox"]},
                {"name": "skipped", "skip": True},
                {
                    "name": "build",
                    "needs": ["test"],
                    "conclusion": "failure",
                    "annotations": [{"message": "no", "path": "Dockerfile"}],
                },
                {"name": "deploy", "environment": "prod"},
            ],
        }
    ]
}


@needs_description
def test_everything_validates(
    contract: Contract, start: Callable[..., Sandbox], clock: ManualClock
) -> None:
    box = start(SCRIPT)
    box.project(NAME).secrets = ("GCP_KEY",)
    box.project(NAME).roles["noor"] = "write"
    number = box.add_ruleset(NAME, include=("refs/tags/v*",))
    box.add_ruleset(
        NAME,
        target="branch",
        include=("~DEFAULT_BRANCH",),
        rules=({"type": "deletion"}, {"type": "non_fast_forward"}),
    )
    noor = box.add_token(login="noor")
    with Client(box) as client, Client(box, noor) as reviewer:
        visit_repository(client)
        client.get(f"{R}/rulesets/{number}")
        visit_git_data(client)
        visit_pulls(client, reviewer)
        visit_releases(client)
        visit_runs(client, clock)
        etag = client.get(R).headers["etag"]
        client.api("GET", R, headers={"If-None-Match": etag})
        box.protect(NAME, "main", approvals=1)
        client.get(f"{R}/branches/main")
        client.get(f"{R}/branches/main/protection")
    with Client(box, "") as stranger:
        visit_repository(stranger)
        stranger.post(f"{R}/releases", {"tag_name": "x"})
    with Client(box, "ghp_wrong") as wrong:
        wrong.get(R)
    with Client(box, box.add_token(kind="fine-grained")) as fine:
        fine.get(f"{R}/commits/main/check-runs")
    found = [
        violation
        for record in box.state.requests
        for violation in contract.check_record(record)
    ]
    assert not found, "\n".join(sorted(set(found)))
    assert box.state.unknown == []
    assert contract.requests > 100


# -- The validator itself must be able to find something --------------------


@needs_description
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"status": 418}, "not among"),
        ({"tag_name": 5}, "is not of type 'string'"),
        ({"draft": None}, "is not of type 'boolean'"),
        ({"tag_nam": "x"}, "no property 'tag_nam'"),
        ({"author": {"login": "a"}}, "is a required property"),
        ({"Location": ""}, "no header Location"),
    ],
)
def test_bad_answers_are_noticed(
    contract: Contract, client: Client, change: dict[str, Any], complaint: str
) -> None:
    answer = client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    status = change.pop("status", 201)
    headers = dict(answer.headers)
    if "Location" in change:
        headers["location"] = change.pop("Location")
        headers.pop("location")
    found = list(
        contract.check_response(
            "POST",
            f"{R}/releases",
            status=status,
            headers=headers,
            body=json.dumps(answer.data | change).encode(),
        )
    )
    assert any(complaint in violation for violation in found), found


@needs_description
@pytest.mark.parametrize(
    ("method", "path", "query", "body", "complaint"),
    [
        ("GET", "/repos/a/b/release", {}, b"", "no such operation"),
        ("GET", f"{R}/actions/runs", {"evnt": "x"}, b"", "'evnt'"),
        ("GET", f"{R}/actions/runs", {"per_page": "x"}, b"", "'per_page'"),
        ("GET", f"{R}/actions/runs", {"status": "x"}, b"", "'status'"),
        ("POST", f"{R}/releases", {}, b"", "body is missing"),
        ("POST", f"{R}/releases", {}, b"{}", "'tag_name' is a required"),
        (
            "POST",
            f"{R}/releases",
            {},
            b'{"tag_name": "1", "make_latest": true}',
            "make_latest",
        ),
        ("POST", f"{R}/releases", {}, b'{"tag_name": "1", "x": 1}', "'x'"),
        ("POST", f"{R}/releases", {}, b"{", "not JSON"),
        ("GET", "/search/code", {}, b"", "'q' is missing"),
    ],
)
def test_bad_requests_are_noticed(
    contract: Contract,
    method: str,
    path: str,
    query: dict[str, str],
    *,
    body: bytes,
    complaint: str,
) -> None:
    found = list(contract.check_request(method, path, query=query, body=body))
    assert found
    assert all(complaint in violation for violation in found), found


def test_description_must_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.json"))
    assert description_path() is None
    monkeypatch.delenv(VARIABLE)
    assert description_path() is None
