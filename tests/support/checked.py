"""A world in memory in which every check can be ok, or not, or blind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from rsp_release.checks import Facts
from rsp_release.config import Config
from rsp_release.engine.world import World
from rsp_release.exceptions import NotAllowedError, ReadError
from rsp_release.models import (
    ChangelogState,
    Commit,
    Fork,
    Image,
    ImageReport,
    Proposal,
    PullRequest,
    ReleasePage,
    RemoteRefs,
    Repository,
    WorkflowRun,
)
from rsp_release.models import Check as CommitCheck
from rsp_release.models.github import (
    BranchRules,
    Credentials,
    Identity,
    Ruleset,
)
from rsp_release.version.fragments import Fragment, Part
from rsp_release.version.history import History
from rsp_release.version.tags import parse_tags

__all__ = ["NOW", "WORKFLOW", "Scene", "denied", "down"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
COMMIT = "c" * 40
NAME = "lsst-sqre/example"
DEPLOY = "lsst-sqre/charts"
CHART = """\
name: example
sources: [https://example.org/lsst-sqre/example]
appVersion: 1.1.0
"""

WORKFLOW = """\
name: CI
"on":
  release:
    types: [published]
jobs:
  build:
    uses: lsst-sqre/multiplatform-build-and-push/BUILD
    secrets: inherit
    with:
      images: ghcr.io/${{ github.repository }}
""".replace("BUILD", ".github/workflows/build.yaml@v3")


def down() -> Any:
    """Stand for a service that does not answer."""
    raise ReadError("no answer")


def denied() -> Any:
    """Stand for a service that says no."""
    raise NotAllowedError("forbidden", help="ask for the permission")


@dataclass
class Scene:
    """What a world holds. A value that is a function is called."""

    branch: str | None = "main"
    uncommitted: Any = ()
    is_shallow: Any = False
    unfetched_tags: Any = ()
    remote_head: Any = COMMIT
    contains: Callable[[str, str], bool] = lambda a, b: False
    local_tag: str | None = None
    remote_tag: Any = None
    remote_tags: dict[str, str] = field(default_factory=dict)
    commits: tuple[Commit, ...] = ()
    entry: str | None = None
    """The version that the change log has an entry of."""
    repository: Any = field(
        default_factory=lambda: Repository(
            name=NAME, default_branch="main", can_push=True
        )
    )
    pages: dict[str, Any] = field(default_factory=dict)
    workflow_state: Any = "active"
    runs_workflows: Any = None
    environment: Any = None
    credentials: Any = field(
        default_factory=lambda: Credentials(kind="classic", scopes=("repo",))
    )
    rulesets: Any = ()
    branch_rules: Any = field(
        default_factory=lambda: BranchRules(needs_pull=False)
    )
    immutable: Any = False
    has_releases: Any = True
    secrets: Any = frozenset()
    checks: Any = (CommitCheck(name="test", state="passed"),)
    pulls: Any = ()
    scheduled: Any = None
    past_runs: Any = ()
    may_write: Any = True
    may_pull: Any = True
    starts: Any = True
    files: dict[str, Any] = field(
        default_factory=lambda: {
            ".github/workflows/ci.yaml": WORKFLOW,
            "Dockerfile": "FROM scratch\n",
            "pyproject.toml": '[project]\nname = "example"\n',
        }
    )
    changed_at: Any = NOW
    added: Any = ()
    differ: Any = False
    lock: Any = True
    updates: Any = None
    deployment: Any = field(
        default_factory=lambda: Repository(
            name=DEPLOY, default_branch="main", can_push=True
        )
    )
    deployed: dict[str, str] = field(
        default_factory=lambda: {
            "apps/stars/Chart.yaml": CHART,
            "apps/stars/values.yaml": "",
            "apps/stars/templates/a.yaml": "imagePullSecrets: []\n",
        }
    )
    fork: Any = field(default_factory=lambda: Fork(owner="ada"))
    before: str | None = None
    had: tuple[str, ...] = ()
    may_deploy: Any = True
    images: Callable[[Image], ImageReport] = lambda i: ImageReport(
        image=i.name, tag=i.tag, state="present"
    )
    config: Config = field(default_factory=Config)
    history: History | None = field(
        default_factory=lambda: History(
            head=COMMIT,
            branch="main",
            tags=tuple(parse_tags(["1.1.0", "1.0.0"])),
            previous=next(iter(parse_tags(["1.1.0"]))),
            uses_fragments=True,
            fragments=(
                Fragment("changelog.d/a.md", "scriv",
                         (Part("Bug fixes", "- One"),)),
            ),
        )
    )  # fmt: skip
    trouble: Any = None
    begun: str | None = None
    identity: Identity = field(
        default_factory=lambda: Identity(name=NAME, id=1)
    )
    proposal: dict[str, Any] = field(default_factory=dict)
    is_offline: bool = False
    signs: Any = True
    pushes: Any = True

    def facts(self) -> Facts:
        """Return what checks look at."""
        proposal = Proposal(
            repository=NAME,
            branch=self.branch,
            default_branch="main",
            commit=COMMIT,
            version="1.1.1",
            tag="1.1.1",
            previous_tag="1.1.0",
        )
        world = World(
            git=cast("Any", _Git(self)),
            forge=cast("Any", _Forge(self)),
            registry=cast("Any", _Registry(self)),
            clock=cast("Any", _Clock()),
            changelog=cast("Any", _Changelog(self)),
            deploy=cast("Any", _Deploy(self)),
            settings=cast("Any", _Forge(self)),
            files=cast("Any", _Files(self)),
        )
        return Facts(
            proposal=replace(proposal, **self.proposal),
            world=world,
            config=self.config,
            is_thorough=True,
            is_offline=self.is_offline,
            history=self.history,
            trouble=self.trouble,
            begun=self.begun,
            identity=self.identity,
        )


def _tell(value: Any) -> Any:
    return value() if callable(value) else value


class _Clock:
    def now(self) -> datetime:
        return NOW


@dataclass
class _Part:
    scene: Scene


class _Git(_Part):
    remote = "origin"

    def uncommitted(self) -> tuple[str, ...]:
        return cast("tuple[str, ...]", _tell(self.scene.uncommitted))

    def try_signing(self) -> bool:
        return bool(_tell(self.scene.signs))

    def try_push(self, tag: str, commit: str) -> bool:
        return bool(_tell(self.scene.pushes))

    def is_shallow(self) -> bool:
        return bool(_tell(self.scene.is_shallow))

    def remote_refs(self, branch: str) -> RemoteRefs:
        scene = self.scene
        tag = _tell(scene.remote_tag)
        tags = {scene.proposal.get("tag", "1.1.1"): tag} if tag else {}
        return RemoteRefs(
            head=_tell(scene.remote_head),
            tags=tags | scene.remote_tags,
            unfetched=frozenset(_tell(scene.unfetched_tags)),
        )

    def commits(self, since: str | None, until: str) -> tuple[Commit, ...]:
        return self.scene.commits

    def describe(self, ref: str, hash_: str | None = None) -> tuple[str, str]:
        return "Ada", ""

    def remote_branch(self, branch: str) -> str | None:
        return cast("str | None", _tell(self.scene.remote_head))

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return self.scene.contains(ancestor, descendant)

    def local_tag(self, tag: str) -> str | None:
        return COMMIT if tag == "1.1.0" else self.scene.local_tag

    def file(self, commit: str, path: str) -> str | None:
        return "" if path in self.scene.had else None

    def files(self, commit: str, folder: str) -> dict[str, str]:
        files = (
            self.scene.files
            if self.scene.before is None
            else {".github/workflows/ci.yaml": self.scene.before}
        )
        found = {p: _tell(t) for p, t in files.items() if folder in p}
        return {p: t for p, t in found.items() if t is not None}


class _Changelog(_Part):
    def look(self, commit: str, version: str) -> ChangelogState:
        entry = "- a\n" if version == self.scene.entry else None
        return ChangelogState(style="scriv", entry=entry)


class _Forge(_Part):
    url = f"https://example.org/{NAME}"

    def repository(self) -> Any:
        return _tell(self.scene.repository)

    def releases(self, tag: str) -> tuple[ReleasePage, ...]:
        pages = self.scene.pages
        found = pages.get(tag, (page(tag),) if tag == "1.1.0" else ())
        return cast("tuple[ReleasePage, ...]", _tell(found))

    def needs_pull(self, branch: str) -> bool:
        return bool(_tell(self.scene.branch_rules).needs_pull)

    def workflow_state(self, path: str) -> Any:
        return _tell(self.scene.workflow_state)

    def runs_workflows(self) -> Any:
        return _tell(self.scene.runs_workflows)

    def environment(self, name: str) -> Any:
        return _tell(self.scene.environment)

    def credentials(self) -> Any:
        return _tell(self.scene.credentials)

    def rulesets(self, target: str) -> tuple[Ruleset, ...]:
        return cast("tuple[Ruleset, ...]", _tell(self.scene.rulesets))

    def branch_rules(self, branch: str) -> Any:
        return _tell(self.scene.branch_rules)

    def has_immutable_releases(self) -> Any:
        return _tell(self.scene.immutable)

    def secret_names(self) -> Any:
        return _tell(self.scene.secrets)

    def checks(self, commit: str) -> Any:
        return _tell(self.scene.checks)

    def open_pulls(self) -> tuple[PullRequest, ...]:
        return cast("tuple[PullRequest, ...]", _tell(self.scene.pulls))

    def last_scheduled(self, path: str) -> WorkflowRun | None:
        return cast("WorkflowRun | None", _tell(self.scene.scheduled))

    def runs_of_tag(self, tag: str) -> Any:
        return _tell(self.scene.past_runs)

    def may_write_contents(self, commit: str) -> Any:
        return _tell(self.scene.may_write)

    def may_write_pulls(self, branch: str) -> Any:
        return _tell(self.scene.may_pull)

    def has_releases(self) -> Any:
        return _tell(self.scene.has_releases)

    def starts_workflows(self) -> Any:
        return _tell(self.scene.starts)


class _Deploy(_Part):
    name = DEPLOY

    def repository(self) -> Any:
        return _tell(self.scene.deployment)

    def fork(self) -> Any:
        return _tell(self.scene.fork)

    def branch(self, repository: str, branch: str) -> str | None:
        return COMMIT

    def paths(self, commit: str) -> tuple[str, ...]:
        return tuple(self.scene.deployed)

    def scan(self, commit: str, paths: Any) -> dict[str, str]:
        return {path: self.scene.deployed[path] for path in paths}

    def may_write_pulls(self, branch: str) -> Any:
        return _tell(self.scene.may_deploy)


class _Files(_Part):
    def text(self, path: str) -> Any:
        return _tell(self.scene.files.get(path))

    def names(self, folder: str = "") -> tuple[str, ...]:
        prefix = f"{folder}/" if folder else ""
        paths = (p.removeprefix(prefix) for p in self.scene.files
                 if p.startswith(prefix))  # fmt: skip
        return tuple(path for path in paths if "/" not in path)

    def changed_at(self, path: str) -> Any:
        is_there = path in self.scene.files
        return _tell(self.scene.changed_at) if is_there else None

    def added(self, since: str | None) -> Any:
        return _tell(self.scene.added)

    def differ(self, other: str, folder: str) -> Any:
        return _tell(self.scene.differ)

    def lock_is_current(self, *, offline: bool) -> Any:
        return _tell(self.scene.lock)

    def lock_updates(self) -> Any:
        return _tell(self.scene.updates)


class _Registry(_Part):
    def look(self, image: Image) -> ImageReport:
        return self.scene.images(image)


def page(tag: str, *, is_draft: bool = False) -> ReleasePage:
    """Return a GitHub release of a tag."""
    return ReleasePage(
        id=1, tag=tag, title=tag, body="", is_draft=is_draft,
        is_prerelease=False, url="https://example.org/r",
    )  # fmt: skip


def pull(branch: str, *, days: int = 1, author: str = "ada") -> Any:
    """Return an open pull request."""
    return PullRequest(
        number=7, title="Update things", author=author, branch=branch,
        url="https://example.org/7", opened_at=NOW - timedelta(days=days),
        is_open=True, is_merged=False, head=COMMIT,
    )  # fmt: skip


def run(conclusion: str) -> WorkflowRun:
    """Return a completed run."""
    return WorkflowRun(
        id=1, name="CI", path=".github/workflows/ci.yaml", event="schedule",
        status="completed", conclusion=conclusion, commit=COMMIT, ref="1.1.1",
        attempt=1, url="https://example.org/1", created_at=NOW,
    )  # fmt: skip
