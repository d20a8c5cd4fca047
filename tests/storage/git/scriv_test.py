"""The change log of real commits, and scriv at work on them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from rsp_release.changelog.entries import entry_of, is_markdown
from rsp_release.config import load_config
from rsp_release.exceptions import BlockedError, RefusedError, SettingsError
from rsp_release.models import Collected, PushBranch
from rsp_release.storage.git.changelog import GitChangelog
from rsp_release.storage.git.clone import GitClone
from rsp_release.storage.git.remote import Remote
from rsp_release.storage.git.repository import Repository as Clone

from ...changelog.entries_test import read
from ...support.simulated import VirtualClock

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCRIV = """\
[tool.scriv]
categories = ["New features", "Bug fixes"]
entry_title_template = "{{ version }} ({{ date.strftime('%Y-%m-%d') }})"
format = "md"
md_header_level = "2"
"""
INI = "[scriv]\nformat = {}\nrst_header_chars = -.\n"
FRAGMENT = "### New features\n\n- Page through lists.\n"
RST_FRAGMENT = "Added\n.....\n\n- Page through lists.\n"


class Repository:
    """A clone with commits, and what looks at its change log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.environ = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_AUTHOR_NAME": "A",
            "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.org",
            "TZ": "UTC",
        }
        self.remote = folder / "remote.git"
        self.folder.mkdir()
        self._run(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", str(self.remote))

    def _run(self, cwd: Path, *args: str) -> str:
        result = subprocess.run(
            ["git", *args],
            cwd=cwd,
            env=self.environ,
            check=True,
            capture_output=True,
        )
        return result.stdout.decode()

    def git(self, *args: str) -> str:
        return self._run(self.folder, *args)

    def commit(self, files: Mapping[str, str]) -> str:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "Change")
        self.git("push", "-q", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD").strip()

    @property
    def clone(self) -> GitClone:
        clone = Clone(self.folder, environ=self.environ)
        remote = Remote(
            clone,
            name="origin",
            server_url="https://github.com",
            token=None,
            clock=VirtualClock(),
            random=Random(0),
        )
        return GitClone(clone, remote, sign="auto")

    @property
    def changelog(self) -> GitChangelog:
        return GitChangelog(
            repository=self.clone.repository,
            environ=self.environ,
            config=load_config(self.folder),
        )

    def collect(self, commit: str, version: str = "1.5.0") -> Collected | None:
        return self.changelog.collect(
            commit, version=version, tag=version, at=AT
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


PLACES = [
    ({"pyproject.toml": SCRIV}, "CHANGELOG.md", "scriv.md", "md"),
    ({"setup.cfg": INI.format("rst")}, "CHANGELOG.rst", "scriv.rst", "rst"),
    (
        {"tox.ini": "[tool.scriv]\nformat=md\nchangelog=docs/log.md\n"},
        "docs/log.md",
        "scriv.md",
        "md",
    ),
    (
        {"changelog.d/scriv.ini": INI.format("rst")},
        "CHANGELOG.rst",
        "scriv.rst",
        "rst",
    ),
]


@pytest.mark.parametrize(("settings", "path", "log", "kind"), PLACES)
def test_scriv_collects_as_in_a_clean_clone(
    repository: Repository,
    settings: Mapping[str, str],
    path: str,
    log: str,
    kind: str,
) -> None:
    fragment = FRAGMENT if kind == "md" else RST_FRAGMENT
    commit = repository.commit(
        {
            **settings,
            path: read(log),
            f"changelog.d/20261101_one.{kind}": fragment,
        }
    )
    version = "2.2.0"
    state = repository.changelog.look(commit, version)
    assert (state.style, state.path, state.entry) == ("scriv", path, None)
    assert state.todo == ("collect 1 fragment",)
    made = repository.changelog.collect(
        commit, version=version, tag=version, at=datetime.now(tz=UTC)
    )
    assert made is not None
    assert made.fragments == (f"changelog.d/20261101_one.{kind}",)
    assert "Page through lists." in made.entry
    subprocess.run(
        [sys.executable, "-m", "scriv", "collect", "--version", version],
        cwd=repository.folder,
        env=repository.environ,
        check=True,
        capture_output=True,
    )
    repository.git("add", "--all")
    assert repository.git("write-tree").strip() == made.tree


def test_entry_has_the_day_of_the_proposal(repository: Repository) -> None:
    commit = repository.commit(
        {
            "pyproject.toml": SCRIV,
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.md": FRAGMENT,
        }
    )
    first, second = repository.collect(commit), repository.collect(commit)
    assert first is not None
    assert first == second
    text = repository.git("show", f"{first.tree}:CHANGELOG.md")
    assert "\n## 1.5.0 (2026-11-22)\n" in text


def test_interrupted_scriv_is_finished(repository: Repository) -> None:
    """The entry was written, and the fragments were not deleted."""
    repository.commit(
        {
            "pyproject.toml": SCRIV,
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.md": FRAGMENT,
        }
    )
    subprocess.run(
        [sys.executable, "-m", "scriv", "collect", "--keep",
         "--version", "1.5.0"],
        cwd=repository.folder,
        env=repository.environ,
        check=True,
        capture_output=True,
    )  # fmt: skip
    commit = repository.commit({})
    state = repository.changelog.look(commit, "1.5.0")
    assert state.leftover == ("changelog.d/a.md",)
    assert state.pending == ()
    made = repository.collect(commit)
    assert made is not None
    assert made.fragments == ("changelog.d/a.md",)
    for tree in (commit, made.tree):
        text = repository.git("show", f"{tree}:CHANGELOG.md")
        assert text.count("Page through lists.") == 1


def test_first_entry_makes_the_change_log(repository: Repository) -> None:
    commit = repository.commit(
        {"pyproject.toml": SCRIV, "changelog.d/a.md": FRAGMENT}
    )
    assert repository.changelog.look(commit, "1.5.0").path is None
    made = repository.collect(commit)
    assert made is not None
    assert made.path == "CHANGELOG.md"
    assert made.entry == "### New features\n\n- Page through lists.\n"
    text = repository.git("show", f"{made.tree}:CHANGELOG.md")
    assert "## 1.5.0 (2026-11-22)\n" in text
    subprocess.run(
        [sys.executable, "-m", "scriv", "collect", "--version", "1.5.0"],
        cwd=repository.folder,
        env=repository.environ,
        check=True,
        capture_output=True,
    )
    # But for the day, it is what scriv makes.
    mine = (repository.folder / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.sub(r"\(.*?\)", "", mine) == re.sub(r"\(.*?\)", "", text)


def test_heading_without_a_version_is_no_obstacle(
    repository: Repository,
) -> None:
    log = read("scriv.md").replace("### Bug fixes", "## Bug fixes")
    commit = repository.commit(
        {
            "pyproject.toml": SCRIV,
            "CHANGELOG.md": log,
            "changelog.d/a.md": FRAGMENT,
        }
    )
    assert repository.collect(commit) is not None


def test_broken_settings_are_told(repository: Repository) -> None:
    settings = SCRIV.replace('format = "md"', 'format = "odt"')
    commit = repository.commit(
        {
            "pyproject.toml": settings,
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.md": FRAGMENT,
        }
    )
    with pytest.raises(BlockedError, match="scriv cannot collect"):
        repository.collect(commit)


def test_entry_is_not_lost_in_another_change_log(
    repository: Repository,
) -> None:
    """Without settings, scriv writes reStructuredText."""
    commit = repository.commit(
        {
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.rst": RST_FRAGMENT,
        }
    )
    with pytest.raises(BlockedError) as e:
        repository.collect(commit)
    assert e.value.message == (
        "scriv writes into CHANGELOG.rst, but the change log is CHANGELOG.md"
    )
    assert "scriv's settings" in (e.value.help or "")


STYLES = [
    ("scriv", {"changelog.d/README.md": "x", "CHANGELOG.md": "scriv.md"}),
    ("unreleased", {"CHANGELOG.md": "keepachangelog.md"}),
    ("unreleased", {"CHANGES.rst": "zest.rst"}),
    ("headings", {"HISTORY.rst": "headings.rst"}),
    ("headings", {"NEWS.md": "headings.md"}),
    (
        "towncrier",
        {
            "NEWS.rst": "towncrier.rst",
            "pyproject.toml": "[tool.towncrier]\ndirectory = 'news'\n",
            "news/1.feature": "More.\n",
        },
    ),
    (
        "changesets",
        {
            ".changeset/one.md": '---\n"a": minor\n---\nMore.\n',
            "CHANGELOG.md": "headings.md",
        },
    ),
    ("none", {"README.md": "x"}),
]


@pytest.mark.parametrize(("style", "files"), STYLES)
def test_style(
    repository: Repository, style: str, files: Mapping[str, str]
) -> None:
    commit = repository.commit(
        {
            name: read(text) if text.endswith((".md", ".rst")) else text
            for name, text in files.items()
        }
    )
    state = repository.changelog.look(commit, "5.0.0")
    assert state.style == style
    made = repository.collect(commit, "5.0.0")
    assert (made is not None) == (style == "unreleased")
    if made is not None and made.path is not None:
        text = repository.git("show", f"{made.tree}:{made.path}")
        entry = entry_of(text, "5.0.0", markdown=is_markdown(made.path))
        assert entry == made.entry
        assert made.fragments == ()


def test_files_get_the_version(repository: Repository) -> None:
    settings = (
        "[[tool.rsp-release.files]]\npath = 'Chart.yaml'\n"
        "key = 'appVersion'\n[[tool.rsp-release.files]]\n"
        "path = 'a.txt'\npattern = 'v=(.*)$'\n"
    )
    files = {
        "pyproject.toml": settings,
        "Chart.yaml": "appVersion: 1.4.0 # x\r\n",
        "a.txt": "\ufeffv=1.4.0\nend",
    }
    commit = repository.commit(files)
    made = repository.collect(commit)
    assert made is not None
    assert (made.path, made.files) == (None, ("Chart.yaml", "a.txt"))
    for name in ("Chart.yaml", "a.txt"):
        text = repository.git("show", f"{made.tree}:{name}")
        assert text == files[name].replace("1.4.0", "1.5.0")
    assert repository.git("status", "--porcelain") == ""
    broken = repository.commit({"Chart.yaml": "version: 1\n"})
    with pytest.raises(SettingsError, match="appVersion"):
        repository.changelog.look(broken, "1.5.0")


def test_push_makes_one_commit_with_a_lease(repository: Repository) -> None:
    commit = repository.commit(
        {
            "pyproject.toml": SCRIV,
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.md": FRAGMENT,
        }
    )
    made = repository.collect(commit)
    assert made is not None
    before = repository.git("for-each-ref", "refs/heads")
    index = (repository.folder / ".git/index").read_bytes()
    write = PushBranch(
        branch="rsp-release/changelog-1.5.0",
        tag="1.5.0",
        base=commit,
        tree=made.tree,
        message="Update\n",
        at=AT,
        expected=None,
    )
    repository.clone.push_branch(write)
    [head] = repository.clone.remote_branches("rsp-release/").values()
    assert repository.git("rev-parse", f"{head}~1").strip() == commit
    assert repository.git("log", "-1", "--format=%cI", head).startswith(
        "2026-11-22T12:00:00"
    )
    # The same again is the same commit; another one is refused.
    repository.clone.push_branch(write)
    other = replace(write, at=AT + timedelta(days=1), claim=head)
    with pytest.raises(RefusedError) as error:
        repository.clone.push_branch(other)
    assert error.value.is_duplicate
    assert repository.git("for-each-ref", "refs/heads") == before
    assert (repository.folder / ".git/index").read_bytes() == index
    changelog = repository.changelog
    assert changelog.find_commit(commit, head, "1.5.0") == head
    assert changelog.find_commit(commit, commit, "1.5.0") is None
    assert changelog.find_commit(head, head, "1.5.0") == head


def test_what_is_pushed_on_top_does_not_count(repository: Repository) -> None:
    """In a clone that knows nothing, only the name of the commit tells."""
    repository.commit(
        {"CHANGELOG.md": read("keepachangelog.md"), "a.txt": "a"}
    )
    log = read("keepachangelog.md").replace("[Unreleased]", "[1.5.0]")
    for subject, is_ours in (("Update the log", False), ("", True)):
        (repository.folder / "CHANGELOG.md").write_text(log)
        repository.git("add", "--all")
        repository.git(
            "commit", "-q", "-m", subject or "Update the change log for 1.5.0"
        )
        own = repository.git("rev-parse", "HEAD").strip()
        top = repository.commit({"a.txt": f"b{subject}"})
        found = repository.changelog.find_commit(top, top, "1.5.0")
        assert found == (own if is_ours else top)
        repository.git("reset", "-q", "--hard", f"{own}~1")
        repository.git("push", "-q", "--force", "origin", "HEAD:main")


# -- Fragments that come late -----------------------------------------------

LATE = "### New features\n\n- Came late.\n\n### Bug fixes\n\n- Mended.\n"
RST_LATE = "Added\n.....\n\n- Came late.\n\nFixed\n.....\n\n- Mended.\n"


def push(repository: Repository, made: Collected, *, is_late: bool) -> str:
    """Push what was collected; return the commit."""
    before = repository.clone.remote_branches("rsp-release/")
    repository.clone.push_branch(
        PushBranch(
            branch="rsp-release/changelog-2.2.0",
            tag="2.2.0",
            base=made.base,
            tree=made.tree,
            message="Update the change log for 2.2.0\n",
            at=AT,
            expected=next(iter(before.values()), None),
            claim=repository.clone.remote_refs("main").claim,
            merged=made.merged,
            merged_tree=made.merged_tree,
            is_late=is_late,
        )
    )
    [head] = repository.clone.remote_branches("rsp-release/").values()
    return head


@pytest.mark.parametrize(
    ("settings", "path", "log", "kind"), [PLACES[0], PLACES[3]]
)
def test_late_fragments_are_added_to_what_was_edited(
    repository: Repository,
    settings: Mapping[str, str],
    path: str,
    log: str,
    kind: str,
) -> None:
    version, late = "2.2.0", f"changelog.d/20261201_late.{kind}"
    base = repository.commit(
        {
            **settings,
            path: read(log),
            f"changelog.d/20261101_one.{kind}": FRAGMENT
            if kind == "md"
            else RST_FRAGMENT,
        }
    )
    changelog = repository.changelog
    made = changelog.collect(base, version=version, tag=version, at=AT)
    assert made is not None
    head = push(repository, made, is_late=False)
    assert changelog.find_late(head, base, version) == ()
    assert changelog.collect_late(head, base, version=version, at=AT) is None
    # It is edited in a review, and main goes on.
    repository.git("switch", "-q", "--detach", head)
    text = (repository.folder / path).read_text(encoding="utf-8")
    edited = text.replace("Page through", "Edited:  page through")
    (repository.folder / path).write_text(edited, encoding="utf-8")
    repository.git("commit", "-qam", "Edit")
    head = repository.git("rev-parse", "HEAD").strip()
    repository.git("push", "-q", "origin", "HEAD:rsp-release/changelog-2.2.0")
    repository.git("switch", "-q", "main")
    main = repository.commit(
        {
            late: LATE if kind == "md" else RST_LATE,
            "code.py": "x = 1\n",
        }
    )
    assert changelog.find_late(head, main, version) == (late,)
    added = changelog.collect_late(head, main, version=version, at=AT)
    assert added is not None
    assert (added.base, added.merged) == (head, main)
    assert added.fragments == (late,)
    new = push(repository, added, is_late=True)
    # Review's commits stay, and nothing of main is undone.
    assert repository.clone.is_ancestor(head, new)
    assert repository.clone.is_ancestor(main, new)
    assert repository.git("show", f"{new}:code.py") == "x = 1\n"
    assert repository.git("diff", "--name-only", main, new).split() == sorted(
        [path, f"changelog.d/20261101_one.{kind}", late]
    )
    result = repository.git("show", f"{new}:{path}")
    extra = [li for li in result.splitlines() if li not in edited.splitlines()]
    assert extra[0] == "- Came late."
    assert extra[-1] == "- Mended."
    assert "Edited:  page through" in result
    assert result.count("2.2.0") == edited.count("2.2.0")
    assert result.count("Came late") == 1
    entry = entry_of(result, version, markdown=kind == "md")
    assert entry == added.entry
    # It is there, and not added again.
    assert changelog.find_late(new, main, version) == ()
    assert changelog.collect_late(new, main, version=version, at=AT) is None


def test_late_fragments_after_the_branch_was_brought_up_to_date(
    repository: Repository,
) -> None:
    """Somebody presses "Update branch": they are there, not collected."""
    base = repository.commit(
        {
            "pyproject.toml": SCRIV,
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.md": FRAGMENT,
        }
    )
    changelog = repository.changelog
    made = repository.collect(base, "2.2.0")
    assert made is not None
    head = push(repository, made, is_late=False)
    main = repository.commit({"changelog.d/late.md": LATE})
    repository.git("switch", "-q", "--detach", head)
    repository.git("merge", "-q", "--no-edit", main)
    head = repository.git("rev-parse", "HEAD").strip()
    assert changelog.find_late(head, main, "2.2.0") == ("changelog.d/late.md",)
    added = changelog.collect_late(head, main, version="2.2.0", at=AT)
    assert added is not None
    assert (added.base, added.merged) == (head, None)
    assert "- Page through lists.\n\n- Came late.\n" in added.entry


def test_late_fragments_that_conflict(repository: Repository) -> None:
    base = repository.commit(
        {
            "pyproject.toml": SCRIV,
            "CHANGELOG.md": read("scriv.md"),
            "changelog.d/a.md": FRAGMENT,
        }
    )
    made = repository.collect(base, "2.2.0")
    assert made is not None
    head = push(repository, made, is_late=False)
    main = repository.commit(
        {"changelog.d/a.md": LATE, "changelog.d/late.md": LATE}
    )
    with pytest.raises(BlockedError, match=r"conflict in changelog\.d/a\.md"):
        repository.changelog.collect_late(head, main, version="2.2.0", at=AT)


# -- A branch that is not trusted -------------------------------------------

BASE = {
    "pyproject.toml": SCRIV,
    "CHANGELOG.md": read("scriv.md"),
    "changelog.d/a.md": FRAGMENT,
}


def commit_link(repository: Repository, path: str, target: str) -> str:
    """Commit `BASE` with a symbolic link in it."""
    repository.commit(BASE)
    place = repository.folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    return repository.commit({})


def commit_title(repository: Repository, template: str) -> str:
    """Commit `BASE` with a template of the entry's title."""
    title = f"entry_title_template = {json.dumps(template)}"
    settings = re.sub(r"(?m)^entry_title.*$", lambda _: title, SCRIV)
    return repository.commit({**BASE, "pyproject.toml": settings})


@pytest.mark.parametrize("path", ["CHANGELOG.md", "changelog.d/b.md"])
@pytest.mark.parametrize("is_absolute", [True, False])
def test_links_are_not_followed(
    repository: Repository, tmp_path: Path, path: str, *, is_absolute: bool
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(FRAGMENT)
    target = str(secret) if is_absolute else "../" * 20 + str(secret)[1:]
    commit = commit_link(repository, path, target)
    with pytest.raises(
        BlockedError, match=f"{path} is a symbolic link"
    ) as error:
        repository.collect(commit)
    assert error.value.help == "commit a file in its place"
    assert secret.read_text() == FRAGMENT


@pytest.mark.parametrize(
    "path", ["pyproject.toml", "setup.cfg", "changelog.d/scriv.ini"]
)
def test_settings_of_scriv_that_are_links(
    repository: Repository, tmp_path: Path, path: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("[tool.scriv]\nformat = 'rst'\n")
    commit = commit_link(repository, path, str(secret))
    # Our own settings are those of the work tree.
    (repository.folder / path).unlink()
    with pytest.raises(BlockedError, match=f"{path} is a symbolic link"):
        repository.collect(commit)


def test_link_in_a_folder_with_a_newline(
    repository: Repository, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(FRAGMENT)
    ini = "[scriv]\nformat = md\nfragment_directory = x\ny\n"
    toml = SCRIV + 'fragment_directory = "x\\ny"\n'
    repository.commit({"setup.cfg": ini, "pyproject.toml": toml})
    commit = commit_link(repository, "x\ny/b.md", str(secret))
    repository.git("checkout", commit, "--", ".")
    commit = repository.commit({"pyproject.toml": toml})
    with pytest.raises(BlockedError, match=r"x\ny/b\.md is a symbolic link"):
        repository.collect(commit)


def test_fragments_in_a_folder_with_a_newline(repository: Repository) -> None:
    toml = SCRIV + 'fragment_directory = "x\\ny"\n'
    commit = repository.commit({"pyproject.toml": toml, "x\ny/b.md": FRAGMENT})
    made = repository.collect(commit)
    assert made is not None
    assert made.fragments == ("x\ny/b.md",)


OUTSIDE = [
    ("changelog", "{}"),
    ("changelog", "../../../../../../../../../../..{}"),
    ("output_file", "{}"),
    ("fragment_directory", "{}"),
    ("fragment_directory", "a/../../b"),
    ("changelog", "literal: {}: a.b"),
    ("entry_title_template", "file: {}"),
    ("entry_title_template", "file: ./../../../../../../../../..{}"),
    ("entry_title_template", "literal: {}: a.b"),
    ("start_marker", "file: {}"),
]


@pytest.mark.parametrize(("key", "value"), OUTSIDE)
def test_settings_name_nothing_outside(
    repository: Repository, tmp_path: Path, key: str, value: str
) -> None:
    secret = tmp_path / "secret.toml"
    secret.write_text("[a]\nb = 'hidden'\n")
    settings = re.sub(rf"(?m)^{key} .*\n", "", SCRIV)
    settings += f'{key} = "{value.format(secret)}"\n'
    commit = repository.commit({**BASE, "pyproject.toml": settings})
    with pytest.raises(BlockedError, match="outside of the repository"):
        repository.collect(commit)
    assert secret.read_text() == "[a]\nb = 'hidden'\n"


@pytest.mark.parametrize(
    ("key", "command"),
    [
        ("entry_title_template", "command: env > {}; echo 9"),
        ("start_marker", "command: env > {}"),
    ],
)
def test_commands_are_left_out(
    repository: Repository, tmp_path: Path, key: str, command: str
) -> None:
    out = tmp_path / "out"
    settings = re.sub(rf"(?m)^{key} .*\n", "", SCRIV)
    settings += f"{key} = {json.dumps(command.format(out))}\n"
    commit = repository.commit({**BASE, "pyproject.toml": settings})
    made = repository.collect(commit)
    assert made is not None
    assert made.left_out == (key,)
    assert "Page through lists." in made.entry
    assert not out.exists()


def test_format_that_is_a_command(
    repository: Repository, tmp_path: Path
) -> None:
    """Scriv takes it from the change log's suffix, and looks at it nowhere."""
    out = tmp_path / "out"
    settings = re.sub(r"(?m)^format .*\n", "", SCRIV)
    settings += f"changelog = 'a.command: env > {out}'\n"
    commit = repository.commit({**BASE, "pyproject.toml": settings})
    with pytest.raises(BlockedError):
        repository.collect(commit)
    assert not out.exists()


def test_commands_of_a_trusted_repository(
    repository: Repository, tmp_path: Path
) -> None:
    """They get neither a credential nor the clone."""
    out = tmp_path / "out"
    commit = commit_title(
        repository,
        f"command: env > {out}; git rev-parse --git-dir >> {out} 2>&1;"
        " echo Version 1.5.0",
    )
    changelog = GitChangelog(
        repository=repository.clone.repository,
        environ={
            **repository.environ,
            "GITHUB_TOKEN": "hidden",
            "SSH_AUTH_SOCK": "hidden",
            "AWS_SECRET_ACCESS_KEY": "hidden",
        },
        config=load_config(repository.folder),
        trusts=True,
    )
    made = changelog.collect(commit, version="1.5.0", tag="1.5.0", at=AT)
    assert made is not None
    assert made.left_out == ()
    text = repository.git("show", f"{made.tree}:CHANGELOG.md")
    assert "## Version 1.5.0\n" in text
    said = out.read_text()
    assert "hidden" not in said
    assert f"HOME={os.environ['HOME']}\n" not in said
    assert "\nPATH=" in f"\n{said}"
    assert "not a git repository" in said


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('touch OUT').read() }}",
        "{{ config.read_file_value('/etc/passwd') }}",
        "{{ config.resolve_value('command: touch OUT') }}",
        "{{ config._Settings__config.resolve_value('command: touch OUT') }}",
        "{% include '/etc/passwd' %}",
        "{{ version.from_text.__globals__.x }}",
    ],
)
def test_templates_reach_data_alone(
    repository: Repository, tmp_path: Path, template: str
) -> None:
    out = tmp_path / "out"
    commit = commit_title(repository, template.replace("OUT", str(out)))
    with pytest.raises(BlockedError, match="scriv cannot collect"):
        repository.collect(commit)
    assert not out.exists()


def test_template_shows_settings(repository: Repository) -> None:
    title = (
        "{{ version }} in {{ config.changelog }}, {{ config.categories[0] }}"
    )
    commit = commit_title(repository, title)
    made = repository.collect(commit)
    assert made is not None
    text = repository.git("show", f"{made.tree}:CHANGELOG.md")
    assert "## 1.5.0 in CHANGELOG.md, New features\n" in text


def test_attributes_choose_no_filter(
    repository: Repository, tmp_path: Path
) -> None:
    """What decrypts one file is not to decrypt another."""
    out = tmp_path / "out"
    for key in ("smudge", "clean", "process"):
        repository.git("config", f"filter.crypt.{key}", f"tee {out}")
    repository.git("config", "filter.crypt.required", "true")
    tree = {**BASE, ".gitattributes": "*.md filter=crypt\n"}
    repository.environ["GIT_CONFIG_COUNT"] = "3"
    for number, key in enumerate(("clean", "process", "required")):
        repository.environ[f"GIT_CONFIG_KEY_{number}"] = f"filter.crypt.{key}"
        repository.environ[f"GIT_CONFIG_VALUE_{number}"] = ""
    commit = repository.commit(tree)
    for name in list(repository.environ):
        if name.startswith("GIT_CONFIG_") and name[-1:].isdigit():
            del repository.environ[name]
    del repository.environ["GIT_CONFIG_COUNT"]
    assert not out.exists()
    made = repository.collect(commit)
    assert made is not None
    assert "Page through lists." in made.entry
    assert not out.exists()


def test_large_fragment_is_told(repository: Repository) -> None:
    """100 MB, which deflate to next to nothing."""
    data = b"\0" * 100_000_000
    made = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=repository.folder, env=repository.environ, check=True,
        input=data, capture_output=True,
    )  # fmt: skip
    blob = made.stdout.decode().strip()
    repository.commit(BASE)
    repository.git(
        "update-index", "--add", "--cacheinfo",
        f"100644,{blob},changelog.d/b.md",
    )  # fmt: skip
    repository.git("commit", "-q", "-m", "Large")
    with pytest.raises(BlockedError, match=r"changelog\.d/b\.md is too large"):
        repository.changelog.look("HEAD", "1.5.0")


def test_version_file_that_is_a_link_stays(
    repository: Repository, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("v=1.4.0\n")
    settings = (
        SCRIV + "[[tool.rsp-release.files]]\npath = 'a.txt'\n"
        "pattern = 'v=(.*)$'\n"
    )
    commit_link(repository, "a.txt", str(secret))
    commit = repository.commit({"pyproject.toml": settings})
    made = repository.collect(commit)
    assert made is not None
    assert made.files == ()
    assert secret.read_text() == "v=1.4.0\n"
    mode = repository.git("ls-tree", made.tree, "a.txt").split()[0]
    assert mode == "120000"
    target = repository.git("show", f"{made.tree}:a.txt")
    assert target == str(secret)
