"""What was seen of a deployment, and the verdict."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rsp_release.deployment.charts import parse_place
from rsp_release.deployment.effective import EffectiveTag
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
from ..support.phalanx import make_phalanx
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
PIN = EffectiveTag(
    environment="cm",
    key="image.tag",
    image="ghcr.io/o/n",
    tag="1.2.0",
    place=parse_place("applications/n/values-cm.yaml#image.tag"),
)
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
            replace(SEEN, tags=(PIN,)),
            "no environment follows appVersion: cm (image.tag 1.2.0)",
        ),
    ],
)
def test_refused_unless_forced(seen: ChartSeen, said: str) -> None:
    for is_asked in (False, True):
        verdict = _decide(seen, is_asked=is_asked)
        assert isinstance(verdict, Blocked)
        assert said in verdict.problem
        what = "--environment cm" if seen.tags else "--force"
        assert what in str(verdict.help)
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


def test_plan_says_what_will_be_proposed() -> None:
    planned = replace(RELEASE, is_planned=True)
    absent = replace(REPORT, state="absent", digest=None, platforms=())
    verdict = _decide(_image(absent), planned)
    assert isinstance(verdict, Wait)
    assert verdict.reason == (
        f"will open a pull request in o/charts: {PLACE.path}: appVersion"
        " 1.4.0 → 1.5.0, once the image is published"
    )
    # What would block it is told all the same.
    for seen in (replace(SEEN, images=()), _chart("1.6.0")):
        assert _decide(seen, planned) == _decide(seen)
        assert isinstance(_decide(seen, planned), Blocked)


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


# -- What is effective ------------------------------------------------------

APPS = "applications"


def _serve(application: str) -> Hub:
    """Return a world where an application of a made Phalanx is deployed."""
    hub = Hub(clock=VirtualClock())
    since, _ = hub.charts.branches["main"]
    hub.charts.branches["main"] = since, dict(make_phalanx(application))
    hub.charts.opened.clear()
    return hub


def _aim(*environments: str, version: str = "0.8.0") -> Release:
    """Return a release that is deployed to some environments."""
    image = replace(IMAGE, tag=version)
    target = Deployment(repository="o/charts", environments=environments)
    return replace(
        RELEASE,
        version=version,
        tag=version,
        deployment=target,
        publication=Publication(
            workflow=".github/workflows/ci.yaml",
            event="release",
            images=(image,),
        ),
    )


def _deploy(
    application: str, *environments: str, version: str = "0.8.0"
) -> tuple[ChartSeen, Verdict]:
    """Deploy an application of a made Phalanx to some environments."""
    hub = _serve(application)
    release = _aim(*environments, version=version)
    step = ChartPull(is_asked=True)
    seen = step.observe(release, make_world(hub, Chaos()))
    found = tuple(
        (i, replace(REPORT, image=i.name, tag=i.tag)) for i, _ in seen.images
    )
    return seen, step.decide(release, replace(seen, images=found))


def _files(verdict: Verdict) -> dict[str, str]:
    assert isinstance(verdict, Change), verdict
    assert isinstance(verdict.write, PushFiles)
    return {p.removeprefix(f"{APPS}/"): t for p, t in verdict.write.files}


def _pulled(seen: ChartSeen) -> set[tuple[str, str]]:
    return {(image.name, image.tag) for image, _ in seen.images}


@pytest.mark.parametrize("application", ["follows", "bare", "nulled"])
def test_app_version_changes_where_all_follow(application: str) -> None:
    seen, verdict = _deploy(application)
    assert list(_files(verdict)) == [f"{application}/Chart.yaml"]
    assert seen.kept == ()


@pytest.mark.parametrize(
    ("application", "is_assumed"), [("other", True), ("bare", False)]
)
def test_plan_says_what_is_assumed(
    application: str, *, is_assumed: bool
) -> None:
    _, verdict = _deploy(application)
    assert isinstance(verdict, Change)
    said = "assumed: the templates take appVersion"
    assert (said in verdict.summary) is is_assumed


def test_environments_to_choose_from() -> None:
    def choose(application: str) -> tuple[str, ...]:
        world = make_world(_serve(application), Chaos())
        return ChartPull(is_asked=True).find_choices(_aim(), world)

    assert choose("differs") == ("cm", "cm-dev", "prod")
    assert choose("follows") == choose("partly") == ()


def test_more_environments_ask_nothing_more() -> None:
    asked = []
    for number in (0, 40):
        hub, chaos = _serve("differs"), Chaos()
        files = hub.charts.branches["main"][1]
        for name in map(str, range(number)):
            text = f"name: e{name}\napplications: {{differs: true}}\n"
            files[f"environments/values-e{name}.yaml"] = text
            files[f"{APPS}/differs/values-e{name}.yaml"] = "image: {tag: 1}\n"
        ChartPull(is_asked=True).observe(_aim(), make_world(hub, chaos))
        asked.append(chaos.calls)
    assert asked[0] == asked[1]


def test_plan_says_which_will_not_change() -> None:
    seen, verdict = _deploy("partly")
    assert list(_files(verdict)) == ["partly/Chart.yaml"]
    assert isinstance(verdict, Change)
    assert verdict.summary.endswith(
        "; will not change: cm-dev (image.tag tickets-DM-1)"
    )
    body = write_body(
        RELEASE, changes=(), reports=[], overrides=seen.kept, page=None,
        run=None,
    )  # fmt: skip
    assert "- `cm-dev`: `image.tag` is `tickets-DM-1`" in body


@pytest.mark.parametrize(
    ("application", "said"),
    [
        (
            "differs",
            (
                "cm (image.tag 0.7.0); cm-dev (image.tag 0.6.1); prod"
                " (image.tag 0.6.1)"
            ),
        ),
        ("below", "cm (daemon.image.tag 0.7.0)"),
        ("everywhere", "cm, cm-dev, prod (image.tag v0.3.0)"),
    ],
)
def test_where_none_follows_it_has_to_be_said(
    application: str, said: str
) -> None:
    _, verdict = _deploy(application)
    assert isinstance(verdict, Blocked)
    assert f"no environment follows appVersion: {said}" in verdict.problem
    command = "`rsp-release deploy 0.8.0 --environment cm"
    # What all environments share moves with all of them.
    shared = " --environment cm-dev --environment prod`"
    end = shared if application == "everywhere" else "`"
    assert f"{command}{end} moves that" in str(verdict.help)
    assert verdict.exit_status is ExitStatus.BLOCKED


@pytest.mark.parametrize(
    ("application", "environments", "files"),
    [
        (
            "differs",
            ("cm",),
            {"values-cm": 'image:\n  tag: "0.8.0"  # promoted\n'},
        ),
        (
            "differs",
            ("cm-dev", "prod"),
            {
                "values-cm-dev": "image:\n  tag: '0.8.0'\nx: 1\n",
                "values-prod": "image:\n  tag: 0.8.0\n",
            },
        ),
        (
            "below",
            ("prod",),
            {
                "values-prod": (
                    "daemon: {image: {tag: 0.8.0}}\n"
                    "cloudsql: {image: {tag: 1.38.4}}\n"
                )
            },
        ),
        (
            "hinfo",
            ("cm-dev",),
            {
                "values-cm-dev": (
                    "hinfo:\n  latiss: {tag: 0.8.0}\n  lsstcam: {tag: 0.8.0}\n"
                )
            },
        ),
        (
            "everywhere",
            ("cm", "cm-dev", "prod"),
            {"values": "image: {repository: ghcr.io/o/n, tag: v0.8.0}\n"},
        ),
    ],
)
def test_pins_of_the_environments_alone_are_moved(
    application: str, environments: tuple[str, ...], files: dict[str, str]
) -> None:
    _, verdict = _deploy(application, *environments)
    wanted = {f"{application}/{n}.yaml": text for n, text in files.items()}
    assert _files(verdict) == wanted
    assert isinstance(verdict, Change)
    assert isinstance(verdict.write, PushFiles)
    where = "+".join(environments)
    assert verdict.write.branch == f"rsp-release/{where}/n-0.8.0"
    names = ", ".join(environments)
    assert verdict.write.message == f"Update n to 0.8.0 in {names}\n"
    assert (
        version_of(
            replace(PULL, branch=verdict.write.branch), "rsp-release/n-"
        )
        is None
    )


def test_the_spelling_of_the_pin_is_what_has_to_be_published() -> None:
    seen, _ = _deploy("everywhere", "cm", "cm-dev", "prod", version="0.4.0")
    assert _pulled(seen) == {("ghcr.io/o/n", "v0.4.0")}
    seen, _ = _deploy("below", "cm")
    assert ("ghcr.io/o/n-daemon", "0.8.0") in _pulled(seen)


@pytest.mark.parametrize(
    ("application", "environment", "said", "remedy"),
    [
        ("differs", "off", "no environment off runs", "cm, cm-dev, prod"),
        ("partly", "cm", "cm pins no tag", "rsp-release deploy 0.8.0`"),
        ("everywhere", "cm", "also the tag of cm-dev", "--environment cm-dev"),
    ],
)
def test_environments_that_cannot_be_moved_alone(
    application: str, environment: str, said: str, remedy: str
) -> None:
    _, verdict = _deploy(application, environment)
    assert isinstance(verdict, Blocked)
    assert said in verdict.problem
    assert remedy in str(verdict.help)


def test_what_a_shared_chart_says_has_to_be_named() -> None:
    _, verdict = _deploy("parent")
    assert isinstance(verdict, Blocked)
    assert 'deploy.charts, as "charts/s/Chart.yaml#appVersion"' in str(
        verdict.help
    )
    assert "--environment cm`" in str(verdict.help)


def test_a_release_that_was_promoted_in_part_is_done() -> None:
    other = replace(PIN, environment="prod")
    seen = replace(SEEN, tags=(replace(PIN, tag="1.5.0"), other))
    verdict = _decide(seen)
    assert isinstance(verdict, Done)
    assert verdict.evidence.startswith("cm pins 1.5.0; others stay:")
    assert isinstance(_decide(seen, is_asked=True), Blocked)
    assert isinstance(_decide(seen, is_asked=True, force=True), Change)


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
    override = replace(PIN, environment="e`v", key="a`b", tag="x`|\n# y")
    body = write_body(
        release,
        changes=(),
        reports=[],
        overrides=[override],
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
