"""Images that a second workflow builds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rsp_release.config import Config
from rsp_release.models import Publication
from rsp_release.publishing import explain_absence, find_publication

CI, SECOND = ".github/workflows/ci.yaml", ".github/workflows/build.yaml"
SHA = "860c1904a1ce19322e91ac35af1ab07466440c37"
TAGS = {"push": {"tags": ["*"]}}


def push(reference: str) -> dict[str, Any]:
    return {"build": {"steps": [{"run": f"docker push {reference}"}]}}


def run(script: str) -> dict[str, Any]:
    return {"test": {"steps": [{"run": script}]}}


def find(
    second: Any,
    jobs: dict[str, Any],
    first: dict[str, Any] | None = None,
    *,
    on: Any = TAGS,
    **settings: Any,
) -> Publication | None:
    files = {
        CI: {"name": "CI", "on": on, "jobs": first or run("make test")},
        SECOND: {"on": second, "jobs": jobs},
    }
    return find_publication(
        {path: json.dumps(document) for path, document in files.items()},
        repository="shop/widget",
        tag="1.2.3",
        commit=SHA,
        config=Config(**settings),
    )


def told(publication: Publication | None) -> tuple[Any, ...]:
    assert publication is not None
    before = publication.after
    return (
        publication.workflow,
        publication.event,
        before and (before.workflow, before.event),
        [f"{i.name}:{i.tag}" for i in publication.images],
        publication.unsure,
    )


HEAD = "x.io/a/b:${{ github.event.workflow_run.head_branch }}"


@pytest.mark.parametrize("on", [TAGS, "release"])
def test_after_ci(on: Any) -> None:
    second = {"workflow_run": {"workflows": ["CI"], "types": ["completed"]}}
    jobs = push(HEAD)
    jobs["build"]["if"] = (
        "github.event.workflow_run.conclusion == 'success' &&"
        " startsWith(github.event.workflow_run.head_branch, '1.')"
    )
    event = "push" if on == TAGS else "release"
    assert told(find(second, jobs, on=on)) == (
        SECOND, "workflow_run", (CI, event), ["x.io/a/b:1.2.3"], (),
    )  # fmt: skip


@pytest.mark.parametrize(
    "second",
    [
        {"workflow_run": {"workflows": ["Lint"]}},
        {"workflow_run": {"workflows": ["CI"], "types": ["requested"]}},
        {"workflow_run": {"workflows": ["CI"], "branches": ["main"]}},
        {"workflow_run": {"workflows": ["CI"], "branches-ignore": ["1*"]}},
        {"repository_dispatch": {"types": ["other"]}},
        "pull_request",
    ],
)
def test_what_does_not_follow(second: Any) -> None:
    first = run("gh api repos/shop/widget/dispatches -f event_type=build")
    assert find(second, push(HEAD), first) is None


def test_third_level() -> None:
    files = {
        "a.yaml": {"name": "A", "on": "release", "jobs": run("make")},
        "b.yaml": {
            "name": "B",
            "on": {"workflow_run": {"workflows": ["A"]}},
            "jobs": run("make"),
        },
        "c.yaml": {
            "on": {"workflow_run": {"workflows": ["B"]}},
            "jobs": push("x.io/a/b:1.2.3"),
        },
    }
    found = find_publication(
        {path: json.dumps(document) for path, document in files.items()},
        repository="shop/widget",
        tag="1.2.3",
    )
    assert found
    assert found.workflow == "c.yaml"
    assert found.after
    assert found.after.workflow == "b.yaml"
    assert found.after.after
    assert found.after.after.event == "release"
    assert not found.unsure


INPUT = {"workflow_dispatch": {"inputs": {"tag": {"required": True}}}}


@pytest.mark.parametrize(
    "first",
    [
        run("gh workflow run build.yaml -f tag=$GITHUB_REF_NAME"),
        run("gh workflow run build.yaml --raw-field tag=1.2.3 -r main"),
        run(
            "gh api -X POST repos/shop/widget/actions/workflows/build.yaml"
            "/dispatches -f ref=main -f 'inputs[tag]=1.2.3'"
        ),
        {
            "start": {
                "steps": [
                    {
                        "uses": "benc-uk/workflow-dispatch@v1",
                        "with": {
                            "workflow": "build.yaml",
                            "inputs": '{"tag": "${{ github.ref_name }}"}',
                        },
                    }
                ]
            }
        },
    ],
)
def test_dispatched(first: dict[str, Any]) -> None:
    jobs = push("x.io/a/b:${{ inputs.tag }}")
    assert told(find(INPUT, jobs, first)) == (
        SECOND, "workflow_dispatch", (CI, "push"), ["x.io/a/b:1.2.3"], (),
    )  # fmt: skip


def test_dispatched_at_the_tag() -> None:
    first = run("gh workflow run build.yaml --ref $GITHUB_REF_NAME")
    found = find(INPUT, push("x.io/a/b:${{ github.sha }}"), first)
    assert told(found)[3] == [f"x.io/a/b:{SHA}"]


def test_dispatched_elsewhere() -> None:
    first = run("gh workflow run build.yaml -R shop/other -f tag=1")
    assert find(INPUT, push("x.io/a/b:1"), first) is None


@pytest.mark.parametrize(
    "first",
    [
        run(
            "gh api repos/$GITHUB_REPOSITORY/dispatches -f event_type=build"
            " -f 'client_payload[tag]=1.2.3'"
        ),
        {
            "start": {
                "steps": [
                    {
                        "uses": "peter-evans/repository-dispatch@v4",
                        "with": {
                            "event-type": "build",
                            "client-payload": '{"tag": "1.2.3"}',
                        },
                    }
                ]
            }
        },
    ],
)
def test_repository_dispatch(first: dict[str, Any]) -> None:
    second = {"repository_dispatch": {"types": ["build"]}}
    jobs = push("x.io/a/b:${{ github.event.client_payload.tag }}")
    assert told(find(second, jobs, first)) == (
        SECOND, "repository_dispatch", (CI, "push"), ["x.io/a/b:1.2.3"], (),
    )  # fmt: skip


def test_dispatch_that_may_not_happen_is_doubted() -> None:
    first = run('if [ -n "$X" ]; then\n gh workflow run build.yaml\nfi')
    found = find(INPUT, push("x.io/a/b:1.2.3"), first)
    assert found
    assert not found.images
    assert "cannot tell whether job build pushes" in found.unsure[0]


@pytest.mark.parametrize(
    ("second", "how"),
    [
        ({"schedule": [{"cron": "0 3 * * *"}]}, "on a schedule"),
        ("workflow_dispatch", "by hand or by a program"),
        ({"repository_dispatch": None}, "by a program"),
        ({"workflow_run": {"workflows": ["X"]}}, "after other workflows"),
    ],
)
def test_what_no_file_starts(second: Any, how: str) -> None:
    """It is told, and the setting that names it ends the doubt."""
    jobs = push("x.io/a/b:${{ github.event.client_payload.tag }}")
    assert find(second, jobs) is None
    found = find(second, jobs, workflow="build.yaml")
    assert found
    assert not found.is_direct
    assert found.after is None
    assert found.unsure == (f"no release starts {SECOND}: it runs {how}",)
    assert [(i.name, i.tag, i.is_assumed) for i in found.images] == [
        ("x.io/a/b", "1.2.3", True)
    ]
    named = find(second, jobs, workflow="build.yaml", images=("x.io/a/b",))
    assert named
    assert named.images[0].is_assumed is False


@pytest.mark.parametrize(
    ("on", "sentence", "help"),
    [
        (
            {"push": {"tags": ["v*", "!v0*"]}},
            "the tag 1.2.3 does not start it: on.push.tags is v*, !v0*",
            (
                "release a tag that it lets through (`tag-prefix` in the"
                " settings), or change on.push.tags"
            ),
        ),
        (
            {"push": {"tags-ignore": "*"}},
            "the tag 1.2.3 does not start it: on.push.tags-ignore is *",
            (
                "release a tag that it lets through (`tag-prefix` in the"
                " settings), or change on.push.tags-ignore"
            ),
        ),
        (
            {"push": {"branches": ["main"]}},
            "no release starts it",
            "add `release:` with `types: [published]` under `on:`",
        ),
        (
            {"workflow_run": {"workflows": ["CI"]}},
            "no workflow is called CI, after which it runs",
            "correct `workflow_run` under `on:`",
        ),
        (
            "workflow_dispatch",
            "no release starts it: it runs by hand or by a program",
            (
                "name it with `workflow` in the settings, or add `release:`"
                " with `types: [published]` under `on:`"
            ),
        ),
    ],
)
def test_explain_absence(on: Any, sentence: str, help: str) -> None:
    document = {"on": on, "jobs": push("x.io/a/b:1")}
    (absence,) = explain_absence(
        {SECOND: json.dumps(document)}, repository="a/b", tag="1.2.3"
    )
    assert absence.sentence == f"{SECOND} publishes images, but {sentence}"
    assert absence.help == help


def test_paths_do_not_matter_to_tags() -> None:
    on = {"push": {"tags": ["*"], "paths": ["src/**"]}}
    document = {"on": on, "jobs": push("x.io/a/b:1.2.3")}
    found = find_publication(
        {SECOND: json.dumps(document)}, repository="a/b", tag="1.2.3"
    )
    assert found
    assert not found.unsure
