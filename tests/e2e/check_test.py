"""What ``check`` finds on the sandbox, how soon, and what mends it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from rsp_release.checks import CHECKS
from rsp_release.sandbox.pulls import Pull

from ..support.service import NAME, Service, serve

CI = ".github/workflows/ci.yaml"

BY_KEY = {check.key: check for check in CHECKS}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path / "service") as made:
        yield made


def look(service: Service, token: str | None = None) -> list[dict[str, Any]]:
    """Run ``check --json`` and validate every line."""
    token = service.box.token if token is None else token
    result = service.run("check", "--json", GITHUB_TOKEN=token)
    assert "Traceback" not in result.stderr
    assert result.stderr == ""
    text = resources.files("rsp_release") / "schemas" / "check.json"
    validator = jsonschema.Draft202012Validator(json.loads(text.read_text()))
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    for line in lines:
        validator.validate(line)
    assert lines[-1]["event"] == "result"
    assert lines[-1]["exit"] == result.returncode
    return lines


def states(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {e["key"]: e["state"] for e in lines if e["event"] == "check"}


def problems(lines: list[dict[str, Any]]) -> set[str]:
    return {key for key, state in states(lines).items() if state == "problem"}


def edit(service: Service, change: Callable[[str], str], path: str) -> None:
    """Change a file of the release branch, and fetch that."""
    place = service.clone / path
    place.write_text(change(place.read_text(encoding="utf-8")))
    service.git("add", path)
    service.git("commit", "--quiet", "-m", "build: change it")
    service.git("push", "--quiet", "origin", "HEAD")


def open_pull(service: Service, branch: str, title: str) -> Pull:
    service.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
    service.git("fetch", "--quiet")
    tree = service.git("rev-parse", "HEAD^{tree}").strip()
    commit = service.git(
        "commit-tree", "-p", "HEAD", "-m", title, tree
    ).strip()
    service.git("push", "--quiet", "origin", f"{commit}:refs/heads/{branch}")
    answer = requests.post(
        f"{service.box.api_url}/repos/{NAME}/pulls",
        json={"title": title, "head": branch, "base": "main"},
        headers={"Authorization": f"Bearer {service.box.token}"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
    found: Pull = service.box.state.pulls(NAME)[answer.json()["number"]]
    return found


def writes(service: Service) -> list[str]:
    """Return what was written; probes that GitHub refuses make nothing."""
    return [
        f"{r.method} {r.path}"
        for r in service.box.state.requests
        if r.method not in {"GET", "HEAD"}
        and not r.path.endswith("/git-upload-pack")
        and r.status is not None
        and r.status < 400
        and not r.path.endswith("/generate-notes")
    ]


def test_all_is_well_and_nothing_is_written(service: Service) -> None:
    before = service.git("for-each-ref")
    lines = look(service)
    assert set(states(lines).values()) == {"ok"}
    assert lines[-1]["outcome"] == "ready"
    settings = {e["key"]: e for e in lines if e["event"] == "setting"}
    assert settings["repository"]["value"] == NAME
    assert settings["workflow"]["source"] == "the workflow files"
    assert settings["sign"]["source"] == "git's tag.gpgSign"
    assert settings["sign"]["value"] is False
    assert settings["changelog"]["value"] == "scriv"
    assert settings["deploy.older"]["source"] == "default"
    assert writes(service) == []
    assert service.git("for-each-ref") == before
    assert service.git("status", "--porcelain") == ""
    assert service.box.state.unknown == []


def test_text_names_what_was_looked_at_and_the_remedy(
    service: Service,
) -> None:
    (service.clone / "README.md").write_text("changed\n", encoding="utf-8")
    result = service.run("check")
    assert result.returncode == 3
    assert "there are uncommitted changes: README.md" in result.stdout
    assert "→ git stash" in result.stdout
    assert re.search(r"tag-prefix +\"\" +the existing tags", result.stdout)
    assert result.stdout.splitlines()[-1] == "44 checks: 1 problem"
    assert "\x1b" not in result.stdout


def plant(service: Service) -> set[str]:
    """Plant twelve problems, each another."""
    box = service.box
    project = box.project(NAME)
    edit(
        service,
        lambda t: (
            t.replace("    types: [published]\n", "")
            .replace("  release:\n", "  release: {}\n")
            .replace(
                "ghcr.io/${{ github.repository }}", "docker.io/o/stargazer"
            )
            .replace("      queue: max\n", "      cancel-in-progress: true\n")
            .replace("    with:\n", "    secrets: inherit\n    with:\n")
        ),
        CI,
    )  # 1 starts three times; 2 no secrets; 3 is cancelled
    service.git("rm", "--quiet", "Dockerfile")  # 4
    service.git("commit", "--quiet", "-m", "build: no image")
    text = "### Bug fixes\n\n-\n"
    (service.clone / "changelog.d" / "20260101_a.md").write_text(text)
    service.git("add", "changelog.d")  # 5 nothing in a fragment
    service.git("commit", "--quiet", "-m", "docs: tell of it")
    service.git("push", "--quiet", "origin", "HEAD")
    open_pull(service, "rsp-release/changelog-1.4.1", "Change log")  # 6
    update = open_pull(service, "dependabot/uv/safir", "Bump safir")  # 7
    update.created_at -= timedelta(days=60)
    box.add_ruleset(NAME, title="frozen tags")  # 8 nobody makes tags
    project.workflow_states[CI] = "disabled_manually"  # 9
    releases = project.releases.value
    box.changed(
        project.releases,
        {k: v for k, v in releases.items() if v.tag != "1.4.0"},
    )  # 10 a tag without its release
    (service.clone / "README.md").write_text("changed\n")  # 11
    service.git("tag", "-d", "1.3.0")  # 12 a tag is not fetched
    return {
        "workflow-types", "docker-hub", "workflow-queue", "dockerfile",
        "fragments", "changelog-pull", "dependency-pulls", "tag-rules",
        "workflow-enabled", "previous-release", "clean", "tags-fetched",
    }  # fmt: skip


def test_twelve_problems_in_one_run_and_soon(service: Service) -> None:
    planted = plant(service)
    assert len(planted) == 12
    service.box.faults.slow_seconds = 0.05
    service.box.faults.when("*", "", "slow", times=None)
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        lines = look(service)
        seconds.append(time.perf_counter() - began)
        assert problems(lines) == planted, [
            e for e in lines if e.get("state") == "problem"
        ]
        assert lines[-1]["problem"] == 12
        assert lines[-1]["exit"] == 3
    assert min(seconds) < 5, seconds
    assert writes(service)[-1].endswith("/pulls"), "those of the set-up"


# -- What the remedies do ---------------------------------------------------


def behind(service: Service) -> None:
    other = service.clone.parent / "other"
    service.git("clone", "--quiet", "--no-local", ".", str(other))
    service.commit("docs: more")
    service.git("reset", "--quiet", "--hard", "HEAD~1")


def detach(service: Service) -> None:
    service.git("checkout", "--quiet", "--detach")


def shallow(service: Service) -> None:
    url = service.git("remote", "get-url", "origin").strip()
    place = service.clone.parent / "shallow"
    service.git("clone", "--quiet", "--depth=1", url, str(place))
    service.clone = place


def ahead(service: Service) -> None:
    service.git("commit", "--quiet", "--allow-empty", "-m", "docs: more")


def change(service: Service) -> None:
    (service.clone / "README.md").write_text("changed\n", encoding="utf-8")


def lack_tag(service: Service) -> None:
    service.git("tag", "-d", "1.3.0")


def disable(service: Service) -> None:
    service.box.project(NAME).workflow_states[CI] = "disabled_inactivity"


def need_secrets(service: Service) -> None:
    edit(
        service,
        lambda t: t.replace(
            "      images:", "      images: docker.io/a/b #"
        ).replace("    with:\n", "    secrets: inherit\n    with:\n"),
        CI,
    )


def need_key(service: Service) -> None:
    name = "us-central1-docker.pkg.dev/p/r/stargazer"
    edit(
        service,
        lambda t: t.replace(
            "      images:", f"      images: {name} #"
        ).replace("    with:\n", "    secrets: inherit\n    with:\n"),
        CI,
    )


def lose_dockerfile(service: Service) -> None:
    service.git("rm", "--quiet", "Dockerfile")
    service.git("commit", "--quiet", "-m", "build: without")
    service.git("push", "--quiet", "origin", "HEAD")


def archive(service: Service) -> None:
    service.box.project(NAME).is_archived = True


def lose_workflow(service: Service) -> None:
    service.git("rm", "--quiet", CI)
    service.git("commit", "--quiet", "-m", "build: without")
    service.git("push", "--quiet", "origin", "HEAD")


def lose_release(service: Service) -> None:
    project = service.box.project(NAME)
    kept = {
        k: v for k, v in project.releases.value.items() if v.tag != "1.4.0"
    }
    service.box.changed(project.releases, kept)


def perform(service: Service, command: str) -> None:
    """Run a remedy's command; ``gh`` is played on the sandbox's state."""
    project = service.box.project(NAME)
    for part in command.split(" && "):
        words = shlex.split(part)
        match words[:3]:
            case ["gh", "workflow", "enable"]:
                project.workflow_states.clear()
                assert words[3] == "ci.yaml"
            case ["gh", "secret", "set"]:
                project.secrets = (*project.secrets, words[3])
            case ["gh", "repo", "unarchive"]:
                project.is_archived = False
            case ["rsp-release", *args]:
                more = ["--yes"] if args[0] == "init" else []
                arguments = [*words[1:], *more]
                done = service.run(*arguments)
                assert done.returncode == 0, done.stderr + done.stdout
                if args[0] == "init":
                    service.git("add", "-A")
                    service.git("commit", "--quiet", "-m", "build: init")
                    service.git("push", "--quiet", "origin", "HEAD")
            case _:
                assert words[0] == "git"
                subprocess.run(
                    words,
                    cwd=service.clone,
                    env=service.environ,
                    check=True,
                    capture_output=True,
                )


@pytest.mark.parametrize(
    ("key", "spoil"),
    [
        ("branch", detach),
        ("clean", change),
        ("history", shallow),
        ("tags-fetched", lack_tag),
        ("up-to-date", behind),
        ("up-to-date", ahead),
        ("token", archive),
        ("workflow", lose_workflow),
        ("workflow-enabled", disable),
        ("docker-hub", need_secrets),
        ("gar", need_key),
        ("dockerfile", lose_dockerfile),
        ("previous-release", lose_release),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_remedys_command_makes_it_ok(
    service: Service, key: str, spoil: Callable[[Service], None]
) -> None:
    spoil(service)
    [found] = [e for e in look(service) if e.get("key") == key
               and e["event"] == "check"]  # fmt: skip
    assert found["state"] == "problem", found
    assert found["command"]
    perform(service, found["command"])
    assert states(look(service))[key] == "ok"


# -- Credentials ------------------------------------------------------------


def test_each_permission_is_told_apart(service: Service) -> None:
    box = service.box
    box.protect(NAME, "main")
    token = box.add_token(
        {"contents": "write", "pull_requests": "read"}, "fine-grained"
    )
    before = (box.state.tags(NAME), len(box.state.releases(NAME)))
    found = states(look(service, token=token))
    assert found["contents"] == "ok"
    assert found["pulls"] == "problem"
    assert found["immutable"] == "unknown"
    weak = box.add_token({"contents": "read"}, "fine-grained")
    found = states(look(service, token=weak))
    assert found["contents"] == "problem"
    assert found["token"] == "problem"
    able = box.add_token(
        {"contents": "write", "pull_requests": "write"}, "fine-grained"
    )
    assert states(look(service, token=able))["pulls"] == "ok"
    assert (box.state.tags(NAME), len(box.state.releases(NAME))) == before
    assert box.state.pulls(NAME) == {}


@pytest.mark.parametrize(
    ("login", "state"),
    [("github-actions[bot]", "problem"), ("release-bot[bot]", "ok")],
)
def test_the_token_of_a_workflow_starts_none(
    service: Service, login: str, state: str
) -> None:
    service.box.graphql["viewer"] = lambda box, token, variables: {
        "data": {"viewer": {"login": login}}
    }
    token = service.box.add_token(None, "actions")
    lines = look(service, token=token)
    assert states(lines)["triggers"] == state


@pytest.mark.parametrize("token", ["", "ghp_wrong"])
def test_without_credentials_the_rest_is_still_told(
    service: Service, token: str
) -> None:
    (service.clone / "README.md").write_text("changed\n", encoding="utf-8")
    lines = look(service, token=token)
    assert {"token", "clean"} <= problems(lines)
    assert states(lines)["tag-style"] == "ok"
    service.git("checkout", "--", "README.md")
    assert look(service, token=token)[-1]["exit"] == 4


def test_an_outage_is_neither_ok_nor_a_problem(service: Service) -> None:
    service.box.faults.when("*", "/api/v3/", "error_500", times=None)
    lines = look(service)
    assert problems(lines) == set()
    assert states(lines)["token"] == "unknown"
    assert lines[-1]["unknown"] > 5


def test_bump_finds_the_same_before_it_writes(service: Service) -> None:
    planted = plant(service)
    service.git("fetch", "--quiet", "--tags")
    found = [e for e in look(service) if e.get("state") == "problem"]
    assert {e["key"] for e in found} == planted - {"tags-fetched"}
    before = service.summary
    for more in ([], ["--force"]):
        result = service.run("bump", "minor", "--yes", "--json", *more)
        assert result.returncode == 3, result.stdout
        last = json.loads(result.stdout.splitlines()[-1])
        for each in found:
            # The tag is another than `check` took for the next.
            text = each["text"].split("'frozen tags'")[0]
            is_firm = BY_KEY[each["key"]].is_of_bump
            assert (text in last["message"]) is (is_firm or not more), each
            command = each["command"] or ""
            assert not is_firm or command in last["help"]
    assert service.summary == before


def test_what_need_not_stop_a_release_can_be_overridden(
    service: Service,
) -> None:
    lose_release(service)
    refused = service.run("bump", "minor", "--yes")
    assert refused.returncode == 3
    assert "tag 1.4.0 has no GitHub release" in refused.stdout
    assert "--force" in refused.stdout
    assert service.run("bump", "minor", "--dry-run").returncode == 3
    done = service.run("bump", "minor", "--yes", "--force")
    assert done.returncode == 0, done.stdout
    assert "not as it should be: last release" in done.stdout
