"""A service whose images a second workflow builds, after the first."""

from __future__ import annotations

from rsp_release.cli.demo import tell
from rsp_release.config import Config

from .service import NAME, Service

__all__ = ["IMAGE", "chain"]

FOLDER = ".github/workflows"
IMAGE = f"ghcr.io/{NAME}"
CI = """\
name: CI
on:
  push:
    tags: ["*"]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - run: make test
"""
BUILD = """\
name: Build
on:
  TRIGGER
jobs:
  build:
    if: github.event.workflow_run.conclusion == 'success'
    runs-on: ubuntu-latest
    environment: {name: prod}
    steps:
      - uses: docker/build-push-action@v6
        with:
          push: true
          tags: ghcr.io/rubin-demo/stargazer:${{
            github.event.workflow_run.head_branch }}
"""
AFTER_CI = "workflow_run:\n    workflows: [CI]\n    types: [completed]"


def chain(
    service: Service, trigger: str = AFTER_CI, settings: str = ""
) -> None:
    """Let a second workflow build the images of a service.

    Parameters
    ----------
    service
        The service.
    trigger
        What starts the second workflow.
    settings
        The program's settings.
    """
    service.box.project(NAME).publishes = tell(NAME, Config())
    files = {
        f"{FOLDER}/ci.yaml": CI,
        f"{FOLDER}/build.yaml": BUILD.replace("TRIGGER", trigger),
        ".rsp-release.toml": settings,
    }
    for name, text in files.items():
        (service.clone / name).write_text(text, encoding="utf-8")
    service.git("add", ".")
    service.git("commit", "--quiet", "-m", "ci: build after the tests")
    service.git("push", "--quiet", "origin", "HEAD")
