"""The command ``rehearse``: release this repository on the sandbox."""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks.registries import usual_secrets
from ..config import Config, load_config
from ..deployment.charts import parse_place
from ..exceptions import UsageError
from ..models.naming import name_first
from ..views import safe
from ..views.base import find_size
from ..views.frame import wrap
from .demo import isolate, run_git, tell
from .options import DryRun, Part, Pre, Trust, Yes
from .release import bump
from .session import Session

if TYPE_CHECKING:
    from rsp_sandbox import Project

    from ..models import Publication

__all__ = ["rehearse"]

_OWN_SETTINGS = r"^(user|gpg|tag|commit)\."
"""Git's settings of the clone that a release depends on."""

_MOST_TAGS = 2
"""How many tags of each stream get their runs and images."""

_KEY = re.compile(r"[A-Za-z_][\w-]*")
"""Keys of a file that can be made up: of mappings alone."""

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
    with tempfile.TemporaryDirectory(prefix="rsp-release-") as temporary:
        folder = Path(temporary)
        remote = folder / f"{repository}.git"
        source.copy(remote)
        with Sandbox(Scenario(speed=_SPEED)) as box:
            project = box.add_repository(
                repository, remote, publishes=publishes
            )
            project.secrets, named = source.find_secrets()
            seed.publish(box, project, tags=source.find_tags())
            told.clear()
            assumed = [*_describe(project, named)]
            asked, name = session.options, config.deploy_repository
            if name is not None:
                files = _make_up_deployment(config, source, box.server_url)
                if files:
                    seed.deployment(box, name, files)
                    told_of = f"is made up: {', '.join(files)}"
                else:
                    asked = replace(asked, deploys=False)
                    told_of = "is left out: its files cannot be made up"
                assumed.append(f"{name} {told_of}.")
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
                _introduce(source, assumed, options.environ)
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
                Session(inner, asked=asked, as_json=session.as_json),
                part,
                pre=pre,
                dry_run=dry_run,
                yes=True,
                trust_repository=trust_repository,
            )
    if not session.as_json:
        _conclude(told, options.environ)
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
        if head not in refs and self.branch:
            # A job's clone does not know what the default branch is.
            head = f"refs/heads/{self.branch}"
        run_git("symbolic-ref", "HEAD", head, cwd=place)

    def find_tags(self) -> list[str]:
        """Find the tags of the past that a release may look at.

        Those are the newest of each stream, and those made on top of this.
        """
        found: dict[str, None] = {}
        for order in ("-creatordate", "-version:refname"):
            many: Counter[str] = Counter()
            for where in ("--merged", "--contains"):
                tags = self._read(
                    "for-each-ref", f"--sort={order}", f"{where}={self.head}",
                    "--format=%(refname:strip=2)", "refs/tags",
                )  # fmt: skip
                for tag in tags.splitlines():
                    stream = where + re.split(r"\d", tag)[0]
                    many[stream] += 1
                    if many[stream] <= _MOST_TAGS:
                        found[tag] = None
        return list(found)

    def find_secrets(self) -> tuple[tuple[str, ...], list[str]]:
        """Find the secrets that GitHub would have.

        Returns
        -------
        tuple
            All of them, and the secrets and variables that files name.
        """
        found = self._read(
            "grep", "-h", "-o", "-E", r"\b(secrets|vars)\.[A-Za-z_]\w*",
            self.head, "--", ".github",
        )  # fmt: skip
        names = {n.partition(".")[2].upper() for n in found.split()}
        names.discard("GITHUB_TOKEN")
        return (*names, *usual_secrets()), sorted(names)

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


def _describe(project: Project, named: Sequence[str]) -> Iterator[str]:
    """Say what the imitation of GitHub has, as nobody asked the real one."""
    if project.releases.value:
        yield "Assumed: every version tag has its GitHub release."
    refs = dict.fromkeys(run.ref for run in reversed(project.runs))
    tags = [r.split("/", 2)[2] for r in refs if r.startswith("refs/tags/")]
    if tags:
        told = name_first(tags)
        yield f"Assumed: the runs of {told} succeeded and pushed their images."
    if named:
        yield f"Assumed: secrets and variables are set: {name_first(named)}."


def _make_up_deployment(
    config: Config, source: _Source, server_url: str
) -> dict[str, str]:
    """Make up the files that deployments change, as text by path.

    There are none where nobody can know what a file is like.
    """
    from ruamel.yaml import YAML

    short = source.repository.rpartition("/")[2]
    documents: dict[str, dict[str, Any]] = {}
    for each in config.deploy_charts or (f"applications/{short}",):
        place = parse_place(each)
        if not place.keys or not all(map(_KEY.fullmatch, place.keys)):
            return {}
        chart = {
            "apiVersion": "v2",
            "name": short,
            "version": "1.0.0",
            "sources": [f"{server_url}/{source.repository}"],
        }
        is_chart = place.path.endswith("Chart.yaml")
        inner = documents.setdefault(place.path, chart if is_chart else {})
        for key in place.keys[:-1]:
            inner = inner.setdefault(key, {})
        inner[place.keys[-1]] = "0.0.0"
    texts = {}
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    for path, document in documents.items():
        out = StringIO()
        yaml.dump(document, out)
        texts[path] = out.getvalue()
    return texts


def _introduce(
    source: _Source, assumed: Iterable[str], environ: Mapping[str, str]
) -> None:
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
    lines += assumed
    _say(lines, environ)
    sys.stdout.write("\n")
    sys.stdout.flush()


def _conclude(
    told: Mapping[str, Publication | None], environ: Mapping[str, str]
) -> None:
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
    sys.stdout.write("\n")
    _say(lines, environ)


def _say(lines: Iterable[str], environ: Mapping[str, str]) -> None:
    """Print lines, broken between words for a terminal."""
    stream = sys.stdout
    width = find_size(stream, environ)[0] if stream.isatty() else 0
    for each in map(safe.line, lines):
        for part in wrap(each, width) if width else [each]:
            stream.write(f"{part}\n")
