"""A hundred and fifty applications on the sandbox, and their picture.

``python -m tests.support.fleets [FILE]`` draws what ``rsp-release fleet``
shows of them, at a hundred columns.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from rsp_release.cli.fleet import show_row
from rsp_release.config import Config
from rsp_release.deployment.fleet import Row, select
from rsp_release.deployment.fleet_reader import FleetReader
from rsp_release.factory import Factory
from rsp_sandbox.base import History
from rsp_sandbox.git import Repository, git_environment
from rsp_sandbox.records import Pull, Release

from .box import Sandbox
from .deploying import add_repository
from .simulated import VirtualClock

__all__ = [
    "CHARTS",
    "NOW",
    "add_fleet",
    "commit_again",
    "make_factory",
    "make_reader",
]

CHARTS = "rubin-demo/phalanx-demo"
NOW = datetime(2026, 11, 1, tzinfo=UTC)

_WORKFLOW = """\
on:
  release:
    types: [published]
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: make image
"""

_STARS = (
    "achernar acrux adhara aldebaran algol alioth alkaid alnair alnilam "
    "alphard alphecca alpheratz altair antares arcturus atria avior "
    "bellatrix betelgeuse canopus capella castor deneb denebola diphda "
    "dubhe elnath eltanin enif fomalhaut gacrux hadar hamal izar kochab "
    "markab megrez menkar merak miaplacidus mimosa mintaka mira mirach "
    "mirfak mizar nunki polaris pollux procyon rasalhague regulus rigel "
    "saiph schedar shaula sirius spica suhail thuban vega "
)

_CHANGES = (
    (),
    ("docs: say more",),
    ("fix: keep the order", "build: update dependencies"),
    ("feat: page through lists", "fix: close the pool", "docs: explain"),
    ("feat!: drop the old route",),
)


@dataclass(frozen=True, slots=True)
class _App:
    """What an application is like."""

    name: str
    major: int
    minor: int
    changes: tuple[str, ...]
    age: int
    behind: bool
    fails: bool
    has_pull: bool
    is_broken: bool


def _invent(count: int) -> list[_App]:
    random = Random(8)
    stars = _STARS.split()
    names = [f"{stars[n % 61]}{'-' + 'abc'[n // 61 - 1] if n > 60 else ''}"
             for n in range(count)]  # fmt: skip
    return [
        _App(
            name=name,
            major=random.randint(0, 15),
            minor=random.randint(1, 9),
            changes=random.choice(_CHANGES),
            age=random.randint(0, 400),
            behind=random.random() < 0.15,
            fails=random.random() < 0.03,
            has_pull=random.random() < 0.08,
            is_broken=name in {"algol", "mira"},
        )
        for name in names
    ]


def add_fleet(box: Sandbox, count: int = 150, past: int = 0) -> None:
    """Add a deployment repository and its applications to a sandbox.

    Each application has so many releases of the past, one a month, which
    were deployed three days later; of some, runs had failed before.
    """
    files = {"README.md": "# Charts\n"}
    apps = _invent(count)
    empty = Repository.create(box.folder / "empty.git")
    for app in apps:
        repository = f"rubin-demo/{app.name}"
        version = f"{app.major}.{app.minor}.0"
        if not app.is_broken:
            # The sandbox looks after its repositories all the while.
            with box.lock:
                _add(
                    box, app, repository, version,
                    empty=empty.path, past=past,
                )  # fmt: skip
        shown = f"{app.major}.{app.minor - 1}.0" if app.behind else version
        files[f"applications/{app.name}/Chart.yaml"] = (
            f"apiVersion: v2\nname: {app.name}\nversion: 1.0.0\nsources:\n"
            f'  - "{box.server_url}/{repository}"\nappVersion: {shown}\n'
        )
    # Neither is an application whose source is on GitHub.
    files["applications/elsewhere/Chart.yaml"] = (
        "name: x\nappVersion: 1.0.0\nsources: ['https://gitlab.com/a/b']\n"
    )
    files["applications/parts/Chart.yaml"] = "name: parts\nversion: 1.0.0\n"
    add_repository(box, CHARTS, files)
    with box.lock:
        _add_deployments(box, apps, files, past)
        _add_pulls(box, [app for app in apps if app.has_pull])


def _write_commit(
    mark: int, at: datetime, message: str, changes: str, *, ref: str = "main"
) -> str:
    """Write a commit as ``git fast-import`` reads it."""
    who = f"Ada Quist <ada@example.org> {int(at.timestamp())} +0000"
    return (
        f"commit refs/heads/{ref}\nmark :{mark}\nauthor {who}\n"
        f"committer {who}\ndata {len(message)}\n{message}\n{changes}"
    )


def _import(git: Repository, text: str) -> None:
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force", "--date-format=raw"],
        cwd=git.path,
        input=text.encode(),
        env=git_environment(),
        check=True,
        capture_output=True,
    )


def _inline(path: str, text: str) -> str:
    return f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"


def commit_again(
    box: Sandbox,
    name: str,
    at: datetime,
    *,
    released: str,
    rewrites: bool = False,
) -> None:
    """Merge a change of an application, and release it.

    Where the branch is rewritten, nothing before it is left.
    """
    project = box.project(f"rubin-demo/{name}")
    before = "" if rewrites else "from refs/heads/main^0\n"
    with box.lock:
        _import(
            project.git,
            _write_commit(1, at, "fix: news", before + _inline("news", ""))
            + _write_commit(2, at, "Collect", _inline("CHANGELOG.md", ""))
            + f"reset refs/tags/{released}\nfrom :2\n",
        )
        project.refs = History(project.git.refs())
        [*_, newest] = project.releases.value.values()
        item = replace(
            newest,
            id=box.new_id("release"),
            tag=released,
            created_at=at + timedelta(hours=1),
            published_at=at + timedelta(hours=1),
        )
        project.releases = History({**project.releases.value, item.id: item})


def _released(app: _App, past: int) -> list[tuple[str, datetime]]:
    """Return the releases of the past, the oldest first."""
    when = NOW - timedelta(days=app.age)
    return [
        (f"{app.major}.0.{number}", when - timedelta(days=30 * back))
        for number, back in enumerate(range(past, 0, -1))
    ]


def _add_deployments(
    box: Sandbox, apps: list[_App], files: dict[str, str], past: int
) -> None:
    """Let the charts have had the versions of the past."""
    if not past:
        return
    events = sorted(
        (at + timedelta(days=3), app.name, version)
        for app in apps
        for version, at in _released(app, past)
    )
    out = [
        _write_commit(
            1, events[0][0] - timedelta(days=1), "Begin",
            "".join(
                _inline(p, re.sub("appVersion: .*", "appVersion: 0.0.1", t))
                for p, t in files.items()
            ),
        )
    ]  # fmt: skip
    for mark, (at, name, version) in enumerate(events, start=2):
        path = f"applications/{name}/Chart.yaml"
        text = re.sub("appVersion: .*", f"appVersion: {version}", files[path])
        out.append(_write_commit(mark, at, "Update", _inline(path, text)))
    now = "".join(_inline(path, text) for path, text in files.items())
    out.append(_write_commit(10**6, NOW - timedelta(hours=1), "Now", now))
    charts = box.project(CHARTS)
    _import(charts.git, "".join(out))
    charts.refs = History(charts.git.refs())


def _add_pulls(box: Sandbox, apps: list[_App]) -> None:
    charts = box.project(CHARTS)
    head = charts.git.refs()["refs/heads/main"]
    for number, app in enumerate(apps, start=1):
        version = f"{app.major}.{app.minor}.0"
        branch = f"rsp-release/{app.name}-{version}"
        charts.git.update_ref(f"refs/heads/{branch}", head)
        charts.pulls[number] = Pull(
            number=number,
            id=number,
            title=f"Update {app.name} to {version}",
            body="",
            head=branch,
            base="main",
            author=box.accounts.login,
            is_draft=False,
            created_at=NOW,
            updated_at=NOW,
            head_sha=head,
            base_sha=head,
        )
    # Branches that were there from the beginning are no push.
    charts.refs = History(charts.git.refs())


def _add(
    box: Sandbox,
    app: _App,
    repository: str,
    version: str,
    *,
    empty: Path,
    past: int,
) -> None:
    path = box.folder / f"{repository}.git"
    # Faster than 150 times ``git init``.
    shutil.copytree(empty, path)
    project = box.add_repository(repository, path)
    when = NOW - timedelta(days=app.age)
    releases = [*_released(app, past), (version, when)]
    workflow = _inline(".github/workflows/ci.yaml", _WORKFLOW)
    out = []
    mark = 0
    for tag, at in releases:
        if tag != version:
            # A change, which waits for its release.
            mark += 1
            out.append(
                _write_commit(
                    mark,
                    at - timedelta(days=mark % 7 + 1),
                    "fix: do better",
                    _inline(f"p{mark}", "") + workflow,
                )
            )
        mark += 1
        change = workflow if mark == 1 else _inline("CHANGELOG.md", tag)
        stamp = at + timedelta(minutes=tag == version)
        out.append(_write_commit(mark, stamp, "feat: begin", change))
        out.append(f"reset refs/tags/{tag}\nfrom :{mark}\n")
    for number, message in enumerate(app.changes, start=2):
        stamp = when + timedelta(minutes=number)
        mark += 1
        out.append(
            _write_commit(mark, stamp, message, _inline(f"f{number}", ""))
        )
    _import(project.git, "".join(out))
    refs = project.git.refs()
    project.refs = History(refs)
    items = {}
    for tag, at in releases:
        sha = refs[f"refs/tags/{tag}"]
        item = Release(
            id=box.new_id("release"),
            tag=tag,
            target="main",
            name=tag,
            body="",
            is_draft=False,
            is_prerelease=False,
            make_latest="legacy",
            author=box.accounts.login,
            created_at=at,
            published_at=at,
            updated_at=at,
            slug="",
        )
        items[item.id] = item
        [run] = box.runner.start(
            project,
            event="release",
            action="published",
            ref=f"refs/tags/{tag}",
            sha=sha,
            actor=box.accounts.login,
            title=tag,
            at=at,
        )
        is_latest = tag == version
        if app.fails if is_latest else tag.endswith(".3"):
            jobs = tuple(
                replace(
                    job,
                    conclusions=("failure",)
                    if is_latest
                    else ("failure", "success"),
                )
                for job in run.script.jobs or ()
            )
            run.script = replace(run.script, jobs=jobs)
            if not is_latest:
                run.rerun(
                    now=at + timedelta(hours=1),
                    actor=box.accounts.login,
                    keys=None,
                )
    project.releases = History(items)


def make_factory(box: Sandbox, clock: VirtualClock, **environ: str) -> Factory:
    """Make what makes the adapters of the command."""
    return Factory(
        directory=Path("/nowhere"),
        remote="origin",
        config=Config(),
        environ=box.environment() | environ,
        clock=clock,
        random=Random(0),
    )


def make_reader(box: Sandbox, clock: VirtualClock) -> FleetReader:
    """Make what the command reads with."""
    return make_factory(box, clock).make_fleet_reader(CHARTS)


def draw(rows: tuple[Row, ...], width: int = 100) -> str:
    """Draw the table as an SVG image."""
    from rich.console import Console

    from rsp_release.views.fleet import make_table
    from tests.support.picture import as_svg

    console = Console(
        file=io.StringIO(),
        record=True,
        width=width,
        force_terminal=True,
        color_system="standard",
        _environ={},
    )
    console.print(f"$ rsp-release fleet {CHARTS}", highlight=False)
    console.print(make_table([show_row(row) for row in rows]))
    return as_svg(console)


def main() -> int:
    """Draw the picture."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/fleet.svg")
    clock = VirtualClock(NOW)
    with Sandbox(clock=clock) as box:
        add_fleet(box)
        rows = select(make_reader(box, clock).read())
        path.write_text(draw(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
