"""A small made-up service with a history, for demo and tests."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from .applications import RolloutScript
from .base import History
from .forge import Forge
from .git import Commit, Repository, git_environment
from .records import Project, Release
from .scenario import (
    PLATFORMS,
    ImageScript,
    JobScript,
    WorkflowScript,
    steps_of,
)

__all__ = ["demo", "deployment", "make_service", "publish"]

_MOST_RUNS = 20
"""How many of a repository's tags get their runs and images."""

_START = datetime(2025, 2, 3, 16, 0, tzinfo=UTC)

_PEOPLE = (
    ("Ada Quist", "ada@example.org"),
    ("Noor Halden", "noor@example.org"),
    ("Tomas Ruiz", "tomas@example.org"),
)

# ruff: noqa: E501
_WORKFLOW = """\
name: CI

"on":
  merge_group: {}
  pull_request: {}
  push:
    branches-ignore:
      # These should always correspond to pull requests, so ignore them for
      # the push trigger and let them be triggered by the pull_request
      # trigger, avoiding running the workflow twice.
      - "dependabot/**"
      - "gh-readonly-queue/**"
      - "renovate/**"
      - "tickets/**"
      - "u/**"
  release:
    types: [published]

jobs:
  test:
    runs-on: ubuntu-latest
    timeout-minutes: 10

    steps:
      - uses: actions/checkout@v5

      - name: Run nox
        run: nox -s lint typing test

  build:
    needs: [test]
    # Only do Docker builds of tagged releases and pull requests from ticket
    # branches.
    if: >
      github.event_name == 'release'
      || startsWith(github.head_ref, 'tickets/')
    uses: lsst-sqre/multiplatform-build-and-push/.github/workflows/build.yaml@v3
    concurrency:
      group: docker
      queue: max
    with:
      images: ghcr.io/${{ github.repository }}
"""

_BUILDS = tuple(
    JobScript(
        name=f"build / build ({platform})",
        needs=("test",),
        steps=steps_of(
            2.5,
            "Set up job",
            "Set up Docker Buildx",
            "Log in to GitHub Container Registry",
            "Build and push by digest",
            "Complete job",
        ),
    )
    for platform in PLATFORMS
)

_PUBLISHING = WorkflowScript(
    path=".github/workflows/ci.yaml",
    jobs=(
        JobScript(
            name="test",
            steps=steps_of(
                2,
                "Set up job",
                "Run actions/checkout@v5",
                "Run nox",
                "Complete job",
            ),
        ),
        *_BUILDS,
        JobScript(
            name="build / merge",
            needs=tuple(job.name for job in _BUILDS),
            steps=steps_of(
                1,
                "Set up job",
                "Download digests",
                "Create manifest list and push",
                "Inspect image",
                "Complete job",
            ),
        ),
    ),
    images=(ImageScript(job="build"),),
)
"""What ``_WORKFLOW`` comes to in a run that publishes."""

_PYPROJECT = """\
[project]
name = "@name@"
description = "Answers where to look tonight"
requires-python = ">=3.12"
dependencies = ["fastapi", "safir"]
dynamic = ["version"]

[build-system]
requires = ["setuptools>=61", "setuptools_scm[toml]>=6.2"]
build-backend = "setuptools.build_meta"

[tool.setuptools_scm]

[tool.scriv]
categories = [
    "Backwards-incompatible changes",
    "New features",
    "Bug fixes",
    "Other changes",
]
entry_title_template = "{{ version }} ({{ date.strftime('%Y-%m-%d') }})"
format = "md"
md_header_level = "2"
new_fragment_template = "file:changelog.d/_template.md.jinja"
skip_fragments = "_template.md.jinja"
"""

_TEMPLATE = """\
<!-- Delete the sections that don't apply -->

{%- for cat in config.categories %}

### {{ cat }}

-
{%- endfor %}
"""

_CHANGELOG = """\
# Change log

@name@ is versioned with [semver](https://semver.org/).
Find changes for the upcoming release in the project's [changelog.d \
directory](https://github.com/@owner@/@name@/tree/main/changelog.d/).

<!-- scriv-insert-here -->
"""

_DOCKERFILE = """\
FROM python:3.13-slim-trixie
COPY . /app
RUN pip install --no-cache-dir /app
USER 1000
EXPOSE 8080
CMD ["uvicorn", "@name@.main:app", "--host", "0.0.0.0", "--port", "8080"]
"""

_MAIN = '''\
"""Where to look tonight."""

from fastapi import FastAPI

app = FastAPI(title="@name@")

TARGETS = [@targets@]


@app.get("/")
def index() -> dict[str, list[str]]:
    """Return tonight's targets."""
    return {"targets": TARGETS}
'''

_TARGETS = (
    '"M31"',
    '"M42"',
    '"NGC 104"',
    '"Vela"',
    '"Abell 2744"',
    '"XMM-LSS"',
    '"COSMOS"',
    '"ECDFS"',
    '"ELAIS-S1"',
    '"Euclid Deep South"',
)


@dataclass(frozen=True, slots=True)
class _Change:
    """A commit, and the release after it if there was one."""

    subject: str
    fragment: tuple[str, str] | None = None
    """Category and text of its scriv fragment."""

    release: str | None = None
    """The version that is tagged here."""


_FEATURE, _FIX = "New features", "Bug fixes"

_HISTORY = (
    _Change("feat: answer tonight's targets", release="0.1.0"),
    _Change("fix: don't list targets below the horizon", release="0.1.1"),
    _Change("feat: rank targets by airmass"),
    _Change("docs: say how to run it at the summit", release="1.0.0"),
    _Change("feat: read the schedule from Butler", release="1.1.0"),
    _Change("feat(api): filter targets by band", release="1.2.0"),
    _Change("fix: close the database pool on shutdown", release="1.2.1"),
    _Change("feat: show the moon's distance", release="1.3.0"),
    _Change("feat: notify Slack of uncaught exceptions", release="1.4.0"),
    _Change(
        "feat: page through long lists of targets",
        (_FEATURE, "`GET /targets` pages through long lists of targets."),
    ),
    _Change(
        "fix: keep the order of targets that are equally high (#48)",
        (_FIX, "Targets that are equally high keep their order."),
    ),
    _Change("build(deps): update dependencies"),
    _Change("docs: explain the ranking of targets"),
)


_SETTINGS = """
[tool.rsp-release.deploy]
repository = "@deployment@"
auto-merge = "squash"
"""

_ENVIRONMENT = """
[[tool.rsp-release.environments]]
name = "@environment@"
argocd = "@argocd@"
"""

_DEPLOYED = {
    "README.md": "# charts\n\nWhat runs where.\n",
    "applications/@name@/Chart.yaml": """\
apiVersion: v2
name: @name@
version: 1.0.0
description: "Answers where to look tonight"
sources:
  - "@url@"
appVersion: "@version@"
""",
    "applications/@name@/values.yaml": """\
# -- Number of pods
replicaCount: 1

image:
  # -- Image to use
  repository: "ghcr.io/@owner@/@name@"

  # -- Tag of the image
  # @default -- The appVersion of the chart
  tag: ""
""",
    "applications/@name@/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: @name@
spec:
  replicas: {{ .Values.replicaCount }}
  selector:
    matchLabels: {app: @name@}
  template:
    metadata:
      labels: {app: @name@}
    spec:
      containers:
        - name: @name@
          image: "{{ .Values.image.repository }}:\
{{ .Values.image.tag | default .Chart.AppVersion }}"
""",
    "applications/@name@/templates/service.yaml": """\
apiVersion: v1
kind: Service
metadata:
  name: @name@
spec:
  selector: {app: @name@}
  ports:
    - port: 8080
""",
}
"""A deployment repository in the layout of Phalanx."""

_DEPLOYED_IN = {
    "environments/values-@environment@.yaml": """\
name: @environment@
fqdn: @environment@.example.org
vaultPathPrefix: secret/@environment@

applications:
  @name@: true
""",
    "applications/@name@/values-@environment@.yaml": "replicaCount: 2\n",
}
"""What it has for each environment."""


_VERSION = [change.release for change in _HISTORY if change.release][-1]


_QUICK = RolloutScript(applies=0.5, settles=0.2, starts=0.8)
"""Nobody wants to wait for a demonstration."""


def make_service(
    path: Path,
    owner: str = "rubin-demo",
    name: str = "stargazer",
    settings: str = "",
) -> Path:
    """Make a bare repository of a small service with its history.

    The same arguments make the same commits.

    Parameters
    ----------
    path
        Where the bare repository shall be.
    owner
        The owner that its files name.
    name
        The name that its files name.
    settings
        What its :file:`pyproject.toml` has besides.

    Returns
    -------
    Path
        ``path``.
    """
    Repository.create(path)
    _import(path, _stream(owner, name, settings))
    return path


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _fill(text: str, **values: str) -> str:
    """Put values into a text; fill in what stands between two ``@``."""
    return re.sub(r"@(\w+)@", lambda m: values.get(m[1], m[0]), text)


def _stream(owner: str, name: str, settings: str) -> str:
    """Write the history for ``git fast-import``."""
    fill = partial(_fill, owner=owner, name=name)
    out = ["reset refs/heads/main\n"]
    log = fill(_CHANGELOG)
    for number, change in enumerate(_HISTORY):
        who, email = _PEOPLE[number % len(_PEOPLE)]
        when = _START + timedelta(days=19 * number, minutes=37 * number)
        stamp = f"{who} <{email}> {int(when.timestamp())} +0000"
        files = {
            f"src/{name}/main.py": fill(
                _MAIN, targets=", ".join(_TARGETS[: number // 2 + 1])
            )
        }
        if number == 0:
            files |= {
                ".github/workflows/ci.yaml": _WORKFLOW,
                ".gitignore": "/build\n__pycache__/\n",
                "Dockerfile": fill(_DOCKERFILE),
                "README.md": f"# {name}\n\nAnswers where to look tonight.\n",
                "changelog.d/_template.md.jinja": _TEMPLATE,
                "pyproject.toml": fill(_PYPROJECT) + settings,
                f"src/{name}/__init__.py": "",
            }
        if change.release:
            kind, text = _kind(change.subject)
            entry = f"## {change.release} ({when:%Y-%m-%d})\n\n"
            entry += f"### {kind}\n\n- {text}\n\n"
            marker = "<!-- scriv-insert-here -->\n"
            old = f"<a id='changelog-{change.release}'></a>\n{entry}"
            log = log.replace(marker, f"{marker}\n{old}".rstrip("\n") + "\n")
            files["CHANGELOG.md"] = log
        if change.fragment:
            kind, text = change.fragment
            place = (
                f"changelog.d/{when:%Y%m%d_%H%M%S}_{who.split()[0].lower()}"
            )
            files[f"{place}.md"] = f"### {kind}\n\n- {text}\n"
        out.append("commit refs/heads/main\n")
        out.append(f"mark :{number + 1}\n")
        out.append(f"author {stamp}\ncommitter {stamp}\n")
        out.append(_data(change.subject + "\n"))
        if number:
            out.append(f"from :{number}\n")
        for file, text in files.items():
            out.append(f"M 100644 inline {file}\n{_data(text)}")
        out.append("\n")
        if change.release:
            out.append(f"tag {change.release}\nfrom :{number + 1}\n")
            out.append(f"tagger {stamp}\n")
            out.append(_data(f"{change.release}\n"))
    return "".join(out)


def _kind(subject: str) -> tuple[str, str]:
    prefix, _, text = subject.partition(": ")
    kind = _FEATURE if prefix.startswith("feat") else _FIX
    text = text[:1].upper() + text[1:]
    return ("Other changes" if prefix == "docs" else kind), f"{text}."


def demo(
    box: Forge,
    owner: str = "rubin-demo",
    name: str = "stargazer",
    path: Path | None = None,
    *,
    environments: Sequence[str] = (),
) -> Path:
    """Put the service into a sandbox, with its earlier releases and runs.

    Parameters
    ----------
    box
        The sandbox, started or not.
    owner
        The owner on its GitHub.
    name
        The name on its GitHub.
    path
        Where the bare repository shall be, made if nothing is there; by
        default in the sandbox's folder.
    environments
        Where it runs: a deployment repository, ``OWNER/charts``, is added,
        and an Argo CD of each. The sandbox must have been started, as the
        service's settings say where those are.

    Returns
    -------
    Path
        The bare repository: what a clone's remote leads to.
    """
    if path is None:
        path = box.folder / owner / f"{name}.git"
        path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        settings = _name_environments(box, owner, environments)
        make_service(path, owner, name, settings)
    project = box.add_repository(
        f"{owner}/{name}",
        path,
        description="Answers where to look tonight",
        publishes=lambda *_: [_PUBLISHING],
    )
    publish(
        box,
        project,
        body=lambda commit: "\n".join(_kind(commit.message.strip())),
    )
    if environments:
        _add_environments(box, owner, name, environments)
    return path


def _name_environments(
    box: Forge, owner: str, environments: Sequence[str]
) -> str:
    """Return the settings that say where a service is deployed, and runs."""
    settings = [
        _fill(_ENVIRONMENT, environment=each, argocd=box.argocd_url(each))
        for each in environments
    ]
    if settings:
        settings.insert(0, _fill(_SETTINGS, deployment=f"{owner}/charts"))
    return "".join(settings)


def _add_environments(
    box: Forge, owner: str, name: str, environments: Sequence[str]
) -> None:
    """Add a deployment repository, and the environments that it names."""
    url = f"{box.server_url}/{owner}/{name}"
    fill = partial(_fill, owner=owner, name=name, url=url, version=_VERSION)
    files = {fill(path): fill(text) for path, text in _DEPLOYED.items()}
    for each in environments:
        files |= {
            fill(path, environment=each): fill(text, environment=each)
            for path, text in _DEPLOYED_IN.items()
        }
    deployment(box, f"{owner}/charts", files)
    for each in environments:
        application = box.argocd.add(
            each, name, f"{owner}/charts", now=box.clock.now()
        )
        application.script = _QUICK


def publish(
    box: Forge,
    project: Project,
    *,
    body: Callable[[Commit], str] = lambda _: "",
    tags: Collection[str] | None = None,
) -> None:
    """Give what is there already its releases, runs and images.

    Parameters
    ----------
    box
        The sandbox.
    project
        The repository.
    body
        Writes the body of a release from the tagged commit.
    tags
        The tags that have runs and images, by default the newest. All have
        releases.
    """
    # What is served already looks after its runs meanwhile.
    with box.lock:
        _publish(box, project, body, tags)


def _publish(
    box: Forge,
    project: Project,
    body: Callable[[Commit], str],
    tags: Collection[str] | None,
) -> None:
    git = project.git
    prefix = "refs/tags/"
    found = []
    for ref, sha in git.refs().items():
        commit = git.commit(sha)
        if re.match(rf"{prefix}\D*\d", ref) and commit is not None:
            made = git.tag(sha)
            at = commit.committer.date
            found.append((max(at, made.tagger.date) if made else at, ref))
    found.sort()
    if tags is None:
        tags = [ref.removeprefix(prefix) for _, ref in found[-_MOST_RUNS:]]
    releases: dict[int, Release] = {}
    for tagged_at, ref in found:
        commit = git.known(ref)
        tag = ref.removeprefix(prefix)
        published = tagged_at + timedelta(minutes=4)
        item = Release(
            id=box.new_id("release"),
            tag=tag,
            target=git.default_branch,
            name=tag,
            body=body(commit),
            is_draft=False,
            is_prerelease=bool(re.search(r"\d-?[a-z]", tag)),
            make_latest="legacy",
            author=box.accounts.login,
            created_at=commit.committer.date,
            published_at=published,
            updated_at=published,
            slug="",
        )
        releases[item.id] = item
        for event, action, at in (
            ("push", "", tagged_at),
            ("release", "published", published),
        ):
            if tag in tags:
                box.runner.start(
                    project,
                    event=event,
                    action=action,
                    ref=ref,
                    sha=commit.sha,
                    actor=box.accounts.login,
                    title=tag,
                    at=at,
                )
    head = git.commit(f"refs/heads/{git.default_branch}")
    if head is not None:
        box.runner.start(
            project,
            event="push",
            action="",
            ref=f"refs/heads/{git.default_branch}",
            sha=head.sha,
            actor=box.accounts.login,
            at=head.committer.date,
        )
    box.changed(project.releases, releases)
    # What was there before is no lagging write.
    project.releases = type(project.releases)(releases)
    box.runner.settle()
    box.writing()


def deployment(
    box: Forge, name: str, files: Mapping[str, str], branch: str = "main"
) -> None:
    """Add a repository of one commit, such as one to deploy from.

    Parameters
    ----------
    box
        The sandbox.
    name
        Owner and name on its GitHub.
    files
        Text by path.
    branch
        Its only branch.
    """
    # Served already, it would take what it finds for a push.
    with box.lock:
        project = box.add_repository(name)
        who, email = _PEOPLE[0]
        stamp = f"{who} <{email}> {int(_START.timestamp())} +0000"
        out = [f"commit refs/heads/{branch}\n"]
        out.append(f"author {stamp}\ncommitter {stamp}\n")
        out.append(_data("What is deployed\n"))
        for path, text in files.items():
            out.append(f"M 100644 inline {path}\n{_data(text)}")
        _import(project.git.path, "".join(out))
        # What is there from the beginning is no push.
        project.refs = History(project.git.refs())


def _import(path: Path, stream: str) -> None:
    subprocess.run(
        ["git", "fast-import", "--quiet", "--date-format=raw"],
        cwd=path,
        input=stream.encode(),
        env=git_environment(),
        check=True,
        capture_output=True,
    )
