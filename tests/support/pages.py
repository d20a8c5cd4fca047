"""A small fleet for the page, with what people and others may write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rsp_release.views.fleet_page import make_page

__all__ = ["HOSTILE", "NOW", "SERVER", "draw_page", "make_fleet", "make_item"]

NOW = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
SERVER = "https://github.com"

HOSTILE = "</script><script>alert(1)</script><!--js--><img src=x \"'&\x1b[2J"
"""What breaks out of HTML, of an attribute, of a script, of a terminal."""


def make_item(name: str, need: str = "nothing", **more: Any) -> dict[str, Any]:
    """Make an application, as ``schemas/fleet.json`` describes it."""
    page = f"{SERVER}/acme/{name}"
    return {
        "name": name,
        "label": name,
        "chart": f"applications/{name}/Chart.yaml",
        "repository": f"acme/{name}",
        "app_version": "1.9.0",
        "deployed": "1.9.0",
        "environments": [],
        "running": [],
        "latest": "1.9.0",
        "released_at": "2026-10-01T00:00:00+00:00",
        "release_url": f"{page}/releases/tag/1.9.0",
        "age": 31,
        "unreleased": 0,
        "next": None,
        "bump": "none",
        "run": "success",
        "run_url": f"{page}/actions/runs/1",
        "release_pull": None,
        "deploy_pull": None,
        "need": need,
        "text": "",
        "problem": None,
    } | more


def _run(environment: str, tag: str) -> dict[str, Any]:
    return {
        "environment": environment,
        "image": "ghcr.io/acme/x",
        "tag": tag,
        "place": f"applications/x/values-{environment}.yaml#image.tag",
        "is_assumed": False,
    }


def make_fleet() -> dict[str, Any]:
    """Make a fleet that has one of each kind."""
    return {
        "schema": 1,
        "repository": "acme/charts",
        "applications": [
            make_item(
                "vega", "failed", run="failure",
                text="the run of 1.9.0: failure",
            ),
            make_item(
                "algol",
                "unknown",
                latest=None,
                age=None,
                unreleased=None,
                problem="no such repository",
                text="cannot be read: no such repository",
            ),
            make_item(
                "deneb",
                "deploy",
                latest="1.10.0",
                deployed="1.9.0",
                environments=[
                    _run("dev", "1.9.0"),
                    _run("prod", "1.8.0"),
                    _run("int", "1.9.0"),
                ],
                age=4,
                text="deploy 1.10.0 to 3 environments",
            ),
            make_item(
                "mira",
                "merge",
                deploy_pull=f"{SERVER}/acme/charts/pull/7",
                text="merge #7: Update mira to 1.10.0",
                deployed="1.8.0",
            ),
            make_item(
                "rigel", "release", unreleased=12, next="2.0.0",
                text="release 2.0.0", age=100, latest="1.2.0",
                deployed="1.2.0",
            ),
            make_item(
                "adhara", "release", unreleased=2, next="1.9.1",
                text="release 1.9.1",
            ),
            make_item(
                "spica", text=HOSTILE, latest="10.0.0", deployed="10.0.0"
            ),
        ],
    }  # fmt: skip


def draw_page(told: dict[str, Any] | None = None) -> str:
    """Make the page of a fleet."""
    return make_page(told or make_fleet(), server_url=SERVER, now=NOW)
