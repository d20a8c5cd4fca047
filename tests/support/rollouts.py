"""A service that environments run, with an Argo CD of each, on the sandbox."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rsp_release.engine.world import Clock
from rsp_sandbox import Scenario
from rsp_sandbox.applications import Application, RolloutScript
from rsp_sandbox.records import Pull

from .deploying import DEPLOY, PREFIX, add_deployment, configure
from .people import FAST
from .service import TAG, Service, serve

__all__ = ["Rollouts", "open_rollouts"]


class Rollouts:
    """A service, and the applications that its environments run.

    Parameters
    ----------
    service
        The service.
    applications
        By the name of the environment.
    """

    def __init__(
        self, service: Service, applications: Mapping[str, Application]
    ) -> None:
        self.service = service
        self.box = service.box
        self.applications = dict(applications)

    def count(self) -> dict[str, int]:
        """Return how often each environment was synced by the program."""
        return {
            name: sum(bool(sync.infos) for sync in application.syncs)
            for name, application in self.applications.items()
        }

    @property
    def pulls(self) -> list[Pull]:
        """The deployment pull requests."""
        return list(self.box.project(DEPLOY).pulls.values())

    def merge(self) -> None:
        """Merge the newest deployment pull request, as a person does."""
        number = self.pulls[-1].number
        request = urllib.request.Request(  # noqa: S310
            f"{self.box.api_url}/repos/{DEPLOY}/pulls/{number}/merge",
            method="PUT",
            data=b'{"merge_method": "merge"}',
            headers={"Authorization": f"Bearer {self.box.add_token()}"},
        )
        urllib.request.urlopen(request).close()  # noqa: S310

    def release(self) -> str:
        """Tag the service, and let the deployment repository follow."""
        git = self.service.git
        git("tag", "--annotate", "--message", TAG, TAG)
        git("push", "--quiet", "origin", TAG)
        path = f"{PREFIX}/Chart.yaml"
        return self.commit({path: self.read(path).replace("1.4.0", TAG)})

    def commit(self, files: Mapping[str, str]) -> str:
        """Commit files to the deployment repository; return the commit."""
        stream = [
            "commit refs/heads/main\n",
            f"committer Ada <a@b.c> {int(self.now.timestamp())} +0000\n",
            "data 2\nx\nfrom refs/heads/main^0\n",
        ]
        for name, text in files.items():
            size = len(text.encode())
            stream.append(f"M 100644 inline {name}\n")
            stream.append(f"data {size}\n{text}\n")
        project = self.box.project(DEPLOY)
        with self.box.lock:
            project.git.git(
                "fast-import", "--quiet", stdin="".join(stream).encode()
            )
            self.box.notice(project)
        return project.git.refs()["refs/heads/main"]

    def sync(self, name: str, **script: Any) -> None:
        """Let somebody else sync an environment."""
        application = self.applications[name]
        application.script = RolloutScript(**script)
        head = self.box.project(DEPLOY).git.refs()["refs/heads/main"]
        application.begin(head, self.now, username="grace")

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert self.service.clock is not None
        self.service.clock.sleep(seconds)

    @property
    def now(self) -> datetime:
        """The present time of the sandbox."""
        return self.box.clock.now()

    def reset(self) -> None:
        """Let every environment be as it was before the release."""
        for application in self.applications.values():
            del application.syncs[1:]
            application.script = RolloutScript()
        # What the journal knows of is waited for as long.
        self.sleep(60)

    def read(self, path: str) -> str:
        """Return a file of the deployment repository."""
        git = self.box.project(DEPLOY).git
        head = git.refs()["refs/heads/main"]
        return (git.file(head, path) or b"").decode()


@contextmanager
def open_rollouts(
    folder: Path,
    *names: str,
    files: Mapping[str, str] | None = None,
    order: Sequence[str] = (),
    settings: str = "",
    script: RolloutScript | None = None,
    scenario: Scenario | None = FAST,
    clock: Clock | None = None,
) -> Iterator[Rollouts]:
    """Serve a service and its environments.

    Parameters
    ----------
    folder
        An empty directory.
    *names
        The environments, each of which runs the service.
    files
        More files of the deployment repository.
    order
        The setting ``rollout.order``.
    settings
        More settings of ``[deploy]``.
    script
        What becomes of every application.
    scenario
        What the workflows do.
    clock
        The clock; by default one that leaps.

    Yields
    ------
    Rollouts
        The service, and its applications.
    """
    with serve(folder, scenario=scenario, clock=clock) as service:
        box = service.box
        switch = "applications:\n  stargazer: true\n"
        made = {
            f"environments/values-{name}.yaml": (
                f"name: {name}\nfqdn: {name}.example.org\n{switch}"
            )
            for name in names
        }
        # What is there otherwise pins a tag.
        made[f"{PREFIX}/values-idfdev.yaml"] = "config: {debug: true}\n"
        made["environments/templates/applications/rsp/stargazer.yaml"] = "\n"
        add_deployment(service, {**made, **(files or {})})
        found = {
            name: box.argocd.add(
                name, "stargazer", DEPLOY, now=box.clock.now(),
                project="rsp", path=PREFIX,
            )
            for name in names
        }  # fmt: skip
        for application in found.values():
            application.script = script or RolloutScript()
        text = f"{settings}\n" if settings else ""
        if order:
            text += f"[rollout]\norder = {list(order)!r}\n".replace("'", '"')
        for name in names:
            text += (
                f'[[environments]]\nname = "{name}"\n'
                f'argocd = "{box.argocd_url(name)}"\n'
            )
        configure(service, text)
        # Each environment has its own.
        service.environ.pop("ARGOCD_AUTH_TOKEN")
        for name in names:
            variable = f"ARGOCD_AUTH_TOKEN_{name.upper().replace('-', '_')}"
            service.environ[variable] = box.argocd.token
        yield Rollouts(service, found)
