"""A checkout that nobody looked at: what a job on a pull request runs.

Whatever a branch has in its tree, and whatever lies in the work tree: nothing
outside is written or shown, and no program gets a credential in vain.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from rsp_release.cli.app import main
from rsp_sandbox import Scenario

from ..support.service import Service, serve

CANARY = "canary-5b1f"
"""What stands outside of every tree, and must not be seen."""

TOKEN = "hidden-2d7c"
"""A credential that nobody needs, besides the one that is used."""

FRAGMENT = "### New features\n\n- Page through lists.\n"

NETWORK = {"fetch", "ls-remote", "push"}
"""The commands of git that may have a credential."""


@dataclass
class Watch:
    """What this process opens and starts while it is on."""

    folder: Path
    token: str
    is_on: bool = False
    wrong: list[str] = field(default_factory=list)

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        """Note what must not be."""
        if not self.is_on:
            return
        if event == "open" and isinstance(args[0], (str, os.PathLike)):
            path, flags = os.fspath(args[0]), args[2]
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not self._is_ours(path):
                self.wrong.append(f"writes {path}")
        elif event == "subprocess.Popen":
            _, command, _, environ = args
            values = (os.environ if environ is None else environ).values()
            is_given = any(self.token in v or TOKEN in v for v in values)
            if is_given and not self._may_have_one(list(command)):
                self.wrong.append(f"gives a credential to {command}")

    def _may_have_one(self, command: list[str]) -> bool:
        # GitPython asks once, when it is imported.
        if command == ["git", "version"]:
            return True
        is_network = command[0] == "git" and bool(NETWORK & set(command))
        # The sandbox is in this process as well.
        sandbox = command == ["git", "cat-file", "--batch"] or any(
            part in each
            for part in ("stargazer.git", "http-backend")
            for each in command
        )
        return is_network or sandbox

    def _is_ours(self, path: str) -> bool:
        start = str(Path(tempfile.gettempdir()) / "rsp-release-")
        return path.startswith(start) or path in {os.devnull, "/dev/tty"}


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Service, Watch]]:
    folder = tmp_path_factory.mktemp("untrusted")
    scenario = Scenario(speed=20, appear_after=0.1)
    with serve(folder / "service", scenario=scenario) as service:
        token = service.box.add_token(limit=1_000_000)
        service.environ |= {
            "GITHUB_TOKEN": token,
            "AWS_SECRET_ACCESS_KEY": TOKEN,
            "ACTIONS_RUNTIME_TOKEN": TOKEN,
        }
        url = service.box.git_url("rubin-demo/stargazer")
        service.git("remote", "set-url", "origin", url)
        (folder / "secret").write_text(FRAGMENT.replace("Page", CANARY))
        service.git("tag", "--no-sign", "base", "HEAD")
        watch = Watch(folder, token)
        sys.addaudithook(watch.look)
        yield service, watch


def make_checkout(
    service: Service, files: Mapping[str, tuple[str, str]]
) -> None:
    """Let the clone and its remote have a commit with some more files."""
    service.git("update-ref", "refs/heads/new", "base^{commit}")
    stream = [b"commit refs/heads/new\n"]
    stream.append(b"committer C <c@example.org> 1790000000 +0000\n")
    stream.append(b"data 11\nfeat: more\n\nfrom refs/heads/new^0\n")
    for path, (mode, text) in files.items():
        data = text.encode()
        quoted = path.replace("\n", "\\n").encode()
        stream.append(b'M %b inline "%b"\n' % (mode.encode(), quoted))
        stream.append(b"data %d\n%b\n" % (len(data), data))
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"],
        cwd=service.clone, env=service.environ, check=True,
        input=b"".join(stream), capture_output=True,
    )  # fmt: skip
    service.git("clean", "--quiet", "-ffdx")
    service.git("reset", "--quiet", "--hard", "new")
    subprocess.run(
        ["git", "fetch", "--quiet", str(service.clone), "+new:main"],
        cwd=service.remote, env=service.environ, check=True,
        capture_output=True,
    )  # fmt: skip


def run(service: Service, watch: Watch, *args: str) -> tuple[int, str]:
    """Run a command in this process; return its status and all it said."""
    said = io.StringIO()
    with (
        patch.dict(os.environ, service.environ, clear=True),
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        watch.is_on = True
        try:
            status = main(["-C", str(service.clone), *args])
        finally:
            watch.is_on = False
    return status, said.getvalue()


def find_objects(service: Service) -> bytes:
    """Return the content of every object of the clone."""
    done = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"],
        cwd=service.clone, env=service.environ, check=True,
        capture_output=True,
    )  # fmt: skip
    return done.stdout


_SCRIV = '[tool.scriv]\nformat = "md"\n'

_TEMPLATE = """\
entry_title_template = '''
{{ cycler.__init__.__globals__.os.popen('env > OUT').read() }}'''
"""

SETTINGS = [
    f'{_SCRIV}changelog = "SECRET"\n',
    f'{_SCRIV}changelog = "RELATIVE"\n',
    f'{_SCRIV}fragment_directory = "x\\ny"\n',
    f'{_SCRIV}fragment_directory = "FOLDER"\n',
    f'{_SCRIV}entry_title_template = "file: SECRET"\n',
    f'{_SCRIV}entry_title_template = "command: env | tee OUT"\n',
    _SCRIV + _TEMPLATE,
    """\
[build-system]
requires = []
build-backend = "a"
backend-path = ["."]
[project]
name = "a"
dynamic = ["version", "dependencies"]
""",
]


@pytest.mark.parametrize(
    ("links", "text", "oddities"),
    [
        ({"CHANGELOG.md": "SECRET"}, "", {}),
        ({"changelog.d/x.md": "RELATIVE"}, "", {}),
        ({"x\ny/z.md": "RELATIVE"}, SETTINGS[2], {}),
        ({}, SETTINGS[0], {}),
        ({}, SETTINGS[3], {}),
        ({}, SETTINGS[6], {"uv.lock": "fifo"}),
        ({".rsp-release.toml": ".git/config"}, "", {}),
        ({}, "", {"pyproject.toml": "fifo"}),
        ({}, "", {".rsp-release.toml": "folder"}),
    ],
)
def test_no_checkout_reaches_beyond_itself(
    watched: tuple[Service, Watch],
    links: Mapping[str, str],
    text: str,
    oddities: Mapping[str, str],
) -> None:
    service, watch = watched
    secret, out = watch.folder / "secret", watch.folder / "out"
    before = secret.read_text()

    def fill(said: str) -> str:
        for name, place in (
            ("SECRET", str(secret)),
            ("RELATIVE", "../" * 30 + str(secret)[1:]),
            ("FOLDER", str(watch.folder)),
            ("OUT", str(out)),
        ):
            said = said.replace(name, place)
        return said

    files = {"changelog.d/b.md": ("100644", FRAGMENT)}
    if text:
        files["pyproject.toml"] = ("100644", fill(text))
    for path, target in sorted(links.items()):
        files[path] = ("120000", fill(target))
    make_checkout(service, files)
    for path, kind in oddities.items():
        _place(service.clone / path, kind)
    watch.wrong.clear()
    shown = run(service, watch, "bump", "minor", "--dry-run")[1]
    shown += run(service, watch, "next", "minor", "--why")[1]
    assert "internal error" not in shown
    assert not watch.wrong
    assert not out.exists()
    assert secret.read_text() == before
    assert CANARY not in shown
    assert CANARY.encode() not in find_objects(service)
    assert watch.token not in shown


def _place(path: Path, kind: str) -> None:
    """Put what git does not know into the work tree."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    if path.parent.is_dir() and not path.exists():
        os.mkfifo(path) if kind == "fifo" else path.mkdir()


@contextmanager
def _of_commands(
    watched: tuple[Service, Watch],
) -> Iterator[tuple[Service, Watch, Path]]:
    service, watch = watched
    out = watch.folder / "out"
    toml = SETTINGS[5].replace("OUT", str(out))
    files = {"pyproject.toml": ("100644", toml)}
    files["changelog.d/b.md"] = ("100644", FRAGMENT)
    make_checkout(service, files)
    yield service, watch, out
    out.unlink(missing_ok=True)


@pytest.mark.parametrize("command", ["bump", "rehearse"])
def test_commands_of_settings(
    watched: tuple[Service, Watch], command: str
) -> None:
    """They are left out, and that is told, unless somebody trusts them."""
    with _of_commands(watched) as (service, watch, out):
        status, said = run(service, watch, command, "minor", "--dry-run")
        assert status == 0, said
        plain = " ".join(said.split())
        assert "the command in scriv's setting entry_title_template" in plain
        assert "--trust-repository runs it" in plain
        assert not out.exists()
        status, said = run(
            service, watch, command, "minor", "--dry-run",
            "--trust-repository",
        )  # fmt: skip
        assert status == 0, said
        assert "left out" not in said
        environ = out.read_text()
        assert "PATH=" in environ
        for secret in (watch.token, service.box.token, TOKEN):
            assert secret not in environ
