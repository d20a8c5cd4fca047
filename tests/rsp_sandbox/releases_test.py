"""Releases: what GitHub refuses, hides and starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"


def release(**more: Any) -> dict[str, Any]:
    return {"tag_name": "1.5.0", "name": "1.5.0", "body": "Notes"} | more


def events(box: Sandbox) -> list[tuple[str, str]]:
    return [
        (run.event, run.action)
        for run in box.state.runs(NAME)
        if run.head_branch == "1.5.0"
    ]


def test_create_makes_lightweight_tag_at_target(
    box: Sandbox, client: Client
) -> None:
    old = client.get(f"{R}/commits/1.4.0").data["sha"]
    made = client.post(f"{R}/releases", release(target_commitish=old))
    assert made.status == 201
    assert made.headers["location"] == made.data["url"]
    assert made.data["html_url"].endswith(f"/{NAME}/releases/tag/1.5.0")
    assert made.data["created_at"] != made.data["published_at"]
    ref = client.get(f"{R}/git/ref/tags/1.5.0").data["object"]
    assert ref["type"] == "commit"
    assert ref["sha"] == old
    assert box.state.tags(NAME)["1.5.0"] == old


def test_target_is_ignored_where_the_tag_exists(client: Client) -> None:
    old = client.get(f"{R}/commits/1.0.0").data["sha"]
    head = client.get(f"{R}/commits/main").data["sha"]
    client.post(f"{R}/git/refs", {"ref": "refs/tags/1.5.0", "sha": old})
    client.post(f"{R}/releases", release(target_commitish=head))
    ref = client.get(f"{R}/git/ref/tags/1.5.0").data["object"]
    assert ref["sha"] == old


def test_second_release_of_a_tag_is_refused(
    box: Sandbox, client: Client
) -> None:
    client.post(f"{R}/releases", release())
    again = client.post(f"{R}/releases", release())
    assert again.status == 422
    assert again.data["errors"] == [
        {"resource": "Release", "code": "already_exists", "field": "tag_name"}
    ]
    found = [r for r in box.state.releases(NAME) if r.tag == "1.5.0"]
    assert len(found) == 1


def test_drafts_hide(box: Sandbox, client: Client) -> None:
    draft = client.post(f"{R}/releases", release(draft=True)).data
    assert "untagged-" in draft["html_url"]
    assert draft["published_at"] is None
    assert client.get(f"{R}/releases/tags/1.5.0").status == 404
    assert client.get(f"{R}/git/ref/tags/1.5.0").status == 404
    assert "1.5.0" not in box.state.tags(NAME)
    tags = [r["tag_name"] for r in client.get(f"{R}/releases").data]
    assert "1.5.0" in tags
    # Several drafts may share a tag.
    assert client.post(f"{R}/releases", release(draft=True)).status == 201
    with Client(box, "") as stranger:
        found = stranger.get(f"{R}/releases").data
        assert "1.5.0" not in [r["tag_name"] for r in found]
        assert stranger.get(f"{R}/releases/{draft['id']}").status == 404
    assert events(box) == []


def test_publishing_a_draft(box: Sandbox, client: Client) -> None:
    draft = client.post(f"{R}/releases", release(draft=True)).data
    path = f"{R}/releases/{draft['id']}"
    done = client.api("PATCH", path, {"draft": False}).data
    assert done["published_at"] is not None
    assert done["html_url"].endswith("/releases/tag/1.5.0")
    assert client.get(f"{R}/releases/tags/1.5.0").data["id"] == draft["id"]
    assert ("release", "published") in events(box)


def test_publishing_twice_is_refused(client: Client) -> None:
    first = client.post(f"{R}/releases", release(draft=True)).data
    second = client.post(f"{R}/releases", release(draft=True)).data
    for draft, status in ((first, 200), (second, 422)):
        path = f"{R}/releases/{draft['id']}"
        assert client.api("PATCH", path, {"draft": False}).status == status


def test_release_starts_the_workflow_once(
    box: Sandbox, client: Client
) -> None:
    client.post(f"{R}/releases", release())
    # The workflow listens to `published` alone, not to tags.
    assert events(box) == [("release", "published")]
    made = box.state.releases(NAME)[-1]
    client.api("PATCH", f"{R}/releases/{made.id}", {"body": "Other"})
    assert events(box) == [("release", "published")]


def test_actions_token_starts_nothing(box: Sandbox) -> None:
    with Client(box, box.add_token(kind="actions")) as client:
        assert client.post(f"{R}/releases", release()).status == 201
    assert "1.5.0" in box.state.tags(NAME)
    assert events(box) == []


@pytest.mark.parametrize(
    "more",
    [
        {"tag_name": None},
        {"tag_name": "no such"},
        {"body": "x" * 125_001},
        {"target_commitish": "nowhere"},
    ],
)
def test_refused(box: Sandbox, client: Client, more: dict[str, Any]) -> None:
    answer = client.post(f"{R}/releases", release(**more))
    assert answer.status == 422
    assert answer.data["message"]
    assert len(box.state.releases(NAME)) == 8


def test_longest_body(client: Client) -> None:
    answer = client.post(f"{R}/releases", release(body="x" * 125_000))
    assert answer.status == 201


def test_generate_notes_saves_nothing(box: Sandbox, client: Client) -> None:
    data = {"tag_name": "1.5.0", "previous_tag_name": "1.3.0"}
    notes = client.post(f"{R}/releases/generate-notes", data)
    assert "1.3.0...1.5.0" in notes.data["body"]
    assert len(box.state.releases(NAME)) == 8
    assert "1.5.0" not in box.state.tags(NAME)


def test_pages_have_links(client: Client) -> None:
    first = client.get(f"{R}/releases", per_page=3)
    assert [r["tag_name"] for r in first.data] == ["1.4.0", "1.3.0", "1.2.1"]
    assert 'page=2>; rel="next"' in first.headers["link"]
    assert 'page=3>; rel="last"' in first.headers["link"]
    last = client.get(f"{R}/releases", per_page=3, page=3)
    assert len(last.data) == 2
    assert 'rel="next"' not in last.headers["link"]
    assert 'rel="prev"' in last.headers["link"]
    assert client.get(f"{R}/releases", per_page=3, page=9).data == []
    assert "link" not in client.get(f"{R}/releases").headers


def test_reads_lag_writes(
    clock: ManualClock, start: Callable[..., Sandbox]
) -> None:
    box = start({"lag": {"releases": 3, "refs": 2}})
    with Client(box) as client:
        made = client.post(f"{R}/releases", release()).data
        paths = (
            f"{R}/releases/tags/1.5.0",
            f"{R}/releases/{made['id']}",
            f"{R}/git/ref/tags/1.5.0",
        )
        clock.sleep(1.9)
        assert [client.get(p).status for p in paths] == [404] * 3
        clock.sleep(0.2)
        assert [client.get(p).status for p in paths] == [404, 404, 200]
        clock.sleep(1)
        assert [client.get(p).status for p in paths] == [200] * 3
        # Writes see what is.
        assert client.post(f"{R}/releases", release()).status == 422
