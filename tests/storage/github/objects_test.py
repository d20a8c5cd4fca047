"""PyGithub's objects on our requester: what they may do, and what not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
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
from rsp_release.models import (
    EnableAutoMerge,
    LabelPull,
    PublishRelease,
    RerunFailedJobs,
)
from rsp_release.models.github import BranchRules
from rsp_release.storage.github.deploy import GithubDeploy
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.http import GithubHttp
from tests.support.scripted import Server, serve
from tests.support.simulated import VirtualClock

SECRET = "ghp_" + "s" * 36
ROOT = "/repos/o/n"
RUNS = f"{ROOT}/actions/runs"
TAG = f"{ROOT}/git/ref/tags/1.0.0"
COMMIT = "c" * 40
NO_PAGE = (404, {"Content-Type": "text/html"}, b"<h1>no such page</h1>")
"""What a server answers that has no such endpoint, and is not GitHub's."""

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
    # This server has no GraphQL, which may tell more.
    asked = [path.partition("?")[0] for path in paths(server)]
    assert asked == ["/graphql", f"{ROOT}/pulls"]


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
    assert paths(server) == ["/graphql", TAG]


def test_server_without_rulesets_tells_by_the_branch(
    server: Server, forge: GithubForge
) -> None:
    # Neither its 404 nor its rules are GitHub's own.
    for end in ("rules/branches/main", "rules/branches/other", "rulesets"):
        server.answers[f"{ROOT}/{end}"] = [NO_PAGE]
    with pytest.raises(NotAllowedError, match="there is no repository o/n"):
        forge.needs_pull("main")
    server.say(ROOT, {"full_name": "o/n"})
    server.say(f"{ROOT}/branches/main", {"name": "main", "protected": False})
    assert forge.branch_rules("main") == BranchRules(needs_pull=False)
    # What nobody tells is tried.
    assert forge.branch_rules("other") == BranchRules(
        needs_pull=False, is_known=False
    )
    assert forge.rulesets("tag") is None


def test_server_without_graphql_is_no_lack_of_a_permission(
    server: Server,
) -> None:
    http = GithubHttp(
        api_url=server.url, token="ghs_" + "s" * 36, clock=VirtualClock(),
        random=Random(0), environ={},
    )  # fmt: skip
    forge = GithubForge(http=http, repository="o/n")
    assert forge.starts_workflows() is None
    server.say(f"{ROOT}/pulls/3", PULL)
    write = EnableAutoMerge(number=3, method="squash")
    with pytest.raises(RefusedError, match="has no GraphQL") as caught:
        forge.enable_auto_merge(write)
    assert "merge it yourself" in str(caught.value.help)
    deploy = GithubDeploy(http=http, repository="o/n")
    with pytest.raises(NotAllowedError, match="has no GraphQL"):
        deploy.fork()
    # Files are read one after the other then.
    server.say(
        f"{ROOT}/git/trees/{COMMIT}",
        {
            "sha": COMMIT,
            "truncated": False,
            "tree": [
                {"path": "a", "sha": "a1", "mode": "100644", "type": "blob"},
                {"path": "b", "sha": "b1", "mode": "100644", "type": "blob"},
            ],
        },
    )
    for name, data in (("a1", "aGk="), ("b1", "/w==")):
        blob = {"sha": name, "content": data, "encoding": "base64"}
        server.say(f"{ROOT}/git/blobs/{name}", blob)
    assert deploy.scan(COMMIT, ["a", "b"]) == {"a": "hi", "b": ""}
    http.close()


def test_server_that_generates_no_notes(
    server: Server, forge: GithubForge
) -> None:
    server.answers[f"{ROOT}/releases/generate-notes"] = [NO_PAGE]
    assert not forge.generate_notes(tag="1", commit=COMMIT, previous=None)


# -- A repository that has another name ------------------------------------


def test_redirect_keeps_query_method_and_body(
    server: Server, forge: GithubForge
) -> None:
    moved = f"{server.url}/repositories/1"
    body = {"message": "Moved Permanently", "url": moved}
    query = "?tag_name=1.0.0&per_page=100"
    listed = f"{moved}/releases{query}"
    server.say(f"{ROOT}/releases", body, status=301, Location=listed)
    server.say("/repositories/1/releases", [RELEASE])
    [found] = forge.releases("1.0.0")
    assert found.tag == "1.0.0"
    assert forge.has_moved
    assert server.asked[-1][1] == f"/repositories/1/releases{query}"
    # A write goes on as it is, and once.
    labels = f"{ROOT}/issues/3/labels"
    location = f"{moved}/issues/3/labels"
    server.say(labels, body, status=307, Location=location)
    server.say("/repositories/1/issues/3/labels", [])
    forge.label_pull(LabelPull(number=3, labels=("a",)))
    assert [(m, p) for m, p, _ in server.asked[-2:]] == [
        ("POST", labels),
        ("POST", "/repositories/1/issues/3/labels"),
    ]
    assert server.asked[-1][2]["authorization"] == f"Bearer {SECRET}"
    assert int(server.asked[-1][2]["content-length"]) > 10


def test_write_that_is_led_to_another_server_is_not_sent_there(
    server: Server, forge: GithubForge
) -> None:
    with serve() as other:
        labels = f"{ROOT}/issues/3/labels"
        location = f"{other.url}/repositories/1/issues/3/labels"
        server.say(labels, {}, status=307, Location=location)
        with pytest.raises(UncertainError, match="redirects what was sent"):
            forge.label_pull(LabelPull(number=3, labels=("a",)))
        server.say(RUNS, {}, status=301, Location=f"{other.url}/runs")
        other.say("/runs", {"workflow_runs": []})
        assert forge.runs(commit=COMMIT, event="release") == ()
        assert [path for _, path, _ in other.asked] == ["/runs"]
        assert "authorization" not in other.asked[0][2]


def test_repository_goes_by_the_name_that_github_knows(
    server: Server, forge: GithubForge
) -> None:
    location = f"{server.url}/repositories/1"
    server.say(ROOT, {}, status=301, Location=location)
    server.say("/repositories/1", {"id": 1, "full_name": "new-o/New.n"})
    assert forge.identify() == ("new-o/New.n", 1)
    assert forge.name == "new-o/New.n"
    assert not forge.has_moved
    assert forge.run(1) is None
    assert paths(server)[-1] == "/repos/new-o/New.n/actions/runs/1"


@pytest.mark.parametrize("name", ["../x", "o/n/../../x", "o", 7, None])
def test_name_that_is_none_is_not_gone_by(
    name: object, server: Server, forge: GithubForge
) -> None:
    server.say(ROOT, {"id": 1, "full_name": name})
    with suppress(ReadError):
        forge.identify()
    assert forge.name == "o/n"


def test_server_that_knows_no_checks(
    server: Server, forge: GithubForge
) -> None:
    """A pull request is there without; that a commit has none is not said."""
    commit = f"{ROOT}/commits/{COMMIT}"
    for end in ("check-runs", "status"):
        server.answers[f"{commit}/{end}"] = [NO_PAGE]
    server.say(ROOT, {"full_name": "o/n"})
    server.say(f"{ROOT}/pulls", [PULL])
    server.say(f"{ROOT}/pulls/3", PULL)
    server.say(f"{ROOT}/pulls/3/reviews", [])
    [pull] = forge.pulls("u/x")
    assert forge.pull(pull).checks == ()
    with pytest.raises(ReadError):
        forge.checks(COMMIT)
