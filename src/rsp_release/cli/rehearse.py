"""The command ``rehearse``: release this repository on the sandbox."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Config, load_config
from ..deployment.charts import parse_place
from ..exceptions import UsageError
from ..views import safe
from .demo import isolate, run_git, tell
from .options import DryRun, Part, Pre, Trust, Yes
from .release import bump
from .session import Session

if TYPE_CHECKING:
    from rsp_sandbox import Sandbox

    from ..models import Publication

__all__ = ["rehearse"]

_OWN_SETTINGS = r"^(user|gpg|tag|commit)\."
"""Git's settings of the clone that a release depends on."""

_SPEED = 4.0
"""How much faster than usual the sandbox's jobs run."""


def rehearse(
    session: Session,
    part: Part = "auto",
    *,
    pre: Pre = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    trust_repository: Trust = False,
) -> int:
    """Release this repository on the sandbox, in a throwaway clone."""
    from rsp_sandbox import Sandbox, Scenario, seed

    options = session.globals
    root, repository, branch = session.factory.find_home()
    source = _Source(root, repository, branch, options.remote)
    config = load_config(root, environ=options.environ)
    told: dict[str, Publication | None] = {}
    publishes = tell(repository, config, heard=told.__setitem__)
    with tempfile.TemporaryDirectory(prefix="rsp-release-") as name:
        folder = Path(name)
        remote = folder / f"{repository}.git"
        source.copy(remote)
        with Sandbox(Scenario(speed=_SPEED)) as box:
            project = box.add_repository(
                repository, remote, publishes=publishes
            )
            seed.publish(box, project)
            told.clear()
            made_up = _add_deployment(box, config, source)
            environ = isolate(options.environ, folder, box.environment())
            # Who releases, and with which key, is rehearsed too.
            for key in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
                environ.pop(key)
                if key in options.environ:
                    environ[key] = options.environ[key]
            place = folder / "clone"
            url = box.git_url(repository)
            more = [f"--reference-if-able={root}"]
            # Nothing of the work tree is needed, and nothing leads out of it.
            more.append("--config=core.symlinks=false")
            environ["GIT_LFS_SKIP_SMUDGE"] = "1"
            if source.branch:
                more.append(f"--branch={source.branch}")
            run_git(
                "clone", "--quiet", *more, url, str(place), environ=environ
            )
            source.settle(place, environ)
            if not session.as_json:
                _introduce(source, made_up)
            # In the made-up world `repository` is where it is in the real one,
            # whatever the remotes of the real clone are called.
            inner = replace(
                options,
                directory=place,
                remote="origin",
                environ=environ,
                is_rehearsed=True,
            )
            status = bump(
                Session(inner, asked=session.options, as_json=session.as_json),
                part,
                pre=pre,
                dry_run=dry_run,
                yes=True,
                trust_repository=trust_repository,
            )
    if not session.as_json:
        _conclude(told)
    return status


class _Source:
    """The clone that is rehearsed: what the rehearsal needs of it."""

    def __init__(
        self, root: Path, repository: str, release_branch: str, remote: str
    ) -> None:
        self.root = root
        self.repository = repository
        self.release_branch = release_branch
        self.remote = remote
        if self._read("rev-parse", "--is-shallow-repository") == "true":
            raise UsageError(
                "cannot rehearse a shallow clone",
                help="fetch its history: git fetch --unshallow --tags",
            )
        self.head = self._read("rev-parse", "--verify", "--quiet", "HEAD")
        if not self.head:
            raise UsageError(
                "the repository has no commits", help="commit something first"
            )
        # The branch that is checked out.
        self.branch = self._read("symbolic-ref", "--quiet", "--short", "HEAD")
        # Commits that the remote does not have, as far as is known.
        theirs = f"refs/remotes/{remote}/{self.branch}"
        count = self._read("rev-list", "--count", self.head, f"^{theirs}")
        self.unpushed = int(count or 0)
        self.is_dirty = bool(self._read("status", "--porcelain"))

    def _read(self, *args: str) -> str:
        """Ask git about the clone; what it does not know is empty."""
        return run_git(*args, cwd=self.root, may_fail=True)

    def copy(self, place: Path) -> None:
        """Make what the remote would be if everything were pushed.

        Objects are borrowed and not copied: rehearsing a large repository
        costs no more than a small one.
        """
        objects = self.root / self._read("rev-parse", "--git-path", "objects")
        place.mkdir(parents=True)
        run_git("init", "--quiet", "--bare", cwd=place)
        alternates = place / "objects" / "info" / "alternates"
        alternates.write_text(f"{objects.resolve()}\n", encoding="utf-8")
        known = self._read(
            "for-each-ref",
            "--format=%(objectname) %(refname)",
            "refs/tags",
            f"refs/remotes/{self.remote}",
        )
        refs = {}
        for line in known.splitlines():
            sha, _, ref = line.partition(" ")
            name = ref.removeprefix(f"refs/remotes/{self.remote}/")
            if name != "HEAD":
                refs[ref if name == ref else f"refs/heads/{name}"] = sha
        if self.branch:
            refs[f"refs/heads/{self.branch}"] = self.head
        commands = [f"create {ref} {sha}\n" for ref, sha in refs.items()]
        run_git("update-ref", "--stdin", cwd=place, given="".join(commands))
        head = f"refs/heads/{self.release_branch}"
        run_git("symbolic-ref", "HEAD", head, cwd=place)

    def settle(self, place: Path, environ: Mapping[str, str]) -> None:
        """Let a clone be as this one is."""
        pairs = self._read(
            "config", "--local", "--null", "--get-regexp", _OWN_SETTINGS
        )
        for pair in filter(None, pairs.split("\0")):
            key, _, value = pair.partition("\n")
            run_git("config", key, value, cwd=place, environ=environ)
        if not self.branch:
            run_git(
                "checkout", "--quiet", "--detach", self.head,
                cwd=place, environ=environ,
            )  # fmt: skip


def _add_deployment(
    box: Sandbox, config: Config, source: _Source
) -> str | None:
    """Make up the deployment repository; return what to say of it."""
    from rsp_sandbox import seed

    name = config.deploy_repository
    if name is None:
        return None
    short = source.repository.rpartition("/")[2]
    places = config.deploy_charts or (f"applications/{short}",)
    files = {}
    for each in places:
        place = parse_place(each)
        if not place.is_app_version:
            # Nobody can know what else such a file holds.
            return f"{name} is missing: its files cannot be made up"
        files[place.path] = (
            f"apiVersion: v2\nname: {short}\nversion: 1.0.0\n"
            f"sources:\n  - {box.server_url}/{source.repository}\n"
            "appVersion: 0.0.0\n"
        )
    seed.deployment(box, name, files)
    return f"{name} is made up: {', '.join(files)}"


def _introduce(source: _Source, told: str | None) -> None:
    """Say what is real in the rehearsal, and what is not."""
    where = "in a throwaway clone, on an imitation of GitHub"
    lines = [f"Rehearsing {source.repository} {where}."]
    if source.unpushed:
        many = "" if source.unpushed == 1 else "s"
        lines.append(
            f"{source.unpushed} commit{many} of {source.branch} not on"
            f" {source.remote}: treated as pushed."
        )
    if source.is_dirty:
        lines.append("Uncommitted changes are left out.")
    if told:
        lines.append(f"{told}.")
    sys.stdout.write("\n".join(map(safe.line, lines)) + "\n\n")
    sys.stdout.flush()


def _conclude(told: Mapping[str, Publication | None]) -> None:
    """Say that nothing was real, and what the images come from."""
    lines = ["This was a rehearsal: nothing left this machine."]
    for found in filter(None, told.values()):
        if found.images:
            lines.append(
                "No workflow ran: the images are what the program found in"
                f" {found.workflow or 'the settings'}:"
            )
        for image in found.images:
            assumed = " (tag assumed)" if image.is_assumed else ""
            lines.append(f"- {image.name}:{image.tag}{assumed}")
        lines += [f"Cannot tell which images: {t}" for t in found.unsure]
    sys.stdout.write("\n" + "\n".join(map(safe.line, lines)) + "\n")
