"""A made-up service on the sandbox, and the program run on a clone of it."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from rsp_release.config import load_config
from rsp_release.engine.world import Clock
from rsp_release.factory import Factory, SystemClock
from rsp_release.models import Event, Result
from rsp_release.release.plan import Options
from rsp_release.release.releaser import Releaser
from rsp_release.version.choose import Request
from rsp_sandbox import Scenario, seed
from rsp_sandbox.git import git_environment

from .box import Sandbox
from .clocks import LeapingClock
from .places import find_memory
from .spawning import Program, run_program, start_program

__all__ = ["NAME", "Service", "serve"]

NAME = "rubin-demo/stargazer"
TAG = "1.5.0"
_SOURCE = "SOURCE"


@dataclass(kw_only=True)
class Service:
    """The service, its sandbox, and a clone."""

    box: Sandbox
    remote: Path
    clone: Path
    environ: dict[str, str]
    clock: Clock | None = None
    events: list[Event] = field(default_factory=list)
    name: str = NAME
    """Owner and name of the repository, as they are now."""

    def git(self, *args: str) -> str:
        """Run git in the clone."""
        result = subprocess.run(
            ["git", *args],
            cwd=self.clone,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return result.stdout

    def commit(self, message: str, name: str = "file.txt") -> str:
        """Commit and push a change; return the commit."""
        (self.clone / name).write_text(f"{message}\n", encoding="utf-8")
        self.git("add", name)
        self.git("commit", "--quiet", "-m", message)
        self.git("push", "--quiet", "origin", "HEAD")
        return self.git("rev-parse", "HEAD").strip()

    def make_releaser(
        self,
        options: Options | None = None,
        *,
        environ: Mapping[str, str] | None = None,
    ) -> Releaser:
        """Make what the command line makes, on the service's clock."""
        environ = {**self.environ, **(environ or {})}
        factory = Factory(
            directory=self.clone,
            remote="origin",
            config=load_config(self.clone, environ=environ),
            environ=environ,
            clock=self.clock or SystemClock(),
            random=Random(0),
        )
        return factory.make_releaser(options or Options(checks=False))

    def bump(
        self, part: str = "minor", options: Options | None = None
    ) -> Result:
        """Run ``bump`` in this process; return how it ended."""
        releaser = self.make_releaser(options)
        self.events = list(releaser.bump(releaser.plan(Request(part=part))))
        result = self.events[-1]
        assert isinstance(result, Result)
        return result

    def command(self, *args: str) -> list[str]:
        """Return the command that runs the program."""
        return [sys.executable, "-m", "rsp_release", *args]

    def run(
        self, *args: str, timeout: float = 240.0, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the program as a process of its own, without a terminal.

        After a kill between an intent and its write it waits for a minute,
        lest it writes twice.
        """
        return run_program(
            args,
            cwd=self.clone,
            environ={**self.environ, **environ},
            timeout=timeout,
            clock=self._shared_clock,
        )

    def start(self, *args: str) -> AbstractContextManager[Program]:
        """Start the program; in the end it is killed."""
        return start_program(
            args,
            cwd=self.clone,
            environ=self.environ,
            clock=self._shared_clock,
        )

    @property
    def _shared_clock(self) -> LeapingClock | None:
        """The clock, where another process can have it too."""
        return self.clock if isinstance(self.clock, LeapingClock) else None

    def withdraw_fragments(self) -> None:
        """Commit and push that no change is waiting for the change log."""
        self.git("rm", "--quiet", "changelog.d/*.md")
        self.git("commit", "--quiet", "-m", "docs: withdraw the fragments")
        self.git("push", "--quiet", "origin", "HEAD")

    @property
    def summary(self) -> tuple[Any, ...]:
        """What an undisturbed release leaves, for comparing.

        The commit that lands the change log carries the time, so that trees
        are compared, and not commits.
        """
        state = self.box.state
        tags = state.tags(self.name)
        main = state.branches(self.name)["main"]
        return (
            {
                tag: self._ask("rev-parse", f"{c}^{{tree}}")
                for tag, c in tags.items()
            },
            self._ask("rev-parse", f"{main}^{{tree}}"),
            self._ask("rev-list", "--count", main),
            [
                (
                    r.tag,
                    r.name,
                    (r.body or "").replace(self.box.server_url, ""),
                    r.is_draft,
                    r.is_prerelease,
                )
                for r in state.releases(self.name)
            ],
            [
                (run.event, run.head_branch, run.head_sha == tags.get(TAG))
                for run in state.runs(self.name)
                if run.head_branch == TAG
            ],
            sorted(state.images()),
        )

    def _ask(self, *args: str) -> str:
        """Run git in the bare repository behind the remote."""
        result = subprocess.run(
            ["git", *args],
            cwd=self.remote,
            env=self.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        return result.stdout.strip()


@cache
def _make_templates() -> tuple[Path, Path]:
    """Make the service's repository and a clone of it, once for a process.

    What leads to the repository in the clone is `_SOURCE`.
    """
    folder = Path(tempfile.mkdtemp(dir=find_memory()))
    atexit.register(shutil.rmtree, folder)
    remote, clone = folder / "stargazer.git", folder / "clone"
    seed.make_service(remote)
    subprocess.run(
        ["git", "clone", "--quiet", f"file://{remote}", str(clone)],
        env=git_environment(),
        check=True,
        capture_output=True,
    )
    config = clone / ".git" / "config"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace(f"file://{remote}", _SOURCE), encoding="utf-8"
    )
    return remote, clone


@contextmanager
def serve(
    folder: Path,
    *,
    scenario: Scenario | None = None,
    clock: Clock | None = None,
    by_path: bool = False,
) -> Iterator[Service]:
    """Serve the made-up service and clone it.

    Parameters
    ----------
    folder
        An empty directory.
    scenario
        What the workflows do.
    clock
        The clock of the sandbox, and of the program in this process; by
        default one that leaps, which programs run by `Service.run` share.
    by_path
        Whether the clone's remote is a path instead of a URL.

    Yields
    ------
    Service
        The service.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remote, clone = folder / "stargazer.git", folder / "clone"
    for template, path in zip(_make_templates(), (remote, clone), strict=True):
        shutil.copytree(template, path)
    is_real = clock is None
    clock = clock or LeapingClock(folder / "clock")
    with Sandbox(scenario, clock=clock) as box:
        seed.demo(box, path=remote)
        home = folder / "home"
        home.mkdir()
        config = home / ".gitconfig"
        config.write_text(
            "[user]\n\tname = Tester\n\temail = tester@example.org\n",
            encoding="utf-8",
        )
        kept = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
        environ = {
            **{k: os.environ[k] for k in kept if k in os.environ},
            **box.environment(),
            "DOCKER_CONFIG": str(home),
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_SYSTEM": os.devnull,
            "HOME": str(home),
        }
        if not is_real:
            environ["GIT_AUTHOR_DATE"] = clock.now().isoformat()
            environ["GIT_COMMITTER_DATE"] = clock.now().isoformat()
        url = box.git_url(NAME).replace("://", f"://x:{box.token}@")
        config = clone / ".git" / "config"
        text = config.read_text(encoding="utf-8")
        source = str(remote) if by_path else url
        config.write_text(text.replace(_SOURCE, source), encoding="utf-8")
        yield Service(
            box=box, remote=remote, clone=clone, environ=environ, clock=clock
        )
