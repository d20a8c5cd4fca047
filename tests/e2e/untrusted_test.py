"""A checkout that nobody looked at: what a job on a pull request runs.

Whatever a branch has in its tree, and whatever lies in the work tree: nothing
outside is written or shown, and no program gets a credential in vain.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import (
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from rsp_release.cli.app import main
from rsp_release.exceptions import ReleaseError
from rsp_release.storage.git.deploy_local import LocalDeploy
from rsp_sandbox import Scenario

from ..support.campaigns import choose_size
from ..support.checkouts import (
    FRAGMENT,
    LARGE,
    SETTINGS,
    Checkout,
    checkouts,
    make_checkout,
)
from ..support.service import Service, serve

CANARY = "canary-5b1f"
"""What stands outside of every tree, and must not be seen."""

TOKEN = "hidden-2d7c"
"""A credential that nobody needs, besides the one that is used."""

NETWORK = {"fetch", "ls-remote", "push"}
"""The commands of git that may have a credential."""


OFFLINE = {"next", "check", "init"}
"""The commands for which the remote need not have the commit."""


@dataclass
class Watch:
    """What this process opens and starts while it is on."""

    folder: Path
    token: str
    is_on: bool = False
    wrong: list[str] = field(default_factory=list)

    @property
    def secrets(self) -> set[str]:
        """What is never to be read."""
        environ = os.path.realpath("/proc/self/environ")
        return {str(self.folder / "secret"), environ, "/dev/zero"}

    def look(self, event: str, args: tuple[Any, ...]) -> None:
        """Note what must not be."""
        if not self.is_on:
            return
        if event == "open" and isinstance(args[0], (str, os.PathLike)):
            path, flags = os.fspath(args[0]), args[2]
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not self._is_ours(path):
                self.wrong.append(f"writes {path}")
            if os.path.realpath(path) in self.secrets:
                self.wrong.append(f"reads {path}")
        elif event == "subprocess.Popen":
            _, command, _, environ = args
            values = (os.environ if environ is None else environ).values()
            is_given = any(self.token in v or TOKEN in v for v in values)
            if is_given and not self._may_have_one(list(command)):
                self.wrong.append(f"gives a credential to {command}")

    def _may_have_one(self, command: list[str]) -> bool:
        # GitPython asks once, when it is imported, and the sandbox once.
        if command in (["git", "version"], ["git", "--exec-path"]):
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
            # It would wait for a network that is not there.
            "UV_OFFLINE": "1",
        }
        url = service.box.git_url("rubin-demo/stargazer")
        service.git("remote", "set-url", "origin", url)
        (folder / "secret").write_text(FRAGMENT.replace("Page", CANARY))
        service.git("tag", "--no-sign", "base", "HEAD")
        watch = Watch(folder, token)
        sys.addaudithook(watch.look)
        yield service, watch


def run(service: Service, watch: Watch, *args: str) -> tuple[int, str]:
    """Run a command in this process; return its status and all it said."""
    data = io.BytesIO()
    said = io.TextIOWrapper(data, encoding="utf-8", write_through=True)
    with (
        patch.dict(os.environ, service.environ, clear=True),
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        # What waits for a device or a pipe would wait for ever.
        signal.alarm(600)
        watch.is_on = True
        try:
            status = main(["-C", str(service.clone), *args])
        finally:
            watch.is_on = False
            signal.alarm(0)
    return status, data.getvalue().decode()


def list_objects(service: Service) -> set[str]:
    """Return the names of the objects of the clone."""
    found = service.git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objectname)"
    )
    return set(found.split())


def read_objects(service: Service, names: set[str]) -> bytes:
    """Return the content of objects of the clone."""
    done = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=service.clone, env=service.environ, check=True,
        input="\n".join([*names, ""]).encode(), capture_output=True,
    )  # fmt: skip
    return done.stdout


def push(service: Service) -> None:
    """Let the remote have what the clone has."""
    subprocess.run(
        ["git", "fetch", "--quiet", str(service.clone), "+new:main"],
        cwd=service.remote, env=service.environ, check=True,
        capture_output=True,
    )  # fmt: skip


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
    files = {"changelog.d/b.md": ("100644", FRAGMENT)}
    if text:
        files["pyproject.toml"] = ("100644", text)
    files |= {path: ("120000", target) for path, target in links.items()}
    commands = ("bump", "minor", "--dry-run"), ("next", "minor", "--why")
    try_out(*watched, Checkout(files, oddities), *commands)


@settings(
    max_examples=choose_size(200, 5),
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(checkout=checkouts())
@example(checkout=Checkout({"changelog.d/x.md": ("100644", LARGE)}, {}))
def test_no_made_checkout_reaches_beyond_itself(
    watched: tuple[Service, Watch], checkout: Checkout
) -> None:
    commands: list[tuple[str, ...]] = [
        ("next", "minor", "--why"),
        ("check", "--offline"),
        ("init", "--dry-run"),
    ]
    if choose_size(1, 0):
        commands.append(("notes",))
        commands.append(("bump", "minor", "--dry-run"))
        commands.append(("rehearse", "minor", "--dry-run"))
    try_out(*watched, checkout, *commands)
    assert CANARY not in read_charts(watched[0], checkout)


def read_charts(service: Service, checkout: Checkout) -> str:
    """Read everything as a checkout of a deployment repository is read."""
    deploy = LocalDeploy(service.clone, environ=service.environ)
    commit = deploy.branch(deploy.name, "HEAD")
    assert commit is not None
    found = []
    for path in checkout.files:
        with suppress(ReleaseError):
            found.append(deploy.scan(commit, [path]))
    return str(found)


def try_out(
    service: Service,
    watch: Watch,
    checkout: Checkout,
    *commands: tuple[str, ...],
) -> None:
    """Run commands on a checkout: they reach nothing outside of it."""
    secret, out = watch.folder / "secret", watch.folder / "out"
    before = secret.read_text()
    places = {
        "SECRET": str(secret),
        "RELATIVE": "../" * 30 + str(secret)[1:],
        "FOLDER": str(watch.folder),
        "OUT": str(out),
    }
    make_checkout(service, checkout, places)
    if any(command[0] not in OFFLINE for command in commands):
        push(service)
    known = list_objects(service)
    watch.wrong.clear()
    for command in commands:
        status, shown = run(service, watch, *command)
        assert "internal error" not in shown, shown
        assert status in {0, 1, 2, 3, 4}, shown
        assert CANARY not in shown
        assert service.box.token not in shown
        assert watch.token not in shown
    assert not watch.wrong
    assert not out.exists()
    assert secret.read_text() == before
    new = list_objects(service) - known
    assert CANARY.encode() not in read_objects(service, new)


@contextmanager
def _of_commands(
    watched: tuple[Service, Watch],
) -> Iterator[tuple[Service, Watch, Path]]:
    service, watch = watched
    out = watch.folder / "out"
    toml = SETTINGS[5].replace("OUT", str(out))
    files = {"pyproject.toml": ("100644", toml)}
    files["changelog.d/b.md"] = ("100644", FRAGMENT)
    make_checkout(service, Checkout(files, {}), {})
    push(service)
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
