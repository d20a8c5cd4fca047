"""Pull requests and branch rules, against the sandbox's GitHub."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from rsp_release.exceptions import NotAllowedError, RefusedError
from rsp_release.models import LabelPull, MergePull, OpenPull, RequestReviews
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.http import GithubHttp

from ...support.service import NAME, Service, serve
from ...support.simulated import VirtualClock

BRANCH = "rsp-release/changelog-1.5.0"
OPEN = OpenPull(branch=BRANCH, base="main", title="T", body="B", after=0)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, clock=clock) as service:
        yield service


def make_forge(service: Service, token: str | None = None) -> GithubForge:
    assert service.clock is not None
    http = GithubHttp(
        api_url=service.box.api_url,
        token=token or service.box.token,
        clock=service.clock,
        random=Random(0),
        environ={},
    )
    return GithubForge(http=http, repository=NAME)


@pytest.fixture
def forge(service: Service) -> Iterator[GithubForge]:
    forge = make_forge(service)
    yield forge
    forge.close()


def push(service: Service) -> str:
    service.git("switch", "--quiet", "-c", "work")
    commit = service.commit("docs: more")
    service.git("push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
    return commit


@pytest.mark.parametrize(
    ("rules", "needs"),
    [
        ((), False),
        (({"type": "deletion"}, {"type": "non_fast_forward"}), False),
        (({"type": "pull_request"},), True),
        (({"type": "deletion"}, {"type": "required_status_checks"}), True),
    ],
)
def test_rules_of_a_branch(
    service: Service,
    forge: GithubForge,
    rules: tuple[dict[str, str], ...],
    *,
    needs: bool,
) -> None:
    if rules:
        service.box.add_ruleset(
            NAME, target="branch", include=("~DEFAULT_BRANCH",), rules=rules
        )
    assert forge.needs_pull("main") is needs


def test_classic_protection(service: Service, forge: GithubForge) -> None:
    service.box.protect(NAME, "main")
    assert forge.needs_pull("main")
    weak = service.box.add_token({"contents": "write"}, "fine-grained")
    other = make_forge(service, weak)
    # Its details are for administrators: a pull request always works.
    assert other.needs_pull("main")
    other.close()


def test_branch_that_is_not_there_is_asked_for_once(
    service: Service, forge: GithubForge
) -> None:
    before = len(service.box.state.requests)
    assert forge.needs_pull("u/new")
    asked = [r.path for r in service.box.state.requests[before:]]
    assert len(asked) == len(set(asked)) == 3


def test_life_of_a_pull_request(service: Service, forge: GithubForge) -> None:
    assert forge.pulls(BRANCH) == ()
    with pytest.raises(RefusedError):
        forge.open_pull(OPEN)
    head = push(service)
    forge.open_pull(OPEN)
    [pull] = forge.pulls(BRANCH)
    assert (pull.is_open, pull.is_merged, pull.head) == (True, False, head)
    assert pull.merge_commit is None
    with pytest.raises(RefusedError) as error:
        forge.open_pull(OPEN)
    assert error.value.is_duplicate
    forge.label_pull(LabelPull(number=pull.number, labels=("a", "b")))
    forge.request_reviews(
        RequestReviews(number=pull.number, reviewers=("reviewer",))
    )
    assert service.clock is not None
    service.clock.sleep(300)
    seen = forge.pull(pull)
    assert seen.labels == ("a", "b")
    assert seen.reviewers == ("reviewer",)
    assert [c.name for c in seen.checks] != []
    with pytest.raises(RefusedError):
        forge.merge_pull(
            MergePull(number=pull.number, method="squash", head="f" * 40)
        )
    forge.merge_pull(MergePull(number=pull.number, method="squash", head=head))
    [pull] = forge.pulls(BRANCH)
    assert (pull.is_open, pull.is_merged) == (False, True)
    assert pull.merge_commit == service.box.state.branches(NAME)["main"]
    assert service.box.state.unknown == []


def test_other_branches_do_not_count(
    service: Service, forge: GithubForge
) -> None:
    push(service)
    forge.open_pull(OPEN)
    assert forge.pulls(BRANCH + "0") == ()
    assert forge.pulls("main") == ()


def test_reviews_are_those_that_count(
    service: Service, forge: GithubForge
) -> None:
    push(service)
    forge.open_pull(OPEN)
    [pull] = forge.pulls(BRANCH)
    service.box.project(NAME).roles["reviewer"] = "write"
    token = service.box.add_token(login="reviewer")
    other = make_forge(service, token)
    for event in ("REQUEST_CHANGES", "APPROVE", "COMMENT"):
        other._http.ask(
            "POST",
            f"/repos/{NAME}/pulls/{pull.number}/reviews",
            {"event": event, "body": "x"},
        )
    other.close()
    [review] = forge.pull(pull).reviews
    assert (review.login, review.state) == ("reviewer", "APPROVED")


def test_checks_that_may_not_be_read(service: Service) -> None:
    service.box.project(NAME).is_private = True
    push(service)
    weak = service.box.add_token(
        {"contents": "write", "pull_requests": "write"}, "fine-grained"
    )
    forge = make_forge(service, weak)
    forge.open_pull(OPEN)
    [pull] = forge.pulls(BRANCH)
    assert forge.pull(pull).is_open
    forge.close()


def test_generated_notes(service: Service, forge: GithubForge) -> None:
    head = service.git("rev-parse", "HEAD").strip()
    notes = forge.generate_notes(tag="1.5.0", commit=head, previous="1.3.0")
    assert "/compare/1.3.0...1.5.0" in notes
    assert "1.5.0" not in service.box.state.tags(NAME)
    weak = service.box.add_token({"contents": "read"}, "fine-grained")
    other = make_forge(service, weak)
    with pytest.raises(NotAllowedError):
        other.generate_notes(tag="1.5.0", commit=head, previous=None)
    other.close()


def test_addresses() -> None:
    for api, web, graphql in (
        (
            "https://api.github.com",
            "https://github.com",
            "https://api.github.com/graphql",
        ),
        (
            "https://ghe.example.org/api/v3",
            "https://ghe.example.org",
            "https://ghe.example.org/api/graphql",
        ),
    ):
        http = GithubHttp(
            api_url=api,
            token=None,
            clock=VirtualClock(),
            random=Random(0),
            environ={},
        )
        assert (http.web_url, http.graphql_url) == (web, graphql)
        http.close()
