"""What becomes of a request: every way an answer can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Barrier

import pytest

from rsp_release.engine.look import Look
from rsp_release.exceptions import (
    NotAllowedError,
    NotSentError,
    RateLimitedError,
    ReadError,
    RefusedError,
    UncertainError,
)
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.graphql import query
from rsp_release.storage.github.http import GithubHttp

from ...support.service import NAME, Service, serve
from ...support.simulated import VirtualClock

ROOT = f"/repos/{NAME}"
RELEASES = f"{ROOT}/releases"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    folder: Path = tmp_path_factory.mktemp("service")
    with serve(folder, clock=clock) as service:
        yield service


@pytest.fixture
def http(service: Service) -> Iterator[GithubHttp]:
    http = _make(service, service.box.token)
    yield http
    http.close()
    service.box.faults.clear()
    service.box.accounts.revoked = False


def _make(service: Service, token: str | None, url: str = "") -> GithubHttp:
    assert service.clock is not None
    return GithubHttp(
        api_url=url or service.box.api_url,
        token=token,
        clock=service.clock,
        random=Random(0),
        environ={},
    )


def test_read(http: GithubHttp) -> None:
    assert http.ask("GET", ROOT)["full_name"] == NAME


def test_unchanged_body_comes_from_memory(
    http: GithubHttp, service: Service
) -> None:
    first = http.ask("GET", ROOT)
    assert http.ask("GET", ROOT) == first
    assert service.box.state.requests[-1].status == 304


def test_absence_is_an_answer_where_allowed(http: GithubHttp) -> None:
    path = f"{RELEASES}/tags/9.9.9"
    assert http.find(lambda: http.ask("GET", path)) is None
    with pytest.raises(ReadError, match="404"):
        http.ask("GET", path)


def test_page_of_a_proxy_is_no_absence(service: Service) -> None:
    http = _make(service, service.box.token, service.box.server_url)
    with pytest.raises(ReadError):
        http.find(lambda: http.ask("GET", f"/{NAME}/nowhere"))
    http.close()


@pytest.mark.parametrize(
    "fault",
    [
        "error_500",
        "bad_gateway_before",
        "bad_gateway_after",
        "reset_before",
        "reset_after",
        "truncated_json",
        "malformed_json",
    ],
)
def test_reads_are_tried_again(
    http: GithubHttp, service: Service, fault: str
) -> None:
    service.box.faults.when("GET", f"{ROOT}$", fault, times=3)
    assert http.ask("GET", ROOT)["full_name"] == NAME
    service.box.faults.when("GET", "/branches/main$", fault, times=None)
    with pytest.raises(ReadError):
        http.ask("GET", f"{ROOT}/branches/main")


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("rate_limit_primary", 3),
        ("rate_limit_secondary_403", 60),
        ("rate_limit_secondary_403_retry", 1),
        ("rate_limit_secondary_429", 60),
        ("rate_limit_secondary_429_retry", 1),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_limits_say_until_when(
    http: GithubHttp, service: Service, fault: str, seconds: int, method: str
) -> None:
    assert service.clock is not None
    service.box.faults.when(method, "/releases$", fault)
    before = len(service.box.state.releases(NAME))
    with pytest.raises(RateLimitedError) as e:
        if method == "GET":
            http.ask("GET", RELEASES)
        else:
            http.ask("POST", RELEASES, {"tag_name": "1.4.0"})
    wait = e.value.until - service.clock.now()
    assert abs(wait - timedelta(seconds=seconds)) <= timedelta(seconds=1)
    assert len(service.box.state.releases(NAME)) == before


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        ("error_500", 0),
        ("bad_gateway_before", 0),
        ("bad_gateway_after", 1),
        ("reset_before", 0),
        ("reset_after", 1),
        ("truncated_json", 1),
        ("malformed_json", 1),
    ],
)
def test_writes_are_never_sent_twice(
    http: GithubHttp, service: Service, fault: str, carried_out: int
) -> None:
    requests, releases = service.box.state.requests, service.box.state.releases
    before = len(requests), len(releases(NAME))
    service.box.faults.when("POST", "/releases$", fault)
    with pytest.raises(UncertainError):
        http.ask("POST", RELEASES, {"tag_name": "x", "draft": True})
    assert len(requests) == before[0] + 1
    assert len(releases(NAME)) == before[1] + carried_out


def test_write_is_refused_with_githubs_words(http: GithubHttp) -> None:
    with pytest.raises(RefusedError, match="already_exists") as e:
        http.ask("POST", RELEASES, {"tag_name": "1.4.0"})
    assert e.value.is_duplicate
    with pytest.raises(RefusedError) as e:
        http.ask("POST", RELEASES, {"tag_name": "x", "body": "x" * 125_001})
    assert not e.value.is_duplicate
    assert "too long" in e.value.message


def test_nobody_there(service: Service) -> None:
    http = _make(service, service.box.token, "http://127.0.0.1:9")
    with pytest.raises(NotSentError, match="refused the connection"):
        http.ask("POST", RELEASES, {})
    with pytest.raises(ReadError, match="refused the connection"):
        http.ask("GET", ROOT)
    http.close()


def test_no_such_host(service: Service) -> None:
    http = _make(service, service.box.token, "http://nowhere.invalid")
    with pytest.raises(NotSentError):
        http.ask("POST", RELEASES, {})
    http.close()


def test_missing_permission_is_named(service: Service) -> None:
    permissions = {"contents": "read", "metadata": "read"}
    token = service.box.add_token(permissions, "fine-grained")
    http = _make(service, token)
    with pytest.raises(NotAllowedError) as e:
        http.ask("POST", RELEASES, {"tag_name": "x", "draft": True})
    assert "Contents: write" in (e.value.help or "")
    http.close()


@pytest.mark.parametrize("token", [None, "ghp_wrong"])
def test_wrong_or_no_token(service: Service, token: str | None) -> None:
    http = _make(service, token)
    with pytest.raises(NotAllowedError) as e:
        http.ask("POST", RELEASES, {"tag_name": "x"})
    assert "GITHUB_TOKEN" in (e.value.help or "")
    http.close()


def test_token_that_expires(http: GithubHttp, service: Service) -> None:
    service.box.faults.when("GET", f"{ROOT}$", "unauthorized")
    with pytest.raises(NotAllowedError, match="token"):
        http.ask("GET", ROOT)


def test_every_page_is_read(http: GithubHttp) -> None:
    for number in range(3):
        http.ask("POST", RELEASES, {"tag_name": f"p{number}", "draft": True})
    whole = http.raw_items(RELEASES)
    small = http.raw_items(RELEASES, per_page="2")
    assert [r["id"] for r in small] == [r["id"] for r in whole]
    assert len(whole) > 4


def test_token_is_in_no_error(http: GithubHttp, service: Service) -> None:
    service.box.faults.when("GET", f"{ROOT}$", "reset_before", times=None)
    with pytest.raises(ReadError) as e:
        http.ask("GET", ROOT)
    error: BaseException | None = e.value
    while error is not None:
        assert service.box.token not in repr(error)
        error = error.__cause__ or error.__context__


class Looks:
    """A requester that is part of a look, and what it really asked."""

    def __init__(self, service: Service) -> None:
        assert service.clock is not None
        self.service = service
        self.http = GithubHttp(
            api_url=service.box.api_url,
            token=service.box.token,
            clock=service.clock,
            random=Random(0),
            environ={},
            look=Look(service.clock),
        )

    def count(self, path: str, verb: str = "GET") -> int:
        """Return how often a path was asked for."""
        asked = self.service.box.state.requests
        return sum(r.method == verb and path in r.path for r in asked)


@pytest.fixture
def looks(service: Service) -> Iterator[Looks]:
    service.box.state.requests.clear()
    looks = Looks(service)
    yield looks
    looks.http.close()
    service.box.faults.clear()


def test_a_look_asks_once(looks: Looks) -> None:
    first = looks.http.ask("GET", ROOT)
    assert looks.http.ask("GET", ROOT) == first
    looks.http.raw_items(RELEASES)
    looks.http.raw_items(RELEASES)
    assert (looks.count(ROOT), looks.count(RELEASES)) == (2, 1)


def test_absence_is_remembered_as_what_it_is(looks: Looks) -> None:
    path = f"{RELEASES}/tags/9.9.9"
    for _ in range(2):
        assert looks.http.get(path) is None
        with pytest.raises(ReadError, match="404"):
            looks.http.ask("GET", path)
    assert looks.count(path) == 1


@pytest.mark.parametrize(
    "fault", [None, "error_500", "reset_before", "reset_after"]
)
def test_a_write_ends_a_look(looks: Looks, fault: str | None) -> None:
    """However it ended, and whether or not that is known."""
    looks.http.ask("GET", ROOT)
    if fault is not None:
        looks.service.box.faults.when("POST", "/labels$", fault)
    with suppress(UncertainError, RefusedError, NotSentError, NotAllowedError):
        looks.http.ask("POST", f"{ROOT}/issues/1/labels", {"labels": ["a"]})
    looks.http.ask("GET", ROOT)
    assert looks.count(ROOT) == 2


def test_a_mutation_ends_a_look_and_a_question_does_not(
    looks: Looks,
) -> None:
    owner, name = NAME.split("/")
    question = (
        "query Files($owner: String!, $name: String!, $f0: GitObjectID!)"
        " { repository(owner: $owner, name: $name) {"
        " f0: object(oid: $f0) { ... on Blob { text } } } }"
    )
    variables = {"owner": owner, "name": name, "f0": "0" * 40}
    looks.http.ask("GET", ROOT)
    for _ in range(2):
        query(looks.http, question, variables)
    looks.http.ask("GET", ROOT)
    assert (looks.count(ROOT), looks.count("/graphql", "POST")) == (1, 1)
    with suppress(Exception):
        looks.http.graphql_query("mutation { nothing }", {})
    looks.http.ask("GET", ROOT)
    assert looks.count(ROOT) == 2


def test_a_probe_ends_no_look(looks: Looks) -> None:
    forge = GithubForge(http=looks.http, repository=NAME)
    looks.http.ask("GET", ROOT)
    assert forge.may_write_pulls("main")
    head = looks.service.git("rev-parse", "HEAD").strip()
    assert forge.may_write_contents(head)
    assert forge.generate_notes(tag="9.9.9", commit=head, previous=None)
    looks.http.ask("GET", ROOT)
    assert looks.count(f"{ROOT}/", "POST") == 3
    assert looks.count(ROOT) == 1


def test_each_thread_asks_in_its_own_way(looks: Looks) -> None:
    """What may be missing for one may not for another."""
    path, start = f"{RELEASES}/tags/9.9.8", Barrier(2)

    def ask(*, may_miss: bool) -> object:
        start.wait(10)
        if may_miss:
            return looks.http.get(path)
        with pytest.raises(ReadError, match="404"):
            looks.http.ask("GET", path)
        return None

    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(ask, may_miss=may_miss) for may_miss in (True, False)
        ]
        assert [each.result() for each in asked] == [None, None]


def test_what_is_told_for_a_minute_is_asked_each_time(looks: Looks) -> None:
    path = f"{ROOT}/actions/jobs/1/logs"
    assert looks.http.locate(path) is None
    assert looks.http.locate(path) is None
    assert looks.count(path) == 2
