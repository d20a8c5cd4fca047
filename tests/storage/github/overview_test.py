"""What GraphQL tells at once, and REST where it does not: the same values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from rsp_release.exceptions import RateLimitedError
from rsp_release.models import (
    EnableAutoMerge,
    LabelPull,
    OpenPull,
    PullRequest,
    RequestReviews,
)
from rsp_release.storage.github.deploy import GithubDeploy
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.graphql import query
from rsp_release.storage.github.http import GithubHttp
from rsp_release.storage.github.overview import hash_blob

from ...support.service import NAME, Service, serve
from ...support.simulated import VirtualClock

BRANCH = "rsp-release/changelog-1.5.0"
OPEN = OpenPull(branch=BRANCH, base="main", title="T", body="B", after=0)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    folder: Path = tmp_path_factory.mktemp("overview")
    with serve(folder, clock=clock) as service:
        service.git("switch", "--quiet", "-c", "work")
        service.git("commit", "--quiet", "--allow-empty", "-m", "docs: more")
        service.git("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
        service.box.protect(NAME, "main", checks=("test",))
        service.box.project(NAME).allow_auto_merge = True
        with _connect(service) as forge:
            forge.open_pull(OPEN)
        yield service


class _Forge(GithubDeploy, GithubForge):
    """Both of them."""


@contextmanager
def _connect(
    service: Service, token: str | None = None, *, rest: bool = False
) -> Iterator[_Forge]:
    assert service.clock is not None
    http = GithubHttp(
        api_url=service.box.api_url,
        token=token or service.box.token,
        clock=service.clock,
        random=Random(0),
        environ={},
    )
    forge = _Forge(http=http, repository=NAME)
    if rest:
        forge._overview._is_told = False
    try:
        yield forge
    finally:
        forge.close()


def _see(forge: _Forge) -> tuple[tuple[PullRequest, ...], PullRequest]:
    """Look at a pull request as the steps do."""
    pulls = forge.pulls(BRANCH)
    pull = forge.pull(pulls[0])
    checks = tuple(sorted(pull.checks, key=lambda check: check.name))
    return pulls, replace(pull, checks=checks)


def _compare(service: Service, token: str | None = None) -> PullRequest:
    """Look both ways, and tell what was seen."""
    with _connect(service, token, rest=True) as forge:
        # Whether it can be merged is worked out once somebody has asked.
        _see(forge)
        expected = _see(forge)
    with _connect(service, token) as forge:
        assert _see(forge) == expected
    return expected[1]


def _count(service: Service, look: Callable[[], object]) -> list[str]:
    before = len(service.box.state.requests)
    look()
    records = service.box.state.requests[before:]
    return [record.path.removeprefix("/api/v3/repos/") for record in records]


def _label(forge: _Forge, number: int) -> None:
    forge.label_pull(LabelPull(number=number, labels=("a", "ä b")))


def _review(forge: _Forge, number: int) -> None:
    forge.request_reviews(
        RequestReviews(number=number, reviewers=("reviewer",))
    )


def _wish(forge: _Forge, number: int) -> None:
    forge.enable_auto_merge(EnableAutoMerge(number=number, method="squash"))


def test_the_same_is_seen_by_either_way(service: Service) -> None:
    assert service.clock is not None
    with _connect(service) as forge:
        pull = _compare(service)
        assert pull.merge_state == "blocked"
        for change in (_label, _review, _wish):
            change(forge, pull.number)
            assert _compare(service) != pull
            pull = _compare(service)
        assert pull.merges_itself
        assert pull.reviewers == ("reviewer",)
        service.box.project(NAME).roles["reviewer"] = "write"
        reviewer = service.box.add_token(login="reviewer")
        with _connect(service, reviewer) as other:
            for event in ("APPROVE", "COMMENT"):
                other._http.ask(
                    "POST",
                    f"/repos/{NAME}/pulls/{pull.number}/reviews",
                    {"event": event, "body": "x"},
                )
        service.clock.sleep(2)
        pull = _compare(service)
        assert [r.state for r in pull.reviews] == ["APPROVED"]
        assert {c.state for c in pull.checks} == {"running"}
        service.clock.sleep(300)
        pull = _compare(service)
        assert not pull.is_open
        assert pull.is_merged
        assert {c.state for c in pull.checks} == {"passed"}
        assert pull.merge_commit == service.box.state.branches(NAME)["main"]


def test_a_look_at_a_pull_request_is_one_request(service: Service) -> None:
    with _connect(service) as forge:
        assert _count(service, lambda: forge.pulls(BRANCH)) == ["/api/graphql"]
        [found] = forge.pulls(BRANCH)
        asked = _count(service, lambda: forge.pull(found))
        assert asked == ["/api/graphql"]


def test_checks_that_graphql_does_not_tell_are_asked_for_by_rest(
    service: Service,
) -> None:
    """A fine-grained token sees none; the rest is told all the same."""
    assert service.clock is not None
    service.clock.sleep(2)  # the checks have begun
    weak = service.box.add_token(
        {"contents": "write", "pull_requests": "write"}, "fine-grained"
    )
    assert _compare(service, weak).checks == ()
    with _connect(service, weak) as forge:
        first = _count(service, lambda: forge.pulls(BRANCH))
        assert first == ["/api/graphql", "/api/graphql"]
        # From then on it is known.
        again = _count(service, lambda: forge.pulls(BRANCH))
        assert again == ["/api/graphql"]


@pytest.mark.parametrize(
    "fault", ["error_500", "malformed_json", "truncated_json"]
)
def test_where_graphql_is_not_there_rest_is_asked(
    service: Service, fault: str
) -> None:
    with _connect(service, rest=True) as forge:
        expected = forge.pulls(BRANCH)
    with _connect(service) as forge:
        service.box.faults.when("*", "/graphql", fault, times=None)
        assert forge.pulls(BRANCH) == expected
        service.box.faults.clear()
        # For the rest of the process, so that it costs nothing again.
        asked = _count(service, lambda: forge.pulls(BRANCH))
        assert asked == [f"{NAME}/pulls"]


@pytest.mark.parametrize("kind", ["RATE_LIMIT", "RATE_LIMITED"])
def test_where_graphql_has_told_enough_for_an_hour_rest_is_asked(
    service: Service, kind: str
) -> None:
    """REST has a limit of its own, so nobody waits for GraphQL's."""
    said = {"type": kind, "message": "API rate limit already exceeded"}
    with _connect(service, rest=True) as forge:
        expected = forge.pulls(BRANCH)
    clock = service.clock
    assert clock is not None
    with _connect(service) as forge:
        service.box.graphql["Overview"] = lambda *_: {"errors": [said]}
        before = clock.now()
        try:
            assert forge.pulls(BRANCH) == expected
        finally:
            service.box.graphql.clear()
        assert clock.now() == before
        # The fleet has no other way.
        service.box.graphql["Fleet"] = lambda *_: {"errors": [said]}
        try:
            with pytest.raises(RateLimitedError, match="already exceeded"):
                query(forge._http, "query Fleet { viewer { login } }", {})
        finally:
            service.box.graphql.clear()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["pulls"]["pageInfo"].update(hasNextPage=True),
        lambda data: data["pulls"]["nodes"].append(None),
        lambda data: data["pulls"]["nodes"][0].pop("mergeStateStatus"),
        # One that was merged has to say as what.
        lambda data: data["pulls"]["nodes"][0].update(
            state="MERGED", mergeCommit=None
        ),
        # A team's name takes a permission of its own.
        lambda data: data["pulls"]["nodes"][0]["reviewRequests"]["nodes"]
        .append({"requestedReviewer": {"__typename": "Team"}}),
        lambda data: data["pulls"]["nodes"][0]["reviewRequests"]["nodes"]
        .append({"requestedReviewer": None}),
    ],
)  # fmt: skip
def test_what_graphql_tells_in_part_is_asked_for_by_rest(
    service: Service, change: Callable[[Any], object]
) -> None:
    with _connect(service, rest=True) as forge:
        expected = forge.pulls(BRANCH)
    with _connect(service) as forge:
        told = _ask(service, forge)
        change(told["repository"])
        service.box.graphql["Overview"] = lambda *_: {"data": told}
        try:
            assert forge.pulls(BRANCH) == expected
        finally:
            service.box.graphql.clear()
        assert not forge._overview._is_told


def _ask(service: Service, forge: _Forge) -> Any:
    """Return what GraphQL answers."""
    forge.pulls(BRANCH)
    return json.loads(service.box.state.requests[-1].response_body)["data"]


def test_two_checks_of_one_workflow_are_told_apart_by_rest(
    service: Service,
) -> None:
    assert service.clock is not None
    service.clock.sleep(2)  # the checks have begun
    with _connect(service) as forge:
        told = _ask(service, forge)
        [node] = told["repository"]["pulls"]["nodes"]
        commit = node["commits"]["nodes"][0]["commit"]
        checks = commit["statusCheckRollup"]["contexts"]["nodes"]
        checks.append({**checks[0], "conclusion": "FAILURE"})
        service.box.graphql["Overview"] = lambda *_: {"data": told}
        try:
            [found] = forge.pulls(BRANCH)
            asked = _count(service, lambda: forge.pull(found))
        finally:
            service.box.graphql.clear()
        assert any(path.endswith("/check-runs") for path in asked)
        # The pull requests themselves are told at once all the same.
        assert forge._overview._is_told


def test_files_are_exactly_those_of_the_commit(service: Service) -> None:
    with _connect(service) as forge:
        head = service.box.state.branches(NAME)["main"]
        paths = ["README.md", "pyproject.toml", "none.txt"]
        found = forge._overview.files(NAME, head, paths)
        assert found is not None
        assert dict(forge.read(head, paths)) == found
        assert "none.txt" not in found
        # A commit that is not there is no commit without files.
        assert forge._overview.files(NAME, "f" * 40, paths) is None


def test_a_deployment_repository_is_told_of_as_by_rest(
    service: Service,
) -> None:
    seen = []
    for rest in (True, False):
        with _connect(service, rest=rest) as deploy:
            repository = deploy.repository(BRANCH)
            base = deploy.branch(NAME, repository.default_branch)
            head = deploy.branch(NAME, BRANCH)
            pulls = deploy.pulls_of(NAME.partition("/")[0], BRANCH)
            assert base is not None
            assert deploy.pulls_of("stranger", BRANCH) == ()
            assert deploy.branch(NAME, "none") is None
            # Rest alone asks for the tree of the commit.
            assert rest or deploy._roots[base]
            seen.append((repository, base, head, pulls, deploy.open_pulls()))
    assert seen[0] == seen[1]


def test_a_release_is_told_of_as_by_rest(service: Service) -> None:
    tags = ("1.4.0", "9.9.9")
    with _connect(service, rest=True) as forge:
        expected = [(forge.releases(t), forge._peel(t)) for t in tags]
    with _connect(service) as forge:
        told = [(forge.releases(t), forge._peel(t)) for t in tags]
        asked = _count(service, lambda: forge.releases("1.4.0"))
    assert told == expected
    assert expected[0][0][0].tag == "1.4.0"
    assert expected[1] == ((), None)
    assert asked == ["/api/graphql"]


def test_drafts_and_what_bots_published_are_told_by_rest(
    service: Service,
) -> None:
    with _connect(service) as forge:
        forge._http.ask(
            "POST",
            f"/repos/{NAME}/releases",
            {"tag_name": "7.0.0", "draft": True, "name": "7.0.0"},
        )
        [draft] = forge.releases("7.0.0")
        assert draft.is_draft
    with _connect(service) as forge:
        box = service.box
        releases = box.project(NAME).releases
        changed = {
            number: replace(each, author="github-actions[bot]")
            for number, each in releases.value.items()
        }
        box.changed(releases, changed)
        [page] = forge.releases("1.4.0")
        assert page.author == "github-actions[bot]"


def test_nobody_without_credentials_is_told_anything(
    service: Service,
) -> None:
    assert service.clock is not None
    http = GithubHttp(
        api_url=service.box.api_url,
        token=None,
        clock=service.clock,
        random=Random(0),
        environ={},
    )
    forge = GithubForge(http=http, repository=NAME)
    asked = _count(service, lambda: forge.pulls(BRANCH))
    forge.close()
    assert asked == [f"{NAME}/pulls"]


def test_that_a_repository_has_another_name_is_noticed(
    service: Service,
) -> None:
    with _connect(service) as forge:
        moved = []
        for name in (None, "rubin-demo/renamed"):
            if name is not None:
                service.box.rename(NAME, name)
            forge.pulls(BRANCH)
            moved.append(forge.has_moved)
        assert moved == [False, True]
        service.box.rename("rubin-demo/renamed", NAME)


def test_hash_of_a_file() -> None:
    """As ``git hash-object`` says."""
    assert hash_blob("a\n") == "78981922613b2afb6025042ff6bd878ac1994e85"
    assert hash_blob("") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
