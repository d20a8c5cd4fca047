"""``rsp-release deploy``, on a made-up service that has been released."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsp_release.cli.app import main
from rsp_release.cli.session import Session
from rsp_sandbox import Scenario

from ..support.deploying import (
    CHART,
    DEPLOY,
    PREFIX,
    add_deployment,
    configure,
    show,
)
from ..support.sandbox import Client
from ..support.service import NAME, TAG, Service, serve

FAST = Scenario(speed=50, appear_after=0.05)
BRANCH = f"rsp-release/stargazer-{TAG}"
PATH = f"{PREFIX}/Chart.yaml"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path, scenario=FAST) as service:
        add_deployment(service)
        configure(service)
        # Released by hand, which takes a tenth of the time.
        service.git("tag", "-a", "-m", TAG, TAG)
        service.git("push", "--quiet", "origin", TAG)
        with Client(service.box) as client:
            page = {"tag_name": TAG, "name": TAG}
            assert client.post(f"/repos/{NAME}/releases", page).status == 201
        assert service.clock is not None
        service.clock.sleep(3600.0)
        yield service


def _set_chart(
    service: Service, text: str, *, path: str = "Chart.yaml"
) -> None:
    """Commit another file of a chart to the deployment repository."""
    project = service.box.project(DEPLOY)
    git = project.git
    url = f"{service.box.server_url}/{NAME}"
    blob = git.write("blob", text.replace("@url@", url).encode())
    from rsp_sandbox.merge import edit_tree

    head = git.known(git.refs()["refs/heads/main"])
    tree = edit_tree(git, head.tree, [("100644", blob, f"{PREFIX}/{path}")])
    sha = git.write_commit(
        tree=tree,
        parents=(head.sha,),
        message="edit\n",
        author=head.author,
        committer=head.committer,
    )
    git.update_ref("refs/heads/main", sha, head.sha)


def test_address_is_all_that_is_written(service: Service) -> None:
    result = service.run("deploy")
    assert result.returncode == 0, result.stderr
    [pull] = service.box.state.pulls(DEPLOY).values()
    url = f"{service.box.server_url}/{DEPLOY}/pull/{pull.number}"
    assert result.stdout == f"{url}\n"
    assert pull.title == f"Update stargazer to {TAG}"
    # Again: nothing is written twice.
    again = service.run("deploy", TAG)
    assert (again.returncode, again.stdout) == (0, f"{url}\n")
    assert len(service.box.state.pulls(DEPLOY)) == 1
    # And what was released is still complete.
    assert service.run("bump", "--yes").returncode == 0


def test_dry_run_writes_nothing(service: Service) -> None:
    result = service.run("deploy", "--dry-run", "--json")
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["verdict"] == "change"
    assert "1.4.0" in events[0]["text"]
    assert TAG in events[0]["text"]
    assert events[-1]["outcome"] == "planned"
    assert not service.box.state.pulls(DEPLOY)
    assert BRANCH not in service.box.state.branches(DEPLOY)


def test_earlier_release_is_deployed(service: Service) -> None:
    """An older version is refused, unless a person insists."""
    _set_chart(service, CHART.replace("1.4.0", "1.6.0"))
    result = service.run("deploy")
    assert result.returncode == 3
    assert "1.6.0, which is newer than 1.5.0" in result.stderr
    assert "--force" in result.stderr
    assert result.stdout == ""
    assert service.run("deploy", "--force").returncode == 0
    assert 'appVersion: "1.5.0"' in show(service, BRANCH, PATH)


def test_pins_to_move_are_asked_for_at_a_terminal(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_chart(service, "image: {tag: v0.3.0}\n", path="values.yaml")
    _set_chart(service, "image: {tag: 1.4.0}\n", path="values-idfdev.yaml")
    for name, value in service.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(service.clone)
    monkeypatch.setattr(Session, "may_ask", True)
    asked = []

    def prompt(question: str) -> str:
        asked.append(question)
        return "idfdev"

    monkeypatch.setattr("typer.prompt", prompt)
    assert main(["deploy"]) == 0
    assert asked == ["Which of idfdev?"]
    [pull] = service.box.state.pulls(DEPLOY).values()
    path = f"{PREFIX}/values-idfdev.yaml"
    assert show(service, pull.head, path) == f"image: {{tag: {TAG}}}\n"


def test_pin_of_an_environment_is_moved_alone(service: Service) -> None:
    result = service.run("deploy", "--environment", "idfdev", "--dry-run")
    assert result.returncode == 3
    assert "values-idfdev.yaml has image.tag 'tickets-DM-1'" in result.stderr
    command = "rsp-release deploy 1.5.0 --environment idfdev --force"
    assert command in result.stderr
    result = service.run("deploy", "--environment", "idfdev", "--force")
    assert result.returncode == 0, result.stderr
    [pull] = service.box.state.pulls(DEPLOY).values()
    assert pull.title == f"Update stargazer to {TAG} in idfdev"
    path = f"{PREFIX}/values-idfdev.yaml"
    assert show(service, pull.head, path) == f'image:\n  tag: "{TAG}"\n'
    assert 'appVersion: "1.4.0"' in show(service, pull.head, PATH)
    # What follows appVersion has a pull request of its own.
    assert service.run("deploy").returncode == 0
    assert len(service.box.state.pulls(DEPLOY)) == 2
    assert all(
        p.state == "open" for p in service.box.state.pulls(DEPLOY).values()
    )


@pytest.mark.parametrize("current", ["main", "tickets-DM-1", "suit-2023.1.5"])
def test_unknown_version_is_refused(service: Service, current: str) -> None:
    _set_chart(service, CHART.replace("1.4.0", current))
    result = service.run("deploy")
    assert result.returncode == 3
    assert f"{current!r}, and it is unclear whether" in result.stderr
    assert service.run("deploy", "--force").returncode == 0


def test_local_checkout_gets_a_commit(
    service: Service, tmp_path: Path
) -> None:
    place = tmp_path / "charts"
    subprocess.run(
        ["git", "clone", "--quiet", service.box.git_url(DEPLOY), str(place)],
        env=service.environ,
        check=True,
    )

    def git(*args: str) -> str:
        done = subprocess.run(
            ["git", *args],
            cwd=place,
            env=service.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    result = service.run("deploy", "--local", str(place))
    assert result.returncode == 0, result.stderr
    assert BRANCH in result.stderr
    assert git("status", "--porcelain") == ""
    assert git("branch", "--show-current").strip() == "main"
    diff = git("diff", "--unified=0", "main", BRANCH)
    changed = [
        line
        for line in diff.splitlines()
        if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert '+appVersion: "1.5.0"  # the tag of the image' in changed
    assert len(changed) == 4  # the chart, and the badge
    assert not service.box.state.pulls(DEPLOY)
    # Again: the branch is there.
    head = git("rev-parse", BRANCH)
    assert service.run("deploy", "--local", str(place)).returncode == 0
    assert git("rev-parse", BRANCH) == head


def test_local_path_must_be_a_checkout(
    service: Service, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = service.run("deploy", "--local", str(empty))
    assert result.returncode == 2
    assert "is not in a git repository" in result.stderr


def test_wait_ends_with_the_merge(service: Service) -> None:
    import requests

    with subprocess.Popen(
        service.command("deploy", "--wait"),
        cwd=service.clone,
        env=service.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for _ in range(400):
            pulls = service.box.state.pulls(DEPLOY)
            if pulls:
                break
            time.sleep(0.05)
        [number] = pulls
        url = f"{service.box.api_url}/repos/{DEPLOY}/pulls/{number}/merge"
        time.sleep(1.0)
        assert process.poll() is None
        answer = requests.put(
            url,
            json={"merge_method": "squash"},
            headers={"Authorization": f"Bearer {service.box.token}"},
            timeout=10,
        )
        assert answer.status_code == 200
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "is merged" in err
        assert out.endswith(f"/pull/{number}\n")


def test_wait_ends_when_time_is_up(service: Service) -> None:
    result = service.run("deploy", "--wait", "--timeout", "1s")
    assert result.returncode == 8
    assert "waiting to be merged" in result.stderr
    assert f"continue: rsp-release deploy {TAG} --wait" in result.stderr


def test_closed_pull_request_is_not_opened_again(service: Service) -> None:
    assert service.run("deploy").returncode == 0
    [pull] = service.box.state.pulls(DEPLOY).values()
    pull.state = "closed"
    result = service.run("deploy")
    assert result.returncode == 3
    assert "was closed and not merged" in result.stderr
    # To release that is no failure: a person decided.
    assert service.run("status").returncode == 0
    assert service.run("deploy", "--force").returncode == 0
    assert len(service.box.state.pulls(DEPLOY)) == 2


def test_without_settings_it_says_which(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        result = service.run("deploy", "1.4.0")
        assert result.returncode == 2
        assert "deploy.repository" in result.stderr
