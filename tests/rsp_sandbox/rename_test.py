"""A repository that was renamed, or given to another owner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.box import Sandbox
from tests.support.sandbox import Client, git

NAME = "rubin-demo/stargazer"
NEW = "vera/telescope"


def test_api_leads_to_the_number(box: Sandbox, client: Client) -> None:
    number = client.get(f"/repos/{NAME}").data["id"]
    box.rename(NAME, NEW)
    answer = client.get(f"/repos/{NAME}/releases?per_page=1&page=2")
    place = f"{box.api_url}/repositories/{number}/releases"
    assert answer.status == 301
    assert answer.headers["location"] == f"{place}?per_page=1&page=2"
    assert answer.data["message"] == "Moved Permanently"
    assert answer.data["url"] == answer.headers["location"]
    answer = client.post(f"/repos/{NAME}/releases", {"tag_name": "1.9.0"})
    assert (answer.status, answer.headers["location"]) == (307, place)
    assert box.state.releases(NEW)[-1].tag != "1.9.0"
    answer = client.get(f"/repositories/{number}/releases?per_page=1&page=2")
    assert answer.status == 200
    assert len(answer.data) == 1
    assert f"{place}?per_page=1&page=3" in answer.headers["link"]
    assert client.get(f"/repositories/{number}").data["full_name"] == NEW
    assert client.get(f"/repos/{NEW}").data["id"] == number
    assert client.get("/repositories/1").status == 404


def test_name_is_another_repository_once_that_is_made(
    box: Sandbox, client: Client
) -> None:
    number = client.get(f"/repos/{NAME}").data["id"]
    box.rename(NAME, NEW)
    box.add_repository(NAME)
    answer = client.get(f"/repos/{NAME}")
    assert answer.status == 200
    assert answer.data["id"] != number
    # And back again.
    box.remove_repository(NAME)
    box.rename(NEW, NAME)
    assert client.get(f"/repos/{NEW}").status == 301
    assert client.get(f"/repos/{NAME}").data["id"] == number


def test_stranger_is_not_told_of_a_private_one(box: Sandbox) -> None:
    box.rename(NAME, NEW).is_private = True
    with Client(box, "") as client:
        assert client.get(f"/repos/{NAME}").status == 404


@pytest.mark.parametrize("name", [NAME, NEW])
def test_git_goes_on_under_both_names(
    name: str, box: Sandbox, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    url = box.git_url(name).replace("://", f"://x:{box.token}@")
    box.rename(NAME, NEW)
    git("clone", "--quiet", url, str(clone))
    git("tag", "1.9.0", cwd=clone)
    git("push", "--quiet", "origin", "1.9.0", cwd=clone)
    assert "1.9.0" in box.state.tags(NEW)


def test_graphql_follows(box: Sandbox, client: Client) -> None:
    box.rename(NAME, NEW)
    text = (
        "query Q($follow: Boolean!) { repository(owner: "
        '"rubin-demo", name: "stargazer", followRenames: $follow)'
        " { nameWithOwner } }"
    )

    def ask(*, follow: bool) -> object:
        body = {"query": text, "variables": {"follow": follow}}
        answer = client.raw(
            "POST",
            "/api/graphql",
            headers={"Authorization": f"Bearer {box.token}"},
            body=json.dumps(body).encode(),
        )
        return answer.data["data"]["repository"]

    assert ask(follow=True) == {"nameWithOwner": NEW}
    assert ask(follow=False) is None
