"""A service that environments run, with an Argo CD of each, on the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rsp_release.engine.world import Clock
from rsp_sandbox import Scenario
from rsp_sandbox.applications import Application, RolloutScript

from .deploying import DEPLOY, PREFIX, add_deployment, configure
from .people import FAST
from .service import Service, serve

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

    def merge(self) -> None:
        """Merge the deployment pull request."""
        project = self.box.project(DEPLOY)
        number = max(project.pulls)
        person = self.box.add_token()
        import json
        import urllib.request

        request = urllib.request.Request(  # noqa: S310
            f"{self.box.api_url}/repos/{DEPLOY}/pulls/{number}/merge",
            method="PUT",
            data=json.dumps({"merge_method": "merge"}).encode(),
            headers={"Authorization": f"Bearer {person}"},
        )
        urllib.request.urlopen(request).close()  # noqa: S310


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
        made = {
            f"environments/values-{name}.yaml": (
                f"name: {name}\nfqdn: {name}.example.org\n"
                "applications:\n  stargazer: true\n"
            )
            for name in names
        }
        made[f"{PREFIX}/values-idfdev.yaml"] = "config: {debug: true}\n"
        made["environments/templates/applications/rsp/stargazer.yaml"] = "\n"
        add_deployment(service, {**made, **(files or {})})
        found = {
            name: box.argocd.add(
                name, "stargazer", DEPLOY, now=box.clock.now(),
                project="rsp", path=PREFIX,
                script=script or RolloutScript(),
            )
            for name in names
        }  # fmt: skip
        text = f"{settings}\n" if settings else ""
        if order:
            text += f"[rollout]\norder = {list(order)!r}\n".replace("'", '"')
        for name in names:
            text += (
                f'[[environments]]\nname = "{name}"\n'
                f'argocd = "{box.argocd_url(name)}"\n'
            )
        configure(service, text)
        for name in names:
            variable = f"ARGOCD_AUTH_TOKEN_{name.upper().replace('-', '_')}"
            service.environ[variable] = box.argocd.token
        yield Rollouts(service, found)
