"""The whole program against the sandbox, as a person or a job runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rsp_sandbox import Scenario

from ..support.service import NAME, TAG, Service, serve

FAST = Scenario(speed=20, appear_after=0.1)


@pytest.fixture(params=["url", "path"])
def service(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Service]:
    is_path = request.param == "path"
    with serve(tmp_path, scenario=FAST, by_path=is_path) as service:
        yield service


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Service]:
    with serve(tmp_path, scenario=FAST) as service:
        yield service


def _writes(service: Service) -> list[str]:
    return [
        f"{r.method} {r.path}"
        for r in service.box.state.requests
        if not r.is_read
    ]


def test_bump_releases_once(service: Service) -> None:
    head = service.git("rev-parse", "HEAD").strip()
    result = service.run("bump", "minor", "--yes", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    last = events[-1]
    assert last["outcome"] == "released"
    assert last["version"] == last["tag"] == TAG
    tagged = service.box.state.tags(NAME)[TAG]
    assert last["commit"] == tagged
    assert last["release_url"].endswith(f"/releases/tag/{TAG}")
    [image] = last["images"]
    assert image["state"] == "present"
    assert image["platforms"] == ["linux/amd64", "linux/arm64"]
    assert image["digest"].startswith("sha256:")
    state = service.box.state
    # One commit with the change log came on top, and nothing else.
    service.git("fetch", "--quiet", "origin", "main")
    assert service.git("rev-parse", f"{tagged}~1").strip() == head
    assert service.git("rev-parse", "FETCH_HEAD").strip() == tagged
    assert service.git("rev-parse", "HEAD").strip() == head
    [page] = [r for r in state.releases(NAME) if r.tag == TAG]
    assert page.name == TAG
    assert not page.is_draft
    assert not page.is_prerelease
    assert (page.body or "").strip()
    [run] = [r for r in state.runs(NAME) if r.head_branch == TAG]
    assert last["run_url"].endswith(str(run.id))
    assert service.git("cat-file", "-t", TAG).strip() == "tag"

    # Again: nothing to release, and nothing is written.
    before, writes = service.summary, _writes(service)
    again = service.run("bump", "minor", "--yes", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1])["outcome"] == "nothing"
    assert service.summary == before
    assert _writes(service) == writes
    assert service.box.state.unknown == []


def test_status_watch_and_verify_of_a_release(remote: Service) -> None:
    assert remote.run("bump", "minor", "--yes").returncode == 0
    writes = _writes(remote)
    for command in ("status", "watch", "verify"):
        for tag in ([], [TAG]):
            result = remote.run(command, *tag, "--json")
            assert result.returncode == 0, result.stderr
            last = json.loads(result.stdout.splitlines()[-1])
            assert last["outcome"] == "released"
            assert last["tag"] == TAG
    assert _writes(remote) == writes


def test_dry_run_writes_nothing(remote: Service) -> None:
    before = remote.summary
    result = remote.run("bump", "minor", "--dry-run", "--json")
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[-1]["outcome"] == "planned"
    assert events[-1]["tag"] == TAG
    verdicts = {e["key"]: e["verdict"] for e in events[:-1]}
    assert verdicts["preflight"] == "done"
    assert verdicts["tag"] == verdicts["github_release"] == "change"
    assert verdicts["workflow_run"] == "wait"
    assert remote.summary == before
    assert _writes(remote) == []
    assert remote.git("tag", "--list", TAG) == ""


def test_without_terminal_and_yes_nothing_is_written(remote: Service) -> None:
    before = remote.summary
    result = remote.run("bump", "minor")
    assert result.returncode == 2
    assert "--yes" in result.stderr
    assert remote.summary == before


def test_all_problems_are_told_at_once(remote: Service) -> None:
    (remote.clone / "README.md").write_text("changed\n", encoding="utf-8")
    remote.git("checkout", "--quiet", "-b", "feature")
    remote.git("commit", "--quiet", "--allow-empty", "-m", "feat: local")
    token = remote.box.add_token({"contents": "read"}, "fine-grained")
    result = remote.run("bump", "minor", "--yes", GITHUB_TOKEN=token)
    assert result.returncode == 3
    text = " ".join((result.stdout + result.stderr).split())
    assert "uncommitted changes: README.md" in text
    assert "feature is not a release branch" in text
    assert "the token cannot write to" in text
    assert TAG not in remote.box.state.tags(NAME)


@pytest.mark.parametrize(
    ("environ", "exit_status", "said"),
    [
        ({"GITHUB_TOKEN": ""}, 4, "GITHUB_TOKEN"),
        ({"GITHUB_TOKEN": "ghp_wrong"}, 4, "GITHUB_TOKEN"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9/"}, 1, "does not answer"),
    ],
)
def test_credentials_and_outage_before_any_write(
    remote: Service, environ: dict[str, str], exit_status: int, said: str
) -> None:
    before = remote.summary
    remote.environ |= environ
    result = remote.run("bump", "minor", "--yes")
    assert result.returncode == exit_status
    assert said in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert remote.summary == before


def test_failing_run_ends_with_its_exit_status(tmp_path: Path) -> None:
    scenario = Scenario.read(
        {
            "speed": 20,
            "appear_after": 0.1,
            "workflows": [
                {
                    "path": ".github/workflows/ci.yaml",
                    "name": "CI",
                    "on": {"release": {"types": ["published"]}},
                    "jobs": [
                        {
                            "name": "test",
                            "steps": [{"name": "Run the tests"}],
                            "conclusions": ["failure"],
                            "failing_step": "Run the tests",
                        }
                    ],
                }
            ],
        }
    )
    with serve(tmp_path, scenario=scenario) as service:
        result = service.run("bump", "minor", "--yes")
        assert result.returncode == 5, result.stdout + result.stderr
        assert "Run the tests" in result.stdout
        assert "resume" in result.stdout
        again = service.run("resume")
        assert again.returncode == 5


def test_no_wait_leaves_and_resume_goes_on(remote: Service) -> None:
    assert remote.run("bump", "minor", "--yes", "--no-watch").returncode == 0
    assert remote.run("resume", TAG).returncode == 0


def test_time_is_up(tmp_path: Path) -> None:
    scenario = Scenario(speed=0.2, appear_after=0.1)
    with serve(tmp_path, scenario=scenario) as service:
        result = service.run(
            "bump", "minor", "--yes", "--timeout", "2s", "--json"
        )
        last = json.loads(result.stdout.splitlines()[-1])
        assert result.returncode == last["exit"] == 8
        assert last["outcome"] == "unfinished"


def test_crash_without_journal_is_put_right_from_the_tag(
    remote: Service,
) -> None:
    """A tag without a release, in a clone that knows of nothing."""
    remote.git("tag", "-a", "-m", TAG, TAG)
    remote.git("push", "--quiet", "origin", f"refs/tags/{TAG}")
    result = remote.run("bump", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [
        r.name for r in remote.box.state.releases(NAME) if r.tag == TAG
    ] == [TAG]


def test_draft_is_found_and_published(remote: Service) -> None:
    import requests

    base = f"{remote.box.api_url}/repos/{NAME}/releases"
    headers = {"Authorization": f"Bearer {remote.box.token}"}
    for number in range(120):  # more than a page
        requests.post(
            base,
            json={"tag_name": f"draft-{number}", "draft": True},
            headers=headers,
            timeout=10,
        )
    requests.post(
        base,
        json={"tag_name": TAG, "draft": True, "name": "x", "body": "Mine."},
        headers=headers,
        timeout=10,
    )
    result = remote.run("bump", "minor", "--yes")
    assert result.returncode == 0, result.stdout + result.stderr
    [page] = [r for r in remote.box.state.releases(NAME) if r.tag == TAG]
    assert (page.name, page.body, page.is_draft) == (TAG, "Mine.", False)


def test_tag_that_is_elsewhere_blocks(remote: Service) -> None:
    remote.git("tag", "-a", "-m", TAG, TAG, "HEAD~2")
    remote.git("push", "--quiet", "origin", f"refs/tags/{TAG}")
    remote.git("tag", "-d", TAG)
    before = remote.summary
    result = remote.run("bump", TAG, "--yes")
    assert result.returncode == 3
    assert TAG in result.stdout + result.stderr
    assert remote.summary == before


def test_unknown_command_and_bad_duration(remote: Service) -> None:
    assert remote.run("bmup").returncode == 2
    result = remote.run("bump", "minor", "--timeout", "soon")
    assert result.returncode == 2
    assert "soon" in result.stderr
