"""Rehearsals of repositories that publish in the ways that there are.

Their workflow files are of the shape of real ones, in words of our own: the
two examples of SQuaRE's template, Gafaelfawr, Nublado, vo-cutouts, podinfo,
repo2docker, whoami and source-controller. Every one of them ends as released.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..support.campaigns import choose_size
from ..support.clocks import LeapingClock
from ..support.spawning import run_program

DATA = Path(__file__).parents[1] / "data" / "rehearsals"
OWNER = "rubin-demo"
GHCR = f"ghcr.io/{OWNER}"
GAR = "us-central1-docker.pkg.dev/shared-1234/sciplat"
WHO = "Ada Quist <ada@example.org>"
DAY = 86_400

SCRIV = {
    "CHANGELOG.md": "# Change log\n\n<!-- scriv-insert-here -->\n",
    "pyproject.toml": (
        '[project]\nname = "app"\ndynamic = ["version"]\n\n[tool.scriv]\n'
        'categories = ["New features", "Bug fixes"]\nformat = "md"\n'
        'md_header_level = "2"\n'
        'entry_title_template = "{{ version }} ({{ date.strftime('
        "'%Y-%m-%d') }})\"\n"
    ),
    # Locked for years: that is no obstacle.
    "uv.lock": "version = 1\n",
}
FRAGMENT = {"changelog.d/20260301_ada.md": "### New features\n\n- Search.\n"}

GORELEASER = """\
docker_manifests:
  - name_template: "rubindemo/whoami:{{ .Tag }}"
    image_templates: ["rubindemo/whoami:{{ .Tag }}-amd64"]
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A repository, and what a rehearsal of it finds."""

    name: str
    tag: str
    """The tag of the release before."""

    subject: str = "feat: search"
    """What the commit since then says."""

    workflow: str | None = None
    images: tuple[str, ...] | None = ()
    """The images that are published; `None`: nobody can tell."""

    branch: str = "main"
    """The only branch."""

    before: Mapping[str, str] = field(default_factory=dict)
    """Files of the release before."""

    since: Mapping[str, str] = field(default_factory=dict)
    """Files that came since."""

    @property
    def next(self) -> str:
        """The tag of the next release."""
        major, minor, patch = self.tag.split(".")
        if self.subject.startswith("feat"):
            return f"{major}.{int(minor) + 1}.0"
        return f"{major}.{minor}.{int(patch) + 1}"


DOCKERFILES = dict.fromkeys(
    (
        "Dockerfile", "Dockerfile.worker", "Dockerfile.hub", "Dockerfile.lab",
    ),
    "FROM scratch\n",
)  # fmt: skip

CASES = [
    # These two show most, so that every run of the tests has them.
    Case(
        name="nublado",
        tag="15.1.0",
        workflow="nublado",
        images=(
            f"{GHCR}/nublado", f"{GAR}/nublado", f"{GHCR}/nublado-hub",
            f"{GAR}/hub", f"{GHCR}/nublado-lab",
        ),
        before=SCRIV,
        since=FRAGMENT,
    ),
    Case(
        name="source-controller",
        tag="v1.9.0",
        workflow="source-controller",
        images=None,
        before={"go.sum": "example.org/a v1.0.0 h1:x\n"},
    ),
    Case(
        name="safir-app",
        tag="0.2.0",
        workflow="safir-app",
        images=(f"{GHCR}/safir-app",),
        before=SCRIV,
        since=FRAGMENT,
    ),
    Case(
        name="uws-app",
        tag="0.2.0",
        workflow="uws-app",
        images=(f"{GHCR}/uws-app", f"{GHCR}/uws-app-worker"),
        before=SCRIV,
        since=FRAGMENT,
    ),
    Case(
        name="gafaelfawr",
        tag="15.2.1",
        workflow="gafaelfawr",
        images=(f"{GHCR}/gafaelfawr",),
        before=SCRIV,
        since=FRAGMENT,
    ),
    Case(
        name="vo-cutouts",
        tag="4.2.3",
        workflow="uws-app",
        images=(f"{GHCR}/vo-cutouts", f"{GHCR}/vo-cutouts-worker"),
        before=SCRIV,
        since={
            **FRAGMENT,
            ".rsp-release.toml": (
                '[deploy]\nrepository = "rubin-demo/phalanx"\n'
                'charts = ["applications/vo-cutouts",'
                ' "applications/vo-cutouts/values.yaml#worker.image.tag"]\n'
            ),
        },
    ),
    Case(
        name="podinfo",
        tag="6.14.1",
        branch="develop",
        workflow="podinfo",
        images=("docker.io/rubindemo/podinfo", f"{GHCR}/podinfo"),
    ),
    Case(
        name="repo2docker",
        tag="0.11.0",
        workflow="repo2docker",
        images=None,
    ),
    Case(
        name="whoami",
        tag="v1.11.0",
        workflow="whoami",
        images=None,
        before={".goreleaser.yml": GORELEASER},
    ),
    # Nothing says what changed, so that the version is a guess.
    Case(name="plain", tag="1.4.0", subject="Answer faster"),
]  # fmt: skip


def make_clone(case: Case, place: Path) -> None:
    """Make a repository of two commits, the first of which is released."""
    before = {**DOCKERFILES, **case.before}
    if case.workflow is not None:
        text = (DATA / f"{case.workflow}.yaml").read_text("utf-8")
        before[".github/workflows/publish.yaml"] = text
    out = ["feature done\n"]
    for number, (subject, files) in enumerate(
        (("feat: begin", before), (case.subject, case.since)), 1
    ):
        when = f"{WHO} {1_700_000_000 + number * DAY} +0000"
        out.append(f"commit refs/heads/{case.branch}\nmark :{number}\n")
        out.append(f"author {when}\ncommitter {when}\n")
        out.append(f"data {len(subject)}\n{subject}\n")
        for path, text in {**files, "n": f"{number}"}.items():
            out.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
    when = f"{WHO} {1_700_000_000 + DAY} +0000"
    out.append(f"tag {case.tag}\nfrom :1\ntagger {when}\ndata 0\n\n")
    remote = f"refs/remotes/origin/{case.branch}"
    out.append(f"reset {remote}\nfrom :2\n\ndone\n")
    initial = f"--initial-branch={case.branch}"
    subprocess.run(["git", "init", "--quiet", initial, place], check=True)
    url = f"https://github.com/{OWNER}/{case.name}.git"
    for arguments, given in (
        (["fast-import", "--quiet"], "".join(out)),
        (["remote", "add", "origin", url], ""),
        (["reset", "--quiet", "--hard"], ""),
    ):
        subprocess.run(
            ["git", *arguments], cwd=place, check=True, input=given.encode()
        )


@pytest.mark.parametrize(
    "case", CASES[: choose_size(len(CASES), 2)], ids=lambda case: case.name
)
def test_rehearsal_ends_as_released(case: Case, tmp_path: Path) -> None:
    make_clone(case, tmp_path / "clone")
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV")
    result = run_program(
        ["rehearse"],
        cwd=tmp_path / "clone",
        environ={
            **{k: os.environ[k] for k in kept if k in os.environ},
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_CONFIG_SYSTEM": os.devnull,
            "HOME": str(tmp_path),
        },
        timeout=120,
        clock=LeapingClock(tmp_path / "clock"),
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert f"Released {case.next}" in said
    found = [
        line.removeprefix("- ").removesuffix(" (tag assumed)")
        for line in said.partition("nothing left this machine")[2].splitlines()
        if line.startswith("- ")
    ]
    wanted = [f"{name}:{case.next}" for name in case.images or ()]
    assert [name for name in found if not name.endswith(":latest")] == wanted
    advice = "name them with `images` in the settings"
    assert (advice in said) == (case.images is None)
    assert ("is a guess" in said) == (case.subject == "Answer faster")
    is_assumed = f"Assumed: the runs of {case.tag} succeeded" in said
    assert is_assumed == (case.workflow is not None)
