"""The files that set a repository up for releases. Pure.

Nothing that exists is changed: a file is made where there is none, and a
table is added at the end of a file that lacks it. So a second look finds
nothing to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from ..changelog.scriv import read_scriv_settings
from ..config import Config
from ..exceptions import ReleaseError, UsageError
from ..models import Publication
from ..publishing import explain_absence, find_publication
from ..publishing.documents import load
from ..publishing.published import dockerfiles_of

__all__ = [
    "Addition",
    "Repository",
    "Target",
    "parse_target",
    "plan",
    "unified",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A file that is made, or added to."""

    path: str
    """Its path in the repository."""

    new: str
    """What will be in it."""

    old: str | None = None
    """What is in it; `None` where there is no such file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A registry that images go to."""

    name: str
    """What a person calls it."""

    image: str
    """The image's name, with what GitHub fills in."""

    secrets: tuple[str, ...] = ()
    """The names of the secrets that the workflow needs for it."""

    advice: str = ""
    """How to come by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What is known of the repository."""

    name: str
    """Owner and name on GitHub."""

    branch: str
    """The branch that is released from."""

    read: Callable[[str], str | None]
    """Returns a file's text, or `None`."""

    names: Callable[[str], tuple[str, ...]]
    """Returns the names of a folder's files."""


_GHCR = Target(name="ghcr.io", image="ghcr.io/${{ github.repository }}")

_GAR = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev/[a-z0-9:.-]+/[a-z0-9._-]+")

_NAMESPACE = re.compile(r"docker\.io/[a-z0-9][a-z0-9_-]*")


def parse_target(text: str, *, repository: str) -> Target:
    """Read the name of a registry.

    Parameters
    ----------
    text
        ``ghcr``, ``docker-hub``, ``docker.io/NAMESPACE``, or
        ``LOCATION-docker.pkg.dev/PROJECT/REPOSITORY``.
    repository
        Owner and name on GitHub, which the image is called after.

    Returns
    -------
    Target
        The registry.

    Raises
    ------
    UsageError
        Raised if it is none that is known.
    """
    owner, _, name = repository.lower().partition("/")
    if text in ("ghcr", "ghcr.io"):
        return _GHCR
    if text in ("docker-hub", "docker.io"):
        # A namespace of Docker Hub has no hyphens.
        text = f"docker.io/{owner.replace('-', '')}"
    if _NAMESPACE.fullmatch(text):
        return Target(
            name="Docker Hub",
            image=f"{text}/{name}",
            secrets=("DOCKER_USERNAME", "DOCKER_TOKEN"),
            advice=(
                "a Docker Hub access token (Account settings, Personal"
                " access tokens) with the permission Read & Write"
            ),
        )
    if _GAR.fullmatch(text):
        return Target(
            name="Artifact Registry",
            image=f"{text}/{name}",
            secrets=("GAR_PUSH_TOKEN",),
            advice=(
                "the JSON key of a service account with the role Artifact"
                " Registry Writer"
            ),
        )
    raise UsageError(
        f"unknown registry {text!r}",
        help=(
            "use ghcr, docker-hub, docker.io/NAMESPACE, or"
            " LOCATION-docker.pkg.dev/PROJECT/REPOSITORY"
        ),
    )


def plan(
    repository: Repository,
    *,
    config: Config,
    targets: Sequence[Target] = (),
) -> tuple[Addition, ...]:
    """Find what a repository lacks.

    Parameters
    ----------
    repository
        The repository.
    config
        The settings it has.
    targets
        The registries that images shall go to.

    Returns
    -------
    tuple of Addition
        The files to write, none of which loses anything.
    """
    found = (
        *_settings(repository, config),
        *_changelog(repository, config),
        *_workflow(repository, config, tuple(targets) or (_GHCR,)),
        *_notes(repository),
    )
    texts: dict[str, str] = {}
    for path, text in found:
        texts[path] = _append(texts.get(path, repository.read(path)), text)
    return tuple(
        Addition(path=path, new=text, old=repository.read(path))
        for path, text in texts.items()
    )


def _append(old: str | None, text: str) -> str:
    """Add at the end of a file, in its own line ends."""
    if not old:
        return text
    newline = "\r\n" if "\r\n" in old else "\n"
    gap = "\n" if old.endswith("\n") else "\n\n"
    return old + (gap + text).replace("\n", newline)


def unified(addition: Addition) -> str:
    """Return an addition as a unified diff."""
    lines = unified_diff(
        (addition.old or "").splitlines(keepends=True),
        addition.new.splitlines(keepends=True),
        "/dev/null" if addition.old is None else f"a/{addition.path}",
        f"b/{addition.path}",
    )
    return "".join(
        line
        if line.endswith("\n")
        else f"{line}\n\\ No newline at end of file\n"
        for line in lines
    )


# -- Settings ---------------------------------------------------------------


def _settings(
    repository: Repository, config: Config
) -> Iterator[tuple[str, str]]:
    if config.file is not None:
        return
    text = "# See `rsp-release check` for all settings.\n"
    if repository.branch != "main":
        text += f'branch = "{repository.branch}"\n'
    text += 'changelog = "auto"\n'
    if repository.read("pyproject.toml") is None:
        yield ".rsp-release.toml", text
    else:
        yield "pyproject.toml", f"[tool.rsp-release]\n{text}"


# -- The change log ---------------------------------------------------------

_CHANGELOGS = ("changelog", "changes", "history", "news", "release_notes")

_SCRIV = """\
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

_SCRIV_INI = """\
[scriv]
categories =
    Backwards-incompatible changes,
    New features,
    Bug fixes,
    Other changes
entry_title_template = {{ version }} ({{ date.strftime('%%Y-%%m-%%d') }})
format = md
md_header_level = 2
new_fragment_template = file:changelog.d/_template.md.jinja
skip_fragments = _template.md.jinja
"""

_TEMPLATE = """\
<!-- Keep the headings that apply, delete the others. -->
{%- for category in config.categories %}

### {{ category }}

-
{%- endfor %}
"""

_CHANGELOG = """\
# Change log

{name} is versioned with [semver](https://semver.org/).
Changes that are not released yet are in [changelog.d](./changelog.d/).

<!-- scriv-insert-here -->
"""


def _changelog(
    repository: Repository, config: Config
) -> Iterator[tuple[str, str]]:
    if config.changelog not in ("auto", "scriv"):
        return
    read = repository.read
    pyproject = read("pyproject.toml")
    if _has_other_tool(repository, pyproject):
        return
    logs = [
        name
        for name in repository.names("")
        if name.lower().partition(".")[0] in _CHANGELOGS
        and name.lower().endswith((".md", ".rst", ".txt", "log"))
    ]
    is_scriv = read_scriv_settings(read) is not None
    if not is_scriv and logs:
        # People keep it; how is theirs to say.
        return
    if not is_scriv and pyproject is not None:
        yield "pyproject.toml", _SCRIV
    elif not is_scriv:
        yield "changelog.d/scriv.ini", _SCRIV_INI
    if not is_scriv and read("changelog.d/_template.md.jinja") is None:
        yield "changelog.d/_template.md.jinja", _TEMPLATE
    if not logs:
        short = repository.name.rpartition("/")[2]
        yield "CHANGELOG.md", _CHANGELOG.replace("{name}", short)


def _has_other_tool(repository: Repository, pyproject: str | None) -> bool:
    return (
        "[tool.towncrier" in (pyproject or "")
        or repository.read("towncrier.toml") is not None
        or bool(repository.names(".changeset"))
    )


# -- Publishing -------------------------------------------------------------

_WORKFLOW_FOLDER = ".github/workflows"

_TAG = "1.0.0"
"""A tag to try what a release would start."""

_WORKFLOW = """\
name: Publish

"on":
  release:
    types: [published]

permissions:
  contents: read

jobs:
  build:
    # Builds for amd64 and arm64, and pushes one image for both.
    permissions:
      actions: write
      contents: read
      packages: write
      statuses: read
    # A group for each release: a later one does not cancel it.
    concurrency:
      group: docker-${{ github.ref }}
    secrets: inherit
    uses: {action}
    with:
      images: {images}
"""

_ACTION = (
    "lsst-sqre/multiplatform-build-and-push/.github/workflows/build.yaml@v3"
)

_DOCKERFILE_PYTHON = """\
FROM python:3.13-slim-trixie AS install-image

WORKDIR /app
RUN python -m venv /app/.venv
ENV PATH="/app/.venv/bin:$PATH"

# Tools that read the version from git's tags need the repository and git.
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends git \\
    && rm -rf /var/lib/apt/lists/*
COPY . /app/source
RUN pip install --no-cache-dir /app/source

FROM python:3.13-slim-trixie AS runtime-image

RUN useradd --create-home appuser
COPY --from=install-image /app/.venv /app/.venv
USER appuser
EXPOSE 8080
ENV PATH="/app/.venv/bin:$PATH"

# Start the service here.
CMD ["python", "-m", "{module}"]
"""

_DOCKERFILE = """\
# A starting point: install and start the service here.
FROM debian:trixie-slim

RUN useradd --create-home appuser
COPY . /app
USER appuser
CMD ["sh", "-c", "echo 'the Dockerfile has no start command' >&2; exit 1"]
"""


def _workflow(
    repository: Repository, config: Config, targets: tuple[Target, ...]
) -> Iterator[tuple[str, str]]:
    if config.images == () or config.workflow is not None:
        return
    read, name = repository.read, repository.name
    paths = [
        f"{_WORKFLOW_FOLDER}/{file}"
        for file in repository.names(_WORKFLOW_FOLDER)
        if file.endswith((".yaml", ".yml"))
    ]
    files = {path: read(path) or "" for path in paths}
    path = f"{_WORKFLOW_FOLDER}/publish.yaml"
    builds = True
    try:
        found = find_publication(files, repository=name, tag=_TAG, read=read)
        if found is not None:
            builds = _lacks_dockerfile(files, repository, found)
        elif path in files or explain_absence(
            files, repository=name, tag=_TAG, read=read
        ):
            # It looks as if it should publish; how is for a person to say.
            return
    except ReleaseError:
        return
    if found is None:
        images = ",".join(target.image for target in targets)
        text = _WORKFLOW.replace("{images}", images)
        yield path, text.replace("{action}", _ACTION)
    if builds and read("Dockerfile") is None:
        yield "Dockerfile", _dockerfile(repository)


def _lacks_dockerfile(
    files: dict[str, str], repository: Repository, found: Publication
) -> bool:
    """Return whether a workflow builds from a Dockerfile that is not there."""
    if found.workflow not in files:
        return False
    document = load(found.workflow, files[found.workflow])
    return any(
        paths[0] == "Dockerfile"
        and all(repository.read(path) is None for path in paths)
        for paths in dockerfiles_of(document, found)
    )


def _dockerfile(repository: Repository) -> str:
    pyproject = repository.read("pyproject.toml")
    if pyproject is None or "[project]" not in pyproject:
        return _DOCKERFILE
    short = repository.name.rpartition("/")[2]
    module = re.sub(r"\W", "_", short.lower())
    return _DOCKERFILE_PYTHON.replace("{module}", module)


_RELEASE_YML = """\
# How GitHub groups its generated release notes.
changelog:
  exclude:
    authors:
      - dependabot
      - dependabot[bot]
      - renovate
      - renovate[bot]
  categories:
    - title: Backwards-incompatible changes
      labels:
        - breaking
        - backwards-incompatible
    - title: New features
      labels:
        - enhancement
        - feature
    - title: Bug fixes
      labels:
        - bug
        - fix
    - title: Other changes
      labels:
        - "*"
"""


def _notes(repository: Repository) -> Iterator[tuple[str, str]]:
    names = repository.names(".github")
    if "release.yml" not in names and "release.yaml" not in names:
        yield ".github/release.yml", _RELEASE_YML
