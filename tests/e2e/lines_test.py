"""Pre-releases, the release after them, and releases of an older line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rsp_release.models import Result
from rsp_release.version.choose import Request

from ..support.service import NAME, Service, serve
from ..support.simulated import VirtualClock

FRAGMENT = "### Bug fixes\n\n- Mended for the older line.\n"


def _bump(service: Service, part: str, pre: str | None = None) -> Result:
    releaser = service.make_releaser()
    plan = releaser.plan(Request(part=part, pre=pre))
    *_, result = releaser.bump(plan)
    assert isinstance(result, Result)
    assert result.outcome == "released", result.message
    return result


def _page(service: Service, tag: str) -> tuple[str, str]:
    [page] = [r for r in service.box.state.releases(NAME) if r.tag == tag]
    return page.body or "", page.make_latest


def test_candidate_release_and_backport(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with serve(tmp_path, clock=clock) as service:
        _bump(service, "minor", pre="rc")
        [candidate] = [t for t in service.box.state.tags(NAME) if "rc" in t]
        body, latest = _page(service, candidate)
        assert f"/compare/1.4.0...{candidate}" in body
        assert latest == "false"
        assert "pages through long lists" not in body.split("## What")[0]
        # The final release has it all, and compares with the last final one.
        _bump(service, "minor")
        body, latest = _page(service, "1.5.0")
        assert "pages through long lists" in body
        assert "/compare/1.4.0...1.5.0" in body
        assert latest == "true"
        # On the branch of an older line.
        service.git("switch", "--quiet", "-c", "1.4", "1.4.0")
        (service.clone / "changelog.d").mkdir(exist_ok=True)
        (service.clone / "changelog.d/20261101_old.md").write_text(FRAGMENT)
        service.git("add", "--all")
        service.git("commit", "--quiet", "-m", "fix: mend it")
        service.git("push", "--quiet", "origin", "1.4")
        result = _bump(service, "patch")
        assert result.tag == "1.4.1"
        body, latest = _page(service, "1.4.1")
        assert body.startswith("## Bug fixes\n\n- Mended for the older line.")
        assert "/compare/1.4.0...1.4.1" in body
        assert latest == "false"
        state = service.box.state
        assert state.branches(NAME)["1.4"] == state.tags(NAME)["1.4.1"]
        log = service.git("show", "1.4.1:CHANGELOG.md")
        assert "1.4.1" in log
        assert "1.5.0" not in log
        service.git("fetch", "--quiet", "origin", "main")
        assert "1.4.1" not in service.git("show", "FETCH_HEAD:CHANGELOG.md")
