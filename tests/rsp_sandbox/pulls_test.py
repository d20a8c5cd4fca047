"""Pull requests, really merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock, git

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"


@pytest.fixture
def number(client: Client, work: Path) -> int:
    """Give an open pull request of two commits."""
    git("checkout", "-q", "-b", "tickets/DM-1", cwd=work)
    for name in ("one", "two"):
        (work / name).write_text(name)
        git("add", name, cwd=work)
        git("commit", "-qm", f"feat: add {name}", cwd=work)
    git("push", "-q", "origin", "tickets/DM-1", cwd=work)
    made = client.post(f"{R}/pulls", opening())
    assert made.status == 201
    return int(made.data["number"])


def opening(**more: Any) -> dict[str, Any]:
    data = {"title": "Add", "head": "tickets/DM-1", "base": "main"}
    return data | more


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_merge(
    box: Sandbox, client: Client, work: Path, number: int, method: str
) -> None:
    # The base goes on in the meantime.
    git("checkout", "-q", "main", cwd=work)
    (work / "three").write_text("three")
    git("add", "three", cwd=work)
    git("commit", "-qm", "fix: add three", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)
    path = f"{R}/pulls/{number}"
    done = client.api("PUT", f"{path}/merge", {"merge_method": method})
    assert done.status == 200
    git("pull", "-q", "origin", "main", cwd=work)
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    assert head == done.data["sha"]
    for name in ("one", "two", "three"):
        assert (work / name).read_text() == name
    parents = git("log", "-1", "--format=%P", cwd=work).stdout.split()
    assert len(parents) == (2 if method == "merge" else 1)
    subjects = git("log", "-3", "--format=%s", cwd=work).stdout.splitlines()
    expected = {
        "merge": f"Merge pull request #{number} from rubin-demo/tickets/DM-1",
        "squash": f"Add (#{number})",
        "rebase": "feat: add two",
    }
    assert subjects[0] == expected[method]
    found = client.get(path).data
    assert found["merged"] is True
    assert found["state"] == "closed"
    assert found["merge_commit_sha"] == head
    assert client.api("PUT", f"{path}/merge", {}).status == 405
    assert any(run.head_sha == head for run in box.state.runs(NAME))


def test_both_sides_change_a_file(
    client: Client, work: Path, number: int
) -> None:
    lines = [f"line {n}\n" for n in range(20)]
    git("checkout", "-q", "main", cwd=work)
    for branch, at in (("main", None), ("main", 1), ("u/other", 18)):
        if branch == "u/other":
            git("checkout", "-q", "-b", branch, "HEAD~1", cwd=work)
        changed = list(lines)
        if at is not None:
            changed[at] = "changed\n"
        (work / "file").write_text("".join(changed))
        git("add", "file", cwd=work)
        git("commit", "-qm", f"feat: change {at}", cwd=work)
        git("push", "-q", "origin", branch, cwd=work)
    made = client.post(f"{R}/pulls", opening(head="u/other")).data
    done = client.api("PUT", f"{R}/pulls/{made['number']}/merge", {})
    assert done.status == 200
    git("fetch", "-q", "origin", "main", cwd=work)
    text = git("show", "FETCH_HEAD:file", cwd=work).stdout
    assert text.count("changed") == 2


def test_conflict(client: Client, work: Path, number: int) -> None:
    git("checkout", "-q", "main", cwd=work)
    (work / "one").write_text("another")
    git("add", "one", cwd=work)
    git("commit", "-qm", "feat: add another", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)
    path = f"{R}/pulls/{number}"
    assert client.get(path).data["mergeable"] is None
    found = client.get(path).data
    assert found["mergeable"] is False
    assert found["mergeable_state"] == "dirty"
    assert client.api("PUT", f"{path}/merge", {}).status == 405


def test_mergeability_is_unknown_at_first(client: Client, number: int) -> None:
    path = f"{R}/pulls/{number}"
    assert client.get(path).data["mergeable"] is None
    assert client.get(path).data["mergeable"] is True


def test_moved_head(client: Client, number: int) -> None:
    path = f"{R}/pulls/{number}/merge"
    assert client.api("PUT", path, {"sha": "0" * 40}).status == 409


def test_refused(client: Client, number: int) -> None:
    for more, words in (
        ({}, "already exists for rubin-demo:tickets/DM-1"),
        ({"head": "none"}, "invalid"),
        ({"base": "none"}, "invalid"),
        ({"head": "main"}, "No commits between"),
        ({"title": "", "head": "tickets/DM-1"}, "missing_field"),
    ):
        answer = client.post(f"{R}/pulls", opening(**more))
        assert answer.status == 422
        assert words in str(answer.data["errors"])


def test_filters(client: Client, number: int) -> None:
    def numbers(**query: str) -> list[int]:
        found = client.get(f"{R}/pulls", **query).data
        return [pull["number"] for pull in found]

    assert numbers() == [number]
    assert numbers(head="rubin-demo:tickets/DM-1") == [number]
    assert numbers(head="rubin-demo:none") == []
    assert numbers(head="someone:tickets/DM-1") == []
    # Without an owner the filter is ignored.
    assert numbers(head="none") == [number]
    assert numbers(base="1.4") == []
    path = f"{R}/pulls/{number}"
    client.api("PATCH", path, {"state": "closed"})
    assert numbers() == []
    assert numbers(state="closed") == [number]
    assert numbers(state="all") == [number]


def test_head_moves_and_goes(
    box: Sandbox, client: Client, work: Path, number: int
) -> None:
    git("commit", "--allow-empty", "-qm", "fix: more", cwd=work)
    git("push", "-q", "origin", "HEAD", cwd=work)
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    path = f"{R}/pulls/{number}"
    assert client.get(path).data["head"]["sha"] == head
    actions = [
        run.action
        for run in box.state.runs(NAME)
        if run.event == "pull_request"
    ]
    assert actions == ["opened", "synchronize"]
    git("push", "-q", "origin", ":tickets/DM-1", cwd=work)
    assert client.get(path).data["state"] == "closed"
    assert client.get(path).data["merged"] is False


def test_pushed_to_the_base_is_merged(
    client: Client, work: Path, number: int
) -> None:
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert client.get(f"{R}/pulls/{number}").data["merged"] is True


def test_reviews(box: Sandbox, client: Client, number: int) -> None:
    box.protect(NAME, "main", approvals=1)
    path = f"{R}/pulls/{number}"
    client.get(path)
    assert client.get(path).data["mergeable_state"] == "blocked"
    refused = client.api("PUT", f"{path}/merge", {})
    assert refused.status == 405
    assert "approving review" in refused.data["message"]
    own = client.post(f"{path}/reviews", {"event": "APPROVE"})
    assert own.status == 422
    asked = {"reviewers": ["noor"]}
    assert client.post(f"{path}/requested_reviewers", asked).status == 201
    box.project(NAME).roles["noor"] = "write"
    with Client(box, box.add_token(login="noor")) as noor:
        assert noor.post(f"{path}/reviews", {"event": "APPROVE"}).status == 200
    left = client.get(path).data["requested_reviewers"]
    assert left == []
    assert client.get(path).data["mergeable_state"] == "clean"
    assert client.api("PUT", f"{path}/merge", {}).status == 200


def test_commit_made_of_git_data(
    box: Sandbox, client: Client, work: Path
) -> None:
    """A whole branch without git: blob, tree, commit, ref."""
    head = client.get(f"{R}/git/ref/heads/main").data["object"]["sha"]
    base = client.get(f"{R}/git/commits/{head}").data["tree"]["sha"]
    entries = [
        {"path": "a/b.txt", "mode": "100755", "type": "blob", "content": "B"},
        {"path": "Dockerfile", "mode": "100644", "type": "blob", "sha": None},
    ]
    data = {"base_tree": base, "tree": entries}
    tree = client.post(f"{R}/git/trees", data).data["sha"]
    who = {"name": "A", "email": "a@b", "date": "2026-01-02T03:04:05Z"}
    data = {"message": "m", "tree": tree, "parents": [head], "author": who}
    made = client.post(f"{R}/git/commits", data).data["sha"]
    assert made not in box.state.branches(NAME).values()
    ref = {"ref": "refs/heads/u/api", "sha": made}
    assert client.post(f"{R}/git/refs", ref).status == 201
    git("fetch", "-q", "origin", "u/api", cwd=work)
    assert git("show", "FETCH_HEAD:a/b.txt", cwd=work).stdout == "B"
    listed = git("ls-tree", "-r", "FETCH_HEAD", cwd=work).stdout
    assert "100755" in listed
    assert "Dockerfile" not in listed
    shown = git("show", "-s", "--format=%an %aI", "FETCH_HEAD", cwd=work)
    assert shown.stdout.strip() == "A 2026-01-02T03:04:05+00:00"
    git("fsck", "--strict", cwd=box.project(NAME).git.path)


def test_ref_moves_forward_only(client: Client) -> None:
    refs = f"{R}/git/refs"
    old = client.get(f"{R}/commits/1.3.0").data["sha"]
    head = client.get(f"{R}/commits/main").data["sha"]
    client.post(refs, {"ref": "refs/heads/x", "sha": head})
    path = f"{refs}/heads/x"
    assert client.api("PATCH", path, {"sha": old}).status == 422
    forced = {"sha": old, "force": True}
    assert client.api("PATCH", path, forced).status == 200
    assert client.api("PATCH", path, {"sha": head}).status == 200
    path = f"{refs}/heads/y"
    assert client.api("PATCH", path, {"sha": head}).status == 422
    for data in ({"ref": "x", "sha": head}, {"ref": "refs/x", "sha": "0"}):
        assert client.post(refs, data).status == 422


# -- Checks, and merging by itself ------------------------------------------

ENABLE = """
mutation($pull: ID!, $method: PullRequestMergeMethod!) {
  enablePullRequestAutoMerge(
    input: {pullRequestId: $pull, mergeMethod: $method}
  ) { actor { login } pullRequest { number } }
}
"""


def enable(client: Client, number: int, method: str = "SQUASH") -> Any:
    pull = client.get(f"{R}/pulls/{number}").data["node_id"]
    body = {"query": ENABLE, "variables": {"pull": pull, "method": method}}
    return client.raw(
        "POST",
        "/api/graphql",
        headers={"Authorization": f"Bearer {client.token}"},
        body=json.dumps(body).encode(),
    ).data


def state(client: Client, number: int) -> str:
    for _ in range(2):
        found = client.get(f"{R}/pulls/{number}").data
    return str(found["mergeable_state"])


def test_required_checks(
    box: Sandbox, client: Client, clock: ManualClock, number: int
) -> None:
    clock.sleep(1)
    assert state(client, number) == "unstable"
    box.protect(NAME, "main", checks=("test", "never"))
    assert state(client, number) == "blocked"
    path = f"{R}/pulls/{number}/merge"
    refused = client.api("PUT", path, {})
    assert refused.status == 405
    assert '"never" is expected' in refused.data["message"]
    box.protect(NAME, "main", checks=("test",))
    clock.sleep(1)
    refused = client.api("PUT", path, {})
    assert "in progress" in refused.data["message"]
    clock.sleep(3600)
    assert state(client, number) == "clean"
    assert client.api("PUT", path, {}).status == 200


@pytest.mark.parametrize("is_strict", [True, False])
def test_branch_that_is_behind(
    box: Sandbox, client: Client, work: Path, clock: ManualClock, number: int,
    *, is_strict: bool,
) -> None:  # fmt: skip
    parameters = {
        "required_status_checks": [{"context": "test"}],
        "strict_required_status_checks_policy": is_strict,
    }
    rule = {"type": "required_status_checks", "parameters": parameters}
    git("checkout", "-q", "main", cwd=work)
    (work / "three").write_text("three")
    git("add", "three", cwd=work)
    git("commit", "-qm", "fix: add three", cwd=work)
    git("push", "-q", "origin", "main", cwd=work)
    box.add_ruleset(
        NAME, target="branch", include=("~DEFAULT_BRANCH",), rules=(rule,)
    )
    clock.sleep(3600)
    expected = "behind" if is_strict else "clean"
    assert state(client, number) == expected


def test_auto_merge_is_refused(
    box: Sandbox, client: Client, clock: ManualClock, number: int
) -> None:
    project = box.project(NAME)
    box.protect(NAME, "main", approvals=1)
    said = enable(client, number)
    assert said["data"] == {"enablePullRequestAutoMerge": None}
    assert "not allowed for this repository" in str(said["errors"])
    project.allow_auto_merge = True
    box.protect(NAME, "main")
    # Nothing that is required is lacking.
    clock.sleep(1)
    assert "unstable status" in str(enable(client, number)["errors"])
    clock.sleep(3600)
    assert "clean status" in str(enable(client, number)["errors"])
    assert client.get(f"{R}/pulls/{number}").data["auto_merge"] is None
    box.protect(NAME, "main", approvals=1)
    weak = box.add_token(
        {"pull_requests": "write", "contents": "read"}, "fine-grained"
    )
    with Client(box, weak) as other:
        [error] = enable(other, number)["errors"]
    assert error["type"] == "FORBIDDEN"
    body = json.dumps({"query": "mutation { deleteAll }"}).encode()
    headers = {"Authorization": f"Bearer {client.token}"}
    answer = client.raw("POST", "/api/graphql", headers=headers, body=body)
    assert "doesn't exist on type 'Mutation'" in str(answer.data)


def test_merges_itself(
    box: Sandbox, client: Client, clock: ManualClock, number: int
) -> None:
    box.project(NAME).allow_auto_merge = True
    box.protect(NAME, "main", approvals=1, checks=("test",))
    actor = {"login": "rubin-demo-user"}
    payload = {"actor": actor, "pullRequest": {"number": number}}
    assert enable(client, number) == {
        "data": {"enablePullRequestAutoMerge": payload}
    }
    path = f"{R}/pulls/{number}"
    auto = client.get(path).data["auto_merge"]
    assert auto["merge_method"] == "squash"
    clock.sleep(3600)
    assert client.get(path).data["merged"] is False
    box.project(NAME).roles["noor"] = "write"
    with Client(box, box.add_token(login="noor")) as noor:
        noor.post(f"{path}/reviews", {"event": "APPROVE"})
    found = client.get(path).data
    assert found["merged"] is True
    head = box.state.branches(NAME)["main"]
    assert found["merge_commit_sha"] == head
    assert any(run.head_sha == head for run in box.state.runs(NAME))
