"""What holds for the whole REST API: credentials, limits, conditions."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock, basic, git

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"


def test_bad_credentials(box: Sandbox) -> None:
    with Client(box, "ghp_wrong") as client:
        answer = client.get(R)
    assert answer.status == 401
    assert answer.data["message"] == "Bad credentials"
    assert answer.data["status"] == "401"


@pytest.mark.parametrize("scheme", ["token", "Bearer", "Basic"])
def test_schemes(box: Sandbox, client: Client, scheme: str) -> None:
    value = f"{scheme} {box.token}"
    if scheme == "Basic":
        value = basic("x", box.token)
    answer = client.api("GET", R, headers={"Authorization": value})
    assert answer.status == 200


def test_stranger(box: Sandbox) -> None:
    with Client(box, "") as client:
        assert client.get(R).status == 200
        assert "permissions" not in client.get(R).data
        assert client.get(f"{R}/actions/runs").status == 200
        answer = client.post(f"{R}/releases", {"tag_name": "x"})
        assert answer.status == 401
        assert answer.headers["x-ratelimit-limit"] == "60"


@pytest.mark.parametrize(
    ("kind", "permissions", "status", "accepted"),
    [
        ("fine-grained", {"contents": "write"}, 201, "contents=write"),
        ("fine-grained", {"contents": "read"}, 403, "contents=write"),
        ("fine-grained", {}, 403, "contents=write"),
        ("actions", {"contents": "read"}, 403, "contents=write"),
    ],
)
def test_permissions(
    box: Sandbox,
    kind: Any,
    permissions: dict[str, str],
    status: int,
    accepted: str,
) -> None:
    with Client(box, box.add_token(permissions, kind)) as client:
        answer = client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    assert answer.status == status
    assert answer.headers["x-accepted-github-permissions"] == accepted
    assert "x-oauth-scopes" not in answer.headers
    if status == 403:
        words = "personal access token"
        if kind != "fine-grained":
            words = "integration"
        text = f"Resource not accessible by {words}"
        assert answer.data["message"] == text


def test_classic_scopes(box: Sandbox) -> None:
    token = box.add_token(scopes=("read:org",))
    with Client(box, token) as client:
        assert client.get(R).headers["x-oauth-scopes"] == "read:org"
        assert client.get(R).data["permissions"]["push"] is False
        answer = client.post(f"{R}/releases", {"tag_name": "1.5.0"})
        assert answer.status == 404
        path = f"{R}/actions/runs/1/rerun"
        assert client.post(path).status == 403


def test_private_is_not_found(box: Sandbox, client: Client) -> None:
    box.project(NAME).is_private = True
    assert client.get(R).status == 200
    outsiders = (
        "",
        box.add_token(login="nobody"),
        box.add_token(scopes=("public_repo",)),
    )
    for token in outsiders:
        with Client(box, token) as other:
            assert other.get(R).status == 404
            assert other.get(f"{R}/releases").status == 404
            answer = other.post(f"{R}/releases", {"tag_name": "1.5.0"})
            assert answer.status == 404


def test_closed_settings(box: Sandbox) -> None:
    with Client(box, box.add_token(kind="actions")) as client:
        assert client.get(f"{R}/actions/secrets").status == 403
        assert client.get(f"{R}/immutable-releases").status == 403
    noor = box.add_token(login="noor")
    box.project(NAME).roles["noor"] = "write"
    with Client(box, noor) as client:
        assert client.get(f"{R}/actions/secrets").status == 403
        assert client.get(R).data["permissions"]["push"] is True
        assert client.get(R).data["permissions"]["admin"] is False


def test_archived(box: Sandbox, client: Client) -> None:
    box.project(NAME).is_archived = True
    assert client.get(R).data["archived"] is True
    answer = client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    assert answer.status == 403
    assert "archived" in answer.data["message"]


def test_changed_workflows_need_their_own_right(
    box: Sandbox, client: Client, work: Any
) -> None:
    file = work / ".github/workflows/ci.yaml"
    file.write_text(file.read_text() + "# changed\n")
    git("commit", "-am", "build: change the workflow", cwd=work)
    git("push", "origin", "HEAD:refs/heads/1.4", cwd=work)
    data = {"tag_name": "1.4.1", "target_commitish": "1.4"}
    with Client(box, box.add_token(kind="actions")) as other:
        assert other.post(f"{R}/releases", data).status == 404
    with Client(box, box.add_token(scopes=("repo",))) as other:
        assert other.post(f"{R}/releases", data).status == 404
    assert "1.4.1" not in box.state.tags(NAME)
    assert client.post(f"{R}/releases", data).status == 201


def test_primary_limit(box: Sandbox, clock: ManualClock) -> None:
    with Client(box, box.add_token(limit=2)) as client:
        left = [client.get(R).headers["x-ratelimit-remaining"] for _ in "ab"]
        assert left == ["1", "0"]
        answer = client.get(R)
        assert answer.status == 403
        assert "rate limit exceeded" in answer.data["message"]
        assert answer.headers["x-ratelimit-remaining"] == "0"
        reset = int(answer.headers["x-ratelimit-reset"])
        clock.sleep(reset - clock.now().timestamp())
        assert client.get(R).status == 200


def test_conditional_reads(box: Sandbox, client: Client) -> None:
    path = f"{R}/releases"
    first = client.get(path)
    etag = {"If-None-Match": first.headers["etag"]}
    left = int(first.headers["x-ratelimit-remaining"])
    again = client.api("GET", path, headers=etag)
    assert again.status == 304
    assert again.body == b""
    assert int(again.headers["x-ratelimit-remaining"]) == left
    client.post(path, {"tag_name": "1.5.0"})
    changed = client.api("GET", path, headers=etag)
    assert changed.status == 200
    with Client(box, "") as stranger:
        first = stranger.get(path)
        left = int(first.headers["x-ratelimit-remaining"])
        etag = {"If-None-Match": first.headers["etag"]}
        again = stranger.api("GET", path, headers=etag)
        assert again.status == 304
        # Free only with credentials.
        assert int(again.headers["x-ratelimit-remaining"]) == left - 1


def test_unknown_paths_are_noticed(box: Sandbox, client: Client) -> None:
    answer = client.get(f"{R}/nonsense")
    assert answer.status == 404
    assert answer.data["message"] == "Not Found"
    assert box.state.unknown == [("GET", f"/api/v3{R}/nonsense")]


def test_unknown_repository(client: Client) -> None:
    assert client.get("/repos/a/b").status == 404


def test_unknown_version(client: Client) -> None:
    headers = {"X-GitHub-Api-Version": "1999-01-01"}
    assert client.api("GET", R, headers=headers).status == 400


def test_bad_json(box: Sandbox, client: Client) -> None:
    answer = client.raw(
        "POST",
        f"/api/v3{R}/releases",
        headers={"Authorization": f"token {box.token}", "User-Agent": "t"},
        body=b"{",
    )
    assert answer.status == 400
    assert answer.data["message"] == "Problems parsing JSON"


def test_date_is_that_of_the_clock(client: Client, clock: ManualClock) -> None:
    found = parsedate_to_datetime(client.get(R).headers["date"])
    assert found == clock.now()


def test_requests_are_logged_without_credentials(
    box: Sandbox, client: Client
) -> None:
    client.get(f"{R}/releases", per_page=3)
    record = box.state.requests[-1]
    assert (record.method, record.status) == ("GET", 200)
    assert record.query == {"per_page": "3"}
    assert record.path == f"/api/v3{R}/releases"
    assert b"1.4.0" in record.response_body
    assert box.token not in repr(box.state.requests)
    assert box.token not in repr(box.accounts.tokens[box.token])


def test_environment(box: Sandbox) -> None:
    env = box.environment()
    assert env["GITHUB_TOKEN"] == box.token
    assert env["GITHUB_REPOSITORY"] == NAME
    assert env["GITHUB_API_URL"] == f"{env['GITHUB_SERVER_URL']}/api/v3"
    assert box.registry in env["GITHUB_SERVER_URL"]


def test_pages_for_people(box: Sandbox, client: Client) -> None:
    address = f"{box.server_url}/{NAME}/releases/tag/1.4.0"
    assert client.follow(address).status == 200
    assert client.follow(f"{box.server_url}/a/b").status == 404


def test_graphql_seam(box: Sandbox, client: Client) -> None:
    def handle(box: Sandbox, token: Any, variables: Any) -> dict[str, Any]:
        return {"data": {"login": token.login, "n": variables["n"]}}

    box.graphql["enablePullRequestAutoMerge"] = handle
    headers = {"Authorization": f"bearer {box.token}"}
    body = b'{"query": "enablePullRequestAutoMerge", "variables": {"n": 1}}'
    answer = client.raw("POST", "/api/graphql", headers=headers, body=body)
    assert answer.data == {"data": {"login": "rubin-demo-user", "n": 1}}
    body = b'{"query": "viewer"}'
    answer = client.raw("POST", "/api/graphql", headers=headers, body=body)
    assert answer.data["data"] is None
    assert box.state.unknown
    assert client.raw("POST", "/api/graphql", body=body).status == 401


def test_contents(client: Client) -> None:
    path = f"{R}/contents/.github/workflows/ci.yaml"
    assert client.get(path, ref="1.4.0").data["encoding"] == "base64"
    names = [item["name"] for item in client.get(f"{R}/contents/src").data]
    assert names == ["stargazer"]
    assert client.get(path, ref="nowhere").status == 404


def test_speed(box: Sandbox, client: Client) -> None:
    for _ in range(30):
        client.get(f"{R}/releases")
        client.get(f"{R}/git/ref/tags/1.4.0")
    times = sorted(record.seconds for record in box.state.requests)
    assert times[len(times) // 2] < 0.01


def test_starts_and_stops_quickly(start: Callable[..., Sandbox]) -> None:
    began = time.perf_counter()
    for _ in range(5):
        with Sandbox() as box, Client(box) as client:
            assert client.get(R).status == 404
    assert (time.perf_counter() - began) / 5 < 0.5


def test_tls_is_turned_away_at_once(box: Sandbox) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01"
    with socket.create_connection(("127.0.0.1", box.port), 5) as connection:
        connection.sendall(hello)
        assert connection.recv(10) == b""


def test_nonsense_does_no_harm(box: Sandbox, client: Client) -> None:
    for data in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nA: b", b"\r\n"):
        with socket.create_connection(("127.0.0.1", box.port), 5) as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(10) == b""
    assert client.get(R).status == 200


def test_port_in_use(box: Sandbox) -> None:
    other = Sandbox(port=box.port)
    with pytest.raises(OSError, match="in use"), other:
        pass


def test_closing_breaks_open_connections(
    start: Callable[..., Sandbox],
) -> None:
    box = Sandbox()
    with box:
        client = Client(box)
        assert client.get(R).status == 404
    with pytest.raises((OSError, http.client.HTTPException)):
        client.get(R)
    client.close()
