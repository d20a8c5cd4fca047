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
    found = [
        *_settings(repository, config),
        *_changelog(repository, config),
        *_workflow(repository, config, tuple(targets) or (_GHCR,)),
        *_notes(repository),
    ]
    # pyproject.toml may be added to twice.
    merged: dict[str, Addition] = {}
    for each in found:
        before = merged.get(each.path)
        if before is not None and each.old is not None:
            added = each.new[len(each.old) :]
            each = Addition(  # noqa: PLW2901
                path=each.path, old=each.old, new=before.new + added
            )
        merged[each.path] = each
    return tuple(merged.values())


def unified(addition: Addition) -> str:
    """Return an addition as a unified diff."""
    lines = list(
        unified_diff(
            (addition.old or "").splitlines(keepends=True),
            addition.new.splitlines(keepends=True),
            "/dev/null" if addition.old is None else f"a/{addition.path}",
            f"b/{addition.path}",
        )
    )
    return "".join(
        line
        if line.endswith("\n")
        else f"{line}\n\\ No newline at end of file\n"
        for line in lines
    )


# -- Settings ---------------------------------------------------------------


def _settings(repository: Repository, config: Config) -> Iterator[Addition]:
    if config.file is not None:
        return
    lines = []
    if repository.branch != "main":
        lines.append(f'branch = "{repository.branch}"')
    lines.append('changelog = "auto"')
    body = "\n".join(lines) + "\n"
    pyproject = repository.read("pyproject.toml")
    comment = "# See `rsp-release check` for all settings.\n"
    if pyproject is None:
        yield Addition(path=".rsp-release.toml", new=comment + body)
        return
    yield _append(
        "pyproject.toml", pyproject, f"[tool.rsp-release]\n{comment}{body}"
    )


def _append(path: str, old: str, text: str) -> Addition:
    """Add at the end of a file, in its own line ends."""
    newline = "\r\n" if "\r\n" in old else "\n"
    gap = "" if not old else "\n" if old.endswith("\n") else "\n\n"
    added = (gap + text).replace("\n", newline)
    return Addition(path=path, old=old, new=old + added)


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

_MARKER = "<!-- scriv-insert-here -->"


def _changelog(repository: Repository, config: Config) -> Iterator[Addition]:
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
    if not is_scriv:
        if pyproject is not None:
            yield _append("pyproject.toml", pyproject, _SCRIV)
        else:
            yield Addition(path="changelog.d/scriv.ini", new=_SCRIV_INI)
    if not is_scriv and read("changelog.d/_template.md.jinja") is None:
        yield Addition(path="changelog.d/_template.md.jinja", new=_TEMPLATE)
    if not logs:
        short = repository.name.rpartition("/")[2]
        yield Addition(
            path="CHANGELOG.md",
            new=(
                "# Change log\n\n"
                f"{short} is versioned with [semver](https://semver.org/).\n"
                "Changes that are not released yet are in"
                " [changelog.d](./changelog.d/).\n\n"
                f"{_MARKER}\n"
            ),
        )


def _has_other_tool(repository: Repository, pyproject: str | None) -> bool:
    return (
        "[tool.towncrier" in (pyproject or "")
        or repository.read("towncrier.toml") is not None
        or bool(repository.names(".changeset"))
    )


# -- Publishing -------------------------------------------------------------

_WORKFLOW_FOLDER = ".github/workflows"

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
) -> Iterator[Addition]:
    if config.images == () or config.workflow is not None:
        return
    names = repository.names(_WORKFLOW_FOLDER)
    paths = [f"{_WORKFLOW_FOLDER}/{name}" for name in names]
    files = {
        path: repository.read(path) or ""
        for path in paths
        if path.endswith((".yaml", ".yml"))
    }
    name, read = repository.name, repository.read
    path = f"{_WORKFLOW_FOLDER}/publish.yaml"
    builds = True
    try:
        found = find_publication(
            files, repository=name, tag="1.0.0", read=read
        )
        if found is not None:
            builds = _lacks_dockerfile(files, repository, found)
        elif path in files or explain_absence(
            files, repository=name, tag="1.0.0", read=read
        ):
            # It looks as if it should publish; how is for a person to say.
            return
    except ReleaseError:
        return
    if found is None:
        images = ",".join(target.image for target in targets)
        text = _WORKFLOW.replace("{images}", images)
        yield Addition(path=path, new=text.replace("{action}", _ACTION))
    if builds and repository.read("Dockerfile") is None:
        yield Addition(path="Dockerfile", new=_dockerfile(repository))


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


def _notes(repository: Repository) -> Iterator[Addition]:
    names = repository.names(".github")
    if "release.yml" in names or "release.yaml" in names:
        return
    yield Addition(path=".github/release.yml", new=_RELEASE_YML)
