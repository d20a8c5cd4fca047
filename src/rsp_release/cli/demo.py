"""The commands that run on the sandbox: ``demo`` and ``sandbox``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from ..config import Config
from ..exceptions import ReleaseError, UsageError
from ..storage.environment import without_credentials
from .release import bump
from .rollout import rollout
from .session import Session

if TYPE_CHECKING:
    from rsp_sandbox import Publishes, Sandbox, WorkflowScript

    from ..models import Publication

__all__ = ["demo", "isolate", "run_git", "sandbox", "tell"]

_FOREIGN = (
    # What is released on the sandbox must not become an output of the job.
    "GH_HOST", "GH_REPO", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY",
)  # fmt: skip


def demo(session: Session) -> int:
    """Release an example service on the sandbox. Needs no account."""
    from rsp_sandbox import Sandbox, seed

    options = session.globals

    with tempfile.TemporaryDirectory(prefix="rsp-release-") as name:
        folder = Path(name)
        with Sandbox() as box:
            seed.demo(box, environments=("idfdev", "idfint"))
            environ = isolate(options.environ, folder, box.environment())
            place = folder / "stargazer"
            url = box.git_url("rubin-demo/stargazer")
            run_git("clone", "--quiet", url, str(place), environ=environ)
            if not session.as_json:
                sys.stdout.write(
                    "Releasing a made-up service on an imitation of GitHub.\n"
                    "$ rsp-release bump minor --rollout --yes\n\n"
                )
                sys.stdout.flush()
            inner = replace(
                options, directory=place, repository=None, environ=environ
            )
            status = bump(
                Session(inner, as_json=session.as_json),
                "minor",
                yes=True,
                rollout=True,
            )
            if status or session.as_json:
                return status
            sys.stdout.write("\n$ rsp-release rollout\n\n")
            sys.stdout.flush()
            return rollout(Session(inner))


def sandbox(
    session: Session,
    *,
    port: Annotated[
        int, Option(metavar="N", help="Port to listen on; 0 picks a free one.")
    ] = 0,
    git: Annotated[
        Path | None, Option(metavar="PATH", help="Serve this bare repository.")
    ] = None,
    scenario: Annotated[
        Path | None,
        Option(metavar="FILE", help="Script of what workflows do."),
    ] = None,
) -> int:
    """Serve a sandbox of GitHub and a registry until interrupted."""
    from rsp_sandbox import Sandbox, Scenario, seed

    repository = session.globals.repository
    try:
        script = Scenario.load(scenario) if scenario else None
        box = Sandbox(script, port=port)
        if git is None:
            owner, _, name = (repository or "rubin-demo/stargazer").partition(
                "/"
            )
            seed.demo(box, owner, name)
            repository = f"{owner}/{name}"
        else:
            repository = repository or _guess_name(git)
            publishes = tell(repository, Config())
            box.add_repository(repository, git, publishes=publishes)
    except (OSError, ValueError) as e:
        raise UsageError(f"the sandbox cannot start: {e}") from e
    try:
        with box:
            _serve(box, repository)
    except OSError as e:
        raise UsageError(
            f"the sandbox cannot use port {port}: {e.strerror}",
            help="choose another with --port, or leave it out",
        ) from e
    return 0


def _serve(box: Sandbox, repository: str) -> None:
    """Say how to reach the sandbox, and wait to be interrupted."""
    for key, value in box.environment().items():
        sys.stdout.write(f"export {key}={value}\n")
    sys.stdout.flush()
    sys.stderr.write(
        f"serving {repository}; clone it from {box.git_url(repository)}\n"
        "run the lines above in another terminal; press Ctrl-C to stop\n"
    )
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)


def _guess_name(git: Path) -> str:
    """Name a repository after where it is."""
    path = git.resolve()
    if not (path / "HEAD").is_file():
        raise UsageError(
            f"{git} is not a bare repository",
            help="create one: git clone --bare REPOSITORY",
        )
    return f"{path.parent.name or 'owner'}/{path.name.removesuffix('.git')}"


def tell(
    repository: str,
    config: Config,
    *,
    heard: Callable[[str, Publication | None], None] = lambda *_: None,
) -> Publishes:
    """Make what tells the sandbox which images a release publishes.

    It says what the program finds in the workflow files: the sandbox does not
    read that out of them.

    Parameters
    ----------
    repository
        Owner and name on GitHub.
    config
        The settings, which decide where they speak.
    heard
        Is given each tag that is asked about, with what was found.
    """
    from rsp_sandbox import ImageScript, PushFilter, Triggers, WorkflowScript

    from ..publishing import find_publication

    def told(
        tag: str,
        commit: str,
        files: Mapping[str, str],
        read: Callable[[str], str | None],
    ) -> list[WorkflowScript]:
        found = None
        # Such as where an old tag has no workflow that the settings name.
        with suppress(ReleaseError):
            found = find_publication(
                files,
                repository=repository,
                tag=tag,
                commit=commit,
                config=config,
                read=read,
            )
        heard(tag, found)
        if found is None:
            return []
        images = [
            ImageScript(
                name=image.name,
                tag=image.tag,
                platforms=image.platforms or ("linux/amd64",),
                job=found.jobs[-1] if found.jobs else None,
            )
            for image in found.images
        ]
        first = WorkflowScript(
            # Where only the settings know of images, something has to push
            # them.
            path=found.workflow or "settings",
            running=found.jobs or (() if found.workflow else ("publish",)),
            images=tuple(images),
        )
        scripts = [first]
        for each, before in pairwise(found.chain):
            follows = before.workflow
            scripts[-1] = replace(
                scripts[-1], follows=follows, event=each.event
            )
            scripts.append(WorkflowScript(path=follows, running=before.jobs))
        on = Triggers(release=("published",))
        if found.chain[-1].event == "push":
            on = Triggers(push=PushFilter(tags=("**",)))
        scripts[-1] = replace(scripts[-1], on=on)
        return scripts

    return told


def isolate(
    environ: Mapping[str, str], folder: Path, sandbox: Mapping[str, str]
) -> dict[str, str]:
    """Make an environment in which nothing of the user's is used.

    Parameters
    ----------
    environ
        The environment.
    folder
        A directory for git's settings.
    sandbox
        The variables that point a client at the sandbox.
    """
    config = folder / "gitconfig"
    config.write_text(
        "[user]\n\tname = Demo\n\temail = demo@example.org\n",
        encoding="utf-8",
    )
    kept = without_credentials(environ)
    return {
        **{k: v for k, v in kept.items() if k not in _FOREIGN},
        **sandbox,
        "ARGOCD_CONFIG_DIR": str(folder),
        "DOCKER_CONFIG": str(folder),
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_CONFIG_SYSTEM": os.devnull,
    }


def run_git(
    *args: str,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
    given: str = "",
    may_fail: bool = False,
) -> str:
    """Run git and return what it prints.

    Parameters
    ----------
    *args
        The arguments.
    cwd
        Where; by default the current directory.
    environ
        The environment; by default this process's without credentials.
    given
        What git reads.
    may_fail
        Whether nothing is returned where git fails.

    Raises
    ------
    ReleaseError
        Raised if git fails.
    """
    result = subprocess.run(
        ["git", *args],
        cwd=cwd,
        env=without_credentials(os.environ) if environ is None else environ,
        input=given,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    if result.returncode and not may_fail:
        raise ReleaseError(
            f"git {args[0]} failed: {result.stderr.strip()[:500]}"
        )
    return "" if result.returncode else result.stdout.strip()
