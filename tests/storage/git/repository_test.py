"""What GitPython would do by itself, and what is done instead."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rsp_release.config import Config
from rsp_release.exceptions import ReadError, UsageError
from rsp_release.storage.git.branches import is_signing
from rsp_release.storage.git.history import read_history
from rsp_release.storage.git.repository import Repository

ENVIRON = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "2026-11-01T00:00:00Z",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "2026-11-01T00:00:00Z",
}
SECONDS = 1793491200


def run(folder: Path, *args: str, data: bytes = b"") -> str:
    done = subprocess.run(
        ["git", *args],
        cwd=folder,
        env={**os.environ, **ENVIRON},
        input=data,
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository that no test changes, in a folder with a dollar."""
    folder = tmp_path_factory.mktemp("clone") / "$HOME"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "top.txt").write_text("top\n")
    (folder / "a" / "b" / "c.txt").write_bytes(b"c\r\n\xff")
    (folder / "a" / "link").symlink_to("../top.txt")
    run(folder, "init", "--quiet", "-b", "main")
    run(folder, "add", ".")
    run(folder, "commit", "--quiet", "-m", "first")
    run(folder, "tag", "-a", "-m", "one", "1.0.0")
    run(folder, "tag", "-a", "-m", "of a tag", "nested", "1.0.0")
    run(folder, "tag", "tree", "HEAD^{tree}")
    head = run(folder, "rev-parse", "HEAD")
    text = f"object {head}\ntype commit\ntag bare\n\nno tagger\n"
    made = run(
        folder, "hash-object", "-t", "tag", "-w", "--stdin", "--literally",
        data=text.encode(),
    )  # fmt: skip
    run(folder, "update-ref", "refs/tags/bare", made)
    return folder


@pytest.fixture
def repository(folder: Path) -> Repository:
    return Repository(folder, environ=ENVIRON)


def test_names_and_files(folder: Path, repository: Repository) -> None:
    head = run(folder, "rev-parse", "HEAD")
    assert repository.root == folder
    assert repository.peel("HEAD") == repository.peel("refs/tags/1.0.0")
    assert repository.peel("refs/tags/nested") == head
    assert repository.peel("refs/tags/tree") is None
    assert repository.file(head, "a/b/c.txt") == b"c\r\n\xff"
    assert repository.file("refs/tags/tree", "top.txt") == b"top\n"
    for path in ("a", "a/", "/top.txt", "a/../top.txt", "top.txt/x", "-x"):
        assert repository.file(head, path) is None
    assert repository.names(head, "") == ("top.txt",)
    assert repository.names(head, "a/b") == ("c.txt",)
    assert repository.names(head, "top.txt") == ()
    with pytest.raises(ReadError, match="git has no 0000"):
        repository.file("0" * 40, "top.txt")


@pytest.mark.parametrize("tag", ["1.0.0", "nested", "bare"])
def test_dates(repository: Repository, tag: str) -> None:
    assert repository.date(f"refs/tags/{tag}") == SECONDS
    assert not repository.is_signed(tag)


def test_date_of_what_has_none(repository: Repository) -> None:
    with pytest.raises(ReadError, match="is no commit"):
        repository.date("refs/tags/tree")


@pytest.mark.parametrize(
    "name", ["nothing", "a b c", "HEAD\nHEAD^{tree}", "", "-x", "HEAD:x"]
)
def test_names_of_nothing(repository: Repository, name: str) -> None:
    assert repository.resolve(name) is None
    assert repository.resolve("HEAD") == repository.peel("HEAD")


def test_process_that_died_is_no_missing_object(
    repository: Repository,
) -> None:
    command = repository._repo.git
    head = repository.resolve("HEAD")
    assert head is not None
    kill(command.cat_file_header)
    assert repository.resolve("HEAD") == head
    assert repository.file(head, "top.txt") == b"top\n"
    kill(command.cat_file_all)
    with pytest.raises(ReadError, match="git cannot read"):
        repository.file(head, "top.txt")
    assert repository.file(head, "top.txt") == b"top\n"


def kill(command: Any) -> None:
    command.proc.kill()
    command.proc.wait()


def test_checks_read_at_once(repository: Repository) -> None:
    def read(number: int) -> bytes | None:
        path = ("top.txt", "a/b/c.txt")[number % 2]
        return repository.file("HEAD", path)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(200)))
    assert found == [b"top\n", b"c\r\n\xff"] * 100


def test_files_of_another_person(folder: Path) -> None:
    """GitPython opens them, and takes what is there for missing."""
    environ = {**ENVIRON, "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    with pytest.raises(ReadError, match="dubious ownership"):
        Repository(folder, environ=environ)


def test_only_a_no_of_git_is_one(folder: Path) -> None:
    repository = Repository(folder, environ=ENVIRON)
    assert repository.ask("config", "rsp.unset") is None
    environ = {
        **ENVIRON,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "tag.gpgSign",
        "GIT_CONFIG_VALUE_0": "perhaps",
    }
    with pytest.raises(ReadError, match="bad boolean"):
        is_signing(Repository(folder, environ=environ), "auto", "tag")


def test_processes_end_with_the_repository(folder: Path) -> None:
    """GitPython would leave them to the end of this process."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from rsp_release.storage.git.repository import Repository\n"
        "r = Repository(Path(sys.argv[1]), environ=os.environ)\n"
        "print(r.resolve('HEAD'), len(r.file('HEAD', 'top.txt')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **ENVIRON},
        check=False,
    )
    assert done.stdout.endswith(" 4\n")
    assert "unclosed" not in done.stderr
    assert "still running" not in done.stderr


def test_settings_of_the_environment_count(folder: Path) -> None:
    environ = {
        **ENVIRON,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "tag.gpgSign",
        "GIT_CONFIG_VALUE_0": "yes",
    }
    repository = Repository(folder, environ=environ)
    assert is_signing(repository, "auto", "tag")
    assert not is_signing(repository, "auto", "commit")


def test_folder_that_is_gone(tmp_path: Path) -> None:
    """GitPython would run git where this process is."""
    gone = tmp_path / "gone"
    run(tmp_path, "init", "--quiet", "gone")
    repository = Repository(gone, environ=ENVIRON)
    gone.rename(tmp_path / "elsewhere")
    with pytest.raises(ReadError, match="cannot change to"):
        repository.read("rev-parse", "--git-dir")


def test_git_that_is_not_installed(folder: Path) -> None:
    """It is told when git is needed, not by a failing import."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rsp_release.storage.git.repository import Repository\n"
        "Repository(Path(sys.argv[1]), environ={}).resolve('HEAD')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={"PATH": "/nonexistent", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "UsageError: git is not installed" in done.stderr


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not in a git repository"):
        Repository(tmp_path, environ=ENVIRON)
    with pytest.raises(UsageError, match="not in a git repository"):
        Repository(tmp_path / "nothing", environ=ENVIRON)


def test_objects_named_by_sha256(folder: Path, tmp_path: Path) -> None:
    """GitPython cannot read them; a release of them could not be pushed."""
    place = tmp_path / "sha256"
    run(folder, "init", "--quiet", "--object-format=sha256", str(place))
    run(place, "commit", "--quiet", "--allow-empty", "-m", "feat: one")
    with pytest.raises(UsageError, match=r"SHA-256.* GitHub") as e:
        Repository(place, environ=ENVIRON)
    assert "git fast-export" in (e.value.help or "")
    assert read_history(place, config=Config()).commits.total == 1


def test_links_are_no_files(folder: Path, repository: Repository) -> None:
    head = run(folder, "rev-parse", "HEAD")
    assert repository.file(head, "a/link") is None
    assert "link" not in repository.names(head, "a")


def test_revision_with_a_newline(folder: Path, repository: Repository) -> None:
    """It is one question, whose answer is not taken for another's."""
    head = run(folder, "rev-parse", "HEAD")
    assert repository.resolve(f"{head}\n{head}:top.txt") is None
    assert repository.resolve(f"{head}:a") == run(
        folder, "rev-parse", f"{head}:a"
    )
