"""The git remote: pushes over HTTP and by path, and what they start."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rsp_sandbox import Scenario, seed
from rsp_sandbox.git import Repository
from tests.support.box import Sandbox
from tests.support.sandbox import Client, ManualClock, clone, git

NAME = "rubin-demo/stargazer"
R = f"/repos/{NAME}"

ON_TAGS = {
    "workflows": [
        {
            "path": ".github/workflows/tags.yaml",
            "on": {"push": {"tags": ["[0-9]*", "v*"]}},
            "jobs": [{"name": "build"}],
        }
    ]
}


@pytest.fixture
def box(start: Callable[..., Sandbox]) -> Sandbox:
    """Give a sandbox one of whose workflows listens to tags."""
    return start(ON_TAGS)


def push(work: Path, *refs: str, url: str = "origin") -> str:
    """Push and return what git says, with how it ended."""
    done = git("push", url, *refs, cwd=work, check=False)
    return f"{done.returncode}: {done.stderr}"


def tag_runs(box: Sandbox) -> list[str]:
    """Return the tags with runs, apart from those of the past."""
    begun = ManualClock().moment
    return [
        run.head_branch
        for run in box.state.runs(NAME)
        if run.event == "push"
        and run.ref.startswith("refs/tags/")
        and run.created_at >= begun
    ]


def test_pushed_tag_starts_a_run(box: Sandbox, work: Path) -> None:
    git("tag", "-a", "1.5.0", "-m", "1.5.0", cwd=work)
    said = push(work, "--atomic", "refs/tags/1.5.0:refs/tags/1.5.0")
    assert said.startswith("0:")
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    assert box.state.tags(NAME)["1.5.0"] == head
    (run,) = [r for r in box.state.runs(NAME) if r.head_branch == "1.5.0"]
    assert run.head_sha == head
    assert run.head_branch == "1.5.0"
    # Again: nothing changes, nothing starts.
    assert push(work, "refs/tags/1.5.0").startswith("0:")
    assert tag_runs(box) == ["1.5.0"]


def test_tag_pushed_by_path_is_noticed(box: Sandbox, work: Path) -> None:
    git("tag", "1.5.0", cwd=work)
    path = str(box.project(NAME).git.path)
    assert push(work, "refs/tags/1.5.0", url=path).startswith("0:")
    with Client(box) as client:
        ref = client.get(f"{R}/git/ref/tags/1.5.0")
        assert ref.data["object"]["type"] == "commit"
    assert tag_runs(box) == ["1.5.0"]


def test_tag_pushed_by_path_is_noticed_unasked(
    box: Sandbox, work: Path
) -> None:
    git("tag", "1.5.0", cwd=work)
    push(work, "refs/tags/1.5.0", url=str(box.project(NAME).git.path))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if any(r.head_branch == "1.5.0" for r in box.project(NAME).runs):
            return
        time.sleep(0.02)
    raise AssertionError("nobody noticed")


def test_more_than_three_tags_start_nothing(box: Sandbox, work: Path) -> None:
    tags = [f"2.0.{number}" for number in range(4)]
    for tag in tags:
        git("tag", tag, cwd=work)
    push(work, *(f"refs/tags/{tag}" for tag in tags))
    assert set(tags) <= set(box.state.tags(NAME))
    assert tag_runs(box) == []


def test_three_tags_start_three_runs(box: Sandbox, work: Path) -> None:
    for tag in ("2.0.0", "2.0.1", "2.0.2"):
        git("tag", tag, cwd=work)
    push(work, "--tags")
    assert sorted(tag_runs(box)) == ["2.0.0", "2.0.1", "2.0.2"]


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("fix: it", 1),
        ("fix: it [skip ci]", 0),
        ("fix: it\n\n[no ci]", 0),
        ("fix: it\n\nAbout skip-checks.\n\nskip-checks: true", 0),
        ("fix: it\n\nskip-checks: false", 1),
    ],
)
def test_skip_ci(box: Sandbox, work: Path, message: str, number: int) -> None:
    git("commit", "--allow-empty", "-m", message, cwd=work)
    git("tag", "1.5.0", cwd=work)
    push(work, "refs/tags/1.5.0")
    assert len(tag_runs(box)) == number
    # It holds for pushes, not for releases.
    before = len(box.state.runs(NAME))
    with Client(box) as client:
        client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    assert len(box.state.runs(NAME)) == before + 1


def test_workflow_token_starts_nothing(box: Sandbox, tmp_path: Path) -> None:
    work = clone(box, NAME, tmp_path / "c", box.add_token(kind="actions"))
    git("tag", "1.5.0", cwd=work)
    push(work, "refs/tags/1.5.0")
    assert "1.5.0" in box.state.tags(NAME)
    assert tag_runs(box) == []


def test_push_needs_credentials(box: Sandbox, work: Path) -> None:
    git("tag", "1.5.0", cwd=work)
    said = push(work, "refs/tags/1.5.0", url=box.git_url(NAME))
    assert said.startswith("128:")
    assert "could not read Username" in said
    for token, words in (
        ("ghp_wrong", "Authentication failed"),
        (box.add_token(login="nobody"), "denied to nobody"),
        (
            box.add_token({"contents": "read"}, "fine-grained"),
            "The requested URL returned error: 403",
        ),
    ):
        url = box.git_url(NAME).replace("://", f"://x:{token}@")
        said = push(work, "refs/tags/1.5.0", url=url)
        assert said.startswith("128:")
        assert words in said
    assert "1.5.0" not in box.state.tags(NAME)


def test_private_repository(clock: ManualClock, tmp_path: Path) -> None:
    with Sandbox(clock=clock) as box:
        box.add_repository("a/b", private=True)
        url = box.git_url("a/b")
        assert git("ls-remote", url, check=False).returncode == 128
        clone(box, "a/b", tmp_path / "b")
        other = box.git_url("a/none").replace("://", f"://x:{box.token}@")
        done = git("ls-remote", other, check=False)
        assert "not found" in done.stderr
        with Client(box, "") as stranger:
            assert stranger.get("/repos/a/b").status == 404


def test_ruleset_over_http(box: Sandbox, work: Path) -> None:
    box.add_ruleset(NAME, include=("refs/tags/1.*",), bypass=("boss",))
    git("tag", "1.5.0", cwd=work)
    git("tag", "v9", cwd=work)
    said = push(work, "refs/tags/1.5.0", "refs/tags/v9")
    assert said.startswith("1:")
    text = "remote: error: GH013: Repository rule violations found for "
    assert f"{text}refs/tags/1.5.0." in said
    assert "Cannot create ref due to creations being restricted." in said
    assert "(push declined due to repository rule violations)" in said
    # Without --atomic the other one is there: the orphan of a rejected push.
    assert "1.5.0" not in box.state.tags(NAME)
    assert "v9" in box.state.tags(NAME)
    git("tag", "v10", cwd=work)
    push(work, "--atomic", "refs/tags/1.5.0", "refs/tags/v10")
    assert "v10" not in box.state.tags(NAME)
    with Client(box) as client:
        sha = git("rev-parse", "HEAD", cwd=work).stdout.strip()
        data = {"ref": "refs/tags/1.5.0", "sha": sha}
        assert client.post(f"{R}/git/refs", data).status == 422
        answer = client.post(f"{R}/releases", {"tag_name": "1.5.0"})
        assert answer.status == 422
        assert answer.data["errors"][0]["field"] == "pre_receive"
        assert "must have a valid tag" in answer.data["errors"][1]
    token = box.add_token(login="boss")
    box.project(NAME).roles["boss"] = "write"
    url = box.git_url(NAME).replace("://", f"://x:{token}@")
    assert push(work, "refs/tags/1.5.0", url=url).startswith("0:")


def test_protected_branch(box: Sandbox, work: Path) -> None:
    box.protect(NAME, "main")
    git("commit", "--allow-empty", "-m", "fix: it", cwd=work)
    said = push(work, "main")
    assert "GH006: Protected branch update failed for refs/heads/main" in said
    assert "(protected branch hook declined)" in said
    assert push(work, "main:refs/heads/u/it").startswith("0:")


def test_lost_race(box: Sandbox, work: Path) -> None:
    git("tag", "-a", "1.5.0", "-m", "mine", cwd=work)
    with Client(box) as client:
        client.post(f"{R}/releases", {"tag_name": "1.5.0"})
    said = push(work, "--atomic", "refs/tags/1.5.0")
    assert said.startswith("1:")
    assert "already exists" in said


def test_large_push(box: Sandbox, work: Path) -> None:
    """Beyond http.postBuffer git sends chunks, and compresses requests."""
    (work / "large").write_bytes(random.Random(1).randbytes(3_000_000))
    git("add", "large", cwd=work)
    git("commit", "-m", "feat: something large", cwd=work)
    assert push(work, "HEAD:refs/heads/u/large").startswith("0:")
    assert "u/large" in box.state.branches(NAME)


def test_branch_push_starts_branch_workflows(box: Sandbox, work: Path) -> None:
    git("commit", "--allow-empty", "-m", "fix: it", cwd=work)
    push(work, "HEAD:refs/heads/main", "HEAD:refs/heads/tickets/DM-1")
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    found = [r for r in box.state.runs(NAME) if r.head_sha == head]
    assert [run.head_branch for run in found] == ["main"]


# -- Reading a repository -----------------------------------------------------


def test_refs_loose_and_packed(service: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git("clone", "--quiet", "--mirror", str(service), str(bare))
    repository = Repository(bare)
    before = dict(repository.refs())
    assert len(before) == 9
    for number in range(5):
        git("tag", f"x{number}", "main", cwd=bare)
        assert f"refs/tags/x{number}" in repository.refs()
        git("pack-refs", "--all", cwd=bare)
        assert f"refs/tags/x{number}" in repository.refs()
        git("tag", "-d", f"x{number}", cwd=bare)
        assert dict(repository.refs()) == before
    repository.close()


def test_refs_of_one_instant(service: Path, tmp_path: Path) -> None:
    """A time stamp that is too young tells nothing."""
    bare = tmp_path / "bare.git"
    git("clone", "--quiet", "--mirror", str(service), str(bare))
    git("tag", "x", "main", cwd=bare)
    repository = Repository(bare)
    tags = bare / "refs" / "tags"
    moment = time.time() + 10
    os.utime(tags, (moment, moment))
    before = repository.refs()["refs/tags/x"]
    (tags / "x").write_text("1" * 40 + "\n")
    os.utime(tags, (moment, moment))
    assert repository.refs()["refs/tags/x"] != before
    repository.close()


def test_objects(service: Path) -> None:
    repository = Repository(service)
    refs = repository.refs()
    tag = repository.tag(refs["refs/tags/1.4.0"])
    assert tag is not None
    assert (tag.name, tag.type) == ("1.4.0", "commit")
    assert tag.message == "1.4.0\n"
    commit = repository.commit(tag.object)
    assert commit is not None
    assert commit.message == "feat: notify Slack of uncaught exceptions\n"
    assert commit.author.email == "tomas@example.org"
    assert repository.peel(refs["refs/tags/1.4.0"]) == commit.sha
    assert repository.file(commit.sha, "Dockerfile")
    assert repository.file(commit.sha, "none") is None
    assert repository.read("0" * 40) is None
    assert repository.read("--batch-check\nx") is None
    assert repository.resolve("main") == refs["refs/heads/main"]
    assert repository.resolve("nowhere") is None
    repository.close()


def test_service_is_always_the_same(service: Path, tmp_path: Path) -> None:
    again = seed.make_service(tmp_path / "again.git")
    assert Repository(again).refs() == Repository(service).refs()
    log = git("log", "--oneline", "main", cwd=again).stdout.splitlines()
    assert len(log) == 13
    left = git("log", "--format=%s", "1.4.0..main", cwd=again).stdout
    assert len(left.splitlines()) == 4
    listed = git("ls-tree", "-r", "--name-only", "main", cwd=again).stdout
    assert listed.count("changelog.d/2025") == 2


def test_empty_repository(clock: ManualClock) -> None:
    with Sandbox(Scenario(), clock=clock) as box, Client(box) as client:
        box.add_repository("a/b")
        assert client.get("/repos/a/b").data["default_branch"] == "main"
        assert client.get("/repos/a/b/releases").data == []
        assert client.get("/repos/a/b/branches/main").status == 404
        assert client.get("/repos/a/b/actions/runs").status == 200


def test_deleted_tag_makes_a_draft_of_its_release(
    box: Sandbox, client: Client, work: Path
) -> None:
    assert push(work, ":refs/tags/1.4.0").startswith("0:")
    assert client.get(f"{R}/releases/tags/1.4.0").status == 404
    (old,) = [r for r in box.state.releases(NAME) if r.tag == "1.4.0"]
    assert old.is_draft


def test_serving_a_work_tree(service: Path, tmp_path: Path) -> None:
    git("clone", "-q", str(service), str(tmp_path / "w"))
    with Sandbox() as box:
        box.add_repository("a/b", tmp_path / "w")
        with Client(box) as client:
            assert client.get("/repos/a/b/branches/main").status == 200


@pytest.mark.parametrize("name", ["a/b", "nonsense"])
def test_serving_nothing(tmp_path: Path, name: str) -> None:
    box = Sandbox()
    with pytest.raises(ValueError, match=r"no git repository|OWNER/NAME"):
        box.add_repository(name, tmp_path)


def test_many_at_once(box: Sandbox, work: Path) -> None:
    """Threads that read and write at once all get whole answers."""
    failures: list[object] = []

    def ask(number: int) -> None:
        with Client(box) as client:
            for turn in range(10):
                name = f"t{number}.{turn}"
                made = client.post(f"{R}/releases", {"tag_name": name})
                read = client.get(f"{R}/releases/tags/{name}")
                if (made.status, read.status) != (201, 200):
                    failures.append((made, read))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        git("tag", f"p{number}", cwd=work)
        assert push(work, f"refs/tags/p{number}").startswith("0:")
    for thread in threads:
        thread.join()
    assert failures == []
    tags = box.state.tags(NAME)
    assert sum(name.startswith("t") for name in tags) == 40
    assert sum(name.startswith("p") for name in tags) == 4
    assert len(box.state.releases(NAME)) == 48
