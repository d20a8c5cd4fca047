"""GraphQL: what is asked for and nothing else, and where it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock, git

NAME = "rubin-demo/stargazer"
BRANCH = "tickets/DM-1"
PULLS = f"""
query {{
  repository(owner: "rubin-demo", name: "stargazer") {{
    pulls: pullRequests(headRefName: "{BRANCH}", first: 1) {{
      pageInfo {{ hasNextPage }}
      nodes {{
        number state mergeStateStatus
        author {{ __typename login }}
        commits(last: 1) {{ nodes {{ commit {{ statusCheckRollup {{
          contexts(first: 5) {{ nodes {{ ... on CheckRun {{ name }} }} }}
        }} }} }} }}
      }}
    }}
  }}
}}
"""


def ask(box: Sandbox, client: Client, query: str, token: str = "") -> Any:
    answer = client.raw(
        "POST",
        "/api/graphql",
        headers={
            "Authorization": f"Bearer {token or box.token}",
            "Content-Type": "application/json",
        },
        body=json.dumps({"query": query}).encode(),
    )
    assert answer.status == 200
    return answer.data


def test_a_pull_request(
    box: Sandbox, client: Client, work: Path, clock: ManualClock
) -> None:
    git("checkout", "-q", "-b", BRANCH, cwd=work)
    git("commit", "-qm", "feat: one", "--allow-empty", cwd=work)
    git("push", "-q", "origin", BRANCH, cwd=work)
    data = {"title": "Add", "head": BRANCH, "base": "main"}
    assert client.post(f"/repos/{NAME}/pulls", data).status == 201
    clock.sleep(20)
    seen = []
    for _ in range(2):
        pulls = ask(box, client, PULLS)["data"]["repository"]["pulls"]
        assert pulls["pageInfo"] == {"hasNextPage": False}
        [pull] = pulls["nodes"]
        assert pull["state"] == "OPEN"
        assert pull["author"]["__typename"] == "User"
        seen.append(pull["mergeStateStatus"])
    # GitHub works it out once somebody has asked.
    assert seen[0] == "UNKNOWN"
    assert seen[1] != "UNKNOWN"
    [commit] = pull["commits"]["nodes"]
    checks = commit["commit"]["statusCheckRollup"]["contexts"]["nodes"]
    assert "test" in {check["name"] for check in checks}
    # Each check that a token may not see is an error of its own.
    weak = box.add_token({"contents": "write"}, "fine-grained")
    told = ask(box, client, PULLS, weak)
    path = ["repository", "pulls", "nodes", 0, "commits", "nodes", 0, "commit"]
    path += ["statusCheckRollup", "contexts", "nodes"]
    assert told["errors"] == [
        {
            "type": "FORBIDDEN",
            "path": [*path, number],
            "message": "Resource not accessible by personal access token",
        }
        for number in range(len(checks))
    ]
    [pull] = told["data"]["repository"]["pulls"]["nodes"]
    assert pull["number"]


def test_field_that_is_none_is_an_error_of_all(
    box: Sandbox, client: Client
) -> None:
    query = PULLS.replace("pullRequests", "pullRequest")
    told = ask(box, client, query)
    assert told["errors"][0]["extensions"] == {"code": "undefinedField"}
    assert "data" not in told
