"""Releases during which other people act between any two requests.

``python -m tests.support.campaign --others --seeds 100000`` runs many.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from unittest.mock import patch

from rsp_release.engine.look import Look

from ..support.campaign import make_others, run_seed
from ..support.campaigns import choose_size
from ..support.simulated import Hub, VirtualClock

_SEEDS = range(choose_size(2_000, 60))


def test_others_may_act_between_any_two_requests() -> None:
    done: Counter[str] = Counter()
    failed = {}
    for seed in _SEEDS:
        outcome = run_seed(seed, is_crowded=True)
        done += outcome.others.done
        if outcome.violations:
            failed[seed] = outcome.violations
    assert failed == {}
    # They did all that they may do; some of it is seldom.
    moves = make_others(Hub(clock=VirtualClock()), Random(0)).moves
    assert moves.keys() - done.keys() <= {"reopens", "tags the same commits"}


def test_what_is_decided_from_an_older_look_is_found() -> None:
    """Without the rule of decision record 0012 it would be told here."""
    with patch.object(Look, "is_fresh", lambda *_, **__: True):
        found = [run_seed(seed, is_crowded=True) for seed in range(10)]
    told = [" ".join(outcome.violations) for outcome in found]
    assert any("from an older" in each for each in told)
