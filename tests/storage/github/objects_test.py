"""PyGithub's objects on our requester: what they may do, and what not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import github.Requester
import pytest
from github.PullRequest import PullRequest
from github.Repository import Repository

from rsp_release.exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    UncertainError,
    UsageError,
)
from rsp_release.models import PublishRelease, RerunFailedJobs
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.http import GithubHttp
from tests.support.scripted import Server, serve
from tests.support.simulated import VirtualClock

SECRET = "ghp_" + "s" * 36
ROOT = "/repos/o/n"
RUNS = f"{ROOT}/actions/runs"
TAG = f"{ROOT}/git/ref/tags/1.0.0"
COMMIT = "c" * 40

RUN: dict[str, Any] = {
    "id": 5,
    "name": "ci",
    "path": ".github/workflows/ci.yaml",
    "event": "release",
    "status": "completed",
    "conclusion": "failure",
    "head_sha": COMMIT,
    "head_branch": "1.0.0",
    "html_url": "https://github.com/o/n/actions/runs/5",
    "created_at": "2026-11-01T00:00:00Z",
}
PULL: dict[str, Any] = {
    "url": f"{ROOT}/pulls/3",
    "number": 3,
    "state": "open",
    "title": "t",
    "body": None,
    "html_url": "https://github.com/o/n/pull/3",
    "merged_at": None,
    "head": {"sha": COMMIT, "ref": "u/x", "user": None},
    "base": {"sha": COMMIT, "ref": "main", "user": None},
    "labels": [],
    "requested_reviewers": [],
    "requested_teams": [],
    "created_at": "2026-11-01T00:00:00Z",
}
RELEASE: dict[str, Any] = {
    "id": 7,
    "tag_name": "1.0.0",
    "name": "1.0.0",
    "body": "",
    "draft": False,
    "prerelease": False,
    "html_url": "https://github.com/o/n/releases/tag/1.0.0",
    "published_at": "2026-11-01T00:00:00Z",
    "author": None,
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def http(server: Server) -> Iterator[GithubHttp]:
    http = GithubHttp(
        api_url=server.url,
        token=SECRET,
        clock=VirtualClock(),
        random=Random(0),
        environ={},
    )
    yield http
    http.close()


@pytest.fixture
def forge(http: GithubHttp) -> GithubForge:
    return GithubForge(http=http, repository="o/n")


def paths(server: Server) -> list[str]:
    return [path for _, path, _ in server.asked]


# -- PyGithub's own habits -------------------------------------------------


def test_pygithub_neither_connects_nor_sleeps(
    server: Server, http: GithubHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        pytest.fail("PyGithub does it itself")

    monkeypatch.setattr(
        github.Requester.HTTPRequestsConnectionClass, "__init__", fail
    )
    monkeypatch.setattr(time, "sleep", fail)
    # A quarter of a second between requests, and one between writes, and
    # ten retries are what PyGithub has by default.
    for setting in ("retry", "seconds_between_requests", "auth"):
        assert http.kwargs[setting] is None
    assert http.kwargs["seconds_between_writes"] is None
    server.say(f"{ROOT}/releases", RELEASE)
    repo = http.at(Repository, ROOT)
    for _ in range(2):
        repo.create_git_release("1.0.0", "1.0.0", "")
    server.say(f"{ROOT}/pulls/3", PULL)
    assert repo.get_pull(3).state == "open"
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_write_by_an_object_is_sent_once(
    server: Server, http: GithubHttp, status: int
) -> None:
    server.say(f"{ROOT}/releases", {"message": "Oops"}, status=status)
    with pytest.raises(UncertainError):
        http.at(Repository, ROOT).create_git_release("1.0.0", "1.0.0", "")
    assert len(server.asked) == 1


def test_an_object_of_a_list_is_never_completed(
    server: Server, forge: GithubForge
) -> None:
    """Lists lack what a single pull request has: whether it can be merged."""
    server.say(f"{ROOT}/pulls", [PULL, {**PULL, "number": 4}])
    server.say(f"{ROOT}/pulls/3", {**PULL, "mergeable_state": "clean"})
    assert [p.merge_state for p in forge.pulls("u/x")] == ["unknown"] * 2
    assert len(server.asked) == 1


def test_an_address_alone_asks_for_nothing(
    server: Server, http: GithubHttp
) -> None:
    pull = http.at(PullRequest, f"{ROOT}/pulls/3")
    assert not pull.title
    assert server.asked == []


def test_what_is_unchanged_is_free_for_objects_as_well(
    server: Server, forge: GithubForge
) -> None:
    path = f"{RUNS}/5"
    server.say(path, RUN, ETag='"a"')
    server.answers[path].append((304, {}, b""))
    assert forge.run(5) == forge.run(5)
    assert [h.get("if-none-match") for *_, h in server.asked] == [None, '"a"']


def test_a_refusal_is_told_where_pygithub_says_no_alone(
    server: Server, forge: GithubForge
) -> None:
    server.say(f"{RUNS}/5", {**RUN, "created_at": "2020-01-01T00:00:00Z"})
    with pytest.raises(RefusedError, match="30 days"):
        forge.rerun(RerunFailedJobs(run=5, attempt=1, everything=False))
    server.answers.clear()
    now = forge._http.clock.now().isoformat()
    server.say(f"{RUNS}/5", {**RUN, "created_at": now})
    said = {"message": "Resource not accessible by integration"}
    server.say(f"{RUNS}/5/rerun-failed-jobs", said, status=403)
    with pytest.raises(NotAllowedError, match="Resource not accessible"):
        forge.rerun(RerunFailedJobs(run=5, attempt=1, everything=False))


# -- Where requests go -----------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307])
def test_credentials_follow_no_redirect(
    server: Server,
    http: GithubHttp,
    capfd: pytest.CaptureFixture[str],
    status: int,
) -> None:
    """PyGithub raises a RuntimeError, where it does not follow them."""
    with serve() as other:
        address = f"{other.url}/elsewhere"
        server.answers[ROOT] = [(status, {"Location": address}, b"")]
        other.say("/elsewhere", {"full_name": "o/n"})
        assert http.ask("GET", ROOT)["full_name"] == "o/n"
        [(_, _, headers)] = other.asked
    assert "authorization" not in headers
    assert SECRET not in str(headers)
    assert capfd.readouterr() == ("", "")


def test_a_renamed_repository_is_followed(
    server: Server, forge: GithubForge
) -> None:
    new = f"{server.url}/repositories/9/actions/runs/5"
    server.answers[f"{RUNS}/5"] = [(301, {"Location": new}, b"")]
    server.say("/repositories/9/actions/runs/5", RUN)
    assert forge.run(5) is not None


def test_pages_that_come_back_have_an_end(
    server: Server, forge: GithubForge
) -> None:
    again = f'<{server.url}{ROOT}/pulls?page=2>; rel="next"'
    server.say(f"{ROOT}/pulls", [PULL], Link=again)
    with pytest.raises(ReadError, match="pages have no end"):
        forge.open_pulls()
    assert len(server.asked) == 2


def test_a_page_elsewhere_is_not_asked_for(
    server: Server, forge: GithubForge
) -> None:
    with serve() as other:
        away = f'<{other.url}/pulls>; rel="next"'
        server.say(f"{ROOT}/pulls", [PULL], Link=away)
        with pytest.raises(ReadError, match="another server"):
            forge.open_pulls()
        assert other.asked == []


@pytest.mark.parametrize("url", ["", "api.github.com", "ftp://host/api"])
def test_an_address_of_no_api_is_the_users_mistake(url: str) -> None:
    """PyGithub asserts that it is one."""
    with pytest.raises(UsageError, match="not the address"):
        GithubHttp(
            api_url=url,
            token=None,
            clock=VirtualClock(),
            random=Random(0),
            environ={},
        )


# -- Answers of another shape ----------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "runs",
        7,
        {"workflow_runs": None},
        {"workflow_runs": 7},
        {"workflow_runs": ["run"]},
        {"workflow_runs": [[]]},
        {"workflow_runs": [{**RUN, "id": "five"}]},
        {"workflow_runs": [{**RUN, "id": None}]},
        {"workflow_runs": [{**RUN, "path": None}]},
        {"workflow_runs": [{**RUN, "created_at": "yesterday"}]},
        {"workflow_runs": [{k: v for k, v in RUN.items() if k != "event"}]},
    ],
)
def test_a_list_of_another_shape_is_no_empty_list(
    server: Server, forge: GithubForge, answer: object
) -> None:
    server.say(RUNS, answer)
    with pytest.raises(ReadError, match="cannot be used"):
        forge.runs(commit=COMMIT, event="release")


@pytest.mark.parametrize(
    "change",
    [
        {"draft": None},
        {"draft": "no"},
        {"id": "7"},
        {"tag_name": None},
        {"author": "me"},
        {"author": {}},
    ],
)
def test_a_release_of_another_shape_is_no_release(
    server: Server, forge: GithubForge, change: dict[str, Any]
) -> None:
    server.say(f"{ROOT}/releases/tags/1.0.0", {**RELEASE, **change})
    with pytest.raises(ReadError, match="cannot be used"):
        forge.releases("1.0.0")


def test_a_tag_of_nothing_is_no_tag(
    server: Server, forge: GithubForge
) -> None:
    server.say(TAG, {"ref": "refs/tags/1.0.0", "object": {"type": "commit"}})
    write = PublishRelease(
        draft=7,
        tag="1.0.0",
        commit=COMMIT,
        title="1.0.0",
        body=None,
        is_prerelease=False,
        is_latest=True,
    )
    with pytest.raises(NotSentError, match="cannot be used"):
        forge.publish_release(write)
    assert paths(server) == [TAG]


def test_server_without_rulesets_tells_by_the_branch(
    server: Server, forge: GithubForge
) -> None:
    server.say(f"{ROOT}/branches/main", {"name": "main", "protected": False})
    assert not forge.needs_pull("main")
    assert forge.needs_pull("other")
