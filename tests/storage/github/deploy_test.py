"""A deployment repository on GitHub, and in a checkout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from rsp_release.engine.world import DeployRepository
from rsp_release.exceptions import (
    BlockedError,
    NotAllowedError,
    NotSentError,
    ReadError,
    RefusedError,
    UncertainError,
)
from rsp_release.models import (
    EditPull,
    Fork,
    LabelPull,
    MakeFork,
    OpenPull,
    PushFiles,
)
from rsp_release.storage.git.deploy_local import LocalDeploy
from rsp_release.storage.github.deploy import GithubDeploy
from rsp_release.storage.github.http import GithubHttp
from rsp_sandbox.merge import edit_tree
from tests.support.box import Sandbox

from ...support.deploying import DEPLOY, add_repository
from ...support.simulated import VirtualClock

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FORK = f"stranger/{DEPLOY.partition('/')[2]}"
FILES = {
    "a/Chart.yaml": "appVersion: 1.0.0\r\nname: ä 🔭",
    "b/Chart.yaml": "\ufeffname: b\n",
    **{f"many/{n}/values.yaml": f"n: {n}\n" for n in range(120)},
}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(clock=VirtualClock(NOW)) as box:
        add_repository(box, DEPLOY, FILES)
        git = box.project(DEPLOY).git
        git.update_ref("refs/heads/old", git.refs()["refs/heads/main"])
        yield box


def _connect(box: Sandbox, token: str | None = None) -> GithubDeploy:
    http = GithubHttp(
        api_url=box.api_url,
        token=token or box.token,
        clock=VirtualClock(NOW),
        random=Random(0),
        environ={},
    )
    return GithubDeploy(http=http, repository=DEPLOY)


@pytest.fixture(params=["github", "local"])
def deploy(
    request: pytest.FixtureRequest, box: Sandbox, tmp_path: Path
) -> DeployRepository:
    if request.param == "github":
        return _connect(box)
    place = tmp_path / "clone"
    url = box.git_url(DEPLOY)
    subprocess.run(["git", "clone", "--quiet", url, place], check=True)
    environ = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"))
    }
    return LocalDeploy(place, environ=environ)


def _head(deploy: DeployRepository) -> str:
    branch = deploy.repository().default_branch
    head = deploy.branch(deploy.name, branch)
    assert head is not None
    return head


def _write(deploy: DeployRepository) -> PushFiles:
    return PushFiles(
        repository=deploy.name,
        branch="rsp-release/a-2.0.0",
        base=_head(deploy),
        files=(("a/Chart.yaml", "appVersion: 2.0.0\r\nname: ä 🔭"),),
        message="Update a to 2.0.0\n",
        at=NOW,
        expected=None,
    )


def _commit(box: Sandbox, entry: tuple[str, str, str]) -> str:
    """Put a file of any mode on the default branch."""
    git = box.project(DEPLOY).git
    head = git.known(git.refs()["refs/heads/main"])
    sha = git.write_commit(
        tree=edit_tree(git, head.tree, [entry]),
        parents=(head.sha,),
        message="edit\n",
        author=head.author,
        committer=head.committer,
    )
    git.update_ref("refs/heads/main", sha, head.sha)
    return sha


# -- Both -------------------------------------------------------------------


def test_files_are_read_exactly(deploy: DeployRepository) -> None:
    head = _head(deploy)
    assert set(deploy.paths(head)) == set(FILES)
    paths = ["a/Chart.yaml", "b/Chart.yaml", "none.yaml"]
    assert deploy.read(head, paths) == {p: FILES[p] for p in paths[:2]}


def test_many_files_are_scanned(deploy: DeployRepository) -> None:
    head = _head(deploy)
    paths = [path for path in FILES if path.startswith("many/")]
    found = deploy.scan(head, [*paths, "none.yaml"])
    assert found == {path: FILES[path] for path in paths}


def test_commit_changes_the_files_alone(deploy: DeployRepository) -> None:
    write = _write(deploy)
    deploy.push_files(write)
    head = deploy.branch(deploy.name, write.branch)
    assert head is not None
    assert deploy.message(deploy.name, head).strip() == "Update a to 2.0.0"
    assert set(deploy.paths(head)) == set(FILES)
    changed = dict(write.files)
    assert deploy.read(head, list(FILES)[:3]) == {
        path: changed.get(path, FILES[path]) for path in list(FILES)[:3]
    }
    assert _head(deploy) == write.base


def test_branch_is_made_once(deploy: DeployRepository) -> None:
    write = _write(deploy)
    deploy.push_files(write)
    before = deploy.branch(deploy.name, write.branch)
    with pytest.raises(RefusedError):
        deploy.push_files(write)
    assert deploy.branch(deploy.name, write.branch) == before


def test_branch_that_moved_is_not_overwritten(
    deploy: DeployRepository,
) -> None:
    write = _write(deploy)
    deploy.push_files(write)
    head = deploy.branch(deploy.name, write.branch)
    assert head is not None
    with pytest.raises(RefusedError):
        deploy.push_files(replace(write, expected="0" * 39 + "1"))
    again = replace(
        write, expected=head, files=(("a/Chart.yaml", "appVersion: 3\n"),)
    )
    deploy.push_files(again)
    new = deploy.branch(deploy.name, write.branch)
    assert new not in {None, head}


def test_binary_file_is_said(box: Sandbox) -> None:
    blob = box.project(DEPLOY).git.write("blob", b"\xff\xfe\x00")
    sha = _commit(box, ("100644", blob, "bin.yaml"))
    deploy = _connect(box)
    with pytest.raises(BlockedError, match=r"bin\.yaml is no text"):
        deploy.read(sha, ["bin.yaml"])
    assert deploy.scan(sha, ["bin.yaml"]) == {"bin.yaml": ""}


# -- GitHub -----------------------------------------------------------------


def test_a_hundred_files_with_each_request(box: Sandbox) -> None:
    deploy = _connect(box)
    head = _head(deploy)
    paths = list(FILES)
    deploy.paths(head)
    before = len(box.state.requests)
    deploy.scan(head, paths)
    assert len(box.state.requests) - before == 2
    deploy.scan(head, paths)  # known by now
    assert len(box.state.requests) - before == 2


@pytest.mark.parametrize("part", ["trees", "commits"])
@pytest.mark.parametrize("fault", ["bad_gateway_after", "reset_after"])
def test_what_nobody_sees_was_never_sent(
    box: Sandbox, part: str, fault: str
) -> None:
    deploy = _connect(box)
    write = _write(deploy)
    box.faults.when("POST", f"/git/{part}$", fault)
    with pytest.raises(NotSentError):
        deploy.push_files(write)
    assert write.branch not in box.state.branches(DEPLOY)
    deploy.push_files(write)
    assert write.branch in box.state.branches(DEPLOY)


@pytest.mark.parametrize("fault", ["bad_gateway_after", "reset_after"])
def test_lost_answer_about_the_branch_is_uncertain(
    box: Sandbox, fault: str
) -> None:
    deploy = _connect(box)
    write = _write(deploy)
    box.faults.when("POST", "/git/refs$", fault)
    with pytest.raises(UncertainError):
        deploy.push_files(write)
    with pytest.raises(RefusedError) as caught:
        deploy.push_files(write)
    assert caught.value.is_duplicate


def test_reads_that_fail_are_no_absence(box: Sandbox) -> None:
    deploy = _connect(box)
    head = _head(deploy)
    box.faults.when("*", "/", "error_500", times=None)
    with pytest.raises(ReadError):
        deploy.branch(DEPLOY, "main")
    with pytest.raises(ReadError):
        deploy.paths(head)
    with pytest.raises(ReadError):
        deploy.open_pulls()
    with pytest.raises(ReadError):
        deploy.fork()


def test_question_that_fails_is_no_absence(box: Sandbox) -> None:
    deploy = _connect(box)
    head = _head(deploy)
    box.faults.when("POST", "/graphql", "malformed_json", times=None)
    with pytest.raises(ReadError):
        deploy.scan(head, ["a/Chart.yaml"])


def test_repository_that_is_not_there(box: Sandbox) -> None:
    http = GithubHttp(
        api_url=box.api_url,
        token=box.token,
        clock=VirtualClock(NOW),
        random=Random(0),
        environ={},
    )
    deploy = GithubDeploy(http=http, repository="o/none")
    with pytest.raises(BlockedError, match="no repository o/none"):
        deploy.repository()


def test_stranger_may_not_push_and_has_no_fork(box: Sandbox) -> None:
    token = box.add_token(login="stranger")
    deploy = _connect(box, token)
    assert deploy.repository().can_push is False
    assert deploy.fork() == Fork(owner="stranger")
    with pytest.raises(NotAllowedError):
        deploy.push_files(_write(deploy))
    # A repository of that name that is no fork is not taken for one, nor is
    # the fork of somebody else.
    add_repository(box, FORK, {"x": "y"})
    other = _connect(box, box.add_token(login="other"))
    other.make_fork(MakeFork(repository=DEPLOY))
    assert deploy.fork() == Fork(owner="stranger")
    # GitHub gives the fork another name then.
    deploy.make_fork(MakeFork(repository=DEPLOY))
    assert deploy.fork() == Fork(
        owner="stranger", name=f"{FORK}-1", is_ready=True
    )


def test_fork_has_its_commits_later(box: Sandbox) -> None:
    box.lag = replace(box.lag, fork=40)
    deploy = _connect(box, box.add_token(login="stranger"))
    deploy.make_fork(MakeFork(repository=DEPLOY))
    [made] = [r for r in box.state.requests if r.path.endswith("/forks")]
    assert made.status == 202
    assert deploy.fork() == Fork(owner="stranger", name=FORK)
    write = replace(_write(deploy), repository=FORK)
    with pytest.raises(NotSentError, match=f"still making {FORK}"):
        deploy.push_files(write)
    assert isinstance(box.clock, VirtualClock)
    box.clock.sleep(41)
    assert deploy.fork().is_ready
    deploy.push_files(write)
    # Forking once more changes nothing.
    deploy.make_fork(MakeFork(repository=DEPLOY))
    assert deploy.fork().name == FORK
    assert write.branch in box.state.branches(FORK)
    assert write.branch not in box.state.branches(DEPLOY)


def test_pull_request_across_forks(box: Sandbox) -> None:
    deploy = _connect(box, box.add_token(login="stranger"))
    deploy.make_fork(MakeFork(repository=DEPLOY))
    # What came after the fork was made is in it as well, for GitHub.
    old = _head(deploy)
    owner = _connect(box)
    owner.push_files(
        replace(
            _write(owner),
            branch="main",
            files=(("b/Chart.yaml", "name: c\n"),),
            expected=old,
        )
    )
    write = replace(_write(deploy), repository=FORK)
    assert write.base != old
    deploy.push_files(write)
    head = deploy.branch(FORK, write.branch)
    assert head is not None
    paths = ["a/Chart.yaml", "b/Chart.yaml"]
    assert deploy.read(head, paths, FORK) == {
        "a/Chart.yaml": "appVersion: 2.0.0\r\nname: ä 🔭",
        "b/Chart.yaml": "name: c\n",
    }
    assert deploy.message(FORK, head).startswith("Update a")
    deploy.open_pull(
        OpenPull(
            branch=write.branch,
            base="main",
            title="T",
            body="B",
            after=0,
            owner="stranger",
        )
    )
    [pull] = deploy.open_pulls()
    assert (pull.owner, pull.branch, pull.head) == (
        "stranger",
        write.branch,
        head,
    )
    assert deploy.pulls_of("stranger", write.branch) == (pull,)
    assert deploy.pulls_of("rubin-demo", write.branch) == ()
    assert box.state.pulls(DEPLOY)[pull.number].can_be_pushed
    with pytest.raises(RefusedError) as caught:
        deploy.open_pull(
            OpenPull(
                branch=write.branch,
                base="main",
                title="T",
                body="B",
                after=0,
                owner="stranger",
            )
        )
    assert caught.value.is_duplicate
    # It follows the branch in the fork.
    deploy.push_files(
        replace(write, expected=head, files=(("b/Chart.yaml", "name: d\n"),))
    )
    [moved] = deploy.open_pulls()
    assert moved.head == deploy.branch(FORK, write.branch) != head
    # What is one's own may be edited, and nothing labelled.
    deploy.edit_pull(EditPull(number=pull.number, title="U", body="C"))
    with pytest.raises(NotAllowedError):
        deploy.label_pull(LabelPull(number=pull.number, labels=("l",)))


def test_mode_of_a_file_stays(box: Sandbox) -> None:
    git = box.project(DEPLOY).git
    entry = git.lookup(git.refs()["refs/heads/main"], "a/Chart.yaml")
    assert entry is not None
    _commit(box, ("100755", entry[2], "a/Chart.yaml"))
    deploy = _connect(box)
    deploy.push_files(_write(deploy))
    new = git.refs()["refs/heads/rsp-release/a-2.0.0"]
    changed = git.lookup(new, "a/Chart.yaml")
    assert changed is not None
    assert changed[0] == "100755"
    assert changed[2] != entry[2]


def test_pull_requests(box: Sandbox) -> None:
    deploy = _connect(box)
    write = _write(deploy)
    deploy.push_files(write)
    deploy.open_pull(
        OpenPull(
            branch=write.branch,
            base="main",
            title="T",
            body="B",
            after=0,
            is_draft=True,
        )
    )
    [pull] = deploy.open_pulls()
    assert (pull.branch, pull.title, pull.body) == (write.branch, "T", "B")
    assert pull.is_draft
    assert pull.owner == DEPLOY.partition("/")[0]
    assert deploy.pulls_of(pull.owner, write.branch) == (pull,)
    assert deploy.pulls_of(pull.owner, "other") == ()
    deploy.edit_pull(
        EditPull(number=pull.number, title="U", body="C", closes=True)
    )
    assert deploy.open_pulls() == ()
    [closed] = deploy.pulls_of(pull.owner, write.branch)
    assert (closed.title, closed.body, closed.is_open) == ("U", "C", False)


# -- A checkout -------------------------------------------------------------


def test_checkout_knows_no_pull_requests(box: Sandbox, tmp_path: Path) -> None:
    place = tmp_path / "clone"
    url = box.git_url(DEPLOY)
    subprocess.run(["git", "clone", "--quiet", url, place], check=True)
    deploy = LocalDeploy(place, environ={})
    assert deploy.open_pulls() == deploy.pulls_of("o", "b") == ()
    with pytest.raises(TypeError):
        deploy.fork()
    with pytest.raises(TypeError):
        deploy.make_fork(MakeFork(repository="o/n"))


def test_checkout_of_another_user_is_told_as_git_tells_it(
    box: Sandbox, tmp_path: Path
) -> None:
    place = tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", place], check=True)
    environ = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    with pytest.raises(ReadError, match="dubious ownership"):
        LocalDeploy(place, environ=environ)


def test_checkout_runs_none_of_its_hooks(tmp_path: Path) -> None:
    place = tmp_path / "clone"
    environ = {
        f"GIT_{who}_{what}": "a@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    for args in (
        ["init", "--quiet", str(place)],
        ["-C", str(place), "commit", "--quiet", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(
            ["git", *args], check=True, env={**os.environ, **environ}
        )
    hook = place / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    deploy = LocalDeploy(place, environ=environ)
    deploy.push_files(_write(deploy))
    assert deploy.branch(deploy.name, "rsp-release/a-2.0.0") is not None
    assert not (tmp_path / "ran").exists()
