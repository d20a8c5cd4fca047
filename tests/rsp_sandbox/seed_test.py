"""The made-up service, put into a sandbox that is served already."""

from __future__ import annotations

import threading
import tomllib

from rsp_sandbox import seed
from tests.support.box import Sandbox


def test_nothing_goes_on_while_releases_are_made_up() -> None:
    """Else the sandbox forgets a run that begins as it looks at them all.

    Its image was never pushed then, and the next release was refused.
    """
    with Sandbox() as box:
        (box.folder / "a").mkdir()
        path = seed.make_service(box.folder / "a" / "b.git", "a", "b")
        project = box.add_repository("a/b", path)
        free: list[bool] = []

        def try_lock() -> None:
            free.append(box.lock.acquire(blocking=False))
            if free[-1]:
                box.lock.release()

        def body(commit: object) -> str:
            other = threading.Thread(target=try_lock)
            other.start()
            other.join()
            return ""

        seed.publish(box, project, body=body)
    assert free
    assert not any(free)


def test_a_service_runs_in_environments() -> None:
    """Its settings say where their Argo CDs are, and these what runs."""
    with Sandbox() as box:
        path = seed.demo(box, environments=("dev", "prod"))
        git = box.project("rubin-demo/stargazer").git
        assert git.path == path
        settings = tomllib.loads(
            (git.file("main", "pyproject.toml") or b"").decode()
        )["tool"]["rsp-release"]
        for each in settings["environments"]:
            assert each["argocd"] == box.argocd_url(each["name"])
            application = box.argocd.applications[each["name"], "stargazer"]
            live = application.live(box.clock.now())
            assert live.images == ("ghcr.io/rubin-demo/stargazer:1.4.0",)
            charts = application.source
            assert settings["deploy"]["repository"] == charts.full_name
            name = f"environments/values-{each['name']}.yaml"
            values = (charts.git.file("main", name) or b"").decode()
            assert "stargazer: true" in values
        assert len(settings["environments"]) == 2
