"""What the preflight decides from what its checks found."""

from __future__ import annotations

import pytest

from rsp_release.checks import CHECKS, Finding, Report
from rsp_release.checks.base import ok, problem, unknown, warning
from rsp_release.exceptions import ExitStatus
from rsp_release.models import Blocked, Done, Proposal, Verdict
from rsp_release.steps.preflight import Preflight, PreflightSeen

PROPOSAL = Proposal(
    repository="o/n", branch="main", default_branch="main", commit="c" * 40,
    version="1.1.0", tag="1.1.0", previous_tag="1.0.0",
)  # fmt: skip
BY_KEY = {check.key: check for check in CHECKS}
SECRET = problem("GAR_PUSH_TOKEN is not set", "set it")
TAGGED = problem("tag 1.1.0 already exists", "release another version")


def decide(
    *firm: Finding, ahead: tuple[Finding, ...] = (), force: bool = False
) -> Verdict:
    """Decide from what nothing overrides, and what ``--force`` does."""
    reports = tuple(
        Report(check=BY_KEY["gar"], finding=finding) for finding in ahead
    )
    seen = PreflightSeen(findings=firm, ahead=reports)
    return Preflight(force=force).decide(PROPOSAL, seen)


def test_what_may_be_overridden_says_how() -> None:
    verdict = decide(ok("fine"), ahead=(SECRET,))
    assert isinstance(verdict, Blocked)
    assert verdict.problem == SECRET.text
    assert (verdict.help or "").splitlines() == [
        "set it", "or release anyway, with --force",
    ]  # fmt: skip


def test_force_overrides_it_as_a_warning() -> None:
    verdict = decide(ok("fine"), ahead=(SECRET,), force=True)
    assert isinstance(verdict, Done)
    assert "with 1 warning: GAR secrets" in verdict.evidence


@pytest.mark.parametrize("force", [False, True])
def test_force_is_not_advised_where_it_does_not_help(*, force: bool) -> None:
    verdict = decide(TAGGED, ahead=(SECRET,), force=force)
    assert isinstance(verdict, Blocked)
    assert TAGGED.text in verdict.problem
    assert (SECRET.text in verdict.problem) is not force
    assert "--force" not in (verdict.help or "")
    assert verdict.exit_status is ExitStatus.BLOCKED


@pytest.mark.parametrize("finding", [warning("old"), unknown("no answer")])
def test_no_other_finding_blocks(finding: Finding) -> None:
    assert isinstance(decide(finding, ahead=(finding,)), Done)
