"""GitHub as the steps need it, on the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.exceptions import (
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
)
from rsp_release.models import Environment, PublishRelease
from rsp_release.storage.github.forge import GithubForge
from rsp_release.storage.github.http import GithubHttp
from rsp_sandbox.records import Environment as Protection

from ...support.service import NAME, Service, serve
from ...support.simulated import VirtualClock

TAG = "1.5.0"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, clock=clock) as service:
        yield service


@pytest.fixture
def forge(service: Service) -> Iterator[GithubForge]:
    forge = _open(service)
    yield forge
    forge.close()


def _open(
    service: Service, *, token: str | None = "", repository: str = NAME
) -> GithubForge:
    assert service.clock is not None
    http = GithubHttp(
        api_url=service.box.api_url,
        token=service.box.token if token == "" else token,
        clock=service.clock,
        random=Random(0),
        environ={},
    )
    return GithubForge(http=http, repository=repository)


def _push(service: Service, *, is_annotated: bool = True) -> str:
    options = ["-a", "-m", TAG] if is_annotated else []
    service.git("tag", *options, TAG)
    service.git("push", "--quiet", "origin", f"refs/tags/{TAG}")
    return service.git("rev-parse", "HEAD").strip()


def _create(commit: str, **changes: object) -> PublishRelease:
    fields: dict[str, object] = {
        "draft": None,
        "tag": TAG,
        "commit": commit,
        "title": TAG,
        "body": "Notes.\n",
        "is_prerelease": False,
        "is_latest": True,
        **changes,
    }
    return PublishRelease(**fields)  # type: ignore[arg-type]


def test_repository(forge: GithubForge) -> None:
    repository = forge.repository()
    assert repository.name == NAME
    assert repository.default_branch == "main"
    assert repository.can_push is True


def test_rights_are_told(service: Service) -> None:
    weak = service.box.add_token({"contents": "read"}, "fine-grained")
    forge = _open(service, token=weak)
    assert forge.repository().can_push is False
    forge.close()
    for options in ({"token": None}, {"repository": "o/unknown"}):
        forge = _open(service, **options)
        with pytest.raises(NotAllowedError):
            forge.repository()
        forge.close()


@pytest.mark.parametrize("is_annotated", [True, False])
def test_release_is_created_for_the_tag(
    service: Service, forge: GithubForge, *, is_annotated: bool
) -> None:
    commit = _push(service, is_annotated=is_annotated)
    assert forge.releases(TAG) == ()
    forge.publish_release(_create(commit, is_latest=False))
    [page] = forge.releases(TAG)
    assert (page.title, page.body, page.is_draft) == (TAG, "Notes.\n", False)
    assert page.url.endswith(f"/releases/tag/{TAG}")
    [stored] = [r for r in service.box.state.releases(NAME) if r.tag == TAG]
    assert stored.make_latest == "false"


def test_no_release_without_its_tag(
    service: Service, forge: GithubForge
) -> None:
    """GitHub would make a lightweight tag, and at another commit."""
    with pytest.raises(NotSentError, match="does not show tag"):
        forge.publish_release(_create("c" * 40))
    _push(service)
    with pytest.raises(RefusedError, match="is at"):
        forge.publish_release(_create("c" * 40))
    assert forge.releases(TAG) == ()


def test_drafts_are_found_and_published(
    service: Service, forge: GithubForge
) -> None:
    commit = _push(service)
    http = forge._http
    for number in range(105):
        http.ask(
            "POST",
            f"/repos/{NAME}/releases",
            {"tag_name": f"d{number}", "draft": True},
        )
    http.ask(
        "POST",
        f"/repos/{NAME}/releases",
        {"tag_name": TAG, "draft": True, "body": "Mine."},
    )
    [draft] = forge.releases(TAG)
    assert draft.is_draft
    forge.publish_release(
        PublishRelease(
            draft=draft.id,
            tag=TAG,
            commit=commit,
            title=TAG,
            body=None,
            is_prerelease=True,
            is_latest=False,
        )
    )
    [page] = forge.releases(TAG)
    assert page.id == draft.id
    assert (page.body, page.is_draft, page.is_prerelease) == (
        "Mine.",
        False,
        True,
    )


def test_answers_of_another_shape_are_failed_reads(
    service: Service, forge: GithubForge
) -> None:
    service.box.faults.when("GET", "/actions/runs", "malformed_json")
    forge.runs(commit="c" * 40, event="release")  # tried again
    service.box.faults.when(
        "GET", "/actions/runs", "malformed_json", times=None
    )
    with pytest.raises(ReadError):
        forge.runs(commit="d" * 40, event="release")


def test_workflow_state(forge: GithubForge) -> None:
    assert forge.workflow_state(".github/workflows/ci.yaml") == "active"
    assert forge.workflow_state(".github/workflows/none.yaml") is None


def test_actions_of_a_repository_may_be_disabled(
    service: Service, forge: GithubForge
) -> None:
    assert forge.runs_workflows() is True
    service.box.project(NAME).has_actions = False
    assert forge.runs_workflows() is False
    weak = service.box.add_token({"metadata": "read"}, "fine-grained")
    assert _open(service, token=weak).runs_workflows() is None


def test_environment(service: Service, forge: GithubForge) -> None:
    environments = service.box.project(NAME).environments
    environments["open"] = Protection()
    environments["prod"] = Protection(
        wait=30,
        reviewers=("rubin-demo-user",),
        policies=(("branch", "main"), ("tag", "1.*")),
    )
    environments["main only"] = Protection(protected_only=True)
    assert forge.environment("none") is None
    assert forge.environment("open") == Environment(name="open")
    assert forge.environment("prod") == Environment(
        name="prod",
        reviewers=("rubin-demo-user",),
        wait=timedelta(minutes=30),
        refs=(("branch", "main"), ("tag", "1.*")),
    )
    assert forge.environment("main only") == Environment(
        name="main only", refs=()
    )


def test_last_runs(forge: GithubForge) -> None:
    found = forge.last_runs(".github/workflows/ci.yaml")
    assert len({run.id for run in found}) == len(found) > 1
    assert forge.last_runs(".github/workflows/none.yaml") == ()
