"""A small fleet for the page, with what people and others may write.

``python -m tests.support.pages [FILE]`` makes a picture of it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeAlias

from rsp_release.deployment.lead_times import Outcome, Stage, describe
from rsp_release.views.fleet_page import make_page

__all__ = [
    "HOSTILE",
    "NOW",
    "SERVER",
    "draw_page",
    "make_fleet",
    "make_history",
    "make_item",
]

_Span: TypeAlias = tuple[Stage, datetime, float]
_Ended: TypeAlias = tuple[datetime, Outcome]

_OUTCOMES: tuple[Outcome, ...] = (
    *("first",) * 14, "later", "later", "failed", "unknown",
)  # fmt: skip

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


def _seen(environment: str, *versions: str, **more: str) -> dict[str, Any]:
    return {
        "environment": environment,
        "versions": list(versions),
        "sync": "Synced" if versions else None,
        "health": "Healthy" if versions else None,
        "problem": None,
    } | more


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
                running=[
                    _seen("dev", "1.9.0"),
                    _seen("int", "1.9.0", sync="OutOfSync", health="Degraded"),
                    _seen("prod", problem="ARGOCD_PROD is not set"),
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


def make_history(
    told: Mapping[str, Any] | None = None, *, seed: int = 3
) -> dict[str, Any]:
    """Make a year of a fleet: how long its changes took."""
    random = Random(seed)
    names = [each["label"] for each in (told or make_fleet())["applications"]]
    months = [f"{2025 + n // 12}-{n % 12 + 1:02}" for n in range(11, 23)]
    everything: tuple[list[_Span], list[_Ended]] = ([], [])
    applications = {}
    for name in names:
        spans: list[_Span] = []
        outcomes: list[_Ended] = []
        for month in months:
            at = datetime.fromisoformat(f"{month}-09T00:00:00+00:00")
            for _ in range(random.randint(0, 3)):
                outcomes.append((at, random.choice(_OUTCOMES)))
                days = 86400 * random.lognormvariate(1.2, 0.9)
                image = 60 * random.lognormvariate(2.5, 0.5)
                deploy = 86400 * random.lognormvariate(0.5, 1)
                spans += [
                    ("release", at, days),
                    ("image", at, image),
                    ("deployment", at, deploy),
                    ("whole", at, days + image + deploy),
                ]
        applications[name] = describe(spans, outcomes, months)
        everything[0].extend(spans)
        everything[1].extend(outcomes)
    return {
        "months": months,
        "all": describe(*everything, months),
        "applications": applications,
        "unknown": [
            (9, "release", "without a known run"),
            (2, "application", "without an environment that follows it"),
            (1, "repository", "not read: no such repository"),
        ],
    }  # fmt: skip


def draw_page(
    told: Mapping[str, Any] | None = None,
    history: Mapping[str, Any] | None = None,
) -> str:
    """Make the page of a fleet."""
    told = told or make_fleet()
    if history is None:
        history = make_history(told)
    return make_page(told, history, server_url=SERVER, now=NOW)


def main() -> int:
    """Draw the picture of the documentation, in a browser."""
    from .browser import start_browser

    path = sys.argv[1] if len(sys.argv) > 1 else "docs/images/fleet-page.png"
    with start_browser() as browser:
        page = browser.new_page(viewport={"width": 1160, "height": 1060})
        told = make_fleet()
        told["applications"].pop()
        page.set_content(draw_page(told))
        page.screenshot(path=path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
