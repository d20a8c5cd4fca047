"""What ``check`` finds on the sandbox, how soon, and what mends it."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from rsp_release.changelog.entries import commit_subject
from rsp_release.checks import CHECKS, look_at
from rsp_release.exceptions import ExitStatus
from rsp_release.models import Result
from rsp_release.release.plan import Options
from rsp_release.version.choose import Request
from rsp_sandbox import Scenario
from rsp_sandbox.records import Pull

from ..checks.checks_test import TABLE
from ..support.checked import Scene
from ..support.service import NAME, Service, serve

CI = ".github/workflows/ci.yaml"

BY_KEY = {check.key: check for check in CHECKS}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path / "service") as made:
        yield made


def look(service: Service, token: str | None = None) -> dict[str, Any]:
    """Run ``check --json``."""
    token = service.environ["GITHUB_TOKEN"] if token is None else token
    result = service.run("check", "--json", GITHUB_TOKEN=token)
    assert result.stderr == ""
    return read(result.stdout, result.returncode)


def read(stdout: str, status: int) -> dict[str, Any]:
    """Read what it said, and validate it."""
    text = resources.files("rsp_release") / "schemas" / "check.json"
    validator = jsonschema.Draft202012Validator(json.loads(text.read_text()))
    told: dict[str, Any] = json.loads(stdout)
    validator.validate(told)
    assert told["exit"] == status
    return told


def states(told: dict[str, Any]) -> dict[str, str]:
    return {each["key"]: each["state"] for each in told["checks"]}


def find(told: dict[str, Any], key: str) -> dict[str, Any]:
    return next(each for each in told["checks"] if each["key"] == key)


def keys(told: dict[str, Any], state: str) -> set[str]:
    return {key for key, found in states(told).items() if found == state}


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
        if not r.is_read and r.status is not None and r.status < 400
    ]


def test_all_is_well_and_nothing_is_written(service: Service) -> None:
    before = service.git("for-each-ref")
    told = look(service)
    assert set(states(told).values()) == {"ok"}
    assert told["outcome"] == "ready"
    settings = {each["key"]: each for each in told["settings"]}
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


def test_entry_without_its_tag(service: Service) -> None:
    """What stops ``bump`` is found, in the same words."""
    log = service.clone / "CHANGELOG.md"
    head, mark, rest = log.read_text().partition("## ")
    log.write_text(f"{head}## 2.0.0 (2026-03-01)\n\n- a\n\n{mark}{rest}")
    service.git("add", "CHANGELOG.md")
    service.git("commit", "-q", "-m", commit_subject("2.0.0"))
    service.git("push", "--quiet", "origin", "HEAD")
    said = "2.0.0 is being released by Tester"
    told = look(service)
    assert keys(told, "problem") == {"rival"}
    found = find(told, "rival")
    assert found["text"] == said
    assert "rsp-release resume 2.0.0" in found["remedy"]
    result = service.bump("auto")
    assert result.exit_status is ExitStatus.BLOCKED
    assert said in (result.message or "")


def test_text_names_what_was_looked_at_and_the_remedy(
    service: Service,
) -> None:
    (service.clone / "README.md").write_text("changed\n", encoding="utf-8")
    result = service.run("check", "--all")
    assert result.returncode == 3
    assert "uncommitted changes: README.md" in result.stdout
    assert "→ git stash" in result.stdout
    assert re.search(r'tag-prefix +"" \(the existing tags\)', result.stdout)
    total = f"{len(CHECKS)} checks: 1 problem"
    assert result.stdout.splitlines()[-1] == total
    assert "\x1b" not in result.stdout


def plant(service: Service) -> tuple[set[str], set[str]]:
    """Plant seven problems, each another, and five warnings."""
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
        "docker-hub", "dockerfile", "rival", "tag-rules",
        "workflow-enabled", "clean", "tags-fetched",
    }, {
        "workflow-types", "workflow-queue", "fragments", "dependency-pulls",
        "previous-release",
    }  # fmt: skip


def test_twelve_findings_in_one_run_and_soon(service: Service) -> None:
    planted, warned = plant(service)
    service.box.faults.slow_seconds = 0.05
    service.box.faults.when("*", "", "slow", times=None)
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        result = service.run("check", "--json")
        seconds.append(time.perf_counter() - began)
        told = read(result.stdout, result.returncode)
        assert keys(told, "problem") == planted, told
        # The set-up's pushes may have started a run, which is not over.
        assert keys(told, "warning") - {"ci"} == warned, told
        assert told["problem"] == 7
        assert told["exit"] == 3
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


def clone_anew(service: Service, *options: str) -> None:
    """Go on in a clone that knows nothing of what the first one did."""
    url = service.git("remote", "get-url", "origin").strip()
    place = service.clone.parent / "anew"
    service.git("clone", "--quiet", *options, url, str(place))
    service.clone = place


def shallow(service: Service) -> None:
    clone_anew(service, "--depth=1")


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


def next_tag(service: Service) -> str:
    return service.run("next").stdout.strip()


def tag_there(service: Service) -> None:
    """Let somebody else push the tag, after the tags were fetched."""
    commit = service.git("rev-parse", "HEAD").strip()
    url = service.git("remote", "get-url", "origin").strip()
    tag = next_tag(service)
    service.git("tag", "--annotate", "--message", tag, tag, commit)
    service.git("push", "--quiet", url, f"refs/tags/{tag}")
    service.git("tag", "--delete", tag)


def stop_half_way(service: Service) -> None:
    path = f"/api/v3/repos/{NAME}/releases"
    service.box.faults.when("POST", path, "error_500", times=None)
    done = service.run("bump", "minor", "--yes", "--timeout", "2s")
    assert done.returncode == 8, done.stdout
    service.box.faults.clear()
    service.git("pull", "--quiet", "--ff-only")


def leave_open(service: Service) -> None:
    """Open the change log's pull request from another clone."""
    service.box.protect(NAME, "main", approvals=1)
    done = service.run("bump", "minor", "--yes", "--no-wait")
    assert done.returncode == 8, done.stdout
    clone_anew(service)


def merge(service: Service) -> None:
    service.box.project(NAME).required_approvals = 0
    [number] = service.box.state.pulls(NAME)
    answer = requests.put(
        f"{service.box.api_url}/repos/{NAME}/pulls/{number}/merge",
        headers={"Authorization": f"Bearer {service.box.token}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def fail_to_publish(service: Service) -> None:
    """Let the last release's run fail, before an image is pushed."""
    job = {"name": "build", "conclusions": ["failure", "success"]}
    service.box.scenario = Scenario.read(
        {"workflows": [{"path": CI, "jobs": [job]}], "speed": 20}
    )
    done = service.run("bump", "patch", "--yes", "--force")
    assert done.returncode == 5, done.stdout
    clone_anew(service)


def hide_image(service: Service) -> None:
    for image in service.box.images.images.values():
        image.is_private = True


def lack_scope(service: Service) -> None:
    token = service.box.add_token(scopes=("gist",))
    service.environ["GITHUB_TOKEN"] = token


def lack_workflow_scope(service: Service) -> None:
    service.git("switch", "--quiet", "--create", "1.4", "1.4.0")
    edit(service, lambda text: f"{text}# another\n", CI)
    token = service.box.add_token(scopes=("repo",))
    service.environ["GITHUB_TOKEN"] = token


def lock(service: Service, *dependencies: str, days: int = 0) -> None:
    """Commit a project, and a lock file that fits to it."""
    tools = Path(sys.executable).parent
    packages = service.clone.parent / "packages"
    packages.mkdir(exist_ok=True)
    service.environ |= {
        "PATH": f"{tools}{os.pathsep}{service.environ['PATH']}",
        "UV_FIND_LINKS": str(packages),
        "UV_NO_INDEX": "1",
        "UV_OFFLINE": "1",
        "UV_PYTHON": sys.executable,
    }
    for name in dependencies:
        make_wheel(packages, name, "1.0")
    text = f"""\
[project]
name = "stargazer"
version = "1.4.0"
requires-python = ">=3.11"
dependencies = {list(dependencies)}
"""
    (service.clone / "pyproject.toml").write_text(text, encoding="utf-8")
    run_command(service, ["uv", "lock"])
    commit_all(service, days)


def make_wheel(folder: Path, name: str, version: str) -> None:
    """Make a package with nothing in it, as an index would have it."""
    info = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        said = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", said)
        said = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", said)
        wheel.writestr(f"{info}/RECORD", "")


def spoil_lock(service: Service) -> None:
    lock(service)
    edit(service, lambda text: text.replace(">=3.11", ">=3.11,<4"),
         "pyproject.toml")  # fmt: skip


def let_age(service: Service) -> None:
    """Commit a lock file half a year ago; there is a newer package since."""
    lock(service, "idna", days=200)
    make_wheel(service.clone.parent / "packages", "idna", "2.0")


def let_age_unseen(service: Service) -> None:
    """Commit a list of packages that only the Makefile knows to update."""
    makefile = "update-deps:\n\techo idna==2.0 > requirements.txt\n"
    (service.clone / "Makefile").write_text(makefile, encoding="utf-8")
    text = "idna==1.0\n"
    (service.clone / "requirements.txt").write_text(text, encoding="utf-8")
    commit_all(service, days=200)


def run_command(service: Service, words: list[str]) -> None:
    done = subprocess.run(
        words,
        cwd=service.clone,
        env=service.environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def commit_all(service: Service, days: int = 0) -> None:
    """Commit and push, as so many days ago."""
    service.git("add", "-A")
    at = f"{int(time.time()) - 86400 * days} +0000"
    subprocess.run(
        ["git", "commit", "--quiet", "-m", "build: change it"],
        cwd=service.clone,
        env={**service.environ, "GIT_COMMITTER_DATE": at},
        check=True,
        capture_output=True,
    )
    service.git("push", "--quiet", "origin", "HEAD")


def perform(service: Service, command: str) -> None:
    """Run a remedy's command; ``gh`` and ``docker`` are played.

    They would ask GitHub and a registry of that name: what they do is done
    to the sandbox's state, or to docker's configuration.
    """
    project = service.box.project(NAME)
    token = service.box.accounts.tokens[service.environ["GITHUB_TOKEN"]]
    for part in command.split(" && "):
        words = shlex.split(part)
        match words:
            case ["gh", "workflow", "enable", "ci.yaml", "--repo", name]:
                assert name == NAME
                project.workflow_states.clear()
            case ["gh", "secret", "set", secret, "--repo", name]:
                assert name == NAME
                project.secrets = (*project.secrets, secret)
            case ["gh", "repo", "unarchive", name, "--yes"]:
                assert name == NAME
                project.is_archived = False
            case ["gh", "auth", "refresh", "--scopes", scope]:
                token.scopes = (*token.scopes, scope)
            case ["docker", "login", host]:
                # The mirror that stands for it here.
                assert host == service.box.registry
                login = base64.b64encode(f"x:{token.secret}".encode())
                place = Path(service.environ["DOCKER_CONFIG"], "config.json")
                known = {"auths": {host: {"auth": login.decode()}}}
                place.write_text(json.dumps(known), encoding="utf-8")
            case ["rsp-release", "init"]:
                done = service.run("init", "--yes")
                assert done.returncode == 0, done.stderr
                commit_all(service)
            case ["rsp-release", *args]:
                done = service.run(*args)
                assert done.returncode == 0, done.stdout + done.stderr
                service.git("pull", "--quiet", "--ff-only", "--tags")
            case ["uv", "lock", *_] | ["make", "update-deps"]:
                run_command(service, words)
                commit_all(service)
            case ["git", *_]:
                run_command(service, words)
            case _:
                pytest.fail(f"nobody runs {part}")


REMEDIES: list[tuple[str, str, Callable[[Service], None]]] = [
    ("branch", "git switch", detach),
    ("clean", "git stash", change),
    ("history", "git fetch --unshallow", shallow),
    ("tags-fetched", "git fetch --tags", lack_tag),
    ("up-to-date", "git pull", behind),
    ("up-to-date", "git push", ahead),
    ("tag-free", "rsp-release resume", tag_there),
    ("unfinished", "rsp-release resume", stop_half_way),
    ("previous-release", "rsp-release resume", lose_release),
    ("previous-images", "rsp-release resume", fail_to_publish),
    ("previous-images", "docker login", hide_image),
    ("changelog-pull", "rsp-release resume", leave_open),
    ("token", "gh repo unarchive", archive),
    ("contents", "gh auth refresh", lack_scope),
    ("workflows", "gh auth refresh", lack_workflow_scope),
    ("workflow", "rsp-release init", lose_workflow),
    ("workflow-enabled", "gh workflow enable", disable),
    ("dockerfile", "rsp-release init", lose_dockerfile),
    ("docker-hub", "gh secret set", need_secrets),
    ("gar", "gh secret set", need_key),
    ("lock", "uv lock", spoil_lock),
    ("lock-age", "uv lock --upgrade", let_age),
    ("lock-age", "make update-deps", let_age_unseen),
]
"""What is wrong, how the command begins that mends it, and who spoils it."""

_STATES: dict[Callable[[Service], None], str] = {
    hide_image: "unknown",
    **dict.fromkeys(
        (lose_release, fail_to_publish, spoil_lock, let_age, let_age_unseen),
        "warning",
    ),
}
"""What is no problem is found as this."""

ELSEWHERE = [("tag-free", "git tag -d"), ("name", "git remote set-url")]
"""What a test of its own runs."""


@pytest.mark.parametrize(
    ("key", "begins", "spoil"),
    REMEDIES,
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_remedys_command_makes_it_ok(
    service: Service,
    key: str,
    begins: str,
    spoil: Callable[[Service], None],
) -> None:
    spoil(service)
    found = find(look(service), key)
    assert found["state"] == _STATES.get(spoil, "problem"), found
    assert found["command"].startswith(begins)
    if spoil is leave_open:
        assert found["remedy"].startswith("merge it")
        merge(service)
    perform(service, found["command"])
    assert states(look(service))[key] == "ok"


def test_a_tag_made_here_meanwhile_is_taken_away(service: Service) -> None:
    releaser = service.make_releaser(Options())
    plan = releaser.plan(Request(part="minor"))
    service.git("tag", "1.5.0", "1.3.0")
    *_, result = releaser.bump(plan)
    assert isinstance(result, Result)
    assert result.exit_status is ExitStatus.BLOCKED
    assert "tag 1.5.0 already exists in this clone" in (result.message or "")
    command = (result.help or "").splitlines()[-1]
    assert command == "git tag -d 1.5.0"
    perform(service, command)
    done = service.run("bump", "minor", "--yes")
    assert done.returncode == 0, done.stdout


def test_every_remedy_is_run() -> None:
    """Whatever command a check of the table gives, one above runs it."""
    run = [(key, begins) for key, begins, _ in REMEDIES] + ELSEWHERE
    for key, state, values in TABLE:
        finding = look_at(BY_KEY[key], Scene(**values).facts())
        if finding.command and state != "unknown":
            assert any(
                key == of and finding.command.startswith(begins)
                for of, begins in run
            ), finding


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
    assert states(look(service, token=token))["triggers"] == state


@pytest.mark.parametrize("token", ["", "ghp_wrong"])
def test_without_credentials_the_rest_is_still_told(
    service: Service, token: str
) -> None:
    (service.clone / "README.md").write_text("changed\n", encoding="utf-8")
    told = look(service, token=token)
    assert {"token", "clean"} <= keys(told, "problem")
    assert states(told)["tag-style"] == "ok"
    service.git("checkout", "--", "README.md")
    assert look(service, token=token)["exit"] == 4


def test_an_outage_is_neither_ok_nor_a_problem(service: Service) -> None:
    service.box.faults.when("*", "/api/v3/", "error_500", times=None)
    told = look(service)
    assert keys(told, "problem") == set()
    assert states(told)["token"] == "unknown"
    assert told["unknown"] > 5


@pytest.mark.parametrize("kind", ["classic", "fine-grained"])
def test_the_job_that_checks_is_not_waited_for(
    service: Service, kind: Any
) -> None:
    path = ".github/workflows/release.yaml"
    script = {
        "path": path,
        "name": "Release",
        "on": {"push": {"branches": ["main"]}},
        "jobs": [{"name": "release", "seconds": 600}],
    }
    service.box.scenario = Scenario.read(
        {"workflows": [script], "appear_after": 0}
    )
    service.commit("docs: more")
    levels = ("contents", "actions", "pull_requests")
    service.environ["GITHUB_TOKEN"] = service.box.add_token(
        dict.fromkeys(levels, "write"), kind
    )
    [run] = [r for r in service.box.state.runs(NAME) if r.path == path]

    def told() -> dict[str, Any]:
        return find(look(service), "ci")

    assert told()["state"] == "warning"
    assert "release" in told()["text"].lower()
    service.environ["GITHUB_RUN_ID"] = str(run.id)
    assert "release" not in told()["text"].lower()


def test_a_jobs_name_may_be_that_of_two_workflows(service: Service) -> None:
    """What one of them says does not hide what the other says."""
    scripts = [
        {
            "path": f".github/workflows/{name}.yaml",
            "name": name,
            "on": {"push": {"branches": ["main"]}},
            "jobs": [{"name": "test", "seconds": n, "conclusion": conclusion}],
        }
        for n, (name, conclusion) in enumerate(
            [("a", "failure"), ("b", "success")]
        )
    ]
    service.box.scenario = Scenario.read(
        {"workflows": scripts, "appear_after": 0, "speed": 1000}
    )
    service.commit("docs: more")
    found = find(look(service), "ci")
    assert found["state"] == "problem", found
    assert found["text"].endswith("failed: test")
    # What a schedule started says nothing of the commit.
    for run in service.box.state.runs(NAME):
        if run.path.endswith("a.yaml"):
            run.event = "schedule"
    found = find(look(service), "ci")
    assert found["state"] == "ok", found


def test_bump_finds_the_same_before_it_writes(service: Service) -> None:
    planted, _ = plant(service)
    service.git("fetch", "--quiet", "--tags")
    told = look(service)
    assert keys(told, "problem") == planted - {"tags-fetched"}
    before = service.summary
    for more in ([], ["--force"]):
        result = service.run("bump", "minor", "--yes", "--json", *more)
        assert result.returncode == 3, result.stdout
        last = json.loads(result.stdout.splitlines()[-1])
        assert "--force" not in last["help"], "it would not help"
        for key in planted - {"tags-fetched"}:
            found = find(told, key)
            # The tag is another than `check` took for the next.
            text = found["text"].split("'frozen tags'")[0]
            is_firm = BY_KEY[key].is_of_bump
            assert (text in last["message"]) is (is_firm or not more), found
            command = found["command"] or ""
            assert not is_firm or command in last["help"]
    assert service.summary == before


def test_what_need_not_stop_a_release_can_be_overridden(
    service: Service,
) -> None:
    change(service)
    refused = service.run("bump", "minor", "--yes")
    assert refused.returncode == 3
    assert "uncommitted changes: README.md" in refused.stdout
    assert "--force" in refused.stdout
    assert service.run("bump", "minor", "--dry-run").returncode == 3
    done = service.run("bump", "minor", "--yes", "--force")
    assert done.returncode == 0, done.stdout
    assert "clean working tree" in done.stdout
    assert (service.clone / "README.md").read_text() == "changed\n"


def test_what_is_no_obstacle_blocks_nothing(service: Service) -> None:
    """Neither old dependencies, nor an earlier tag without its release."""
    lose_release(service)
    let_age_unseen(service)
    done = service.run("bump", "minor", "--yes")
    assert done.returncode == 0, done.stdout
    # The set-up's push may have started a run, which is not over.
    warned = r"warnings?: (CI passed, )?previous release, lock file recent"
    assert re.search(warned, done.stdout), done.stdout
