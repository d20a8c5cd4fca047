"""How commands end."""

from __future__ import annotations

from datetime import UTC, datetime

from rsp_release.engine.engine import Ending
from rsp_release.models import Done
from rsp_release.release.conclusion import conclude

from ..steps.release import RELEASE


def test_what_nobody_can_tell_is_no_failure() -> None:
    unsure = Done(evidence="cannot tell which images", help="name them")
    ending = Ending(verdicts=(("images", unsure), ("x", Done(evidence="y"))))
    result = conclude(
        ending, RELEASE, "released", at=datetime(2026, 3, 2, tzinfo=UTC)
    )
    assert (result.outcome, int(result.exit_status)) == ("released", 0)
    assert result.message == "cannot tell which images"
    assert result.help == "name them"
