"""The change log's pull request, with people and machines at work on it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from random import Random

import pytest

from ..support.campaigns import choose_size
from ..support.people import BRANCH, EDITED, FAST, Person, protected, review
from ..support.service import NAME, TAG, Service, serve

PARTS = choose_size(10, 2)
KILLS = choose_size(3, 1)
"""In each of the parts."""


def _body(service: Service) -> str:
    [page] = [r for r in service.box.state.releases(NAME) if r.tag == TAG]
    return page.body or ""


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_bump_by_pull_request(method: str, tmp_path: Path) -> None:
    with protected(tmp_path / "s") as (service, person):
        reviewer = threading.Thread(
            target=review, args=(person, method, tmp_path / "r")
        )
        reviewer.start()
        result = service.run("bump", "minor", "--yes", "--json")
        reviewer.join()
        assert result.returncode == 0, result.stdout + result.stderr
        events = [json.loads(line) for line in result.stdout.splitlines()]
        texts = [e["text"] for e in events if e.get("key") == "changelog"]
        assert any("is open" in text for text in texts)
        state = service.box.state
        [pull] = state.pulls(NAME).values()
        # Its checks were waited for.
        [*_, run] = [r for r in state.runs(NAME) if r.event == "pull_request"]
        ends = run.ends_at()
        assert ends is not None
        assert pull.merged_at is not None
        assert pull.merged_at >= ends
        head = state.branches(NAME)["main"]
        assert pull.merge_sha == head == state.tags(NAME)[TAG]
        assert events[-1]["commit"] == head
        # What was edited in the review is what is released, as it is.
        assert EDITED in _body(service)
        assert _body(service).startswith("## New features\n")
        assert "**Full Changelog**" in _body(service)
        assert "/compare/1.4.0...1.5.0" in _body(service)
        # The fragments are gone, and the commit is all that was pushed.
        service.git("fetch", "--quiet", "origin")
        left = service.git("ls-tree", "--name-only", head, "changelog.d/")
        assert left == "changelog.d/_template.md.jinja\n"
        notes = service.run("notes", TAG, "--generated")
        assert notes.stdout == _body(service)
        assert state.unknown == []


@pytest.mark.parametrize("part", range(PARTS))
def test_kill_at_random_instants(
    part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One pull request, one tag, one release, whenever it is killed."""
    random = Random(part)
    survived = 0
    for number in range(KILLS):
        method = ("merge", "squash", "rebase")[number % 3]
        folder = tmp_path / str(number)
        with protected(folder) as (service, person):
            reviewer = threading.Thread(
                target=review,
                args=(person, method, tmp_path / f"r{number}"),
            )
            reviewer.start()
            _kill_after(service, random.uniform(0.1, 2.5))
            result = service.run("bump", "minor", "--yes")
            reviewer.join()
            where = f"{number}: {result.stdout}{result.stderr}"
            assert result.returncode == 0, where
            state = service.box.state
            assert len(state.pulls(NAME)) == 1, where
            pages = [r for r in state.releases(NAME) if r.tag == TAG]
            assert len(pages) == 1, where
            assert state.tags(NAME)[TAG] == state.branches(NAME)["main"]
            assert set(state.tags(NAME)) >= {TAG}
            assert "1.6.0" not in state.tags(NAME)
            assert EDITED in _body(service)
            survived += 1
    with capsys.disabled():
        print(f"\n{survived} survived of {KILLS}", end=" ")  # noqa: T201


def _kill_after(service: Service, seconds: float) -> None:
    with service.start("bump", "minor", "--yes"):
        # After that it is killed.
        time.sleep(seconds)


def test_no_wait_leaves_and_resume_goes_on(tmp_path: Path) -> None:
    with protected(tmp_path / "s") as (service, person):
        result = service.run("bump", "minor", "--yes", "--no-wait")
        assert result.returncode == 8, result.stdout + result.stderr
        assert person.find() is not None
        status = service.run("status", "--json")
        shown = [json.loads(line) for line in status.stdout.splitlines()]
        verdicts = {e["key"]: e["verdict"] for e in shown if "key" in e}
        assert verdicts["changelog"] == "wait"
        assert verdicts["tag"] == "change"
        assert shown[-1]["commit"] is None
        review(person, "squash", tmp_path / "r")
        coming = service.run("notes", "--generated")
        assert EDITED in coming.stdout
        # Days later, on another branch, with work in progress.
        service.git("switch", "--quiet", "-c", "tickets/DM-1")
        (service.clone / "README.md").write_text("work\n", encoding="utf-8")
        result = service.run("resume")
        assert result.returncode == 0, result.stdout + result.stderr
        assert EDITED in _body(service)
        assert service.git("branch", "--show-current") == "tickets/DM-1\n"
        readme = (service.clone / "README.md").read_text(encoding="utf-8")
        assert readme == "work\n"


@pytest.mark.parametrize("command", [("bump", "minor", "--yes"), ("resume",)])
@pytest.mark.parametrize("is_merged", [False, True])
def test_another_clone_goes_on(
    command: tuple[str, ...], tmp_path: Path, *, is_merged: bool
) -> None:
    if command == ("resume",) and is_merged:
        command = ("resume", TAG)
    with protected(tmp_path / "s") as (service, person):
        first = service.run("bump", "minor", "--yes", "--no-wait")
        assert first.returncode == 8
        if is_merged:
            review(person, "merge", tmp_path / "r")
        # No journal is in this clone.
        other = tmp_path / "other"
        url = service.git("remote", "get-url", "origin").strip()
        subprocess.run(
            ["git", "clone", "--quiet", url, str(other)],
            env=service.environ,
            check=True,
        )
        service.clone = other

        def merge() -> None:
            # Once the command has found the clone to be up to date.
            journals = other / ".git" / "rsp-release"
            for _ in range(600):
                if is_merged or list(journals.glob("*.jsonl")):
                    break
                time.sleep(0.05)
            time.sleep(1.0)
            if not is_merged:
                review(person, "merge", tmp_path / "r")

        reviewer = threading.Thread(target=merge)
        reviewer.start()
        result = service.run(*command)
        reviewer.join()
        assert result.returncode == 0, result.stdout + result.stderr
        assert len(service.box.state.pulls(NAME)) == 1
        assert EDITED in _body(service)


def test_closed_pull_request_stops_the_release(tmp_path: Path) -> None:
    with protected(tmp_path / "s") as (service, person):
        assert service.run("bump", "minor", "--yes", "--no-wait").returncode
        number = person.find()
        person.ask("PATCH", f"/pulls/{number}", {"state": "closed"})
        for command in (("resume",), ("bump", "minor", "--yes")):
            result = service.run(*command)
            assert result.returncode == 3
            assert f"#{number}" in result.stderr + result.stdout
            assert "closed and not merged" in result.stderr + result.stdout
        assert len(service.box.state.pulls(NAME)) == 1
        # Without its branch it is given up, and a release starts anew.
        service.git("push", "--quiet", "origin", f":{BRANCH}")
        journal = next((service.clone / ".git/rsp-release").glob("*.jsonl"))
        text = journal.read_text(encoding="utf-8")
        journal.write_text(
            text.replace('"at": "2026', '"at": "2025'), encoding="utf-8"
        )
        result = service.run("bump", "minor", "--yes", "--no-wait")
        assert result.returncode == 8, result.stdout + result.stderr
        assert len(service.box.state.pulls(NAME)) == 2
        review(person, "squash", tmp_path / "r")
        assert service.run("bump", "minor", "--yes").returncode == 0
        assert EDITED in _body(service)


def test_late_fragment_is_told_and_chosen(tmp_path: Path) -> None:
    with protected(tmp_path / "s") as (service, person):
        assert service.run("bump", "minor", "--yes", "--no-wait").returncode
        late = "changelog.d/20990101_000000_late.md"
        person.push(
            tmp_path / "late",
            "main",
            late,
            lambda _: "### New features\n\n- Came too late.\n",
        )
        open_ = service.run("resume", "--no-wait")
        assert open_.returncode == 8
        assert late in open_.stdout + open_.stderr
        review(person, "merge", tmp_path / "r")
        blocked = service.run("resume")
        assert blocked.returncode == 3
        assert late in blocked.stdout + blocked.stderr
        assert "--leave-late" in blocked.stdout + blocked.stderr
        assert TAG not in service.box.state.tags(NAME)
        result = service.run("resume", "--leave-late")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "too late" not in _body(service)
        [pull] = service.box.state.pulls(NAME).values()
        assert service.box.state.tags(NAME)[TAG] == pull.merge_sha


def test_direct_push_where_it_is_allowed(tmp_path: Path) -> None:
    with serve(tmp_path, scenario=FAST) as service:
        head = service.git("rev-parse", "HEAD").strip()
        planned = service.run("notes")
        result = service.run("bump", "minor", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        state = service.box.state
        assert state.pulls(NAME) == {}
        tagged = state.tags(NAME)[TAG]
        assert state.branches(NAME) == {"main": tagged}
        assert service.git("rev-parse", f"{tagged}~1").strip() == head
        assert _body(service).startswith(planned.stdout.rstrip())
        assert service.run("notes", TAG).stdout == planned.stdout


def test_pre_release_collects_nothing(tmp_path: Path) -> None:
    with protected(tmp_path) as (service, _):
        head = service.git("rev-parse", "HEAD").strip()
        result = service.run("bump", "minor", "--pre", "rc", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "collects no fragments" in result.stdout
        assert service.box.state.pulls(NAME) == {}
        [tag] = [t for t in service.box.state.tags(NAME) if "rc" in t]
        assert service.box.state.tags(NAME)[tag] == head


def test_labels_reviewers_and_files(tmp_path: Path) -> None:
    chart = "name: stargazer\nversion: 1.0.0 # the chart's own\n"
    chart += 'appVersion: "1.4.0"  # ours\n'
    settings = (
        "[[files]]\npath = 'charts/Chart.yaml'\nkey = 'appVersion'\n"
        "[pull-request]\nwhen = 'always'\nlabels = ['release']\n"
        "reviewers = ['reviewer']\n"
    )
    with serve(tmp_path / "s", scenario=FAST) as service:
        person = Person(service)
        (service.clone / "charts").mkdir()
        (service.clone / "charts/Chart.yaml").write_text(
            chart, encoding="utf-8"
        )
        (service.clone / ".rsp-release.toml").write_text(
            settings, encoding="utf-8"
        )
        service.git("add", "--all")
        service.git("commit", "--quiet", "-m", "settings")
        service.git("push", "--quiet", "origin", "main")
        result = service.run("bump", "minor", "--yes", "--no-wait")
        assert result.returncode == 8, result.stdout + result.stderr
        [pull] = service.box.state.pulls(NAME).values()
        assert pull.labels == ["release"]
        assert pull.reviewers == ["reviewer"]
        assert "`charts/Chart.yaml`" in (pull.body or "")
        review(person, "rebase", tmp_path / "r")
        result = service.run("resume")
        assert result.returncode == 0, result.stdout + result.stderr
        service.git("fetch", "--quiet", "origin", "main")
        written = service.git("show", f"{TAG}:charts/Chart.yaml")
        assert written == chart.replace("1.4.0", "1.5.0")


def _fingerprint(service: Service, *folders: Path) -> object:
    """Return all that belongs to a checkout, bit for bit."""
    git = service.clone / ".git"
    # First: git writes into the index what it learns about the files.
    status = service.git("status", "--porcelain", "--ignored")
    names = ["HEAD", "index", "config", "ORIG_HEAD", "packed-refs"]
    found: dict[str, object] = {
        str(path.relative_to(service.clone.parent)): (
            path.read_bytes() if path.is_file() else None,
            path.stat().st_mtime_ns if path.is_file() else None,
            path.stat().st_mode,
        )
        for folder in (service.clone, *folders)
        for path in folder.rglob("*")
        if ".git" not in path.relative_to(folder).parts
    }
    for path in (git / n for n in names):
        found[path.name] = path.read_bytes() if path.exists() else None
    for path in sorted((git / "worktrees").rglob("*")):
        found[f"worktrees/{path}"] = (
            path.read_bytes() if path.is_file() else None
        )
    found["heads"] = service.git("for-each-ref", "refs/heads", "refs/stash")
    found["status"] = status
    found["listed"] = service.git("worktree", "list", "--porcelain")
    return found


def test_the_checkout_is_not_touched(tmp_path: Path) -> None:
    """Uncommitted work, worktrees, a detached HEAD, and the index."""
    with protected(tmp_path / "s") as (service, person):
        tree = tmp_path / "s" / "worktree"
        service.git("worktree", "add", "--quiet", "--detach", str(tree))
        (tree / "README.md").write_text("elsewhere\n", encoding="utf-8")
        (service.clone / "untracked.txt").write_text("mine", encoding="utf-8")
        before = _fingerprint(service, tree)
        result = service.run("bump", "minor", "--yes", "--no-wait")
        assert result.returncode == 8, result.stdout + result.stderr
        assert _fingerprint(service, tree) == before
        # From here on nothing has to be clean any more.
        service.git("switch", "--quiet", "--detach", "HEAD~1")
        (service.clone / "README.md").write_text("mine\n", encoding="utf-8")
        (service.clone / "staged.txt").write_text("mine\n", encoding="utf-8")
        service.git("add", "staged.txt")
        review(person, "merge", tmp_path / "r")
        before = _fingerprint(service, tree)
        result = service.run("resume")
        assert result.returncode == 0, result.stdout + result.stderr
        assert _fingerprint(service, tree) == before
        assert EDITED in _body(service)


def test_labels_decide_where_the_settings_map_them(tmp_path: Path) -> None:
    with serve(tmp_path / "s", scenario=FAST) as service:
        service.withdraw_fragments()
        person = Person(service)
        service.git("switch", "--quiet", "-c", "topic")
        service.commit("chore: something", "some.txt")
        pull = person.ask(
            "POST",
            "/pulls",
            {"title": "Something", "head": "topic", "base": "main"},
        )
        number = pull["number"]
        person.ask(
            "POST", f"/issues/{number}/labels", {"labels": ["API break"]}
        )
        person.ask("GET", f"/pulls/{number}")
        person.ask("PUT", f"/pulls/{number}/merge", {"merge_method": "squash"})
        service.git("switch", "--quiet", "main")
        service.git("pull", "--quiet", "origin", "main")
        settings = '[labels]\n"api break" = "major"\n'
        (service.clone / ".rsp-release.toml").write_text(settings)
        result = service.run("bump", "--dry-run", "--json")
        last = json.loads(result.stdout.splitlines()[-1])
        assert last["version"] == "2.0.0", result.stdout + result.stderr


def test_edited_entry_that_says_another_part_is_asked_about(
    tmp_path: Path,
) -> None:
    """In any clone, and its heading or a person's word is the way out."""
    with protected(tmp_path / "s") as (service, person):
        assert service.run("bump", "--yes", "--no-wait").returncode == 8
        review(
            person,
            "squash",
            tmp_path / "r",
            "### New features",
            "### Backwards-incompatible changes",
        )
        first = service.clone
        service.clone = tmp_path / "other"
        subprocess.run(
            ["git", "clone", "--quiet", str(service.remote), "other"],
            cwd=tmp_path,
            env=service.environ,
            check=True,
        )
        service.git("remote", "set-url", "origin", _origin(service, first))
        result = service.run("resume", TAG)
        assert result.returncode == 3, result.stdout + result.stderr
        said = " ".join((result.stdout + result.stderr).split())
        assert "that makes 2.0.0, and 1.5.0 was chosen" in said
        assert f"`rsp-release resume {TAG} --force`" in said
        assert TAG not in service.box.state.tags(NAME)
        service.clone = first
        # With another heading it is that version, and no longer this one.
        person.push(
            tmp_path / "head",
            "main",
            "CHANGELOG.md",
            lambda text: text.replace("1.5.0", "2.0.0"),
        )
        service.git("pull", "--quiet", "origin", "main")
        result = service.run("bump", "2.0.0", "--yes")
        assert result.returncode == 0, result.stdout + result.stderr
        tags = service.box.state.tags(NAME)
        assert "2.0.0" in tags
        assert TAG not in tags


def _origin(service: Service, clone: Path) -> str:
    service.clone, other = clone, service.clone
    url = service.git("remote", "get-url", "origin").strip()
    service.clone = other
    return url
