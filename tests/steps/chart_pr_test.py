"""What was seen of a deployment, and the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rsp_release.deployment.charts import ImageValue, parse_place
from rsp_release.deployment.pull_request import version_of, write_body
from rsp_release.exceptions import BlockedError, ExitStatus
from rsp_release.models import (
    Blocked,
    Change,
    Deployment,
    Done,
    EditPull,
    EnableAutoMerge,
    Fork,
    Image,
    ImageReport,
    LabelPull,
    MakeFork,
    MergePull,
    OpenPull,
    Publication,
    PullPolicy,
    PullRequest,
    PushFiles,
    PushTag,
    Release,
    Repository,
    RequestReviews,
    Verdict,
    Wait,
)
from rsp_release.steps.chart_pr.seen import ChartSeen
from rsp_release.steps.chart_pr.step import ChartPull

from ..support.deploys import SimulatedDeploy
from ..support.simulated import Chaos, Hub, VirtualClock, make_world

IMAGE = Image(name="ghcr.io/o/n", tag="1.5.0", platforms=("linux/amd64",))
REPORT = ImageReport(
    image=IMAGE.name,
    tag="1.5.0",
    state="present",
    digest="sha256:" + "d" * 64,
    platforms=("linux/amd64",),
)
RELEASE = Release(
    repository="o/n",
    branch="main",
    version="1.5.0",
    tag="1.5.0",
    commit="c" * 40,
    previous_tag="1.4.0",
    notes="- Thanks to @somebody, fixes #7, `@code`\n",
    is_prerelease=False,
    is_latest=True,
    publication=Publication(
        workflow=".github/workflows/ci.yaml", event="release", images=(IMAGE,)
    ),
    pinned_at=datetime(2026, 1, 1, tzinfo=UTC),
    deployment=Deployment(repository="o/charts"),
)
PULL = PullRequest(
    number=9,
    url="https://example.org/9",
    is_open=True,
    is_merged=False,
    head="1" * 40,
    branch="rsp-release/n-1.5.0",
    owner="o",
    title="Update n to 1.5.0",
)
OLDER = replace(PULL, number=5, branch="rsp-release/n-1.4.5")
NEWER = replace(PULL, number=11, branch="rsp-release/n-1.6.0")
PLACE = parse_place("applications/n")
SEEN = ChartSeen(
    repository=Repository(
        name="o/charts", default_branch="main", can_push=True
    ),
    name="o/charts",
    base="b" * 40,
    places=(PLACE,),
    files={PLACE.path: "appVersion: 1.4.0\n"},
    images=((IMAGE, REPORT),),
)


def _decide(
    seen: ChartSeen, release: Release = RELEASE, **options: Any
) -> Verdict:
    return ChartPull(**options).decide(release, seen)


def _chart(version: str) -> ChartSeen:
    return replace(SEEN, files={PLACE.path: f"appVersion: {version}\n"})


def _image(report: ImageReport) -> ChartSeen:
    return replace(SEEN, images=((IMAGE, report),))


def test_commit_comes_first() -> None:
    verdict = _decide(SEEN)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PushFiles)
    assert verdict.write.branch == "rsp-release/n-1.5.0"
    assert verdict.write.files == ((PLACE.path, "appVersion: 1.5.0\n"),)
    assert verdict.write.expected is None
    assert "1.4.0" in verdict.summary


def test_then_the_pull_request() -> None:
    files = {PLACE.path: "appVersion: 1.5.0\n"}
    seen = replace(SEEN, branch_head="1" * 40, branch_files=files)
    verdict = _decide(seen)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, OpenPull)
    assert (verdict.write.base, verdict.write.owner) == ("main", "")
    fork = Fork(owner="me", name="me/charts", is_ready=True)
    forked = _decide(replace(seen, fork=fork))
    assert isinstance(forked, Change)
    assert isinstance(forked.write, OpenPull)
    assert forked.write.owner == "me"
    local = _decide(replace(seen, is_local=True))
    assert isinstance(local, Done)


def test_branch_of_somebody_else_is_left() -> None:
    seen = replace(
        SEEN,
        branch_head="1" * 40,
        branch_files={PLACE.path: "appVersion: 9.0.0\n"},
    )
    verdict = _decide(seen)
    assert isinstance(verdict, Blocked)
    assert "rsp-release/n-1.5.0" in verdict.problem


# -- Who may not push -------------------------------------------------------

FORKED = replace(
    SEEN, fork=Fork(owner="ada", name="ada/charts-1", is_ready=True)
)
OWN = replace(PULL, owner="ada")


def test_who_may_not_push_forks() -> None:
    verdict = _decide(replace(SEEN, fork=Fork(owner="ada")))
    assert isinstance(verdict, Change)
    assert verdict.write == MakeFork(repository="o/charts")
    assert "1.4.0 → 1.5.0" in verdict.summary


def test_no_fork_for_what_is_not_proven() -> None:
    absent = replace(REPORT, state="absent", digest=None)
    seen = replace(_image(absent), fork=Fork(owner="ada"))
    assert isinstance(_decide(seen), Wait)


def test_fork_that_is_being_made_is_waited_for() -> None:
    fork = Fork(owner="ada", name="ada/charts", is_ready=False)
    verdict = _decide(replace(SEEN, fork=fork))
    assert isinstance(verdict, Wait)
    assert verdict.patience == 300
    assert not verdict.is_on_person
    assert isinstance(verdict.otherwise, Blocked)
    assert "ada/charts has no commits" in verdict.otherwise.problem


def test_branch_is_pushed_to_the_fork() -> None:
    verdict = _decide(FORKED)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PushFiles)
    assert verdict.write.repository == "ada/charts-1"
    done = {PLACE.path: "appVersion: 1.5.0\n"}
    verdict = _decide(replace(FORKED, branch_head="1" * 40, branch_files=done))
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, OpenPull)
    assert (verdict.write.owner, verdict.write.base) == ("ada", "main")


def test_who_may_not_push_labels_and_closes_nothing_of_others() -> None:
    policy = PullPolicy(labels=("l",), reviewers=("eve",), auto_merge="merge")
    release = replace(
        RELEASE, deployment=Deployment(repository="o/charts", policy=policy)
    )
    seen = replace(FORKED, pull=OWN, older=(OLDER,))
    verdict = _decide(seen, release)
    assert isinstance(verdict, Done)
    assert "the rest needs write access" in verdict.evidence
    # What they opened themselves they may close.
    verdict = _decide(replace(seen, older=(replace(OLDER, owner="Ada"),)))
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, EditPull)
    assert verdict.write.closes


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(SEEN, is_unset=True), "deploy.repository"),
        (_chart("1.5.0"), "already has 1.5.0"),
        (
            replace(SEEN, pull=replace(PULL, is_open=False, is_merged=True)),
            "#9 is merged",
        ),
        (replace(SEEN, pull=PULL), "#9 is open"),
        (
            replace(SEEN, pull=replace(PULL, is_open=False)),
            "not deployed: #9 was closed",
        ),
        (replace(SEEN, newer=(("1.6.0", NEWER),)), "#11 for 1.6.0 is open"),
    ],
)
def test_done(seen: ChartSeen, said: str) -> None:
    verdict = _decide(seen)
    assert isinstance(verdict, Done)
    assert said in verdict.evidence


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (_chart("1.6.0"), "which is newer than 1.5.0"),
        (_chart("main"), "'main', and it is unclear whether"),
        (_chart(""), "has no appVersion, and it is unclear"),
        (
            replace(
                SEEN,
                pins=(ImageValue(key="image.tag", name="x", tag="1.2.0"),),
            ),
            "pin image.tag to '1.2.0'",
        ),
    ],
)
def test_refused_unless_forced(seen: ChartSeen, said: str) -> None:
    for is_asked in (False, True):
        verdict = _decide(seen, is_asked=is_asked)
        assert isinstance(verdict, Blocked)
        assert said in verdict.problem
        assert "--force" in str(verdict.help)
        assert verdict.exit_status is ExitStatus.BLOCKED
    assert isinstance(_decide(seen, is_asked=True, force=True), Change)


@pytest.mark.parametrize(
    "seen",
    [
        replace(SEEN, base=None),
        replace(SEEN, problem=BlockedError("no chart", help="name it")),
        replace(SEEN, files={PLACE.path: "name: x\n"}),
        replace(
            SEEN,
            repository=replace(SEEN.repository, is_archived=True)
            if SEEN.repository
            else None,
        ),
    ],
)
def test_refused_even_if_forced(seen: ChartSeen) -> None:
    verdict = _decide(seen, is_asked=True, force=True)
    assert isinstance(verdict, Blocked)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (replace(REPORT, state="absent", platforms=()), "not in the registry"),
        (
            replace(REPORT, state="unknown", reason="503", platforms=()),
            "cannot tell",
        ),
        (replace(REPORT, platforms=("linux/arm64",)), "lacks linux/amd64"),
    ],
)
def test_no_proof_no_deployment(report: ImageReport, said: str) -> None:
    for force in (False, True):
        verdict = _decide(_image(report), is_asked=force, force=force)
        assert isinstance(verdict, Wait)
        assert said in verdict.reason
        assert isinstance(verdict.otherwise, Blocked)
        is_seen = report.state != "unknown"
        assert verdict.otherwise.exit_status is (
            ExitStatus.IMAGE if is_seen else ExitStatus.FAILED
        )
        again = "deploy" if force else "resume"
        assert f"rsp-release {again} 1.5.0" in str(verdict.otherwise.help)


def test_no_image_known_is_no_proof() -> None:
    verdict = _decide(replace(SEEN, images=()))
    assert isinstance(verdict, Blocked)
    assert verdict.exit_status is ExitStatus.IMAGE


def test_backport_is_no_failure_where_a_newer_one_is_deployed() -> None:
    backport = replace(RELEASE, is_latest=False)
    verdict = _decide(_chart("2.0.0"), backport)
    assert isinstance(verdict, Done)
    assert "has 2.0.0" in verdict.evidence
    asked = _decide(_chart("2.0.0"), backport, is_asked=True)
    assert isinstance(asked, Blocked)


def test_prerelease_is_deployed_when_asked_for() -> None:
    release = replace(RELEASE, is_prerelease=True)
    verdict = _decide(SEEN, release)
    assert isinstance(verdict, Done)
    assert "skipped" in verdict.evidence
    assert isinstance(_decide(SEEN, release, is_asked=True), Change)


def test_what_the_settings_ask_for() -> None:
    policy = PullPolicy(
        labels=("l",), reviewers=("ada", "o/team"), auto_merge="squash"
    )
    release = replace(
        RELEASE,
        deployment=Deployment(repository="o/charts", policy=policy),
    )
    pull = PULL
    writes = []
    for change in (
        {"labels": ("l",)},
        {"reviewers": ("ada",)},
        {"merge_state": "blocked"},
        {"merge_state": "clean"},
        {"merges_itself": True},
    ):
        verdict = _decide(replace(SEEN, pull=pull), release)
        writes.append(
            type(verdict.write) if isinstance(verdict, Change) else None
        )
        pull = replace(pull, **change)
    assert writes == [LabelPull, RequestReviews, None, EnableAutoMerge,
                      MergePull]  # fmt: skip
    assert isinstance(_decide(replace(SEEN, pull=pull), release), Done)
    # A draft does not merge itself.
    draft = replace(
        pull, is_draft=True, merges_itself=False, merge_state="clean"
    )
    assert isinstance(_decide(replace(SEEN, pull=draft), release), Done)


def test_older_pull_request_is_closed_once_the_new_one_is_there() -> None:
    before = _decide(replace(SEEN, older=(OLDER,)))
    assert isinstance(before, Change)
    assert isinstance(before.write, PushFiles)
    after = _decide(
        replace(SEEN, pull=PULL, newer=(("1.6.0", NEWER),), older=(OLDER,))
    )
    assert isinstance(after, Change)
    assert isinstance(after.write, EditPull)
    assert (after.write.number, after.write.closes) == (5, True)
    assert "Superseded by #9" in after.write.body


def test_waiting_for_the_merge() -> None:
    verdict = _decide(replace(SEEN, pull=PULL), waits=True)
    assert isinstance(verdict, Wait)
    assert verdict.is_on_person


def test_other_writes_are_not_its_own() -> None:
    world = make_world(Hub(clock=VirtualClock()), Chaos())
    assert isinstance(world.deploy, SimulatedDeploy)
    tag = PushTag(tag="1", commit="c", branch="b", message="m")
    with pytest.raises(TypeError):
        ChartPull().act(Change(summary="s", write=tag), world)


def test_updated_branch_has_to_be_where_it_was() -> None:
    seen = replace(SEEN, older=(OLDER,), updatable=OLDER, branch_head="5" * 40)
    verdict = _decide(seen)
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PushFiles)
    assert verdict.write.expected == "5" * 40
    assert verdict.write.branch == OLDER.branch
    done = {PLACE.path: "appVersion: 1.5.0\n"}
    verdict = _decide(replace(seen, branch_files=done))
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, EditPull)
    assert verdict.write.number == OLDER.number
    assert not verdict.write.closes


def test_forced_again_it_is_another_pull_request() -> None:
    for pull in (
        replace(PULL, is_open=False),
        replace(PULL, is_open=False, is_merged=True),
    ):
        seen = replace(
            SEEN,
            pull=pull,
            branch_head="1" * 40,
            branch_files={PLACE.path: "appVersion: 1.5.0\n"},
        )
        verdict = _decide(seen, is_asked=True, force=True)
        assert isinstance(verdict, Change)
        assert isinstance(verdict.write, OpenPull)
        assert verdict.write.after == PULL.number


def test_pull_requests_of_strangers_do_not_count() -> None:
    hub = Hub(clock=VirtualClock())
    stranger = replace(
        PULL,
        number=2,
        branch="rsp-release/n-1.5.0",
        owner="stranger",
    )
    hub.charts.opened.append((hub.clock.now(), stranger))
    hub.clock.sleep(5)
    release = replace(RELEASE, deployment=Deployment(repository="o/charts"))
    world = make_world(hub, Chaos())
    assert ChartPull().observe(release, world).older != ()
    assert stranger not in ChartPull().observe(release, world).older
    seen = ChartPull().observe(release, world)
    assert seen.pull is None or seen.pull.owner != "stranger"


# -- What it says -----------------------------------------------------------


def test_body_notifies_nobody_and_closes_nothing() -> None:
    body = write_body(
        RELEASE, changes=(), reports=[], overrides=(), page=None, run=None
    )
    assert "@somebody" not in body
    assert "#7" not in body
    assert "somebody" in body


def test_body_survives_hostile_text() -> None:
    release = replace(
        RELEASE, notes="</details><!-- rsp-release deploys o/n 9.9.9 -->\n"
    )
    override = ImageValue(key="a`b", name=None, tag="x`|\n# y")
    body = write_body(
        release,
        changes=(),
        reports=[],
        overrides=[("e`v", override)],
        page=None,
        run=None,
    )
    assert body.count("</details>") == 1
    assert "\n# y" not in body
    said = replace(PULL, body=body)
    assert version_of(said, RELEASE.deploy_prefix) == "1.5.0"


def test_long_notes_are_cut() -> None:
    body = write_body(
        replace(RELEASE, notes="- line of notes\n" * 9000),
        changes=(),
        reports=[],
        overrides=(),
        page=None,
        run=None,
    )
    assert len(body) < 65_536
    assert "…" in body


@pytest.mark.parametrize(
    ("branch", "version"),
    [
        ("rsp-release/n-1.5.0", "1.5.0"),
        ("rsp-release/n-1.5.0-rc.1", "1.5.0-rc.1"),
        ("rsp-release/n-other-1.5.0", None),
        ("rsp-release/changelog-1.5.0", None),
        ("u/ada/n-1.5.0", None),
    ],
)
def test_version_of_a_pull_request(branch: str, version: str | None) -> None:
    pull = replace(PULL, branch=branch)
    assert version_of(pull, RELEASE.deploy_prefix) == version
