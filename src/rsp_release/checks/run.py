"""Run checks at the same time, and never let one stop another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ..exceptions import ReleaseError
from .base import Check, Finding, Report, unknown
from .facts import Facts

__all__ = ["look_at", "run_checks"]

_THREADS = 8


def look_at(check: Check, facts: Facts) -> Finding:
    """Run one check; what cannot be read leaves it unknown.

    Parameters
    ----------
    check
        The check.
    facts
        What it looks at.

    Returns
    -------
    Finding
        What it found.
    """
    try:
        return check.look(facts)
    except ReleaseError as e:
        return unknown(f"not checked: {e.message}", e.help, url=e.url)


def run_checks(checks: Iterable[Check], facts: Facts) -> Iterator[Report]:
    """Run checks, several at a time.

    Parameters
    ----------
    checks
        The checks.
    facts
        What they look at.

    Yields
    ------
    Report
        What each found, in the order of the checks.
    """
    chosen = [c for c in checks if c.is_local or not facts.is_offline]
    with ThreadPoolExecutor(_THREADS) as pool:
        # What waits for the network begins first, and ends last.
        waiting = {
            check.key: pool.submit(look_at, check, facts)
            for check in sorted(chosen, key=lambda c: c.is_local)
        }
        for check in chosen:
            yield Report(check=check, finding=waiting[check.key].result())
