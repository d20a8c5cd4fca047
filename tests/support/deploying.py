"""A deployment repository in the manner of Phalanx, on the sandbox."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from rsp_sandbox.base import History
from rsp_sandbox.git import git_environment

from .box import Sandbox
from .service import NAME, Service

__all__ = ["CHART", "DEPLOY", "PREFIX", "add_deployment", "configure", "show"]

DEPLOY = "rubin-demo/telescope-charts"
PREFIX = "applications/stargazer"

CHART = """\
apiVersion: v2
name: stargazer
version: 1.0.0
description: "Where to look tonight"
sources:
  - "@url@"
appVersion: "1.4.0"  # the tag of the image

annotations:
  phalanx.lsst.io/docs: |
    - id: "SQR-000"
"""

VALUES = """\
# Default values for stargazer.

image:
  # -- Image to use
  repository: "@image@"

  # -- Tag of the image
  # @default -- The appVersion of the chart
  tag: ""
"""

README = """\
# stargazer

![Version: 1.0.0](https://img.shields.io/badge/Version-1.0.0-informational)
![AppVersion: 1.4.0](https://img.shields.io/badge/AppVersion-1.4.0-informational?style=flat-square)
"""


def make_files(url: str) -> dict[str, str]:
    """Return the files of the deployment repository."""
    values = VALUES.replace("@image@", f"ghcr.io/{NAME}")
    return {
        f"{PREFIX}/Chart.yaml": CHART.replace("@url@", url),
        f"{PREFIX}/README.md": README,
        f"{PREFIX}/values.yaml": values,
        f"{PREFIX}/values-idfprod.yaml": "config:\n  debug: false\n",
        f"{PREFIX}/values-idfdev.yaml": 'image:\n  tag: "tickets-DM-1"\n',
        "applications/other/Chart.yaml": (
            "apiVersion: v2\nname: other\nappVersion: 7.0.0\n"
            "sources:\n  - https://github.com/example/other\n"
        ),
        "applications/broken/Chart.yaml": "a: [\n",
        "README.md": "# Telescope charts\n",
    }


def add_repository(box: Sandbox, name: str, files: Mapping[str, str]) -> None:
    """Add a repository of one commit to the sandbox."""
    project = box.add_repository(name)
    who = "Ada Quist <ada@example.org> 1760000000 +0000"
    out = ["commit refs/heads/main\n", f"author {who}\n"]
    out += [f"committer {who}\n", "data 4\ninit\n"]
    for path, text in files.items():
        data = text.encode()
        out.append(f'M 100644 inline "{path}"\ndata {len(data)}\n')
        out.append(f"{text}\n")
    subprocess.run(
        ["git", "fast-import", "--quiet", "--date-format=raw"],
        cwd=project.git.path,
        input="".join(out).encode(),
        env=git_environment(),
        check=True,
        capture_output=True,
    )
    # What is there from the beginning is no push.
    project.refs = History(project.git.refs())


def add_deployment(
    service: Service, files: Mapping[str, str] | None = None
) -> None:
    """Give a service a deployment repository."""
    url = f"{service.box.server_url}/{NAME}"
    add_repository(service.box, DEPLOY, {**make_files(url), **(files or {})})


def configure(service: Service, settings: str = "") -> None:
    """Commit settings that name the deployment repository."""
    path = service.clone / ".rsp-release.toml"
    path.write_text(
        f'[deploy]\nrepository = "{DEPLOY}"\n{settings}', encoding="utf-8"
    )
    service.git("add", path.name)
    service.git("commit", "--quiet", "-m", "build: name the deployment")
    service.git("push", "--quiet", "origin", "HEAD")


def show(
    service: Service, branch: str, path: str, repository: str = DEPLOY
) -> str:
    """Return a file of a branch of the deployment repository, or a fork."""
    git = service.box.project(repository).git
    head = git.refs()[f"refs/heads/{branch}"]
    return (git.file(head, path) or b"").decode()
